"""How a pipeline goes on after its setup: which configuration follows, and what changed paths make of its parameters.

Source: CircleCI, "Dynamic configuration", "Using dynamic configuration"; the documented parameters of the orbs
path-filtering and continuation. A call is known by the parameters that its element declares, so that it does not
matter where the orb comes from or what it is called.
"""

import json
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from todoke.pipeline.circleci.expressions.scanner import compiled
from todoke.pipeline.circleci.problems import Mark, Problem

_MAPS: Final = ("mapping", "base-revision")
_CONTINUES: Final = ("configuration_path", "parameters")
_WORDS: Final = (3, 4)
"""Of a line of a mapping: pattern, parameter, value, and the configuration that it is for."""


class Call(msgspec.Struct, frozen=True):
    """A job or command that has a part in continuing. Attributes: arguments: of its parameters, defaults included."""

    element: str
    arguments: Mapping[str, Any]
    mark: Mark | None = None


class Continuation(msgspec.Struct, frozen=True):
    """What follows a setup, as one of its jobs says.

    Attributes:
        config: the configuration that follows where no line of the mapping names one. mapping: lines, or the path of a
            file with them; None when changed paths decide nothing. exclude: patterns of paths that do not count.
        parameters: JSON, or the path of a file with it. base: the revision that changes are counted from.
    """

    workflow: str
    job: str
    config: str
    mapping: str | None = None
    exclude: str = ""
    parameters: str = ""
    base: str = ""
    mark: Mark | None = None


class Match(msgspec.Struct, frozen=True):
    """A line of the mapping that holds, and the first path for which it does."""

    pattern: str
    path: str
    parameter: str
    value: Any
    config: str = ""


class Decision(msgspec.Struct, frozen=True):
    """What changed paths decide. Attributes: configs: those that follow; several are laid over each other."""

    configs: tuple[str, ...]
    parameters: Mapping[str, Any] = {}
    matches: tuple[Match, ...] = ()
    problems: tuple[Problem, ...] = ()


def has_part(parameters: Container[str]) -> bool:
    """Whether an element that declares these parameters has a part in continuing."""
    return any(all(name in parameters for name in names) for names in (_MAPS, _CONTINUES))


def continuation(workflow: str, job: str, calls: Sequence[Call], mark: Mark | None) -> Continuation | None:
    """What one job of a setup continues with, by the calls in it from the outside in; None when it does not."""
    maps = next((call for call in calls if "mapping" in call.arguments), None)
    goes_on = next((call for call in calls if "configuration_path" in call.arguments), None)
    filtering = maps.arguments if maps else {}
    continuing = goes_on.arguments if goes_on else {}
    own = str(continuing.get("configuration_path") or "")
    made = own.startswith("/")  # outside of the repository: written while the setup runs, from what the paths decide
    config = filtering.get("config-path", own) if made or not own else own
    if not config or (goes_on is None and "config-path" not in filtering):
        return None
    return Continuation(
        workflow,
        job,
        str(config).removeprefix("./"),
        None if maps is None else str(filtering["mapping"] or ""),
        str(filtering.get("exclude") or ""),
        str(continuing.get("parameters") or "") if maps is None else "",
        str(filtering.get("base-revision") or ""),
        mark,
    )


def decided(given: Continuation, mapping: str, changed: Iterable[str]) -> Decision:
    """What follows when these paths have changed.

    Each line is looked at by itself, with a pattern that must match all of a path; of lines that set the same parameter
    the last one counts. Args: mapping: the lines themselves.
    """
    problems: list[Problem] = []
    paths = _counted(given, changed, problems)
    parameters: dict[str, Any] = {}
    matches: list[Match] = []
    for number, line in enumerate(mapping.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _match(line, paths, f"Line {number} of the mapping", given.mark, problems)
        if found is not None:
            matches.append(found)
            parameters[found.parameter] = found.value
    configs = tuple(dict.fromkeys(one.config.removeprefix("./") for one in matches if one.config))
    if any(not one.config for one in matches):
        configs = tuple(dict.fromkeys((given.config, *configs)))
    return Decision(configs or (given.config,), parameters, tuple(matches), tuple(problems))


def literal(given: Continuation) -> Decision | str:
    """What follows when no path decides: the parameters as they are written, or why they are not known."""
    text = given.parameters.strip()
    if not text:
        return Decision((given.config,))
    try:
        found = json.loads(text)
    except ValueError:
        return f"its parameters are in {text}, which is written while the setup runs"
    if not isinstance(found, dict):
        return f"its parameters must be a map, and are {text}"
    return Decision((given.config,), found)


def conflicts(decision: Decision, chosen: Mapping[str, Any], mark: Mark | None) -> list[Problem]:
    """Parameters that whoever started the pipeline has chosen and that the setup sets again."""
    both = sorted(decision.parameters.keys() & chosen.keys())
    if not both:
        return []
    hint = f"Given at the start and set by the setup again: {', '.join(both)}. Leave one of them out"
    return [Problem("Conflicting pipeline parameters.", mark, hint)]


def _counted(given: Continuation, changed: Iterable[str], problems: list[Problem]) -> list[str]:
    paths = [path.removeprefix("./") for path in changed]
    for line in given.exclude.splitlines():
        text = line.strip()
        if text and not text.startswith("#"):
            pattern = _pattern(text, "exclude", given.mark, problems)
            paths = [path for path in paths if pattern is None or pattern.fullmatch(path) is None]
    return paths


def _match(line: str, paths: Sequence[str], label: str, mark: Mark | None, problems: list[Problem]) -> Match | None:
    words = line.split()
    if len(words) not in _WORDS:
        text = f"{label} needs a pattern, a parameter and a value, and has {len(words)} words: {line.strip()}"
        problems.append(Problem(text, mark, "A fourth word names the configuration that the line is for"))
        return None
    try:
        value = json.loads(words[2])
    except ValueError:
        text = f"{label}: the value {words[2]} of {words[1]} is no JSON"
        problems.append(Problem(text, mark, f'Write true, false, a number, or text in double quotes: "{words[2]}"'))
        return None
    pattern = _pattern(words[0], label, mark, problems)
    hit = None if pattern is None else next((path for path in paths if pattern.fullmatch(path)), None)
    return None if hit is None else Match(words[0], hit, words[1], value, "".join(words[3:]))


def _pattern(text: str, label: str, mark: Mark | None, problems: list[Problem]) -> Any:
    try:
        return compiled(text)
    except ValueError as error:
        problems.append(Problem(f"{label}: Invalid regular expression: {text}: {error}", mark))
        return None
