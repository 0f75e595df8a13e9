"""A machine for the scripts of built-in orbs: few real tools, and programs that write down how they are called."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from tests.pipeline.orbs.calls import Call

TOOLS = (
    "awk", "basename", "bash", "cat", "chmod", "cp", "cut", "dirname", "env", "grep", "gzip", "head", "id", "install",
    "ls", "mkdir", "mktemp", "mv", "rm", "sed", "sha256sum", "sh", "sleep", "sort", "tail", "tar", "tr", "uname",
)  # fmt: skip
_FAKE = """\
#!/bin/sh
name=$(basename "$0")
{{ printf '%s\\037' "$name" "$@"; printf '\\035'; cat; printf '\\036'; }} >> '{record}'
{answer}
"""


class Called(msgspec.Struct, frozen=True):
    """One call of a program. Attributes: words: its name and arguments. typed: what it read."""

    words: tuple[str, ...]
    typed: str


class Outcome(msgspec.Struct, frozen=True):
    """How steps ended. Attributes: code: of the last step that ran. said: all that was printed."""

    code: int
    said: str


class Machine:
    """Runs the steps of elements as a job would: one bash a step, BASH_ENV read before each."""

    def __init__(self, root: Path) -> None:
        self.home, self.project, self._programs = root / "home", root / "project", root / "bin"
        self._record, self.exports = root / "record", root / "exports"
        for folder in (self.home, self.project, self._programs):
            folder.mkdir()
        self._record.touch()
        self.exports.touch()
        for tool in TOOLS:
            place = shutil.which(tool)
            assert place, tool
            (self._programs / tool).symlink_to(place)

    def program(self, name: str, answer: str = "") -> None:
        """A program that writes its calls down, then does what a piece of shell says."""
        file = self._programs / name
        file.unlink(missing_ok=True)  # it may be a link to the machine's own
        file.write_text(_FAKE.format(record=self._record, answer=answer))
        file.chmod(0o755)

    def real(self, name: str) -> bool:
        """Give it one more real tool, and whether there is one."""
        place = shutil.which(name)
        if place:
            (self._programs / name).symlink_to(place)
        return bool(place)

    def run(self, call: Call, variables: Mapping[str, str] | None = None) -> Outcome:
        """Run the steps of an element until one fails."""
        said = ""
        for step in call.runs():
            words = ["bash", "-eo", "pipefail", "-c", step["command"]]
            folder = self.project / step.get("working_directory", ".").replace("~/project", ".")
            done = subprocess.run(
                words,
                env=self._environment(variables or {}, step.get("environment") or {}),
                cwd=folder,
                capture_output=True,
                text=True,
                stdin=subprocess.DEVNULL,
                check=False,
            )
            said += done.stdout + done.stderr
            if done.returncode:
                return Outcome(done.returncode, said)
        return Outcome(0, said)

    def _environment(self, variables: Mapping[str, str], step: Any) -> dict[str, str]:
        """What a step sees. Booleans arrive as 1 and 0, as CircleCI's environment reference says."""
        pairs = step.items() if isinstance(step, dict) else ((key, one[key]) for one in step for key in one)
        given = {name: str(int(value)) if isinstance(value, bool) else str(value) for name, value in pairs}
        basic = {"PATH": str(self._programs), "HOME": str(self.home), "BASH_ENV": str(self.exports), "LC_ALL": "C"}
        return basic | {"TMPDIR": os.environ.get("TMPDIR", "/tmp")} | dict(variables) | given

    def calls(self, name: str = "") -> list[Called]:
        """The calls so far, of one program or of all."""
        found = []
        for one in self._record.read_text().split("\036"):
            if one:
                words, _, typed = one.partition("\035")
                found.append(Called(tuple(words.split("\037")[:-1]), typed))
        return [one for one in found if not name or one.words[0] == name]

    def lines(self, name: str) -> list[str]:
        """The arguments of the calls of a program, each as one line."""
        return [" ".join(one.words[1:]) for one in self.calls(name)]
