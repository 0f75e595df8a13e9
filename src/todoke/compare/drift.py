"""Does the live object still hold what we asked for? Values in, a list of differences out.

No schema is needed: how lists and maps merge is read from the field set that the server wrote for our own apply.
Fields that nobody of ours set are not drift. Source of the rules: ARCHITECTURE.md, "Compare".
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from todoke.compare.fields import Fields, Path, present, text

ABSENT = "<absent>"


class Difference(msgspec.Struct, frozen=True):
    """One field that is not as asked; `want` or `have` is ABSENT where there is no value."""

    path: Path
    want: Any
    have: Any

    @property
    def at(self) -> str:
        """The path as a person writes it."""
        return text(self.path)


def compare(
    wanted: Mapping[str, Any], fields: Fields, live: Mapping[str, Any], held: Fields | None = None
) -> tuple[Difference, ...]:
    """Every difference between what is wanted and the live object, in the order of the manifest.

    Args:
        wanted: the cleaned manifest, or the part of the server's answer to it that is ours.
        fields: the field set that says how `wanted` merges: from that answer, else from the live object.
        live: the object as it is.
        held: what our entry holds in the live object (default `fields`): a path that it holds and `wanted` has no
            more is a difference, unless the live object lacks it too (empty maps, nulls).
    """
    found = list(_map(wanted, live, fields, ()))
    found.extend(_removed(wanted, live, fields if held is None else held, ()))
    return tuple(found)


def _value(want: Any, have: Any, fields: Fields | None, at: Path) -> Iterator[Difference]:
    if isinstance(want, dict) and isinstance(have, dict):
        if fields is not None and not fields and want != have:
            yield Difference(at, want, have)  # owned whole: an atomic map, or an empty one
        else:
            yield from _map(want, have, fields, at)
    elif isinstance(want, list) and isinstance(have, list):
        yield from _list(want, have, fields, at)
    elif not same(want, have):
        yield Difference(at, want, have)


def _map(want: Mapping[str, Any], have: Mapping[str, Any], fields: Fields | None, at: Path) -> Iterator[Difference]:
    for name, value in want.items():
        element = f"f:{name}"
        if name in have:
            yield from _value(value, have[name], fields.get(element) if fields else None, (*at, element))
        elif value is not None and value != {} and not (value == [] and fields and element in fields):
            yield Difference((*at, element), value, ABSENT)


def _list(want: list[Any], have: list[Any], fields: Fields | None, at: Path) -> Iterator[Difference]:
    elements = [element for element in fields or () if element != "."]
    if elements and elements[0].startswith("k:"):
        yield from _keyed(want, have, {element: (fields or {})[element] for element in elements}, at)
    elif elements and elements[0].startswith("v:"):
        yield from (Difference((*at, "v:" + json.dumps(value)), value, ABSENT) for value in want if value not in have)
    elif not same(want, have):
        yield Difference(at, want, have)


def _keyed(want: list[Any], have: list[Any], fields: Mapping[str, Fields], at: Path) -> Iterator[Difference]:
    keys = {element: json.loads(element[2:]) for element in fields}
    pairs = match_items(want, list(keys.values()))
    by_key = {json.dumps(key, sort_keys=True): element for element, key in keys.items()}
    positions = []
    for item, key in zip(want, pairs, strict=True):
        element = by_key.get(json.dumps(key, sort_keys=True), "k:" + json.dumps(key))
        place = next((i for i, other in enumerate(have) if _has(other, key)), None)
        if place is None:
            yield Difference((*at, element), item, ABSENT)
        else:
            positions.append(place)
            yield from _value(item, have[place], fields.get(element), (*at, element))
    if positions != sorted(positions):
        # The order matters for some lists (env) and the server keeps ours.
        yield Difference(at, [_label(key) for key in pairs], "in another order")


def match_items(items: list[Any], keys: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """For every desired list item the full merge key that the server gave it.

    An item may leave out key fields that the server fills with defaults (a port's protocol), so an exact match is
    taken first and then the first key that agrees with what the item does say. Items that the server has no key for
    get the key fields they name themselves.
    """
    names = list(keys[0]) if keys else []
    free = list(keys)
    chosen: list[Mapping[str, Any] | None] = []
    for item in items:
        exact = next((key for key in free if _has(item, key)), None)
        if exact is not None:
            free.remove(exact)
        chosen.append(exact)
    for number, item in enumerate(items):
        if chosen[number] is None and isinstance(item, dict):
            near = next((key for key in free if all(item.get(n, key[n]) == key[n] for n in key)), None)
            if near is not None:
                free.remove(near)
            chosen[number] = near or {name: item[name] for name in names if name in item}
    return [key or {} for key in chosen]


def _removed(want: Any, have: Any, held: Fields, at: Path) -> Iterator[Difference]:
    """Paths that our entry holds, that live has, and that are wanted no more."""
    for element, sub in held.items():
        if element == ".":
            continue
        inner, outer = _inside(want, element, held), _inside(have, element, held)
        if outer is ABSENT:
            continue
        if inner is ABSENT:
            if not present(have, (element,)) or outer in ({}, None):
                continue
            yield Difference((*at, element), ABSENT, outer)
        elif sub and isinstance(inner, dict | list):
            yield from _removed(inner, outer, sub, (*at, element))


def _inside(value: Any, element: str, siblings: Fields) -> Any:
    kind, rest = element[:2], element[2:]
    if kind == "f:":
        return value.get(rest, ABSENT) if isinstance(value, dict) else ABSENT
    if not isinstance(value, list):
        return ABSENT
    if kind == "k:":
        wanted = json.loads(rest)
        keys = [json.loads(other[2:]) for other in siblings if other.startswith("k:")]
        matched = match_items(value, keys)
        return next((item for item, key in zip(value, matched, strict=True) if key == wanted), ABSENT)
    if kind == "v:":
        element_value = json.loads(rest)
        return element_value if element_value in value else ABSENT
    return ABSENT


def same(want: Any, have: Any) -> bool:
    """JSON equality: 1 equals 1.0, but true does not equal 1."""
    if isinstance(want, bool) or isinstance(have, bool):
        return want is have
    if isinstance(want, dict) and isinstance(have, dict):
        return want.keys() == have.keys() and all(same(value, have[name]) for name, value in want.items())
    if isinstance(want, list) and isinstance(have, list):
        return len(want) == len(have) and all(map(same, want, have))
    return bool(want == have)


def _has(item: Any, key: Mapping[str, Any]) -> bool:
    return bool(key) and isinstance(item, dict) and all(item.get(name, ABSENT) == value for name, value in key.items())


def _label(key: Mapping[str, Any]) -> str:
    return ",".join(str(value) for value in key.values())
