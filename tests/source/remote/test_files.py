"""Files by URL: what they may cost, where they may lie, and who gets a login."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web as http

from tests.source.charts.servers import HelmServer, basic
from tests.source.remote.conftest import Place
from todoke.model.credentials import CredentialUse
from todoke.model.errors import Blocked, Unreachable
from todoke.model.remotes import LARGEST_FILE
from todoke.model.sources import SourceSpec


async def test_a_file_is_fetched_where_a_secret_covers_it(place: Place, web: HelmServer) -> None:
    web.files["/a/values.yaml"] = b"x: 1\n"
    url = f"{web.url}/a/values.yaml"
    with pytest.raises(Blocked, match=r"127\.0\.0\.1 is a loopback address, which files in Git may not name") as caught:
        await place.file(url)
    assert "repo-creds Secret" in str(caught.value)
    assert web.requests == []
    place.name(f"{web.url}/a")
    assert await place.file(url) == b"x: 1\n"
    with pytest.raises(Blocked, match="may not name"):
        await place.file(f"{web.url}/b/values.yaml")


async def test_a_file_is_fetched_in_an_allowed_network(open_place: Place, web: HelmServer) -> None:
    web.files["/values.yaml"] = b"x: 1\n"
    assert await open_place.file(f"{web.url}/values.yaml") == b"x: 1\n"
    assert await open_place.file(f"{web.url}/none.yaml") is None


async def test_a_repository_s_secret_covers_that_repository_alone(place: Place, web: HelmServer) -> None:
    web.files |= {"/org/repo/raw/a.yaml": b"a", "/org/repo-evil/raw/a.yaml": b"b"}
    place.login(f"{web.url}/org/repo.git", use=CredentialUse.REPOSITORY)
    assert await place.file(f"{web.url}/org/repo/raw/a.yaml") == b"a"
    assert web.requests[-1].authorization == basic("taro", "taro-pass")
    with pytest.raises(Blocked, match="may not name"):
        await place.file(f"{web.url}/org/repo-evil/raw/a.yaml")


async def test_a_login_does_not_follow_to_another_host(place: Place, web: HelmServer) -> None:
    other = HelmServer()
    await other.start("localhost")
    try:
        other.files["/b"] = b"b"
        web.moved["/a"] = f"{other.url}/b"
        place.login(f"{web.url}/a", other.url)
        assert await place.file(f"{web.url}/a") == b"b"
        assert (web.requests[-1].authorization, other.requests[-1].authorization) == (basic("taro", "taro-pass"), "")
    finally:
        await other.stop()


@pytest.mark.parametrize("target", ["http://169.254.169.254/latest/meta-data", "http://[::ffff:10.0.0.1]/x"])
async def test_a_redirect_to_a_private_address_is_refused(place: Place, web: HelmServer, target: str) -> None:
    web.moved["/a"] = target
    place.name(f"{web.url}/a")
    with pytest.raises(Blocked, match="address, which files in Git may not name"):
        await place.file(f"{web.url}/a")


async def test_redirects_have_an_end(open_place: Place, web: HelmServer) -> None:
    web.moved |= {f"/{number}": f"/{number + 1}" for number in range(10)}
    web.files |= {"/5": b"five", "/9": b"nine"}
    del web.moved["/5"]
    assert await open_place.file(f"{web.url}/0") == b"five"
    web.moved["/5"] = "/6"
    with pytest.raises(Blocked, match="redirected in circles"):
        await open_place.file(f"{web.url}/0")
    assert web.requests[-1].path == "/5"


@pytest.mark.parametrize(("status", "kind"), [(403, Blocked), (401, Blocked), (400, Blocked), (500, Unreachable)])
async def test_what_the_server_says_is_told_without_secrets(
    open_place: Place, web: HelmServer, status: int, kind: type[Exception]
) -> None:
    web.fails["/a.yaml"] = status
    url = web.url.replace("http://", "http://me:s3cret@")
    with pytest.raises(kind, match=f"HTTP {status}") as caught:
        await open_place.file(f"{url}/a.yaml?token=t0ken")
    assert "s3cret" not in str(caught.value)
    assert "t0ken" not in str(caught.value)
    assert web.requests[-1].authorization == basic("me", "s3cret")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "/etc/passwd", "ftp://example.com/a"])
async def test_only_web_addresses_are_fetched(open_place: Place, url: str) -> None:
    with pytest.raises(Blocked):
        await open_place.file(url)


@pytest.fixture
async def endless() -> AsyncIterator[tuple[str, list[int]]]:
    """A server that sends a gigabyte, and what it has sent."""
    sent = [0]

    async def answer(request: http.Request) -> http.StreamResponse:
        response = http.StreamResponse()
        await response.prepare(request)
        try:
            while sent[0] < 1 << 30:
                await response.write(bytes(1 << 20))
                sent[0] += 1 << 20
                await asyncio.sleep(0)
        except ConnectionResetError:
            pass
        return response

    application = http.Application()
    application.router.add_get("/{path:.*}", answer)
    runner = http.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = http.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}", sent  # type: ignore[union-attr]
    await runner.cleanup()


async def test_a_file_without_an_end_is_given_up(open_place: Place, endless: tuple[str, list[int]]) -> None:
    url, sent = endless
    with pytest.raises(Blocked, match="larger than 10 MiB"):
        await open_place.file(f"{url}/a.yaml")
    assert sent[0] < 4 * LARGEST_FILE


async def test_a_project_must_permit_the_file(open_place: Place, web: HelmServer) -> None:
    web.files["/a.yaml"] = b"a"
    with pytest.raises(Blocked, match="does not permit it"):
        await open_place.file(f"{web.url}/a.yaml", lambda _url: False)
    assert web.requests == []
    assert await open_place.file(f"{web.url}/a.yaml", lambda url: url.startswith(web.url)) == b"a"


async def test_a_proxy_is_asked_wherever_it_is_and_for_no_private_address(
    place: Place, web: HelmServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", web.url)
    monkeypatch.delenv("no_proxy", raising=False)
    web.files["/a.yaml"] = b"a"
    assert await place.file("http://values.example.com/a.yaml") == b"a"
    with pytest.raises(Blocked, match="private address"):
        await place.file("http://10.0.0.1/a.yaml")
    assert len(web.requests) == 1


@pytest.mark.parametrize("query", ["?", "?x", "?x="])
async def test_a_query_that_looks_like_a_login_opens_no_guard_and_gets_no_login(
    place: Place, open_place: Place, web: HelmServer, query: str
) -> None:
    """`http://evil?@git.example/team` is asked of `evil`, and only looks as if it began with a Secret's URL."""
    url = f"{web.url}{query}@git.example/team/a.yaml"
    web.files["/"] = b"a: 1"
    for one in (place, open_place):
        one.login("http://git.example/team", use=CredentialUse.TEMPLATE)
    with pytest.raises(Blocked, match="may not name"):
        await place.file(url)
    assert await open_place.file(url) == b"a: 1"
    with pytest.raises(Blocked, match="Repository"):
        await open_place.latest(SourceSpec(url), "main")
    assert web.requests
    assert not any(request.authorization for request in web.requests)


@pytest.mark.parametrize("mark", ["?", "#"])
async def test_a_redirect_to_what_looks_like_a_login_opens_no_guard(place: Place, web: HelmServer, mark: str) -> None:
    there = web.url.replace("127.0.0.1", "localhost")
    web.moved["/a.yaml"] = f"{there}{mark}@git.example/team"
    web.files["/"] = b"a: 1"
    place.login(f"{web.url}/a.yaml", "http://git.example/team")
    with pytest.raises(Blocked, match="may not name"):
        await place.file(f"{web.url}/a.yaml")
    assert len(web.requests) == 1
