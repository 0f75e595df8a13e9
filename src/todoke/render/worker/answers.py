"""What a worker is told of a tree when it asks, and the record of what it was told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from todoke.model.trees import Astray, Found, Intent, Look, Tree, answer_of, names
from todoke.render.lfs import IN_LFS, is_lfs_pointer
from todoke.render.worker.frames import file_parts, frame, listing
from todoke.render.worker.outcomes import Limits

_NOT_THERE = frame(b"N")
_MIB = 1024 * 1024
_BYTES_AT_ONCE = 4 * _MIB
_FILES_AT_ONCE = 256
_LONGEST_PATH = 4096  # letters, as the Linux kernel


class Refused(Exception):
    """A request shall end with this text."""


class Answers:
    """Answers the asks of one request.

    Attributes: refused: the text of the first refusal, "" as long as there was none.
    """

    def __init__(self, tree: Tree, limits: Limits) -> None:
        self.refused = ""
        self._tree, self._limits = tree, limits
        self._looks: dict[tuple[str, Intent], Look] = {}

    @property
    def looks(self) -> tuple[Look, ...]:
        """All that was told, each once, in the order of asking."""
        return tuple(self._looks.values())

    async def to(self, kind: bytes, path: str) -> bytes:
        """The frame that answers an ask of kind `R`, `L`, `K` or `T`."""
        path = "" if path == "." else path
        try:
            if kind == b"T":
                return await self._everything(path)
            return {b"R": self._file, b"L": self._names, b"K": self._kind}[kind](path)
        except Refused as refusal:
            self.refused = self.refused or str(refusal)
            return frame(b"X", str(refusal).encode("utf-8", "replace"))

    def _kind(self, path: str) -> bytes:
        """Where it really is, goes along: from there a reference to `..` starts."""
        found = self._found(path)
        self._look(path, "kind")
        if found is None:
            return _NOT_THERE
        return frame(b"D" if found.is_folder else b"F", found.path.encode("utf-8", "replace"))

    def _file(self, path: str) -> bytes:
        found = self._found(path)
        if found is None or found.is_folder:
            self._look(path, "kind")  # that it is a folder was learned, not what is in it
            return _NOT_THERE
        self._look(path, "read")
        if self._tree.size(found) > self._limits.file_mib * _MIB:
            raise Refused(f"{path} is larger than {self._limits.file_mib} MiB")
        return frame(b"F", self._contents(path, found))

    def _names(self, path: str) -> bytes:
        folder = self._found(path)
        if folder is None or not folder.is_folder:
            self._look(path, "kind")
            return _NOT_THERE
        if len(self._tree.entries(folder)) > self._limits.files:
            raise Refused(f"{_shown(path)} holds more than {self._limits.files} names")
        found = names(self._tree, folder)
        self._look(path, "list")
        return listing(found)

    async def _everything(self, path: str) -> bytes:
        folder = self._found(path)
        if folder is None or not folder.is_folder:
            self._look(path, "kind")
            return _NOT_THERE
        self._look(path, "tree")
        parts: list[bytes] = []
        total = at_once = 0
        for number, (inner, file) in enumerate(self._beneath(path, folder)):
            size = self._tree.size(file)
            total, at_once = total + size, at_once + size
            if total > self._limits.tree_mib * _MIB:
                raise Refused(f"{_shown(path)} is larger than {self._limits.tree_mib} MiB together (at {inner})")
            parts.extend(file_parts(inner, self._contents(_joined(path, inner), file)))
            if at_once > _BYTES_AT_ONCE or not number % _FILES_AT_ONCE:
                at_once = 0
                await asyncio.sleep(0)
        return frame(b"T", *parts)

    def _contents(self, path: str, file: Found) -> bytes:
        data = self._tree.read(file)
        if is_lfs_pointer(data):
            raise Refused(f"{path} {IN_LFS}")
        return data

    def _found(self, path: str) -> Found | None:
        """What is at a path; None: nothing. Raises: Refused: it cannot be reached."""
        try:
            found = self._tree.find(path)
        except Astray as error:
            if error.missing or _is_file(error.at):
                return None
            raise Refused(_astray(self._tree, path, error.problem)) from None
        if found.is_submodule:
            raise Refused(f"{path} is a submodule that .gitmodules does not name")
        return found

    def _look(self, path: str, intent: Intent) -> None:
        if (path, intent) in self._looks:
            return
        if len(self._looks) >= self._limits.files:
            raise Refused(f"more than {self._limits.files} files and folders are asked for")
        self._looks[path, intent] = Look(path, intent, answer_of(self._tree, path, intent))

    def _beneath(self, path: str, folder: Found) -> Iterator[tuple[str, Found]]:
        """The files beneath a folder with their paths from it, in lexical order within each folder.

        Args: path: the folder, as it was asked for: what links lead to, is recorded by the way on which it was met.
        Raises: Refused: too many, or one of them cannot be reached.
        """
        seen = 0
        open_folders = [("", folder, self._entries(path, folder))]
        above = {folder.path}
        while open_folders:
            inner, parent, rest = open_folders[-1]
            name, found = next(rest, ("", parent))
            if not name:
                open_folders.pop()
                above.discard(parent.path)
                continue
            seen += 1
            at = _joined(inner, name)
            if seen > self._limits.files:
                raise Refused(f"{_shown(path)} holds more than {self._limits.files} files and folders")
            if len(at) > _LONGEST_PATH:
                raise Refused(f"{_shown(path)} holds paths longer than {_LONGEST_PATH} letters")
            if not found.is_folder:
                yield at, found
            elif found.path in above:
                raise Refused(f"{_joined(path, at)} leads into itself by symbolic links")
            else:
                above.add(found.path)
                open_folders.append((at, found, self._entries(_joined(path, at), found)))

    def _entries(self, path: str, folder: Found) -> Iterator[tuple[str, Found]]:
        for name, entry in self._tree.entries(folder):
            met = _joined(path, name)
            found = entry
            if entry.is_link:
                followed = self._found(met)
                if followed is None:
                    raise Refused(f"the symbolic link {met} -> {self._tree.target(entry)} leads to nothing")
                found = followed
                self._look(met, "tree" if found.is_folder else "read")
            elif entry.is_submodule:
                raise Refused(f"{met} is a submodule that .gitmodules does not name")
            yield name, found


def _is_file(found: Found) -> bool:
    return not found.is_folder and not found.is_submodule


def _astray(tree: Tree, path: str, problem: str) -> str:
    """Why a path leads astray: names the link that does it, where one does."""
    folder, met = tree.root, ""
    for name in path.split("/"):
        met = _joined(met, name)
        entry = dict(tree.entries(folder)).get(name)
        if entry is None:
            break
        try:
            folder = tree.find(name, folder)
        except Astray:
            if entry.is_link:
                return f"the symbolic link {met} -> {tree.target(entry)} {problem}"
            break
        if not folder.is_folder:
            break
    return f"{path} {problem}"


def _joined(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder and name else folder or name


def _shown(path: str) -> str:
    return path or "the root folder"
