"""In-memory rooms that obey delivery/ports.py and delivery/query_ports.py, for tests of the walks and of the faces.

They keep what the walks rely on: resource versions, UIDs, dry runs, field sets of our own applies, deletion with
finalizers, kinds that are not served, and failures on demand. tests/contract shows where they are like the real ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import yaml

from tests.fake_applications import FakeApplications
from tests.fake_cluster import STANDARD_KINDS, FakeCluster
from tests.fake_source import FakeSource
from tests.fake_store import Json, live_object
from todoke.model.deliverables import DeliverableKey
from todoke.model.events import Event, identity
from todoke.model.objects import Manifest, ObjectKey, encode, kind_of
from todoke.model.renderings import Rendering, Stamp
from todoke.model.sources import SourceFile
from todoke.model.tracking import INSTALLATION_ID, TRACKING_ID, tracking_id

__all__ = [
    "STANDARD_KINDS",
    "FakeApplications",
    "FakeClock",
    "FakeCluster",
    "FakeLedger",
    "FakeRenderer",
    "FakeSource",
    "Json",
    "live_object",
]


class FakeClock:
    """A clock that moves only when told. Call it for the time."""

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def forward(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class FakeRenderer:
    """YAML in, marked objects out."""

    def render(self, files: Iterable[SourceFile], stamp: Stamp) -> Rendering:
        found = []
        for file in files:
            for body in yaml.safe_load_all(file.data):
                kind = kind_of(body)
                key = ObjectKey(kind.group, kind.kind, body["metadata"].get("namespace", ""), body["metadata"]["name"])
                found.append(Manifest(key, kind.version, encode(body), file.path))
        return Rendering(tuple(found))

    def place(self, manifest: Manifest, namespaced: bool | None, stamp: Stamp) -> Manifest:
        body = manifest.body
        key = manifest.key
        namespace = "" if namespaced is False else key.namespace or stamp.namespace
        key = ObjectKey(key.group, key.kind, namespace, key.name)
        meta = body["metadata"]
        if namespace:
            meta["namespace"] = namespace
        marks = meta["annotations"] = meta.get("annotations") or {}
        marks[TRACKING_ID] = tracking_id(stamp.instance, key, stamp.namespace)
        if stamp.installation:
            marks[INSTALLATION_ID] = stamp.installation
        return Manifest(key, manifest.version, encode(body), manifest.origin)


class FakeLedger:
    """Facts in the order in which they came, each once."""

    def __init__(self) -> None:
        self.facts: dict[str, Event] = {}

    @property
    def events(self) -> list[Event]:
        return list(self.facts.values())

    async def record(self, events: Iterable[Event]) -> None:
        for event in events:
            self.facts.setdefault(identity(event), event)

    async def story(self, application: DeliverableKey, most: int = 1000) -> list[Event]:
        found = [event for event in self.facts.values() if event.application == application]
        return found[::-1][:most]
