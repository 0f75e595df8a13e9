"""The JSONPath of printer columns: fields, indexes, slices of everything, filters by one comparison.

Source: Kubernetes documentation, "JSONPath Support"; CustomResourceDefinitions, "Additional printer columns".
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Final

_STEP: Final = re.compile(
    r"""
    \.?\[\s*\?\((?P<filter>.*?)\)\s*\]          # [?(@.type=="Ready")]
    | \.?\[\s*(?P<index>-?\d+)\s*\]              # [0]
    | \.?\[\s*(?P<slice>-?\d*:-?\d*)\s*\]        # [0:2]
    | \.?\[\s*\*\s*\] | \.\*                      # [*]
    | \.?\[\s*(?P<quote>['"])(?P<quoted>.*?)(?P=quote)\s*\]
    | \.(?P<name>(?:\\.|[^.\[\]\\])+)
    """,
    re.VERBOSE,
)
_FILTER: Final = re.compile(r"\s*@(?P<path>[^=!<>]*?)\s*(?:(?P<sign>==|!=|<=|>=|<|>)\s*(?P<value>.+?))?\s*")
_SIGNS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

Step = Callable[[Any], Iterator[Any]]


class BadPath(ValueError):
    """A path that is not understood."""


def find(value: Any, path: str) -> list[Any]:
    """Everything in a value that a path names, in order. Raises BadPath when the path is not understood."""
    found = [value]
    for step in _steps(path):
        found = [inner for outer in found for inner in step(outer)]
    return found


@lru_cache(maxsize=1024)
def _steps(path: str) -> tuple[Step, ...]:
    text = path.strip().removeprefix("{").removesuffix("}").removeprefix("$")
    steps: list[Step] = []
    position = 0
    while position < len(text):
        found = _STEP.match(text, position)
        if found is None:
            raise BadPath(f"{path}: {text[position:]!r} is not understood")
        steps.append(_step(found))
        position = found.end()
    return tuple(steps)


def _step(found: re.Match[str]) -> Step:
    if found["filter"] is not None:
        return _filter(found["filter"])
    if found["index"] is not None:
        return _at(int(found["index"]))
    if found["slice"] is not None:
        first, last = (int(part) if part else None for part in found["slice"].split(":"))
        return lambda value: iter(value[first:last]) if isinstance(value, list) else iter(())
    if found["name"] is not None:
        return _field(re.sub(r"\\(.)", r"\1", found["name"]))
    return _field(found["quoted"]) if found["quoted"] is not None else _all


def _field(name: str) -> Step:
    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, dict) and name in value:
            yield value[name]

    return step


def _at(index: int) -> Step:
    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, list) and -len(value) <= index < len(value):
            yield value[index]

    return step


def _all(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        yield from value
    elif isinstance(value, dict):
        yield from value.values()


def _filter(text: str) -> Step:
    found = _FILTER.fullmatch(text)
    if found is None:
        raise BadPath(f"the filter {text!r} is not understood")
    path, sign, wanted = found["path"], found["sign"], found["value"]

    def keeps(item: Any) -> bool:
        values = find(item, path)
        if sign is None:
            return bool(values)
        return bool(values) and _compared(values[0], sign, _literal(wanted))

    return lambda value: (item for item in _all(value) if keeps(item))


def _compared(value: Any, sign: str, wanted: Any) -> bool:
    try:
        return _SIGNS[sign](value, wanted)
    except TypeError:
        return sign == "!="


def _literal(text: str) -> Any:
    if text[:1] == text[-1:] == "'":
        return text[1:-1]
    try:
        return json.loads(text)
    except ValueError as error:
        raise BadPath(f"{text!r} is no value") from error
