"""Configurations of version 2 and 2.0, which have nothing to put in."""

from typing import Any

from todoke.pipeline.circleci.document import Map, Seq
from todoke.pipeline.circleci.executors import environment
from todoke.pipeline.circleci.problems import Report


def plain(document: Map, report: Report) -> Map:
    """The document with its shorthands written out; a single job `build` gets its workflow.

    Raises: Unusable: there is nothing to run.
    """
    jobs = document.get("jobs")
    if not isinstance(jobs, Map) or not jobs:
        raise report.fail("There are no workflows or build jobs in the config.", document.key_at("jobs"))
    made = Map(document.at)
    made.put("version", 2)
    workflows = document.get("workflows")
    named = [name for name in workflows if name != "version"] if isinstance(workflows, Map) else []
    if not named and "build" not in jobs:
        raise report.fail("There are no workflows or build jobs in the config.", document.key_at("jobs"))
    written = Map(jobs.at)
    for name, job in jobs.items():
        if isinstance(job, Map):
            written.put(name, _job(job, report), jobs.key_at(name), jobs.value_at(name))
        elif job is not None:
            report.error(f"The job {name} must be a map", jobs.value_at(name))
    made.put("jobs", written)
    made.put("workflows", workflows if named else _implicit(jobs))
    return made


def _implicit(jobs: Map) -> Map:
    listed, workflow, made = Seq(jobs.at), Map(jobs.at), Map(jobs.at)
    listed.put("build", jobs.key_at("build"))
    workflow.put("jobs", listed)
    made.put("version", 2)
    made.put("workflow", workflow)
    return made


def _job(job: Map, report: Report) -> Map:
    made = Map(job.at)
    for key, value in job.items():
        found = value
        if key == "environment":
            found = Seq(job.value_at(key))
            for name, text in environment(value, job.value_at(key), report).items():
                one = Map(job.value_at(key))
                one.put(name, text)
                found.put(one)
        if key == "steps" and isinstance(value, Seq):
            found = Seq(value.at)
            for step, at in value.placed():
                found.put(_step(step), at)
        made.put(key, found, job.key_at(key), job.value_at(key))
    return made


def _step(step: Any) -> Any:
    if not (isinstance(step, Map) and len(step) == 1):
        return step
    name, body = next(iter(step.items()))
    if name not in ("run", "deploy") or not isinstance(body, str):
        return step
    made, command = Map(step.at), Map(step.at)
    command.put("command", body)
    made.put(name, command)
    return made
