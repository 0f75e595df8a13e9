"""Which versions a constraint allows, by the render worker: as Helm decides it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from tests.fake_tree import FakeTree
from todoke.render.worker import EngineFailed, Limits, Workers, program

VERSIONS = [
    "1.0.0",
    "v1.2.0",
    "1.10.0",
    "1.2.0",
    "2.0.0-rc.1",
    "2.0.0",
    "2.1.0-alpha",
    "nonsense",
    "1.2.3+build.5",
    "0.9",
]


@pytest.fixture
async def workers() -> AsyncIterator[Workers]:
    made = Workers(program(), Limits(processes=1))
    yield made
    await made.close()


async def newest(workers: Workers, constraint: str, versions: list[str]) -> list[str]:
    request = {"engine": "versions", "constraint": constraint, "versions": versions}
    output = await workers.run(request, FakeTree({}))
    assert output.looks == ()
    return json.loads(output.data)


CASES = {
    "^1.2": ["1.10.0", "1.2.3+build.5", "v1.2.0", "1.2.0"],
    "~1.2.0": ["1.2.3+build.5", "v1.2.0", "1.2.0"],
    "*": ["2.0.0", "1.10.0", "1.2.3+build.5", "v1.2.0", "1.2.0", "1.0.0", "0.9"],
    ">=2.0.0-0": ["2.1.0-alpha", "2.0.0", "2.0.0-rc.1"],
    "2.0.0-rc.1": ["2.0.0-rc.1"],
    "1.2.0": ["v1.2.0", "1.2.0"],
    "v1.x": ["1.10.0", "1.2.3+build.5", "v1.2.0", "1.2.0", "1.0.0"],
    ">=1.0.0 <1.3.0 || =2.0.0": ["2.0.0", "1.2.3+build.5", "v1.2.0", "1.2.0", "1.0.0"],
    "7.x": [],
}


async def test_constraints_are_those_of_helm(workers: Workers) -> None:
    assert {constraint: await newest(workers, constraint, VERSIONS) for constraint in CASES} == CASES
    assert await newest(workers, "*", []) == []


@pytest.mark.parametrize("constraint", ["main", "^1.2.3.4.5", ">= one", "1.2.3 ||| 4"])
async def test_a_bad_constraint_is_quoted(workers: Workers, constraint: str) -> None:
    with pytest.raises(EngineFailed) as caught:
        await newest(workers, constraint, VERSIONS)
    assert f'the version constraint "{constraint}" is not valid' in caught.value.text
