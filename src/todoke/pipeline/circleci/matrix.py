"""All combinations of a matrix. Source: CircleCI, "Configuration reference", "matrix"."""

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any, Final

from todoke.pipeline.circleci.document import Map, Seq
from todoke.pipeline.circleci.problems import Mark, Problem, Report, TooMuch, nearest
from todoke.pipeline.circleci.substitution import rendered

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
    excluded = [(_key(each, lists), at) for each, at in _excluded(matrix, lists, report)]
    found = [dict(zip(lists, values, strict=True)) for values in product(*lists.values())]
    keys = {_key(one, lists) for one in found}
    for each, at in excluded:
        if each not in keys and "<<" not in f"{each}{lists}":
            report.warning("exclude: names no combination of the matrix", at, "Write its values as they stand above")
    left_out = {each for each, _ in excluded}
    return [one for one in found if _key(one, lists) not in left_out]


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


def _key(arguments: dict[str, Any], names: Iterable[str]) -> tuple[Any, ...]:
    """What is the same for arguments that are: booleans are no numbers."""
    values = (arguments[name] for name in names)
    return tuple(
        (isinstance(value, bool), repr(value) if isinstance(value, list | dict) else value) for value in values
    )


def default_name(job: str, arguments: dict[str, Any]) -> str:
    """What an instance is called that is given no name: the job's name and the values, by the parameters' names."""
    return "-".join([job, *(rendered(arguments[name]) for name in sorted(arguments))])
