"""Waiting in tests for something to become true in a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def until(ask: Callable[[], Awaitable[T]], true: Callable[[T], object], seconds: float = 20) -> T:
    """The first answer that is true by the second function.

    Raises: AssertionError: none was in time; the message holds the last answer.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not true(answer := await ask()):
        assert loop.time() < deadline, f"not within {seconds} s; last: {answer}"
        await asyncio.sleep(0.05)
    return answer
