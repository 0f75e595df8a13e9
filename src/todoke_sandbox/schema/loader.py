"""The kinds of a cluster by group, version and kind: built-in ones when asked for, custom ones as they are added."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Self

import msgspec

from todoke_sandbox.schema.kinds import Kind
from todoke_sandbox.schema.node import Json, Node, Shape, build, fill
from todoke_sandbox.schema.openapi import document
from todoke_sandbox.schema.structural import crd_schema, served_versions

DATA = Path(__file__).with_name("data")

_UNSERVED = {"APIGroup", "APIGroupList", "APIResourceList", "APIVersions", "Status"}


class DataMissing(Exception):
    """The generated definitions are not there: run `make setup`."""


class Schemas:
    """The schemas that one cluster knows. Custom kinds come and go, built-in ones never change."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        """Takes the decoded `definitions.json`; see :meth:`load`."""
        self._names: Mapping[str, str] = content["kinds"]
        self._definitions: Mapping[str, Any] = content["definitions"]
        self._nodes: dict[str, Node] = {}
        self._kinds: dict[tuple[str, str, str], Kind] = {}
        self._custom: dict[tuple[str, str, str], tuple[Kind, Json]] = {}
        self._documents: dict[tuple[str, str], bytes] = {}

    @classmethod
    def load(cls) -> Self:
        """Read the generated file; nodes are made when a kind is first asked for.

        Raises: DataMissing: `make setup` has not made the file.
        """
        return cls(_content())

    def kind(self, group: str, version: str, kind: str) -> Kind | None:
        """What is known of a kind, or None. A custom kind is known while its definition is."""
        key = (group, version, kind)
        if found := self._kinds.get(key):
            return found
        if custom := self._custom.get(key):
            return custom[0]
        name = self._names.get("/".join(key))
        if name is None or kind in _UNSERVED:
            return None
        made = self._kinds[key] = Kind(group, version, kind, self._node(name), built_in=True)
        return made

    def add_definition(self, definition: Mapping[str, Any]) -> list[Kind]:
        """Make the kinds of a CustomResourceDefinition known, one per served version, in place of earlier ones."""
        spec = definition["spec"]
        self.remove(spec["group"], spec["names"]["kind"])
        made = []
        for version in served_versions(definition):
            schema = crd_schema(version, self._definitions["apimachinery.pkg.apis.meta.v1.ObjectMeta"])
            node = build(schema, self._node)
            statuses = bool((version.get("subresources") or {}).get("status") is not None)
            kind = Kind(spec["group"], version["name"], spec["names"]["kind"], node, has_status=statuses)
            self._custom[kind.key] = (kind, schema)
            self._documents.pop((kind.group, kind.version), None)
            made.append(kind)
        return made

    def remove(self, group: str, kind: str) -> None:
        """Forget a custom kind in all its versions."""
        for key in [k for k in self._custom if k[0] == group and k[2] == kind]:
            del self._custom[key]
            self._documents.pop(key[:2], None)

    def group_versions(self) -> list[tuple[str, str]]:
        """Every group and version with a known kind, sorted."""
        built_in = {(key.split("/")[0], key.split("/")[1]) for key in self._names}
        return sorted(built_in | {key[:2] for key in self._custom})

    def openapi_v3(self, group: str, version: str) -> bytes:
        """The OpenAPI v3 document of a group and version as JSON: good enough for kubectl's explain and validation."""
        key = (group, version)
        if key not in self._documents:
            prefix = f"{group}/{version}/"
            names = {n.removeprefix(prefix): d for n, d in self._names.items() if n.startswith(prefix)}
            custom = {k[2]: schema for k, (_, schema) in self._custom.items() if k[:2] == key}
            self._documents[key] = document(key, names, custom, (self._definitions, _descriptions()))
        return self._documents[key]

    def _node(self, name: str) -> Node:
        """The node of a definition; it may still be unfilled when definitions contain each other."""
        node = self._nodes.get(name)
        if node is None:
            node = self._nodes[name] = Node(Shape.ANY)
            node.name = name.rpartition(".")[2]
            fill(node, self._definitions[name], self._node)
        return node


@cache
def _content() -> Json:
    return _read("definitions.json")


@cache
def _descriptions() -> Json:
    return _read("descriptions.json")


def _read(name: str) -> Json:
    try:
        content: Json = msgspec.json.decode((DATA / name).read_bytes())
    except FileNotFoundError as error:
        raise DataMissing(f"no {name} in {DATA}: run make setup") from error
    return content
