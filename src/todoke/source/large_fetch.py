"""Fetching large files from a Git LFS server. Source: git-lfs, docs/api/batch.md and basic-transfers.md."""

import asyncio
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from todoke.model.errors import Blocked, DeliveryError, Unreachable
from todoke.source.large_files import LargeFiles, Pointer
from todoke.source.remote_errors import http_error
from todoke.source.smart_http import Door, SmartHttp
from todoke.source.urls import Location, same_place, scrubbed

_MEDIA = "application/vnd.git-lfs+json"
_MOST_IN_BATCH = 100
_AT_ONCE = 4
_LARGEST_ANSWER = 4 * 1024 * 1024
_SCP = re.compile(r"([^/:]+@[^/:]+|[^/:]+@\[[^\]]+\]):/*(.*)")
_SSH = re.compile(r"ssh://([^/]*?)(?::(\d+))?/+(.*)")


class Action(msgspec.Struct, frozen=True):
    """Where one file is downloaded from."""

    href: str
    header: dict[str, str] = {}


class Problem(msgspec.Struct, frozen=True):
    code: int = 0
    message: str = ""


class Entry(msgspec.Struct, frozen=True):
    """What the server says of one file."""

    oid: str
    actions: dict[str, Action] = {}
    error: Problem | None = None


class Batch(msgspec.Struct, frozen=True):
    objects: list[Entry] = []
    transfer: str = "basic"


async def fetch_large(
    http: SmartHttp, location: Location, door: Door, large: LargeFiles, pointers: Sequence[Pointer]
) -> None:
    """Fetch files and keep them; why one could not be is put into `large.errors`.

    Args: door: its base is the URL of the LFS server.
    """
    for start in range(0, len(pointers), _MOST_IN_BATCH):
        some = pointers[start : start + _MOST_IN_BATCH]
        try:
            entries = {entry.oid: entry for entry in await _ask(http, location, door, some)}
        except DeliveryError as error:
            blame(large, some, error)
            continue
        turns = asyncio.Semaphore(_AT_ONCE)

        async def one(pointer: Pointer, entry: Entry | None, turns: asyncio.Semaphore = turns) -> None:
            try:
                async with turns:
                    large.keep(pointer, await _download(http, location, door, pointer, entry))
                large.errors.pop(pointer.oid, None)
            except DeliveryError as error:
                large.errors[pointer.oid] = error

        await asyncio.gather(*(one(pointer, entries.get(pointer.oid)) for pointer in some))


def blame(large: LargeFiles, pointers: Iterable[Pointer], error: DeliveryError) -> None:
    """Keep one reason for several files."""
    large.errors.update({pointer.oid: error for pointer in pointers})


def server_of(base: str) -> str:
    """The LFS server of a repository's URL. Source: git-lfs, docs/api/server-discovery.md."""
    return f"{base}/info/lfs" if base.endswith(".git") else f"{base}.git/info/lfs"


def ssh_request(location: Location, command: str) -> list[str]:
    """The program and arguments that ask an SSH server where its LFS server is, and for a login there.

    Args: command: the value of GIT_SSH_COMMAND.
    """
    if found := _SCP.fullmatch(location.url):
        target, port, path = found.group(1), None, found.group(2)
    elif found := _SSH.fullmatch(location.url):
        target, port, path = found.groups()
    else:
        raise AssertionError(location.scheme)
    target = target.replace("[", "").replace("]", "")  # ssh wants an address of IPv6 bare
    return [*shlex.split(command), *(("-p", port) if port else ()), target, _remote(path)]


def _remote(path: str) -> str:
    return f"git-lfs-authenticate {shlex.quote(path)} download"


def ssh_answer(location: Location, output: str) -> Action:
    """The LFS server and the headers for it that an SSH server names. Raises: Blocked: it names none."""
    try:
        return msgspec.json.decode(output, type=Action)
    except msgspec.DecodeError as error:
        problem = "the server does not say where its Git LFS is"
        raise Blocked(location.subject, problem, next_step="Use the https:// URL of the repository") from error


async def _ask(http: SmartHttp, location: Location, door: Door, pointers: Sequence[Pointer]) -> list[Entry]:
    body = {
        "operation": "download",
        "transfers": ["basic"],
        "hash_algo": "sha256",
        "objects": [{"oid": pointer.oid, "size": pointer.size} for pointer in pointers],
    }
    asking = _with(door, {"Accept": _MEDIA, "Content-Type": _MEDIA})
    answer = await http.ask(
        location, asking, "POST", f"{door.base}/objects/batch", msgspec.json.encode(body), _LARGEST_ANSWER
    )
    if answer.status == 404:
        raise Blocked(
            location.subject, "its server has no Git LFS for it", next_step="Take enableLfs off, or push there"
        )
    if answer.status != 200:
        raise http_error(location, door.login, answer.status)
    try:
        batch = msgspec.json.decode(answer.body, type=Batch)
    except msgspec.DecodeError as error:
        raise Unreachable(location.subject, "its server does not answer as Git LFS does") from error
    if batch.transfer != "basic":
        raise Blocked(location.subject, f'its server wants the transfer "{batch.transfer}" of Git LFS, not "basic"')
    return batch.objects


async def _download(http: SmartHttp, location: Location, door: Door, pointer: Pointer, entry: Entry | None) -> bytes:
    if entry is not None and entry.error is not None:
        problem = f"Git LFS has no such file: {scrubbed(entry.error.message)} ({entry.error.code})"
        raise Blocked(location.subject, problem, next_step="Push it with `git lfs push --all`")
    action = entry.actions.get("download") if entry is not None else None
    if action is None:
        raise Unreachable(location.subject, "Git LFS does not say where the file is")
    if not action.href.lower().startswith(("https://", "http://")):
        raise Blocked(location.subject, "Git LFS names a URL that is none of HTTP")
    headers = dict(action.header)
    named = {name.lower() for name in headers}
    at_home = same_place(door.base, action.href)
    if at_home and "authorization" not in named and "Authorization" in door.headers:
        headers["Authorization"] = door.headers["Authorization"]
    foreign = msgspec.structs.replace(door, headers={}, tls=door.tls if at_home else not door.login.insecure)
    answer = await http.ask(location, _with(foreign, headers), "GET", action.href, None, pointer.size)
    if answer.status != 200:
        raise Unreachable(location.subject, f"Git LFS answered with HTTP status {answer.status}")
    return answer.body


def _with(door: Door, headers: Mapping[str, str]) -> Door:
    kept = {name: value for name, value in door.headers.items() if name in ("Authorization", "User-Agent")}
    return msgspec.structs.replace(door, headers={**kept, **headers})
