"""What follows a setup configuration, by the paths that have changed: cases in YAML, one file a rule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cases import cases
from todoke.pipeline.circleci.compiling import Compiled, Options, compiled
from todoke.pipeline.circleci.continuing import Continuation, Decision, conflicts, decided, literal
from todoke.pipeline.circleci.layers import merged
from todoke.pipeline.circleci.values import defaults

BASE = """
version: 2.1
setup: true
parameters:
  deploy: {type: boolean, default: false}
  build: {type: boolean, default: false}
commands:
  set-parameters:
    parameters:
      base-revision: {type: string, default: main}
      mapping: {type: string, default: ""}
    steps: [{run: set}]
  continue:
    parameters:
      configuration_path: {type: string}
      parameters: {type: string, default: "{}"}
    steps: [{run: continue}]
jobs:
  filter:
    parameters:
      base-revision: {type: string, default: main}
      mapping: {type: string, default: ""}
      exclude: {type: string, default: ""}
      config-path: {type: string, default: .circleci/continue_config.yml}
    docker: [{image: a}]
    steps:
      - set-parameters: {mapping: << parameters.mapping >>}
      - continue: {configuration_path: /tmp/generated-config.yml, parameters: /tmp/parameters.json}
  own:
    parameters: {kept: {type: boolean, default: true}}
    docker: [{image: a}]
    steps:
      - when:
          condition: << parameters.kept >>
          steps:
            - set-parameters: {mapping: "src/.* build true"}
            - continue: {configuration_path: ci/own.yml, parameters: /tmp/parameters.json}
  continue:
    parameters:
      configuration_path: {type: string}
      parameters: {type: string, default: "{}"}
    docker: [{image: a}]
    steps:
      - continue:
          configuration_path: << parameters.configuration_path >>
          parameters: << parameters.parameters >>
"""


def compile_setup(workflow: Any, parameters: dict[str, Any] | None = None) -> Compiled:
    text = BASE + yaml.safe_dump({"workflows": {"setup": workflow}}, sort_keys=False)
    found = compiled(text, Options(parameters or {}, defaults()), lambda _reference: "Provide it")
    assert not found.errors, found.errors
    return found


def decide(found: Compiled, changed: list[str]) -> Decision:
    (one,) = found.continuations
    made = literal(one) if one.mapping is None else decided(one, one.mapping, changed)
    assert isinstance(made, Decision), made
    return made


@cases(Path(__file__).parent / "continuing")
def test_decides(case: dict[str, Any]) -> None:
    found = compile_setup(case["setup"])
    assert len(found.continuations) == case.get("continuations", 1)
    if not found.continuations:
        return
    made = decide(found, case.get("changed", []))
    assert [problem.text for problem in made.problems] == case.get("problems", [])
    if "configs" in case:
        assert list(made.configs) == case["configs"]
        assert made.parameters == case["parameters"]
    if "because" in case:
        told = [msgspec.to_builtins(one) for one in made.matches]
        assert [{key: one[key] for key in case["because"][0]} for one in told] == case["because"]


def test_a_parameter_that_the_start_has_chosen_is_not_set_again() -> None:
    setup = {"jobs": [{"filter": {"mapping": ".* deploy true"}}]}
    (problem,) = conflicts(decide(compile_setup(setup, {"deploy": True}), ["a"]), {"deploy": True}, None)
    assert (problem.text, "deploy" in problem.hint) == ("Conflicting pipeline parameters.", True)
    assert compile_setup(setup, {"deploy": True}).chosen == {"deploy": True}
    assert compile_setup(setup, {"deploy": False}).chosen == {}  # its default: nobody chose


def test_parameters_of_a_file_are_not_known_before_it_runs() -> None:
    entry = {"continue": {"configuration_path": "a.yml", "parameters": "/tmp/made.json"}}
    (one,) = compile_setup({"jobs": [entry]}).continuations
    assert literal(one) == "its parameters are in /tmp/made.json, which is written while the setup runs"


@settings(max_examples=200, deadline=None)
@given(
    st.text(alphabet='ab/.*+?()[]{}|^$\\\\ \n#"1{}:,true', max_size=80),
    st.text(alphabet="ab/.*([\n#", max_size=20),
    st.lists(st.text(max_size=8), max_size=4),
)
def test_any_mapping(mapping: str, exclude: str, changed: list[str]) -> None:
    made = decided(Continuation("setup", "filter", "a.yml", mapping, exclude), mapping, changed)
    assert made.configs
    assert set(made.parameters) == {one.parameter for one in made.matches}


def test_configurations_are_laid_over_each_other() -> None:
    text, problems = merged(
        [
            ("a.yml", "version: 2.1\njobs: {a: {steps: [checkout], shell: 'on'}}\nworkflows: {a: {jobs: [a]}}\n"),
            ("b.yml", "version: 2.1\njobs: {b: &b {steps: [{run: x}]}, a: {steps: []}}\nworkflows: {b: {jobs: [b]}}\n"),
        ]
    )
    assert not problems
    found = yaml.safe_load(text)
    assert found["jobs"] == {"a": {"steps": [], "shell": "on"}, "b": {"steps": [{"run": "x"}]}}
    assert list(found["workflows"]) == ["a", "b"]


@pytest.mark.parametrize(("text", "said"), [("a: [", "Unable to parse YAML"), ("[]", "b.yml must be a map")])
def test_a_layer_that_cannot_be_read_is_told_with_its_name(text: str, said: str) -> None:
    _, (problem,) = merged([("a.yml", "version: 2.1"), ("b.yml", text)])
    assert said in problem.text
    assert problem.mark is None or problem.mark.file == "b.yml"
