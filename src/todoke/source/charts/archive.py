"""An archive of files as a tree, unpacked with care: nothing of it is ever written to a path that it names."""

import os
import stat
import tarfile
import tempfile
import weakref
import zlib
from collections.abc import Iterable, Iterator
from hashlib import sha1
from pathlib import Path
from typing import IO, cast

import msgspec

from todoke.model.trees import Found
from todoke.source.tree import Findable

_MIB = 1024 * 1024
_PIECE = 64 * 1024
_GZIP = b"\x1f\x8b"
_LONGEST_PATH, _MOST_FOLDERS_DEEP = 1024, 64
_SPILL = 8 * 1024 * 1024  # bytes of files that are held in memory; more go to a file that has no name
_FILE, _PROGRAM, _LINK = stat.S_IFREG | 0o644, stat.S_IFREG | 0o755, stat.S_IFLNK


class BadArchive(Exception):
    """It is none that can be used; the message finishes a sentence that begins with its name."""


class Room(msgspec.Struct, frozen=True):
    """How much an archive may unpack to."""

    entries: int = 20_000
    unpacked_bytes: int = 100 * 1024 * 1024


USUAL = Room()


class ArchiveTree(Findable):
    """The files of an archive: a `Tree`. Ids are Git's for files, and hold for all beneath for folders."""

    def __init__(self, files: dict[str, tuple[Found, int, int]], contents: "_Contents", revision: str) -> None:
        """Args: files: by path: what it is, where its contents begin, their size. revision: what people call it."""
        self._files, self._contents, self._revision = files, contents, revision
        self._folders = _folders({path: found for path, (found, _, _) in files.items()})

    @property
    def root(self) -> Found:
        """The folder that holds all."""
        return self._folders[""][0]

    @property
    def revision(self) -> str:
        """A version, or the first digits of a digest."""
        return self._revision

    @property
    def held_bytes(self) -> int:
        """How much memory its contents take, about."""
        return self._contents.held_bytes + 500 * len(self._files)

    def entries(self, folder: Found) -> list[tuple[str, Found]]:
        """Names in a folder with what they are, in lexical order of the names."""
        return list(self._folders[folder.path][1].items())

    def child(self, folder: Found, name: str) -> Found | None:
        """What a name in a folder is."""
        return self._folders[folder.path][1].get(name)

    def target(self, link: Found) -> str:
        """The text of a symbolic link."""
        return self.read(link).decode("utf-8", "replace")

    def size(self, file: Found) -> int:
        """Bytes of a file."""
        return self._files[file.path][2]

    def read(self, file: Found) -> bytes:
        """The contents of a file."""
        _, start, size = self._files[file.path]
        return self._contents.read(start, size)


def unpack(data: bytes, revision: str, *, folder: str | None = None, room: Room = USUAL) -> ArchiveTree:
    """The tree of a .tgz or .tar.

    Args: folder: the folder of the archive that becomes the root, as a rule a chart's name; where it is not there, the
        only folder that there is. None: the archive's own root.
    Raises: BadArchive: it is damaged, unpacks to more than it may, or holds what leads out of it.
    """
    contents = _Contents()
    members: dict[str, tuple[int, int, int]] = {}
    stream = _Stream(data, room)
    try:
        with tarfile.open(fileobj=cast(IO[bytes], stream), mode="r|", bufsize=_MIB) as tar:
            for count, member in enumerate(tar, 1):
                if count > room.entries:
                    raise BadArchive(f"holds more than {room.entries} files")
                _take(tar, member, members, contents)
        while stream.read(_MIB):
            pass  # to the end, where the checksum is
    except (tarfile.TarError, zlib.error, EOFError, ValueError, OverflowError) as error:
        raise BadArchive(f"is damaged or no .tgz: {error}") from error
    if not members:
        raise BadArchive("holds no files")
    top = _top(members, folder) if folder is not None else ""
    files, ids = {}, {}
    for path, (mode, start, size) in members.items():
        if path.startswith(top):
            inside = path.removeprefix(top)
            if (start, size) not in ids:  # many links may share one large file
                ids[start, size] = blob_id(contents.read(start, size))
            files[inside] = Found(inside, ids[start, size], mode), start, size
    _check(files, contents)
    return ArchiveTree(files, contents, revision)


