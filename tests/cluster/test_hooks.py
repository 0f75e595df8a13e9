"""Hooks around a sync, on the real control plane: Jobs that run before and after, and when it fails."""

from typing import Any

import pytest

from tests.cluster.client import ApiError
from tests.cluster.stage import Stage, config_map, opened
from tests.cluster.waiting import until

pytestmark = pytest.mark.anywhere


def job(name: str, hook: str, *, image: str = "registry.example/job:1", **marks: str) -> dict[str, Any]:
    metadata: dict[str, Any] = {"annotations": {"argocd.argoproj.io/hook": hook} | marks}
    metadata["generateName" if name.endswith("-") else "name"] = name
    pod = {"restartPolicy": "Never", "containers": [{"name": "job", "image": image}]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {"backoffLimit": 0, "template": {"spec": pod}},
    }


async def jobs(stage: Stage) -> dict[str, dict[str, Any]]:
    found = await stage.api.get(f"/apis/batch/v1/namespaces/{stage.namespace}/jobs")
    return {item["metadata"]["name"]: item for item in found["items"]}


async def gone(stage: Stage, name: str = "web") -> bool:
    try:
        await stage.live("ConfigMap", name)
    except ApiError as error:
        return error.status == 404
    return False


async def ended(stage: Stage) -> dict[str, Any]:
    """The status when the sync has ended."""
    return await until(
        stage.deliver, lambda s: (s.get("operationState") or {}).get("phase") in ("Succeeded", "Failed", "Error"), 30
    )


async def test_hooks_run_before_and_after_and_are_no_drift(stage: Stage):
    await stage.commit(
        {"shop/all.yaml": [job("migrate", "PreSync"), config_map(color="blue"), job("smoke-", "PostSync")]}
    )
    await stage.application()
    first = await stage.deliver()
    assert first["operationState"]["phase"] == "Running"
    assert first["operationState"]["message"] == "waiting for completion of hook batch/Job/migrate"
    assert await gone(stage)

    status = await ended(stage)
    assert status["operationState"]["phase"] == "Succeeded"
    assert status["sync"]["status"] == "Synced"
    assert [resource["kind"] for resource in status["resources"]] == ["ConfigMap"]
    told = {
        (r["hookType"], r["hookPhase"])
        for r in status["operationState"]["syncResult"]["resources"]
        if r.get("hookType")
    }
    assert told == {("PreSync", "Succeeded"), ("PostSync", "Succeeded")}
    names = sorted(await jobs(stage))
    assert names[0] == "migrate"
    assert names[1].startswith("smoke-") and "-postsync-" in names[1]
    assert len(status["history"]) == 1
    await stage.assert_quiet(("ConfigMap", "web"))


async def test_a_failing_hook_stops_the_sync_and_runs_what_is_for_failure(stage: Stage):
    broken = job("migrate", "PreSync", image="registry.example/job:exits-1")
    await stage.commit({"shop/all.yaml": [broken, config_map(color="blue"), job("tell", "SyncFail")]})
    await stage.application(
        syncPolicy={"automated": {"prune": True}, "retry": {"limit": 0}},
    )
    status = await ended(stage)
    assert status["operationState"]["phase"] == "Failed"
    assert "Job/migrate" in status["operationState"]["message"]
    assert await gone(stage)
    assert "tell" in await jobs(stage)


async def test_a_hook_is_made_anew_for_every_sync_and_can_be_deleted_when_it_went_well(stage: Stage):
    policy = {"argocd.argoproj.io/hook-delete-policy": "HookSucceeded"}
    manifests = [job("kept", "PreSync"), job("swept", "PostSync", **policy)]
    await stage.commit({"shop/all.yaml": [*manifests, config_map(color="blue")]})
    await stage.application()
    await ended(stage)
    before = await jobs(stage)
    assert "kept" in before
    await until(lambda: jobs(stage), lambda found: "swept" not in found)

    sha = await stage.commit({"shop/all.yaml": [*manifests, config_map(color="red")]})
    status = await until(stage.deliver, lambda s: s["sync"]["revision"] == sha and s["sync"]["status"] == "Synced", 30)
    status = await ended(stage)
    assert (await stage.live("ConfigMap"))["data"] == {"color": "red"}
    assert (await jobs(stage))["kept"]["metadata"]["uid"] != before["kept"]["metadata"]["uid"]
    assert len(status["history"]) == 2


async def test_a_self_heal_runs_no_hooks(stage: Stage):
    await stage.commit({"shop/all.yaml": [job("migrate", "PreSync"), config_map(color="blue")]})
    await stage.application()
    await ended(stage)
    before = (await jobs(stage))["migrate"]["metadata"]["uid"]
    await stage.change("ConfigMap", {"data": {"color": "red"}})
    await stage.settled()
    assert (await stage.live("ConfigMap"))["data"] == {"color": "blue"}
    assert (await jobs(stage))["migrate"]["metadata"]["uid"] == before


async def test_a_restart_while_a_hook_runs_does_not_run_it_twice(stage: Stage):
    await stage.commit({"shop/all.yaml": [job("migrate", "PreSync"), config_map(color="blue")]})
    await stage.application()
    await stage.deliver()
    before = (await jobs(stage))["migrate"]["metadata"]["uid"]
    async with opened(stage):
        status = await ended(stage)
    assert status["operationState"]["phase"] == "Succeeded"
    assert (await jobs(stage))["migrate"]["metadata"]["uid"] == before
