"""Where the programs of the control plane come from."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.plane import build
from tests.cluster.plane.build import PROGRAMS, BuildFailed, binaries, cache_folder

pytestmark = pytest.mark.plane


def make_programs(folder: Path, *names: str) -> None:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).touch(mode=0o755)


def test_all_four_are_there_and_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    found = binaries()
    for program in (found.etcd, found.kube_apiserver, found.kube_controller_manager):
        assert subprocess.run([program, "--version"], capture_output=True, timeout=30).returncode == 0
    assert {found.etcd.parent, found.kubectl.parent} == {found.kube_apiserver.parent}
    assert found.etcd.is_relative_to(cache_folder())


def test_run_as_a_program_it_prints_their_paths() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "KUBEBUILDER_ASSETS"}
    command = [sys.executable, build.__file__]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30)
    assert [Path(line).name for line in done.stdout.splitlines()] == list(PROGRAMS)


def test_assets_of_kubebuilder_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    make_programs(tmp_path, "kube-apiserver", "kubectl")
    with pytest.raises(BuildFailed, match="holds no etcd"):
        binaries()
    make_programs(tmp_path, "etcd")
    found = binaries()
    assert {found.etcd.parent, found.kube_apiserver.parent, found.kubectl.parent} == {tmp_path}
    assert found.kube_controller_manager.is_relative_to(cache_folder())  # the assets never hold one


def test_the_cache_is_outside_the_checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("TODOKE_CACHE", raising=False)
    assert cache_folder() == tmp_path / "todoke"
    monkeypatch.setenv("TODOKE_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"
