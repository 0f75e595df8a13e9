"""Built-in objects as the server reads them into its own types and writes them out again.

Unknown fields go, nulls and zero values go where they mean nothing, what is always written is added, and quantities
and times get their one form. Which fields are written how is in the nodes (`always`, `optional`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from todoke_sandbox.schema.node import ANY, Json, Node, Scalar, Shape
from todoke_sandbox.schema.quantities import NotAQuantity, canonical

_GO_NAMES = {str: "string", bool: "bool", int: "number", float: "number", list: "array", dict: "object"}
_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
_FORM, _MICRO_FORM = "2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05.000000Z07:00"
_SIX_DIGITS = re.compile(r"\.\d{6}")
_NANO, _MILLI = -9, -3
_ZEROS: dict[Scalar, Any] = {Scalar.STRING: "", Scalar.NUMBER: 0, Scalar.BOOLEAN: False, Scalar.EITHER: 0}


class Undecodable(ValueError):
    """A value of a wrong type; the message is what the server says after `cannot be handled as a KIND: `."""


class Decoding:
    """One reading of one object.

    Attributes: lost: paths of fields that no type declares, in the order they were met.
    """

    __slots__ = ("_owner", "_path", "lost")

    def __init__(self) -> None:
        """Nothing read yet."""
        self.lost: list[str] = []
        self._path: list[str] = []
        self._owner = ""

    def read(self, node: Node, value: Any) -> Any:
        """A new value of the type, as the server would write it.

        Raises: Undecodable: a value does not fit its type.
        """
        shape = node.shape
        if shape is Shape.SCALAR:
            return self._scalar(node, value)
        if shape is Shape.ANY:
            return value
        if shape is Shape.LIST:
            return self._list(node, value)
        if not isinstance(value, dict):
            raise self._wrong(value, _go_type(node))
        return self._struct(node, value) if node.fields else self._map(node, value)

    def _struct(self, node: Node, value: Json) -> Json:
        read: Json = {}
        owner, self._owner = self._owner, node.name
        fields, path, optional, always = node.fields, self._path, node.optional, node.always
        for name, inner in value.items():
            child = fields.get(name)
            if child is None:
                if node.element is None:
                    self.lost.append(".".join([*path, name]).replace(".[", "["))
                else:
                    read[name] = inner
                continue
            if inner is None:
                continue
            path.append(name)
            made = self.read(child, inner)
            path.pop()
            if made or name in optional or name in always or child.name:
                read[name] = made  # a definition stands for a pointer: to an empty struct is not to none
        for name in always:
            if name not in read:
                read[name] = zero(fields[name])
        self._owner = owner
        return read

    def _map(self, node: Node, value: Json) -> Json:
        element = node.element
        if element is None or element.shape is Shape.ANY:
            return value
        if element.scalar is Scalar.UNTYPED and element.shape is Shape.SCALAR:
            return {name: "0" if inner is None else _quantity(inner, _MILLI) for name, inner in value.items()}
        read = {}
        for name, inner in value.items():
            self._path.append(f"[{name}]")
            read[name] = zero(element) if inner is None else self.read(element, inner)
            self._path.pop()
        return read

    def _list(self, node: Node, value: Any) -> list[Any]:
        element = node.element or ANY
        if not isinstance(value, list):
            raise self._wrong(value, f"[]{_go_type(element)}")
        read = []
        for index, inner in enumerate(value):
            self._path.append(f"[{index}]")
            read.append(zero(element) if inner is None else self.read(element, inner))
            self._path.pop()
        return read

    def _scalar(self, node: Node, value: Any) -> Any:
        scalar, kind = node.scalar, type(value)
        if scalar is Scalar.STRING:
            if kind is not str:
                raise self._wrong(value, "string")
            form = _FORMS.get(node.schema.get("format", ""))
            return form(value, node) if form else value
        if scalar is Scalar.NUMBER:
            return self._number(node, value)
        if scalar is Scalar.BOOLEAN:
            if kind is not bool:
                raise self._wrong(value, "bool")
            return value
        if scalar is Scalar.EITHER:
            if kind is not int and kind is not str:
                got = f"number {value}" if kind is float else _GO_NAMES[kind]
                raise Undecodable(f"json: cannot unmarshal {got} into Go value of type int32")
            return value
        return _quantity(value, _NANO)

    def _number(self, node: Node, value: Any) -> int | float:
        name = str(node.schema.get("format") or "int64")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._wrong(value, name)
        if node.schema["type"] == "integer" and isinstance(value, float):
            if value != int(value):
                raise self._wrong(value, name, f"number {value}")
            return int(value)
        return value

    def _wrong(self, value: Any, wanted: str, got: str = "") -> Undecodable:
        path = ".".join(step for step in self._path if not step.startswith("["))
        got = got or _GO_NAMES[type(value)]
        field = f"{self._owner}.{path}"
        return Undecodable(f"json: cannot unmarshal {got} into Go struct field {field} of type {wanted}")


def _quantity(value: Any, finest: int) -> str:
    try:
        return canonical(value, finest)
    except (NotAQuantity, TypeError) as error:  # a list or map has no hash
        raise Undecodable(str(NotAQuantity())) from error


def zero(node: Node) -> Any:
    """What the server writes for a value that was never set."""
    if node.shape is Shape.SCALAR:
        form = node.schema.get("format")
        if node.scalar is Scalar.UNTYPED:
            return "0"
        return None if form == "date-time" else _ZEROS[node.scalar]
    if node.shape is Shape.MAP and node.fields:
        return {name: zero(node.fields[name]) for name in node.always}
    return None


def _instant(value: str, node: Node) -> str:
    """Times are written in UTC, to the second; those of type MicroTime have six digits more, also as they come."""
    fine = node.name == "MicroTime"
    form = _MICRO_FORM if fine else _FORM
    try:
        moment = datetime.fromisoformat(value).astimezone(UTC)
    except ValueError as error:
        raise Undecodable(f'parsing time "{value}" as "{form}": cannot parse "{value}" as "2006"') from error
    if fine and not _SIX_DIGITS.fullmatch(value[19:26]):
        raise Undecodable(f'parsing time "{value}" as "{form}": cannot parse "{value[19:]}" as ".000000"')
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ" if fine else "%Y-%m-%dT%H:%M:%SZ")


def _base64(value: str, _node: Node) -> str:
    whole = len(value) - len(value) % 4
    wrong = next((index for index, letter in enumerate(value) if letter not in _BASE64), whole)
    if wrong < len(value):
        raise Undecodable(f"illegal base64 data at input byte {wrong}")
    return value


_FORMS: dict[str, Callable[[str, Node], str]] = {"date-time": _instant, "byte": _base64}


def _go_type(node: Node) -> str:
    if node.shape is Shape.ANY:
        return "interface {}"
    if node.shape is Shape.SCALAR:
        return "string"
    return f"v1.{node.name}" if node.name else "map[string]string"
