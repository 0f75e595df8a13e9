"""Random requests of three managers over HTTP, deletions among them: both servers answer the same after each."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.sandbox.conftest import COLLECTIONS, GROUP, Json, definitions
from tests.sandbox.contract.player import Server
from tests.sandbox.contract.test_scripts import play
from tests.sandbox.test_fields_random import KINDS, MANAGERS

pytestmark = pytest.mark.plane

SEEDS = range(40)
REQUESTS = 14
MOVED_BY_NOBODY = ("ConfigMap", "Service", "Typed", "Loose")
"""Controllers write to the others, each server's in its own time."""
NAMES = ("one", "two")


def script(seed: int) -> list[Json]:
    """The same for the same seed."""
    dice = random.Random(seed)
    kind = MOVED_BY_NOBODY[seed % len(MOVED_BY_NOBODY)]
    return [step for _ in range(REQUESTS) for step in _request(dice, kind)]


def _request(dice: random.Random, kind: str) -> list[Json]:
    """One write, and a look at what it left."""
    group, version, plural = COLLECTIONS[kind]
    collection = f"/apis/{group}/{version}" if group else f"/api/{version}"
    collection += f"/namespaces/{{ns}}/{plural}"
    name, by = dice.choice(NAMES), dice.choice(MANAGERS)
    place = f"{collection}/{name}"
    head = {"apiVersion": f"{group}/{version}" if group else version, "kind": kind}
    body = head | _without_nulls(KINDS[kind](dice))
    whole = body | {"metadata": body["metadata"] | {"name": name}}
    asks: list[tuple[int, Json]] = [
        (6, {"PATCH": place + dice.choice(["", "?force=true"]), "type": "apply", "body": whole, "as": by}),
        (2, {"POST": collection, "body": whole, "as": by}),
        (2, {"PUT": place, "body": whole, "as": by}),
        (2, {"PATCH": place, "type": "merge", "body": body, "as": by}),
        (1, {"PATCH": place, "type": "merge", "body": {"metadata": {"finalizers": None}}, "as": by}),
        (1, {"PATCH": place + "?dryRun=All", "type": "merge", "body": body, "as": by}),
        (1, {"PATCH": place, "type": "strategic", "body": body, "as": by}),
        (2, {"DELETE": place}),
    ]
    weights, steps = zip(*asks, strict=True)
    (step,) = dice.choices(steps, weights)
    return [step, {"GET": place}]


def _without_nulls(value: Any) -> Any:
    """The real server keeps an applied free-form null until the next request, which changes nothing."""
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    return value


@pytest.fixture(scope="module", autouse=True)
def kinds(sandbox_server: Server, real_server: Server) -> None:
    """The custom kinds, served by both."""
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    for server in (sandbox_server, real_server):
        for definition in definitions():
            server.ask("POST", path, definition)  # another test may have made it
        served = [
            {"GET": f"/apis/{GROUP}/v1/namespaces/{{ns}}/{plural}", "until": {"apiVersion": f"{GROUP}/v1"}}
            for plural in ("looses", "typeds")
        ]
        play(server, served)


@pytest.mark.parametrize("seed", SEEDS)
def test_random_requests(seed: int, sandbox_server: Server, real_server: Server) -> None:
    steps = script(seed)
    mine, real = play(sandbox_server, steps), play(real_server, steps)
    for number, (step, ours, theirs) in enumerate(zip(steps, mine, real, strict=True), 1):
        if f"/apis/{GROUP}/" in str(step):
            ours, theirs = map(_without_version, (ours, theirs))
        assert ours == theirs, f"step {number}: {step}"


def _without_version(told: Any) -> Any:
    """The real server writes some applied objects again at the first request that changes nothing."""
    status, body, *warnings = told
    metadata = {name: value for name, value in body.get("metadata", {}).items() if name != "resourceVersion"}
    return [status, body | {"metadata": metadata}, *warnings]
