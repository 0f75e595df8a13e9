"""Every element of these built-in orbs can be called, with what it needs alone and with everything."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.pipeline.orbs_more.shelf import arguments, compile_call, elements, generations, steps

pytestmark = pytest.mark.slow

CALLS = [
    pytest.param(label, section, name, everything, id=f"{label}-{name}-{'all' if everything else 'needed'}")
    for label in generations()
    for section, name, _ in elements(label)
    for everything in (False, True)
]


@pytest.mark.parametrize(("label", "section", "name", "everything"), CALLS)
def test_an_element_can_be_called(label: str, section: str, name: str, everything: bool) -> None:
    element = next(each for kind, key, each in elements(label) if (kind, key) == (section, name))
    found = compile_call(label, section, name, arguments(element, everything=everything))
    assert found.document is not None, found.errors
    assert [problem.text for problem in found.problems if "means nothing" in problem.text] == []


@cache
def scripts() -> dict[str, str]:
    """All commands of these orbs with an example of where they stand."""
    found: dict[str, str] = {}
    for label in generations():
        for section, name, element in elements(label):
            if section != "executors":
                for everything in (False, True):
                    for step in steps(label, section, name, arguments(element, everything=everything)):
                        found.setdefault(step["command"], f"{label} {name}: {step.get('name')}")
    return found


def test_scripts_are_shell(tmp_path: Path) -> None:
    for number, (command, place) in enumerate(scripts().items()):
        (tmp_path / f"{number:03}.sh").write_text(f"# {place}\n{command}\n")
        assert "set -x" not in command, place
    check = 'for file in *.sh; do bash -n "$file" || head -n 1 "$file"; done'
    result = subprocess.run(["bash", "-c", check], cwd=tmp_path, capture_output=True, text=True)
    assert (result.stdout, result.stderr) == ("", "")


def test_scripts_please_shellcheck(tmp_path: Path) -> None:
    names = {}
    for number, (command, place) in enumerate(scripts().items()):
        if command.startswith("echo "):
            continue
        file = tmp_path / f"{number}.sh"
        file.write_text("#!/bin/bash\n" + command)
        names[str(file)] = place
    # SC1090: files of the job; SC2317: functions that this step does not call; SC2034: variables for the next script
    result = subprocess.run(
        [
            Path(sys.executable).with_name("shellcheck"),
            "--severity=warning",
            "--exclude=SC1090,SC2317,SC2034",
            "--format=gcc",
            *names,
        ],
        capture_output=True,
        text=True,
    )
    told = result.stdout
    for file, place in names.items():
        told = told.replace(file, place)
    assert told == ""
