"""Objects as a Table, or with their metadata alone.

Source: Kubernetes documentation, "Receiving resources as Tables"; a real server's answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from todoke_sandbox.registry.resources import Resource
from todoke_sandbox.server.tables import columns, custom, pods
from todoke_sandbox.storage.store import Stored
from todoke_sandbox.verbs.refusals import Refusal

Json = dict[str, Any]

_INCLUDED: Final = ("", "None", "Metadata", "Object")
_NAME: Final = {"name": "Name", "type": "string", "format": "name", "description": "", "priority": 0}


def check_include(include: str) -> None:
    """Refuse a value of `includeObject` that nobody knows."""
    if include not in _INCLUDED:
        why = f"includeObject: Invalid value: \"{include}\": must be 'Metadata', 'Object', 'None', or empty"
        raise Refusal.bad_request(f"Unable to convert to Table as requested: {why}")


def headers(resource: Resource) -> list[Json]:
    """The column definitions of a resource."""
    return [_NAME, *custom.columns(resource)] if resource.custom else columns.columns_of(resource.text)


def rows(resource: Resource, items: Iterable[Stored], now: datetime, include: str, version: str) -> list[Json]:
    """One row per object. Args: include: what of the object comes with it. version: of the Table's own kind."""
    cells = columns.row_of(resource.text)
    found = []
    for stored in items:
        row: Json = {"cells": custom.row(resource, stored.body, now) if resource.custom else cells(stored.body, now)}
        if resource.text == "pods" and (ended := pods.conditions(stored.body)):
            row["conditions"] = ended
        row["object"] = _included(stored.body, include, version)
        found.append(row)
    return found


def table(header: list[Json] | None, found: list[Json], metadata: Json, version: str) -> Json:
    """The Table of these rows."""
    made: Json = {"kind": "Table", "apiVersion": version, "metadata": metadata}
    return made | {"columnDefinitions": header, "rows": found}


def partial(body: Mapping[str, Any], version: str) -> Json:
    """An object with its metadata alone."""
    return {"kind": "PartialObjectMetadata", "apiVersion": version, "metadata": body["metadata"]}


def _included(body: Mapping[str, Any], include: str, version: str) -> Any:
    if include == "None":
        return None
    return body if include == "Object" else partial(body, version)
