"""Watches as streams of lines.

Source: Kubernetes API concepts, "Efficient detection of changes"; a real server's answers.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Iterable
from datetime import datetime
from typing import Any, Final

from todoke_sandbox.registry.resources import Resource
from todoke_sandbox.server.answers import encode
from todoke_sandbox.server.negotiation import TABLE, Form
from todoke_sandbox.server.tables import table
from todoke_sandbox.verbs.refusals import Refusal
from todoke_sandbox.verbs.watching import BOOKMARK, Event, Watch, error_line

Json = dict[str, Any]
Lines = Callable[[Iterable[Event]], bytes]

BOOKMARK_SECONDS: Final = 60.0
_LEAST_SECONDS: Final = 1800
_CHUNK: Final = 64


async def stream(watch: Watch, lines: Lines, seconds: int | None) -> AsyncGenerator[bytes, None]:
    """The events of a watch until its time is over, or its resource is gone.

    A client that does not read holds up only itself: what happens meanwhile stays in the table's history, and is
    asked for when the client has caught up.

    Args: seconds: how long the client wants to watch; without it half an hour to an hour, as the real server does.
    """
    clock = asyncio.get_running_loop().time
    left = seconds if seconds else random.uniform(_LEAST_SECONDS, 2 * _LEAST_SECONDS)  # noqa: S311 -- no secret
    end, mark = clock() + left, clock() + BOOKMARK_SECONDS
    try:
        while True:
            events = watch.take()
            for start in range(0, len(events), _CHUNK):
                yield lines(events[start : start + _CHUNK])
            now = clock()
            if now >= end or not watch.served:
                break
            if now >= mark:
                mark = now + BOOKMARK_SECONDS
                if found := watch.bookmark():
                    yield lines([found])
            await watch.wait(max(0.0, min(end, mark) - now))
        if found := watch.bookmark():  # so that the next watch begins here
            yield lines([found])
    except Refusal as refusal:
        yield error_line(refusal)


def lines_of(resource: Resource, form: Form, include: str, now: Callable[[], datetime]) -> Lines:
    """What writes events in the form that a client wants. A Table's columns come with the first one only."""
    if not form.shape:
        return lambda events: b"".join([event.line for event in events])
    if form.shape != TABLE:
        return lambda events: b"".join(_line(e, table.partial(e.stored.body, form.api_version)) for e in events)
    table.check_include(include)
    told = False

    def lines(events: Iterable[Event]) -> bytes:
        nonlocal told
        found = []
        for event in events:
            header = None if told else table.headers(resource)
            told = True
            found.append(_line(event, _table(event, resource, form, (include, now(), header))))
        return b"".join(found)

    return lines


def _table(event: Event, resource: Resource, form: Form, how: tuple[str, datetime, list[Json] | None]) -> Json:
    include, now, header = how
    version = str(event.stored.body["metadata"]["resourceVersion"])
    if event.type == BOOKMARK:  # has no object to make cells of
        cells = [""] * len(table.headers(resource))
        rows = [{"cells": cells, "object": table.partial(event.stored.body, form.api_version)}]
    else:
        rows = table.rows(resource, [event.stored], now, include, form.api_version)
    return table.table(header, rows, {"resourceVersion": version}, form.api_version)


def _line(event: Event, body: Json) -> bytes:
    return encode({"type": event.type, "object": body}) + b"\n"
