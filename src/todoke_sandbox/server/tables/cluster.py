"""Nodes, namespaces, storage, configuration and rights as rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from todoke_sandbox.server.tables.text import NONE, UNKNOWN, UNSET, age, created

Json = Mapping[str, Any]

_ROLE_PREFIX: Final = "node-role.kubernetes.io/"
_MODES: Final = (
    ("ReadWriteOnce", "RWO"),
    ("ReadOnlyMany", "ROX"),
    ("ReadWriteMany", "RWX"),
    ("ReadWriteOncePod", "RWOP"),
)


def node(body: Json, now: datetime) -> list[Any]:
    """The cells of a Node."""
    status = body.get("status") or {}
    info = status.get("nodeInfo") or {}
    addresses = status.get("addresses") or ()
    roles = sorted(filter(None, map(_role, (body["metadata"].get("labels") or {}).items())))
    return [
        body["metadata"]["name"],
        _node_word(body),
        ",".join(dict.fromkeys(roles)) or NONE,
        created(body, now),
        info.get("kubeletVersion", ""),
        *(next((a["address"] for a in addresses if a["type"] == t), NONE) for t in ("InternalIP", "ExternalIP")),
        info.get("osImage") or UNKNOWN,
        info.get("kernelVersion") or UNKNOWN,
        info.get("containerRuntimeVersion") or UNKNOWN,
    ]


def namespace(body: Json, now: datetime) -> list[Any]:
    """The cells of a Namespace."""
    return [body["metadata"]["name"], (body.get("status") or {}).get("phase", ""), created(body, now)]


def claim(body: Json, now: datetime) -> list[Any]:
    """The cells of a PersistentVolumeClaim."""
    spec, status = body["spec"], body.get("status") or {}
    volume, capacity, modes = spec.get("volumeName", ""), "", ""
    if volume:
        modes = _access(status.get("accessModes") or ())
        capacity = (status.get("capacity") or {}).get("storage", "0")
    return [
        body["metadata"]["name"],
        _phase(body),
        volume,
        capacity,
        modes,
        _class(body, spec),
        spec.get("volumeAttributesClassName") or UNSET,
        created(body, now),
        spec.get("volumeMode") or UNSET,
    ]


def volume(body: Json, now: datetime) -> list[Any]:
    """The cells of a PersistentVolume."""
    spec, status = body["spec"], body.get("status") or {}
    reference = spec.get("claimRef") or {}
    return [
        body["metadata"]["name"],
        (spec.get("capacity") or {}).get("storage", "0"),
        _access(spec.get("accessModes") or ()),
        spec.get("persistentVolumeReclaimPolicy", ""),
        _phase(body),
        f"{reference.get('namespace', '')}/{reference.get('name', '')}" if reference else "",
        _class(body, spec),
        spec.get("volumeAttributesClassName") or UNSET,
        status.get("reason", ""),
        created(body, now),
        spec.get("volumeMode") or UNSET,
    ]


def storage_class(body: Json, now: datetime) -> list[Any]:
    """The cells of a StorageClass."""
    return [
        body["metadata"]["name"],
        body["provisioner"],
        body.get("reclaimPolicy", "Delete"),
        body.get("volumeBindingMode", "Immediate"),
        bool(body.get("allowVolumeExpansion")),
        created(body, now),
    ]


def config_map(body: Json, now: datetime) -> list[Any]:
    """The cells of a ConfigMap."""
    size = len(body.get("data") or ()) + len(body.get("binaryData") or ())
    return [body["metadata"]["name"], size, created(body, now)]


def secret(body: Json, now: datetime) -> list[Any]:
    """The cells of a Secret."""
    return [body["metadata"]["name"], body.get("type", ""), len(body.get("data") or ()), created(body, now)]


def named(body: Json, now: datetime) -> list[Any]:
    """The cells of what has but a name and an age."""
    return [body["metadata"]["name"], created(body, now)]


def dated(body: Json, now: datetime) -> list[Any]:
    """The cells of what has but a name and a time of creation."""
    return [body["metadata"]["name"], body["metadata"].get("creationTimestamp")]


def quota(body: Json, now: datetime) -> list[Any]:
    """The cells of a ResourceQuota."""
    status = body.get("status") or {}
    hard, used = status.get("hard") or {}, status.get("used") or {}
    texts: dict[bool, list[str]] = {False: [], True: []}
    for name in sorted(hard):
        texts[name.startswith("limits")].append(f"{name}: {used.get(name, '0')}/{hard[name]}")
    return [body["metadata"]["name"], ", ".join(texts[False]), ", ".join(texts[True]), created(body, now)]


def event(body: Json, now: datetime) -> list[Any]:
    """The cells of an Event."""
    about, source = body.get("involvedObject") or {}, body.get("source") or {}
    series = body.get("series") or {}
    first = age(body.get("firstTimestamp") or body.get("eventTime"), now)
    last = age(body["lastTimestamp"], now) if body.get("lastTimestamp") else first
    count = body.get("count") or 0
    if series:
        last, count = age(series.get("lastObservedTime"), now), series.get("count", 0)
    name = about.get("name")
    return [
        last,
        body.get("type", ""),
        body.get("reason", ""),
        about.get("kind", "").lower() + (f"/{name}" if name else ""),
        about.get("fieldPath", ""),
        _source(source, body),
        str(body.get("message", "")).strip(),
        first,
        count or 1,
        body["metadata"]["name"],
    ]


def binding(body: Json, now: datetime) -> list[Any]:
    """The cells of a RoleBinding or a ClusterRoleBinding."""
    role, subjects = body["roleRef"], body.get("subjects") or ()
    names = {kind: [s["name"] for s in subjects if s["kind"] == kind] for kind in ("User", "Group")}
    accounts = [f"{s.get('namespace', '')}/{s['name']}" for s in subjects if s["kind"] == "ServiceAccount"]
    shown = (", ".join(found) for found in (names["User"], names["Group"], accounts))
    return [body["metadata"]["name"], f"{role['kind']}/{role['name']}", created(body, now), *shown]


def priority_class(body: Json, now: datetime) -> list[Any]:
    """The cells of a PriorityClass."""
    preemption = body.get("preemptionPolicy", "")
    return [body["metadata"]["name"], body["value"], bool(body.get("globalDefault")), created(body, now), preemption]


def lease(body: Json, now: datetime) -> list[Any]:
    """The cells of a Lease."""
    holder = (body.get("spec") or {}).get("holderIdentity", "")
    return [body["metadata"]["name"], holder, created(body, now)]


def definition(body: Json, now: datetime) -> list[Any]:
    """The cells of a CustomResourceDefinition."""
    spec, conditions = body["spec"], (body.get("status") or {}).get("conditions") or ()
    established = any(c["type"] == "Established" and c.get("status") == "True" for c in conditions)
    return [
        body["metadata"]["name"],
        spec["scope"],
        ",".join(version["name"] + ("(storage)" if version.get("storage") else "") for version in spec["versions"]),
        body["metadata"].get("creationTimestamp"),
        spec["group"],
        spec["names"]["kind"],
        ",".join(spec["names"].get("shortNames") or ()) or NONE,
        established,
    ]


def _node_word(body: Json) -> str:
    conditions = (body.get("status") or {}).get("conditions") or ()
    words = ["Ready" if c.get("status") == "True" else "NotReady" for c in conditions if c["type"] == "Ready"]
    words = words or ["Unknown"]
    if body["spec"].get("unschedulable"):
        words.append("SchedulingDisabled")
    return ",".join(words)


def _role(label: tuple[str, str]) -> str:
    key, value = label
    if key.startswith(_ROLE_PREFIX):
        return key.removeprefix(_ROLE_PREFIX)
    return value if key == "kubernetes.io/role" else ""


def _phase(body: Json) -> str:
    if body["metadata"].get("deletionTimestamp"):
        return "Terminating"
    return str((body.get("status") or {}).get("phase", ""))


def _class(body: Json, spec: Json) -> str:
    annotations = body["metadata"].get("annotations") or {}
    return str(annotations.get("volume.beta.kubernetes.io/storage-class") or spec.get("storageClassName", ""))


def _access(modes: Any) -> str:
    return ",".join(short for mode, short in _MODES if mode in modes)


def _source(source: Json, body: Json) -> str:
    component = source.get("component") or body.get("reportingComponent", "")
    host = source.get("host") or body.get("reportingInstance", "")
    return f"{component}, {host}" if host else str(component)
