"""What a node tells about a Pod when its report changes.

Source: Kubernetes documentation, "Debug Pods"; reasons and texts are those of a real kubelet.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, NamedTuple

from todoke_sandbox.nodes.container_states import full_name

Json = dict[str, Any]

_NORMAL: Final = "Normal"
_WARNING: Final = "Warning"
_UNSTARTED: Final = ("ContainerCreating", "PodInitializing", "")


class Told(NamedTuple):
    """An event about a container. Attributes: path: of the container in its Pod, empty for the Pod as a whole."""

    type: str
    reason: str
    message: str
    path: str = ""


def told(pod: Mapping[str, Any], status: Mapping[str, Any], images: Collection[str]) -> list[Told]:
    """The events of a Pod's way to a new status, in order. Args: images: those that the node has already."""
    events: list[Told] = []
    for part, field in (("initContainerStatuses", "initContainers"), ("containerStatuses", "containers")):
        before = {one["name"]: one for one in (pod.get("status") or {}).get(part) or ()}
        specs = {one["name"]: one for one in pod["spec"].get(field) or ()}
        for one in status.get(part) or ():
            name = one["name"]
            path = f"spec.{field}{{{name}}}"
            for kind, reason, message in _container(pod, specs[name], before.get(name), one, images):
                events.append(Told(kind, reason, message, path))
    return events


def stopping(pod: Mapping[str, Any]) -> list[Told]:
    """The events of a Pod that is told to stop: one for each container that runs."""
    running = [
        one["name"] for one in (pod.get("status") or {}).get("containerStatuses") or () if "running" in one["state"]
    ]
    return [Told(_NORMAL, "Killing", f"Stopping container {name}", f"spec.containers{{{name}}}") for name in running]


def unmounted(volumes: Mapping[str, str]) -> list[Told]:
    """The events of volumes that cannot be mounted, by name."""
    return [
        Told(_WARNING, "FailedMount", f'MountVolume.SetUp failed for volume "{name}" : {why}')
        for name, why in volumes.items()
    ]


def _container(
    pod: Mapping[str, Any], spec: Json, before: Json | None, now: Json, images: Collection[str]
) -> Iterator[tuple[str, str, str]]:
    was, reason = _reason(before), _reason(now)
    if was == reason:
        return
    image = spec["image"]
    state = now["state"]
    if "waiting" not in state or reason == "CrashLoopBackOff":
        if was in _UNSTARTED or was not in ("running", "terminated"):
            yield from _started(spec, images)
        if reason == "CrashLoopBackOff":
            message = f"Back-off restarting failed container {spec['name']} in pod {full_name(dict(pod))}"
            yield _WARNING, "BackOff", message
        return
    message = state["waiting"].get("message", "")
    if reason == "ErrImagePull":
        yield _NORMAL, "Pulling", f'Pulling image "{image}"'
        yield _WARNING, "Failed", f'Failed to pull image "{image}": {message}'
    elif reason == "ImagePullBackOff":
        yield _NORMAL, "BackOff", f'Back-off pulling image "{image}"'
    elif reason == "InvalidImageName":
        yield _WARNING, "InspectFailed", message
    elif reason == "CreateContainerConfigError":
        yield from _pulled(spec, images)
        yield _WARNING, "Failed", f"Error: {message}"
        return
    if reason not in _UNSTARTED:
        yield _WARNING, "Failed", f"Error: {reason}"


def _started(spec: Json, images: Collection[str]) -> Iterator[tuple[str, str, str]]:
    yield from _pulled(spec, images)
    yield _NORMAL, "Created", "Container created"
    yield _NORMAL, "Started", "Container started"


def _pulled(spec: Json, images: Collection[str]) -> Iterator[tuple[str, str, str]]:
    image = spec["image"]
    if image in images and spec.get("imagePullPolicy") != "Always":
        yield _NORMAL, "Pulled", f'Container image "{image}" already present on machine and can be accessed by the pod'
        return
    size = 20_000_000 + sum(image.encode()) * 1009
    yield _NORMAL, "Pulling", f'Pulling image "{image}"'
    took = f"{10 + sum(image.encode()) % 90}ms"
    message = f'Successfully pulled image "{image}" in {took} ({took} including waiting). Image size: {size} bytes.'
    yield _NORMAL, "Pulled", message


def _reason(status: Json | None) -> str:
    """The state of a container in one word."""
    if status is None:
        return ""
    ((kind, detail),) = status["state"].items()
    return str(detail.get("reason", "")) if kind == "waiting" else str(kind)
