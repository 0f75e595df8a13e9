"""Bad manifests, bad specs, bad neighbours: said clearly, in one application only, and over as soon as they are mended.

Every case runs the loop with two applications in one repository: `shop`, which is broken, and `fine`, which is not.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.cluster.client import ApiClient
from tests.cluster.control_plane import ControlPlane
from tests.cluster.git_repo import Symlink
from tests.cluster.program import Scene, playing
from tests.cluster.stage import Stage, config_map, install_kinds, opened
from tests.cluster.waiting import until

pytestmark = pytest.mark.anywhere

GOOD = json.dumps(config_map(color="blue"))
BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdefg", "bcdefgh", strict=True)
)
OBJECT = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\n"


class Fault(NamedTuple):
    """What is wrong in the folder `shop`, and what the condition must say."""

    files: dict[str, Any]
    words: tuple[str, ...]
    kind: str = "ComparisonError"
    phase: str = "Error"


FAULTS = {
    "no such folder": Fault(
        {"shops/all.yaml": GOOD},
        ("Repository file://", "spec.source.path", 'no such folder "shop"', "shops", "Push the"),
    ),
    "broken yaml": Fault(
        {"shop/all.yaml": OBJECT + "data:\n  color: [blue\n"},
        ("all.yaml, line 7", "expected ',' or ']'", "Correct the YAML"),
    ),
    "twice": Fault(
        {"shop/a.yaml": GOOD, "shop/b.yaml": GOOD},
        ("b.yaml", "web is already defined in a.yaml", "Remove or rename one of them"),
    ),
    "no name": Fault(
        {"shop/all.yaml": GOOD.replace('"name": "web"', '"labels": {}')},
        ("all.yaml metadata.name: is missing", "Add it"),
    ),
    "alias bomb": Fault(
        {"shop/all.yaml": OBJECT + BOMB}, ("all.yaml", "has more than 250000 nodes", "Correct the YAML")
    ),
    "link out of the repository": Fault(
        {"shop/all.yaml": Symlink("../../../../etc/passwd")},
        ("symbolic link all.yaml -> ../../../../etc/passwd leads out of the repository", "Replace the link"),
    ),
    "absolute link": Fault(
        {"shop/all.yaml": Symlink("/etc/passwd")}, ("all.yaml -> /etc/passwd leads out of the repository", "Replace")
    ),
    "refused by the server": Fault(
        {"shop/all.yaml": json.dumps(config_map("Not_A_Name", color="blue"))},
        ("ConfigMap/", "Not_A_Name", "a lowercase RFC 1123 subdomain", "Correct the manifest"),
        "SyncError",
        "Failed",
    ),
    "too large": Fault(
        {"shop/all.yaml": json.dumps(config_map(color="x" * 2_000_000))},
        ("ConfigMap/", "/web", "1048576 bytes"),
        "SyncError",
        "Failed",
    ),
    "kind that is not served": Fault(
        {
            "shop/all.yaml": json.dumps(
                {"apiVersion": "nobody.example/v1", "kind": "Gizmo", "metadata": {"name": "web"}}
            )
        },
        (
            "Gizmo/",
            "nobody.example/v1/Gizmo is not served",
            "CRD not installed",
            "Install the CustomResourceDefinition",
        ),
        "MissingKindWarning",
        "Succeeded",
    ),
}


@pytest.fixture
async def scene(stage: Stage) -> AsyncIterator[Scene]:
    async with playing(stage) as scene:
        yield scene


@pytest.mark.parametrize("name", FAULTS)
async def test_a_fault_in_a_commit_is_told_and_over_with_the_next_commit(scene: Scene, name: str):
    stage, desk = scene
    fault = FAULTS[name]
    stage.repo.commit(fault.files, name)
    await desk.create(stage.repo.url)
    condition = await desk.condition(*fault.words)
    assert condition["type"] == fault.kind
    sync = (await desk.status())["sync"]["status"]
    assert sync == ("Unknown" if fault.phase == "Error" else "OutOfSync")
    await desk.ask_for_sync()
    await desk.operation_ended(fault.phase, *(fault.words if fault.phase != "Succeeded" else ()))
    await scene.fine_goes_on()

    sha = stage.repo.commit(dict.fromkeys(fault.files) | {"shop/good.yaml": GOOD}, "mended")
    status = await desk.synced(sha)
    assert not status["conditions"]
    assert (await stage.live("ConfigMap"))["data"] == {"color": "blue"}


async def test_a_fault_after_a_good_delivery_leaves_everything_as_it_is(scene: Scene):
    """What was delivered stays, the earlier sync keeps its place in the history, the failed one is told as its own."""
    stage, desk = scene
    good = stage.repo.commit({"shop/all.yaml": GOOD}, "good")
    await desk.create(stage.repo.url)
    first = await desk.synced(good)
    stage.repo.commit({"shop/all.yaml": OBJECT + "data: [\n"}, "bad")
    await desk.condition("all.yaml, line")
    await desk.ask_for_sync()
    await desk.operation_ended("Error", "all.yaml, line")
    status = await desk.status()
    assert (await stage.live("ConfigMap"))["data"] == {"color": "blue"}
    assert status["resources"] == first["resources"]
    assert status["history"] == first["history"]
    assert status["health"]["status"] == "Healthy"


async def test_a_plugin_that_is_not_installed_is_told(scene: Scene):
    stage, desk = scene
    stage.repo.commit({"shop/all.yaml": GOOD}, "good")
    source = {"repoURL": stage.repo.url, "path": "shop", "targetRevision": "main", "plugin": {"name": "templater"}}
    await desk.create(stage.repo.url, source=source)
    words = ("spec.source.plugin.name: there is no plugin templater (there are none)", "--plugins-folder")
    assert (await desk.condition(*words))["type"] == "ComparisonError"
    await desk.ask_for_sync()
    await desk.operation_ended("Error", *words)
    await scene.fine_goes_on()


async def test_an_unknown_revision_names_its_neighbours(scene: Scene):
    stage, desk = scene
    stage.repo.commit({"shop/all.yaml": GOOD}, "good")
    stage.repo.branch("release-1.1")
    source = {"repoURL": stage.repo.url, "path": "shop", "targetRevision": "release-1.2"}
    await desk.create(stage.repo.url, source=source)
    words = ("spec.source.targetRevision", 'revision "release-1.2" not found', "release-1.1", "correct targetRevision")
    await desk.condition(*words)
    await desk.ask_for_sync()
    await desk.operation_ended("Error", *words)
    await scene.fine_goes_on()
    await desk.synced(stage.repo.branch("release-1.2"))


SPECS = {
    "no source": ({"source": None}, ("spec.source: there is no source", "Set spec.source.repoURL")),
    "two clusters": (
        {"destination": {"server": "https://kubernetes.default.svc", "name": "in-cluster"}},
        ("spec.destination: both server and name are set", "Keep one of them"),
    ),
    "unknown cluster": (
        {"destination": {"server": None, "name": "mars"}},
        ("spec.destination: the cluster mars is not known", "https://kubernetes.default.svc"),
    ),
    "unknown project": (
        {"project": "secret-lab"},
        ("spec.project: there is no project secret-lab", "Create the AppProject or name another"),
    ),
}


@pytest.mark.parametrize("name", SPECS)
async def test_an_invalid_spec_is_told_and_over_when_it_is_corrected(scene: Scene, name: str):
    stage, desk = scene
    wrong, words = SPECS[name]
    good = stage.repo.commit({"shop/all.yaml": GOOD}, "good")
    await desk.create(stage.repo.url)
    await desk.synced(good)
    right = (await desk.get())["spec"]
    await desk.patch({"spec": wrong})
    condition = await desk.condition(*words)
    assert condition["type"] == "InvalidSpecError"
    await desk.ask_for_sync()
    await desk.operation_ended("Error", *words)
    await scene.fine_goes_on()
    back = {"server": None, "name": None}
    await desk.patch({"spec": {field: _undone(right[field], back) for field in wrong}})
    status = await until(desk.status, lambda status: not status["conditions"])
    assert status["sync"]["status"] == "Synced"


def _undone(value: Any, back: dict[str, None]) -> Any:
    return back | value if isinstance(value, dict) else value


async def test_a_namespace_in_which_todoke_may_not_write(
    plane: ControlPlane, client: ApiClient, namespace: str, tmp_path: Path
):
    """An application may not be delivered; the one beside it is. It is delivered once the right is granted."""
    await install_kinds(client)
    user, far = f"system:serviceaccount:{namespace}:todoke", f"{namespace}-far"
    await client.create("/api/v1/namespaces", {"metadata": {"name": far}})
    await _grant(client, namespace, user, far)
    stage = Stage(plane, client, namespace, tmp_path)
    stage.kubeconfig = plane.kubeconfig(user, [f"system:serviceaccounts:{namespace}"])
    destination = {"server": "https://kubernetes.default.svc", "namespace": far}
    async with opened(stage), playing(stage) as scene:
        sha = stage.repo.commit({"shop/all.yaml": GOOD}, "good")
        await scene.desk.create(stage.repo.url, destination=destination)
        condition = await scene.desk.condition(f"ConfigMap/{far}/web", user, "cannot patch", "Grant this right")
        assert condition["type"] == "SyncError"
        await scene.desk.ask_for_sync()
        await scene.desk.operation_ended("Failed", "cannot patch", "Grant this right")
        await scene.fine_goes_on()
        await _may_write(client, far, user)
        await scene.desk.refreshed()
        status = await scene.desk.synced(stage.repo.tip() or sha)
        assert not status["conditions"]
    await client.delete(f"/api/v1/namespaces/{far}")


async def _grant(client: ApiClient, namespace: str, user: str, far: str) -> None:
    """Read everything; write Applications and ConfigMaps of the control namespace only."""
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    read = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]}
    await client.create(f"{rbac}/clusterroles", {"metadata": {"name": far}, "rules": [read]})
    binding = {"metadata": {"name": far}, "subjects": [_subject(user)]}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": far}
    await client.create(f"{rbac}/clusterrolebindings", binding | {"roleRef": role})
    await _may_write(client, namespace, user)


async def _may_write(client: ApiClient, namespace: str, user: str) -> None:
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    rules = [{"apiGroups": ["argoproj.io", ""], "resources": ["applications", "configmaps"], "verbs": ["*"]}]
    await client.create(f"{rbac}/roles", {"metadata": {"name": "todoke"}, "rules": rules})
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "todoke"}
    await client.create(
        f"{rbac}/rolebindings", {"metadata": {"name": "todoke"}, "subjects": [_subject(user)], "roleRef": role}
    )


def _subject(user: str) -> dict[str, str]:
    return {"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"}
