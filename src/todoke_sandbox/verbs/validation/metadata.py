"""Rules on names, labels, annotations and finalizers.

Source: Kubernetes documentation, "Object Names and IDs", "Labels and Selectors"; answers of a real server.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from todoke_sandbox.registry.resources import Resource
from todoke_sandbox.verbs.validation.rules import (
    SUBDOMAIN,
    SUBDOMAIN_TEXT,
    Cause,
    forbidden,
    invalid,
    label_name,
    required,
    shown,
)

_VALUE_TEXT: Final = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and"
    " end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_KEY_TEXT: Final = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric"
    " character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_TWO_SLASHES: Final = (
    "a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an"
    " alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/'"
    " (e.g. 'example.com/MyName')"
)
_KEY_PART: Final = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]", re.ASCII)
_VALUE: Final = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?", re.ASCII)
_MOST_ANNOTATIONS: Final = 256 * 1024
_LABEL_NAMED: Final = frozenset({("", "Namespace"), ("", "Service")})
_STANDARD_FINALIZERS: Final = ("kubernetes", "orphan", "foregroundDeletion")
_PATH_NAMED: Final = "rbac.authorization.k8s.io"


def broken(resource: Resource, new: Mapping[str, Any], old: Mapping[str, Any] | None) -> Iterator[Cause]:
    """Every broken rule as reason, message and field."""
    metadata = new["metadata"]
    if old is None:
        yield from _name(resource, metadata)
    before = old["metadata"] if old is not None else {}
    if metadata.get("labels") != before.get("labels"):
        yield from labels(metadata.get("labels") or {}, "metadata.labels")
    if metadata.get("annotations") != before.get("annotations"):
        yield from _annotations(metadata.get("annotations") or {})
    if metadata.get("finalizers") != before.get("finalizers"):
        yield from _finalizers(metadata.get("finalizers") or [], before)
    if metadata.get("ownerReferences") != before.get("ownerReferences"):
        yield from _owners(metadata.get("ownerReferences") or [])


def labels(values: Mapping[str, Any], field: str) -> Iterator[Cause]:
    """Broken rules of a map of labels."""
    for key, value in values.items():
        yield from _key(key, field)
        if len(str(value)) > 63:
            yield invalid(field, value, "must be no more than 63 bytes")
        if not _VALUE.fullmatch(str(value)):
            yield invalid(field, value, _VALUE_TEXT)


def _annotations(values: Mapping[str, Any]) -> Iterator[Cause]:
    for key in values:
        yield from _key(key.lower(), "metadata.annotations", key)
    if sum(len(key.encode()) + len(str(value).encode()) for key, value in values.items()) > _MOST_ANNOTATIONS:
        yield "FieldValueTooLong", f"Too long: may not be more than {_MOST_ANNOTATIONS} bytes", "metadata.annotations"


def _finalizers(names: Sequence[str], before: Mapping[str, Any]) -> Iterator[Cause]:
    field = "metadata.finalizers"
    for index, name in enumerate(names):
        yield from _key(name, field)
        if "/" not in name and name not in _STANDARD_FINALIZERS and not _is_domain(name):
            why = "name is neither a standard finalizer name nor is it fully qualified"
            yield invalid(f"{field}[{index}]", name, why)
    added = sorted(set(names) - set(before.get("finalizers") or ()))
    if before.get("deletionTimestamp") and added:
        listed = "{" + ", ".join(shown(name) for name in added) + "}"
        why = "no new finalizers can be added if the object is being deleted, found new finalizers []string"
        yield forbidden(field, why + listed)


def _is_domain(name: str) -> bool:
    return "." in name and SUBDOMAIN.fullmatch(name) is not None


def _owners(references: Sequence[Mapping[str, Any]]) -> Iterator[Cause]:
    field = "metadata.ownerReferences"
    for index, reference in enumerate(references):
        for name in ("apiVersion", "kind", "name", "uid"):
            if not reference.get(name):
                why = "must not be empty"
                place = f"{field}[{index}].{name}"
                yield required(place, why) if name == "uid" else invalid(place, reference.get(name, ""), why)
    controllers = [f"{owner['kind']}/{owner['name']}" for owner in references if owner.get("controller")]
    if len(controllers) > 1:
        why = 'Only one reference can have Controller set to true. Found "true" in references for '
        yield invalid(field, list(references), why + f"{controllers[0]} and {controllers[1]}")


def _key(key: str, field: str, written: str = "") -> Iterator[Cause]:
    """A key of labels, annotations or finalizers. Args: written: as it stands there, where that is not the key."""
    written = written or key
    prefix, slash, name = key.rpartition("/")
    if "/" in prefix:
        yield invalid(field, written, _TWO_SLASHES)
        return
    if slash and not prefix:
        yield invalid(field, written, "prefix part must be non-empty")
    elif slash and not SUBDOMAIN.fullmatch(prefix):
        yield invalid(field, written, f"prefix part {SUBDOMAIN_TEXT}")
    if not name:
        yield invalid(field, written, "name part must be non-empty")
    elif len(name) > 63:
        yield invalid(field, written, "name part must be no more than 63 bytes")
    if not _KEY_PART.fullmatch(name):
        yield invalid(field, written, f"name part {_KEY_TEXT}")


def _name(resource: Resource, metadata: Mapping[str, Any]) -> Iterator[Cause]:
    name, field = metadata.get("name", ""), "metadata.name"
    if not name:
        yield required(field, "name or generateName is required")
    elif not resource.custom and resource.group == _PATH_NAMED:
        if name in (".", "..") or "/" in name or "%" in name:
            yield invalid(field, name, "may not contain '/' or '%'")
    elif not resource.custom and (resource.group, resource.kind.name) in _LABEL_NAMED:
        if resource.kind.name == "Service" and "." in name:
            yield invalid(field, name, "must not contain dots")
        else:
            yield from label_name(name, field)
    else:
        if len(name) > 253:
            yield invalid(field, name, "must be no more than 253 characters")
        if not SUBDOMAIN.fullmatch(name):
            yield invalid(field, name, SUBDOMAIN_TEXT)
