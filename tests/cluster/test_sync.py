"""Syncs as a user meets them: by hand and automatic, prune, waves, namespaces, guards, observing, deletion."""

from typing import Any

import pytest

from tests.cluster.client import ApiError
from tests.cluster.stage import Stage, config_map, deployment, opened
from tests.cluster.waiting import until
from todoke.model.events import SyncEnded
from todoke.model.plans import Action

pytestmark = pytest.mark.anywhere
EVERYTHING = {"metadata": {"annotations": {"todoke.dev/guard-percent": "100"}}}


async def gone(stage: Stage, kind: str, name: str = "web") -> bool:
    try:
        await stage.live(kind, name)
    except ApiError as error:
        assert error.status == 404, error
        return True
    return False


async def ask_for_sync(stage: Stage, **sync: Any) -> dict[str, Any]:
    """A person asks for a sync; the status when it has ended."""
    operation = {"sync": sync, "initiatedBy": {"username": "taro"}}
    await stage.patch_application({"operation": operation})
    return await stage.settled()


async def test_a_manual_application_waits_for_a_person(stage: Stage):
    await stage.commit({"shop/all.yaml": config_map(color="blue")})
    await stage.application(policy=None)
    status = await stage.settled()
    assert status["sync"]["status"] == "OutOfSync"
    assert status["health"]["status"] == "Missing"
    assert await gone(stage, "ConfigMap")
    await stage.assert_quiet()

    status = await ask_for_sync(stage)
    assert status["sync"]["status"] == "Synced"
    assert status["operationState"]["phase"] == "Succeeded"
    assert status["history"][-1]["initiatedBy"] == {"username": "taro"}
    application = await stage.api.get(stage.application_path())
    assert "operation" not in application
    (ended,) = [event for event in stage.ledger.events if isinstance(event, SyncEnded)]
    assert (ended.by, ended.phase, ended.changes) == ("taro", "Succeeded", 1)
    await stage.assert_quiet(("ConfigMap", "web"))


async def test_a_person_can_deploy_an_older_revision_of_a_manual_application(stage: Stage):
    old = await stage.commit({"shop/all.yaml": config_map(color="blue")})
    await stage.commit({"shop/all.yaml": config_map(color="red")})
    await stage.application(policy=None)
    await stage.settled()
    await ask_for_sync(stage)
    status = await ask_for_sync(stage, revision=old)
    assert (await stage.live("ConfigMap"))["data"] == {"color": "blue"}
    assert status["sync"]["status"] == "OutOfSync"  # the branch still says red
    assert status["operationState"]["syncResult"]["revision"] == old
    await stage.assert_quiet(("ConfigMap", "web"))


async def test_a_dry_run_changes_nothing_and_says_what_it_would(stage: Stage):
    await stage.commit({"shop/all.yaml": config_map(color="blue")})
    await stage.application(policy=None)
    status = await ask_for_sync(stage, dryRun=True)
    assert await gone(stage, "ConfigMap")
    assert status["operationState"]["syncResult"]["resources"][0]["message"] == "create (dry run)"
    assert not status.get("history")


async def test_a_sync_can_be_limited_to_one_object(stage: Stage):
    await stage.commit({"shop/all.yaml": [config_map("one", a="1"), config_map("two", a="1")]})
    await stage.application(policy=None)
    status = await ask_for_sync(stage, resources=[{"kind": "ConfigMap", "name": "two"}])
    assert await gone(stage, "ConfigMap", "one")
    assert not await gone(stage, "ConfigMap", "two")
    assert status["sync"]["status"] == "OutOfSync"
    assert not status.get("history")


async def test_without_self_heal_drift_is_shown_and_left(stage: Stage):
    await stage.commit({"shop/all.yaml": config_map(color="blue")})
    await stage.application(policy={"prune": True})
    await stage.settled()
    await stage.change("ConfigMap", {"data": {"color": "red"}})
    status = await stage.settled()
    assert status["sync"]["status"] == "OutOfSync"
    assert (await stage.live("ConfigMap"))["data"] == {"color": "red"}

    await stage.commit({"unrelated/readme.txt": "nothing of ours"})
    status = await stage.settled()
    assert (await stage.live("ConfigMap"))["data"] == {"color": "red"}  # an unrelated commit is no reason either
    await stage.commit({"shop/all.yaml": config_map(color="green")})
    await stage.settled()
    assert (await stage.live("ConfigMap"))["data"] == {"color": "green"}


