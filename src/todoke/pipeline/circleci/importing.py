"""Orbs, put where names can lead into them. Source: CircleCI, "Reusable config reference", "orbs"."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from todoke.model.job_graphs import FindOrb, Orb, OrbText
from todoke.pipeline.circleci.document import Map, parse
from todoke.pipeline.circleci.elements import Scope
from todoke.pipeline.circleci.parameters import PIPELINE_TYPES, declared
from todoke.pipeline.circleci.problems import Mark, Problem, Report, TooMuch, Unusable
from todoke.pipeline.circleci.substitution import Values, substituted

DEEPEST_ORBS: Final = 5
_NO_ORB: Final = "Cannot find {} in the orb registry. Check that the namespace, orb name and version are correct."


class Importer:
    """Imports orbs. Attributes: orbs: all of them, in the order in which they were found."""

    def __init__(self, report: Report, find_orb: FindOrb) -> None:
        self._report, self._find_orb = report, find_orb
        self.orbs: list[Orb] = []

    def into(self, scope: Scope, orbs: Any, depth: int = 1) -> None:
        """Import what an `orbs:` section names, and what those import in turn."""
        for name, value in orbs.items() if isinstance(orbs, Map) else ():
            self._orb(scope, name, value, orbs.value_at(name), depth)

    def _orb(self, scope: Scope, name: str, value: Any, mark: Mark | None, depth: int) -> None:
        if depth > DEEPEST_ORBS:
            raise TooMuch(Problem(f"Orbs import each other more than {DEEPEST_ORBS} deep", mark))
        if isinstance(value, Map):
            body, file = value, ""
            self.orbs.append(Orb(name, "", "", "inline"))
        elif isinstance(value, str) and (found := self._found(name, value, mark)) is not None:
            file = found.file or found.resolved
            body = self._body(parse(found.text, self._report, file), value, mark)
        else:
            if not isinstance(value, str):
                self._report.error(f"The orb {name} must be namespace/orb@version, or a map", mark)
            scope.missing.add(name)
            return
        inner = Scope(body, f"{scope.prefix}{name}/", file, sees_pipeline=False)
        scope.orbs[name] = inner
        self.into(inner, body.get("orbs"), depth + 1)

    def _found(self, name: str, reference: str, mark: Mark | None) -> OrbText | None:
        found = self._find_orb(reference)
        if isinstance(found, str):
            self._report.error(f"{_NO_ORB.format(reference)}", mark, found)
            return None
        self.orbs.append(Orb(name, reference, found.resolved, found.origin, found.place))
        return found

    def _body(self, parsed: Any, reference: str, mark: Mark | None) -> Map:
        if isinstance(parsed, Map):
            return parsed
        self._report.error(f"The text of the orb {reference} is no map", mark)
        return Map(mark)


def substituted_names(orbs: Map, values: Values, report: Report) -> Map:
    """The orbs with pipeline values put into their references; bodies of inline orbs stay as they are."""
    found = Map(orbs.at)
    for name, value in orbs.items():
        made = substituted(value, values, report, orbs.value_at(name)) if isinstance(value, str) else value
        found.put(name, made, orbs.key_at(name), orbs.value_at(name))
    return found


class Import(NamedTuple):
    """One orb that a text names. Attributes: name: by which it is called there. reference: "" for an inline one."""

    name: str
    reference: str
    mark: Mark | None


def imports(
    text: str, given: Mapping[str, Any], pipeline: Mapping[str, Any], file: str = ""
) -> tuple[tuple[Import, ...], tuple[Problem, ...]]:
    """The orbs that a configuration or an orb names, with those that its inline orbs name; and why that is not known.

    Args: given: parameters of the pipeline; the others have their defaults. pipeline: its values. file: for places.
    """
    report = Report()
    try:
        document = parse(text, report, file)
        if not isinstance(document, Map):
            raise report.fail("There is nothing that could import orbs: it must be a map", Mark(1, 1, file))
    except Unusable:
        return (), report.problems
    except TooMuch as error:
        return (), (error.problem,)
    orbs = document.get("orbs")
    if not isinstance(orbs, Map):
        return (), ()
    known = dict(pipeline)
    for name, one in declared(document, Report(), PIPELINE_TYPES).items():
        known[f"pipeline.parameters.{name}"] = given.get(name, one.default)
    written = substituted_names(orbs, Values({}, known), report)
    found = _listed(written, "", report, 1)
    return found, report.errors


def _listed(orbs: Map, prefix: str, report: Report, depth: int) -> tuple[Import, ...]:
    found: list[Import] = []
    for name, value in orbs.items():
        at = orbs.value_at(name)
        if isinstance(value, Map):
            found.append(Import(f"{prefix}{name}", "", at))
            nested = value.get("orbs")
            if isinstance(nested, Map) and depth < DEEPEST_ORBS:
                found += _listed(nested, f"{prefix}{name}/", report, depth + 1)
        elif isinstance(value, str):
            found.append(Import(f"{prefix}{name}", value, at))
        else:
            report.error(f"The orb {name} must be namespace/orb@version, or a map", at)
    return tuple(found)
