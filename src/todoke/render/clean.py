"""What is taken out of a manifest, or rewritten in it, before it is compared and applied.

These are parts that the server sets or rewrites; left in, they would be differences for ever.
"""

import base64
from typing import Any

from todoke.model.errors import Blocked

_SERVER_SET = ("managedFields", "resourceVersion", "uid", "generation", "selfLink", "creationTimestamp")


def clean(body: dict[str, Any], origin: str, warnings: list[str]) -> None:
    """Clean a decoded manifest in place. Warns of what was dropped although it had a value.

    Raises: Blocked: a Secret's data or stringData holds something else than text.
    """
    body.pop("status", None)
    metadata = body["metadata"]
    dropped = [name for name in _SERVER_SET if name in metadata and metadata.pop(name) is not None]
    if dropped:
        names = ", ".join(f"metadata.{name}" for name in dropped)
        warnings.append(f"{origin}: left out what the server sets: {names}")
    if body["kind"] == "Secret" and body["apiVersion"] == "v1":
        if "stringData" in body:
            _fold_string_data(body, origin)
        _check_data(body.get("data"), origin)


def drop_null_timestamps(value: Any) -> None:
    """Take `creationTimestamp: null` out of every `metadata`, as generators write it into pod templates."""
    if isinstance(value, dict):
        metadata = value.get("metadata")
        if isinstance(metadata, dict) and "creationTimestamp" in metadata and metadata["creationTimestamp"] is None:
            del metadata["creationTimestamp"]
        for one in value.values():
            drop_null_timestamps(one)
    elif isinstance(value, list):
        for one in value:
            drop_null_timestamps(one)


def _fold_string_data(body: dict[str, Any], origin: str) -> None:
    """Write stringData into data, where the server keeps it; stringData wins. Source: Kubernetes, Secret."""
    written = body.pop("stringData") or {}
    data = body.get("data") or {}
    if not isinstance(written, dict) or not isinstance(data, dict):
        raise Blocked(origin, "must be a map of texts", field="stringData")
    for name, text in written.items():
        if text is not None and not isinstance(text, str):
            raise Blocked(
                origin,
                "is a number or a boolean, not a text",
                field=f"stringData.{name}",
                next_step="Write it in quotes",
            )
        data[name] = base64.b64encode((text or "").encode()).decode()
    if data:
        body["data"] = data


def _check_data(data: Any, origin: str) -> None:
    """Refuse here what the server would refuse in a message that shows the value."""
    if data is not None and not isinstance(data, dict):
        raise Blocked(origin, "must be a map of texts", field="data")
    for name, text in (data or {}).items():
        if text is not None and not isinstance(text, str):
            raise Blocked(origin, "is not a text", field=f"data.{name}", next_step="Write base64 in quotes")
