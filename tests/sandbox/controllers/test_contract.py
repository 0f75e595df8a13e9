"""The same scenarios on the sandbox and on a real control plane: once settled, all objects look the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cases import cases
from tests.cluster.client import ApiClient
from tests.sandbox.controllers.scenarios import Json, play, same
from tests.sandbox.controllers.worlds import Real, sandbox

pytestmark = pytest.mark.plane


@cases(Path(__file__).parent / "cases" / "contract")
async def test_settles_like_the_real_cluster(case: Json, client: ApiClient, namespace: str) -> None:
    """Each case is a scenario; both sides play it step by step and are compared where it says so."""
    real = Real(client, namespace)
    async with sandbox(f"{namespace}-own") as mine:
        for step in case["steps"]:
            if step.keys() & {"compare", "look"}:
                await same(mine, real, step)
            else:
                await play(mine, step)
                await play(real, step)
        assert len(mine.complaints) <= case.get("complaints", 0), mine.complaints
