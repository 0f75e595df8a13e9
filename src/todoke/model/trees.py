"""A tree of files at one moment, and how a rendering looks at it. Some rooms hold trees, others read them."""

from __future__ import annotations

import stat
from typing import Literal, Protocol

import msgspec

_SUBMODULE = 0o160000

Intent = Literal["read", "list", "kind", "tree", "whole", "listing", "variable", "engine", "options"]


class Astray(Exception):
    """A path leads nowhere. `problem` finishes a sentence that begins with the path; `at` is the last folder met."""

    def __init__(self, problem: str, at: Found, missing: str = "") -> None:
        super().__init__(problem)
        self.problem, self.at, self.missing = problem, at, missing


class Found(msgspec.Struct, frozen=True):
    """A file, folder or submodule of a tree; `path` is where it really is, "" for the root.

    Attributes: id: equal for equal contents; that of a folder covers all beneath it. mode: as in Git.
    """

    path: str
    id: str
    mode: int = stat.S_IFDIR

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return stat.S_ISDIR(self.mode)

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link."""
        return stat.S_ISLNK(self.mode)

    @property
    def is_submodule(self) -> bool:
        """Whether it is a commit of another repository, whose files are not here."""
        return self.mode == _SUBMODULE


class Tree(Protocol):
    """All files of a commit, a chart or a folder. Nothing outside of it can be reached."""

    @property
    def root(self) -> Found: ...

    @property
    def revision(self) -> str:
        """What people call it, short: a commit's first digits, a chart's version."""
        ...

    def entries(self, folder: Found) -> list[tuple[str, Found]]:
        """Names in a folder with what they are, in lexical order of the names; links are not followed."""
        ...

    def find(self, path: str, start: Found | None = None) -> Found:
        """What a path means, from the root or from the folder `start`, all links followed.

        Raises: Astray: it leaves the tree, is not there (`missing` names what), or goes round in circles.
        """
        ...

    def target(self, link: Found) -> str:
        """The text of a symbolic link."""
        ...

    def size(self, file: Found) -> int:
        """Bytes of a file."""
        ...

    def read(self, file: Found) -> bytes:
        """The contents of a file."""
        ...


class Look(msgspec.Struct, frozen=True):
    """One thing that a rendering learned of a tree: with the same answers, it would come out the same.

    Attributes:
        path: from the tree's root, as it was asked for. A variable's name for the intent "variable".
        intent: what was asked. "whole" stands for all files, for those who may read any; "listing" for the manifests
            that a directory source lists, "engine" for the version of what renders, "options" for the installation's
            options of a tool.
        answer: see `answer_of`.
        ref: name of the source whose tree it is, "" for the source that is rendered.
    """

    path: str
    intent: Intent
    answer: str
    ref: str = ""


def answer_of(tree: Tree, path: str, intent: Intent) -> str:
    """What a look at a path learns now, in one word: equal words, equal answers.

    A file's or a tree's id, a folder's names, what kind of thing is there and where it really is; "" for nothing.
    """
    try:
        found = tree.find(path)
    except Astray as error:
        return "" if error.missing else "astray"
    if found.is_submodule:
        return f"submodule {found.id}"
    if intent == "kind":
        return f"{'folder' if found.is_folder else 'file'} {found.path if found.path != path else ''}".rstrip()
    if intent == "list" and found.is_folder:
        return "\0".join(["names", *(f"{name}/" if is_folder else name for name, is_folder in names(tree, found))])
    return found.id


def names(tree: Tree, folder: Found) -> list[tuple[str, bool]]:
    """The names in a folder, sorted, and whether each is a folder; links are followed, broken ones count as files."""
    return [(name, _leads_to_folder(tree, folder, name, entry)) for name, entry in tree.entries(folder)]


def _leads_to_folder(tree: Tree, folder: Found, name: str, entry: Found) -> bool:
    if not entry.is_link:
        return entry.is_folder
    try:
        return tree.find(name, folder).is_folder
    except Astray:
        return False
