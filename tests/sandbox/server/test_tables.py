"""Tables cell by cell: the object is the real server's, so are the columns and cells that ours are compared with."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cases import cases
from tests.sandbox.contract.player import TYPES, Server
from tests.sandbox.server.comparing import ACCEPTS, filled
from todoke_sandbox.registry import builtin
from todoke_sandbox.registry.resources import Registry, Resource
from todoke_sandbox.schema.loader import Schemas
from todoke_sandbox.server.tables import table
from todoke_sandbox.storage.store import Stored

Json = dict[str, Any]
TABLE = {"Accept": ACCEPTS["table"]}


@cases(Path(__file__).parent / "cases" / "tables")
@pytest.mark.plane
def test_cells_like_the_real_server(case: Json, real: Server, quiet: str, schemas: Schemas) -> None:
    """Nobody but the test writes: controllers and mover stand still."""
    registry = Registry(schemas, builtin.resources(schemas))
    real.ask("POST", f"/api/v1/namespaces/{quiet}/serviceaccounts", {"metadata": {"name": "default"}})
    differ = [
        found for path, body, status in _objects(case, quiet) for found in _compare(real, registry, path, body, status)
    ]
    assert differ == []


def _objects(case: Json, namespace: str) -> Iterator[tuple[str, Json, Json]]:
    """Path, body and status of every object of a case."""
    for one in case.get("objects", ()):
        yield filled(one["path"], {"ns": namespace}), filled(one["body"], {"ns": namespace}), one.get("status") or {}
    for body in (case.get("bodies") or {"": case.get("body")}).values():
        for status in case.get("statuses", {}).values():
            yield filled(case["path"], {"ns": namespace}), body, status


def _compare(real: Server, registry: Registry, path: str, body: Json, status: Json) -> Iterator[Any]:
    name = f"t-{secrets.token_hex(4)}"
    metadata = {**(body.get("metadata") or {}), "name": name}
    sent = {key: value for key, value in body.items() if key != "deleted"} | {"metadata": metadata}
    made = real.ask("POST", path, sent)
    assert made.status == 201, made.body
    one = f"{path}/{name}"
    try:
        if status:
            put = real.ask("PATCH", f"{one}/status", {"status": status}, {"Content-Type": TYPES["merge"]})
            assert put.status == 200, put.body
        if body.get("deleted"):
            real.ask("DELETE", one)
        before = datetime.now(UTC)
        theirs, found = real.ask("GET", one, None, TABLE).body, real.ask("GET", one).body
        mine = [_mine(_resource(registry, path), found, before + timedelta(seconds=later)) for later in (0, 1)]
        assert theirs["kind"] == "Table", theirs
        wanted = _shown(theirs["columnDefinitions"], theirs["rows"][0])
        if wanted not in mine:
            yield {"mine": mine[0], "real": wanted, "object": sent, "status": status}
    finally:
        real.ask("PATCH", one, {"metadata": {"finalizers": None}}, {"Content-Type": TYPES["merge"]})
        real.ask("DELETE", f"{one}?gracePeriodSeconds=0")


def _resource(registry: Registry, path: str) -> Resource:
    parts = path.strip("/").split("/")
    group, version = ("", parts[1]) if parts[0] == "api" else (parts[1], parts[2])
    found = registry.find(group, version, parts[-1])
    assert found is not None, path
    return found


def _mine(resource: Resource, body: Json, now: datetime) -> Json:
    (row,) = table.rows(resource, [Stored(body, 1)], now, "None", "meta.k8s.io/v1")
    return _shown(table.headers(resource), row)


def _shown(columns: list[Json], row: Json) -> Json:
    named = [(c["name"], c["type"], c["format"], c["priority"]) for c in columns]
    return {"columns": named, "cells": row["cells"], "conditions": row.get("conditions")}
