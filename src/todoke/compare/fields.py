"""Field ownership as the server records it: `metadata.managedFields` and its `fieldsV1` sets.

Source of the format: Kubernetes documentation, "Server-Side Apply": `f:` names a field, `k:` a list item by its merge
keys, `v:` an element of a set, `i:` an index, `.` the item itself; a node without children is owned whole.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from todoke.model.tracking import MANAGER

Fields = Mapping[str, Any]
Path = tuple[str, ...]
"""Elements of a fieldsV1 set from the root, for example `("f:spec", "f:replicas")`."""

_ABSENT = object()


def entries(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The managedFields entries of an object."""
    found: list[dict[str, Any]] = (body.get("metadata") or {}).get("managedFields") or []
    return found


def our_entry(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """The entry of our own applies: our manager, operation Apply, no subresource."""
    for entry in entries(body):
        if entry.get("manager") == MANAGER and entry.get("operation") == "Apply" and not entry.get("subresource"):
            return entry
    return None


def our_fields(body: Mapping[str, Any]) -> Fields | None:
    """The fields our last apply holds, or None when there is no such entry."""
    entry = our_entry(body)
    return None if entry is None else entry.get("fieldsV1") or {}


def project(value: Any, fields: Fields) -> Any:
    """The part of a value that a field set holds; what is held but absent is left out."""
    if not _children(fields):
        return value
    if isinstance(value, list):
        return [
            project(item, sub) for element, sub in _elements(fields) if (item := pick(value, element)) is not _ABSENT
        ]
    if not isinstance(value, dict):
        return value
    return {element[2:]: project(value[element[2:]], sub) for element, sub in _elements(fields) if element[2:] in value}


def pick(value: Any, element: str) -> Any:
    """What a path element names inside a value, or ABSENT."""
    kind, rest = element[:2], element[2:]
    if kind == "f:" and isinstance(value, dict):
        return value.get(rest, _ABSENT)
    if not isinstance(value, list):
        return _ABSENT
    if kind == "k:":
        keys = json.loads(rest)
        return next((item for item in value if _has(item, keys)), _ABSENT)
    if kind == "v:":
        wanted = json.loads(rest)
        return wanted if wanted in value else _ABSENT
    index = int(rest) if kind == "i:" else len(value)
    return value[index] if index < len(value) else _ABSENT


def present(body: Any, path: Path) -> bool:
    """Whether an object has a value at the path."""
    for element in path:
        body = pick(body, element)
        if body is _ABSENT:
            return False
    return True


def value_at(body: Any, path: Path, default: Any = None) -> Any:
    """The value at a path, or the default."""
    for element in path:
        body = pick(body, element)
        if body is _ABSENT:
            return default
    return body


def value_at_fields(fields: Fields, path: Path) -> Fields:
    """The part of a set below a path, empty where there is none."""
    for element in path:
        fields = fields.get(element) or {}
    return fields


def leaves(fields: Fields, at: Path = ()) -> Iterator[Path]:
    """Every path that a set holds whole."""
    for element, sub in _elements(fields):
        if _children(sub):
            yield from leaves(sub, (*at, element))
        else:
            yield (*at, element)


def holds(fields: Fields, path: Path) -> bool:
    """Whether a set holds the path, or a whole that the path is in, or something inside it."""
    for element in path:
        if not _children(fields):
            return bool(path)
        if element not in fields:
            return False
        fields = fields[element]
    return True


def union(first: Fields, second: Fields) -> dict[str, Any]:
    """Both sets together."""
    both = dict(first)
    for element, sub in second.items():
        both[element] = union(both[element], sub) if element in both else sub
    return both


def without(fields: Fields, path: Path) -> dict[str, Any]:
    """The set less one path; parents that become empty go too."""
    if not path:
        return {}
    rest = {element: sub for element, sub in fields.items() if element != path[0]}
    if path[0] in fields and len(path) > 1 and (kept := _children(without(fields[path[0]], path[1:]))):
        rest[path[0]] = dict(kept)
    return rest


def only(path: Path) -> dict[str, Any]:
    """The set that holds one path."""
    return {path[0]: only(path[1:])} if path else {}


def set_of(value: Mapping[str, Any]) -> dict[str, Any]:
    """The field set of a value whose merge rules are not known: maps field by field, lists whole."""
    return {f"f:{name}": set_of(inner) if isinstance(inner, dict) and inner else {} for name, inner in value.items()}


def text(path: Path) -> str:
    """A path as a person writes it: `.spec.containers[web].image`."""
    words = []
    for element in path:
        kind, rest = element[:2], element[2:]
        if kind == "f:":
            words.append(f".{rest}" if rest.replace("_", "").isalnum() else f'["{rest}"]')
        elif kind == "k:":
            words.append("[" + ",".join(str(value) for value in json.loads(rest).values()) + "]")
        else:
            words.append(f"[{rest}]")
    return "".join(words)


def _elements(fields: Fields) -> Iterator[tuple[str, Fields]]:
    return ((element, sub) for element, sub in fields.items() if element != ".")


def _children(fields: Fields) -> Fields:
    return {element: sub for element, sub in fields.items() if element != "."} if "." in fields else fields


def _has(item: Any, keys: Mapping[str, Any]) -> bool:
    return isinstance(item, dict) and all(item.get(name, _ABSENT) == value for name, value in keys.items())