async def test_an_object_deleted_by_hand_comes_back(stage: Stage):
    await stage.commit({"shop/all.yaml": config_map(color="blue")})
    await stage.application()
    await stage.settled()
    await stage.api.delete(stage.path("ConfigMap"))
    await stage.caught_up("ConfigMap")
    status = await stage.settled()
    assert (await stage.live("ConfigMap"))["data"] == {"color": "blue"}
    assert status["sync"]["status"] == "Synced"


async def test_without_prune_what_left_git_stays_and_is_shown(stage: Stage):
    await stage.commit({"shop/all.yaml": [config_map("one", a="1"), config_map("two", a="1")]})
    await stage.application(policy={"selfHeal": True})
    await stage.settled()
    await stage.commit({"shop/all.yaml": config_map("one", a="1")})
    status = await stage.settled()
    assert not await gone(stage, "ConfigMap", "two")
    assert status["sync"]["status"] == "OutOfSync"
    (left,) = [resource for resource in status["resources"] if resource.get("requiresPruning")]
    assert left["name"] == "two"
    status = await ask_for_sync(stage, prune=True)
    assert await gone(stage, "ConfigMap", "two")
    assert status["sync"]["status"] == "Synced"


async def test_an_object_can_say_that_it_is_not_to_be_pruned(stage: Stage):
    kept = config_map("two", a="1")
    kept["metadata"]["annotations"] = {"argocd.argoproj.io/sync-options": "Prune=false"}
    await stage.commit({"shop/all.yaml": [config_map("one", a="1"), kept]})
    await stage.application(**EVERYTHING)
    await stage.settled()
    await stage.commit({"shop/all.yaml": config_map("one", a="1")})
    await stage.settled()
    assert (await stage.step("ConfigMap", "two")).reason == "ignored (no prune)"
    assert not await gone(stage, "ConfigMap", "two")


@pytest.mark.parametrize(
    ("left", "words"),
    [
        pytest.param([], "delete everything", id="everything"),
        pytest.param(["one"], "delete 2 of 3 objects", id="more-than-half"),
    ],
)
async def test_a_commit_that_deletes_too_much_waits_for_a_person(stage: Stage, left, words):
    await stage.commit({"shop/all.yaml": [config_map(name, a="1") for name in ("one", "two", "three")]})
    await stage.application()
    await stage.settled()
    await stage.commit({"shop/all.yaml": [config_map(name, a="2") for name in left] or "# empty\n"})
    status = await stage.settled()
    (condition,) = status["conditions"]
    assert condition["type"] == "SyncError"
    assert words in condition["message"]
    assert "waits for a person" in condition["message"]
    assert (await stage.live("ConfigMap", "one"))["data"] == {"a": "1"}
    assert not await gone(stage, "ConfigMap", "three")
    await stage.assert_quiet()

    status = await ask_for_sync(stage, prune=True)
    assert await gone(stage, "ConfigMap", "three")
    assert status["sync"]["status"] == "Synced"
    assert not status.get("conditions")


async def test_a_volume_claim_is_never_pruned_unasked(stage: Stage):
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    await stage.commit({"shop/all.yaml": [claim, *(config_map(name, a="1") for name in ("one", "two", "three"))]})
    await stage.application()
    await stage.settled()
    await stage.commit({"shop/all.yaml": [config_map(name, a="1") for name in ("one", "two", "three")]})
    status = await stage.settled()
    assert "it would delete the PersistentVolumeClaim data" in status["conditions"][0]["message"]
    assert not await gone(stage, "PersistentVolumeClaim", "data")


