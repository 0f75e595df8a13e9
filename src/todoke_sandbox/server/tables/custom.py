"""Objects of custom resources as rows, by the columns of their definition."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from todoke_sandbox.registry.resources import Resource
from todoke_sandbox.server.tables.jsonpath import BadPath, find
from todoke_sandbox.server.tables.text import UNKNOWN, age

Json = Mapping[str, Any]

_ESCAPED: Final = {ord(letter): f"\\u{ord(letter):04x}" for letter in "<>&"}
"""What the real server escapes wherever it writes JSON."""
_AGE: Json = {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}


def columns(resource: Resource) -> list[dict[str, Any]]:
    """The columns after the name: those of the definition, or the age."""
    return [
        {
            "name": column["name"],
            "type": column["type"],
            "format": column.get("format", ""),
            "description": column.get("description")
            or f"Custom resource definition column (in JSONPath format): {column['jsonPath']}",
            "priority": column.get("priority", 0),
        }
        for column in resource.columns or (_AGE,)
    ]


def row(resource: Resource, body: Json, now: datetime) -> list[Any]:
    """The cells of an object."""
    return [body["metadata"]["name"], *(_cell(c, body, now) for c in resource.columns or (_AGE,))]


def _cell(column: Json, body: Json, now: datetime) -> Any:
    """A value of the column's type; None where there is none, or one of another type."""
    try:
        found = find(body, column["jsonPath"])
    except BadPath:
        return None
    if not found:
        return None
    value, kind = found[0], column["type"]
    if kind == "date":
        if value is None:
            return UNKNOWN
        return age(value, now) if isinstance(value, str) else None
    if kind == "string":
        return _text(value)
    if kind == "boolean":
        return value if isinstance(value, bool) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if kind == "integer" else value


def _text(value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and not value.is_integer():
        return repr(value)
    text = json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    return text.translate(_ESCAPED)
