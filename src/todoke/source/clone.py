"""A person's own clone: its commits and its working copy, read without changing anything."""

import difflib
import os
import stat
import tempfile
from pathlib import Path

import pygit2
from pygit2.enums import FileMode

from todoke.model.errors import Blocked
from todoke.model.trees import Tree
from todoke.source.tree import CommitTree, Objects

_ARGUMENT = "--base, --head"


class Clone:
    """A Git repository on this machine. Attributes: root: its working copy's folder. urls: of its remotes."""

    def __init__(self, repository: pygit2.Repository) -> None:
        self._repository = repository
        self._folders: dict[str, pygit2.Tree] = {}
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self.root = Path(repository.workdir or repository.path)
        self.urls = tuple(remote.url for remote in repository.remotes if remote.url)

    @classmethod
    def around(cls, path: Path) -> "Clone":
        """The repository that holds a folder. Raises: Blocked: there is none, or it is somebody else's."""
        try:
            found = pygit2.discover_repository(str(path))
            if found is not None:
                return cls(pygit2.Repository(found))
        except (pygit2.GitError, KeyError) as error:
            raise Blocked(str(path), f"its Git repository cannot be read: {error}") from error
        raise Blocked(str(path), "is not in a Git repository", next_step="Run this inside a clone")

    def commit(self, revision: str) -> str:
        """The full SHA of a branch, tag, remote branch or anything that `git rev-parse` knows.

        Raises: Blocked: there is none; names those that are near.
        """
        for name in (revision, f"origin/{revision}"):
            try:
                return str(self._repository.revparse_single(name).peel(pygit2.Commit).id)
            except (KeyError, ValueError, pygit2.GitError):
                continue
        near = difflib.get_close_matches(revision, self._names(), n=3, cutoff=0.5)
        hint = f" (there are: {', '.join(near)})" if near else ""
        raise Blocked(
            str(self.root),
            f'revision "{revision}" not found{hint}',
            field=_ARGUMENT,
            next_step="Fetch it, or correct it",
        )

    def knows(self, revision: str) -> bool:
        """Whether there is such a revision."""
        try:
            self.commit(revision)
        except Blocked:
            return False
        return True

    def merge_base(self, one: str, other: str) -> str:
        """Where two commits parted; the first of them when they have nothing in common."""
        found = self._repository.merge_base(pygit2.Oid(hex=one), pygit2.Oid(hex=other))
        return one if found is None else str(found)

    def tree(self, sha: str) -> Tree:
        """The files of a commit."""
        commit = self._repository[sha].peel(pygit2.Commit)
        return CommitTree(Objects(lambda: self._repository), commit.tree_id, sha[:8], self._folders)

    def working_copy(self) -> Tree:
        """The files as a commit of all that `git status` shows would have them. The repository is not written to.

        Raises: Blocked: a file cannot be read.
        """
        scratch = self._scratch_repository()
        index = pygit2.Index()
        if not self._repository.head_is_unborn:
            index.read_tree(scratch[self._repository.head.peel(pygit2.Commit).tree_id].peel(pygit2.Tree))
        for path, flags in self._repository.status(untracked_files="all").items():
            if flags != pygit2.enums.FileStatus.IGNORED:
                self._take(scratch, index, path)
        root = index.write_tree(scratch)
        return CommitTree(Objects(lambda: scratch), root, "the working copy", self._folders)

    def close(self) -> None:
        """Remove what was written for the working copy."""
        if self._scratch is not None:
            self._scratch.cleanup()

    def _scratch_repository(self) -> pygit2.Repository:
        """A repository for new objects that sees all of the clone's."""
        self._scratch = tempfile.TemporaryDirectory(prefix="todoke-", ignore_cleanup_errors=True)
        scratch = pygit2.init_repository(self._scratch.name, bare=True)
        alternates = Path(self._scratch.name) / "objects" / "info" / "alternates"
        alternates.parent.mkdir(exist_ok=True)
        alternates.write_text(f"{_common(Path(self._repository.path)) / 'objects'}\n")
        return pygit2.Repository(scratch.path)

    def _take(self, scratch: pygit2.Repository, index: pygit2.Index, path: str) -> None:
        place = self.root / path
        try:
            mode = place.lstat().st_mode
        except FileNotFoundError:
            if path in index:
                index.remove(path)
            return
        try:
            data = os.fsencode(place.readlink()) if stat.S_ISLNK(mode) else place.read_bytes()
        except IsADirectoryError:  # a submodule, or a clone inside of the clone
            return
        except OSError as error:
            raise Blocked(str(place), f"cannot be read: {error.strerror}") from error
        kind = FileMode.LINK if stat.S_ISLNK(mode) else FileMode.BLOB_EXECUTABLE if mode & 0o111 else FileMode.BLOB
        index.add(pygit2.IndexEntry(path, scratch.create_blob(data), kind))

    @property
    def branch(self) -> str:
        """The branch that is checked out, "" for none."""
        return "" if self._repository.head_is_detached or self._repository.is_empty else self._repository.head.shorthand

    def _names(self) -> list[str]:
        return [name.partition("/")[2].partition("/")[2] for name in self._repository.listall_references()]


def _common(folder: Path) -> Path:
    """Where the objects of a repository are: a linked worktree has them in the one it was made from."""
    link = folder / "commondir"
    return (folder / link.read_text().strip()).resolve() if link.is_file() else folder
