"""Which jobs run for a branch or a tag, and why the others do not.

Source: CircleCI, "Configuration reference", "filters": without filters a job runs for all branches and for no tags;
`only` is looked at before `ignore`; what is required and does not run is left out of account, and a job all of whose
requirements do not run does not run either.
"""

from collections.abc import Callable

import msgspec
import re2

from todoke.model.job_graphs import Filter, Job, Pattern, Workflow

Decide = Callable[[str], bool | str]
"""Whether an expression holds, or what is wrong with it."""


class Push(msgspec.Struct, frozen=True):
    """What starts a pipeline: a branch or, where it is not "", a tag."""

    branch: str = ""
    tag: str = ""

    def __str__(self) -> str:
        return f"the tag {self.tag}" if self.tag else f"the branch {self.branch}"


class Verdict(msgspec.Struct, frozen=True):
    """Whether a job runs. Attributes: reason: why it does not. after: what it waits for, of what runs."""

    job: Job
    runs: bool
    reason: str = ""
    after: tuple[str, ...] = ()


def verdicts(workflow: Workflow, push: Push, decide: Decide) -> tuple[Verdict, ...]:
    """What becomes of each job of a workflow, in the order in which they can start."""
    if workflow.schedules:
        crons = ", ".join(schedule.cron for schedule in workflow.schedules)
        return tuple(
            Verdict(job, False, f"the workflow starts by its schedule alone: {crons}") for job in workflow.jobs
        )
    found: dict[str, Verdict] = {}
    for job in in_order(workflow):
        reason = _filtered(job, push, decide)
        required = [name for requirement in job.requires if (name := requirement.job) in found]
        after = tuple(name for name in required if found[name].runs)
        if not reason and required and not after:
            names = ", ".join(required)
            reason = f"nothing that it requires runs: {names}"
        found[job.name] = Verdict(job, not reason, reason, after)
    return tuple(found.values())


def in_order(workflow: Workflow) -> list[Job]:
    """The jobs, each after what it requires."""
    left = {job.name: job for job in workflow.jobs}
    made: list[Job] = []
    while left:
        free = [job for job in left.values() if not any(each.job in left for each in job.requires)]
        for job in free or list(left.values()):
            made.append(job)
            del left[job.name]
    return made


def _filtered(job: Job, push: Push, decide: Decide) -> str:
    """Why a job's own filters keep it from running, "" when they do not."""
    if job.condition:
        held = decide(job.condition)
        if isinstance(held, str):
            return held
        return "" if held else f"its filter does not hold: {job.condition}"
    if push.tag:
        if job.tags is None:
            return f"it has no filter for tags, so that it does not run for {push}"
        return _named(job.tags, push.tag, str(push))
    return "" if job.branches is None else _named(job.branches, push.branch, str(push))


def _named(names: Filter, name: str, push: str) -> str:
    if names.only is not None and not any(hits(pattern, name) for pattern in names.only):
        return f"{push} is none of {_listed(names.only)}"
    if names.ignore is not None and any(hits(pattern, name) for pattern in names.ignore):
        return f"{push} is ignored by {_listed(names.ignore)}"
    return ""


def hits(pattern: Pattern, name: str) -> bool:
    """Whether a pattern means a name; a regular expression that is none means nothing."""
    if not pattern.is_regex:
        return pattern.text == name
    try:
        return re2.fullmatch(pattern.text, name) is not None
    except re2.error:
        return False


def _listed(patterns: tuple[Pattern, ...]) -> str:
    return ", ".join(f"/{each.text}/" if each.is_regex else each.text for each in patterns) or "nothing"
