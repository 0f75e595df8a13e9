"""What an Application's status says. Pure: the old status and what was found out, in; the new status, out.

Source of the fields: Argo CD v3.5 Application CRD, `status`.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from todoke.health.application import ObjectHealth, application_health
from todoke.health.pods import never_heals, worst_trouble
from todoke.model.deliverables import Deliverable
from todoke.model.health import Health, HealthState
from todoke.model.objects import LiveObject, ObjectKey
from todoke.model.plans import Action, Plan, Step

Conditions = tuple[tuple[str, str], ...]
"""(type, message) pairs."""

_COMPARED = ("source", "sources", "destination", "ignoreDifferences")


def stamp(now: datetime) -> str:
    """A time as Kubernetes writes it: RFC 3339, whole seconds, Z."""
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")


class Found(msgspec.Struct, frozen=True):
    """What a look found out, as far as the status tells of it."""

    deliverable: Deliverable
    plan: Plan
    revisions: tuple[str, ...]
    tools: tuple[str, ...]  # what rendered each source
    live: Mapping[ObjectKey, LiveObject]
    health: Mapping[ObjectKey, Health | None]
    pods: Mapping[ObjectKey, tuple[Mapping[str, Any], ...]]  # unready Pods of sick workloads
    conditions: Conditions = ()


def compose(old: Mapping[str, Any], spec: Mapping[str, Any], found: Found, now: datetime) -> dict[str, Any]:
    """The parts of the status that a look decides: sync, health, resources, conditions, sourceType, summary."""
    health = overall_health(found)
    several = bool(spec.get("sources"))
    sync: dict[str, Any] = {
        "status": sync_word(found.plan),
        "comparedTo": {name: spec[name] for name in _COMPARED if spec.get(name) is not None},
    }
    if several:
        sync["revisions"] = list(found.revisions)
    elif found.revisions:
        sync["revision"] = found.revisions[0]
    composed: dict[str, Any] = {
        "sync": sync,
        "health": with_transition(old.get("health"), health_words(health), now, "status"),
        "resources": [
            _resource(step, found)
            for step in sorted(found.plan.steps, key=lambda step: step.key)
            if step.action is not Action.CREATE_NAMESPACE
        ],
        "conditions": conditions(old.get("conditions") or (), found.conditions, now),
        "summary": {"images": images(found)} if images(found) else {},
    }
    key = "sourceTypes" if several else "sourceType"
    composed[key] = list(found.tools) if several else "".join(found.tools[:1])
    return composed


def sync_word(plan: Plan) -> str:
    """Synced when the cluster holds what the revision says, else OutOfSync."""
    return "Synced" if all(step.action is Action.KEEP for step in plan.steps) else "OutOfSync"


def overall_health(found: Found) -> Health:
    """The application's health. The worst Pod's reason stands first, and one that never heals makes it Degraded."""
    objects = [
        ObjectHealth(step.key, found.health.get(step.key), live=step.key in found.live)
        for step in found.plan.steps
        if step.desired is not None
    ]
    health = application_health(objects)
    pods = [pod for group in found.pods.values() for pod in group]
    trouble = worst_trouble(pods) if pods and health.state is not HealthState.HEALTHY else None
    if trouble is None:
        return health
    state = HealthState.DEGRADED if never_heals(pods) else health.state
    return Health(max(state, health.state), f"{trouble}; {health.message}" if health.message else trouble)


def health_words(health: Health) -> dict[str, str]:
    """A health as it stands in a status."""
    words = {"status": health.state.word}
    if health.message:
        words["message"] = health.message
    return words


def with_transition(old: Mapping[str, Any] | None, new: dict[str, str], now: datetime, field: str) -> dict[str, str]:
    """The new value with the time since when its `field` is what it is."""
    since = (old or {}).get("lastTransitionTime")
    same = bool(since) and (old or {}).get(field) == new[field]
    return new | {"lastTransitionTime": str(since) if same else stamp(now)}


def conditions(old: Iterable[Mapping[str, Any]], new: Conditions, now: datetime) -> list[dict[str, str]]:
    """Conditions in order; one that says the same as before keeps its time."""
    since = {(c.get("type"), c.get("message")): c.get("lastTransitionTime") for c in old}
    return [
        {"type": kind, "message": message, "lastTransitionTime": since.get((kind, message)) or stamp(now)}
        for kind, message in sorted(set(new))
    ]


def _resource(step: Step, found: Found) -> dict[str, Any]:
    version = step.desired.version if step.desired else (step.live.version if step.live else "")
    resource: dict[str, Any] = {"version": version, "kind": step.key.kind, "name": step.key.name}
    if step.key.group:
        resource["group"] = step.key.group
    if step.key.namespace:
        resource["namespace"] = step.key.namespace
    resource["status"] = "Synced" if step.action is Action.KEEP else "OutOfSync"
    health = found.health.get(step.key)
    if health is not None:
        resource["health"] = health_words(health)
    elif step.desired is not None and step.key not in found.live:
        resource["health"] = {"status": "Missing"}
    if step.action in (Action.PRUNE, Action.SKIP):
        resource["requiresPruning"] = True
    if step.wave:
        resource["syncWave"] = step.wave
    return resource


def images(found: Found) -> list[str]:
    """Every image that the desired workloads name, sorted."""
    names: set[str] = set()
    for step in found.plan.steps:
        if step.desired is not None and b'"image"' in step.desired.raw:
            _collect(step.desired.body.get("spec"), names)
    return sorted(names)


def _collect(value: Any, names: set[str]) -> None:
    if isinstance(value, dict):
        for field in ("containers", "initContainers"):
            for container in value.get(field) or ():
                if isinstance(container, dict) and isinstance(container.get("image"), str):
                    names.add(container["image"])
        for inner in value.values():
            _collect(inner, names)
    elif isinstance(value, list):
        for inner in value:
            _collect(inner, names)


def failure(old: Mapping[str, Any], problems: Conditions, now: datetime) -> dict[str, Any]:
    """The status when the comparison itself was not possible: sync Unknown, the rest as it was."""
    sync = dict(old.get("sync") or {})
    sync["status"] = "Unknown"
    health = old.get("health") or with_transition(None, {"status": "Unknown"}, now, "status")
    return {"sync": sync, "health": health, "conditions": conditions(old.get("conditions") or (), problems, now)}
