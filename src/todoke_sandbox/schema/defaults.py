"""What the server fills in by its own code, kind by kind: OpenAPI says nothing of it.

Functions change the object, which is new and has every field that its kind always writes.
Source: the "Default" notes of the API reference; answers of a real server.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any, Final

from todoke_sandbox.schema.node import Json
from todoke_sandbox.schema.pod_defaults import pod, template

RBAC: Final = "rbac.authorization.k8s.io"
TEMPLATE_GENERATION: Final = "deprecated.daemonset.template.generation"
"""An annotation that DaemonSets carry in place of a field of their first versions."""


def set_defaults(kind: tuple[str, str, str], body: Json) -> None:
    """Complete an object of a built-in kind, named by group, version and kind. Unknown kinds have no defaults."""
    if complete := BY_KIND.get(kind):
        complete(body)


def deployment(body: Json) -> None:
    """apps/v1 Deployment."""
    spec = body["spec"]
    spec.setdefault("replicas", 1)
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)
    strategy = spec["strategy"]
    strategy.setdefault("type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxUnavailable", "25%")
        rolling.setdefault("maxSurge", "25%")
    template(spec)


def replica_set(body: Json) -> None:
    """apps/v1 ReplicaSet."""
    body["spec"].setdefault("replicas", 1)
    template(body["spec"])


def replication_controller(body: Json) -> None:
    """v1 ReplicationController: the template's labels are the selector and the object's labels where none are given."""
    spec = body["spec"]
    spec.setdefault("replicas", 1)
    template(spec)
    if labels := ((spec.get("template") or {}).get("metadata") or {}).get("labels"):
        spec.setdefault("selector", dict(labels))
        body["metadata"].setdefault("labels", dict(labels))


def stateful_set(body: Json) -> None:
    """apps/v1 StatefulSet."""
    spec = body["spec"]
    spec.setdefault("replicas", 1)
    spec.setdefault("podManagementPolicy", "OrderedReady")
    spec.setdefault("revisionHistoryLimit", 10)
    strategy = spec["updateStrategy"]
    strategy.setdefault("type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("partition", 0)
        rolling.setdefault("maxUnavailable", 1)
    policy = spec.setdefault("persistentVolumeClaimRetentionPolicy", {})
    policy.setdefault("whenDeleted", "Retain")
    policy.setdefault("whenScaled", "Retain")
    for claim in spec.get("volumeClaimTemplates", ()):
        claim.setdefault("apiVersion", "v1")
        claim.setdefault("kind", "PersistentVolumeClaim")
        volume_claim(claim)
    template(spec)


def daemon_set(body: Json) -> None:
    """apps/v1 DaemonSet."""
    spec = body["spec"]
    body["metadata"].setdefault("annotations", {}).setdefault(TEMPLATE_GENERATION, "0")
    spec.setdefault("revisionHistoryLimit", 10)
    strategy = spec["updateStrategy"]
    strategy.setdefault("type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxUnavailable", 1)
        rolling.setdefault("maxSurge", 0)
    template(spec)


def job(body: Json) -> None:
    """batch/v1 Job."""
    spec = body["spec"]
    if "completions" not in spec and "parallelism" not in spec:
        spec["completions"] = spec["parallelism"] = 1
    spec.setdefault("parallelism", 1)
    spec.setdefault("backoffLimit", 2**31 - 1 if "backoffLimitPerIndex" in spec else 6)
    spec.setdefault("completionMode", "NonIndexed")
    spec.setdefault("suspend", False)
    spec.setdefault("manualSelector", False)
    spec.setdefault("podReplacementPolicy", "Failed" if "podFailurePolicy" in spec else "TerminatingOrFailed")
    template(spec)
    if labels := (spec["template"]["metadata"]).get("labels"):
        body["metadata"].setdefault("labels", dict(labels))


def cron_job(body: Json) -> None:
    """batch/v1 CronJob."""
    spec = body["spec"]
    spec.setdefault("concurrencyPolicy", "Allow")
    spec.setdefault("suspend", False)
    spec.setdefault("successfulJobsHistoryLimit", 3)
    spec.setdefault("failedJobsHistoryLimit", 1)
    template(spec["jobTemplate"]["spec"])


def pod_template(body: Json) -> None:
    """v1 PodTemplate."""
    template(body)


def service(body: Json) -> None:
    """v1 Service, without addresses and node ports: those are allocated, not defaulted."""
    spec = body["spec"]
    spec.setdefault("sessionAffinity", "None")
    spec.setdefault("type", "ClusterIP")
    if spec["sessionAffinity"] == "None":
        spec.pop("sessionAffinityConfig", None)
    else:
        spec.setdefault("sessionAffinityConfig", {}).setdefault("clientIP", {}).setdefault("timeoutSeconds", 10800)
    for port in spec.get("ports", ()):
        port.setdefault("protocol", "TCP")
        port["targetPort"] = port.get("targetPort") or port["port"]
    outside = spec["type"] in ("NodePort", "LoadBalancer")
    if outside:
        spec.setdefault("externalTrafficPolicy", "Cluster")
    if outside or spec["type"] == "ClusterIP":
        spec.setdefault("internalTrafficPolicy", "Cluster")
    if spec["type"] == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)


def secret(body: Json) -> None:
    """v1 Secret: `stringData` is only ever written."""
    body.setdefault("type", "Opaque")
    for name, value in body.pop("stringData", {}).items():
        body.setdefault("data", {})[name] = base64.b64encode(value.encode()).decode()


def namespace(body: Json) -> None:
    """v1 Namespace."""
    body["status"].setdefault("phase", "Active")
    if name := body["metadata"].get("name"):
        body["metadata"].setdefault("labels", {}).setdefault("kubernetes.io/metadata.name", name)


def volume_claim(body: Json) -> None:
    """v1 PersistentVolumeClaim, alone or in a StatefulSet."""
    body["spec"].setdefault("volumeMode", "Filesystem")
    body["status"].setdefault("phase", "Pending")


def volume(body: Json) -> None:
    """v1 PersistentVolume."""
    body["spec"].setdefault("persistentVolumeReclaimPolicy", "Retain")
    body["spec"].setdefault("volumeMode", "Filesystem")
    if path := body["spec"].get("hostPath"):
        path.setdefault("type", "")
    body["status"].setdefault("phase", "Pending")


def endpoints(body: Json) -> None:
    """v1 Endpoints."""
    for subset in body.get("subsets", ()):
        for port in subset.get("ports", ()):
            port.setdefault("protocol", "TCP")


def endpoint_slice(body: Json) -> None:
    """discovery.k8s.io/v1 EndpointSlice."""
    for port in body.get("ports") or ():
        port.setdefault("name", "")
        port.setdefault("protocol", "TCP")


def network_policy(body: Json) -> None:
    """networking.k8s.io/v1 NetworkPolicy."""
    spec = body["spec"]
    for rule in [*spec.get("ingress", ()), *spec.get("egress", ())]:
        for port in rule.get("ports", ()):
            port.setdefault("protocol", "TCP")
    spec.setdefault("policyTypes", ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"])


def autoscaler(body: Json) -> None:
    """autoscaling/v2 HorizontalPodAutoscaler."""
    spec = body["spec"]
    spec.setdefault("minReplicas", 1)
    if not spec.get("metrics"):
        target = {"type": "Utilization", "averageUtilization": 80}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    if (behavior := spec.get("behavior")) is not None:
        fast: Json = {"type": "Percent", "value": 100, "periodSeconds": 15}
        _scaling(behavior, "scaleUp", {"stabilizationWindowSeconds": 0}, [{**fast, "type": "Pods", "value": 4}, fast])
        _scaling(behavior, "scaleDown", {}, [fast])


def _scaling(behavior: Json, direction: str, defaults: Json, policies: list[Json]) -> None:
    rules = behavior.setdefault(direction, {})
    rules.setdefault("selectPolicy", "Max")
    rules.setdefault("policies", policies)
    for name, value in defaults.items():
        rules.setdefault(name, value)


def binding(body: Json) -> None:
    """rbac.authorization.k8s.io/v1 RoleBinding or ClusterRoleBinding."""
    if not body["roleRef"].get("apiGroup"):
        body["roleRef"]["apiGroup"] = RBAC
    for subject in body.get("subjects", ()):
        if subject.get("kind") in ("User", "Group"):
            subject.setdefault("apiGroup", RBAC)


def priority_class(body: Json) -> None:
    """scheduling.k8s.io/v1 PriorityClass."""
    body.setdefault("preemptionPolicy", "PreemptLowerPriority")


def storage_class(body: Json) -> None:
    """storage.k8s.io/v1 StorageClass."""
    body.setdefault("reclaimPolicy", "Delete")
    body.setdefault("volumeBindingMode", "Immediate")


def definition(body: Json) -> None:
    """apiextensions.k8s.io/v1 CustomResourceDefinition."""
    spec = body["spec"]
    names = spec["names"]
    if kind := names.get("kind"):
        names.setdefault("singular", kind.lower())
        names.setdefault("listKind", f"{kind}List")
    spec.setdefault("conversion", {"strategy": "None"})
    spec["conversion"].setdefault("strategy", "None")


def webhooks(body: Json) -> None:
    """admissionregistration.k8s.io/v1 webhook configurations."""
    mutating = body.get("kind") == "MutatingWebhookConfiguration"
    for hook in body.get("webhooks", ()):
        hook.setdefault("failurePolicy", "Fail")
        hook.setdefault("matchPolicy", "Equivalent")
        hook.setdefault("namespaceSelector", {})
        hook.setdefault("objectSelector", {})
        hook.setdefault("timeoutSeconds", 10)
        if mutating:
            hook.setdefault("reinvocationPolicy", "Never")
        for rule in hook.get("rules", ()):
            rule.setdefault("scope", "*")
        if reference := hook["clientConfig"].get("service"):
            reference.setdefault("port", 443)


def limit_range(body: Json) -> None:
    """v1 LimitRange: of a container's limits, what is not given follows from what is."""
    for limit in body["spec"].get("limits") or ():
        if limit.get("type") != "Container":
            continue
        _fill(limit, "default", limit.get("max"))
        _fill(limit, "defaultRequest", limit.get("default"))
        _fill(limit, "defaultRequest", limit.get("min"))


