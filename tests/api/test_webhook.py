"""The door for forges: what it answers, what it hands on, what it counts, and what it never says."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import hmac
import io
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.cluster.waiting import until
from todoke.api.metrics import Metrics
from todoke.api.server import serving
from todoke.api.webhook import MOST_BYTES, Webhooks
from todoke.model.credentials import SecretText
from todoke.model.webhooks import Push
from todoke.source.hooks.events import receive

SECRET = "correct horse"
URL = "https://git.example.org/acme/private-shop.git"
BODY = json.dumps({"ref": "refs/heads/main", "after": "b" * 40, "repository": {"clone_url": URL}}).encode()
EVENT = {"X-GitHub-Event": "push", "Content-Type": "application/json"}


def signed(body: bytes = BODY) -> dict[str, str]:
    return EVENT | {"X-Hub-Signature-256": "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()}


class Door:
    """The server with the real reader of events; notes what was handed on."""

    def __init__(self, most_held: int = 4 * MOST_BYTES, **keys: str) -> None:
        self.pushed: list[Push] = []
        self.ready = True
        self.metrics = Metrics()
        held = [{f"webhook.{name}.secret": SecretText(text) for name, text in keys.items()}]
        hooks = Webhooks(
            lambda headers, body: receive(headers, body, held),
            self.pushed.extend,
            lambda: self.ready,
            self.metrics,
            most_held=most_held,
        )
        self._serving = serving("127.0.0.1:0", lambda: self.ready, self.metrics.text, hooks.routes())

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Door]:
        async with self._serving as self.address, aiohttp.ClientSession() as self.session:
            yield self

    async def post(self, body: Any = BODY, path: str = "/api/webhook", **headers: str) -> tuple[int, str]:
        async with self.session.post(f"http://{self.address}{path}", data=body, headers=headers) as answer:
            return answer.status, await answer.text()

    @property
    def counted(self) -> dict[tuple[str, str], float]:
        """Events by provider and outcome."""
        return {
            (sample.labels["provider"], sample.labels["outcome"]): sample.value
            for family in text_string_to_metric_families(self.metrics.text().decode())
            for sample in family.samples
            if sample.name == "todoke_webhook_events_total"
        }


async def test_a_signed_event_is_handed_on() -> None:
    async with Door(github=SECRET).open() as door:
        assert await door.post(**signed()) == (200, "ok\n")
        assert [push.urls for push in door.pushed] == [(URL,)]
        assert door.counted == {("github", "signed"): 1}


@pytest.mark.parametrize("headers", [EVENT, signed(b"{}"), EVENT | {"X-Hub-Signature-256": "sha256="}])
async def test_an_event_without_the_right_signature_does_nothing(
    headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with Door(github=SECRET).open() as door:
        status, text = await door.post(**headers)
        assert status == 401
        assert "webhook.github.secret of Secret argocd-secret or todoke-secret" in text
        assert door.pushed == []
        assert door.counted == {("github", "not_signed"): 1}
        for place in (text, caplog.text, door.metrics.text().decode()):
            assert SECRET not in place
            assert "private-shop" not in place


async def test_without_a_secret_an_event_is_taken_and_counted_as_unsigned() -> None:
    async with Door().open() as door:
        assert await door.post(**EVENT) == (200, "ok\n")
        assert len(door.pushed) == 1
        assert door.counted == {("github", "unsigned"): 1}


async def test_a_ping_does_nothing() -> None:
    async with Door(github=SECRET).open() as door:
        assert await door.post(**(signed() | {"X-GitHub-Event": "ping"})) == (200, "ok: nothing to do\n")
        assert door.pushed == []
        assert door.counted == {("github", "nothing"): 1}


async def test_what_is_not_understood_is_said() -> None:
    async with Door().open() as door:
        assert (await door.post())[0] == 400
        status, text = await door.post(**(EVENT | {"X-GitHub-Event": "issues"}))
        assert (status, "push and ping are understood" in text) == (400, True)
        status, text = await door.post(b'{"x":' * 100_000, **EVENT)
        assert (status, "the body is not the JSON" in text) == (400, True)
        assert door.counted == {("unknown", "not_understood"): 1, ("github", "not_understood"): 2}


async def test_our_own_form_has_an_address_of_its_own() -> None:
    async with Door(generic=SECRET).open() as door:
        body = json.dumps({"repository": URL}).encode()
        kind = {"Content-Type": "application/json"}
        login = {"Authorization": f"Bearer {SECRET}"}
        assert (await door.post(body, "/api/webhook/generic", **kind))[0] == 401
        assert await door.post(body, "/api/webhook/generic", **kind, **login) == (200, "ok\n")
        assert await door.post(body, "/api/webhook", **kind, **login, **{"x-todoke-event": "push"}) == (200, "ok\n")
        assert await door.post(b"{}", "/api/webhook/generic", **kind, **login, **{"x-todoke-event": "ping"}) == (
            200,
            "ok: nothing to do\n",
        )
        assert [push.urls for push in door.pushed] == [(URL,), (URL,)]


async def test_only_post() -> None:
    async with Door().open() as door:
        for path in ("/api/webhook", "/api/webhook/generic"):
            async with door.session.get(f"http://{door.address}{path}") as answer:
                assert answer.status == 405


async def test_a_large_event_is_read() -> None:
    body = json.dumps(json.loads(BODY) | {"filler": "x" * 2_000_000}).encode()
    async with Door(github=SECRET).open() as door:
        assert await door.post(io.BytesIO(body), **signed(body)) == (200, "ok\n")
        assert len(door.pushed) == 1


async def test_a_body_that_is_too_large_is_refused_before_it_comes() -> None:
    async with Door().open() as door:
        reader, writer = await asyncio.open_connection(*door.address.split(":"))
        head = (
            f"POST /api/webhook HTTP/1.1\r\nHost: x\r\nX-GitHub-Event: push\r\nContent-Length: {MOST_BYTES + 1}\r\n\r\n"
        )
        writer.write(head.encode())
        assert b" 413 " in await reader.readline()
        writer.close()
        await writer.wait_closed()
        assert door.counted == {("unknown", "refused"): 1}


async def test_a_body_that_does_not_say_how_large_it_is_is_cut_off() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(MOST_BYTES // 2**20 + 2):
            yield b"x" * 2**20

    async with Door().open() as door:
        try:
            status, text = await door.post(chunks(), **EVENT)
            assert (status, text) == (413, "the body is larger than 25 MiB\n")
        except aiohttp.ClientConnectionError:  # the answer was overtaken by the end of the connection
            pass
        assert door.counted == {("unknown", "refused"): 1}
        assert await door.post(**EVENT) == (200, "ok\n")


async def test_what_all_bodies_take_together_is_bounded_and_given_back() -> None:
    async with Door(most_held=len(BODY) + 100).open() as door:
        _reader, writer = await asyncio.open_connection(*door.address.split(":"))
        head = "POST /api/webhook HTTP/1.1\r\nHost: x\r\nX-GitHub-Event: push\r\nContent-Length: 1000\r\n\r\n"
        try:
            writer.write(head.encode() + b"x" * 200)  # and the rest is kept back
            await writer.drain()
            answer = await until(lambda: door.post(**EVENT), lambda answer: answer[0] != 200, seconds=5)
            assert answer == (503, "too many events at once: send this one again\n")
        finally:
            writer.close()
            await writer.wait_closed()
        assert await until(lambda: door.post(**EVENT), lambda answer: answer[0] != 503) == (200, "ok\n")


async def test_a_compressed_body_is_refused() -> None:
    async with Door().open() as door:
        status, text = await door.post(gzip.compress(BODY), **EVENT, **{"Content-Encoding": "gzip"})
        assert (status, text) == (415, "the body is compressed: send it as it is\n")
        assert door.pushed == []


async def test_before_it_is_ready_the_forge_is_asked_to_send_the_event_again() -> None:
    async with Door(github=SECRET).open() as door:
        door.ready = False
        status, text = await door.post(**signed())
        assert (status, "send the event again" in text) == (503, True)
        door.ready = True
        assert await door.post(**signed()) == (200, "ok\n")
        assert len(door.pushed) == 1
