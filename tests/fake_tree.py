"""A tree of files in memory: the `Tree` of tests. A value that is a `Link` is a symbolic link."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Mapping

from todoke.model.trees import Found
from todoke.source.tree import Findable


class Link(str):
    """The target of a symbolic link."""


class FakeTree(Findable):
    """Files by path."""

    def __init__(self, files: Mapping[str, bytes | str], revision: str = "0123abcd") -> None:
        self._files = {path: data if isinstance(data, bytes | Link) else data.encode() for path, data in files.items()}
        self._revision = revision

    @property
    def root(self) -> Found:
        return self._folder("")

    @property
    def revision(self) -> str:
        return self._revision

    def entries(self, folder: Found) -> list[tuple[str, Found]]:
        prefix = f"{folder.path}/" if folder.path else ""
        names = {path.removeprefix(prefix).partition("/")[0] for path in self._files if path.startswith(prefix)}
        found = [(name, self.child(folder, name)) for name in sorted(names)]
        return [(name, entry) for name, entry in found if entry is not None]

    def child(self, folder: Found, name: str) -> Found | None:
        path = f"{folder.path}/{name}" if folder.path else name
        if path in self._files:
            data = self._files[path]
            mode = stat.S_IFLNK if isinstance(data, Link) else stat.S_IFREG | 0o644
            return Found(path, hashlib.sha1(_bytes(data)).hexdigest(), mode)
        return self._folder(path) if any(other.startswith(f"{path}/") for other in self._files) else None

    def target(self, link: Found) -> str:
        return str(self._files[link.path])

    def size(self, file: Found) -> int:
        return len(self._files[file.path])

    def read(self, file: Found) -> bytes:
        return _bytes(self._files[file.path])

    def _folder(self, path: str) -> Found:
        prefix = f"{path}/" if path else ""
        inside = sorted((name, _bytes(data)) for name, data in self._files.items() if name.startswith(prefix))
        return Found(path, hashlib.sha1(repr(inside).encode()).hexdigest())


def _bytes(data: bytes | str) -> bytes:
    return data if isinstance(data, bytes) else data.encode()
