"""Reading a source as a directory renderer does: the files of its listing, from the tree of a commit."""

from __future__ import annotations

from todoke.model.sources import SourceFile, SourceSpec
from todoke.render.listing import Lister, read_files
from todoke.render.renderer import subject_of
from todoke.source.repositories import GitSource


async def files(source: GitSource, url: str, sha: str, spec: SourceSpec) -> tuple[SourceFile, ...]:
    """The files that a source reads, in order."""
    tree = await source.tree(url, sha)
    return read_files(tree, Lister().listing(tree, spec, subject_of(spec)), subject_of(spec))


async def fingerprint(source: GitSource, url: str, sha: str, spec: SourceSpec) -> str:
    """The digest of a source's files."""
    return Lister().listing(await source.tree(url, sha), spec, subject_of(spec)).digest
