"""Steps with commands written out and conditions decided. Source: CircleCI, "Configuration reference", "steps"."""

from typing import Any, Final

from todoke.pipeline.circleci import forms, truth
from todoke.pipeline.circleci.continuing import Call, has_part
from todoke.pipeline.circleci.document import Map, Seq
from todoke.pipeline.circleci.elements import RESERVED, Element, Scope
from todoke.pipeline.circleci.parameters import Parameter, bound
from todoke.pipeline.circleci.problems import Mark, Problem, Report, TooMuch, Unusable, meant, nearest, nearest_names
from todoke.pipeline.circleci.substitution import Expanded, Values, putting_in, rendered, substituted

DEEPEST: Final = 60
MOST_STEPS: Final = 50_000
MOST_READ: Final = 2 * MOST_STEPS
PARAMETERS_A_READ: Final = 2
BUILT_IN: Final[dict[str, frozenset[str]]] = {
    "run": frozenset({
        "command", "name", "shell", "environment", "background", "working_directory", "no_output_timeout", "when",
        "max_auto_reruns", "auto_rerun_delay", "description",
    }),
    "deploy": frozenset({
        "command", "name", "shell", "environment", "background", "working_directory", "no_output_timeout", "when",
        "description",
    }),
    "checkout": frozenset({"path", "method", "depth", "name"}),
    "setup_remote_docker": frozenset({"version", "docker_layer_caching", "prefer_same_region", "reusable", "name"}),
    "save_cache": frozenset({"key", "paths", "name", "when", "cache_id"}),
    "restore_cache": frozenset({"key", "keys", "name", "when", "cache_id"}),
    "persist_to_workspace": frozenset({"root", "paths", "name"}),
    "attach_workspace": frozenset({"at", "name"}),
    "store_artifacts": frozenset({"path", "destination", "name"}),
    "store_test_results": frozenset({"path", "name"}),
    "add_ssh_keys": frozenset({"fingerprints", "name"}),
    "install_signing_bundle": frozenset({"bundle", "name"}),
}  # fmt: skip
"""The steps of the language, with their keys."""
_ALONE: Final = frozenset({"checkout", "setup_remote_docker", "add_ssh_keys"})
_NO_COMMAND: Final = "run step needs string or map with command"
_NEEDED: Final = {
    "run": ("command",),
    "save_cache": ("key", "paths"), "persist_to_workspace": ("root", "paths"), "attach_workspace": ("at",),
    "store_artifacts": ("path",), "store_test_results": ("path",),
}  # fmt: skip
_CONDITIONAL: Final = ("when", "unless")
_RUN_WHEN: Final = ("always", "on_success", "on_fail")