def blob_id(data: bytes) -> str:
    """The id that Git gives to contents."""
    return sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def folder_id(entries: Iterable[tuple[str, Found]]) -> str:
    """An id for a folder: equal for equal names, kinds and contents beneath."""
    digest = sha1(usedforsecurity=False)
    for name, found in entries:
        digest.update(f"{found.mode:o} {found.id} {len(name)} {name}\0".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _take(
    tar: tarfile.TarFile, member: tarfile.TarInfo, members: dict[str, tuple[int, int, int]], contents: "_Contents"
) -> None:
    path = _normal(member.name)
    if member.isdir() or not path:
        return
    if member.islnk():
        original = members.get(_normal(member.linkname))
        if original is None:
            raise BadArchive(f'holds "{path}", a link to "{member.linkname}", which it does not hold before it')
        members[path] = original
    elif member.issym():
        members[path] = (_LINK, *contents.add(member.linkname.encode("utf-8", "surrogateescape")))
    elif member.isreg() and not member.issparse():
        opened = tar.extractfile(member)
        data = opened.read() if opened is not None else b""
        if len(data) != member.size:
            raise BadArchive(f'is cut off within "{path}"')
        members[path] = (_PROGRAM if member.mode & 0o111 else _FILE, *contents.add(data))
    else:
        raise BadArchive(f'holds "{path}", which is neither a file nor a folder nor a link')


def _normal(name: str) -> str:
    """A member's path. Raises: BadArchive: it leads out of the archive."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    if name.startswith(("/", "\\")) or ".." in parts or ":" in (parts[0] if parts else "")[1:2]:
        raise BadArchive(f'holds "{name[:100]}", which leads out of it')
    if len(name) > _LONGEST_PATH or len(parts) > _MOST_FOLDERS_DEEP:
        raise BadArchive(f'holds "{name[:100]}…", whose path is too long')
    if "\0" in name or not name.isprintable():
        raise BadArchive(f"holds {name[:100]!r}, whose name is not printable")
    return "/".join(parts)


def _top(members: Iterable[str], folder: str) -> str:
    tops = {path.partition("/")[0] for path in members if "/" in path}
    name = folder if folder in tops else next(iter(tops)) if len(tops) == 1 else ""
    if not name:
        raise BadArchive(f'holds no folder "{folder}"')
    return f"{name}/"


def _check(files: dict[str, tuple[Found, int, int]], contents: "_Contents") -> None:
    """No file may be a folder too, and links stay inside. Raises: BadArchive."""
    for path, (found, start, size) in files.items():
        parts = path.split("/")
        for depth in range(1, len(parts)):
            if (above := "/".join(parts[:depth])) in files:
                raise BadArchive(f'holds "{path}" below "{above}", which is no folder')
        if found.is_link:
            target = contents.read(start, size).decode("utf-8", "replace")
            if target.startswith(("/", "\\")) or _leaves(parts[:-1], target):
                raise BadArchive(f'holds "{path}", a link to "{target[:100]}" outside of it')


def _leaves(folder: list[str], target: str) -> bool:
    depth = len(folder)
    for part in target.split("/"):
        depth += -1 if part == ".." else part not in ("", ".")
        if depth < 0:
            return True
    return False


def _folders(files: dict[str, Found]) -> dict[str, tuple[Found, dict[str, Found]]]:
    """Every folder with its entries in lexical order, by path."""
    listed: dict[str, dict[str, Found]] = {"": {}}
    for path, found in files.items():
        folder, _, name = path.rpartition("/")
        listed.setdefault(folder, {})[name] = found
        while folder and folder.rpartition("/")[0] not in listed:
            folder = folder.rpartition("/")[0]
            listed[folder] = {}
    made: dict[str, tuple[Found, dict[str, Found]]] = {}
    for folder in sorted(listed, key=lambda path: (-path.count("/"), path == "", path)):
        entries = dict(sorted(listed[folder].items()))
        made[folder] = Found(folder, folder_id(entries.items())), entries
        if folder:
            above, _, name = folder.rpartition("/")
            listed[above][name] = made[folder][0]
    return made


class _Contents:
    """Contents of files one after the other: in memory, or in a file that has no name when they are large."""

    def __init__(self) -> None:
        self._memory = bytearray()
        self._descriptor = -1
        self._size = 0

    @property
    def held_bytes(self) -> int:
        return len(self._memory)

    def add(self, data: bytes) -> tuple[int, int]:
        """Returns: where it begins, and its size."""
        start = self._size
        self._size += len(data)
        if self._descriptor < 0 and self._size > _SPILL:
            self._descriptor, name = tempfile.mkstemp(prefix="todoke-")
            Path(name).unlink()
            weakref.finalize(self, os.close, self._descriptor)
            _written(self._descriptor, bytes(self._memory), 0)
            self._memory = bytearray()
        if self._descriptor < 0:
            self._memory += data
        else:
            _written(self._descriptor, data, start)
        return start, len(data)

    def read(self, start: int, size: int) -> bytes:
        if self._descriptor < 0:
            return bytes(self._memory[start : start + size])
        return b"".join(self._pieces(start, size))

    def _pieces(self, start: int, size: int) -> Iterator[bytes]:
        while size > 0:
            piece = os.pread(self._descriptor, size, start)
            if not piece:
                raise OSError("the unpacked archive is cut off")
            yield piece
            start, size = start + len(piece), size - len(piece)


def _written(descriptor: int, data: bytes, start: int) -> None:
    view = memoryview(data)
    while view:
        count = os.pwrite(descriptor, view, start)
        view, start = view[count:], start + count


class _Stream:
    """What is in an archive, unpacked as it is read, and no more than there is room for."""

    def __init__(self, data: bytes, room: Room) -> None:
        self._data, self._position = data, 0
        self._inflate = _inflater() if data.startswith(_GZIP) else None
        self._most = self._left = room.unpacked_bytes

    def read(self, size: int) -> bytes:
        data = self._taken(size) if self._inflate is None else self._inflated(size)
        self._left -= len(data)
        if self._left < 0:
            raise BadArchive(f"unpacks to more than {self._most / _MIB:.3g} MiB")
        return data

    def _taken(self, size: int) -> bytes:
        data = self._data[self._position : self._position + size]
        self._position += len(data)
        return data

    def _inflated(self, size: int) -> bytes:
        while self._inflate is not None:
            packed = self._inflate.unconsumed_tail or self._taken(_PIECE)
            data = self._inflate.decompress(packed, size)
            if self._inflate.eof:  # there may be another piece after it, packed by itself
                self._position -= len(self._inflate.unused_data)
                more = self._data.startswith(_GZIP, self._position)
                self._inflate = _inflater() if more else None
                if not more:
                    self._position = len(self._data)
            elif not packed and not data:
                raise BadArchive("is cut off")
            if data:
                return data
        return b""

    def close(self) -> None:
        """Nothing to close."""


def _inflater() -> "zlib._Decompress":
    return zlib.decompressobj(16 + zlib.MAX_WBITS)
