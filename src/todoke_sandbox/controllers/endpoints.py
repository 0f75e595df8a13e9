"""Endpoints and EndpointSlices: kept as the Pods behind each Service come, get ready and go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from todoke_sandbox.controllers import endpoint_content as content
from todoke_sandbox.controllers.client import Client
from todoke_sandbox.controllers.informer import Informer
from todoke_sandbox.controllers.objects import condition, is_deleted, labels, notes, reference_to
from todoke_sandbox.controllers.replica_sets import is_terminating
from todoke_sandbox.storage.tables import ENDPOINTS, SERVICES, SLICES
from todoke_sandbox.verbs.refusals import Refusal

Json = dict[str, Any]

NAME: Final = "endpoint-slice-controller"
TRIGGERED: Final = "endpoints.kubernetes.io/last-change-trigger-time"


@dataclass
class _Changes:
    """When the Service was made and its Pods last changed their readiness, as far as was told."""

    uid: str = ""
    pods: dict[str, str] = field(default_factory=dict)

    def trigger(self, service: Mapping[str, Any], pods: Sequence[Json]) -> str:
        """The earliest change since the last call; empty when there is none."""
        times = {pod["metadata"]["name"]: since for pod in pods if (since := _turned(pod))}
        new = [since for name, since in times.items() if since > self.pods.get(name, "")]
        first = self.uid != service["metadata"]["uid"]
        self.uid, self.pods = service["metadata"]["uid"], times
        return str(service["metadata"]["creationTimestamp"]) if first else min(new, default="")


def _turned(pod: Json) -> str:
    ready = condition((pod.get("status") or {}).get("conditions"), "Ready")
    return (ready or {}).get("lastTransitionTime") or ""


class EndpointSlices:
    """The controller of both kinds."""

    name = NAME

    def __init__(self, informer: Informer, client: Client) -> None:
        """Takes what is known and how to write."""
        self._informer = informer
        self._client = client
        self._changes: dict[tuple[str, str], _Changes] = {}

    def sync(self, namespace: str, name: str) -> None:
        """Bring what one Service has up to date."""
        service = self._client.get(SERVICES, namespace, name)
        if service is None:
            self._changes.pop((namespace, name), None)
            self._forget(namespace, name)
            return
        spec = service["spec"]
        if spec.get("type") == "ExternalName" or not spec.get("selector") or is_deleted(service):
            return
        pods = self._informer.pods_with(namespace, spec["selector"])
        trigger = self._changes.setdefault((namespace, name), _Changes()).trigger(service, pods)
        try:
            self._write_endpoints(service, pods, trigger)
            self._write_slices(service, pods, trigger)
        except Refusal as refusal:
            if not is_terminating(refusal):
                raise

    def _forget(self, namespace: str, name: str) -> None:
        """Endpoints are not owned by their Service: they go by name."""
        left = self._client.get(ENDPOINTS, namespace, name)
        if left is not None:
            self._client.delete(ENDPOINTS, left)

    def _write_endpoints(self, service: Json, pods: Sequence[Json], trigger: str) -> None:
        metadata = service["metadata"]
        found = self._client.get(ENDPOINTS, metadata["namespace"], metadata["name"])
        wanted, marked = content.subsets(service, pods), content.endpoints_labels(service)
        if found is not None and (found.get("subsets") or []) == wanted and labels(found) == marked:
            return
        new = {
            "apiVersion": "v1",
            "kind": "Endpoints",
            "metadata": {
                **(found["metadata"] if found else {"name": metadata["name"], "namespace": metadata["namespace"]}),
                "labels": marked,
                "annotations": _triggered(found, trigger),
            },
            **({"subsets": wanted} if wanted else {}),
        }
        self._client.create(ENDPOINTS, new) if found is None else self._client.update(ENDPOINTS, new)

    def _write_slices(self, service: Json, pods: Sequence[Json], trigger: str) -> None:
        spare = [one for one in self._informer.owned_of(service, SLICES) if not is_deleted(one)]
        marked = content.slice_labels(service)
        unmatched = []
        for wanted in content.contents(service, pods):
            ports = content.slice_ports(wanted.ports)
            same = next((one for one in spare if (one.get("ports") or []) == ports), None)
            if same is None:
                unmatched.append(wanted)
                continue
            spare.remove(same)
            self._write_slice(service, same, wanted, marked, trigger)
        for wanted in unmatched:  # what would go is used for what would be made
            self._write_slice(service, spare.pop(0) if spare else None, wanted, marked, trigger)
        for one in spare:
            self._client.delete(SLICES, one)

    def _write_slice(
        self, service: Json, found: Json | None, wanted: content.Content, marked: Mapping[str, str], trigger: str
    ) -> None:
        ports = content.slice_ports(wanted.ports)
        endpoints = content.merged((found or {}).get("endpoints") or (), wanted.endpoints)
        if found is not None and (found.get("endpoints") or [], found.get("ports") or [], labels(found)) == (
            endpoints,
            ports,
            marked,
        ):
            return
        metadata = service["metadata"]
        made = {
            "generateName": f"{metadata['name']}-",
            "namespace": metadata["namespace"],
            "ownerReferences": [reference_to(service)],
        }
        new = {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                **(found["metadata"] if found else made),
                "labels": marked,
                "annotations": _triggered(found, trigger),
            },
            "addressType": "IPv4",
            "endpoints": endpoints or None,
            "ports": ports or None,
        }
        self._client.create(SLICES, new) if found is None else self._client.update(SLICES, new)


def _triggered(found: Mapping[str, Any] | None, trigger: str) -> dict[str, str]:
    others = {key: value for key, value in (notes(found) if found else {}).items() if key != TRIGGERED}
    return others | ({TRIGGERED: trigger} if trigger else {})
