"""Calls of the elements of built-in orbs, made from their declarations, and what they compile to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

import msgspec
import yaml

from tests.cases import load
from todoke.model.job_graphs import OrbText
from todoke.pipeline.circleci.compiling import Options, compiled
from todoke.pipeline.circleci.emitting import text_of
from todoke.pipeline.circleci.values import defaults
from todoke.source.orbs.built_in import BuiltIn

ORBS = ("aws-cli", "aws-ecr", "azure-acr", "docker", "gcp-cli", "gcp-gcr", "github-cli", "node")
HOSTILE = 'it\'s "a" $(b) `c` ; d'
"""A text that does harm wherever it is put into a script."""


def labels() -> list[str]:
    """The built-in orbs that are tested here, with their generations: circleci/node@5."""
    return [label for label in BuiltIn().all() if label.partition("/")[2].partition("@")[0] in ORBS]


def text_for(label: str) -> str:
    """What a built-in orb is."""
    namespace, _, rest = label.partition("/")
    name, _, generation = rest.partition("@")
    found = BuiltIn().find(namespace, name, generation)
    assert isinstance(found, OrbText)
    return found.text


class Call(msgspec.Struct, frozen=True):
    """An element with arguments. Attributes: section: commands, jobs or executors."""

    label: str
    section: str
    element: str
    arguments: Mapping[str, Any]

    def runs(self) -> list[dict[str, Any]]:
        """The run steps that this compiles to."""
        (job,) = jobs_of(self.label, [self]).values()
        return run_steps(job)


def command(label: str, element: str, **arguments: Any) -> Call:
    """A call of a command. `__` in names of arguments stands for a hyphen."""
    return Call(label, "commands", element, {name.replace("__", "-"): value for name, value in arguments.items()})


def job(label: str, element: str, **arguments: Any) -> Call:
    """A call of a job. `__` in names of arguments stands for a hyphen."""
    return Call(label, "jobs", element, {name.replace("__", "-"): value for name, value in arguments.items()})


def jobs_of(label: str, calls: Iterable[Call]) -> dict[str, dict[str, Any]]:
    """What calls compile to in one configuration: a job for each, by section and element."""
    box = {"docker": [{"image": "cimg/base:stable"}]}
    jobs: dict[str, Any] = {}
    listed: list[Any] = []
    for call in calls:
        name, arguments = f"{call.section}.{call.element}".replace(".", "-"), dict(call.arguments)
        if call.section == "jobs":
            listed.append({f"o/{call.element}": {"name": name, **arguments}})
            continue
        listed.append(name)
        jobs[name] = {"executor": "box", "steps": ["checkout"]}
        if call.section == "commands":
            jobs[name]["steps"] = [{f"o/{call.element}": arguments} if arguments else f"o/{call.element}"]
        else:
            jobs[name]["executor"] = {"name": f"o/{call.element}", **arguments}
    config = {"version": 2.1, "orbs": {"o": label}, "executors": {"box": box}, "jobs": jobs}
    text = yaml.safe_dump(config | {"workflows": {"all": {"jobs": listed}}}, sort_keys=False)
    result = compiled(text, Options(pipeline=defaults()), find)
    assert result.document is not None, [(problem.text, problem.mark) for problem in result.errors]
    found: dict[str, dict[str, Any]] = load(text_of(result.document))["jobs"]
    return found


def run_steps(job: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The run steps of a compiled job."""
    return [step["run"] for step in job["steps"] if isinstance(step, dict) and "run" in step]


@cache
def every_job(label: str, *, full: bool) -> dict[str, dict[str, Any]]:
    """All elements of an orb, compiled with their required arguments only, or with all that they declare."""
    return jobs_of(label, every_call(label, full=full))


def find(reference: str) -> OrbText | str:
    namespace, _, rest = reference.partition("/")
    name, _, version = rest.partition("@")
    return BuiltIn().find(namespace, name, version) or f"there is no {reference}"


def every_call(label: str, *, full: bool) -> Iterator[Call]:
    """Each element of an orb with its required arguments only, or with all that it declares."""
    orb = load(text_for(label))
    for section in ("commands", "jobs", "executors"):
        for element, body in (orb.get(section) or {}).items():
            declared = body.get("parameters") or {}
            chosen = {name: one for name, one in declared.items() if full or "default" not in one}
            yield Call(label, section, element, {name: argument(name, one) for name, one in chosen.items()})


def argument(name: str, declaration: Mapping[str, Any]) -> Any:
    """A value that a parameter takes, and not its default."""
    match declaration["type"]:
        case "boolean":
            return declaration.get("default") is not True
        case "integer":
            return 7
        case "enum":
            return declaration["enum"][-1]
        case "env_var_name":
            return "SOME_NAME"
        case "steps":
            return [{"run": "echo given"}]
        case "executor":
            return "box"
        case _:
            if "timeout" in name:
                return "20m"
            return "v1" if "version" in name else HOSTILE
