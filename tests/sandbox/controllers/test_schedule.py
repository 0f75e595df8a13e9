"""CronJobs, Jobs and what goes by itself, by a clock that is set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.cluster.waiting import until
from tests.sandbox.controllers.worlds import Json, Sandbox, sandbox

JOB = {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "run", "image": "busybox"}]}}}
LONG = {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "run", "image": "x:does-not-exist"}]}}}


def cron_job(job: Json, **spec: Any) -> Json:
    return {"metadata": {"name": "tick"}, "spec": {"schedule": "0 * * * *", "jobTemplate": {"spec": job}, **spec}}


class Hours:
    """A clock that stands at a full hour until it is moved on."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, 10, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


async def an_hour_later(world: Sandbox, clock: Hours) -> None:
    """Move the clock, and have the CronJob looked at: the loop's timers know nothing of this clock."""
    clock.now += timedelta(hours=1)
    await world.patch("cronjobs.batch", "tick", {"metadata": {"annotations": {"hour": str(clock.now.hour)}}})
    await world.settled()


async def names(world: Sandbox) -> list[str]:
    return [job["metadata"]["name"] for job in await world.list("jobs.batch")]


async def reasons(world: Sandbox) -> list[str]:
    return [event["reason"] for event in await world.list("events") if event["involvedObject"]["kind"] == "CronJob"]


async def test_a_job_every_hour_and_only_some_are_kept() -> None:
    clock = Hours()
    async with sandbox(now=clock) as world:
        await world.create("cronjobs.batch", cron_job(JOB, successfulJobsHistoryLimit=1))
        assert await names(world) == []
        for _ in range(3):
            await an_hour_later(world, clock)
            await until(lambda: world.get("cronjobs.batch", "tick"), lambda found: not found["status"].get("active"))
        (kept,) = await until(lambda: names(world), lambda found: len(found) == 1)
        assert kept == f"tick-{int(datetime(2026, 1, 1, 13, tzinfo=UTC).timestamp()) // 60}"
        found = await world.get("cronjobs.batch", "tick")
        assert found is not None
        assert found["status"]["lastScheduleTime"] == "2026-01-01T13:00:00Z"
        assert "lastSuccessfulTime" in found["status"]


@pytest.mark.parametrize(
    ("policy", "count", "reason"),
    [("Forbid", 1, "JobAlreadyActive"), ("Replace", 1, "SuccessfulDelete"), ("Allow", 2, "SuccessfulCreate")],
)
async def test_a_job_that_still_runs_at_the_next_time(policy: str, count: int, reason: str) -> None:
    clock = Hours()
    async with sandbox(now=clock) as world:
        await world.create("cronjobs.batch", cron_job(LONG, concurrencyPolicy=policy))
        await an_hour_later(world, clock)
        (first,) = await names(world)
        await an_hour_later(world, clock)
        found = await until(lambda: names(world), lambda found: len(found) == count)
        assert (first in found) == (policy != "Replace")
        assert reason in await reasons(world)


async def test_a_suspended_one_starts_nothing() -> None:
    clock = Hours()
    async with sandbox(now=clock) as world:
        await world.create("cronjobs.batch", cron_job(JOB, suspend=True))
        await an_hour_later(world, clock)
        assert await names(world) == []


async def test_a_job_that_was_asked_to_go_once_finished() -> None:
    async with sandbox() as world:
        await world.create("jobs.batch", {"metadata": {"name": "run"}, "spec": {**JOB, "ttlSecondsAfterFinished": 0}})
        await until(lambda: world.get("jobs.batch", "run"), lambda found: found is None)
        await until(lambda: world.list("pods"), lambda pods: not pods)


async def test_failed_pods_are_replaced_after_a_while_each_later_than_the_last() -> None:
    failing = {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "run", "image": "x:exits-1"}]}}}
    async with sandbox() as world:
        await world.create("jobs.batch", {"metadata": {"name": "run"}, "spec": {**failing, "backoffLimit": 2}})
        found = await until(
            lambda: world.get("jobs.batch", "run"),
            lambda job: job and any(one["type"] == "Failed" for one in job["status"].get("conditions") or ()),
        )
        assert found is not None
        assert found["status"]["failed"] == 3
        assert len(await world.list("pods")) == 3
        assert not any("finalizers" in pod["metadata"] for pod in await world.list("pods"))


async def test_pods_of_a_job_that_was_orphaned_are_let_go() -> None:
    async with sandbox() as world:
        await world.create("jobs.batch", {"metadata": {"name": "run"}, "spec": LONG})
        (pod,) = await until(lambda: world.list("pods"), lambda pods: pods)
        assert pod["metadata"]["finalizers"] == ["batch.kubernetes.io/job-tracking"]
        await world.delete("jobs.batch", "run", {"propagationPolicy": "Orphan"})
        await until(lambda: world.list("pods"), lambda pods: "finalizers" not in pods[0]["metadata"])
        assert len(await world.list("pods")) == 1
