"""Volumes and claims: their protection, and the class that claims get when they name none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from todoke_sandbox.registry.resources import Resource
from todoke_sandbox.storage.tables import STORAGE_CLASSES
from todoke_sandbox.verbs.house import House, with_metadata

Json = dict[str, Any]

IS_DEFAULT: Final = "storageclass.kubernetes.io/is-default-class"


def volume(house: House, resource: Resource, new: Json, old: Mapping[str, Any] | None) -> Json:
    """A new volume is protected while a claim uses it."""
    return new if old is not None else _protected(new, "kubernetes.io/pv-protection")


def claim(house: House, resource: Resource, new: Json, old: Mapping[str, Any] | None) -> Json:
    """A new claim is protected while a Pod uses it, and gets the default class where there is one."""
    if old is not None:
        return new
    if "storageClassName" not in new["spec"] and (name := _default_class(house)):
        new = {**new, "spec": {**new["spec"], "storageClassName": name}}
    return _protected(new, "kubernetes.io/pvc-protection")


def _protected(new: Json, finalizer: str) -> Json:
    present = new["metadata"].get("finalizers") or []
    return new if finalizer in present else with_metadata(new, finalizers=[*present, finalizer])


def _default_class(house: House) -> str:
    marked = [
        stored
        for stored in house.store.items(STORAGE_CLASSES)
        if (stored.body["metadata"].get("annotations") or {}).get(IS_DEFAULT) == "true"
    ]
    return max(marked, key=lambda stored: stored.body["metadata"]["creationTimestamp"]).name if marked else ""
