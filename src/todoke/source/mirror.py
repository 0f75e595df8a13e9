"""The bare mirror of one repository on disk, and our open handle on it."""

import contextlib
import shutil
from collections.abc import Iterable
from pathlib import Path

import pygit2

from todoke.model.errors import Blocked, Unreachable
from todoke.source.refs import HEADS, TAGS, Refs

_MANY_PACKS = 50


class Mirror:
    """A folder with a bare repository. It is written by `git fetch` only, and never loses an object."""

    def __init__(self, folder: Path, subject: str) -> None:
        self.folder = folder
        self.damaged = False
        self._subject = subject
        self._open: pygit2.Repository | None = None

    @property
    def repository(self) -> pygit2.Repository:
        """The open repository.

        Raises: Unreachable: there is no usable mirror yet.
        """
        if self._open is None:
            try:
                self._open = pygit2.Repository(str(self.folder), pygit2.enums.RepositoryOpenFlag.BARE)
            except (pygit2.GitError, OSError) as error:
                raise Unreachable(self._subject, "has not been fetched yet") from error
        return self._open

    @property
    def exists(self) -> bool:
        """Whether there is a mirror that opens."""
        if self._open is not None:
            return not self.damaged
        with contextlib.suppress(Unreachable):
            return not self.damaged and bool(self.repository)
        return False

    def lacks(self, shas: Iterable[str]) -> list[str]:
        """Those of the commits that the mirror does not hold."""
        if not self.exists:
            return list(shas)
        held = self.repository
        return [sha for sha in shas if sha not in held]

    def close(self) -> None:
        """Let go of the files; the next use opens them again and sees new packs."""
        if self._open is not None:
            self._open.free()
            self._open = None

    def create(self) -> None:
        """Start an empty mirror in place of whatever is there.

        Raises: Blocked: the folder cannot be written.
        """
        self.close()
        try:
            self.folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)  # private repositories
            discarded = self.folder.with_suffix(".discarded")
            shutil.rmtree(discarded, ignore_errors=True)
            if self.folder.exists():  # renamed first: half a mirror that still opens would be worse than none
                self.folder.rename(discarded)
                shutil.rmtree(discarded)
            pygit2.init_repository(str(self.folder), bare=True)
            for hooks in ("hooks", "description", "info"):
                path = self.folder / hooks
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        except (pygit2.GitError, OSError) as error:
            raise Blocked(
                self._subject,
                f"its mirror {self.folder} cannot be written: {error}",
                next_step="Correct the data folder",
            ) from error
        self.damaged = False

    def sweep(self) -> None:
        """Remove what a killed git leaves behind: lock files, which would stop the next fetch, and half packs.

        Only one fetch at a time writes to a mirror, and it is not running now.
        """
        for pattern in ("*.lock", "refs/**/*.lock", "objects/pack/tmp_*", "objects/tmp_*", "objects/info/**/*.lock"):
            for path in self.folder.glob(pattern):
                path.unlink(missing_ok=True)
        for path in self.folder.glob("objects/incoming-*"):
            shutil.rmtree(path, ignore_errors=True)

    @property
    def scattered(self) -> bool:
        """Whether so many packs have gathered that reading slows down."""
        return sum(1 for _ in self.folder.glob("objects/pack/*.pack")) > _MANY_PACKS


def local_refs(path: str, more: Iterable[str], subject: str) -> Refs:
    """The heads, tags, HEAD and `more` refs of a repository on this machine.

    Raises: Blocked: there is no repository, or it belongs to somebody else.
    """
    try:
        repository = pygit2.Repository(path)
        try:
            names = sorted(name for name in repository.listall_references() if name.startswith((HEADS, TAGS, *more)))
            tips = {name: str(repository.lookup_reference(name).peel().id) for name in names}
            own = {name: str(repository.lookup_reference(name).resolve().target) for name in names}
            head = repository.lookup_reference("HEAD").target
        finally:
            repository.free()
    except (pygit2.GitError, KeyError, OSError) as error:
        raise Blocked(
            subject, f"is not a readable Git repository: {error}", next_step="Check the path and its owner"
        ) from error
    tags = {name: sha for name, sha in own.items() if sha != tips[name]}
    if isinstance(head, str):
        return Refs(tips, tips.get(head, ""), head, tags)
    return Refs(tips, str(head), tags=tags)
