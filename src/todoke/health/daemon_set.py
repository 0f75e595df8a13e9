"""Health of apps/DaemonSet. Source: Argo CD, gitops-engine health_daemonset.go."""

from todoke.health.reading import NOT_SEEN, Body, behind, number, part, progressing
from todoke.model.health import HEALTHY, Health


def daemon_set_health(body: Body) -> Health:
    """Healthy once each node that should have one runs a new and available Pod."""
    status = part(body, "status")
    if behind(body):
        return NOT_SEEN
    if part(body, "spec", "updateStrategy").get("type") == "OnDelete":
        return HEALTHY
    wanted, updated = number(status, "desiredNumberScheduled"), number(status, "updatedNumberScheduled")
    if updated < wanted:
        return progressing(f"{updated} of {wanted} Pods updated")
    available = number(status, "numberAvailable")
    if available < wanted:
        return progressing(f"{available} of {wanted} Pods available")
    return HEALTHY
