"""A small orb registry on loopback, in a thread of its own: it answers exactly the queries that are asked of one."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from aiohttp import web

_VERSION = "query ($ref: String!) { orbVersion(orbVersionRef: $ref) { version source orb { name } } }"
_VERSIONS = "query ($name: String!, $count: Int!) { orb(name: $name) { versions(count: $count) { version } } }"
JOB = "version: 2.1\njobs: {check: {docker: [{image: a}], steps: [checkout]}}\n"


class OrbRegistry:
    """The registry. Attributes may be changed while it runs.

    Attributes:
        orbs: texts by reference with the full version. private: names that only the token's bearer may see.
        knows_parts: whether it resolves partial versions itself. asked: references and names, in order.
        headers: of each request. hang_at: a reference that is never answered; `hanging` tells when it came.
        answer: instead of all answers. wait_for: requests that must be there before one of them is answered.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.orbs: dict[str, str] = {}
        self.private: set[str] = set()
        self.token = "right"
        self.knows_parts = True
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.hang_at = ""
        self.hanging = threading.Semaphore(0)
        self.answer: Callable[[web.Request], web.StreamResponse] | None = None
        self.wait_for: int = 0
        self._ready = threading.Event()
        self._all_here: asyncio.Event | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.url = ""

    def __enter__(self) -> OrbRegistry:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop listening; asked again it does nothing."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(10)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._main())
        self._loop.close()

    async def _main(self) -> None:
        self._stopping, self._all_here = asyncio.Event(), asyncio.Event()
        application = web.Application()
        application.router.add_post("/graphql", self._post)
        application.router.add_post("/moved", self._moved)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self._tls)
        await site.start()
        port = runner.addresses[0][1]
        self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{port}/graphql"
        self._ready.set()
        await self._stopping.wait()
        await runner.cleanup()

    async def _moved(self, _: web.Request) -> web.Response:
        return web.Response(status=308, headers={"Location": "/graphql"})

    async def _post(self, request: web.Request) -> web.StreamResponse:
        self.headers.append(dict(request.headers))
        if self.answer is not None:
            return self.answer(request)
        body = await request.json()
        variables = body["variables"]
        asked = variables.get("ref") or variables["name"]
        self.asked.append(asked)
        await self._patience(asked)
        if body["query"] == _VERSION:
            return web.json_response({"data": {"orbVersion": self._version(asked, request)}})
        assert body["query"] == _VERSIONS, body
        assert variables["count"] >= 100
        return web.json_response({"data": {"orb": self._versions(asked, request)}})

    def _patience(self, asked: str) -> Coroutine[Any, Any, object]:
        assert self._all_here is not None
        if len(self.asked) >= self.wait_for:
            self._all_here.set()
        if asked == self.hang_at:
            self.hanging.release()
            return asyncio.sleep(3600)
        return self._all_here.wait()

    def _may_see(self, orb: str, request: web.Request) -> bool:
        return orb not in self.private or request.headers.get("Authorization") == self.token

    def _version(self, reference: str, request: web.Request) -> dict[str, Any] | None:
        orb, _, wanted = reference.partition("@")
        found = reference if reference in self.orbs else ""
        if not found and self.knows_parts and not wanted.startswith("dev:"):
            fitting = [
                each
                for each in self.orbs
                if each.startswith(f"{orb}@") and (wanted == "volatile" or each.startswith(f"{reference}."))
            ]
            found = max(fitting, key=_order, default="")
        if not found or not self._may_see(orb, request):
            return None
        return {"version": found.partition("@")[2], "source": self.orbs[found], "orb": {"name": orb}}

    def _versions(self, orb: str, request: web.Request) -> dict[str, Any] | None:
        listed = [each.partition("@")[2] for each in self.orbs if each.startswith(f"{orb}@")]
        if not listed or not self._may_see(orb, request):
            return None
        return {"versions": [{"version": version} for version in sorted(listed)]}


def _order(reference: str) -> tuple[int, ...]:
    return tuple(int(part) for part in reference.partition("@")[2].split(".") if part.isdigit())
