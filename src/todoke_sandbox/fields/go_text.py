"""Values as Go's formatting verbs print them: messages of the server quote values so."""

from __future__ import annotations

import json
from typing import Any

_TYPES = {str: "string", bool: "bool", int: "int64", float: "float64", list: "[]interface {}", type(None): "<nil>"}


def go_value(value: Any) -> str:
    """The verb %v: `map[a:1 b:[x y]]`."""
    if isinstance(value, dict):
        return "map[" + " ".join(f"{name}:{go_value(value[name])}" for name in sorted(value)) + "]"
    if isinstance(value, list):
        return "[" + " ".join(map(go_value, value)) + "]"
    return _scalar(value, "<nil>")


def go_syntax(value: Any) -> str:
    """The verb %#v: `map[string]interface {}{"a":1}`."""
    if isinstance(value, dict):
        inner = ", ".join(f"{_quoted(name)}:{go_syntax(value[name])}" for name in sorted(value))
        return f"map[string]interface {{}}{{{inner}}}"
    if isinstance(value, list):
        return f"[]interface {{}}{{{', '.join(map(go_syntax, value))}}}"
    return _quoted(value) if isinstance(value, str) else _scalar(value, "interface {}(nil)")


def go_type(value: Any) -> str:
    """The type that the server decodes the value to."""
    return _TYPES.get(type(value), "map[string]interface {}")


def _scalar(value: Any, nothing: str) -> str:
    if value is None:
        return nothing
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
