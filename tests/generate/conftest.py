"""The real engine of Go templates, started when it is first needed."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from todoke.generate import Evaluate
from todoke.render.templates import evaluator
from todoke.render.worker import Limits, Workers, program


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def evaluate() -> AsyncIterator[Evaluate]:
    """Evaluates Go templates; one process for all tests here."""
    path = program()
    if path is None:
        pytest.fail("there is no render worker: `make setup` builds it")
    workers = Workers(path, Limits(processes=1))
    yield evaluator(workers)
    await workers.close()
