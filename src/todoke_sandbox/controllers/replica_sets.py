"""ReplicaSets and ReplicationControllers: as many Pods as asked for.

Source: Kubernetes documentation, "ReplicaSet"; answers of a real controller.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from todoke_sandbox.controllers import adoption
from todoke_sandbox.controllers.client import Client
from todoke_sandbox.controllers.informer import Informer
from todoke_sandbox.controllers.objects import condition, controller_of, is_deleted, labels
from todoke_sandbox.controllers.pods import (
    deletion_order,
    from_template,
    has_ended,
    is_active,
    is_available,
    is_ready,
    next_available,
)
from todoke_sandbox.storage.tables import PODS, REPLICA_SETS, REPLICATION_CONTROLLERS
from todoke_sandbox.verbs.house import moment as written
from todoke_sandbox.verbs.refusals import Refusal

Json = dict[str, Any]

NAME: Final = "replicaset-controller"
OLD_NAME: Final = "replication-controller"
_AT_ONCE: Final = 500


@dataclass(frozen=True)
class Wishes:
    """Attributes: create: how many Pods are missing. delete: Pods that are too many, in order."""

    create: int = 0
    delete: Sequence[Json] = ()


@dataclass(frozen=True)
class Failure:
    """Pods that could not be made or deleted. Attributes: reason: for the condition."""

    reason: str
    message: str


def wishes(replica_set: Mapping[str, Any], pods: Sequence[Json], related: Iterable[Json], now: datetime) -> Wishes:
    """What is missing or too many.

    Args: pods: active ones that it owns. related: those of all ReplicaSets with the same owner.
    """
    if is_deleted(replica_set):
        return Wishes()
    missing = replica_set["spec"]["replicas"] - len(pods)
    if missing >= 0:
        return Wishes(create=min(missing, _AT_ONCE))
    surplus = min(-missing, _AT_ONCE)
    if surplus == len(pods):
        return Wishes(delete=tuple(pods))
    crowd = Counter(pod["spec"].get("nodeName", "") for pod in related if is_active(pod))
    order = sorted(pods, key=lambda pod: deletion_order(pod, crowd[pod["spec"].get("nodeName", "")], now))
    return Wishes(delete=tuple(order[:surplus]))


def status(replica_set: Mapping[str, Any], pods: Sequence[Json], failure: Failure | None, now: datetime) -> Json:
    """The status that is true now. Args: pods: all that it owns."""
    spec, before = replica_set["spec"], replica_set.get("status") or {}
    wanted = (spec["template"].get("metadata") or {}).get("labels") or {}
    min_ready = spec.get("minReadySeconds", 0)
    active = [pod for pod in pods if is_active(pod)]
    ready = [pod for pod in active if is_ready(pod)]
    counts = {
        "fullyLabeledReplicas": sum(1 for pod in active if wanted.items() <= labels(pod).items()),
        "readyReplicas": len(ready),
        "availableReplicas": sum(1 for pod in ready if is_available(pod, min_ready, now)),
    }
    conditions = _conditions(before.get("conditions") or [], failure, now)
    terminating = sum(1 for pod in pods if is_deleted(pod) and not has_ended(pod))
    return {
        "replicas": len(active),
        **{name: count for name, count in counts.items() if count},
        **({"terminatingReplicas": terminating} if replica_set["kind"] == "ReplicaSet" else {}),
        "observedGeneration": replica_set["metadata"]["generation"],
        **({"conditions": conditions} if conditions else {}),
    }


def _conditions(before: list[Json], failure: Failure | None, now: datetime) -> list[Json]:
    others = [found for found in before if found["type"] != "ReplicaFailure"]
    if failure is None:
        return others
    if known := condition(before, "ReplicaFailure"):
        return [*others, known]
    return [
        *others,
        {
            "type": "ReplicaFailure",
            "status": "True",
            "lastTransitionTime": written(now),
            "reason": failure.reason,
            "message": failure.message,
        },
    ]


class ReplicaSets:
    """The controller of either kind."""

    def __init__(self, name: str, informer: Informer, client: Client) -> None:
        """Args: name: NAME or OLD_NAME."""
        self.name = name
        self._table = REPLICA_SETS if name == NAME else REPLICATION_CONTROLLERS
        self._informer = informer
        self._client = client

    def sync(self, namespace: str, name: str) -> float | None:
        """Bring one of them about. Returns the seconds after which to look again, if ever."""
        found = self._client.get(self._table, namespace, name)
        if found is None:
            return None
        now = self._client.now
        pods = adoption.claimed(self._informer, self._client, PODS, found)
        active = [pod for pod in pods if is_active(pod)]
        todo = wishes(found, active, self._related(found) if len(active) > found["spec"]["replicas"] else (), now)
        failure = self._carry_out(found, todo)
        if todo.create or todo.delete:
            pods = self._informer.owned_of(found, PODS)
        new = status(found, pods, failure, now)
        if new != found.get("status"):
            self._client.update_status(self._table, {**found, "status": new})
        if failure is not None:
            raise Refusal(500, failure.reason, failure.message)
        return next_available((pod for pod in pods if is_active(pod)), found["spec"].get("minReadySeconds", 0), now)

    def _related(self, replica_set: Mapping[str, Any]) -> list[Json]:
        owner = controller_of(replica_set)
        place = owner and self._informer.place_of(owner["uid"])
        body = place and self._informer.at(place)
        sets = self._informer.owned_of(body, self._table) if body else [replica_set]
        return [pod for each in sets for pod in self._informer.owned_of(each, PODS)]

    def _carry_out(self, replica_set: Json, todo: Wishes) -> Failure | None:
        new = [from_template(replica_set, replica_set["spec"]["template"])] * todo.create
        return make_pods(self._client, replica_set, new) or delete_pods(self._client, replica_set, todo.delete)


def make_pods(client: Client, owner: Json, bodies: Iterable[Json]) -> Failure | None:
    """Create Pods and tell about each. Returns why one could not be made; then no further one is tried."""
    for body in bodies:
        try:
            made = client.create(PODS, body)
        except Refusal as refusal:
            if is_terminating(refusal):
                return None
            client.tell(owner, "FailedCreate", f"Error creating: {refusal.message}", warning=True)
            return Failure("FailedCreate", refusal.message)
        client.tell(owner, "SuccessfulCreate", f"Created pod: {made['metadata']['name']}")
    return None


def delete_pods(client: Client, owner: Json, pods: Iterable[Json]) -> Failure | None:
    """Delete Pods and tell about each. Returns why one could not be deleted."""
    for pod in pods:
        name = pod["metadata"]["name"]
        try:
            there = client.delete(PODS, pod)
        except Refusal as refusal:
            client.tell(owner, "FailedDelete", f"Error deleting: {refusal.message}", warning=True)
            return Failure("FailedDelete", f"unable to delete pods: {refusal.message}")
        if there:
            client.tell(owner, "SuccessfulDelete", f"Deleted pod: {name}")
    return None


def is_terminating(refusal: Refusal) -> bool:
    """Whether a namespace that is going away is all that stands against a write."""
    return any(cause.get("reason") == "NamespaceTerminating" for cause in refusal.details.get("causes") or ())
