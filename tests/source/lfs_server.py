"""A Git LFS server on the loopback, in front of a Git server: good enough for downloads, with faults on demand."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def pointer(data: bytes) -> str:
    """What stands in Git for a file."""
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256(data).hexdigest()}\nsize {len(data)}\n"


class LfsServer(ThreadingHTTPServer):
    """Attributes: files: contents by oid. batches: sizes of the batches asked for. downloads: oids, in order.
    login: the Authorization that the batch wants. seen: Authorizations at downloads. elsewhere: host for downloads.
    """

    daemon_threads = True

    def __init__(self, git_port: int) -> None:
        self.git_port = git_port
        self.files: dict[str, bytes] = {}
        self.batches: list[int] = []
        self.downloads: list[str] = []
        self.paths: list[str] = []
        self.login: str | None = None
        self.seen: list[str | None] = []
        self.elsewhere = "127.0.0.1"
        self.transfer = "basic"
        super().__init__(("127.0.0.1", 0), _Answer)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def put(self, data: bytes, oid: str = "") -> str:
        """Keep a file, under its own name or a wrong one; the pointer."""
        self.files[oid or sha256(data).hexdigest()] = data
        return pointer(data)


class _Answer(BaseHTTPRequestHandler):
    server: LfsServer

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"] or 0))
        if "/info/lfs/" not in self.path:
            self._forward(data)
            return
        body = json.loads(data)
        self.server.paths.append(self.path)
        if self.server.login and self.headers["Authorization"] != self.server.login:
            self._send(401, b"{}")
            return
        self.server.batches.append(len(body["objects"]))
        objects = [self._entry(one["oid"], one["size"]) for one in body["objects"]]
        self._send(200, json.dumps({"transfer": self.server.transfer, "objects": objects}).encode())

    def _entry(self, oid: str, size: int) -> dict[str, object]:
        if oid not in self.server.files:
            return {"oid": oid, "size": size, "error": {"code": 404, "message": "Object does not exist"}}
        href = f"http://{self.server.elsewhere}:{self.server.server_port}/files/{oid}"
        return {"oid": oid, "size": size, "actions": {"download": {"href": href, "header": {"X-Ticket": "t"}}}}

    def _forward(self, data: bytes | None) -> None:
        git = http.client.HTTPConnection("127.0.0.1", self.server.git_port)
        headers = {name: value for name, value in self.headers.items() if name != "Host"}
        git.request(self.command, self.path, data, headers)
        answer = git.getresponse()
        self._send(answer.status, answer.read(), answer.getheader("Content-Type") or "")
        git.close()

    def do_GET(self) -> None:
        if not self.path.startswith("/files/"):
            self._forward(None)
            return
        oid = self.path.rpartition("/")[2]
        self.server.seen.append(self.headers["Authorization"])
        if self.headers["X-Ticket"] != "t" or oid not in self.server.files:
            self._send(403, b"")
            return
        self.server.downloads.append(oid)
        self._send(200, self.server.files[oid])

    def _send(self, status: int, body: bytes, kind: str = "application/octet-stream") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@contextmanager
def running(git_port: int) -> Iterator[LfsServer]:
    """A server that runs."""
    with LfsServer(git_port) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()
