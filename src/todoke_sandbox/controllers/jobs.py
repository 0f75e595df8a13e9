"""Jobs: Pods until enough of them have succeeded, or too many have failed.

Source: Kubernetes documentation, "Jobs"; answers of a real controller.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from todoke_sandbox.controllers import adoption, job_indexes
from todoke_sandbox.controllers.client import Client
from todoke_sandbox.controllers.informer import Informer
from todoke_sandbox.controllers.job_indexes import INDEX, index_of
from todoke_sandbox.controllers.job_state import (
    COMPLETE,
    CRITERIA_MET,
    FAILED,
    FINALIZER,
    INDEX_FAILURES,
    State,
    Verdict,
    deadline,
    finished,
    index_failures,
    is_tracked,
    pending_indexes,
    verdict,
    wanted_active,
)
from todoke_sandbox.controllers.objects import at, condition, controller_of, is_deleted
from todoke_sandbox.controllers.pace import Pace
from todoke_sandbox.controllers.pods import deletion_order, from_template
from todoke_sandbox.controllers.replica_sets import delete_pods, make_pods
from todoke_sandbox.storage.tables import JOBS, PODS
from todoke_sandbox.verbs.house import moment as written
from todoke_sandbox.verbs.refusals import Refusal

Json = dict[str, Any]

NAME: Final = "job-controller"
_ENV: Final = "JOB_COMPLETION_INDEX"
_LONGEST_PREFIX: Final = 58
_LONGEST_RETRY_SECONDS: Final = 600.0


@dataclass(frozen=True)
class _Failures:
    """Failures since the last success."""

    uid: str
    count: int = 0
    last: datetime | None = None


def new_pod(job: Mapping[str, Any], index: int | None, failures: int | None) -> Json:
    """A Pod of a Job. Args: index: of an indexed one. failures: of that index before, where they are counted."""
    pod = from_template(job, job["spec"]["template"])
    metadata = dict(pod["metadata"])
    metadata["finalizers"] = [*(metadata.get("finalizers") or ()), FINALIZER]
    if index is None:
        return {**pod, "metadata": metadata}
    name, end = job["metadata"]["name"], f"-{index}-"
    metadata["generateName"] = name[: _LONGEST_PREFIX - len(end)] + end
    metadata["labels"] = {**(metadata.get("labels") or {}), INDEX: str(index)}
    counted = {} if failures is None else {INDEX_FAILURES: str(failures)}
    metadata["annotations"] = {**(metadata.get("annotations") or {}), INDEX: str(index), **counted}
    spec = {**pod["spec"], "hostname": f"{name}-{index}"}
    for part in ("initContainers", "containers"):
        if spec.get(part):
            spec[part] = [_told_index(one) for one in spec[part]]
    return {**pod, "metadata": metadata, "spec": spec}


def _told_index(container: Json) -> Json:
    known = container.get("env") or []
    if any(variable["name"] == _ENV for variable in known):
        return container
    source = {"fieldRef": {"apiVersion": "v1", "fieldPath": f"metadata.labels['{INDEX}']"}}
    return {**container, "env": [*known, {"name": _ENV, "valueFrom": source}]}


def status(state: State, ends: Verdict | None, failed: int, after: State) -> Json:
    """The status that is true now.

    Args: failed: failures in all. after: the same Job once Pods were made or deleted.
    """
    before, now = state.before, written(state.now)
    suspended, known = state.is_suspended, condition(before.get("conditions"), "Suspended")
    conditions = _suspension(before.get("conditions") or [], suspended=suspended, now=now) if not ends else None
    resumed = known and known["status"] == "True" and not suspended
    started = None if suspended and not ends else now if resumed else before.get("startTime") or now
    conditions = before.get("conditions") or [] if conditions is None else conditions
    active, terminating = len(after.active), after.terminating
    result: Json = {
        "conditions": _ended(conditions, ends, now, is_over=not active and not terminating),
        "startTime": started,
        "completionTime": before.get("completionTime"),
        "active": active or None,
        "succeeded": state.succeeded or None,
        "failed": failed or None,
        "completedIndexes": job_indexes.write(state.succeeded_indexes) or None if state.is_indexed else None,
        "uncountedTerminatedPods": {},
        "terminating": terminating,
        "ready": after.ready,
    }
    if (given_up := state.failed_indexes) is not None:
        result["failedIndexes"] = job_indexes.write(given_up)
    complete = condition(result["conditions"], COMPLETE)
    if complete and complete["status"] == "True":
        result["completionTime"] = complete["lastTransitionTime"]
    return {name: value for name, value in result.items() if value is not None and value != []}


def _said(kind: str, status: str, reason: str, message: str, now: str) -> Json:
    times = {"lastProbeTime": now, "lastTransitionTime": now}
    return {"type": kind, "status": status, **times, "reason": reason, "message": message}


def _suspension(conditions: list[Json], *, suspended: bool, now: str) -> list[Json]:
    known = condition(conditions, "Suspended")
    wanted = "True" if suspended else "False"
    if (known is None and not suspended) or (known and known["status"] == wanted):
        return conditions
    word = "suspended" if suspended else "resumed"
    said = _said("Suspended", wanted, f"Job{word.capitalize()}", f"Job {word}", now)
    return [said if found is known else found for found in conditions] if known else [*conditions, said]


def _ended(conditions: list[Json], ends: Verdict | None, now: str, *, is_over: bool) -> list[Json]:
    """With how the Job ends, and, once no Pod is left, that it has."""
    if ends is None:
        return conditions
    if condition(conditions, ends.kind) is None:
        conditions = [*conditions, _said(ends.kind, "True", ends.reason, ends.message, now)]
    last = COMPLETE if ends.kind == CRITERIA_MET else FAILED
    if is_over and condition(conditions, last) is None:
        conditions = [*conditions, _said(last, "True", ends.reason, ends.message, now)]
    return conditions


class Jobs:
    """The controller."""

    name = NAME

    def __init__(self, informer: Informer, client: Client, pace: Pace) -> None:
        """Takes what is known, how to write, and how long failed Pods are waited for."""
        self._informer = informer
        self._client = client
        self._retry_seconds = pace.job_retry_seconds
        self._failures: dict[tuple[str, str], _Failures] = {}

    def sync(self, namespace: str, name: str) -> float | None:
        """Bring one Job a step further. Returns the seconds after which to look again, if ever."""
        found = self._client.get(JOBS, namespace, name)
        if found is None or finished(found) or found["spec"].get("managedBy", _OURS) != _OURS:
            self._failures.pop((namespace, name), None)
            return None
        state = State(found, self._claimed(found), self._client.now)
        failures = self._counted(state)
        ends = verdict(state)
        again = deadline(state)
        if ends is None and not is_deleted(found):
            again = _sooner(again, self._manage(state, failures))
        given_up = self._give_up(state, ends)
        after = State(found, self._informer.owned_of(found, PODS), state.now)
        new = status(state, ends, state.failed + given_up, after)
        if new != state.before:
            found = self._client.update_status(JOBS, {**found, "status": new})
            self._tell(found, state, new)
        self._let_go(state, ends)
        self._failures[namespace, name] = failures
        started = deadline(State(found, (), state.now))
        return _sooner(again, started) if not ends else None

    def _claimed(self, found: Json) -> list[Json]:
        return adoption.claimed(self._informer, self._client, PODS, found)

    def _counted(self, state: State) -> _Failures:
        """Failures since the last success, those of Pods that are just being counted included."""
        metadata = state.job["metadata"]
        known = self._failures.get((metadata["namespace"], metadata["name"]))
        count, last = (known.count, known.last) if known and known.uid == metadata["uid"] else (0, None)
        succeeded = max(map(_ended_at, state.newly_succeeded), default=None)
        if succeeded is not None:
            count, last = 0, None
        for ended in map(_ended_at, state.newly_failed):
            if succeeded is None or ended > succeeded:
                count, last = count + 1, max(last or ended, ended)
        return _Failures(metadata["uid"], count, last)

    def _manage(self, state: State, failures: _Failures) -> float | None:
        """Make or delete Pods. Returns the seconds after which failed ones are to be replaced."""
        wanted = wanted_active(state)
        surplus = len(state.active) - wanted
        if surplus > 0:
            self._delete(state.job, sorted(state.active, key=lambda pod: deletion_order(pod, 0, state.now))[:surplus])
            return None
        missing = -surplus
        if state.spec.get("podReplacementPolicy") == "Failed":
            missing -= state.terminating
        if missing <= 0:
            return None
        per_index = state.spec.get("backoffLimitPerIndex") is not None
        wait = 0.0 if per_index else self._wait(failures, state.now)
        if wait > 0:
            return wait
        self._create(state, missing)
        return None

    def _wait(self, failures: _Failures, now: datetime) -> float:
        if not failures.count or failures.last is None:
            return 0.0
        seconds = min(self._retry_seconds * 2.0 ** (failures.count - 1), _LONGEST_RETRY_SECONDS)
        return max(0.0, seconds - (now - failures.last).total_seconds())

    def _create(self, state: State, count: int) -> None:
        if not state.is_indexed:
            bodies = [new_pod(state.job, None, None)] * count
        else:
            before = {index_of(pod, state.completions): index_failures(pod) + 1 for pod in state.newly_failed}
            counts = state.spec.get("backoffLimitPerIndex") is not None
            bodies = [
                new_pod(state.job, index, before.get(index, 0) if counts else None)
                for index in pending_indexes(state, count)
            ]
        failure = make_pods(self._client, state.job, bodies)
        if failure is not None:
            raise Refusal(500, failure.reason, failure.message)

    def _delete(self, job: Json, pods: Iterable[Json]) -> None:
        """Delete Pods that are not to count as failed."""
        for pod in pods:
            self._release(pod)
            delete_pods(self._client, job, [pod])

    def _give_up(self, state: State, ends: Verdict | None) -> int:
        """Delete what still runs once the Job's end is decided. Returns how many failures that makes."""
        if ends is None:
            return 0
        delete_pods(self._client, state.job, state.active)
        if ends.kind == CRITERIA_MET:
            return 0
        return sum(1 for pod in state.active if is_tracked(pod))

    def _let_go(self, state: State, ends: Verdict | None) -> None:
        """Release Pods that are counted; all of them when the Job ends or goes."""
        every = ends is not None or is_deleted(state.job)
        counted = {pod["metadata"]["uid"] for pod in (*state.newly_succeeded, *state.newly_failed)}
        for pod in state.pods:
            if is_tracked(pod) and (every or pod["metadata"]["uid"] in counted):
                self._release(pod)

    def _release(self, pod: Json) -> None:
        metadata = pod["metadata"]
        release(self._client, self._client.get(PODS, metadata["namespace"], metadata["name"]), metadata["uid"])

    def _tell(self, job: Json, state: State, new: Json) -> None:
        known = {(found["type"], found["status"]) for found in state.before.get("conditions") or ()}
        for said in new.get("conditions") or ():
            if (said["type"], said["status"]) in known:
                continue
            if said["type"] == "Suspended":
                word = said["message"].removeprefix("Job ").capitalize()
                self._client.tell(job, word, said["message"])
            elif said["type"] == COMPLETE:
                self._client.tell(job, "Completed", "Job completed")
            elif said["type"] == FAILED:
                self._client.tell(job, said["reason"], said["message"], warning=True)


