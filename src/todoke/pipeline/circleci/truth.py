"""Logic statements: `and`, `or`, `not`, `equal`, `matches` as maps. Source: CircleCI, "Logic statements"."""

from typing import Any, Final

from todoke.pipeline.circleci.document import Map, Seq
from todoke.pipeline.circleci.expressions.scanner import compiled
from todoke.pipeline.circleci.problems import Mark, Report, nearest

DEEPEST: Final = 100
_WORDS: Final = ("and", "or", "not", "equal", "matches")


def truthy(value: Any) -> bool:
    """Whether a value counts as true: all but false, null, 0, NaN and the empty string."""
    if value is None or value is False or value == "":
        return False
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value == value and value != 0
    return True


def holds(statement: Any, report: Report, mark: Mark | None = None, depth: int = 0) -> bool:
    """Whether a statement is true; everything in it has been put in. A wrong one counts as false."""
    if not isinstance(statement, Map):
        if isinstance(statement, Seq):
            report.error("A list is no condition", mark, "Write and: or or: before it")
            return False
        if isinstance(statement, str) and statement.startswith("pipeline."):
            text = f"The condition '{statement}' is a text, and so always true"
            report.warning(text, mark, "Write << … >> around it, or equal:")
        return truthy(statement)
    if depth > DEEPEST:
        report.error(f"Conditions lie more than {DEEPEST} deep in each other", mark)
        return False
    if len(statement) != 1 or next(iter(statement)) not in _WORDS:
        wrong = ", ".join(statement) or "nothing"
        hint = "Leave condition: out: what is below it stands there" if wrong == "condition" else nearest(wrong, _WORDS)
        report.error(f"A condition has one of and, or, not, equal, matches, not {wrong}", mark, hint)
        return False
    word, operand = next(iter(statement.items()))
    return _applied(word, operand, report, statement.value_at(word), depth + 1)


def _applied(word: str, operand: Any, report: Report, mark: Mark | None, depth: int) -> bool:
    if word == "not":
        return not holds(operand, report, mark, depth)
    if word == "matches":
        return _matches(operand, report, mark)
    if not isinstance(operand, Seq) or not operand:
        report.error(f"{word}: needs a list with at least one item", mark)
        return False
    if word == "equal":
        return all(same(item, operand[0]) for item in operand[1:])
    answers = [holds(item, report, at, depth) for item, at in operand.placed()]
    return all(answers) if word == "and" else any(answers)


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal, and of the same kind."""
    if isinstance(one, bool) is not isinstance(other, bool):
        return False
    return bool(one == other)


def _matches(operand: Any, report: Report, mark: Mark | None) -> bool:
    if not isinstance(operand, Map) or not {"pattern", "value"} <= operand.keys():
        report.error("matches: needs a map with pattern and value", mark)
        return False
    pattern, value = operand["pattern"], operand["value"]
    try:
        found = compiled(str(pattern)).fullmatch("" if value is None else _text(value))
    except ValueError as error:
        report.error(f"Invalid regular expression: {pattern}: {error}", operand.value_at("pattern"))
        return False
    return found is not None


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
