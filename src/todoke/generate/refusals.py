"""Refusals that name their place in an ApplicationSet, and fields that are read with them."""

from collections.abc import Mapping, Sequence
from typing import Any

from todoke.model.errors import Blocked

SUBJECT = "ApplicationSet"


def refusal(at: str, problem: str, next_step: str = "") -> Blocked:
    """The error to raise for a field. Args: at: its path, such as `spec.generators[0].git`."""
    return Blocked(SUBJECT, problem, field=at, next_step=next_step)


def mapping(value: Any, at: str) -> Mapping[str, Any]:
    """The value, a map; an empty one for null. Raises: Blocked: it is something else."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise refusal(at, "is not a map", "Write it as `name: value` lines")
    return value


def sequence(value: Any, at: str) -> Sequence[Any]:
    """The value, a list; an empty one for null. Raises: Blocked: it is something else."""
    if value is None:
        return ()
    if not isinstance(value, list | tuple):
        raise refusal(at, "is not a list", "Write its items as lines that begin with a dash")
    return value


def text(value: Any, at: str) -> str:
    """The value, a text; an empty one for null. Raises: Blocked: it is something else."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise refusal(at, "is not a text", "Put it in quotes")
    return value
