"""managedFields entries read and written: who holds what, since when, in the server's order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from todoke_sandbox.fields.field_set import FieldSet, from_fields_v1, ordered, union
from todoke_sandbox.schema.node import Json

APPLY: Final = "Apply"
UPDATE: Final = "Update"
MOST_UPDATERS: Final = 10
ANCIENT: Final = "ancient-changes"


class ManagerKey(NamedTuple):
    """What tells entries apart. An applier keeps its entry when it moves to another API version."""

    manager: str
    operation: str
    version: str
    subresource: str

    def __str__(self) -> str:
        """As conflicts name it: `"kubectl" with subresource "status" using apps/v1`."""
        words = f'"{self.manager}"'
        if self.subresource:
            words += f' with subresource "{self.subresource}"'
        return words if self.operation == APPLY else f"{words} using {self.version}"


@dataclass(slots=True)
class Held:
    """What one manager holds. `time` is RFC 3339, empty when the manager never changed a value."""

    fields: FieldSet
    api_version: str
    time: str = ""
    in_order: FieldSet | None = None


Managers = dict[ManagerKey, Held]


class BadEntry(ValueError):
    """A managedFields entry that the server does not understand."""


def key_of(manager: str, operation: str, api_version: str, subresource: str = "") -> ManagerKey:
    """The key of an entry."""
    return ManagerKey(manager, operation, "" if operation == APPLY else api_version, subresource)


def decode(entries: Sequence[Any]) -> Managers:
    """Entries by manager.

    Raises: BadEntry: one has no known operation, no version or no set.
    """
    managers: Managers = {}
    for entry in entries:
        key, held = _decode_entry(entry)
        managers[key] = held
    return managers


def trusted(entries: Sequence[Mapping[str, Any]]) -> Managers:
    """Entries that this package wrote, by manager, without checking them again."""
    return {
        key_of(e.get("manager", ""), e["operation"], e["apiVersion"], e.get("subresource", "")): Held(
            e.get("fieldsV1") or {}, e["apiVersion"], e.get("time", ""), e.get("fieldsV1")
        )
        for e in entries
    }


def encode(managers: Mapping[ManagerKey, Held]) -> list[Json]:
    """Entries in the server's order: appliers first, then by time, manager, version, subresource."""
    entries = [_encode_entry(key, held) for key, held in managers.items()]
    if len(entries) > 1:
        entries.sort(key=_order)
    return entries


def without_surplus(managers: Managers, now: str) -> Managers:
    """No more than ten updaters without subresource: older ones become one entry.

    Source: answers of a real server; Kubernetes documentation, "Server-Side Apply", does not mention the limit.
    """
    updaters = [(key, held) for key, held in managers.items() if key.operation == UPDATE and not key.subresource]
    surplus = len(updaters) - MOST_UPDATERS
    if surplus <= 0:
        return managers
    known = any(key.manager == ANCIENT for key, _ in updaters)
    oldest = sorted((held.time, key) for key, held in updaters if key.manager != ANCIENT)
    for _, key in oldest[: surplus + (not known)]:
        held = managers.pop(key)
        ancient = key_of(ANCIENT, UPDATE, held.api_version)
        before = managers.get(ancient)
        fields = union(before.fields, held.fields) if before else held.fields
        managers[ancient] = Held(fields, held.api_version, held.time or now)
    return managers


def timestamp(now: datetime) -> str:
    """RFC 3339 in UTC, to the second."""
    utc = now.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%SZ}"


def _decode_entry(entry: Any) -> tuple[ManagerKey, Held]:
    if not isinstance(entry, dict) or entry.get("operation") not in (APPLY, UPDATE) or not entry.get("apiVersion"):
        raise BadEntry("an entry needs an operation, Apply or Update, and an apiVersion")
    try:
        fields = from_fields_v1(entry.get("fieldsV1") or {})
    except ValueError as error:
        raise BadEntry(str(error)) from error
    key = key_of(entry.get("manager") or "", entry["operation"], entry["apiVersion"], entry.get("subresource") or "")
    return key, Held(fields, entry["apiVersion"], entry.get("time") or "")


def _encode_entry(key: ManagerKey, held: Held) -> Json:
    fields = held.fields if held.fields is held.in_order else ordered(held.fields)
    entry: Json = {"manager": key.manager, "operation": key.operation, "apiVersion": held.api_version}
    if held.time:
        entry["time"] = held.time
    entry["fieldsType"] = "FieldsV1"
    entry["fieldsV1"] = fields
    if key.subresource:
        entry["subresource"] = key.subresource
    return entry


def _order(entry: Json) -> tuple[str, str, str, str, str]:
    return (
        entry["operation"],
        entry.get("time", ""),
        entry["manager"],
        entry["apiVersion"],
        entry.get("subresource", ""),
    )
