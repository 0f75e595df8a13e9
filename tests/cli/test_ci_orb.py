"""`todoke ci orb`: orbs listed, shown, packed, checked, and pinned to a registry's texts or to Git."""

from __future__ import annotations

import hashlib
import json
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from tests.cli.conftest import Workshop
from tests.cli.test_program import example_lines, words_of
from tests.cluster.certificates import Certificates
from tests.cluster.git_repo import Repo, Symlink
from tests.source.orbs.registry import JOB, OrbRegistry
from todoke.cli.app import root
from todoke.cli.ci import orb_list, orb_lock, orb_pack, orb_show, orb_validate

pytestmark = pytest.mark.slow

USER = "version: 2.1\norbs: {%s}\nworkflows: {all: {jobs: [%s]}}\n"
SECRET = "t0p-secret"


class Desk:
    """A folder with configurations, a registry, and the program."""

    def __init__(self, path: Path, registry: OrbRegistry) -> None:
        self.path, self.registry = path, registry
        self.environment: dict[str, str | None] = {
            "XDG_CACHE_HOME": str(path / "cache"),
            "TODOKE_ORB_REGISTRY": registry.url,
            "TODOKE_ORB_TOKEN": None,
            "CIRCLECI_CLI_TOKEN": None,
        }
        (path / ".circleci").mkdir()

    def uses(self, *references: str, name: str = "config.yml") -> None:
        """A configuration that runs the job `check` of each orb."""
        orbs = ", ".join(f'o{number}: "{reference}"' for number, reference in enumerate(references))
        jobs = ", ".join(f"o{number}/check" for number in range(len(references)))
        self.write(name, USER % (orbs, jobs))

    def write(self, name: str, text: str) -> Path:
        place = self.path / ".circleci" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        return place

    def run(self, *words: str, typed: str | None = None) -> Result:
        runner = CliRunner(env=self.environment)
        return runner.invoke(root, ["ci", *words], obj=Workshop().doors(), input=typed, catch_exceptions=False)

    def lock(self, *words: str, code: int = 0) -> Result:
        result = self.run("orb", "lock", *words)
        assert result.exit_code == code, result.output
        return result

    def start(self, *words: str) -> subprocess.Popen[str]:
        """The program as a process."""
        environment = {**os.environ, **{name: value or "" for name, value in self.environment.items()}}
        line = (sys.executable, "-c", "from todoke.main import cli; cli()", "ci", "orb", "lock", *words)
        return subprocess.Popen(line, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    @property
    def locked(self) -> dict[str, dict[str, str]]:
        found = yaml.safe_load((self.path / ".circleci" / "orbs.lock").read_text())
        assert found["version"] == 1
        orbs: dict[str, dict[str, str]] = found["orbs"]
        return orbs


@pytest.fixture
def registry() -> Iterator[OrbRegistry]:
    with OrbRegistry() as running:
        running.orbs["acme/own@1.0.0"] = JOB
        yield running


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, registry: OrbRegistry) -> Desk:
    monkeypatch.chdir(tmp_path)
    return Desk(tmp_path, registry)


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_what_is_locked_compiles_without_the_registry(desk: Desk, registry: OrbRegistry) -> None:
    desk.uses("acme/own@1.0.0")
    missing = desk.run("compile")
    assert missing.exit_code == 1
    assert "Put it at .circleci/orbs/acme/own.yml, or run `todoke ci orb lock`" in missing.stderr
    said = desk.lock()
    assert said.stdout == (f"acme/own@1.0.0 is 1.0.0, sha256 {sha256(JOB)[:12]}, from {host(registry)}\n1 locked.\n")
    assert said.stderr == f"acme/own@1.0.0 is 1.0.0, from {host(registry)}\n"
    assert desk.locked == {"acme/own@1.0.0": {"version": "1.0.0", "sha256": sha256(JOB), "registry": host(registry)}}
    registry.stop()
    compiled = desk.run("compile", "--strict")
    assert compiled.exit_code == 0, compiled.output
    assert compiled.stdout.startswith("# Orb 'acme/own@1.0.0' resolved to 'acme/own@1.0.0'\nversion: 2\n")
    assert compiled.stderr == ""
    assert desk.lock().stdout == "0 locked, 1 as before.\n"


def host(registry: OrbRegistry) -> str:
    return registry.url.removeprefix("http://").removesuffix("/graphql")


