"""The node and the scheduler: what Pods go through, and what is told about it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.cluster.waiting import until
from tests.sandbox.controllers.worlds import QUICK, Json, Sandbox, sandbox

VOLUME: Json = {"name": "d", "persistentVolumeClaim": {"claimName": "d"}}


def pod(name: str, image: str = "nginx:1", container: Json | None = None, **spec: Any) -> Json:
    return {
        "metadata": {"name": name},
        "spec": {"containers": [{"name": "web", "image": image, **(container or {})}], **spec},
    }


async def events(world: Sandbox, name: str) -> list[tuple[str, str, str]]:
    """Type, reason and message of what was told about an object, in order."""
    found = [event for event in await world.list("events") if event["involvedObject"]["name"] == name]
    found.sort(key=lambda event: int(event["metadata"]["resourceVersion"]))
    return [(event["type"], event["reason"], event["message"]) for event in found]


async def waits(world: Sandbox, name: str, reason: str) -> Json:
    """The Pod once its container waits for this reason."""

    def fits(found: Json | None) -> bool:
        statuses = (found or {}).get("status", {}).get("containerStatuses") or [{"state": {}}]
        return statuses[0]["state"].get("waiting", {}).get("reason") == reason

    found = await until(lambda: world.get("pods", name), fits)
    assert found is not None
    return found


async def runs(world: Sandbox, name: str) -> Json:
    found = await until(lambda: world.get("pods", name), lambda found: found and found["status"]["phase"] == "Running")
    assert found is not None
    return found


def conditions(pod: Json) -> dict[str, str]:
    return {found["type"]: found["status"] for found in pod["status"]["conditions"]}


async def test_a_pod_on_its_way() -> None:
    async with sandbox(pace=replace(QUICK, pod_start_seconds=0.05)) as world:
        await world.create("pods", pod("web"))
        creating = await waits(world, "web", "ContainerCreating")
        assert (creating["status"]["phase"], creating["spec"]["nodeName"]) == ("Pending", "sandbox")
        assert "podIP" not in creating["status"]
        assert conditions(creating)["PodReadyToStartContainers"] == "False"
        running = await runs(world, "web")
        assert running["status"]["podIP"].startswith("10.")
        assert set(conditions(running).values()) == {"True"}
        await world.create("pods", pod("again"))
        await runs(world, "again")
        assert await events(world, "web") == [
            ("Normal", "Scheduled", "Successfully assigned default/web to sandbox"),
            ("Normal", "Pulling", 'Pulling image "nginx:1"'),
            ("Normal", "Pulled", _message(await events(world, "web"), "Pulled")),
            ("Normal", "Created", "Container created"),
            ("Normal", "Started", "Container started"),
        ]
        assert _message(await events(world, "web"), "Pulled").startswith('Successfully pulled image "nginx:1" in ')
        present = 'Container image "nginx:1" already present on machine and can be accessed by the pod'
        assert _message(await events(world, "again"), "Pulled") == present


def _message(found: list[tuple[str, str, str]], reason: str) -> str:
    return next(message for _, of, message in found if of == reason)


async def test_the_node_says_that_it_is_ready() -> None:
    async with sandbox() as world:
        (node,) = await world.list("nodes")
        said = {found["type"]: (found["status"], found["reason"]) for found in node["status"]["conditions"]}
        assert said["Ready"] == ("True", "KubeletReady")
        assert node["status"]["nodeInfo"]["kubeletVersion"].startswith("v1.37")
        assert "runs nothing" in node["status"]["nodeInfo"]["osImage"]


async def test_images_that_cannot_be_had() -> None:
    async with sandbox() as world:
        await world.create("pods", pod("absent", "nginx:does-not-exist"))
        await world.create("pods", pod("wrong", "a//b:1"))
        await waits(world, "absent", "ImagePullBackOff")
        await waits(world, "wrong", "InvalidImageName")
        told = [(kind, reason) for kind, reason, _ in await events(world, "absent")][1:]
        assert told == [
            ("Normal", "Pulling"),
            ("Warning", "Failed"),
            ("Warning", "Failed"),
            ("Normal", "BackOff"),
            ("Warning", "Failed"),
        ]
        assert [event[2] for event in await events(world, "absent")][-1] == "Error: ImagePullBackOff"
        assert [reason for _, reason, _ in await events(world, "wrong")][1:] == ["InspectFailed", "Failed"]


@pytest.mark.parametrize(
    ("container", "kind", "data", "message"),
    [
        ({"envFrom": [{"configMapRef": {"name": "cfg"}}]}, "configmaps", {}, 'configmap "cfg" not found'),
        ({"envFrom": [{"secretRef": {"name": "cfg"}}]}, "secrets", {}, 'secret "cfg" not found'),
        (
            {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "cfg", "key": "a"}}}]},
            "secrets",
            {"a": "YQ=="},
            'secret "cfg" not found',
        ),
    ],
)
async def test_configuration_that_is_missing_heals(container: Json, kind: str, data: Json, message: str) -> None:
    async with sandbox() as world:
        await world.create("pods", pod("web", container=container))
        found = await waits(world, "web", "CreateContainerConfigError")
        assert found["status"]["containerStatuses"][0]["state"]["waiting"]["message"] == message
        assert ("Warning", "Failed", f"Error: {message}") in await events(world, "web")
        await world.create(kind, {"metadata": {"name": "cfg"}, "data": data})
        await runs(world, "web")


async def test_a_key_that_is_missing_heals() -> None:
    env = [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "cfg", "key": "a"}}}]
    async with sandbox() as world:
        await world.create("configmaps", {"metadata": {"name": "cfg"}, "data": {"b": "1"}})
        await world.create("pods", pod("web", container={"env": env}))
        found = await waits(world, "web", "CreateContainerConfigError")
        waiting = found["status"]["containerStatuses"][0]["state"]["waiting"]
        assert waiting["message"] == "couldn't find key a in ConfigMap default/cfg"
        await world.patch("configmaps", "cfg", {"data": {"a": "1"}})
        await runs(world, "web")


async def test_volumes_that_cannot_be_mounted_heal() -> None:
    volumes = [
        {"name": "one", "secret": {"secretName": "absent"}},
        {"name": "two", "configMap": {"name": "absent", "optional": True}},
    ]
    async with sandbox() as world:
        await world.create("pods", pod("web", volumes=volumes))
        await waits(world, "web", "ContainerCreating")
        failed = ("Warning", "FailedMount", 'MountVolume.SetUp failed for volume "one" : secret "absent" not found')
        await until(lambda: events(world, "web"), lambda told: failed in told)
        await world.create("secrets", {"metadata": {"name": "absent"}})
        await runs(world, "web")


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"nodeSelector": {"disk": "ssd"}}, "1 node(s) didn't match Pod's node affinity/selector"),
        (
            {"volumes": [VOLUME]},
            'persistentvolumeclaim "d" not found',
        ),
    ],
)
async def test_pods_that_cannot_be_placed(spec: Json, why: str) -> None:
    async with sandbox() as world:
        await world.create("pods", pod("web", **spec))
        await until(lambda: events(world, "web"), lambda told: told)
        message = (
            f"0/1 nodes are available: {why}. preemption: 0/1 nodes are available: 1 Preemption is not helpful for"
        )
        assert await events(world, "web") == [("Warning", "FailedScheduling", f"{message} scheduling.")]
        found = await world.get("pods", "web")
        assert found is not None
        assert found["status"]["phase"] == "Pending"
        assert (found["status"]["conditions"][0]["status"], found["status"]["conditions"][0]["reason"]) == (
            "False",
            "Unschedulable",
        )
        if "nodeSelector" in spec:
            await world.patch("nodes", "sandbox", {"metadata": {"labels": spec["nodeSelector"]}})
        else:
            asked = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
            await world.create("persistentvolumeclaims", {"metadata": {"name": "d"}, "spec": asked})
        await runs(world, "web")


async def test_taints_keep_pods_away_that_do_not_tolerate_them() -> None:
    taint = {"key": "gpu", "value": "yes", "effect": "NoSchedule"}
    async with sandbox() as world:
        await world.patch("nodes", "sandbox", {"spec": {"taints": [taint]}})
        await world.create("pods", pod("away"))
        await world.create("pods", pod("near", tolerations=[{"key": "gpu", "operator": "Exists"}]))
        await runs(world, "near")
        ((_, reason, message),) = await events(world, "away")
        assert (reason, "1 node(s) had untolerated taint(s)" in message) == ("FailedScheduling", True)


async def test_a_deleted_pod_stops_first() -> None:
    async with sandbox(pace=replace(QUICK, pod_stop_seconds=0.05)) as world:
        await world.create("pods", pod("web"))
        await runs(world, "web")
        await world.delete("pods", "web", {})
        stopping = await world.get("pods", "web")
        assert stopping is not None
        assert stopping["metadata"]["deletionGracePeriodSeconds"] == 30
        await until(lambda: world.get("pods", "web"), lambda found: found is None)
        assert ("Normal", "Killing", "Stopping container web") in await events(world, "web")


async def test_init_containers_come_first_and_sidecars_stay() -> None:
    first = [{"name": "first", "image": "busybox"}, {"name": "proxy", "image": "proxy", "restartPolicy": "Always"}]
    async with sandbox() as world:
        await world.create("pods", pod("web", initContainers=first))
        found = await runs(world, "web")
        assert [list(one["state"]) for one in found["status"]["initContainerStatuses"]] == [["terminated"], ["running"]]
        broken = [{"name": "first", "image": "busybox:exits-1"}]
        await world.create("pods", pod("stuck", initContainers=broken))
        found = await waits(world, "stuck", "PodInitializing")
        initialized = next(one for one in found["status"]["conditions"] if one["type"] == "Initialized")
        assert initialized["message"] == "containers with incomplete status: [first]"


async def test_a_pod_that_never_ran_goes_without_a_complaint() -> None:
    async with sandbox() as world:
        await world.create("pods", pod("web", "registry.example//Web:1"))
        await waits(world, "web", "InvalidImageName")
        await world.delete("pods", "web", {})
        await until(lambda: world.get("pods", "web"), lambda found: found is None)
        assert world.complaints == []
