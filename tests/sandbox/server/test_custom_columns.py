"""The columns of a definition, cell by cell as the real server fills them."""

from __future__ import annotations

import secrets
import time
from datetime import timedelta
from typing import Any

import pytest

from tests.sandbox.contract.player import Server
from tests.sandbox.server.comparing import ACCEPTS, told
from tests.sandbox.server.serving import Serving
from todoke_sandbox.server.tables.jsonpath import BadPath, find

Json = dict[str, Any]

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
COLUMNS = [
    {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].status'},
    {"name": "Number", "type": "integer", "jsonPath": ".spec.n", "priority": 1, "format": "int32"},
    {"name": "When", "type": "date", "jsonPath": ".spec.when"},
    {"name": "All", "type": "string", "jsonPath": ".spec.list[*].a", "description": "all of them"},
    {"name": "First", "type": "string", "jsonPath": ".spec.list[0].a"},
    {"name": "Last", "type": "string", "jsonPath": ".spec.list[-1:].a"},
    {"name": "Flag", "type": "boolean", "jsonPath": ".spec.b"},
    {"name": "Float", "type": "number", "jsonPath": ".spec.f"},
    {"name": "Whole", "type": "string", "jsonPath": ".spec.n"},
    {"name": "Map", "type": "string", "jsonPath": ".spec.m"},
    {"name": "Label", "type": "string", "jsonPath": ".metadata.labels.example\\.dev/x"},
    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
]
TABLE = {"Accept": ACCEPTS["table"]}
OBJECTS: list[Json] = [
    {
        "metadata": {"labels": {"example.dev/x": "label"}},
        "spec": {
            "n": 3,
            "when": "2026-01-01T00:00:00Z",
            "list": [{"a": "x"}, {"a": "y"}],
            "b": True,
            "f": 1.5,
            "m": {"z": 1, "a": "<q>"},
        },
        "status": {"conditions": [{"type": "Other", "status": "no"}, {"type": "Ready", "status": "True"}]},
    },
    {"spec": {"n": "text", "when": "nonsense", "list": "text", "b": "x", "f": "1.5", "m": ["p", 1, None]}},
    {"spec": {"n": 2.7, "when": 5, "list": [], "b": None, "f": 3, "m": False}},
    {"spec": {}},
]


def definition(group: str, columns: list[Json]) -> Json:
    """A custom kind with these columns."""
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    version |= {"additionalPrinterColumns": columns} if columns else {}
    names = {"plural": "foos", "kind": "Foo", "listKind": "Fooses"}
    spec = {"group": group, "scope": "Namespaced", "names": names, "versions": [version]}
    head = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    return head | {"metadata": {"name": f"foos.{group}"}, "spec": spec}


@pytest.mark.plane
@pytest.mark.parametrize("columns", [COLUMNS, []], ids=["own columns", "no columns"])
def test_cells_like_the_real_server(serving: Serving, real: Server, columns: list[Json]) -> None:
    group = f"c{secrets.token_hex(3)}.example"
    path = f"/apis/{group}/v1/namespaces/default/foos"
    for server in (serving.admin, real):
        assert server.ask("POST", DEFINITIONS, definition(group, columns)).status == 201
    try:
        deadline = time.monotonic() + 20
        while real.ask("GET", path).status != 200:
            assert time.monotonic() < deadline, f"{group} is never served"
            time.sleep(0.05)
        for server in (serving.admin, real):
            for number, body in enumerate(OBJECTS):
                metadata = {"name": f"object-{number}"} | body.get("metadata", {})
                whole = {"apiVersion": f"{group}/v1", "kind": "Foo"} | body | {"metadata": metadata}
                made = server.ask("POST", path, whole)
                assert made.status == 201, made.body
        for step in ({"accept": "table"}, {"accept": "partial list"}, {}):
            asked = {"GET": path} | step
            mine, theirs = (told(server, asked, {"ns": "-"}) for server in (serving.admin, real))
            assert mine == theirs
        plain = {"type": "application/apply-patch+yaml", "accept": "table", "PATCH": f"{path}/applied?fieldManager=x"}
        body = {"apiVersion": f"{group}/v1", "kind": "Foo", "spec": OBJECTS[0]["spec"]}
        mine, theirs = (told(server, plain | {"body": body}, {"ns": "-"}) for server in (serving.admin, real))
        assert mine == theirs
    finally:
        for server in (serving.admin, real):
            server.ask("DELETE", f"{DEFINITIONS}/foos.{group}")


PATHS = {
    ".a": [1],
    "{.a}": [1],
    "$.a": [1],
    ".nope": [],
    ".list[0].x": ["p"],
    ".list[-1].x": ["q"],
    ".list[*].x": ["p", "q"],
    ".list[0:1].x": ["p"],
    ".list[7].x": [],
    '.list[?(@.x=="q")].n': [2],
    ".list[?(@.n>1)].x": ["q"],
    ".list[?(@.n!=1)].x": ["q"],
    ".list[?(@.nope)].x": [],
    ".list[?(@.x)].n": [1, 2],
    "['dotted.key']": ["d"],
    ".dotted\\.key": ["d"],
}


@pytest.mark.parametrize(("path", "found"), PATHS.items(), ids=PATHS)
def test_paths(path: str, found: list[Any]) -> None:
    value = {"a": 1, "list": [{"x": "p", "n": 1}, {"x": "q", "n": 2}], "dotted.key": "d"}
    assert find(value, path) == found


@pytest.mark.parametrize("path", ["a b", ".a[", ".a[?(@.b==]", ".a[?(@.b==c)]"])
def test_paths_that_are_not_understood(path: str) -> None:
    with pytest.raises(BadPath):
        find({"a": [{"b": 1}]}, path)


def test_a_column_nobody_understands_is_empty(own: Serving) -> None:
    column = {"name": "Odd", "type": "string", "jsonPath": ".spec[("}
    own.admin.ask("POST", DEFINITIONS, definition("some.example", [column]))
    path = "/apis/some.example/v1/namespaces/default/foos"
    own.admin.ask("POST", path, {"apiVersion": "some.example/v1", "kind": "Foo", "metadata": {"name": "a"}})
    table = own.admin.ask("GET", path, headers=TABLE).body
    assert table["rows"][0]["cells"] == ["a", None]


def test_times_are_those_of_the_clusters_clock(own: Serving) -> None:
    own.clock.ahead = timedelta(minutes=5, seconds=10)
    table = own.admin.ask("GET", "/api/v1/namespaces/default", headers=TABLE)
    assert table.body["rows"][0]["cells"][2] in ("5m10s", "5m11s", "5m12s")
