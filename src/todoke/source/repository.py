"""One repository: its refs as last heard, its mirror, and the one request at a time that keeps both fresh."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pygit2

from todoke.model.credentials import GitHubApp, SecretText
from todoke.model.errors import Blocked, DeliveryError, Unreachable
from todoke.model.telemetry import Telemetry
from todoke.source.cloud_logins import CloudTokens
from todoke.source.git_command import Finished, environment, run_program
from todoke.source.github_app import API, AppTokens
from todoke.source.keyring import Keyring, Login
from todoke.source.large_fetch import blame, fetch_large, server_of, ssh_answer, ssh_request
from todoke.source.large_files import LargeFiles, Pointer
from todoke.source.mirror import Mirror, local_refs
from todoke.source.proxies import proxy_of
from todoke.source.refs import FULL_SHA, HEADS, TAGS, Refs, parse_ls_remote
from todoke.source.remote.guard import Guard
from todoke.source.remote_errors import git_error, http_error, mirror_is_damaged, refused
from todoke.source.smart_http import Answer, Door, SmartHttp, open_door
from todoke.source.urls import Location, same_place
from todoke.source.wire import NotVersion2, ls_refs_request, parse_ls_refs, speaks_version_2

_MOST_PROCESSES = 8  # git processes that speak to one host at a time
_LONGEST_REF = 1000
_PATIENCE = 10  # how many times the timeout of one of them we wait for a turn
_STILL_SILENT = 10.0  # seconds for which a server that just failed is not asked again by everybody
_FETCH_OPTIONS = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules")
_REFSPECS = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")


class Tools:
    """What all repositories share. Attributes: grown: told, by its name, when a mirror has grown."""

    def __init__(self, folder: Path, keyring: Keyring, telemetry: Telemetry, timeout_seconds: float) -> None:
        self.grown: Callable[[str], Awaitable[None]] = _nothing
        self.home = folder / "home"
        self.keyring = keyring
        self.telemetry = telemetry
        self.timeout_seconds = timeout_seconds
        self.http = SmartHttp(timeout_seconds)
        self.apps = AppTokens(self.http)
        self.clouds = CloudTokens(self.http, keyring.authority)
        self._turns: dict[str, asyncio.Semaphore] = {}

    @asynccontextmanager
    async def turn(self, host: str) -> AsyncIterator[None]:
        """Wait until few enough git processes speak to a host. Raises: TimeoutError."""
        turns = self._turns.setdefault(host, asyncio.Semaphore(_MOST_PROCESSES))
        async with asyncio.timeout(_PATIENCE * self.timeout_seconds):
            await turns.acquire()
        try:
            yield
        finally:
            turns.release()


async def _nothing(_name: str) -> None:
    """Nobody has to be told."""


class Repository:
    """A remote repository as this process knows it."""

    def __init__(self, location: Location, folder: Path, tools: Tools) -> None:
        self.location = location
        self.mirror = Mirror(folder, location.subject)
        self.large = LargeFiles(folder.with_suffix(".lfs"), location.subject)
        self.refs: Refs | None = None
        self.newest: tuple[Refs | None, dict[tuple[str, str], str]] = (None, {})  # names of tags by range and prefix
        self._reported: Refs | None = None  # what the last caller who asked for changes has heard of
        self.guard: Guard | None = None  # refuses addresses: set where files in Git name it, and no Application
        self.looked = float("-inf")  # when it was asked last, by the monotonic clock
        self._tools = tools
        self._more: tuple[str, ...] = ()  # refs beside heads and tags that somebody asked for
        self._door: Door | None = None
        self._old_protocol = False
        self._heard: tuple[bytes, Refs] | None = None  # the last answer of ls-refs, and what it says
        self._lock, self._large_lock = asyncio.Lock(), asyncio.Lock()
        self._asking = False
        self._begun = self._answered = 0
        self._outcome: bool | DeliveryError = False
        self._failed_at = float("-inf")

    def forget_mirror(self) -> bool:
        """Let go of the mirror, which will be fetched anew; False when it is being fetched now."""
        if self._lock.locked():
            return False
        self.mirror.close()
        self.refs = None
        return True

    def forget_login(self) -> None:
        """Work out anew how to log in; the credentials have changed, and what they led to says nothing any more."""
        self._door, self._failed_at = None, float("-inf")

    def want(self, revision: str) -> bool:
        """Also listen to a ref outside of heads and tags; False when it is listened to already."""
        if not revision.startswith("refs/") or revision in self._more or revision.startswith((HEADS, TAGS)):
            return False
        if len(revision) > _LONGEST_REF or not pygit2.reference_is_valid_name(revision):
            return False
        self._more = (*self._more, revision)
        return True

    async def refresh(self) -> bool:
        """Ask for the refs and fetch what is new. See GitSource.refresh."""
        changed = await self.look()
        self._reported = self.refs
        return changed

    async def look(self) -> bool:
        """Refresh for our own use: whoever asks next whether refs changed still hears of it.

        Who comes while the refs are being asked for shares that answer; who comes during the fetch after it asks
        again, because the commit he was told of may be newer.
        """
        seen = self._begun - self._asking
        async with self._lock:
            if self._answered > seen:
                if isinstance(self._outcome, DeliveryError):
                    raise self._outcome.with_traceback(None)
                return self._outcome
            self._begun += 1
            number = self._begun
            try:
                outcome = await self._refresh()
            except DeliveryError as error:
                self._outcome, self._answered, self._failed_at = error, number, time.monotonic()
                raise
            self._outcome, self._answered, self.looked = outcome, number, time.monotonic()
            return outcome

    def raise_recent(self) -> None:
        """Raise the error of the last request again when it is fresh: who comes now need not wait for the next one."""
        if isinstance(self._outcome, DeliveryError) and time.monotonic() - self._failed_at < _STILL_SILENT:
            raise self._outcome.with_traceback(None)

    async def fetch_commit(self, sha: str) -> None:
        """Fetch one commit that no head or tag names. That the server does not have it is no error."""
        async with self._lock:
            await self._open()
            await self._git("fetch", "fetch", *_FETCH_OPTIONS, self.url, sha)
            self.mirror.close()
            await self._tools.grown(self.mirror.folder.name)

    async def fetch_large(self, large: LargeFiles, pointers: Sequence[Pointer]) -> None:
        """Fetch files from Git LFS; why one could not be is put into `large.errors`."""
        async with self._large_lock:
            pointers = large.lacks(pointers)  # somebody else may have fetched them meanwhile
            try:
                door = await self._large_door() if pointers else None
            except DeliveryError as error:
                blame(large, pointers, error)
                return
            if door is not None:
                await fetch_large(self._tools.http, self.location, door, large, pointers)
                await self._tools.grown(self.mirror.folder.name)

    async def advertisement(self, service: str, login: Login) -> Answer:
        """The server's answer to who wants to use a service with a login; for HTTP only."""
        await self._open()
        door = open_door(self.location, self.url, await self._unlocked(self.url, login))
        return await self._tools.http.advertisement(self.location, door, service)

    async def push(self, login: Login, *arguments: str) -> Finished:
        """Run `git push` with a login of its own."""
        async with self._lock:
            await self._open()
            return await self._git("push", "push", *arguments, login=await self._unlocked(self.url, login))

    def write_login(self) -> Login:
        """The login for writing; a login for reading is never used for it."""
        return self._tools.keyring.login(self.location, write=True)

    async def _refresh(self) -> bool:
        self._asking = True
        try:
            refs = await self._ask()
        finally:
            self._asking = False
        if refs is self.refs and not self.mirror.damaged:
            return refs is not self._reported
        if any(not FULL_SHA.match(sha) for sha in refs.shas):
            raise Blocked(self.location.subject, "uses SHA-256 object names, which this version cannot read")
        if self.mirror.damaged or self.mirror.lacks(refs.shas):
            try:
                refs = await self._fetch(refs)
            except DeliveryError:
                self._tools.telemetry.count("argocd_git_fetch_fail_total")
                raise
        self.refs = self._reported if refs == self._reported else refs
        return self.refs is not self._reported

    async def _ask(self) -> Refs:
        started = time.perf_counter()
        self._tools.telemetry.count("argocd_git_request_total", request_type="ls-remote")
        try:
            if self.location.scheme == "file":
                refs = local_refs(self.location.path, self._more, self.location.subject)
            else:
                refs = await self._ask_server()
        finally:
            took = time.perf_counter() - started
            self._tools.telemetry.observe("argocd_git_request_duration_seconds", took, request_type="ls-remote")
        return self.refs if refs == self.refs else refs

    async def _ask_server(self) -> Refs:
        if self._old_protocol or self.location.scheme == "ssh":
            return await self._ls_remote()
        if (refs := await self._ls_refs()) is not None:
            return refs
        if not await self._discover():
            return await self._ls_remote()
        if (refs := await self._ls_refs()) is not None:
            return refs
        raise Unreachable(self.location.subject, "the server does not answer as a Git server does")

    async def _ls_refs(self) -> Refs | None:
        """The refs by one POST; None when the server wants to be asked in another way."""
        door = await self._open()
        request = ls_refs_request((HEADS, TAGS, *self._more))
        answer = await self._tools.http.ls_refs(self.location, door, request)
        if answer.status in (401, 403) or (answer.status >= 429 and self.refs is not None):
            raise http_error(self.location, door.login, answer.status)
        if answer.status != 200:
            return None
        if self._heard is not None and answer.body == self._heard[0]:
            return self._heard[1]
        try:
            refs = parse_ls_refs(answer.body)
        except NotVersion2:
            return None
        self._heard = (answer.body, refs)
        return refs

    async def _discover(self) -> bool:
        """Find the URL that serves the repository, and whether it speaks protocol version 2."""
        door = await self._opened(self.location.url)
        answer = await self._tools.http.advertisement(self.location, door, "git-upload-pack")
        if answer.status != 200:
            raise http_error(self.location, door.login, answer.status)
        await self._opened(answer.url.partition("/info/refs")[0])
        self._old_protocol = not speaks_version_2(answer.body)
        return not self._old_protocol

    async def _open(self) -> Door:
        """How the repository is asked now; worked out anew when its login has ended."""
        if self._door is not None and self._door.login.expires > time.time():
            return self._door
        return await self._opened(self._door.base if self._door is not None else self.url)

    async def _opened(self, base: str) -> Door:
        login = self._tools.keyring.login(self.location)
        door = open_door(self.location, base, await self._unlocked(base, login))
        self._door = msgspec.structs.replace(door, guard=self.guard)
        return self._door

    async def _unlocked(self, base: str, login: Login) -> Login:
        """The login, with a token if it wants one, and without its secrets where a redirect led to another host."""
        login = msgspec.structs.replace(login, proxy=proxy_of(base, self._tools.keyring.options(self.location)))
        if self.location.scheme in ("file", "ssh"):
            return login
        if not same_place(self.location.url, base):
            authority = "" if login.insecure else self._tools.keyring.authority(urlsplit(base).netloc)
            return msgspec.structs.replace(login.without_secrets(), authority=authority)
        if login.app is None:
            return login
        if isinstance(login.app, GitHubApp):
            return await self._tools.apps.login(self.location, login, login.app, self._app_door(base, login, login.app))
        return await self._tools.clouds.login(self.location, login, open_door(self.location, base, login).proxy)

    def _app_door(self, base: str, login: Login, app: GitHubApp) -> Door:
        """How GitHub is asked, which may be another host than the repository's, known by other certificates."""
        authority = "" if login.insecure else self._tools.keyring.authority(urlsplit(app.base_url or API).netloc)
        return open_door(self.location, base, msgspec.structs.replace(login, authority=authority))

    async def _large_door(self) -> Door:
        """How the server of Git LFS is asked."""
        if self.location.scheme == "file":
            problem = "is a folder, and Git LFS is read from servers only"
            raise Blocked(self.location.subject, problem, next_step="Use the URL of a server")
        door = await self._open()
        if self.location.scheme != "ssh":
            return msgspec.structs.replace(door, base=server_of(door.base))
        finished = await self._run_program(ssh_request(self.location, door.login.ssh_command), door.login)
        if finished.status != 0:
            raise git_error(self.location, door.login, finished)
        action = ssh_answer(self.location, finished.output)
        secrets = tuple(SecretText(value) for value in action.header.values())
        insecure, proxy = door.login.insecure, door.login.proxy
        authority = "" if insecure else self._tools.keyring.authority(urlsplit(action.href).netloc)
        plain = Login(insecure=insecure, secrets=secrets, proxy=proxy, authority=authority)
        opened = open_door(self.location, action.href.rstrip("/"), plain)
        return msgspec.structs.replace(opened, headers={**opened.headers, **action.header})

    async def _ls_remote(self) -> Refs:
        await self._open()
        finished = await self._run("ls-remote", "--symref", self.url)
        if finished.status != 0:
            raise git_error(self.location, self._login, finished)
        listed = parse_ls_remote(finished.output)
        kept = {name: sha for name, sha in listed.tips.items() if name.startswith((HEADS, TAGS, *self._more))}
        return Refs(kept, listed.head, listed.branch, {n: sha for n, sha in listed.tags.items() if n in kept})

    async def _fetch(self, refs: Refs) -> Refs:
        if not self.mirror.exists:
            self.mirror.create()
        finished = await self._fetch_once(refs)
        if mirror_is_damaged(finished):
            self.mirror.sweep()
            finished = await self._fetch_once(refs)
        if mirror_is_damaged(finished):
            self.mirror.create()
            finished = await self._fetch_once(refs)
        self.mirror.close()
        if finished.status != 0:
            raise git_error(self.location, self._login, finished)
        await self._tidy()
        await self._tools.grown(self.mirror.folder.name)
        if self.mirror.lacks(refs.shas):  # a ref moved between our question and the fetch
            refs = await self._ask()
        if self.mirror.lacks(refs.shas):
            raise Unreachable(self.location.subject, "its refs move faster than they can be fetched")
        return refs

    async def _fetch_once(self, refs: Refs) -> Finished:
        extra = [f"+{name}:{name}" for name in self._more if name in refs.tips]
        return await self._git("fetch", "fetch", "--prune", *_FETCH_OPTIONS, self.url, *_REFSPECS, *extra)

    async def _tidy(self) -> None:
        if self.mirror.scattered:
            await self._run("--git-dir", str(self.mirror.folder), "repack", "--quiet", "-d", "--geometric=2")
            self.mirror.close()

    async def _git(self, request_type: str, *arguments: str, login: Login | None = None) -> Finished:
        """Run git on the mirror, counted and timed."""
        started = time.perf_counter()
        self._tools.telemetry.count("argocd_git_request_total", request_type=request_type)
        try:
            return await self._run("--git-dir", str(self.mirror.folder), *arguments, login=login)
        finally:
            took = time.perf_counter() - started
            self._tools.telemetry.observe("argocd_git_request_duration_seconds", took, request_type=request_type)

    async def _run(self, *arguments: str, login: Login | None = None) -> Finished:
        return await self._run_program(["git", *arguments], login or self._login)

    async def _run_program(self, command: Sequence[str], login: Login) -> Finished:
        seconds, scheme = self._tools.timeout_seconds, self.location.scheme
        if scheme == "ssh" and not login.ssh_command:
            raise refused(self.location, login)
        try:
            async with self._tools.turn(self.location.host):
                proxied = login.proxy or (self._door is not None and self._door.proxy)
                guard = None if proxied else self.guard
                resolved = await guard.resolved(self.url) if guard is not None and not guard.named(self.url) else ""
                variables = environment(scheme, login, self._tools.home, resolved)
                return await run_program(command, variables, seconds)
        except FileNotFoundError as error:
            program = command[0]
            step = "Install Git 2.32 or newer" if program == "git" else "Install the OpenSSH client"
            raise Blocked(f"Program {program}", "is not installed", next_step=step) from error
        except TimeoutError as error:
            raise Unreachable(self.location.subject, f"{command[0]} took longer than {seconds:.0f} s") from error

    @property
    def _login(self) -> Login:
        return self._door.login if self._door is not None else Login()

    @property
    def url(self) -> str:
        """Where git finds it: a path, or its URL after redirects, without a login."""
        if self.location.scheme == "file":
            return self.location.path
        return self._door.base if self._door is not None else self.location.url
