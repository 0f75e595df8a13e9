"""Values that the server refuses, in its own words: of custom kinds by their schema, of others by rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from todoke_sandbox.registry.resources import Resource
from todoke_sandbox.schema.validation import validate_write
from todoke_sandbox.verbs.refusals import Refusal
from todoke_sandbox.verbs.validation import metadata, network, others, pods, workloads
from todoke_sandbox.verbs.validation.rules import Cause

Rules = Callable[[Mapping[str, Any], Mapping[str, Any] | None], Iterator[Cause]]

_BY_KIND: Final[Mapping[tuple[str, str], Rules]] = {
    ("", "ConfigMap"): others.config_map,
    ("", "PersistentVolumeClaim"): others.claim,
    ("", "Pod"): pods.pod,
    ("", "Secret"): others.secret,
    ("", "Service"): network.service,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): others.definition,
    ("apps", "DaemonSet"): workloads.daemon_set,
    ("apps", "Deployment"): workloads.deployment,
    ("apps", "ReplicaSet"): workloads.replica_set,
    ("apps", "StatefulSet"): workloads.stateful_set,
    ("autoscaling", "HorizontalPodAutoscaler"): others.autoscaler,
    ("batch", "CronJob"): workloads.cron_job,
    ("batch", "Job"): workloads.job,
    ("networking.k8s.io", "Ingress"): network.ingress,
    ("policy", "PodDisruptionBudget"): others.budget,
    ("rbac.authorization.k8s.io", "ClusterRole"): others.role,
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): others.binding,
    ("rbac.authorization.k8s.io", "Role"): others.role,
    ("rbac.authorization.k8s.io", "RoleBinding"): others.binding,
}


def check(resource: Resource, new: Mapping[str, Any], old: Mapping[str, Any] | None, subresource: str = "") -> None:
    """Refuse an object that breaks rules of its kind.

    Args: old: the object before; None when it is new.
    Raises: Refusal: 422, with every broken rule as a cause.
    """
    causes = list(metadata.broken(resource, new, old))
    if resource.custom:
        broken = validate_write(resource.kind.node, new, subresource)
        causes += [(violation.reason, violation.message, violation.field) for violation in broken]
    elif subresource != "status" and (rules := _BY_KIND.get((resource.group, resource.kind.name))):
        causes += rules(new, old)
    if causes:
        raise Refusal.invalid((resource.group, resource.kind.name), str(new["metadata"].get("name", "")), causes)
