"""Our CustomResourceDefinitions, written from the typed models, so that nothing is described twice.

Source of names, columns and subresources: the CRDs of Argo CD v3.5, whose objects we read. The rules that a
schema must obey: Kubernetes, "Specifying a structural schema".
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import inspect

from todoke.model.applications import Application
from todoke.model.projects import AppProject
from todoke.model.schema_marks import FREE_FORM

GROUP = "argoproj.io"
VERSION = "v1alpha1"
LABELS = {"app.kubernetes.io/part-of": "todoke"}
"""Born by each definition of ours: only these are replaced by `install crds`."""

Schema = dict[str, Any]


def custom_resource_definitions() -> tuple[dict[str, Any], ...]:
    """The definitions of Application, AppProject and ApplicationSet, ready to be applied."""
    application = _root("A set of objects that is delivered as one.", _fields(Application))
    project = _root(
        "What a group of applications may read, where it may go, and who may touch it.", _fields(AppProject)
    )
    application_set = _root("Generates applications from a template.", _free_form_fields())
    return (
        _definition("Application", ("app", "apps"), {"schema": application, "columns": _COLUMNS}),
        _definition("AppProject", ("appproj", "appprojs"), {"schema": project}),
        _definition("ApplicationSet", ("appset", "appsets"), {"schema": application_set, "status": True}),
    )


_COLUMNS = (
    {"name": "Sync Status", "type": "string", "jsonPath": ".status.sync.status"},
    {"name": "Health Status", "type": "string", "jsonPath": ".status.health.status"},
    {"name": "Revision", "type": "string", "jsonPath": ".status.sync.revision", "priority": 10},
    {"name": "Project", "type": "string", "jsonPath": ".spec.project", "priority": 10},
)


def _definition(kind: str, short_names: tuple[str, ...], has: Mapping[str, Any]) -> dict[str, Any]:
    singular = kind.lower()
    plural = f"{singular}s"
    version: dict[str, Any] = {"name": VERSION, "served": True, "storage": True}
    version["schema"] = {"openAPIV3Schema": has["schema"]}
    if "columns" in has:
        version["additionalPrinterColumns"] = [dict(column) for column in has["columns"]]
    if has.get("status"):
        version["subresources"] = {"status": {}}
    names = {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": singular}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}", "labels": dict(LABELS)},
        "spec": {
            "group": GROUP,
            "names": {**names, "shortNames": list(short_names)},
            "scope": "Namespaced",
            "versions": [version],
        },
    }


def _root(description: str, fields: Mapping[str, Schema]) -> Schema:
    # the API server owns the schema of metadata and permits nothing but its type here
    own = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}}
    return {
        "type": "object",
        "description": description,
        "required": ["metadata", "spec"],
        "properties": {**own, **fields},
    }


def _fields(model: type[msgspec.Struct]) -> dict[str, Schema]:
    found = inspect.type_info(model)
    fields = found.fields if isinstance(found, inspect.StructType) else ()
    return {field.encode_name: _property(field) for field in fields if field.encode_name not in _OF_EVERY_OBJECT}


_OF_EVERY_OBJECT = {"apiVersion", "kind", "metadata"}


def _free_form_fields() -> dict[str, Schema]:
    return {"spec": dict(FREE_FORM), "status": dict(FREE_FORM)}


def schema_of(kind: inspect.Type) -> Schema:
    """The structural schema of an inspected type. Raises TypeError for a type that no CRD can hold."""
    match kind:
        case inspect.Metadata(type=inner, extra_json_schema=extra):
            return _marked(inner, extra or {})
        case inspect.UnionType(types=types):
            return _optional(types)
        case inspect.StructType(fields=fields):
            return _object(fields)
        case inspect.VarTupleType(item_type=item):
            return {"type": "array", "items": schema_of(item)}
        case inspect.DictType(value_type=value):
            return {"type": "object", "additionalProperties": schema_of(value)}
        case inspect.StrType() | inspect.IntType() | inspect.BoolType():
            return {"type": _SCALARS[type(kind)]}
        case _:
            raise TypeError(f"{kind} has no place in a CustomResourceDefinition")


_SCALARS = {inspect.StrType: "string", inspect.IntType: "integer", inspect.BoolType: "boolean"}


def _marked(inner: inspect.Type, extra: Mapping[str, Any]) -> Schema:
    if extra.get("x-kubernetes-int-or-string"):
        return {"anyOf": [{"type": "integer"}, {"type": "string"}], **extra}
    if extra.get("x-kubernetes-preserve-unknown-fields"):
        return dict(extra)
    return {**schema_of(inner), **extra}


def _optional(types: tuple[inspect.Type, ...]) -> Schema:
    (one,) = (kind for kind in types if not isinstance(kind, inspect.NoneType))
    return schema_of(one)


def _object(fields: tuple[inspect.Field, ...]) -> Schema:
    schema: Schema = {"type": "object", "properties": {field.encode_name: _property(field) for field in fields}}
    needed = [field.encode_name for field in fields if _is_required(field)]
    if needed:
        schema["required"] = needed
    return schema


def _property(field: inspect.Field) -> Schema:
    # a template that leaves a value out writes a null, and server-side apply refuses one that is not nullable
    schema = schema_of(field.type)
    return schema if _is_required(field) else {**schema, "nullable": True}


def _is_required(field: inspect.Field) -> bool:
    # required() gives a factory: such a field reads leniently but must be there for the API server
    return field.default_factory is not msgspec.NODEFAULT