_OURS: Final = "kubernetes.io/job-controller"


class LostPods:
    """Pods that are held for a Job that will never count them: it is gone, or it has ended."""

    name = "job-orphan-pods"

    def __init__(self, client: Client) -> None:
        """Takes how to write."""
        self._client = client

    def sync(self, namespace: str, name: str) -> None:
        """Let one Pod go, if it is lost."""
        pod = self._client.get(PODS, namespace, name)
        if pod is None or not is_tracked(pod):
            return
        owner = controller_of(pod)
        if owner is not None and owner["kind"] == "Job":
            job = self._client.get(JOBS, namespace, owner["name"])
            if job is not None and job["metadata"]["uid"] == owner["uid"] and not finished(job):
                return
        release(self._client, pod, pod["metadata"]["uid"])


def release(client: Client, pod: Json | None, uid: str) -> None:
    """Take the finalizer of Jobs off a Pod, if it is still there and has it."""
    if pod is None or pod["metadata"]["uid"] != uid or not is_tracked(pod):
        return
    left = [name for name in pod["metadata"]["finalizers"] if name != FINALIZER]
    client.merge(PODS, pod, {"metadata": {"uid": uid, "finalizers": left or None}})


def _ended_at(pod: Json) -> datetime:
    ends = [
        at(one["state"]["terminated"]["finishedAt"])
        for one in (pod.get("status") or {}).get("containerStatuses") or ()
        if "terminated" in one["state"]
    ]
    return max(ends, default=at(pod["metadata"].get("deletionTimestamp") or pod["metadata"]["creationTimestamp"]))


def _sooner(first: float | None, second: float | None) -> float | None:
    given: Sequence[float] = [seconds for seconds in (first, second) if seconds is not None]
    return min(given, default=None)
