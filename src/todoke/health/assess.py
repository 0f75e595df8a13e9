"""A live object's health. One rule per kind, in one table; conventions for all other kinds."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from todoke.health.api_service import api_service_health
from todoke.health.conventions import health_by_convention
from todoke.health.cron_job import cron_job_health
from todoke.health.custom_resource_definition import custom_resource_definition_health
from todoke.health.daemon_set import daemon_set_health
from todoke.health.deployment import deployment_health
from todoke.health.horizontal_pod_autoscaler import horizontal_pod_autoscaler_health
from todoke.health.ingress import ingress_health
from todoke.health.job import job_health
from todoke.health.persistent_volume_claim import persistent_volume_claim_health
from todoke.health.pod import pod_health
from todoke.health.pod_disruption_budget import pod_disruption_budget_health
from todoke.health.reading import part, progressing, text
from todoke.health.replica_set import replica_set_health
from todoke.health.service import service_health
from todoke.health.stateful_set import stateful_set_health
from todoke.model.health import Health

Rule = Callable[[Mapping[str, Any]], Health | None]

BY_KIND: dict[tuple[str, str], Rule] = {
    ("", "PersistentVolumeClaim"): persistent_volume_claim_health,
    ("", "Pod"): pod_health,
    ("", "Service"): service_health,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): custom_resource_definition_health,
    ("apiregistration.k8s.io", "APIService"): api_service_health,
    ("apps", "DaemonSet"): daemon_set_health,
    ("apps", "Deployment"): deployment_health,
    ("apps", "ReplicaSet"): replica_set_health,
    ("apps", "StatefulSet"): stateful_set_health,
    ("autoscaling", "HorizontalPodAutoscaler"): horizontal_pod_autoscaler_health,
    ("batch", "CronJob"): cron_job_health,
    ("batch", "Job"): job_health,
    ("extensions", "Ingress"): ingress_health,
    ("networking.k8s.io", "Ingress"): ingress_health,
    ("policy", "PodDisruptionBudget"): pod_disruption_budget_health,
}

HOOK_FINALIZER = "argocd.argoproj.io/hook-finalizer"


def assess(body: Mapping[str, Any], now: datetime) -> Health | None:
    """Health of one live object as of `now`; None when its kind has no health, so that it does not count.

    Source of the order: Argo CD, gitops-engine GetResourceHealth: a deletion first, then the kind's rule.
    """
    if (deletion := _deletion(body, now)) is not None:
        return deletion
    group = text(body, "apiVersion").rpartition("/")[0]
    rule = BY_KIND.get((group, text(body, "kind")), health_by_convention)
    return rule(body)


def _deletion(body: Mapping[str, Any], now: datetime) -> Health | None:
    metadata = part(body, "metadata")
    since = text(metadata, "deletionTimestamp")
    finalizers = [name for name in metadata.get("finalizers") or () if isinstance(name, str)]
    if not since or HOOK_FINALIZER in finalizers:  # a finished hook is held on purpose
        return None
    if finalizers and _passed(since, now):
        return progressing(f"Pending deletion, held by {', '.join(finalizers)}")
    return progressing("Pending deletion")


def _passed(moment: str, now: datetime) -> bool:
    """Whether the time is over; a Pod's deletion time lies ahead while it is given grace."""
    try:
        return datetime.fromisoformat(moment) < now
    except (ValueError, TypeError):
        return False
