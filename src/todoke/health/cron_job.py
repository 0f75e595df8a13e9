"""Health of batch/CronJob. Source: Argo CD, resource_customizations/batch/CronJob (since 3.2)."""

from todoke.health.reading import Body, degraded, has, part, progressing, suspended, text
from todoke.model.health import HEALTHY, Health


def cron_job_health(body: Body) -> Health:
    """Degraded when the last run ended without success; a run that still goes on says nothing yet."""
    if part(body, "spec").get("suspend") is True:
        return suspended("suspended")
    if body.get("status") is None:
        return progressing("its controller has not seen it yet")
    status = part(body, "status")
    scheduled, succeeded = text(status, "lastScheduleTime"), text(status, "lastSuccessfulTime")
    if not scheduled or not succeeded or has(status, "active"):
        return HEALTHY
    if succeeded < scheduled:  # both RFC 3339 in UTC, so the order of the text is the order of time
        return degraded(f"the run of {scheduled} did not succeed")
    return HEALTHY
