"""The applied configuration merged over the live object, and what a manager gives up taken out again.

Results share every unchanged part with their arguments; nothing is edited in place.
"""

from __future__ import annotations

from typing import Any

from todoke_sandbox.fields.comparing import by_element, same
from todoke_sandbox.fields.field_set import FieldSet, is_member
from todoke_sandbox.fields.path_elements import item_element
from todoke_sandbox.schema.node import ANY, Json, Node, Shape

_ABSENT: Any = object()


def merge(node: Node, old: Any, new: Any) -> Any:
    """The new value over the old one: maps by field, lists by item, the rest whole."""
    shape = node.shape
    if shape is Shape.SCALAR or node.atomic:
        return old if same(old, new) else new
    if isinstance(new, dict) and isinstance(old, dict):
        return _fields(node, old, new)
    if shape is Shape.LIST and isinstance(new, list) and isinstance(old, list):
        return _items(node, old, new)
    if old and not new and (shape is not Shape.ANY or (new is None and isinstance(old, dict))):
        return old
    return old if same(old, new) else new


def _fields(node: Node, old: Json, new: Json) -> Json:
    merged: Json | None = None
    fields, element = node.fields, node.element
    for name, value in new.items():
        before = old.get(name, _ABSENT)
        if before is value:
            continue
        after = value if before is _ABSENT else merge(fields.get(name) or element or ANY, before, value)
        if after is not before:
            if merged is None:
                merged = dict(old)
            merged[name] = after
    return old if merged is None else merged


def _items(node: Node, old: list[Any], new: list[Any]) -> list[Any]:
    """Shared items stand in the new order; items of the old list alone stay behind their old neighbours."""
    element = node.element or ANY
    if not old or not new:
        return new or old
    known = by_element(node, old)
    merged_new = {}
    for item in new:
        name = item_element(node, item)
        earlier = known.get(name, ())
        merged_new[name] = merge(element, earlier[0], item) if len(earlier) == 1 else item
    merged = [merged_new.get(name, item) for name, item in _in_order(node, old, merged_new)]
    return old if len(merged) == len(old) and all(a is b for a, b in zip(merged, old, strict=True)) else merged


def _in_order(node: Node, old: list[Any], new: dict[str, Any]) -> list[tuple[str, Any]]:
    """Walks both lists at once. A shared item of the old list that is not next in the new one is passed over."""
    before = [(item_element(node, item), item) for item in old]
    known = {name for name, _ in before}
    names = list(new)
    shared = [name for name in names if name in known]
    result: list[tuple[str, Any]] = []
    left = right = met = 0
    while left < len(before) or right < len(names):
        name = before[left][0] if left < len(before) else None
        if name is not None and name not in new:
            result.append(before[left])
            left += 1
        elif right == len(names) or (name is not None and met < len(shared) and name != shared[met]):
            left += 1
        else:
            wanted = names[right]
            result.append((wanted, new[wanted]))
            right += 1
            if met < len(shared) and wanted == shared[met]:
                met += 1
                left += name == wanted
    return result


def remove(node: Node, value: Any, fields: FieldSet) -> Any:
    """The value without what a set holds, or None when nothing is left of it."""
    if not fields or not value or node.atomic:
        return value
    if isinstance(value, dict):
        return _without_fields(node, value, fields)
    if isinstance(value, list) and node.shape is Shape.LIST:
        return _without_items(node, value, fields)
    return value


def _without_fields(node: Node, value: Json, fields: FieldSet) -> Json | None:
    kept: Json = {}
    for name, inner in value.items():
        below = fields.get(f"f:{name}")
        if below is None:
            kept[name] = inner
        elif not is_member(below):
            kept[name] = remove(node.child(name) or ANY, inner, below)
    return kept or None


def _without_items(node: Node, value: list[Any], fields: FieldSet) -> list[Any] | None:
    kept = []
    for item in value:
        below = fields.get(item_element(node, item))
        if below is None:
            kept.append(item)
        elif not is_member(below):
            kept.append(remove(node.element or ANY, item, below))
    return kept or None


def extract(node: Node, value: Any, fields: FieldSet) -> Any:
    """The part of a value that a set holds; what is held as a whole comes whole. None when there is none."""
    return _extract(node, value, fields) if fields else None


def _extract(node: Node, value: Any, fields: FieldSet) -> Any:
    if not fields or not value:
        return value
    if isinstance(value, dict) and not node.atomic:
        part = {
            name: _extract(node.child(name) or ANY, inner, below)
            for name, inner in value.items()
            if (below := fields.get(f"f:{name}")) is not None
        }
        return part or None
    if isinstance(value, list) and node.shape is Shape.LIST and not node.atomic:
        element = node.element or ANY
        items = [(item, fields.get(item_element(node, item))) for item in value]
        return [_extract_item(node, element, item, below) for item, below in items if below is not None] or None
    return value


def _extract_item(node: Node, element: Node, item: Any, below: FieldSet) -> Any:
    """An item always keeps its keys."""
    part = _extract(element, item, below)
    if node.keys and isinstance(item, dict):
        part = {key: item[key] for key in node.keys if key in item} | (part or {})
    return part