@pytest.mark.parametrize("knows_parts", [True, False])
def test_partial_versions_become_full_ones(desk: Desk, registry: OrbRegistry, knows_parts: bool) -> None:
    registry.knows_parts = knows_parts
    registry.orbs |= {
        f"acme/own@{version}": f"{JOB}# {version}\n" for version in ("1.9.0", "1.10.1", "2.0.0", "10.0.0")
    }
    desk.uses("acme/own@1", "acme/own@1.9", "acme/own@volatile", "acme/own@2.0.0")
    desk.lock()
    assert {name: entry["version"] for name, entry in desk.locked.items()} == {
        "acme/own@1": "1.10.1",
        "acme/own@1.9": "1.9.0",
        "acme/own@2.0.0": "2.0.0",
        "acme/own@volatile": "10.0.0",
    }
    assert "# Orb 'acme/own@1' resolved to 'acme/own@1.10.1'" in desk.run("compile").stdout


def test_orbs_of_orbs_and_references_with_parameters_are_locked_too(desk: Desk, registry: OrbRegistry) -> None:
    registry.orbs |= {
        "acme/outer@1.0.0": f"orbs: {{inner: acme/inner@2}}\n{JOB}",
        "acme/inner@2.3.4": JOB,
        "acme/other@7.0.0": JOB,
    }
    desk.write(
        "config.yml",
        "version: 2.1\nparameters: {v: {type: string, default: '7.0'}}\norbs:\n  a: acme/outer@1.0.0\n"
        "  b: acme/other@<< pipeline.parameters.v >>\n  c: {orbs: {d: acme/own@1.0.0}, jobs: {}}\n"
        "jobs: {build: {docker: [{image: a}], steps: [checkout]}}\n",
    )
    desk.lock()
    assert list(desk.locked) == ["acme/inner@2", "acme/other@7.0", "acme/outer@1.0.0", "acme/own@1.0.0"]
    assert len(registry.asked) == 4
    rows = [line.split() for line in desk.run("orb", "list").stdout.splitlines()]
    assert rows == [
        ["NAME", "REFERENCE", "IS", "FROM", "PLACE"],
        ["a", "acme/outer@1.0.0", "acme/outer@1.0.0", "lock", host(registry)],
        ["a/inner", "acme/inner@2", "acme/inner@2.3.4", "lock", host(registry)],
        ["b", "acme/other@7.0", "acme/other@7.0.0", "lock", host(registry)],
        ["c", "-", "-", "inline", "-"],
        ["c/d", "acme/own@1.0.0", "acme/own@1.0.0", "lock", host(registry)],
    ]


def test_what_is_locked_stays_until_it_is_updated(desk: Desk, registry: OrbRegistry) -> None:
    desk.uses("acme/own@1")
    desk.lock("--check", code=1)
    assert not (desk.path / ".circleci" / "orbs.lock").exists()
    desk.lock()
    desk.lock("--check")
    registry.orbs["acme/own@1.1.0"] = f"{JOB}# newer\n"
    asked = len(registry.asked)
    desk.lock("--check")
    desk.lock()
    assert len(registry.asked) == asked
    said = desk.lock("--check", "--update", code=1)
    assert "acme/own@1 is 1.1.0" in said.stdout
    assert said.stdout.endswith("1 would be locked.\n")
    assert desk.locked["acme/own@1"]["version"] == "1.0.0"
    found = json.loads(desk.lock("--update", "-o", "json").stdout)
    assert (found["written"], found["changed"]["acme/own@1"]["version"]) == (True, "1.1.0")
    assert desk.locked["acme/own@1"]["version"] == "1.1.0"


def test_other_configurations_of_the_folder_keep_their_locks(desk: Desk, registry: OrbRegistry) -> None:
    registry.orbs["acme/other@1.0.0"] = JOB
    desk.uses("acme/own@1")
    desk.uses("acme/other@1", name="continue_config.yml")
    desk.lock()
    desk.lock(".circleci/continue_config.yml")
    assert list(desk.locked) == ["acme/other@1", "acme/own@1"]


def test_vendored_texts_need_no_cache(desk: Desk, registry: OrbRegistry) -> None:
    desk.uses("acme/own@1")
    desk.lock("--vendor")
    vendored = desk.path / ".circleci" / "orbs" / "acme" / "own@1.0.0.yml"
    assert vendored.read_text() == JOB
    assert not (desk.path / "cache").exists()
    registry.stop()
    assert "# Orb 'acme/own@1' resolved to 'acme/own@1.0.0'" in desk.run("compile").stdout
    desk.lock("--check")
    vendored.write_text(f"{JOB}# changed\n")
    refused = desk.run("validate")
    assert refused.exit_code == 1
    assert f"{vendored.relative_to(desk.path)}: is not the text that orbs.lock locks" in refused.stderr


