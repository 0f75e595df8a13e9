"""A person's own clone: its commits and its working copy, read without changing anything."""

import difflib
from pathlib import Path

import pygit2

from todoke.model.errors import Blocked
from todoke.model.trees import Tree
from todoke.source.folder import FolderTree
from todoke.source.tree import CommitTree

_ARGUMENT = "--base, --head"


class Clone:
    """A Git repository on this machine. Attributes: root: its working copy's folder. urls: of its remotes."""

    def __init__(self, repository: pygit2.Repository) -> None:
        self._repository = repository
        self._folders: dict[str, pygit2.Tree] = {}
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
        return CommitTree(lambda: self._repository, commit, self._folders)

    def working_copy(self) -> Tree:
        """The files as they lie there now."""
        return FolderTree(self.root)

    @property
    def branch(self) -> str:
        """The branch that is checked out, "" for none."""
        return "" if self._repository.head_is_detached or self._repository.is_empty else self._repository.head.shorthand

    def _names(self) -> list[str]:
        return [name.partition("/")[2].partition("/")[2] for name in self._repository.listall_references()]