def _fill(limit: Json, name: str, values: Mapping[str, Any] | None) -> None:
    if values:
        limit[name] = {**values, **(limit.get(name) or {})}


BY_KIND: Mapping[tuple[str, str, str], Callable[[Json], None]] = {
    ("", "v1", "Endpoints"): endpoints,
    ("", "v1", "LimitRange"): limit_range,
    ("", "v1", "Namespace"): namespace,
    ("", "v1", "PersistentVolume"): volume,
    ("", "v1", "PersistentVolumeClaim"): volume_claim,
    ("", "v1", "Pod"): pod,
    ("", "v1", "PodTemplate"): pod_template,
    ("", "v1", "ReplicationController"): replication_controller,
    ("", "v1", "Secret"): secret,
    ("", "v1", "Service"): service,
    ("admissionregistration.k8s.io", "v1", "MutatingWebhookConfiguration"): webhooks,
    ("admissionregistration.k8s.io", "v1", "ValidatingWebhookConfiguration"): webhooks,
    ("apiextensions.k8s.io", "v1", "CustomResourceDefinition"): definition,
    ("apps", "v1", "DaemonSet"): daemon_set,
    ("apps", "v1", "Deployment"): deployment,
    ("apps", "v1", "ReplicaSet"): replica_set,
    ("apps", "v1", "StatefulSet"): stateful_set,
    ("autoscaling", "v2", "HorizontalPodAutoscaler"): autoscaler,
    ("batch", "v1", "CronJob"): cron_job,
    ("batch", "v1", "Job"): job,
    ("discovery.k8s.io", "v1", "EndpointSlice"): endpoint_slice,
    ("networking.k8s.io", "v1", "NetworkPolicy"): network_policy,
    (RBAC, "v1", "ClusterRoleBinding"): binding,
    (RBAC, "v1", "RoleBinding"): binding,
    ("scheduling.k8s.io", "v1", "PriorityClass"): priority_class,
    ("storage.k8s.io", "v1", "StorageClass"): storage_class,
}
