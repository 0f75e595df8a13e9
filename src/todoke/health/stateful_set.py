"""Health of apps/StatefulSet. Source: Argo CD, gitops-engine health_statefulset.go."""

from todoke.health.reading import NOT_SEEN, Body, behind, number, part, progressing, text
from todoke.model.health import HEALTHY, Health


def stateful_set_health(body: Body) -> Health:
    """Healthy once all replicas are ready and, in a rolling update, those above the partition are new."""
    spec, status = part(body, "spec"), part(body, "status")
    if behind(body) or not number(status, "observedGeneration"):
        return NOT_SEEN
    wanted, ready = number(spec, "replicas", 1), number(status, "readyReplicas")
    if ready < wanted:
        return progressing(f"{ready} of {wanted} replicas ready")
    strategy = part(spec, "updateStrategy")
    if strategy.get("type") == "RollingUpdate" and "rollingUpdate" in strategy:
        due = wanted - number(part(strategy, "rollingUpdate"), "partition")
        updated = number(status, "updatedReplicas")
        return progressing(f"{updated} of {due} replicas updated") if updated < due else HEALTHY
    if strategy.get("type") == "OnDelete":  # the user replaces the Pods, in their own time
        return HEALTHY
    if text(status, "updateRevision") != text(status, "currentRevision"):
        updated = number(status, "updatedReplicas")
        return progressing(f"{updated} of {wanted} replicas updated")
    return HEALTHY
