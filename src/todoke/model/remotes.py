"""What a rendering wants from elsewhere, as the engines name it."""

from typing import Protocol
from urllib.parse import urlsplit

import msgspec

from todoke.model.trees import Tree

LARGEST_FILE = 10 * 1024 * 1024
"""Bytes of a file that is fetched by its URL."""


class RemoteBase(msgspec.Struct, frozen=True):
    """An entry of a kustomization that lies elsewhere: a folder of a Git repository, or a file.

    Attributes: url: as it is written. file: as a file it would be asked for so. repo: what Git would clone, "" where it
        is no URL of Git. path: in the repository. ref: branch, tag or commit, "" for the default branch.
    """

    url: str
    file: str = ""
    repo: str = ""
    path: str = ""
    ref: str = ""


class RemoteChart(msgspec.Struct, frozen=True):
    """A chart that `helmCharts` of a kustomization names. Attributes: version: "" for the newest. devel: pre-releases
    too.
    """

    repo: str
    name: str
    version: str = ""
    devel: bool = False


class Permitted(Protocol):
    """Whether a URL may be read for an application."""

    def __call__(self, url: str, /) -> bool: ...


class Elsewhere(Protocol):
    """Fetches what a tree does not hold. Implemented by todoke.source.

    All raise Blocked: it is not there, may not be read, or is too large; and Unreachable: no answer in time.
    """

    async def completed(self, tree: Tree, path: str, permitted: Permitted | None = None) -> Tree:
        """A tree with the dependencies of the chart in a folder fetched into it."""
        ...

    async def base(self, wanted: RemoteBase, permitted: Permitted | None = None) -> Tree | bytes:
        """The files of a repository's commit, or a file's contents."""
        ...

    async def file(self, url: str, permitted: Permitted | None = None) -> bytes | None:
        """A file's contents; None when the server does not have it."""
        ...

    async def chart(self, wanted: RemoteChart, permitted: Permitted | None = None) -> Tree:
        """The files of a chart; its folder is the root."""
        ...


def is_file_name(url: str) -> bool:
    """Whether a URL's path ends as that of a manifest does."""
    return urlsplit(url).path.lower().endswith((".yaml", ".yml", ".json"))
