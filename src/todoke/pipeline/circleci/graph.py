"""A compiled configuration as a job graph."""

from collections.abc import Iterator
from typing import Any

from todoke.model.job_graphs import STATUSES, Filter, Job, Orb, Pattern, Pipeline, Requirement, Schedule, Workflow
from todoke.pipeline.circleci.document import Map, Seq
from todoke.pipeline.circleci.elements import as_list
from todoke.pipeline.circleci.forms import check_cron, check_pattern
from todoke.pipeline.circleci.problems import Mark, Report, nearest
from todoke.pipeline.circleci.substitution import rendered


def pipeline_of(document: Map, orbs: tuple[Orb, ...], report: Report, *, names_known: bool) -> Pipeline:
    """The graph; what of it cannot be read is put on record. Args: names_known: wrong ones of jobs are on record."""
    bodies = document["jobs"]
    workflows = tuple(
        _workflow(name, body, bodies, report, names_known=names_known)
        for name, body in document["workflows"].items()
        if name != "version" and isinstance(body, Map)
    )
    return Pipeline(workflows, bodies, orbs, document.get("setup") is True)


def _workflow(name: str, body: Map, bodies: Map, report: Report, *, names_known: bool) -> Workflow:
    jobs = []
    listed = body.get("jobs")
    for item, at in listed.placed() if isinstance(listed, Seq) else ():
        key, kept = (item, Map(at)) if not isinstance(item, Map) else next(iter(item.items()))
        if not isinstance(key, str) or (isinstance(item, Map) and not isinstance(kept, Map)):
            report.error("An entry of jobs: must be a job's name, or a map with it", at)
            continue
        if key not in bodies and kept.get("type") != "approval":
            if not names_known:
                report.error(f"Cannot find a definition for job named {key}", at, nearest(key, bodies))
            continue
        jobs.append(_job(key, kept, bodies.get(key), at, report))
    reruns = body.get("max_auto_reruns")
    return Workflow(name, tuple(jobs), tuple(_schedules(body, report)), reruns if isinstance(reruns, int) else 0)


def _job(name: str, kept: Map, body: Map | None, mark: Mark | None, report: Report) -> Job:
    filters = kept.get("filters")
    branches = tags = None
    if isinstance(filters, Map):
        for key in filters:
            if key not in ("branches", "tags"):
                text = f"extraneous key [{key}] is not permitted in filters"
                report.error(text, filters.key_at(key), nearest(key, ("branches", "tags")))
        branches = _filter(filters.get("branches"), filters.value_at("branches"), report)
        tags = _filter(filters.get("tags"), filters.value_at("tags"), report)
    kind: Any = "approval" if body is None else body.get("type", "build")
    return Job(
        name,
        name,
        kind,
        "" if body is None else name,
        tuple(_requirements(kept)),
        branches,
        tags,
        filters if isinstance(filters, str) else rendered(filters) if isinstance(filters, bool) else "",
        tuple(str(each) for each in as_list(kept.get("context"))),
        str(kept.get("serial-group") or ""),
        mark.line if mark else 0,
        mark.column if mark else 0,
    )


def _requirements(kept: Map) -> Iterator[Requirement]:
    for item in as_list(kept.get("requires")):
        if isinstance(item, Map):
            name, statuses = next(iter(item.items()))
            named = [each for status in as_list(statuses) for each in (STATUSES if status == "terminal" else (status,))]
            yield Requirement(name, tuple(dict.fromkeys(named)))
        else:
            yield Requirement(str(item))


def _filter(value: Any, mark: Mark | None, report: Report) -> Filter | None:
    if value is None:
        return None
    if not isinstance(value, Map):
        report.error("A filter is a map with only or ignore", mark)
        return None
    for key in value:
        if key not in ("only", "ignore"):
            text = f"extraneous key [{key}] is not permitted in a filter"
            report.error(text, value.key_at(key), nearest(key, ("only", "ignore")))
    found = Filter(_patterns(value, "only"), _patterns(value, "ignore"))
    for key, patterns in (("only", found.only), ("ignore", found.ignore)):
        for pattern in patterns or ():
            if pattern.is_regex:
                check_pattern(pattern.text, value.value_at(key), report)
    return found


def _patterns(value: Map, key: str) -> tuple[Pattern, ...] | None:
    if key not in value:
        return None
    texts = [str(each) for each in as_list(value[key])]
    return tuple(Pattern(text[1:-1], True) if _is_regex(text) else Pattern(text) for text in texts)


def _is_regex(text: str) -> bool:
    return len(text) > 1 and text.startswith("/") and text.endswith("/")


def _schedules(body: Map, report: Report) -> Iterator[Schedule]:
    for trigger in as_list(body.get("triggers")):
        schedule = trigger.get("schedule") if isinstance(trigger, Map) else None
        if not isinstance(schedule, Map) or not isinstance(schedule.get("cron"), str):
            report.error("triggers: needs schedule: with cron:", body.value_at("triggers"))
            continue
        check_cron(schedule["cron"], schedule.value_at("cron"), report)
        filters = schedule.get("filters")
        branches = filters.get("branches") if isinstance(filters, Map) else None
        if branches is None:
            report.error("schedule: needs filters: with branches:", schedule.at, "It says on which branches it runs")
        yield Schedule(schedule["cron"], _filter(branches, schedule.value_at("filters"), report))
