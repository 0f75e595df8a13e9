"""A connection to a server on which tests write bytes of their own."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator
from typing import Any, NamedTuple, Self

from tests.sandbox.contract.player import Server

PATIENCE_SECONDS = 10.0


class Raw(NamedTuple):
    """An answer as it came."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def body(self) -> Any:
        """Decoded."""
        return json.loads(self.content)


class Wire:
    """One connection."""

    def __init__(self, server: Server) -> None:
        """Connects."""
        host, port = server.url.removeprefix("https://").split(":")
        plain = socket.create_connection((host, int(port)), PATIENCE_SECONDS)
        self._token = server.token
        self._socket: ssl.SSLSocket = server.trust.wrap_socket(plain, server_hostname=host)
        self._file = self._socket.makefile("rb")

    def send(self, data: bytes) -> None:
        """Write bytes."""
        self._socket.sendall(data)

    def ask(self, method: str, target: str, body: bytes = b"", **headers: str) -> None:
        """Write a whole request."""
        self.send(self.head(method, target, **({"Content-Length": str(len(body))} | headers)) + body)

    def head(self, method: str, target: str, **headers: str) -> bytes:
        """The head of a request; underscores in names stand for hyphens."""
        lines = [f"{method} {target} HTTP/1.1", "Host: x", f"Authorization: Bearer {self._token}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def answer(self, *, bodiless: bool = False) -> Raw:
        """Read a whole answer."""
        status, headers = self.begin()
        if bodiless:
            return Raw(status, headers, b"")
        if "content-length" in headers:
            return Raw(status, headers, self._file.read(int(headers["content-length"])))
        return Raw(status, headers, b"".join(self.pieces()))

    def begin(self) -> tuple[int, dict[str, str]]:
        """Read status and headers."""
        status = int(self._file.readline().split()[1])
        headers = {}
        while line := self._file.readline().strip().decode():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return status, headers

    def pieces(self) -> Iterator[bytes]:
        """Read chunks as they come."""
        while size := int(self._file.readline(), 16):
            yield self._file.read(size)
            self._file.readline()
        self._file.readline()

    @property
    def is_closed(self) -> bool:
        """Whether the server has hung up; waits for it."""
        return self._file.read(1) == b""

    def close(self) -> None:
        """Hang up."""
        self._file.close()
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
