"""CronJobs: a Job whenever the schedule says so.

Source: Kubernetes documentation, "CronJob"; names, reasons and texts are those of a real controller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from todoke_sandbox.controllers import schedules
from todoke_sandbox.controllers.client import Client
from todoke_sandbox.controllers.informer import Informer
from todoke_sandbox.controllers.job_state import COMPLETE, FAILED, finished
from todoke_sandbox.controllers.objects import at, is_deleted, reference_to
from todoke_sandbox.storage.tables import CRON_JOBS, JOBS
from todoke_sandbox.verbs.house import moment as written
from todoke_sandbox.verbs.refusals import Refusal

Json = dict[str, Any]

NAME: Final = "cronjob-controller"
SCHEDULED_AT: Final = "batch.kubernetes.io/cronjob-scheduled-timestamp"
_MANY: Final = 100
_LATE: Final = 0.1  # a timer that is a little early must not miss its time


@dataclass(frozen=True)
class Due:
    """Attributes: time: the latest time that a Job should have started at, if any. missed: how many, roughly."""

    time: datetime | None
    missed: int


def due(cron_job: Mapping[str, Any], schedule: schedules.Schedule, now: datetime) -> Due:
    """What has come due since the last time, or since the CronJob was made."""
    since = at((cron_job.get("status") or {}).get("lastScheduleTime") or cron_job["metadata"]["creationTimestamp"])
    seconds = cron_job["spec"].get("startingDeadlineSeconds")
    if seconds is not None:
        since = max(since, now - timedelta(seconds=seconds))
    first = schedule.after(since)
    if first is None or first > now:
        return Due(None, 0)
    second = schedule.after(first)
    if second is None or second > now:
        return Due(first, 0)
    missed = int((now - first) / (second - first)) + 1
    latest = first
    start = first + (second - first) * (missed - 2)
    while (following := schedule.after(start)) is not None and following <= now:
        latest = start = following
    return Due(latest, missed)


def new_job(cron_job: Mapping[str, Any], time: datetime, zone: str) -> Json:
    """The Job of a time. Its name holds the minute, so that none is made twice."""
    template = cron_job["spec"]["jobTemplate"]
    given = template.get("metadata") or {}
    local = schedules.local(time, zone).isoformat(timespec="seconds").replace("+00:00", "Z")
    metadata = {
        "name": job_name(cron_job, time),
        "namespace": cron_job["metadata"]["namespace"],
        "annotations": {**(given.get("annotations") or {}), SCHEDULED_AT: local},
        "ownerReferences": [reference_to(cron_job)],
    }
    if given.get("labels"):
        metadata["labels"] = given["labels"]
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": template["spec"]}


def job_name(cron_job: Mapping[str, Any], time: datetime) -> str:
    """The name of the Job of a time."""
    return f"{cron_job['metadata']['name']}-{int(time.timestamp()) // 60}"


@dataclass(frozen=True)
class Seen:
    """What the Jobs of a CronJob are up to. Attributes: active: references. tell: events about what changed."""

    active: tuple[Json, ...]
    last_success: str | None
    tell: tuple[tuple[str, str, bool], ...] = ()


def seen(cron_job: Mapping[str, Any], jobs: Sequence[Json]) -> Seen:
    """Which of the Jobs are still active, and when one last succeeded."""
    before = cron_job.get("status") or {}
    active = list(before.get("active") or ())
    last = before.get("lastSuccessfulTime")
    tell: list[tuple[str, str, bool]] = []
    known = {ref["uid"] for ref in active}
    for job in jobs:
        name, uid, how = job["metadata"]["name"], job["metadata"]["uid"], finished(job)
        if not how and uid not in known:
            tell.append(("UnexpectedJob", f"Saw a job that the controller did not create or forgot: {name}", True))
        elif how and uid in known:
            tell.append(("SawCompletedJob", f"Saw completed job: {name}, condition: {how}", False))
            active = [ref for ref in active if ref["uid"] != uid]
        if how == COMPLETE and (ended := job["status"].get("completionTime")):
            last = max(last or ended, ended)
    there = {job["metadata"]["uid"] for job in jobs}
    for ref in [ref for ref in active if ref["uid"] not in there]:
        tell.append(("MissingJob", f"Active job went missing: {ref['name']}", False))
        active.remove(ref)
    return Seen(tuple(active), last, tuple(tell))


def outdated(cron_job: Mapping[str, Any], jobs: Sequence[Json]) -> list[Json]:
    """Finished Jobs beyond the history that is kept, the oldest first."""
    gone: list[Json] = []
    for how, name in ((COMPLETE, "successfulJobsHistoryLimit"), (FAILED, "failedJobsHistoryLimit")):
        limit = cron_job["spec"].get(name)
        if limit is None:
            continue
        ended = sorted((job for job in jobs if finished(job) == how), key=_started)
        gone += ended[: max(0, len(ended) - limit)]
    return gone


def _started(job: Json) -> tuple[str, str]:
    return job["status"].get("startTime") or "~", job["metadata"]["name"]


class CronJobs:
    """The controller."""

    name = NAME

    def __init__(self, informer: Informer, client: Client) -> None:
        """Takes what is known and how to write."""
        self._informer = informer
        self._client = client

    def sync(self, namespace: str, name: str) -> float | None:
        """Bring one CronJob up to date. Returns the seconds until its next time, if there is one."""
        found = self._client.get(CRON_JOBS, namespace, name)
        if found is None:
            return None
        now = self._client.now
        jobs = [job for job in self._informer.owned_of(found, JOBS) if not is_deleted(job)]
        has = seen(found, jobs)
        for reason, message, warning in has.tell:
            self._client.tell(found, reason, message, warning=warning)
        status: Json = {"active": list(has.active), "lastSuccessfulTime": has.last_success}
        status["lastScheduleTime"] = (found.get("status") or {}).get("lastScheduleTime")
        try:
            again = None if is_deleted(found) or found["spec"].get("suspend") else self._run(found, status, now)
        finally:
            for job in outdated(found, jobs):
                self._delete(found, job)
            self._write(found, status)
        return again

    def _run(self, found: Json, status: Json, now: datetime) -> float | None:
        spec = found["spec"]
        zone = spec.get("timeZone") or ""
        try:
            schedule = schedules.read(spec["schedule"], zone)
        except schedules.UnknownZone as error:
            self._client.tell(found, "UnknownTimeZone", f'invalid timeZone: "{zone}": {error}', warning=True)
            return None
        except schedules.BadSchedule as error:
            message = f'unparseable schedule: "{spec["schedule"]}" : {error}'
            self._client.tell(found, "UnparseableSchedule", message, warning=True)
            return None
        now_due = due(found, schedule, now)
        if now_due.missed > _MANY:
            message = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew"
            self._client.tell(found, "TooManyMissedTimes", message, warning=True)
        if now_due.time is not None and self._may_start(found, now_due.time, status):
            self._start(found, now_due.time, zone, status)
        following = schedule.after(now)
        return None if following is None else (following - now).total_seconds() + _LATE

    def _may_start(self, found: Json, time: datetime, status: Json) -> bool:
        name, active = job_name(found, time), status["active"]
        if any(ref["name"] == name for ref in active) or status["lastScheduleTime"] == written(time):
            return False
        policy = found["spec"].get("concurrencyPolicy")
        if policy == "Forbid" and active:
            message = "Not starting job because prior execution is running and concurrency policy is Forbid"
            self._client.tell(found, "JobAlreadyActive", message)
            return False
        if policy == "Replace":
            for ref in list(active):
                job = self._client.get(JOBS, found["metadata"]["namespace"], ref["name"])
                if job is not None:
                    self._delete(found, job)
                active.remove(ref)
        return True

    def _start(self, found: Json, time: datetime, zone: str, status: Json) -> None:
        try:
            made = self._client.create(JOBS, new_job(found, time, zone))
        except Refusal as refusal:
            if refusal.reason == "AlreadyExists":
                return
            self._client.tell(found, "FailedCreate", f"Error creating job: {refusal.message}", warning=True)
            raise
        metadata = made["metadata"]
        self._client.tell(found, "SuccessfulCreate", f"Created job {metadata['name']}")
        ref = {name: metadata[name] for name in ("name", "namespace", "uid", "resourceVersion")}
        status["active"].append({"kind": "Job", "apiVersion": "batch/v1", **ref})
        status["lastScheduleTime"] = written(time)

    def _delete(self, found: Json, job: Json) -> None:
        if self._client.delete(JOBS, job, "Background"):
            self._client.tell(found, "SuccessfulDelete", f"Deleted job {job['metadata']['name']}")

    def _write(self, found: Json, status: Json) -> None:
        new = {name: value for name, value in status.items() if value}
        if new != (found.get("status") or {}):
            self._client.update_status(CRON_JOBS, {**found, "status": new})
