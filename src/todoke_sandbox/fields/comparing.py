"""What changed between two values of one type: paths added, modified, removed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from todoke_sandbox.fields.field_set import LEAF, FieldSet, union, without_below
from todoke_sandbox.fields.path_elements import item_element
from todoke_sandbox.schema.node import ANY, Json, Node, Shape


@dataclass(slots=True)
class Changes:
    """Three sets of paths. A new or removed map or item is in them itself, with all that is in it."""

    added: FieldSet = field(default_factory=dict)
    modified: FieldSet = field(default_factory=dict)
    removed: FieldSet = field(default_factory=dict)

    @property
    def nothing(self) -> bool:
        """Whether both values are the same."""
        return not (self.added or self.modified or self.removed)

    @property
    def written(self) -> FieldSet:
        """What was added or modified."""
        return union(self.added, self.modified)

    def without(self, ignored: FieldSet) -> Changes:
        """The changes outside some fields."""
        if not ignored:
            return self
        return Changes(*(without_below(part, ignored) for part in (self.added, self.modified, self.removed)))

    def keep(self, element: str, below: Changes) -> None:
        """Take in the changes inside a field or item."""
        if below.added:
            self.added[element] = below.added
        if below.modified:
            self.modified[element] = below.modified
        if below.removed:
            self.removed[element] = below.removed


def compare(node: Node, old: Any, new: Any) -> Changes:
    """The changes that lead from one value to another; order in lists of items is none."""
    changes = Changes()
    _into(changes, node, old, new)
    return changes


def all_of(node: Node, value: Any) -> FieldSet:
    """Every path of a value that is new or gone as a whole, without its own."""
    shape = node.shape
    if not value or shape is Shape.SCALAR or node.atomic:
        return LEAF
    if isinstance(value, dict):
        return {f"f:{name}": _itself(all_of(node.child(name) or ANY, inner)) for name, inner in value.items()}
    if isinstance(value, list) and shape is Shape.LIST:
        return {name: _all_of_items(node, items) for name, items in by_element(node, value).items()}
    return LEAF


def _all_of_items(node: Node, items: list[Any]) -> FieldSet:
    """Of items with the same keys only these are told: nobody can own parts of them."""
    return _itself(all_of(node.element or ANY, items[0])) if len(items) == 1 else LEAF


def _itself(below: FieldSet) -> FieldSet:
    return {".": LEAF, **below} if below else LEAF


def _into(changes: Changes, node: Node, old: Any, new: Any) -> None:
    """Both are granular, or a mixture that only untyped values can be."""
    if old is None:
        old = type(new)()
    if new is None:
        new = type(old)()
    if isinstance(old, list):
        _items(changes, node, old, new)
    else:
        _fields(changes, node, old, new)


def _fields(changes: Changes, node: Node, old: Json, new: Json) -> None:
    fields, element_node = node.fields, node.element
    for name, value in new.items():
        child = fields.get(name) or element_node or ANY
        if name not in old:
            changes.added[f"f:{name}"] = _itself(all_of(child, value))
            continue
        before = old[name]
        if before is not value:
            _pair(changes, child, f"f:{name}", (before, value))
    if len(old) > len(new) or not old.keys() <= new.keys():
        for name, value in old.items():
            if name not in new:
                child = fields.get(name) or element_node or ANY
                changes.removed[f"f:{name}"] = _itself(all_of(child, value))


def _pair(changes: Changes, node: Node, element: str, pair: tuple[Any, Any]) -> None:
    before, after = pair
    if node.shape is Shape.ANY and _is_other_kind(before, after):
        _replaced(changes, element, before, after)
        return
    if _is_leaf(node, before, after):
        if not same(before, after):
            changes.modified[element] = LEAF
        return
    if before == after and (node.name or same(before, after)):  # only what is untyped can hold true for 1
        return
    below = Changes()
    _into(below, node, before, after)
    changes.keep(element, below)


def _is_leaf(node: Node, before: Any, after: Any) -> bool:
    if node.shape is Shape.SCALAR or node.atomic or not (before or after):
        return True
    return node.shape is Shape.ANY and not isinstance(before or after, dict)


def _is_other_kind(before: Any, after: Any) -> bool:
    """Whether an untyped map became something else, or came of it. Null counts as an empty map."""
    mine, others = isinstance(before, dict), isinstance(after, dict)
    return mine != others and before is not None and after is not None


def _replaced(changes: Changes, element: str, before: Any, after: Any) -> None:
    """Parts of the map come or go, and the value itself is another."""
    if isinstance(before, dict) and before:
        changes.removed[element] = all_of(ANY, before)
    if isinstance(after, dict) and after:
        changes.added[element] = all_of(ANY, after)
    changes.modified[element] = LEAF


def same(before: Any, after: Any) -> bool:
    """Equality as JSON has it: `true` is not 1."""
    if before != after or isinstance(before, bool) != isinstance(after, bool):
        return False
    if isinstance(before, dict) and isinstance(after, dict):
        return all(same(value, after[name]) for name, value in before.items())
    if isinstance(before, list) and isinstance(after, list):
        return all(map(same, before, after))
    return (before is None) == (after is None)


def _items(changes: Changes, node: Node, old: list[Any], new: list[Any]) -> None:
    before, after = by_element(node, old), by_element(node, new)
    for element, items in after.items():
        earlier = before.get(element)
        if earlier is None:
            changes.added[element] = _all_of_items(node, items)
        elif len(items) > 1 or len(earlier) > 1:
            _repeated(changes, node, element, (earlier, items))
        elif items[0] is not earlier[0]:
            _pair(changes, node.element or ANY, element, (earlier[0], items[0]))
    for element, items in before.items():
        if element not in after:
            changes.removed[element] = _all_of_items(node, items)


def _repeated(changes: Changes, node: Node, element: str, pair: tuple[list[Any], list[Any]]) -> None:
    """An item that stands there more than once, before or after: it changes as a whole, its parts come or go."""
    before, after = pair
    if same(before, after):
        return
    changes.modified[element] = LEAF
    for items, parts in ((before, changes.removed), (after, changes.added)):
        if len(items) == 1 and (below := all_of(node.element or ANY, items[0])):
            parts[element] = below


def by_element(node: Node, items: list[Any]) -> dict[str, list[Any]]:
    """Items by what identifies them; live objects may hold an item more than once."""
    found: dict[str, list[Any]] = {}
    for item in items:
        found.setdefault(item_element(node, item), []).append(item)
    return found
