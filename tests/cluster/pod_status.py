"""Decides what a node would report about a Pod; a pure function of the Pod, its age and the rules."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.cluster.images import InvalidReference, Reference, parse

Json = dict[str, Any]

_EXIT_COMMAND = re.compile(r"(?:^|[;&|\s])exit\s+(\d+)\s*$")


@dataclass(frozen=True, slots=True)
class Rules:
    """How the pretended node behaves.

    Attributes:
        broken_tags: images with one of these tags cannot be pulled.
        job_seconds: how long a container runs that is going to end.
        backoff_seconds: how long ErrImagePull shows before it becomes ImagePullBackOff.
    """

    broken_tags: frozenset[str] = frozenset({"does-not-exist"})
    job_seconds: float = 0.5
    backoff_seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class Moment:
    """The instant of a decision.

    Attributes:
        age: seconds since the node got the Pod.
        now: the time as Kubernetes writes it.
        address: what becomes the Pod's address if it has none.
    """

    age: float
    now: str
    address: str


@dataclass(frozen=True, slots=True)
class Report:
    """What to do. ``status`` is None if the Pod already says so; ``again`` is when to look next, if ever."""

    status: Json | None
    again: float | None


@dataclass(frozen=True, slots=True)
class _State:
    """The state of one container: ``kind`` is waiting, running or terminated."""

    kind: str
    reason: str = ""
    message: str = ""
    code: int = 0
    restarts: int = 0

    @property
    def done(self) -> bool:
        return self.kind == "terminated" and self.code == 0

    @property
    def failed(self) -> bool:
        return self.kind == "terminated" and self.code != 0


_RUNNING = _State("running")
_BLOCKED = _State("waiting", "PodInitializing")


def report(pod: Json, moment: Moment, rules: Rules) -> Report:
    """What the node of a bound Pod reports at this moment; nothing for a Pod that has ended."""
    if pod["status"].get("phase") in ("Succeeded", "Failed"):
        return Report(None, None)
    initial, main = _states(pod, moment.age, rules)
    status = _status(pod, initial, main, moment)
    same = _gist(status) == _gist(pod["status"])
    steps = (rules.backoff_seconds, rules.job_seconds)  # the only ages at which anything changes
    coming = [step - moment.age for step in steps if step > moment.age]
    ends = any(_changes_later(container, pod, rules) for container in _containers(pod))
    return Report(None if same else status, min(coming) if coming and ends else None)


def killed(pod: Json, moment: Moment) -> Json:
    """The last status of a Pod that is deleted while it runs; Jobs wait for it before they let it go."""
    ended = _State("terminated", "Error", code=137)
    initial = [_State("terminated", "Completed") for _ in pod["spec"].get("initContainers", ())]
    status = _status(pod, initial, [ended for _ in pod["spec"]["containers"]], moment)
    return status | {"phase": "Failed"}


def _containers(pod: Json) -> list[Json]:
    return [*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]]


def _changes_later(container: Json, pod: Json, rules: Rules) -> bool:
    """Whether the state of a container is not its final one from the start."""
    return _ends(container, pod) is not None or _is_broken(container["image"], rules)


def _states(pod: Json, age: float, rules: Rules) -> tuple[list[_State], list[_State]]:
    """States of the init containers, which run one after the other, and of all others."""
    initial: list[_State] = []
    blocked = False
    for container in pod["spec"].get("initContainers", ()):
        state = _BLOCKED if blocked else _initial_state(container, pod, age, rules)
        initial.append(state)
        blocked = blocked or not (state.done or state.kind == "running")
    main = pod["spec"]["containers"]
    if blocked:
        return initial, [_BLOCKED for _ in main]
    states = [_state(container, pod, age, rules) for container in main]
    if all(state.kind == "terminated" for state in states):  # sidecars end with the last container
        initial = [_State("terminated", "Completed") if state.kind == "running" else state for state in initial]
    return initial, states


def _initial_state(container: Json, pod: Json, age: float, rules: Rules) -> _State:
    """An init container ends at once, unless it is a sidecar or made to fail."""
    if (waiting := _pull(container["image"], age, rules)) is not None:
        return waiting
    if container.get("restartPolicy") == "Always":
        return _RUNNING
    code = _asked_exit(container) or 0
    if code and pod["spec"].get("restartPolicy") != "Never":
        return _crashing(code)
    return _terminated(code)


def _state(container: Json, pod: Json, age: float, rules: Rules) -> _State:
    if (waiting := _pull(container["image"], age, rules)) is not None:
        return waiting
    code = _ends(container, pod)
    if code is None or age < rules.job_seconds:
        return _RUNNING
    policy = pod["spec"].get("restartPolicy", "Always")
    if policy == "Always" or (policy == "OnFailure" and code):
        return _crashing(code)
    return _terminated(code)


def _terminated(code: int) -> _State:
    return _State("terminated", "Error" if code else "Completed", code=code)


def _crashing(code: int) -> _State:
    message = "back-off 10s restarting failed container"
    return _State("waiting", "CrashLoopBackOff", message, code=code, restarts=1)


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


def _pull(image: str, age: float, rules: Rules) -> _State | None:
    """The state of a container whose image cannot be had, in a node's own words; None for a good image."""
    try:
        reference = parse(image)
    except InvalidReference as error:
        message = f'Failed to apply default image tag "{image}": couldn\'t parse image name "{image}": {error}'
        return _State("waiting", "InvalidImageName", message)
    if reference.tag not in rules.broken_tags:
        return None
    problem = f'failed to pull and unpack image "{reference}": failed to resolve image: {reference}: not found'
    if age < rules.backoff_seconds:
        return _State("waiting", "ErrImagePull", problem)
    return _State("waiting", "ImagePullBackOff", f'Back-off pulling image "{image}": ErrImagePull: {problem}')


