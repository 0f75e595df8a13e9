"""A Git server on loopback that speaks smart HTTP, versions 1 and 2, by way of ``git http-backend``.

    with GitServer(folder, users={"reader": "secret"}) as server:
        subprocess.run(["git", "clone", server.url("shop.git", "reader")])

``folder`` holds bare repositories. Without users everybody may read and write.
"""

from __future__ import annotations

import base64
import hmac
import os
import subprocess
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple, Self
from urllib.parse import parse_qs, quote, urlsplit

CHUNK = 64 * 1024


class Request(NamedTuple):
    """One request as it came in, also one that was refused."""

    method: str
    path: str  # without the query, for example /shop.git/info/refs
    service: str  # git-upload-pack (reading), git-receive-pack (writing), or ""


class GitServer:
    """The server. Attributes may be changed while it runs.

    Attributes:
        requests: every request since the start; tests may clear it.
        hanging: answer nothing until it is False again.
        fail_with: an HTTP status to answer everything with, for example 503.
        users: password by user name; empty means no authentication.
        read_only: users that may not push. ``""`` stands for the anonymous one.
    """

    def __init__(
        self, folder: Path, users: Mapping[str, str] | None = None, read_only: frozenset[str] = frozenset()
    ) -> None:
        self.folder = folder.resolve()
        self.users = dict(users or {})
        self.read_only = read_only
        self.requests: list[Request] = []
        self.fail_with: int | None = None
        self._may_answer = threading.Event()
        self._may_answer.set()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def hanging(self) -> bool:
        """Whether requests are kept waiting."""
        return not self._may_answer.is_set()

    @hanging.setter
    def hanging(self, value: bool) -> None:
        if value:
            self._may_answer.clear()
        else:
            self._may_answer.set()

    @property
    def port(self) -> int:
        """The loopback port."""
        return int(self._server.server_address[1])

    def url(self, repository: str = "", user: str | None = None) -> str:
        """URL of a repository, with the credentials of a user in it if one is named."""
        credentials = f"{quote(user, safe='')}:{quote(self.users[user], safe='')}@" if user else ""
        return f"http://{credentials}127.0.0.1:{self.port}/{repository}"

    def count(self, service: str | None = None) -> int:
        """How many requests there were, of one service or of all."""
        return sum(1 for request in self.requests if service in (None, request.service))

    def start(self) -> None:
        """Listen from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and let go of whoever hangs."""
        self._server.stopping = True
        self._may_answer.set()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def wait_until_allowed(self) -> bool:
        """Block while the server hangs; False when it was stopped meanwhile."""
        self._may_answer.wait()
        return not self._server.stopping

    def user_of(self, authorization: str) -> str | None:
        """The user an Authorization header proves; None when it proves none. Anonymous is ``""``."""
        if not self.users:
            return ""
        scheme, _, encoded = authorization.partition(" ")
        try:
            name, _, password = base64.b64decode(encoded).decode().partition(":")
        except ValueError:
            return None
        known = self.users.get(name)
        if scheme.lower() != "basic" or known is None:
            return None
        return name if hmac.compare_digest(known.encode(), password.encode()) else None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, git: GitServer) -> None:
        self.git = git
        self.stopping = False
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Silent: clients that hang up are what tests are about."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # small answers would wait 40 ms for an acknowledgement

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:
        """Silent: what came in stands in ``requests``."""

    def _answer(self) -> None:
        server = self.server.git
        address = urlsplit(self.path)
        service = _service(address.path, address.query)
        server.requests.append(Request(self.command, address.path, service))
        if not server.wait_until_allowed():
            self.close_connection = True
            return
        user = server.user_of(self.headers.get("Authorization", ""))
        if server.fail_with is not None:
            self._refuse(server.fail_with)
        elif user is None:
            self._refuse(401)
        elif service == "git-receive-pack" and user in server.read_only:
            self._refuse(403)
        else:
            self._run_git(_variables(self, server.folder, user))

    def _refuse(self, status: int) -> None:
        self.close_connection = True  # a body that nobody read may still be on its way
        self.send_response(status)
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()

    def _run_git(self, variables: dict[str, str]) -> None:
        """Feed the body to ``git http-backend``, then pass its answer on, both piece by piece."""
        command = ["git", "http-backend"]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, env=variables) as backend:
            assert backend.stdin is not None
            assert backend.stdout is not None
            try:
                try:
                    _copy_body(self, backend.stdin)  # git answers at the end: nothing blocks here
                    backend.stdin.close()
                except BrokenPipeError:  # it answers without having read all
                    self.close_connection = True
                self._pass_on(backend.stdout)
            finally:
                backend.kill()

    def _pass_on(self, answer: IO[bytes]) -> None:
        headers, status = [], 200
        while (line := answer.readline().rstrip(b"\r\n")) != b"":
            name, _, value = line.decode("latin-1").partition(": ")
            if name.lower() == "status":
                status = int(value.split()[0])
            else:
                headers.append((name, value))
        if not headers:
            self._refuse(500)
            return
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while piece := answer.read(CHUNK):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")


def _service(path: str, query: str) -> str:
    if path.endswith("/info/refs"):
        return parse_qs(query).get("service", [""])[0]
    last = path.rpartition("/")[2]
    return last if last in ("git-upload-pack", "git-receive-pack") else ""


def _variables(handler: BaseHTTPRequestHandler, folder: Path, user: str) -> dict[str, str]:
    """The CGI variables of one request. Nothing of the developer's own Git configuration gets in."""
    address = urlsplit(handler.path)
    variables = {
        "PATH": os.environ.get("PATH", os.defpath),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "http.receivepack",
        "GIT_CONFIG_VALUE_0": "true",
        "GIT_PROJECT_ROOT": str(folder),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": address.path,
        "QUERY_STRING": address.query,
        "REQUEST_METHOD": handler.command,
        "CONTENT_TYPE": handler.headers.get("Content-Type", ""),
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_USER": user,
    }
    for header, variable in (
        ("Git-Protocol", "GIT_PROTOCOL"),  # without it a client never gets version 2
        ("Content-Encoding", "HTTP_CONTENT_ENCODING"),  # clients compress long requests
        ("Content-Length", "CONTENT_LENGTH"),
    ):
        if value := handler.headers.get(header):
            variables[variable] = value
    return variables


def _copy_body(handler: BaseHTTPRequestHandler, target: IO[bytes]) -> None:
    """Copy the request's body: of a known length, or in chunks as big pushes come."""
    if handler.headers.get("Transfer-Encoding", "").lower() != "chunked":
        _copy(handler.rfile, target, int(handler.headers.get("Content-Length") or 0))
        return
    while size := int(handler.rfile.readline().partition(b";")[0], 16):
        _copy(handler.rfile, target, size)
        handler.rfile.readline()  # the line break after each chunk
    while handler.rfile.readline().strip():
        pass  # trailers


def _copy(source: BufferedIOBase, target: IO[bytes], size: int) -> None:
    while size > 0:
        piece = source.read(min(size, CHUNK))
        if not piece:
            raise ConnectionError("the client went away")
        target.write(piece)
        size -= len(piece)
