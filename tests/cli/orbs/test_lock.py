"""`todoke ci orb lock`, against a registry on loopback and real Git: what is pinned, and what is refused."""

from __future__ import annotations

import hashlib
import json
import ssl
from pathlib import Path

import pytest
import yaml

from tests.cli.orbs.conftest import Desk, host
from tests.cluster.certificates import Certificates
from tests.cluster.git_repo import Repo, Symlink
from tests.source.orbs.registry import JOB, OrbRegistry

pytestmark = pytest.mark.slow

SECRET = "t0p-secret"


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