def _status(pod: Json, initial: Sequence[_State], main: Sequence[_State], moment: Moment) -> Json:
    spec, before = pod["spec"], pod["status"]
    initialized = all(state.done or state.kind == "running" for state in initial)
    phase = _phase(pod, initial, main)
    host = spec.get("hostNetwork")
    address = before.get("podIP") or ("127.0.0.1" if host else moment.address)
    status: Json = {
        "phase": phase,
        "conditions": _conditions(pod, phase, initialized, main, moment),
        "hostIP": "127.0.0.1",
        "hostIPs": [{"ip": "127.0.0.1"}],
        "podIP": address,
        "podIPs": [{"ip": address}],
        "startTime": before.get("startTime") or moment.now,
        "containerStatuses": _statuses(spec["containers"], main, before.get("containerStatuses"), moment),
    }
    if generation := pod["metadata"].get("generation"):
        status["observedGeneration"] = generation
    if initial:
        known = before.get("initContainerStatuses")
        status["initContainerStatuses"] = _statuses(spec["initContainers"], initial, known, moment)
    return status


def _phase(pod: Json, initial: Sequence[_State], main: Sequence[_State]) -> str:
    if any(state.failed for state in initial):
        return "Failed"
    if all(state.kind == "terminated" for state in main):
        return "Failed" if any(state.failed for state in main) else "Succeeded"
    # a container that crashes has run; one that waits for anything else has not
    if any(state.kind == "waiting" and not state.restarts for state in main):
        return "Pending"
    return "Running"


def _conditions(pod: Json, phase: str, initialized: bool, main: Sequence[_State], moment: Moment) -> list[Json]:
    before = {condition["type"]: condition for condition in pod["status"].get("conditions", ())}
    gates = [gate["conditionType"] for gate in pod["spec"].get("readinessGates", ())]
    named = zip(pod["spec"]["containers"], main, strict=True)
    unready = [container["name"] for container, state in named if state.kind != "running"]
    why: Json = {}
    if phase in ("Succeeded", "Failed"):
        why = {"reason": "PodCompleted" if phase == "Succeeded" else "PodFailed"}
    elif unready:
        message = f"containers with unready status: [{' '.join(unready)}]"
        why = {"reason": "ContainersNotReady", "message": message}
    closed = [gate for gate in gates if before.get(gate, {}).get("status") != "True"]
    gated: Json = why
    if not unready and closed:
        gated = {"reason": "ReadinessGatesNotReady", "message": f"not true: {' '.join(closed)}"}
    wanted: list[tuple[str, bool, Json]] = [
        ("PodReadyToStartContainers", True, {}),
        ("Initialized", initialized, {} if initialized else {"reason": "ContainersNotInitialized"}),
        ("Ready", not unready and not closed, gated),
        ("ContainersReady", not unready, why),
        ("PodScheduled", True, {}),
    ]
    made = [_condition(kind, good, extra, before.get(kind), moment.now) for kind, good, extra in wanted]
    ours = {kind for kind, _, _ in wanted}
    return made + [condition for kind, condition in before.items() if kind not in ours]


def _condition(kind: str, good: bool, extra: Json, before: Json | None, now: str) -> Json:
    status = "True" if good else "False"
    since = before.get("lastTransitionTime") if before and before["status"] == status else None
    return {"type": kind, "status": status, "lastTransitionTime": since or now, **extra}


def _statuses(
    containers: Sequence[Json], states: Sequence[_State], before: Sequence[Json] | None, moment: Moment
) -> list[Json]:
    known = {status["name"]: status for status in before or ()}
    pairs = zip(containers, states, strict=True)
    return [_container_status(container, state, known.get(container["name"]), moment) for container, state in pairs]


def _container_status(container: Json, state: _State, before: Json | None, moment: Moment) -> Json:
    started = (before or {}).get("state", {}).get("running", {}).get("startedAt") or moment.now
    ended = {"exitCode": state.code, "startedAt": started, "finishedAt": moment.now}
    detail: Json
    if state.kind == "running":
        detail = {"startedAt": started}
    elif state.kind == "terminated":
        detail = ended | {"reason": state.reason}
    else:
        detail = {"reason": state.reason} | ({"message": state.message} if state.message else {})
    pulled = state.kind != "waiting" or state.restarts > 0
    last: Json = {"terminated": ended | {"reason": _terminated(state.code).reason}} if state.restarts else {}
    status: Json = {
        "name": container["name"],
        "image": str(parse(container["image"])) if pulled else container["image"],
        "imageID": _image_id(parse(container["image"])) if pulled else "",
        "ready": state.kind == "running",
        "started": state.kind == "running",
        "restartCount": state.restarts,
        "state": {state.kind: detail},
        "lastState": last,
    }
    if pulled:
        status["containerID"] = f"containerd://{_digest(container['name'] + moment.address)}"
    return status


def _image_id(reference: Reference) -> str:
    digest = reference.digest or f"sha256:{_digest(str(reference))}"
    return f"{reference.host}/{reference.path}@{digest}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _gist(status: Json) -> object:
    """What makes two statuses say the same; times do not."""
    conditions = {(found["type"], found["status"]) for found in status.get("conditions", ())}
    found = [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
    containers = [
        (one["name"], one["image"], kind, detail.get("reason"))
        for one in found
        for kind, detail in one["state"].items()
    ]
    return status.get("phase"), conditions, containers, status.get("observedGeneration")
