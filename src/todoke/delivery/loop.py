"""Runs deliveries for ever: a fixed number of workers, one task group, no orphan tasks."""

import asyncio
import logging
import random
from collections.abc import Mapping
from typing import Any

import msgspec

from todoke.delivery.queue import KeyedQueue
from todoke.delivery.tips import Tips
from todoke.delivery.translate import is_ours
from todoke.delivery.walk import Delivery, House, Rooms
from todoke.model.deliverables import DeliverableKey
from todoke.model.errors import DeliveryError, NotReady
from todoke.model.objects import LiveObject, ObjectKey

log = logging.getLogger(__name__)


class Pace(msgspec.Struct, frozen=True):
    """How busy the loop is."""

    workers: int = 48
    """How many applications are looked at at the same time."""
    budget_seconds: float = 300.0
    """How long one look may take."""
    poll_seconds: float = 30.0
    """How often a repository is asked for its refs, with jitter."""
    push_seconds: float = 2.0
    """Between two polls of a repository that pushes ask for, at least; the first comes at once."""
    look_seconds: float = 600.0
    """How often an application is looked at although nothing was heard of it."""
    retry_seconds: float = 0.5
    """First pause after a failure; it doubles up to `retry_most_seconds`."""
    retry_most_seconds: float = 30.0
    kinds_seconds: float = 2.0
    """How often the server is asked for a kind that an application waits for."""


class _Heard(msgspec.Struct):
    """The parts of an Application that are news; our own status writes are not."""

    metadata: dict[str, Any]
    spec: msgspec.Raw = msgspec.Raw(b"null")
    operation: msgspec.Raw = msgspec.Raw(b"null")


_decode = msgspec.json.Decoder(_Heard).decode
_NEWS = ("annotations", "labels", "finalizers", "deletionTimestamp", "uid")


class Loop:
    """Hears of changes, keeps the queue, and drives the walk."""

    def __init__(self, delivery: Delivery, rooms: Rooms, house: House, pace: Pace) -> None:
        self._delivery, self._rooms, self._house, self._pace = delivery, rooms, house, pace
        self.queue = KeyedQueue()
        self.tips = Tips(delivery, rooms, self.queue, pace.poll_seconds, pace.push_seconds)
        self._ours: dict[str, DeliverableKey] = {}
        self._failures: dict[DeliverableKey, int] = {}
        delivery.moved = self.tips.moved

    def applications(self) -> list[DeliverableKey]:
        """The applications this installation acts on."""
        return sorted(self._ours.values())

    def application_bodies(self) -> list[dict[str, Any]]:
        """The same as they stand in the cluster."""
        return [live.body for key in self.applications() if (live := self._rooms.applications.get(key))]

    def heard_of_application(self, key: DeliverableKey, before: LiveObject | None, after: LiveObject | None) -> None:
        """An Application appeared, changed or went away."""
        heard = None if after is None else _decode(after.raw)
        instance = key.name if key.namespace == self._house.namespace else f"{key.namespace}_{key.name}"
        if heard is None or not self._is_ours(key, heard):
            if self._ours.pop(instance, None) is not None:
                self.tips.forget(key)
                self.queue.forget(key)
                self.queue.put(key)  # so that what is remembered of it is forgotten
            return
        self._ours[instance] = key
        if before is None or _news(_decode(before.raw)) != _news(heard):
            self.tips.follow(key, heard.spec, heard.metadata.get("annotations") or {})
            self._failures.pop(key, None)
            if heard.metadata.get("deletionTimestamp") or self.tips.asked(key):
                self.queue.put(key)

    def _is_ours(self, key: DeliverableKey, heard: _Heard) -> bool:
        annotations = heard.metadata.get("annotations") or {}
        return is_ours(key.namespace, annotations, self._house.namespace, self._house.mark)

    def heard_of_objects(self, instances: set[str], _keys: set[ObjectKey]) -> None:
        """Objects of some applications changed in the cluster."""
        for instance in instances:
            if (key := self._ours.get(instance)) is not None:
                self.queue.put(key)

    def heard_of_surroundings(self) -> None:
        """A project or a credential changed: every application may be permitted, or refused, now."""
        for key in self._ours.values():
            if self.tips.asked(key):
                self.queue.put(key)
        self.tips.poll_now()

    async def run(self) -> None:
        """Deliver until cancelled; the death of any part ends all."""
        async with asyncio.TaskGroup() as group:
            for number in range(self._pace.workers):
                group.create_task(self._work(), name=f"delivery-{number}")
            group.create_task(self.tips.run(group), name="tips")
            group.create_task(self._look_for_kinds(), name="kinds")
            group.create_task(self._look_again(), name="look again")

    async def _work(self) -> None:
        while True:
            key = await self.queue.get()
            again: float | None = None
            try:
                async with asyncio.timeout(self._pace.budget_seconds):
                    again = await self._delivery.deliver(key)
                self._failures.pop(key, None)
            except NotReady as error:
                again = error.retry_after
            except (DeliveryError, TimeoutError) as error:
                again = self._pause(key)
                log.warning("delivery failed", extra={"application": str(key), "error": str(error), "again": again})
            except Exception:  # our bug: loud, but one application must not stop the others
                again = self._pause(key)
                log.exception("delivery crashed", extra={"application": str(key)})
            finally:
                self.queue.done(key)
            if again is not None:
                self.queue.put_later(key, again)

    def _pause(self, key: DeliverableKey) -> float:
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        pause = min(self._pace.retry_seconds * 2.0 ** (failures - 1), self._pace.retry_most_seconds)
        return pause * random.uniform(0.8, 1.2)  # noqa: S311 -- jitter

    async def _look_for_kinds(self) -> None:
        while True:
            await asyncio.sleep(self._pace.kinds_seconds)
            waiting = {
                key: memory.waits_for_kinds
                for key in self._ours.values()
                if (memory := self._delivery.memories.known(key)) is not None and memory.waits_for_kinds
            }
            if not waiting:
                continue
            try:
                await self._rooms.cluster.appeared()
                scopes = await self._rooms.cluster.prepare(frozenset().union(*waiting.values()))
            except DeliveryError as error:
                log.warning("discovery failed", extra={"error": str(error)})
                continue
            for key, kinds in waiting.items():
                if any(scopes.get(kind) is not None for kind in kinds):
                    self.queue.put(key)

    async def _look_again(self) -> None:
        """Spread over the interval, look at every application although nothing was heard of it."""
        while True:
            keys = list(self._ours.values())
            pause = self._pace.look_seconds / max(len(keys), 1)
            for key in keys:
                await asyncio.sleep(pause)
                self.queue.put(key)
            if not keys:
                await asyncio.sleep(min(self._pace.look_seconds, 5.0))


def _news(heard: _Heard) -> tuple[Mapping[str, Any], bytes, bytes]:
    return ({name: heard.metadata.get(name) for name in _NEWS}, bytes(heard.spec), bytes(heard.operation))
