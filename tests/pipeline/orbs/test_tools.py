"""What the scripts for GitHub, Node.js and installations do, seen by the programs that they call."""

from __future__ import annotations

import hashlib
import platform
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.pipeline.orbs.calls import command, job
from tests.pipeline.orbs.machines import Machine

PROJECT = {"GOOGLE_PROJECT_ID": "shop-1"}


class TestGitHub:
    def test_a_clone_as_the_article_has_it(self, machine: Machine) -> None:
        machine.program("gh")
        call = command(
            "circleci/github-cli@2", "clone", repo="git@github.com:me/manifest.git", branch="main", dir="~/m"
        )
        assert machine.run(call).code == 0
        assert machine.run(call).code == 0
        assert (
            machine.lines("gh") == [f"repo clone git@github.com:me/manifest.git {machine.home}/m -- --branch=main"] * 2
        )
        known = (machine.home / ".ssh" / "known_hosts").read_text().splitlines()
        assert [line.split()[:2] for line in known] == [["github.com", "ssh-ed25519"]]

    def test_a_release(self, machine: Machine) -> None:
        machine.program("gh", "echo gh version 2.23.0")
        for name in ("a.tgz", "b.tgz"):
            (machine.project / name).touch()
        call = job(
            "circleci/github-cli@2", "release", tag="v$N", title="Number $N", files="*.tgz", draft=True, clone=False,
            additional_args="--target 'a b'",
        )  # fmt: skip
        outcome = machine.run(call, {"GITHUB_TOKEN": "t", "N": "7"})
        assert outcome.code == 0, outcome.said
        words = machine.calls("gh")[-1].words[1:]
        assert words == (
            "release", "create", "v7", "--draft", "--notes", "", "--title", "Number 7",
            "--target", "a b", "a.tgz", "b.tgz",
        )  # fmt: skip

    def test_an_upload_and_a_merge(self, machine: Machine) -> None:
        machine.program("gh", "echo gh version 2.23.0")
        (machine.project / "a.tgz").touch()
        variables = {"GITHUB_TOKEN": "t", "CIRCLE_TAG": "v1", "CIRCLE_BRANCH": "topic"}
        up = job("circleci/github-cli@2", "upload", files="*.tgz", additional_args="--clobber", clone=False)
        assert machine.run(up, variables).code == 0
        assert machine.lines("gh")[-1] == "release upload v1 a.tgz --clobber"
        merge = job("circleci/github-cli@2", "pr-merge", additional_args="--squash")
        assert machine.run(merge, variables | {"CIRCLE_REPOSITORY_URL": "me/shop"}).code == 0
        assert machine.lines("gh")[-2:] == ["repo clone me/shop .", "pr merge topic --squash"]


class TestNode:
    @pytest.mark.parametrize(
        ("manager", "label", "ran"),
        [
            ("npm", "circleci/node@4", "npm ci"),
            ("yarn", "circleci/node@5", "yarn install --frozen-lockfile"),
            ("yarn-berry", "circleci/node@5", "yarn install --immutable"),
            ("pnpm", "circleci/node@6", "pnpm install --frozen-lockfile"),
            ("bun", "circleci/node@7", "bun install --frozen-lockfile"),
        ],
    )
    def test_packages_are_installed(self, machine: Machine, manager: str, label: str, ran: str) -> None:
        program = ran.split()[0]
        machine.program(program)
        (machine.project / "app").mkdir()
        (machine.project / "app" / "package.json").write_text("{}")
        call = command(label, "install-packages", pkg__manager=manager, app__dir="app", with__cache=False)
        assert machine.run(call).code == 0
        assert [f"{program} {line}" for line in machine.lines(program)] == [ran]

    def test_a_command_of_one_s_own_takes_its_place(self, machine: Machine) -> None:
        machine.program("npm")
        (machine.project / "package.json").write_text("{}")
        given = "npm i --prefix \"$HOME\" && npm run 'a b'"
        call = command("circleci/node@4", "install-packages", override__ci__command=given, with__cache=False)
        assert machine.run(call).code == 0
        assert machine.calls("npm")[1].words == ("npm", "run", "a b")

    @pytest.mark.parametrize("label", ["circleci/node@4", "circleci/node@5", "circleci/node@6", "circleci/node@7"])
    def test_a_script_is_run(self, machine: Machine, label: str) -> None:
        machine.program("npm")
        (machine.project / "package.json").write_text("{}")
        assert machine.run(job(label, "run", npm__run="lint")).code == 0
        assert machine.lines("npm") == ["ci", "run lint"]

    def test_results_are_asked_of_the_framework(self, machine: Machine) -> None:
        machine.program("npm")
        (machine.project / "package.json").write_text('{"devDependencies": {"jest-junit": "1"}}')
        assert machine.run(job("circleci/node@5", "test", test__results__for="jest")).code == 0
        assert machine.lines("npm")[-1] == "run test -- --reporters=default --reporters=jest-junit"
        outcome = machine.run(job("circleci/node@5", "test", test__results__for="mocha"))
        assert outcome.code == 1
        assert "mocha-junit-reporter is needed for test-results-for: mocha" in outcome.said


