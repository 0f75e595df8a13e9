"""Jobs: labels by which they know their Pods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from todoke_sandbox.registry.resources import Resource
from todoke_sandbox.verbs.house import House

Json = dict[str, Any]

CONTROLLER_UID: Final = "batch.kubernetes.io/controller-uid"


def job(house: House, resource: Resource, new: Json, old: Mapping[str, Any] | None) -> Json:
    """A new Job selects its Pods by its own uid, unless it says that it brings its own selector."""
    spec = new["spec"]
    if old is not None or spec.get("manualSelector"):
        return new
    metadata = new["metadata"]
    uid, name = metadata["uid"], metadata.get("name", "")
    template = spec["template"]
    labels = {
        **(template["metadata"].get("labels") or {}),
        CONTROLLER_UID: uid,
        "batch.kubernetes.io/job-name": name,
        "controller-uid": uid,
        "job-name": name,
    }
    template = {**template, "metadata": {**template["metadata"], "labels": labels}}
    selector = dict(spec.get("selector") or {})
    selector["matchLabels"] = {**(selector.get("matchLabels") or {}), CONTROLLER_UID: uid}
    if not metadata.get("labels"):
        metadata = {**metadata, "labels": labels}  # as the defaults do to whatever is read
    return {**new, "metadata": metadata, "spec": {**spec, "selector": selector, "template": template}}
