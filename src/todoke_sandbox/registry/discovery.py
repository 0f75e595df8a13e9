"""What clients are told of the served resources: lists of groups, versions and resources, plain and aggregated.

Source: Kubernetes documentation, "The Kubernetes API", "Discovery API"; the answers of a real 1.37 server.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from typing import Any, Final

from todoke_sandbox.registry.resources import Registry, Resource, version_priority

Json = dict[str, Any]

_CHANGE: Final = ["get", "patch", "update"]
_CONNECT: Final = ["create", "get"]
_PROXY: Final = ["create", "delete", "get", "patch", "update"]
_CUSTOM_VERBS: Final = ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"]

_PARTS: Final[dict[str, tuple[list[str], tuple[str, str, str] | None]]] = {
    "attach": (_CONNECT, ("", "", "PodAttachOptions")),
    "binding": (["create"], ("", "", "Binding")),
    "eviction": (["create"], ("policy", "v1", "Eviction")),
    "exec": (_CONNECT, ("", "", "PodExecOptions")),
    "finalize": (["update"], None),
    "log": (["get"], None),
    "portforward": (_CONNECT, ("", "", "PodPortForwardOptions")),
    "proxy": (_PROXY, None),
    "scale": (_CHANGE, ("autoscaling", "v1", "Scale")),
    "status": (_CHANGE, None),
    "token": (["create"], ("authentication.k8s.io", "v1", "TokenRequest")),
}
"""Verbs and kind of each subresource; None: the kind of the resource itself."""


def subresource_verbs(resource: Resource, subresource: str) -> list[str]:
    """What can be done with a subresource; nothing when the resource does not have it."""
    return _PARTS[subresource][0] if subresource in resource.subresources else []


def legacy_versions(address: str) -> Json:
    """What `/api` answers. Args: address: host and port of the server."""
    routes = [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": routes}


def group_list(registry: Registry) -> Json:
    """What `/apis` answers."""
    groups = [_group(name, versions) for name, versions in _groups(registry).items() if name]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def group(registry: Registry, name: str) -> Json | None:
    """What `/apis/GROUP` answers; None when the group is not served."""
    versions = _groups(registry).get(name) if name else None
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(name, versions)} if versions else None


def resource_list(registry: Registry, group: str, version: str) -> Json | None:
    """What `/api/v1` and `/apis/GROUP/VERSION` answer; None when the version is not served."""
    found = _groups(registry).get(group, {}).get(version)
    if found is None:
        return None
    listed = [entry for resource in found for entry in (_entry(resource), *_part_entries(resource))]
    bare: Json = {"kind": "APIResourceList"} | ({"apiVersion": "v1"} if group else {})
    return bare | {"groupVersion": f"{group}/{version}" if group else version, "resources": listed}


def aggregated(registry: Registry, *, legacy: bool) -> Json:
    """Everything in one document. Args: legacy: only the group without a name, which `/api` answers for."""
    items = [
        {
            "metadata": {"name": name} if name else {},
            "versions": [
                {"version": version, "resources": [_aggregated(r) for r in found], "freshness": "Current"}
                for version, found in versions.items()
            ],
        }
        for name, versions in _groups(registry).items()
        if bool(name) != legacy
    ]
    return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items}


def _groups(registry: Registry) -> dict[str, dict[str, list[Resource]]]:
    """Resources by group and version: built-in groups in their order, custom ones after them by name."""
    found: dict[str, dict[str, list[Resource]]] = {}
    built_in = [r for r in registry.resources() if not r.custom]
    custom = sorted((r for r in registry.resources() if r.custom), key=lambda r: r.group)
    for resource in (*built_in, *custom):
        found.setdefault(resource.group, {}).setdefault(resource.version, []).append(resource)
    return {name: _sorted_versions(versions) for name, versions in found.items()}


def _sorted_versions(versions: dict[str, list[Resource]]) -> dict[str, list[Resource]]:
    """The version that clients are pointed to comes first."""
    return dict(sorted(versions.items(), key=lambda item: version_priority(item[0])))


def _group(name: str, versions: Iterable[str]) -> Json:
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def _verbs(resource: Resource) -> list[str]:
    return _CUSTOM_VERBS if resource.custom else list(resource.verbs)


def _names(resource: Resource) -> Json:
    short: Json = {"shortNames": list(resource.short_names)} if resource.short_names else {}
    return short | ({"categories": list(resource.categories)} if resource.categories else {})


def _entry(resource: Resource) -> Json:
    entry: Json = {"name": resource.plural, "singularName": resource.singular, "namespaced": resource.namespaced}
    entry |= {"kind": resource.kind.name, "verbs": _verbs(resource), **_names(resource)}
    return entry | ({"storageVersionHash": _storage_hash(resource)} if "list" in resource.verbs else {})


def _storage_hash(resource: Resource) -> str:
    """What clients compare to learn that a kind is stored in another version."""
    text = f"{resource.group}/{resource.storage_version or resource.version}/{resource.kind.name}"
    return base64.b64encode(hashlib.sha256(text.encode()).digest()[:8]).decode()


def _part_entries(resource: Resource) -> Iterable[Json]:
    for part in resource.subresources:
        verbs, (group, version, kind) = _part(resource, part)
        entry: Json = {"name": f"{resource.plural}/{part}", "singularName": "", "namespaced": resource.namespaced}
        if group and part != "status":
            entry |= {"group": group, "version": version}
        yield entry | {"kind": kind, "verbs": verbs}


def _part(resource: Resource, part: str) -> tuple[list[str], tuple[str, str, str]]:
    verbs, kind = _PARTS[part]
    if part == "proxy":
        kind = ("", "", f"{resource.kind.name}ProxyOptions")
    return verbs, kind or _own_kind(resource)


def _own_kind(resource: Resource) -> tuple[str, str, str]:
    """Built-in kinds are named without their group, as the real server does."""
    kind = resource.kind
    return (kind.group, kind.version, kind.name) if resource.custom else ("", "", kind.name)


def _aggregated(resource: Resource) -> Json:
    entry: Json = {"resource": resource.plural, "responseKind": _response_kind(_own_kind(resource))}
    entry |= {"scope": "Namespaced" if resource.namespaced else "Cluster", "singularResource": resource.singular}
    entry |= {"verbs": _verbs(resource), **_names(resource)}
    parts = []
    for part in resource.subresources:
        verbs, kind = _part(resource, part)
        parts.append({"subresource": part, "responseKind": _response_kind(kind), "verbs": verbs})
    return entry | ({"subresources": parts} if parts else {})


def _response_kind(kind: tuple[str, str, str]) -> Json:
    return dict(zip(("group", "version", "kind"), kind, strict=True))
