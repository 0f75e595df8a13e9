"""A clone on disk, and the program run in it as a person would."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.cli.conftest import Workshop
from tests.source.test_clone import git
from todoke.cli.app import root

URL = "https://git.example.com/acme/shop.git"


class Project:
    """A repository of manifests. Paths are from its root."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        git(folder, "init", "-q")
        git(folder, "remote", "add", "origin", URL)

    def write(self, files: Mapping[str, str | None]) -> None:
        """Write files into the working copy; None removes one."""
        for path, text in files.items():
            place = self.folder / path
            if text is None:
                place.unlink()
            else:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(text)

    def commit(self, files: Mapping[str, str | None] = {}) -> str:
        """Write files and commit all."""
        self.write(files)
        git(self.folder, "add", "-A")
        git(self.folder, "commit", "-qm", "change", "--allow-empty")
        return git(self.folder, "rev-parse", "HEAD")

    def branch(self, name: str) -> None:
        """A new branch, checked out."""
        git(self.folder, "checkout", "-qb", name)

    def run(self, *words: str) -> Result:
        """Run `todoke` in the clone."""
        return CliRunner().invoke(root, words, obj=Workshop().doors(), catch_exceptions=False)

    def diff(self, *words: str, code: int | None = None) -> Any:
        """What `todoke diff -o json` says."""
        result = self.run("diff", "-o", "json", *words)
        assert code is None or result.exit_code == code, result.output
        return json.loads(result.stdout)

    def changes(self, *words: str) -> dict[str, list[str]]:
        """Per application that changes: its verdict, and a word on each object."""
        found: dict[str, list[str]] = {}
        for unit in self.diff(*words)["applications"]:
            if unit["verdict"] != "same":
                told = [f"{each['action']} {each['kind']}/{each['name']}" for each in unit["changes"]]
                found[unit["name"]] = [unit["verdict"], *told]
        return found


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """An empty one, in which commands run."""
    made = Project(tmp_path / "clone")
    monkeypatch.chdir(made.folder)
    monkeypatch.setenv("TODOKE_STATE_FOLDER", str(tmp_path / "state"))
    return made


def application(name: str, path: str, **more: Any) -> str:
    """An Application of this repository, as a YAML document."""
    source = {"repoURL": URL, "path": path, "targetRevision": "HEAD"} | more.pop("source", {})
    spec = {"project": "default", "source": source, "destination": {"name": "in-cluster", "namespace": name}} | more
    body = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": name}, "spec": spec}
    return f"---\n{json.dumps(body)}\n"


def config_map(name: str, **data: str) -> str:
    """A ConfigMap as a YAML document."""
    return f"---\n{json.dumps({'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': name}, 'data': data})}\n"
