"""The steps of a path into an object, spelled as in fieldsV1, and paths as the server's messages spell them.

Source of the format: Kubernetes documentation, "Server-Side Apply": `f:` names a field, `k:` a list item by its keys,
`v:` an element of a set, `i:` an index.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache
from json.encoder import encode_basestring as quoted
from typing import Any

from todoke_sandbox.schema.node import Node

Path = tuple[str, ...]
"""Elements from the root, for example `("f:spec", "f:replicas")`."""


def json_text(value: Any) -> str:
    """Compact JSON with sorted keys, as elements carry it."""
    if type(value) is str:
        return quoted(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def item_element(node: Node, item: Any) -> str:
    """The element that identifies an item of a list with keys, or of a set. Keys with no value stay out."""
    keys = node.keys
    if not keys:
        return f"v:{json_text(item)}"
    parts = []
    for key in keys:
        value = item.get(key)
        if value is None:
            value = node.key_defaults.get(key)
            if value is None:
                continue
        parts.append(f"{quoted(key)}:{quoted(value) if type(value) is str else json_text(value)}")
    return "k:{" + ",".join(parts) + "}"


def text(path: Iterable[str]) -> str:
    """A path in a message: `.spec.containers[name="web"].image`."""
    return "".join(map(element_text, path))


def element_text(element: str) -> str:
    """One step in a message."""
    kind, rest = element[:2], element[2:]
    if kind == "f:":
        return f".{rest}"
    if kind == "k:":
        return "[" + ",".join(f"{name}={json_text(value)}" for name, value in json.loads(rest).items()) + "]"
    return f"[={rest}]" if kind == "v:" else f"[{rest}]"


@lru_cache(maxsize=65536)
def order(element: str) -> tuple[int, Any]:
    """Sorts the elements of one node as the server writes them: fields, keyed items, values, indexes."""
    kind, rest = element[:2], element[2:]
    if kind == "k:":
        return (1, tuple((name, _rank(value)) for name, value in json.loads(rest).items()))
    if kind == "v:":
        return (2, _rank(json.loads(rest)))
    if kind == "i:":
        return (3, int(rest))
    return (-1 if element == "." else 0, rest)


def _rank(value: Any) -> tuple[int, Any]:
    if isinstance(value, bool):
        return (2, value)
    if isinstance(value, int | float):
        return (0, value)
    return (1, value) if isinstance(value, str) else (3, json_text(value))
