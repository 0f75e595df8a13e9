"""Random requests of three managers to one object: the sandbox's functions and the real server agree after each."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable
from typing import Any

import pytest

from tests.cluster.control_plane import ControlPlane
from tests.sandbox.conftest import Json, Twin, place
from todoke_sandbox.schema.loader import Schemas

pytestmark = pytest.mark.plane

SEEDS = range(60)
OPERATIONS = 12
MANAGERS = ("alpha", "beta", "gamma")


def config_map(dice: random.Random) -> Json:
    return {
        "metadata": _metadata(dice),
        "data": {name: dice.choice("12") for name in _some(dice, "abcd")},
    }


def service(dice: random.Random) -> Json:
    ports = [
        {"port": port, "name": f"{protocol.lower()}{port}"}
        | ({"protocol": protocol} if protocol == "UDP" or dice.random() < 0.5 else {})
        | ({"targetPort": dice.choice([8080, "web"])} if dice.random() < 0.3 else {})
        for port, protocol in _some(dice, [(80, "TCP"), (80, "UDP"), (443, "TCP"), (9000, "TCP")], least=1)
    ]
    spec: Json = {"ports": ports}
    if dice.random() < 0.5:
        spec["selector"] = {name: dice.choice("12") for name in _some(dice, "ab", least=1)}
    if dice.random() < 0.3:
        spec["sessionAffinity"] = dice.choice(["None", "ClientIP"])
    return {"metadata": _metadata(dice), "spec": spec}


def deployment(dice: random.Random) -> Json:
    containers = [_container(dice, name) for name in _some(dice, "xyz", least=1)]
    pod: Json = {"containers": containers}
    if dice.random() < 0.3:
        pod["tolerations"] = [{"key": dice.choice("ab"), "operator": "Exists"}]
    if dice.random() < 0.3:
        pod["nodeSelector"] = {name: dice.choice("12") for name in _some(dice, "ab")}
    if dice.random() < 0.3:
        pod["securityContext"] = dice.choice([{}, {"runAsUser": 5}, {"runAsUser": 6, "fsGroup": 0}])
    labels = {"a": "b"} | {name: dice.choice("12") for name in _some(dice, "pq")}
    spec: Json = {"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": labels}, "spec": pod}}
    if dice.random() < 0.4:
        spec["replicas"] = dice.choice([0, 1, 2])
    if dice.random() < 0.2:
        spec["strategy"] = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": dice.choice([1, "30%"])}}
    return {"metadata": _metadata(dice), "spec": spec}


def _container(dice: random.Random, name: str) -> Json:
    made: Json = {"name": name, "image": f"i:{dice.choice('12')}"}
    if dice.random() < 0.5:
        made["env"] = [{"name": key, "value": dice.choice("12")} for key in _some(dice, "ABC")]
    if dice.random() < 0.4:
        made["ports"] = [{"containerPort": port} for port in _some(dice, [80, 443, 8080])]
    if dice.random() < 0.3:
        made["args"] = _some(dice, "abc")
    if dice.random() < 0.3:
        made["resources"] = dice.choice([{}, {"requests": {"cpu": dice.choice(["1", "1000m", "500m"])}}])
    if dice.random() < 0.2:
        made["livenessProbe"] = dice.choice([{"tcpSocket": {"port": 80}}, {"httpGet": {"port": 80, "path": "/x"}}])
    return made


def typed(dice: random.Random) -> Json:
    parts: dict[str, Callable[[], Any]] = {
        "text": lambda: dice.choice("xy"),
        "number": lambda: dice.choice([1, 2]),
        "set": lambda: _some(dice, "abcd"),
        "numbers": lambda: _some(dice, [9, 10, 100]),
        "items": lambda: [_item(dice, name) for name in _some(dice, "abc")],
        "ports": lambda: [
            {"port": port} | dice.choice([{}, {"x": "1"}, {"protocol": "UDP"}]) for port in _some(dice, [80, 443])
        ],
        "plainList": lambda: _some(dice, "ab"),
        "atomicMap": lambda: {name: dice.choice("12") for name in _some(dice, "ab")},
        "granular": lambda: {name: dice.choice("12") for name in _some(dice, "abc")},
        "deep": lambda: {name: {key: dice.choice("12") for key in _some(dice, "xy")} for name in _some(dice, "ab", 1)},
        "struct": lambda: dice.choice([{"a": "1"}, {"b": {"c": "1"}}, {"a": "2", "b": {"c": "2"}}, {"b": {}}]),
        "free": lambda: dice.choice([{}, {"m": {"n": 1}}, {"m": {"o": [1]}}, {"l": [dice.choice([1, 2])]}]),
    }
    spec = {name: parts[name]() for name in _some(dice, list(parts))}
    return {"metadata": _metadata(dice), "spec": spec}


def _item(dice: random.Random, name: str) -> Json:
    return {"name": name} | dice.choice([{}, {"value": dice.choice("12")}, {"count": dice.choice([1, 2])}])


def _metadata(dice: random.Random) -> Json:
    made: Json = {}
    if dice.random() < 0.4:
        made["labels"] = {name: dice.choice("12") for name in _some(dice, "lm")}
    if dice.random() < 0.2:
        made["annotations"] = {name: dice.choice("12") for name in _some(dice, "no")}
    if dice.random() < 0.2:
        made["finalizers"] = [f"a.b/{name}" for name in _some(dice, "123")]
    return made


def _some(dice: random.Random, choices: Any, least: int = 0) -> list[Any]:
    """A few of them, in any order."""
    return dice.sample(list(choices), dice.randint(least, len(choices)))


def loose(dice: random.Random) -> Json:
    spec = {name: _anything(dice, 2) for name in _some(dice, "abcd")}
    return {"metadata": _metadata(dice), "spec": spec} | ({"top": _anything(dice, 1)} if dice.random() < 0.3 else {})


def _anything(dice: random.Random, depth: int) -> Any:
    if depth and dice.random() < 0.6:
        return {name: _anything(dice, depth - 1) for name in _some(dice, "xyz")}
    return dice.choice([1, 2, True, False, "1", [], [1], ["a"], None, {}, 0, "", [{"name": "x"}]])


KINDS = {
    "ConfigMap": config_map,
    "Service": service,
    "Deployment": deployment,
    "Typed": typed,
    "Loose": loose,
}
"""Every seed takes the next one in turn."""


@pytest.mark.parametrize("seed", SEEDS)
def test_random_requests_like_the_real_server(seed: int, plane: ControlPlane, quiet: str, known: Schemas) -> None:
    """Appliers, mostly, with some replaces and patches, writes to the status and resets between them."""
    dice = random.Random(seed)
    kind = list(KINDS)[seed % len(KINDS)]
    twin = Twin(plane, place(known, kind, quiet), f"r-{secrets.token_hex(4)}")
    twin.step(dice.choice(["create", "apply"]), KINDS[kind](dice), by=dice.choice(MANAGERS))
    for _ in range(OPERATIONS):
        if twin.real is None:
            twin.step("create", KINDS[kind](dice), by="alpha")
        else:
            _random_step(dice, twin, KINDS[kind](dice))


def _random_step(dice: random.Random, twin: Twin, body: Json) -> None:
    kind, by = twin.place.kind, dice.choice(MANAGERS)
    if dice.random() < 0.05:
        twin.step("merge", {"metadata": {"managedFields": dice.choice([[], [{}]])}}, by=by)
    elif kind.name == "Typed" and dice.random() < 0.2:
        status = body | {"status": {name: _anything(dice, 1) for name in _some(dice, "pq")}}
        twin.step(dice.choice(["apply", "merge"]), status, by=by, sub="status", force=False)
    else:
        patches = [2, 1 if kind.built_in else 0]
        verb = dice.choices(["apply", "put", "edit", "merge", "strategic"], [8, 2, 1, *patches])[0]
        twin.step(verb, body, by=by, force=verb == "apply" and dice.random() < 0.5)
