"""What controllers ask of any object: who owns it, since when, with which conditions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]


def labels(body: Mapping[str, Any]) -> Mapping[str, str]:
    """The labels, empty when there are none."""
    return body["metadata"].get("labels") or {}


def notes(body: Mapping[str, Any]) -> Mapping[str, str]:
    """The annotations, empty when there are none."""
    return body["metadata"].get("annotations") or {}


def is_deleted(body: Mapping[str, Any]) -> bool:
    """Whether somebody has asked for the object to go."""
    return "deletionTimestamp" in body["metadata"]


def controller_of(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The owner reference that is marked as the controller."""
    return next((ref for ref in body["metadata"].get("ownerReferences") or () if ref.get("controller")), None)


def is_controlled_by(body: Mapping[str, Any], owner: Mapping[str, Any]) -> bool:
    """Whether this very object, not another of its name, is the controller."""
    ref = controller_of(body)
    return ref is not None and ref["uid"] == owner["metadata"]["uid"]


def reference_to(owner: Mapping[str, Any]) -> Json:
    """The owner reference by which an object becomes the controller of another."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def with_spec(body: Mapping[str, Any], **values: Any) -> Json:
    """The object with values set in its spec."""
    return {**body, "spec": {**body["spec"], **values}}


def with_status(body: Mapping[str, Any], **values: Any) -> Json:
    """The object with values set in its status; None takes one away."""
    status = {**(body.get("status") or {}), **values}
    return {**body, "status": {name: value for name, value in status.items() if value is not None}}


def at(text: str) -> datetime:
    """The time that an object's field holds."""
    return datetime.fromisoformat(text)


def written_exactly(moment: datetime) -> str:
    """A time as objects have it where microseconds count."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def condition(conditions: Iterable[Json] | None, kind: str) -> Json | None:
    """The condition of a type."""
    return next((found for found in conditions or () if found["type"] == kind), None)


def created(body: Mapping[str, Any]) -> tuple[str, str]:
    """What sorts objects from the oldest to the newest."""
    return body["metadata"]["creationTimestamp"], body["metadata"]["name"]


def share(value: Any, total: int, *, up: bool) -> int:
    """A number, or a percentage of a total rounded up or down.

    Source: Kubernetes documentation, "Max Unavailable" and "Max Surge".
    """
    if isinstance(value, str) and value.endswith("%"):
        exact = int(value[:-1]) * total / 100
        return math.ceil(exact) if up else math.floor(exact)
    return int(value or 0)
