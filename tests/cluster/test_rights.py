"""What todoke may do, and what it says when it may not: under the rights that `todoke install manifests` prints."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from tests.cluster.account import Account
from tests.cluster.client import ApiClient
from tests.cluster.command import todoke
from tests.cluster.control_plane import ControlPlane
from tests.cluster.program import Desk, Program, looping
from tests.cluster.proxy import Proxy
from tests.cluster.stage import Stage, config_map, deployment, install_kinds, opened
from tests.cluster.waiting import until
from todoke.model.plans import Action

pytestmark = pytest.mark.anywhere

SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "fine"},
    "spec": {"ports": [{"port": 80}], "selector": {"app": "fine"}},
}
OBSERVED = {"metadata": {"annotations": {"todoke.dev/observe": "true"}}}


async def test_the_account_may_deliver_and_nothing_that_leads_further(stage: Stage):
    account = stage.account
    assert account is not None
    for group, plural in (("", "configmaps"), ("apps", "deployments"), ("rbac.authorization.k8s.io", "roles")):
        for verb in ("list", "watch", "create", "patch", "delete"):
            assert await account.may(group, plural, verb), (plural, verb)
        for verb in ("deletecollection", "update", "escalate", "bind", "*"):
            assert not await account.may(group, plural, verb), (plural, verb)
    for group, plural, verb in (
        ("", "pods", "create"),
        ("", "pods/log", "get"),
        ("", "pods/exec", "create"),
        ("", "serviceaccounts/token", "create"),
        ("", "users", "impersonate"),
        ("", "nodes", "list"),
        ("rbac.authorization.k8s.io", "clusterrolebindings", "create"),
        ("argoproj.io", "applications", "delete"),
        ("argoproj.io", "appprojects", "patch"),
        ("coordination.k8s.io", "leases", "delete"),
    ):
        assert not await account.may(group, plural, verb, stage.namespace), (plural, verb)
    assert await account.may("coordination.k8s.io", "leases", "create", stage.namespace)
    assert not await account.may("coordination.k8s.io", "leases", "create", "default")


async def test_a_kind_that_was_not_named_with_kinds_is_refused_by_name(stage: Stage):
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": f"{stage.namespace}-made"},
        "rules": [],
    }
    await stage.commit({"shop/all.yaml": [role, config_map(color="blue")]})
    await stage.application()
    status = await until(stage.deliver, lambda status: status.get("conditions"))
    (condition,) = status["conditions"]
    assert "clusterroles" in condition["message"]
    assert "cannot list" in condition["message"]
    assert "Grant this right" in condition["message"]
    await stage.allow("rbac.authorization.k8s.io", "clusterroles")
    status = await until(stage.deliver, lambda status: status["sync"]["status"] == "Synced", seconds=30)
    assert not status["conditions"]
    await stage.api.delete(f"/apis/rbac.authorization.k8s.io/v1/clusterroles/{stage.namespace}-made")


async def test_a_delivered_role_cannot_grant_more_than_todoke_has(stage: Stage):
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "reader"},
        "rules": [{"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]}],
    }
    await stage.commit({"shop/all.yaml": role})
    await stage.application()
    status = await stage.settled()
    (condition,) = status["conditions"]
    assert condition["type"] == "SyncError"
    assert f"Role/{stage.namespace}/reader" in condition["message"]
    assert "pods/log" in condition["message"]
    role["rules"] = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}]
    await stage.commit({"shop/all.yaml": role})
    status = await stage.settled()
    assert (status["sync"]["status"], status["conditions"]) == ("Synced", [])


@asynccontextmanager
async def beside(stage: Stage) -> AsyncIterator[Desk]:
    """The loop runs, and an application of another kind is delivered beside `shop`."""
    desk = Desk(stage.api, stage.namespace)
    sha = stage.repo.commit({"fine/all.yaml": json.dumps(SERVICE)}, "fine")
    await desk.create(stage.repo.url, "fine")
    async with looping(stage):
        await desk.synced(sha, "fine")
        yield desk


async def assert_fine_goes_on(stage: Stage, desk: Desk, port: int) -> None:
    """The application beside takes a new commit."""
    service = json.loads(json.dumps(SERVICE))
    service["spec"]["ports"][0]["port"] = port
    sha = stage.repo.commit({"fine/all.yaml": json.dumps(service)}, f"port {port}")
    status = await desk.synced(sha, "fine", seconds=15)
    assert not status["conditions"]
    assert (await stage.live("Service", "fine"))["spec"]["ports"][0]["port"] == port


class Loss(NamedTuple):
    """A right that goes, the commit that needs it, and the words of the server."""

    verb: str
    files: dict[str, Any]
    name: str


LOSSES = {
    "create": Loss("create", {"shop/new.yaml": json.dumps(config_map("new", color="blue"))}, "new"),
    "patch": Loss("patch", {"shop/web.yaml": json.dumps(config_map(color="red"))}, "web"),
    "delete": Loss("delete", {"shop/old.yaml": None}, "old"),
}


@pytest.mark.parametrize("verb", LOSSES)
async def test_a_right_that_is_taken_away_is_named_and_holds_nobody_else_up(stage: Stage, verb: str):
    account = stage.account
    assert account is not None
    loss = LOSSES[verb]
    start = {name: json.dumps(config_map(name, color="blue")) for name in ("web", "old", "more")}
    async with beside(stage) as desk:
        first = stage.repo.commit({f"shop/{name}.yaml": text for name, text in start.items()}, "start")
        await desk.create(stage.repo.url)
        await desk.synced(first)
        await account.take_away("", "configmaps", verb)
        stage.repo.commit(loss.files, "needs the right")
        condition = await desk.condition(f"ConfigMap/{stage.namespace}/{loss.name}", account.user, f"cannot {verb}")
        assert 'resource "configmaps"' in condition["message"]
        assert "Grant this right" in condition["message"]
        status = await desk.status()
        assert (status["sync"]["status"], status["operationState"]["phase"]) == ("OutOfSync", "Failed")
        assert "SyncError" in {condition["type"] for condition in status["conditions"]}
        await assert_fine_goes_on(stage, desk, 81)
        await account.give_back("", "configmaps", verb)
        await desk.refreshed()
        status = await until(desk.status, lambda status: status["sync"]["status"] == "Synced", seconds=30)
        assert not status["conditions"]
        assert status["history"][-1]["revision"] == stage.repo.tip()


async def test_a_kind_that_may_not_be_listed_is_named_and_holds_nobody_else_up(stage: Stage):
    account = stage.account
    assert account is not None
    await account.take_away("", "configmaps", "list", "watch")
    async with beside(stage) as desk:
        stage.repo.commit({"shop/all.yaml": json.dumps(config_map(color="blue"))}, "start")
        await desk.create(stage.repo.url)
        condition = await desk.condition("list of configmaps", account.user, "cannot list", "Grant this right")
        assert condition["type"] == "ComparisonError"
        await assert_fine_goes_on(stage, desk, 81)


@asynccontextmanager
async def observing(
    plane: ControlPlane, api: ApiClient, namespace: str, folder: Path, *, by: str
) -> AsyncIterator[tuple[Stage, Proxy]]:
    """A stage that only looks: the whole of it with read-only rights, or one application with all rights."""
    await install_kinds(api)
    account = Account(plane, api, namespace, folder, observe=by == "house")
    async with Proxy(await account.install(), folder) as proxy:
        stage = Stage(plane, api, namespace, folder)
        stage.account, stage.kubeconfig = account, proxy.kubeconfig
        stage.house = msgspec.structs.replace(stage.house, observe=by == "house")
        try:
            async with opened(stage):
                yield stage, proxy
        finally:
            await account.remove()


@pytest.mark.parametrize("by", ["house", "annotation"])
async def test_observing_never_sends_a_write(
    plane: ControlPlane, client: ApiClient, namespace: str, tmp_path: Path, by: str
):
    """Drift, a new object, a pruned one, a wished refresh, a wished sync, a deletion: nothing makes it write."""
    more = OBSERVED if by == "annotation" else {"metadata": {}}
    async with observing(plane, client, namespace, tmp_path, by=by) as (stage, proxy):
        await client.apply(stage.path("Deployment"), deployment(image="registry.example/web:0"), "kubectl")
        await stage.commit({"shop/all.yaml": [deployment(), config_map(color="blue")]})
        more["metadata"] |= {"finalizers": ["resources-finalizer.argocd.argoproj.io"]}
        await stage.application(**more)
        before = (await client.get(stage.application_path()))["metadata"]["resourceVersion"]
        await stage.deliver()
        assert (await stage.step("ConfigMap", "web")).action is Action.CREATE
        assert (await stage.step("Deployment", "web")).action is Action.UPDATE
        await stage.commit({"shop/all.yaml": [deployment(replicas=2)]})
        await stage.deliver()
        assert (await client.get(stage.application_path()))["metadata"]["resourceVersion"] == before
        await stage.patch_application({"metadata": {"annotations": {"argocd.argoproj.io/refresh": "hard"}}})
        await stage.deliver()
        await stage.patch_application({"operation": {"sync": {"prune": True}}})
        await stage.deliver()
        await client.delete(stage.application_path())
        await until(
            lambda: client.get(stage.application_path()), lambda body: body["metadata"].get("deletionTimestamp")
        )
        await stage.deliver()
        assert proxy.writes == []
        assert proxy.requests > 5
        assert await stage.status() == {}
        await stage.api.patch(stage.application_path(), {"metadata": {"finalizers": None}})


async def test_what_could_not_be_asked_is_unconfirmed(
    plane: ControlPlane, client: ApiClient, namespace: str, tmp_path: Path
):
    """`1000m` and `1` are the same to the server only: without the right to ask it the plan says so."""
    wanted, live = deployment(), deployment()
    for manifest, amount in ((wanted, "1000m"), (live, "1")):
        container = manifest["spec"]["template"]["spec"]["containers"][0]
        container["resources"] = {"requests": {"cpu": amount}}
    async with observing(plane, client, namespace, tmp_path, by="house") as (stage, proxy):
        await client.apply(stage.path("Deployment"), live, "kubectl")
        await stage.commit({"shop/all.yaml": wanted})
        await stage.application()
        assert not (await stage.step("Deployment", "web")).confirmed
        shown = await todoke("app", "plan", "shop", "-o", "json", stage=stage)
        (step,) = json.loads(shown.out)["steps"]
        assert (step["action"], step["confirmed"]) == ("update", False)
        assert "unconfirmed: the server could not be asked" in (await todoke("app", "plan", "shop", stage=stage)).out
        shown = await todoke("app", "diff", "shop", stage=stage)
        assert (shown.code, "unconfirmed: the server could not be asked" in shown.out) == (1, True)
        assert [write for write in proxy.writes if "selfsubjectreviews" not in write.path] == []


async def test_the_observing_program_starts_with_rights_to_read_and_takes_no_lease(
    plane: ControlPlane, client: ApiClient, namespace: str, tmp_path: Path
):
    await install_kinds(client)
    account = Account(plane, client, namespace, tmp_path, observe=True)
    async with Proxy(await account.install(), tmp_path) as proxy:
        program = Program(tmp_path, namespace, proxy.kubeconfig, observe=True)
        async with program:
            assert any("It observes and writes nothing" in line for line in program.lines)
            await program.stop()
        assert proxy.writes == []
    await account.remove()
    leases = await client.get(f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases")
    assert leases["items"] == []


@pytest.mark.parametrize(
    ("group", "plural", "words"),
    [("argoproj.io", "applications", "list of applications"), ("coordination.k8s.io", "leases", "Lease/")],
)
async def test_a_controller_without_a_right_that_it_needs_says_so_and_ends(
    plane: ControlPlane, client: ApiClient, namespace: str, tmp_path: Path, group: str, plural: str, words: str
):
    await install_kinds(client)
    account = Account(plane, client, namespace, tmp_path)
    kubeconfig = await account.install()
    if group == "argoproj.io":
        await account.take_away(group, plural, "list", "watch")
    else:
        role = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/roles/todoke"
        rules = [rule for rule in (await client.get(role))["rules"] if rule["apiGroups"] != [group]]
        await client.patch(role, {"rules": rules})
        await until(lambda: account.may(group, plural, "create", namespace), lambda allowed: not allowed)
    ended = await todoke("serve", "--listen", "", namespace=namespace, kubeconfig=kubeconfig, folder=tmp_path)
    await account.remove()
    assert ended.code == 1
    assert words in ended.err
    assert account.user in ended.err
    assert "Grant this right" in ended.err
    assert "Traceback" not in ended.err
