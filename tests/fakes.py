"""In-memory rooms that obey delivery/ports.py and delivery/query_ports.py, for tests of the walks and of the faces.

They keep what the walks rely on: resource versions, UIDs, dry runs, field sets of our own applies, deletion with
finalizers, kinds that are not served, and failures on demand. tests/contract shows where they are like the real ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

import yaml

from tests.fake_applications import FakeApplications
from tests.fake_cluster import STANDARD_KINDS, FakeCluster
from tests.fake_source import FakeSource
from tests.fake_store import Json, live_object
from todoke.model.deliverables import DeliverableKey
from todoke.model.errors import Blocked
from todoke.model.events import Event, identity
from todoke.model.objects import Manifest, ObjectKey, encode, kind_of
from todoke.model.renderings import Checkout, RenderContext, Rendering, Stamp
from todoke.model.tracking import INSTALLATION_ID, TRACKING_ID, tracking_id
from todoke.model.trees import Found, Look, Tree, answer_of

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

    def __init__(self) -> None:
        self.judged: list[str] = []
        """The applications whose inputs were compared, in order."""

    def use_config(self, config: Mapping[str, str]) -> None:
        """It has no options."""

    async def render(
        self, checkout: Checkout, context: RenderContext, stamp: Stamp, *, fresh: bool = False
    ) -> Rendering:
        spec, tree = checkout.spec, checkout.tree
        look = Look(spec.path, "tree", answer_of(tree, spec.path, "tree"))
        if not look.answer:
            raise Blocked(
                f"repository {spec.repo_url}",
                f'no such folder "{spec.path}" at {tree.revision}',
                field="spec.source.path",
                next_step="Push it or correct the path",
            )
        found = []
        for path, file in self._files(tree, tree.find(spec.path), ""):
            for body in yaml.safe_load_all(tree.read(file)):
                kind = kind_of(body)
                key = ObjectKey(kind.group, kind.kind, body["metadata"].get("namespace", ""), body["metadata"]["name"])
                found.append(Manifest(key, kind.version, encode(body), path))
        return Rendering(tuple(found), looks=(look,), tool="Directory")

    async def key(self, checkout: Checkout, context: RenderContext, looks: Iterable[Look]) -> str:
        self.judged.append(context.application)
        return str([checkout.spec, *(answer_of(checkout.tree, look.path, look.intent) for look in looks)])

    def _files(self, tree: Tree, folder: Found, prefix: str) -> Iterator[tuple[str, Found]]:
        for name, entry in tree.entries(folder):
            if entry.is_folder:
                yield from self._files(tree, entry, f"{prefix}{name}/")
            elif name.endswith((".yaml", ".yml", ".json")):
                yield prefix + name, entry

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
