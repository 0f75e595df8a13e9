"""Writes to the subresource `scale`: one field of the object, held by whoever scales.

Its entries bear no time; conflicts speak of the version of Scale, not of the object's.
Source: answers of a real server.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from todoke_sandbox.fields.conflicts import ApplyConflict
from todoke_sandbox.fields.entries import APPLY, UPDATE, key_of, trusted
from todoke_sandbox.fields.field_set import has
from todoke_sandbox.fields.ownership import Writer, apply, update
from todoke_sandbox.fields.resets import SCALE
from todoke_sandbox.schema.kinds import Kind
from todoke_sandbox.schema.node import Json

SCALE_VERSION: Final = "autoscaling/v1"

_REPLICAS = ("f:spec", "f:replicas")


def set_replicas(kind: Kind, live: Mapping[str, Any], replicas: int, by: Writer) -> Json:
    """The object after a replace or patch of its scale. Args: by: its subresource is of no matter."""
    new = {**live, "spec": {**live["spec"], "replicas": replicas}}
    return update(kind, live, new, replace(by, subresource=SCALE))


def apply_replicas(kind: Kind, live: Mapping[str, Any], replicas: int | None, by: Writer) -> Json:
    """The object after a server-side apply of its scale.

    None applies a scale that names no number: that of the only holder becomes zero, and stays held.


    Raises: ApplyConflict: somebody else holds the number, wants another one, and the writer does not force.
    """
    if replicas is None:
        return _given_up(kind, live, by)
    name = live["metadata"].get("name")
    patch = {
        "apiVersion": kind.api_version,
        "kind": kind.name,
        "metadata": {"name": name},
        "spec": {"replicas": replicas},
    }
    try:
        return apply(kind, live, patch, replace(by, subresource=SCALE))
    except ApplyConflict as conflict:
        raise ApplyConflict(
            {
                key._replace(version=SCALE_VERSION) if key.operation == UPDATE else key: fields
                for key, fields in conflict.by_manager.items()
            }
        ) from None


def _given_up(kind: Kind, live: Mapping[str, Any], by: Writer) -> Json:
    managers = trusted(live["metadata"].get("managedFields") or [])
    holders = [key for key, held in managers.items() if has(held.fields, _REPLICAS)]
    if holders != [key_of(by.manager, APPLY, kind.api_version, SCALE)]:
        return dict(live)
    return {**live, "spec": {**live["spec"], "replicas": 0}}
