"""Logs: which lines, and in which form."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.sandbox.contract.player import TYPES
from tests.sandbox.server.serving import Serving, refusal
from tests.sandbox.server.wire import Wire

Json = dict[str, Any]


@pytest.fixture
def log(own: Serving) -> Iterator[str]:
    """The path of the log of a Pod with five lines, one a minute until now."""
    own.namespace("logs")
    pods = "/api/v1/namespaces/logs/pods"
    containers = [{"name": "a", "image": "x"}, {"name": "b", "image": "x"}]
    body = {"metadata": {"name": "p"}, "spec": {"containers": containers, "nodeName": "n"}}
    assert own.admin.ask("POST", pods, body).status == 201
    now = own.clock()
    own.logs.lines["a"] = [(now - timedelta(minutes=5 - n), f"line {n}") for n in range(5)]
    own.logs.lines["a before"] = [(now - timedelta(hours=1), "the run before")]
    yield f"{pods}/p/log?container=a"


def lines(own: Serving, path: str) -> list[str]:
    """The lines of an answer."""
    answer = own.admin.ask("GET", path)
    assert answer.headers["Content-Type"] == "text/plain"
    return answer.content.decode().splitlines()


def test_which_lines(own: Serving, log: str) -> None:
    assert lines(own, log) == [f"line {n}" for n in range(5)]
    assert lines(own, f"{log}&tailLines=2") == ["line 3", "line 4"]
    assert lines(own, f"{log}&tailLines=0") == []
    assert lines(own, f"{log}&sinceSeconds=130") == ["line 3", "line 4"]
    assert lines(own, f"{log}&previous=true") == ["the run before"]
    assert lines(own, f"{log}&limitBytes=9") == ["line 0", "li"]
    since = own.logs.lines["a"][4][0].strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert lines(own, f"{log}&sinceTime={since}") == ["line 4"]


def test_times(own: Serving, log: str) -> None:
    time, text = lines(own, f"{log}&timestamps=true&tailLines=1")[0].split(" ", 1)
    assert text == "line 4"
    assert time == own.logs.lines["a"][4][0].strftime("%Y-%m-%dT%H:%M:%S.%f000Z")


def test_a_log_is_followed_until_its_container_ends(own: Serving, log: str) -> None:
    with Wire(own.admin) as wire:
        wire.ask("GET", f"{log}&follow=true&tailLines=1")
        wire.begin()
        pieces = wire.pieces()
        assert next(pieces) == b"line 4\n"
        own.logs.lines["a"].append((own.clock(), "line 5"))
        assert next(pieces) == b"line 5\n"
        own.logs.lines["a"].append((own.clock(), "last"))
        ended = {"name": "a", "image": "x", "imageID": "", "ready": False, "restartCount": 0}
        status = {"phase": "Failed", "containerStatuses": [ended | {"state": {"terminated": {"exitCode": 1}}}]}
        patch = own.admin.ask(
            "PATCH",
            "/api/v1/namespaces/logs/pods/p/status",
            {"status": status},
            {"Content-Type": TYPES["merge"]},
        )
        assert patch.status == 200
        assert list(pieces) == [b"last\n"]


def test_a_followed_log_ends_with_its_pod(own: Serving, log: str) -> None:
    with Wire(own.admin) as wire:
        wire.ask("GET", f"{log}&follow=true")
        wire.begin()
        own.admin.ask("DELETE", "/api/v1/namespaces/logs/pods/p?gracePeriodSeconds=0")
        assert b"".join(wire.pieces()).count(b"line") == 5


REFUSED = {
    "": (400, "a container name must be specified for pod p, choose one of: [a b]"),
    "?container=z": (400, "container z is not valid for pod p"),
    "?container=a&tailLines=-1": (
        422,
        'PodLogOptions "p" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0',
    ),
    "?container=a&sinceSeconds=0": (
        422,
        'PodLogOptions "p" is invalid: sinceSeconds: Invalid value: 0: must be greater than 0',
    ),
    "?container=a&tailLines=x": (400, 'strconv.ParseInt: parsing "x": invalid syntax'),
    "?container=a&sinceTime=x": (400, 'parsing time "x": it is no time'),
}


@pytest.mark.usefixtures("log")
@pytest.mark.parametrize(("query", "wanted"), REFUSED.items(), ids=REFUSED)
def test_what_is_refused(own: Serving, query: str, wanted: tuple[int, str]) -> None:
    code, _, message = refusal(own.admin.ask("GET", f"/api/v1/namespaces/logs/pods/p/log{query}"))
    assert (code, message) == wanted


def test_no_pod_no_log(own: Serving) -> None:
    assert refusal(own.admin.ask("GET", "/api/v1/namespaces/default/pods/nope/log"))[0] == 404