def test_a_text_that_is_not_in_the_cache_is_asked_for_and_fetched_once_more(desk: Desk, registry: OrbRegistry) -> None:
    desk.uses("acme/own@1")
    desk.lock()
    desk.environment["XDG_CACHE_HOME"] = str(desk.path / "another-machine")
    missing = desk.run("validate")
    assert missing.exit_code == 1
    assert "It is locked to acme/own@1.0.0" in missing.stderr
    assert "Run `todoke ci orb lock`" in missing.stderr
    registry.orbs["acme/own@1.5.0"] = f"{JOB}# newer\n"
    assert "fetched once more" in desk.lock().stderr
    assert registry.asked[-1] == "acme/own@1.0.0"
    assert desk.run("validate").exit_code == 0


def test_a_registry_that_gives_another_text_than_the_locked_one_is_refused(desk: Desk, registry: OrbRegistry) -> None:
    desk.uses("acme/own@1")
    desk.lock()
    before = (desk.path / ".circleci" / "orbs.lock").read_bytes()
    desk.environment["XDG_CACHE_HOME"] = str(desk.path / "another-machine")
    registry.orbs["acme/own@1.0.0"] = f"{JOB}# swapped\n"
    result = desk.lock(code=2)
    assert "has another text for acme/own@1.0.0 than the one that is locked" in result.stderr
    assert (desk.path / ".circleci" / "orbs.lock").read_bytes() == before
    assert not (desk.path / "another-machine").exists()


def test_a_changed_text_in_the_cache_is_refused_and_mended(desk: Desk, registry: OrbRegistry) -> None:
    desk.uses("acme/own@1")
    desk.lock()
    place = desk.path / "cache" / "todoke" / "orbs" / f"{sha256(JOB)}.yml"
    place.write_text(JOB.replace("checkout", "run: curl evil"))
    refused = desk.run("compile")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "is not the text that orbs.lock locks" in refused.stderr
    desk.lock()
    assert place.read_text() == JOB
    assert desk.run("compile").exit_code == 0


def test_an_orb_that_is_not_there_leaves_everything_as_it_was(desk: Desk) -> None:
    desk.uses("acme/own@1", "acme/none@1.0")
    result = desk.lock(code=2)
    assert ".circleci/config.yml:2:" in result.stderr
    assert "has no acme/none@1.0. Check that the namespace, orb name and version are correct" in result.stderr
    assert "If it is private: Set TODOKE_ORB_TOKEN" in result.stderr
    assert not (desk.path / ".circleci" / "orbs.lock").exists()


@pytest.mark.parametrize("variable", ["TODOKE_ORB_TOKEN", "CIRCLECI_CLI_TOKEN"])
def test_a_private_orb_needs_the_token_which_is_shown_nowhere(desk: Desk, registry: OrbRegistry, variable: str) -> None:
    registry.private, registry.token = {"acme/own"}, SECRET
    desk.uses("acme/own@1")
    desk.lock(code=2)
    assert "Authorization" not in registry.headers[-1]
    desk.environment[variable] = "wrong"
    desk.lock(code=2)
    desk.environment[variable] = SECRET
    result = desk.lock()
    assert registry.headers[-1]["Authorization"] == SECRET
    written = (desk.path / ".circleci" / "orbs.lock").read_text()
    assert SECRET not in result.output + written


def test_over_tls_a_redirect_on_the_same_host_is_followed_with_the_token(desk: Desk, tmp_path: Path) -> None:
    made = Certificates.make(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.serving, made.serving_key)
    desk.uses("acme/own@1")
    with OrbRegistry(context) as registry:
        registry.orbs["acme/own@1.0.0"] = JOB
        registry.private, registry.token = {"acme/own"}, SECRET
        address = registry.url.replace("/graphql", "/moved")
        desk.environment |= {"TODOKE_ORB_REGISTRY": address, "TODOKE_ORB_TOKEN": SECRET}
        assert "its TLS certificate is not trusted" in desk.lock(code=2).stderr
        assert registry.headers == []
        desk.environment["SSL_CERT_FILE"] = str(made.ca)
        process = desk.start()
        _, errors = process.communicate(timeout=50)
    assert process.returncode == 0, errors
    assert desk.locked["acme/own@1"]["registry"] == address.split("/")[2]


