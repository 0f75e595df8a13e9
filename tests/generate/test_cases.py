"""What ApplicationSets make of lists, repositories and templates, by cases.

A case has a `spec`, and says what comes of it: its parameter `sets`, or only their `paths`, `files` or some parameters
(`picked`); or why they are `refused`. Or its `applications`, or only some `values` of theirs; words of the `problems`,
the names that are `left_out` and the repositories that are `wanted`.
"""

from __future__ import annotations

from functools import reduce
from pathlib import Path
from typing import Any

import pytest

from tests.cases import cases
from tests.generate.repositories import no_engine, repositories
from todoke.generate import Evaluate, Means, applications, parameter_sets
from todoke.model.errors import Blocked
from todoke.render.kubernetes_yaml import load

pytestmark = pytest.mark.asyncio(loop_scope="package")

Case = dict[str, Any]
OF_APPLICATIONS = {"applications", "values", "problems", "left_out", "wanted"}
OF_SETS = {"sets", "paths", "files", "picked", "refused"}


@cases(Path(__file__).parent / "cases")
async def test_case(case: Case, evaluate: Evaluate) -> None:
    engine = evaluate if case["spec"].get("goTemplate") else no_engine
    found = repositories(case.get("repositories", {}))
    looking = case.get("file_globs", "pathspec"), case.get("hidden_folders", False)
    assert case.keys() & (OF_SETS | OF_APPLICATIONS), "the case expects nothing"
    assert not case.keys() - OF_SETS - OF_APPLICATIONS - {"spec", "repositories", "file_globs", "hidden_folders"}

    if case.keys() & OF_SETS:
        await _check_sets(case, Means(found, engine, load, *looking))
    else:
        appset = {"metadata": {"name": "set", "namespace": "argocd"}, "spec": case["spec"]}
        _check_applications(case, await applications(appset, found, engine, load, *looking))


async def _check_sets(case: Case, means: Means) -> None:
    if "refused" in case:
        with pytest.raises(Blocked) as caught:
            await parameter_sets(case["spec"], means)
        assert case["refused"] in str(caught.value)
        return
    made = await parameter_sets(case["spec"], means)
    if "sets" in case:
        assert list(made) == case["sets"]
    if "paths" in case:
        assert [one["path"] for one in made] == case["paths"]
    if "files" in case:
        assert [f"{one['path']}/{one['path.filename']}".removeprefix("./") for one in made] == case["files"]
    for name, expected in case.get("picked", {}).items():
        assert [one.get(name) for one in made] == expected


def _check_applications(case: Case, made: Any) -> None:
    if "applications" in case:
        assert list(made.applications) == case["applications"]
    for path, expected in case.get("values", {}).items():
        assert [_at(one, path) for one in made.applications] == expected
    problems = case.get("problems", [])
    assert len(made.problems) == len(problems), made.problems
    for problem, words in zip(made.problems, problems, strict=True):
        assert words in str(problem)
    assert made.wanted == tuple(map(tuple, case.get("wanted", ())))
    whole = [None] if problems and "left_out" not in case else []
    assert [problem.application for problem in made.problems] == case.get("left_out", whole)
    assert made.failed is bool(whole)


def _at(value: Any, path: str) -> Any:
    return reduce(lambda inner, step: (inner or {}).get(step), path.split("."), value)
