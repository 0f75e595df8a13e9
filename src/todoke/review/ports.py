"""All that a review asks of the outside world."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

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


class Renderer(Protocol):
    """Implemented by todoke.render."""

    async def render(self, checkout: Checkout, context: RenderContext, stamp: Stamp) -> Rendering: ...
    async def key(self, checkout: Checkout, context: RenderContext, looks: Iterable[Look]) -> str: ...
