"""Label and field selectors: read from their text, matched against objects.

Source: Kubernetes documentation, "Labels and Selectors" and "Field Selectors".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

_KEY: Final = r"[A-Za-z0-9](?:[-A-Za-z0-9_./]*[A-Za-z0-9])?"
_VALUE: Final = r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)?"
_REQUIREMENT: Final = re.compile(
    rf"\s*(?:(?P<absent>!)\s*(?P<no>{_KEY})"
    rf"|(?P<set>{_KEY})\s+(?P<in>in|notin)\s*\((?P<values>[^()]*)\)"
    rf"|(?P<than>{_KEY})\s*(?P<compare>[<>])\s*(?P<number>-?\d+)"
    rf"|(?P<key>{_KEY})\s*(?P<sign>==|=|!=)\s*(?P<value>{_VALUE})"
    rf"|(?P<there>{_KEY}))\s*(?:,|$)"
)


class BadSelector(Exception):
    """A selector that cannot be read."""


Test = Callable[[Mapping[str, str]], bool]


@dataclass(frozen=True)
class LabelSelector:
    """A conjunction of requirements on labels."""

    tests: tuple[Test, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether labels meet all requirements."""
        return all(test(labels) for test in self.tests)


EVERYTHING: Final = LabelSelector()


@dataclass(frozen=True)
class FieldSelector:
    """Requirements on fields: path, whether the value has to be equal, the value."""

    terms: tuple[tuple[str, bool, str], ...] = ()

    def matches(self, body: Mapping[str, Any]) -> bool:
        """Whether the object's fields meet all requirements; a field that is not there counts as empty."""
        return all((_text(_value(body, path)) == value) is equal for path, equal, value in self.terms)


ANY_FIELDS: Final = FieldSelector()


def read_labels(text: str) -> LabelSelector:
    """The selector that a text stands for.

    Raises: BadSelector: it cannot be read.
    """
    tests: list[Test] = []
    position = 0
    while position < len(text):
        found = _REQUIREMENT.match(text, position)
        if found is None:
            raise BadSelector(f"unable to parse requirement: {text[position:]!r} is no requirement on a label")
        tests.append(_test(found))
        position = found.end()
    return LabelSelector(tuple(tests))


def read_fields(text: str) -> FieldSelector:
    """The selector that a text stands for.

    Raises: BadSelector: it cannot be read.
    """
    terms = []
    for part in filter(None, text.split(",")):
        found = re.fullmatch(r"\s*([^=!\s]+)\s*(==|=|!=)\s*(.*?)\s*", part)
        if found is None:
            raise BadSelector(f"invalid selector: {text!r}; can't understand {part!r}")
        terms.append((found[1], found[2] != "!=", found[3]))
    return FieldSelector(tuple(terms))


def of_object(selector: Mapping[str, Any] | None) -> LabelSelector:
    """The selector of a `matchLabels` and `matchExpressions` object; None matches nothing, an empty one everything."""
    if selector is None:
        return LabelSelector((lambda labels: False,))
    tests = [_equal(key, value) for key, value in (selector.get("matchLabels") or {}).items()]
    for expression in selector.get("matchExpressions") or ():
        key, values = expression["key"], frozenset(expression.get("values") or ())
        tests.append(_OPERATORS[expression["operator"]](key, values))
    return LabelSelector(tuple(tests))


def _test(found: re.Match[str]) -> Test:
    if found["absent"]:
        return _absent(found["no"], frozenset())
    if found["set"]:
        values = frozenset(value.strip() for value in found["values"].split(","))
        return _inside(found["set"], values) if found["in"] == "in" else _outside(found["set"], values)
    if found["than"]:
        return _compared(found["than"], found["compare"], int(found["number"]))
    if found["key"]:
        key, value = found["key"], found["value"]
        return _outside(key, frozenset({value})) if found["sign"] == "!=" else _equal(key, value)
    return _present(found["there"], frozenset())


def _equal(key: str, value: str) -> Test:
    return lambda labels: labels.get(key) == value


def _inside(key: str, values: frozenset[str]) -> Test:
    return lambda labels: labels.get(key) in values


def _outside(key: str, values: frozenset[str]) -> Test:
    return lambda labels: labels.get(key) not in values


def _present(key: str, _: frozenset[str]) -> Test:
    return lambda labels: key in labels


def _absent(key: str, _: frozenset[str]) -> Test:
    return lambda labels: key not in labels


def _compared(key: str, sign: str, number: int) -> Test:
    def holds(labels: Mapping[str, str]) -> bool:
        value = labels.get(key, "")
        if not re.fullmatch(r"-?\d+", value):
            return False
        return int(value) > number if sign == ">" else int(value) < number

    return holds


_OPERATORS: Final = {"In": _inside, "NotIn": _outside, "Exists": _present, "DoesNotExist": _absent}


def _value(body: Mapping[str, Any], path: str) -> Any:
    found: Any = body
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
