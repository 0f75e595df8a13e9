"""A tree with others in it. Each of them is closed: no path and no link leads from one to another."""

from collections.abc import Mapping

from msgspec.structs import replace

from todoke.model.trees import Found, Tree

PLACE = ".git/todoke/"
"""What the paths of mounted trees begin with. No commit holds such a path: Git refuses `.git` in it."""


class MountedTree:
    """Another tree, and further ones at places in it that its own folders do not list."""

    def __init__(self, tree: Tree, mounts: Mapping[str, Tree]) -> None:
        """Args: mounts: by path, each `PLACE` and one name."""
        self._tree, self._mounts = tree, mounts

    @property
    def root(self) -> Found:
        """That of the tree itself."""
        return self._tree.root

    @property
    def revision(self) -> str:
        """That of the tree itself."""
        return self._tree.revision

    def find(self, path: str, start: Found | None = None) -> Found:
        """What a path means in the tree that it, or the folder `start`, lies in.

        Raises: Astray: as that tree's `find`.
        """
        if start is None:
            mount, tree, inner = self._at(path)
            return _seen(mount, tree.find(inner))
        mount, tree, inner = self._at(start.path)
        return _seen(mount, tree.find(path, replace(start, path=inner)))

    def entries(self, folder: Found) -> list[tuple[str, Found]]:
        """Names in a folder with what they are."""
        mount, tree, inner = self._at(folder.path)
        return [(name, _seen(mount, entry)) for name, entry in tree.entries(replace(folder, path=inner))]

    def target(self, link: Found) -> str:
        """The text of a symbolic link."""
        _, tree, inner = self._at(link.path)
        return tree.target(replace(link, path=inner))

    def size(self, file: Found) -> int:
        """Bytes of a file."""
        _, tree, inner = self._at(file.path)
        return tree.size(replace(file, path=inner))

    def read(self, file: Found) -> bytes:
        """The contents of a file."""
        _, tree, inner = self._at(file.path)
        return tree.read(replace(file, path=inner))

    def _at(self, path: str) -> tuple[str, Tree, str]:
        """Where the tree is mounted that a path lies in, that tree, and the path in it."""
        if path.startswith(PLACE):
            name, _, inner = path.removeprefix(PLACE).partition("/")
            if (tree := self._mounts.get(PLACE + name)) is not None:
                return PLACE + name, tree, inner
        return "", self._tree, path


def _seen(mount: str, found: Found) -> Found:
    if not mount:
        return found
    return replace(found, path=f"{mount}/{found.path}" if found.path else mount)
