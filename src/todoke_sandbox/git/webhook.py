"""The push hook: a forge's `push` payload, signed, sent after a push and never in its way.

Source of the payload, its headers and its signature: GitHub, "Webhook events and payloads", push, and
"Validating webhook deliveries".
"""

import hashlib
import hmac
import http.client
import json
import queue
import secrets
import subprocess
import threading
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from todoke_sandbox.git.environment import git_environment
from todoke_sandbox.git.protection import Update

MOST_COMMITS = 2048
_SECONDS = 10.0
_CHANGES = {"A": "added", "D": "removed"}  # all others changed a file that stays


@dataclass(frozen=True)
class Webhook:
    """Where pushes are told. `pauses` are the seconds before a second and a third try."""

    url: str
    secret: str = field(repr=False)
    pauses: tuple[float, ...] = (0.5, 2.0)

    def __post_init__(self) -> None:
        """Raises: ValueError: the URL is not one of HTTP."""
        if urlsplit(self.url).scheme not in ("http", "https") or not urlsplit(self.url).hostname:
            raise ValueError(f"webhook url={self.url!r}: expected http://host/path or https://host/path")


@dataclass(frozen=True)
class Pushed:
    """One push that went well."""

    repository: Path
    name: str  # as in the URL, without .git
    clone_url: str
    pusher: str
    updates: tuple[Update, ...]


def signature(secret: str, body: bytes) -> str:
    """The value of `X-Hub-Signature-256`."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def payload(pushed: Pushed, update: Update) -> dict[str, Any]:
    """What is told of one ref. Commits are the new ones, the oldest first; a deleted ref has none."""
    created, deleted = not update.old.strip("0"), not update.new.strip("0")
    commits = [] if deleted else _commits(pushed, update, created=created)
    full_name = pushed.name
    return {
        "ref": update.ref,
        "before": update.old,
        "after": update.new,
        "created": created,
        "deleted": deleted,
        "forced": not created and not deleted and not _extends(pushed.repository, update),
        "repository": {
            "name": full_name.rpartition("/")[2],
            "full_name": full_name,
            "clone_url": pushed.clone_url,
            "default_branch": _git(pushed.repository, "symbolic-ref", "--short", "HEAD").decode().strip(),
        },
        "pusher": {"name": pushed.pusher},
        "commits": commits,
        "head_commit": commits[-1] if commits else None,
    }


def _commits(pushed: Pushed, update: Update, *, created: bool) -> list[dict[str, Any]]:
    mark = secrets.token_hex(16)  # nothing in a message or a path can be it
    known = _known_before(pushed.updates) if created else [update.old]
    text = _git(
        pushed.repository,
        *("log", "-z", "--reverse", f"--max-count={MOST_COMMITS}", "--no-renames", "--name-status"),
        *("--diff-merges=first-parent", f"--format={mark}%H%x00%an%x00%ae%x00%cI%x00%B%x00{mark}"),
        *(update.new, "--not", *known),
    ).decode(errors="replace")
    parts = text.split(mark)[1:]
    return [_commit(head, files) for head, files in zip(parts[::2], parts[1::2], strict=True)]


def _known_before(updates: Iterable[Update]) -> list[str]:
    """What the repository had before a push, in the words of git-rev-list."""
    pushed = list(updates)
    others = [*(f"--exclude={update.ref}" for update in pushed), "--glob=refs/*"]
    return [*others, *(update.old for update in pushed if update.old.strip("0"))]


def _commit(head: str, files: str) -> dict[str, Any]:
    sha, name, email, date, message, _ = head.split("\0")
    words = [word for word in (part.strip("\n") for part in files.split("\0")) if word]
    changed: dict[str, list[str]] = {"added": [], "removed": [], "modified": []}
    for letter, path in zip(words[::2], words[1::2], strict=True):
        changed[_CHANGES.get(letter, "modified")].append(path)
    author = {"name": name, "email": email}
    return {"id": sha, "message": message.rstrip("\n"), "timestamp": date, "author": author, **changed}


def _extends(repository: Path, update: Update) -> bool:
    return bool(_git(repository, "merge-base", update.old, update.new).decode().strip() == update.old)


def _git(repository: Path, *words: str) -> bytes:
    command = ["git", "--git-dir", str(repository), *words]
    return subprocess.run(command, env=git_environment(), capture_output=True, check=False).stdout


class Messenger:
    """Sends what was pushed in its order, in a thread of its own; what cannot be sent is told to `log`."""

    def __init__(self, hook: Webhook, log: Callable[[str], None]) -> None:
        self._hook, self._log = hook, log
        self._queue: queue.Queue[Pushed | None] = queue.Queue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def tell(self, pushed: Pushed) -> None:
        """Have it sent, soon."""
        self._queue.put(pushed)

    def stop(self) -> None:
        """Send what is waiting, each once and without pauses, and end."""
        self._stopping.set()
        self._queue.put(None)
        self._thread.join(_SECONDS)

    def _work(self) -> None:
        while (pushed := self._queue.get()) is not None:
            for update in pushed.updates:
                self._deliver(json.dumps(payload(pushed, update)).encode(), f"{pushed.name} {update.ref}")

    def _deliver(self, body: bytes, what: str) -> None:
        problem = self._problem(body)
        for pause in self._hook.pauses:
            if not problem or self._stopping.wait(pause):
                break
            problem = self._problem(body)
        if problem:
            self._log(f"push hook of {what}: {_shown(self._hook.url)}: {problem}. The push itself is done.")

    def _problem(self, body: bytes) -> str:
        """What went wrong in one try, "" when nothing did. Redirects are not followed: the body is for one host."""
        address = urlsplit(self._hook.url)
        kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
        connection = kind(address.hostname or "", address.port, timeout=_SECONDS)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "todoke-sandbox",
            "X-GitHub-Event": "push",
            "X-GitHub-Delivery": str(uuid.uuid4()),
            "X-Hub-Signature-256": signature(self._hook.secret, body),
        }
        try:
            target = (address.path or "/") + (f"?{address.query}" if address.query else "")
            connection.request("POST", target, body, headers)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            return str(error) or type(error).__name__
        finally:
            connection.close()
        return "" if 200 <= status < 300 else f"HTTP status {status}"


def _shown(url: str) -> str:
    """A URL without user, password and query, which may hold a token."""
    address = urlsplit(url)
    port = f":{address.port}" if address.port else ""
    return f"{address.scheme}://{address.hostname}{port}{address.path}"