def test_development_versions_are_locked_by_their_text_and_told(desk: Desk, registry: OrbRegistry) -> None:
    registry.orbs["acme/own@dev:alpha"] = JOB
    desk.uses("acme/own@dev:alpha")
    result = desk.lock("--vendor")
    assert "warning: acme/own@dev:alpha is a development version, which moves" in result.stderr
    assert (desk.path / ".circleci" / "orbs" / "acme" / "own@dev_alpha.yml").is_file()
    registry.orbs["acme/own@dev:alpha"] = f"{JOB}# moved\n"
    desk.lock("--check")
    desk.lock("--check", "--update", code=1)


def test_orbs_of_the_folder_are_not_asked_for(desk: Desk, registry: OrbRegistry) -> None:
    desk.uses("acme/mine@1.0")
    desk.write("orbs/acme/mine.yml", f"orbs: {{o: acme/own@1}}\n{JOB}")
    assert desk.lock().stdout.endswith("1 locked, 1 in .circleci/orbs/.\n")
    assert registry.asked == ["acme/own@1"]
    text = desk.run("compile").stdout
    assert "# Orb 'acme/mine@1.0' resolved to 'acme/mine@1.0', from .circleci/orbs/acme/mine.yml" in text


def test_an_orb_from_git_is_pinned_to_its_commit(desk: Desk, tmp_path: Path) -> None:
    repo = Repo.create(tmp_path / "server" / "orbs.git")
    files = {
        "src/own/@orb.yml": "version: 2.1\ndescription: ours\n",
        "src/own/jobs/check.yml": "docker: [{image: a}]\nsteps: [say]\n",
        "src/own/commands/say.yml": "steps: [{run: {command: <<include(say.sh)>>}}]\n",
        "src/own/say.sh": "cat <<EOF\nhello\nEOF\n",
        "src/own/outside.sh": Symlink("../../secret"),
        "one.yml": JOB,
    }
    first = repo.commit(files, "first")
    repo.tag("v1.2")
    repo.commit({"src/own/say.sh": "echo later\n"}, "second")
    desk.uses("acme/packed@1.2", "acme/one@1.2")
    desk.lock(
        "--from-git", f"{repo.url}@v1.2:src/own", "acme/packed@1.2", "--from-git", f"{repo.url}:one.yml", "acme/one@1.2"
    )
    entry = desk.locked["acme/packed@1.2"]
    assert (entry["git"], entry["ref"], entry["commit"], entry["path"]) == (repo.url, "v1.2", first, "src/own")
    assert desk.locked["acme/one@1.2"]["commit"] == repo.tip()
    found = desk.run("compile")
    assert f"resolved to 'acme/packed@1.2', from {repo.url}@{first[:12]}:src/own" in found.stdout
    assert yaml.safe_load(found.stdout)["jobs"]["o0/check"]["steps"] == [{"run": {"command": "cat <<EOF\nhello\nEOF"}}]
    desk.environment["XDG_CACHE_HOME"] = str(tmp_path / "another-machine")
    repo.tag("v1.2")
    assert "fetched once more" in desk.lock().stderr
    assert desk.run("compile").stdout == found.stdout
    desk.lock("--check", "--update", code=1)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("@v9:src/own", 'revision "v9" not found'),
        (":src/none", "Orb src/none of"),
        (":", "is no folder of an orb"),
        (":image.png", "is not UTF-8 text"),
    ],
)
def test_what_is_wrong_with_an_orb_from_git_is_told(desk: Desk, tmp_path: Path, place: str, said: str) -> None:
    repo = Repo.create(tmp_path / "server" / "orbs.git")
    repo.commit({"src/own/x.yml": "a: 1", "image.png": b"\x89\xff"}, "first")
    desk.uses("acme/own@1")
    assert said in desk.lock("--from-git", f"{repo.url}{place}", "acme/own@1", code=2).stderr


def test_built_in_stand_ins_are_named_until_the_orb_is_locked(desk: Desk, registry: OrbRegistry) -> None:
    labels = json.loads(desk.run("orb", "list", "--built-in", "-o", "json").stdout)["orbs"]
    if not labels:
        pytest.skip("no orb is built in")
    reference = f"{labels[0]}.0.0" if labels[0].partition("@")[2].count(".") == 0 else f"{labels[0]}.0"
    desk.write(
        "config.yml",
        f"version: 2.1\norbs: {{o: {reference}}}\njobs: {{build: {{docker: [{{image: a}}], steps: [checkout]}}}}\n",
    )
    found = desk.run("compile")
    assert found.stdout.startswith(f"# Orb '{reference}' is stood in for by todoke's built-in {labels[0]}")
    assert f"warning: The orb {reference} is stood in for by todoke's built-in {labels[0]}" in found.stderr
    assert "`todoke ci orb lock` gets the published one" in found.stderr
    refused = desk.run("validate", "--strict")
    assert refused.exit_code == 1
    assert "which --strict refuses" in refused.stderr
    registry.orbs[reference] = JOB
    desk.lock()
    found = desk.run("compile", "--strict")
    assert found.stdout.startswith(f"# Orb '{reference}' resolved to '{reference}'\n")
    assert found.stderr == ""


