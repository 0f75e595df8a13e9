"""Schemas of CustomResourceDefinitions: the OpenAPI that their versions carry, completed as the server completes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from todoke_sandbox.schema.node import Json

_TEXT = {"type": "string"}


def served_versions(definition: Mapping[str, Any]) -> list[Json]:
    """The versions of a definition that clients can use."""
    return [version for version in definition["spec"].get("versions") or [] if version.get("served", True)]


def crd_schema(version: Mapping[str, Any], metadata: Mapping[str, Any]) -> Json:
    """The schema of one version's objects, with `apiVersion`, `kind` and the server's own metadata.

    Args: metadata: the definition of ObjectMeta.
    """
    schema = (version.get("schema") or {}).get("openAPIV3Schema")
    if schema is None:
        schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return _with_identity(schema, metadata) | {"type": "object"}


def _with_identity(schema: Mapping[str, Any], metadata: Mapping[str, Any]) -> Json:
    inner = _embedded(schema, metadata)
    own = dict(inner.get("properties") or {})
    own |= {"apiVersion": _TEXT, "kind": _TEXT, "metadata": metadata}
    return inner | {"properties": own}


def _embedded(schema: Mapping[str, Any], metadata: Mapping[str, Any]) -> Json:
    """The schema with every embedded resource inside it completed too."""
    done = dict(schema)
    if fields := schema.get("properties"):
        done["properties"] = {name: _inner(inner, metadata) for name, inner in fields.items()}
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            done[key] = _inner(schema[key], metadata)
    return done


def _inner(schema: Mapping[str, Any], metadata: Mapping[str, Any]) -> Json:
    if schema.get("x-kubernetes-embedded-resource"):
        return _with_identity(schema, metadata)
    return _embedded(schema, metadata)
