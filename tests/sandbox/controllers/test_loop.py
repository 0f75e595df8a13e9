"""The loop as a whole: it settles, stands still, is not stopped by one broken object, and picks up what is there."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.cluster.waiting import until
from tests.sandbox.controllers.scenarios import value_at
from tests.sandbox.controllers.worlds import Json, Sandbox, sandbox


def template(image: str = "nginx:1", **spec: Any) -> Json:
    return {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": image}], **spec}}


def workload(name: str = "web", image: str = "nginx:1", **spec: Any) -> Json:
    made = template(image)
    made["metadata"]["labels"] = {"app": name}
    return {"metadata": {"name": name}, "spec": {"selector": {"matchLabels": {"app": name}}, "template": made, **spec}}


async def becomes(world: Sandbox, place: str, **wanted: Any) -> Json:
    """The object once its status has these values."""
    resource, _, name = place.partition("/")

    def fits(found: Json | None) -> bool:
        return found is not None and all(value_at(found, f"status.{path}") == value for path, value in wanted.items())

    found = await until(lambda: world.get(resource, name), fits)
    assert found is not None
    return found


async def test_once_settled_the_version_stands_still() -> None:
    """A bit of everything, broken Pods too: when it has come about, nobody writes, and nobody looks."""
    claim = {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    job = {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "run", "image": "busybox"}]}}}
    budget = {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}
    async with sandbox() as world:
        await world.create("deployments.apps", workload(replicas=3))
        await world.create("deployments.apps", workload("broken", "nginx:does-not-exist"))
        await world.create("deployments.apps", workload("crash", "nginx:exits-1"))
        await world.create("statefulsets.apps", workload("db", replicas=2, volumeClaimTemplates=[claim]))
        await world.create("daemonsets.apps", workload("logs"))
        await world.create("jobs.batch", {"metadata": {"name": "run"}, "spec": job})
        cron = {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": job}}
        await world.create("cronjobs.batch", {"metadata": {"name": "yearly"}, "spec": cron})
        await world.create("poddisruptionbudgets.policy", {"metadata": {"name": "web"}, "spec": budget})
        service = {"selector": {"app": "web"}, "ports": [{"port": 80}], "type": "LoadBalancer"}
        await world.create("services", {"metadata": {"name": "web"}, "spec": service})
        await becomes(world, "deployments.apps/web", availableReplicas=3)
        await becomes(world, "statefulsets.apps/db", availableReplicas=2)
        await becomes(world, "daemonsets.apps/logs", numberAvailable=1)
        await becomes(world, "jobs.batch/run", succeeded=1)
        reasons = await until(lambda: _reasons(world), lambda found: {"CrashLoopBackOff", "ImagePullBackOff"} <= found)
        assert reasons == {"CrashLoopBackOff", "ImagePullBackOff"}
        version = await world.settled()
        await asyncio.sleep(0.3)  # long enough for a controller that writes in circles
        assert world.store.version == version
        assert world.complaints == []


async def _reasons(world: Sandbox) -> set[str]:
    return {
        one["state"]["waiting"]["reason"]
        for pod in await world.list("pods")
        for one in pod["status"].get("containerStatuses") or ()
        if "waiting" in one["state"]
    }


async def test_one_object_that_fails_does_not_stop_the_others() -> None:
    async with sandbox() as world:
        bad = workload("bad", replicas=1)
        bad["spec"]["template"]["spec"]["serviceAccountName"] = "nobody"
        await world.create("deployments.apps", bad)
        await becomes(world, "deployments.apps/bad", unavailableReplicas=1)
        await world.create("deployments.apps", workload())
        await becomes(world, "deployments.apps/web", availableReplicas=1)
        found = await becomes(world, "deployments.apps/bad", **{"conditions[ReplicaFailure].reason": "FailedCreate"})
        message = value_at(found, "status.conditions[ReplicaFailure].message")
        assert message.endswith('error looking up service account default/nobody: serviceaccount "nobody" not found')
        await until(lambda: world.list("events"), lambda events: _tries(events) >= 3)
        assert len(world.complaints) == 1, "told once, however often it is tried"
        assert world.complaints[0].startswith("replicaset-controller: default/bad-")


def _tries(events: list[Json]) -> int:
    return sum(event["count"] for event in events if event.get("reason") == "FailedCreate")


async def test_controllers_that_start_later_find_everything_as_it_should_be() -> None:
    """New controllers on a settled cluster write nothing, and go on from there."""
    world = Sandbox("default")
    async with world.running():
        await world.create("deployments.apps", workload(replicas=2))
        service = {"selector": {"app": "web"}, "ports": [{"port": 80}]}
        await world.create("services", {"metadata": {"name": "web"}, "spec": service})
        await becomes(world, "deployments.apps/web", availableReplicas=2)
        version = await world.settled()
    async with world.running():
        assert world.store.version == version
        await world.patch("deployments.apps", "web", {"spec": {"replicas": 1}})
        await until(lambda: world.list("pods"), lambda pods: len(pods) == 1)


async def test_custom_objects_are_collected_too() -> None:
    names = {"plural": "things", "kind": "Thing"}
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    definition = {
        "metadata": {"name": "things.example.org"},
        "spec": {
            "group": "example.org",
            "scope": "Namespaced",
            "names": names,
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }
    async with sandbox() as world:
        await world.create("customresourcedefinitions.apiextensions.k8s.io", definition)
        owner = await world.create("things.example.org", {"metadata": {"name": "owner"}})
        ref = {"apiVersion": "example.org/v1", "kind": "Thing", "name": "owner", "uid": owner["metadata"]["uid"]}
        await world.create("configmaps", {"metadata": {"name": "owned", "ownerReferences": [ref]}})
        unknown = {"apiVersion": "example.org/v1", "kind": "Unheard", "name": "x", "uid": "x"}
        await world.create("configmaps", {"metadata": {"name": "kept", "ownerReferences": [unknown]}})
        await world.delete("things.example.org", "owner", {"propagationPolicy": "Background"})
        await until(lambda: world.get("configmaps", "owned"), lambda found: found is None)
        assert await world.get("configmaps", "kept") is not None, "nothing is known of an owner of a kind not served"


async def test_a_crowd_of_deployments_settles() -> None:
    async with sandbox() as world:
        for number in range(60):
            await world.apply("deployments.apps", _whole(workload(f"web-{number}")))

        def all_available(found: list[Json]) -> bool:
            return all(each["status"].get("availableReplicas") == 1 for each in found)

        assert len(await until(lambda: world.list("deployments.apps"), all_available)) == 60


def _whole(body: Json) -> Json:
    return {"apiVersion": "apps/v1", "kind": "Deployment", **body}
