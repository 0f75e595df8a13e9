"""OpenAPI v3 documents for clients: types with descriptions and group-version-kinds, and the paths kubectl needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from todoke_sandbox.schema.node import Json

PREFIX = "#/components/schemas/"
_METADATA = "apimachinery.pkg.apis.meta.v1.ObjectMeta"
_INTERNAL = ("x-always", "x-optional")
_EITHER = {"int-or-string": ("integer", "string"), "quantity": ("string", "number")}
_PATCH_TYPES = ("application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json")


def document(
    group_version: tuple[str, str],
    built_in: Mapping[str, str],
    custom: Mapping[str, Mapping[str, Any]],
    data: tuple[Mapping[str, Any], Mapping[str, Any]],
) -> bytes:
    """The document of one group and version as JSON.

    Args:
        built_in: names of definitions by kind.
        custom: schemas by kind.
        data: definitions, and their descriptions: by definition, by field; the definition's own under "".
    """
    group, version = group_version
    definitions, descriptions = data
    names = set(built_in.values()) | ({_METADATA} if custom else set())
    schemas = {
        _full(name): _described(definitions[name], descriptions.get(name, {}))
        for name in sorted(_reachable(definitions, names))
    }
    for kind, name in built_in.items():
        schemas[_full(name)]["x-kubernetes-group-version-kind"] = [_gvk(group, version, kind)]
    for kind, schema in custom.items():
        name = ".".join([*reversed(group.split(".")), version, kind])
        metadata = {"allOf": [{"$ref": f"{PREFIX}{_full(_METADATA)}"}]}
        schemas[name] = dict(schema) | {
            "properties": dict(schema["properties"]) | {"metadata": metadata},
            "x-kubernetes-group-version-kind": [_gvk(group, version, kind)],
        }
    kinds = {kind: _full(name) for kind, name in built_in.items()}
    kinds |= {kind: ".".join([*reversed(group.split(".")), version, kind]) for kind in custom}
    return msgspec.json.encode(
        {
            "openapi": "3.0.0",
            "info": {"title": "Kubernetes", "version": "v1.37.0"},
            "paths": dict(_paths(group, version, kinds)),
            "components": {"schemas": schemas},
        }
    )


def _paths(group: str, version: str, kinds: Mapping[str, str]) -> Iterator[tuple[str, Json]]:
    """One path per kind: kubectl reads from its operations that field validation is offered."""
    root = f"/apis/{group}/{version}" if group else f"/api/{version}"
    parameters = [
        {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}}
        for name in ("dryRun", "fieldManager", "fieldValidation")
    ]
    for kind, name in kinds.items():
        answer = {
            "200": {"description": "OK", "content": {"application/json": {"schema": {"$ref": f"{PREFIX}{name}"}}}}
        }
        operation = {
            "x-kubernetes-group-version-kind": _gvk(group, version, kind),
            "parameters": parameters,
            "responses": answer,
        }
        patch = {"requestBody": {"content": {form: {"schema": {"type": "object"}} for form in _PATCH_TYPES}}}
        yield (
            f"{root}/{kind.lower()}s/{{name}}",
            {
                "get": operation | {"x-kubernetes-action": "get"},
                "put": operation | {"x-kubernetes-action": "put"},
                "patch": operation | patch | {"x-kubernetes-action": "patch"},
            },
        )


def _described(definition: Mapping[str, Any], descriptions: Mapping[str, str]) -> Json:
    made = _public(definition)
    if text := descriptions.get(""):
        made["description"] = text
    for name, inner in (made.get("properties") or {}).items():
        if text := descriptions.get(name):
            inner["description"] = text
    return made


def _public(schema: Mapping[str, Any]) -> Json:
    if "$ref" in schema:
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        return {"allOf": [{"$ref": f"{PREFIX}{_full(schema['$ref'])}"}], **rest}
    if choices := _EITHER.get(str(schema.get("format"))):
        return {"format": schema["format"], "oneOf": [{"type": kind} for kind in choices]}
    made = {key: value for key, value in schema.items() if key not in _INTERNAL}
    if "properties" in schema:
        made["properties"] = {name: _public(inner) for name, inner in schema["properties"].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            made[key] = _public(schema[key])
    return made


def _reachable(definitions: Mapping[str, Any], names: set[str]) -> set[str]:
    seen: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += _references(definitions[name])
    return seen


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "$ref" and isinstance(value, str):
                yield value
            else:
                yield from _references(value)


def _full(name: str) -> str:
    apart = ("apimachinery.", "apiextensions-apiserver.", "kube-aggregator.")
    return f"io.k8s.{name}" if name.startswith(apart) else f"io.k8s.api.{name}"


def _gvk(group: str, version: str, kind: str) -> Json:
    return {"group": group, "version": version, "kind": kind}
