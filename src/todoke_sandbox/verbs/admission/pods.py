"""Pods: their service account and its token, tolerations, priority, class of service.

Source: Kubernetes documentation, "Admission Controllers Reference" (ServiceAccount, DefaultTolerationSeconds,
Priority) and "Pod Quality of Service Classes"; answers of a real server.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from typing import Any, Final

from todoke_sandbox.registry.resources import Resource
from todoke_sandbox.storage.tables import PRIORITY_CLASSES, SERVICE_ACCOUNTS
from todoke_sandbox.verbs.house import SUFFIX, House
from todoke_sandbox.verbs.refusals import Refusal

Json = dict[str, Any]

TOKEN_PATH: Final = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 -- a path
_SYSTEM_CLASSES: Final = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}
_LETTERS: Final = "bcdfghjklmnpqrstvwxz2456789"
_GONE_NODE: Final = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


def pod(house: House, resource: Resource, new: Json, old: Mapping[str, Any] | None) -> Json:
    """A new Pod with what every Pod gets."""
    if old is not None:
        return new
    name = _told(new["metadata"])
    spec = _with_priority(house, resource, name, new["spec"])
    spec = _with_tolerations(_with_account(house, resource, new["metadata"], spec))
    status = {**new["status"], "phase": "Pending", "qosClass": service_class(spec)}
    if spec.get("schedulingGates"):
        status["conditions"] = [_gated(house)]
    return {**new, "spec": spec, "status": status}


def _told(metadata: Mapping[str, Any]) -> str:
    """The name in refusals: a Pod is admitted before a name is made for it."""
    name, prefix = str(metadata.get("name", "")), str(metadata.get("generateName", ""))
    return prefix if prefix and name[:-SUFFIX] == prefix else name


def _gated(house: House) -> Json:
    return {
        "type": "PodScheduled",
        "status": "False",
        "lastProbeTime": None,
        "lastTransitionTime": None,
        "reason": "SchedulingGated",
        "message": "Scheduling is blocked due to non-empty scheduling gates",
    }


def service_class(spec: Mapping[str, Any]) -> str:
    """Guaranteed, Burstable or BestEffort, from the requests and limits of all containers."""
    guaranteed, any_given = True, False
    for container in _containers(spec):
        resources = container.get("resources") or {}
        limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
        any_given = any_given or any(name in {**limits, **requests} for name in ("cpu", "memory"))
        guaranteed = guaranteed and all(
            name in limits and requests.get(name, limits[name]) == limits[name] for name in ("cpu", "memory")
        )
    return "Guaranteed" if guaranteed else "Burstable" if any_given else "BestEffort"


def _containers(spec: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from spec.get("initContainers") or ()
    yield from spec.get("containers") or ()


def _with_priority(house: House, resource: Resource, name: str, spec: Json) -> Json:
    named = spec.get("priorityClassName", "")
    value, policy = 0, "PreemptLowerPriority"
    if named in _SYSTEM_CLASSES:
        value = _SYSTEM_CLASSES[named]
    elif named:
        found = house.store.get(PRIORITY_CLASSES, "", named)
        if found is None:
            raise Refusal.forbidden(resource, name, f"no PriorityClass with name {named} was found")
        value, policy = found.body.get("value", 0), found.body.get("preemptionPolicy", policy)
    return {**spec, "priority": value, "preemptionPolicy": policy}


def _with_tolerations(spec: Json) -> Json:
    present = spec.get("tolerations") or []
    keys = {toleration.get("key", "") for toleration in present if toleration.get("effect") in (None, "", "NoExecute")}
    added = [
        {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
        for key in _GONE_NODE
        if key not in keys and "" not in keys
    ]
    return {**spec, "tolerations": [*present, *added]} if added else spec


def _with_account(house: House, resource: Resource, metadata: Mapping[str, Any], spec: Json) -> Json:
    """The Pod's service account, and a volume with its token in every container that has none there."""
    if "kubernetes.io/config.mirror" in (metadata.get("annotations") or {}):
        return spec
    name = spec.get("serviceAccountName") or "default"
    account = house.store.get(SERVICE_ACCOUNTS, metadata["namespace"], name)
    if account is None:
        why = f'error looking up service account {metadata["namespace"]}/{name}: serviceaccount "{name}" not found'
        raise Refusal.forbidden(resource, _told(metadata), why)
    spec = {**spec, "serviceAccountName": name, "serviceAccount": name}
    if pulls := account.body.get("imagePullSecrets"):
        spec.setdefault("imagePullSecrets", pulls)
    mounts = spec.get("automountServiceAccountToken", account.body.get("automountServiceAccountToken", True))
    return _with_token(spec) if mounts else spec


def _with_token(spec: Json) -> Json:
    volume = "kube-api-access-" + "".join(secrets.choice(_LETTERS) for _ in range(5))
    used = False
    for part in ("initContainers", "containers"):
        mounted = []
        for container in spec.get(part) or ():
            mounts = container.get("volumeMounts") or []
            if all(mount.get("mountPath") != TOKEN_PATH for mount in mounts):
                mount = {"name": volume, "readOnly": True, "mountPath": TOKEN_PATH}
                container, used = {**container, "volumeMounts": [*mounts, mount]}, True
            mounted.append(container)
        if mounted:
            spec[part] = mounted
    return {**spec, "volumes": [*(spec.get("volumes") or ()), _token_volume(volume)]} if used else spec


def _token_volume(name: str) -> Json:
    field = {"apiVersion": "v1", "fieldPath": "metadata.namespace"}
    sources = [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": field}]}},
    ]
    return {"name": name, "projected": {"sources": sources, "defaultMode": 420}}
