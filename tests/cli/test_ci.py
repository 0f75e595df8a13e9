"""`todoke ci`: what people see of a compilation, and how it ends."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from tests.cli.conftest import Workshop
from tests.cli.test_program import example_lines, words_of
from tests.source.test_clone import git
from todoke.cli.app import root
from todoke.cli.ci import compile as compile_command
from todoke.cli.ci import graph, validate

GOOD = """\
version: 2.1
parameters:
  deploy: {type: boolean, default: false}
jobs:
  lint: {docker: [{image: "cimg/node:20.1"}], steps: [checkout, {run: npm run lint}]}
  release: {docker: [{image: "cimg/base:stable"}], steps: [{run: "echo << pipeline.git.branch >>"}]}
workflows:
  all:
    jobs:
      - lint
      - release: {requires: [lint], filters: {branches: {only: main}}}
  extra:
    when: << pipeline.parameters.deploy >>
    jobs: [lint]
"""


class Folder:
    """A clone with a configuration."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / ".circleci").mkdir()
        self.write(GOOD)

    def write(self, text: str, name: str = "config.yml") -> None:
        place = self.path / ".circleci" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    def run(self, *words: str, typed: str | bytes | None = None) -> Result:
        return CliRunner().invoke(root, ["ci", *words], obj=Workshop().doors(), input=typed, catch_exceptions=False)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    made = Folder(tmp_path)
    monkeypatch.chdir(tmp_path)
    return made


def test_a_valid_one_is_said_to_be_valid(folder: Folder) -> None:
    result = folder.run("validate")
    assert (result.exit_code, result.stdout, result.stderr) == (0, ".circleci/config.yml is valid.\n", "")


def test_errors_show_the_line_with_a_caret(folder: Folder) -> None:
    folder.write(GOOD.replace("- lint\n", "- lnit\n"))
    result = folder.run("validate")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines()[:5] == [
        ".circleci/config.yml:10:9: error: Cannot find a definition for job named lnit",
        "  10 |       - lnit",
        "     |         ^",
        "  Did you mean lint?",
        "  in workflow all",
    ]


def test_errors_as_data(folder: Folder) -> None:
    folder.write(GOOD.replace("- lint\n", "- lnit\n"))
    result = folder.run("validate", "-o", "json")
    found = json.loads(result.stdout)
    assert (result.exit_code, found["valid"]) == (1, False)
    first = found["problems"][0]
    assert (first["level"], first["line"], first["column"], first["hint"]) == ("error", 10, 9, "Did you mean lint?")


def test_compiled_text_and_data_are_the_same(folder: Folder) -> None:
    text, data = folder.run("compile"), folder.run("config", "process", "-o", "json")
    assert (text.exit_code, data.exit_code) == (0, 0)
    assert yaml.safe_load(text.stdout) == json.loads(data.stdout)
    assert list(json.loads(data.stdout)["workflows"]) == ["all", "version"]


def test_parameters_come_as_text_or_file(folder: Folder, tmp_path: Path) -> None:
    file = tmp_path / "parameters.yml"
    file.write_text("deploy: true\n")
    for given in ('{"deploy": true}', str(file)):
        found = yaml.safe_load(folder.run("compile", "--parameters", given).stdout)
        assert "extra" in found["workflows"]
    result = folder.run("compile", "--parameters", '{"deploy": "yes"}')
    assert result.exit_code == 1
    assert "Type error for argument deploy: expected type: boolean" in result.stderr
    assert "Unexpected argument(s): dploy" in folder.run("validate", "--parameters", '{"dploy": true}').stderr


def test_the_branch_is_the_checkout_s_or_a_named_one(folder: Folder) -> None:
    git(folder.path, "init", "-q", "-b", "topic")
    git(folder.path, "commit", "-qm", "first", "--allow-empty")
    assert "echo topic" in folder.run("compile").stdout
    assert "echo other" in folder.run("compile", "--branch", "other").stdout


def test_standard_input(folder: Folder) -> None:
    assert folder.run("validate", "-", typed=GOOD).stdout == "(standard input) is valid.\n"


def test_the_graph_says_what_runs_and_why_not(folder: Folder) -> None:
    result = folder.run("graph", "--branch", "topic")
    assert result.stdout.splitlines() == [
        "all",
        "  runs  lint",
        "  no    release  the branch topic is none of main",
    ]
    assert folder.run("graph", "--branch", "main").stdout.splitlines()[2] == "  runs  release  after lint"
    folder.write(GOOD.replace("{only: main}", "{only: main}, tags: {only: /v.*/}"))
    tagged = json.loads(folder.run("graph", "--tag", "v1", "-o", "json").stdout)["workflows"][0]["jobs"]
    assert [(job["name"], job["runs"]) for job in tagged] == [("lint", False), ("release", False)]
    assert tagged[1]["reason"] == "nothing that it requires runs: lint"


def test_the_graph_as_a_diagram(folder: Folder) -> None:
    lines = folder.run("graph", "--branch", "topic", "-o", "mermaid").stdout.splitlines()
    assert lines[0] == "flowchart LR"
    assert '    w0j1["release"]:::skipped' in lines
    assert "    w0j0 --> w0j1" in lines


