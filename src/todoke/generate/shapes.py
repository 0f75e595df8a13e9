"""The shapes of parameters: nested for Go templates, flat for plain ones; and the texts that Go makes of values."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

_LEAST_PLAIN_EXPONENT, _LARGEST_PLAIN_EXPONENT = -4, 5  # Go writes 0.0001 and 123456, but 1e-05 and 1e+06


class Conflict(ValueError):
    """Two flat parameter sets say different things of one name."""


def go_text(value: Any) -> str:
    """What Go prints for a value of a JSON document (`%v`): numbers are floats, maps are sorted, null is `<nil>`."""
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _number(float(value))
    if isinstance(value, Mapping):
        return f"map[{' '.join(f'{key}:{go_text(value[key])}' for key in sorted(value))}]"
    if isinstance(value, list | tuple):
        return f"[{' '.join(map(go_text, value))}]"
    return str(value)


def _number(value: float) -> str:
    if value == 0:
        return "0"
    exact = Decimal(repr(value)).normalize()
    exponent = exact.adjusted()
    if _LEAST_PLAIN_EXPONENT <= exponent <= _LARGEST_PLAIN_EXPONENT:
        return format(exact, "f")
    return f"{exact.scaleb(-exponent)}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def flattened(value: Mapping[str, Any]) -> dict[str, str]:
    """Every leaf as a text, by its path: `cluster.name`, `list.0`. Empty maps and lists leave nothing."""
    return {path: go_text(leaf) for key, item in value.items() for path, leaf in _leaves(key, item)}


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(f"{path}.{key}", item)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _leaves(f"{path}.{index}", item)
    else:
        yield path, value


def overridden(value: Mapping[str, Any], by: Mapping[str, Any]) -> dict[str, Any]:
    """Both sets, nested; where both have a name that is no map on both sides, `by` wins."""
    made = dict(value)
    for key, item in by.items():
        there = made.get(key)
        both = isinstance(item, Mapping) and isinstance(there, Mapping)
        made[key] = overridden(there, item) if both else item  # type: ignore[arg-type]
    return made


def combined(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, str]:
    """Both sets, flat and as texts.

    Raises: Conflict: they differ in a name that both have.
    """
    made = {key: go_text(item) for key, item in first.items()}
    for key, item in second.items():
        shown = go_text(item)
        if made.setdefault(key, shown) != shown:
            raise Conflict(f"{key} is {made[key]!r} and {shown!r}")
    return made
