"""Health of apps/ReplicaSet. Source: Argo CD, gitops-engine health_replicaset.go."""

from todoke.health.reading import (
    NOT_SEEN,
    Body,
    behind,
    condition,
    degraded,
    is_true,
    number,
    part,
    progressing,
    text,
)
from todoke.model.health import HEALTHY, Health


def replica_set_health(body: Body) -> Health:
    """Degraded when Pods cannot be made, healthy once all replicas are available."""
    if behind(body):
        return NOT_SEEN
    failure = condition(body, "ReplicaFailure")
    if is_true(failure):
        return degraded(text(failure, "message") or "Pods cannot be made")
    wanted = number(part(body, "spec"), "replicas", 1)
    available = number(part(body, "status"), "availableReplicas")
    if available < wanted:
        return progressing(f"{available} of {wanted} replicas available")
    return HEALTHY
