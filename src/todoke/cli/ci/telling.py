"""Problems of a configuration in words: place, line with a caret, and what was expected."""

from collections.abc import Iterable, Iterator
from typing import Any
from unicodedata import east_asian_width

from todoke.cli.output import say, style
from todoke.model.problems import Problem

_WIDEST = 100


def tell(problems: Iterable[Problem], name: str, text: str) -> None:
    """Print problems to stderr."""
    lines = text.splitlines()
    for problem in problems:
        say("\n".join(_lines(problem, name, lines)))


def _lines(problem: Problem, name: str, lines: list[str]) -> Iterator[str]:
    colour = "red" if problem.level == "error" else "yellow"
    mark = problem.mark
    file = mark.file if mark and mark.file else name
    where = f"{file}:{mark.line}:{mark.column}" if mark else file
    yield f"{where}: {style(problem.level, colour)}: {problem.text}"
    if mark and not mark.file and 0 < mark.line <= len(lines):
        number, line = str(mark.line), lines[mark.line - 1]
        start = max(0, mark.column - 1 - _WIDEST + 20)
        shown = line[start : start + _WIDEST].replace("\t", " ")
        yield f"  {number} | {shown}"
        yield f"  {' ' * len(number)} | {_blank(shown[: mark.column - 1 - start])}{style('^', colour)}"
    if problem.hint:
        yield f"  {problem.hint}"
    if problem.within:
        yield f"  in {', '.join(problem.within)}"


def _blank(text: str) -> str:
    """Blanks as wide as a text: some letters are as wide as two."""
    return "".join("\u3000" if east_asian_width(letter) in "WF" else " " for letter in text)


def data(problem: Problem, name: str) -> dict[str, Any]:
    """For programs."""
    mark = problem.mark
    return {
        "level": problem.level,
        "file": mark.file if mark and mark.file else name,
        "line": mark.line if mark else None,
        "column": mark.column if mark else None,
        "text": problem.text,
        "hint": problem.hint,
        "within": list(problem.within),
    }
