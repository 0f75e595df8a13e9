"""The cluster room's door: watched kinds, reads from the cache, writes whose answers enter the cache at once."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from todoke.cluster.cache import KindCache, Name
from todoke.cluster.client import KubeClient
from todoke.cluster.discovery import Discovery, Resource
from todoke.cluster.kinds import KindRecord
from todoke.cluster.owned import POD, OwnedIndex
from todoke.cluster.refusals import refusal
from todoke.cluster.watch import KindWatch
from todoke.cluster.wire import Meta, decode_head, decode_page, read_object, unready_pod
from todoke.model.errors import Blocked, Missing, Unreachable
from todoke.model.objects import Kind, LiveObject, Manifest, ObjectKey
from todoke.model.tracking import MANAGER, claimant

log = logging.getLogger(__name__)

OnObject = Callable[[set[str], set[ObjectKey]], None]
"""Told the instance names and the objects that have to be looked at again."""

_WORKLOADS = {
    ("apps", "Deployment"),
    ("apps", "ReplicaSet"),
    ("apps", "StatefulSet"),
    ("apps", "DaemonSet"),
    ("batch", "Job"),
}
_APPLY = {"Content-Type": "application/apply-patch+yaml"}
_JSON_PATCH = {"Content-Type": "application/json-patch+json"}
_JSON = {"Content-Type": "application/json"}


class KubeCluster:
    """Implements the `Cluster` port on a live API server with watches."""

    def __init__(self, client: KubeClient, namespace: str = "", *, list_seconds: float = 60.0) -> None:
        """Nothing is asked yet.

        Args: namespace: the control namespace, where the kinds we ever created are on record; "" = no record.
        """
        self._client = client
        self._record = KindRecord(client, namespace) if namespace else None
        self._discovery = Discovery(client)
        self._list_seconds = list_seconds
        self._watches: dict[Kind, KindWatch] = {}
        self._index = OwnedIndex()
        self._in_flight: set[ObjectKey] = set()
        self._on_object: OnObject = lambda _instances, _keys: None
        self._group: asyncio.TaskGroup | None = None

    def start(self, group: asyncio.TaskGroup, on_object: OnObject) -> None:
        """Give the room the task group in which its watches live, and whom to tell."""
        self._group, self._on_object = group, on_object

    async def capabilities(self) -> tuple[str, tuple[str, ...]]:
        """The server's version, such as 1.37.2, and the API versions and kinds that it serves."""
        return await self._discovery.capabilities()

    async def prepare(self, kinds: Iterable[Kind]) -> Mapping[Kind, bool | None]:
        """Make sure each kind is watched: whether it is namespaced, or None when its version is not served.

        Raises:
            Blocked, Unreachable: a kind is served but may not or cannot be listed.
        """
        scopes: dict[Kind, bool | None] = {}
        waiting = []
        for kind in kinds:
            await self._forget_removed(kind)
            resource = self._discovery.known(kind) or await self._discovery.find(kind)
            scopes[kind] = None if resource is None else resource.namespaced
            # What was made at a version that is served no more is found at another.
            if (resource := resource or self._discovery.other_version(kind)) is not None:
                waiting.append(self._watch(resource.kind, resource))
                if (kind.group, kind.kind) in _WORKLOADS:
                    await self.prepare([POD])
        for watch in waiting:
            await self._settled(watch)
        return scopes

    def _watch(self, kind: Kind, resource: Resource) -> KindWatch:
        watch = self._watches.get(kind)
        if watch is None:
            if self._group is None:
                raise RuntimeError("KubeCluster is used before start()")
            watch = KindWatch(self._client, resource, KindCache(kind, self._keep), self._changed)
            self._watches[kind] = watch
            watch.task = self._group.create_task(watch.run(), name=f"watch {kind}")
        return watch

    async def _forget_removed(self, kind: Kind) -> None:
        """Stop watching a kind whose CRD was removed: it counts as not served, and as new when it comes back."""
        watch = self._watches.get(kind)
        if watch is None or not isinstance(watch.refused, Missing):
            return
        await self._discovery.refresh()
        if self._watches.get(kind) is watch:
            del self._watches[kind]
            if watch.task is not None:
                watch.task.cancel()
            for live in list(watch.cache):
                self._changed(live, None)

    async def _settled(self, watch: KindWatch) -> None:
        if not watch.ready.is_set():
            try:
                async with asyncio.timeout(self._list_seconds):
                    await watch.ready.wait()
            except TimeoutError as error:
                raise Unreachable(f"list of {watch.cache.kind}", f"no answer in {self._list_seconds:.0f} s") from error
        if watch.refused is not None:
            raise watch.refused

    @staticmethod
    def _keep(kind: Kind, meta: Meta, raw: bytes) -> bool:
        live = read_object(kind, raw) if meta.annotations else None
        if live is not None and claimant(live.tracking, live.key):
            return True
        return kind == POD and bool(meta.owner_references) and unready_pod(raw)

    def _changed(self, before: LiveObject | None, after: LiveObject | None) -> None:
        instances, keys = self._index.take(before, after)
        if not keys <= self._in_flight:
            self._on_object(instances, keys)

    async def recall(self) -> None:
        """Watch every kind on record, whatever the applications say now: what we created is found again."""
        try:
            kinds = await self._record.load() if self._record is not None else frozenset()
        except Blocked:  # looking only: there is nothing that we created
            return
        for kind in sorted(kinds):
            try:
                await self.prepare([kind])
            except Blocked as error:
                log.warning("a kind on record cannot be watched", extra={"kind": str(kind), "error": str(error)})

    async def remember(self, kinds: Iterable[Kind]) -> bool:
        """Put kinds on record before their first object is made; False where that is not permitted."""
        return self._record is not None and await self._record.remember(kinds)

    async def appeared(self) -> bool:
        """Ask whether the server serves anything new since last time."""
        return await self._discovery.refresh()

    async def read(self, kind: Kind, namespace: str) -> tuple[LiveObject, ...]:
        """The objects of a kind in a namespace, read once; empty when the kind is not served."""
        resource = await self._discovery.find(kind)
        if resource is None:
            return ()
        page = decode_page(await self._client.request("GET", resource.path(namespace), subject=f"list of {kind}"))
        return tuple(read_object(kind, bytes(raw)) for raw in page.items or ())

    async def live(self, wanted: Iterable[tuple[Kind, ObjectKey]]) -> dict[ObjectKey, LiveObject]:
        """Those of the objects that exist, as of now. `prepare` comes first."""
        found: dict[ObjectKey, LiveObject] = {}
        for kind, key in wanted:
            watch = self._watches.get(kind)
            if watch is None:
                continue
            name = (key.namespace, key.name)
            live = watch.cache.kept.get(name)
            if live is None and name in watch.cache.others:
                live = await self._pin(watch, kind, key)
            if live is not None:
                found[key] = live
        return found

    async def _pin(self, watch: KindWatch, kind: Kind, key: ObjectKey) -> LiveObject | None:
        watch.cache.pinned.add(_name(key))
        try:
            raw = await self._client.request("GET", self._path(kind, key), subject=str(key))
        except Missing:
            return None
        before, after = watch.cache.answer(raw, decode_head(raw).metadata)
        self._index.take(before, after)
        return after

    def owned(self, instance: str) -> tuple[LiveObject, ...]:
        """Live objects that bear the instance's tracking id, in the kinds that are watched."""
        return self._index.owned(instance)

    def unready_pods(self, workload: ObjectKey) -> tuple[LiveObject, ...]:
        """Pods of a workload that are not ready, for the reason a person wants to read."""
        return self._index.unready_pods(workload)

    def exists(self, kind: Kind, key: ObjectKey) -> bool:
        """Whether an object of a watched kind is in the cluster."""
        watch = self._watches.get(kind)
        return watch is not None and watch.cache.exists((key.namespace, key.name))

    async def apply(self, manifest: Manifest, *, dry_run: bool = False) -> LiveObject:
        """Server-side apply with force as our field manager: the server's answer.

        Raises:
            Blocked, Missing, NotReady, Unreachable: see `cluster/refusals.py`.
        """
        kind = manifest.kind
        path = (
            self._path(kind, manifest.key) + f"?fieldManager={MANAGER}&force=true" + ("&dryRun=All" if dry_run else "")
        )
        if dry_run:
            raw = await self._client.request(
                "PATCH", path, subject=str(manifest.key), body=manifest.raw, headers=_APPLY
            )
            return read_object(kind, raw)
        return await self._write("PATCH", path, kind, manifest.key, manifest.raw, _APPLY)

    async def patch(self, live: LiveObject, operations: list[dict[str, Any]]) -> LiveObject:
        """A JSON patch that holds only at the version that was read.

        Raises:
            NotReady: the object changed meanwhile.
        """
        # Not "test": the server tells a test that fails from no other mistake in a patch (422).
        guard = {"op": "replace", "path": "/metadata/resourceVersion", "value": str(live.resource_version)}
        body = msgspec.json.encode([guard, *operations])
        path = self._path(live.kind, live.key) + f"?fieldManager={MANAGER}"
        return await self._write("PATCH", path, live.kind, live.key, body, _JSON_PATCH)

    async def create(self, kind: Kind, key: ObjectKey, body: Mapping[str, Any]) -> None:
        """Create an object that need not be managed; one that is there already is fine."""
        resource = self._resource(kind, key)
        path = resource.path(key.namespace) + f"?fieldManager={MANAGER}"
        status, _, answer = await self._client.exchange(
            "POST", path, subject=str(key), body=msgspec.json.encode(body), headers=_JSON
        )
        if status == 409:
            answer = await self._client.request("GET", resource.path(key.namespace, key.name), subject=str(key))
        elif status >= 400:
            raise refusal(status, answer, str(key))
        if (watch := self._watches.get(kind)) is not None:
            # The next look must know that it exists, though its event may be late.
            self._index.take(*watch.cache.answer(answer, decode_head(answer).metadata))

    async def delete(self, live: LiveObject, propagation: str) -> bool:
        """Ask for the deletion of exactly this object (by UID): True when it is gone already.

        `propagation`: Foreground, Background or Orphan.
        """
        body = msgspec.json.encode(
            {
                "kind": "DeleteOptions",
                "apiVersion": "v1",
                "propagationPolicy": propagation,
                "preconditions": {"uid": live.uid},
            }
        )
        status, _, answer = await self._client.exchange(
            "DELETE", self._path(live.kind, live.key), subject=str(live.key), body=body, headers=_JSON
        )
        if status >= 400 and status not in (404, 409):
            raise refusal(status, answer, str(live.key))
        meta = decode_head(answer).metadata if status < 400 else Meta()
        if meta.deletion_timestamp is None:
            self._forget(live)
            return True
        self._take_answer(live.kind, live.key, answer)
        return False

    def _forget(self, live: LiveObject) -> None:
        if (watch := self._watches.get(live.kind)) is not None:
            gone = watch.cache.remove((live.key.namespace, live.key.name), live.resource_version)
            if gone is not None:
                self._index.take(gone, None)

    async def _write(
        self, method: str, path: str, kind: Kind, key: ObjectKey, body: bytes, headers: Mapping[str, str]
    ) -> LiveObject:
        self._in_flight.add(key)
        try:
            raw = await self._client.request(method, path, subject=str(key), body=body, headers=headers)
        finally:
            self._in_flight.discard(key)
        return self._take_answer(kind, key, raw)

    def _take_answer(self, kind: Kind, key: ObjectKey, raw: bytes) -> LiveObject:
        answer = read_object(kind, raw)
        if (watch := self._watches.get(kind)) is not None:
            watch.cache.pinned.add(_name(key))
            before, after = watch.cache.answer(raw, decode_head(raw).metadata)
            instances, _ = self._index.take(before, after)
            if after is None or after.resource_version > answer.resource_version:
                # Somebody wrote, or deleted it, after us while our answer was on its way, and that was not told.
                instances.add(claimant(answer.tracking, key))
                self._on_object(instances, {key})
        return answer

    def _path(self, kind: Kind, key: ObjectKey) -> str:
        return self._resource(kind, key).path(key.namespace, key.name)

    def _resource(self, kind: Kind, key: ObjectKey) -> Resource:
        resource = self._discovery.known(kind)
        if resource is None:
            raise Missing(
                str(key),
                f"the kind {kind} is not served: CRD not installed",
                next_step="Install the CustomResourceDefinition, or correct apiVersion and kind",
            )
        return resource


def _name(key: ObjectKey) -> Name:
    return (key.namespace, key.name)
