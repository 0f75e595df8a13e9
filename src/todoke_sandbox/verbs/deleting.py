"""Deleting objects: at once, or once their finalizers are gone and their grace period is over.

Source: Kubernetes documentation, "Finalizers", "Garbage Collection", "Pod Lifecycle"; answers of a real server.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from todoke_sandbox.registry.resources import Resource
from todoke_sandbox.storage.store import Stored
from todoke_sandbox.storage.tables import DEFINITIONS
from todoke_sandbox.verbs import creating
from todoke_sandbox.verbs.house import House, moment, with_metadata
from todoke_sandbox.verbs.refusals import Refusal
from todoke_sandbox.verbs.requests import Deleted, Deletion, How, Place

Json = dict[str, Any]

ORPHAN: Final = "orphan"
FOREGROUND: Final = "foregroundDeletion"
CLEANUP: Final = "customresourcecleanup.apiextensions.k8s.io"
"""What holds a definition until its objects are gone."""
_KEPT_NAMESPACES: Final = ("default", "kube-system", "kube-public")
_ANOTHER: Final = {
    "UID": "The object might have been deleted and then recreated",
    "ResourceVersion": "The object might have been modified",
}
_JOB_WARNING: Final = (
    "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set"
    " propagationPolicy=Orphan to suppress this warning"
)


def delete(house: House, place: Place, deletion: Deletion, how: How) -> Deleted:
    """Carry out a DELETE."""
    resource = place.resource
    live = house.existing(place)
    _check_preconditions(place, live, deletion)
    if place.resource.kind.name == "Namespace" and place.name in _KEPT_NAMESPACES and not resource.custom:
        raise Refusal.forbidden(resource, place.name, "this namespace may not be deleted")
    warnings: tuple[str, ...] = ()
    if not deletion.propagation and resource.kind.name == "Job" and not resource.custom:
        warnings = (_JOB_WARNING,)
        deletion = Deletion(ORPHAN.capitalize(), deletion.grace_seconds)
    marked = _marked(house, resource, live, deletion)
    if marked is None:
        if not how.dry_run:
            live = drop(house, resource, live.body)
        return Deleted(live, True, warnings)
    if marked == live.body:
        return Deleted(live, False, warnings)
    stored = house.keep(resource, marked, how)
    return Deleted(stored, False, warnings)


def is_finished(body: Mapping[str, Any]) -> bool:
    """Whether nothing holds an object that is being deleted any more."""
    metadata = body["metadata"]
    if not metadata.get("deletionTimestamp") or metadata.get("finalizers"):
        return False
    if body["kind"] == "Namespace" and body["apiVersion"] == "v1":
        return not body["spec"].get("finalizers")
    return not metadata.get("deletionGracePeriodSeconds")


def drop(house: House, resource: Resource, body: Mapping[str, Any]) -> Stored:
    """Delete an object for good. Returns what it was at last."""
    metadata = body["metadata"]
    return house.store.remove(resource.table, metadata.get("namespace", ""), metadata["name"])


def _marked(house: House, resource: Resource, live: Stored, deletion: Deletion) -> Json | None:
    """The object marked for deletion; None when it can go at once."""
    body = live.body
    metadata = body["metadata"]
    finalizers = _finalizers(metadata.get("finalizers") or [], deletion.propagation)
    seconds = _grace(resource, body, deletion)
    if resource.table == DEFINITIONS and CLEANUP not in finalizers:
        finalizers = [*finalizers, CLEANUP]
    namespace = resource.kind.name == "Namespace" and not resource.custom
    waits = bool(finalizers) or seconds > 0 or (namespace and bool(body["spec"].get("finalizers")))
    if not waits:
        return None
    if metadata.get("deletionTimestamp"):
        shorter = seconds < metadata.get("deletionGracePeriodSeconds", 0)
        if not shorter:
            return with_metadata(body, finalizers=finalizers or None)
        return with_metadata(body, **_until(house, metadata, seconds), finalizers=finalizers or None)
    given = _until(house, metadata, seconds)
    if creating.counted(resource) and metadata.get("generation"):
        given["generation"] = metadata["generation"] + 1
    if resource.table == DEFINITIONS:
        body = {**body, "status": _ending(house, body["status"])}
    if namespace:
        given.pop("deletionGracePeriodSeconds")
        body = {**body, "status": {**body["status"], "phase": "Terminating"}}
    return with_metadata(body, **given, finalizers=finalizers or None)


def _ending(house: House, status: Json) -> Json:
    """The status of a definition whose objects are to go first."""
    condition = {
        "type": "Terminating",
        "status": "True",
        "lastTransitionTime": house.moment(),
        "reason": "InstanceDeletionPending",
        "message": "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
    }
    return {**status, "conditions": [*(status.get("conditions") or ()), condition]}


def _until(house: House, metadata: Mapping[str, Any], seconds: int) -> Json:
    until = house.now() + timedelta(seconds=seconds)
    return {"deletionTimestamp": moment(until), "deletionGracePeriodSeconds": seconds}


def _finalizers(present: list[str], propagation: str) -> list[str]:
    """With those that make a collector wait for, or let go of, what the object owns."""
    if not propagation:
        return present
    rest = [name for name in present if name not in (ORPHAN, FOREGROUND)]
    added = {"Orphan": [ORPHAN], "Foreground": [FOREGROUND]}.get(propagation, [])
    return rest + added


def _grace(resource: Resource, body: Mapping[str, Any], deletion: Deletion) -> int:
    """How long a Pod may still run; nothing else has a grace period."""
    if resource.kind.name != "Pod" or resource.custom:
        return 0
    spec, phase = body["spec"], body["status"].get("phase")
    asked = deletion.grace_seconds
    seconds = spec.get("terminationGracePeriodSeconds", 30) if asked is None else asked
    if not spec.get("nodeName") or phase in ("Succeeded", "Failed"):
        return 0
    return max(0, int(seconds)) if seconds >= 0 else 1


def _check_preconditions(place: Place, live: Stored, deletion: Deletion) -> None:
    what, asked, found = "UID", deletion.uid, live.uid
    if not asked or asked == found:
        what, asked, found = "ResourceVersion", deletion.version, str(live.version)
    if not asked or asked == found:
        return
    why = f"the {what} in the precondition ({asked}) does not match the {what} in record ({found})."
    kind = place.resource.kind
    message = f'Operation cannot be fulfilled on {kind.name} "{place.name}": {why} {_ANOTHER[what]}'
    raise Refusal(409, "Conflict", message, {"name": place.name, "kind": kind.name})
