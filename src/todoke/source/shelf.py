"""The mirrors on disk, within a bound: the least recently used goes first, and is fetched anew when it is wanted."""

import asyncio
import logging
import os
import re
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from todoke.model.telemetry import Telemetry

log = logging.getLogger(__name__)

IN_USE = 900.0  # seconds since its last use for which a mirror stays: an application is looked at more often
_MIRROR = re.compile(r"[0-9a-f]{24}")
_GONE = ".discarded"
EVICTED = "todoke_git_mirrors_evicted_total"


class Shelf:
    """What the mirrors of one folder take on disk, large files with them. A mirror's name is that of its folder."""

    def __init__(
        self, folder: Path, most_bytes: int, telemetry: Telemetry, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder, self._most, self._telemetry, self._now = folder, most_bytes, telemetry, now
        self._sizes: dict[str, int] | None = None
        self._used: dict[str, float] = {}
        self._told = False

    @property
    def size(self) -> int:
        """Bytes of all mirrors, as far as they were measured."""
        return sum((self._sizes or {}).values())

    def use(self, name: str) -> None:
        """A mirror is used now."""
        self._used[name] = self._now()

    async def grown(self, name: str, evict: Callable[[str], bool]) -> None:
        """A mirror has grown: make room if it is needed.

        Args: evict: told before a mirror goes; False when it is being fetched.
        """
        if self._sizes is None:
            self._sizes = await asyncio.to_thread(self._measured)
        self._sizes[name] = self._bytes_of(name)
        self.use(name)
        while self.size > self._most:
            gone = self._next(evict)
            if gone is None:
                self._tell()
                return
            self._telemetry.count(EVICTED)
            log.info("mirror evicted", extra={"mirror": gone, "bytes": self._sizes.pop(gone)})
            await asyncio.to_thread(self._sweep)
        self._told = False

    def _next(self, evict: Callable[[str], bool]) -> str | None:
        """Put the next mirror aside; None when all are in use."""
        oldest = sorted(self._sizes or {}, key=lambda name: self._used.get(name, float("-inf")))
        for name in oldest:
            if self._now() - self._used.get(name, float("-inf")) < IN_USE:
                return None
            if evict(name):
                for path in (self._folder / name, self._folder / f"{name}.lfs"):
                    with suppress(FileNotFoundError):
                        path.rename(path.with_name(f"{path.name}{_GONE}"))  # half a mirror would be worse than none
                return name
        return None

    def _tell(self) -> None:
        if not self._told:
            self._told = True
            text = "the mirrors in use take more than they may: raise --mirror-mib, or follow fewer repositories"
            log.warning(text, extra={"bytes": self.size, "most_bytes": self._most})

    def _sweep(self) -> None:
        for path in self._folder.glob(f"*{_GONE}"):
            shutil.rmtree(path, ignore_errors=True)

    def _measured(self) -> dict[str, int]:
        self._sweep()
        names = {path.name.removesuffix(".lfs") for path in self._folder.glob("*")}
        return {name: self._bytes_of(name) for name in names if _MIRROR.fullmatch(name)}

    def _bytes_of(self, name: str) -> int:
        return sum(_bytes_in(self._folder / one) for one in (name, f"{name}.lfs"))


def _bytes_in(folder: Path) -> int:
    """Bytes of all files below a folder; what vanishes meanwhile is not counted."""
    total = 0
    for at, _, files in os.walk(folder):
        for file in files:
            with suppress(OSError):
                total += (Path(at) / file).lstat().st_size
    return total
