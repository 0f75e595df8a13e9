"""A configuration, everything put in: the walk of the compilation, once from top to bottom.

Source: CircleCI, "Configuration reference", "Reusable config reference", "Pipeline values".
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from todoke.model.job_graphs import FindOrb, Orb, Pipeline
from todoke.pipeline.circleci.continuing import Continuation, continuation
from todoke.pipeline.circleci.document import Map, Seq, holds_anchors, parse
from todoke.pipeline.circleci.elements import Scope
from todoke.pipeline.circleci.forms import check_names
from todoke.pipeline.circleci.graph import pipeline_of
from todoke.pipeline.circleci.importing import Importer, substituted_names
from todoke.pipeline.circleci.invocations import Instance
from todoke.pipeline.circleci.naming import connect, name_all
from todoke.pipeline.circleci.parameters import PIPELINE_TYPES, Parameter, check_default, declared, mismatch, shown
from todoke.pipeline.circleci.plain import plain
from todoke.pipeline.circleci.problems import Problem, Report, TooMuch, Unusable, nearest
from todoke.pipeline.circleci.substitution import Values
from todoke.pipeline.circleci.surprises import warn
from todoke.pipeline.circleci.truth import same
from todoke.pipeline.circleci.workflows import WorkflowReader

TOP_LEVEL: Final = (
    "version", "setup", "orbs", "commands", "parameters", "executors", "jobs", "workflows", "job-groups", "description",
    "display", "examples", "build_agent", "experimental",
)  # fmt: skip
VERSIONS: Final = ("2", "2.0", "2.1")
_REFERS: Final = re.compile(r"(?<!\\)<<")
_OF_PARAMETER: Final = re.compile(r"<<[^>]*\bparameters\.")


class Options(msgspec.Struct, frozen=True):
    """What a compilation is for.

    Attributes: parameters: of the pipeline, as given. carried: such of them as count where they are declared only.
        pipeline: values by their names.
    """

    parameters: Mapping[str, Any] = {}
    pipeline: Mapping[str, Any] = {}
    carried: Mapping[str, Any] = {}


class Compiled(msgspec.Struct, frozen=True):
    """What came out.

    Attributes: document, pipeline: None when there is an error. orbs: those that were used. continuations: what follows
        a setup. chosen: parameters that were given another value than their default.
    """

    problems: tuple[Problem, ...]
    document: Map | None = None
    pipeline: Pipeline | None = None
    orbs: tuple[Orb, ...] = ()
    continuations: tuple[Continuation, ...] = ()
    chosen: Mapping[str, Any] = {}

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems because of which nothing came out."""
        return tuple(problem for problem in self.problems if problem.level == "error")


def compiled(text: str, options: Options, find_orb: FindOrb) -> Compiled:
    """Compile a configuration. Nothing is raised for what is wrong with it: the problems say so."""
    report = Report()
    try:
        compiler = _Compiler(report, options, find_orb)
        document = compiler.run(parse(text, report))
    except Unusable:
        return Compiled(report.problems)
    except TooMuch as error:
        return Compiled((*report.problems, error.problem))
    graph = pipeline_of(document, tuple(compiler.orbs), report, names_known=compiler.names_known)
    if report.errors:
        return Compiled(report.problems, orbs=tuple(compiler.orbs))
    warn(graph, report)
    return Compiled(
        report.problems, document, graph, tuple(compiler.orbs), tuple(compiler.continuations), compiler.chosen
    )


