"""The drift matrix, part three: custom resources, with and without a schema, and when the schema changes."""

from typing import Any

import pytest

from tests.cluster.client import JSON_PATCH
from tests.cluster.stage import Stage
from tests.cluster.waiting import until
from todoke.model.plans import Action

pytestmark = pytest.mark.anywhere


def definition(group: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"gadgets.{group}"},
        "spec": {
            "group": group,
            "names": {"kind": "Gadget", "plural": "gadgets", "singular": "gadget"},
            "scope": "Namespaced",
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }


def with_ports(list_type: dict[str, Any]) -> dict[str, Any]:
    port = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "number": {"type": "integer"}},
        "required": ["name"],
    }
    ports = {"type": "array", "items": port} | list_type
    return {
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": {"ports": ports, "size": {"type": "integer"}}}},
    }


SCHEMALESS = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
ATOMIC = with_ports({"x-kubernetes-list-type": "atomic"})
KEYED = with_ports({"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]})


@pytest.fixture
async def gadgets(stage: Stage):
    """The group of a kind of its own, and a function that installs it with a schema."""
    group = f"{stage.namespace}.example.org"
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gadgets.{group}"

    await stage.allow(group, "gadgets")

    async def install(schema: dict[str, Any]) -> None:
        await stage.api.apply(path, definition(group, schema))
        await until(lambda: stage.api.get(path), lambda found: (found.get("status") or {}).get("conditions"))
        await until(stage.cluster.appeared, lambda _: True)

    yield group, install
    await stage.api.delete(path)


def gadget(group: str, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": f"{group}/v1", "kind": "Gadget", "metadata": {"name": "one"}, "spec": spec}


async def path_of(stage: Stage, group: str) -> str:
    return f"/apis/{group}/v1/namespaces/{stage.namespace}/gadgets/one"


async def heard(stage: Stage, group: str) -> None:
    """Wait until todoke has heard of the object's newest version."""
    path = await path_of(stage, group)
    version = int((await stage.api.get(path))["metadata"]["resourceVersion"])

    async def seen() -> int:
        plan = await stage.plan()
        return max((step.live.resource_version for step in plan.steps if step.live), default=0)

    await until(seen, lambda found: found >= version)


async def deliver(stage: Stage, *manifests: dict) -> dict:
    await stage.commit({"shop/all.yaml": list(manifests)})
    if stage.applications.get(stage.key()) is None:
        await stage.application()
    return await until(stage.deliver, lambda status: status["sync"]["status"] == "Synced")


async def test_a_kind_without_a_schema(stage: Stage, gadgets):
    group, install = gadgets
    await install(SCHEMALESS)
    await deliver(stage, gadget(group, size=3, empty={}, list=[{"name": "a"}], nested={"on": True}))
    await stage.assert_quiet()
    await stage.api.patch(
        await path_of(stage, group), {"spec": {"size": 4, "theirs": "yes"}}, fieldManager="kubectl-edit"
    )
    await heard(stage, group)
    assert [change.at for change in (await stage.step("Gadget", "one")).changes] == [".spec.size"]
    await stage.settled()
    spec = (await stage.api.get(await path_of(stage, group)))["spec"]
    assert (spec["size"], spec["theirs"]) == (3, "yes")
    await stage.assert_quiet()


async def test_an_atomic_list_of_a_custom_resource_is_ours_whole(stage: Stage, gadgets):
    group, install = gadgets
    await install(ATOMIC)
    await deliver(stage, gadget(group, ports=[{"name": "http", "number": 80}]))
    added = [{"op": "add", "path": "/spec/ports/-", "value": {"name": "theirs", "number": 9}}]
    await stage.api.patch(await path_of(stage, group), added, JSON_PATCH)
    await heard(stage, group)
    assert (await stage.step("Gadget", "one")).action is Action.UPDATE
    await stage.settled()
    assert len((await stage.api.get(await path_of(stage, group)))["spec"]["ports"]) == 1
    await stage.assert_quiet()


async def test_an_item_that_others_add_to_a_keyed_list_stays(stage: Stage, gadgets):
    group, install = gadgets
    await install(KEYED)
    await deliver(stage, gadget(group, ports=[{"name": "http", "number": 80}]))
    added = [{"op": "add", "path": "/spec/ports/-", "value": {"name": "theirs", "number": 9}}]
    await stage.api.patch(await path_of(stage, group), added, JSON_PATCH)
    await heard(stage, group)
    assert (await stage.step("Gadget", "one")).action is Action.KEEP
    await stage.assert_quiet()


async def test_a_list_that_becomes_keyed_is_no_drift_and_works_on(stage: Stage, gadgets):
    group, install = gadgets
    await install(ATOMIC)
    await deliver(stage, gadget(group, ports=[{"name": "http", "number": 80}, {"name": "old", "number": 1}]))
    await install(KEYED)
    await stage.assert_quiet()

    await deliver(stage, gadget(group, ports=[{"name": "http", "number": 81}]))

    async def ports() -> list:
        await stage.deliver()
        return (await stage.api.get(await path_of(stage, group)))["spec"]["ports"]

    assert await until(ports, lambda found: found == [{"name": "http", "number": 81}])
    await stage.assert_quiet()
