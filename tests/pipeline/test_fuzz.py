"""Nonsense of every kind: problems with places come back, nothing is raised, and nothing takes for ever."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from todoke.pipeline.circleci.compiling import Compiled, Options, compiled
from todoke.pipeline.circleci.emitting import text_of
from todoke.pipeline.circleci.values import defaults

pytestmark = pytest.mark.slow

WORDS = (
    "version", "2.1", "jobs", "build", "workflows", "all", "steps", "run", "command", "checkout", "when", "unless",
    "condition", "docker", "image", "executor", "parameters", "type", "default", "string", "matrix", "requires", "name",
    "orbs", "commands", "executors", "equal", "and", "not", "<< parameters.x >>", "<< pipeline.number >>", "<<", "\\<<",
    "<<# x >>", "<</ x >>", "<< 1 == >>", "x", "environment", "filters", "branches", "only", "/(/", "context",
    "approval", "pre-steps", "setup", "triggers", "schedule", "cron", "exclude", "alias", "enum", "integer", "boolean",
)  # fmt: skip
scalars = st.one_of(st.sampled_from(WORDS), st.integers(-5, 5), st.booleans(), st.none(), st.floats(allow_nan=False))
trees = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(WORDS), inner, max_size=4)),
    max_leaves=25,
)


def compile_text(text: str) -> Compiled:
    return compiled(text, Options(pipeline=defaults()), lambda _reference: "Provide it")


def judge(text: str) -> None:
    found = compile_text(text)
    assert (found.document is None) is bool(found.errors)
    for problem in found.problems:
        assert problem.text
        assert problem.mark is None or (problem.mark.line >= 1 and problem.mark.column >= 1)
    if found.document is not None:
        printed = text_of(found.document)
        assert yaml.safe_load(printed)["version"] == 2


@settings(max_examples=150, deadline=None)
@given(trees)
def test_any_tree(tree: Any) -> None:
    judge(json.dumps(tree))


@settings(max_examples=150, deadline=None)
@given(st.fixed_dictionaries({"version": st.just("2.1")}, optional={name: trees for name in WORDS[2:31]}))
def test_any_map_with_a_version(tree: dict[str, Any]) -> None:
    judge(json.dumps(tree))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.one_of(st.sampled_from(["checkout", "build"]), trees), max_size=4),
    st.dictionaries(st.sampled_from(WORDS), trees, max_size=4),
    trees,
)
def test_a_job_with_anything_in_it(steps: list[Any], more: dict[str, Any], entry: Any) -> None:
    job = {"docker": [{"image": "a"}], **more, "steps": steps}
    judge(json.dumps({"version": 2.1, "jobs": {"build": job}, "workflows": {"all": {"jobs": ["build", entry]}}}))


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    judge(text)


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="<># /^\\abpipeline.numbr\"'=()!&|01", max_size=60))
def test_any_tag(text: str) -> None:
    judge(json.dumps({"version": 2.1, "jobs": {"build": {"docker": [{"image": text}], "steps": [{"run": text}]}}}))
