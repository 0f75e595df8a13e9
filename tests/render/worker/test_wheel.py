"""The wheel: named for the machine whose render worker is in it, and able to render when it is installed."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from tools.wheel_hook import tag
from tools.wheels import wheel

WORKER = "todoke/render/bin/render-worker"


@pytest.mark.parametrize(
    ("system", "machine", "expected"),
    [
        ("linux", "amd64", "py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.musllinux_1_1_x86_64"),
        ("linux", "aarch64", "py3-none-manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64"),
        ("darwin", "amd64", "py3-none-macosx_12_0_x86_64"),
        ("darwin", "arm64", "py3-none-macosx_12_0_arm64"),
    ],
)
def test_a_wheel_says_for_which_machine_it_is(system: str, machine: str, expected: str) -> None:
    assert tag(system, machine) == expected


@pytest.mark.parametrize(("system", "machine"), [("windows", "amd64"), ("linux", "riscv64")])
def test_for_other_machines_there_is_none(system: str, machine: str) -> None:
    with pytest.raises(ValueError, match=f"no wheel is made for {system} on {machine}"):
        tag(system, machine)


@pytest.mark.slow
def test_an_installed_wheel_renders(tmp_path: Path) -> None:
    built = wheel(None, tmp_path / "dist")
    installed, folder = tmp_path / "installed", tmp_path / "shop"
    with zipfile.ZipFile(built) as archive:
        assert archive.getinfo(WORKER).external_attr >> 16 & 0o111, "the worker cannot be executed"
        assert "Root-Is-Purelib: false" in archive.read("todoke-0.1.0.dist-info/WHEEL").decode()
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "pip", "install", "--quiet", "--no-deps", "--target", installed, built], check=True)
    folder.mkdir()
    (folder / "kustomization.yaml").write_text("configMapGenerator: [{name: conf, literals: [a=1]}]\n")
    variables = {name: text for name, text in os.environ.items() if not name.startswith("TODOKE_")}
    variables |= {"PYTHONPATH": str(installed), "TODOKE_STATE_FOLDER": str(tmp_path / "state")}
    words = [sys.executable, "-c", "import todoke; print(todoke.__file__); from todoke.main import cli; cli()"]
    ended = subprocess.run([*words, "render", folder], env=variables, capture_output=True, text=True)
    first, _, rest = ended.stdout.partition("\n")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert Path(first).is_relative_to(installed)
    assert "name: conf-" in rest


@pytest.mark.slow
def test_the_worker_of_another_machine_takes_the_place_of_ours(tmp_path: Path) -> None:
    worker = tmp_path / "darwin-arm64" / "render-worker"
    worker.parent.mkdir()
    worker.write_bytes(b"another machine's")
    built = wheel(worker, tmp_path / "dist")
    assert built.name.endswith("-py3-none-macosx_12_0_arm64.whl")
    with zipfile.ZipFile(built) as archive:
        assert archive.read(WORKER) == b"another machine's"
