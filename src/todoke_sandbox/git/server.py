"""A Git server on loopback that speaks smart HTTP, versions 1 and 2, by way of `git http-backend`.

with GitServer(folder, users={"reader": "secret"}) as server:
    server.create("shop.git")
    subprocess.run(["git", "clone", server.url("shop.git", "reader")])
"""

from __future__ import annotations

import base64
import contextlib
import hmac
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import quote, urlsplit

from todoke_sandbox.git import protection
from todoke_sandbox.git.backend import CHUNK, body_pieces, cgi_variables, read_head, repository_of, service_of
from todoke_sandbox.git.environment import git_environment
from todoke_sandbox.git.protection import Update
from todoke_sandbox.git.webhook import Messenger, Pushed, Webhook

_PYTHON, _UPDATES = "TODOKE_GIT_PYTHON", "TODOKE_GIT_UPDATES"
_HOOKS = {
    "proc-receive": f'#!/bin/sh\nexec "${_PYTHON}" -I -S "$TODOKE_GIT_RULE_BOOK"\n',
    "post-receive": f'#!/bin/sh\nif [ -n "${_UPDATES}" ]; then exec cat > "${_UPDATES}"; fi\n',
}


class Request(NamedTuple):
    """One request as it came in, also one that was refused."""

    method: str
    path: str  # without the query, for example /shop.git/info/refs
    service: str  # git-upload-pack (reading), git-receive-pack (writing), or ""


