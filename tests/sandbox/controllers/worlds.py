"""Clusters that the same scenario is played on: the sandbox in this process, and a real one with its mover."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol, Self

from tests.cluster.client import JSON_PATCH, MERGE_PATCH, ApiClient, ApiError
from todoke_sandbox.controllers.loop import Controllers, utc_now
from todoke_sandbox.controllers.pace import Pace
from todoke_sandbox.registry import builtin
from todoke_sandbox.registry.resources import Registry, Resource
from todoke_sandbox.schema.loader import Schemas
from todoke_sandbox.storage.store import Store
from todoke_sandbox.verbs.api import Api
from todoke_sandbox.verbs.refusals import Refusal
from todoke_sandbox.verbs.requests import Deletion, How, Patch, Place

Json = dict[str, Any]

MANAGER = "case"
QUICK = Pace(pod_start_seconds=0.0, pod_stop_seconds=0.0, job_seconds=0.05, backoff_seconds=0.05, job_retry_seconds=0.2)
"""Like the mover of the real cluster: nothing takes its time."""
_HOW = How(MANAGER)


class World(Protocol):
    """One namespace of a cluster. Kinds are named by plural and group: `deployments.apps`, `pods`."""

    namespace: str

    async def create(self, resource: str, body: Json) -> Json: ...
    async def apply(self, resource: str, body: Json) -> Json: ...
    async def patch(self, resource: str, name: str, body: Any, subresource: str = "") -> Json: ...
    async def delete(self, resource: str, name: str, options: Json) -> None: ...
    async def get(self, resource: str, name: str) -> Json | None: ...
    async def list(self, resource: str) -> list[Json]: ...


class Sandbox:
    """The sandbox without its HTTP server."""

    def __init__(self, namespace: str, pace: Pace = QUICK, now: Callable[[], datetime] = utc_now) -> None:
        schemas = Schemas.load()
        self.namespace = namespace
        self.store = Store()
        self.registry = Registry(schemas, builtin.resources(schemas))
        self.api = Api(self.store, self.registry, now)
        self.complaints: list[str] = []
        self.controllers: Controllers
        self._pace, self._now = pace, now
        self.api.create(self.place("namespaces"), {"metadata": {"name": namespace}}, How("Python-urllib"))

    def place(self, resource: str, name: str = "", subresource: str = "") -> Place:
        found = self.resource(resource)
        return Place(found, self.namespace if found.namespaced else "", name, subresource)

    def resource(self, resource: str) -> Resource:
        plural, _, group = resource.partition(".")
        found = self.registry.preferred(group, plural)
        assert found is not None, resource
        return found

    async def create(self, resource: str, body: Json) -> Json:
        return self.api.create(self.place(resource), body, _HOW).stored.body

    async def apply(self, resource: str, body: Json) -> Json:
        place = self.place(resource, body["metadata"]["name"])
        return self.api.patch(place, Patch("apply", body), replace(_HOW, force=True)).stored.body

    async def patch(self, resource: str, name: str, body: Any, subresource: str = "") -> Json:
        kind = "json" if isinstance(body, list) else "merge"
        return self.api.patch(self.place(resource, name, subresource), Patch(kind, body), _HOW).stored.body

    async def delete(self, resource: str, name: str, options: Json) -> None:
        deletion = Deletion(options.get("propagationPolicy", ""), options.get("gracePeriodSeconds"))
        self.api.delete(self.place(resource, name), deletion, _HOW)

    async def get(self, resource: str, name: str) -> Json | None:
        place = self.place(resource, name)
        stored = self.store.get(place.resource.table, place.namespace, name)
        return None if stored is None else stored.body

    async def list(self, resource: str) -> list[Json]:
        place = self.place(resource)
        return [stored.body for stored in self.store.items(place.resource.table, place.namespace)]

    async def settled(self) -> int:
        """The version at which nothing is left to do now; timers may still be running."""
        while not self.controllers.is_idle:  # noqa: ASYNC110 -- the loop that makes it idle runs in between
            await asyncio.sleep(0)
        return self.store.version

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """New controllers run, and have nothing left to do at first."""
        self.controllers = Controllers(self.api, self._pace, self.complaints.append, root_ca="PEM", now=self._now)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.controllers.run())
            await asyncio.sleep(0)
            await self.settled()
            yield self
            task.cancel()


@asynccontextmanager
async def sandbox(
    namespace: str = "default", pace: Pace = QUICK, now: Callable[[], datetime] = utc_now
) -> AsyncIterator[Sandbox]:
    """A sandbox with one namespace, whose controllers run."""
    world = Sandbox(namespace, pace, now)
    async with world.running():
        yield world


class Real:
    """A namespace of the real cluster."""

    def __init__(self, client: ApiClient, namespace: str) -> None:
        self.namespace = namespace
        self._client = client
        self._cluster: dict[str, str] = {}

    async def create(self, resource: str, body: Json) -> Json:
        return await self._client.create(await self._path(resource), body, fieldManager=MANAGER)

    async def apply(self, resource: str, body: Json) -> Json:
        path = f"{await self._path(resource)}/{body['metadata']['name']}"
        return await self._client.apply(path, body, MANAGER, force="true")

    async def patch(self, resource: str, name: str, body: Any, subresource: str = "") -> Json:
        path = f"{await self._path(resource)}/{name}" + (f"/{subresource}" if subresource else "")
        kind = JSON_PATCH if isinstance(body, list) else MERGE_PATCH
        return await self._client.patch(path, body, kind, fieldManager=MANAGER)

    async def delete(self, resource: str, name: str, options: Json) -> None:
        await self._client.delete(f"{await self._path(resource)}/{name}", options or None)

    async def get(self, resource: str, name: str) -> Json | None:
        try:
            return await self._client.get(f"{await self._path(resource)}/{name}")
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def list(self, resource: str) -> list[Json]:
        answer = await self._client.get(await self._path(resource))
        kind, version = answer["kind"].removesuffix("List"), answer["apiVersion"]
        return [{"apiVersion": version, "kind": kind, **item} for item in answer["items"]]

    async def _path(self, resource: str) -> str:
        plural, _, group = resource.partition(".")
        version = "v2" if group == "autoscaling" else "v1"
        root = f"/apis/{group}/{version}" if group else f"/api/{version}"
        if plural in ("namespaces", "persistentvolumes", "nodes", "customresourcedefinitions"):
            return f"{root}/{plural}"
        return f"{root}/namespaces/{self.namespace}/{plural}"


def is_refused(error: Exception) -> bool:
    """Whether a cluster said no, in either world."""
    return isinstance(error, ApiError | Refusal)
