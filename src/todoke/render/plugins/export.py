"""A tree of files written to disk for a program that reads them there, and taken away again."""

from __future__ import annotations

import os
import posixpath
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from todoke.model.trees import Astray, Found, Tree

_FILE, _PROGRAM, _FOLDER = 0o600, 0o700, 0o700
_AT_ONCE: Final = 16
_NOT_EXPORTED: Final = frozenset({"", ".", "..", ".git"})
_TURNS_BACK: Final = re.compile(r"(^|/)(?!\.{0,2}(/|$))[^/]+/(.*/)?\.\.(/|$)", re.DOTALL)
MOST_FILES: Final = 50_000
MOST_BYTES: Final = 512 * 1024 * 1024


class NotExported(Exception):
    """A tree cannot be written. The text says why, beginning with the path that is in the way."""


class Export:
    """Writes one tree. Attributes: files: how many files, folders and links were written. size: bytes of the files."""

    def __init__(
        self, tree: Tree, *, keep_modes: bool = False, most_files: int = MOST_FILES, most_bytes: int = MOST_BYTES
    ) -> None:
        """Args: keep_modes: files that are programs in the tree become such; else none is."""
        self.files = self.size = 0
        self._tree, self._keep_modes = tree, keep_modes
        self._most_files, self._most_bytes = most_files, most_bytes

    def write(self, folder: Path) -> Iterator[None]:
        """Write the tree into a folder, which is made; yields now and then, so that others get a turn.

        Submodules whose files are not here become empty folders, as Git leaves them.
        Raises: NotExported: it is too large, or a link or a name in it leads out of it.
        """
        folder.mkdir(mode=_FOLDER)
        pending = [(self._tree.root, folder, "")]
        while pending:
            source, target, path = pending.pop()
            for name, entry in self._tree.entries(source):
                inner = f"{path}/{name}" if path else name
                self._count(name, inner)
                if self.files % _AT_ONCE == 0:
                    yield
                place = target / name
                if entry.is_link:
                    place.symlink_to(self._target(entry, source, name, inner))
                elif entry.is_folder or entry.is_submodule:
                    place.mkdir(mode=_FOLDER)
                    if entry.is_folder:
                        pending.append((entry, place, inner))
                else:
                    self._file(entry, place, inner)

    def _count(self, name: str, path: str) -> None:
        if name.lower() in _NOT_EXPORTED or "/" in name or "\0" in name:
            raise NotExported(f'"{path}" is no name for a file')
        self.files += 1
        if self.files > self._most_files:
            raise NotExported(f"{path} is one of more than {self._most_files} files and folders")

    def _target(self, link: Found, folder: Found, name: str, path: str) -> str:
        """Where a link leads, as it says itself; that nothing is there is no harm.

        Unless it turns back on its way: a folder that the plugin makes there would turn it out of the tree.
        """
        target = self._tree.target(link)
        try:
            self._tree.find(name, folder)
        except Astray as error:
            elsewhere = target.startswith("/") or not (error.missing or error.at.is_submodule)
            if elsewhere:
                raise NotExported(f"{path} is a symbolic link to {target}, which {error}") from None
            if posixpath.normpath(posixpath.join(posixpath.dirname(path), target)).startswith(".."):
                raise NotExported(f"{path} is a symbolic link to {target}, which leads out of the repository") from None
            if _TURNS_BACK.search(target):
                problem = "which goes up again from what is not there"
                raise NotExported(f"{path} is a symbolic link to {target}, {problem}") from None
        return target

    def _file(self, file: Found, place: Path, path: str) -> None:
        self.size += self._tree.size(file)
        if self.size > self._most_bytes:
            raise NotExported(f"{path} is beyond {self._most_bytes // 1024 // 1024} MiB of files together")
        mode = _PROGRAM if self._keep_modes and file.mode & 0o100 else _FILE
        descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(self._tree.read(file))


def remove(folder: Path) -> None:
    """Take a folder away with all in it, also what was made unreadable; links are not followed. It need not be there.

    Raises: OSError: something in it cannot be taken away.
    """
    if folder.is_symlink():  # put in its place by who ran in it
        folder.unlink()
    if not folder.exists():
        return
    folder.chmod(_FOLDER)
    for above, names, _ in os.walk(folder):
        for name in names:
            inner = Path(above, name)
            if not inner.is_symlink():
                inner.chmod(_FOLDER)
    shutil.rmtree(folder)
