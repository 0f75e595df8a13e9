"""Where a Job stands: which of its Pods have ended since it was last written, whether it is done, what it needs.

Source: Kubernetes documentation, "Jobs"; reasons and texts are those of a real controller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final

from todoke_sandbox.controllers import job_indexes, job_policies
from todoke_sandbox.controllers.job_indexes import index_of
from todoke_sandbox.controllers.objects import at, condition, is_deleted, notes
from todoke_sandbox.controllers.pods import has_ended, is_active, is_ready, phase

Json = dict[str, Any]

FINALIZER: Final = "batch.kubernetes.io/job-tracking"
INDEX_FAILURES: Final = "batch.kubernetes.io/job-index-failure-count"
COMPLETE: Final = "Complete"
FAILED: Final = "Failed"
CRITERIA_MET: Final = "SuccessCriteriaMet"
FAILURE_TARGET: Final = "FailureTarget"


@dataclass(frozen=True)
class Verdict:
    """How a Job ends. Attributes: kind: of the condition that comes first, SuccessCriteriaMet or FailureTarget."""

    kind: str
    reason: str
    message: str


def finished(job: Mapping[str, Any]) -> str:
    """Complete or Failed; empty while it is neither."""
    for found in (job.get("status") or {}).get("conditions") or ():
        if found["type"] in (COMPLETE, FAILED) and found["status"] == "True":
            return str(found["type"])
    return ""


def is_tracked(pod: Mapping[str, Any]) -> bool:
    """Whether a Pod is held until its Job has counted it."""
    return FINALIZER in (pod["metadata"].get("finalizers") or ())


@dataclass(frozen=True)
class State:
    """A Job and its Pods at a time."""

    job: Json
    pods: Sequence[Json]
    now: datetime

    @property
    def spec(self) -> Json:
        """What is asked for."""
        return dict(self.job["spec"])

    @property
    def before(self) -> Json:
        """The status as it was last written."""
        return self.job.get("status") or {}

    @property
    def is_suspended(self) -> bool:
        """Whether it is to have no Pods for now."""
        return bool(self.spec.get("suspend"))

    @property
    def is_indexed(self) -> bool:
        """Whether each completion has a number."""
        return self.spec.get("completionMode") == "Indexed"

    @cached_property
    def active(self) -> list[Json]:
        """Pods that run or will."""
        return [pod for pod in self.pods if is_active(pod)]

    @property
    def ready(self) -> int:
        """How many of them are ready."""
        return sum(map(is_ready, self.active))

    @property
    def terminating(self) -> int:
        """Pods that are going away and have not ended."""
        return sum(1 for pod in self.pods if is_deleted(pod) and not has_ended(pod))

    @cached_property
    def newly_succeeded(self) -> list[Json]:
        """Pods that succeeded and are not counted yet."""
        return [pod for pod in self._uncounted if phase(pod) == "Succeeded"]

    @cached_property
    def newly_failed(self) -> list[Json]:
        """Pods that failed and are not counted yet; those that somebody deleted are among them."""
        return [pod for pod in self._uncounted if self.has_failed(pod)]

    def has_failed(self, pod: Json) -> bool:
        """Whether a Pod counts as failed."""
        if phase(pod) == "Failed":
            return True
        waits = self.spec.get("podReplacementPolicy") == "Failed"
        return not waits and is_deleted(pod) and phase(pod) != "Succeeded"

    @property
    def _uncounted(self) -> list[Json]:
        tracked = [pod for pod in self.pods if is_tracked(pod)]
        return [pod for pod in tracked if not self.is_indexed or index_of(pod, self.completions) is not None]

    @property
    def completions(self) -> int:
        """How many indexes there are."""
        return int(self.spec.get("completions") or 0)

    @cached_property
    def succeeded_indexes(self) -> set[int]:
        """Indexes that are done."""
        new = {index_of(pod, self.completions) for pod in self.newly_succeeded}
        return job_indexes.read(self.before.get("completedIndexes", ""), self.completions) | {
            index for index in new if index is not None
        }

    @cached_property
    def failed_indexes(self) -> set[int] | None:
        """Indexes that are given up; None where the Job has no limit for each."""
        limit = self.spec.get("backoffLimitPerIndex")
        if limit is None:
            return None
        known = job_indexes.read(self.before.get("failedIndexes", ""), self.completions)
        for pod in self.newly_failed:
            verdict = job_policies.judge(self.spec.get("podFailurePolicy"), pod)
            over = verdict.counts and index_failures(pod) >= limit
            index = index_of(pod, self.completions)
            if index is not None and (over or verdict.fails_index):
                known.add(index)
        return known

    @property
    def succeeded(self) -> int:
        """Completions so far."""
        if self.is_indexed:
            return len(self.succeeded_indexes)
        return int(self.before.get("succeeded", 0)) + len(self.newly_succeeded)

    @property
    def counted_failures(self) -> list[Json]:
        """Newly failed Pods that the policy counts."""
        policy = self.spec.get("podFailurePolicy")
        return [pod for pod in self.newly_failed if job_policies.judge(policy, pod).counts]

    @property
    def failed(self) -> int:
        """Failures so far."""
        return int(self.before.get("failed", 0)) + len(self.counted_failures)


def index_failures(pod: Mapping[str, Any]) -> int:
    """How often the index of a Pod had failed before it."""
    text = notes(pod).get(INDEX_FAILURES, "0")
    return int(text) if text.isdecimal() else 0


def verdict(state: State) -> Verdict | None:
    """How the Job ends, if it does: as was decided before, or by its failures and successes so far."""
    for kind in (CRITERIA_MET, FAILURE_TARGET):
        known = condition(state.before.get("conditions"), kind)
        if known and known["status"] == "True":
            return Verdict(kind, known["reason"], known["message"])
    return _failure(state) or _index_failure(state) or _success(state)


def _failure(state: State) -> Verdict | None:
    policy = state.spec.get("podFailurePolicy")
    for pod in state.newly_failed:
        if why := job_policies.judge(policy, pod).fails_job:
            return Verdict(FAILURE_TARGET, "PodFailurePolicy", why)
    if state.failed > state.spec["backoffLimit"] or _restarted_too_often(state):
        return Verdict(FAILURE_TARGET, "BackoffLimitExceeded", "Job has reached the specified backoff limit")
    if (left := deadline(state)) is not None and left <= 0:
        return Verdict(FAILURE_TARGET, "DeadlineExceeded", "Job was active longer than specified deadline")
    return None


def _restarted_too_often(state: State) -> bool:
    if state.spec["template"]["spec"].get("restartPolicy") != "OnFailure":
        return False
    restarts = sum(
        one.get("restartCount", 0)
        for pod in state.pods
        if phase(pod) in ("Running", "Pending")
        for part in ("initContainerStatuses", "containerStatuses")
        for one in (pod.get("status") or {}).get(part) or ()
    )
    return bool(restarts >= max(1, int(state.spec["backoffLimit"])))


def deadline(state: State) -> float | None:
    """Seconds until the Job has been active for too long; None where that cannot happen."""
    seconds, since = state.spec.get("activeDeadlineSeconds"), state.before.get("startTime")
    if seconds is None or since is None or state.is_suspended:
        return None
    return (at(since) + timedelta(seconds=seconds) - state.now).total_seconds()


def _index_failure(state: State) -> Verdict | None:
    failed = state.failed_indexes
    if not state.is_indexed or failed is None:
        return None
    most = state.spec.get("maxFailedIndexes")
    if most is not None and len(failed) > most:
        message = "Job has exceeded the specified maximal number of failed indexes"
        return Verdict(FAILURE_TARGET, "MaxFailedIndexesExceeded", message)
    if failed and len(failed) + state.succeeded >= state.completions:
        return Verdict(FAILURE_TARGET, "FailedIndexes", "Job has failed indexes")
    return None


def _success(state: State) -> Verdict | None:
    if state.is_indexed and (
        rule := job_policies.met(state.spec.get("successPolicy"), state.succeeded_indexes, state.completions)
    ):
        return Verdict(CRITERIA_MET, "SuccessPolicy", rule)
    wanted = state.spec.get("completions")
    done = state.succeeded > 0 if wanted is None else state.succeeded >= int(wanted)
    if done and not state.active:
        return Verdict(CRITERIA_MET, "CompletionsReached", "Reached expected number of succeeded pods")
    return None


def wanted_active(state: State) -> int:
    """How many Pods are to run at once now."""
    if state.is_suspended:
        return 0
    parallelism, completions = int(state.spec["parallelism"]), state.spec.get("completions")
    if completions is None:
        return len(state.active) if state.succeeded else parallelism
    return max(0, min(int(completions) - state.succeeded, parallelism))


def pending_indexes(state: State, count: int) -> list[int]:
    """The lowest indexes that nobody works at and that are neither done nor given up."""
    taken = set(state.succeeded_indexes) | (state.failed_indexes or set())
    pods = [*state.active]
    if state.spec.get("podReplacementPolicy") == "Failed":
        pods += [pod for pod in state.pods if is_deleted(pod)]
    taken |= {index for pod in pods if (index := index_of(pod, state.completions)) is not None}
    return [index for index in range(state.completions) if index not in taken][:count]
