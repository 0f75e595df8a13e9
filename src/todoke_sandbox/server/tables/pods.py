"""Pods as rows: what they are up to in one word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from todoke_sandbox.server.tables.text import NONE, age, created

Json = Mapping[str, Any]

_ENDED: Final = {
    "Succeeded": "The pod has completed successfully.",
    "Failed": "The pod failed.",
}


class _Seen(NamedTuple):
    """What the containers of a Pod tell. Attributes: last_restart: when the one before ended, empty if unknown."""

    word: str
    ready: int
    restarts: int
    last_restart: str


def row(pod: Json, now: datetime) -> list[Any]:
    """The cells of a Pod."""
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    seen = _seen(pod)
    sidecars = sum(1 for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always")
    restarts = str(seen.restarts)
    if seen.restarts and seen.last_restart:
        restarts = f"{restarts} ({age(seen.last_restart, now)} ago)"
    addresses = status.get("podIPs") or ()
    return [
        pod["metadata"]["name"],
        f"{seen.ready}/{len(spec.get('containers') or ()) + sidecars}",
        _word(pod, seen.word),
        restarts,
        created(pod, now),
        addresses[0]["ip"] if addresses else NONE,
        spec.get("nodeName") or NONE,
        status.get("nominatedNodeName") or NONE,
        _gates(spec, status),
    ]


def conditions(pod: Json) -> list[dict[str, str]]:
    """What the row of a Pod that has ended says of it, so that clients may hide it."""
    phase = (pod.get("status") or {}).get("phase", "")
    if phase not in _ENDED:
        return []
    return [{"type": "Completed", "status": "True", "reason": phase, "message": _ENDED[phase]}]


def _seen(pod: Json) -> _Seen:
    status = pod.get("status") or {}
    first = _initial_word(status)
    starting = _starting(pod, first)
    if starting is not None and not _is(status, "Initialized"):
        return starting
    return _running(pod, starting or _Seen(first, _ready_sidecars(pod), 0, ""))


def _initial_word(status: Json) -> str:
    for condition in status.get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition.get("reason") == "SchedulingGated":
            return "SchedulingGated"
    return str(status.get("reason") or status.get("phase", ""))


def _starting(pod: Json, word: str) -> _Seen | None:
    """How far initialization is; None when it is over or there is none."""
    spec, statuses = pod.get("spec") or {}, (pod.get("status") or {}).get("initContainerStatuses") or ()
    inits = {c["name"]: c for c in spec.get("initContainers") or ()}
    restarts, last, ready = 0, "", 0
    for index, status in enumerate(statuses):
        restarts += status.get("restartCount", 0)
        last = max(last, _last_end(status))
        ended = (status.get("state") or {}).get("terminated")
        sidecar = inits.get(status["name"], {}).get("restartPolicy") == "Always"
        if ended is not None and ended.get("exitCode", 0) == 0:
            continue
        if sidecar and status.get("started"):
            ready += bool(status.get("ready"))
            continue
        return _Seen(_initial(status, index, len(inits)), ready, restarts, last)
    return None


def _initial(status: Json, index: int, total: int) -> str:
    state = status.get("state") or {}
    ended, waiting = state.get("terminated"), state.get("waiting") or {}
    if ended is not None:
        return f"Init:{_end(ended)}"
    if waiting.get("reason") and waiting["reason"] != "PodInitializing":
        return f"Init:{waiting['reason']}"
    return f"Init:{index}/{total}"


def _ready_sidecars(pod: Json) -> int:
    return sum(1 for s in _sidecars(pod) if s.get("started") and s.get("ready"))


def _sidecars(pod: Json) -> list[Json]:
    """Statuses of init containers that keep running."""
    names = {c["name"] for c in pod["spec"].get("initContainers") or () if c.get("restartPolicy") == "Always"}
    return [s for s in pod.get("status", {}).get("initContainerStatuses") or () if s["name"] in names]


def _running(pod: Json, before: _Seen) -> _Seen:
    status = pod.get("status") or {}
    sidecars = _sidecars(pod) if pod.get("spec") else []
    restarts = sum(s.get("restartCount", 0) for s in sidecars)
    last = max((_last_end(s) for s in sidecars), default="")
    word, ready, runs = before.word, before.ready, False
    for found in reversed(status.get("containerStatuses") or ()):
        restarts += found.get("restartCount", 0)
        last = max(last, _last_end(found))
        state = found.get("state") or {}
        waiting, ended = state.get("waiting") or {}, state.get("terminated")
        if waiting.get("reason"):
            word = waiting["reason"]
        elif ended is not None:
            word = _end(ended)
        elif found.get("ready") and "running" in state:
            runs = True
            ready += 1
    if word == "Completed" and runs:
        word = "Running" if _is(status, "Ready") else "NotReady"
    return _Seen(word, ready, restarts, last)


def _end(ended: Json) -> str:
    if ended.get("reason"):
        return str(ended["reason"])
    return f"Signal:{ended['signal']}" if ended.get("signal") else f"ExitCode:{ended.get('exitCode', 0)}"


def _last_end(status: Json) -> str:
    return str(((status.get("lastState") or {}).get("terminated") or {}).get("finishedAt") or "")


def _word(pod: Json, word: str) -> str:
    """Deletion says more than the containers do."""
    status = pod.get("status") or {}
    if not pod["metadata"].get("deletionTimestamp"):
        return word
    if status.get("reason") == "NodeLost":
        return "Unknown"
    return word if status.get("phase") in _ENDED else "Terminating"


def _gates(spec: Json, status: Json) -> str:
    gates: Sequence[Json] = spec.get("readinessGates") or ()
    if not gates:
        return NONE
    return f"{sum(1 for gate in gates if _is(status, gate['conditionType']))}/{len(gates)}"


def _is(status: Json, condition: str) -> bool:
    found = status.get("conditions") or ()
    return any(c["type"] == condition and c.get("status") == "True" for c in found)
