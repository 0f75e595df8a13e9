"""Several configurations as one: maps are laid over each other, of everything else the later one counts."""

from collections.abc import Iterable
from typing import Any

from todoke.pipeline.circleci.document import Map, parse
from todoke.pipeline.circleci.emitting import text_of
from todoke.pipeline.circleci.problems import Problem, Report, TooMuch, Unusable


def merged(texts: Iterable[tuple[str, str]]) -> tuple[str, tuple[Problem, ...]]:
    """The text of all configurations together, and what is wrong with them. Args: texts: pairs of a name and a text."""
    report, whole = Report(), Map()
    for name, text in texts:
        try:
            found = parse(text, report, name)
        except Unusable:
            continue
        except TooMuch as error:
            return "", (*report.problems, error.problem)
        if isinstance(found, Map):
            whole = _over(whole, found)
        else:
            report.error(f"{name} must be a map")
    return text_of(whole), report.problems


def _over(under: Map, above: Map) -> Map:
    made = Map(under.at)
    for source in (under, above):
        for key, value in source.items():
            old: Any = made.get(key)
            both = isinstance(old, Map) and isinstance(value, Map)
            made.put(key, _over(old, value) if both else value)
    return made
