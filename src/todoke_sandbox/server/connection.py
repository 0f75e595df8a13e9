"""HTTP/1.1 over one connection: requests are read whole, answered in order, and streams stop for slow readers.

Source: RFC 9112. The parsing is llhttp's, through httptools.
"""

from __future__ import annotations

import asyncio
import sys
import time
import traceback
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from typing import Final, cast

import httptools

MOST_BODY: Final = 3 * 1024 * 1024
MOST_HEAD: Final = 64 * 1024
_MOST_WAITING: Final = 16
_CLOSING_SECONDS: Final = 0.5


@dataclass(slots=True)
class Request:
    """One request. Attributes: target: path and query as sent. headers: by lower-case name. too_large: body dropped."""

    method: str = ""
    target: str = ""
    headers: dict[str, list[str]] = field(default_factory=dict)
    body: bytes = b""
    keep_alive: bool = True
    too_large: bool = False

    def header(self, name: str) -> str:
        """The first value of a header, empty when there is none."""
        return (self.headers.get(name) or ("",))[0]


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer whose pieces come as time goes by. Attributes: close: called once, when nobody reads any more."""

    pieces: AsyncGenerator[bytes, None]
    content_type: str = "application/json"
    close: Callable[[], None] = lambda: None


Respond = Callable[[Request], Answer | Stream]
"""Answers at once. Whatever it raises becomes a 500."""


class Connection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, respond: Respond, fault: Callable[[Exception], Answer], open_ones: set[Connection]) -> None:
        """Takes what answers, what makes a 500 of an exception, and where open connections are kept."""
        self._respond, self._fault, self._open = respond, fault, open_ones
        self._parser = httptools.HttpRequestParser(self)
        self._request = Request()
        self._body: list[bytes] = []
        self._size = 0
        self._waiting: deque[Request] = deque()
        self._streaming: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._transport: asyncio.Transport | None = None
        self._upgraded = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client came."""
        self._transport = cast(asyncio.Transport, transport)
        self._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone: so is its stream."""
        self._open.discard(self)
        self._transport = None
        self._writable.set()
        self._waiting.clear()
        if self._streaming is not None:
            self._streaming.cancel()

    def pause_writing(self) -> None:
        """The client reads more slowly than a stream writes."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """It has caught up."""
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self._upgraded:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._upgraded = True  # answered as any other request; what follows is no HTTP
        except httptools.HttpParserError as error:
            self._refuse(400, f"the request is not HTTP/1.1: {error}")

    async def close(self) -> None:
        """End the stream, then the connection."""
        if self._streaming is not None:
            self._streaming.cancel()
            with suppress(asyncio.CancelledError, TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._streaming), _CLOSING_SECONDS)
        if self._transport is not None:
            self._transport.close()

    # what the parser calls

    def on_message_begin(self) -> None:
        """A request begins."""
        self._request, self._body, self._size = Request(), [], 0

    def on_url(self, url: bytes) -> None:
        """A piece of the target."""
        self._request.target += url.decode("latin-1")
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        key = name.decode("latin-1").lower()
        self._request.headers.setdefault(key, []).append(value.decode("latin-1"))
        self._count(len(name) + len(value))

    def on_headers_complete(self) -> None:
        """The body comes next."""
        self._size = 0
        if self._request.header("expect").lower() == "100-continue" and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """A piece of the body. What is too large is read to its end but not kept."""
        self._size += len(body)
        if self._size > MOST_BODY:
            self._request.too_large = True
            self._body.clear()
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        request = self._request
        request.method = self._parser.get_method().decode("latin-1")
        request.body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        request.keep_alive = self._parser.should_keep_alive() and not self._parser.should_upgrade()
        if self._streaming is None:
            self._answer(request)
            return
        self._waiting.append(request)
        if len(self._waiting) >= _MOST_WAITING and self._transport is not None:
            self._transport.pause_reading()

    def _count(self, size: int) -> None:
        self._size += size
        if self._size > MOST_HEAD:
            self._refuse(431, "the head of the request is larger than 64 KiB")

    def _refuse(self, status: int, text: str) -> None:
        transport = self._transport
        if transport is not None and not transport.is_closing():
            _write(transport, Answer(status, text.encode(), "text/plain; charset=utf-8"), keep=False)

    def _answer(self, request: Request) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        try:
            answer = self._respond(request)
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            answer = self._fault(error)
        if isinstance(answer, Answer):
            _write(transport, answer, keep=request.keep_alive, bodiless=request.method == "HEAD")
        else:
            work = self._stream(transport, answer, keep=request.keep_alive)
            self._streaming = asyncio.get_running_loop().create_task(work)
            self._streaming.add_done_callback(lambda _: answer.close())

    async def _stream(self, transport: asyncio.Transport, stream: Stream, *, keep: bool) -> None:
        """Write pieces as they come; the last chunk is missing when the generator fails, so that clients see it."""
        chunked = ("Transfer-Encoding", "chunked")
        transport.write(_head(200, stream.content_type, (chunked,), keep=keep))
        try:
            async for piece in stream.pieces:
                if piece:  # an empty chunk would be the last
                    transport.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                if not self._writable.is_set():
                    await self._writable.wait()
        except asyncio.CancelledError:
            keep = False  # the server stops, or the client is gone
        except Exception:
            traceback.print_exc(file=sys.stderr)
            transport.abort()
        finally:
            await stream.pieces.aclose()
            self._streaming = None
        if self._transport is not None and not transport.is_closing():
            transport.write(b"0\r\n\r\n")
            self._continue(transport, keep)

    def _continue(self, transport: asyncio.Transport, keep: bool) -> None:
        """Answer what came in while the stream ran."""
        if not keep:
            transport.close()
            return
        while self._waiting and self._streaming is None:
            self._answer(self._waiting.popleft())
        if not transport.is_reading():
            transport.resume_reading()


def _write(transport: asyncio.Transport, answer: Answer, *, keep: bool, bodiless: bool = False) -> None:
    length = ("Content-Length", str(len(answer.body)))
    head = _head(answer.status, answer.content_type, (length, *answer.headers), keep=keep)
    transport.write(head if bodiless else head + answer.body)
    if not keep:
        transport.close()


_PHRASES: Final[Mapping[int, str]] = {status.value: status.phrase for status in HTTPStatus}


def _head(status: int, content_type: str, headers: tuple[tuple[str, str], ...], *, keep: bool) -> bytes:
    lines = [
        f"HTTP/1.1 {status} {_PHRASES.get(status, '')}",
        *([f"Content-Type: {content_type}"] if content_type else []),
        f"Date: {_date()}",
        *(f"{name}: {value}" for name, value in headers),
    ]
    if not any(name == "Cache-Control" for name, _ in headers):
        lines.append("Cache-Control: no-cache, private")
    if not keep:
        lines.append("Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


class _Date:
    """The time as headers have it, made once a second."""

    def __init__(self) -> None:
        self._second, self._text = 0, ""

    def __call__(self) -> str:
        second = int(time.time())
        if second != self._second:
            self._second, self._text = second, formatdate(second, usegmt=True)
        return self._text


_date: Final = _Date()
