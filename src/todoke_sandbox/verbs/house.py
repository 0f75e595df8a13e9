"""What all verbs share: the store, the clock, and the steps that every write ends with."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from todoke_sandbox.fields.ownership import Writer
from todoke_sandbox.registry.resources import Registry, Resource
from todoke_sandbox.storage.store import Store, Stored
from todoke_sandbox.storage.tables import NAMESPACES
from todoke_sandbox.verbs.addresses import Addresses
from todoke_sandbox.verbs.refusals import Refusal
from todoke_sandbox.verbs.requests import How, Place

Json = dict[str, Any]

_LETTERS: Final = "bcdfghjklmnpqrstvwxz2456789"
SUFFIX: Final = 5
"""How many letters of chance a made name ends in."""
_LONGEST: Final = 63


@dataclass
class House:
    """What the verbs of one cluster work on.

    Attributes: pages: what is left of listings that clients read page by page, by token.
    """

    store: Store
    registry: Registry
    now: Callable[[], datetime]
    addresses: Addresses
    pages: dict[str, Any] = field(default_factory=dict)

    def existing(self, place: Place) -> Stored:
        """The object of a place. Raises Refusal when there is none."""
        found = self.store.get(place.resource.table, place.namespace, place.name)
        if found is None:
            raise Refusal.not_found(place.resource, place.name)
        return found

    def writer(self, how: How, subresource: str = "") -> Writer:
        """Who writes now."""
        return Writer(how.manager, self.now(), subresource, how.force)

    def moment(self) -> str:
        """Now, as objects have it."""
        return moment(self.now())

    def keep(self, resource: Resource, body: Json, how: How) -> Stored:
        """Store a new body; of a dry run only what would be stored."""
        if how.dry_run:
            live = self.store.get(resource.table, body["metadata"].get("namespace", ""), body["metadata"]["name"])
            if live is None:
                return Stored(body, 0)
            version = str(live.version)
            return Stored({**body, "metadata": {**body["metadata"], "resourceVersion": version}}, live.version)
        return self.store.put(resource.table, body)

    def check_namespace(self, place: Place) -> None:
        """Refuse what would be made in a namespace that is not there or is going away."""
        if not place.resource.namespaced:
            return
        found = self.store.get(NAMESPACES, "", place.namespace)
        if found is None:
            message = f'namespaces "{place.namespace}" not found'
            raise Refusal(404, "NotFound", message, {"name": place.namespace, "kind": "namespaces"})
        if found.body["metadata"].get("deletionTimestamp"):
            why = f"unable to create new content in namespace {place.namespace} because it is being terminated"
            message = f"namespace {place.namespace} is being terminated"
            cause = {"reason": "NamespaceTerminating", "message": message, "field": "metadata.namespace"}
            raise Refusal.forbidden(place.resource, place.name, why, [cause])


def moment(at: datetime) -> str:
    """A time as objects have it, to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def new_uid() -> str:
    """A new object's identity."""
    return str(uuid.uuid4())


def suffixed(prefix: str) -> str:
    """A name that starts so and ends in five letters of chance."""
    return prefix[: _LONGEST - SUFFIX] + "".join(secrets.choice(_LETTERS) for _ in range(SUFFIX))


def with_metadata(body: Mapping[str, Any], **values: Any) -> Json:
    """The object with values set in its metadata; None takes one away."""
    metadata = {**body["metadata"], **values}
    return {**body, "metadata": {name: value for name, value in metadata.items() if value is not None}}
