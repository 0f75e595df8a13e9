"""Which Pods stand behind a Service, as its Endpoints and its EndpointSlices list them.

Source: Kubernetes documentation, "Service": "EndpointSlices", "Endpoints"; answers of a real controller.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from todoke_sandbox.controllers.objects import is_deleted, labels
from todoke_sandbox.controllers.pods import has_ended, is_ready

Json = dict[str, Any]

HEADLESS: Final = "service.kubernetes.io/headless"
SERVICE_NAME: Final = "kubernetes.io/service-name"
SLICE_MANAGED_BY: Final = "endpointslice.kubernetes.io/managed-by"
ENDPOINTS_MANAGED_BY: Final = "endpoints.kubernetes.io/managed-by"
SLICE_CONTROLLER: Final = "endpointslice-controller.k8s.io"
ENDPOINTS_CONTROLLER: Final = "endpoint-controller"
_RESERVED: Final = frozenset({HEADLESS, SERVICE_NAME, SLICE_MANAGED_BY})
_FULL: Final = 100

Ports = tuple[tuple[str, int, str, str], ...]
"""Name, number, protocol and application protocol of each."""


@dataclass(frozen=True)
class Content:
    """What one slice is to hold."""

    ports: Ports
    endpoints: tuple[Json, ...]


def ports_of(service: Mapping[str, Any], pod: Mapping[str, Any]) -> Ports:
    """The ports at which a Pod serves a Service; those that it does not have are left out."""
    found = []
    for port in service["spec"].get("ports") or ():
        number = _number(port, pod)
        if number is not None:
            found.append((port.get("name", ""), number, port.get("protocol", "TCP"), port.get("appProtocol", "")))
    return tuple(found)


def _number(port: Json, pod: Mapping[str, Any]) -> int | None:
    target = port.get("targetPort", port["port"])
    if isinstance(target, int):
        return target
    sidecars = (one for one in pod["spec"].get("initContainers") or () if one.get("restartPolicy") == "Always")
    for container in (*pod["spec"]["containers"], *sidecars):
        for own in container.get("ports") or ():
            if own.get("name") == target and own.get("protocol", "TCP") == port.get("protocol", "TCP"):
                return int(own["containerPort"])
    return None


def _is_listed(pod: Mapping[str, Any], *, terminating: bool) -> bool:
    has_address = bool((pod.get("status") or {}).get("podIP"))
    return has_address and not has_ended(pod) and (terminating or not is_deleted(pod))


def contents(service: Mapping[str, Any], pods: Iterable[Json]) -> list[Content]:
    """What the slices of a Service are to hold, by ports, a hundred endpoints in each; one that is empty at least."""
    groups: dict[Ports, list[Json]] = {}
    for pod in pods:
        if _is_listed(pod, terminating=True):
            groups.setdefault(ports_of(service, pod), []).append(_endpoint(service, pod))
    found = [
        Content(ports, tuple(endpoints[start : start + _FULL]))
        for ports, endpoints in groups.items()
        for start in range(0, len(endpoints), _FULL)
    ]
    return found or [Content((), ())]


def _endpoint(service: Mapping[str, Any], pod: Json) -> Json:
    serving, terminating = is_ready(pod), is_deleted(pod)
    published = bool(service["spec"].get("publishNotReadyAddresses"))
    endpoint: Json = {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {
            "ready": published or (serving and not terminating),
            "serving": serving,
            "terminating": terminating,
        },
        "targetRef": _target(pod),
    }
    if node := pod["spec"].get("nodeName"):
        endpoint["nodeName"] = node
    if hostname := _hostname(service, pod):
        endpoint["hostname"] = hostname
    return endpoint


def _target(pod: Json) -> Json:
    metadata = pod["metadata"]
    return {"kind": "Pod", "namespace": metadata["namespace"], "name": metadata["name"], "uid": metadata["uid"]}


def _hostname(service: Mapping[str, Any], pod: Json) -> str:
    spec = pod["spec"]
    return str(spec.get("hostname") or "") if spec.get("subdomain") == service["metadata"]["name"] else ""


def slice_ports(ports: Ports) -> list[Json]:
    """The ports as a slice has them."""
    return [
        {"name": name, "port": number, "protocol": protocol} | ({"appProtocol": application} if application else {})
        for name, number, protocol, application in ports
    ]


def slice_labels(service: Mapping[str, Any]) -> dict[str, str]:
    """The labels of a Service's slices."""
    own = {key: value for key, value in labels(service).items() if key not in _RESERVED}
    headless = {HEADLESS: ""} if _is_headless(service) else {}
    managed = {SERVICE_NAME: service["metadata"]["name"], SLICE_MANAGED_BY: SLICE_CONTROLLER}
    return own | headless | managed


