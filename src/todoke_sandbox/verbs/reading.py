"""Bodies of requests: that they are of the right kind and name, and what is said of fields nobody knows.

Source: answers of a real server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from todoke_sandbox.registry.resources import Resource
from todoke_sandbox.verbs.refusals import Refusal
from todoke_sandbox.verbs.requests import How, Place
from todoke_sandbox.verbs.validation.rules import invalid

Json = dict[str, Any]


def checked(place: Place, body: Any) -> Json:
    """The body, if it is an object of the place's kind, namespace and name; with both filled in where they are absent.

    Raises: Refusal: it is not.
    """
    kind = place.resource.kind
    if not isinstance(body, dict):
        got = "array" if isinstance(body, list) else type(body).__name__.replace("str", "string")
        raise Refusal.bad_request(
            f'{kind.name} in version "{kind.version}" cannot be handled as a {kind.name}: '
            f"json: cannot unmarshal {got} into Go value of type {kind.version}.{kind.name}"
        )
    version = body.get("apiVersion") or kind.api_version
    if version != kind.api_version and kind.built_in and version.rpartition("/")[0] == kind.group:
        raise undecodable_version(kind.name, version)
    if version != kind.api_version:
        raise Refusal.bad_request(
            f"the API version in the data ({version}) does not match the expected API version ({kind.api_version})"
        )
    named = body.get("kind") or kind.name
    if named != kind.name:
        raise Refusal.bad_request(
            f'{named} in version "{kind.version}" cannot be handled as a {kind.name}: converting'
            f" ({kind.version}.{named}) to ({kind.group.partition('.')[0] or 'core'}.{kind.name}): unknown conversion"
        )
    metadata = body.get("metadata")
    if metadata is None:
        metadata = {}
    if not isinstance(metadata, dict):
        raise undecodable(place.resource, "json: cannot unmarshal value into Go struct field .metadata")
    return {**body, "apiVersion": kind.api_version, "kind": kind.name, "metadata": _placed(place, metadata)}


def undecodable_version(kind: str, version: str) -> Refusal:
    """The refusal of a body in a version that its group does not have."""
    short = version.rpartition("/")[2]
    return Refusal.bad_request(
        f'{kind} in version "{short}" cannot be handled as a {kind}: no kind "{kind}" is registered'
        f' for version "{version}" in scheme "pkg/runtime/scheme.go:111"'
    )


def _placed(place: Place, metadata: Mapping[str, Any]) -> Json:
    placed = dict(metadata)
    if not place.resource.namespaced:
        placed.pop("namespace", None)
    elif (named := placed.get("namespace") or place.namespace) != place.namespace:
        raise Refusal.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
            if named
            else "an empty namespace may not be set during creation"
        )
    else:
        placed["namespace"] = place.namespace
    if place.name and (name := placed.get("name") or place.name) != place.name:
        raise Refusal.bad_request(f"the name of the object ({name}) does not match the name on the URL ({place.name})")
    if place.name:
        placed["name"] = place.name
    return placed


def undecodable(resource: Resource, error: object) -> Refusal:
    """The refusal of a body with a value of the wrong type."""
    kind = resource.kind
    return Refusal.bad_request(f'{kind.name} in version "{kind.version}" cannot be handled as a {kind.name}: {error}')


def warnings_of(
    resource: Resource, unknown: Sequence[str], how: How, patched: Mapping[str, Any] | None = None
) -> Sequence[str]:
    """Warnings about fields that the kind does not declare.

    Args: patched: what a patch made of the object, where it was one.
    Raises: Refusal: the client wants them refused.
    """
    if not unknown or how.validation == "Ignore":
        return ()
    texts = [f'unknown field "{path}"' for path in unknown]
    if how.validation != "Strict":
        return texts
    kind, strict = resource.kind, f"strict decoding error: {', '.join(texts)}"
    if patched is not None:
        value = msgspec.json.encode(patched).decode()
        raise Refusal.invalid(("", ""), "", [invalid("patch", value, strict)])
    raise Refusal.bad_request(f'{kind.name} in version "{kind.version}" cannot be handled as a {kind.name}: {strict}')
