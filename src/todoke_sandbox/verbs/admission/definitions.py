"""CustomResourceDefinitions: which versions their objects may be stored in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from todoke_sandbox.registry.resources import Resource
from todoke_sandbox.verbs.house import House

Json = dict[str, Any]


def definition(house: House, resource: Resource, new: Json, old: Mapping[str, Any] | None) -> Json:
    """A definition whose status lists its storage version."""
    storage = next((version["name"] for version in new["spec"].get("versions") or () if version.get("storage")), "")
    status = new.get("status") or {}
    stored = list(status.get("storedVersions") or ())
    if storage and storage not in stored:
        stored.append(storage)
    return {**new, "status": {**status, "storedVersions": stored}}
