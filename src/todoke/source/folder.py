"""A folder of this machine as a tree: what is there now, committed or not."""

import os
import stat
from hashlib import sha1
from itertools import count
from pathlib import Path

from todoke.model.trees import Found
from todoke.source.tree import Findable

_HIDDEN = ".git"
_MOMENTS = count()


class FolderTree(Findable):
    """The files below a folder: a `Tree`. Nothing outside of it is read, wherever links lead."""

    def __init__(self, folder: Path) -> None:
        """Nothing is read yet. What is read or listed once is remembered."""
        self._folder = folder
        self._moment = next(_MOMENTS)
        self._ids: dict[str, str] = {}

    @property
    def root(self) -> Found:
        """The folder that holds all."""
        return self._found("")

    @property
    def revision(self) -> str:
        """Instead of a commit."""
        return "the working copy"

    def entries(self, folder: Found) -> list[tuple[str, Found]]:
        """Names in a folder with what they are, in lexical order; those of Git's own folder are left out."""
        names = sorted(path.name for path in self._place(folder.path).iterdir())
        found = [(name, self.child(folder, name)) for name in names]
        return [(name, entry) for name, entry in found if entry is not None]

    def child(self, folder: Found, name: str) -> Found | None:
        """What a name in a folder is."""
        path = f"{folder.path}/{name}" if folder.path else name
        if path == _HIDDEN:
            return None
        try:
            mode = self._place(path).lstat().st_mode
        except (OSError, ValueError):
            return None
        if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
            return None
        return self._found(path) if stat.S_ISDIR(mode) else Found(path, self._id(path, mode), mode)

    def _found(self, folder: str) -> Found:
        """A folder; its id holds for this tree alone, and says nothing of what is in it."""
        return Found(folder, f"{self._moment} {folder}")

    def target(self, link: Found) -> str:
        """The text of a symbolic link."""
        return str(self._place(link.path).readlink())

    def size(self, file: Found) -> int:
        """Bytes of a file."""
        return self._place(file.path).lstat().st_size

    def read(self, file: Found) -> bytes:
        """The contents of a file."""
        descriptor = os.open(self._place(file.path), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as opened:
            return opened.read()

    def _id(self, path: str, mode: int) -> str:
        if path not in self._ids:
            found = Found(path, "", mode)
            data = self.target(found).encode() if found.is_link else self.read(found)
            self._ids[path] = sha1(data, usedforsecurity=False).hexdigest()
        return self._ids[path]

    def _place(self, path: str) -> Path:
        return self._folder / path
