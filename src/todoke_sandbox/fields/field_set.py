"""Sets of field paths, kept in the very form of fieldsV1: a tree of dicts.

A node without children is a member; a node with children is one when it has the child `.`. Sets are values: no function
changes its arguments, and results may share parts with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from todoke_sandbox.fields.path_elements import Path, order
from todoke_sandbox.schema.node import Node

FieldSet = dict[str, Any]
"""Children by path element; see the module's own words."""

LEAF: Final[FieldSet] = {}
"""A member without children. As a whole set: the empty one."""

_DOT: Final = "."


def union(first: FieldSet, second: FieldSet) -> FieldSet:
    """What is in either."""
    if not second or first is second:
        return first
    if not first:
        return second
    both = dict(first)
    for element, sub in second.items():
        mine = both.get(element)
        both[element] = sub if mine is None else _join(mine, sub)
    return both


def _join(first: FieldSet, second: FieldSet) -> FieldSet:
    if first is second:
        return first
    if not first:
        return second if _DOT in second or not second else {_DOT: LEAF, **second}
    if not second:
        return first if _DOT in first else {_DOT: LEAF, **first}
    return union(first, second)


def difference(first: FieldSet, second: FieldSet) -> FieldSet:
    """What is in the first and not in the second, path by path: a path does not take those below it along."""
    if not first or not second:
        return first
    left: FieldSet | None = None
    for element, sub in second.items():
        mine = first.get(element)
        if mine is None:
            continue
        rest = _less(mine, sub)
        if rest is mine:
            continue
        if left is None:
            left = dict(first)
        if rest is None:
            del left[element]
        else:
            left[element] = rest
    return first if left is None else left


def _less(mine: FieldSet, taken: FieldSet) -> FieldSet | None:
    """A node less another; None when nothing is left."""
    if not mine:
        return None if not taken or _DOT in taken else mine
    if not taken:
        if _DOT not in mine:
            return mine
        return {element: sub for element, sub in mine.items() if element != _DOT}
    rest = difference(mine, taken)
    if rest is mine:
        return mine
    return _normal(rest)


def _normal(node: FieldSet) -> FieldSet | None:
    if not node:
        return None
    return LEAF if len(node) == 1 and _DOT in node else node


def intersection(first: FieldSet, second: FieldSet) -> FieldSet:
    """What is in both."""
    if not first or not second:
        return {}
    if len(second) < len(first):
        first, second = second, first
    shared: FieldSet = {}
    for element, sub in first.items():
        other = second.get(element)
        if other is not None and (met := _meet(sub, other)) is not None:
            shared[element] = met
    return shared


def _meet(first: FieldSet, second: FieldSet) -> FieldSet | None:
    if not first:
        return LEAF if not second or _DOT in second else None
    if not second:
        return LEAF if _DOT in first else None
    return _normal(intersection(first, second))


def without_below(first: FieldSet, taken: FieldSet) -> FieldSet:
    """What is in the first and neither in the second nor below a path of it."""
    left: FieldSet = {}
    for element, sub in first.items():
        other = taken.get(element)
        if other is None:
            left[element] = sub
        elif other and _DOT not in other:
            if not sub:
                left[element] = sub
            elif rest := without_below(sub, other):
                left[element] = _normal(rest)
    return left


def has(fields: FieldSet, path: Path) -> bool:
    """Whether the path is a member."""
    node: FieldSet | None = fields
    for element in path:
        node = node.get(element) if node is not None else None
    return bool(path) and is_member(node)


def is_member(node: FieldSet | None) -> bool:
    """Whether a node stands for its own path, not only for paths below it."""
    return node is not None and (not node or _DOT in node)


def of_paths(paths: Iterable[Path]) -> FieldSet:
    """The set of these paths."""
    made: FieldSet = {}
    for path in paths:
        single: FieldSet = LEAF
        for element in reversed(path):
            single = {element: single}
        made = union(made, single)
    return made


def paths(fields: FieldSet, at: Path = ()) -> Iterator[Path]:
    """Every member; the members of a node come before those below its children, as in the server's messages."""
    found = sorted((element for element in fields if element != _DOT), key=order)
    for element in found:
        if is_member(fields[element]):
            yield (*at, element)
    for element in found:
        yield from paths(fields[element], (*at, element))


def with_declared_parents(node: Node | None, fields: FieldSet) -> FieldSet:
    """The set with every field that the schema declares by name and that has members below it."""
    made: FieldSet = {}
    for element, sub in fields.items():
        if not sub:
            made[element] = sub
            continue
        child = _inner(node, element)
        inner = with_declared_parents(child, sub)
        if node is not None and element.startswith("f:") and element[2:] in node.fields and _DOT not in inner:
            inner = {_DOT: LEAF, **inner}
        made[element] = inner
    return made


def _inner(node: Node | None, element: str) -> Node | None:
    if node is None:
        return None
    return node.child(element[2:]) if element.startswith("f:") else node.element


def ordered(fields: FieldSet) -> FieldSet:
    """The same set in the order in which the server writes it."""
    if not fields:
        return fields
    plain = all(element[0] in "f." for element in fields)
    names = sorted(fields) if plain else sorted(fields, key=order)
    return {element: ordered(fields[element]) for element in names}


def from_fields_v1(content: Any) -> FieldSet:
    """The set that a client wrote, each element in its canonical spelling.

    Raises: ValueError: it is no fieldsV1.
    """
    if not isinstance(content, dict):
        raise ValueError("fieldsV1 is not an object")  # noqa: TRY004 one error for all that is wrong with it
    made: FieldSet = {}
    for element, sub in content.items():
        if element[:2] not in ("f:", "k:", "v:", "i:") and element != _DOT:
            raise ValueError(f"not a path element: {element}")
        made[element] = from_fields_v1(sub)
    return made
