"""Validation of a value by its schema, in the server's words.

Source: answers of a real kube-apiserver to objects that break one rule each; see tests/sandbox.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from todoke_sandbox.schema.node import Node, Scalar, Shape

REQUIRED: Final = "FieldValueRequired"
INVALID: Final = "FieldValueInvalid"
TYPE_INVALID: Final = "FieldValueTypeInvalid"
NOT_SUPPORTED: Final = "FieldValueNotSupported"
TOO_LONG: Final = "FieldValueTooLong"
TOO_MANY: Final = "FieldValueTooMany"
DUPLICATE: Final = "FieldValueDuplicate"

_MISSING: Any = object()
_TYPE_NAMES = {Shape.LIST: "array", Shape.MAP: "object"}


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule: `message` is what follows `field: ` in the server's answer, `reason` that of its cause."""

    field: str
    message: str
    reason: str


Rule = Callable[[Any, Any], tuple[str, str] | None]
"""A value and the rule's argument to message and reason, or None when the value keeps the rule."""


def validate(node: Node, value: Any, field: str = "") -> list[Violation]:
    """Every broken rule, in the order of the fields.

    Args: field: of the value itself, for example `spec`; empty for a whole object.
    """
    return list(_walk(node, value, field, node.schema))


def validate_write(node: Node, body: Mapping[str, Any], subresource: str = "") -> list[Violation]:
    """Every broken rule of a whole custom object; of its status alone when that is what is written.

    The server names fields of a status from the status on in its words, and from the object on in its causes.
    """
    status = node.fields.get("status")
    if subresource != "status" or status is None or "status" not in body:
        return validate(node, body)
    return [
        replace(violation, field=f"status.{violation.field}" if violation.field else "status")
        for violation in validate(status, body["status"])
    ]


def refusal(kind: str, name: str, violations: list[Violation]) -> str:
    """The server's message. Args: kind: with its group, `Deployment.apps`."""
    texts = [f"{violation.field}: {violation.message}" for violation in violations]
    return f'{kind} "{name}" is invalid: ' + (texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]")


def _walk(node: Node, value: Any, field: str, schema: Mapping[str, Any]) -> Iterator[Violation]:
    if value is None:
        if not schema.get("nullable") and node.shape is not Shape.ANY:
            yield _wrong_type(node, value, field)
        return
    if not _fits(node, value):
        yield _wrong_type(node, value, field)
        if isinstance(value, float) and schema.get("type") == "integer":
            form = schema.get("format", "default")
            message = f'Invalid value: "": Checked value must be of type integer ({form} format) in {field}'
            yield Violation("<nil>", message, INVALID)
        return
    yield from _rules(schema, value, field)
    if isinstance(value, dict):
        yield from _fields(node, value, field)
    elif isinstance(value, list) and node.shape is Shape.LIST and node.element is not None:
        yield from _duplicates(node, value, field)
        for index, inner in enumerate(value):
            yield from _walk(node.element, inner, f"{field}[{index}]", node.schema.get("items") or {})


def _fields(node: Node, value: Mapping[str, Any], field: str) -> Iterator[Violation]:
    prefix = f"{field}." if field else ""
    for name in node.schema.get("required") or ():
        if name not in value:
            yield Violation(f"{prefix}{name}", "Required value", REQUIRED)
    for name, inner in value.items():
        if child := node.fields.get(name):
            yield from _walk(child, inner, f"{prefix}{name}", node.facts[name])
        elif node.element is not None and node.shape is Shape.MAP:
            yield from _walk(node.element, inner, f"{field}.{name}", node.element.schema)


def _fits(node: Node, value: Any) -> bool:
    if node.shape is Shape.ANY:
        return True
    if node.shape is Shape.LIST:
        return isinstance(value, list)
    if node.shape is Shape.MAP:
        return isinstance(value, dict)
    return _fits_scalar(node, value)


def _fits_scalar(node: Node, value: Any) -> bool:
    if node.scalar is Scalar.STRING:
        return isinstance(value, str)
    if node.scalar is Scalar.BOOLEAN:
        return isinstance(value, bool)
    if isinstance(value, bool):
        return False
    if node.scalar is Scalar.EITHER:
        return isinstance(value, int | str)
    if node.schema["type"] == "integer":
        return isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return isinstance(value, int | float)