class _Compiler:
    def __init__(self, report: Report, options: Options, find_orb: FindOrb) -> None:
        self._report, self._options = report, options
        self._importer = Importer(report, find_orb)
        self.orbs = self._importer.orbs
        self.continuations: list[Continuation] = []
        self.chosen: dict[str, Any] = {}
        self.names_known = False

    def run(self, document: Any) -> Map:
        """The compiled document. Raises: Unusable: there is nothing to compile."""
        if not isinstance(document, Map):
            what = "is empty" if document is None else "must be a map"
            raise self._report.fail(f"The configuration {what}", None, "It begins with version: 2.1")
        version = document.get("version")
        if str(version) not in VERSIONS or isinstance(version, bool):
            mark = document.key_at("version")
            raise self._report.fail("Unsupported or missing workflows config version", mark, "Write version: 2.1")
        setup = document.get("setup")
        if setup is not None and (not isinstance(setup, bool) or (setup and str(version) != "2.1")):
            hint = "Write version: 2.1" if isinstance(setup, bool) else "Write true, without quotes"
            self._report.error("setup: must be true or false, in version 2.1", document.value_at("setup"), hint)
        if str(version) != "2.1":
            return plain(document, self._report)
        self.names_known = True
        self._top_level(document)
        values = Values({}, self._pipeline_values(document))
        scope = self._scope(document, values)
        return self._compiled(document, scope, values)

    def _top_level(self, document: Map) -> None:
        for key in document:
            if key not in TOP_LEVEL and not holds_anchors(document, key):
                near = nearest(key, TOP_LEVEL)
                hint = near if near.startswith("Did you mean") else "Such keys are ignored"
                self._report.warning(f"The top-level key {key} means nothing", document.key_at(key), hint)
        for key, kind in (("commands", "command"), ("executors", "executor"), ("jobs", "job")):
            check_names(document.get(key), kind, self._report)
        for key in ("orbs", "commands", "parameters", "executors", "jobs", "workflows"):
            if document.get(key) is not None and not isinstance(document[key], Map):
                self._report.error(f"{key}: must be a map", document.value_at(key))

    def _pipeline_values(self, document: Map) -> dict[str, Any]:
        """Pipeline values, and parameters as given or by default."""
        known = dict(self._options.pipeline) | {"pipeline.in_setup": document.get("setup") is True}
        parameters = declared(document, self._report, PIPELINE_TYPES)
        carried = {name: value for name, value in self._options.carried.items() if name in parameters}
        given = carried | dict(self._options.parameters)
        if unexpected := sorted(name for name in given if name not in parameters):
            self._report.error(
                f"Unexpected argument(s): {', '.join(unexpected)}", None, nearest(unexpected[0], parameters)
            )
        for name, one in parameters.items():
            if not one.has_default and name not in given:
                self._report.error(f"The pipeline parameter '{name}' needs a default", one.mark)
            if isinstance(one.default, str) and _REFERS.search(one.default):
                self._reference(name, one)
                check_default(one, one.default, self._report)
            value = given.get(name, one.default)
            if name in given and (problem := mismatch(one, value)):
                text = f"Type error for argument {name}: expected type: {problem}, actual value: {shown(value)}"
                self._report.error(text, one.mark)
            known[f"pipeline.parameters.{name}"] = value
            if name in given and not same(value, one.default):
                self.chosen[name] = value
        return known

    def _reference(self, name: str, one: Parameter) -> None:
        """A default that names a value: the service refuses another parameter there, and puts nothing in."""
        if _OF_PARAMETER.search(one.default):
            text = f"The default of the pipeline parameter '{name}' cannot refer to another value"
            self._report.error(text, one.default_mark, "Write the value itself")
        else:
            text = f"The default of the pipeline parameter '{name}' stays as it is written: nothing is put in"
            self._report.warning(text, one.default_mark, "Use the value itself where it is needed")

    def _scope(self, document: Map, values: Values) -> Scope:
        scope = Scope(document)
        orbs = document.get("orbs")
        if isinstance(orbs, Map):
            self._importer.into(scope, substituted_names(orbs, values, self._report))
        return scope

    def _compiled(self, document: Map, scope: Scope, values: Values) -> Map:
        reader = WorkflowReader(scope, values, self._report)
        workflows, order = self._workflows(document)
        found: dict[str, tuple[Map, list[Instance]]] = {}
        for name, body in workflows.items():
            if isinstance(body, Map):
                with self._report.within(f"workflow {name}"):
                    if reader.runs(body):
                        found[name] = body, reader.instances(body)
            else:
                self._report.error(f"The workflow {name} must be a map", workflows.value_at(name))
        bodies = name_all({name: instances for name, (_, instances) in found.items()})
        for name, (_, instances) in found.items():
            with self._report.within(f"workflow {name}"):
                connect(name, instances, self._report)
        if document.get("setup") is True:
            self._setup(document, found)
        self._unused(scope)
        return self._written(document, bodies, found, order)

    def _setup(self, document: Map, found: Mapping[str, tuple[Map, list[Instance]]]) -> None:
        """What is special of a configuration that another one follows."""
        if len(found) > 1:
            text = f"A setup configuration runs one workflow, and this runs {len(found)}: {', '.join(found)}"
            self._report.error(text, document.key_at("workflows"), "Give the others a when: that does not hold")
        for name, (body, instances) in found.items():
            if "triggers" in body:
                text = f"The workflow {name} of a setup configuration cannot start by a schedule"
                self._report.error(text, body.key_at("triggers"), "Use a scheduled pipeline")
            for one in instances:
                if made := continuation(name, one.name, one.calls, one.mark):
                    self.continuations.append(made)

    def _workflows(self, document: Map) -> tuple[Map, list[str]]:
        """The workflows, and the keys of the compiled section in order."""
        given = document.get("workflows")
        own = given if isinstance(given, Map) else Map(document.at)
        names = [name for name in own if name != "version"]
        if names:
            found = Map(own.at)
            for name in names:
                found.put(name, own[name], own.key_at(name), own.value_at(name))
            return found, list(own) if "version" in own else [*names, "version"]
        jobs = document.get("jobs")
        if isinstance(jobs, list) or isinstance(given, list):
            raise Unusable("workflows")  # that they are no maps is on record
        if not (isinstance(jobs, Map) and "build" in jobs):
            raise self._report.fail("There are no workflows or build jobs in the config.", document.key_at("jobs"))
        listed, body, found = Seq(jobs.at), Map(jobs.at), Map(jobs.at)
        listed.put("build", jobs.key_at("build"))
        body.put("jobs", listed)
        found.put("workflow", body)
        return found, ["version", "workflow"]

    def _written(
        self,
        document: Map,
        bodies: Mapping[str, Map],
        found: Mapping[str, tuple[Map, list[Instance]]],
        order: list[str],
    ) -> Map:
        made, jobs, workflows = Map(document.at), Map(document.at), Map(document.at)
        made.put("version", 2)
        if document.get("setup") is True:
            made.put("setup", True)
        for name, body in bodies.items():
            jobs.put(name, body, body.at)
        made.put("jobs", jobs)
        for name in order:
            if name == "version":
                workflows.put("version", 2)
            elif name in found:
                workflows.put(name, _workflow(*found[name]), found[name][0].at)
        made.put("workflows", workflows)
        return made

    def _unused(self, scope: Scope) -> None:
        if self._report.errors:  # what is used then is not known
            return
        for element in scope.elements():
            if element.kind == "job" and not element.used:
                self._report.warning(f"The job {element.name} is in no workflow that runs", element.mark)


def _workflow(body: Map, instances: list[Instance]) -> Map:
    made, jobs = Map(body.at), Seq(body.value_at("jobs"))
    for one in instances:
        if not one.kept:
            jobs.put(one.name, one.mark)
            continue
        entry = Map(one.mark)
        entry.put(one.name, one.kept, one.mark)
        jobs.put(entry, one.mark)
    for key in ("triggers", "max_auto_reruns"):
        if key in body:
            made.put(key, body[key], body.key_at(key), body.value_at(key))
    made.put("jobs", jobs)
    return made
