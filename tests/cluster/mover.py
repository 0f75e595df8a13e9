"""The mover: an ordinary API client that does what kubelets would, so that Pods become ready.

It owns one Node, gives every Pod to it and reports the Pod as a node would: long-running ones become
Ready, those of Jobs succeed, broken images wait with the reasons of a real node, deleted Pods go. It also
gives addresses to LoadBalancers and Ingresses, and volumes to claims. Nothing is ever run.

    python -m tests.cluster.mover --kubeconfig PATH [--broken-tag TAG]

Pods with another ``schedulerName`` than the default, or with scheduling gates, stay Pending.
It refuses a cluster with any node but its own: its reports about real Pods would be lies.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

from tests.cluster.client import ApiClient, ApiError, Json
from todoke_sandbox.nodes.pod_status import Moment, Rules, killed, report

MARK = "todoke.dev/mover"
NODE = "mover"
IN_FLIGHT = 16
RETRY_SECONDS = 0.25
WATCHED = {
    "pods": "/api/v1/pods",
    "services": "/api/v1/services",
    "persistentvolumeclaims": "/api/v1/persistentvolumeclaims",
    "persistentvolumes": "/api/v1/persistentvolumes",
    "ingresses": "/apis/networking.k8s.io/v1/ingresses",
}
Key = tuple[str, str, str]  # what is watched, namespace ("" for none), name


class RealNodes(Exception):
    """The cluster has nodes that are not the mover's; it must not touch such a cluster."""


