"""Server-side apply and the tracking of updates: what becomes of an object, and of who holds its fields.

Both take objects as the server keeps them and return a new one; arguments are never edited and parts may be shared.
What they return still has to be read by its kind (`Kind.read`): defaults come after.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from todoke_sandbox.fields.comparing import Changes, all_of, compare, same
from todoke_sandbox.fields.conflicts import ApplyConflict
from todoke_sandbox.fields.entries import (
    APPLY,
    UPDATE,
    BadEntry,
    Held,
    ManagerKey,
    Managers,
    decode,
    encode,
    key_of,
    timestamp,
    trusted,
    without_surplus,
)
from todoke_sandbox.fields.field_set import (
    FieldSet,
    difference,
    intersection,
    of_paths,
    union,
    with_declared_parents,
    without_below,
)
from todoke_sandbox.fields.last_applied import forgiven, has_annotation, with_annotation
from todoke_sandbox.fields.merging import merge, remove
from todoke_sandbox.fields.resets import SCALE, reset_fields
from todoke_sandbox.fields.typed import Mistyped, set_of
from todoke_sandbox.schema.kinds import Kind
from todoke_sandbox.schema.node import Json, Node

KUBECTL: Final = "kubectl"
BEFORE_FIRST_APPLY: Final = "before-first-apply"

_NEVER_MANAGED = of_paths(
    [
        ("f:apiVersion",),
        ("f:kind",),
        ("f:metadata",),
        *(
            ("f:metadata", f"f:{name}")
            for name in (
                "name",
                "namespace",
                "creationTimestamp",
                "selfLink",
                "uid",
                "clusterName",
                "generation",
                "managedFields",
                "resourceVersion",
            )
        ),
    ]
)
_IDENTITY = of_paths([("f:apiVersion",), ("f:kind",), ("f:metadata", "f:name")])
"""What every apply holds while it is carried out, though no entry says so."""
_NOW: Final = ManagerKey("", "", "", "")


class BadApply(ValueError):
    """A request that no object can be made of. HTTP: 400 when `bad_request`, else 500; the message is the server's."""

    def __init__(self, message: str, *, bad_request: bool = False) -> None:
        super().__init__(message)
        self.bad_request = bad_request


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes, when and where: the subresource is empty for the object itself."""

    manager: str
    now: datetime
    subresource: str = ""
    force: bool = False

    @property
    def moment(self) -> str:
        """The time of entries that change; those of `scale` bear none."""
        return "" if self.subresource == SCALE else timestamp(self.now)


def apply(kind: Kind, live: Mapping[str, Any] | None, patch: Mapping[str, Any], by: Writer) -> Json:
    """The object after a server-side apply; `live` itself when nothing changes, not even who holds what.

    Args: live: None when there is no such object yet.
    Raises:
        ApplyConflict: others hold fields that would change, and the writer does not force.
        BadApply: the patch does not fit the kind.
    """
    _check_patch(kind, patch)
    base, managers = _split(kind, live)
    moment = by.moment
    if live is not None and not managers:
        managers = _found(kind, base, moment, by.subresource)
    wanted = _wanted(kind, patch, by.subresource)
    try:
        merged, after = _applied(kind, base, (patch, wanted), managers, by)
    except ApplyConflict as conflict:
        if by.manager != KUBECTL or live is None:
            raise
        forgiven(kind.node, base, conflict)
        forced = Writer(by.manager, by.now, by.subresource, force=True)
        merged, after = _applied(kind, base, (patch, wanted), managers, forced)
    mine = after.get(key_of(by.manager, APPLY, kind.api_version, by.subresource))
    if mine is not None and (merged is not base or live is None):
        mine.time = moment
    if by.manager == KUBECTL and has_annotation(merged):
        merged = with_annotation(merged, patch)
    entries = encode(after)
    if live is not None and merged is base and entries == (live["metadata"].get("managedFields") or []):
        return dict(live)
    return _joined(kind, merged, entries)


def update(kind: Kind, live: Mapping[str, Any] | None, new: Mapping[str, Any], by: Writer) -> Json:
    """The new object of a create, replace or patch, with managedFields as the server would have them.

    Args:
        live: what is replaced; None for a create.
        new: as its kind reads it, defaults included; its own managedFields are respected as the server does.
    """
    base, before = _split(kind, live)
    body, managers = _told(kind, new, before, by.subresource)
    if live is not None and not managers:
        return _joined(kind, body, [])
    moment = by.moment
    changes = compare(kind.node, base, body).without(reset_fields(kind, by.subresource))
    after = _updated(managers, changes)
    written = _strip(changes.written)
    if written:
        key = key_of(by.manager, UPDATE, kind.api_version, by.subresource)
        previous = after.get(key)
        fields = union(written, previous.fields) if previous else written
        after[key] = Held(fields, kind.api_version, moment)
    return _joined(kind, body, encode(without_surplus(after, moment)))


def keep_times(live: Mapping[str, Any], new: Json) -> Json:
    """The new object, or one with the live object's managedFields when only their times differ.

    To be called last, when nothing else of the object changes any more.
    """
    mine, others = new["metadata"].get("managedFields") or [], live["metadata"].get("managedFields") or []
    if mine == others or len(mine) != len(others) or _timeless(mine) != _timeless(others):
        return new
    if not same(_without_managers(new), _without_managers(live)):
        return new
    return new | {"metadata": new["metadata"] | {"managedFields": others}}


def _check_patch(kind: Kind, patch: Mapping[str, Any]) -> None:
    group, _, version = str(patch.get("apiVersion")).rpartition("/")
    if (group, version, patch.get("kind")) != kind.key:
        stated = f"{group}/{version}, Kind={patch.get('kind')}"
        raise BadApply(f"invalid object type: {stated}", bad_request=True)
    if (patch.get("metadata") or {}).get("managedFields") is not None:
        raise BadApply("metadata.managedFields must be nil", bad_request=True)


def _split(kind: Kind, live: Mapping[str, Any] | None) -> tuple[Json, Managers]:
    """The object without its entries, and the entries."""
    if live is None:
        return kind.empty, {}
    entries = live["metadata"].get("managedFields")
    if not entries:
        return dict(live), {}
    return _without_managers(live), trusted(entries)


def _without_entries(metadata: Mapping[str, Any]) -> Json:
    return {name: value for name, value in metadata.items() if name != "managedFields"}


def _without_managers(body: Mapping[str, Any]) -> Json:
    return {**body, "metadata": _without_entries(body["metadata"])}


def _wanted(kind: Kind, patch: Mapping[str, Any], subresource: str) -> FieldSet:
    """What the patch lays claim to."""
    try:
        fields = set_of(kind.node, patch)
    except Mistyped as error:
        raise BadApply(f"failed to create typed patch object ({object_text(kind, patch)}): {error}") from error
    ignored = reset_fields(kind, subresource)
    return _strip(without_below(fields, ignored) if ignored else fields)


def object_text(kind: Kind, body: Mapping[str, Any]) -> str:
    """An object as messages name it: `default/web; apps/v1, Kind=Deployment`."""
    metadata = body.get("metadata") or {}
    return f"{metadata.get('namespace', '')}/{metadata.get('name', '')}; {kind.text}"


def _strip(fields: FieldSet) -> FieldSet:
    return difference(fields, _NEVER_MANAGED)


def _found(kind: Kind, base: Json, moment: str, subresource: str) -> Managers:
    """An object that nobody's hold on is known of belongs to whoever made it before the first apply."""
    changes = compare(kind.node, kind.empty, base).without(reset_fields(kind, subresource))
    key = key_of(BEFORE_FIRST_APPLY, UPDATE, kind.api_version, subresource)
    return {key: Held(_strip(changes.written), kind.api_version, moment)}


