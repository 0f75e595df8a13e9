"""What is wrong with a configuration, or surprising, and where: collected, not raised, so that a person sees all."""

from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches

from todoke.model.problems import Mark, Problem

__all__ = ["Mark", "Problem", "Report", "TooMuch", "Unusable", "meant", "nearest", "nearest_names"]


MOST_LETTERS = 32 * 1024 * 1024


class Unusable(Exception):
    """Nothing can be made of this part: its problem is on record, and who can go on without it does."""


class TooMuch(Exception):
    """A limit is exceeded: nothing more is done. Attributes: problem: names the limit."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.text)
        self.problem = problem


class Report:
    """All problems of one compilation, each once."""

    def __init__(self, most: int = 200) -> None:
        self._found: dict[Problem, None] = {}
        self._most = most
        self._within: list[str] = []
        self._counts = {"error": 0, "warning": 0}
        self._letters = 0

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Errors and warnings in the order of the text."""
        return tuple(sorted(self._found, key=_place))

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.level == "error")

    def error(self, text: str, mark: Mark | None = None, hint: str = "") -> None:
        """Put an error on record."""
        self._add(Problem(text, mark, hint, tuple(dict.fromkeys(self._within))))

    def warning(self, text: str, mark: Mark | None = None, hint: str = "") -> None:
        """Put on record what compiles and will surprise."""
        self._add(Problem(text, mark, hint, tuple(dict.fromkeys(self._within)), "warning"))

    def fail(self, text: str, mark: Mark | None = None, hint: str = "") -> Unusable:
        """Put an error on record; gives what to raise."""
        self.error(text, mark, hint)
        return Unusable(text)

    def _add(self, problem: Problem) -> None:
        if problem in self._found:
            return
        count = self._counts[problem.level]
        if count >= self._most and problem.level == "error":
            raise TooMuch(Problem(f"more than {self._most} problems: the rest is not looked at"))
        if count < self._most:
            self._found[problem] = None
            self._counts[problem.level] += 1
        else:
            self._found.setdefault(Problem(f"more than {self._most} warnings: the rest is not told", level="warning"))

    def grow(self, letters: int) -> None:
        """Count text that is put together. Raises: TooMuch: all of it is longer than the limit."""
        self._letters += letters
        if self._letters > MOST_LETTERS:
            limit = MOST_LETTERS // 1024 // 1024
            raise TooMuch(Problem(f"With its values put in the configuration has more than {limit} MiB of text"))

    def within(self, what: str) -> "_Within":
        """A context manager: problems are found while this is expanded."""
        return _Within(self._within, what)


def _place(problem: Problem) -> tuple[str, int, int]:
    mark = problem.mark or Mark(0, 0)
    return mark.file, mark.line, mark.column


class _Within:
    def __init__(self, stack: list[str], what: str) -> None:
        self._stack, self._what = stack, what

    def __enter__(self) -> None:
        self._stack.append(self._what)

    def __exit__(self, *_: object) -> None:
        self._stack.pop()


_CLEARLY = 0.1
_MEANT = "Did you mean "
_LIKE, _LIKE_IF_SHORT, _SHORT = 0.65, 0.5, 3


def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other).ratio()


def nearest_names(name: str, known: Iterable[str]) -> list[str]:
    """At most two names that may be meant, the nearest first."""
    near = get_close_matches(name, sorted(set(known)), n=2, cutoff=_LIKE if len(name) > _SHORT else _LIKE_IF_SHORT)
    if len(near) > 1 and _likeness(name, near[0]) - _likeness(name, near[1]) > _CLEARLY:
        del near[1]
    return near


def meant(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """A sentence that names what was meant; something else where nothing is near."""
    near = nearest(name, known)
    return near if near.startswith(_MEANT) else otherwise


def nearest(name: str, known: Iterable[str]) -> str:
    """A sentence that names what was meant, or what there is; "" when there is nothing."""
    names = sorted(set(known))
    if near := nearest_names(name, names):
        return f"{_MEANT}{' or '.join(near)}?"
    if not names:
        return ""
    return f"There are: {', '.join(names[:8])}{' …' if len(names) > 8 else ''}"