class Mover:
    """Moves what a node would move, until its :meth:`run` is cancelled."""

    def __init__(self, api: ApiClient, rules: Rules | None = None, in_flight: int = IN_FLIGHT) -> None:
        """``in_flight``: how many requests may be under way at once."""
        self._api = api
        self._rules = rules or Rules()
        self._in_flight = in_flight
        self._objects: dict[Key, Json] = {}
        self._queue = _Queue()
        self._since: dict[str, float] = {}
        self._numbers = itertools.count(1)
        self._addresses: dict[str, str] = {}
        self._moves: dict[str, Callable[[Json], Awaitable[None]]] = {
            "pods": self._move_pod,
            "services": self._give_service_address,
            "ingresses": self._give_ingress_address,
            "persistentvolumeclaims": self._give_volume,
            "persistentvolumes": self._take_volume,
        }

    async def make_node(self) -> None:
        """Make the node, Ready and without taints.

        Raises: RealNodes: there is a node without the mover's mark; nothing was changed.
        """
        nodes = (await self._api.get("/api/v1/nodes"))["items"]
        labels = {node["metadata"]["name"]: node["metadata"].get("labels", {}) for node in nodes}
        if strangers := sorted(name for name, found in labels.items() if found.get(MARK) != "true"):
            raise RealNodes(f"nodes without the label {MARK}=true: {', '.join(strangers)}; nothing was done")
        if NODE not in labels:
            await self._api.create("/api/v1/nodes", _node())
        await self._api.patch(f"/api/v1/nodes/{NODE}", {"spec": {"taints": None}})
        await self._api.patch(f"/api/v1/nodes/{NODE}/status", {"status": _node_status()})

    async def run(self) -> None:
        """Make the node, then move everything for ever; rides out an API server that is away."""
        await self.make_node()
        async with asyncio.TaskGroup() as group:
            for kind in WATCHED:
                group.create_task(self._follow(kind), name=f"follow {kind}")
            for number in range(self._in_flight):
                group.create_task(self._work(), name=f"work {number}")

    async def _follow(self, kind: str) -> None:
        """Keep the objects of one kind current and queue what changed."""
        version = ""
        while True:
            try:
                version = version or await self._list(kind)
                async for event, found in self._api.watch(WATCHED[kind], version):
                    version = found["metadata"]["resourceVersion"]
                    self._take(kind, event, found)
            except ApiError as error:
                if error.status == 410:  # too far behind: what is true now counts
                    version = ""
                else:
                    print(f"mover: watch of {kind}: {error}", file=sys.stderr, flush=True)
                await asyncio.sleep(RETRY_SECONDS)
            except (aiohttp.ClientError, TimeoutError):
                await asyncio.sleep(RETRY_SECONDS)

    async def _list(self, kind: str) -> str:
        answer = await self._api.get(WATCHED[kind])
        current = {_key(kind, found): found for found in answer["items"]}
        for key in [key for key in self._objects if key[0] == kind and key not in current]:
            self._forget(key)
        for key, found in current.items():
            self._objects[key] = found
            self._queue.put(key)
        version: str = answer["metadata"]["resourceVersion"]
        return version

    def _take(self, kind: str, event: str, found: Json) -> None:
        if event == "BOOKMARK":
            return
        key = _key(kind, found)
        if event == "DELETED":
            self._objects[key] = found
            self._forget(key)
        else:
            self._objects[key] = found
            self._queue.put(key)

    def _forget(self, key: Key) -> None:
        uid = self._objects.pop(key)["metadata"]["uid"]
        self._since.pop(uid, None)
        self._addresses.pop(uid, None)

    async def _work(self) -> None:
        while True:
            key = await self._queue.get()
            try:
                if (found := self._objects.get(key)) is not None:
                    await self._moves[key[0]](found)
            except ApiError as error:
                # 404: gone meanwhile. 409: changed meanwhile, and the watch brings the change.
                if error.status not in (404, 409):
                    print(f"mover: {'/'.join(key)}: {error}", file=sys.stderr, flush=True)
                    self._queue.put_later(key, RETRY_SECONDS)
            except (aiohttp.ClientError, TimeoutError):
                self._queue.put_later(key, RETRY_SECONDS)
            finally:
                self._queue.done(key)

    async def _move_pod(self, pod: Json) -> None:
        """Do the one next thing for a Pod: bind it, report about it, or let it go."""
        meta, spec = pod["metadata"], pod["spec"]
        node = spec.get("nodeName")
        if not node:
            if spec.get("schedulerName", "default-scheduler") == "default-scheduler" and not spec.get(
                "schedulingGates"
            ):
                await self._bind(pod)
            return
        if node != NODE:
            return
        moment = self._moment(meta["uid"])
        if meta.get("deletionTimestamp"):
            await self._finish(pod, moment)
            return
        said = report(pod, moment, self._rules)
        if said.status is not None:
            await self._patch_pod_status(pod, said.status)
        if said.again is not None:
            self._queue.put_later(_key("pods", pod), said.again)

    async def _bind(self, pod: Json) -> None:
        meta = pod["metadata"]
        target = {"apiVersion": "v1", "kind": "Node", "name": NODE}
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": meta["name"], "uid": meta["uid"]},
            "target": target,
        }
        await self._api.create(f"{_path(pod)}/binding", binding)

    async def _finish(self, pod: Json, moment: Moment) -> None:
        """Let a deleted Pod go; once, since one with finalizers stays a while longer."""
        meta = pod["metadata"]
        if meta.get("deletionGracePeriodSeconds") == 0:
            return
        if meta.get("finalizers") and pod["status"].get("phase") not in ("Succeeded", "Failed"):
            await self._patch_pod_status(pod, killed(pod, moment))  # the watch brings it back here
            return
        await self._api.delete(_path(pod), {"gracePeriodSeconds": 0, "preconditions": {"uid": meta["uid"]}})

    async def _patch_pod_status(self, pod: Json, status: Json) -> None:
        """The version makes it a no if somebody else wrote meanwhile: a patch replaces whole lists."""
        version = {"resourceVersion": pod["metadata"]["resourceVersion"]}
        await self._api.patch(f"{_path(pod)}/status", {"metadata": version, "status": status})

    def _moment(self, uid: str) -> Moment:
        began = self._since.setdefault(uid, time.monotonic())
        if uid not in self._addresses:
            number = next(self._numbers)
            self._addresses[uid] = f"10.{128 + (number >> 16) % 127}.{number >> 8 & 255}.{number & 255}"
        return Moment(time.monotonic() - began, _now(), self._addresses[uid])

    async def _give_service_address(self, service: Json) -> None:
        if service["spec"].get("type") == "LoadBalancer":
            await self._give_address(f"/api/v1/namespaces/{{}}/services/{service['metadata']['name']}", service)

    async def _give_ingress_address(self, ingress: Json) -> None:
        path = "/apis/networking.k8s.io/v1/namespaces/{}/ingresses/" + ingress["metadata"]["name"]
        await self._give_address(path, ingress)

    async def _give_address(self, path: str, found: Json) -> None:
        meta = found["metadata"]
        if meta.get("deletionTimestamp") or found["status"].get("loadBalancer", {}).get("ingress"):
            return
        status = {"loadBalancer": {"ingress": [{"ip": "127.0.0.1"}]}}
        await self._api.patch(f"{path.format(meta['namespace'])}/status", {"status": status})

    async def _give_volume(self, claim: Json) -> None:
        """Make a volume reserved for the claim; the controller manager then binds the two."""
        meta, spec = claim["metadata"], claim["spec"]
        if spec.get("volumeName") or meta.get("deletionTimestamp"):
            return
        owner = {key: meta[key] for key in ("name", "namespace", "uid")}
        reference = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", **owner}
        volume = {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": f"mover-{meta['uid']}", "labels": {MARK: "true"}},
            "spec": {
                "capacity": {"storage": spec["resources"]["requests"]["storage"]},
                "accessModes": spec["accessModes"],
                "storageClassName": spec.get("storageClassName", ""),
                "volumeMode": spec.get("volumeMode", "Filesystem"),
                "persistentVolumeReclaimPolicy": "Retain",
                "claimRef": reference,
                "hostPath": {"path": f"/nonexistent/{meta['uid']}"},
            },
        }
        await self._api.create("/api/v1/persistentvolumes", volume)

    async def _take_volume(self, volume: Json) -> None:
        """Remove a volume of ours whose claim is gone."""
        meta = volume["metadata"]
        released = volume["status"].get("phase") == "Released"
        if released and meta.get("labels", {}).get(MARK) == "true" and not meta.get("deletionTimestamp"):
            await self._api.delete(f"/api/v1/persistentvolumes/{meta['name']}")


