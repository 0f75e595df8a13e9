"""What tests of orbs work with: a folder with configurations, a registry, and the program."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from tests.cli.conftest import Workshop
from tests.source.orbs.registry import JOB, OrbRegistry
from todoke.cli.app import root

USER = "version: 2.1\norbs: {%s}\nworkflows: {all: {jobs: [%s]}}\n"


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


def host(registry: OrbRegistry) -> str:
    """What the lock file calls the registry."""
    return registry.url.removeprefix("http://").removesuffix("/graphql")


@pytest.fixture
def registry() -> Iterator[OrbRegistry]:
    with OrbRegistry() as running:
        running.orbs["acme/own@1.0.0"] = JOB
        yield running


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, registry: OrbRegistry) -> Desk:
    monkeypatch.chdir(tmp_path)
    return Desk(tmp_path, registry)
