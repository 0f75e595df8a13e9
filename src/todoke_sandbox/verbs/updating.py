"""Changing objects: replaced, patched, applied; themselves, their status or their scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from todoke_sandbox.fields import scaling, writes
from todoke_sandbox.fields.conflicts import ApplyConflict
from todoke_sandbox.fields.ownership import BadApply
from todoke_sandbox.patches.errors import PatchRefused
from todoke_sandbox.patches.json_patch import json_patch
from todoke_sandbox.patches.merge_patch import merge_patch
from todoke_sandbox.patches.strategic import strategic_merge_patch
from todoke_sandbox.schema.decoding import Undecodable
from todoke_sandbox.storage.store import Stored
from todoke_sandbox.verbs import creating, deleting, scale, special, validation
from todoke_sandbox.verbs.admission import admit
from todoke_sandbox.verbs.house import House, with_metadata
from todoke_sandbox.verbs.reading import checked, undecodable, warnings_of
from todoke_sandbox.verbs.refusals import Refusal
from todoke_sandbox.verbs.requests import How, Patch, Place, Written
from todoke_sandbox.verbs.validation.rules import IMMUTABLE, invalid, required
from todoke_sandbox.verbs.versions import view

Json = dict[str, Any]

_CHANGED: Final = "the object has been modified; please apply your changes to the latest version and try again"
_MADE_BY_PUT: Final = frozenset(
    {"Endpoints", "Event", "Lease", "LimitRange", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "Service"}
)
"""Kinds that a PUT makes where there is no such object. Source: answers of a real server."""


def replace(house: House, place: Place, body: Any, how: How) -> Written:
    """The object after a PUT."""
    resource = place.resource
    if place.subresource == "scale":
        return _scaled(house, place, body, how)
    sent = checked(place, body)
    live = house.store.get(resource.table, place.namespace, place.name)
    if live is None:
        if resource.custom or resource.kind.name not in _MADE_BY_PUT or place.subresource:
            raise Refusal.not_found(resource, place.name)
        return creating.create(house, Place(resource, place.namespace), sent, how)
    if place.subresource == "finalize":
        return special.finalize_namespace(house, place, sent, how)
    version = sent["metadata"].get("resourceVersion")
    if resource.custom and not version:
        broken = invalid("metadata.resourceVersion", 0, "must be specified for an update")
        raise Refusal.invalid((resource.group, resource.plural), place.name, [broken])
    _check_identity(place, live, sent["metadata"])
    new, unknown = _replaced(house, place, live, sent, how)
    return _written(house, place, live, new, how, warnings_of(resource, unknown, how))


def patch(house: House, place: Place, change: Patch, how: How) -> Written:
    """The object after a PATCH."""
    resource = place.resource
    if place.subresource == "scale":
        return _scale_patched(house, place, change, how)
    if change.type == "apply":
        return _applied(house, place, change.body, how)
    if change.type == "strategic" and resource.custom:
        raise Refusal.unsupported_patch(
            ("application/json-patch+json", "application/merge-patch+json", "application/apply-patch+yaml")
        )
    live = house.existing(place)
    body = view(resource, live).body
    patched = _patched(resource.kind.node, resource.text, place.name, body, change)
    sent = checked(place, patched)
    _check_same(place, live, sent["metadata"])
    _check_identity(place, live, sent["metadata"])
    new, unknown = _replaced(house, place, live, sent, how)
    return _written(house, place, live, new, how, warnings_of(resource, unknown, how, sent))


def _check_same(place: Place, live: Stored, metadata: Mapping[str, Any]) -> None:
    """Refuse a patch that makes another object of it."""
    if (uid := metadata.get("uid")) and uid != live.uid:
        broken = invalid("metadata.uid", uid, IMMUTABLE)
        raise Refusal.invalid((place.resource.group, place.resource.kind.name), place.name, [broken])


def _replaced(house: House, place: Place, live: Stored, sent: Json, how: How) -> tuple[Json, list[str]]:
    """The object with the body in its place, and the fields in it that nobody knows."""
    before, unknown = view(place.resource, live).body, list[str]()
    try:
        new = writes.replace(place.resource.kind, before, sent, house.writer(how, place.subresource), unknown)
    except Undecodable as error:
        raise undecodable(place.resource, error) from error
    return new, unknown


def _patched(node: Any, text: str, name: str, live: Mapping[str, Any], change: Patch) -> Any:
    try:
        if change.type == "json":
            return json_patch(live, change.body)
        if change.type == "merge":
            return merge_patch(live, change.body)
        return strategic_merge_patch(live, change.body, node)
    except PatchRefused as error:
        raise Refusal(error.status, error.reason, str(error), {} if error.status == 422 else None) from error


def _applied(house: House, place: Place, body: Any, how: How) -> Written:
    """The object after a server-side apply, new or not."""
    resource, kind = place.resource, place.resource.kind
    sent = checked(place, _appliable(body, how))
    live = house.store.get(resource.table, place.namespace, place.name)
    if live is not None:
        _check_identity(place, live, sent["metadata"])
    else:
        _check_new(place, sent["metadata"], body)
    sent["metadata"] = {n: v for n, v in sent["metadata"].items() if n not in ("resourceVersion", "uid")}
    before = None if live is None else view(resource, live).body
    try:
        made = writes.apply_patch(kind, before, sent, house.writer(how, place.subresource))
    except ApplyConflict as error:
        raise Refusal(409, "Conflict", str(error), {"causes": error.causes()}) from error
    except BadApply as error:
        raise _bad(error, sent["metadata"], body.get("metadata")) from error
    if live is not None:
        return _written(house, place, live, made, how, ())
    return creating.finish(house, Place(resource, place.namespace, place.name), made, how)


def _appliable(body: Any, how: How) -> Json:
    if not how.manager:
        broken = required("fieldManager", "is required for apply patch")
        raise Refusal.invalid(("meta.k8s.io", "PatchOptions"), "", [broken])
    if not isinstance(body, dict):
        raise Refusal.bad_request("error decoding YAML: the patch is no object")
    if not body.get("apiVersion") or not body.get("kind"):
        group, _, version = str(body.get("apiVersion") or "").rpartition("/")
        raise Refusal.bad_request(f"invalid object type: {group}/{version}, Kind={body.get('kind', '')}")
    return body


def _check_new(place: Place, metadata: Mapping[str, Any], body: Mapping[str, Any]) -> None:
    """Refuse an apply that speaks of an object that is not there."""
    if place.subresource:
        raise Refusal.not_found(place.resource, place.name)
    if uid := metadata.get("uid"):
        why = f"uid mismatch: the provided object specified uid {uid}, and no existing object was found"
        raise Refusal.conflict(place.resource, place.name, why)
    if not (body.get("metadata") or {}).get("name"):
        why = f"the name of the object ({place.name} based on URL) was undeterminable: name must be provided"
        raise Refusal.bad_request(why)


def _bad(error: BadApply, placed: Mapping[str, Any], sent: Any) -> Refusal:
    """The refusal, which names the object as the client did, not as its place is."""
    given = sent if isinstance(sent, dict) else {}
    known, told = (f"({m.get('namespace', '')}/{m.get('name', '')};" for m in (placed, given))
    message = str(error).replace(known, told)
    return Refusal.bad_request(message) if error.bad_request else Refusal(500, "", message)


def _check_identity(place: Place, live: Stored, metadata: Mapping[str, Any]) -> None:
    """Refuse a body that is of another version of the object, or of another object of the same name."""
    version, uid = metadata.get("resourceVersion"), metadata.get("uid")
    if uid and uid != live.uid:
        resource = place.resource
        key = "/".join(filter(None, (resource.group if resource.custom else "", resource.plural, place.namespace)))
        why = (
            f"StorageError: invalid object, Code: 4, Key: /registry/{key}/{place.name}, ResourceVersion: 0,"
            f" AdditionalErrorMsg: Precondition failed: UID in precondition: {uid}, UID in object meta: {live.uid}"
        )
        raise Refusal.conflict(place.resource, place.name, why)
    if version and version != str(live.version):
        if not str(version).isdecimal():
            why = f'strconv.ParseUint: parsing "{version}": invalid syntax'
            broken = invalid("metadata.resourceVersion", version, why)
            raise Refusal.invalid((place.resource.group, place.resource.kind.name), place.name, [broken])
        raise Refusal.conflict(place.resource, place.name, _CHANGED)


def _written(house: House, place: Place, live: Stored, new: Json, how: How, warnings: Sequence[str]) -> Written:
    """Check a changed object and keep it; nothing is written when nothing changed."""
    resource = place.resource
    before = view(resource, live).body
    if not place.subresource:
        new = admit(house, resource, new, before)
    generation = before["metadata"].get("generation")
    if place.subresource != "status":
        generation = creating.next_generation(resource, before, new)
    new = with_metadata(new, generation=generation, resourceVersion=str(live.version))
    if new == before:
        return Written(view(resource, live), False, warnings)
    validation.check(resource, new, before, place.subresource)
    if deleting.is_finished(new):
        if how.dry_run:
            return Written(Stored(new, live.version), False, warnings)
        deleting.drop(house, resource, new)
        return Written(Stored(new, live.version), False, warnings)
    return Written(house.keep(resource, new, how), False, warnings)


def _scaled(house: House, place: Place, body: Any, how: How) -> Written:
    live = house.existing(place)
    _check_identity(place, live, (body.get("metadata") or {}) if isinstance(body, dict) else {})
    replicas = scale.replicas_of(body)
    return _with_replicas(house, place, live, replicas, how)


def _scale_patched(house: House, place: Place, change: Patch, how: How) -> Written:
    live = house.existing(place)
    shown = scale.of(place.resource, live.body)
    if change.type == "apply":
        return _scale_applied(house, place, live, change.body, how)
    node = place.resource.kind.node
    patched = _patched(node, place.resource.text, place.name, shown, change)
    _check_identity(place, live, patched.get("metadata") or {})
    return _with_replicas(house, place, live, scale.replicas_of(patched), how)


def _scale_applied(house: House, place: Place, live: Stored, body: Any, how: How) -> Written:
    spec = (body.get("spec") or {}) if isinstance(body, dict) else {}
    replicas = scale.replicas_of(body) if "replicas" in spec else None
    kind = place.resource.kind
    try:
        new = scaling.apply_replicas(kind, view(place.resource, live).body, replicas, house.writer(how, "scale"))
    except ApplyConflict as error:
        raise Refusal(409, "Conflict", str(error), {"causes": error.causes()}) from error
    except BadApply as error:
        raise _bad(error, {}, {}) from error
    return _as_scale(place, _written(house, place, live, new, how, ()))


def _with_replicas(house: House, place: Place, live: Stored, replicas: int, how: How) -> Written:
    path = place.resource.scale_paths.get("specReplicasPath", ".spec.replicas")
    if path != ".spec.replicas":
        raise Refusal(501, "NotImplemented", f"the sandbox scales by .spec.replicas alone, not by {path}")
    new = scaling.set_replicas(
        place.resource.kind, view(place.resource, live).body, replicas, house.writer(how, "scale")
    )
    return _as_scale(place, _written(house, place, live, new, how, ()))


def _as_scale(place: Place, written: Written) -> Written:
    stored = written.stored
    return written._replace(stored=Stored(scale.of(place.resource, stored.body), stored.version))
