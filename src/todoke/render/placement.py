"""Giving a rendered object its namespace and the marks of its application."""

from typing import Any

from todoke.model.errors import Blocked
from todoke.model.objects import Manifest, ObjectKey, encode
from todoke.model.renderings import Stamp
from todoke.model.tracking import INSTALLATION_ID, TRACKING_ID, tracking_id

_LONGEST_LABEL = 63


def place(manifest: Manifest, namespaced: bool | None, stamp: Stamp) -> Manifest:
    """The manifest as it is sent: in its namespace, and marked as the application's.

    Definitions (CRDs) are marked too, unlike Argo CD's: docs/decisions/0004-crds-are-tracked.md.

    Args: namespaced: the kind's scope by discovery; None when unknown, then it is taken for namespaced.
    Raises: Blocked: a namespaced object names no namespace and neither does the destination.
    """
    body = manifest.body
    metadata: dict[str, Any] = body["metadata"]
    key = manifest.key
    namespace = "" if namespaced is False else key.namespace or stamp.namespace
    if namespaced and not namespace:
        raise Blocked(
            manifest.origin or str(key),
            "is missing, and the application's destination names none either",
            field="metadata.namespace",
            next_step="Write one of them",
        )
    metadata.pop("namespace", None)
    if namespace:
        metadata["namespace"] = namespace
    placed = ObjectKey(key.group, key.kind, namespace, key.name)
    _mark(metadata, placed, stamp)
    return Manifest(placed, manifest.version, encode(body), manifest.origin)


def _mark(metadata: dict[str, Any], key: ObjectKey, stamp: Stamp) -> None:
    annotations = metadata["annotations"] = metadata.get("annotations") or {}
    annotations[TRACKING_ID] = tracking_id(stamp.instance, key, stamp.namespace)
    if stamp.installation:
        annotations[INSTALLATION_ID] = stamp.installation
    if stamp.label_key:
        labels = metadata["labels"] = metadata.get("labels") or {}
        labels[stamp.label_key] = stamp.instance[:_LONGEST_LABEL].rstrip("-_.")
