"""Real configurations: those whose compiled form is known, and those of the wild."""

from __future__ import annotations

import re
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cases import CORPUS
from todoke.model.job_graphs import OrbText
from todoke.pipeline.circleci.compiling import Compiled, Options, compiled
from todoke.pipeline.circleci.emitting import text_of
from todoke.pipeline.circleci.values import defaults
from todoke.source.orbs import Library

pytestmark = pytest.mark.slow

_ABSENT = pytest.param(None, id="absent", marks=pytest.mark.skip(reason="the corpus is not beside this checkout"))
EDITED = {"023"}
"""Pairs whose source was edited after it was compiled: see docs/reference/ci.md."""


def compile_file(path: Path) -> Compiled:
    library = Library(path.parent / "nowhere")
    return compiled(path.read_text(), Options(pipeline=defaults()), library.find)


def found(pattern: str) -> list[Any]:
    paths = sorted(CORPUS.glob(pattern))
    return [pytest.param(path, id="-".join(path.relative_to(CORPUS).parts[1:])) for path in paths] or [_ABSENT]


def comparable(value: Any) -> Any:
    """Without what means nothing: the form of an environment, blanks at the ends of lines."""
    if isinstance(value, dict):
        return {key: _variables(item) if key == "environment" else comparable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [comparable(item) for item in value]
    return re.sub(r"[ \t]+$", "", value, flags=re.MULTILINE) if isinstance(value, str) else value


def _variables(value: Any) -> Any:
    if not isinstance(value, list):
        return comparable(value)
    return {name: comparable(text) for one in value for name, text in one.items()}


@pytest.mark.parametrize("path", found("circleci/process/*/config.yml"))
def test_a_known_pair(path: Path) -> None:
    result = compile_file(path)
    assert result.document is not None, result.errors
    expected = yaml.safe_load((path.parent / "compiled.yml").read_text())
    equal = comparable(yaml.safe_load(text_of(result.document))) == comparable(expected)
    assert equal is (path.parent.name not in EDITED)


def test_compiled_texts_are_the_very_same() -> None:
    same = []
    for path in sorted(CORPUS.glob("circleci/process/*/config.yml")):
        result = compile_file(path)
        expected = (path.parent / "compiled.yml").read_text()
        same.append(result.document is not None and text_of(result.document).strip() == expected.strip())
    if not same:
        pytest.skip("the corpus is not beside this checkout")
    assert sum(same) >= 22  # the others: edited after compiling, blanks lost, more jobs than a small map keeps in order


@pytest.mark.parametrize("path", found("circleci/wild/*.yml"))
def test_a_wild_file_compiles_or_is_refused_for_a_reason(path: Path) -> None:
    tracemalloc.start()
    try:
        result = compile_file(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100 * 1024 * 1024
    if result.document is None:
        assert result.errors
        for error in result.errors:
            assert error.mark is not None or "Unexpected argument" in error.text, error
            assert len(error.text) > 10


def lines_of(result: Compiled) -> Iterator[str]:
    for error in result.errors:
        yield f"{error.mark.line if error.mark else 0}: {error.text}"


@pytest.mark.parametrize("path", found("seed/app-configs/*.yml"))
def test_the_article_s_own_configurations(path: Path) -> None:
    """They compile, or use gcp-gcr without importing it."""
    result = compile_file(path)
    text = path.read_text()
    if "gcp-gcr/" in text and "gcp-gcr:" not in text:
        assert result.document is None
        assert all("Cannot find orb 'gcp-gcr'" in line for line in lines_of(result)), list(lines_of(result))


@pytest.mark.parametrize("path", found("circleci/process-orbs/*/config.yml"))
def test_a_known_pair_with_published_orbs(path: Path) -> None:
    assert equal_beside_orbs(path) in ("equal", "refused")


def equal_beside_orbs(path: Path) -> str:
    """Whether all is equal that no orb says, with our stand-ins: workflows, requirements, names, executors, own steps.

    An orb that is not to be had is told by its name ("refused"). Where it is imported and not used, an empty one does
    as well.
    """
    source, result = yaml.safe_load(path.read_text()), compile_file(path)
    library = Library(path.parent / "nowhere")
    if absent := [one for one in source["orbs"].values() if isinstance(library.find(one), str)]:
        assert result.document is None
        told = [error.text for error in result.errors]
        assert all(any(text.startswith(f"Cannot find {orb} ") for text in told) for orb in absent), told

        def or_empty(reference: str) -> OrbText | str:
            return OrbText("{}", reference, "folder", "") if reference in absent else library.find(reference)

        result = compiled(path.read_text(), Options(pipeline=defaults()), or_empty)
        if result.document is None:
            assert all(error.text.startswith("Cannot find a definition for ") for error in result.errors), result.errors
            return "refused"
    assert result.document is not None, result.errors
    have = comparable(yaml.safe_load(text_of(result.document)))
    expected = comparable(yaml.safe_load((path.parent / "compiled.yml").read_text()))
    assert have["workflows"] == expected["workflows"]
    assert set(have["jobs"]) == set(expected["jobs"])
    for name, job in expected["jobs"].items():
        mine = have["jobs"][name]
        assert without_steps(mine) == without_steps(job), name
        own = steps_without_orbs(source, name)
        assert own == in_order(own, mine["steps"]) == in_order(own, job["steps"]), name
    return "equal"


def without_steps(job: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in job.items() if key != "steps"}


def steps_without_orbs(source: dict[str, Any], name: str) -> list[Any]:
    """The steps of a job of the configuration itself, compiled, with those of orbs left out."""
    job = source["jobs"].get(name)
    if job is None or source.get("commands"):
        return []  # the job is an orb's, or commands stand between it and the orb
    kept = [step for step in job["steps"] if not (isinstance(step, dict) and any("/" in key for key in step))]
    kept = [step for step in kept if not (isinstance(step, str) and "/" in step)]
    alone = {key: value for key, value in source.items() if key in ("version", "parameters")}
    alone |= {"jobs": {name: {"docker": [{"image": "a"}], "steps": kept}}, "workflows": {"all": {"jobs": [name]}}}
    result = compiled(yaml.safe_dump(alone, sort_keys=False), Options(pipeline=defaults()), lambda _: "")
    assert result.document is not None, result.errors
    steps: list[Any] = comparable(yaml.safe_load(text_of(result.document)))["jobs"][name]["steps"]
    return steps


def in_order(wanted: list[Any], steps: list[Any]) -> list[Any]:
    """Those wanted that are among steps, in this order."""
    rest = iter(steps)
    return [one for one in wanted if one in rest]
