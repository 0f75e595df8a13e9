"""Services and what leads to them, as rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from todoke_sandbox.server.tables.text import NONE, UNSET, created, labels, listed, selector

Json = Mapping[str, Any]


def service(body: Json, now: datetime) -> list[Any]:
    """The cells of a Service."""
    spec = body["spec"]
    addresses = spec.get("clusterIPs") or ()
    return [
        body["metadata"]["name"],
        spec.get("type", ""),
        addresses[0] if addresses else NONE,
        _external(body),
        ",".join(_port(port) for port in spec.get("ports") or ()) or NONE,
        created(body, now),
        labels(spec.get("selector")),
    ]


def ingress(body: Json, now: datetime) -> list[Any]:
    """The cells of an Ingress."""
    spec = body["spec"]
    hosts = [rule["host"] for rule in spec.get("rules") or () if rule.get("host")]
    return [
        body["metadata"]["name"],
        spec.get("ingressClassName") or NONE,
        listed(hosts) or "*",
        _balanced(body),
        "80, 443" if spec.get("tls") else "80",
        created(body, now),
    ]


def ingress_class(body: Json, now: datetime) -> list[Any]:
    """The cells of an IngressClass."""
    spec = body.get("spec") or {}
    found = spec.get("parameters")
    shown = NONE
    if found:
        group = found.get("apiGroup")
        shown = f"{found['kind']}{f'.{group}' if group else ''}/{found['name']}"
    return [body["metadata"]["name"], spec.get("controller", ""), shown, created(body, now)]


def network_policy(body: Json, now: datetime) -> list[Any]:
    """The cells of a NetworkPolicy."""
    return [body["metadata"]["name"], selector((body.get("spec") or {}).get("podSelector")), created(body, now)]


def endpoints(body: Json, now: datetime) -> list[Any]:
    """The cells of Endpoints."""
    subsets = body.get("subsets") or ()
    return [body["metadata"]["name"], listed(_addresses(subsets)) if subsets else NONE, created(body, now)]


def endpoint_slice(body: Json, now: datetime) -> list[Any]:
    """The cells of an EndpointSlice."""
    found = [address for endpoint in body.get("endpoints") or () for address in endpoint.get("addresses") or ()]
    ports = [str(port.get("port") or port.get("name") or "*") for port in body.get("ports") or ()]
    shown = (listed(ports) or UNSET, listed(found) or UNSET)
    return [body["metadata"]["name"], body["addressType"], *shown, created(body, now)]


def _external(body: Json) -> str:
    spec = body["spec"]
    kind, own = spec.get("type"), ",".join(spec.get("externalIPs") or ())
    if kind in ("ClusterIP", "NodePort"):
        return own or NONE
    if kind == "LoadBalancer":
        balanced = _balanced(body)
        return ",".join(filter(None, (balanced, own))) or "<pending>"
    return str(spec.get("externalName", "")) if kind == "ExternalName" else "<unknown>"


def _balanced(body: Json) -> str:
    """Addresses that a load balancer gave."""
    given = ((body.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    return ",".join(sorted({entry.get("ip") or entry.get("hostname", "") for entry in given}))


def _port(port: Json) -> str:
    node = f":{port['nodePort']}" if port.get("nodePort") else ""
    return f"{port['port']}{node}/{port.get('protocol', 'TCP')}"


def _addresses(subsets: Sequence[Json]) -> Iterator[str]:
    for subset in subsets:
        ports = subset.get("ports") or ()
        for address in subset.get("addresses") or () if not ports else ():
            yield address["ip"]
        for port in ports:
            for address in subset.get("addresses") or ():
                ip = f"[{address['ip']}]" if ":" in address["ip"] else address["ip"]
                yield f"{ip}:{port['port']}"
