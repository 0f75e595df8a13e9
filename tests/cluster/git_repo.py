"""Bare Git repositories for tests, written in-process: a commit takes about a millisecond.

repo = Repo.create(tmp_path / "shop.git")
first = repo.commit({"web.yaml": "kind: ConfigMap"}, "add web")
second = repo.commit({"web.yaml": None, "app.yaml": "kind: Secret"}, "replace web")
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pygit2
from pygit2.enums import FileMode, ObjectType

AUTHOR = ("Taro Test", "taro@example.org")


@dataclass(frozen=True, slots=True)
class Executable:
    """Text of a file that is committed with mode 755."""

    text: str


@dataclass(frozen=True, slots=True)
class Symlink:
    """Target of a symbolic link."""

    target: str


Content = str | bytes | Executable | Symlink


@dataclass(slots=True)
class Repo:
    """One bare repository. Every revision given or returned is a full hexadecimal SHA-1."""

    path: Path
    _git: pygit2.Repository
    _clock: int = field(default_factory=lambda: int(time.time()))

    @classmethod
    def create(cls, path: Path, branch: str = "main") -> Repo:
        """Make an empty bare repository whose HEAD is the branch. Parent folders are made."""
        path.parent.mkdir(parents=True, exist_ok=True)
        git = pygit2.init_repository(str(path), bare=True, initial_head=branch)
        # What the public forges allow: partial clones, and fetching one commit by its name.
        git.config["uploadpack.allowFilter"] = True
        git.config["uploadpack.allowAnySHA1InWant"] = True
        return cls(path, git)

    @classmethod
    def open(cls, path: Path) -> Repo:
        """A repository that exists."""
        return cls(path, pygit2.Repository(str(path)))

    @property
    def url(self) -> str:
        """Its ``file://`` URL."""
        return self.path.resolve().as_uri()

    def commit(
        self,
        files: Mapping[str, Content | None],
        message: str,
        parents: Sequence[str] | None = None,
        branch: str = "main",
    ) -> str:
        """Commit changed files on a branch and move the branch there; returns the new commit.

        Args:
            files: new content by path; None deletes the file, and every file below if it is a folder.
            parents: None means the tip of the branch, if there is one. The tree starts as that of the
                first parent, so () makes a root commit with these files only.
        """
        if parents is None:
            tip = self.tip(branch)
            parents = [] if tip is None else [tip]
        index = pygit2.Index()
        if parents:
            index.read_tree(self._git[parents[0]].peel(pygit2.Tree))
        for path, content in files.items():
            _put(self._git, index, path, content)
        return self._write(index.write_tree(self._git), message, parents, branch)

    def merge(self, other: str, message: str = "", branch: str = "main") -> str:
        """Merge another branch or commit into a branch with a merge commit; returns it.

        Raises: ValueError: the two conflict.
        """
        ours, theirs = self.sha(branch), self.sha(other)
        index = self._git.merge_commits(ours, theirs)
        if index.conflicts is not None:
            raise ValueError(f"{other} conflicts with {branch}")
        tree = index.write_tree(self._git)
        return self._write(tree, message or f"Merge {other} into {branch}", [ours, theirs], branch)

    def branch(self, name: str, at: str = "main") -> str:
        """Make a branch, or move it by force, to a revision; returns the commit."""
        sha = self.sha(at)
        self._git.references.create(f"refs/heads/{name}", sha, force=True)
        return sha

    def delete_branch(self, name: str) -> None:
        """Delete a branch. Raises: KeyError: there is none."""
        self._git.references.delete(f"refs/heads/{name}")

    def tag(self, name: str, at: str = "main", message: str | None = None) -> str:
        """Make a tag, moving one of the same name; annotated if there is a message. Returns the commit."""
        sha, reference = self.sha(at), f"refs/tags/{name}"
        if reference in self._git.references:
            self._git.references.delete(reference)
        if message is None:
            self._git.references.create(reference, sha)
        else:
            self._git.create_tag(name, sha, ObjectType.COMMIT, self._signature(), message)
        return sha

    def tip(self, branch: str = "main") -> str | None:
        """The commit of a branch; None when there is no such branch."""
        reference = self._git.references.get(f"refs/heads/{branch}")
        return None if reference is None else str(reference.target)

    def sha(self, revision: str) -> str:
        """The commit a branch, tag or abbreviated SHA names. Raises: KeyError: nothing does."""
        return str(self._git.revparse_single(revision).peel(pygit2.Commit).id)

    def files(self, revision: str = "main") -> dict[str, str]:
        """Text of every file of a revision, by path."""
        index = pygit2.Index()
        index.read_tree(self._git[self.sha(revision)].peel(pygit2.Tree))
        return {entry.path: self._git[entry.id].peel(pygit2.Blob).data.decode() for entry in index}

    def _write(self, tree: pygit2.Oid, message: str, parents: Sequence[str], branch: str) -> str:
        author = self._signature()
        sha = self._git.create_commit(None, author, author, message, tree, list(parents))
        self._git.references.create(f"refs/heads/{branch}", sha, force=True)
        return str(sha)

    def _signature(self) -> pygit2.Signature:
        self._clock += 1  # seconds are all a commit has: equal commits made in one second would be one
        return pygit2.Signature(*AUTHOR, self._clock, 0)


def _put(git: pygit2.Repository, index: pygit2.Index, path: str, content: Content | None) -> None:
    """Write one file into the index; None removes it or the folder of that name."""
    if content is None:
        if path in index:
            index.remove(path)
        else:
            index.remove_directory(path)
        return
    mode = FileMode.BLOB
    if isinstance(content, Executable):
        content, mode = content.text, FileMode.BLOB_EXECUTABLE
    elif isinstance(content, Symlink):
        content, mode = content.target, FileMode.LINK
    data = content.encode() if isinstance(content, str) else content
    index.add(pygit2.IndexEntry(path, git.create_blob(data), mode))
