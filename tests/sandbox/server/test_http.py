"""HTTP itself: connections, bodies, limits, errors."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.sandbox.server.serving import Serving, refusal
from tests.sandbox.server.wire import Wire

MIB = 1024 * 1024


@pytest.fixture
def wire(serving: Serving) -> Iterator[Wire]:
    """A connection as admin."""
    with Wire(serving.admin) as opened:
        yield opened


def test_a_connection_is_kept(wire: Wire) -> None:
    for _ in range(3):
        wire.ask("GET", "/version")
        assert wire.answer().body["minor"] == "37"


def test_requests_in_a_row_are_answered_in_order(wire: Wire) -> None:
    paths = ["/version", "/api", "/nope", "/api/v1/namespaces/default"]
    wire.send(b"".join(wire.head("GET", path) for path in paths))
    assert [wire.answer().status for _ in paths] == [200, 200, 404, 200]


def test_requests_behind_a_watch_wait_for_its_end(wire: Wire) -> None:
    watch = wire.head("GET", "/api/v1/namespaces/default/secrets?watch=1&timeoutSeconds=1")
    wire.send(watch + wire.head("GET", "/version") * 20)
    assert wire.answer().status == 200
    assert [wire.answer().status for _ in range(20)] == [200] * 20


def test_a_connection_that_is_not_to_be_kept_is_closed(wire: Wire) -> None:
    wire.ask("GET", "/version", Connection="close")
    assert wire.answer().headers["connection"] == "close"
    assert wire.is_closed


def test_a_body_may_come_in_chunks(wire: Wire, place: str) -> None:
    body = json.dumps({"metadata": {"name": "chunked"}}).encode()
    headers = {"Transfer_Encoding": "chunked", "Content_Type": "application/json"}
    wire.send(wire.head("POST", f"/api/v1/namespaces/{place}/configmaps", **headers))
    for letter in (body[:5], body[5:]):
        wire.send(b"%x\r\n%s\r\n" % (len(letter), letter))
    wire.send(b"0\r\n\r\n")
    assert wire.answer().status == 201


def test_who_asks_before_sending_a_body_is_told_to_go_on(wire: Wire, place: str) -> None:
    body = json.dumps({"metadata": {"name": "expected"}}).encode()
    headers = {"Expect": "100-continue", "Content_Length": str(len(body)), "Content_Type": "application/json"}
    wire.send(wire.head("POST", f"/api/v1/namespaces/{place}/configmaps", **headers))
    assert wire.begin() == (100, {})
    wire.send(body)
    assert wire.answer().status == 201


def test_a_body_that_is_too_large_is_refused_and_the_connection_goes_on(wire: Wire, place: str) -> None:
    body = json.dumps({"metadata": {"name": "large"}, "data": {"a": "x" * (3 * MIB)}}).encode()
    wire.ask("POST", f"/api/v1/namespaces/{place}/configmaps", body, Content_Type="application/json")
    answer = wire.answer()
    assert answer.status == 413
    assert answer.body["message"] == "Request entity too large: limit is 3145728"
    assert answer.body["reason"] == "RequestEntityTooLarge"
    wire.ask("GET", "/version")
    assert wire.answer().status == 200


def test_a_head_that_is_too_large_is_refused(wire: Wire) -> None:
    wire.ask("GET", "/version", Junk="x" * 70_000)
    assert wire.answer().status == 431
    assert wire.is_closed


@pytest.mark.parametrize(
    "data", [b"nonsense\r\n\r\n", b"GET /version HTTP/9.7\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n"]
)
def test_what_is_not_http_is_refused(serving: Serving, data: bytes) -> None:
    with Wire(serving.admin) as wire:
        wire.send(data)
        assert wire.answer().status == 400
        assert wire.is_closed


def test_an_answer_to_head_has_no_body(wire: Wire) -> None:
    wire.ask("HEAD", "/version")
    assert wire.answer(bodiless=True).status == 200
    wire.ask("GET", "/version")
    assert wire.answer().status == 200


def test_an_upgrade_is_refused_in_words(wire: Wire, place: str, serving: Serving) -> None:
    pods = f"/api/v1/namespaces/{place}/pods"
    pod = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "a", "image": "b"}]}}
    assert serving.admin.ask("POST", pods, pod).status == 201
    wire.ask("POST", f"{pods}/p/exec?command=ls", Connection="Upgrade", Upgrade="SPDY/3.1")
    answer = wire.answer()
    assert answer.status == 501
    assert answer.body["message"].startswith("exec is not offered: the sandbox runs no containers")
    assert wire.is_closed


def test_an_error_of_our_own_is_a_500_and_on_stderr(own: Serving, capfd: pytest.CaptureFixture[str]) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("of the test")

    own.api.list = broken  # type: ignore[method-assign,assignment]
    code, reason, message = refusal(own.admin.ask("GET", "/api/v1/pods"))
    assert (code, reason) == (500, "InternalError")
    assert "ZeroDivisionError" in message
    assert "of the test" not in message
    assert "of the test" in capfd.readouterr().err
    assert own.admin.ask("GET", "/version").status == 200


def test_a_stop_ends_watches_properly(own: Serving) -> None:
    with Wire(own.admin) as wire:
        wire.ask("GET", "/api/v1/secrets?watch=1")
        assert wire.begin()[0] == 200
        own.stop_serving()
        assert list(wire.pieces()) == []
        assert wire.is_closed


def test_paths_are_unquoted(serving: Serving) -> None:
    assert serving.admin.ask("GET", "/api/v1/name%73paces/def%61ult").body["metadata"]["name"] == "default"
    assert serving.admin.ask("GET", "/api/v1/namespaces/default/secrets/a%2Fb").status == 404


def test_the_manager_is_named_by_the_client(serving: Serving, place: str) -> None:
    body = {"metadata": {"name": "agent"}, "data": {"a": "b"}}
    path = f"/api/v1/namespaces/{place}/configmaps"
    made = serving.admin.ask("POST", path, body, {"User-Agent": "some-client/1.2 (linux)"}).body
    assert made["metadata"]["managedFields"][0]["manager"] == "some-client"
    body["data"] = {"a": "c"}
    put = serving.admin.ask("PUT", f"{path}/agent?fieldManager=named", body, {"User-Agent": "some-client/1.2"}).body
    assert {entry["manager"] for entry in put["metadata"]["managedFields"]} == {"some-client", "named"}


@pytest.mark.parametrize("body", [b"[" * 100_000, b"a: " + b"{x: " * 60_000, b"- " * 100_000 + b"x"])
def test_yaml_that_is_nested_too_deep_is_refused_and_the_server_goes_on(wire: Wire, place: str, body: bytes) -> None:
    path = f"/api/v1/namespaces/{place}/configmaps"
    wire.ask("POST", path, body, Content_Type="application/yaml")
    assert wire.answer().status == 400
    wire.ask("PATCH", f"{path}/a?fieldManager=x", body, Content_Type="application/apply-patch+yaml")
    assert wire.answer().status == 400
    wire.ask("GET", "/version")
    assert wire.answer().status == 200