def _applied(
    kind: Kind, base: Json, patch: tuple[Mapping[str, Any], FieldSet], managers: Managers, by: Writer
) -> tuple[Json, Managers]:
    """The object and its managers after the apply. The object is `base` itself when no value changes."""
    body, wanted = patch
    key = key_of(by.manager, APPLY, kind.api_version, by.subresource)
    after = dict(managers)
    last = managers.get(key)
    merged = merge(kind.node, base, body)
    after[key] = Held(wanted, kind.api_version, last.time if last else "")
    if last is not None:
        merged = _pruned(kind.node, merged, last.fields, after)
    changes = compare(kind.node, base, merged).without(reset_fields(kind, by.subresource))
    _hand_over(after, changes, key, force=by.force)
    unchanged = merged == base and (kind.built_in or same(merged, base))
    return (base if unchanged else merged), after


def _pruned(node: Node, merged: Json, last: FieldSet, managers: Managers) -> Json:
    """The object without what the manager held and wants no more, unless somebody else holds it."""
    if not difference(last, union_of(managers)):
        return merged
    gone = with_declared_parents(node, last)
    pruned = remove(node, merged, gone)
    held = with_declared_parents(node, union(union_of(managers), _IDENTITY))
    everything = _everything(node, merged)
    pruned = remove(node, merged, difference(difference(everything, _everything(node, pruned)), held))
    missing = difference(everything, _everything(node, pruned))
    result: Json = remove(node, merged, intersection(missing, gone))
    return result


