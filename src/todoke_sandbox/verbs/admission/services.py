"""Services get addresses and node ports; Ingresses the default class.

Source: Kubernetes documentation, "Service", "Service ClusterIP allocation"; answers of a real server.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any, Final

from todoke_sandbox.registry.resources import Resource
from todoke_sandbox.storage.tables import INGRESS_CLASSES
from todoke_sandbox.verbs.addresses import CLUSTER_NETWORK, NODE_PORTS, Exhausted
from todoke_sandbox.verbs.house import House
from todoke_sandbox.verbs.refusals import Refusal
from todoke_sandbox.verbs.validation.rules import invalid

Json = dict[str, Any]

DEFAULT_CLASS: Final = "ingressclass.kubernetes.io/is-default-class"
_ALLOCATED: Final = ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy")


def service(house: House, resource: Resource, new: Json, old: Mapping[str, Any] | None) -> Json:
    """A Service with its addresses and ports; what it has it keeps."""
    spec = dict(new["spec"])
    before: Mapping[str, Any] = old["spec"] if old is not None else {}
    name = new["metadata"].get("name", "")
    owner = f"{new['metadata']['namespace']}/{name}"
    if spec.get("type") == "ExternalName":
        if before.get("clusterIP") and spec.get("clusterIP") == before["clusterIP"]:
            for field in _ALLOCATED:
                spec.pop(field, None)
        return {**new, "spec": spec}
    _give_address(house, name, owner, spec, before)
    if spec.get("type") in ("NodePort", "LoadBalancer"):
        _give_ports(house, name, owner, spec, before)
    elif before.get("type") in ("NodePort", "LoadBalancer"):
        _take_ports(spec, before)
    return {**new, "spec": spec}


def ingress(house: House, resource: Resource, new: Json, old: Mapping[str, Any] | None) -> Json:
    """A new Ingress without a class gets the default one, where there is one."""
    annotations = new["metadata"].get("annotations") or {}
    if old is not None or "ingressClassName" in new["spec"] or "kubernetes.io/ingress.class" in annotations:
        return new
    for stored in house.store.items(INGRESS_CLASSES):
        if (stored.body["metadata"].get("annotations") or {}).get(DEFAULT_CLASS) == "true":
            return {**new, "spec": {**new["spec"], "ingressClassName": stored.name}}
    return new


def _give_address(house: House, name: str, owner: str, spec: Json, before: Mapping[str, Any]) -> None:
    for field in _ALLOCATED:
        if before.get(field) and not spec.get(field):
            spec[field] = before[field]
    asked = spec.get("clusterIP") or next(iter(spec.get("clusterIPs") or ()), "")
    if not asked:
        try:
            asked = house.addresses.address()
        except Exhausted as error:
            raise Refusal(500, "InternalError", f"failed to allocate IP for Service {name!r}: {error}") from error
    elif asked != "None":
        _check_address(house, name, owner, asked)
    spec["clusterIP"] = asked
    spec["clusterIPs"] = [asked]
    anywhere = asked == "None" and not spec.get("selector")  # its endpoints are made by others, of any family
    spec.setdefault("ipFamilies", ["IPv4", "IPv6"] if anywhere else ["IPv4"])
    spec.setdefault("ipFamilyPolicy", "RequireDualStack" if anywhere else "SingleStack")


def _check_address(house: House, name: str, owner: str, asked: str) -> None:
    holder = house.addresses.holder(asked)
    if holder == owner:
        return
    why = ""
    try:
        inside = ipaddress.ip_address(asked) in CLUSTER_NETWORK
    except ValueError:
        why = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
        inside = True
    if not inside:
        why = (
            f"failed to allocate IP {asked}: the provided IP ({asked}) is not in the valid range."
            f" The range of valid IPs is {CLUSTER_NETWORK}"
        )
    elif holder is not None:
        why = f"failed to allocate IP {asked}: provided IP is already allocated"
    if why:
        raise Refusal.invalid(("", "Service"), name, [invalid("spec.clusterIPs", [asked], why)])


def _give_ports(house: House, name: str, owner: str, spec: Json, before: Mapping[str, Any]) -> None:
    if spec.get("type") == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts") is False:
        return
    had = {(p.get("name", ""), p["port"]): p["nodePort"] for p in before.get("ports") or () if p.get("nodePort")}
    ports = [dict(port) for port in spec.get("ports") or ()]
    taken = {port["nodePort"] for port in ports if port.get("nodePort")}
    for index, port in enumerate(ports):
        asked = port.get("nodePort") or 0
        if asked:
            _check_port(house, name, owner, asked, index)
            continue
        kept = had.get((port.get("name", ""), port["port"]))
        try:
            port["nodePort"] = kept if kept and kept not in taken else house.addresses.port(taken)
        except Exhausted as error:
            raise Refusal(500, "InternalError", str(error)) from error
        taken.add(port["nodePort"])
    if ports:
        spec["ports"] = ports


def _check_port(house: House, name: str, owner: str, asked: int, index: int) -> None:
    holder = house.addresses.port_holder(asked)
    if asked not in NODE_PORTS:
        low, high = NODE_PORTS.start, NODE_PORTS.stop - 1
        why = f"provided port is not in the valid range. The range of valid ports is {low}-{high}"
    elif holder is not None and holder != owner:
        why = "provided port is already allocated"
    else:
        return
    raise Refusal.invalid(("", "Service"), name, [invalid(f"spec.ports[{index}].nodePort", asked, why)])


def _take_ports(spec: Json, before: Mapping[str, Any]) -> None:
    """A Service that is reached from inside alone gives back the node ports it was given."""
    had = {port.get("nodePort") for port in before.get("ports") or ()}
    ports = [
        {key: value for key, value in port.items() if key != "nodePort" or value not in had}
        for port in spec.get("ports") or ()
    ]
    if ports:
        spec["ports"] = ports
