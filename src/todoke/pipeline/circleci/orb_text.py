"""An orb by itself: its files as one body with places, what its elements are, and whether each of them compiles.

Source: CircleCI, "Orb authoring"; "Reusable config reference".
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from todoke.model.job_graphs import FindOrb
from todoke.model.orb_locks import OrbFiles
from todoke.pipeline.circleci.document import Map, Seq, parse
from todoke.pipeline.circleci.elements import SECTIONS, Element, Kind, Scope
from todoke.pipeline.circleci.executors import Executors, Resolved
from todoke.pipeline.circleci.importing import Importer
from todoke.pipeline.circleci.jobs import JobCompiler
from todoke.pipeline.circleci.parameters import Parameter
from todoke.pipeline.circleci.problems import Mark, Problem, Report, TooMuch, Unusable, nearest
from todoke.pipeline.circleci.substitution import Expanded, Values

TOP_LEVEL: Final = ("version", "description", "display", "orbs", "commands", "executors", "jobs", "examples")
_INCLUDE = re.compile(r"<<\s*include\(\s*([^)]+?)\s*\)\s*>>")
_PLACEHOLDER: Final = "todoke-placeholder"
_MOST_ROUNDS: Final = 8


class ElementOutline(msgspec.Struct, frozen=True):
    """A command, job or executor for people. Attributes: parameters: in the order of the text."""

    kind: Kind
    name: str
    description: str
    parameters: tuple[tuple[Parameter, str], ...]  # with their descriptions


class OrbOutline(msgspec.Struct, frozen=True):
    """What an orb offers. Attributes: orbs: what it imports, by the names there."""

    description: str
    elements: tuple[ElementOutline, ...]
    orbs: Mapping[str, str]


class OrbVerdict(msgspec.Struct, frozen=True):
    """Whether an orb is fit for use. Attributes: elements: how many were compiled."""

    problems: tuple[Problem, ...]
    elements: int = 0

    @property
    def errors(self) -> tuple[Problem, ...]:
        """Those because of which it is not."""
        return tuple(problem for problem in self.problems if problem.level == "error")


def outline(files: OrbFiles) -> tuple[OrbOutline | None, tuple[Problem, ...]]:
    """What an orb offers; None and the reasons when it cannot be read."""
    report = Report()
    try:
        body = _body(files, report)
        scope = Scope(body, sees_pipeline=False)
        elements = tuple(_outline(element, report) for element in scope.elements())
    except Unusable:
        return None, report.errors
    except TooMuch as error:
        return None, (*report.errors, error.problem)
    given = body.get("orbs")
    orbs = given if isinstance(given, Map) else Map()
    named = {name: value if isinstance(value, str) else "inline" for name, value in orbs.items()}
    return OrbOutline(_words(body), elements, named), report.errors


def checked(files: OrbFiles, find_orb: FindOrb) -> OrbVerdict:
    """Compile each element of an orb, with its defaults, and with stand-ins for what only a caller knows."""
    report = Report()
    count = 0
    try:
        body = _body(files, report)
        _check_top(body, report)
        importer = Importer(report, find_orb)
        scope = Scope(body, sees_pipeline=False)
        importer.into(scope, body.get("orbs"))
        jobs = JobCompiler(report)  # one for all: it counts what all steps come to
        for element in scope.elements():
            count += 1
            for number in range(_rounds(element, report)):
                _compile(element, scope, number, report, jobs)
    except Unusable:
        return OrbVerdict(report.problems)
    except TooMuch as error:
        return OrbVerdict((*_known(report), error.problem), count)
    if not count and not report.errors:
        report.warning("The orb has no commands, jobs or executors", body.at)
    return OrbVerdict(_known(report), count)


def _known(report: Report) -> tuple[Problem, ...]:
    """Each once, and without those that speak of a stand-in: what a caller would give there is not known."""
    found: dict[tuple[str, Mark | None], Problem] = {}
    for each in report.problems:
        known = found.get((each.text, each.mark))
        if _PLACEHOLDER not in f"{each.text} {each.hint}" and (known is None or len(each.within) < len(known.within)):
            found[each.text, each.mark] = each
    return tuple(found.values())


def _body(files: OrbFiles, report: Report) -> Map:
    """The orb as one map. Raises: Unusable, TooMuch."""
    whole = Map()
    for part in files.parts:
        parsed = parse(part.text, report, part.file)
        if not isinstance(parsed, Map):
            what = f"{part.section}/{part.name}" if part.section else "An orb"
            raise report.fail(f"{what} must be a map", Mark(1, 1, part.file))
        included = _with_includes(parsed, files.included) if files.included else parsed
        if not part.section:
            whole = included
            continue
        section = whole.get(part.section)
        if not isinstance(section, Map):
            section = Map(included.at)
            whole.put(part.section, section, included.at, included.at)
        section.put(part.name, included, included.at, included.at)
    return whole


def _with_includes(value: Any, included: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _INCLUDE.sub(lambda match: included.get(match[1], match[0]), value)
    if isinstance(value, Map):
        found = Map(value.at)
        for key, item in value.items():
            found.put(key, _with_includes(item, included), value.keys_at.get(key), value.values_at.get(key))
        return found
    if isinstance(value, Seq):
        items = Seq(value.at)
        for item, at in value.placed():
            items.put(_with_includes(item, included), at)
        return items
    return value


def _check_top(body: Map, report: Report) -> None:
    for key in body:
        if key not in TOP_LEVEL:
            report.warning(f"The key {key} means nothing in an orb", body.key_at(key), nearest(key, TOP_LEVEL))
    if str(body.get("version")) != "2.1":
        report.warning("A published orb begins with version: 2.1", body.key_at("version"))
    for key in ("orbs", *SECTIONS.values()):
        section = body.get(key)
        if section is not None and not isinstance(section, Map):
            report.error(f"{key}: must be a map", body.value_at(key))
        elif isinstance(section, Map) and key != "orbs":
            for name, element in section.items():
                if not isinstance(element, Map):
                    report.error(f"{key}: {name} must be a map", section.value_at(name))


def _outline(element: Element, report: Report) -> ElementOutline:
    given = element.body.get("parameters")
    words = {name: _words(one) for name, one in given.items() if isinstance(one, Map)} if isinstance(given, Map) else {}
    parameters = tuple((one, words.get(name, "")) for name, one in element.parameters(report).items())
    return ElementOutline(element.kind, element.name, _words(element.body), parameters)


def _words(body: Map) -> str:
    return " ".join(str(body.get("description") or "").split())


def _rounds(element: Element, report: Report) -> int:
    """How often an element is compiled: so that each choice of an enum, and both of a boolean, come up."""
    sizes = {"boolean": 2}
    each = [sizes.get(one.type, len(one.enum) or 1) for one in element.parameters(report).values()]
    return min(max(each, default=1), _MOST_ROUNDS)


def _compile(element: Element, scope: Scope, number: int, report: Report, jobs: JobCompiler) -> None:
    given = Map(element.mark)
    for name, value in _arguments(element, number, report):
        given.put(name, value, element.mark, element.mark)
    nothing = Values({}, {})
    try:
        if element.kind == "job":
            jobs.compiled(element, given, scope, nothing, element.mark)
        elif element.kind == "executor":
            given.put("name", element.name, element.mark, element.mark)
            Executors(report).resolved(given, scope, nothing, element.mark)
        else:
            step, steps = Map(element.mark), Seq(element.mark)
            step.put(element.name, given, element.mark, element.mark)
            steps.put(step, element.mark)
            jobs.steps.expanded(steps, scope, nothing, element.mark)
    except Unusable:
        return


def _arguments(element: Element, number: int, report: Report) -> Iterator[tuple[str, Any]]:
    for name, one in element.parameters(report).items():
        if number or not one.has_default:
            yield from _argument(name, one, number)


def _argument(name: str, one: Parameter, number: int) -> Iterator[tuple[str, Any]]:
    """A value for a parameter; none where its default is kept."""
    if one.type == "boolean":
        yield name, not one.default if one.has_default and number % 2 else bool(number % 2)
    elif one.type == "enum":
        yield name, one.enum[number % len(one.enum)]
    elif not one.has_default:
        yield name, _stand_in(one)


def _stand_in(one: Parameter) -> Any:
    if one.type == "integer":
        return 1
    if one.type == "env_var_name":
        return "TODOKE_PLACEHOLDER"
    if one.type == "executor":
        images, image = Seq(), Map()
        image.put("image", _PLACEHOLDER)
        images.put(image)
        return Resolved(_PLACEHOLDER, {"docker": images})
    return Expanded() if one.type == "steps" else _PLACEHOLDER
