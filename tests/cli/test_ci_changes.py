"""`todoke ci graph` and `compile` of a setup configuration: what follows it when certain paths have changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from tests.cli.conftest import Workshop
from tests.source.test_clone import git
from todoke.cli.app import root

SETUP = """\
version: 2.1
setup: true
parameters: {deploy: {type: boolean, default: false}}
orbs: {path-filtering: circleci/path-filtering@1.0}
workflows:
  setup:
    jobs:
      - path-filtering/filter:
          name: look
          base-revision: trunk
          mapping: |
            src/api/.* build-api true
            .*\\.md deploy true
"""
CONTINUED = """\
version: 2.1
parameters:
  build-api: {type: boolean, default: false}
  deploy: {type: boolean, default: false}
jobs:
  api: {docker: [{image: a}], steps: [{run: "echo << pipeline.in_setup >>"}]}
  deploy: {docker: [{image: a}], steps: [checkout]}
workflows:
  api: {when: << pipeline.parameters.build-api >>, jobs: [api]}
  deploy: {when: << pipeline.parameters.deploy >>, jobs: [deploy]}
"""


class Clone:
    """A clone with a setup configuration and what follows it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.write(".circleci/config.yml", SETUP)
        self.write(".circleci/continue_config.yml", CONTINUED)
        git(path, "init", "-q", "-b", "trunk")
        self.commit()

    def write(self, name: str, text: str) -> None:
        place = self.path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    def commit(self) -> None:
        git(self.path, "add", "-A")
        git(self.path, "commit", "-qm", "change")

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(root, ["ci", *words], obj=Workshop().doors(), catch_exceptions=False)


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clone:
    made = Clone(tmp_path)
    monkeypatch.chdir(tmp_path)
    return made


def test_without_changes_the_graph_says_how_to_see_more(clone: Clone) -> None:
    result = clone.run("graph")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "setup",
        "  runs  look",
        "",
        "after look it continues with .circleci/continue_config.yml: changed paths decide what runs",
        "  Name them with --changed PATH, or --changed-since trunk",
    ]


def test_the_graph_shows_what_follows_and_why(clone: Clone) -> None:
    result = clone.run("graph", "--changed", "README.txt", "--changed", "./src/api/main.py")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[3:] == [
        "after look it continues with .circleci/continue_config.yml, because:",
        "  src/api/.*  matched src/api/main.py → build-api=true",
        "",
        "api",
        "  runs  api",
    ]
    assert clone.run("graph", "--changed", "other").stdout.splitlines()[3:] == [
        "after look it continues with .circleci/continue_config.yml, without parameters",
        "  no workflow of it runs",
    ]


def test_changes_of_the_branch_count_since_it_left_another(clone: Clone) -> None:
    git(clone.path, "checkout", "-q", "-b", "topic")
    clone.write("src/api/main.py", "pass\n")
    clone.commit()
    data = json.loads(clone.run("graph", "--changed-since", "trunk", "-o", "json").stdout)
    (one,) = data["continuations"]
    assert (one["after"], one["configuration"]) == ("look", ".circleci/continue_config.yml")
    assert one["parameters"] == {"build-api": True}
    assert one["because"][0]["path"] == "src/api/main.py"
    assert [workflow["workflow"] for workflow in one["workflows"]] == ["api"]
    unknown = clone.run("graph", "--changed-since", "nowhere")
    assert (unknown.exit_code, "has no revision nowhere" in unknown.stderr) == (2, True)


def test_the_diagram_leads_from_the_setup_on(clone: Clone) -> None:
    lines = clone.run("graph", "--changed", "src/api/a", "--changed", "a.md", "-o", "mermaid").stdout.splitlines()
    assert "  w0j0 -. continues .-> w1" in lines
    assert "  w0j0 -. continues .-> w2" in lines


def test_what_follows_is_a_second_document(clone: Clone) -> None:
    result = clone.run("compile", "--changed", "src/api/main.py")
    setup, follows = yaml.safe_load_all(result.stdout)
    assert result.exit_code == 0
    assert (setup["setup"], list(setup["jobs"]), list(follows["jobs"])) == (True, ["look"], ["api"])
    assert follows["jobs"]["api"]["steps"] == [{"run": {"command": "echo false"}}]
    assert json.loads(clone.run("compile", "--changed", "src/api/main.py", "-o", "json").stdout) == [setup, follows]
    assert len(list(yaml.safe_load_all(clone.run("compile").stdout))) == 1


