"""What elements may be given, and whether they are given that. Source: CircleCI, "Reusable config reference"."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from todoke.pipeline.circleci.document import Map, Seq
from todoke.pipeline.circleci.problems import Mark, Report, nearest, nearest_names

ELEMENT_TYPES: Final = ("string", "boolean", "integer", "enum", "executor", "steps", "env_var_name")
PIPELINE_TYPES: Final = ("string", "boolean", "integer", "enum")
_NAME = re.compile(r"[A-Za-z][\w-]*\Z")
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_NAMED = re.compile(r"(?<![\w.])parameters\.([\w-]+)")
_KEYS: Final = ("type", "default", "description", "enum")
_STAND_INS: Final[Mapping[str, Any]] = {"boolean": False, "integer": 1, "steps": None, "executor": None}
"""What stands for a value that is missing or wrong: what needs one would complain again."""


class Parameter(msgspec.Struct, frozen=True):
    """A declaration. Attributes: has_default: a default may be null. mark: of its name."""

    name: str
    type: str
    default: Any = None
    has_default: bool = False
    enum: tuple[Any, ...] = ()
    mark: Mark | None = None
    default_mark: Mark | None = None


def declared(body: Map, report: Report, types: tuple[str, ...] = ELEMENT_TYPES) -> dict[str, Parameter]:
    """The parameters that an element, or the pipeline, declares; wrong declarations are put on record and left out."""
    found: dict[str, Parameter] = {}
    given = body.get("parameters")
    if given is None:
        return found
    if not isinstance(given, Map):
        report.error("parameters: must be a map", body.value_at("parameters"))
        return found
    for name, one in given.items():
        parameter = _parameter(name, one, given, report, types)
        if parameter is not None:
            found[name] = parameter
    return found


def _parameter(name: str, one: Any, given: Map, report: Report, types: tuple[str, ...]) -> Parameter | None:
    mark = given.key_at(name)
    if not _NAME.match(name):
        report.error(f"Parameter name '{name}' must begin with a letter and hold letters, digits, _ and - only", mark)
    if not isinstance(one, Map) or "type" not in one:
        report.error(f"Parameter '{name}' needs a type", mark, f"One of {', '.join(types)}")
        return None
    kind = one["type"]
    if kind not in types:
        report.error(f"Parameter '{name}' has the type '{kind}'", one.value_at("type"), nearest(str(kind), types))
        return None
    for key in one:
        if key not in _KEYS:
            report.error(
                f"extraneous key [{key}] is not permitted in the parameter '{name}'",
                one.key_at(key),
                nearest(key, _KEYS),
            )
    choices = one.get("enum")
    if kind == "enum" and not (isinstance(choices, Seq) and choices):
        report.error(f"Parameter '{name}' of type enum needs a list enum", mark)
        return None
    found = Parameter(
        name,
        kind,
        one.get("default"),
        "default" in one,
        tuple(choices) if isinstance(choices, Seq) else (),
        mark,
        one.value_at("default"),
    )
    if found.has_default and kind not in ("executor", "steps") and not refers(found.default):
        check_default(found, found.default, report)
    return found


def refers(default: Any) -> bool:
    """Whether a default is a text in which something is put in."""
    return isinstance(default, str) and "<<" in default


def check_default(parameter: Parameter, value: Any, report: Report) -> None:
    """Put on record that a default does not fit its parameter. Args: value: of the default, everything put in."""
    if problem := mismatch(parameter, value):
        text = f"Parameter error: default value of parameter '{parameter.name}' is {shown(value)}: expected {problem}"
        report.error(text, parameter.default_mark)


def bound(
    parameters: Mapping[str, Parameter],
    given: Map,
    report: Report,
    resolve: Callable[[Parameter, Any, Mark | None, bool], Any],
    put_in: Callable[[str, Mapping[str, Any], Mark | None], Any],
    also: Iterable[str] = (),
) -> dict[str, Any]:
    """The values of an element's parameters, by their full names.

    Args:
        given: what the caller gives, everything put in; its place is that of the call.
        resolve: makes the value of a parameter of the types executor and steps; told whether the caller gave it.
        put_in: puts the other parameters, and pipeline values, into a default.
        also: what else may stand in the call, for suggestions.
    """
    if unexpected := [name for name in given if name not in parameters]:
        names = ", ".join(sorted(unexpected))
        report.error(
            f"Unexpected argument(s): {names}",
            given.key_at(unexpected[0]),
            nearest(unexpected[0], (*parameters, *also)),
        )
    missing = sorted(name for name, one in parameters.items() if not one.has_default and name not in given)
    misspelled = {near for name in unexpected for near in nearest_names(name, (*parameters, *also))[:1]}
    if absent := [name for name in missing if name not in misspelled]:
        report.error(f"Missing required argument(s): {', '.join(absent)}", given.at)
    values: dict[str, Any] = {f"parameters.{name}": _STAND_INS.get(parameters[name].type, name) for name in missing}
    later = []
    for name, parameter in parameters.items():
        if name in missing and parameter.type != "steps":
            continue
        is_given = name in given
        value, at = (given[name], given.value_at(name)) if is_given else (parameter.default, parameter.default_mark)
        if is_given and (problem := mismatch(parameter, value)):
            report.error(f"Type error for argument {name}: expected type: {problem}, actual value: {shown(value)}", at)
            value = _STAND_INS.get(parameter.type, name)
        if parameter.type in ("executor", "steps"):
            value = resolve(parameter, value, at, is_given)
        elif not is_given and refers(value):
            later.append(parameter)
            continue
        values[f"parameters.{name}"] = value
    values |= _put_in(later, values, report, put_in)
    return values


def _put_in(
    later: Sequence[Parameter],
    known: Mapping[str, Any],
    report: Report,
    put_in: Callable[[str, Mapping[str, Any], Mark | None], Any],
) -> dict[str, Any]:
    """The values of defaults that name other values, each after those that it names."""
    values = dict(known)
    left = list(later)
    while left:
        waiting = {one.name for one in left}
        free = [one for one in left if waiting.isdisjoint(_NAMED.findall(one.default))]
        if not free:
            names = ", ".join(sorted(waiting))
            report.error(f"The defaults of parameters refer to each other: {names}", left[0].default_mark)
            return values | {f"parameters.{name}": name for name in waiting}
        for parameter in free:
            value = put_in(parameter.default, values, parameter.default_mark)
            check_default(parameter, value, report)
            values[f"parameters.{parameter.name}"] = value
        left = [one for one in left if one not in free]
    return values


def mismatch(parameter: Parameter, value: Any) -> str:
    """What was expected instead of a value, "" when it fits."""
    kind = parameter.type
    if kind == "enum":
        choices = [str(choice) for choice in parameter.enum]
        return "" if str(value) in choices and not isinstance(value, list | dict) else f"enum {', '.join(choices)}"
    if kind == "env_var_name":
        fits = isinstance(value, str) and bool(_ENV_NAME.match(value))
        return "" if fits else "env_var_name: a POSIX name of an environment variable"
    fits = {
        "string": isinstance(value, str | int | float) and not isinstance(value, bool),
        "boolean": isinstance(value, bool),
        "integer": isinstance(value, int) and not isinstance(value, bool),
        "executor": isinstance(value, str | Map) or not isinstance(value, int | float | list | None),
        "steps": isinstance(value, list),
    }[kind]
    return "" if fits else kind


def shown(value: Any) -> str:
    """A value in a sentence, with its type."""
    names = {bool: "boolean", int: "integer", float: "number", str: "string"}
    name = next((word for kind, word in names.items() if type(value) is kind), "")
    if name:
        text = str(value).lower() if isinstance(value, bool) else str(value)
        return f'"{text}" (type {name})'
    return "null" if value is None else "a list" if isinstance(value, list) else "a map"
