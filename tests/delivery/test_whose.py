"""Whose an object and an application is: nothing of others is delivered, pruned or deleted."""

import pytest
import yaml

from tests.delivery.stage import SHOP, WEB, Stage, config_map
from todoke.delivery.removal import FINALIZER
from todoke.model.deliverables import DeliverableKey
from todoke.model.errors import Blocked
from todoke.model.objects import ObjectKey
from todoke.model.tracking import INSTALLATION_ID, TRACKING_ID


@pytest.fixture
def stage() -> Stage:
    made = Stage()
    made.application()
    return made


def foreign(stage: Stage, manager: str = "argocd-controller", **marks: str) -> None:
    """An object with the tracking id of an application that is named like ours, applied by somebody else."""
    annotations = {TRACKING_ID: "shop:/ConfigMap:elsewhere/web"} | marks
    meta = {"name": "web", "namespace": "elsewhere", "annotations": annotations}
    meta["managedFields"] = [{"manager": manager, "operation": "Apply", "fieldsType": "FieldsV1", "fieldsV1": {}}]
    stage.cluster.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta})


async def test_an_application_that_is_ours_no_more_is_left_alone(stage: Stage):
    stage.push(web=config_map(color="blue"))
    await stage.deliver()
    stage.application(metadata={"annotations": {"argocd.argoproj.io/skip-reconcile": "true"}})
    stage.push(web=config_map(color="red"))
    before = stage.applications.get(SHOP)
    await stage.deliver()

    assert stage.live()["data"] == {"color": "blue"}
    assert stage.applications.get(SHOP) == before
    assert stage.again is None


@pytest.mark.parametrize("manager", ["argocd-controller", "todoke"])
async def test_a_deletion_takes_nothing_of_a_namesake(manager: str):
    """Argo CD's application of the same name, and one of another installation, write the same tracking ids."""
    stage = Stage()
    stage.application(metadata={"finalizers": [FINALIZER]})
    stage.push(web=config_map(color="blue"))
    await stage.deliver()
    foreign(stage, manager, **({INSTALLATION_ID: "other"} if manager == "todoke" else {}))
    await stage.applications.remove(stage.applications.get(SHOP))
    await stage.delivery.deliver(SHOP)
    await stage.delivery.deliver(SHOP)

    assert stage.applications.get(SHOP) is None
    assert [key.namespace for key in stage.cluster.store.bodies if key.kind == "ConfigMap"] == ["elsewhere"]


async def test_a_deletion_that_is_not_possible_is_told(stage: Stage):
    stage.application(metadata={"finalizers": [FINALIZER]})
    stage.push(web=config_map(color="blue"))
    await stage.deliver()
    refused = Blocked(str(WEB), "forbidden")
    stage.cluster.trouble = lambda verb, _key: refused if verb == "delete" else None
    await stage.applications.remove(stage.applications.get(SHOP))
    with pytest.raises(Blocked):
        await stage.delivery.deliver(SHOP)

    (condition,) = stage.applications.body("shop")["status"]["conditions"]
    assert (condition["type"], condition["message"]) == ("DeletionError", str(refused))


async def test_an_argo_cd_application_that_is_handed_over_keeps_its_objects(stage: Stage):
    """In Argo CD's own namespace its objects bear its bare name, in ours they bear the namespace too."""
    shop = DeliverableKey("Application", "argocd", "shop")
    stage.application(
        metadata={"namespace": "argocd", "annotations": {"todoke.dev/managed-by": "todoke"}},
        status={"controllerNamespace": "argocd", "resources": [{"version": "v1", "kind": "ConfigMap", "name": "old"}]},
    )
    for name in ("web", "old"):
        marks = {TRACKING_ID: f"shop:/ConfigMap:shop/{name}"}
        meta = {"name": name, "namespace": "shop", "annotations": marks, "managedFields": []}
        fields = {"f:data": {"f:color": {}}}
        entry = {"manager": "argocd-controller", "operation": "Apply", "apiVersion": "v1", "fieldsV1": fields}
        meta["managedFields"] = [entry | {"fieldsType": "FieldsV1"}]
        stage.cluster.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"color": "blue"}})
    stage.push(web=config_map(color="green"))
    await stage.deliver(shop)
    status = await stage.deliver(shop)

    assert (status["sync"]["status"], status.get("conditions")) == ("Synced", [])
    assert stage.there() == {"web"}
    assert stage.live()["metadata"]["annotations"][TRACKING_ID] == "argocd_shop:/ConfigMap:shop/web"


