"""The HTTP door: alive, ready, metrics; and addresses that cannot be listened on."""

from __future__ import annotations

import socket

import aiohttp
import pytest

from todoke.api.metrics import Metrics
from todoke.api.server import serving
from todoke.model.errors import Blocked


async def fetch(address: str, path: str) -> tuple[int, str, str]:
    """Status, body and content type."""
    async with aiohttp.ClientSession() as session, session.get(f"http://{address}{path}") as answer:
        return answer.status, await answer.text(), answer.headers["Content-Type"]


async def test_it_lives_at_once_and_is_ready_later() -> None:
    ready = False
    async with serving("127.0.0.1:0", lambda: ready, Metrics().text) as address:
        assert (await fetch(address, "/healthz"))[:2] == (200, "ok\n")
        status, text, _ = await fetch(address, "/readyz")
        assert (status, text) == (503, "not ready: the first list of the cluster is not finished\n")
        ready = True
        assert (await fetch(address, "/readyz"))[:2] == (200, "ok\n")
        assert (await fetch(address, "/nothing"))[0] == 404


async def test_metrics_are_served_in_the_exposition_format() -> None:
    metrics = Metrics()
    metrics.count("argocd_git_fetch_fail_total")
    async with serving("127.0.0.1:0", lambda: True, metrics.text) as address:
        status, text, kind = await fetch(address, "/metrics")
    assert status == 200
    assert kind.startswith("text/plain; version=0.0.4")
    assert "# TYPE argocd_app_info gauge" in text
    assert "argocd_git_fetch_fail_total 1.0" in text


async def test_a_taken_port_is_said() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(Blocked, match=f"listen: {listen}: .*Choose another address") as refused:
            async with serving(listen, lambda: True, Metrics().text):
                pass
        assert "in use" in str(refused.value)


@pytest.mark.parametrize("listen", ["no-such-host.invalid:8080", "203.0.113.7:8080"])
async def test_an_address_that_is_not_ours_is_said(listen: str) -> None:
    with pytest.raises(Blocked, match=r"listen.*Choose another address"):
        async with serving(listen, lambda: True, Metrics().text):
            pass


async def test_the_port_is_free_again_afterwards() -> None:
    async with serving("127.0.0.1:0", lambda: True, Metrics().text) as address:
        pass
    async with serving(address, lambda: True, Metrics().text) as again:
        assert again == address
