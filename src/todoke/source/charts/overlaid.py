"""A tree with files that it does not hold itself, as if they lay in it."""

import stat
from collections.abc import Mapping
from typing import Any

from todoke.model.trees import Found, Tree
from todoke.source.charts.archive import blob_id, folder_id
from todoke.source.tree import Findable

_FILE = stat.S_IFREG | 0o644


class OverlaidTree(Findable):
    """A `Tree`: another one, and files beside its own. Ids of folders above the added files change with these."""

    def __init__(self, below: Tree, added: Mapping[str, bytes]) -> None:
        """Args: added: contents by real path, on which no link and no file of the other tree may lie."""
        self._below, self._added = below, added
        self._listed: dict[str, dict[str, Found]] = {}
        steps: dict[str, Any] = {}
        for path in added:
            *folders, name = path.split("/")
            place = steps
            for folder in folders:
                place = place.setdefault(folder, {})
            place[name] = path
        self._root = self._laid(below.root, "", steps)

    @property
    def root(self) -> Found:
        """The folder that holds all."""
        return self._root

    @property
    def revision(self) -> str:
        """That of the tree below."""
        return self._below.revision

    def entries(self, folder: Found) -> list[tuple[str, Found]]:
        """Names in a folder with what they are, in lexical order of the names."""
        return list(self._entries(folder).items())

    def child(self, folder: Found, name: str) -> Found | None:
        """What a name in a folder is."""
        return self._entries(folder).get(name)

    def target(self, link: Found) -> str:
        """The text of a symbolic link."""
        return self._below.target(link)

    def size(self, file: Found) -> int:
        """Bytes of a file."""
        return len(self._added[file.path]) if file.path in self._added else self._below.size(file)

    def read(self, file: Found) -> bytes:
        """The contents of a file."""
        return self._added[file.path] if file.path in self._added else self._below.read(file)

    def _entries(self, folder: Found) -> dict[str, Found]:
        if folder.path not in self._listed:
            self._listed[folder.path] = dict(self._below.entries(folder))
        return self._listed[folder.path]

    def _laid(self, folder: Found | None, path: str, steps: Mapping[str, Any]) -> Found:
        """A folder with what is added to it. Args: folder: that of the tree below, None where it has none."""
        entries = dict(self._below.entries(folder)) if folder is not None else {}
        for name, step in steps.items():
            place = f"{path}/{name}" if path else name
            if isinstance(step, str):
                entries[name] = Found(place, blob_id(self._added[step]), _FILE)
            else:
                known = entries.get(name)
                entries[name] = self._laid(known if known is not None and known.is_folder else None, place, step)
        self._listed[path] = dict(sorted(entries.items()))
        return Found(path, folder_id(self._listed[path].items()))
