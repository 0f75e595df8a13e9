"""The real engines, kept for the tests of one file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from tests.render.remote.kitchen import Kitchen, World
from todoke.render.worker import Limits, Workers, program

MakeKitchen = Callable[[World], Kitchen]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def workers() -> AsyncIterator[Workers]:
    """Processes that live as long as a file's tests."""
    pool = Workers(program(), Limits(processes=1))
    yield pool
    await pool.close()


@pytest.fixture
def kitchen(workers: Workers) -> MakeKitchen:
    """Makes renderers for a world."""
    return lambda world: Kitchen(workers, world)
