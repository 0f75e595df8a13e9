"""Health of apps/Deployment. Source: Argo CD, gitops-engine health_deployment.go."""

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
    suspended,
    text,
)
from todoke.model.health import HEALTHY, Health


def deployment_health(body: Body) -> Health:
    """Suspended while paused, degraded past its deadline, healthy once all replicas are new and available."""
    spec, status = part(body, "spec"), part(body, "status")
    if spec.get("paused") is True:
        return suspended("paused")
    if behind(body):
        return NOT_SEEN
    rollout = condition(body, "Progressing")
    if rollout.get("reason") == "ProgressDeadlineExceeded":
        return degraded(text(rollout, "message") or "progress deadline exceeded")
    wanted, updated = number(spec, "replicas", 1), number(status, "updatedReplicas")
    if updated < wanted:
        return progressing(f"{updated} of {wanted} replicas updated{_refusal(body)}")
    if number(status, "replicas") > updated:
        return progressing(f"{number(status, 'replicas') - updated} old replicas are still there")
    available = number(status, "availableReplicas")
    if available < updated:
        return progressing(f"{available} of {updated} replicas available{_refusal(body)}")
    return HEALTHY


def _refusal(body: Body) -> str:
    """Why no Pod could be made (a quota, an admission rule), as an end of a sentence."""
    failure = condition(body, "ReplicaFailure")
    return f": {text(failure, 'message')}" if is_true(failure) and text(failure, "message") else ""
