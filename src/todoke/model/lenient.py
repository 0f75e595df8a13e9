"""Reading users' objects without stumbling over one bad value.

The API server checks types for us, but not those of objects that come from a file or that were stored under
another schema. A value of a wrong type costs only itself, and is reported by its path.
"""

import re
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import msgspec

T = TypeVar("T")

_PATH = re.compile(r"^(?P<problem>.*) - at `(?P<key>key in )?\$(?P<path>.*)`$", re.DOTALL)
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\[(\.\.\.)\]")


class Read(msgspec.Struct, Generic[T], frozen=True):
    """A value with what could not be read of it, each as `spec.source.helm: Expected ..., got ...`."""

    value: T
    problems: tuple[str, ...] = ()


def read(body: Mapping[str, Any], model: type[T]) -> Read[T]:
    """The model in decoded JSON. Nulls count as absent. Raises nothing for any JSON object."""
    try:
        return Read(msgspec.convert(body, model))
    except msgspec.ValidationError:
        return _read_around(_without_nulls(dict(body)), model)


def _read_around(body: dict[str, Any], model: type[T]) -> Read[T]:
    problems: list[str] = []
    while True:
        try:
            return Read(msgspec.convert(body, model), tuple(problems))
        except msgspec.ValidationError as error:
            problem, steps = _place(str(error))
            problems.append(f"{_text(steps)}: {problem}")
            _drop(body, steps)


def _place(error: str) -> tuple[str, list[str | int]]:
    """The problem and the steps to the wrong value; of a map only the steps to it, msgspec names no key."""
    found = _PATH.match(error)
    if found is None:
        return error, []
    steps: list[str | int] = []
    for name, index, anything in _STEP.findall(found["path"]):
        if anything:
            break
        steps.append(int(index) if index else name)
    return found["problem"], steps


def _drop(body: dict[str, Any], steps: list[str | int]) -> None:
    if not steps:
        body.clear()
        return
    parent: Any = body
    for step in steps[:-1]:
        parent = parent[step]
    del parent[steps[-1]]


def _text(steps: list[str | int]) -> str:
    parts = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps]
    return "".join(parts).removeprefix(".")


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value