class GitServer:
    """Serves the bare repositories below a folder. Attributes may be changed while it runs.

    With protected branches or a push hook the server's own hooks run, in place of those that lie in a repository.

    Attributes:
        folder: the folder.
        users: password by user name; empty means that everybody is the anonymous user `""`.
        read_only: users that may not push.
        protected: by pattern of branches (fnmatch) the users that may push to them; nobody may force-push or delete
            one. Where several patterns match, all of them must name the user. Needs git 2.29.
    """

    def __init__(
        self,
        folder: Path,
        users: Mapping[str, str] | None = None,
        read_only: Iterable[str] = (),
        *,
        protected: Mapping[str, Iterable[str]] | None = None,
        hook: Webhook | None = None,
        log: Callable[[str], None] | None = None,
    ) -> None:
        """Takes a port; requests are answered from `start` on.

        Args:
            hook: where pushes are told.
            log: told what a person should know, such as a push hook that nobody answers; stderr when not given.
        """
        self.folder = folder.resolve()
        self.users = dict(users or {})
        self.read_only = frozenset(read_only)
        self.protected = {pattern: frozenset(names) for pattern, names in (protected or {}).items()}
        self._hook, self._log = hook, log or _to_stderr
        self._messenger: Messenger | None = None
        self._hooks: Path | None = None
        self._backends: set[subprocess.Popen[bytes]] = set()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def port(self) -> int:
        """The loopback port."""
        return int(self._server.server_address[1])

    def url(self, repository: str = "", user: str | None = None) -> str:
        """URL of a repository, with the credentials of a user in it if one is named."""
        credentials = f"{quote(user, safe='')}:{quote(self.users[user], safe='')}@" if user else ""
        return f"http://{credentials}127.0.0.1:{self.port}/{repository}"

    def create(self, name: str, branch: str = "main") -> Path:
        """Make an empty bare repository such as `shop.git` or `acme/shop.git`: its folder.

        Raises: ValueError: the name leads out of the folder. FileExistsError: it is there.
        """
        parts = PurePosixPath(name).parts
        if not parts or name.startswith("/") or any(part.startswith((".", "-")) for part in parts):
            raise ValueError(f"repository {name!r}: expected a name such as shop.git or acme/shop.git")
        path = self.folder.joinpath(*parts)
        path.mkdir(parents=True)
        command = ["git", "init", "--quiet", "--bare", "--template=", f"--initial-branch={branch}", str(path)]
        # What the public forges allow: partial clones, and fetching one commit by its name.
        settings = ("uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant")
        for words in (command, *(["git", "--git-dir", str(path), "config", key, "true"] for key in settings)):
            subprocess.run(words, env=git_environment(), check=True, capture_output=True)
        return path

    def start(self) -> None:
        """Listen from now on."""
        self._hooks = _write_hooks()
        if self._hook is not None:
            self._messenger = Messenger(self._hook, self._log)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening, end every git process, send what the push hook has waiting."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        for backend in list(self._backends):
            _kill(backend)
        if self._messenger is not None:
            self._messenger.stop()
        if self._hooks is not None:
            shutil.rmtree(self._hooks, ignore_errors=True)

    def admit(self, request: Request) -> int | None:
        """Called first for every request: an HTTP status to refuse it with, None to go on. May wait.

        Raises: ConnectionError: the server hangs up.
        """
        return None

    def user_of(self, authorization: str) -> str | None:
        """The user an Authorization header proves; None when it proves none. Anonymous is `""`."""
        if not self.users:
            return ""
        scheme, _, encoded = authorization.partition(" ")
        try:
            name, _, password = base64.b64decode(encoded).decode().partition(":")
        except ValueError:
            return None
        known = self.users.get(name)
        # An unknown name takes as long as a known one.
        same = hmac.compare_digest((known or "").encode(), password.encode())
        return name if scheme.lower() == "basic" and known is not None and same else None

    def refusal(self, service: str, user: str | None) -> int | None:
        """The HTTP status that a user is refused a service with, None when it is allowed."""
        if user is None:
            return 401
        return 403 if service == "git-receive-pack" and user in self.read_only else None

    def environment(self, method: str, target: str, headers: Message, user: str) -> dict[str, str]:
        """Variables of the git process that answers a request."""
        settings: dict[str, str] = {}
        ours: dict[str, str] = {"GIT_PROJECT_ROOT": str(self.folder)}
        if self.protected or self._messenger is not None:
            settings["core.hooksPath"] = str(self._hooks)
            ours |= {_PYTHON: sys.executable, "TODOKE_GIT_RULE_BOOK": protection.__file__}
        if self.protected:
            settings["receive.procReceiveRefs"] = "refs"
            ours[protection.RULES] = json.dumps({pattern: sorted(names) for pattern, names in self.protected.items()})
        return cgi_variables(method, target, headers, user, settings) | ours

    @contextlib.contextmanager
    def backend(self, variables: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
        """A running `git http-backend`, ended with all its children afterwards."""
        pipe = subprocess.PIPE
        with subprocess.Popen(
            ["git", "http-backend"], stdin=pipe, stdout=pipe, env=dict(variables), start_new_session=True
        ) as process:
            self._backends.add(process)
            try:
                yield process
            finally:
                self._backends.discard(process)
                _kill(process)

    @contextlib.contextmanager
    def told(self, target: str, user: str) -> Iterator[dict[str, str]]:
        """Variables for a push; what it changed is told to the push hook afterwards."""
        if self._messenger is None or self._hooks is None:
            yield {}
            return
        note = self._hooks / f"{uuid.uuid4()}.updates"
        try:
            yield {_UPDATES: str(note)}
        finally:
            lines = note.read_text().splitlines() if note.exists() else []
            note.unlink(missing_ok=True)
            if lines:
                name = repository_of(target)
                updates = tuple(Update(*line.split(" ", 2)) for line in lines)
                pushed = Pushed(self.folder / name, name.removesuffix(".git"), self.url(name), user, updates)
                self._messenger.tell(pushed)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, git: GitServer) -> None:
        self.git = git
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Silent: clients hang up."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # small answers would wait 40 ms for an acknowledgement

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:
        """Silent: a client is told itself."""

    def _answer(self) -> None:
        server, service = self.server.git, service_of(self.path)
        try:
            status = server.admit(Request(self.command, urlsplit(self.path).path, service))
        except ConnectionError:
            self.close_connection = True
            return
        user = server.user_of(self.headers.get("Authorization", ""))
        status = status or server.refusal(service, user)
        if status is not None or user is None:
            self._refuse(status or 401)
            return
        variables = server.environment(self.command, self.path, self.headers, user)
        if service == "git-receive-pack" and self.command == "POST":
            with server.told(self.path, user) as more:
                self._run_git(variables | more)
        else:
            self._run_git(variables)

    def _refuse(self, status: int) -> None:
        self.close_connection = True  # a body that nobody read may still be on its way
        self.send_response(status)
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()

    def _run_git(self, variables: dict[str, str]) -> None:
        """Feed the body to git, then pass its answer on, both piece by piece."""
        with self.server.git.backend(variables) as backend:
            if backend.stdin is None or backend.stdout is None:
                raise RuntimeError("git http-backend runs without pipes")
            try:
                for piece in body_pieces(self.rfile, self.headers):
                    backend.stdin.write(piece)  # git answers at the end: nothing blocks here
                backend.stdin.close()
            except BrokenPipeError:  # it answers without having read all
                self.close_connection = True
            except ValueError:
                self._refuse(400)
                return
            status, headers = read_head(backend.stdout)
            if not headers:
                self._refuse(500)
                return
            self.send_response(status)
            for name, value in (*headers, ("Transfer-Encoding", "chunked")):
                self.send_header(name, value)
            self.end_headers()
            while piece := backend.stdout.read(CHUNK):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")


def _write_hooks() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="todoke-git-hooks-"))
    for name, text in _HOOKS.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o700)
    return folder


def _kill(backend: subprocess.Popen[bytes]) -> None:
    """End a git process and its children. By its group: receive-pack is a child of a child."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(backend.pid, signal.SIGKILL)


def _to_stderr(line: str) -> None:
    sys.stderr.write(f"{line}\n")
