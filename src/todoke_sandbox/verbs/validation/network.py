"""Rules on Services and Ingresses.

Source: Kubernetes API reference, Service v1 core and Ingress v1 networking.k8s.io; answers of a real server.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from todoke_sandbox.verbs.validation.rules import (
    SUBDOMAIN,
    SUBDOMAIN_TEXT,
    Cause,
    duplicate,
    invalid,
    label_name,
    one_of,
    port,
    required,
)

Old = Mapping[str, Any] | None

_TYPES: Final = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_PATH_TYPES: Final = ("Exact", "ImplementationSpecific", "Prefix")


def service(new: Mapping[str, Any], old: Old) -> Iterator[Cause]:
    """v1 Service."""
    spec = new["spec"]
    kind = spec.get("type", "ClusterIP")
    ports = spec.get("ports") or ()
    headless = spec.get("clusterIP") == "None"
    if kind == "ExternalName":
        if not spec.get("externalName"):
            yield required("spec.externalName")
    elif not ports and not headless:
        yield required("spec.ports")
    yield from _service_ports(ports, headless)
    yield from one_of(kind, "spec.type", _TYPES)
    yield from one_of(spec.get("sessionAffinity", "None"), "spec.sessionAffinity", ("ClientIP", "None"))
    if kind == "LoadBalancer" and headless:
        yield invalid("spec.clusterIPs[0]", "None", "may not be set to 'None' for LoadBalancer services")
    before = old["spec"] if old is not None else {}
    both = kind != "ExternalName" and before.get("type") != "ExternalName" and before.get("clusterIPs")
    if both and spec.get("clusterIPs") != before["clusterIPs"]:
        yield invalid("spec.clusterIPs[0]", spec.get("clusterIPs"), "may not change once set")


def _service_ports(ports: Sequence[Mapping[str, Any]], headless: bool) -> Iterator[Cause]:
    names: set[str] = set()
    seen: set[tuple[str, int]] = set()
    for index, one in enumerate(ports):
        place, name = f"spec.ports[{index}]", one.get("name", "")
        if not name and len(ports) > 1:
            yield required(f"{place}.name")
        elif name:
            yield from label_name(name, f"{place}.name")
            if name in names:
                yield duplicate(f"{place}.name", name)
        names.add(name)
        yield from port(one.get("port", 0), f"{place}.port")
        protocol = one.get("protocol", "TCP")
        yield from one_of(protocol, f"{place}.protocol", ("SCTP", "TCP", "UDP"))
        if not headless:
            yield from port(one.get("targetPort"), f"{place}.targetPort")
        number = (protocol, one.get("port", 0))
        if number in seen:
            yield duplicate(place, _shown_port(*number))
        seen.add(number)


def _shown_port(protocol: str, number: int) -> dict[str, Any]:
    """A port as messages show it: by the names of the server's own type."""
    rest = {"AppProtocol": None, "Port": number, "TargetPort": 0, "NodePort": 0}
    return {"Name": "", "Protocol": protocol, **rest}


def ingress(new: Mapping[str, Any], old: Old) -> Iterator[Cause]:
    """networking.k8s.io/v1 Ingress."""
    spec = new["spec"]
    rules = spec.get("rules") or ()
    if not rules and "defaultBackend" not in spec:
        yield invalid("spec", None, "either `defaultBackend` or `rules` must be specified")
    if "defaultBackend" in spec:
        yield from _backend(spec["defaultBackend"], "spec.defaultBackend")
    for index, rule in enumerate(rules):
        host = rule.get("host", "")
        plain = host.removeprefix("*.")
        if host and not SUBDOMAIN.fullmatch(plain):
            yield invalid(f"spec.rules[{index}].host", host, SUBDOMAIN_TEXT)
        http = rule.get("http")
        if http is None:
            continue
        paths, field = http.get("paths") or (), f"spec.rules[{index}].http.paths"
        if not paths:
            yield required(field)
        for number, path in enumerate(paths):
            yield from _path(path, f"{field}[{number}]")


def _path(path: Mapping[str, Any], field: str) -> Iterator[Cause]:
    kind, text = path.get("pathType"), path.get("path", "")
    if kind is None:
        yield required(f"{field}.pathType", "pathType must be specified")
    elif kind in ("Exact", "Prefix"):
        if not text.startswith("/"):
            yield invalid(f"{field}.path", text, "must be an absolute path")
        for part in ("//", "/./", "/../", "%2f", "%2F"):
            if part in text:
                yield invalid(f"{field}.path", text, f"must not contain '{part}'")
    else:
        yield from one_of(kind, f"{field}.pathType", _PATH_TYPES)
        if text and not text.startswith("/"):
            yield invalid(f"{field}.path", text, "must be an absolute path")
    yield from _backend(path.get("backend") or {}, f"{field}.backend")


def _backend(backend: Mapping[str, Any], field: str) -> Iterator[Cause]:
    service, resource = backend.get("service"), backend.get("resource")
    if service is None and resource is None:
        yield invalid(field, "", "resource or service backend is required")
    elif service is not None and resource is not None:
        yield invalid(field, "", "cannot set both resource and service backends")
    elif service is not None:
        if not service.get("name"):
            yield required(f"{field}.service.name")
        else:
            yield from label_name(service["name"], f"{field}.service.name")
        target = service.get("port") or {}
        if not target.get("name") and not target.get("number"):
            yield required(field, "port name or number is required")
        elif target.get("name") and target.get("number"):
            yield invalid(field, "", "cannot set both port name & port number")
        else:
            yield from port(target.get("number"), f"{field}.service.port.number")
