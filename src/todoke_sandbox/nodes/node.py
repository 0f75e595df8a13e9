"""The one node of a sandbox: what it says about itself, and which Pods fit on it.

Source: Kubernetes documentation, "Node status", "Assigning Pods to Nodes", "Taints and Tolerations"; texts are those of
a real kubelet and scheduler.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

Json = dict[str, Any]

NAME: Final = "sandbox"
_ROOM: Final = {"cpu": "1000", "memory": "4Ti", "pods": "100000", "ephemeral-storage": "4Ti", "hugepages-2Mi": "0"}
_NOT_HELPFUL: Final = "preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
_NO_VICTIMS: Final = "preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod."
_UNSCHEDULABLE: Final = "node.kubernetes.io/unschedulable"
_QUANTITY: Final = re.compile(r"([+-]?[0-9.]+)(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]?)")
_UNITS: Final = {
    **{unit: Decimal(2) ** (10 * power) for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)},
    **{
        unit: Decimal(10) ** (3 * power)
        for power, unit in enumerate(("n", "u", "m", "", "k", "M", "G", "T", "P", "E"), -3)
    },
}


def node() -> Json:
    """The node as its kubelet registers it."""
    labels = {
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": NAME,
        "kubernetes.io/os": "linux",
        "beta.kubernetes.io/arch": "amd64",
        "beta.kubernetes.io/os": "linux",
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": NAME, "labels": labels},
        "spec": {"podCIDR": "10.128.0.0/9", "podCIDRs": ["10.128.0.0/9"], "providerID": f"sandbox://{NAME}"},
    }


def status(version: str, now: str) -> Json:
    """What the node says when it is ready. Args: version: of Kubernetes. now: as objects have it."""
    unpressed = [
        ("MemoryPressure", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("DiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("PIDPressure", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ]
    said = [(*each, "False") for each in unpressed]
    said.append(("Ready", "KubeletReady", "kubelet is posting ready status", "True"))
    conditions = [
        {
            "type": kind,
            "status": value,
            "lastHeartbeatTime": now,
            "lastTransitionTime": now,
            "reason": reason,
            "message": message,
        }
        for kind, reason, message, value in said
    ]
    return {
        "capacity": _ROOM,
        "allocatable": _ROOM,
        "conditions": conditions,
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}, {"type": "Hostname", "address": NAME}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        "nodeInfo": {
            "machineID": "sandbox",
            "systemUUID": "sandbox",
            "bootID": "sandbox",
            "kernelVersion": "sandbox",
            "osImage": "todoke sandbox (runs nothing)",
            "containerRuntimeVersion": "sandbox://0",
            "kubeletVersion": version,
            "kubeProxyVersion": "",
            "operatingSystem": "linux",
            "architecture": "amd64",
        },
    }


def obstacle(pod: Mapping[str, Any], on: Mapping[str, Any] | None, claims: Callable[[str], bool]) -> str:
    """Why the scheduler cannot place a Pod; empty when it can.

    Args: on: the node. claims: whether there is a claim of a name in the Pod's namespace.
    """
    if on is None:
        return "no nodes available to schedule pods"
    for name in _claim_names(pod):
        if not claims(name):
            return f'0/1 nodes are available: persistentvolumeclaim "{name}" not found. {_NOT_HELPFUL}'
    if reason := _unfit(pod, on):
        return f"0/1 nodes are available: 1 {reason}. {_NOT_HELPFUL}"
    if short := _short(pod, on):
        return f"0/1 nodes are available: {', '.join(f'1 Insufficient {name}' for name in short)}. {_NO_VICTIMS}"
    return ""


def runs_daemon(template: Mapping[str, Any], on: Mapping[str, Any], tolerations: Iterable[Json]) -> tuple[bool, bool]:
    """Whether a DaemonSet's Pod is to run on a node, and whether one that is there may stay."""
    spec = template["spec"]
    if spec.get("nodeName") not in (None, "", on["metadata"]["name"]) or not _is_chosen(spec, on):
        return False, False
    taints = on["spec"].get("taints") or ()
    held = list(tolerations)
    if _untolerated(taints, held, ("NoSchedule", "NoExecute")):
        return False, not _untolerated(taints, held, ("NoExecute",))
    return True, True


