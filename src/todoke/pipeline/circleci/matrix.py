"""All combinations of a matrix. Source: CircleCI, "Configuration reference", "matrix"."""

from collections.abc import Iterator
from itertools import product
from typing import Any, Final

from todoke.pipeline.circleci.document import Map, Seq
from todoke.pipeline.circleci.problems import Mark, Problem, Report, TooMuch, nearest
from todoke.pipeline.circleci.substitution import rendered
from todoke.pipeline.circleci.truth import same

MOST: Final = 1_000
_KEYS: Final = ("parameters", "exclude", "alias")


def combinations(matrix: Any, report: Report, mark: Mark | None) -> list[dict[str, Any]]:
    """The arguments of each instance, the last parameter changing fastest; empty when there is nothing to combine.

    Raises: TooMuch: there are more than MOST.
    """
    if not isinstance(matrix, Map):
        report.error("matrix: must be a map with parameters", mark)
        return []
    for key in matrix:
        if key not in _KEYS:
            report.error(
                f"extraneous key [{key}] is not permitted in the matrix", matrix.key_at(key), nearest(key, _KEYS)
            )
    lists = _lists(matrix, report, mark)
    count = 1
    for values in lists.values():
        count *= len(values)
        if count > MOST:
            raise TooMuch(Problem(f"The matrix has more than {MOST:,} combinations", mark))
    excluded = [each for each, _ in _excluded(matrix, lists, report)]
    found = [dict(zip(lists, values, strict=True)) for values in product(*lists.values())]
    return [one for one in found if not any(_equal(one, each) for each in excluded)]


def _lists(matrix: Map, report: Report, mark: Mark | None) -> dict[str, list[Any]]:
    parameters = matrix.get("parameters")
    if not isinstance(parameters, Map) or not parameters:
        report.error("matrix: needs parameters, each with a list of values", mark)
        return {}
    found = {}
    for name, values in parameters.items():
        if not isinstance(values, Seq) or not values:
            report.error(f"matrix: the parameter {name} needs a list of values", parameters.value_at(name))
            return {}
        found[name] = list(values)
    return found


def _excluded(matrix: Map, lists: dict[str, list[Any]], report: Report) -> Iterator[tuple[dict[str, Any], Mark | None]]:
    listed = matrix.get("exclude")
    if listed is None:
        return
    if not isinstance(listed, Seq):
        report.error("exclude: must be a list of maps", matrix.value_at("exclude"))
        return
    for one, at in listed.placed():
        if not isinstance(one, Map) or set(one) != set(lists):
            report.error(f"exclude: each entry names all of {', '.join(lists)}", at)
            continue
        yield dict(one), at


def _equal(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(same(one[name], other[name]) for name in one)


def default_name(job: str, arguments: dict[str, Any]) -> str:
    """What an instance is called that is given no name: the job's name and the values, by the parameters' names."""
    return "-".join([job, *(rendered(arguments[name]) for name in sorted(arguments))])
