"""The control plane is a real one: it applies, defends, remembers and admits like any cluster."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
from pathlib import Path

import pytest

from tests.cluster.client import MERGE_PATCH, ApiClient, ApiError, Json
from tests.cluster.control_plane import ControlPlane
from tests.cluster.waiting import until

pytestmark = pytest.mark.plane


def config_map(data: Json) -> Json:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": data}


async def test_patches_and_field_owners(client: ApiClient, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps/settings"
    await client.apply(path, config_map({"a": "1"}), owner="first")
    merged = await client.patch(path, {"data": {"b": "2"}}, MERGE_PATCH)
    assert merged["data"] == {"a": "1", "b": "2"}
    with pytest.raises(ApiError, match="conflict") as refused:
        await client.apply(path, config_map({"a": "3"}), owner="second")
    assert refused.value.status == 409
    forced = await client.apply(path, config_map({"a": "3"}), owner="second", force="true")
    assert forced["data"]["a"] == "3"
    assert {entry["manager"] for entry in forced["metadata"]["managedFields"]} >= {"second"}


async def test_a_dry_run_changes_nothing(client: ApiClient, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps/settings"
    await client.apply(path, config_map({"a": "1"}), dryRun="All")
    with pytest.raises(ApiError) as absent:
        await client.get(path)
    assert (absent.value.status, absent.value.reason) == (404, "NotFound")


async def test_watch_tells_changes_after_a_version(client: ApiClient, namespace: str) -> None:
    collection = f"/api/v1/namespaces/{namespace}/configmaps"
    version = (await client.get(collection))["metadata"]["resourceVersion"]
    await client.create(collection, config_map({"a": "x" * 200_000}))
    await client.delete(f"{collection}/settings")
    told = []
    async for event, found in client.watch(collection, version):
        if found["metadata"]["name"] == "settings":
            told.append(event)
        if event == "DELETED":
            break
    assert told == ["ADDED", "DELETED"]


async def test_custom_resources_are_served_and_validated(client: ApiClient, namespace: str) -> None:
    schema = {
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": {"n": {"type": "integer"}}}},
    }
    names = {"plural": "widgets", "singular": "widget", "kind": "Widget"}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    spec = {"group": "test.todoke.dev", "scope": "Namespaced", "names": names, "versions": [version]}
    crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    await client.create(crds, {"metadata": {"name": "widgets.test.todoke.dev"}, "spec": spec})
    path = f"/apis/test.todoke.dev/v1/namespaces/{namespace}/widgets"
    widget: Json = {
        "apiVersion": "test.todoke.dev/v1",
        "kind": "Widget",
        "metadata": {"name": "w"},
        "spec": {"n": 1},
    }

    async def served() -> bool:
        try:
            await client.get(path)
        except ApiError:
            return False
        return True

    await until(served, bool)
    await client.create(path, widget)
    with pytest.raises(ApiError, match="must be of type integer"):
        await client.create(path, widget | {"metadata": {"name": "x"}, "spec": {"n": "one"}})
    await client.delete(f"{crds}/widgets.test.todoke.dev")


async def test_mutating_admission_policies_work(client: ApiClient, namespace: str) -> None:
    admission = "/apis/admissionregistration.k8s.io/v1"
    expression = 'Object{metadata: Object.metadata{labels: {"admitted": "yes"}}}'
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}
    mutation = {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}
    only_here = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    matching = {"resourceRules": [rule], "namespaceSelector": only_here}
    spec = {"matchConstraints": matching, "reinvocationPolicy": "Never", "mutations": [mutation]}
    meta = {"metadata": {"name": namespace}}
    await client.create(f"{admission}/mutatingadmissionpolicies", meta | {"spec": spec})
    binding = meta | {"spec": {"policyName": namespace}}
    await client.create(f"{admission}/mutatingadmissionpolicybindings", binding)

    async def admitted() -> Json:
        return await client.create(f"/api/v1/namespaces/{namespace}/configmaps", config_map({}), dryRun="All")

    await until(admitted, lambda found: found["metadata"].get("labels") == {"admitted": "yes"})
    for kind in ("mutatingadmissionpolicybindings", "mutatingadmissionpolicies"):
        await client.delete(f"{admission}/{kind}/{namespace}")


async def test_users_are_held_to_their_roles(plane: ControlPlane, client: ApiClient, namespace: str) -> None:
    subject = {"kind": "Group", "name": "readers", "apiGroup": "rbac.authorization.k8s.io"}
    role = {"kind": "ClusterRole", "name": "view", "apiGroup": "rbac.authorization.k8s.io"}
    binding = {"metadata": {"name": "readers"}, "subjects": [subject], "roleRef": role}
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings"
    await client.create(rbac, binding)
    collection = f"/api/v1/namespaces/{namespace}/configmaps"
    async with ApiClient(plane.kubeconfig("jane", ["readers"])) as jane:

        async def listed() -> bool:
            try:
                return bool((await jane.get(collection))["items"])
            except ApiError:
                return False

        await until(listed, bool)
        with pytest.raises(ApiError, match='"jane" cannot create') as refused:
            await jane.create(collection, config_map({}))
    assert refused.value.status == 403
    assert plane.token("jane", ["readers"]) == plane.token("jane", ["readers"])


async def test_tokens_of_service_accounts(plane: ControlPlane, client: ApiClient, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/default/token"
    token = (await client.create(path, {"spec": {"expirationSeconds": 600}}))["status"]["token"]
    review = {"spec": {"token": token}}
    answer = await client.create("/apis/authentication.k8s.io/v1/tokenreviews", review)
    assert answer["status"]["user"]["username"] == f"system:serviceaccount:{namespace}:default"


async def test_deleting_an_owner_deletes_what_it_owns(client: ApiClient, namespace: str) -> None:
    collection = f"/api/v1/namespaces/{namespace}/configmaps"
    owner = await client.create(collection, config_map({}))
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "settings", "uid": owner["metadata"]["uid"]}
    await client.create(collection, {"metadata": {"name": "owned", "ownerReferences": [reference]}})
    await client.delete(f"{collection}/settings")
    listed = await until(lambda: client.get(collection), lambda found: "owned" not in str(found["items"]), seconds=30)
    assert [found["metadata"]["name"] for found in listed["items"]] == ["kube-root-ca.crt"]


def test_kubectl_speaks_to_it(plane: ControlPlane, namespace: str) -> None:
    command = [str(plane.kubectl), "--kubeconfig", str(plane.kubeconfig_path), "-n", namespace]
    manifest = json.dumps(config_map({"a": "1"}))
    done = subprocess.run([*command, "apply", "-f", "-"], input=manifest, capture_output=True, text=True, timeout=30)
    assert done.stdout == "configmap/settings created\n", done.stderr
    version = subprocess.run([*command, "version", "-o", "json"], capture_output=True, text=True, timeout=30)
    versions = json.loads(version.stdout)
    assert versions["serverVersion"]["gitVersion"] == versions["clientVersion"]["gitVersion"] != ""


async def test_a_restart_keeps_objects_and_the_audit_log_names_users(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    async with ControlPlane(audit_log=log) as plane:
        pids = plane.pids
        async with ApiClient(plane.kubeconfig("counted", ["system:masters"])) as counted:
            await counted.create("/api/v1/namespaces/default/configmaps", config_map({"a": "1"}))
        await asyncio.to_thread(plane.kill_apiserver)
        with pytest.raises(urllib.error.URLError):
            plane.request("GET", "/readyz")
        url = plane.url
        await asyncio.to_thread(plane.start_apiserver)
        found = plane.request("GET", "/api/v1/namespaces/default/configmaps/settings")
        assert (found["data"], plane.url) == ({"a": "1"}, url)
        assert plane.pids["etcd"] == pids["etcd"]
        assert plane.pids["apiserver"] != pids["apiserver"]
        async with ApiClient(plane.kubeconfig_path) as client:
            with pytest.raises(ApiError) as expired:  # the new server does not know what the old one sent
                async for _ in client.watch("/api/v1/configmaps", "2"):
                    pass
        assert expired.value.status == 410
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["verb"] for line in lines if line["user"]["username"] == "counted"] == ["create"]
    assert {line["stage"] for line in lines} <= {"ResponseComplete", "ResponseStarted", "Panic"}


def test_nothing_outlives_a_killed_parent(tmp_path: Path) -> None:
    """Also when no ``finally`` runs: the guard ends the processes and removes the folder."""
    program = (
        "import sys\nfrom tests.cluster.control_plane import ControlPlane\n"
        "plane = ControlPlane()\nplane.start()\n"
        "print(*plane.pids.values(), plane.kubeconfig_path.parent, flush=True)\nsys.stdin.read()\n"
    )
    root = str(Path(__file__).resolve().parents[2])
    with subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": root},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        *pids, folder = parent.stdout.readline().split()
        assert len(pids) == 3
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while Path(folder).exists() or any(Path(f"/proc/{pid}/fd").exists() and _lives(pid) for pid in pids):
        assert time.monotonic() < deadline, f"still there: {folder} {pids}"
        time.sleep(0.05)


def _lives(pid: str) -> bool:
    """Whether a process is there and no zombie that waits for its new parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
