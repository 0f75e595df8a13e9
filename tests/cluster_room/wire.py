"""An API server of one kind, played by hand: each answer and each watch event comes when the test says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec

from todoke.cluster.kube import KubeCluster
from todoke.model.objects import Kind, LiveObject, Manifest, ObjectKey, encode
from todoke.model.tracking import TRACKING_ID

CONFIG_MAP = Kind("", "v1", "ConfigMap")
WEB = ObjectKey("", "ConfigMap", "shop", "web")
Json = dict[str, Any]


def body(version: int, *, mark: str = "shop", name: str = "web", **meta: Any) -> Json:
    """The ConfigMap shop/web at a version; `mark` is the application in its tracking id, "" for none."""
    marks = {TRACKING_ID: f"{mark}:/ConfigMap:shop/{name}"} if mark else {}
    metadata = {"name": name, "namespace": "shop", "uid": "one", "resourceVersion": str(version), "annotations": marks}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata | meta}


def manifest() -> Manifest:
    """What is applied as shop/web."""
    return Manifest(WEB, "v1", encode({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web"}}))


async def settle() -> None:
    """Let everything happen that can happen now."""
    for _ in range(20):
        await asyncio.sleep(0)


class Hand:
    """The client of a KubeCluster. `meanwhile` is called while a request is under way."""

    def __init__(self, listed: list[Json]) -> None:
        self.listed, self.events = listed, asyncio.Queue[bytes]()
        self.answers: dict[str, list[tuple[int, Json]]] = {}
        self.meanwhile: Callable[[], object] = lambda: None
        self.sent: list[tuple[str, bytes | None]] = []
        self.silences: list[float] = []

    def tell(self, kind: str, found: Json) -> None:
        """Send a watch event."""
        self.events.put_nowait(msgspec.json.encode({"type": kind, "object": found}))

    async def request(self, method: str, path: str, **more: Any) -> bytes:
        status, _, answer = await self.exchange(method, path, **more)
        assert status < 400
        return answer

    async def exchange(self, method: str, path: str, **more: Any) -> tuple[int, Json, bytes]:
        if path in ("/api", "/apis"):
            return 200, {}, msgspec.json.encode(_served() if path == "/api" else {"items": []})
        if "?limit=" in path:
            return 200, {}, msgspec.json.encode({"metadata": {"resourceVersion": "100"}, "items": self.listed})
        self.sent.append((f"{method} {path}", more.get("body")))
        self.meanwhile()
        await settle()  # the watch is as fast as the answer
        status, answer = self.answers[method].pop(0)
        return status, {}, msgspec.json.encode(answer)

    async def stream(self, _path: str, *, seconds: float, **_more: Any) -> AsyncIterator[bytes]:
        self.silences.append(seconds)
        while True:
            yield await self.events.get()


def _served() -> Json:
    kind = {"group": "", "version": "v1", "kind": "ConfigMap"}
    resource = {"resource": "configmaps", "scope": "Namespaced", "responseKind": kind, "verbs": ["list"]}
    return {"items": [{"metadata": {"name": ""}, "versions": [{"version": "v1", "resources": [resource]}]}]}


class Room:
    """A cluster room on such a server; `woken` are the instances that it told to be looked at."""

    def __init__(self, hand: Hand, cluster: KubeCluster) -> None:
        self.hand, self.cluster = hand, cluster
        self.woken: list[str] = []

    async def web(self) -> LiveObject | None:
        """What the room knows of shop/web, after all events so far."""
        await settle()
        return (await self.cluster.live([(CONFIG_MAP, WEB)])).get(WEB)
