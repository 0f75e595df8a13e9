"""Repositories in memory, as generators see them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from todoke.generate import Repositories
from todoke.model.errors import Blocked


class FakeRepository:
    """Files by path; one that ends in a slash is an empty folder, contents of None cannot be read."""

    def __init__(self, files: Mapping[str, str | None]) -> None:
        self._files = files

    def folders(self) -> list[str]:
        found = {path.rstrip("/") for path in self._files if path.endswith("/")}
        for path in self._files:
            found |= {str(parent) for parent in PurePosixPath(path).parents} - {"."}
        return sorted(found)

    def files(self) -> list[str]:
        return sorted(path for path in self._files if not path.endswith("/"))

    def read(self, path: str) -> bytes:
        content = self._files[path]
        if content is None:
            raise Blocked("a file", "is stored in Git LFS")
        return content.encode()


def repositories(by_url: Mapping[str, Mapping[str, str | None]]) -> Repositories:
    """Finds repositories by URL, or by URL and revision as in `https://git.example/shop@main`."""

    def found(url: str, revision: str) -> FakeRepository | None:
        files = by_url.get(f"{url}@{revision}", by_url.get(url))
        return None if files is None else FakeRepository(files)

    return found


async def no_engine(_document: Any, _data: Any, _options: Any) -> Any:
    """Stands where no Go template may be evaluated."""
    raise AssertionError("a Go template was evaluated")
