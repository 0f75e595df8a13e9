"""Built-in orbs for tests: calls of their elements, their scripts, and programs that say what they were given."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tests.cases import load
from todoke.model.job_graphs import OrbText
from todoke.pipeline.circleci.compiling import Compiled, Options, compiled
from todoke.pipeline.circleci.values import defaults
from todoke.source.orbs.built_in import BuiltIn

NAMES = ("continuation", "helm", "kubernetes", "path-filtering", "python", "shellcheck", "slack")
EXAMPLES: dict[str, Any] = {
    "string": "some $TEXT", "boolean": True, "integer": 7, "env_var_name": "MY_VARIABLE", "executor": "box",
    "steps": [{"run": "echo more"}],
}  # fmt: skip


def generations() -> list[str]:
    """The generations that this folder tests, such as circleci/slack@6."""
    return [label for label in BuiltIn().all() if label.split("/")[1].split("@")[0] in NAMES]


@cache
def found(label: str) -> OrbText | str:
    """A built-in orb by its label."""
    namespace, _, rest = label.partition("/")
    name, _, version = rest.partition("@")
    return BuiltIn().find(namespace, name, version) or "There is none"


@cache
def body(label: str) -> dict[str, Any]:
    """The declarations of an orb."""
    text = found(label)
    assert isinstance(text, OrbText), label
    read: dict[str, Any] = load(text.text)
    return read


def arguments(element: Mapping[str, Any], *, everything: bool) -> dict[str, Any]:
    """Values for the parameters of an element: those that it needs, or all."""
    declared = element.get("parameters") or {}
    return {
        name: one["enum"][-1] if one["type"] == "enum" else EXAMPLES[one["type"]]
        for name, one in declared.items()
        if everything or "default" not in one
    }


def compile_call(label: str, section: str, name: str, given: dict[str, Any]) -> Compiled:
    """A configuration that calls one element."""
    call: Any = {f"orb/{name}": given} if given else f"orb/{name}"
    box = {"docker": [{"image": "cimg/base:stable"}]}
    own: dict[str, Any] = {"build": {**box, "steps": ["checkout"]}}
    jobs: list[Any] = ["build"]
    if section == "commands":
        own["build"]["steps"] = [call]
    elif section == "executors":
        own["build"] = {"executor": {"name": f"orb/{name}", **given}, "steps": ["checkout"]}
    else:
        jobs = [call]
    text = json.dumps({
        "version": 2.1, "orbs": {"orb": label}, "executors": {"box": box}, "jobs": own,
        "workflows": {"all": {"jobs": jobs}},
    })  # fmt: skip
    return compiled(text, Options(pipeline=defaults()), found)


def steps(label: str, section: str, name: str, given: dict[str, Any]) -> list[dict[str, Any]]:
    """The run steps that a call comes to."""
    result = compile_call(label, section, name, given)
    assert result.document is not None, result.errors
    (job,) = result.document["jobs"].values()
    return [step["run"] for step in job["steps"] if isinstance(step, dict) and "run" in step]


def elements(label: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """All elements of an orb with the section that they are in."""
    for section in ("commands", "jobs", "executors"):
        for name, element in (body(label).get(section) or {}).items():
            yield section, name, element


class Bench:
    """A folder to run steps in, with programs that write down what they were given."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home, self.programs, self.work = folder / "home", folder / "programs", folder / "work"
        for one in (self.home, self.programs, self.work):
            one.mkdir()
        self.log = folder / "log"
        self.variables: dict[str, str] = {}

    def program(self, name: str, answer: str = "", *, code: int = 0) -> None:
        """A program that records its arguments and its input, and prints an answer."""
        place = self.programs / name
        reads = "if [ ! -t 0 ]; then timeout 1 cat | sed 's/^/  < /' >> \"$LOG\" || true; fi" if name == "curl" else ""
        place.write_text(
            f'#!/bin/bash\nprintf \'%s\' {name} >> "$LOG"; printf \' [%s]\' "$@" >> "$LOG"; echo >> "$LOG"\n'
            f"{reads}\ncat <<'_ANSWER_'\n{answer}\n_ANSWER_\nexit {code}\n"
        )
        place.chmod(0o755)

    def script(self, name: str, text: str) -> None:
        """A program of one's own."""
        place = self.programs / name
        place.write_text(f"#!/bin/bash\n{text}")
        place.chmod(0o755)

    def run(self, step: Mapping[str, Any], **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a step as a job runs it: `bash -eo pipefail`, its environment as text."""
        own = {name: _text(value) for name, value in (step.get("environment") or {}).items()}
        base = {
            "PATH": f"{self.programs}:{os.environ['PATH']}", "HOME": str(self.home), "LOG": str(self.log),
            "TMPDIR": str(self.folder), "BASH_ENV": "", "GIT_CONFIG_NOSYSTEM": "1",
        }  # fmt: skip
        return subprocess.run(
            ["bash", "-eo", "pipefail", "-c", step["command"]],
            cwd=self.work / str(step.get("working_directory", ".")).replace("~/project", "."),
            env=base | self.variables | variables | own,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
        )

    def told(self) -> list[str]:
        """What the programs have written down."""
        return self.log.read_text().splitlines() if self.log.exists() else []


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
