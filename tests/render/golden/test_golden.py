"""The same objects as the real tools give, for many small sources; the real tools are the judge."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.render.golden.case import Case, cases_of, compared, expected, judged, ours
from tests.render.golden.judges import Judges, NotForThisMachine, judges
from todoke.model.errors import Blocked
from todoke.render.renderer import Renderer
from todoke.render.worker import Workers, program

FEWEST = {"kustomize": 40, "helm": 40, "jsonnet": 15, "directory": 20, "yaml": 20}
HELMS = (3, 4)

CASES = {tool: list(cases_of(tool)) for tool in FEWEST}


def _judged_params() -> list[object]:
    params = []
    for tool, cases in CASES.items():
        for name, case in cases:
            if case.expect is None and tool != "directory":
                versions = ([case.only] if case.only else HELMS) if tool in ("helm", "yaml") else (0,)
                params += [pytest.param(tool, case, v, id=f"{name} {v or ''}".strip()) for v in versions]
    return params


def _expected_params() -> list[object]:
    return [
        pytest.param(case, id=name)
        for tool, cases in CASES.items()
        for name, case in cases
        if case.expect is not None or tool == "directory"
    ]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def renderer() -> AsyncIterator[Renderer]:
    """A renderer whose worker processes live as long as this file's tests."""
    workers = Workers(program())
    yield Renderer(workers)
    await workers.close()


@pytest.fixture(scope="module")
def court() -> Judges:
    """The judges; without them nothing can be said."""
    try:
        return judges()
    except NotForThisMachine as error:
        pytest.skip(str(error))


@pytest.mark.judge
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("tool", "case", "helm"), _judged_params())
async def test_the_judge_says_the_same(tool: str, case: Case, helm: int, court: Judges, renderer: Renderer) -> None:
    verdict = judged(case, tool, court, helm)
    if case.error:
        assert isinstance(verdict, str), "the judge has no complaint"
        with pytest.raises(Blocked) as caught:
            await ours(case, renderer)
        assert case.error in str(caught.value)
        return
    assert not isinstance(verdict, str), verdict
    manifests, _ = await ours(case, renderer)
    assert compared(manifests, case) == compared(verdict, case)
    assert manifests, "a case without objects shows nothing"
    assert [each.key for each in manifests] == [each.key for each in verdict], "the order is another one"


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("case", _expected_params())
async def test_the_objects_are_those_written_down(case: Case, renderer: Renderer) -> None:
    if case.error:
        with pytest.raises(Blocked) as caught:
            await ours(case, renderer)
        assert case.error in str(caught.value)
        return
    manifests, warnings = await ours(case, renderer)
    assert compared(manifests, case) == expected(case)
    assert case.warning in "\n".join(warnings)


def test_there_are_as_many_cases_as_promised() -> None:
    assert {tool: len(cases) for tool, cases in CASES.items() if len(cases) < FEWEST[tool]} == {}
    names = Counter(name for cases in CASES.values() for name, _ in cases)
    assert [name for name, count in names.items() if count > 1] == []


def test_what_is_not_judged_says_why() -> None:
    helm = CASES["helm"] + CASES["yaml"]
    assert [name for name, case in helm if (case.only or case.expect is not None) and not case.because] == []
