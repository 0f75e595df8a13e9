"""Makes the data files of this room from the definitions that the PyPI package kubernetes-validate carries.

python -m todoke_sandbox.schema.make_definitions src/todoke_sandbox/schema/data

Source: the package's `_definitions.json` for Kubernetes 1.37 (OpenAPI v2 as JSON schema); what OpenAPI does not say
about the form on the wire is in `wire.txt` beside this file.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Json = dict[str, Any]

REQUIREMENTS = Path(__file__).parents[3] / "requirements" / "sandbox-schema.txt"
MEMBER = "kubernetes_validate/kubernetes-json-schema/v1.37.0-local/_definitions.json"
WIRE = Path(__file__).with_name("wire.txt")

_UNSTABLE = re.compile(r"\.v\d+(alpha|beta)\d+\.")
_QUANTITY, _INT_OR_STRING = "apimachinery.pkg.api.resource.Quantity", "apimachinery.pkg.util.intstr.IntOrString"
_RAW = "apimachinery.pkg.runtime.RawExtension"
"""What the server keeps as one value, whatever is in it."""
_KEPT = (
    "format",
    "required",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-map-type",
    "x-kubernetes-patch-strategy",
    "x-kubernetes-patch-merge-key",
)
_KEY_DEFAULTS = {"core.v1.ContainerPort": {"protocol": "TCP"}, "core.v1.ServicePort": {"protocol": "TCP"}}
"""The only list keys with a default in OpenAPI v3; version 2, which the package carries, knows no defaults."""


def main(arguments: list[str]) -> int:
    """Write `definitions.json` and `descriptions.json` into the folder named by the one argument."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m todoke_sandbox.schema.make_definitions OUT\n")
        return 2
    out = Path(arguments[0])
    out.mkdir(parents=True, exist_ok=True)
    definitions, descriptions = compact(download(), WIRE.read_text())
    for name, content in (("definitions.json", definitions), ("descriptions.json", descriptions)):
        (out / name).write_text(json.dumps(content, separators=(",", ":"), sort_keys=True))
    return 0


def download() -> Json:
    """The definitions out of the package, fetched by pip and checked against the locked hash."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*command, "--require-hashes", "-r", str(REQUIREMENTS), "-d", folder], check=True)
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            content: Json = json.loads(archive.read(MEMBER))
    return content


def compact(content: Json, wire: str) -> tuple[Json, Json]:
    """The definitions of stable kinds without descriptions, and the descriptions alone.

    Args: wire: lines `Definition ! fields always written ? optional fields whose zero value is kept`.
    """
    found: Json = content["$defs"]
    facts = dict(_facts(wire))
    kinds = {f"{g['group']}/{g['version']}/{g['kind']}": _short(name) for name, g in _kinds(found)}
    used = _reachable(found, [f"io.k8s.{_long(name)}" for name in kinds.values()])
    definitions, descriptions = {}, {}
    for full in sorted(used):
        name = _short(full)
        definitions[name] = _schema(found[full], name) | facts.get(name, {})
        descriptions[name] = {"": found[full].get("description", "")} | {
            field: schema["description"]
            for field, schema in found[full].get("properties", {}).items()
            if "description" in schema
        }
    return {"kinds": kinds, "definitions": definitions}, descriptions


def _kinds(found: Json) -> Iterator[tuple[str, Json]]:
    for name, schema in found.items():
        groups = schema.get("x-kubernetes-group-version-kind") or []
        if len(groups) == 1 and not _UNSTABLE.search(name) and not _is_list(schema):
            yield name, groups[0]


def _is_list(schema: Json) -> bool:
    fields = schema.get("properties", {})
    return "items" in fields and "ListMeta" in fields.get("metadata", {}).get("$ref", "")


def _reachable(found: Json, names: list[str]) -> set[str]:
    seen: set[str] = set()
    while names:
        name = names.pop()
        if name not in seen:
            seen.add(name)
            names += _references(found[name])
    return seen


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "$ref" and isinstance(value, str):
                yield value.rpartition("/")[2]
            else:
                yield from _references(value)


def _schema(schema: Json, name: str = "") -> Json:
    if "$ref" in schema:
        kept: Json = {"$ref": _short(schema["$ref"].rpartition("/")[2])}
        return kept | {key: schema[key] for key in _KEPT if key in schema}
    if name in (_QUANTITY, _INT_OR_STRING):
        return {"type": "string", "format": "quantity" if name == _QUANTITY else "int-or-string"}
    if name == _RAW:
        return {"type": "object", "x-kubernetes-map-type": "atomic"}
    kept = {key: schema[key] for key in _KEPT if key in schema}
    types = schema.get("type")
    if types:
        kept["type"] = next(t for t in types if t != "null") if isinstance(types, list) else types
    if "enum" in schema:
        kept["enum"] = [value for value in schema["enum"] if value is not None]
    defaults = _KEY_DEFAULTS.get(name, {})
    if "properties" in schema:
        kept["properties"] = {
            field: _identity(field, _schema(inner)) | ({"default": defaults[field]} if field in defaults else {})
            for field, inner in schema["properties"].items()
        }
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            kept[key] = _schema(schema[key])
    return kept


def _identity(field: str, schema: Json) -> Json:
    """The package narrows `apiVersion` and `kind` to one value; the server's own schema does not."""
    if field in ("apiVersion", "kind"):
        schema.pop("enum", None)
    return schema


def _facts(wire: str) -> Iterator[tuple[str, Json]]:
    for line in wire.splitlines():
        if not line or line.startswith("#"):
            continue
        rest, _, optional = line.partition(" ? ")
        name, _, always = rest.partition(" ! ")
        facts: Json = {"x-always": always.split()} if always else {}
        yield name.strip(), facts | ({"x-optional": optional.split()} if optional else {})


def _short(name: str) -> str:
    return name.removeprefix("io.k8s.").removeprefix("api.")


def _long(name: str) -> str:
    return name if name.startswith(("apimachinery.", "apiextensions-apiserver.", "kube-aggregator.")) else f"api.{name}"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
