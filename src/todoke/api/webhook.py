"""The door for forges: an event is read, checked and handed on. What it asks for is done later, by others."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from aiohttp import web

from todoke.model.telemetry import Telemetry
from todoke.model.webhooks import Event, NotSigned, Push, Refused

log = logging.getLogger(__name__)

MOST_BYTES = 25 * 1024 * 1024
"""Of one body. GitHub sends no more; Argo CD takes 50 MB."""
_SECONDS = 10.0  # for which a body may take to arrive
_SMALL = 64 * 1024  # bytes that are read in so short a time that a thread does not pay

Receive = Callable[[Mapping[str, str], bytes], Event]
"""Reads and checks an event. Raises: Refused."""


class Webhooks:
    """The routes for events. Answers are the same whether a repository is known here or not."""

    def __init__(
        self,
        receive: Receive,
        pushed: Callable[[tuple[Push, ...]], None],
        ready: Callable[[], bool],
        telemetry: Telemetry,
        *,
        most_held: int = 4 * MOST_BYTES,
    ) -> None:
        """Args: pushed: told what was pushed. ready: whether secrets and applications are known.

        most_held: bytes of all bodies that are being read.
        """
        self._receive, self._pushed, self._ready, self._telemetry = receive, pushed, ready, telemetry
        self._held, self._most_held = 0, most_held

    def routes(self) -> list[web.RouteDef]:
        """For all forges one address, and one for our own form."""
        return [web.post("/api/webhook", self._forge), web.post("/api/webhook/generic", self._generic)]

    async def _forge(self, request: web.Request) -> web.Response:
        return await self._event(request, dict(request.headers))

    async def _generic(self, request: web.Request) -> web.Response:
        # Headers of several letter cases are one; the address says what the header would.
        headers = {name: value for name, value in request.headers.items() if name.lower() != "x-todoke-event"}
        event = request.headers.get("X-Todoke-Event", "push")
        return await self._event(request, {"X-Todoke-Event": event} | headers)

    async def _event(self, request: web.Request, headers: Mapping[str, str]) -> web.Response:
        try:
            if not self._ready():
                raise web.HTTPServiceUnavailable(text="not ready: send the event again\n")
            async with self._body(request) as body:
                event = await self._read(headers, body)
        except web.HTTPException:
            self._count("unknown", "refused")
            raise
        except Refused as refused:
            return self._refusal(refused)
        if not event.pushes:
            self._count(event.provider, "nothing")
            return web.Response(text="ok: nothing to do\n")
        self._pushed(event.pushes)
        self._count(event.provider, "signed" if event.signed else "unsigned")
        return web.Response(text="ok\n")

    async def _read(self, headers: Mapping[str, str], body: bytes) -> Event:
        if len(body) <= _SMALL:
            return self._receive(headers, body)
        return await asyncio.to_thread(self._receive, headers, body)

    def _refusal(self, refused: Refused) -> web.Response:
        status, outcome = (401, "not_signed") if isinstance(refused, NotSigned) else (400, "not_understood")
        self._count(refused.provider, outcome)
        return web.Response(status=status, text=f"{refused}\n")

    def _count(self, provider: str, outcome: str) -> None:
        self._telemetry.count("todoke_webhook_events_total", provider=provider, outcome=outcome)

    @asynccontextmanager
    async def _body(self, request: web.Request) -> AsyncIterator[bytes]:
        """The body; what all of them take is bounded until they are read.

        Raises: HTTPException: it is too large, too slow or compressed, or too many come at once.
        """
        if (request.content_length or 0) > MOST_BYTES:
            raise web.HTTPRequestEntityTooLarge(MOST_BYTES, request.content_length or 0, text=_too_large())
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise web.HTTPUnsupportedMediaType(text="the body is compressed: send it as it is\n")
        body = bytearray()
        try:
            try:
                async with asyncio.timeout(_SECONDS):
                    async for part in request.content.iter_any():
                        self._held += len(part)
                        body += part
                        self._bound(len(body))
            except TimeoutError:
                raise web.HTTPRequestTimeout(text=f"the body took longer than {_SECONDS:.0f} s\n") from None
            yield bytes(body)
        finally:
            self._held -= len(body)

    def _bound(self, size: int) -> None:
        if size > MOST_BYTES:
            raise web.HTTPRequestEntityTooLarge(MOST_BYTES, size, text=_too_large())
        if self._held > self._most_held:
            raise web.HTTPServiceUnavailable(text="too many events at once: send this one again\n")


def _too_large() -> str:
    return f"the body is larger than {MOST_BYTES // 2**20} MiB\n"
