"""Server-side apply as far as tests need it: one manager's field set, lists of named items merged by name."""

from __future__ import annotations

import copy
import json
from typing import Any

Json = dict[str, Any]
_BY_NAME = {"containers", "initContainers", "env", "volumes"}
_UNOWNED = {"apiVersion", "kind"}
_IDENTITY = {"name", "namespace"}


def applied(before: Json | None, manifest: Json, manager: str) -> Json:
    """The object after an apply with force: what the manager held and wants no more is gone."""
    if before is None:
        body: Json = {"metadata": {}}
        held: Json = {}
    else:
        body = copy.deepcopy(before)
        held = next((e["fieldsV1"] for e in _entries(body) if _is(e, manager)), {})
    wanted = {name: value for name, value in manifest.items() if name not in _UNOWNED}
    wanted["metadata"] = {name: v for name, v in (manifest.get("metadata") or {}).items() if name not in _IDENTITY}
    fields = _fields(wanted)
    _drop(body, held, fields)
    _merge(body, manifest)
    others = [_released(entry, fields) for entry in _entries(body) if not _is(entry, manager)]
    ours = {
        "manager": manager,
        "operation": "Apply",
        "apiVersion": manifest["apiVersion"],
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }
    body["metadata"]["managedFields"] = [ours, *(entry for entry in others if entry["fieldsV1"])]
    return body


def field_set(value: Json) -> Json:
    """The field set of a manager who wrote these fields."""
    return _fields(value)


def _entries(body: Json) -> list[Json]:
    entries: list[Json] = body["metadata"].get("managedFields") or []
    return entries


def _is(entry: Json, manager: str) -> bool:
    return entry["manager"] == manager and entry["operation"] == "Apply" and not entry.get("subresource")


def _fields(value: Json) -> Json:
    found: Json = {}
    for name, inner in value.items():
        if isinstance(inner, dict) and inner:
            found[f"f:{name}"] = _fields(inner)
        elif isinstance(inner, list) and name in _BY_NAME:
            keyed: Json = {}
            for item in inner:
                keyed["k:" + json.dumps({"name": item["name"]}, separators=(",", ":"))] = {".": {}} | _fields(item)
            found[f"f:{name}"] = keyed
        elif not (name == "metadata" and not inner):
            found[f"f:{name}"] = {}
    return found


def _drop(body: Any, held: Json, wanted: Json) -> None:
    for element, sub in held.items():
        if element == ".":
            continue
        inner = _inside(body, element)
        if inner is None:
            continue
        if element not in wanted:
            _take_out(body, element)
        elif isinstance(inner, dict | list):
            _drop(inner, sub, wanted[element])


def _inside(body: Any, element: str) -> Any:
    if element.startswith("f:"):
        return body.get(element[2:]) if isinstance(body, dict) else None
    name = json.loads(element[2:])["name"]
    return next((item for item in body if item["name"] == name), None)


def _take_out(body: Any, element: str) -> None:
    if element.startswith("f:"):
        del body[element[2:]]
    else:
        body.remove(_inside(body, element))


def _merge(body: Json, wanted: Json) -> None:
    for name, value in wanted.items():
        if isinstance(value, dict) and isinstance(body.get(name), dict):
            _merge(body[name], value)
        elif name in _BY_NAME and isinstance(value, list) and isinstance(body.get(name), list):
            kept = {item["name"]: item for item in body[name]}
            for item in value:
                _merge(kept.setdefault(item["name"], {}), item)
            body[name] = list(kept.values())
        else:
            body[name] = copy.deepcopy(value)


def _released(entry: Json, taken: Json) -> Json:
    """Another manager's entry less what our apply took from it with force."""
    return entry | {"fieldsV1": _without(entry["fieldsV1"], taken)}


def _without(fields: Json, taken: Json) -> Json:
    left: Json = {}
    for element, sub in fields.items():
        if element not in taken:
            left[element] = sub
        elif sub and taken[element] and (rest := _without(sub, taken[element])):
            left[element] = rest
    return left
