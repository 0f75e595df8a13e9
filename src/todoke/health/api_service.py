"""Health of apiregistration.k8s.io/APIService. Source: Argo CD, gitops-engine health_apiservice.go."""

from todoke.health.reading import Body, condition, is_true, progressing, text
from todoke.model.health import HEALTHY, Health


def api_service_health(body: Body) -> Health:
    """Healthy while the API server reaches it, else progressing with the reason."""
    available = condition(body, "Available")
    if is_true(available):
        return HEALTHY
    return progressing(text(available, "message") or "not available yet")
