"""Health of networking.k8s.io/Ingress, and of its predecessor in extensions."""

from todoke.health.reading import Body, has, part, progressing
from todoke.model.health import HEALTHY, Health


def ingress_health(body: Body) -> Health:
    """Progressing until a controller reports an address. Source: gitops-engine health_ingress.go."""
    if has(part(body, "status", "loadBalancer"), "ingress"):
        return HEALTHY
    return progressing("no ingress controller has given it an address yet")
