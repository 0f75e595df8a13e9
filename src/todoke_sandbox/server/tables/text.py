"""Values as cells show them: ages, labels, selectors, containers.

Source: the tables of a real 1.37 server; tests/sandbox/server/test_tables.py compares them cell by cell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

Json = Mapping[str, Any]

NONE: Final = "<none>"
UNKNOWN: Final = "<unknown>"
UNSET: Final = "<unset>"
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_YEAR: Final = 365 * _DAY


def age(when: str | None, now: datetime) -> str:
    """How long ago a time was: `5m10s`; `<unknown>` when it is not known, `<invalid>` when it is no time."""
    if not when:
        return UNKNOWN
    try:
        then = datetime.fromisoformat(when)
    except ValueError:
        return "<invalid>"
    if then.tzinfo is None:
        then = then.replace(tzinfo=UTC)
    return duration((now - then).total_seconds())


def duration(seconds: float) -> str:
    """A time span in at most two units, the coarser the longer it is."""
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    if whole < 2 * _MINUTE:
        return f"{max(whole, 0)}s"
    if whole < 10 * _MINUTE:
        return _two(whole, _MINUTE, "m", 1, "s")
    if whole < 3 * _HOUR:
        return f"{whole // _MINUTE}m"
    if whole < 8 * _HOUR:
        return _two(whole, _HOUR, "h", _MINUTE, "m")
    if whole < 2 * _DAY:
        return f"{whole // _HOUR}h"
    if whole < 8 * _DAY:
        return _two(whole, _DAY, "d", _HOUR, "h")
    if whole < 2 * _YEAR:
        return f"{whole // _DAY}d"
    return _two(whole, _YEAR, "y", _DAY, "d") if whole < 8 * _YEAR else f"{whole // _YEAR}y"


def labels(values: Json | None) -> str:
    """Labels in one cell."""
    return ",".join(f"{key}={value}" for key, value in sorted((values or {}).items())) or NONE


def selector(found: Json | None) -> str:
    """A selector with labels and expressions in one cell."""
    if found is None:
        return NONE
    parts = [(key, f"{key}={value}") for key, value in (found.get("matchLabels") or {}).items()]
    parts += [(e["key"], _requirement(e)) for e in found.get("matchExpressions") or ()]
    return ",".join(text for _, text in sorted(parts, key=lambda part: part[0])) or NONE


def containers(pod_spec: Json) -> tuple[str, str]:
    """Names and images of a Pod's containers."""
    found: Sequence[Json] = pod_spec.get("containers") or ()
    return ",".join(c["name"] for c in found), ",".join(c.get("image", "") for c in found)


def listed(values: Iterable[str], most: int = 3) -> str:
    """The first values, and how many more there are."""
    found = list(values)
    shown = ",".join(found[:most])
    return shown if len(found) <= most else f"{shown} + {len(found) - most} more..."


def created(body: Json, now: datetime) -> str:
    """An object's age."""
    return age(body["metadata"].get("creationTimestamp"), now)


def _two(seconds: int, unit: int, name: str, part: int, part_name: str) -> str:
    whole, rest = divmod(seconds, unit)
    parts = rest // part
    return f"{whole}{name}{parts}{part_name}" if parts else f"{whole}{name}"


def _requirement(expression: Json) -> str:
    key, values = str(expression["key"]), ",".join(sorted(expression.get("values") or ()))
    forms = {"In": f"{key} in ({values})", "NotIn": f"{key} notin ({values})", "Exists": key, "DoesNotExist": f"!{key}"}
    return forms[expression["operator"]]
