"""DaemonSets: a Pod on the node.

Source: Kubernetes documentation, "DaemonSet", "Perform a Rolling Update on a DaemonSet"; answers of a real controller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from todoke_sandbox.controllers import adoption, revisions
from todoke_sandbox.controllers.client import Client
from todoke_sandbox.controllers.hashing import short_hash
from todoke_sandbox.controllers.informer import Informer
from todoke_sandbox.controllers.objects import created, is_deleted, labels, notes, share, with_status
from todoke_sandbox.controllers.pods import from_template, has_ended, is_available, is_ready, next_available, phase
from todoke_sandbox.controllers.replica_sets import delete_pods, make_pods
from todoke_sandbox.controllers.revisions import HASH
from todoke_sandbox.nodes import node
from todoke_sandbox.storage.tables import DAEMON_SETS, NODES, PODS, REVISIONS
from todoke_sandbox.verbs.refusals import Refusal

Json = dict[str, Any]

NAME: Final = "daemonset-controller"
GENERATION: Final = "deprecated.daemonset.template.generation"
_TOLERATED: Final = (
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
)
_UNCONNECTED: Final = ("node.kubernetes.io/network-unavailable", "NoSchedule")


@dataclass(frozen=True)
class Place:
    """Attributes: wanted: whether a Pod is to run on the node. kept: whether one that is there may stay."""

    wanted: bool
    kept: bool


@dataclass(frozen=True)
class Wishes:
    """Attributes: create: a new Pod. delete: Pods. failed: those of them that had ended by themselves."""

    create: bool = False
    delete: tuple[Json, ...] = ()
    failed: tuple[Json, ...] = ()


def wishes(daemon_set: Mapping[str, Any], pods: Sequence[Json], place: Place, hashed: str, now: datetime) -> Wishes:
    """What is to happen on the node. Args: pods: of the DaemonSet there. hashed: stands for the present template."""
    alive = sorted((pod for pod in pods if not is_deleted(pod)), key=created)
    if not place.kept:
        return Wishes(delete=tuple(alive))
    ended = tuple(pod for pod in alive if has_ended(pod))
    running = [pod for pod in alive if not has_ended(pod)]
    new = [pod for pod in running if _is_new(daemon_set, pod, hashed)]
    old = [pod for pod in running if pod not in new]
    surge, unavailable = _limits(daemon_set)
    rolls = daemon_set["spec"]["updateStrategy"].get("type") == "RollingUpdate"
    if not (rolls and surge):
        create = place.wanted and not pods
        extra = running[1:]
        if rolls and old and not extra and not ended and (unavailable or not _available(daemon_set, old[0], now)):
            return Wishes(create, (*ended, *old), ended)
        return Wishes(create, (*ended, *extra), ended)
    gone = [*new[1:], *old[1:]]
    if new and old and (_available(daemon_set, new[0], now) or not is_ready(old[0])):
        gone.append(old[0])
    return Wishes(place.wanted and not new, (*ended, *gone), ended)


def _limits(daemon_set: Mapping[str, Any]) -> tuple[int, int]:
    """How many Pods more, and how many fewer, an update may have on one node."""
    rolling = daemon_set["spec"]["updateStrategy"].get("rollingUpdate") or {}
    surge = share(rolling.get("maxSurge"), 1, up=True)
    unavailable = share(rolling.get("maxUnavailable"), 1, up=True)
    return surge, unavailable if surge or unavailable else 1


def _available(daemon_set: Mapping[str, Any], pod: Json, now: datetime) -> bool:
    return is_available(pod, daemon_set["spec"].get("minReadySeconds", 0), now)


def _is_new(daemon_set: Mapping[str, Any], pod: Json, hashed: str) -> bool:
    generation = notes(daemon_set).get(GENERATION)
    marked = labels(pod)
    same = generation is not None and marked.get("pod-template-generation") == generation
    return same or marked.get(HASH) == hashed


def new_pod(daemon_set: Mapping[str, Any], hashed: str) -> Json:
    """The Pod for the node: bound to it by affinity, and tolerating what a node may suffer from."""
    pod = from_template(daemon_set, daemon_set["spec"]["template"])
    marked = dict(pod["metadata"].get("labels") or {})
    if generation := notes(daemon_set).get(GENERATION):
        marked["pod-template-generation"] = generation
    marked[HASH] = hashed
    spec = pod["spec"]
    selected = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node.NAME]}]}
    affinity = spec.get("affinity") or {}
    on_node = {
        **(affinity.get("nodeAffinity") or {}),
        "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [selected]},
    }
    spec = {**spec, "affinity": {**affinity, "nodeAffinity": on_node}, "tolerations": tolerations(daemon_set)}
    return {**pod, "metadata": {**pod["metadata"], "labels": marked}, "spec": spec}


def tolerations(daemon_set: Mapping[str, Any]) -> list[Json]:
    """What the Pods tolerate: what the template says, and what all Pods of DaemonSets do."""
    spec = daemon_set["spec"]["template"]["spec"]
    pairs = (*_TOLERATED, *((_UNCONNECTED,) if spec.get("hostNetwork") else ()))
    held = list(spec.get("tolerations") or ())
    for key, effect in pairs:
        toleration = {"key": key, "operator": "Exists", "effect": effect}
        if toleration not in held:
            held.append(toleration)
    return held


def status(daemon_set: Mapping[str, Any], pods: Sequence[Json], place: Place, hashed: str, now: datetime) -> Json:
    """The status that is true now."""
    counted = (pod for pod in pods if not (is_deleted(pod) and has_ended(pod)))
    there = sorted(counted, key=lambda pod: (not pod["spec"].get("nodeName"), *created(pod)))
    first = there[0] if there and place.wanted else None
    available = int(first is not None and _available(daemon_set, first, now))
    optional = {
        "updatedNumberScheduled": int(first is not None and _is_new(daemon_set, first, hashed)),
        "numberAvailable": available,
        "numberUnavailable": int(place.wanted) - available,
    }
    before = daemon_set.get("status") or {}
    return {
        "currentNumberScheduled": int(first is not None),
        "numberMisscheduled": int(bool(there) and not place.wanted),
        "desiredNumberScheduled": int(place.wanted),
        "numberReady": int(first is not None and is_ready(first)),
        "observedGeneration": daemon_set["metadata"]["generation"],
        **{name: number for name, number in optional.items() if number},
        **({"collisionCount": before["collisionCount"]} if "collisionCount" in before else {}),
    }


class DaemonSets:
    """The controller."""

    name = NAME

    def __init__(self, informer: Informer, client: Client) -> None:
        """Takes what is known and how to write."""
        self._informer = informer
        self._client = client

    def sync(self, namespace: str, name: str) -> float | None:
        """Bring one DaemonSet about. Returns the seconds after which to look again, if ever."""
        found = self._client.get(DAEMON_SETS, namespace, name)
        if found is None or is_deleted(found):
            return None
        now = self._client.now
        there = self._client.get(NODES, "", node.NAME)
        wanted, kept = (False, False)
        if there is not None:
            wanted, kept = node.runs_daemon(found["spec"]["template"], there, tolerations(found))
        place = Place(wanted, kept)
        current, old = self._revision(found)
        hashed = labels(current).get(HASH, "")
        pods = adoption.claimed(self._informer, self._client, PODS, found)
        todo = wishes(found, pods, place, hashed, now)
        self._tell_failed(found, todo.failed)
        failure = delete_pods(self._client, found, todo.delete)
        failure = failure or make_pods(self._client, found, [new_pod(found, hashed)] * todo.create)
        self._clean_up(found, old)
        pods = self._informer.owned_of(found, PODS)
        new = status(found, pods, place, hashed, now)
        if new != found.get("status"):
            self._client.update_status(DAEMON_SETS, {**found, "status": new})
        if failure is not None:
            raise Refusal(500, failure.reason, failure.message)
        return next_available(pods, found["spec"].get("minReadySeconds", 0), now)

    def _tell_failed(self, found: Json, failed: Sequence[Json]) -> None:
        for pod in failed:
            metadata = pod["metadata"]
            how = phase(pod).lower()
            message = f"Found {how} daemon pod {metadata['namespace']}/{metadata['name']} on node {node.NAME}"
            end = "will try to kill it" if how == "failed" else "will try to delete it"
            reason = "FailedDaemonPod" if how == "failed" else "SucceededDaemonPod"
            self._client.tell(found, reason, f"{message}, {end}", warning=how == "failed")

    def _revision(self, found: Json) -> tuple[Json, list[Json]]:
        """The revision of the present template, made or renumbered where it has to be; and all others."""
        data = revisions.data_of(found["spec"]["template"])
        history = revisions.claimed(self._informer, self._client, found)
        same = [each for each in history if each["data"] == data]
        old = [each for each in history if each["data"] != data]
        number = max((each["revision"] for each in old), default=0) + 1
        if not same:
            return self._new_revision(found, number), old
        current = same[-1]
        if current["revision"] < number:
            current = self._client.update(REVISIONS, {**current, "revision": number})
        return current, old

    def _new_revision(self, found: Json, number: int) -> Json:
        collisions = (found.get("status") or {}).get("collisionCount")
        hashed = short_hash(found["spec"]["template"], collisions)
        try:
            return self._client.create(REVISIONS, revisions.of_template(found, number, HASH, hashed))
        except Refusal as refusal:
            if refusal.reason == "AlreadyExists":
                self._client.update_status(DAEMON_SETS, with_status(found, collisionCount=(collisions or 0) + 1))
            raise

    def _clean_up(self, found: Json, old: Sequence[Json]) -> None:
        used = {labels(pod).get(HASH) for pod in self._informer.owned_of(found, PODS)}
        live = [each["metadata"]["name"] for each in old if labels(each).get(HASH) in used]
        spare = len(old) - found["spec"].get("revisionHistoryLimit", 10)
        for each in [one for one in old if one["metadata"]["name"] not in live][: max(0, spare)]:
            self._client.delete(REVISIONS, each)
