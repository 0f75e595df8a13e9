"""The drift matrix, part two: fields and objects that others hold. Who wins, what the plan says, and quiet after."""

import json
from typing import Any

import pytest

from tests.cluster.client import JSON_PATCH
from tests.cluster.stage import Stage, config_map, deployment
from tests.cluster.waiting import until
from todoke.compare.claims import ADOPT
from todoke.model.plans import Action

pytestmark = pytest.mark.anywhere
AUTOSCALER = {
    "apiVersion": "autoscaling/v2",
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": "web"},
    "spec": {
        "minReplicas": 1,
        "maxReplicas": 5,
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "metrics": [
            {
                "type": "Resource",
                "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}},
            }
        ],
    },
}


async def delivered(stage: Stage, *manifests: dict, **spec: Any) -> dict:
    await stage.commit({"shop/all.yaml": list(manifests)})
    await stage.application(**spec)
    status = await stage.settled()
    assert status["sync"]["status"] == "Synced", status
    return status


def managers(live: dict) -> set[str]:
    return {entry["manager"] for entry in live["metadata"].get("managedFields", ())}


async def test_replicas_changed_by_kubectl_scale_are_drift_while_the_manifest_names_them(stage: Stage):
    await delivered(stage, deployment(replicas=2))
    await stage.api.patch(stage.path("Deployment") + "/scale", {"spec": {"replicas": 5}}, fieldManager="kubectl-scale")
    await stage.caught_up("Deployment")
    step = await stage.step("Deployment", "web")
    assert "takes .spec.replicas from kubectl-scale" in step.notes
    await stage.settled()
    assert (await stage.live("Deployment"))["spec"]["replicas"] == 2
    await until(lambda: stage.live("Deployment"), lambda live: live["status"].get("replicas") == 2)
    await stage.assert_quiet(("Deployment", "web"))


async def test_a_dropped_field_that_kubectl_holds_is_taken_away(stage: Stage):
    await delivered(stage, config_map(color="blue", size="big"))
    await stage.change("ConfigMap", {"data": {"size": "huge"}})
    await stage.commit({"shop/all.yaml": config_map(color="blue")})
    step = await stage.step("ConfigMap", "web")
    assert step.action is Action.UPDATE
    assert any("takes .data.size from kubectl-edit" in note for note in step.notes), step
    await stage.settled()
    assert (await stage.live("ConfigMap"))["data"] == {"color": "blue"}
    await stage.assert_quiet(("ConfigMap", "web"))


async def test_a_dropped_field_that_a_controller_holds_stays_and_is_reported(stage: Stage):
    await delivered(stage, config_map(color="blue", size="big"))
    await stage.change("ConfigMap", {"data": {"size": "huge"}}, manager="size-operator")
    await stage.commit({"shop/all.yaml": config_map(color="blue")})
    step = await stage.step("ConfigMap", "web")
    assert step.action is Action.KEEP
    assert step.notes == (".data.size kept: owned by size-operator",)
    status = await stage.settled()
    assert (await stage.live("ConfigMap"))["data"] == {"color": "blue", "size": "huge"}
    assert status["sync"]["status"] == "Synced"
    await stage.assert_quiet(("ConfigMap", "web"))


@pytest.mark.real("the sandbox moves no autoscalers")
async def test_replicas_dropped_under_an_autoscaler_are_handed_over(stage: Stage):
    await delivered(stage, deployment(replicas=3), AUTOSCALER)
    await stage.commit({"shop/all.yaml": [deployment(replicas=None), AUTOSCALER]})
    step = await stage.step("Deployment", "web")
    assert "hands .spec.replicas to its autoscaler" in step.notes
    await stage.settled()
    live = await stage.live("Deployment")
    assert live["spec"]["replicas"] == 3
    assert "todoke-handover" in managers(live)
    await stage.assert_quiet(("Deployment", "web"))


async def test_replicas_dropped_without_an_autoscaler_become_the_default(stage: Stage):
    await delivered(stage, deployment(replicas=3))
    await stage.commit({"shop/all.yaml": deployment(replicas=None)})
    await stage.settled()
    assert (await stage.live("Deployment"))["spec"]["replicas"] == 1


@pytest.mark.real("the sandbox moves no autoscalers")
async def test_replicas_that_an_autoscaler_changed_are_left_alone_when_the_manifest_names_none(stage: Stage):
    await delivered(stage, deployment(replicas=None), AUTOSCALER)
    await stage.change("Deployment", {"spec": {"replicas": 4}}, manager="kube-controller-manager")
    assert (await stage.step("Deployment", "web")).action is Action.KEEP
    await stage.assert_quiet(("Deployment", "web"))