def _claim_names(pod: Mapping[str, Any]) -> list[str]:
    volumes = pod["spec"].get("volumes") or ()
    return [volume["persistentVolumeClaim"]["claimName"] for volume in volumes if volume.get("persistentVolumeClaim")]


def _unfit(pod: Mapping[str, Any], on: Mapping[str, Any]) -> str:
    spec = pod["spec"]
    tolerations = spec.get("tolerations") or []
    taint = {"key": _UNSCHEDULABLE, "effect": "NoSchedule"}
    if on["spec"].get("unschedulable") and _untolerated([taint], tolerations, ("NoSchedule",)):
        return "node(s) were unschedulable"
    if not _is_chosen(spec, on):
        return "node(s) didn't match Pod's node affinity/selector"
    taints = on["spec"].get("taints") or ()
    return "node(s) had untolerated taint(s)" if _untolerated(taints, tolerations, ("NoSchedule", "NoExecute")) else ""


def _is_chosen(spec: Mapping[str, Any], on: Mapping[str, Any]) -> bool:
    """Whether a Pod's node selector and required node affinity allow the node."""
    labels = on["metadata"].get("labels") or {}
    if not (spec.get("nodeSelector") or {}).items() <= labels.items():
        return False
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if required is None:
        return True
    fields = {"metadata.name": on["metadata"]["name"]}
    return any(_term(term, labels, fields) for term in required.get("nodeSelectorTerms") or ())


def _term(term: Json, labels: Mapping[str, str], fields: Mapping[str, str]) -> bool:
    expressions, on_fields = term.get("matchExpressions") or (), term.get("matchFields") or ()
    if not expressions and not on_fields:
        return False
    return all(_holds(one, labels) for one in expressions) and all(_holds(one, fields) for one in on_fields)


def _holds(requirement: Json, values: Mapping[str, str]) -> bool:
    value, wanted = values.get(requirement["key"]), requirement.get("values") or []
    match requirement["operator"]:
        case "In":
            return value in wanted
        case "NotIn":
            return value not in wanted
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
    if value is None or not value.lstrip("-").isdecimal():
        return False
    limit = int(wanted[0])
    return int(value) > limit if requirement["operator"] == "Gt" else int(value) < limit


def _untolerated(taints: Iterable[Json], tolerations: Iterable[Json], effects: tuple[str, ...]) -> Json | None:
    held = list(tolerations)
    for taint in taints:
        if taint.get("effect") in effects and not any(_tolerates(one, taint) for one in held):
            return taint
    return None


def _tolerates(toleration: Json, taint: Json) -> bool:
    if toleration.get("effect") not in (None, "", taint["effect"]):
        return False
    key, exists = toleration.get("key"), toleration.get("operator") == "Exists"
    if not key:
        return exists
    return key == taint["key"] and (exists or toleration.get("value", "") == taint.get("value", ""))


def _short(pod: Mapping[str, Any], on: Mapping[str, Any]) -> list[str]:
    """Resources of which the Pod asks for more than the whole node has."""
    asked: dict[str, Decimal] = {}
    for container in pod["spec"].get("containers") or ():
        for name, text in ((container.get("resources") or {}).get("requests") or {}).items():
            asked[name] = asked.get(name, Decimal(0)) + amount(text)
    room = (on.get("status") or {}).get("allocatable") or {}
    return sorted(name for name, wanted in asked.items() if wanted > amount(room.get(name, "0")))


def amount(text: Any) -> Decimal:
    """The number that a quantity stands for."""
    found = _QUANTITY.fullmatch(str(text))
    return Decimal(found[1]) * _UNITS[found[2]] if found else Decimal(str(text))
