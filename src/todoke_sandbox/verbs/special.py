"""Subresources that are verbs of their own: a Pod given to a node or evicted, a namespace let go."""

from __future__ import annotations

from typing import Any

from todoke_sandbox.registry.resources import Resource
from todoke_sandbox.storage.store import Stored
from todoke_sandbox.storage.tables import BUDGETS
from todoke_sandbox.verbs import deleting
from todoke_sandbox.verbs.house import House
from todoke_sandbox.verbs.refusals import Refusal
from todoke_sandbox.verbs.requests import Deletion, How, Place, Written
from todoke_sandbox.verbs.selectors import of_object
from todoke_sandbox.verbs.validation.rules import required

Json = dict[str, Any]


def create(house: House, place: Place, body: Json, how: How) -> Written:
    """Carry out a POST to `binding` or `eviction`."""
    make = {"binding": _bind, "eviction": _evict}.get(place.subresource)
    if make is None:
        raise Refusal.method_not_allowed(place.resource, "create")
    return make(house, place, body, how)


def finalize_namespace(house: House, place: Place, body: Json, how: How) -> Written:
    """Replace the finalizers in a namespace's spec; the last one lets a namespace go that is being deleted."""
    live = house.existing(place)
    spec = {**live.body["spec"], "finalizers": (body.get("spec") or {}).get("finalizers") or []}
    new = {**live.body, "spec": {name: value for name, value in spec.items() if value}}
    if deleting.is_finished(new) and not how.dry_run:
        deleting.drop(house, place.resource, new)
        return Written(Stored(new, live.version))
    return Written(live if new == live.body else house.keep(place.resource, new, how))


def _bind(house: House, place: Place, body: Json, how: How) -> Written:
    live = house.existing(place)
    node = (body.get("target") or {}).get("name")
    if not node:
        raise Refusal.invalid(("", "Binding"), place.name, [required("target.name")])
    spec, meta = live.body["spec"], live.body["metadata"]
    if meta.get("deletionTimestamp"):
        raise Refusal.conflict(
            place.resource, place.name, f"pod {place.name} is being deleted, cannot be assigned to a host"
        )
    if spec.get("nodeName"):
        why = f"pod {place.name} is already assigned to node {spec['nodeName']!r}".replace("'", '"')
        raise Refusal.conflict(place.resource, place.name, why)
    scheduled = {
        "type": "PodScheduled",
        "status": "True",
        "lastProbeTime": None,
        "lastTransitionTime": house.moment(),
        "observedGeneration": meta.get("generation", 1),
    }
    conditions = [c for c in live.body["status"].get("conditions") or () if c["type"] != "PodScheduled"]
    status = {**live.body["status"], "conditions": [*conditions, scheduled]}
    house.keep(place.resource, {**live.body, "spec": {**spec, "nodeName": node}, "status": status}, how)
    return _done()


def _evict(house: House, place: Place, body: Json, how: How) -> Written:
    live = house.existing(place)
    _check_budgets(house, place.resource, live)
    options = body.get("deleteOptions") or {}
    deleting.delete(house, Place(place.resource, place.namespace, place.name), _deletion(options), how)
    return _done()


def _deletion(options: Json) -> Deletion:
    conditions = options.get("preconditions") or {}
    return Deletion(
        "", options.get("gracePeriodSeconds"), conditions.get("uid", ""), conditions.get("resourceVersion", "")
    )


def _check_budgets(house: House, resource: Resource, pod: Stored) -> None:
    for budget in house.store.items(BUDGETS, pod.namespace):
        selector = of_object(budget.body["spec"].get("selector"))
        if not selector.matches(pod.body["metadata"].get("labels") or {}):
            continue
        status = budget.body.get("status") or {}
        if status.get("disruptionsAllowed", 0) < 1:
            message = "Cannot evict pod as it would violate the pod's disruption budget."
            healthy, needed = status.get("currentHealthy", 0), status.get("desiredHealthy", 0)
            why = f"The disruption budget {budget.name} needs {needed} healthy pods and has {healthy} currently"
            cause = {"reason": "DisruptionBudget", "message": why}
            raise Refusal(429, "TooManyRequests", message, {"causes": [cause]})


def _done() -> Written:
    status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
    return Written(Stored(status, 0), True)
