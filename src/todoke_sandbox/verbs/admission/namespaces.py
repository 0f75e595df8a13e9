"""Namespaces: the finalizer in their specification."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from todoke_sandbox.registry.resources import Resource
from todoke_sandbox.verbs.house import House

Json = dict[str, Any]


def namespace(house: House, resource: Resource, new: Json, old: Mapping[str, Any] | None) -> Json:
    """A namespace is held by `kubernetes` until everything in it is gone."""
    if old is None:
        held = list(new["spec"].get("finalizers") or ())
        finalizers = held if "kubernetes" in held else [*held, "kubernetes"]
        return {**new, "spec": {**new["spec"], "finalizers": finalizers}}
    return {**new, "spec": old["spec"]}
