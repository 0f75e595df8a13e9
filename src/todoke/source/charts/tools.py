"""What Helm repositories and registries share in one process."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from todoke.model.errors import Blocked
from todoke.model.telemetry import Telemetry
from todoke.source.charts.archive import ArchiveTree, BadArchive, Room, unpack
from todoke.source.charts.client import Client
from todoke.source.charts.disk import Disk
from todoke.source.charts.places import Place, place
from todoke.source.charts.turns import Turns
from todoke.source.keyring import Keyring
from todoke.source.remote.guard import Guard
from todoke.source.versions import Matching

_MIB = 1024 * 1024
_MOST_ANSWERS = 500


class Limits(msgspec.Struct, frozen=True):
    """What charts and artifacts may take of this machine, and how long what was heard counts as new."""

    fresh_seconds: float = 120.0
    """For so long an index or a list of tags is used without asking again."""

    timeout_seconds: float = 120.0
    """Of one request."""

    disk_bytes: int = 1024 * _MIB
    """All that is kept on disk together."""

    index_bytes: int = 128 * _MIB
    """One `index.yaml`, unpacked."""

    archive_bytes: int = 50 * _MIB
    """One chart or artifact as it is downloaded."""

    unpacked_bytes: int = 100 * _MIB
    """The same, unpacked."""

    entries: int = 20_000
    """Files and folders in one."""

    held_bytes: int = 32 * _MIB
    """Unpacked ones that are kept in memory together."""

    guard: Guard | None = None
    """Refuses addresses, where files in Git say what is fetched."""


class Tools:
    """Connections, the cache on disk, unpacked trees, and who waits for what."""

    def __init__(
        self,
        folder: Path,
        keyring: Keyring,
        matching: Matching,
        telemetry: Telemetry,
        limits: Limits,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Args: folder: belongs to this process alone. clock: seconds that never go back."""
        self.keyring, self.matching, self.limits, self.clock = keyring, matching, limits, clock
        self.client = Client(limits.timeout_seconds, telemetry, limits.guard)
        self.client.authority = keyring.authority
        self.disk = Disk(folder, limits.disk_bytes)
        self.turns = Turns(clock)
        self._room = Room(limits.entries, limits.unpacked_bytes)
        self._trees: OrderedDict[tuple[str, str], ArchiveTree] = OrderedDict()
        self._newest: OrderedDict[tuple[str, tuple[str, ...]], str] = OrderedDict()

    def place(self, repo_url: str) -> Place:
        """What a repoURL names, with the login as it is now. Raises: Blocked."""
        return place(repo_url, self.keyring)

    async def newest(self, constraint: str, versions: Sequence[str]) -> str:
        """The newest version that a constraint allows; "" for none. Raises: Blocked: it is not valid."""
        key = constraint, tuple(versions)
        if key not in self._newest:  # many applications ask the same, poll after poll
            self._newest[key] = next(iter(await self.matching(constraint, versions)), "")
            if len(self._newest) > _MOST_ANSWERS:
                self._newest.popitem(last=False)
        return self._newest[key]

    async def sorted(self, versions: Sequence[str]) -> list[str]:
        """All that are versions, pre-releases too, the newest first."""
        return await self.matching(">=0.0.0-0", versions)

    async def kept(self, digest: str) -> bytes | None:
        """Contents from the disk."""
        return await asyncio.to_thread(self.disk.read, digest) if digest else None

    async def keep(self, data: bytes) -> str:
        """Put contents on the disk. Returns: their digest."""
        return await asyncio.to_thread(self.disk.write, data)

    def tree(self, digest: str, revision: str) -> ArchiveTree | None:
        """A tree that is still in memory."""
        tree = self._trees.get((digest, revision))
        if tree is not None:
            self._trees.move_to_end((digest, revision))
        return tree

    async def unpacked(self, named: str, digest: str, data: bytes, revision: str, folder: str | None) -> ArchiveTree:
        """The tree of an archive, kept in memory for a while.

        Args: named: how messages name it. folder: see `unpack`.
        Raises: Blocked: it cannot be used.
        """
        try:
            tree = await asyncio.to_thread(unpack, data, revision, folder=folder, room=self._room)
        except BadArchive as error:
            raise Blocked(named, str(error), next_step="Package it again") from error
        self._trees[digest, revision] = tree
        while len(self._trees) > 1 and sum(each.held_bytes for each in self._trees.values()) > self.limits.held_bytes:
            self._trees.popitem(last=False)
        return tree

    async def close(self) -> None:
        """End what runs and close all connections."""
        await self.turns.close()
        await self.client.close()
