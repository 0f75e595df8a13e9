"""The states that a node would report for the containers of a Pod.

Nothing is run: images say how a container ends, and so do commands that do nothing but exit.
Source: Kubernetes documentation, "Container states"; texts are those of a real kubelet and container runtime.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from todoke_sandbox.nodes.images import InvalidReference, parse

Json = dict[str, Any]

_EXIT_COMMAND = re.compile(r"(?:^|[;&|\s])exit\s+(\d+)\s*$")


@dataclass(frozen=True, slots=True)
class Rules:
    """How the pretended node behaves.

    Attributes:
        broken_tags: images with one of these tags cannot be pulled.
        job_seconds: how long a container runs that is going to end.
        backoff_seconds: how long ErrImagePull shows before it becomes ImagePullBackOff.
        start_seconds: how long the first container takes to be created.
    """

    broken_tags: frozenset[str] = frozenset({"does-not-exist"})
    job_seconds: float = 0.5
    backoff_seconds: float = 1.0
    start_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Missing:
    """What Pods refer to and is not there.

    Attributes:
        containers: by the name of a container, why it cannot be configured.
        volumes: by the name of a volume, why it cannot be mounted.
    """

    containers: Mapping[str, str] = field(default_factory=dict)
    volumes: Mapping[str, str] = field(default_factory=dict)


NOTHING_MISSING = Missing()


@dataclass(frozen=True, slots=True)
class State:
    """The state of one container. Attributes: kind: waiting, running or terminated. code: of the last end."""

    kind: str
    reason: str = ""
    message: str = ""
    code: int = 0
    restarts: int = 0

    @property
    def done(self) -> bool:
        """Whether it has ended well."""
        return self.kind == "terminated" and self.code == 0

    @property
    def failed(self) -> bool:
        """Whether it has ended otherwise."""
        return self.kind == "terminated" and self.code != 0


RUNNING = State("running")
_BLOCKED = State("waiting", "PodInitializing")
_CREATING = State("waiting", "ContainerCreating")


def not_created(pod: Json) -> tuple[list[State], list[State]]:
    """States of the init containers and of all others before there is any."""
    initial = pod["spec"].get("initContainers", ())
    waiting = _BLOCKED if initial else _CREATING
    return [waiting for _ in initial], [waiting for _ in pod["spec"]["containers"]]


def changes_later(container: Json, pod: Json, rules: Rules) -> bool:
    """Whether the state of a container is not its final one from the start."""
    return _ends(container, pod) is not None or _is_broken(container["image"], rules)


def states_of(pod: Json, age: float, rules: Rules, missing: Missing) -> tuple[list[State], list[State]]:
    """States of the init containers, which run one after the other, and of all others."""
    initial: list[State] = []
    blocked = False
    for container in pod["spec"].get("initContainers", ()):
        state = _BLOCKED if blocked else _unconfigured(container, missing) or _initial_state(container, pod, age, rules)
        initial.append(state)
        blocked = blocked or not (state.done or state.kind == "running")
    main = pod["spec"]["containers"]
    if blocked:
        return initial, [_BLOCKED for _ in main]
    states = [_unconfigured(container, missing) or _state(container, pod, age, rules) for container in main]
    if all(state.kind == "terminated" for state in states):  # sidecars end with the last container
        initial = [State("terminated", "Completed") if state.kind == "running" else state for state in initial]
    return initial, states


def _unconfigured(container: Json, missing: Missing) -> State | None:
    why = missing.containers.get(container["name"])
    return None if why is None else State("waiting", "CreateContainerConfigError", why)


def _initial_state(container: Json, pod: Json, age: float, rules: Rules) -> State:
    """An init container ends at once, unless it is a sidecar or made to fail."""
    if (waiting := _pull(container["image"], age, rules)) is not None:
        return waiting
    if container.get("restartPolicy") == "Always":
        return RUNNING
    code = _asked_exit(container) or 0
    if code and pod["spec"].get("restartPolicy") != "Never":
        return _crashing(container, pod, code)
    return terminated(code)


def _state(container: Json, pod: Json, age: float, rules: Rules) -> State:
    if (waiting := _pull(container["image"], age, rules)) is not None:
        return waiting
    code = _ends(container, pod)
    if code is None or age < rules.job_seconds:
        return RUNNING
    policy = pod["spec"].get("restartPolicy", "Always")
    if policy == "Always" or (policy == "OnFailure" and code):
        return _crashing(container, pod, code)
    return terminated(code)


def terminated(code: int) -> State:
    """The state of a container that has ended with a code."""
    return State("terminated", "Error" if code else "Completed", code=code)


def _crashing(container: Json, pod: Json, code: int) -> State:
    message = f"back-off 10s restarting failed container={container['name']} pod={full_name(pod)}"
    return State("waiting", "CrashLoopBackOff", message, code=code, restarts=1)


def full_name(pod: Json) -> str:
    """A Pod as a node's messages name it."""
    metadata = pod["metadata"]
    return f"{metadata['name']}_{metadata.get('namespace', '')}({metadata.get('uid', '')})"


def _ends(container: Json, pod: Json) -> int | None:
    """The code a container ends with; None if it runs for ever."""
    asked = _asked_exit(container)
    if asked is None and pod["spec"].get("restartPolicy", "Always") != "Always":
        return 0
    return asked


def _asked_exit(container: Json) -> int | None:
    """The code a container is made to end with: by the tag ``exits-N``, ``false``, or ``... exit N``."""
    try:
        code = parse(container["image"]).exit_code
    except InvalidReference:
        return None
    words = [*container.get("command", ()), *container.get("args", ())]
    if code is None and words:
        if words[0] in ("false", "/bin/false"):
            return 1
        found = _EXIT_COMMAND.search(words[-1])
        return int(found[1]) if found else None
    return code


def _is_broken(image: str, rules: Rules) -> bool:
    try:
        return parse(image).tag in rules.broken_tags
    except InvalidReference:
        return False


def _pull(image: str, age: float, rules: Rules) -> State | None:
    """The state of a container whose image cannot be had, in a node's own words; None for a good image."""
    try:
        reference = parse(image)
    except InvalidReference as error:
        message = f'Failed to apply default image tag "{image}": couldn\'t parse image name "{image}": {error}'
        return State("waiting", "InvalidImageName", message)
    if reference.tag not in rules.broken_tags:
        return None
    problem = f'failed to pull and unpack image "{reference}": failed to resolve image: {reference}: not found'
    if age < rules.backoff_seconds:
        return State("waiting", "ErrImagePull", problem)
    return State("waiting", "ImagePullBackOff", f'Back-off pulling image "{image}": ErrImagePull: {problem}')
