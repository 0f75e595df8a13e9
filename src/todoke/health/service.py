"""Health of core/Service. Source: Argo CD, gitops-engine health_service.go."""

from todoke.health.reading import Body, has, part, progressing
from todoke.model.health import HEALTHY, Health


def service_health(body: Body) -> Health:
    """Progressing while a load balancer is wanted and has no address; healthy otherwise."""
    wants_balancer = part(body, "spec").get("type") == "LoadBalancer"
    if wants_balancer and not has(part(body, "status", "loadBalancer"), "ingress"):
        return progressing("the load balancer has no address yet")
    return HEALTHY
