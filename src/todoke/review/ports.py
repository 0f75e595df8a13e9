"""All that a review asks of the outside world."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from todoke.model.plans import Plan
from todoke.model.renderings import Checkout, RenderContext, Rendering, Stamp
from todoke.model.sources import SourceSpec
from todoke.model.trees import Look, Tree

Body = dict[str, Any]

ReadDocuments = Callable[[str, bytes], list[Body]]
"""The maps in a YAML or JSON file of a path; nothing for what does not parse. Implemented by todoke.render."""

Evaluate = Callable[[Any, Mapping[str, Any], Sequence[str]], Awaitable[Any]]
"""A document with its Go templates filled in. Implemented by todoke.render."""


class Clone(Protocol):
    """A person's clone. Implemented by todoke.source."""

    @property
    def root(self) -> Path: ...  # of its working copy

    @property
    def urls(self) -> Sequence[str]: ...  # of its remotes

    @property
    def branch(self) -> str: ...  # the one that is checked out

    def commit(self, revision: str) -> str: ...  # its full SHA; Blocked when there is none
    def knows(self, revision: str) -> bool: ...
    def merge_base(self, one: str, other: str) -> str: ...
    def tree(self, sha: str) -> Tree: ...
    def working_copy(self) -> Tree: ...


class Published(Protocol):
    """Charts and artifacts of repositories elsewhere, read without a login. Implemented by todoke.source."""

    async def latest(self, spec: SourceSpec, revision: str) -> str: ...
    async def tree(self, spec: SourceSpec, revision: str) -> Tree: ...


class Foreseen(Protocol):
    """What a delivery would do."""

    @property
    def plan(self) -> Plan: ...

    @property
    def notes(self) -> tuple[str, ...]: ...


class Live(Protocol):
    """A cluster, asked with a person's own rights. Implemented by todoke.delivery."""

    async def capabilities(self) -> tuple[str, tuple[str, ...]]: ...  # its version, and the API versions it serves

    async def foreseen(
        self, body: Mapping[str, Any], checkouts: Sequence[Checkout], before: Sequence[Checkout] = ()
    ) -> Foreseen:
        """What a delivery of an Application's sources at these revisions would do now.

        Args: before: those that are taken as delivered, whose fields go when the new ones do not have them.
        Raises: DeliveryError: it cannot be delivered as it is, or the cluster does not say.
        """
        ...


class Renderer(Protocol):
    """Implemented by todoke.render."""

    async def render(self, checkout: Checkout, context: RenderContext, stamp: Stamp) -> Rendering: ...
    async def key(self, checkout: Checkout, context: RenderContext, looks: Iterable[Look]) -> str: ...
