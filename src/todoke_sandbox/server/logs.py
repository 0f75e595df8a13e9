"""The log of a container: which lines a request wants, and in which form.

Source: Kubernetes API reference, PodLogOptions; a real server's answers. The lines come from whoever runs the Pods.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from todoke_sandbox.server.parameters import first, number
from todoke_sandbox.server.paths import Parameters, is_true
from todoke_sandbox.verbs.refusals import Refusal

Json = Mapping[str, Any]
Line = tuple[datetime, str]
Source = Callable[[Json, str, datetime, bool], Iterable[Line]]
"""Pod, container, now and whether the container before is meant, to its lines until now, oldest first.

Raises: Refusal: there is no log.
"""

FOLLOW_SECONDS: Final = 0.5
TEXT: Final = "text/plain"


@dataclass(frozen=True)
class Wanted:
    """Which lines of which container. Attributes: tail: how many at most, from the end. since: none older."""

    container: str
    follow: bool = False
    previous: bool = False
    timestamps: bool = False
    tail: int | None = None
    since: datetime | None = None
    most_bytes: int | None = None


def wanted(pod: Json, parameters: Parameters, now: datetime) -> Wanted:
    """What a request asks for. Raises: Refusal: 400 or 422."""
    name = pod["metadata"]["name"]
    tail, seconds, most = (number(parameters, key) for key in ("tailLines", "sinceSeconds", "limitBytes"))
    causes = []
    if tail is not None and tail < 0:
        causes.append(_invalid("tailLines", tail, "must be greater than or equal to 0"))
    for key, value in (("sinceSeconds", seconds), ("limitBytes", most)):
        if value is not None and value < 1:
            causes.append(_invalid(key, value, "must be greater than 0"))
    if causes:
        raise Refusal.invalid(("", "PodLogOptions"), name, causes)
    since = None if seconds is None else now - timedelta(seconds=seconds)
    if text := first(parameters, "sinceTime"):
        try:
            since = datetime.fromisoformat(text)
        except ValueError:
            raise Refusal.bad_request(f'parsing time "{text}": it is no time') from None
    flags = {flag: is_true(parameters, flag) for flag in ("follow", "previous", "timestamps")}
    container = _container(pod, first(parameters, "container"))
    return Wanted(container, **flags, tail=tail, since=since, most_bytes=most)


def text(pod: Json, source: Source, what: Wanted, now: datetime) -> bytes:
    """The log as it is now."""
    lines = _new(source(pod, what.container, now, what.previous), what, None)
    return b"".join(_written(line, what) for line in lines)[: what.most_bytes]


async def stream(
    pod: Callable[[], Json | None], source: Source, what: Wanted, now: Callable[[], datetime]
) -> AsyncGenerator[bytes, None]:
    """The lines as they come, until the container has ended.

    Args: pod: the Pod as it is now, None when it is gone, which ends a log that is followed.
    """
    left, last = what.most_bytes, None
    while (body := pod()) is not None:
        try:
            found = _new(source(body, what.container, now(), what.previous), what, last)
        except Refusal:
            return  # the container waits to be started again
        for line in found:
            last = line[0]
            piece = _written(line, what)[:left]
            left = None if left is None else left - len(piece)
            yield piece
        if left == 0 or _ended(body, what.container):
            return
        last = last or now()
        await asyncio.sleep(FOLLOW_SECONDS)


def _new(lines: Iterable[Line], what: Wanted, last: datetime | None) -> Iterable[Line]:
    """The lines not told yet."""
    if last is not None:
        return [line for line in lines if line[0] > last]
    found = [line for line in lines if what.since is None or line[0] >= what.since]
    return found if what.tail is None else deque(found, maxlen=what.tail)


def _written(line: Line, what: Wanted) -> bytes:
    moment, said = line
    prefix = f"{moment.strftime('%Y-%m-%dT%H:%M:%S.%f')}000Z " if what.timestamps else ""
    return f"{prefix}{said}\n".encode()


def _ended(pod: Json, container: str) -> bool:
    status = pod.get("status") or {}
    if status.get("phase") in ("Succeeded", "Failed"):
        return True
    found = (*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ()))
    mine = next((s for s in found if s["name"] == container), None)
    return mine is not None and "terminated" in (mine.get("state") or {})


def _container(pod: Json, name: str) -> str:
    spec = pod["spec"]
    kinds = ("initContainers", "containers", "ephemeralContainers")
    names = [container["name"] for kind in kinds for container in spec.get(kind) or ()]
    if not name and len(names) == 1:
        return str(names[0])
    pod_name = pod["metadata"]["name"]
    if not name:
        listed = " ".join(names)
        raise Refusal.bad_request(f"a container name must be specified for pod {pod_name}, choose one of: [{listed}]")
    if name not in names:
        raise Refusal.bad_request(f"container {name} is not valid for pod {pod_name}")
    return name


def _invalid(field: str, value: int, why: str) -> tuple[str, str, str]:
    return "FieldValueInvalid", f"Invalid value: {value}: {why}", field
