"""What people wish of an Application is heard, also when it comes while we write its status."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from tests.cluster_room.wire import Hand, Json, settle
from todoke.cluster.applications import KubeApplications
from todoke.model.deliverables import DeliverableKey
from todoke.model.objects import LiveObject

SHOP = DeliverableKey("Application", "todoke", "shop")
KINDS = {
    "/api": [("", "v1", "Secret", "secrets"), ("", "v1", "ConfigMap", "configmaps")],
    "/apis": [
        ("argoproj.io", "v1alpha1", "Application", "applications"),
        ("argoproj.io", "v1alpha1", "AppProject", "appprojects"),
    ],
}


def application(version: int, *, status: Json | None = None, **marks: str) -> Json:
    """The Application todoke/shop at a version, with annotations."""
    metadata: Json = {"name": "shop", "namespace": "todoke", "uid": "one", "resourceVersion": str(version)}
    if marks:
        metadata["annotations"] = marks
    body = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": metadata}
    return body | {"spec": {"project": "default"}, "status": status or {}}


class ApplicationsHand(Hand):
    """Events are those of Applications; all other watches say nothing."""

    async def exchange(self, method: str, path: str, **more: Any) -> tuple[int, Json, bytes]:
        if path in KINDS:
            return 200, {}, msgspec.json.encode({"items": [_group(*kind) for kind in KINDS[path]]})
        if "?limit=" in path and "/applications" not in path:
            return 200, {}, msgspec.json.encode({"metadata": {"resourceVersion": "100"}, "items": []})
        return await super().exchange(method, path, **more)

    async def stream(self, path: str, *, seconds: float, **more: Any) -> AsyncIterator[bytes]:
        if "/applications" not in path:
            await asyncio.Event().wait()
        async for line in super().stream(path, seconds=seconds, **more):
            yield line


def _group(group: str, version: str, kind: str, plural: str) -> Json:
    named = {"group": group, "version": version, "kind": kind}
    resource = {"resource": plural, "scope": "Namespaced", "responseKind": named, "verbs": ["list"]}
    return {"metadata": {"name": group}, "versions": [{"version": version, "resources": [resource]}]}


class Desk:
    """The room, and the versions of the Application that somebody was told of."""

    def __init__(self) -> None:
        self.hand = ApplicationsHand([application(100)])
        self.room = KubeApplications(self.hand, "todoke")  # type: ignore[arg-type]
        self.heard: list[int] = []

    def hear(self, _key: DeliverableKey, before: LiveObject | None, after: LiveObject | None) -> None:
        assert after is not None
        assert before is not after
        self.heard.append(after.resource_version)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    made = Desk()
    group = asyncio.TaskGroup()
    async with group:
        await made.room.start(group, made.hear, lambda: None)
        made.heard.clear()
        yield made
        for task in list(group._tasks):
            task.cancel()


async def test_our_own_status_is_no_news(desk: Desk) -> None:
    desk.hand.answers["PATCH"] = [(200, application(101, status={"sync": "Synced"}))]
    await desk.room.patch(SHOP, {"status": {"sync": "Synced"}})
    desk.hand.tell("MODIFIED", application(101, status={"sync": "Synced"}))
    await settle()
    assert desk.heard == []


async def test_taking_off_the_last_annotation_is_no_news(desk: Desk) -> None:
    desk.hand.tell("MODIFIED", application(101, refresh="normal"))
    await settle()
    desk.hand.answers["PATCH"] = [(200, application(102))]
    await desk.room.patch(SHOP, {"metadata": {"annotations": {"refresh": None}}})
    assert desk.heard == [101]


@pytest.mark.parametrize("late", [True, False])
async def test_a_wish_that_our_write_overtakes_is_heard(desk: Desk, late: bool) -> None:
    """The answer holds the annotation already; its own event comes afterwards, or a moment before."""
    wished = application(101, refresh="normal")
    if not late:
        desk.hand.meanwhile = lambda: desk.hand.tell("MODIFIED", wished)
    desk.hand.answers["PATCH"] = [(200, application(102, status={"sync": "Synced"}, refresh="normal"))]
    await desk.room.patch(SHOP, {"status": {"sync": "Synced"}})
    if late:
        desk.hand.tell("MODIFIED", wished)
    desk.hand.tell("MODIFIED", application(102, status={"sync": "Synced"}, refresh="normal"))
    await settle()
    assert desk.heard == [102 if late else 101]
    live = desk.room.get(SHOP)
    assert live is not None
    assert live.resource_version == 102
