"""One job with everything put in. Source: CircleCI, "Configuration reference", "jobs"."""

from collections.abc import Mapping
from typing import Any, Final

from todoke.pipeline.circleci import forms
from todoke.pipeline.circleci.document import Map, Seq
from todoke.pipeline.circleci.elements import RESERVED, Element, Scope
from todoke.pipeline.circleci.executors import PLACES, Executors, check_places, environment
from todoke.pipeline.circleci.problems import Mark, Report, nearest, nearest_names
from todoke.pipeline.circleci.steps import StepCompiler
from todoke.pipeline.circleci.substitution import Values, substituted

KEYS: Final = frozenset({
    *PLACES, "executor", "type", "shell", "parameters", "steps", "working_directory", "parallelism", "environment",
    "branches", "resource_class", "retention", "circleci_ip_ranges", "description", "plan_name", "validation", "key",
})  # fmt: skip
TYPES: Final = ("build", "release", "no-op", "approval", "lock", "unlock")
_LEFT_OUT: Final = frozenset({"parameters", "description", "executor", "steps", "environment"})


class JobCompiler:
    """Writes jobs out."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._executors = Executors(report)
        self.steps = StepCompiler(report, self._executors.resolved)

    def compiled(self, job: Element, given: Map, scope: Scope, values: Values, mark: Mark | None) -> Map:
        """The job as it runs. Args: given: arguments and pre-steps, post-steps. scope, values: of the caller."""
        written, around = Map(mark), {}
        self.steps.calls.clear()
        for key, value in given.items():
            if key in ("pre-steps", "post-steps"):
                around[key] = self.steps.expanded(value, scope, values, given.value_at(key))
            else:
                written.put(key, value, given.keys_at.get(key), given.values_at.get(key))
        with self._report.within(f"job {job.label}"):
            self._reserved(job)
            arguments = self.steps.arguments(job, (written, written), scope, values, mark)
            inner = Values(arguments, values.pipeline if job.scope.sees_pipeline else {})
            return self._body(job, inner, around)

    def _reserved(self, job: Element) -> None:
        for name, parameter in job.parameters(self._report).items():
            if name in RESERVED:
                self._report.error(
                    f"'{name}' cannot be the name of a job's parameter: invocations use it", parameter.mark
                )

    def _body(self, job: Element, values: Values, around: Mapping[str, Seq]) -> Map:
        body, made = job.body, Map(job.mark)
        kind = body.get("type", "build")
        if kind not in TYPES:
            self._report.error(f"type: is '{kind}'", body.value_at("type"), f"One of {', '.join(TYPES)}")
        merged = self._place(job, values, made, needed=kind == "build")
        own = substituted(body.get("environment"), values, self._report, body.value_at("environment"))
        variables = merged | environment(own, body.value_at("environment"), self._report)
        if variables:
            listed = Seq(body.value_at("environment"))
            for name, value in variables.items():
                one = Map(body.value_at("environment"))
                one.put(name, value)
                listed.put(one)
            made.put("environment", listed)
        for key, value in body.items():
            if key not in KEYS:
                hint = nearest(key, KEYS)
                self._report.error(
                    f"extraneous key [{key}] is not permitted in the job {job.label}", body.key_at(key), hint
                )
            elif key not in _LEFT_OUT:
                at = body.value_at(key)
                made.put(key, substituted(value, values, self._report, at), body.key_at(key), at)
        forms.check_retention(made, self._report)
        self._steps(job, values, around, made, needed=kind == "build")
        return made

    def _place(self, job: Element, values: Values, made: Map, *, needed: bool) -> dict[str, Any]:
        """Put the executor's keys in; its environment is given back."""
        body = job.body
        inline = [place for place in PLACES if place in body]
        if "executor" in body:
            if inline:
                self._report.error(
                    f"{job.label} has executor and {inline[0]}: one of them is enough", body.key_at(inline[0])
                )
            found = self._executors.resolved(body["executor"], job.scope, values, body.value_at("executor"))
            for key, value in found.keys.items():
                if key != "environment":
                    made.put(key, value)
            return environment(found.keys.get("environment"), job.mark, self._report)
        if needed or inline:
            keys = {place: substituted(body[place], values, self._report, body.value_at(place)) for place in inline}
            check_places(keys, job, self._report)
        return {}

    def _steps(self, job: Element, values: Values, around: Mapping[str, Seq], made: Map, *, needed: bool) -> None:
        body = job.body
        if "steps" not in body:
            if needed and not any(nearest_names(key, KEYS)[:1] == ["steps"] for key in body if key not in KEYS):
                self._report.error("required key [steps] not found", job.mark)
            return
        steps = Seq(body.value_at("steps"))
        parts = (
            around.get("pre-steps"),
            self.steps.expanded(body["steps"], job.scope, values, steps.at),
            around.get("post-steps"),
        )
        for part in parts:
            for step, at in part.placed() if part is not None else ():
                steps.put(step, at)
        made.put("steps", steps, body.key_at("steps"), steps.at)
