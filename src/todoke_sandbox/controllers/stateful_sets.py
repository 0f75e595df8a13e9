"""StatefulSets: Pods with names that stay, made and replaced in order.

Source: Kubernetes documentation, "StatefulSet"; answers of a real controller.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from todoke_sandbox.controllers import adoption, revisions, stateful_pods
from todoke_sandbox.controllers.client import Client
from todoke_sandbox.controllers.hashing import short_hash
from todoke_sandbox.controllers.informer import Informer
from todoke_sandbox.controllers.objects import is_deleted, labels, share
from todoke_sandbox.controllers.pods import has_ended, is_available, is_ready, next_available, phase
from todoke_sandbox.controllers.replica_sets import is_terminating
from todoke_sandbox.controllers.revisions import HASH
from todoke_sandbox.controllers.stateful_pods import first_ordinal, ordinal
from todoke_sandbox.storage.tables import CLAIMS, PODS, REVISIONS, STATEFUL_SETS
from todoke_sandbox.verbs.refusals import Refusal

Json = dict[str, Any]

NAME: Final = "statefulset-controller"
_REVISION_LABEL: Final = "controller.kubernetes.io/hash"


@dataclass(frozen=True)
class Step:
    """Attributes: create: numbers of Pods to make. delete: Pods. claims: numbers whose claims are to be there."""

    create: tuple[int, ...] = ()
    delete: tuple[Json, ...] = ()
    claims: tuple[int, ...] = ()


@dataclass
class _Plan:
    create: list[int] = field(default_factory=list)
    delete: list[Json] = field(default_factory=list)
    claims: list[int] = field(default_factory=list)

    @property
    def step(self) -> Step:
        return Step(tuple(self.create), tuple(self.delete), tuple(self.claims))


@dataclass(frozen=True)
class _Set:
    """A StatefulSet with its Pods by number, at a time."""

    body: Mapping[str, Any]
    replicas: Mapping[int, Json | None]
    condemned: Sequence[Json]  # those beyond the set's size, the highest number first
    now: datetime

    def is_available(self, pod: Json | None) -> bool:
        return (
            pod is not None
            and not is_deleted(pod)
            and is_available(pod, self.body["spec"].get("minReadySeconds", 0), self.now)
        )


def _sorted_out(stateful_set: Mapping[str, Any], pods: Sequence[Json], now: datetime) -> _Set:
    first = first_ordinal(stateful_set)
    replicas: dict[int, Json | None] = dict.fromkeys(range(first, first + stateful_set["spec"]["replicas"]))
    condemned: dict[int, Json] = {}
    for pod in pods:
        number = ordinal(stateful_set, pod)
        if number is None:
            continue
        if number in replicas:
            replicas[number] = pod
        else:
            condemned[number] = pod
    return _Set(stateful_set, replicas, [condemned[number] for number in sorted(condemned, reverse=True)], now)


def step(stateful_set: Mapping[str, Any], pods: Sequence[Json], revision: str, now: datetime) -> Step:
    """What comes next. Args: pods: all that it owns. revision: the name of the one that Pods are to be at."""
    if is_deleted(stateful_set):
        return Step()
    has = _sorted_out(stateful_set, pods, now)
    ordered = stateful_set["spec"].get("podManagementPolicy") != "Parallel"
    plan = _Plan()
    for done in (_fill(has, plan, ordered=ordered), _shrink(has, plan, ordered=ordered)):
        if done:
            return plan.step
    if stateful_set["spec"]["updateStrategy"].get("type") == "RollingUpdate":
        plan.delete += _outdated(has, revision, ordered=ordered)
    return plan.step


def _fill(has: _Set, plan: _Plan, *, ordered: bool) -> bool:
    """Make what is missing. Returns whether nothing further may be done: in order, each waits for those before it."""
    for number, pod in has.replicas.items():
        if pod is None:
            plan.create.append(number)
        elif has_ended(pod):
            if not is_deleted(pod):
                plan.delete.append(pod)
        else:
            if phase(pod) == "Pending":
                plan.claims.append(number)
            if has.is_available(pod):
                continue
        if ordered:
            return True
    return False


def _shrink(has: _Set, plan: _Plan, *, ordered: bool) -> bool:
    """Delete what is too much, the highest number first. Returns as :func:`_fill` does."""
    unavailable = [pod for pod in (*has.replicas.values(), *reversed(has.condemned)) if not has.is_available(pod)]
    for pod in has.condemned:
        if not is_deleted(pod) and (not ordered or has.is_available(pod) or pod is unavailable[0]):
            plan.delete.append(pod)
        if ordered:
            return True
    return False


def _outdated(has: _Set, revision: str, *, ordered: bool) -> Iterator[Json]:
    """Pods of an old revision that may go now, so that they are made anew."""
    rolling = has.body["spec"]["updateStrategy"].get("rollingUpdate") or {}
    lowest = first_ordinal(has.body) + int(rolling.get("partition") or 0)
    most = max(1, share(rolling.get("maxUnavailable", 1), has.body["spec"]["replicas"], up=False))
    from_top = [(number, pod) for number, pod in sorted(has.replicas.items(), reverse=True) if pod is not None]
    old = [pod for number, pod in from_top if number >= lowest and labels(pod).get(HASH) != revision]
    unavailable = sum(1 for _, pod in from_top if not has.is_available(pod))
    room = most - unavailable
    if not ordered:
        yield from (pod for pod in old if not has.is_available(pod) and not is_deleted(pod))
        old = [pod for pod in old if has.is_available(pod)]
    yield from [pod for pod in old if not is_deleted(pod)][: max(0, room)]


def status(stateful_set: Mapping[str, Any], pods: Sequence[Json], current: str, updated: str, now: datetime) -> Json:
    """The status that is true now. Args: current, updated: names of the revisions that Pods are at and are to be at."""
    spec, before = stateful_set["spec"], stateful_set.get("status") or {}
    members = [pod for pod in pods if ordinal(stateful_set, pod) is not None]
    ready = [pod for pod in members if phase(pod) == "Running" and is_ready(pod)]
    at = [labels(pod).get(HASH) for pod in members if not is_deleted(pod)]
    numbers = {"readyReplicas": len(ready), "currentReplicas": at.count(current), "updatedReplicas": at.count(updated)}
    if len(members) == len(ready) == numbers["updatedReplicas"] == spec["replicas"]:
        numbers["currentReplicas"], current = numbers["updatedReplicas"], updated
    return {
        "observedGeneration": stateful_set["metadata"]["generation"],
        "replicas": len(members),
        **{name: number for name, number in numbers.items() if number},
        "currentRevision": current,
        "updateRevision": updated,
        "collisionCount": before.get("collisionCount", 0),
        "availableReplicas": sum(1 for pod in ready if is_available(pod, spec.get("minReadySeconds", 0), now)),
        **({"conditions": before["conditions"]} if before.get("conditions") else {}),
    }


class StatefulSets:
    """The controller."""

    name = NAME

    def __init__(self, informer: Informer, client: Client) -> None:
        """Takes what is known and how to write."""
        self._informer = informer
        self._client = client

    def sync(self, namespace: str, name: str) -> float | None:
        """Bring one StatefulSet a step further. Returns the seconds after which to look again, if ever."""
        found = self._client.get(STATEFUL_SETS, namespace, name)
        if found is None:
            return None
        now = self._client.now
        history = revisions.claimed(self._informer, self._client, found)
        updated, history = self._revision(found, history)
        current = (found.get("status") or {}).get("currentRevision") or updated["metadata"]["name"]
        kept = next((each for each in history if each["metadata"]["name"] == current), updated)
        pods = self._claimed(found)
        todo = step(found, pods, updated["metadata"]["name"], now)
        try:
            self._carry_out(found, todo, (kept, updated))
            self._keep_claims(found, pods)
        finally:
            pods = self._informer.owned_of(found, PODS)
            names = kept["metadata"]["name"], updated["metadata"]["name"]
            new = status(found, pods, *names, now)
            if new != found.get("status"):
                self._client.update_status(STATEFUL_SETS, {**found, "status": new})
        live = {*names, *(labels(pod).get(HASH, "") for pod in pods)}
        for each in revisions.surplus(history, live, found["spec"].get("revisionHistoryLimit", 10)):
            self._client.delete(REVISIONS, each)
        return next_available(pods, found["spec"].get("minReadySeconds", 0), now)

    def _claimed(self, found: Json) -> list[Json]:
        selector = adoption.selector_of(found)
        claim = adoption.claim(
            found,
            self._informer.owned_of(found, PODS),
            self._informer.ownerless(PODS, found["metadata"]["namespace"]),
            lambda pod: ordinal(found, pod) is not None and selector.matches(labels(pod)),
        )
        return [*claim.keep, *adoption.carry_out(self._client, PODS, found, claim)]

    def _revision(self, found: Json, history: list[Json]) -> tuple[Json, list[Json]]:
        """The revision of the present template, made or renumbered where it has to be; and the history with it."""
        data = revisions.data_of(found["spec"]["template"])
        number = history[-1]["revision"] + 1 if history else 1
        same = [each for each in history if each["data"] == data]
        if same and history[-1] is same[-1]:
            return same[-1], history
        if same:
            renewed = self._client.update(REVISIONS, {**same[-1], "revision": number})
            return renewed, [*(each for each in history if each is not same[-1]), renewed]
        collisions = (found.get("status") or {}).get("collisionCount", 0)
        while True:
            body = revisions.of_template(found, number, _REVISION_LABEL, short_hash(data, collisions))
            try:
                made = self._client.create(REVISIONS, body)
            except Refusal as refusal:
                if refusal.reason != "AlreadyExists":
                    raise
                collisions += 1
            else:
                return made, [*history, made]

    def _carry_out(self, found: Json, todo: Step, known: tuple[Json, Json]) -> None:
        for number in (*todo.create, *todo.claims):
            self._make_claims(found, number)
        for number in todo.create:
            at = self._version(found, number, known)
            body = stateful_pods.new_pod(found, revisions.template_of(at), number, at["metadata"]["name"])
            self._tell(found, "Create", body, lambda body=body: self._client.create(PODS, body))
        for pod in todo.delete:
            self._tell(found, "Delete", pod, lambda pod=pod: self._client.delete(PODS, pod))

    def _version(self, found: Json, number: int, known: tuple[Json, Json]) -> Json:
        """The revision that a new Pod is made at: below the partition still the current one."""
        current, updated = known
        strategy = found["spec"]["updateStrategy"]
        if strategy.get("type") != "RollingUpdate":
            return updated
        rolling = strategy.get("rollingUpdate")
        kept = (
            (found.get("status") or {}).get("currentReplicas", 0) if rolling is None else rolling.get("partition") or 0
        )
        return current if number < first_ordinal(found) + kept else updated

    def _tell(self, found: Json, verb: str, pod: Json, do: Any) -> None:
        text = f"{verb} Pod {pod['metadata']['name']} in StatefulSet {found['metadata']['name']}"
        try:
            do()
        except Refusal as refusal:
            if not is_terminating(refusal):
                message = f"{text} failed error: {refusal.message}"
                self._client.tell(found, f"Failed{verb}", message, warning=True)
            raise
        self._client.tell(found, f"Successful{verb}", f"{text} successful")

    def _make_claims(self, found: Json, number: int) -> None:
        metadata = found["metadata"]
        for claim in stateful_pods.new_claims(found, number):
            name = claim["metadata"]["name"]
            there = self._client.get(CLAIMS, metadata["namespace"], name)
            if there is not None:
                continue
            self._client.create(CLAIMS, claim)
            pod = f"Pod {metadata['name']}-{number} in StatefulSet {metadata['name']}"
            self._client.tell(found, "SuccessfulCreate", f"Create Claim {name} {pod} success")

    def _keep_claims(self, found: Json, pods: Sequence[Json]) -> None:
        """Give the claims of all Pods the owners that the retention policy wants."""
        has = _sorted_out(found, self._informer.owned_of(found, PODS), self._client.now)
        everyone = [(pod, True) for pod in has.replicas.values() if pod] + [(pod, False) for pod in has.condemned]
        for pod, stays in everyone:
            number = ordinal(found, pod)
            for template in found["spec"].get("volumeClaimTemplates") or ():
                name = stateful_pods.claim_name(found, template, number or 0)
                claim = self._client.get(CLAIMS, found["metadata"]["namespace"], name)
                if claim is None or is_deleted(claim):
                    continue
                owners = list(stateful_pods.claim_owners(found, pod, claim, stays=stays))
                if owners != (claim["metadata"].get("ownerReferences") or []):
                    adoption.write_owners(self._client, CLAIMS, claim, owners)
