"""Events: what happened to an object, counted where it happens again and summed up where it happens too often.

Source: Kubernetes API reference, Event v1; client-go's documentation of its event correlation: the same event is
counted, ten alike within ten minutes become one, and a source may tell 25 about an object, then one in five minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from todoke_sandbox.controllers.objects import written_exactly
from todoke_sandbox.registry.resources import Resource
from todoke_sandbox.storage.tables import EVENTS
from todoke_sandbox.verbs.api import Api
from todoke_sandbox.verbs.house import moment as written
from todoke_sandbox.verbs.refusals import Refusal
from todoke_sandbox.verbs.requests import How, Place

Json = dict[str, Any]

ALIKE: Final = 10
ALIKE_WITHIN: Final = timedelta(minutes=10)
BURST: Final = 25
REFILL: Final = timedelta(minutes=5)
_REMEMBERED: Final = 4096


class Source(NamedTuple):
    """Who tells. Attributes: host: of a node's own components."""

    component: str
    host: str
    manager: str
    user: str


@dataclass
class _Budget:
    """How many events a source may still tell about an object."""

    left: float
    at: datetime


@dataclass
class _Alike:
    """Messages of one reason in the last while."""

    messages: set[str] = field(default_factory=set)
    at: datetime = datetime.min


class Recorder:
    """Writes events. What is refused is dropped: an event is never worth an error."""

    def __init__(self, api: Api, now: Callable[[], datetime]) -> None:
        """Takes the cluster and its clock."""
        self._api = api
        self._now = now
        self._names: dict[tuple[Any, ...], str] = {}
        self._budgets: dict[tuple[str, str, str], _Budget] = {}
        self._alike: dict[tuple[Any, ...], _Alike] = {}
        self._resource: Resource | None = None
        self._number = 0

    def tell(
        self, source: Source, about: Mapping[str, Any], kind: str, reason: str, message: str, path: str = ""
    ) -> None:
        """Write an event, or count one that is there. Args: kind: Normal or Warning. path: of a part of the object."""
        now = self._now()
        uid = about["metadata"]["uid"]
        if not self._may(source, uid, now):
            return
        key: tuple[Any, ...] = (source.component, uid, kind, reason)
        if self._too_many_alike(key, message, now):
            message = f"(combined from similar events): {message}"
        else:
            key = (*key, path, message)
        try:
            if not self._counted(key, about, message, source, now):
                self._create(key, source, about, (kind, reason, message, path), now)
        except Refusal:
            self._names.pop(key, None)

    def scheduled(self, source: Source, pod: Mapping[str, Any], event: tuple[str, str, str], action: str) -> None:
        """Write an event as the scheduler does, whose events have a time of their own and are not counted."""
        now = self._now()
        kind, reason, message = event
        body = self._body(pod, (kind, reason, message, ""), now) | {
            "source": {},
            "eventTime": written_exactly(now),
            "action": action,
            "reportingComponent": source.component,
            "reportingInstance": f"{source.component}-{source.host}",
        }
        self._write(source, {name: value for name, value in body.items() if name not in _OF_COUNTED})

    def _may(self, source: Source, uid: str, now: datetime) -> bool:
        key = (source.component, source.host, uid)
        budget = self._budgets.get(key)
        if budget is None:
            _bound(self._budgets)
            budget = self._budgets[key] = _Budget(BURST, now)
        budget.left = min(float(BURST), budget.left + (now - budget.at) / REFILL)
        budget.at = now
        if budget.left < 1:
            return False
        budget.left -= 1
        return True

    def _too_many_alike(self, like: tuple[Any, ...], message: str, now: datetime) -> bool:
        found = self._alike.get(like)
        if found is None or now - found.at > ALIKE_WITHIN:
            _bound(self._alike)
            found = self._alike[like] = _Alike()
        found.at = now
        if message not in found.messages and len(found.messages) < ALIKE:
            found.messages.add(message)
        return len(found.messages) >= ALIKE

    def _counted(
        self, key: tuple[Any, ...], about: Mapping[str, Any], message: str, source: Source, now: datetime
    ) -> bool:
        """Whether there is such an event already, which then counts one more."""
        name = self._names.get(key)
        namespace = about["metadata"].get("namespace") or "default"
        stored = self._api.store.get(EVENTS, namespace, name) if name else None
        if stored is None:
            return False
        again = {"count": stored.body.get("count", 0) + 1, "lastTimestamp": written(now), "message": message}
        place = Place(self._events(), namespace, stored.name)
        self._api.replace(place, {**stored.body, **again}, How(source.manager, source.user, validation="Ignore"))
        return True

    def _create(
        self,
        key: tuple[Any, ...],
        source: Source,
        about: Mapping[str, Any],
        event: tuple[str, str, str, str],
        now: datetime,
    ) -> None:
        body = self._body(about, event, now)
        body["source"] = {"component": source.component} | ({"host": source.host} if source.host else {})
        body["reportingComponent"] = source.component
        body["reportingInstance"] = source.host
        self._write(source, body)
        _bound(self._names)
        self._names[key] = body["metadata"]["name"]

    def _body(self, about: Mapping[str, Any], event: tuple[str, str, str, str], now: datetime) -> Json:
        metadata = about["metadata"]
        kind, reason, message, path = event
        self._number += 1
        instant = int(now.timestamp() * 1e6) * 1000 + self._number % 1000
        involved = {
            name: metadata[name] for name in ("name", "namespace", "uid", "resourceVersion") if name in metadata
        }
        involved |= {"kind": about["kind"], "apiVersion": about["apiVersion"]}
        if path:
            involved["fieldPath"] = path
        namespace = metadata.get("namespace") or "default"
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{metadata['name']}.{instant:x}", "namespace": namespace},
            "involvedObject": involved,
            "type": kind,
            "reason": reason,
            "message": message,
            "firstTimestamp": written(now),
            "lastTimestamp": written(now),
            "count": 1,
        }

    def _write(self, source: Source, body: Json) -> None:
        place = Place(self._events(), body["metadata"]["namespace"])
        try:
            self._api.create(place, body, How(source.manager, source.user, validation="Ignore"))
        except Refusal as refusal:
            if refusal.code >= 500:
                raise

    def _events(self) -> Resource:
        if self._resource is None:
            self._resource = self._api.registry.preferred("", "events")
        if self._resource is None:
            raise Refusal(404, "NotFound", "the server could not find the requested resource")
        return self._resource


_OF_COUNTED: Final = ("firstTimestamp", "lastTimestamp", "count")


def _bound(memory: dict[Any, Any]) -> None:
    """Forget the oldest of what is remembered."""
    if len(memory) >= _REMEMBERED:
        del memory[next(iter(memory))]