def test_parameters_of_the_start_are_carried_on_and_not_set_again(clone: Clone) -> None:
    carried = clone.run("graph", "--parameters", '{"deploy": true}', "--changed", "src/api/main.py")
    assert carried.stdout.splitlines()[-5:] == ["api", "  runs  api", "", "deploy", "  runs  deploy"]
    result = clone.run("graph", "--parameters", '{"deploy": true}', "--changed", "README.md")
    assert result.exit_code == 1
    assert ".circleci/config.yml:8:9: error: Conflicting pipeline parameters." in result.stderr
    assert "Given at the start and set by the setup again: deploy" in result.stderr


def test_errors_of_what_follows_are_told_with_its_name(clone: Clone) -> None:
    clone.write(".circleci/continue_config.yml", CONTINUED.replace("jobs: [api]", "jobs: [apy]"))
    result = clone.run("graph", "--changed", "src/api/main.py")
    assert result.exit_code == 1
    assert ".circleci/continue_config.yml:9:59: error: Cannot find a definition for job named apy" in result.stderr
    clone.write(".circleci/continue_config.yml", CONTINUED.replace("build-api:", "build-apy:", 1))
    undeclared = clone.run("compile", "--changed", "src/api/main.py")
    assert (undeclared.exit_code, "Unexpected argument(s): build-api" in undeclared.stderr) == (1, True)
    again = "build-api: {type: boolean, default: false}, deploy:"
    clone.write(".circleci/continue_config.yml", SETUP.replace("deploy:", again, 1))
    result = clone.run("graph", "--changed", "src/api/main.py")
    assert (result.exit_code, "is a setup configuration again" in result.stderr) == (1, True)


def test_what_the_setup_makes_while_it_runs_is_said_to_be_open(clone: Clone) -> None:
    clone.write(".circleci/config.yml", SETUP.replace("mapping: |", "config-path: made.yml\n          mapping: |"))
    result = clone.run("graph", "--changed", "src/api/main.py")
    assert result.exit_code == 0
    assert "continues with made.yml: made.yml is not in the clone: the setup makes it while it runs" in result.stdout


def test_a_mapping_may_lie_in_a_file_and_name_several_configurations(clone: Clone) -> None:
    text = SETUP[: SETUP.index("mapping:")] + "mapping: .circleci/mapping.txt\n"
    clone.write(".circleci/config.yml", text)
    own = "src/.* build-api true .circleci/continue_config.yml\nsrc/.* more true ci/more.yml\n"
    clone.write(".circleci/mapping.txt", own)
    clone.write(
        "ci/more.yml",
        "version: 2.1\nparameters: {more: {type: boolean, default: false}}\n"
        "jobs: {more: {docker: [{image: a}], steps: [checkout]}}\nworkflows: {more: {jobs: [more]}}\n",
    )
    lines = clone.run("graph", "--changed", "src/a").stdout.splitlines()
    assert "after look it continues with .circleci/continue_config.yml and ci/more.yml, because:" in lines
    assert [line for line in lines if "runs" in line] == ["  runs  look", "  runs  api", "  runs  more"]


def test_changes_mean_nothing_elsewhere_and_that_is_said(clone: Clone) -> None:
    clone.write(".circleci/config.yml", CONTINUED.replace("false}", "true}"))
    result = clone.run("graph", "--changed", "src/api/main.py")
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, "api")
    assert result.stderr == ".circleci/config.yml is no setup configuration: changed paths decide nothing\n"


def test_a_setup_that_continues_by_a_script_of_its_own_says_so(clone: Clone) -> None:
    job = "jobs: {build: {docker: [{image: a}], steps: [{run: ./continue.sh}]}}"
    clone.write(".circleci/config.yml", f"version: 2.1\nsetup: true\n{job}\n")
    lines = clone.run("graph").stdout.splitlines()
    assert lines == ["workflow", "  runs  build", "", "what follows is decided while the setup runs"]


def test_flags_that_exclude_each_other(clone: Clone) -> None:
    result = clone.run("graph", "--changed", "a", "--changed-since", "trunk")
    assert (result.exit_code, "exclude each other" in result.stderr) == (2, True)
