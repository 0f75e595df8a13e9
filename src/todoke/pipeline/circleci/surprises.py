"""What compiles and will surprise: found in the job graph, told as warnings."""

from todoke.model.job_graphs import Filter, Job, Pipeline, Workflow
from todoke.pipeline.circleci.document import Map, Seq
from todoke.pipeline.circleci.problems import Mark, Report


def warn(pipeline: Pipeline, report: Report) -> None:
    """Put on record what of a graph will surprise."""
    for workflow in pipeline.workflows:
        with report.within(f"workflow {workflow.name}"):
            _requirements(workflow, report)
    _contexts(pipeline, report)
    _machines(pipeline, report)


def _machines(pipeline: Pipeline, report: Report) -> None:
    """A machine has a Docker of its own: there is nothing to set up."""
    for name, body in pipeline.bodies.items():
        steps = body.get("steps") if "machine" in body else None
        for step, at in steps.placed() if isinstance(steps, Seq) else ():
            if step == "setup_remote_docker" or (isinstance(step, Map) and "setup_remote_docker" in step):
                text = f"{name} runs on a machine, where setup_remote_docker means nothing"
                report.warning(text, at, "A machine has a Docker of its own: leave the step out")


def _requirements(workflow: Workflow, report: Report) -> None:
    """A requirement that its own filters remove is left out of account: beside another one the job runs without it.

    Where nothing else is required the job does not run either, which is what people mean.
    """
    by_name = {job.name: job for job in workflow.jobs}
    for job in workflow.jobs:
        required = [by_name[each.job] for each in job.requires if each.job in by_name]
        for other in required:
            if (
                any(each is not other and each.branches is None for each in required)
                and other.branches is not None
                and other.branches != job.branches
                and not _narrower(job.branches, other.branches)
            ):
                text = f"{job.name} requires {other.name}, which its filter of branches keeps from other branches"
                hint = f"{job.name} runs without it there. Give both the same filters if that is not meant"
                report.warning(text, _mark(job), hint)
            if job.tags is not None and other.tags is None:
                text = f"{job.name} runs for tags and requires {other.name}, which has no filter for tags"
                report.warning(text, _mark(job), f"{other.name} does not run for a tag: give it the same filter")


def _narrower(one: Filter | None, other: Filter) -> bool:
    """Whether the first names only branches that the second names too."""
    if one is None or one.only is None:
        return False
    return other.only is not None and set(one.only) <= set(other.only)


def _contexts(pipeline: Pipeline, report: Report) -> None:
    """The same job with a context here and without one there misses its secrets there."""
    jobs: dict[str, list[tuple[str, Job]]] = {}
    for workflow in pipeline.workflows:
        for job in workflow.jobs:
            if job.body:
                jobs.setdefault(job.body, []).append((workflow.name, job))
    for found in jobs.values():
        given = next((each for each in found if each[1].contexts), None)
        for name, job in found:
            if given is not None and not job.contexts:
                names = ", ".join(given[1].contexts)
                text = f"{job.name} has no context in the workflow {name}, and {names} in {given[0]}"
                report.warning(text, _mark(job), "Its secrets are missing here, if it needs them")


def _mark(job: Job) -> Mark | None:
    return Mark(job.line, job.column) if job.line else None
