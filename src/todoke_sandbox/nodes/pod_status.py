"""What a node would report about a Pod: a function of the Pod, how long the node has it, and the rules.

Source: Kubernetes documentation, "Pod Lifecycle"; texts are those of a real kubelet.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from todoke_sandbox.nodes.container_states import (
    NOTHING_MISSING,
    Missing,
    Rules,
    State,
    changes_later,
    not_created,
    states_of,
    terminated,
)
from todoke_sandbox.nodes.images import Reference, parse

Json = dict[str, Any]


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
    """Attributes: status: None if the Pod says so already. again: seconds until the next look, None for never."""

    status: Json | None
    again: float | None


def report(pod: Json, moment: Moment, rules: Rules, missing: Missing = NOTHING_MISSING) -> Report:
    """What the node of a bound Pod reports at this moment; nothing for a Pod that has ended."""
    if pod["status"].get("phase") in ("Succeeded", "Failed"):
        return Report(None, None)
    age = moment.age - rules.start_seconds
    created = age >= 0 and not missing.volumes
    initial, main = states_of(pod, age, rules, missing) if created else not_created(pod)
    status = _status(pod, initial, main, moment, created=created)
    same = _gist(status) == _gist(pod["status"])
    if age < 0:
        return Report(None if same else status, -age)
    steps = (rules.backoff_seconds, rules.job_seconds)  # the only ages at which anything changes
    coming = [step - age for step in steps if step > age]
    ends = any(changes_later(container, pod, rules) for container in _containers(pod))
    return Report(None if same else status, min(coming) if coming and ends else None)


def killed(pod: Json, moment: Moment) -> Json:
    """The last status of a Pod that is deleted while it runs; Jobs wait for it before they let it go."""
    known = {status["name"]: status for status in pod["status"].get("containerStatuses") or ()}
    initial = [State("terminated", "Completed") for _ in pod["spec"].get("initContainers", ())]
    main = [_ended(known.get(container["name"]) or {}) for container in pod["spec"]["containers"]]
    return _status(pod, initial, main, moment, created=True) | {"phase": "Failed"}


def _ended(before: Json) -> State:
    """How a container ends that is killed: one whose image was never had goes on waiting."""
    waiting = (before.get("state") or {}).get("waiting")
    if waiting is not None and not before.get("imageID"):
        return State("waiting", waiting.get("reason", ""), waiting.get("message", ""))
    return State("terminated", "Error", code=137)


def _containers(pod: Json) -> list[Json]:
    return [*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]]


def _status(pod: Json, initial: Sequence[State], main: Sequence[State], moment: Moment, *, created: bool) -> Json:
    spec, before = pod["spec"], pod["status"]
    phase = _phase(pod, initial, main)
    address = before.get("podIP") or ("127.0.0.1" if spec.get("hostNetwork") else moment.address)
    status: Json = {
        "phase": phase,
        "conditions": _conditions(pod, phase, (initial, main), moment, created=created),
        "hostIP": "127.0.0.1",
        "hostIPs": [{"ip": "127.0.0.1"}],
        "startTime": before.get("startTime") or moment.now,
        "containerStatuses": _statuses(spec["containers"], main, before.get("containerStatuses"), moment),
    }
    if created:
        status |= {"podIP": address, "podIPs": [{"ip": address}]}
    if generation := pod["metadata"].get("generation"):
        status["observedGeneration"] = generation
    if service_class := before.get("qosClass"):
        status["qosClass"] = service_class
    if initial:
        known = before.get("initContainerStatuses")
        status["initContainerStatuses"] = _statuses(spec["initContainers"], initial, known, moment)
    return status


def _phase(pod: Json, initial: Sequence[State], main: Sequence[State]) -> str:
    if any(state.failed for state in initial):
        return "Failed"
    if all(state.kind == "terminated" for state in main):
        return "Failed" if any(state.failed for state in main) else "Succeeded"
    # a container that crashes has run; one that waits for anything else has not
    if any(state.kind == "waiting" and not state.restarts for state in main):
        return "Pending"
    return "Running"


def _conditions(
    pod: Json, phase: str, states: tuple[Sequence[State], Sequence[State]], moment: Moment, *, created: bool
) -> list[Json]:
    initial, main = states
    before = {condition["type"]: condition for condition in pod["status"].get("conditions", ())}
    first = list(zip(pod["spec"].get("initContainers", ()), initial, strict=True))
    incomplete = [container["name"] for container, state in first if not (state.done or state.kind == "running")]
    sidecars = [(container, state) for container, state in first if container.get("restartPolicy") == "Always"]
    lasting = [*sidecars, *zip(pod["spec"]["containers"], main, strict=True)]
    unready = [container["name"] for container, state in lasting if state.kind != "running"]
    ended = {"Succeeded": "PodCompleted", "Failed": "PodFailed"}.get(phase)
    why = {"reason": ended} if ended else _unready("ContainersNotReady", "unready", unready)
    gated = why or _gates(pod, before)
    begun = created and not ended
    started: Json = {"reason": "PodCompleted"} if phase == "Succeeded" else {}
    wanted: list[tuple[str, bool, Json]] = [
        ("PodReadyToStartContainers", begun, {}),
        ("Initialized", not incomplete, _unready("ContainersNotInitialized", "incomplete", incomplete) or started),
        ("Ready", not gated, gated),
        ("ContainersReady", not why, why),
        ("PodScheduled", True, {}),
    ]
    generation = pod["metadata"].get("generation")
    seen = {"observedGeneration": generation} if generation else {}
    made = [_condition(kind, good, extra | seen, before.get(kind), moment.now) for kind, good, extra in wanted]
    ours = {kind for kind, _, _ in wanted}
    return made + [condition for kind, condition in before.items() if kind not in ours]


def _unready(reason: str, word: str, names: Sequence[str]) -> Json:
    return {"reason": reason, "message": f"containers with {word} status: [{' '.join(names)}]"} if names else {}


def _gates(pod: Json, before: Mapping[str, Json]) -> Json:
    """Why the readiness gates keep a Pod from being ready; nothing when they do not."""
    closed = []
    for gate in pod["spec"].get("readinessGates", ()):
        kind = gate["conditionType"]
        if kind not in before:
            closed.append(f'corresponding condition of pod readiness gate "{kind}" does not exist.')
        elif (status := before[kind]["status"]) != "True":
            closed.append(f'the status of pod readiness gate "{kind}" is not "True", but {status}')
    return {"reason": "ReadinessGatesNotReady", "message": ", ".join(closed)} if closed else {}


def _condition(kind: str, good: bool, extra: Json, before: Json | None, now: str) -> Json:
    status = "True" if good else "False"
    since = before.get("lastTransitionTime") if before and before["status"] == status else None
    return {"type": kind, "status": status, "lastProbeTime": None, "lastTransitionTime": since or now, **extra}


def _statuses(
    containers: Sequence[Json], states: Sequence[State], before: Sequence[Json] | None, moment: Moment
) -> list[Json]:
    known = {status["name"]: status for status in before or ()}
    pairs = zip(containers, states, strict=True)
    return [_container_status(container, state, known.get(container["name"]), moment) for container, state in pairs]


def _container_status(container: Json, state: State, before: Json | None, moment: Moment) -> Json:
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
    last: Json = {"terminated": ended | {"reason": terminated(state.code).reason}} if state.restarts else {}
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
    conditions = {
        (found["type"], found["status"], found.get("reason"), found.get("message"), found.get("observedGeneration"))
        for found in status.get("conditions", ())
    }
    found = [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
    containers = [
        (one["name"], one["image"], kind, detail.get("reason"), detail.get("message"))
        for one in found
        for kind, detail in one["state"].items()
    ]
    return status.get("phase"), conditions, containers, status.get("observedGeneration")
