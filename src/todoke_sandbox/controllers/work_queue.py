"""What is to be looked at: each thing once, however often it is named, and again later where that was asked for."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

FIRST_RETRY_SECONDS = 0.05
LONGEST_RETRY_SECONDS = 30.0
_EARLY = 0.001  # timers may fire a little before their time; this saves a second look


class Key(NamedTuple):
    """One object of one controller."""

    controller: str
    namespace: str
    name: str


class WorkQueue:
    """Keys in the order in which they were first put."""

    def __init__(self) -> None:
        """An empty queue."""
        self._waiting: dict[Key, None] = {}
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._failures: dict[Key, int] = {}
        self._filled = asyncio.Event()

    def __len__(self) -> int:
        """How many keys wait now; those of later do not count."""
        return len(self._waiting)

    def put(self, key: Key) -> None:
        """Look at this soon."""
        self._waiting[key] = None
        if not self._filled.is_set():
            self._filled.set()

    def put_later(self, key: Key, seconds: float) -> None:
        """Look at this after a time, or sooner where it was asked for sooner."""
        loop = asyncio.get_running_loop()
        due = loop.time() + max(0.0, seconds) + _EARLY
        timer = self._timers.get(key)
        if timer is not None:
            if timer.when() <= due:
                return
            timer.cancel()
        self._timers[key] = loop.call_at(due, self._ripe, key)

    def retry(self, key: Key) -> None:
        """Look at this again after it failed: later each time."""
        count = self._failures[key] = self._failures.get(key, 0) + 1
        self.put_later(key, min(FIRST_RETRY_SECONDS * 2.0 ** (count - 1), LONGEST_RETRY_SECONDS))

    def succeeded(self, key: Key) -> None:
        """Forget earlier failures."""
        self._failures.pop(key, None)

    def take(self) -> Key | None:
        """The next key, which waits no more; None when there is none."""
        if not self._waiting:
            self._filled.clear()
            return None
        key = next(iter(self._waiting))
        del self._waiting[key]
        return key

    async def wait(self) -> None:
        """Until there is a key."""
        await self._filled.wait()

    def close(self) -> None:
        """Let no timer fire any more."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _ripe(self, key: Key) -> None:
        self._timers.pop(key, None)
        self.put(key)
