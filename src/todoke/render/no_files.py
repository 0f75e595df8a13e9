"""A tree for engines that read nothing."""

from todoke.model.trees import Astray, Found


class NoFiles:
    """A tree without files: templates read none."""

    root = Found("", "")
    revision = ""

    def entries(self, _folder: Found) -> list[tuple[str, Found]]:
        return []

    def find(self, path: str, _start: Found | None = None) -> Found:
        raise Astray("is not there", self.root, path)

    def target(self, link: Found) -> str:
        raise Astray("is not there", self.root, link.path)

    def size(self, file: Found) -> int:
        raise Astray("is not there", self.root, file.path)

    def read(self, file: Found) -> bytes:
        raise Astray("is not there", self.root, file.path)