async def test_reset_managed_fields_are_no_drift_and_a_later_drop_still_works(stage: Stage):
    await delivered(stage, config_map(color="blue", size="big"))
    reset = [{"op": "replace", "path": "/metadata/managedFields", "value": [{}]}]
    await stage.api.patch(stage.path("ConfigMap"), reset, JSON_PATCH)
    await stage.caught_up("ConfigMap")
    assert (await stage.step("ConfigMap", "web")).action is Action.KEEP
    await stage.assert_quiet(("ConfigMap", "web"))

    await stage.commit({"shop/all.yaml": config_map(color="red")})
    await stage.settled()
    assert (await stage.live("ConfigMap"))["data"] == {"color": "red"}
    await stage.assert_quiet(("ConfigMap", "web"))


@pytest.mark.real("the sandbox serves one version of each built-in kind")
async def test_two_versions_of_one_kind_follow_the_manifest(stage: Stage):
    old = {
        "apiVersion": "autoscaling/v1",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web"},
        "spec": {
            "minReplicas": 1,
            "maxReplicas": 5,
            "targetCPUUtilizationPercentage": 60,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        },
    }
    await delivered(stage, old)
    await stage.assert_quiet(("HorizontalPodAutoscaler", "web"))
    await stage.commit({"shop/all.yaml": AUTOSCALER})
    status = await stage.settled()
    assert status["sync"]["status"] == "Synced"
    await stage.assert_quiet(("HorizontalPodAutoscaler", "web"))
    assert (await stage.live("HorizontalPodAutoscaler"))["spec"]["maxReplicas"] == 5


async def test_an_object_made_by_kubectl_apply_is_taken_over_with_its_fields(stage: Stage):
    made = config_map(color="red", old="yes") | {"metadata": {"name": "web", "namespace": stage.namespace}}
    made["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(made)}
    await stage.api.create(
        f"/api/v1/namespaces/{stage.namespace}/configmaps", made, fieldManager="kubectl-client-side-apply"
    )
    await delivered(stage, config_map(color="blue"))
    live = await stage.live("ConfigMap")
    assert live["data"] == {"color": "blue"}
    assert managers(live) == {"todoke"}
    await stage.assert_quiet(("ConfigMap", "web"))


async def test_an_object_made_by_a_server_side_apply_keeps_what_only_that_manager_set(stage: Stage):
    await stage.api.apply(stage.path("ConfigMap"), config_map(color="red", theirs="yes"), owner="platform")
    await delivered(stage, config_map(color="blue"))
    assert (await stage.live("ConfigMap"))["data"] == {"color": "blue", "theirs": "yes"}
    await stage.assert_quiet(("ConfigMap", "web"))


@pytest.mark.parametrize(
    ("marks", "owner"),
    [
        pytest.param(
            {
                "labels": {"app.kubernetes.io/managed-by": "Helm"},
                "annotations": {"meta.helm.sh/release-name": "web", "meta.helm.sh/release-namespace": "shop"},
            },
            "Helm release shop/web",
            id="helm",
        ),
        pytest.param(
            {"labels": {"kustomize.toolkit.fluxcd.io/name": "web", "kustomize.toolkit.fluxcd.io/namespace": "flux"}},
            "Flux Kustomization flux/web",
            id="flux",
        ),
        pytest.param(
            {"annotations": {"argocd.argoproj.io/tracking-id": "other:/ConfigMap:{namespace}/web"}},
            "application other",
            id="another-application",
        ),
        pytest.param(
            {
                "annotations": {
                    "argocd.argoproj.io/tracking-id": "shop:/ConfigMap:{namespace}/web",
                    "argocd.argoproj.io/installation-id": "elsewhere",
                }
            },
            "application shop of the installation elsewhere",
            id="another-installation",
        ),
    ],
)
async def test_an_object_that_somebody_else_claims_is_refused_until_it_is_adopted(stage: Stage, marks, owner):
    theirs = config_map(color="red")
    theirs["metadata"] |= json.loads(json.dumps(marks).replace("{namespace}", stage.namespace))
    await stage.api.create(f"/api/v1/namespaces/{stage.namespace}/configmaps", theirs)
    await stage.commit({"shop/all.yaml": [config_map(color="blue"), config_map("mine", color="blue")]})
    await stage.application()
    status = await stage.settled()
    assert (await stage.live("ConfigMap"))["data"] == {"color": "red"}
    assert (await stage.live("ConfigMap", "mine"))["data"] == {"color": "blue"}
    assert status["sync"]["status"] == "OutOfSync"
    (condition,) = status["conditions"]
    assert condition["type"] == "SharedResourceWarning"
    assert f"ConfigMap/{stage.namespace}/web: it belongs to {owner}" in condition["message"]
    await stage.assert_quiet(("ConfigMap", "web"))

    adopting = config_map(color="blue")
    adopting["metadata"]["annotations"] = {ADOPT: "true"}
    await stage.commit({"shop/all.yaml": [adopting, config_map("mine", color="blue")]})
    status = await stage.settled()
    assert (await stage.live("ConfigMap"))["data"] == {"color": "blue"}
    assert status["sync"]["status"] == "Synced"


async def test_two_applications_on_one_object_the_first_one_keeps_it(stage: Stage):
    await delivered(stage, config_map(color="blue"))
    await stage.commit({"other/all.yaml": config_map(color="green")})
    await stage.application("other", path="other")
    status = await stage.settled("other")
    assert "it belongs to application shop" in status["conditions"][0]["message"]
    assert (await stage.live("ConfigMap"))["data"] == {"color": "blue"}
    await stage.assert_quiet(("ConfigMap", "web"))


async def test_ignored_differences_are_left_alone_and_respected_when_something_else_is_applied(stage: Stage):
    await delivered(
        stage,
        deployment(replicas=1),
        ignoreDifferences=[{"group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/replicas"]}],
        syncPolicy={
            "automated": {"prune": True, "selfHeal": True},
            "syncOptions": ["RespectIgnoreDifferences=true"],
        },
    )
    await stage.change("Deployment", {"spec": {"replicas": 4}})
    assert (await stage.step("Deployment", "web")).action is Action.KEEP
    await stage.assert_quiet(("Deployment", "web"))

    await stage.commit({"shop/all.yaml": deployment(image="registry.example/web:2")})
    await stage.settled()
    live = await stage.live("Deployment")
    assert live["spec"]["template"]["spec"]["containers"][0]["image"] == "registry.example/web:2"
    assert live["spec"]["replicas"] == 4
    await stage.assert_quiet(("Deployment", "web"))