class StepCompiler:
    """Writes steps out. One for a compilation: it counts what all of them come to."""

    def __init__(self, report: Report, executor: Any) -> None:
        """Args: executor: resolves what a parameter of the type executor is given; see executors.py."""
        self._report, self._executor = report, executor
        self._count = self._read = 0
        self.calls: list[Call] = []  # those that have a part in continuing, of the job that is written out

    def expanded(
        self, steps: Any, scope: Scope, values: Values, mark: Mark | None, calls: tuple[Element, ...] = ()
    ) -> Expanded:
        """All steps of a list, in the scope that it is written in."""
        found = Expanded(mark)
        if isinstance(steps, Expanded):
            return steps
        whole = substituted(steps, values, self._report, mark) if isinstance(steps, str) else steps
        if isinstance(whole, Expanded):
            return whole
        if not isinstance(whole, Seq):
            self._report.error("steps: must be a list", mark)
            return found
        for step, at in whole.placed():
            self._reads(1)
            try:
                for made in self._step(step, scope, values, at, calls):
                    found.put(made, at)
                    self._grow()
            except Unusable:
                continue
        return found

    def _reads(self, count: int) -> None:
        """Count what is read, since calls of commands may come to no steps and still be many."""
        self._read += count
        if self._read > MOST_READ:
            text = f"With its commands written out the configuration has more than {MOST_READ:,} steps and calls"
            raise TooMuch(Problem(text))

    def _grow(self) -> None:
        self._count += 1
        if self._count > MOST_STEPS:
            raise TooMuch(
                Problem(f"With its commands written out the configuration has more than {MOST_STEPS:,} steps")
            )

    def _step(
        self, step: Any, scope: Scope, values: Values, mark: Mark | None, calls: tuple[Element, ...]
    ) -> list[Any]:
        if isinstance(step, str):
            return self._named(step, None, scope, values, mark, calls)
        if not isinstance(step, Map) or not step:
            hint = "A list cannot lie in another one: name its steps, or make a command of them"
            raise self._report.fail(
                "A step must be a name or a map with one key", mark, hint if isinstance(step, Seq) else ""
            )
        if len(step) > 1:
            raise self._too_many(step, mark)
        name, body = next(iter(step.items()))
        if name in _CONDITIONAL and isinstance(body, Map) and ("steps" in body or "condition" in body):
            return self._conditional(name, body, scope, values, calls)
        if name == "steps":
            return list(self.expanded(body, scope, values, step.value_at(name), calls))
        return self._named(name, (step, body), scope, values, step.key_at(name), calls)

    def _too_many(self, step: Map, mark: Mark | None) -> Unusable:
        first = next(iter(step))
        if step[first] is None:
            text = _NO_COMMAND if first == "run" else f"The step {first} is empty"
            return self._report.fail(text, mark, f"Indent {', '.join(list(step)[1:])} below {first}:")
        hint = f"Indent {', '.join(list(step)[1:])} below {first}:, beside condition:" if first in _CONDITIONAL else ""
        return self._report.fail(f"A step has one key, and this has {len(step)}: {', '.join(step)}", mark, hint)

    def _conditional(self, word: str, body: Map, scope: Scope, values: Values, calls: tuple[Element, ...]) -> list[Any]:
        if missing := [key for key in ("condition", "steps") if key not in body]:
            hint = next((hint for key in body if (hint := meant(key, missing))), "")
            raise self._report.fail(f"{word}: needs {' and '.join(missing)}", body.at, hint)
        forms.check_step_condition(body["condition"], body.value_at("condition"), self._report)
        condition = substituted(body["condition"], values, self._report, body.value_at("condition"))
        before = len(self.calls)
        steps = self.expanded(body["steps"], scope, values, body.value_at("steps"), calls)
        # steps that a parameter holds are a value like any other: not one of those that count as false
        held = isinstance(condition, Expanded) or truth.holds(condition, self._report, body.value_at("condition"))
        if held is (word == "when"):
            return list(steps)
        del self.calls[before:]
        return []

    def _named(
        self,
        name: str,
        given: tuple[Map, Any] | None,
        scope: Scope,
        values: Values,
        mark: Mark | None,
        calls: tuple[Element, ...],
    ) -> list[Any]:
        command = scope.find("command", name)
        if command is not None and not (calls and command is calls[-1] and name in BUILT_IN):
            return list(self._call(command, given, scope, values, mark, calls))
        if name in BUILT_IN:
            return [self._built_in(name, given, values, mark)]
        if "<<" in name:
            raise self._report.fail(
                f"A step's name cannot be put in: {name}", mark, "Write `steps: << … >>` to put steps in"
            )
        raise scope.unknown("command", name, self._report, mark, (*BUILT_IN, *_CONDITIONAL))

    def _call(
        self,
        command: Element,
        given: tuple[Map, Any] | None,
        scope: Scope,
        values: Values,
        mark: Mark | None,
        calls: tuple[Element, ...],
    ) -> Expanded:
        command.used = True
        if command in calls:
            names = " → ".join(each.label for each in (*calls[calls.index(command) :], command))
            raise self._report.fail(f"Commands call each other in a circle: {names}", mark)
        if len(calls) >= DEEPEST:
            raise TooMuch(Problem(f"Commands call each other more than {DEEPEST} deep", mark))
        with self._report.within(f"command {command.label}"):
            arguments = self.arguments(command, given, scope, values, mark, calls)
            inner = Values(arguments, values.pipeline if command.scope.sees_pipeline else {})
            body = command.body
            if "steps" not in body:
                raise self._report.fail("required key [steps] not found", command.mark)
            return self.expanded(body["steps"], command.scope, inner, body.value_at("steps"), (*calls, command))

    def arguments(
        self,
        element: Element,
        given: tuple[Map, Any] | None,
        scope: Scope,
        values: Values,
        mark: Mark | None,
        calls: tuple[Element, ...] = (),
    ) -> dict[str, Any]:
        """The values of an element's parameters, as its caller and its defaults say."""
        written = given[1] if given else None
        if written is not None and not isinstance(written, Map):
            raise self._report.fail(f"The arguments of {element.label} must be a map", mark, "Write their names")
        passed = Map(mark)
        for name, value in (written or {}).items():
            at = written.value_at(name) if written is not None else None
            is_steps = isinstance(value, Seq) and (element.parameters(self._report).get(name) or _NONE).type == "steps"
            passed.put(
                name,
                value if is_steps else substituted(value, values, self._report, at),
                written.key_at(name) if written is not None else None,
                at,
            )

        inner = values.pipeline if element.scope.sees_pipeline else {}

        def resolve(parameter: Parameter, value: Any, at: Mark | None, is_given: bool) -> Any:
            where, known = (scope, values) if is_given else (element.scope, Values({}, inner))
            if parameter.type == "executor":
                return self._executor(value, where, known, at) if value is not None else None
            return self.expanded(value if isinstance(value, Seq) else Seq(at), where, known, at, calls)

        parameters = element.parameters(self._report)
        self._reads(len(parameters) // PARAMETERS_A_READ)
        also = RESERVED if element.kind == "job" else ()
        found = bound(parameters, passed, self._report, resolve, putting_in(inner, self._report), also)
        if has_part(parameters):
            known = {name: found[f"parameters.{name}"] for name in parameters}
            self.calls.append(Call(element.label, known, mark))
        return found

    def _built_in(self, name: str, given: tuple[Map, Any] | None, values: Values, mark: Mark | None) -> Any:
        if given is None or given[1] is None:
            if name not in _ALONE:
                what = (
                    _NO_COMMAND
                    if name == "run"
                    else f"The step {name} needs {' and '.join(_NEEDED.get(name, ('keys',)))}"
                )
                raise self._report.fail(what, mark)
            return name
        body = substituted(given[1], values, self._report, given[0].value_at(name))
        if name in ("run", "deploy") and isinstance(body, str | int | float):
            text = Map(mark)
            text.put("command", rendered(body))
            body = text
        if not isinstance(body, Map):
            what = "needs string or map" if name in ("run", "deploy") else "needs a map"
            hint = f"Write {_NEEDED[name][0]}: {body}" if isinstance(body, str) and name in _NEEDED else ""
            raise self._report.fail(f"{name} step {what}", mark, hint)
        self._check(name, body, mark)
        made = Map(mark)
        made.put(name, body, mark, body.at)
        return made

    def _check_keys(self, name: str, body: Map, mark: Mark | None) -> None:
        """Keys that are needed, and those that mean nothing; a needed one that is misspelled is told once."""
        needed = [key for key in _NEEDED.get(name, ()) if key not in body]
        for key in body:
            if key in BUILT_IN[name]:
                continue
            near = nearest_names(key, BUILT_IN[name])[:1]
            if near and near[0] in needed:
                needed.remove(near[0])
                self._report.error(_missing(name, near[0]), body.key_at(key), nearest(key, near))
                continue
            text = f"The key {key} means nothing in the step {name}"
            self._report.warning(text, body.key_at(key), nearest(key, BUILT_IN[name]))
        for key in needed:
            self._report.error(_missing(name, key), mark)

    def _check(self, name: str, body: Map, mark: Mark | None) -> None:
        self._check_keys(name, body, mark)
        if name == "restore_cache" and not body.keys() & {"key", "keys"}:
            self._report.error("required key [key] or [keys] not found in the step restore_cache", mark)
        forms.check_cache_keys(body, self._report)
        if name == "run":
            self._check_run(body)
        elif name == "checkout":
            forms.check_checkout(body, self._report)
        elif name == "add_ssh_keys":
            self._check_fingerprints(body)

    def _check_run(self, body: Map) -> None:
        if isinstance(body.get("command"), list | dict):
            self._report.error("command: must be a text", body.value_at("command"), "Write | and a line for each")
        when = body.get("when")
        if when is not None and when not in _RUN_WHEN:
            self._report.error(f"when: is '{when}'", body.value_at("when"), f"One of {', '.join(_RUN_WHEN)}")
        forms.check_run(body, self._report)

    def _check_fingerprints(self, body: Map) -> None:
        for one in body.get("fingerprints") or ():
            if isinstance(one, str) and "$" in one:
                text = f"The fingerprint {one} is compared letter by letter where CircleCI runs it"
                self._report.warning(text, body.value_at("fingerprints"), "Write the key's own fingerprint")


def _missing(step: str, key: str) -> str:
    return _NO_COMMAND if step == "run" else f"required key [{key}] not found in the step {step}"


_NONE: Final = Parameter("", "")
