"""JSON merge patch (RFC 7386)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from todoke_sandbox.patches.errors import undecodable
from todoke_sandbox.schema.node import Json


def merge_patch(document: Mapping[str, Any], patch: Any) -> Json:
    """The document with the patch merged over it: null removes, lists and scalars replace, maps merge.

    Raises: PatchRefused: the patch is no object.
    """
    if not isinstance(patch, dict):
        raise undecodable(patch, "map[string]interface {}")
    return _merged(document, patch)


def _merged(document: Mapping[str, Any], patch: Json) -> Json:
    result = dict(document)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict):
            before = result.get(name)
            result[name] = _merged(before if isinstance(before, dict) else {}, value)
        else:
            result[name] = value
    return result