async def test_fields_of_ignored_managers_are_left_alone(stage: Stage):
    await delivered(
        stage,
        config_map(color="blue"),
        ignoreDifferences=[{"kind": "ConfigMap", "managedFieldsManagers": ["colour-operator"]}],
    )
    await stage.change("ConfigMap", {"data": {"color": "red"}}, manager="colour-operator")
    assert (await stage.step("ConfigMap", "web")).action is Action.KEEP
    await stage.assert_quiet(("ConfigMap", "web"))


@pytest.mark.real("the sandbox has no admission policies")
async def test_a_mutating_policy_wins_and_is_no_drift(stage: Stage):
    policy = f"tint-{stage.namespace}"
    await delivered(stage, config_map(color="blue"))
    await stage.api.create("/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicies", _tint(policy, stage))
    await stage.api.create(
        "/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicybindings",
        {"metadata": {"name": policy}, "spec": {"policyName": policy}},
    )
    try:
        await until(lambda: _dry_run(stage), lambda answer: answer["data"]["color"] == "grey", seconds=30)
        await stage.patch_application({"metadata": {"annotations": {"argocd.argoproj.io/refresh": "hard"}}})
        await stage.settled()
        assert (await stage.live("ConfigMap"))["data"]["color"] == "grey"
        status = await stage.settled()
        assert status["sync"]["status"] == "Synced"
        await stage.assert_quiet(("ConfigMap", "web"))
    finally:
        for kind in ("mutatingadmissionpolicybindings", "mutatingadmissionpolicies"):
            await stage.api.delete(f"/apis/admissionregistration.k8s.io/v1/{kind}/{policy}")


async def _dry_run(stage: Stage) -> dict:
    return await stage.api.apply(stage.path("ConfigMap"), config_map(color="blue"), owner="probe", dryRun="All")


def _tint(name: str, stage: Stage) -> dict:
    return {
        "metadata": {"name": name},
        "spec": {
            "matchConstraints": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": stage.namespace}},
                "resourceRules": [
                    {
                        "apiGroups": [""],
                        "apiVersions": ["v1"],
                        "operations": ["CREATE", "UPDATE"],
                        "resources": ["configmaps"],
                    }
                ],
            },
            "failurePolicy": "Fail",
            "reinvocationPolicy": "Never",
            "matchConditions": [{"name": "web", "expression": "object.metadata.name == 'web'"}],
            "mutations": [
                {
                    "patchType": "JSONPatch",
                    "jsonPatch": {
                        "expression": "[JSONPatch{op: 'replace', path: '/data/color', value: 'grey'}]",
                    },
                }
            ],
        },
    }
