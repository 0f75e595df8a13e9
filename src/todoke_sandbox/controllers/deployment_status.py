"""What a Deployment says about itself: counts, whether it is available, whether its rollout makes progress.

Source: Kubernetes documentation, "Deployment status"; texts are those of a real controller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from todoke_sandbox.controllers.objects import at, condition
from todoke_sandbox.controllers.rollouts import UNLIMITED, Limits, limits, reported, size
from todoke_sandbox.verbs.house import moment as written

Json = dict[str, Any]

AVAILABLE: Final = "Available"
PROGRESSING: Final = "Progressing"
FAILURE: Final = "ReplicaFailure"
COMPLETE: Final = "NewReplicaSetAvailable"
TIMED_OUT: Final = "ProgressDeadlineExceeded"


@dataclass(frozen=True)
class Told:
    """One thing to say in a condition."""

    type: str
    status: str
    reason: str
    message: str


def has_deadline(deployment: Mapping[str, Any]) -> bool:
    """Whether a rollout can take too long."""
    seconds = deployment["spec"].get("progressDeadlineSeconds")
    return seconds is not None and seconds != UNLIMITED


def paused(deployment: Mapping[str, Any], conditions: Sequence[Json]) -> Told | None:
    """What there is to say about being paused or resumed; nothing once a rollout took too long."""
    known = condition(conditions, PROGRESSING)
    reason = known["reason"] if known else ""
    if not has_deadline(deployment) or reason == TIMED_OUT:
        return None
    if deployment["spec"].get("paused"):
        told = Told(PROGRESSING, "Unknown", "DeploymentPaused", "Deployment is paused")
        return None if reason == told.reason else told
    if reason == "DeploymentPaused":
        return Told(PROGRESSING, "Unknown", "DeploymentResumed", "Deployment is resumed")
    return None


def with_told(conditions: Sequence[Json], told: Told, now: datetime, *, again: bool = False) -> list[Json]:
    """The conditions with one more said. One that says the same already stays, unless it is to be dated anew.

    Args: again: progress with the same reason counts as news.
    """
    known = condition(conditions, told.type)
    same = known is not None and known["status"] == told.status
    if known and same and known["reason"] == told.reason and not again:
        return list(conditions)
    since = known["lastTransitionTime"] if known and same else written(now)
    new = {
        "type": told.type,
        "status": told.status,
        "lastUpdateTime": written(now),
        "lastTransitionTime": since,
        "reason": told.reason,
        "message": told.message,
    }
    return [*(found for found in conditions if found["type"] != told.type), new]


def counts(deployment: Mapping[str, Any], new: Json | None, every: Sequence[Json]) -> Json:
    """The numbers of the status; those that are zero are left out."""
    asked = sum(map(size, every))
    available = sum(reported(each, "availableReplicas") for each in every)
    found = {
        "observedGeneration": deployment["metadata"]["generation"],
        "replicas": sum(reported(each, "replicas") for each in every),
        "updatedReplicas": reported(new, "replicas") if new else 0,
        "readyReplicas": sum(reported(each, "readyReplicas") for each in every),
        "availableReplicas": available,
        "unavailableReplicas": max(0, asked - available),
    }
    numbers = {name: number for name, number in found.items() if number}
    return numbers | {"terminatingReplicas": sum(reported(each, "terminatingReplicas") for each in every)}


def status(
    deployment: Mapping[str, Any], new: Json | None, every: Sequence[Json], now: datetime, *, rolling: bool
) -> Json:
    """The status that is true now.

    Args:
        new: the ReplicaSet of the current template. every: all ReplicaSets.
        rolling: whether progress is to be judged: not while paused, and not in the step that only scales.
    """
    before = deployment.get("status") or {}
    result = counts(deployment, new, every)
    if "collisionCount" in before:
        result["collisionCount"] = before["collisionCount"]
    limit = limits(deployment)
    conditions = with_told(before.get("conditions") or [], _availability(result, limit), now)
    if rolling:
        conditions = _progress(deployment, new, result, conditions, now)
        conditions = _failures(new, every, conditions, now)
    if conditions:
        result["conditions"] = conditions
    return result


def _availability(result: Json, limit: Limits) -> Told:
    if result.get("availableReplicas", 0) >= limit.replicas - limit.unavailable:
        return Told(AVAILABLE, "True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    return Told(AVAILABLE, "False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")


def is_complete(deployment: Mapping[str, Any], result: Mapping[str, Any]) -> bool:
    """Whether all wanted Pods are new and available, and no others are left."""
    wanted = deployment["spec"]["replicas"]
    names = ("updatedReplicas", "replicas", "availableReplicas")
    seen = result.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
    return seen and all(result.get(name, 0) == wanted for name in names)


def _progress(
    deployment: Mapping[str, Any], new: Json | None, result: Json, conditions: list[Json], now: datetime
) -> list[Json]:
    if not has_deadline(deployment):
        return [found for found in conditions if found["type"] != PROGRESSING]
    known = condition(conditions, PROGRESSING)
    if known and known["reason"] == COMPLETE and result.get("replicas", 0) == result.get("updatedReplicas", 0):
        return conditions
    name = f'ReplicaSet "{new["metadata"]["name"]}"' if new else f'Deployment "{deployment["metadata"]["name"]}"'
    if is_complete(deployment, result):
        return with_told(conditions, Told(PROGRESSING, "True", COMPLETE, f"{name} has successfully progressed."), now)
    if _advanced(deployment.get("status") or {}, result):
        told = Told(PROGRESSING, "True", "ReplicaSetUpdated", f"{name} is progressing.")
        return with_told(conditions, told, now, again=True)
    if known and _is_late(deployment, known, now):
        return with_told(conditions, Told(PROGRESSING, "False", TIMED_OUT, f"{name} has timed out progressing."), now)
    return conditions


def _advanced(before: Mapping[str, Any], result: Mapping[str, Any]) -> bool:
    def old(counts: Mapping[str, Any]) -> int:
        return int(counts.get("replicas", 0) - counts.get("updatedReplicas", 0))

    more = ("updatedReplicas", "readyReplicas", "availableReplicas")
    return old(result) < old(before) or any(result.get(name, 0) > before.get(name, 0) for name in more)


def _is_late(deployment: Mapping[str, Any], known: Json, now: datetime) -> bool:
    if known["reason"] in (COMPLETE, TIMED_OUT):
        return bool(known["reason"] == TIMED_OUT)
    return at(known["lastUpdateTime"]) + timedelta(seconds=deployment["spec"]["progressDeadlineSeconds"]) < now


def check_after(deployment: Mapping[str, Any], result: Mapping[str, Any], now: datetime) -> float | None:
    """Seconds until a rollout without progress is too late; None when there is nothing to wait for."""
    known = condition(result.get("conditions"), PROGRESSING)
    if not has_deadline(deployment) or known is None or is_complete(deployment, result):
        return None
    if known["reason"] in (COMPLETE, TIMED_OUT, "DeploymentPaused"):
        return None
    due = at(known["lastUpdateTime"]) + timedelta(seconds=deployment["spec"]["progressDeadlineSeconds"])
    return max(0.0, (due - now).total_seconds()) + 1.0


def _failures(new: Json | None, every: Sequence[Json], conditions: list[Json], now: datetime) -> list[Json]:
    """Pods that cannot be made: what the new ReplicaSet says, or else an old one."""
    for each in (*((new,) if new else ()), *every):
        said = condition((each.get("status") or {}).get("conditions"), FAILURE)
        if said is None:
            continue
        known = condition(conditions, FAILURE)
        if known and (known["status"], known["reason"]) == (said["status"], said["reason"]):
            return conditions
        taken = {**said, "lastUpdateTime": said["lastTransitionTime"]}
        return [*(found for found in conditions if found["type"] != FAILURE), taken]
    return [found for found in conditions if found["type"] != FAILURE]
