"""A tree that remembers which folders were listed."""

from todoke.model.trees import Found, Tree


class Watched:
    """Another tree, as it is. Attributes: folders: paths of those that somebody listed, in order."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self.folders: dict[str, None] = {}

    @property
    def root(self) -> Found:
        """That of the other tree."""
        return self._tree.root

    @property
    def revision(self) -> str:
        """That of the other tree."""
        return self._tree.revision

    def entries(self, folder: Found) -> list[tuple[str, Found]]:
        """Remember the folder; what is in it."""
        self.folders[folder.path] = None
        return self._tree.entries(folder)

    def find(self, path: str, start: Found | None = None) -> Found:
        """As the other tree."""
        return self._tree.find(path, start)

    def target(self, link: Found) -> str:
        """As the other tree."""
        return self._tree.target(link)

    def size(self, file: Found) -> int:
        """As the other tree."""
        return self._tree.size(file)

    def read(self, file: Found) -> bytes:
        """As the other tree."""
        return self._tree.read(file)
