"""Finding paths in a commit, straight from the object database; symlinks are followed, but never out of the commit."""

import stat

import msgspec
import pygit2

_MOST_TREES = 64
_MOST_LINKS = 40  # as the Linux kernel: more links on one way are taken for a loop


class Astray(Exception):
    """A path leads nowhere. `problem` finishes a sentence that begins with the path; `at` is the last folder met."""

    def __init__(self, problem: str, at: "Found", missing: str = "") -> None:
        super().__init__(problem)
        self.problem, self.at, self.missing = problem, at, missing


class Found(msgspec.Struct, frozen=True):
    """A file, folder or submodule of a commit; `path` is where it really is, "" for the root."""

    path: str
    oid: pygit2.Oid
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
        """Whether it is a commit of another repository."""
        return self.mode == int(pygit2.enums.FileMode.COMMIT)


class CommitTree:
    """The files of one commit."""

    def __init__(
        self, repository: pygit2.Repository, root: pygit2.Oid, trees: dict[pygit2.Oid, pygit2.Tree] | None = None
    ) -> None:
        """Nothing is read yet.

        Args: trees: folders that were read before, by id, and filled here: many sources share the upper ones, and
            inflating a folder of a thousand entries anew for each of them is what costs most.
        """
        self.repository = repository
        self.root = Found("", root)
        self._trees = {} if trees is None else trees

    def entries(self, folder: Found) -> list[tuple[str, Found]]:
        """Names in a folder with what they are, in lexical order of the names; links are not followed."""
        prefix = f"{folder.path}/" if folder.path else ""
        names = [(_name(entry), entry) for entry in self._tree(folder)]
        found = [(name, Found(prefix + name, entry.id, entry.filemode)) for name, entry in names]
        return sorted(found, key=lambda pair: pair[0])

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

    def target(self, link: Found) -> str:
        """The text of a symbolic link."""
        return self.repository[link.oid].peel(pygit2.Blob).data.decode("utf-8", "replace")

    def _tree(self, folder: Found) -> pygit2.Tree:
        tree = self._trees.get(folder.oid)
        if tree is None:
            if len(self._trees) >= _MOST_TREES:
                self._trees.clear()
            tree = self._trees[folder.oid] = self.repository[folder.oid].peel(pygit2.Tree)
        return tree

    def _step(self, folder: Found, name: str) -> Found:
        if not folder.is_folder:
            kind = "a submodule, which is not read yet" if folder.is_submodule else "a file"
            raise Astray(f"goes through {folder.path}, {kind}", folder)
        try:
            entry = self._tree(folder)[name]
        except (KeyError, ValueError):
            raise Astray("is not there", folder, name) from None
        return Found(f"{folder.path}/{name}" if folder.path else name, entry.id, entry.filemode)

    def _way(self, folder: Found) -> list[Found]:
        way = [self.root]
        for name in folder.path.split("/") if folder.path else ():
            way.append(self._step(way[-1], name))
        return way


def _name(entry: pygit2.Object) -> str:
    return (entry.raw_name or b"").decode("utf-8", "replace")
