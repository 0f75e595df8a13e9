"""What an object says by itself: whether it fits its schema, and the set of the fields it has values for."""

from __future__ import annotations

from typing import Any

from todoke_sandbox.fields.field_set import LEAF, FieldSet
from todoke_sandbox.fields.go_text import go_syntax, go_type, go_value
from todoke_sandbox.fields.path_elements import element_text, item_element
from todoke_sandbox.schema.node import ANY, Json, Node, Scalar, Shape


class Mistyped(ValueError):
    """A value that does not fit the schema; the text is the server's: path, colon, problem."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.path: list[str] = []

    def inside(self, element: str) -> Mistyped:
        """The same problem seen from the value around it."""
        self.path.append(element)
        return self

    def __str__(self) -> str:
        """`.spec.replicas: expected numeric (int or float), got string`."""
        return "".join(element_text(element) for element in reversed(self.path)) + f": {self.problem}"


def set_of(node: Node, value: Any) -> FieldSet:
    """The set of the fields a typed value has: leaves, items, values of undeclared names.

    Raises: Mistyped: the value does not fit the schema, or a list has two items with the same keys.
    """
    return _walk(node, value) or {}


def check(node: Node, value: Any) -> None:
    """Whether a value that is owned whole fits the schema.

    Raises: Mistyped: it does not.
    """
    shape = node.shape
    if value is None or shape is Shape.ANY:
        return
    if shape is Shape.SCALAR:
        _check_scalar(node, value)
    elif shape is Shape.LIST:
        _check_list(node, value)
    else:
        _expect_map(value)
        for name, inner in value.items():
            try:
                check(_child(node, name), inner)
            except Mistyped as error:
                raise error.inside(f"f:{name}") from None


def _check_list(node: Node, value: Any) -> None:
    _expect_list(value)
    element = node.element or ANY
    if not node.atomic:
        _items(node, value)
        return
    for index, inner in enumerate(value):
        try:
            check(element, inner)
        except Mistyped as error:
            raise error.inside(f"i:{index}") from None


def _walk(node: Node, value: Any) -> FieldSet | None:
    """The members below a value, LEAF when it is owned whole, None when there are none."""
    shape = node.shape
    if shape is Shape.SCALAR:
        if value is not None:
            _check_scalar(node, value)
        return LEAF
    if shape is Shape.ANY:
        return _untyped(value)
    if node.atomic:
        check(node, value)
        return LEAF
    if value is None:
        return None
    if shape is Shape.LIST:
        _expect_list(value)
        return _items(node, value)
    _expect_map(value)
    return _fields(node, value)


def _fields(node: Node, value: Json) -> FieldSet | None:
    fields, members = node.fields, {}
    for name, inner in value.items():
        element = f"f:{name}"
        declared = fields.get(name)
        child = declared or node.element
        try:
            if child is None:
                raise Mistyped("field not declared in schema")  # noqa: TRY301 the path is added below
            if child.shape is Shape.SCALAR:
                if inner is not None:
                    _check_scalar(child, inner)
                members[element] = LEAF
                continue
            below = _walk(child, inner)
        except Mistyped as error:
            raise error.inside(element) from None
        if declared is None or inner is None or inner == {}:
            members[element] = _with_itself(below)
        elif below is not None:
            members[element] = below
    return members or None


def _items(node: Node, value: list[Any]) -> FieldSet | None:
    members: FieldSet = {}
    element_node = node.element or ANY
    for index, item in enumerate(value):
        element = _identify(node, item, index)
        if element in members:
            raise Mistyped(f"duplicate entries for key {element_text(element)}")
        try:
            members[element] = _with_itself(_walk(element_node, item))
        except Mistyped as error:
            raise error.inside(element) from None
    return members or None


def _identify(node: Node, item: Any, index: int) -> str:
    problem = _unfit_with_keys(node, item) if node.keys else _UNFIT_IN_SET.get(type(item))
    if problem:
        raise Mistyped(f"element {index}: {problem}")
    return item_element(node, item)


def _unfit_with_keys(node: Node, item: Any) -> str:
    if item is None:
        return "associative list with keys may not have a null element"
    if not isinstance(item, dict):
        return "associative list with keys may not have non-map elements"
    if node.key_defaults or any(key in item for key in node.keys):
        return ""
    keys = " ".join(f'"{key}"' for key in node.keys)
    return (
        f"associative list with keys has an element that omits all key fields [{keys}]"
        " (and doesn't have default values for any key fields)"
    )


_UNFIT_IN_SET: dict[type, str] = {
    type(None): "associative list without keys has an element that's an explicit null",
    dict: "associative list without keys has an element that's a map type",
    list: "not supported: associative list with lists as elements",
}


def _untyped(value: Any) -> FieldSet | None:
    if not isinstance(value, dict):
        return LEAF
    return {f"f:{name}": _with_itself(_untyped(inner)) for name, inner in value.items()} or None


def _with_itself(below: FieldSet | None) -> FieldSet:
    return {".": LEAF, **below} if below else LEAF


def _child(node: Node, name: str) -> Node:
    child = node.child(name)
    if child is None:
        raise Mistyped("field not declared in schema")
    return child


def _expect_map(value: Any) -> None:
    if not isinstance(value, dict):
        raise Mistyped(f"expected map, got &{{{go_value(value)}}}")


def _expect_list(value: Any) -> None:
    if not isinstance(value, list):
        raise Mistyped(f"expected list, got &{{{go_value(value)}}}")


def _check_scalar(node: Node, value: Any) -> None:
    scalar, kind = node.scalar, type(value)
    if scalar is Scalar.STRING:
        if kind is not str:
            raise Mistyped(f"expected string, got &value.valueUnstructured{{Value:{go_syntax(value)}}}")
    elif scalar is Scalar.NUMBER:
        if kind is not int and kind is not float:
            raise Mistyped(f"expected numeric (int or float), got {go_type(value)}")
    elif scalar is Scalar.BOOLEAN:
        if kind is not bool:
            raise Mistyped(f"expected boolean, got &{{{go_value(value)}}}")
    elif scalar is Scalar.UNTYPED and (kind is dict or kind is list):
        raise Mistyped(f"expected any scalar, got &{{{go_value(value)}}}")
