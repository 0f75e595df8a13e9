"""A cluster under test, with a back door to put objects in, look at them and take them away."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

from tests.cluster.client import ApiClient, ApiError
from tests.fakes import FakeCluster
from todoke.cluster.client import KubeClient
from todoke.cluster.connection import load
from todoke.cluster.direct import DirectCluster
from todoke.cluster.kube import KubeCluster
from todoke.delivery.ports import Cluster
from todoke.model.objects import Kind, Manifest, ObjectKey, encode, kind_of
from todoke.model.telemetry import Silent

Json = dict[str, Any]
CONFIG_MAP = Kind("", "v1", "ConfigMap")
NAMESPACE = Kind("", "v1", "Namespace")
GHOST = Kind("ghosts.example.org", "v1", "Ghost")


class Lab(Protocol):
    """What a case needs. `settle` waits until the cluster room has heard of what was put in by the back door."""

    @property
    def cluster(self) -> Cluster: ...
    @property
    def namespace(self) -> str: ...

    async def put(self, body: Json) -> None: ...
    async def body(self, key: ObjectKey) -> Json | None: ...
    async def release(self, key: ObjectKey) -> None: ...
    async def settle(self, instance: str) -> None: ...


class FakeLab:
    """The fake."""

    def __init__(self) -> None:
        self.cluster = FakeCluster()
        self.namespace = "shop"
        self.cluster.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})

    async def put(self, body: Json) -> None:
        self.cluster.put(body)

    async def body(self, key: ObjectKey) -> Json | None:
        return copy.deepcopy(self.cluster.store.bodies.get(key))

    async def release(self, key: ObjectKey) -> None:
        self.cluster.release(key)

    async def settle(self, instance: str) -> None:
        return


class RealLab:
    """A control plane, through the room with watches or the one without."""

    def __init__(self, cluster: KubeCluster | DirectCluster, api: ApiClient, namespace: str) -> None:
        self.cluster: KubeCluster | DirectCluster = cluster
        self.namespace, self._api = namespace, api

    async def put(self, body: Json) -> None:
        key = key_of(body)
        await self._api.create(_path(ObjectKey(key.group, key.kind, key.namespace, "")), body)

    async def body(self, key: ObjectKey) -> Json | None:
        try:
            return await self._api.get(_path(key))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def release(self, key: ObjectKey) -> None:
        await self._api.patch(_path(key), {"metadata": {"finalizers": None}})

    async def settle(self, instance: str) -> None:
        if isinstance(self.cluster, DirectCluster):
            await self.cluster.load_owned(frozenset({instance}), [CONFIG_MAP], self.namespace)
        else:
            await asyncio.sleep(0.3)


@asynccontextmanager
async def watching(kubeconfig: Path, api: ApiClient, namespace: str) -> AsyncIterator[RealLab]:
    """The room of the controller."""
    async with KubeClient(load(str(kubeconfig)), Silent()) as client, asyncio.TaskGroup() as group:
        cluster = KubeCluster(client)
        watches = group.create_task(_keep(cluster))
        await asyncio.sleep(0)
        yield RealLab(cluster, api, namespace)
        watches.cancel()


async def _keep(cluster: KubeCluster) -> None:
    async with asyncio.TaskGroup() as group:
        cluster.start(group, lambda _instances, _keys: None)
        await asyncio.Event().wait()


@asynccontextmanager
async def asking(kubeconfig: Path, api: ApiClient, namespace: str) -> AsyncIterator[RealLab]:
    """The room of the command line."""
    async with KubeClient(load(str(kubeconfig)), Silent()) as client:
        yield RealLab(DirectCluster(client), api, namespace)


def key_of(body: Json) -> ObjectKey:
    """The identity that a body states."""
    kind, meta = kind_of(body), body["metadata"]
    return ObjectKey(kind.group, kind.kind, meta.get("namespace", ""), meta["name"])


def manifest_of(body: Json) -> Manifest:
    """A body as it is applied."""
    return Manifest(key_of(body), kind_of(body).version, encode(body))


def _path(key: ObjectKey) -> str:
    assert key.kind == "ConfigMap"
    return f"/api/v1/namespaces/{key.namespace}/configmaps" + (f"/{key.name}" if key.name else "")
