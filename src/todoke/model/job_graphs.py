"""What a pipeline is to run: jobs with their steps, and workflows that say in what order and when.

No language of CI systems shows here: a module that reads another one makes the same values.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

Kind = Literal["build", "approval", "release", "no-op", "lock", "unlock"]
STATUSES = ("success", "failed", "canceled", "unauthorized", "not_run")
"""How a job can end, as requirements name it."""


class Pattern(msgspec.Struct, frozen=True):
    """A name of a branch or tag, or with `is_regex` a regular expression that must match all of one."""

    text: str
    is_regex: bool = False


class Filter(msgspec.Struct, frozen=True):
    """Which branches or tags a job runs for. `only` before `ignore`; without both, see `Job`."""

    only: tuple[Pattern, ...] | None = None
    ignore: tuple[Pattern, ...] | None = None


class Requirement(msgspec.Struct, frozen=True):
    """A job that must have ended, in one of these ways."""

    job: str
    statuses: tuple[str, ...] = ("success",)


class Job(msgspec.Struct, frozen=True):
    """One job of one workflow.

    Attributes:
        name: in its workflow. definition: what the configuration calls it. body: the key of its body in `Pipeline`.
        branches: None runs for all. tags: None runs for none. condition: of a filter that is an expression.
    """

    name: str
    definition: str
    kind: Kind = "build"
    body: str = ""
    requires: tuple[Requirement, ...] = ()
    branches: Filter | None = None
    tags: Filter | None = None
    condition: str = ""
    contexts: tuple[str, ...] = ()
    serial_group: str = ""
    line: int = 0  # where its workflow names it, from 1; 0 is not known
    column: int = 0


class Schedule(msgspec.Struct, frozen=True):
    """When a workflow starts by itself. Attributes: cron: five fields, UTC."""

    cron: str
    branches: Filter | None = None


class Workflow(msgspec.Struct, frozen=True):
    """Jobs that depend on each other. With schedules it does not start by a push."""

    name: str
    jobs: tuple[Job, ...]
    schedules: tuple[Schedule, ...] = ()
    reruns: int = 0


class Orb(msgspec.Struct, frozen=True):
    """A library of elements that a configuration names. Attributes: origin, place: where its text came from."""

    name: str
    reference: str
    resolved: str
    origin: Literal["inline", "folder", "lock", "built-in"]
    place: str = ""


class OrbText(msgspec.Struct, frozen=True):
    """An orb that was found.

    Attributes:
        resolved: its name and full version. file: whose text, for messages.
        place: where it came from, for people, when that is not the registry.
    """

    text: str
    resolved: str
    origin: Literal["folder", "lock", "built-in"]
    file: str = ""
    place: str = ""


FindOrb = Callable[[str], OrbText | str]
"""The orb of a reference such as circleci/node@5.0, or a sentence on how to provide it."""


class Pipeline(msgspec.Struct, frozen=True):
    """A whole configuration, everything put in.

    Attributes: bodies: of the jobs, by their keys: image or machine, environment, steps. setup: another one follows it.
    """

    workflows: tuple[Workflow, ...]
    bodies: Mapping[str, Mapping[str, Any]]
    orbs: tuple[Orb, ...] = ()
    setup: bool = False
