"""The command line on rooms in memory, with the real walk as the controller behind it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import textwrap
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.fakes import FakeApplications, FakeClock, FakeCluster, FakeLedger, FakeRenderer, FakeSource, Json
from todoke import main
from todoke.cli.app import Doors, root
from todoke.delivery import waiting
from todoke.delivery.queries import Queries
from todoke.delivery.query_ports import Desk
from todoke.delivery.walk import Delivery, House, Rooms
from todoke.model.sources import Origin
from todoke.settings import Settings, read_settings

URL = "https://git.example.com/shop.git"

WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: "web:1"}]
"""
SETTINGS = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: blue}
"""


class Workshop:
    """All rooms, and the program. `controller` says whether somebody carries out what is asked for."""

    def __init__(self) -> None:
        self.source, self.cluster, self.ledger = FakeSource(), FakeCluster(), FakeLedger()
        self.reached = self.source  # what the person's machine reaches; the controller reaches `source`
        self.applications, self.clock = FakeApplications(), FakeClock()
        self.controller = True
        self.installed: list[str] = []
        self.served: list[Settings] = []
        self.environment: dict[str, str] = {}
        self._ids = itertools.count(1)
        self.cluster.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
        self.house = House()

    def application(self, name: str = "shop", path: str = "deploy", **spec: Any) -> None:
        """An Application as it stands in the cluster."""
        source = {"repoURL": URL, "path": path, "targetRevision": "main"}
        destination = {"server": "https://kubernetes.default.svc", "namespace": "shop"}
        body = {"project": "default", "source": source, "destination": destination} | spec
        self.applications.put({"metadata": {"name": name}, "spec": body})

    def push(self, files: Mapping[str, str | None], message: str = "change") -> str:
        """Commit to main."""
        return self.source.push(URL, dict(files), message)

    def run(self, *words: str, typed: str | None = None) -> Result:
        """The program with these words; `typed` is what a person answers."""
        return CliRunner().invoke(root, list(words), obj=self.doors(), input=typed)

    def settle(self) -> None:
        """Let the controller look at everything, as often as it takes."""

        async def settle() -> None:
            delivery = self._delivery()
            for _ in range(3):
                await self._look(delivery)

        asyncio.run(settle())

    def doors(self) -> Doors:
        def install(settings: Settings, definitions: Iterable[Mapping[str, Any]]) -> list[str]:
            self.installed = [body["metadata"]["name"] for body in definitions]
            return [f"CustomResourceDefinition/{name} created" for name in self.installed]

        return Doors(
            serve=lambda settings, announce: self.served.append(settings),
            queries=self.queries,
            install=install,
            api=lambda settings: contextlib.nullcontext(),
            reviewer=main.reviewer,
            ci=main.ci,
            local=main.local,
            settings=lambda flags: read_settings(flags, self.environment),
            settings_type=Settings,
        )

    @asynccontextmanager
    async def queries(self, settings: Settings) -> AsyncIterator[Queries]:
        desk = Desk(
            source=self.reached,
            renderer=FakeRenderer(),
            cluster=self.cluster,
            applications=self.applications,
            ledger=lambda: self.ledger,
            now=self.clock,
            new_id=lambda: f"request-{next(self._ids)}",
        )
        async with asyncio.TaskGroup() as group:
            behind = group.create_task(self._control()) if self.controller else None
            try:
                yield Queries(desk, House(settings.namespace, settings.stamped_installation, settings.mark))
            finally:
                if behind is not None:
                    behind.cancel()

    async def _control(self) -> None:
        delivery = self._delivery()
        while True:
            await asyncio.sleep(0.01)
            await self._look(delivery)

    def _delivery(self) -> Delivery:
        rooms = Rooms(self.source, FakeRenderer(), self.cluster, self.applications, self.ledger, self.clock)
        return Delivery(rooms, self.house)

    async def _look(self, delivery: Delivery) -> None:
        for repo_url in self.source.repositories:
            await self.source.refresh(Origin(repo_url))
        for key in list(self.applications.keys()):
            await delivery.deliver(key)
        for workload in [key for key in self.cluster.store.bodies if key.kind == "Deployment"]:
            self.cluster.roll_out(workload)


def text(golden: str) -> str:
    """A golden output as it is written in a test."""
    return textwrap.dedent(golden).lstrip("\n")


def body_of(workshop: Workshop, name: str = "shop") -> Json:
    """The stored Application."""
    return workshop.applications.body(name)


@pytest.fixture
def workshop(monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """An application `shop` that is not deployed yet, synced by hand, from two files."""
    monkeypatch.setattr(waiting, "_FIRST_PAUSE", 0.01)
    found = Workshop()
    found.push({"deploy/web.yaml": WEB, "deploy/settings.yaml": SETTINGS}, "first release")
    found.application()
    with contextlib.suppress(KeyError):
        del found.environment["NO_COLOR"]
    return found
