"""Health of kinds without a rule of their own, by the conventions of kstatus.

Source: kubernetes-sigs/cli-utils, pkg/kstatus. The conditions: Reconciling and Stalled are true only while something
is the matter, Ready is true when all is well. `Failed` is read as Stalled is, as Jobs and many operators use it.
"""

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

_TROUBLE = ("Stalled", "Failed")


def health_by_convention(body: Body) -> Health | None:
    """Health as the conditions tell it; None when the status follows none of the conventions, or there is none."""
    observes = "observedGeneration" in part(body, "status")
    if observes and behind(body):
        return NOT_SEEN
    reconciling, ready = condition(body, "Reconciling"), condition(body, "Ready")
    if is_true(reconciling):
        return progressing(_why(reconciling))
    trouble = [found for kind in _TROUBLE if (found := condition(body, kind))]
    for found in trouble:
        if is_true(found):
            return degraded(_why(found))
    if ready and (not is_true(ready) or _outdated(body, ready)):
        return progressing(_why(ready) if not is_true(ready) else NOT_SEEN.message)
    return HEALTHY if observes or ready or reconciling or trouble else None


def _outdated(body: Body, found: Body) -> bool:
    """Whether a condition speaks of an older spec, where it says of which."""
    generation = number(part(body, "metadata"), "generation")
    return number(found, "observedGeneration", generation) < generation


def _why(found: Body) -> str:
    parts = (text(found, "reason"), text(found, "message"))
    return ": ".join(word for word in parts if word) or f"{found.get('type')} is {found.get('status')}"