async def test_the_destination_is_created_when_asked_for(stage: Stage):
    target = f"{stage.namespace}-made"
    await stage.commit({"shop/all.yaml": config_map(color="blue")})
    await stage.application(
        destination={"server": "https://kubernetes.default.svc", "namespace": target},
        syncPolicy={"automated": {"prune": True}, "syncOptions": ["CreateNamespace=true"]},
    )
    status = await stage.settled()
    assert status["sync"]["status"] == "Synced"
    assert (await stage.api.get(f"/api/v1/namespaces/{target}/configmaps/web"))["data"] == {"color": "blue"}
    await stage.assert_quiet()
    await stage.api.delete(f"/api/v1/namespaces/{target}")


async def test_a_missing_destination_is_named_with_the_next_step(stage: Stage):
    await stage.commit({"shop/all.yaml": config_map(color="blue")})
    await stage.application(destination={"server": "https://kubernetes.default.svc", "namespace": "nowhere-at-all"})
    status = await stage.settled()
    message = " ".join(condition["message"] for condition in status["conditions"])
    assert 'namespace "nowhere-at-all" not found' in message
    assert "CreateNamespace=true" in message


async def test_waves_wait_for_health_and_a_newer_commit_supersedes_a_waiting_sync(stage: Stage):
    first = deployment(image="registry.example/web:does-not-exist")
    last = config_map("last", a="1")
    last["metadata"]["annotations"] = {"argocd.argoproj.io/sync-wave": "5"}
    await stage.commit({"shop/all.yaml": [first, last]}, "broken")
    await stage.application()
    status = await stage.deliver()
    assert status["operationState"]["phase"] == "Running"
    assert status["operationState"]["message"].startswith("waiting for healthy state of Deployment/")
    assert await gone(stage, "ConfigMap", "last")

    mended = await stage.commit({"shop/all.yaml": [deployment(), last]}, "mended")
    status = await until(stage.deliver, lambda s: s["sync"]["status"] == "Synced")
    assert (await stage.live("ConfigMap", "last"))["data"] == {"a": "1"}
    assert status["operationState"]["syncResult"]["revision"] == mended
    phases = [event.phase for event in stage.ledger.events if isinstance(event, SyncEnded)]
    assert phases == ["Superseded", "Succeeded"]


