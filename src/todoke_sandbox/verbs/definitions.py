"""CustomResourceDefinitions: once stored they are served, once deleted their objects go first.

Source: Kubernetes documentation, "Extend the Kubernetes API with CustomResourceDefinitions"; answers of a real server.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from todoke_sandbox.fields import writes
from todoke_sandbox.fields.ownership import Writer
from todoke_sandbox.registry.resources import Resource
from todoke_sandbox.storage.store import TableKey
from todoke_sandbox.storage.tables import DEFINITIONS as TABLE
from todoke_sandbox.verbs import deleting
from todoke_sandbox.verbs.deleting import CLEANUP
from todoke_sandbox.verbs.house import House, with_metadata
from todoke_sandbox.verbs.requests import Deletion, How, Place

Json = dict[str, Any]

_SERVER: Final = "kube-apiserver"
_NAMES: Final = ("plural", "singular", "shortNames", "kind", "listKind", "categories")


def settle(house: House, place: Place) -> None:
    """After a write to a definition, or to an object of a custom kind: serve, serve no more, or go on clearing."""
    if place.resource.custom:
        _after_instance(house, place.resource)
    elif place.resource.table == TABLE:
        found = house.store.get(TABLE, "", place.name)
        if found is None:
            _forget(house, place.name)
        elif found.body["metadata"].get("deletionTimestamp"):
            _clear(house, found.body)
        else:
            _serve(house, found.body)


def _serve(house: House, body: Json) -> None:
    """Serve what a stored definition defines, and say so in its status."""
    taken = _taken(house, body)
    conditions = _conditions(house, body, taken)
    status = {**body["status"], "conditions": conditions}
    if not taken:
        names = body["spec"]["names"]
        status["acceptedNames"] = {name: names[name] for name in _NAMES if name in names}
        house.registry.add_definition(body)
    _write_status(house, body, status)


def _clear(house: House, body: Json) -> None:
    """Delete the objects of a definition that is going away; the last one takes it along."""
    spec = body["spec"]
    message = "CustomResource deletion is in progress"
    condition = _condition(house, body, ("Terminating", "True", "InstanceDeletionInProgress", message))
    if condition in (body["status"].get("conditions") or ()):
        return
    others = [c for c in body["status"].get("conditions") or () if c["type"] != "Terminating"]
    _write_status(house, body, {**body["status"], "conditions": [*others, condition]})
    resource = house.registry.preferred(spec["group"], spec["names"]["plural"])
    if resource is None:
        return
    for stored in list(house.store.items(resource.table)):
        place = Place(resource, stored.namespace, stored.name)
        deleting.delete(house, place, Deletion("Background"), How(_SERVER))
    _after_instance(house, resource)


def _after_instance(house: House, resource: Resource) -> None:
    """An object of a custom kind is gone: was it the last that its definition waited for?"""
    definition = house.store.get(TABLE, "", resource.text)
    if definition is None or CLEANUP not in (definition.body["metadata"].get("finalizers") or ()):
        return
    if house.store.table(resource.table).objects:
        return
    rest = [name for name in definition.body["metadata"]["finalizers"] if name != CLEANUP]
    new = with_metadata(definition.body, finalizers=rest or None)
    own = house.registry.find(TABLE.group, "v1", TABLE.plural)
    if own is not None and deleting.is_finished(new):
        deleting.drop(house, own, new)
        _forget(house, definition.name)
    else:
        house.store.put(TABLE, new)


def _forget(house: House, name: str) -> None:
    """Serve no more what a deleted definition defined, and drop what may be left of it."""
    plural, _, group = name.partition(".")
    house.registry.remove(group, plural)
    house.store.drop(TableKey(group, plural))


def _taken(house: House, body: Mapping[str, Any]) -> tuple[str, str] | None:
    """Reason and message, when names of a definition are those of another resource in its group."""
    spec, names = body["spec"], body["spec"]["names"]
    own = (spec["group"], names["plural"])
    for other in house.registry.resources():
        if other.group != own[0] or other.plural == own[1]:
            continue
        others = {other.plural, other.singular, *other.short_names}
        if names["kind"] == other.kind.name or f"{names['kind']}List" == other.kind.name:
            return "KindConflict", f'"{names["kind"]}" is already in use'
        if names["plural"] in others:
            return "PluralConflict", f'"{names["plural"]}" is already in use'
        if names.get("singular") in others:
            return "SingularConflict", f'"{names["singular"]}" is already in use'
        if clash := sorted(others & set(names.get("shortNames") or ())):
            return "ShortNamesConflict", f'"{clash[0]}" is already in use'
    return None


def _conditions(house: House, body: Mapping[str, Any], taken: tuple[str, str] | None) -> list[Json]:
    before = {c["type"]: c for c in body["status"].get("conditions") or ()}
    if taken:
        names = _condition(house, body, ("NamesAccepted", "False", *taken))
        message = "not all names are accepted"
        established = _condition(house, body, ("Established", "False", "NotAccepted", message))
        if before.get("Established", {}).get("status") == "True":
            established = before["Established"]
    else:
        names = _condition(house, body, ("NamesAccepted", "True", "NoConflicts", "no conflicts found"))
        message = "the initial names have been accepted"
        established = _condition(house, body, ("Established", "True", "InitialNamesAccepted", message))
    rest = [c for kind, c in before.items() if kind not in ("NamesAccepted", "Established")]
    return [names, established, *rest]


def _condition(house: House, body: Mapping[str, Any], said: tuple[str, str, str, str]) -> Json:
    """A condition; one that says what was said before keeps its time."""
    kind, status, reason, message = said
    for before in body["status"].get("conditions") or ():
        if before["type"] == kind and before["status"] == status:
            return {**before, "reason": reason, "message": message}
    return {
        "type": kind,
        "status": status,
        "lastTransitionTime": house.moment(),
        "reason": reason,
        "message": message,
    }


def _write_status(house: House, body: Json, status: Json) -> None:
    own = house.registry.find(TABLE.group, "v1", TABLE.plural)
    if own is None or status == body["status"]:
        return
    by = Writer(_SERVER, house.now(), "status")
    house.store.put(TABLE, writes.replace(own.kind, body, {**body, "status": status}, by))
