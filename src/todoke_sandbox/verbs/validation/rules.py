"""The forms that refusals of values come in, and the rules on names that many kinds share.

Source: Kubernetes documentation, "Object Names and IDs"; answers of a real server.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

Cause = tuple[str, str, str]
"""Reason, message and field of one broken rule."""

LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", re.ASCII)
SUBDOMAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*", re.ASCII)
SUBDOMAIN_TEXT: Final = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and"
    " end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
LABEL_TEXT: Final = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with"
    " an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
IMMUTABLE: Final = "field is immutable"
_PORT_NAME_TEXT: Final = "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"


def required(field: str, why: str = "") -> Cause:
    """A value that is missing."""
    return "FieldValueRequired", f"Required value: {why}" if why else "Required value", field


def invalid(field: str, value: Any, why: str) -> Cause:
    """A value that a rule does not allow."""
    return "FieldValueInvalid", f"Invalid value: {shown(value)}: {why}", field


def unsupported(field: str, value: Any, choices: Iterable[str]) -> Cause:
    """A value that is none of those there are."""
    listed = ", ".join(f'"{choice}"' for choice in choices)
    return "FieldValueNotSupported", f"Unsupported value: {shown(value)}: supported values: {listed}", field


def forbidden(field: str, why: str) -> Cause:
    """A field that may not be there, or not change."""
    return "FieldValueForbidden", f"Forbidden: {why}", field


def duplicate(field: str, value: Any) -> Cause:
    """A value that is there already."""
    return "FieldValueDuplicate", f"Duplicate value: {shown(value)}", field


def not_found(field: str, value: Any) -> Cause:
    """A name of something that is not there."""
    return "FieldValueNotFound", f"Not found: {shown(value)}", field


def shown(value: Any) -> str:
    """A value as messages show it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def not_negative(value: Any, field: str) -> Iterator[Cause]:
    """A number that counts something."""
    if isinstance(value, int) and value < 0:
        yield invalid(field, value, "must be greater than or equal to 0")


def port(value: Any, field: str) -> Iterator[Cause]:
    """The number of a port."""
    if isinstance(value, int) and not 1 <= value <= 65535:
        yield invalid(field, value, "must be between 1 and 65535, inclusive")


def port_name(value: str, field: str) -> Iterator[Cause]:
    """The name of a port. Source: RFC 6335, section 5.1."""
    if len(value) > 15:
        yield invalid(field, value, "must be no more than 15 bytes")
    if not re.fullmatch(r"[-a-z0-9]+", value):
        yield invalid(field, value, _PORT_NAME_TEXT)
    if not re.search(r"[a-z]", value):
        yield invalid(field, value, "must contain at least one letter (a-z)")
    if "--" in value:
        yield invalid(field, value, "must not contain consecutive hyphens")
    if value.startswith("-") or value.endswith("-"):
        yield invalid(field, value, "must not begin or end with a hyphen")


def label_name(value: str, field: str) -> Iterator[Cause]:
    """A name that becomes part of a host's name."""
    if len(value) > 63:
        yield invalid(field, value, "must be no more than 63 bytes")
    if not LABEL.fullmatch(value):
        yield invalid(field, value, LABEL_TEXT)


def one_of(value: Any, field: str, choices: Iterable[str]) -> Iterator[Cause]:
    """One of a few words."""
    listed = list(choices)
    if value not in listed:
        yield unsupported(field, value, listed)
