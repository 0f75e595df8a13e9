"""A proxy in front of an API server that misbehaves on demand. Plain HTTP in front, TLS behind; tokens pass through.

    async with Proxy(plane.kubeconfig_path, folder) as proxy:
        stage.kubeconfig = proxy.kubeconfig
        async with proxy.away():
            ...  # nobody gets an answer

Requests that write are numbered from 1; dry runs do not count.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import aiohttp
from aiohttp import web

WRITING = ("POST", "PATCH", "PUT", "DELETE")
_TO_SERVER = ("Authorization", "Content-Type", "Accept", "If-None-Match", "User-Agent")
_TO_CLIENT = ("Content-Type", "ETag", "Retry-After")
_GONE = {
    "kind": "Status",
    "apiVersion": "v1",
    "status": "Failure",
    "reason": "Expired",
    "code": 410,
    "message": "too old resource version",
}


class Write(NamedTuple):
    """A request that writes."""

    number: int
    method: str
    path: str


Hook = Callable[[Write], Awaitable[None]]


class Dropped(Exception):
    """Raised by a hook: the connection breaks without an answer."""


class Proxy:
    """One proxy for one kubeconfig. Attributes may be changed while it runs.

    Attributes:
        kubeconfig: the same login, by way of the proxy.
        writes: every request that wrote, in the order in which they came.
        before: called before a write is passed on.
        failing: HTTP status to answer with, by path.
        after: called when the server has answered a write, before the answer is passed on.
        requests: how many requests came, writing or not.
        refused: how many of them were left without an answer, or answered 429, by path and selectors.
    """

    def __init__(self, kubeconfig: Path, folder: Path) -> None:
        self._config = json.loads(kubeconfig.read_text())
        cluster = self._config["clusters"][0]["cluster"]
        self._server = cluster["server"]
        self._trust = ssl.create_default_context(cafile=cluster["certificate-authority"])
        self.kubeconfig = folder / "proxy.kubeconfig"
        self.writes: list[Write] = []
        self.requests = 0
        self.refused: Counter[str] = Counter()
        self.failing: dict[str, int] = {}
        self.before: Hook | None = None
        self.after: Hook | None = None
        self._away = self._blind = False
        self._busy_seconds: int | None = None
        self._expired: dict[str, str] = {}
        self._open: dict[int, tuple[web.Request, asyncio.Task[None] | None]] = {}
        self._watches: list[tuple[str, web.StreamResponse]] = []

    @property
    def watched(self) -> list[str]:
        """Paths of the watches that are open."""
        return [path for path, _ in self._watches]

    def drop(self) -> None:
        """Break every connection that waits for something, watches among them."""
        for request, _ in list(self._open.values()):
            _abort(request)

    @asynccontextmanager
    async def away(self) -> AsyncIterator[None]:
        """The server is away: connections break, new ones get no answer."""
        self.leave()
        try:
            yield
        finally:
            self.come_back()

    def leave(self) -> None:
        """Like `away`, until `come_back`."""
        self._away = True
        self.drop()

    def come_back(self) -> None:
        """Answer again."""
        self._away = False

    @contextmanager
    def busy(self, seconds: int = 1) -> Iterator[None]:
        """Answer 429 to everything and say when to come again."""
        self._busy_seconds = seconds
        try:
            yield
        finally:
            self._busy_seconds = None

    @contextmanager
    def blind(self, expire: str) -> Iterator[None]:
        """Break all watches and take no new ones; afterwards each learns that its history is gone, until it lists anew.

        Args:
            expire: how it is told: "event" inside a watch that begins well, or "status" of HTTP.
        """
        paths = self.watched
        self._blind = True
        self.drop()
        try:
            yield
        finally:
            self._expired = dict.fromkeys(paths, expire)
            self._blind = False

    async def inject(self, line: bytes) -> None:
        """Put a line into every open watch."""
        for _, response in list(self._watches):
            await response.write(line)

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._trust, limit=0),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=5),
            auto_decompress=False,
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
        )
        application = web.Application(client_max_size=64 << 20)
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._config["clusters"][0]["cluster"] = {"server": f"http://127.0.0.1:{self._runner.addresses[0][1]}"}
        self.kubeconfig.touch(mode=0o600)
        self.kubeconfig.write_text(json.dumps(self._config))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.drop()
        left = [task for _, task in self._open.values() if task is not None]
        for task in left:  # whoever asked is dead; the server still streams to us
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self._runner.cleanup()
        await self._session.close()
        await asyncio.sleep(0.01)  # TLS transports close in the next turns of the loop; it may be the last

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.requests += 1
        body = await request.read()
        self._open[id(request)] = (request, asyncio.current_task())
        try:
            return await self._answer(request, body)
        except (Dropped, aiohttp.ClientError, ConnectionError):
            _abort(request)
            return web.Response(status=502)
        finally:
            del self._open[id(request)]

    async def _answer(self, request: web.Request, body: bytes) -> web.StreamResponse:
        watch = "watch" in request.query
        if self._away or (watch and self._blind):
            self.refused[_place(request)] += 1
            raise Dropped
        if self._busy_seconds is not None:
            self.refused[_place(request)] += 1
            return web.Response(status=429, headers={"Retry-After": str(self._busy_seconds)})
        if request.path in self.failing:
            return web.Response(status=self.failing[request.path])
        if watch:
            return await self._watch(request)
        if request.method not in WRITING or "dryRun" in request.query:
            self._expired.pop(request.path, None)
            return await self._pass_on(request, body)
        write = Write(len(self.writes) + 1, request.method, request.path)
        self.writes.append(write)
        if self.before is not None:
            await self.before(write)
        answer = await self._pass_on(request, body)
        if self.after is not None:
            await self.after(write)
        return answer

    async def _pass_on(self, request: web.Request, body: bytes) -> web.Response:
        async with self._ask(request, body) as answer:
            content = await answer.read()
            headers = {name: answer.headers[name] for name in _TO_CLIENT if name in answer.headers}
            return web.Response(status=answer.status, body=content, headers=headers)

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        how = self._expired.get(request.path, "")
        if how == "status":
            return web.json_response(_GONE, status=410)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        if how == "event":
            await response.prepare(request)
            await response.write(json.dumps({"type": "ERROR", "object": _GONE}).encode() + b"\n")
            return response
        async with self._ask(request, b"") as answer:
            response.set_status(answer.status)
            await response.prepare(request)
            entry = (request.path, response)
            self._watches.append(entry)
            try:
                async for piece in answer.content.iter_any():
                    await response.write(piece)
            finally:
                self._watches.remove(entry)
        return response

    def _ask(self, request: web.Request, body: bytes) -> aiohttp.client._RequestContextManager:
        headers = {name: request.headers[name] for name in _TO_SERVER if name in request.headers}
        return self._session.request(
            request.method, f"{self._server}{request.raw_path}", data=body or None, headers=headers
        )


def _abort(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


def _place(request: web.Request) -> str:
    """What is asked for: several watches of one path are told apart by what they select."""
    chosen = (request.query.get(name, "") for name in ("labelSelector", "fieldSelector"))
    return " ".join(filter(None, (request.path, *chosen)))
