"""JSON patch (RFC 6902) as the server carries it out.

It differs from the letter of the RFC where the server does: `replace` makes a missing field, `test` takes a missing
field for null, `copy` copies a missing field as null, and indexes may be negative.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, Final

from todoke_sandbox.fields.comparing import same
from todoke_sandbox.patches.errors import does_not_apply, undecodable

MOST_OPERATIONS: Final = 10000

_MISSING: Any = object()

Operation = Mapping[str, Any]


def json_patch(document: Mapping[str, Any], operations: Any) -> Any:
    """The document after all operations; the given one stays as it is.

    Raises: PatchRefused: the patch is no list of operations, or one of them cannot be carried out.
    """
    if not isinstance(operations, list):
        raise undecodable(operations, "[]handlers.jsonPatchOp")
    if len(operations) > MOST_OPERATIONS:
        raise does_not_apply(f"more than {MOST_OPERATIONS} operations")
    root = {"": copy.deepcopy(dict(document))}
    for operation in operations:
        if not isinstance(operation, dict):
            raise undecodable(operations, "[]handlers.jsonPatchOp")
        carry_out = _OPERATIONS.get(operation.get("op", ""))
        if carry_out is None:
            raise does_not_apply(f"Unexpected kind: {operation.get('op', 'unknown')}")
        carry_out(root, operation)
    return root[""]


def _add(root: Any, operation: Operation) -> None:
    _insert(root, _pointer(operation, "path"), copy.deepcopy(operation.get("value")))


def _remove(root: Any, operation: Operation) -> None:
    steps = _pointer(operation, "path")
    parent = _parent(root, steps)
    if _look(parent, steps[-1]) is _MISSING:
        raise does_not_apply(f"Unable to remove nonexistent key: {steps[-1]}: missing value")
    del parent[_index(parent, steps[-1])]


def _replace(root: Any, operation: Operation) -> None:
    steps = _pointer(operation, "path")
    parent = _parent(root, steps)
    if isinstance(parent, list) and _look(parent, steps[-1]) is _MISSING:
        raise does_not_apply(
            f"replace operation does not apply: doc is missing key: {operation['path']}: missing value"
        )
    parent[_index(parent, steps[-1])] = copy.deepcopy(operation.get("value"))


def _move(root: Any, operation: Operation) -> None:
    steps = _pointer(operation, "from")
    parent = _parent(root, steps)
    value = _look(parent, steps[-1])
    if value is _MISSING:
        raise does_not_apply(f"jsonpatch move operation does not apply: doc is missing from path: {operation['from']}")
    del parent[_index(parent, steps[-1])]
    _insert(root, _pointer(operation, "path"), value)


def _copy(root: Any, operation: Operation) -> None:
    steps = _pointer(operation, "from")
    value = _look(_parent(root, steps), steps[-1])
    _insert(root, _pointer(operation, "path"), None if value is _MISSING else copy.deepcopy(value))


def _test(root: Any, operation: Operation) -> None:
    steps = _pointer(operation, "path")
    value = _look(_parent(root, steps), steps[-1])
    if not same(None if value is _MISSING else value, operation.get("value")):
        raise does_not_apply(f"testing value {operation['path']} failed: test failed")


_OPERATIONS: Mapping[str, Callable[[Any, Operation], None]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}


def _pointer(operation: Operation, name: str) -> list[str]:
    """The steps of a JSON pointer; the first is the document itself."""
    pointer = operation.get(name)
    if not isinstance(pointer, str) or (pointer and not pointer.startswith("/")):
        raise does_not_apply(f"operation {operation.get('op')}: no {name}")
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")]


def _parent(root: Any, steps: list[str]) -> Any:
    value = root
    for step in steps[:-1]:
        value = _look(value, step)
        if value is _MISSING:
            break
    if not isinstance(value, dict | list):
        raise does_not_apply(f"doc is missing path: {'/'.join(steps)}: missing value")
    return value


def _look(parent: Any, step: str) -> Any:
    if isinstance(parent, dict):
        return parent.get(step, _MISSING)
    if not isinstance(parent, list):
        return _MISSING
    index = _index(parent, step)
    return parent[index] if -len(parent) <= index < len(parent) else _MISSING


def _index(parent: Any, step: str) -> Any:
    """What the step is for this parent: a name, or a number."""
    if isinstance(parent, dict):
        return step
    try:
        return int(step)
    except ValueError as error:
        raise does_not_apply(f"value was not a proper array index: {step!r}") from error


def _insert(root: Any, steps: list[str], value: Any) -> None:
    parent, last = _parent(root, steps), steps[-1]
    if isinstance(parent, dict):
        parent[last] = value
        return
    index = len(parent) if last == "-" else _index(parent, last)
    if index < 0:
        index += len(parent) + 1
    if not 0 <= index <= len(parent):
        raise does_not_apply(f"Unable to access invalid index: {last}: invalid index referenced")
    parent.insert(index, value)
