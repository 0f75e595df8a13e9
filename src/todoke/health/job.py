"""Health of batch/Job. Source: Argo CD, gitops-engine health_job.go.

One difference: Argo CD calls a Job that was suspended and runs again healthy, because it looks at the Suspended
condition whatever its status; here such a Job is progressing until it ends.
"""

from todoke.health.reading import Body, condition, degraded, is_true, number, part, progressing, suspended, text
from todoke.model.health import HEALTHY, Health


def job_health(body: Body) -> Health:
    """Degraded when it failed, healthy when it completed, suspended on request, else progressing."""
    failed = condition(body, "Failed")
    if failed:
        return degraded(text(failed, "message") or text(failed, "reason") or "failed")
    if condition(body, "Complete"):
        return HEALTHY
    if is_true(condition(body, "Suspended")):
        return suspended("suspended")
    status = part(body, "status")
    done, wanted = number(status, "succeeded"), number(part(body, "spec"), "completions", 1)
    return progressing(f"{done} of {wanted} completions, {number(status, 'active')} Pods active")
