"""A tree as the generators of ApplicationSets see it."""

from functools import cached_property

from todoke.model.trees import Tree
from todoke.review.find import files


class Files:
    """Folders and files of a tree, by path."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    @cached_property
    def _paths(self) -> list[str]:
        return sorted(path for path, _ in files(self._tree))

    def files(self) -> list[str]:
        """All files, sorted."""
        return self._paths

    def folders(self) -> list[str]:
        """All folders that hold something, sorted."""
        found: set[str] = set()
        for path in self._paths:
            while path := path.rpartition("/")[0]:
                if path in found:
                    break
                found.add(path)
        return sorted(found)

    def read(self, path: str) -> bytes:
        """The contents of a file."""
        return self._tree.read(self._tree.find(path))
