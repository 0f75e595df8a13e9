"""The HTTP door of `todoke serve`: whether it lives, whether it is ready, its metrics, and what else is handed in."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from aiohttp import web

from todoke.model.errors import Blocked


@asynccontextmanager
async def serving(
    listen: str,
    ready: Callable[[], bool],
    metrics: Callable[[], bytes],
    further: Iterable[web.RouteDef] = (),
) -> AsyncIterator[str]:
    """Serve until the context ends; yields the address that is listened on.

    Args:
        listen: `host:port`; port 0 takes a free one.
        further: routes beside health, readiness and metrics.

    Raises:
        Blocked: the address is taken, or is none of this machine's.
    """
    host, _, port = listen.rpartition(":")

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        if ready():
            return web.Response(text="ok\n")
        return web.Response(status=503, text="not ready: the first list of the cluster is not finished\n")

    async def exposition(_: web.Request) -> web.Response:
        return web.Response(body=metrics(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    application = web.Application()
    application.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", exposition)])
    application.add_routes(further)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host.strip("[]") or "127.0.0.1", int(port))
        try:
            await site.start()
        except OSError as error:
            raise Blocked("listen", f"{listen}: {error.strerror}", next_step="Choose another address") from error
        bound = runner.addresses[0]
        yield f"{bound[0]}:{bound[1]}"
    finally:
        await runner.cleanup()