def endpoints_labels(service: Mapping[str, Any]) -> dict[str, str]:
    """The labels of a Service's Endpoints."""
    own = {key: value for key, value in labels(service).items() if key != HEADLESS}
    return own | ({HEADLESS: ""} if _is_headless(service) else {}) | {ENDPOINTS_MANAGED_BY: ENDPOINTS_CONTROLLER}


def _is_headless(service: Mapping[str, Any]) -> bool:
    return service["spec"].get("clusterIP") in (None, "", "None")


def merged(before: Sequence[Json], wanted: Sequence[Json]) -> list[Json]:
    """The wanted endpoints in the order in which they stood before, new ones last."""
    by_pod = {one["targetRef"]["uid"]: one for one in wanted}
    kept = [by_pod.pop(uid) for one in before if (uid := (one.get("targetRef") or {}).get("uid", "")) in by_pod]
    return kept + list(by_pod.values())


def subsets(service: Mapping[str, Any], pods: Iterable[Json]) -> list[Json]:
    """What the Endpoints of a Service are to hold: sets of Pods with the ports that all of them serve at."""
    published = bool(service["spec"].get("publishNotReadyAddresses"))
    by_port: dict[tuple[str, int, str, str] | None, dict[tuple[str, str], tuple[Json, bool]]] = {}
    for pod in pods:
        if not _is_listed(pod, terminating=published):
            continue
        address = _address(service, pod)
        key = (address["ip"], pod["metadata"]["uid"])
        bare = not service["spec"].get("ports") and _is_headless(service)
        for port in (None,) if bare else ports_of(service, pod):
            by_port.setdefault(port, {})[key] = (address, published or is_ready(pod))
    sets: dict[tuple[Any, ...], list[Json]] = {}
    for port, found in by_port.items():
        members = tuple(sorted((key, ready) for key, (_, ready) in found.items()))
        sets.setdefault(members, []).extend(_endpoint_port(*port) for _ in (1,) if port is not None)
    addresses = {key: address for found in by_port.values() for key, (address, _) in found.items()}
    return [_subset(members, addresses, ports) for members, ports in sets.items()]


def _subset(members: tuple[Any, ...], addresses: Mapping[Any, Json], ports: list[Json]) -> Json:
    ready = [addresses[key] for key, good in members if good]
    waiting = [addresses[key] for key, good in members if not good]
    sides = {"addresses": ready, "notReadyAddresses": waiting, "ports": ports}
    return {name: side for name, side in sides.items() if side}


def _address(service: Mapping[str, Any], pod: Json) -> Json:
    address: Json = {"ip": pod["status"]["podIP"], "targetRef": _target(pod)}
    if node := pod["spec"].get("nodeName"):
        address["nodeName"] = node
    if hostname := _hostname(service, pod):
        address["hostname"] = hostname
    return address


def _endpoint_port(name: str, number: int, protocol: str, application: str) -> Json:
    port: Json = {"port": number, "protocol": protocol}
    return port | ({"name": name} if name else {}) | ({"appProtocol": application} if application else {})
