"""Strategic merge patch: a merge patch that merges lists too, by the keys and strategies of the schema.

Source: Kubernetes documentation, "Update API Objects in Place Using kubectl patch"; messages and orders are those of a
real server.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from todoke_sandbox.fields.go_text import go_value
from todoke_sandbox.patches.errors import PatchRefused
from todoke_sandbox.patches.list_order import in_server_order
from todoke_sandbox.schema.node import ANY, Json, Node

DIRECTIVE: Final = "$patch"
RETAIN: Final = "$retainKeys"
ORDER: Final = "$setElementOrder/"
DELETIONS: Final = "$deleteFromPrimitiveList/"

_SPECIAL = (DIRECTIVE, RETAIN)
_STRATEGY, _KEY = "x-kubernetes-patch-strategy", "x-kubernetes-patch-merge-key"


def strategic_merge_patch(document: Mapping[str, Any], patch: Any, node: Node) -> Json:
    """The document with the patch merged over it.

    Args: node: of the document's kind.
    Raises: PatchRefused: the patch is no object, or a directive in it makes no sense.
    """
    if not isinstance(patch, dict):
        got = "array" if isinstance(patch, list) else "string" if isinstance(patch, str) else "number"
        message = f"json: cannot unmarshal {got} into Go value of type map[string]interface {{}}"
        raise PatchRefused(message, status=400)
    return _map(document, patch, node)


def _map(document: Mapping[str, Any], patch: Mapping[str, Any], node: Node) -> Json:
    if patch.get(DIRECTIVE, "merge") != "merge":
        return _directed(patch)
    result = _retained(document, patch)
    for name, value in patch.items():
        if name in _SPECIAL or name.startswith(ORDER):
            continue
        if name.startswith(DELETIONS):
            _delete_elements(result, name.removeprefix(DELETIONS), value)
        elif value is None:
            result.pop(name, None)
        else:
            _field(result, name, value, (node, patch.get(ORDER + name)))
    for name, order in patch.items():
        field = name.removeprefix(ORDER)
        if name.startswith(ORDER) and not patch.get(field) and result.get(field):
            result[field] = _ordered_only(result[field], order, node.facts.get(field, {}))
    return result


def _directed(patch: Mapping[str, Any]) -> Json:
    if patch[DIRECTIVE] == "replace":
        return {name: value for name, value in patch.items() if name != DIRECTIVE}
    if patch[DIRECTIVE] == "delete":
        return {}
    raise PatchRefused(f"unknown patch type: {patch[DIRECTIVE]} in map: {go_value(dict(patch))}")


def _retained(document: Mapping[str, Any], patch: Mapping[str, Any]) -> Json:
    if RETAIN not in patch:
        return dict(document)
    kept = patch[RETAIN]
    if not isinstance(kept, list) or any(_names_field(name) and name not in kept for name in patch):
        raise PatchRefused("invalid patch format of retainKeys", status=400)
    return {name: value for name, value in document.items() if name in kept}


def _names_field(name: str) -> bool:
    return name not in _SPECIAL and not name.startswith((ORDER, DELETIONS))


def _field(result: Json, name: str, value: Any, context: tuple[Node, Any]) -> None:
    node, order = context
    child, facts = node.child(name) or ANY, node.facts.get(name, {})
    before = result.get(name)
    replaces = "merge" not in str(facts.get(_STRATEGY, ""))
    if isinstance(value, dict):
        if isinstance(before, dict):
            result[name] = _map(before, value, child)
        elif DIRECTIVE not in value:
            result[name] = _map({}, value, child)
    elif isinstance(value, list) and not replaces and isinstance(before or [], list):
        result[name] = _list(before or [], value, child, str(facts.get(_KEY, "")), order)
    else:
        result[name] = value


def _list(before: list[Any], patch: list[Any], node: Node, key: str, order: Any) -> list[Any]:
    if not patch and not before:
        return patch
    kinds = {isinstance(item, dict) for item in (*before, *patch)}
    if len(kinds) > 1 or any(item is None for item in patch):
        raise PatchRefused(f"list element types are not identical: {go_value([before, patch])}")
    if kinds == {False}:
        merged = list(dict.fromkeys([*before, *patch]))
        return in_server_order(merged, patch if order is None else order, before, "")
    if any(item.get(DIRECTIVE) == "replace" for item in patch):
        return [item for item in patch if DIRECTIVE not in item]
    changed = [item for item in patch if DIRECTIVE not in item]
    merged = list(_without_deleted(before, patch, key))
    for item in changed:
        _merge_item(merged, item, node.element or ANY, key)
    if order is not None:
        _check_order(changed, order, key)
    return in_server_order(merged, changed if order is None else order, before, key)


def _without_deleted(before: list[Json], patch: list[Json], key: str) -> Iterator[Json]:
    gone = []
    for item in patch:
        directive = item.get(DIRECTIVE)
        if directive == "delete":
            gone.append(_key_value(item, key))
        elif directive == "merge":
            raise PatchRefused("merging lists cannot yet be specified in the patch")
        elif directive is not None:
            raise PatchRefused(f"unknown patch type: {directive} in map: {go_value(item)}")
    return (item for item in before if item.get(key) not in gone)


def _merge_item(merged: list[Json], item: Json, node: Node, key: str) -> None:
    value = _key_value(item, key)
    for index, other in enumerate(merged):
        if other.get(key) == value:
            merged[index] = _map(other, item, node)
            return
    merged.append(_map({}, item, node))


def _key_value(item: Json, key: str) -> Any:
    if key not in item:
        raise PatchRefused(f"map: {go_value(item)} does not contain declared merge key: {key}")
    return item[key]


def _ordered_only(before: list[Any], order: Any, facts: Mapping[str, Any]) -> list[Any]:
    key = str(facts.get(_KEY, "")) if before and isinstance(before[0], dict) else ""
    for index, item in enumerate(order):
        if key and not isinstance(item, dict):
            raise PatchRefused(f"value for key {index} is not a map")
    return in_server_order(before, order, before, key)


def _check_order(changed: list[Json], order: list[Json], key: str) -> None:
    """What the patch changes stands in the order, in that order."""
    wanted = [item.get(key) for item in order]
    at = -1
    for item in changed:
        if item[key] not in wanted or wanted.index(item[key]) < at:
            raise PatchRefused(
                f"The order in patch list:\n{go_value(changed)}\n doesn't match {ORDER[:-1]} list:\n{go_value(order)}\n"
            )
        at = wanted.index(item[key])


def _delete_elements(result: Json, name: str, gone: Any) -> None:
    before = result.get(name)
    if not isinstance(before, list) or not isinstance(gone, list):
        return
    if any(isinstance(item, dict) for item in before):
        raise PatchRefused(f"list element types are not identical: {go_value([before, gone])}")
    result[name] = [item for item in before if item not in gone]
