"""Who asks for the same thing shares the answer, and what failed is left alone for a while."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar, cast

import msgspec

from todoke.model.errors import DeliveryError

T = TypeVar("T")

_FIRST_PAUSE = 5.0
_LONGEST_PAUSE = 120.0
_MOST_FAILURES = 10_000


class _Failure(msgspec.Struct, frozen=True):
    """How it failed last. `until` is a time of the clock: afterwards it is tried again."""

    error: DeliveryError
    until: float
    pause: float


class Turns:
    """Requests that run now, and those that failed lately, by what is asked for."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Args: clock: seconds that never go back."""
        self._clock = clock
        self._running: dict[str, tuple[asyncio.Task[Any], int]] = {}
        self._failures: OrderedDict[str, _Failure] = OrderedDict()

    async def share(self, key: str, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What `make` gives; it runs once for all who ask in the meantime, and ends when none of them waits any more.

        Raises: DeliveryError: its error, or that of the last time, when that is not long ago.
        """
        failure = self._failures.get(key)
        if failure is not None and self._clock() < failure.until:
            raise failure.error.with_traceback(None)
        task, waiting = self._running.get(key) or (asyncio.create_task(self._carried_out(key, make)), 0)
        self._running[key] = task, waiting + 1
        try:
            return cast(T, await asyncio.shield(task))
        except DeliveryError as error:
            raise error.with_traceback(None) from error.__cause__
        finally:
            self._leave(key, task)

    def _leave(self, key: str, task: asyncio.Task[Any]) -> None:
        if task.done():
            return
        _, waiting = self._running[key]
        self._running[key] = task, waiting - 1
        if waiting == 1:
            del self._running[key]
            task.cancel()

    async def _carried_out(self, key: str, make: Callable[[], Awaitable[T]]) -> T:
        try:
            made = await make()
        except DeliveryError as error:
            self._remember(key, error)
            raise
        finally:
            if (running := self._running.get(key)) is not None and running[0] is asyncio.current_task():
                del self._running[key]
        self._failures.pop(key, None)
        return made

    def _remember(self, key: str, error: DeliveryError) -> None:
        before = self._failures.pop(key, None)
        pause = min(before.pause * 2, _LONGEST_PAUSE) if before is not None else _FIRST_PAUSE
        self._failures[key] = _Failure(error, self._clock() + pause, pause)
        if len(self._failures) > _MOST_FAILURES:
            self._failures.popitem(last=False)

    def forget_failures(self) -> None:
        """Try again what failed, at once."""
        self._failures.clear()

    async def close(self) -> None:
        """End what runs; who waits for it is cancelled."""
        tasks = [task for task, _ in self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
