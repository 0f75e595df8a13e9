"""Health of core/PersistentVolumeClaim. Source: Argo CD, gitops-engine health_pvc.go."""

from todoke.health.reading import Body, degraded, part, progressing, text
from todoke.model.health import HEALTHY, Health, HealthState


def persistent_volume_claim_health(body: Body) -> Health:
    """By phase: Bound is healthy, Pending (or none yet) progressing, Lost degraded, others unknown."""
    phase = text(part(body, "status"), "phase") or "Pending"
    known = {
        "Bound": HEALTHY,
        "Pending": progressing("not bound to a volume yet"),
        "Lost": degraded("its volume is lost"),
    }
    return known.get(phase, Health(HealthState.UNKNOWN, f"phase {phase}"))