def _wrong_type(node: Node, value: Any, field: str) -> Violation:
    wanted = _TYPE_NAMES.get(node.shape) or str(node.schema.get("type") or "integer,string")
    got = _json_type(value)
    message = f'Invalid value: "{got}": {field} in body must be of type {wanted}: "{got}"'
    return Violation(field, message, TYPE_INVALID)


def _json_type(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    return "string" if isinstance(value, str) else "array" if isinstance(value, list) else "object"


def _duplicates(node: Node, value: list[Any], field: str) -> Iterator[Violation]:
    if node.atomic:
        return
    seen: list[Any] = []
    for index, item in enumerate(value):
        mark = {k: item.get(k, node.key_defaults.get(k)) for k in node.keys} if node.keys else item
        if mark in seen:
            yield Violation(f"{field}[{index}]", f"Duplicate value: {shown(mark)}", DUPLICATE)
        seen.append(mark)


def _rules(schema: Mapping[str, Any], value: Any, field: str) -> Iterator[Violation]:
    for name, rule in _RULES.items():
        argument = schema.get(name, _MISSING)
        if argument is _MISSING or not _applies(name, value):
            continue
        if broken := rule(value, argument):
            message, reason = broken
            yield Violation(field, message.replace("FIELD", field), reason)
            if isinstance(value, str):
                return


def _applies(rule: str, value: Any) -> bool:
    if rule in ("minimum", "maximum", "multipleOf"):
        return isinstance(value, int | float) and not isinstance(value, bool)
    if rule in ("minLength", "maxLength", "pattern", "format"):
        return isinstance(value, str)
    if rule in ("minItems", "maxItems"):
        return isinstance(value, list)
    if rule in ("minProperties", "maxProperties"):
        return isinstance(value, dict)
    return True


def shown(value: Any) -> str:
    """A value as messages show it: text in quotes, the rest as JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _enum(value: Any, allowed: Any) -> tuple[str, str] | None:
    if value in allowed:
        return None
    names = ", ".join(shown(choice) for choice in allowed)
    return f"Unsupported value: {shown(value)}: supported values: {names}", NOT_SUPPORTED


def _pattern(value: Any, pattern: Any) -> tuple[str, str] | None:
    if re.search(pattern, value):
        return None
    return f"Invalid value: {shown(value)}: FIELD in body should match '{pattern}'", INVALID


def _minimum(value: Any, least: Any) -> tuple[str, str] | None:
    if value >= least:
        return None
    return f"Invalid value: {shown(value)}: FIELD in body should be greater than or equal to {shown(least)}", INVALID


def _maximum(value: Any, most: Any) -> tuple[str, str] | None:
    if value <= most:
        return None
    return f"Invalid value: {shown(value)}: FIELD in body should be less than or equal to {shown(most)}", INVALID


def _multiple(value: Any, step: Any) -> tuple[str, str] | None:
    if not value % step:
        return None
    return f"Invalid value: {shown(value)}: FIELD in body should be a multiple of {shown(step)}", INVALID


def _min_length(value: Any, least: Any) -> tuple[str, str] | None:
    if len(value) >= least:
        return None
    return f"Invalid value: {shown(value)}: FIELD in body should be at least {least} chars long", INVALID


def _max_length(value: Any, most: Any) -> tuple[str, str] | None:
    return None if len(value) <= most else (f"Too long: may not be more than {most} bytes", TOO_LONG)


def _min_items(value: Any, least: Any) -> tuple[str, str] | None:
    if len(value) >= least:
        return None
    return f"Invalid value: {len(value)}: FIELD in body should have at least {least} items", INVALID


def _max_items(value: Any, most: Any) -> tuple[str, str] | None:
    return None if len(value) <= most else (f"Too many: {len(value)}: must have at most {most} items", TOO_MANY)


def _min_properties(value: Any, least: Any) -> tuple[str, str] | None:
    if len(value) >= least:
        return None
    return f"Invalid value: {len(value)}: FIELD in body should have at least {least} properties", INVALID


def _max_properties(value: Any, most: Any) -> tuple[str, str] | None:
    return None if len(value) <= most else (f"Too many: {len(value)}: must have at most {most} items", TOO_MANY)


_RULES: Mapping[str, Rule] = {
    "maxLength": _max_length,
    "minLength": _min_length,
    "pattern": _pattern,
    "enum": _enum,
    "minimum": _minimum,
    "maximum": _maximum,
    "multipleOf": _multiple,
    "minItems": _min_items,
    "maxItems": _max_items,
    "minProperties": _min_properties,
    "maxProperties": _max_properties,
}
