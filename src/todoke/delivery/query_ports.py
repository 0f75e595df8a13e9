"""What one-shot requests of people ask of the outside world, beyond what a delivery asks (ports.py)."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import msgspec

from todoke.delivery.ports import Cluster, Ledger, Renderer, Source
from todoke.model.credentials import Credential, SecretText
from todoke.model.deliverables import DeliverableKey
from todoke.model.events import Event
from todoke.model.objects import Kind, LiveObject
from todoke.model.trees import Tree
from todoke.model.trusted import Trusted


class ApplicationObjects(Protocol):
    """The Application objects, asked for each time. Implemented by todoke.cluster."""

    async def find(self, key: DeliverableKey) -> LiveObject | None: ...
    async def all(self, namespace: str, selector: str = "") -> list[LiveObject]: ...  # namespace "" = everywhere
    async def project_named(self, name: str) -> Mapping[str, Any] | None: ...
    async def create(self, body: Mapping[str, Any]) -> LiveObject: ...
    async def change(self, key: DeliverableKey, patch: Mapping[str, Any]) -> LiveObject: ...  # merge patch
    async def remove(self, application: LiveObject) -> None: ...  # exactly this one, by UID
    async def credentials(self) -> list[Credential]: ...  # those that the asker may read
    async def trusted(self) -> Trusted: ...  # what the asker may read of it
    async def config(self) -> Mapping[str, str]: ...  # argocd-cm, as far as the asker may read it
    async def keep_secret(self, name: str, marks: Mapping[str, str], data: Mapping[str, SecretText]) -> None: ...
    async def drop_secret(self, name: str) -> None: ...
    async def whoami(self) -> str: ...


class QueryCluster(Cluster, Protocol):
    """A cluster without watches: what a question needs is loaded for it. Implemented by todoke.cluster."""

    async def load_owned(self, instances: frozenset[str], kinds: Iterable[Kind], namespace: str) -> tuple[str, ...]:
        """Load what `owned` answers for some instances: sentences on what could not be looked at."""

    async def load_pods(self, namespaces: Iterable[str]) -> None: ...  # for `unready_pods`


class QueryRenderer(Renderer, Protocol):
    """Implemented by todoke.render."""

    def use_config(self, config: Mapping[str, str]) -> None: ...  # the texts of argocd-cm


class QuerySource(Source, Protocol):
    """Implemented by todoke.source."""

    def folder(self, path: Path) -> Tree: ...  # of this machine, with the clone around it
    def use_trusted(self, trusted: Trusted) -> None: ...
    def use_credentials(self, credentials: Iterable[Credential]) -> None: ...


class StoryLedger(Ledger, Protocol):
    """A ledger that can be read. Implemented by todoke.store."""

    async def story(self, application: DeliverableKey, most: int = 1000) -> list[Event]: ...  # newest first


class Desk(msgspec.Struct, frozen=True):
    """The rooms behind one-shot requests. The ledger is opened only by what needs it."""

    source: QuerySource
    renderer: QueryRenderer
    cluster: QueryCluster
    applications: ApplicationObjects
    ledger: Callable[[], StoryLedger]
    now: Callable[[], datetime]
    new_id: Callable[[], str]
    """An id for a request, different each time."""
