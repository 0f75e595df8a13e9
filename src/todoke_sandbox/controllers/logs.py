"""Log lines of containers that were never run: invented, the same each time, more of them as time goes by.

Source of the refusals' texts: a real kubelet.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from todoke_sandbox.controllers.objects import at

Json = dict[str, Any]

FIRST: Final = "todoke sandbox: nothing is run here; this line and all that follow are invented"
_BEAT: Final = timedelta(seconds=5)
_PATHS: Final = ("/", "/healthz", "/api/items", "/api/items/7", "/favicon.ico", "/login", "/metrics")


class Line(NamedTuple):
    """One line and when it was written."""

    time: datetime
    text: str


class NoLogs(Exception):
    """The container has no log now; the message is a kubelet's. Clients get it as a bad request (400)."""


def lines(pod: Mapping[str, Any], container: str, now: datetime, *, previous: bool = False) -> Iterator[Line]:
    """The lines of a container up to now, oldest first. Whoever follows asks again later and skips what it has.

    Args: previous: those of the run before the present one.
    Raises: NoLogs: when called, if the container does not run and has not run.
    """
    span = _span(pod, container, previous=previous)
    return _lines(pod, container, span, now)


class _Span(NamedTuple):
    """When a container ran. Attributes: code: with which it ended; None while it runs."""

    start: datetime
    end: datetime | None
    code: int | None


def _span(pod: Mapping[str, Any], container: str, *, previous: bool) -> _Span:
    name = pod["metadata"]["name"]
    status = _status(pod, container)
    if status is None:
        raise NoLogs(f'container "{container}" in pod "{name}" is not available')
    last = (status.get("lastState") or {}).get("terminated")
    if previous:
        if last is None:
            raise NoLogs(f'previous terminated container "{container}" in pod "{name}" not found')
        return _of_ended(last)
    ((kind, detail),) = (status.get("state") or {"waiting": {}}).items()
    if kind == "running":
        return _Span(at(detail["startedAt"]), None, None)
    if kind == "terminated":
        return _of_ended(detail)
    if last is not None:
        return _of_ended(last)
    reason = detail.get("reason", "")
    why = {"ErrImagePull": "image can't be pulled", "ImagePullBackOff": "trying and failing to pull image"}
    raise NoLogs(f'container "{container}" in pod "{name}" is waiting to start: {why.get(reason, reason)}')


def _status(pod: Mapping[str, Any], container: str) -> Json | None:
    status = pod.get("status") or {}
    for part in ("containerStatuses", "initContainerStatuses"):
        for one in status.get(part) or ():
            if one["name"] == container:
                return dict(one)
    return None


def _of_ended(detail: Json) -> _Span:
    return _Span(at(detail["startedAt"]), at(detail["finishedAt"]), int(detail["exitCode"]))


def _lines(pod: Mapping[str, Any], container: str, span: _Span, now: datetime) -> Iterator[Line]:
    seed = zlib.crc32(f"{pod['metadata'].get('uid', '')}/{container}".encode())
    image = next((one["image"] for one in _containers(pod) if one["name"] == container), "")
    until = min(span.end or now, now)
    yield Line(span.start, FIRST)
    yield Line(span.start, f"starting {container} from {image}")
    beat = 0
    while (time := span.start + _BEAT * (beat + 1)) <= until:
        yield Line(time, _beat(seed, beat))
        beat += 1
    if span.end is not None and span.end <= now:
        yield Line(span.end, "done" if not span.code else f"failed: exit code {span.code}")


def _beat(seed: int, number: int) -> str:
    chance = zlib.crc32(f"{seed}/{number}".encode())
    path = _PATHS[chance % len(_PATHS)]
    code = 404 if path == "/favicon.ico" else 200
    return f"GET {path} {code} {1 + chance // 7 % 40}ms"


def _containers(pod: Mapping[str, Any]) -> Iterator[Json]:
    yield from pod["spec"].get("containers") or ()
    yield from pod["spec"].get("initContainers") or ()