def test_an_orb_of_the_folder_is_used(folder: Folder) -> None:
    folder.write(
        GOOD.replace("jobs:\n  lint", "orbs: {own: acme/own@1.0}\njobs:\n  lint", 1).replace(
            "- lint\n", "- own/check\n      - lint\n"
        )
    )
    missing = folder.run("validate")
    assert missing.exit_code == 1
    assert "Put it at .circleci/orbs/acme/own.yml" in missing.stderr
    folder.write("jobs: {check: {docker: [{image: a}], steps: [checkout]}}", "orbs/acme/own.yml")
    assert "# Orb 'acme/own@1.0' resolved to 'acme/own@1.0'" in folder.run("compile").stdout
    shutil.rmtree(folder.path / ".circleci" / "orbs")
    unpacked = "orbs/acme/own"
    folder.write("description: ours\n", f"{unpacked}/@orb.yml")
    folder.write("docker: [{image: a}]\nsteps: [check]\n", f"{unpacked}/jobs/check.yml")
    folder.write(
        "steps: [{run: {name: 'on', command: <<include(scripts/check.sh)>>}}]\n", f"{unpacked}/commands/check.yml"
    )
    folder.write("echo one\necho two\n", f"{unpacked}/scripts/check.sh")
    compiled = yaml.safe_load(folder.run("compile").stdout)
    assert compiled["jobs"]["own/check"]["steps"] == [{"run": {"name": "on", "command": "echo one\necho two"}}]


@pytest.mark.parametrize("words", [("validate", "-"), ("orb", "list", "-"), ("orb", "validate", "-")])
def test_standard_input_that_is_no_text_or_closed(folder: Folder, words: tuple[str, ...]) -> None:
    result = folder.run(*words, typed=b"version: 2.1 # caf\xe9\n")
    assert (result.exit_code, result.stderr) == (
        2,
        "error: (standard input): is not UTF-8 text. Correct its encoding\n",
    )
    closed = (sys.executable, "-c", "import os, sys; os.close(0); os.execv(sys.argv[1], sys.argv[1:])")
    command = (sys.executable, "-c", "from todoke.main import cli; cli()", "ci", *words)
    ended = subprocess.run((*closed, *command), capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (2, "error: (standard input): is closed. Name a file\n")


def test_many_warnings_do_not_keep_it_from_compiling(folder: Folder) -> None:
    steps = ", ".join(f"{{checkout: {{key{number}: x}}}}" for number in range(300))
    folder.write(f"version: 2.1\njobs: {{build: {{machine: true, steps: [{steps}]}}}}\n")
    result = folder.run("compile")
    assert (result.exit_code, len(yaml.safe_load(result.stdout)["jobs"]["build"]["steps"])) == (0, 300)
    assert "more than 200 warnings: the rest is not told" in result.stderr


def test_the_caret_stands_below_wide_letters_too(folder: Folder) -> None:
    folder.write(GOOD.replace("- lint\n", '- {"日本": {}}\n'))
    assert folder.run("validate").stderr.splitlines()[1:3] == ['  10 |       - {"日本": {}}', "     |          ^"]
    folder.write(GOOD.replace("- lint\n", "- {lint: {context: 日本, nme: x}}\n"))
    assert folder.run("validate").stderr.splitlines()[2] == "     |" + " " * 26 + "\u3000\u3000  ^"


def test_parameters_in_yaml_keep_dates_as_texts(folder: Folder) -> None:
    folder.write(GOOD.replace("deploy: {type: boolean, default: false}", "deploy: {type: string, default: ''}"))
    result = folder.run("validate", "--parameters", "{deploy: 2026-01-02}")
    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("validate", "nowhere.yml"), 2, "nowhere.yml: cannot be read: No such file"),
        (("compile", "--branch", "a", "--tag", "b"), 2, "exclude each other"),
        (("compile", "--parameters", "{"), 2, "neither JSON nor YAML"),
        (("compile", "--parameters", "[1]"), 2, "must be a map"),
        (("compile", "--parameters", '{"a": ' * 20_000), 2, "too deep"),
        (("compile", "--parameters", "deploy=true"), 2, """Write JSON such as '{"deploy": true}'"""),
        (("graph", "-o", "dot"), 2, "'dot' is not one of"),
        (("validat",), 2, "Did you mean validate?"),
    ],
)
def test_nonsense_is_answered(folder: Folder, words: tuple[str, ...], code: int, said: str) -> None:
    result = folder.run(*words)
    assert said in result.stderr
    assert result.exit_code == code


@pytest.mark.parametrize(
    "line", [line for one in (validate, compile_command, graph) for line in example_lines(one.command.epilog or "")]
)
def test_examples_of_the_help_run(folder: Folder, line: str) -> None:
    folder.write(GOOD, "continue_config.yml")
    words = [word for word in words_of(line.replace(" < config.yml", ""))][1:]
    assert folder.run(*words, typed=GOOD).exit_code == 0