def test_a_lock_that_is_killed_leaves_the_old_one_whole(desk: Desk, registry: OrbRegistry) -> None:
    desk.uses("acme/own@1")
    desk.lock()
    place = desk.path / ".circleci" / "orbs.lock"
    before = place.read_bytes()
    registry.orbs |= {"acme/own@1.1.0": JOB, "acme/slow@1.0.0": JOB}
    registry.hang_at = "acme/slow@1"
    desk.uses("acme/own@1", "acme/slow@1")
    process = desk.start("--update")
    assert registry.hanging.acquire(timeout=30)
    process.kill()
    process.communicate()
    assert place.read_bytes() == before
    registry.hang_at = ""
    desk.lock("--update")
    assert [entry["version"] for entry in desk.locked.values()] == ["1.1.0", "1.0.0"]
    assert sorted(each.name for each in place.parent.iterdir()) == ["config.yml", "orbs.lock"]


def test_two_that_lock_at_once_lose_nothing(desk: Desk, registry: OrbRegistry) -> None:
    registry.orbs["acme/other@1.0.0"] = JOB
    desk.uses("acme/own@1")
    desk.uses("acme/other@1", name="continue_config.yml")
    registry.wait_for = 2
    processes = [desk.start(), desk.start(".circleci/continue_config.yml")]
    for process in processes:
        _, errors = process.communicate(timeout=50)
        assert process.returncode == 0, errors
    assert list(desk.locked) == ["acme/other@1", "acme/own@1"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("orbs: [", "is no YAML"),
        ("orbs: {}\n", "needs a version and orbs"),
        ("version: 9\norbs: {}\n", "has the version 9. Use a newer todoke"),
        ("version: 1\norbs: {acme/own@1: {version: 1.0.0}}\n", "`sha256`"),
        ("version: 1\norbs: {acme/own@1: {version: 1.0.0, sha256: ../../x}}\n", "orbs.acme/own@1"),
        ("version: 1\norbs: {acme/own@1: {version: 1.0.0, sha256: a, evil: b}}\n", "evil"),
    ],
)
def test_a_lock_file_that_is_wrong_is_refused(desk: Desk, text: str, said: str) -> None:
    desk.uses("acme/own@1")
    desk.write("orbs.lock", text)
    for words in (("validate",), ("orb", "lock"), ("orb", "list")):
        result = desk.run(*words)
        assert result.exit_code == 2
        assert said in result.stderr, result.stderr
        assert "orbs.lock" in result.stderr


def test_names_do_not_lead_out_of_the_folder(desk: Desk) -> None:
    desk.write("../secret.yml", JOB)
    for reference in ("../..@1", "acme/own@dev:../../../secret", "..%2f/x@1"):
        desk.uses(reference)
        assert desk.run("validate").exit_code == 1


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


def test_a_registry_that_is_none_is_told_once(desk: Desk) -> None:
    desk.uses("acme/own@1", "acme/other@1", "acme/third@2")
    said = desk.lock("--registry", "nonsense", code=2).stderr
    assert said.count("is no address of a registry") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--registry", "http://registry.example.com/graphql"), "is not encrypted"),
        (("--registry", "https://user:word@registry.example.com/"), "is no address of a registry"),
        (("--registry", "ftp://registry.example.com/"), "is no address of a registry"),
        (("--from-git", "https://git.example.com/x.git", "acme/own@1"), "is not URL:PATH"),
        (("--from-git", "https://git.example.com/x.git:a", "own"), "own is not namespace/orb@version"),
        (("nowhere.yml",), "nowhere.yml: cannot be read"),
    ],
)
def test_nonsense_is_answered(desk: Desk, words: tuple[str, ...], said: str) -> None:
    desk.uses("acme/own@1")
    result = desk.lock(*words, code=2)
    assert said in result.stderr
    assert "user:word" not in result.stderr


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
