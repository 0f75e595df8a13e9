"""The kubelet: reports about the Pods given to its node, and lets deleted ones go. Nothing is run."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from todoke_sandbox.controllers.client import Client, Identity
from todoke_sandbox.controllers.objects import is_deleted
from todoke_sandbox.controllers.pace import Pace
from todoke_sandbox.controllers.pods import has_ended
from todoke_sandbox.nodes import node, pod_events, references
from todoke_sandbox.nodes.container_states import Missing, Rules
from todoke_sandbox.nodes.pod_status import Moment, killed, report
from todoke_sandbox.storage.tables import CONFIG_MAPS, NODES, PODS, SECRETS
from todoke_sandbox.verbs.house import moment as written

Json = dict[str, Any]

NAME: Final = "kubelet"
VERSION: Final = "v1.37.2"
IDENTITY: Final = Identity("kubelet", f"system:node:{node.NAME}", "kubelet", node.NAME)
_TABLES: Final = {references.CONFIG_MAP: CONFIG_MAPS, references.SECRET: SECRETS}


@dataclass
class _Kept:
    """What the node remembers of a Pod. Attributes: since, stops: by the clock of seconds."""

    uid: str
    since: float
    address: str
    stops: float | None = None
    unmounted: Mapping[str, str] = field(default_factory=dict)


class Kubelet:
    """The kubelet of the one node."""

    name = NAME

    def __init__(self, client: Client, pace: Pace, seconds: Callable[[], float]) -> None:
        """Args: seconds: a clock that never goes back."""
        self._client = client
        self._pace = pace
        self._rules = Rules(pace.broken_tags, pace.job_seconds, pace.backoff_seconds, pace.pod_start_seconds)
        self._seconds = seconds
        self._kept: dict[tuple[str, str], _Kept] = {}
        self._images: set[str] = set()
        self._numbers = itertools.count(1)
        self._lacking: dict[str, dict[str, None]] = {}

    def register(self) -> None:
        """Make the node, unless it is there."""
        if self._client.get(NODES, "", node.NAME) is None:
            made = self._client.create(NODES, node.node())
            self._client.update_status(NODES, {**made, "status": node.status(VERSION, written(self._client.now))})

    def lacking(self, namespace: str) -> list[str]:
        """Pods of a namespace that wait for a ConfigMap or a Secret."""
        return list(self._lacking.get(namespace, ()))

    def sync(self, namespace: str, name: str) -> float | None:
        """Report about one Pod. Returns the seconds after which there is more to say, if ever."""
        pod = self._client.get(PODS, namespace, name)
        if pod is None:
            self._kept.pop((namespace, name), None)
            self._lack(namespace, name, lacks=False)
            return None
        if pod["spec"].get("nodeName") != node.NAME:
            return None
        kept = self._keep(pod)
        if is_deleted(pod):
            return self._stop(pod, kept)
        return self._report(pod, kept)

    def _report(self, pod: Json, kept: _Kept) -> float | None:
        namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        missing = references.missing(pod, lambda kind, of: self._client.get(_TABLES[kind], namespace, of))
        self._lack(namespace, name, lacks=bool(missing.containers or missing.volumes))
        moment = self._moment(kept)
        said = report(pod, moment, self._rules, missing)
        if moment.age >= self._pace.pod_start_seconds:
            self._tell_unmounted(pod, kept, missing)
        if said.status is not None:
            for told in pod_events.told(pod, said.status, self._images):
                self._client.tell_part(pod, told.path, told[:3])
            self._take_images(pod, said.status)
            self._client.update_status(PODS, {**pod, "status": said.status})
        return said.again

    def _stop(self, pod: Json, kept: _Kept) -> float | None:
        """Let a deleted Pod go once its containers have ended; one with finalizers stays a while longer."""
        if pod["metadata"].get("deletionGracePeriodSeconds") == 0:
            return None
        now = self._seconds()
        if kept.stops is None:
            kept.stops = now + self._pace.pod_stop_seconds
            for told in pod_events.stopping(pod):
                self._client.tell_part(pod, told.path, told[:3])
        if kept.stops > now:
            return kept.stops - now
        if not has_ended(pod):
            pod = self._client.update_status(PODS, {**pod, "status": killed(pod, self._moment(kept))})
        self._client.delete(PODS, pod, grace_seconds=0)
        return None

    def _keep(self, pod: Json) -> _Kept:
        metadata = pod["metadata"]
        key = (metadata["namespace"], metadata["name"])
        kept = self._kept.get(key)
        if kept is None or kept.uid != metadata["uid"]:
            number = next(self._numbers)
            address = f"10.{128 + (number >> 16) % 127}.{number >> 8 & 255}.{number & 255}"
            kept = self._kept[key] = _Kept(metadata["uid"], self._seconds(), address)
        return kept

    def _moment(self, kept: _Kept) -> Moment:
        return Moment(self._seconds() - kept.since, written(self._client.now), kept.address)

    def _tell_unmounted(self, pod: Json, kept: _Kept, missing: Missing) -> None:
        if missing.volumes != kept.unmounted:
            kept.unmounted = missing.volumes
            for told in pod_events.unmounted(missing.volumes):
                self._client.tell_part(pod, told.path, told[:3])

    def _take_images(self, pod: Json, status: Json) -> None:
        """Images of containers that have run are on the node from then on."""
        pulled = {
            one["name"]
            for part in ("initContainerStatuses", "containerStatuses")
            for one in status.get(part) or ()
            if one.get("imageID")
        }
        spec = pod["spec"]
        containers = (*(spec.get("initContainers") or ()), *spec["containers"])
        self._images.update(one["image"] for one in containers if one["name"] in pulled)

    def _lack(self, namespace: str, name: str, *, lacks: bool) -> None:
        there = self._lacking.get(namespace)
        if lacks:
            self._lacking.setdefault(namespace, {})[name] = None
        elif there is not None:
            there.pop(name, None)
            if not there:
                del self._lacking[namespace]
