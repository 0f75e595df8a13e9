"""`<< … >>` in texts: values put in, sections kept or dropped, escapes undone.

Source: CircleCI, "Reusable config reference", "Pipeline values"; the sections of mustache, which orbs use undocumented.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from todoke.pipeline.circleci.document import Map, Seq
from todoke.pipeline.circleci.expressions import UNDEFINED, ExpressionError, Pattern, evaluate, parse
from todoke.pipeline.circleci.problems import Mark, Report, meant, nearest
from todoke.pipeline.circleci.truth import truthy

_TAG = re.compile(r"(?<!\\)<<\s*([#^/]?)\s*((?:(?!<<|>>).)*?)\s*>>", re.DOTALL)
_OPEN = re.compile(r"(?<!\\)<<(?!<)")
_NAME = re.compile(r"[A-Za-z_][\w.-]*\??\Z")
_SPACES: Final = ("parameters", "matrix", "pipeline")
_NO_VALUES: Final = (
    ("include(", "`todoke ci orb pack` puts files in; a configuration cannot"),
    ("$", "Environment variables are not known yet: write $NAME without << >> where a shell reads it"),
)


class Expanded(Seq):
    """Steps that are built-in ones already, written by a caller: nothing in them is put in again."""

    __slots__ = ()


class Values:
    """What names stand for in one place. Attributes: known: by full name, such as parameters.version."""

    def __init__(self, known: Mapping[str, Any], pipeline: Mapping[str, Any]) -> None:
        """Args: known: of the element that is expanded. pipeline: empty where pipeline values are not visible."""
        self.known = known
        self.pipeline = pipeline

    def names(self) -> Iterable[str]:
        """All names, for suggestions."""
        return (*self.known, *self.pipeline)

    def has(self, name: str) -> bool:
        """Whether a name stands for something here."""
        return name in self.known or name in self.pipeline

    def __getitem__(self, name: str) -> Any:
        return self.known[name] if name in self.known else self.pipeline[name]


def putting_in(pipeline: Mapping[str, Any], report: Report) -> Callable[[str, Mapping[str, Any], Mark | None], Any]:
    """What puts values into the default of a parameter: those of other parameters, and pipeline values."""
    return lambda text, known, mark: substituted(text, Values(known, pipeline), report, mark)


def substituted(value: Any, values: Values, report: Report, mark: Mark | None = None) -> Any:
    """A value with everything put in; a text that is one tag alone becomes what the tag stands for."""
    if isinstance(value, str):
        return _text(value, values, report, mark) if "<<" in value else value
    if isinstance(value, Expanded):
        return value
    if isinstance(value, Map):
        return _map(value, values, report)
    if isinstance(value, Seq):
        found = Seq(value.at)
        for item, at in value.placed():
            found.put(substituted(item, values, report, at), at)
        return found
    return value


def _map(value: Map, values: Values, report: Report) -> Map:
    found = Map(value.at)
    for key, item in value.items():
        key_at, value_at = value.keys_at.get(key), value.values_at.get(key)
        name = _text(key, values, report, key_at) if "<<" in key else key
        found.put(
            name if isinstance(name, str) else rendered(name),
            substituted(item, values, report, value_at),
            key_at,
            value_at,
        )
    return found


def _text(text: str, values: Values, report: Report, mark: Mark | None) -> Any:
    whole = _TAG.fullmatch(text.strip()) if text.lstrip().startswith("<<") else None
    if whole is not None and not whole[1]:
        return _value(whole[2], values, report, mark)
    parts = _sections(text, values, report, mark)
    if _OPEN.search(text, _end_of_tags(text)):
        line = next(line for line in text[_end_of_tags(text) :].splitlines() if "<<" in line).strip()
        shown = line if len(line) <= 120 else f"{line[:120]}…"
        report.error(f"Unclosed '<<' tag in string: '{shown}'", mark, r"'<<' must be escaped as '\<<' in config v2.1+")
    return parts.replace("\\<<", "<<")


def _end_of_tags(text: str) -> int:
    end = 0
    for match in _TAG.finditer(text):
        end = match.end()
    return end


def _sections(text: str, values: Values, report: Report, mark: Mark | None) -> str:
    """The text with tags replaced; a section whose value is false, or true after `^`, is left out."""
    report.grow(len(text))
    made: list[str] = []
    stack: list[tuple[str, bool]] = []
    at = 0
    for match in _TAG.finditer(text):
        shown = all(kept for _, kept in stack)
        if shown:
            made.append(text[at : match.start()])
        at = match.end()
        sign, name = match[1], match[2]
        if sign == "/":
            if not stack or stack[-1][0] != name:
                report.error(f"'<</ {name} >>' closes no section", mark)
            else:
                stack.pop()
        elif sign:
            found = truthy(_value(name, values, report, mark)) if shown else False
            stack.append((name, found is (sign == "#")))
        elif shown:
            made.append(rendered(_value(name, values, report, mark)))
            report.grow(len(made[-1]))
    if stack:
        report.error(
            f"The section '<<# {stack[-1][0]} >>' is not closed", mark, f"Write <</ {stack[-1][0]} >> after it"
        )
    if all(kept for _, kept in stack):
        made.append(text[at:])
    return "".join(made)


def _value(name: str, values: Values, report: Report, mark: Mark | None) -> Any:
    """What a tag stands for: a name, or an expression of pipeline values."""
    if values.has(name):
        return values[name]
    if _NAME.match(name):
        return _unknown(name, values, report, mark)
    variables = {known: values[known] for known in values.names() if isinstance(values[known], str | int | bool | None)}
    try:
        found = evaluate(parse(name), variables)
    except ExpressionError as error:
        hint = next((hint for sign, hint in _NO_VALUES if name.startswith(sign)), "")
        report.error(f"The expression << {name} >> has no value: {error}", mark, hint)
        return ""
    if isinstance(found, Pattern):
        return found.source
    return "" if found is UNDEFINED else found


def _unknown(name: str, values: Values, report: Report, mark: Mark | None) -> str:
    space = name.partition(".")[0]
    if space == "parameters":
        declared = [known.partition(".")[2] for known in values.known if known.startswith("parameters.")]
        hint = nearest(name.partition(".")[2], declared) or "This element declares no parameters"
        report.error(f"Arguments referenced without declared parameters: {name}", mark, hint)
    elif space in _SPACES:
        report.error(f'Referred to a variable "{name}" that does not exist', mark, _near(name, values))
    else:
        report.error(
            f'Unknown variable "{name}" in << >>',
            mark,
            meant(space, _SPACES, f"Write << parameters.{name} >>, or \\<< for the signs themselves"),
        )
    return name  # not nothing: what needs a text would complain again


def _near(name: str, values: Values) -> str:
    """What was meant by an unknown name: for a parameter of the pipeline another one of them, or what to do."""
    space = "pipeline.parameters."
    if not name.startswith(space) or not values.pipeline:
        return nearest(name, values.names())
    own = name.removeprefix(space)
    known = [name.removeprefix(space) for name in values.names() if name.startswith(space)]
    return meant(own, known, f"Declare {own} below parameters:")


def rendered(value: Any) -> str:
    """A value inside a longer text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return f"{value:.1f}"
    if isinstance(value, str | int | float):
        return str(value)
    return _flow(value)


def _flow(value: Any) -> str:
    """A map or list as JSON-like flow text; a parameter of type steps inside a text is hardly ever meant."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    return rendered(value)
