"""Every element of the built-in orbs can be called, and its scripts are such as a shell reads."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest
import yaml

from tests.cases import CORPUS, corpus_file, load
from tests.pipeline.orbs.calls import HOSTILE, ORBS, Call, every_call, every_job, find, labels, run_steps, text_for
from todoke.model.job_graphs import OrbText
from todoke.pipeline.circleci.compiling import Options, compiled
from todoke.pipeline.circleci.values import defaults
from todoke.source.orbs.built_in import BuiltIn

pytestmark = pytest.mark.slow

FLOWING = re.compile(r"<<\s*parameters\.")


@pytest.mark.parametrize("full", [False, True], ids=["required", "all"])
@pytest.mark.parametrize("label", labels())
def test_every_element_compiles(label: str, *, full: bool) -> None:
    found = every_job(label, full=full)
    assert len(found) == len(list(every_call(label, full=full)))
    for name, job in found.items():
        assert "steps" in job, name
        assert any(key in job for key in ("docker", "machine", "macos")), name


@pytest.mark.parametrize("label", labels())
def test_what_is_given_is_no_part_of_a_script(label: str) -> None:
    """It reaches the script as a variable, so that no quote or dollar in it can be read as a command."""
    for name, job in every_job(label, full=True).items():
        for run in run_steps(job):
            assert HOSTILE not in run["command"], (name, run["name"])
            assert not FLOWING.search(run["command"]), (name, run["name"])


@pytest.mark.parametrize("label", labels())
def test_parameters_mean_something(label: str) -> None:
    """Each is put in somewhere in its element; those that do nothing here are known ones."""
    idle = {"debug", "use-credentials-helper", "use_credentials_helper"}
    orb = load(text_for(label))
    for section in ("commands", "jobs", "executors"):
        for name, element in (orb.get(section) or {}).items():
            body = yaml.safe_dump({key: value for key, value in element.items() if key != "parameters"}, width=10_000)
            for parameter in element.get("parameters") or {}:
                used = re.search(rf"parameters\.{re.escape(parameter)}\b(?![\w-])", body)
                assert used or parameter in idle or _for_the_hub(label, parameter), (name, parameter)


def _for_the_hub(label: str, parameter: str) -> bool:
    """Only Docker Hub has descriptions: which registry it is does not matter there."""
    return "/docker@" in label and parameter == "registry"


def scripts() -> list[str]:
    """Every script of every generation, once."""
    jobs = [job for label in labels() for full in (False, True) for job in every_job(label, full=full).values()]
    return sorted({run["command"] for job in jobs for run in run_steps(job) if "echo given" not in run["command"]})


def test_scripts_are_such_as_bash_reads() -> None:
    found = scripts()
    assert len(found) > 40
    for script in found:
        outcome = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False)
        assert (outcome.returncode, outcome.stderr) == (0, ""), script


def test_scripts_show_no_secrets() -> None:
    for script in scripts():
        assert not re.search(r"set -[a-z]*x|--password[= ](?!@-)\S", script), script
        assert "http://" not in script


def test_scripts_hold_no_usual_mistakes(tmp_path: Path) -> None:
    program = str(Path(sys.executable).with_name("shellcheck"))
    for number, script in enumerate(scripts()):
        (tmp_path / f"{number:02}.sh").write_text(script + "\n")
    known = "SC2016,SC2317"  # quotes that keep a dollar for later, functions that this step does not call
    words = [program, "--shell=bash", f"--exclude={known}", "--format=gcc", *map(str, sorted(tmp_path.glob("*.sh")))]
    outcome = subprocess.run(words, text=True, capture_output=True, check=False)
    assert outcome.stdout == ""


@pytest.mark.parametrize(
    ("reference", "generation"),
    [
        ("circleci/node@5.0.0", "circleci/node@5"),
        ("circleci/node@4.7", "circleci/node@4"),
        ("circleci/node@7", "circleci/node@7"),
        ("circleci/node@volatile", "circleci/node@7"),
        ("circleci/node@latest", None),
        ("circleci/gcp-gcr@0.13.0", "circleci/gcp-gcr@0.13"),
        ("circleci/gcp-gcr@0.14.2", "circleci/gcp-gcr@0.13"),
        ("circleci/gcp-gcr@0.16.9", "circleci/gcp-gcr@0.15"),
        ("circleci/gcp-gcr@0.6.0", None),
        ("circleci/gcp-gcr@1.0.0", None),
        ("circleci/aws-ecr@8.1.3", "circleci/aws-ecr@8"),
        ("circleci/aws-ecr@5.0.0", None),
        ("circleci/docker@2.8.2", "circleci/docker@2"),
    ],
)
def test_a_version_is_of_a_generation(reference: str, generation: str | None) -> None:
    found = find(reference)
    if generation is None:
        assert isinstance(found, str)
    else:
        assert isinstance(found, OrbText)
        assert (found.resolved, found.origin) == (f"{generation} (todoke)", "built-in")


def test_generations_keep_their_spelling() -> None:
    def elements(label: str, section: str) -> set[str]:
        return set(load(text_for(label))[section])

    assert "build-and-push-image" in elements("circleci/aws-ecr@8", "jobs")
    assert "build_and_push_image" in elements("circleci/aws-ecr@9", "jobs")
    assert "install-docker" in elements("circleci/docker@2", "commands")
    assert "install_docker" in elements("circleci/docker@3", "commands")
    assert "assume-role-with-web-identity" in elements("circleci/aws-cli@3", "commands")
    assert "assume_role_with_web_identity" in elements("circleci/aws-cli@4", "commands")
    kebab = set(load(text_for("circleci/aws-cli@3"))["commands"]["setup"]["parameters"])
    assert {"profile-name", "aws-region", "role-arn"} <= kebab
    snake = set(load(text_for("circleci/aws-cli@5"))["commands"]["setup"]["parameters"])
    assert {"profile_name", "region", "role_arn", "use_brew"} <= snake
    assert not any("-" in name for name in snake)


def test_each_orb_has_its_generations() -> None:
    found = {name: BuiltIn().generations("circleci", name) for name in ORBS}
    assert [label.partition("@")[2] for label in found["aws-ecr"]] == ["0", "6", "7", "8", "9"]
    assert sum(len(each) for each in found.values()) == 28


def test_text_of_an_unknown_call_is_refused() -> None:
    with pytest.raises(AssertionError, match=r"Unexpected argument\(s\): imag"):
        Call("circleci/gcp-gcr@0.13", "commands", "build-image", {"image": "a", "imag": "b"}).runs()


MISTAKES = {"profile"}
"""Given once to aws-cli/setup, whose documented name of it is profile-name or profile_name."""
_LISTED = re.compile(r"- (command|job|executor) `([\w-]+)`: \d+ \(\d+\)(?:; (.*))?")


def test_what_real_files_use_is_there() -> None:
    """Each element and parameter that the corpus counts is in a generation of the orb."""
    sections = re.split(r"^## \d+\. ", corpus_file("circleci/orbs.md").read_text(), flags=re.MULTILINE)[1:]
    used = {text.split("\n", 1)[0].removeprefix("circleci/"): text for text in sections}
    compared = 0
    for orb in set(ORBS) & set(used):
        generations = [load(text_for(label)) for label in BuiltIn().generations("circleci", orb)]
        for kind, element, given in _LISTED.findall(used[orb]):
            names = {one.rpartition(" ")[0] for one in given.split(", ") if one and not one.startswith("(")}
            names -= MISTAKES
            having = [text.get(f"{kind}s", {}).get(element) for text in generations]
            declared = [set(one.get("parameters") or {}) for one in having if one is not None]
            assert declared, (orb, kind, element)
            assert names <= set().union(*declared), (orb, element, names - set().union(*declared))
            compared += 1
    assert compared > 20


def test_real_configurations_call_what_is_there() -> None:
    """With empty orbs for those that are not built in, nothing is wrong with any call of those that are."""
    files = sorted(CORPUS.glob("circleci/wild/*.yml"))
    if not files:
        pytest.skip("the corpus is not beside this checkout")
    called = 0
    for file in files:
        text = file.read_text()
        orbs = re.findall(rf"^\s+([\w-]+): circleci/(?:{'|'.join(ORBS)})@", text, re.MULTILINE)
        if not orbs:
            continue
        found = compiled(text, Options(pipeline=defaults()), or_empty)
        mistakes = [error.text for error in found.errors if "argument" in error.text]
        mistakes += [error.text for error in found.errors if re.search(rf"named (?:{'|'.join(orbs)})/", error.text)]
        assert mistakes == [], file.name
        called += 1
    assert called > 25


def or_empty(reference: str) -> OrbText:
    """A built-in orb, or one without elements."""
    found = find(reference)
    return found if isinstance(found, OrbText) else OrbText("{}", reference, "folder", "")


def test_scripts_have_the_functions_that_they_call_and_no_others() -> None:
    defining = re.compile(r"^(\w+)\(\) \{", re.MULTILINE)
    folder = resources.files("todoke.source.orbs") / "scripts"
    known = {name for file in folder.iterdir() for name in defining.findall(file.read_text())}
    assert {"expanded", "fetched"} <= known
    for script in scripts():
        here = set(defining.findall(script))
        called = re.compile(
            rf"(?:^|[;|(&]|\bif|\bthen|\buntil|!)\s*({'|'.join(sorted(known))})(?=\s+[\"$\w])", re.MULTILINE
        )
        assert set(called.findall(script)) <= here, script
        for name in here:
            assert len(re.findall(rf"\b{name}\b", script)) > 1, (name, script)
