"""The mover makes a cluster without nodes look alive, and looks away from clusters that are."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.client import ApiClient, ApiError, Json
from tests.cluster.control_plane import ControlPlane
from tests.cluster.mover import NODE, Mover, RealNodes
from tests.cluster.waiting import until

pytestmark = pytest.mark.plane

ROOT = Path(__file__).resolve().parents[2]
BROKEN = "asia.gcr.io//circleci-demo-gitops:47ea3df"


def container(image: str = "nginx:1.27", name: str = "web", **more: Any) -> Json:
    return {"name": name, "image": image, **more}


def workload(kind: str, name: str, *containers: Json, **spec: Any) -> Json:
    """A Deployment, StatefulSet or DaemonSet with these containers."""
    labels = {"app": name}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": list(containers) or [container()]}}
    body = {"selector": {"matchLabels": labels}, "template": pod, **spec}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": body}


def job(name: str, *containers: Json, **spec: Any) -> Json:
    pod = {"spec": {"restartPolicy": "Never", "containers": list(containers) or [container("busybox")]}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"template": pod, **spec},
    }


class Place:
    """One namespace, with shorthands for what these tests do in it."""

    def __init__(self, client: ApiClient, namespace: str) -> None:
        self.client = client
        self.core = f"/api/v1/namespaces/{namespace}"
        self.apps = f"/apis/apps/v1/namespaces/{namespace}"
        self.batch = f"/apis/batch/v1/namespaces/{namespace}"

    async def pods(self, **parameters: str) -> list[Json]:
        found: list[Json] = (await self.client.get(f"{self.core}/pods", **parameters))["items"]
        return found

    async def waits(self, reason: str) -> Json:
        """The first Pod that has a container waiting for this reason."""

        def fits(pods: list[Json]) -> bool:
            return bool(pods) and reason in {waiting["reason"] for waiting in _waiting(pods[0])}

        return (await until(self.pods, fits))[0]

    async def becomes(self, path: str, field: str, value: object) -> Json:
        """The object, once this field of its status has this value."""
        return await until(lambda: self.client.get(path), lambda found: found["status"].get(field) == value)


@pytest.fixture
def place(client: ApiClient, namespace: str) -> Place:
    return Place(client, namespace)


def _waiting(pod: Json) -> list[Json]:
    status = pod["status"]
    found = [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
    return [one["state"]["waiting"] for one in found if "waiting" in one["state"]]


def _conditions(pod: Json) -> dict[str, str]:
    return {condition["type"]: condition["status"] for condition in pod["status"]["conditions"]}


async def test_a_deployment_becomes_available_and_rolls(place: Place) -> None:
    path = f"{place.apps}/deployments/web"
    await place.client.create(f"{place.apps}/deployments", workload("Deployment", "web", replicas=3))
    await place.becomes(path, "availableReplicas", 3)
    pod = (await place.pods())[0]
    assert pod["spec"]["nodeName"] == NODE
    assert pod["status"]["phase"] == "Running"
    assert set(_conditions(pod).values()) == {"True"}
    state = pod["status"]["containerStatuses"][0]
    assert (state["ready"], state["image"]) == (True, "docker.io/library/nginx:1.27")
    assert state["containerID"].startswith("containerd://")
    assert len({pod["status"]["podIP"] for pod in await place.pods()}) == 3
    changed = {"spec": {"template": {"metadata": {"annotations": {"roll": "1"}}}}}
    generation = (await place.client.patch(path, changed))["metadata"]["generation"]
    await place.becomes(path, "observedGeneration", generation)
    await place.becomes(path, "updatedReplicas", 3)
    await until(place.pods, lambda pods: len(pods) == 3)  # the old ones are let go
    await place.becomes(path, "availableReplicas", 3)


async def test_stateful_and_daemon_sets_get_ready(place: Place) -> None:
    claim = {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    stateful = workload("StatefulSet", "db", replicas=2, serviceName="db", volumeClaimTemplates=[claim])
    await place.client.create(f"{place.apps}/statefulsets", stateful)
    await place.client.create(f"{place.apps}/daemonsets", workload("DaemonSet", "agent"))
    await place.becomes(f"{place.apps}/statefulsets/db", "readyReplicas", 2)
    await place.becomes(f"{place.apps}/daemonsets/agent", "numberAvailable", 1)
    for number in range(2):
        bound = await place.becomes(f"{place.core}/persistentvolumeclaims/data-db-{number}", "phase", "Bound")
    volume = f"/api/v1/persistentvolumes/{bound['spec']['volumeName']}"
    await place.client.patch(f"{place.apps}/statefulsets/db", {"spec": {"replicas": 1}})
    await until(lambda: place.pods(labelSelector="app=db"), lambda pods: len(pods) == 1)
    await place.client.delete(f"{place.core}/persistentvolumeclaims/data-db-1")

    async def gone() -> bool:
        try:
            await place.client.get(volume)
        except ApiError as error:
            return error.status == 404
        return False

    await until(gone, bool)


async def test_a_job_completes_and_a_failing_one_fails(place: Place) -> None:
    await place.client.create(f"{place.batch}/jobs", job("good", completions=3, parallelism=3))
    await place.client.create(f"{place.batch}/jobs", job("tag", container("busybox:exits-3"), backoffLimit=0))
    failing = container("busybox", command=["sh", "-c", "echo no; exit 2"])
    await place.client.create(f"{place.batch}/jobs", job("command", failing, backoffLimit=0))
    good = await place.becomes(f"{place.batch}/jobs/good", "succeeded", 3)
    assert "completionTime" in good["status"] or await place.becomes(f"{place.batch}/jobs/good", "active", None)
    for name, code in (("tag", 3), ("command", 2)):
        await place.becomes(f"{place.batch}/jobs/{name}", "failed", 1)
        pod = (await place.pods(labelSelector=f"job-name={name}"))[0]
        assert pod["status"]["phase"] == "Failed"
        assert pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == code


async def test_an_invalid_image_name(place: Place) -> None:
    await place.client.create(f"{place.apps}/deployments", workload("Deployment", "web", container(BROKEN)))
    pod = await place.waits("InvalidImageName")
    assert pod["status"]["phase"] == "Pending"
    assert _waiting(pod)[0]["message"] == (
        f'Failed to apply default image tag "{BROKEN}": couldn\'t parse image name "{BROKEN}": invalid reference format'
    )
    fixed = {"spec": {"template": {"spec": {"containers": [container()]}}}}
    path = f"{place.apps}/deployments/web"
    await place.client.patch(path, fixed)
    await place.becomes(path, "availableReplicas", 1)


async def test_an_image_that_does_not_exist_backs_off(place: Place) -> None:
    image = "nginx:does-not-exist"
    await place.client.create(f"{place.apps}/deployments", workload("Deployment", "web", container(image)))
    first = await place.waits("ErrImagePull")
    assert "not found" in _waiting(first)[0]["message"]
    then = await place.waits("ImagePullBackOff")
    assert _waiting(then)[0]["message"].startswith(f'Back-off pulling image "{image}": ErrImagePull: ')
    assert _conditions(then)["Ready"] == "False"


async def test_each_container_has_a_state_of_its_own(place: Place) -> None:
    containers = [container(), container("app:does-not-exist", "side")]
    await place.client.create(f"{place.core}/pods", {"metadata": {"name": "two"}, "spec": {"containers": containers}})
    pod = await place.waits("ImagePullBackOff")
    assert pod["status"]["phase"] == "Pending"
    assert [list(one["state"]) for one in pod["status"]["containerStatuses"]] == [["running"], ["waiting"]]
    ready = next(found for found in pod["status"]["conditions"] if found["type"] == "Ready")
    assert ready["message"] == "containers with unready status: [side]"


async def test_a_crashing_container_and_a_crashing_init_container(place: Place) -> None:
    await place.client.create(f"{place.apps}/deployments", workload("Deployment", "web", container("app:exits-1")))
    pod = await place.waits("CrashLoopBackOff")
    state = pod["status"]["containerStatuses"][0]
    assert (pod["status"]["phase"], state["restartCount"]) == ("Running", 1)
    assert state["lastState"]["terminated"]["exitCode"] == 1
    spec = {"initContainers": [container("app:exits-1", "first")], "containers": [container()]}
    await place.client.delete(f"{place.apps}/deployments/web")
    await until(place.pods, lambda pods: not pods)
    await place.client.create(f"{place.core}/pods", {"metadata": {"name": "init"}, "spec": spec})
    pod = await place.waits("CrashLoopBackOff")
    assert [waiting["reason"] for waiting in _waiting(pod)] == ["CrashLoopBackOff", "PodInitializing"]
    assert _conditions(pod)["Initialized"] == "False"


async def test_init_containers_sidecars_and_gates(place: Place) -> None:
    sidecar = container("proxy", "proxy", restartPolicy="Always")
    spec = {"initContainers": [container("busybox", "first"), sidecar], "containers": [container()]}
    gated = spec | {"readinessGates": [{"conditionType": "example.org/ok"}]}
    await place.client.create(f"{place.core}/pods", {"metadata": {"name": "gated"}, "spec": gated})
    path = f"{place.core}/pods/gated"
    pod = await place.becomes(path, "phase", "Running")
    assert (_conditions(pod)["Ready"], _conditions(pod)["ContainersReady"]) == ("False", "True")
    assert [list(one["state"]) for one in pod["status"]["initContainerStatuses"]] == [
        ["terminated"],
        ["running"],
    ]
    opened = [{"type": "example.org/ok", "status": "True"}, *pod["status"]["conditions"]]
    await place.client.patch(f"{path}/status", {"status": {"conditions": opened}})
    await until(lambda: place.client.get(path), lambda found: _conditions(found)["Ready"] == "True")
    await place.client.create(f"{place.batch}/jobs", job("mesh"))
    await place.becomes(f"{place.batch}/jobs/mesh", "succeeded", 1)


async def test_pods_of_other_schedulers_stay_pending(place: Place) -> None:
    spec = {"schedulerName": "nobody", "containers": [container()]}
    await place.client.create(f"{place.core}/pods", {"metadata": {"name": "kept"}, "spec": spec})
    await place.client.create(
        f"{place.core}/pods", {"metadata": {"name": "moved"}, "spec": {"containers": [container()]}}
    )
    await place.becomes(f"{place.core}/pods/moved", "phase", "Running")
    assert "nodeName" not in (await place.client.get(f"{place.core}/pods/kept"))["spec"]


async def test_deleted_pods_go_also_those_of_running_jobs(place: Place) -> None:
    await place.client.create(f"{place.apps}/deployments", workload("Deployment", "web", replicas=5))
    await place.client.create(f"{place.batch}/jobs", job("long", container("app:does-not-exist")))
    await place.becomes(f"{place.apps}/deployments/web", "availableReplicas", 5)
    background = {"propagationPolicy": "Background"}
    await place.client.delete(f"{place.apps}/deployments/web", background)
    await place.client.delete(f"{place.batch}/jobs/long", background)
    await until(place.pods, lambda pods: not pods)


async def test_a_whole_namespace_goes(plane: ControlPlane, place: Place) -> None:
    await place.client.create(f"{place.apps}/deployments", workload("Deployment", "web", replicas=2))
    await place.becomes(f"{place.apps}/deployments/web", "availableReplicas", 2)
    await place.client.delete(place.core)

    async def gone() -> bool:
        try:
            await place.client.get(place.core)
        except ApiError as error:
            return error.status == 404
        return False

    await until(gone, bool, seconds=40)


async def test_load_balancers_and_ingresses_get_an_address(place: Place, namespace: str) -> None:
    service = {"metadata": {"name": "web"}, "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]}}
    await place.client.create(f"{place.core}/services", service)
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    networking = f"/apis/networking.k8s.io/v1/namespaces/{namespace}/ingresses"
    await place.client.create(networking, {"metadata": {"name": "web"}, "spec": {"defaultBackend": backend}})
    for path in (f"{place.core}/services/web", f"{networking}/web"):
        ask = partial(place.client.get, path)
        found = await until(ask, lambda found: found["status"]["loadBalancer"].get("ingress"))
        assert found["status"]["loadBalancer"]["ingress"][0]["ip"] == "127.0.0.1"


async def test_a_hundred_deployments_at_once(plane: ControlPlane, place: Place) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(100):
            body = workload("Deployment", f"web-{number}")
            group.create_task(place.client.create(f"{place.apps}/deployments", body))

    def available(listed: Json) -> bool:
        return all(found["status"].get("availableReplicas") == 1 for found in listed["items"])

    await until(lambda: place.client.get(f"{place.apps}/deployments"), available, seconds=55)


async def test_it_refuses_a_cluster_with_real_nodes(plane: ControlPlane, client: ApiClient, namespace: str) -> None:
    await client.create("/api/v1/nodes", {"metadata": {"name": f"real-{namespace}"}})
    try:
        with pytest.raises(RealNodes, match=f"without the label .*: real-{namespace}; nothing was done"):
            await Mover(client).make_node()
        command = [sys.executable, "-m", "tests.cluster.mover", "--kubeconfig", str(plane.kubeconfig_path)]
        done = await asyncio.to_thread(subprocess.run, command, cwd=ROOT, capture_output=True, text=True)
        assert (done.returncode, done.stderr.startswith("mover: refused: nodes without")) == (1, True)
    finally:
        await client.delete(f"/api/v1/nodes/real-{namespace}")


async def test_it_rides_out_an_api_server_that_is_away() -> None:
    async with ControlPlane() as plane:
        await asyncio.to_thread(plane.start_mover, "--broken-tag", "v13")
        async with ApiClient(plane.kubeconfig_path) as client:
            place = Place(client, "default")
            await asyncio.to_thread(plane.kill_apiserver)
            await asyncio.sleep(1)
            await asyncio.to_thread(plane.start_apiserver)
            await client.create(f"{place.apps}/deployments", workload("Deployment", "good"))
            await place.becomes(f"{place.apps}/deployments/good", "availableReplicas", 1)
            await client.delete(f"{place.apps}/deployments/good")
            await until(place.pods, lambda pods: not pods)
            await client.create(f"{place.apps}/deployments", workload("Deployment", "bad", container("app:v13")))
            await place.waits("ImagePullBackOff")
        assert "mover" in plane.pids
