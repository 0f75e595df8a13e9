"""Objects in the version that a client asks for."""

from __future__ import annotations

from todoke_sandbox.registry.resources import Resource
from todoke_sandbox.storage.store import Stored


def view(resource: Resource, stored: Stored) -> Stored:
    """The stored object in the version of the resource: no more than another apiVersion."""
    if stored.body["apiVersion"] == resource.kind.api_version:
        return stored
    return Stored({**stored.body, "apiVersion": resource.kind.api_version}, stored.version)
