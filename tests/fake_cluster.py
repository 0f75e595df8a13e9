"""A cluster in memory: the `Cluster` port, and what the queries ask beyond it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tests.fake_apply import applied
from tests.fake_store import Json, Store, live_object
from todoke.model.errors import Blocked, DeliveryError, Missing, NotReady
from todoke.model.objects import Kind, LiveObject, Manifest, ObjectKey, kind_of
from todoke.model.tracking import MANAGER, claimant

Trouble = Callable[[str, ObjectKey], DeliveryError | None]
"""Asked before each request with its verb (apply, dry run, patch, create, delete, get, list); an error is raised."""

STANDARD_KINDS: dict[Kind, bool] = {
    Kind("", "v1", "Namespace"): False,
    Kind("", "v1", "ConfigMap"): True,
    Kind("", "v1", "Secret"): True,
    Kind("", "v1", "Service"): True,
    Kind("", "v1", "ServiceAccount"): True,
    Kind("", "v1", "Pod"): True,
    Kind("", "v1", "PersistentVolumeClaim"): True,
    Kind("apps", "v1", "Deployment"): True,
    Kind("apps", "v1", "ReplicaSet"): True,
    Kind("apps", "v1", "StatefulSet"): True,
    Kind("batch", "v1", "Job"): True,
    Kind("autoscaling", "v2", "HorizontalPodAutoscaler"): True,
    Kind("rbac.authorization.k8s.io", "v1", "ClusterRole"): False,
    Kind("apiextensions.k8s.io", "v1", "CustomResourceDefinition"): False,
}


class FakeCluster:
    """The `Cluster` port in memory. `requests` tells what was asked, as `verb Kind/namespace/name`."""

    def __init__(self, kinds: Mapping[Kind, bool] = STANDARD_KINDS) -> None:
        self.kinds = dict(kinds)
        self.store = Store()
        self.requests: list[str] = []
        self.trouble: Trouble = lambda _verb, _key: None
        self.changed: Callable[[set[str], set[ObjectKey]], None] = lambda _instances, _keys: None
        self._served: dict[Kind, bool] | None = None
        for name in ("default", "kube-system"):
            self.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    def put(self, body: Json) -> LiveObject:
        """Write an object as somebody else would."""
        kind = kind_of(body)
        key = ObjectKey(kind.group, kind.kind, body["metadata"].get("namespace", ""), body["metadata"]["name"])
        live = self.store.stored(key, body)
        self._tell(live)
        return live

    def change(self, key: ObjectKey, edit: Callable[[Json], object]) -> LiveObject:
        """Edit an object as somebody else would."""
        body = copy.deepcopy(self.store.bodies[key])
        edit(body)
        return self.put(body)

    def roll_out(self, key: ObjectKey) -> LiveObject:
        """Let a Deployment's controller finish its work."""

        def finish(body: Json) -> None:
            wanted = (body.get("spec") or {}).get("replicas", 1)
            body["status"] = {"observedGeneration": body["metadata"]["generation"], "replicas": wanted}
            body["status"] |= {"updatedReplicas": wanted, "readyReplicas": wanted, "availableReplicas": wanted}

        return self.change(key, finish)

    def release(self, key: ObjectKey) -> None:
        """Take all finalizers off; an object that is being deleted is gone then."""
        body = copy.deepcopy(self.store.bodies[key])
        body["metadata"].pop("finalizers", None)
        live = self.store.stored(key, body)
        if live.deleting:
            self.store.removed(key)
        self._tell(live)

    async def capabilities(self) -> tuple[str, tuple[str, ...]]:
        return "1.37.2", tuple(sorted(f"{kind.group}/{kind.version}".lstrip("/") for kind in self.kinds))

    async def prepare(self, kinds: Iterable[Kind]) -> Mapping[Kind, bool | None]:
        wanted = list(kinds)
        if self._served is None or any(kind not in self._served for kind in wanted):
            self._served = dict(self.kinds)
        return {kind: self._served.get(kind) for kind in wanted}

    async def remember(self, kinds: Iterable[Kind]) -> bool:
        return False

    async def appeared(self) -> bool:
        before, self._served = self._served, dict(self.kinds)
        return before != self._served

    async def read(self, kind: Kind, namespace: str) -> tuple[LiveObject, ...]:
        self._ask("list", ObjectKey(kind.group, kind.kind, namespace, ""))
        found = (live_object(body) for body in self.store.bodies.values() if kind_of(body) == kind)
        return tuple(live for live in found if namespace in ("", live.key.namespace))

    async def live(self, wanted: Iterable[tuple[Kind, ObjectKey]]) -> dict[ObjectKey, LiveObject]:
        keys = [key for kind, key in wanted if kind in self.kinds]
        return {key: live_object(self.store.bodies[key]) for key in keys if key in self.store.bodies}

    def owned(self, instance: str) -> tuple[LiveObject, ...]:
        found = (live_object(body) for body in self.store.bodies.values())
        return tuple(live for live in found if claimant(live.tracking, live.key) == instance and not live.owned_by)

    def unready_pods(self, workload: ObjectKey) -> tuple[LiveObject, ...]:
        found = (live_object(body) for body in self.store.bodies.values() if body["kind"] == "Pod")
        uid = self.store.bodies.get(workload, {}).get("metadata", {}).get("uid")
        return tuple(pod for pod in found if pod.owned_by == uid and not _ready(pod.body))

    def exists(self, kind: Kind, key: ObjectKey) -> bool:
        return kind in self.kinds and key in self.store.bodies

    async def load_owned(self, instances: frozenset[str], kinds: Iterable[Kind], namespace: str) -> tuple[str, ...]:
        """Part of the query port: everything is in memory anyway."""
        return ()

    async def load_pods(self, namespaces: Iterable[str]) -> None:
        """Part of the query port: everything is in memory anyway."""

    async def apply(self, manifest: Manifest, *, dry_run: bool = False) -> LiveObject:
        self._ask("dry run" if dry_run else "apply", manifest.key)
        self._check(manifest.kind, manifest.key)
        _valid(manifest)
        before = self.store.bodies.get(manifest.key)
        body = applied(before, manifest.body, MANAGER)
        if dry_run:
            trial = Store()
            trial.version = self.store.version
            if before is not None:
                trial.bodies[manifest.key] = before
            return trial.stored(manifest.key, body)
        live = self.store.stored(manifest.key, body)
        self._tell(live)
        return live

    async def patch(self, live: LiveObject, operations: list[dict[str, Any]]) -> LiveObject:
        self._ask("patch", live.key)
        body = copy.deepcopy(self.store.bodies.get(live.key))
        if body is None:
            raise Missing(str(live.key), "not found")
        if body["metadata"]["resourceVersion"] != str(live.resource_version):
            raise NotReady(str(live.key), "the object has been modified", retry_after=0.2)
        for operation in operations:
            *parents, last = operation["path"].removeprefix("/").split("/")
            place = body
            for name in parents:
                place = place[name]
            if operation["op"] == "remove":
                del place[last]
            else:
                place[last] = operation["value"]
        found = self.store.stored(live.key, body)
        self._tell(found)
        return found

    async def create(self, kind: Kind, key: ObjectKey, body: Mapping[str, Any]) -> None:
        self._ask("create", key)
        self._check(kind, key)
        if key not in self.store.bodies:
            self._tell(self.store.stored(key, dict(body)))

    async def delete(self, live: LiveObject, propagation: str) -> bool:
        self._ask("delete", live.key)
        body = self.store.bodies.get(live.key)
        if body is None or body["metadata"]["uid"] != live.uid:
            return True
        gone = self.store.removed(live.key)
        self._tell(live)
        return gone

    def _ask(self, verb: str, key: ObjectKey) -> None:
        self.requests.append(f"{verb} {key}")
        if (error := self.trouble(verb, key)) is not None:
            raise error

    def _check(self, kind: Kind, key: ObjectKey) -> None:
        if kind not in self.kinds:
            raise Missing(str(key), f"the kind {kind} is not served: CRD not installed")
        if key.namespace and ObjectKey("", "Namespace", "", key.namespace) not in self.store.bodies:
            raise Missing(str(key), f'namespace "{key.namespace}" not found', next_step="Create the namespace")

    def _tell(self, live: LiveObject) -> None:
        instance = claimant(live.tracking, live.key)
        self.changed({instance} if instance else set(), {live.key})


def _ready(pod: Json) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)


def _valid(manifest: Manifest) -> None:
    """As far as the fake has a schema: the values of a ConfigMap are texts."""
    if manifest.key.kind == "ConfigMap" and any(
        not isinstance(v, str) for v in (manifest.body.get("data") or {}).values()
    ):
        raise Blocked(str(manifest.key), "failed to create typed patch object", next_step="Correct the manifest")