@pytest.mark.parametrize("kind", ["hook", "object"])
async def test_a_project_holds_for_each_objects_namespace(stage: Stage, kind: str):
    spec = {
        "sourceRepos": ["*"],
        "destinations": [{"server": "*", "namespace": "shop"}],
    }
    stage.applications.projects["narrow"] = {"metadata": {"name": "narrow"}, "spec": spec}
    stage.application(project="narrow")
    elsewhere = yaml.safe_load(config_map("evil", {"argocd.argoproj.io/hook": "PreSync"} if kind == "hook" else None))
    elsewhere["metadata"]["namespace"] = "kube-system"
    stage.push(web=config_map(color="blue"), evil=yaml.safe_dump(elsewhere))
    status = await stage.deliver()

    assert stage.there() == ({"web"} if kind == "object" else set())
    told = str(status["conditions"]) + status["operationState"].get("message", "")
    assert "the namespace kube-system is not permitted in the project narrow" in told


async def test_a_project_holds_for_the_kinds_of_hooks(stage: Stage):
    spec = {
        "sourceRepos": ["*"],
        "destinations": [{"server": "*", "namespace": "*"}],
        "namespaceResourceBlacklist": [{"group": "", "kind": "ConfigMap"}],
    }
    stage.applications.projects["narrow"] = {"metadata": {"name": "narrow"}, "spec": spec}
    stage.application(project="narrow")
    stage.push(hook=config_map("hook", {"argocd.argoproj.io/hook": "PreSync"}))
    stage.ask({"sync": {}})
    status = await stage.deliver()

    assert stage.there() == set()
    assert "the kind /ConfigMap is not permitted" in status["operationState"]["message"]


@pytest.mark.parametrize("policy", ["BeforeHookCreation", "HookSucceeded", "HookFailed"])
async def test_a_hook_never_takes_an_object_of_another_application(stage: Stage, policy: str):
    marks = {TRACKING_ID: "bank:/ConfigMap:shop/accounts"}
    meta = {"name": "accounts", "namespace": "shop", "annotations": marks}
    stage.cluster.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"a": "1"}})
    hook = {"argocd.argoproj.io/hook": "PreSync", "argocd.argoproj.io/hook-delete-policy": policy}
    stage.push(hook=config_map("accounts", hook), web=config_map(color="blue"))
    status = await stage.deliver()

    kept = stage.live(ObjectKey("", "ConfigMap", "shop", "accounts"))
    assert kept["data"] == {"a": "1"}
    assert "it belongs to application bank" in status["operationState"]["message"]


async def test_an_object_that_becomes_a_hook_is_not_pruned(stage: Stage):
    stage.push(web=config_map(color="blue"), job=config_map("job", x="1"))
    await stage.deliver()
    stage.push(job=config_map("job", {"argocd.argoproj.io/hook": "Skip"}, x="1"))
    await stage.deliver()

    assert stage.there() == {"web", "job"}


async def test_a_kind_whose_scope_was_not_known_when_it_was_rendered_is_not_pruned():
    """A cluster-wide object looks like a namespaced one then, and the live one like one that nobody wants."""
    stage = Stage()
    stage.application()
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "reader"}}
    stage.push(web=config_map(color="blue"), role=yaml.safe_dump(role))
    await stage.deliver()
    stage.restart()
    kinds = dict(stage.cluster.kinds)
    gone = next(kind for kind in kinds if kind.kind == "ClusterRole")
    del stage.cluster.kinds[gone]
    await stage.cluster.appeared()
    fresh = stage.delivery.rendering._fresh

    async def served_again(*arguments, **more):
        rendered = await fresh(*arguments, **more)
        stage.cluster.kinds = kinds
        await stage.cluster.appeared()
        return rendered

    stage.delivery.rendering._fresh = served_again  # type: ignore[method-assign]
    await stage.deliver()

    assert "delete ClusterRole/reader" not in stage.cluster.requests


@pytest.mark.parametrize("option", ["Delete=false", "Delete=confirm"])
async def test_a_deletion_leaves_what_must_not_go_unconfirmed(option: str):
    stage = Stage()
    stage.application(metadata={"finalizers": [FINALIZER]})
    kept = config_map("kept", {"argocd.argoproj.io/sync-options": option}, a="1")
    stage.push(web=config_map(color="blue"), kept=kept)
    await stage.deliver()
    await stage.applications.remove(stage.applications.get(SHOP))
    await stage.delivery.deliver(SHOP)

    assert stage.there() == {"kept"}
