"""Events: counted when they happen again, summed up when there are too many alike, gone after their time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tests.cluster.waiting import until
from tests.sandbox.controllers.worlds import QUICK, Json, Sandbox, sandbox
from todoke_sandbox.controllers.events import ALIKE, BURST, REFILL, Recorder, Source
from todoke_sandbox.verbs.requests import How

SOURCE = Source("tester", "", "case", "admin")


class Clock:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def world_with(name: str) -> tuple[Sandbox, Json]:
    """A cluster whose controllers stand still, with one object to tell of."""
    world = Sandbox("default")
    return world, world.api.create(world.place("configmaps"), {"metadata": {"name": name}}, How("case")).stored.body


async def told(world: Sandbox) -> list[tuple[str, int]]:
    return [(event["message"], event["count"]) for event in await world.list("events")]


async def test_the_same_event_is_counted() -> None:
    world, about = world_with("one")
    clock = Clock()
    recorder = Recorder(world.api, clock)
    for _ in range(3):
        recorder.tell(SOURCE, about, "Normal", "Done", "again")
        clock.now += timedelta(minutes=1)
    recorder.tell(SOURCE, about, "Normal", "Done", "differently")
    assert sorted(await told(world)) == [("again", 3), ("differently", 1)]
    (event,) = [event for event in await world.list("events") if event["count"] == 3]
    assert (event["firstTimestamp"], event["lastTimestamp"]) == ("2026-01-01T00:00:00Z", "2026-01-01T00:02:00Z")
    assert event["involvedObject"]["kind"] == "ConfigMap"
    assert event["source"] == {"component": "tester"}


async def test_too_many_alike_become_one() -> None:
    world, about = world_with("one")
    recorder = Recorder(world.api, Clock())
    for number in range(ALIKE + 5):
        recorder.tell(SOURCE, about, "Normal", "Done", f"number {number}")
    messages = dict(await told(world))
    assert len(messages) == ALIKE
    last = f"(combined from similar events): number {ALIKE + 4}"
    assert messages[last] == 6


async def test_a_source_that_tells_too_much_is_not_heard_for_a_while() -> None:
    world, about = world_with("one")
    clock = Clock()
    recorder = Recorder(world.api, clock)
    for _ in range(BURST + 10):
        recorder.tell(SOURCE, about, "Warning", "Oh", "no")
    assert await told(world) == [("no", BURST)]
    clock.now += REFILL
    recorder.tell(SOURCE, about, "Warning", "Oh", "no")
    recorder.tell(SOURCE, about, "Warning", "Oh", "no")
    assert await told(world) == [("no", BURST + 1)]


async def test_an_event_that_nobody_takes_is_dropped() -> None:
    world, about = world_with("one")
    world.store.put(world.place("namespaces").resource.table, _terminating(world))
    Recorder(world.api, Clock()).tell(SOURCE, about, "Normal", "Done", "in vain")
    assert await told(world) == []


def _terminating(world: Sandbox) -> Json:
    stored = world.store.get(world.place("namespaces").resource.table, "", "default")
    assert stored is not None
    return {**stored.body, "metadata": {**stored.body["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}}


async def test_old_events_go() -> None:
    async with sandbox(pace=replace(QUICK, event_seconds=0.05)) as world:
        await world.create("pods", {"metadata": {"name": "web"}, "spec": {"containers": [{"name": "a", "image": "b"}]}})
        await until(lambda: world.list("events"), lambda events: events)
        await until(lambda: world.list("events"), lambda events: not events)