async def test_a_definition_and_its_resource_come_with_one_commit(stage: Stage):
    group = f"{stage.namespace}.example.org"
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"gadgets.{group}"},
        "spec": {
            "group": group,
            "names": {"kind": "Gadget", "plural": "gadgets", "singular": "gadget"},
            "scope": "Namespaced",
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {
                        "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                    },
                }
            ],
        },
    }
    gadget = {"apiVersion": f"{group}/v1", "kind": "Gadget", "metadata": {"name": "one"}, "spec": {"size": 3}}
    await stage.allow(group, "gadgets")
    await stage.commit({"shop/all.yaml": [gadget, definition]})
    await stage.application()
    status = await until(stage.deliver, lambda s: s["sync"]["status"] == "Synced")
    assert not status.get("conditions")
    path = f"/apis/{group}/v1/namespaces/{stage.namespace}/gadgets/one"
    assert (await stage.api.get(path))["spec"] == {"size": 3}
    await stage.assert_quiet()
    await stage.api.patch(path, {"spec": {"size": 4}}, fieldManager="kubectl-edit")
    await until(stage.deliver, lambda s: (s["operationState"]["operation"]["sync"]).get("autoHealAttemptsCount"))
    assert (await stage.api.get(path))["spec"] == {"size": 3}
    await stage.api.delete(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gadgets.{group}")


async def test_observing_writes_nothing_at_all(stage: Stage):
    await stage.commit({"shop/all.yaml": config_map(color="blue")})
    await stage.application(metadata={"annotations": {"todoke.dev/observe": "true"}})
    before = await stage.api.get(stage.application_path())
    await stage.deliver()
    await stage.deliver()
    after = await stage.api.get(stage.application_path())
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
    assert await gone(stage, "ConfigMap")
    assert (await stage.step("ConfigMap", "web")).action is Action.CREATE


@pytest.mark.parametrize("suffix", ["", "/background", "/foreground"])
async def test_deleting_an_application_with_the_finalizer_takes_its_objects_along(stage: Stage, suffix):
    kept = config_map("kept", a="1")
    kept["metadata"]["annotations"] = {"argocd.argoproj.io/sync-options": "Delete=false"}
    finalizer = f"resources-finalizer.argocd.argoproj.io{suffix}"
    await stage.commit({"shop/all.yaml": [deployment(), kept]})
    await stage.application(metadata={"finalizers": [finalizer]})
    await stage.settled()
    await stage.api.delete(stage.application_path())

    async def removed() -> bool:
        await stage.delivery.deliver(stage.key())
        try:
            await stage.api.get(stage.application_path())
        except ApiError:
            return True
        return False

    await until(removed, bool, seconds=30)
    assert await gone(stage, "Deployment")
    assert not await gone(stage, "ConfigMap", "kept")


async def test_deleting_an_application_without_the_finalizer_leaves_its_objects(stage: Stage):
    await stage.commit({"shop/all.yaml": config_map(color="blue")})
    await stage.application()
    await stage.settled()
    await stage.api.delete(stage.application_path())
    await until(lambda: _known(stage), lambda known: not known)
    await stage.delivery.deliver(stage.key())
    assert not await gone(stage, "ConfigMap")


async def _known(stage: Stage) -> bool:
    return stage.applications.get(stage.key()) is not None


async def test_a_hard_refresh_asks_again_and_the_annotation_goes(stage: Stage):
    await stage.commit({"shop/all.yaml": config_map(color="blue")})
    await stage.application()
    await stage.settled()
    await stage.patch_application({"metadata": {"annotations": {"argocd.argoproj.io/refresh": "hard"}}})
    await stage.deliver()
    application = await stage.api.get(stage.application_path())
    assert "argocd.argoproj.io/refresh" not in application["metadata"].get("annotations", {})


async def test_the_status_of_an_application_tells_what_argo_cds_does(stage: Stage):
    sha = await stage.commit({"shop/all.yaml": [deployment(), config_map(color="blue")]})
    await stage.application(info=[{"name": "owner", "value": "ops"}])
    status = await until(stage.deliver, lambda s: s["health"]["status"] == "Healthy")
    assert status["sync"]["revision"] == sha
    assert status["sync"]["comparedTo"]["source"]["path"] == "shop"
    assert status["sourceType"] == "Directory"
    assert status["summary"] == {"images": ["registry.example/web:1"]}
    assert [resource["kind"] for resource in status["resources"]] == ["ConfigMap", "Deployment"]
    assert status["operationState"]["operation"]["initiatedBy"] == {"automated": True}
    assert {result["message"] for result in status["operationState"]["syncResult"]["resources"]} == {"created"}
    assert status["history"][0]["id"] == 0
    assert "lastTransitionTime" in status["health"]


async def test_a_field_that_is_not_honoured_yet_is_named(stage: Stage):
    await stage.commit({"shop/all.yaml": config_map(color="blue")})
    await stage.application(
        ignoreDifferences=[{"kind": "ConfigMap", "jqPathExpressions": [".data.color"]}],
        syncPolicy={"automated": {}, "syncOptions": ["Replace=true"]},
    )
    status = await stage.settled()
    named = " ".join(condition["message"] for condition in status["conditions"])
    assert "spec.ignoreDifferences[0].jqPathExpressions" in named
    assert "Replace=true" in named
    assert {condition["type"] for condition in status["conditions"]} == {"UnsupportedFieldWarning"}


async def test_a_restart_in_the_middle_of_waves_goes_on(stage: Stage):
    first = deployment(image="registry.example/web:does-not-exist")
    last = config_map("last", a="1")
    last["metadata"]["annotations"] = {"argocd.argoproj.io/sync-wave": "5"}
    await stage.commit({"shop/all.yaml": [first, last]})
    await stage.application()
    await stage.deliver()
    async with opened(stage):
        status = await stage.deliver()
        assert status["operationState"]["phase"] == "Running"
        await stage.commit({"shop/all.yaml": [deployment(), last]})
        status = await until(stage.deliver, lambda s: s["sync"]["status"] == "Synced")
    assert (await stage.live("ConfigMap", "last"))["data"] == {"a": "1"}
