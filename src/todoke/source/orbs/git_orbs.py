"""Orbs that lie in Git repositories, as one file or as the folder that is packed."""

import tempfile
from pathlib import Path
from typing import Final

from todoke.model.errors import Blocked
from todoke.model.orb_locks import LARGEST_ORB, GitPlace, LockedOrb, Offer, Reference
from todoke.model.telemetry import Silent
from todoke.model.trees import Astray, Found, Tree
from todoke.source.orbs.lock import sha256_of
from todoke.source.orbs.packing import packed
from todoke.source.repositories import GitSource
from todoke.source.urls import locate

_MOST_FILES: Final = 2_000
_MOST_BYTES: Final = 64 * 1024 * 1024
_SECONDS: Final = 120


async def fetched(place: GitPlace, reference: Reference) -> Offer:
    """The orb at a place, with the commit that it was found in.

    Raises: Blocked: there is no such repository, revision or file, or it is no orb. Unreachable: no answer in time.
    """
    location = locate(place.url)
    with tempfile.TemporaryDirectory(prefix="todoke-") as folder:
        source = GitSource(Path(folder) / "mirrors", Silent(), fetch_timeout_seconds=_SECONDS)
        try:
            commit = await source.latest(place.url, place.ref or "HEAD")
            text = _text(await source.tree(place.url, commit), place, Path(folder) / "orb")
        finally:
            await source.close()
    locked = LockedOrb(
        reference.version, sha256_of(text), git=location.url, ref=place.ref, commit=commit, path=place.path
    )
    return Offer(text, locked)


def _text(tree: Tree, place: GitPlace, room: Path) -> str:
    subject = f"Orb {place.path or '.'} of {locate(place.url).url}"
    try:
        found = tree.find(place.path)
    except Astray as error:
        raise Blocked(subject, f"its path {error.problem}") from error
    if found.is_submodule:
        raise Blocked(subject, "is a submodule", next_step="Name the repository that it is of")
    if not found.is_folder:
        return _one(tree, found, subject)
    _Copy(tree, subject).into(found, room)
    try:
        return packed(room)
    except Blocked as error:
        problem = f"{error.subject.replace(str(room), place.path or '.')}: {error.problem.replace(str(room), '.')}"
        raise Blocked(subject, problem, next_step=error.next_step) from error


class _Copy:
    """Writes a folder of a commit out; links are left behind, so that nothing leads elsewhere."""

    def __init__(self, tree: Tree, subject: str) -> None:
        self._tree, self._subject = tree, subject
        self._count = self._bytes = 0

    def into(self, folder: Found, room: Path) -> None:
        """Write the files of a folder. Raises: Blocked: there are too many."""
        room.mkdir()
        for name, entry in self._tree.entries(folder):
            self._count += 1
            if self._count > _MOST_FILES:
                raise Blocked(self._subject, f"has more than {_MOST_FILES:,} files")
            if entry.is_folder:
                self.into(entry, room / name)
            elif not entry.is_link and not entry.is_submodule:
                self._file(entry, room / name)

    def _file(self, file: Found, place: Path) -> None:
        self._bytes += self._tree.size(file)
        if self._bytes > _MOST_BYTES:
            raise Blocked(self._subject, f"has more than {_MOST_BYTES // 1024 // 1024} MiB of files")
        place.write_bytes(self._tree.read(file))


def _one(tree: Tree, file: Found, subject: str) -> str:
    if tree.size(file) > LARGEST_ORB:
        raise Blocked(subject, f"is larger than {LARGEST_ORB // 1024 // 1024} MiB")
    try:
        return tree.read(file).decode()
    except UnicodeDecodeError as error:
        raise Blocked(subject, "is not UTF-8 text") from error
