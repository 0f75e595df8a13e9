"""Health of policy/PodDisruptionBudget. Source: Argo CD, resource_customizations/policy."""

from todoke.health.reading import NOT_SEEN, Body, behind, degraded, part, parts, text
from todoke.model.health import HEALTHY, Health


def pod_disruption_budget_health(body: Body) -> Health:
    """Degraded when the budget cannot be worked out; too few Pods to disrupt any is a state like others."""
    if behind(body):
        return NOT_SEEN
    for item in parts(part(body, "status"), "conditions"):
        if item.get("status") == "False" and item.get("reason") != "InsufficientPods":
            return degraded(text(item, "message") or text(item, "reason"))
    return HEALTHY
