"""Workflows: which jobs are invoked, with what, under which names. Source: CircleCI, "Configuration reference"."""

from collections.abc import Iterator
from typing import Any, Final

from todoke.model.job_graphs import STATUSES
from todoke.pipeline.circleci import forms, matrix, truth
from todoke.pipeline.circleci.document import Map, Seq
from todoke.pipeline.circleci.elements import RESERVED, Scope, as_list
from todoke.pipeline.circleci.expressions import ExpressionError, evaluate, is_true, parse
from todoke.pipeline.circleci.groups import written_out
from todoke.pipeline.circleci.invocations import Instance
from todoke.pipeline.circleci.jobs import JobCompiler
from todoke.pipeline.circleci.problems import Mark, Problem, Report, TooMuch, Unusable, meant, nearest
from todoke.pipeline.circleci.substitution import Values, rendered, substituted

MOST_JOBS: Final = 5_000
_KEYS: Final = ("jobs", "when", "unless", "triggers", "max_auto_reruns", "version", "description")
_KEPT: Final = ("type", "filters", "requires", "context", "serial-group")
_WRITTEN_OUT: Final = ("pre-steps", "post-steps")


class WorkflowReader:
    """Reads workflows, job after job."""

    def __init__(self, scope: Scope, values: Values, report: Report) -> None:
        self._scope, self._values, self._report = scope, values, report
        self.jobs = JobCompiler(report)
        groups = scope.body.get("job-groups")
        self._groups = groups if isinstance(groups, Map) else Map()
        self._open_groups: list[str] = []
        self._count = 0

    def runs(self, workflow: Map) -> bool:
        """Whether its condition holds."""
        if "when" in workflow and "unless" in workflow:
            self._report.error("A workflow has when or unless, not both", workflow.key_at("unless"))
        for word in ("when", "unless"):
            if word in workflow:
                return self._holds(workflow[word], workflow.value_at(word)) is (word == "when")
        return True

    def _holds(self, condition: Any, mark: Mark | None) -> bool:
        if isinstance(condition, str) and condition.strip() and "<<" not in condition:
            return self._expression(condition, mark)
        return truth.holds(substituted(condition, self._values, self._report, mark), self._report, mark)

    def _expression(self, text: str, mark: Mark | None, word: str = "condition") -> bool:
        try:
            return is_true(evaluate(parse(text), self._values.pipeline))
        except ExpressionError as error:
            hint = ""
            if error.kind.endswith("UNKNOWN_VARIABLE"):
                text_of_it = f'A text stands in quotes: "{error.lexeme}"'
                known = self._values.pipeline
                hint = nearest(error.lexeme, known) if "." in error.lexeme else meant(error.lexeme, known, text_of_it)
            self._report.error(f"The {word} has no value: {error}", mark, hint)
            return False

    def instances(self, workflow: Map) -> list[Instance]:
        """All jobs of a workflow with their matrices written out; names are those they ask for."""
        for key in workflow:
            if key not in _KEYS:
                text = f"extraneous key [{key}] is not permitted in a workflow"
                self._report.error(text, workflow.key_at(key), nearest(key, _KEYS))
        forms.check_reruns(workflow, self._report)
        listed = workflow.get("jobs")
        if not isinstance(listed, Seq):
            self._report.error("A workflow needs a list jobs:", workflow.at)
            return []
        found: list[Instance] = []
        for item, at in listed.placed():
            try:
                made = list(self._invocations(item, at))
            except Unusable:
                continue
            self._count += len(made)
            if self._count > MOST_JOBS:
                raise TooMuch(Problem(f"The workflows have more than {MOST_JOBS:,} jobs"))
            found += made
        return found

    def _invocations(self, item: Any, mark: Mark | None) -> Iterator[Instance]:
        name, given = item, Map(mark)
        if isinstance(item, Map) and len(item) == 1:
            name, mark = next(iter(item)), item.key_at(next(iter(item)))
            body = item[name]
            if body is not None and not isinstance(body, Map):
                raise self._report.fail(f"The job {name} is given something else than a map", item.value_at(name))
            given = body if isinstance(body, Map) else given
        elif isinstance(item, Map) and item:
            text = f"An entry of jobs: has one key, and this has {len(item)}: {', '.join(item)}"
            self._report.error(text, mark, "Indent what belongs to the job by two more")
            name = next(iter(item))  # others may require it
        if not isinstance(name, str):
            raise self._report.fail("An entry of jobs: must be a job's name, or a map with it", mark)
        if "<<" in name:
            name = rendered(substituted(name, self._values, self._report, mark))
        if name in self._groups and self._scope.find("job", name) is None:
            return iter(self._group(name, given, mark))
        return self._matrix(name, given, mark) if "matrix" in given else iter((self._one(name, given, {}, mark),))

    def _group(self, name: str, given: Map, mark: Mark | None) -> list[Instance]:
        if self._open_groups:
            text = f"The job group {self._open_groups[-1]} holds the job group {name}: they do not nest"
            raise self._report.fail(text, mark, f"Write the jobs of {name} there")
        known = substituted(given, self._values, self._report, mark)
        self._open_groups.append(name)
        try:
            return written_out(name, self._groups[name], known, mark, self._invocations, self._report)
        finally:
            self._open_groups.pop()

    def _matrix(self, name: str, given: Map, mark: Mark | None) -> Iterator[Instance]:
        written = substituted(given["matrix"], self._values, self._report, given.value_at("matrix"))
        rest = Map(given.at)
        for key, value in given.items():
            if key != "matrix":
                rest.put(key, value, given.keys_at.get(key), given.values_at.get(key))
        alias = written.get("alias") if isinstance(written, Map) else None
        for arguments in self._combinations(given, written):
            if not arguments:  # what is wrong is on record: its name stays, since others may require it
                one = Instance(rendered(given.get("name", name)), name, None, Map(mark), mark)
                one.group = str(alias) if alias else name
                yield one
                return
            one = self._one(name, rest, arguments, mark)
            one.group = str(alias) if alias else name
            if not one.explicit:
                one.base = one.name = matrix.default_name(name, arguments)
            yield one

    def _combinations(self, given: Map, written: Any) -> Iterator[dict[str, Any]]:
        """The arguments of each instance. As in the service, exclude: is compared before values are put in."""
        at = given.value_at("matrix")
        found = matrix.combinations(given["matrix"], self._report, at)
        if len(found) != len(matrix.combinations(written, Report(), at)):
            text = "exclude: is compared as it is written, before pipeline values are put in"
            self._report.warning(text, given["matrix"].key_at("exclude"), "Write the same in both places")
        for one in found:
            yield {key: substituted(value, self._values, self._report, at) for key, value in one.items()}

    def _one(self, name: str, given: Map, combined: dict[str, Any], mark: Mark | None) -> Instance:
        known = {f"matrix.{key}": value for key, value in combined.items()}
        values = Values(known, self._values.pipeline)
        arguments, kept = Map(given.at), Map(given.at)
        for key, value in given.items():
            at = given.value_at(key)
            into = arguments if key not in RESERVED or key in _WRITTEN_OUT else kept
            found = value if key in _WRITTEN_OUT else substituted(value, values, self._report, at)
            into.put(key, found, given.keys_at.get(key), at)
        for key, value in combined.items():
            arguments.put(key, value, given.key_at("matrix"), given.value_at("matrix"))
        forms.check_serial_group(kept, self._report)
        if isinstance(kept.get("filters"), str):
            self._expression(kept["filters"], kept.value_at("filters"), "filter")
        made = self._body(name, arguments, kept, values, mark)
        explicit = kept.get("name")
        made.explicit = explicit is not None
        if explicit is not None:
            made.base = made.name = rendered(explicit)
        made.requires = [*self._requirements(kept)]
        return made

    def _body(self, name: str, arguments: Map, kept: Map, values: Values, mark: Mark | None) -> Instance:
        kind = kept.get("type")
        job = self._overridden(name, kept)
        if kind == "approval":
            return Instance(name, name, None, self._kept(kept), mark)
        if kind is not None:
            text = "Only jobs with `type: approval` can be defined inline under the `workflows:`/`job-groups:` section."
            hint = f"For `type: {kind}`, define the job in the `jobs:` section instead."
            self._report.error(text, kept.value_at("type"), meant(str(kind), ("approval",), hint))
            return Instance(name, name, None, self._kept(kept), mark)
        try:
            found = self._scope.need("job", job, self._report, mark)
            body = self.jobs.compiled(found, arguments, self._scope, values, mark)
        except Unusable:  # others may require it: that it is missing is told once
            return Instance(name, job, None, self._kept(kept), mark)
        made = Instance(name, job, body, self._kept(kept), mark)
        made.calls = tuple(self.jobs.steps.calls)
        return made

    def _overridden(self, name: str, kept: Map) -> str:
        other = kept.get("override-with")
        return str(other) if other and self._scope.find("job", str(other)) is not None else name

    def _kept(self, given: Map) -> Map:
        found = Map(given.at)
        for key in _KEPT:
            if key in given:
                found.put(key, given[key], given.key_at(key), given.value_at(key))
        return found

    def _requirements(self, kept: Map) -> Iterator[tuple[str, Any, Mark | None]]:
        """The names of required jobs, each as it is written, with its place."""
        listed = kept.get("requires")
        items = (
            listed.placed()
            if isinstance(listed, Seq)
            else [(each, kept.value_at("requires")) for each in as_list(listed)]
        )
        for item, at in items:
            if isinstance(item, str | int | float) and not isinstance(item, bool):
                yield rendered(item), item, at
            elif isinstance(item, Map) and len(item) == 1:
                name, status = next(iter(item.items()))
                self._check_statuses(status, item.value_at(name))
                yield name, item, at
            else:
                self._report.error("An entry of requires: is a job's name, or a map of it to how it must end", at)

    def _check_statuses(self, status: Any, mark: Mark | None) -> None:
        for each in as_list(status):
            if each not in (*STATUSES, "terminal"):
                self._report.error(
                    f"requires: there is no status '{each}'", mark, nearest(str(each), (*STATUSES, "terminal"))
                )
