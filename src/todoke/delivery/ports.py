"""All that a delivery asks of the outside world, on one page."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from todoke.model.deliverables import DeliverableKey
from todoke.model.events import Event
from todoke.model.objects import Kind, LiveObject, Manifest, ObjectKey
from todoke.model.renderings import Checkout, RenderContext, Rendering, Stamp
from todoke.model.signatures import Trust
from todoke.model.sources import CommitInfo, Origin, Reverted, RevertRequest, SourceSpec
from todoke.model.trees import Look, Tree

Permitted = Callable[[str], bool]
"""Whether a repository, by its URL, may be read for an application."""


class Source(Protocol):
    """Implemented by todoke.source."""

    async def refresh(self, origin: Origin) -> bool: ...  # asked once; True when something moved
    async def latest(self, spec: SourceSpec, revision: str) -> str: ...  # commit's SHA, chart's version, digest
    async def untrusted(self, spec: SourceSpec, revision: str, wanted: str, trust: Trust) -> tuple[str, ...]: ...
    async def tree(self, spec: SourceSpec, revision: str, permitted: Permitted | None = None) -> Tree: ...
    def commit(self, repo_url: str, sha: str) -> CommitInfo: ...
    async def revert(self, request: RevertRequest) -> Reverted: ...


class Renderer(Protocol):
    """Implemented by todoke.render."""

    async def render(
        self, checkout: Checkout, context: RenderContext, stamp: Stamp, *, fresh: bool = False
    ) -> Rendering: ...
    async def key(self, checkout: Checkout, context: RenderContext, looks: Iterable[Look]) -> str: ...
    def place(self, manifest: Manifest, namespaced: bool | None, stamp: Stamp) -> Manifest: ...


class Cluster(Protocol):
    """Implemented by todoke.cluster: the only room that speaks to the Kubernetes API."""

    async def prepare(self, kinds: Iterable[Kind]) -> Mapping[Kind, bool | None]: ...  # namespaced; None = not served
    async def capabilities(self) -> tuple[str, tuple[str, ...]]: ...  # Kubernetes version, API versions and kinds
    async def remember(self, kinds: Iterable[Kind]) -> bool: ...  # put on record; False: not permitted
    async def appeared(self) -> bool: ...  # whether the server serves anything new
    async def read(self, kind: Kind, namespace: str) -> tuple[LiveObject, ...]: ...  # one request, no watch
    async def live(self, wanted: Iterable[tuple[Kind, ObjectKey]]) -> Mapping[ObjectKey, LiveObject]: ...
    def owned(self, instance: str) -> tuple[LiveObject, ...]: ...
    def unready_pods(self, workload: ObjectKey) -> tuple[LiveObject, ...]: ...
    def exists(self, kind: Kind, key: ObjectKey) -> bool: ...
    async def apply(self, manifest: Manifest, *, dry_run: bool = False) -> LiveObject: ...
    async def patch(self, live: LiveObject, operations: list[dict[str, Any]]) -> LiveObject: ...
    async def create(self, kind: Kind, key: ObjectKey, body: Mapping[str, Any]) -> None: ...
    async def delete(self, live: LiveObject, propagation: str) -> bool: ...


class Applications(Protocol):
    """The Application objects themselves. Implemented by todoke.cluster."""

    def get(self, key: DeliverableKey) -> LiveObject | None: ...
    def keys(self) -> Iterable[DeliverableKey]: ...
    def project(self, name: str) -> Mapping[str, Any] | None: ...  # the AppProject of that name
    async def patch(self, key: DeliverableKey, patch: Mapping[str, Any]) -> None: ...  # merge patch
    async def release(self, application: LiveObject, finalizer: str) -> None: ...  # take a finalizer off


class Ledger(Protocol):
    """Implemented by todoke.store. Delivery works without it."""

    async def record(self, events: Iterable[Event]) -> None: ...
