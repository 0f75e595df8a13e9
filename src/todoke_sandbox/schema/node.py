"""One type of a schema as the other rooms read it, for built-in and custom kinds alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final

Json = dict[str, Any]
"""A JSON object."""


class Shape(Enum):
    """What values a node holds. `ANY` follows the value: maps are merged, lists and scalars replaced whole."""

    SCALAR = "scalar"
    LIST = "list"
    MAP = "map"
    ANY = "any"


class Scalar(Enum):
    """What a scalar node holds; `UNTYPED` takes text as well as numbers, `EITHER` is not looked at before decoding."""

    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    UNTYPED = "untyped"
    EITHER = "int-or-string"


class Node:
    """A type: its shape, its parts, and how it is merged and written.

    Attributes:
        scalar: of a SCALAR node.
        fields: declared fields of a MAP node.
        element: of list items, or of map values that no field declares; None: no others are allowed.
        atomic: replaced whole, owned whole.
        keys: of a LIST of maps, the fields that identify an item; empty for a set.
        key_defaults: values of keys that an item may leave out.
        always: fields that the server writes even when they are empty. Only built-in kinds have them.
        optional: scalar fields whose zero value is kept. Only built-in kinds have them.
        name: of the definition, for built-in kinds: `Container`.
        schema: the OpenAPI schema the node was made from.
        facts: by field, its OpenAPI schema without the type: defaults, patch strategies, descriptions.
    """

    __slots__ = (
        "always",
        "atomic",
        "element",
        "facts",
        "fields",
        "key_defaults",
        "keys",
        "name",
        "optional",
        "scalar",
        "schema",
        "shape",
    )

    def __init__(self, shape: Shape, schema: Mapping[str, Any] | None = None) -> None:
        """An empty node of a shape; whoever makes it fills in the rest."""
        self.shape = shape
        self.schema: Mapping[str, Any] = schema or {}
        self.scalar = Scalar.UNTYPED
        self.fields: dict[str, Node] = {}
        self.facts: dict[str, Mapping[str, Any]] = {}
        self.element: Node | None = None
        self.atomic = False
        self.keys: tuple[str, ...] = ()
        self.key_defaults: dict[str, Any] = {}
        self.always: tuple[str, ...] = ()
        self.optional: frozenset[str] = frozenset()
        self.name = ""

    def child(self, name: str) -> Node | None:
        """The type of a map's field or value; None when the schema does not declare it."""
        return self.fields.get(name) or self.element

    def __repr__(self) -> str:
        """For failed assertions."""
        return f"Node({self.shape.value}, fields={sorted(self.fields)})"


ANY: Final = Node(Shape.ANY)
ANY.element = ANY

Resolve = Callable[[str], Node]
"""The node of a named definition."""

_SCALARS = {
    "string": Scalar.STRING,
    "integer": Scalar.NUMBER,
    "number": Scalar.NUMBER,
    "boolean": Scalar.BOOLEAN,
}


def fill(node: Node, schema: Mapping[str, Any], resolve: Resolve) -> None:
    """Give an empty node what an OpenAPI schema says."""
    node.schema = schema
    node.shape = _shape(schema)
    if node.shape is Shape.SCALAR:
        node.scalar = _scalar(schema)
    elif node.shape is Shape.LIST:
        _fill_list(node, schema, resolve)
    elif node.shape is Shape.MAP:
        _fill_map(node, schema, resolve)
    elif node.shape is Shape.ANY:
        node.element = ANY


def build(schema: Mapping[str, Any], resolve: Resolve) -> Node:
    """The node of an OpenAPI schema; `$ref` gives the named definition itself."""
    if "$ref" in schema:
        return resolve(schema["$ref"])
    node = Node(Shape.ANY)
    fill(node, schema, resolve)
    return node


def _shape(schema: Mapping[str, Any]) -> Shape:
    kind = schema.get("type")
    if schema.get("x-kubernetes-int-or-string") or schema.get("format") == "int-or-string":
        return Shape.SCALAR
    if kind == "array":
        return Shape.LIST
    if kind == "object" or (kind is None and schema.get("properties")):
        return Shape.MAP
    return Shape.SCALAR if kind in _SCALARS else Shape.ANY


def _scalar(schema: Mapping[str, Any]) -> Scalar:
    if schema.get("x-kubernetes-int-or-string") or schema.get("format") == "int-or-string":
        return Scalar.EITHER
    if schema.get("format") == "quantity":
        return Scalar.UNTYPED
    return _SCALARS[schema["type"]]


def _fill_list(node: Node, schema: Mapping[str, Any], resolve: Resolve) -> None:
    element = build(schema.get("items") or {}, resolve)
    kind = schema.get("x-kubernetes-list-type", "atomic")
    node.element = element
    node.atomic = kind == "atomic"
    if kind == "map":
        node.keys = tuple(sorted(schema["x-kubernetes-list-map-keys"]))
        properties = element.schema.get("properties") or {}
        node.key_defaults = {key: properties[key]["default"] for key in node.keys if "default" in properties[key]}


def _fill_map(node: Node, schema: Mapping[str, Any], resolve: Resolve) -> None:
    properties = schema.get("properties") or {}
    node.atomic = schema.get("x-kubernetes-map-type") == "atomic"
    for name, inner in properties.items():
        node.fields[name] = build(inner, resolve)
        node.facts[name] = inner
    others = schema.get("additionalProperties")
    if isinstance(others, dict) and others:
        node.element = build(others, resolve)
    elif others or (not properties and others is None) or schema.get("x-kubernetes-preserve-unknown-fields"):
        node.element = ANY
    node.always = tuple(schema.get("x-always", ()))
    node.optional = frozenset(schema.get("x-optional", ()))
