"""A write ends before the lease does, and none begins without it."""

import asyncio

import pytest
from aiohttp import web

from todoke.cluster.client import KubeClient
from todoke.cluster.connection import Connection
from todoke.model.errors import Unreachable
from todoke.model.telemetry import Silent


async def _slow(request: web.Request) -> web.Response:
    await asyncio.sleep(0.0 if request.method == "GET" else 1.0)
    return web.json_response({})


@pytest.fixture
async def client():
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", _slow)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    async with KubeClient(Connection(f"http://{host}:{port}", "test"), Silent()) as opened:
        yield opened
    await runner.cleanup()


async def test_a_write_lasts_no_longer_than_the_lease(client: KubeClient):
    client.fence = lambda: 0.2
    async with asyncio.timeout(2):
        with pytest.raises(Unreachable):
            await client.request("PATCH", "/api/v1/things/one", subject="thing")
    assert await client.request("GET", "/api/v1/things/one", subject="thing")


async def test_no_write_begins_without_the_lease(client: KubeClient):
    client.fence = lambda: -1.0
    with pytest.raises(Unreachable, match="does not hold the lease"):
        await client.request("PATCH", "/api/v1/things/one", subject="thing")
