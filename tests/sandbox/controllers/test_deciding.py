"""What controllers decide, as functions of values: cases named by what they show."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.cases import cases
from todoke_sandbox.controllers import (
    cron_jobs,
    daemon_sets,
    job_indexes,
    job_state,
    rollouts,
    schedules,
    stateful_sets,
)
from todoke_sandbox.controllers.job_indexes import INDEX
from todoke_sandbox.controllers.objects import at
from todoke_sandbox.controllers.revisions import HASH

Json = dict[str, Any]

CASES = Path(__file__).parent / "cases"
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
THEN = "2026-01-01T11:00:00Z"


def pod(name: str, *, phase: str = "Running", ready: bool = True, deleted: bool = False, **labels: str) -> Json:
    """A Pod as far as controllers look at one."""
    metadata: Json = {"name": name, "namespace": "n", "uid": name, "creationTimestamp": THEN, "labels": labels}
    if deleted:
        metadata["deletionTimestamp"] = THEN
    running = phase == "Running"
    conditions = [{"type": "Ready", "status": str(running and ready), "lastTransitionTime": THEN}]
    status = {"phase": phase if ready or not running else "Pending", "conditions": conditions}
    return {"kind": "Pod", "metadata": metadata, "spec": {"nodeName": "sandbox", "containers": []}, "status": status}


def replica_set(name: str, number: int, given: Json) -> Json:
    """A ReplicaSet of a size; the higher its number, the younger it is."""
    notes = {rollouts.MAXIMUM: str(given["most"])} if "most" in given else {}
    notes |= {rollouts.DESIRED: str(given["desired"])} if "desired" in given else {}
    created = f"2026-01-01T10:00:0{number}Z"
    return {
        "metadata": {"name": name, "creationTimestamp": created, "annotations": notes},
        "spec": {"replicas": given["size"]},
        "status": {"replicas": given["size"], "availableReplicas": given["available"]},
    }


@cases(CASES / "rollouts")
def test_sizes_of_replica_sets(case: Json) -> None:
    given = case["deployment"]
    rolling = {"maxSurge": given["surge"], "maxUnavailable": given["unavailable"]}
    strategy = {"type": "RollingUpdate", "rollingUpdate": rolling}
    limit = rollouts.limits({"spec": {"replicas": given["replicas"], "strategy": strategy}})
    old = [replica_set(f"old-{number}", number, one) for number, one in enumerate(case["old"])]
    new = replica_set("new", 9, case["new"])
    decide = rollouts.roll if "roll" in case else rollouts.scale
    assert dict(decide(new, old, limit).wanted) == case.get("roll", case.get("scale"))


@cases(CASES / "stateful_sets")
def test_steps_of_stateful_sets(case: Json) -> None:
    spec = {"updateStrategy": {"type": "RollingUpdate"}, **case["set"]}
    metadata: Json = {"name": "db"} | ({"deletionTimestamp": THEN} if case.get("deleted") else {})
    pods = []
    for one in case["pods"]:
        options = {name: value for name, value in one.items() if name in ("phase", "ready", "deleted")}
        pods.append(pod(f"db-{one['number']}", **options, **{HASH: one.get("at", "new")}))
    found = stateful_sets.step({"metadata": metadata, "spec": spec}, pods, "new", NOW)
    wanted = case["step"]
    assert list(found.create) == wanted.get("create", [])
    assert [one["metadata"]["name"] for one in found.delete] == [f"db-{n}" for n in wanted.get("delete", [])]
    assert list(found.claims) == wanted.get("claims", [])


@cases(CASES / "daemon_sets")
def test_wishes_of_daemon_sets(case: Json) -> None:
    strategy = case.get("strategy") or {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}
    daemon_set = {"metadata": {}, "spec": {"updateStrategy": strategy}}
    pods = []
    for one in case["pods"]:
        options = {name: value for name, value in one.items() if name in ("phase", "ready", "deleted")}
        pods.append(pod(one["name"], **options, **{HASH: one.get("at", "new")}))
    place = daemon_sets.Place(**(case.get("place") or {"wanted": True, "kept": True}))
    found = daemon_sets.wishes(daemon_set, pods, place, "new", NOW)
    wanted = case["wishes"]
    assert found.create == wanted.get("create", False)
    assert [one["metadata"]["name"] for one in found.delete] == wanted.get("delete", [])
    assert [one["metadata"]["name"] for one in found.failed] == wanted.get("failed", [])


@cases(CASES / "jobs")
def test_where_jobs_stand(case: Json) -> None:
    spec = {"backoffLimit": 6, "parallelism": 1, "completions": 1, **case["spec"]}
    spec["template"] = {"spec": {"restartPolicy": spec.pop("restartPolicy", "Never")}}
    pods = [_job_pod(number, one) for number, one in enumerate(case["pods"])]
    state = job_state.State({"metadata": {}, "spec": spec, "status": case.get("status", {})}, pods, NOW)
    verdict = job_state.verdict(state)
    assert ([verdict.kind, verdict.reason] if verdict else None) == case.get("verdict")
    if "wanted" in case:
        assert job_state.wanted_active(state) == case["wanted"]
    if "pending" in case:
        assert job_state.pending_indexes(state, 9) == case["pending"]


def _job_pod(number: int, given: Json) -> Json:
    made = pod(f"p{number}", phase=given["phase"])
    if given.get("tracked", True):
        made["metadata"]["finalizers"] = [job_state.FINALIZER]
    if "index" in given:
        made["metadata"]["annotations"] = {INDEX: str(given["index"])}
    ended = {"terminated": {"exitCode": given["code"]}} if "code" in given else {"running": {}}
    restarts = given.get("restarts", 0)
    made["status"]["containerStatuses"] = [{"name": "run", "state": ended, "restartCount": restarts}]
    return made


@cases(CASES / "cron_jobs")
def test_what_is_due(case: Json) -> None:
    spec = {"startingDeadlineSeconds": case["deadline"]} if "deadline" in case else {}
    cron_job = {"metadata": {"creationTimestamp": case["since"]}, "spec": spec}
    found = cron_jobs.due(cron_job, schedules.read(case["schedule"], case.get("zone", "")), at(case["now"]))
    assert found.time == (None if case["due"] is None else at(case["due"]))


@pytest.mark.parametrize("text", ["", "* * * *", "61 * * * *", "* * * * * *", "@sometimes", "a b c d e", "0 0 31 2 *"])
def test_what_is_no_schedule(text: str) -> None:
    with pytest.raises(schedules.BadSchedule):
        schedules.read(text, "")


def test_there_is_no_such_zone() -> None:
    with pytest.raises(schedules.UnknownZone, match="unknown time zone Mars/Olympus"):
        schedules.read("@daily", "Mars/Olympus")


@pytest.mark.parametrize(
    ("text", "indexes"),
    [("", set()), ("0", {0}), ("0,1", {0, 1}), ("0-2,4", {0, 1, 2, 4}), ("1,3-5,7", {1, 3, 4, 5, 7})],
)
def test_indexes_as_text(text: str, indexes: set[int]) -> None:
    assert job_indexes.read(text, 10) == indexes
    assert job_indexes.write(indexes) == text
    assert job_indexes.read("0-99", 3) == {0, 1, 2}  # those out of range are left out
