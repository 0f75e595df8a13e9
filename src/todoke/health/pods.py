"""Why a Pod is sick, in one line: what a person would find with `kubectl describe`."""

from collections.abc import Iterable, Iterator

import msgspec

from todoke.health.reading import Body, condition, is_true, number, part, parts, text

LONGEST = 300
"""Characters of a reason; what is longer is cut."""


class PodTrouble(msgspec.Struct, frozen=True, order=True):
    """One reason with its rank: the higher, the surer it is that waiting will not help."""

    rank: int
    reason: str


# Waiting reasons of the kubelet. The first group never goes away by itself.
_RANKS = {
    "InvalidImageName": 60,
    "CreateContainerConfigError": 60,
    "ErrImageNeverPull": 60,
    "CreateContainerError": 55,
    "RunContainerError": 55,
    "ErrImagePull": 50,
    "ImagePullBackOff": 50,
    "ImageInspectError": 50,
    "RegistryUnavailable": 50,
    "CrashLoopBackOff": 40,
}
_FAILED, _OOM_KILLED, _EXITED, _UNSCHEDULABLE, _NOT_READY = 45, 42, 35, 30, 10
_PULLS = ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName")


def pod_trouble(pod: Body) -> str | None:
    """The worst reason, as `Pod web-1: container "web": ErrImagePull: ...`; None for a well or ending Pod."""
    trouble = trouble_of(pod)
    return trouble.reason if trouble else None


def worst_trouble(pods: Iterable[Body]) -> str | None:
    """The worst reason among many Pods; of equal ones that of the first Pod by name. None when all are well."""
    troubles = [trouble for pod in pods if (trouble := trouble_of(pod))]
    return min(troubles, key=lambda trouble: (-trouble.rank, trouble.reason)).reason if troubles else None


def trouble_of(pod: Body) -> PodTrouble | None:
    """The worst reason with its rank, or None. A Pod that is ready, done or being deleted has none."""
    metadata, status = part(pod, "metadata"), part(pod, "status")
    if metadata.get("deletionTimestamp") or is_ready(pod) or status.get("phase") == "Succeeded":
        return None
    found = max(_troubles(pod), key=lambda trouble: trouble.rank, default=None)
    if found is None:
        return None
    line = " ".join(f"Pod {text(metadata, 'name')}: {found.reason}".split())
    return PodTrouble(found.rank, line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…")


def is_ready(pod: Body) -> bool:
    """Whether the Pod's Ready condition holds."""
    return is_true(condition(pod, "Ready"))


def exit_of(container: Body) -> str:
    """How a container ended: its own message, OOMKilled or its exit code; "" when it did not, or ended well."""
    ended = part(container, "state", "terminated")
    if text(ended, "message"):
        return text(ended, "message")
    if ended.get("reason") == "OOMKilled":
        return "OOMKilled"
    code = number(ended, "exitCode")
    return f'container "{text(container, "name")}" failed with exit code {code}' if code else ""


def _troubles(pod: Body) -> Iterator[PodTrouble]:
    status = part(pod, "status")
    if status.get("phase") == "Failed" and (text(status, "reason") or text(status, "message")):
        yield PodTrouble(_FAILED, _joined(text(status, "reason") or "failed", text(status, "message")))
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        reason = text(scheduled, "reason") or "Unschedulable"
        yield PodTrouble(_UNSCHEDULABLE, _joined(reason, text(scheduled, "message")))
    for group in ("initContainerStatuses", "containerStatuses"):
        for container in parts(status, group):
            trouble = _container_trouble(pod, container)
            if trouble:
                yield PodTrouble(trouble.rank, f'container "{text(container, "name")}": {trouble.reason}')


def _container_trouble(pod: Body, container: Body) -> PodTrouble | None:
    waiting = part(container, "state", "waiting")
    last = part(container, "state", "terminated") or part(container, "lastState", "terminated")
    reason = text(waiting, "reason")
    if last.get("reason") == "OOMKilled" and reason in ("", "CrashLoopBackOff"):
        return PodTrouble(_OOM_KILLED, f"OOMKilled{_memory_limit(pod, container)}{_restarts(container)}")
    if reason == "CrashLoopBackOff":
        return PodTrouble(_RANKS[reason], _joined(reason, _exit_code(last)) + _restarts(container))
    if reason in _RANKS:
        return PodTrouble(_RANKS[reason], _joined(reason, _waiting_message(waiting, container)))
    if number(last, "exitCode"):
        return PodTrouble(_EXITED, _exit_code(last) + _restarts(container))
    if "running" in part(container, "state") and container.get("ready") is False:
        return PodTrouble(_NOT_READY, "running, but not ready")
    return None


def _waiting_message(waiting: Body, container: Body) -> str:
    message, image = text(waiting, "message"), text(container, "image")
    if text(waiting, "reason") in _PULLS and image and image not in message:
        return _joined(f'image "{image}"', message)
    return message


def _exit_code(ended: Body) -> str:
    code, message = number(ended, "exitCode"), text(ended, "message")
    return _joined(f"exit code {code}", message) if ended else message


def _restarts(container: Body) -> str:
    count = number(container, "restartCount")
    return f", {count} restart{'s' if count > 1 else ''}" if count else ""


def _memory_limit(pod: Body, container: Body) -> str:
    spec = part(pod, "spec")
    for group in ("initContainers", "containers"):
        for declared in parts(spec, group):
            limit = part(declared, "resources", "limits").get("memory")
            if declared.get("name") == container.get("name") and limit:
                return f" (memory limit {limit})"
    return ""


def _joined(reason: str, message: str) -> str:
    return f"{reason}: {message}" if message else reason


def never_heals(pods: Iterable[Body]) -> bool:
    """Whether a Pod has a reason that time does not cure, such as an image name that cannot be parsed."""
    return any(trouble.rank >= _RANKS["InvalidImageName"] for pod in pods if (trouble := trouble_of(pod)))