def union_of(managers: Managers) -> FieldSet:
    """What anybody holds."""
    fields: FieldSet = {}
    for held in managers.values():
        fields = union(fields, held.fields)
    return fields


def _everything(node: Node, value: Any) -> FieldSet:
    try:
        return with_declared_parents(node, set_of(node, value))
    except Mistyped:  # the server may keep an item twice
        return all_of(node, value)


def _hand_over(managers: Managers, changes: Changes, key: ManagerKey, *, force: bool) -> None:
    """Take what changes from everybody else, and what is gone from all."""
    written, removed = changes.written, changes.removed
    if written:
        conflicts = {
            other: shared
            for other, held in managers.items()
            if other != key and (shared := intersection(held.fields, written))
        }
        if conflicts and not force:
            raise ApplyConflict(conflicts)
        for other, shared in conflicts.items():
            _shrink(managers, other, shared)
    if removed:
        for other in [k for k in managers if k != key]:
            _shrink(managers, other, removed)
    for other in [k for k, held in managers.items() if not held.fields]:
        del managers[other]


def _updated(managers: Managers, changes: Changes) -> Managers:
    after = dict(managers)
    _hand_over(after, changes, _NOW, force=True)
    return after


def _shrink(managers: Managers, key: ManagerKey, taken: FieldSet) -> None:
    held = managers[key]
    rest = difference(held.fields, taken)
    if rest is not held.fields:
        managers[key] = Held(rest, held.api_version, held.time)


def _told(kind: Kind, new: Mapping[str, Any], live: Managers, subresource: str) -> tuple[Json, Managers]:
    """The new object without its entries, and the entries that count: a client may reset them, or write its own.

    An empty list resets those of built-in kinds, one empty entry those of all.
    """
    metadata = new.get("metadata") or {}
    if "managedFields" not in metadata:
        return dict(new), live
    body = {**new, "metadata": _without_entries(metadata)}
    entries = metadata["managedFields"]
    if subresource or entries is None:
        return body, live
    if entries == [{}] or (kind.built_in and entries == []):
        return body, {}
    try:
        return body, decode(entries) or live
    except BadEntry:
        return body, live


def _joined(kind: Kind, body: Json, entries: list[Json]) -> Json:
    metadata = dict(body.get("metadata") or {})
    if entries:
        metadata["managedFields"] = entries
    return {**body, "apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata}


def _timeless(entries: list[Json]) -> list[Json]:
    return [{name: value for name, value in entry.items() if name != "time"} for entry in entries]
