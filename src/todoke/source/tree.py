"""Finding paths in a commit, straight from the object database; symlinks are followed, but never out of the commit."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import pygit2
from pygit2.enums import FileMode

from todoke.model.errors import DeliveryError
from todoke.model.trees import Astray, Found
from todoke.source.large_files import LONGEST_POINTER, LargeFiles, pointer_of

_MOST_TREES = 64
_MOST_LINKS = 40  # as the Linux kernel: more links on one way are taken for a loop


class Findable(ABC):
    """Finding a path by steps, in whatever holds files."""

    @property
    @abstractmethod
    def root(self) -> Found:
        """The folder that holds all."""

    @abstractmethod
    def target(self, link: Found) -> str:
        """The text of a symbolic link."""

    @abstractmethod
    def child(self, folder: Found, name: str) -> Found | None:
        """What a name in a folder is, links not followed; None when there is none."""

    def find(self, path: str, start: Found | None = None) -> Found:
        """What a path means, from the root or from the folder `start`, all links followed.

        Raises: Astray: it leaves the repository, is not there, or goes round in circles.
        """
        way = self._way(start) if start is not None else [self.root]
        pending = path.split("/")[::-1]
        links = 0
        while pending:
            name = pending.pop()
            if name in ("", "."):
                continue
            if name == "..":
                if len(way) == 1:
                    raise Astray("leads out of the repository", way[-1])
                way.pop()
                continue
            step = self._step(way[-1], name)
            if step.is_link:
                links += 1
                target = self.target(step)
                if links > _MOST_LINKS:
                    raise Astray("is a loop of symbolic links", way[-1])
                if target.startswith("/"):
                    raise Astray("leads out of the repository", way[-1])
                pending.extend(target.split("/")[::-1])
            else:
                way.append(step)
        return way[-1]

    def _step(self, folder: Found, name: str) -> Found:
        if not folder.is_folder:
            kind = "a submodule whose files are not here" if folder.is_submodule else "a file"
            raise Astray(f"goes through {folder.path}, {kind}", folder)
        found = self.child(folder, name)
        if found is None:
            raise Astray("is not there", folder, name)
        return found

    def _way(self, folder: Found) -> list[Found]:
        way = [self.root]
        for name in folder.path.split("/") if folder.path else ():
            way.append(self._step(way[-1], name))
        return way


@dataclass(frozen=True)
class Objects:
    """Where the files of one repository are.

    Attributes:
        opened: the repository, open; asked for each time, because it may be closed between two reads.
        reading: entered around each read; translates errors.
        large: files that Git holds only a pointer of, or None: then the pointer is the file.
        error: why nothing can be read.
    """

    opened: Callable[[], pygit2.Repository]
    reading: Callable[[], AbstractContextManager[object]] = nullcontext
    large: LargeFiles | None = None
    error: DeliveryError | None = None


class CommitTree(Findable):
    """The files of one commit: a `Tree`. A submodule is a folder of it, whose id is the commit."""

    def __init__(
        self,
        objects: Objects,
        root: pygit2.Oid,
        revision: str,
        trees: dict[str, pygit2.Tree] | None = None,
        modules: Mapping[str, Objects] | None = None,
    ) -> None:
        """Nothing is read yet.

        Args:
            root: id of the folder that holds all. revision: what people call it.
            trees: folders that were read before, by id, and filled here: many sources share the upper ones, and
                inflating a folder of a thousand entries anew for each of them is what costs most.
            modules: submodules by their path from the root.
        """
        self._objects, self._modules = objects, modules or {}
        self._root, self._revision = Found("", str(root)), revision
        self._trees = {} if trees is None else trees

    @property
    def root(self) -> Found:
        """The folder that holds all."""
        return self._root

    @property
    def revision(self) -> str:
        """The commit's first digits, or what else it is."""
        return self._revision

    def entries(self, folder: Found) -> list[tuple[str, Found]]:
        """Names in a folder with what they are, in lexical order of the names; links are not followed."""
        prefix = f"{folder.path}/" if folder.path else ""
        names = [(_name(entry), entry) for entry in self._tree(folder)]
        found = [(name, self._found(prefix + name, entry)) for name, entry in names]
        return sorted(found, key=lambda pair: pair[0])

    def target(self, link: Found) -> str:
        """The text of a symbolic link."""
        return self._blob(link).decode("utf-8", "replace")

    def size(self, file: Found) -> int:
        """Bytes of a file, without reading it."""
        objects = self._objects_of(file.path)
        with objects.reading():
            size = int(objects.opened().odb.read_header(file.id)[1])
        if objects.large is None or size > LONGEST_POINTER or (pointer := pointer_of(self._blob(file))) is None:
            return size
        return pointer.size

    def read(self, file: Found) -> bytes:
        """The contents of a file. Raises: DeliveryError: it lies elsewhere, and could not be fetched."""
        data, large = self._blob(file), self._objects_of(file.path).large
        if large is None or (pointer := pointer_of(data)) is None:
            return data
        return large.read(pointer, file.path)

    def child(self, folder: Found, name: str) -> Found | None:
        """What a name in a folder is."""
        try:
            entry = self._tree(folder)[name]
        except (KeyError, ValueError):
            return None
        return self._found(f"{folder.path}/{name}" if folder.path else name, entry)

    def _found(self, path: str, entry: pygit2.Object) -> Found:
        is_module = entry.filemode == FileMode.COMMIT and path in self._modules
        return Found(path, str(entry.id)) if is_module else Found(path, str(entry.id), entry.filemode)

    def _blob(self, file: Found) -> bytes:
        objects = self._objects_of(file.path)
        with objects.reading():
            return objects.opened()[file.id].peel(pygit2.Blob).data

    def _tree(self, folder: Found) -> pygit2.Tree:
        objects = self._objects_of(folder.path)
        tree = self._trees.get(folder.id)
        if tree is None:
            if len(self._trees) >= _MOST_TREES:
                self._trees.clear()
            with objects.reading():
                tree = self._trees[folder.id] = objects.opened()[folder.id].peel(pygit2.Tree)
        return tree

    def _objects_of(self, path: str) -> Objects:
        """Of the innermost submodule around a path. Raises: DeliveryError: it could not be fetched."""
        found = self._objects
        if self._modules:
            while path and path not in self._modules:
                path = path.rpartition("/")[0]
            found = self._modules.get(path, found)
        if found.error is not None:
            raise found.error.with_traceback(None)
        return found


def tree_of(repository: pygit2.Repository, commit: pygit2.Commit) -> CommitTree:
    """The files of a commit in a repository that stays open."""
    return CommitTree(Objects(lambda: repository), commit.tree_id, str(commit.id)[:8])


def _name(entry: pygit2.Object) -> str:
    return (entry.raw_name or b"").decode("utf-8", "replace")
