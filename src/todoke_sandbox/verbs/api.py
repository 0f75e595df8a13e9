"""The verbs on objects, all of them synchronous: one request is carried out before the next is looked at.

HTTP requests and controllers write through here alone, so that both meet the same rules.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from todoke_sandbox.registry.resources import Registry
from todoke_sandbox.storage.store import Store, Stored
from todoke_sandbox.storage.tables import DEFINITIONS
from todoke_sandbox.verbs import creating, definitions, deleting, listing, scale, special, updating
from todoke_sandbox.verbs.addresses import Addresses
from todoke_sandbox.verbs.house import House
from todoke_sandbox.verbs.refusals import Refusal
from todoke_sandbox.verbs.requests import EVERY, Deleted, Deletion, How, Listing, Patch, Place, Query, Written
from todoke_sandbox.verbs.versions import view

Json = dict[str, Any]


class Api:
    """What can be done with the objects of one cluster. Every method raises Refusal for what it does not do."""

    def __init__(self, store: Store, registry: Registry, now: Callable[[], datetime]) -> None:
        """Takes an empty store, what is served, and the clock."""
        self._house = House(store, registry, now, Addresses(store))

    @property
    def store(self) -> Store:
        """The objects. Only for reading and listening."""
        return self._house.store

    @property
    def registry(self) -> Registry:
        """What is served now."""
        return self._house.registry

    def get(self, place: Place) -> Stored:
        """An object in the version of the place; a Scale where that is the subresource."""
        self._check(place, "get")
        stored = self._house.existing(place)
        if place.subresource == "scale":
            return Stored(scale.of(place.resource, stored.body), stored.version)
        return view(place.resource, stored)

    def list(self, place: Place, query: Query = EVERY) -> Listing:
        """One page of a collection, in order of namespace and name."""
        self._check(place, "list")
        page = listing.page(self._house, place, query)
        if not place.resource.custom:
            return page
        return replace(page, items=[view(place.resource, stored) for stored in page.items])

    def create(self, place: Place, body: Json, how: How) -> Written:
        """Make an object; with a name in the place, carry out one of the subresources `binding` and `eviction`."""
        self._check(place, "create")
        if place.subresource:
            return special.create(self._house, place, body, how)
        return self._settled(place, creating.create(self._house, place, body, how))

    def replace(self, place: Place, body: Json, how: How) -> Written:
        """Put a body in place of the object, its status, its scale, or the finalizers of a namespace (`finalize`)."""
        self._check(place, "update")
        return self._settled(place, updating.replace(self._house, place, body, how))

    def patch(self, place: Place, patch: Patch, how: How) -> Written:
        """Change an object, its status or its scale; an apply makes the object where there is none."""
        self._check(place, "patch")
        return self._settled(place, updating.patch(self._house, place, patch, how))

    def delete(self, place: Place, deletion: Deletion, how: How) -> Deleted:
        """Delete an object, or mark it for deletion where finalizers or a grace period stand against it."""
        self._check(place, "delete")
        deleted = deleting.delete(self._house, place, deletion, how)
        definitions.settle(self._house, place)
        return deleted

    def delete_collection(self, place: Place, query: Query, deletion: Deletion, how: How) -> Listing:
        """Delete what a query selects; the page of what was found."""
        self._check(place, "deletecollection")
        found = self.list(place, query)
        for stored in found.items:
            one = Place(place.resource, stored.namespace, stored.name)
            self.delete(one, deletion, how)
        return found

    def _settled(self, place: Place, written: Written) -> Written:
        if place.resource.custom or place.resource.table == DEFINITIONS:
            name = place.name or written.stored.name
            definitions.settle(self._house, Place(place.resource, place.namespace, name))
        return written

    def _check(self, place: Place, verb: str) -> None:
        resource = place.resource
        if place.subresource:
            if place.subresource not in (*resource.subresources, "finalize"):
                raise Refusal(404, "NotFound", "the server could not find the requested resource")
        elif verb not in resource.verbs:
            raise Refusal.method_not_allowed(resource, verb)
