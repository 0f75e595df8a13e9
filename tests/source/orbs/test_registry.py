"""What a registry may answer, and what of it is believed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from aiohttp import web

from tests.source.orbs.registry import JOB, OrbRegistry
from todoke.model.credentials import SecretText
from todoke.model.errors import Blocked, DeliveryError, Unreachable
from todoke.model.orb_locks import LARGEST_ORB, GitPlace, git_place, reference_of
from todoke.source.orbs.market import token_of
from todoke.source.orbs.registry import Registry, may_lead

SECRET = "t0p-secret"


@pytest.fixture
def server() -> Iterator[OrbRegistry]:
    with OrbRegistry() as running:
        running.orbs["acme/own@1.0.0"] = JOB
        running.token = SECRET
        yield running


async def published(server: OrbRegistry, reference: str = "acme/own@1", seconds: float = 20) -> str:
    """The text that is found with a token, or what is said instead."""
    asked = reference_of(reference)
    assert asked is not None
    registry = Registry(server.url, SecretText(SECRET), seconds)
    try:
        return (await registry.published(asked)).text
    except DeliveryError as error:
        assert SECRET not in f"{error} {error!r}"
        return f"{type(error).__name__}: {error}"
    finally:
        await registry.close()


def told(data: object, status: int = 200) -> Callable[[web.Request], web.StreamResponse]:
    """An answer whatever is asked."""
    body = data if isinstance(data, str) else json.dumps(data)
    return lambda _: web.Response(text=body, status=status)


def version(source: str = JOB, version: str = "1.0.0", name: str = "acme/own") -> dict[str, object]:
    return {"data": {"orbVersion": {"version": version, "source": source, "orb": {"name": name}}}}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (told(version(name="evil/own")), "was asked for acme/own@1 and answered evil/own@1.0.0"),
        (told(version(version="2.0.0")), "was asked for acme/own@1 and answered acme/own@2.0.0"),
        (told(version(version="10.0.0")), "answered acme/own@10.0.0"),
        (told(version(version="1.x")), "answered acme/own@1.x"),
        (told(version("a: \ud800")), "that is no text"),
        (told({"data": {"orbVersion": {"version": "1.0.0"}}}), "gave no version and source"),
        (told({"data": {"orbVersion": [1]}}), "gave no version and source"),
        (told({"data": None, "errors": [{"message": f"no, {SECRET}"}]}), "refuses the orb acme/own@1: no, ***"),
        (told({"data": None, "errors": "no"}), "refuses the orb acme/own@1"),
        (told({"message": "not found"}, 404), "refuses the orb acme/own@1: not found"),
        (told("<html>"), "answered 200 and no GraphQL"),
        (told("[" * 100_000), "answered 200 and no GraphQL"),
        (told("", 401), "refuses the token"),
        (told("", 503), "Unreachable: Orb registry"),
        (told("", 429), "answered 429"),
        (told(version("x" * (LARGEST_ORB + 1))), "Orb acme/own@1: is larger than 4 MiB"),
        (told("x" * (3 * LARGEST_ORB + 1)), "its answer is larger than 12 MiB"),
    ],
)
async def test_answers_that_are_not_believed(
    server: OrbRegistry, answer: Callable[[web.Request], web.StreamResponse], said: str
) -> None:
    server.answer = answer
    assert said in await published(server)


async def test_no_answer_in_time_is_told(server: OrbRegistry) -> None:
    server.hang_at = "acme/own@1"
    assert "Unreachable" in (said := await published(server, seconds=0.2))
    assert "gave no answer in 0.2 s" in said


async def test_a_redirect_to_http_or_elsewhere_is_not_followed(server: OrbRegistry) -> None:
    with OrbRegistry() as other:
        for place in (f"{server.url}?again", other.url, "https://registry.example.com/graphql", "file:///etc/passwd"):
            server.answer = lambda _, place=place: web.Response(status=307, headers={"Location": place})  # type: ignore[misc]
            said = await published(server)
            assert "Only https:// on the same host is followed" in said
        assert other.headers == []
    assert len(server.headers) == 4


@pytest.mark.parametrize(
    ("asked", "there", "followed"),
    [
        ("https://a.example/x", "https://a.example/y", True),
        ("https://a.example/x", "http://a.example/y", False),
        ("https://a.example/x", "https://b.example/y", False),
        ("https://a.example/x", "https://a.example:8443/y", False),
        ("https://a.example/x", "https://user@a.example/y", False),
        ("http://localhost:80/x", "https://localhost/y", True),
    ],
)
def test_where_a_redirect_may_lead(asked: str, there: str, followed: bool) -> None:
    assert may_lead(asked, there) is followed


async def test_what_is_asked_bears_the_token_and_nothing_of_the_environment(server: OrbRegistry) -> None:
    assert await published(server) == JOB
    headers = server.headers[0]
    assert (headers["Authorization"], headers["Content-Type"]) == (SECRET, "application/json")
    assert "Cookie" not in headers


async def test_where_an_address_must_be_encrypted() -> None:
    for address in ("http://registry.example.com/", "http://10.0.0.1/", "registry.example.com", "https://"):
        with pytest.raises(Blocked, match="--registry"):
            Registry(address, SecretText())
    for address in ("http://[::1]:8080/", "http://127.0.0.1/", "http://localhost:9/", "https://registry.example.com"):
        await Registry(address, SecretText()).close()


async def test_a_server_that_is_gone_is_told(server: OrbRegistry) -> None:
    server.stop()
    registry = Registry(server.url, SecretText())
    with pytest.raises(Unreachable, match="cannot be reached: Connect call failed"):
        await registry.published(reference_of("acme/own@1"))  # type: ignore[arg-type]
    await registry.close()


def test_our_own_token_comes_first() -> None:
    assert token_of({"CIRCLECI_CLI_TOKEN": "a", "TODOKE_ORB_TOKEN": "b"}).reveal() == "b"
    assert token_of({"CIRCLECI_CLI_TOKEN": "a\n", "TODOKE_ORB_TOKEN": " "}).reveal() == "a"
    assert not token_of({})


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("https://git.example.com/a/b.git:src", GitPlace("https://git.example.com/a/b.git", "", "src")),
        ("https://git.example.com:8443/b@v1.2:src/own/", GitPlace("https://git.example.com:8443/b", "v1.2", "src/own")),
        ("https://me@git.example.com/b@feat/x:o.yml", GitPlace("https://me@git.example.com/b", "feat/x", "o.yml")),
        ("git@git.example.com:a/b.git@v1:src", GitPlace("git@git.example.com:a/b.git", "v1", "src")),
        ("git@git.example.com:a/b.git:", GitPlace("git@git.example.com:a/b.git", "", "")),
        ("ssh://git@git.example.com/a/b:.", GitPlace("ssh://git@git.example.com/a/b", "", ".")),
        ("/srv/orbs.git@main:x.yml", GitPlace("/srv/orbs.git", "main", "x.yml")),
        ("file:///srv/orbs.git:x.yml", GitPlace("file:///srv/orbs.git", "", "x.yml")),
        ("https://git.example.com/b.git", None),
        ("../orbs:src", None),
        ("git@git.example.com:a/b.git", None),
    ],
)  # fmt: skip
def test_places_in_git(text: str, place: GitPlace | None) -> None:
    assert git_place(text) == place
