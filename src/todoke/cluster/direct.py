"""The Kubernetes API for one-shot commands: no watches, every answer is asked for, with the user's own rights."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, Never
from urllib.parse import quote

from todoke.cluster.client import KubeClient
from todoke.cluster.discovery import Discovery, Resource
from todoke.cluster.owned import POD, OwnedIndex
from todoke.cluster.wire import decode_head, decode_page, live_object, read_object, unready_pod
from todoke.model.errors import Blocked, Missing
from todoke.model.objects import Kind, LiveObject, Manifest, ObjectKey
from todoke.model.tracking import MANAGER, claimant

_APPLY = {"Content-Type": "application/apply-patch+yaml"}
_PAGE = 500
_NO_WRITES = "a command changes the cluster through the Application object only"


async def listed(
    client: KubeClient, resource: Resource, namespace: str = "", selector: str = ""
) -> AsyncIterator[bytes]:
    """Every object of a kind, as bytes, page by page; namespace "" = everywhere.

    Raises:
        Blocked: it may not be listed. Unreachable: no answer.
    """
    chosen = f"&labelSelector={quote(selector)}" if selector else ""
    token = ""
    while True:
        query = f"?limit={_PAGE}{chosen}" + (f"&continue={token}" if token else "")
        raw = await client.request("GET", resource.path(namespace) + query, subject=f"list of {resource.plural}")
        page = decode_page(raw)
        for item in page.items or ():
            yield bytes(item)
        if not (token := page.metadata.continue_):
            return


class DirectCluster:
    """Implements the `QueryCluster` port. It never writes: `apply` answers dry runs only."""

    def __init__(self, client: KubeClient, *, at_once: int = 16, keep: bool = False) -> None:
        """Args: keep: list a kind once for all applications, for a command that asks of many."""
        self._client, self._keep = client, keep
        self._listings: dict[tuple[Kind, str], asyncio.Lock] = {}
        self._listed: set[tuple[Kind, str]] = set()
        self._discovery = Discovery(client)
        self._slots = asyncio.Semaphore(at_once)
        self._index = OwnedIndex()
        self._seen: set[tuple[Kind, ObjectKey]] = set()

    async def capabilities(self) -> tuple[str, tuple[str, ...]]:
        """The server's version, such as 1.37.2, and the API versions and kinds that it serves."""
        return await self._discovery.capabilities()

    async def prepare(self, kinds: Iterable[Kind]) -> Mapping[Kind, bool | None]:
        """Whether each kind is namespaced, or None when the server does not serve it."""
        found = {kind: await self._discovery.find(kind) for kind in kinds}
        return {kind: None if resource is None else resource.namespaced for kind, resource in found.items()}

    async def remember(self, kinds: Iterable[Kind]) -> bool:
        """Nothing: a command creates no objects."""
        return False

    async def appeared(self) -> bool:
        """Ask whether the server serves anything new since last time."""
        return await self._discovery.refresh()

    async def read(self, kind: Kind, namespace: str) -> tuple[LiveObject, ...]:
        """The objects of a kind in a namespace; empty when the kind is not served."""
        resource = await self._discovery.find(kind)
        if resource is None:
            return ()
        return tuple([read_object(kind, raw) async for raw in listed(self._client, resource, namespace)])

    async def live(self, wanted: Iterable[tuple[Kind, ObjectKey]]) -> dict[ObjectKey, LiveObject]:
        """Those of the objects that exist, one request each, some at the same time.

        Raises:
            Blocked: one may not be read. Unreachable: no answer.
        """
        served = [(kind, key) for kind, key in wanted if await self._discovery.find(kind) is not None]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._one(kind, key)) for kind, key in served]
        found = [task.result() for task in tasks]
        return {live.key: live for live in found if live is not None}

    async def _one(self, kind: Kind, key: ObjectKey) -> LiveObject | None:
        resource = self._resource(kind, key)
        async with self._slots:
            try:
                raw = await self._client.request("GET", resource.path(key.namespace, key.name), subject=str(key))
            except Missing:
                return None
        self._seen.add((kind, key))
        return read_object(kind, raw)

    async def load_owned(self, instances: frozenset[str], kinds: Iterable[Kind], namespace: str) -> tuple[str, ...]:
        """List the kinds so that `owned` can answer for the instances: sentences on what could not be looked at.

        Args:
            namespace: where to look instead when a kind may not be listed everywhere.
        """
        found = {await self._discovery.find(kind) or self._discovery.other_version(kind) for kind in kinds}
        served = sorted((resource for resource in found if resource is not None), key=lambda resource: resource.kind)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._load(instances, resource, namespace)) for resource in served]
        return tuple(sentence for task in tasks if (sentence := task.result()))

    async def _load(self, instances: frozenset[str], resource: Resource, namespace: str) -> str:
        async with self._slots:
            try:
                await self._take(instances, resource, "")
            except Blocked:
                if not (resource.namespaced and namespace):
                    return f"{resource.plural} may not be listed: what would be pruned there is not known"
                try:
                    await self._take(instances, resource, namespace)
                except Blocked:
                    return f"{resource.plural} may not be listed: what would be pruned there is not known"
                return f"{resource.plural} could be listed in the namespace {namespace} only"
        return ""

    async def _take(self, instances: frozenset[str], resource: Resource, namespace: str) -> None:
        place = (resource.kind, namespace)
        async with self._listings.setdefault(place, asyncio.Lock()):
            if self._keep and place in self._listed:
                return
            await self._list(instances, resource, namespace)
            self._listed.add(place)

    async def _list(self, instances: frozenset[str], resource: Resource, namespace: str) -> None:
        kind = resource.kind
        async for raw in listed(self._client, resource, namespace):
            meta = decode_head(raw).metadata
            key = ObjectKey(kind.group, kind.kind, meta.namespace, meta.name)
            self._seen.add((kind, key))
            live = live_object(kind, raw, meta)
            instance = claimant(live.tracking, key)
            if instance in instances or (self._keep and instance):
                self._index.take(None, live)

    def owned(self, instance: str) -> tuple[LiveObject, ...]:
        """What `load_owned` found of the instance's objects."""
        return self._index.owned(instance)

    async def load_pods(self, namespaces: Iterable[str]) -> None:
        """List the Pods of some namespaces so that `unready_pods` can answer."""
        resource = Resource(POD, "pods", namespaced=True)
        for namespace in namespaces:
            async for raw in listed(self._client, resource, namespace):
                if unready_pod(raw):
                    self._index.take(None, read_object(POD, raw))

    def unready_pods(self, workload: ObjectKey) -> tuple[LiveObject, ...]:
        """What `load_pods` found of the workload's Pods that are not ready."""
        return self._index.unready_pods(workload)

    def exists(self, kind: Kind, key: ObjectKey) -> bool:
        """Whether `live` or `load_owned` came across the object."""
        return (kind, key) in self._seen

    async def apply(self, manifest: Manifest, *, dry_run: bool = False) -> LiveObject:
        """What the server would make of the manifest.

        Raises:
            Blocked, Missing, NotReady, Unreachable: see `cluster/refusals.py`.
            RuntimeError: it is no dry run.
        """
        if not dry_run:
            self._refuse()
        kind, key = manifest.kind, manifest.key
        path = self._resource(kind, key).path(key.namespace, key.name)
        query = f"?fieldManager={MANAGER}&force=true&dryRun=All"
        async with self._slots:
            raw = await self._client.request("PATCH", path + query, subject=str(key), body=manifest.raw, headers=_APPLY)
        return read_object(kind, raw)

    async def patch(self, live: LiveObject, operations: list[dict[str, Any]]) -> LiveObject:
        """Never done by a command."""
        self._refuse()

    async def create(self, kind: Kind, key: ObjectKey, body: Mapping[str, Any]) -> None:
        """Never done by a command."""
        self._refuse()

    async def delete(self, live: LiveObject, propagation: str) -> bool:
        """Never done by a command."""
        self._refuse()

    def _refuse(self) -> Never:
        raise RuntimeError(_NO_WRITES)

    def _resource(self, kind: Kind, key: ObjectKey) -> Resource:
        resource = self._discovery.known(kind)
        if resource is None:
            raise Missing(
                str(key),
                f"the kind {kind} is not served: CRD not installed",
                next_step="Install the CustomResourceDefinition, or correct apiVersion and kind",
            )
        return resource
