"""Orbs by themselves: what is wrong with one is told, whatever was written."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings

from tests.pipeline.test_corpus import found
from tests.pipeline.test_fuzz import trees
from todoke.model.orb_locks import OrbFiles, OrbPart
from todoke.pipeline.circleci.importing import imports
from todoke.pipeline.circleci.orb_text import OrbVerdict, checked, outline
from todoke.source.orbs import Library


def check(text: str, **more: str) -> OrbVerdict:
    parts = [OrbPart("", "", "", text), *(OrbPart("commands", name, f"{name}.yml", one) for name, one in more.items())]
    return checked(OrbFiles(tuple(parts)), lambda _reference: "Provide it")


def told(verdict: OrbVerdict) -> list[str]:
    return [f"{problem.level} {problem.text}" for problem in verdict.problems]


def test_every_built_in_orb_is_valid() -> None:
    library = Library(Path("nowhere"))
    for label in library.built_in():
        found = library.find(label + ".0" * (2 - label.partition("@")[2].count(".")))
        assert not isinstance(found, str), label
        verdict = checked(OrbFiles((OrbPart("", "", label, found.text),)), library.find)
        assert (verdict.errors, verdict.elements > 0) == ((), True), label


def test_each_choice_is_compiled() -> None:
    text = """\
version: 2.1
commands:
  go:
    parameters: {how: {type: enum, enum: [a, b, c], default: a}, not: {type: boolean, default: true}}
    steps:
      - when: {condition: {equal: [c, << parameters.how >>]}, steps: [missing-c]}
      - unless: {condition: << parameters.not >>, steps: [missing-not]}
"""
    assert told(check(text)) == [
        "error Cannot find a definition for command named missing-c",
        "error Cannot find a definition for command named missing-not",
    ]


def test_what_only_a_caller_knows_is_not_judged() -> None:
    text = """\
version: 2.1
commands:
  go:
    parameters: {when: {type: string}, exec: {type: string}, first: {type: steps}}
    steps: [{run: {command: a, when: << parameters.when >>}}, {steps: << parameters.first >>}]
jobs:
  go: {parameters: {exec: {type: string}, size: {type: integer}}, executor: << parameters.exec >>, steps: [checkout]}
"""
    assert told(check(text)) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a", "error An orb must be a map"),
        ("a: [", "error Unable to parse YAML: while parsing a flow node"),
        ("version: 2.1\njobs: [a]", "error jobs: must be a map"),
        ("version: 2.1\ncommands: {a: 1}", "error commands: a must be a map"),
        ("version: 2.1\norbs: {a: b/c@1}", "error Cannot find b/c@1 in the orb registry"),
        ("version: 2.1\ncommnads: {}", "warning The key commnads means nothing in an orb"),
        ("version: 2.1\ncommands: {a: {steps: [a]}}", "error Commands call each other in a circle: a → a"),
        ("description: a", "warning A published orb begins with version: 2.1"),
    ],
)
def test_what_is_wrong_is_told(text: str, said: str) -> None:
    assert any(line.startswith(said) for line in told(check(text))), told(check(text))


def test_what_orbs_grow_to_is_bounded() -> None:
    levels = [f"  c{number}: {{steps: [{', '.join([f'c{number + 1}'] * 10)}]}}" for number in range(8)]
    text = "\n".join(("version: 2.1", "commands:", *levels, "  c8: {steps: [checkout]}"))
    assert "more than 50,000 steps" in told(check(text))[-1]


@settings(max_examples=150, deadline=None)
@given(trees)
def test_nonsense_is_answered(tree: object) -> None:
    text = yaml.safe_dump(tree)
    assert isinstance(check(text, go=text), OrbVerdict)
    outline(OrbFiles((OrbPart("", "", "", text),)))
    imports(text, {}, {})


@pytest.mark.parametrize("path", found("circleci/wild/*.yml"))
def test_real_configurations_name_their_orbs(path: Path) -> None:
    """Each is read for its orbs alone, and as an orb, without a surprise."""
    text = path.read_text()
    listed, _ = imports(text, {}, {})
    outline(OrbFiles((OrbPart("", "", "", text),)))
    check(text)
    assert all(one.name for one in listed)
