"""What controllers ask of Pods: whether they count, whether they are available, which go first.

Source: Kubernetes documentation, "ReplicaSet", "Scaling a ReplicaSet" and "Pod deletion cost"; Pod API reference.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from todoke_sandbox.controllers.objects import at, condition, is_deleted, notes, reference_to

Json = dict[str, Any]

DELETION_COST: Final = "controller.kubernetes.io/pod-deletion-cost"
_LONGEST_PREFIX: Final = 253
_ENDED: Final = ("Succeeded", "Failed")
_PHASES: Final = {"Pending": 0, "Unknown": 1, "Running": 2}


def phase(pod: Mapping[str, Any]) -> str:
    """Of the Pod; Pending where nobody has said anything."""
    return (pod.get("status") or {}).get("phase") or "Pending"


def has_ended(pod: Mapping[str, Any]) -> bool:
    """Whether its containers will never run again."""
    return phase(pod) in _ENDED


def is_active(pod: Mapping[str, Any]) -> bool:
    """Whether it counts as a replica: neither ended nor going away."""
    return not has_ended(pod) and not is_deleted(pod)


def ready_since(pod: Mapping[str, Any]) -> datetime | None:
    """Since when it is ready; None when it is not."""
    ready = condition((pod.get("status") or {}).get("conditions"), "Ready")
    if ready is None or ready["status"] != "True":
        return None
    return at(ready["lastTransitionTime"])


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Whether its condition says so."""
    for found in (pod.get("status") or {}).get("conditions") or ():
        if found["type"] == "Ready":
            return bool(found["status"] == "True")
    return False


def is_available(pod: Mapping[str, Any], min_ready_seconds: int, now: datetime) -> bool:
    """Whether it has been ready for long enough."""
    if not min_ready_seconds:
        return is_ready(pod)
    since = ready_since(pod)
    return since is not None and since + timedelta(seconds=min_ready_seconds) <= now


def next_available(pods: Iterable[Mapping[str, Any]], min_ready_seconds: int, now: datetime) -> float | None:
    """Seconds until the next of the ready Pods is available; None when none is on the way."""
    if not min_ready_seconds:
        return None
    dues = (since + timedelta(seconds=min_ready_seconds) for pod in pods if (since := ready_since(pod)))
    return min(((due - now).total_seconds() for due in dues if due > now), default=None)


def from_template(owner: Mapping[str, Any], template: Mapping[str, Any]) -> Json:
    """A new Pod of a template, named after its owner and controlled by it."""
    metadata = template.get("metadata") or {}
    name = f"{owner['metadata']['name']}-"
    kept = {key: metadata[key] for key in ("labels", "annotations", "finalizers") if metadata.get(key)}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": name if len(name) <= _LONGEST_PREFIX else owner["metadata"]["name"],
            "namespace": owner["metadata"]["namespace"],
            "ownerReferences": [reference_to(owner)],
            **kept,
        },
        "spec": template["spec"],
    }


def deletion_order(pod: Mapping[str, Any], neighbours: int, now: datetime) -> tuple[Any, ...]:
    """What sorts Pods so that those come first that are missed least.

    Args: neighbours: how many related active Pods are on the same node.
    """
    since = ready_since(pod)
    return (
        bool(pod["spec"].get("nodeName")),
        _PHASES.get(phase(pod), 2),
        since is not None,
        _cost(pod),
        -neighbours,
        _magnitude(since, now),
        tuple(-count for count in restarts(pod)),
        _magnitude(at(pod["metadata"]["creationTimestamp"]), now),
        pod["metadata"]["uid"],
    )


def restarts(pod: Mapping[str, Any]) -> tuple[int, int]:
    """The most restarts of a container, and of a sidecar."""
    status = pod.get("status") or {}
    sidecars = {c["name"] for c in pod["spec"].get("initContainers") or () if c.get("restartPolicy") == "Always"}
    main = max((one.get("restartCount", 0) for one in status.get("containerStatuses") or ()), default=0)
    others = (one for one in status.get("initContainerStatuses") or () if one["name"] in sidecars)
    return main, max((one.get("restartCount", 0) for one in others), default=0)


def _cost(pod: Mapping[str, Any]) -> int:
    try:
        return int(notes(pod).get(DELETION_COST, "0"))
    except ValueError:
        return 0


def _magnitude(since: datetime | None, now: datetime) -> int:
    """How long ago, in powers of two: Pods of about the same age are equal, and chance decides."""
    if since is None or since >= now:
        return -1
    return int(math.log2((now - since).total_seconds() * 1e9))