class TestInstallations:
    def shop(self, machine: Machine, files: Mapping[str, bytes], newest: str = "") -> Path:
        """A curl that has files by the last part of their address."""
        folder = machine.home.parent / "shop"
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_bytes(content)
        machine.program(
            "curl",
            f"""\
for word; do if [ "$last" = --output ]; then out=$word; fi; last=$word; done
case "$*" in
  *--head*) printf https://github.com/x/y/releases/tag/v{newest} ;;
  *) cp "{folder}/${{last##*/}}" "$out" ;;
esac""",
        )
        return folder

    def test_what_is_there_is_not_fetched(self, machine: Machine) -> None:
        machine.program("curl", "exit 1")
        machine.program("gh", "echo 'gh version 2.23.0 (2023-02-08)'")
        machine.program("gcloud")
        machine.program("aws")
        for call in (
            command("circleci/github-cli@2", "install"),
            command("circleci/github-cli@2", "install", version="2.23.0"),
            command("circleci/gcp-cli@3", "install"),
            command("circleci/aws-cli@5", "install"),
        ):
            assert machine.run(call).code == 0
        assert machine.calls("curl") == []
        assert machine.run(command("circleci/github-cli@2", "install", version="2.24.0")).code != 0

    @pytest.mark.parametrize("version", ["latest", "v2.5.0", "2.5.0"])
    def test_what_is_fetched_is_compared(self, machine: Machine, version: str) -> None:
        program = b"#!/bin/sh\necho compose 2.5.0\n"
        name = f"docker-compose-linux-{platform.machine()}"
        sums = f"{hashlib.sha256(program).hexdigest()} *{name}\n".encode()
        folder = self.shop(machine, {name: program, f"{name}.sha256": sums}, newest="2.5.0")
        place = machine.home / "bin"
        call = command("circleci/docker@2", "install-docker-compose", version=version, install__dir="~/bin")
        outcome = machine.run(call)
        assert (outcome.code, outcome.said) == (0, "compose 2.5.0\n")
        asked = machine.lines("curl")
        assert all("--proto =https" in line for line in asked)
        assert any(line.endswith(f"/docker/compose/releases/download/v2.5.0/{name}") for line in asked)
        (place / "docker-compose").unlink()
        (folder / name).write_bytes(b"something else")
        outcome = machine.run(call)
        assert outcome.code == 1
        assert f"{name} is not what its publisher lists" in outcome.said
        assert not (place / "docker-compose").exists()

    def test_later_steps_find_what_was_installed(self, machine: Machine) -> None:
        source = machine.home.parent / "google-cloud-sdk" / "bin"
        source.mkdir(parents=True)
        (source / "gcloud").write_text('#!/bin/sh\necho gcloud "$@"\n')
        (source / "gcloud").chmod(0o755)
        archive = machine.home.parent / "sdk.tgz"
        with tarfile.open(archive, "w:gz") as packed:
            packed.add(source.parent, "google-cloud-sdk")
        architecture = {"x86_64": "x86_64", "aarch64": "arm"}[platform.machine()]
        self.shop(machine, {f"google-cloud-cli-500.0.0-linux-{architecture}.tar.gz": archive.read_bytes()})
        call = command("circleci/gcp-cli@3", "setup", version="500.0.0", components="kubectl beta")
        outcome = machine.run(call, PROJECT | {"GCLOUD_SERVICE_KEY": "{}"})
        assert outcome.code == 0, outcome.said
        assert "gcloud components install --quiet kubectl beta" in outcome.said
        assert "gcloud auth activate-service-account" in outcome.said

    def test_node_of_a_line_is_its_newest(self, machine: Machine) -> None:
        machine.program("node", "echo v16.1.0")
        table = "version\tdate\tfiles\tnpm\tv8\tuv\tzlib\topenssl\tmodules\tlts\tsecurity\n"
        rows = [("v23.1.0", "-"), ("v22.5.1", "Jod"), ("v22.5.0", "Jod"), ("v18.20.4", "Hydrogen")]
        table += "".join(f"{version}\td\tf\tn\tv\tu\tz\to\tm\t{lts}\tfalse\n" for version, lts in rows)
        self.shop(machine, {"index.tab": table.encode()})
        (machine.project / ".nvmrc").write_text("lts/hydrogen\n")
        for wanted, version in (
            ("", "v18.20.4"),
            ("latest", "v23.1.0"),
            ("lts", "v22.5.1"),
            ("18", "v18.20.4"),
            ("22.5.0", "v22.5.0"),
        ):
            assert machine.run(command("circleci/node@5", "install", node__version=wanted)).code != 0
            assert f"https://nodejs.org/dist/{version}/node-{version}-linux-" in machine.lines("curl")[-1]
        outcome = machine.run(command("circleci/node@5", "install", node__version="99"))
        assert "There is no Node.js 99" in outcome.said
        assert (
            "Node.js v16.1.0 is there"
            in machine.run(command("circleci/node@5", "install", node__version="16.1", install__npm=False)).said
        )
