"""Health of core/Pod. Source: Argo CD, gitops-engine health_pod.go.

Two differences, for Pods that can only wait: a container whose image name is invalid, and an init container that
cannot start, make a Pod degraded here and leave it progressing there.
"""

from collections.abc import Iterator

from todoke.health.pods import exit_of, is_ready
from todoke.health.reading import Body, condition, degraded, part, parts, progressing, text
from todoke.model.health import HEALTHY, Health, HealthState

IGNORE_RESTART_POLICY = "argocd.argoproj.io/ignore-restart-policy"
_HOOKS = ("argocd.argoproj.io/hook", "helm.sh/hook")


def pod_health(body: Body) -> Health:
    """By phase; a Pod that is restarted for ever is degraded as soon as a container cannot start."""
    if _restarts_for_ever(body):
        for waiting in _waiting(body):
            if _is_failure(text(waiting, "reason")):
                return degraded(text(waiting, "message") or text(waiting, "reason"))
    phase = text(part(body, "status"), "phase") or "Pending"
    match phase:
        case "Pending":
            return progressing(_pending_reason(body))
        case "Succeeded":
            return HEALTHY
        case "Failed":
            return degraded(_failure(body))
        case "Running":
            return _running(body)
    return Health(HealthState.UNKNOWN, f"phase {phase}")


def _restart_policy(body: Body) -> str:
    return text(part(body, "spec"), "restartPolicy") or "Always"


def _restarts_for_ever(body: Body) -> bool:
    annotations = part(body, "metadata", "annotations")
    is_hook = any(name in annotations for name in _HOOKS)
    return _restart_policy(body) == "Always" or (IGNORE_RESTART_POLICY in annotations and not is_hook)


def _waiting(body: Body) -> Iterator[Body]:
    status = part(body, "status")
    for group in ("initContainerStatuses", "containerStatuses"):
        for container in parts(status, group):
            yield part(container, "state", "waiting")


def _is_failure(reason: str) -> bool:
    return reason.startswith("Err") or reason.endswith(("Error", "BackOff")) or reason == "InvalidImageName"


def _pending_reason(body: Body) -> str:
    return text(condition(body, "PodScheduled"), "message") or "pending"


def _failure(body: Body) -> str:
    status = part(body, "status")
    if text(status, "message"):
        return text(status, "message")
    for group in ("initContainerStatuses", "containerStatuses"):
        for container in parts(status, group):
            if message := exit_of(container):
                return message
    return text(status, "reason") or "failed"


def _running(body: Body) -> Health:
    if _restart_policy(body) != "Always":  # it runs to an end, and has not reached it
        return progressing("running")
    if is_ready(body):
        return HEALTHY
    for container in parts(part(body, "status"), "containerStatuses"):
        if part(container, "lastState", "terminated"):
            return degraded(f'container "{text(container, "name")}" was restarted and is not ready')
    return progressing("not ready yet")
