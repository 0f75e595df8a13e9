"""The collector: objects go when their owners are gone, before them, or are let go, as their deletion asked.

Source: Kubernetes documentation, "Garbage Collection", "Owners and Dependents", "Use Cascading Deletion".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from todoke_sandbox.controllers.adoption import without, write_owners
from todoke_sandbox.controllers.client import Client
from todoke_sandbox.controllers.informer import Informer, Where
from todoke_sandbox.controllers.objects import is_deleted
from todoke_sandbox.verbs.deleting import FOREGROUND, ORPHAN
from todoke_sandbox.verbs.refusals import Refusal

Json = dict[str, Any]

NAME: Final = "garbage-collector-controller"


@dataclass(frozen=True)
class Owners:
    """The owner references of an object. Attributes: waiting: of owners that go once their dependents are gone."""

    solid: tuple[str, ...]
    absent: tuple[str, ...]
    waiting: tuple[str, ...]


def waits_for_dependents(body: Mapping[str, Any]) -> bool:
    """Whether an object is being deleted, but only after what it owns."""
    return is_deleted(body) and FOREGROUND in (body["metadata"].get("finalizers") or ())


def sort_owners(refs: Iterable[Json], find: Callable[[Json], Mapping[str, Any] | None]) -> Owners:
    """Tell owners that are there from absent ones. Args: find: the object of a reference, which may be another's."""
    found: dict[str, list[str]] = {"solid": [], "absent": [], "waiting": []}
    for ref in refs:
        owner = find(ref)
        if owner is None or owner["metadata"]["uid"] != ref["uid"]:
            found["absent"].append(ref["uid"])
        else:
            found["waiting" if waits_for_dependents(owner) else "solid"].append(ref["uid"])
    return Owners(*(tuple(found[name]) for name in ("solid", "absent", "waiting")))


def propagation(body: Mapping[str, Any]) -> str:
    """How an object is deleted that has no owner left: as its own finalizers want it."""
    finalizers = body["metadata"].get("finalizers") or ()
    return "Orphan" if ORPHAN in finalizers else "Foreground" if FOREGROUND in finalizers else "Background"


class UnknownKind(Exception):
    """An owner is of a kind that is not served: nothing can be said about it."""


class Garbage:
    """The controller. Its keys name an object by its identity."""

    name = NAME

    def __init__(self, informer: Informer, client: Client) -> None:
        """Takes what is known and how to write."""
        self._informer = informer
        self._client = client

    def sync(self, namespace: str, uid: str) -> None:
        """Look at one object: what it waits for, and whether it still has an owner."""
        where = self._informer.place_of(uid)
        body = where and self._informer.at(where)
        if where is None or body is None:
            return
        if is_deleted(body) and ORPHAN in (body["metadata"].get("finalizers") or ()):
            self._orphan(where, body)
        elif waits_for_dependents(body):
            self._delete_dependents(where, body)
        elif not is_deleted(body):
            self._collect(where, body)

    def _orphan(self, where: Where, body: Json) -> None:
        uid = body["metadata"]["uid"]
        for dependent in self._informer.owned(uid):
            if (owned := self._informer.at(dependent)) is not None:
                write_owners(self._client, dependent.table, owned, without(owned, uid))
        self._take_off(where, body, ORPHAN)

    def _delete_dependents(self, where: Where, body: Json) -> None:
        """Have what it owns looked at; what does not block its deletion is not waited for."""
        uid = body["metadata"]["uid"]
        blocking = False
        for dependent in self._informer.owned(uid):
            owned = self._informer.at(dependent)
            if owned is None:
                continue
            if not is_deleted(owned):
                self._collect(dependent, owned)
                owned = self._informer.at(dependent)
            blocking = blocking or (owned is not None and blocks(owned, uid))
        if not blocking and (now := self._informer.at(where)) is not None:
            self._take_off(where, now, FOREGROUND)

    def _collect(self, where: Where, body: Json) -> None:
        refs = body["metadata"].get("ownerReferences") or ()
        if not refs:
            return
        try:
            owners = sort_owners(refs, lambda ref: self._owner(ref, where.namespace))
        except UnknownKind:
            return
        uid = body["metadata"]["uid"]
        if owners.solid:
            if owners.absent or owners.waiting:
                write_owners(self._client, where.table, body, without(body, *owners.absent, *owners.waiting))
        elif owners.waiting and self._informer.owned(uid):
            self._client.delete(where.table, body, "Foreground")
        else:
            self._client.delete(where.table, body, propagation(body))

    def _owner(self, ref: Json, namespace: str) -> Json | None:
        """The object that a reference names. Raises UnknownKind, also for what an object of the cluster cannot have."""
        resource = self._informer.resource_of(ref["apiVersion"], ref["kind"])
        if resource is None or (resource.namespaced and not namespace):
            raise UnknownKind
        return self._informer.get(resource.table, namespace if resource.namespaced else "", ref["name"])

    def _take_off(self, where: Where, body: Json, finalizer: str) -> None:
        left = [name for name in body["metadata"].get("finalizers") or () if name != finalizer]
        patch = {"metadata": {"uid": body["metadata"]["uid"], "finalizers": left or None}}
        try:
            self._client.merge(where.table, body, patch)
        except Refusal as refusal:
            if refusal.code not in (404, 409):
                raise


def blocks(body: Mapping[str, Any], owner_uid: str) -> bool:
    """Whether an object holds up the deletion of its owner."""
    refs = body["metadata"].get("ownerReferences") or ()
    return any(ref["uid"] == owner_uid and ref.get("blockOwnerDeletion") for ref in refs)
