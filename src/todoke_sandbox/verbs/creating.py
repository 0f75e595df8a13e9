"""Making objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from todoke_sandbox.fields import writes
from todoke_sandbox.registry.resources import Resource
from todoke_sandbox.schema.decoding import Undecodable
from todoke_sandbox.storage.tables import DEFINITIONS
from todoke_sandbox.verbs import validation
from todoke_sandbox.verbs.admission import admit
from todoke_sandbox.verbs.house import House, new_uid, suffixed, with_metadata
from todoke_sandbox.verbs.reading import checked, undecodable, warnings_of
from todoke_sandbox.verbs.refusals import Refusal
from todoke_sandbox.verbs.requests import How, Place, Written

Json = dict[str, Any]

COUNTED: Final = frozenset(
    {
        ("", "Pod"), ("", "PodTemplate"), ("", "ReplicationController"), ("apps", "DaemonSet"), ("apps", "Deployment"),
        ("apps", "ReplicaSet"), ("apps", "StatefulSet"), ("batch", "CronJob"), ("batch", "Job"),
        ("discovery.k8s.io", "EndpointSlice"), ("networking.k8s.io", "Ingress"),
        ("networking.k8s.io", "IngressClass"), ("networking.k8s.io", "NetworkPolicy"),
        ("policy", "PodDisruptionBudget"), ("scheduling.k8s.io", "PriorityClass"),
        ("apiextensions.k8s.io", "CustomResourceDefinition"),
    }
)  # fmt: skip
"""Built-in kinds whose changes are counted in `metadata.generation`. Source: answers of a real server."""


def create(house: House, place: Place, body: Any, how: How) -> Written:
    """A new object from a POST."""
    sent = checked(place, body)
    metadata = sent["metadata"]
    if not metadata.get("name") and (prefix := metadata.get("generateName")):
        metadata["name"] = suffixed(str(prefix))
    place = Place(place.resource, place.namespace, str(metadata.get("name", "")))
    if metadata.get("resourceVersion"):
        raise Refusal(500, "", "resourceVersion should not be set on objects to be created")
    sent["metadata"] = {name: value for name, value in metadata.items() if name not in _NOT_YET}
    unknown: list[str] = []
    try:
        made = writes.create(place.resource.kind, sent, house.writer(how), unknown)
    except Undecodable as error:
        raise undecodable(place.resource, error) from error
    return finish(house, place, made, how, warnings_of(place.resource, unknown, how))


_NOT_YET: Final = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "selfLink",
)


def finish(house: House, place: Place, made: Json, how: How, warnings: Sequence[str] = ()) -> Written:
    """Give a new object what only the server can, check it, and keep it."""
    resource = place.resource
    house.check_namespace(place)
    _check_open(house, resource, place.name)
    given: dict[str, Any] = {"uid": new_uid(), "creationTimestamp": house.moment()}
    if counted(resource):
        given["generation"] = 1
    new = admit(house, resource, with_metadata(made, **given), None)
    validation.check(resource, new, None)
    there = house.store.get(resource.table, place.namespace, place.name)
    if there is not None:
        raise Refusal.already_exists(resource, place.name, "deletionTimestamp" in there.body["metadata"])
    return Written(house.keep(resource, new, how), True, warnings)


def _check_open(house: House, resource: Resource, name: str) -> None:
    """Refuse new objects of a kind whose definition is going away."""
    definition = house.store.get(DEFINITIONS, "", resource.text) if resource.custom else None
    if definition is not None and definition.body["metadata"].get("deletionTimestamp"):
        why = "create not allowed while custom resource definition is terminating"
        raise Refusal.forbidden(resource, name, why)


def counted(resource: Resource) -> bool:
    """Whether objects of a resource have a generation."""
    return resource.custom or (resource.group, resource.kind.name) in COUNTED


def next_generation(resource: Resource, live: Mapping[str, Any], new: Mapping[str, Any]) -> int | None:
    """The generation of a changed object; None for kinds that have none."""
    if not counted(resource):
        return None
    current = int(live["metadata"].get("generation", 0))
    return current + 1 if _wanted(resource, live) != _wanted(resource, new) else current


def _wanted(resource: Resource, body: Mapping[str, Any]) -> Any:
    """What a generation counts the changes of."""
    if resource.kind.name == "Deployment" and not resource.custom:
        return body.get("spec"), body["metadata"].get("annotations")
    if "spec" in body and not resource.custom:
        return body["spec"]
    apart = {"metadata", "apiVersion"} | ({"status"} if resource.kind.has_status else set())
    rest = {name: value for name, value in body.items() if name not in apart}
    return (rest, body["metadata"].get("labels")) if resource.kind.name == "EndpointSlice" else rest