class _Queue:
    """Keys to look at: many puts are one look, and no key is looked at twice at once."""

    def __init__(self) -> None:
        self._waiting: dict[Key, None] = {}
        self._busy: set[Key] = set()
        self._again: set[Key] = set()
        self._filled = asyncio.Event()

    def put(self, key: Key) -> None:
        if key in self._busy:
            self._again.add(key)
        else:
            self._waiting[key] = None
            self._filled.set()

    def put_later(self, key: Key, seconds: float) -> None:
        # a timer fires a little early at times; a millisecond more saves a second look
        asyncio.get_running_loop().call_later(seconds + 0.001, self.put, key)

    async def get(self) -> Key:
        while not self._waiting:
            self._filled.clear()
            await self._filled.wait()
        key = next(iter(self._waiting))
        del self._waiting[key]
        self._busy.add(key)
        return key

    def done(self, key: Key) -> None:
        self._busy.discard(key)
        if key in self._again:
            self._again.discard(key)
            self.put(key)


def _key(kind: str, found: Json) -> Key:
    return kind, found["metadata"].get("namespace", ""), found["metadata"]["name"]


def _path(pod: Json) -> str:
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _node() -> Json:
    labels = {MARK: "true", "kubernetes.io/hostname": NODE, "kubernetes.io/os": "linux"}
    meta = {"name": NODE, "labels": labels, "annotations": {MARK: "true"}}
    return {"apiVersion": "v1", "kind": "Node", "metadata": meta}


def _node_status() -> Json:
    room = {"cpu": "1000", "memory": "4Ti", "pods": "100000", "ephemeral-storage": "4Ti"}
    condition = {"type": "Ready", "status": "True", "reason": "MoverReady", "lastTransitionTime": _now()}
    addresses = [{"type": "InternalIP", "address": "127.0.0.1"}, {"type": "Hostname", "address": NODE}]
    return {"capacity": room, "allocatable": room, "conditions": [condition], "addresses": addresses}


async def _main(kubeconfig: Path, rules: Rules, in_flight: int) -> None:
    async with ApiClient(kubeconfig) as api:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        with contextlib.suppress(asyncio.CancelledError):  # the signal is the ordinary end
            await Mover(api, rules, in_flight).run()


def _command_line(arguments: Iterable[str]) -> argparse.Namespace:
    defaults = Rules()
    parser = argparse.ArgumentParser(prog="python -m tests.cluster.mover", description="Moves Pods as kubelets do.")
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--broken-tag", action="append", default=[], help="images with this tag cannot be pulled")
    parser.add_argument("--job-seconds", type=float, default=defaults.job_seconds)
    parser.add_argument("--backoff-seconds", type=float, default=defaults.backoff_seconds)
    parser.add_argument("--in-flight", type=int, default=IN_FLIGHT)
    return parser.parse_args(list(arguments))


if __name__ == "__main__":
    given = _command_line(sys.argv[1:])
    tags = Rules().broken_tags | frozenset(given.broken_tag)
    try:
        asyncio.run(_main(given.kubeconfig, Rules(tags, given.job_seconds, given.backoff_seconds), given.in_flight))
    except RealNodes as error:
        sys.exit(f"mover: refused: {error}")
