"""What the cluster says to a review, in words."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from todoke.cli.plans import ABSENT
from todoke.model.plans import FieldChange
from todoke.model.reviews import Cause, LiveChange, LiveReview, Review

_MOST_FIELDS: Final = 6
_LONGEST_VALUE: Final = 60
_SUMMED: Final[tuple[tuple[Cause, str], ...]] = (
    ("branch", "changed by merging"),
    ("drift", "drifted"),
    ("settled", "as the head says already"),
)


def lines(live: LiveReview | None) -> Iterator[str]:
    """A line for each object that the cluster has otherwise, and what to know beside it."""
    if live is None:
        return
    for change in live.changes:
        yield f"{_verb(change)} {change.key}{_fields(change)}"
    if live.note:
        yield f"cluster: {live.note}"


def _verb(change: LiveChange) -> str:
    if change.cause == "branch":
        return f"merging: {change.action}"
    return "drift:" if change.cause == "drift" else "settled:"


def _fields(change: LiveChange) -> str:
    shown = "; ".join(_field(field) for field in change.fields[:_MOST_FIELDS])
    more = len(change.fields) - _MOST_FIELDS
    text = f"{shown} and {more} more" if more > 0 else shown
    if change.cause == "settled":
        return f"  the cluster has it already as the head says{f' ({text})' if text else ''}"
    if text:
        return f"  {text}"
    return f"  {change.reason}" if change.reason else ""


def _field(field: FieldChange) -> str:
    return f"{field.at or '.'}: {_value(field.have)} → {_value(field.want)}"


def _value(value: Any) -> str:
    if value == ABSENT:
        return "nothing"
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False, default=str)
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


def summary(review: Review) -> str:
    """One line for all applications; "" when no cluster was asked."""
    asked = [unit.live for unit in review.units if unit.live is not None]
    if not asked:
        return ""
    counts = Counter(change.cause for live in asked for change in live.changes)
    if not counts:
        return "In the cluster: all is as Git says, and merging changes nothing."
    words = [f"{counts[cause]} {said}" for cause, said in _SUMMED if counts[cause]]
    return f"In the cluster: objects {', '.join(words)}."


def data(live: LiveReview) -> dict[str, Any]:
    """For programs."""
    return {"note": live.note, "changes": [_change(change) for change in live.changes]}


def _change(change: LiveChange) -> dict[str, Any]:
    key = change.key
    return {
        "cause": change.cause,
        "action": str(change.action),
        "reason": change.reason,
        "group": key.group,
        "kind": key.kind,
        "namespace": key.namespace,
        "name": key.name,
        "fields": [{"at": field.at, "have": field.have, "want": field.want} for field in change.fields],
    }
