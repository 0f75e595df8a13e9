"""One write from body to object, as the server goes about it: read, merge, defaults, ownership, fields that stay.

What only a server can give is not in here: uid, resourceVersion, generation, addresses, admission, validation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from todoke_sandbox.fields.ownership import BadApply, Writer, apply, keep_times, object_text, update
from todoke_sandbox.fields.resets import reset_fields
from todoke_sandbox.schema.decoding import Undecodable
from todoke_sandbox.schema.defaults import TEMPLATE_GENERATION
from todoke_sandbox.schema.kinds import Kind
from todoke_sandbox.schema.node import Json

_SERVER_MADE: Final = (
    "uid",
    "creationTimestamp",
    "generation",
    "resourceVersion",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)


def create(kind: Kind, body: Mapping[str, Any], by: Writer, unknown: list[str] | None = None) -> Json:
    """The object that a POST makes. What clients do not decide, they cannot set: a status is dropped.

    Args: unknown: gets the paths of fields that the kind does not know.
    """
    new = _read(kind, body, unknown)
    return _with_reset(kind, None, update(kind, None, new, by), by.subresource)


def replace(
    kind: Kind, live: Mapping[str, Any], body: Mapping[str, Any], by: Writer, unknown: list[str] | None = None
) -> Json:
    """The object that a PUT, or a patch whose result is `body`, makes of the live one.

    Args: unknown: gets the paths of fields that the kind does not know.
    """
    new = _read(kind, body, unknown)
    metadata = {name: value for name, value in new["metadata"].items() if name not in _SERVER_MADE}
    metadata |= {name: live["metadata"][name] for name in _SERVER_MADE if name in live["metadata"]}
    done = update(kind, live, new | {"metadata": metadata}, by)
    return keep_times(live, _with_reset(kind, live, done, by.subresource))


def apply_patch(kind: Kind, live: Mapping[str, Any] | None, patch: Mapping[str, Any], by: Writer) -> Json:
    """The object that a server-side apply makes.

    Raises: ApplyConflict, BadApply: see :func:`todoke_sandbox.fields.ownership.apply`.
    """
    done = apply(kind, live, patch, by)
    try:
        read, _ = kind.read(done)
    except Undecodable as error:
        converting = f"failed to convert new object ({object_text(kind, patch)}) to proper version"
        raise BadApply(f"{converting}: unable to convert unstructured object to {kind.text}: {error}") from error
    read = _with_reset(kind, live, read, by.subresource)
    return read if live is None else keep_times(live, read)


def _read(kind: Kind, body: Mapping[str, Any], unknown: list[str] | None) -> Json:
    """The body as its kind reads it, and its managedFields as written: an empty list is not the same as none."""
    new, lost = kind.read(body)
    if unknown is not None:
        unknown += lost
    metadata = body.get("metadata") or {}
    if "managedFields" in metadata:
        new["metadata"] = new["metadata"] | {"managedFields": metadata["managedFields"]}
    return new


def _with_reset(kind: Kind, live: Mapping[str, Any] | None, new: Json, subresource: str) -> Json:
    """The new object with those fields of the live one that this request cannot set."""
    for name in kind.node.always:
        if new.get(name) == []:
            new[name] = None  # as it comes back from the store
    fields = reset_fields(kind, subresource)
    if not fields:
        return new
    source = live if live is not None else kind.read({})[0]
    if kind.name == "DaemonSet" and kind.built_in and not subresource:
        _count_template(live, new)
    result = dict(new)
    for element, below in fields.items():
        name = element[2:]
        if name in ("apiVersion", "kind"):
            continue
        if name == "metadata":
            result[name] = _metadata(source.get(name) or {}, new[name], below)
        else:
            _copy(source, result, name)
    return result


def _count_template(live: Mapping[str, Any] | None, new: Json) -> None:
    """DaemonSets count how often their template changed."""
    number = 0 if live is None else int(live["metadata"].get("annotations", {}).get(TEMPLATE_GENERATION, "0"))
    if live is None or live["spec"]["template"] != new["spec"]["template"]:
        number += 1
    annotations = new["metadata"].get("annotations") or {}
    new["metadata"] = new["metadata"] | {"annotations": annotations | {TEMPLATE_GENERATION: str(number)}}


def _metadata(old: Mapping[str, Any], new: Mapping[str, Any], below: Mapping[str, Any]) -> Json:
    """All of the old metadata, or the fields below; who holds what is always new."""
    if below:
        metadata = dict(new)
        for element in below:
            _copy(old, metadata, element[2:])
        return metadata
    metadata = dict(old)
    _copy(new, metadata, "managedFields")
    return metadata


def _copy(source: Mapping[str, Any], target: Json, name: str) -> None:
    if name in source:
        target[name] = source[name]
    else:
        target.pop(name, None)
