"""The annotation of kubectl's client-side apply: how an apply by `kubectl` takes over from it.

Source: Kubernetes documentation, "Server-Side Apply", upgrading from client-side apply.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from todoke_sandbox.fields.conflicts import ApplyConflict
from todoke_sandbox.fields.field_set import FieldSet, difference
from todoke_sandbox.fields.typed import Mistyped, set_of
from todoke_sandbox.schema.node import Json, Node

ANNOTATION: Final = "kubectl.kubernetes.io/last-applied-configuration"


def has_annotation(body: Mapping[str, Any]) -> bool:
    """Whether client-side apply has been here."""
    return ANNOTATION in ((body.get("metadata") or {}).get("annotations") or {})


def forgiven(node: Node, live: Mapping[str, Any], conflict: ApplyConflict) -> None:
    """Return when every field in conflict was last set by client-side apply and still has that value.

    Raises: ApplyConflict: the conflicts that remain.
    """
    allowed = _from_annotation(node, live)
    if not difference(conflict.fields, allowed):
        return
    remaining = {key: difference(fields, allowed) for key, fields in conflict.by_manager.items()}
    raise ApplyConflict({key: fields for key, fields in remaining.items() if fields})


def with_annotation(body: Json, patch: Mapping[str, Any]) -> Json:
    """The object with the annotation brought up to date: it becomes what was applied."""
    metadata = dict(patch.get("metadata") or {})
    annotations = {name: text for name, text in (metadata.pop("annotations", None) or {}).items() if name != ANNOTATION}
    if annotations:
        metadata["annotations"] = annotations
    content = {**patch, "metadata": metadata}
    text = json.dumps(content, separators=(",", ":"), sort_keys=True, ensure_ascii=False) + "\n"
    mine = body["metadata"]
    return body | {"metadata": mine | {"annotations": mine["annotations"] | {ANNOTATION: text}}}


def _from_annotation(node: Node, live: Mapping[str, Any]) -> FieldSet:
    text = ((live.get("metadata") or {}).get("annotations") or {}).get(ANNOTATION)
    if not text:
        return {}
    try:
        return set_of(node, json.loads(text))
    except (ValueError, Mistyped):
        return {}
