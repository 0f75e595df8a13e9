"""path-filtering and continuation: which parameters changed paths set, and what is sent."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.pipeline.orbs_more.shelf import Bench, steps
from todoke.pipeline.circleci.continuing import Continuation, decided
from todoke.source.checkout_facts import CheckoutFacts

pytestmark = pytest.mark.slow

MAPPING = """\
# what is built
src/api/.*  build-api true
src/.*\\.py python-version "3.12"
docs/.* lint-only true
.* lint-only false
"""


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path)
    made.variables = {
        "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.org",
        "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.org",
    }  # fmt: skip
    return made


def git(bench: Bench, *words: str) -> None:
    result = bench.run({"command": " ".join(["git", *words])})
    assert result.returncode == 0, result.stderr


def commit(bench: Bench, *paths: str) -> None:
    for path in paths:
        place = bench.work / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(place.read_text() + "more\n" if place.exists() else "first\n")
    git(bench, "add", "-A")
    git(bench, "commit", "-qm", "change")


def clone(bench: Bench) -> None:
    """A branch `topic` that has left main."""
    git(bench, "init", "-q", "-b", "main")
    commit(bench, "README.md", "docs/guide.md")
    git(bench, "checkout", "-q", "-b", "topic")
    commit(bench, "src/api/main.py")
    commit(bench, "docs/größe.md")
    git(bench, "checkout", "-q", "main")
    commit(bench, "src/ui/main.js")
    git(bench, "checkout", "-q", "topic")


def set_parameters(
    bench: Bench, given: dict[str, object], version: str = "3"
) -> tuple[subprocess.CompletedProcess[str], dict[str, object]]:
    output = bench.folder / "parameters.json"
    arguments = {"output-path": str(output), **given}
    (step,) = steps(f"circleci/path-filtering@{version}", "commands", "set-parameters", arguments)
    result = bench.run(step, ORB_PATHS=str(bench.folder / "paths"), ORB_CONFIGS=str(bench.folder / "configurations"))
    return result, json.loads(output.read_text()) if output.exists() else {}


@pytest.mark.parametrize("version", ["0", "1", "2", "3"])
def test_the_script_decides_as_the_compiler_does(bench: Bench, version: str) -> None:
    clone(bench)
    result, parameters = set_parameters(bench, {"mapping": MAPPING}, version)
    assert result.returncode == 0, result.stderr
    assert parameters == {"build-api": True, "python-version": "3.12", "lint-only": False}
    changed = CheckoutFacts(bench.work).changed_since("main")
    assert list(changed) == (bench.folder / "paths").read_text().splitlines() == ["docs/größe.md", "src/api/main.py"]
    given = Continuation("setup", "filter", ".circleci/continue_config.yml", MAPPING)
    assert decided(given, MAPPING, changed).parameters == parameters


def test_on_the_base_itself_the_last_commit_counts(bench: Bench) -> None:
    clone(bench)
    git(bench, "checkout", "-q", "main")
    _, parameters = set_parameters(bench, {"mapping": "src/ui/.* ui true\nREADME.md readme true"})
    assert parameters == {"ui": True}
    assert CheckoutFacts(bench.work).changed_since("main") == ("src/ui/main.js",)
    _, nothing = set_parameters(bench, {"mapping": "src/ui/.* ui true", "same-base-run": False})
    assert nothing == {}


def test_the_first_commit_changes_everything(bench: Bench) -> None:
    git(bench, "init", "-q", "-b", "main")
    commit(bench, "a.txt", "b/c.txt")
    _, parameters = set_parameters(bench, {"mapping": "b/.* b true"})
    assert parameters == {"b": True}
    assert CheckoutFacts(bench.work).changed_since("main") == ("a.txt", "b/c.txt")


def test_excluded_paths_and_a_mapping_in_a_file(bench: Bench) -> None:
    clone(bench)
    (bench.work / "mapping.txt").write_text(MAPPING)
    _, parameters = set_parameters(bench, {"mapping": "mapping.txt", "exclude": "src/.*"})
    assert parameters == {"lint-only": False}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"mapping": "src/.* build"}, "needs a pattern, a parameter and a value: src/.* build"),
        ({"mapping": "src/.* mode fast"}, "no JSON, and text needs double quotes: src/.* mode fast"),
        ({"mapping": "( a true"}, "is no pattern: ("),
        ({"mapping": ".* a true", "base-revision": "nowhere"}, "There is no revision nowhere in this clone"),
        ({"mapping": ".* a true", "base-revision": "$NOTHING"}, "$NOTHING is empty here"),
    ],
)
def test_what_is_wrong_is_said(bench: Bench, given: dict[str, object], said: str) -> None:
    clone(bench)
    result, _ = set_parameters(bench, given)
    assert result.returncode != 0
    assert said in result.stderr


def test_configurations_that_lines_name_are_listed_and_put_together(bench: Bench) -> None:
    clone(bench)
    set_parameters(bench, {"mapping": "src/.* a true one.yml\ndocs/.* b true two.yml\nsrc/.* c true one.yml"})
    listed = bench.folder / "configurations"
    assert listed.read_text() == "one.yml\ntwo.yml\n"
    for name in ("one.yml", "two.yml"):
        (bench.work / name).write_text("version: 2.1\n")
    given = {"config-list-path": str(listed), "generated-config-path": str(bench.folder / "made.yml")}
    (step,) = steps("circleci/path-filtering@3", "commands", "generate-config", given)
    bench.program("yq", "merged: true")
    assert bench.run(step).returncode == 0
    assert bench.told() == ["yq [eval-all] [. as $one ireduce ({}; . * $one)] [one.yml] [two.yml]"]
    assert (bench.folder / "made.yml").read_text() == "merged: true\n"
    set_parameters(bench, {"mapping": "nothing a true one.yml", "config-path": "two.yml"})
    assert listed.read_text() == "two.yml\n"
    assert bench.run(step).returncode == 0
    assert (bench.folder / "made.yml").read_text() == "version: 2.1\n"


def continues(bench: Bench, given: dict[str, object], **variables: str) -> subprocess.CompletedProcess[str]:
    (bench.work / "next.yml").write_text('version: 2.1\n# "quoted" \\ text\n')
    (step,) = steps("circleci/continuation@2", "commands", "continue", {"configuration_path": "next.yml", **given})
    bench.script(
        "curl",
        'printf "%s\\n" "$*" >> "$LOG"\ncat > "$HOME/body"\n'
        "while [ $# -gt 1 ]; do\n"
        '  if [ "$1" = --output ]; then printf "{\\"message\\": \\"No such key\\"}" > "$2"; fi; shift\ndone\n'
        'printf "%s" "${STATUS:-200}"\n',
    )
    return bench.run(step, **variables)


def test_a_pipeline_is_continued_with_configuration_and_parameters(bench: Bench) -> None:
    (bench.folder / "paths").write_text("a.txt\nb.txt\n")
    paths = {"files_changed": str(bench.folder / "paths"), "parameter_for_files_changed": "paths"}
    given = {"parameters": '{"deploy": true}', **paths}
    result = continues(bench, given, CIRCLE_CONTINUATION_KEY="secret-key")
    assert (result.returncode, result.stdout) == (0, "The pipeline continues.\n")
    assert json.loads((bench.home / "body").read_text()) == {
        "continuation-key": "secret-key",
        "configuration": 'version: 2.1\n# "quoted" \\ text\n',
        "parameters": {"deploy": True, "paths": "a.txt b.txt"},
    }
    (line,) = bench.told()
    assert "https://circleci.com/api/v2/pipeline/continue" in line
    assert "secret-key" not in line


@pytest.mark.parametrize(
    ("given", "variables", "said"),
    [
        ({}, {}, "CIRCLE_CONTINUATION_KEY is empty"),
        ({"parameters": "[1]"}, {"CIRCLE_CONTINUATION_KEY": "k"}, "The parameters are no map in JSON"),
        ({"configuration_path": "no.yml"}, {"CIRCLE_CONTINUATION_KEY": "k"}, "There is no no.yml in"),
        ({}, {"CIRCLE_CONTINUATION_KEY": "k", "STATUS": "403"}, "does not continue: No such key (HTTP 403)"),
    ],
)
def test_what_keeps_a_pipeline_from_continuing(
    bench: Bench, given: dict[str, object], variables: dict[str, str], said: str
) -> None:
    result = continues(bench, given, **variables)
    assert result.returncode == 1
    assert said in result.stderr


def test_a_pipeline_is_finished_with_a_configuration_that_runs_nothing(bench: Bench) -> None:
    continues(bench, {}, CIRCLE_CONTINUATION_KEY="k")
    (step,) = steps("circleci/continuation@0", "commands", "finish", {})
    assert bench.run(step, CIRCLE_CONTINUATION_KEY="k").returncode == 0
    body = json.loads((bench.home / "body").read_text())
    assert body["parameters"] == {}
    assert "when: false" in body["configuration"]
