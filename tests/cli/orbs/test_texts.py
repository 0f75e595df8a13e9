"""`todoke ci orb show`, `validate`, `pack` and `list`: what an orb offers, and what is wrong with it."""

from __future__ import annotations

import json

import pytest
import yaml

from tests.cli.orbs.conftest import Desk, host
from tests.cli.test_program import example_lines, words_of
from tests.cluster.git_repo import Repo
from tests.source.orbs.registry import JOB, OrbRegistry
from todoke.cli.ci import orb_list, orb_lock, orb_pack, orb_show, orb_validate

pytestmark = pytest.mark.slow

ORB = """\
version: 2.1
description: Ours.
orbs: {other: acme/other@1}
executors:
  default: {parameters: {tag: {type: string, default: stable}}, docker: [{image: "a:<< parameters.tag >>"}]}
commands:
  greet:
    description: Say hello.
    parameters:
      to: {type: string, description: Whom.}
      loudly: {type: boolean, default: false}
      how: {type: enum, enum: [en, ja], default: ja}
    steps:
      - run: echo << parameters.to >>
      - when: {condition: << parameters.loudly >>, steps: [{run: echo "!"}]}
jobs:
  check:
    parameters: {exec: {type: executor}, after: {type: steps, default: []}, key: {type: env_var_name}}
    executor: << parameters.exec >>
    steps: [{greet: {to: $<< parameters.key >>}}, {steps: << parameters.after >>}, other/ready]
"""
OTHER = "version: 2.1\ncommands: {ready: {steps: [{run: 'true'}]}}\n"


def test_an_orb_is_shown_with_its_parameters(desk: Desk) -> None:
    desk.write("orbs/acme/own@1.0.yml", ORB)
    assert desk.run("orb", "show", "acme/own@1.0").stdout.splitlines() == [
        "acme/own@1.0 (folder, .circleci/orbs/acme/own@1.0.yml)",
        "  Ours.",
        "  uses other: acme/other@1",
        "",
        "commands",
        "  greet  Say hello.",
        "    to      string      required  Whom.",
        "    loudly  boolean     false",
        '    how     enum en|ja  "ja"',
        "",
        "jobs",
        "  check",
        "    exec   executor      required",
        "    after  steps         []",
        "    key    env_var_name  required",
        "",
        "executors",
        "  default",
        '    tag  string  "stable"',
    ]
    found = json.loads(desk.run("orb", "show", "acme/own@1.0", "-o", "json").stdout)
    assert found["commands"][0]["parameters"][2] == {
        "name": "how", "type": "enum", "required": False, "default": "ja", "enum": ["en", "ja"], "description": "",
    }  # fmt: skip
    missing = desk.run("orb", "show", "acme/nothing@1")
    assert missing.exit_code == 2
    assert "Orb acme/nothing@1: is not there. Put it at" in missing.stderr


def test_of_a_name_alone_the_newest_that_is_locked_is_shown(desk: Desk, registry: OrbRegistry) -> None:
    registry.orbs |= {"acme/own@9.0.0": JOB, "acme/own@10.0.0": JOB}
    desk.uses("acme/own@9", "acme/own@10")
    desk.lock()
    assert desk.run("orb", "show", "acme/own").stdout.startswith(f"acme/own@10.0.0 (lock, {host(registry)})")


def test_an_orb_by_itself_is_checked(desk: Desk) -> None:
    desk.write("orbs/acme/other.yml", OTHER)
    good = desk.run("orb", "validate", "-", typed=ORB)
    assert (good.exit_code, good.stdout, good.stderr) == (0, "(standard input) is valid: 3 elements.\n", "")
    place = desk.write("../orb.yml", ORB.replace('echo "!"', "echo << parameters.nothing >>"))
    bad = desk.run("orb", "validate", "orb.yml")
    assert bad.exit_code == 1
    assert bad.stderr.splitlines()[:4] == [
        "orb.yml:15:66: error: Arguments referenced without declared parameters: parameters.nothing",
        "  15 |       - when: {condition: << parameters.loudly >>, steps: [{run: echo << parameters.nothing >>}]}",
        "     |" + " " * 66 + "^",
        "  There are: how, loudly, to",
    ]
    place.write_text(ORB.replace("other/ready", "other/redy"))
    found = json.loads(desk.run("orb", "validate", "orb.yml", "-o", "json").stdout)
    assert [(one["line"], one["hint"]) for one in found["problems"]] == [(20, "Did you mean other/ready?")]
    assert desk.run("orb", "validate", "nowhere.yml").exit_code == 2


def test_a_folder_is_checked_file_by_file_and_packed_into_one_text(desk: Desk) -> None:
    folder = desk.path / "src"
    for name, text in {
        "@orb.yml": "version: 2.1\n",
        "commands/greet.yml": 'steps:\n  - run:\n      command: <<include(say.sh)>>\n  - run: "<< parameters.to >>"\n',
        "say.sh": "cat <<EOF\n",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    bad = desk.run("orb", "validate", "src")
    assert bad.exit_code == 1
    assert "src/commands/greet.yml:4:10: error: Arguments referenced without declared" in bad.stderr
    (folder / "commands" / "greet.yml").write_text("steps:\n  - run:\n      command: <<include(say.sh)>>\n")
    assert desk.run("orb", "validate", "src").exit_code == 0
    packed = desk.run("orb", "pack", "src").stdout
    assert yaml.safe_load(packed) == {
        "version": 2.1,
        "commands": {"greet": {"steps": [{"run": {"command": "cat \\<<EOF"}}]}},
    }
    assert desk.run("orb", "validate", "-", typed=packed).exit_code == 0
    assert "there is no @orb.yml" in desk.run("orb", "pack", ".").stderr


def test_packing_is_bounded(desk: Desk) -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 9)
    )
    for text, said in ((bomb, "250,000 values"), ("a: &a [*a]\n", "100 levels"), ("[" * 5000, "levels")):
        desk.write("../src/@orb.yml", text)
        result = desk.run("orb", "pack", "src")
        assert result.exit_code == 2
        assert said in result.stderr


@pytest.mark.parametrize(
    "line",
    [
        line
        for one in (orb_list, orb_lock, orb_pack, orb_show, orb_validate)
        for line in example_lines(one.command.epilog or "")
    ],
)
def test_examples_of_the_help_run(desk: Desk, registry: OrbRegistry, line: str) -> None:
    registry.orbs |= {"circleci/node@5.0.3": JOB, "circleci/own@1.0.0": JOB}
    repo = Repo.create(desk.path / "server" / "orbs.git")
    repo.commit({"src/own/@orb.yml": JOB}, "first")
    repo.tag("v1.2")
    desk.uses("circleci/node@5.0")
    desk.write("orbs/acme/own/@orb.yml", JOB)
    desk.write("../src/@orb.yml", JOB)
    desk.write("../orb.yml", JOB)
    if "lock" not in line:
        desk.lock()
    line = line.replace("https://git.example.com/orbs.git", repo.url).replace(" < orb.yml", "")
    result = desk.run(*words_of(line)[1:], typed=JOB)
    assert result.exit_code == (1 if "--check" in line else 0), result.output
