"""Where a job runs. Source: CircleCI, "Configuration reference", "executors"."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from todoke.pipeline.circleci import forms
from todoke.pipeline.circleci.document import Map, Seq
from todoke.pipeline.circleci.elements import Element, Scope
from todoke.pipeline.circleci.parameters import bound
from todoke.pipeline.circleci.problems import Mark, Report, Unusable, nearest
from todoke.pipeline.circleci.substitution import Values, putting_in, substituted

PLACES: Final = ("docker", "machine", "macos")
KEYS: Final = frozenset({*PLACES, "environment", "working_directory", "shell", "resource_class"})


class Resolved(msgspec.Struct, frozen=True):
    """An executor with its parameters put in.

    Attributes:
        name: as the caller wrote it. keys: those of the executor.
        element, given: what made it, and its arguments.
    """

    name: str
    keys: dict[str, Any]
    element: Element | None = None
    given: Map | None = None


class Executors:
    """Resolves executors."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def resolved(self, value: Any, scope: Scope, values: Values, mark: Mark | None) -> Resolved:
        """The executor that a value names in a scope; one without keys when it names none, which is on record."""
        found = substituted(value, values, self._report, mark)
        if isinstance(found, Resolved):
            return found
        name, given = found, Map(mark)
        if isinstance(found, Map):
            name = found.get("name")
            for key, item in found.items():
                if key != "name":
                    given.put(key, item, found.key_at(key), found.value_at(key))
        if isinstance(name, Resolved):
            return self._again(name, given, values, mark)
        if not isinstance(name, str):
            if not isinstance(value, str):  # else it is on record that what it names is missing
                hint = "Write the executor below name:" if isinstance(found, Map) else ""
                self._report.error("executor: must be a name, or a map with one", mark, hint)
            return Resolved("", {})
        try:
            return self._made(scope.need("executor", name, self._report, mark), name, given, values, mark)
        except Unusable:
            return Resolved(name, {})

    def _again(self, known: Resolved, given: Map, values: Values, mark: Mark | None) -> Resolved:
        """An executor that a parameter holds, with more arguments beside the parameter."""
        if not given or known.element is None:
            return known
        merged = Map(mark)
        for part in (known.given, given):
            for key, item in (part or {}).items():
                merged.put(key, item, mark, mark)
        return self._made(known.element, known.name, merged, values, mark)

    def _made(self, element: Element, name: str, given: Map, values: Values, mark: Mark | None) -> Resolved:
        with self._report.within(f"executor {element.label}"):
            pipeline = values.pipeline if element.scope.sees_pipeline else {}
            known = bound(
                element.parameters(self._report),
                given,
                self._report,
                lambda _p, value, _m, _g: value,
                putting_in(pipeline, self._report),
            )
            inner = Values(known, pipeline)
            keys = {}
            for key, value in element.body.items():
                if key in ("parameters", "description"):
                    continue
                if key not in KEYS:
                    self._report.error(
                        f"extraneous key [{key}] is not permitted in the executor {element.label}",
                        element.body.key_at(key),
                        nearest(key, KEYS),
                    )
                    continue
                keys[key] = substituted(value, inner, self._report, element.body.value_at(key))
            check_places(keys, element, self._report)
            return Resolved(name, keys, element, given)


def check_places(keys: Mapping[str, Any], element: Element, report: Report) -> None:
    """Exactly one of docker, machine and macos, and with what it needs. Args: keys: of a job or an executor."""
    label, mark = element.label, element.mark
    places = [place for place in PLACES if place in keys]
    if len(places) != 1:
        found = " and ".join(places) if places else "none of them"
        other = ", machine, macos or executor" if element.kind == "job" else ", machine and macos"
        report.error(f"{label} needs exactly one of docker{other}, and has {found}", mark)
        return
    body, mark = keys[places[0]], element.body.key_at(places[0])
    if places[0] == "docker":
        _check_docker(body, label, mark, report)
    elif places[0] == "macos" and not (isinstance(body, Map) and "xcode" in body):
        report.error(f"macos: of {label} needs xcode", mark)
    elif places[0] == "machine":
        if not isinstance(body, Map | bool | str):
            report.error(f"machine: of {label} must be true or a map", mark)
        forms.check_machine(body, report)


def _check_docker(images: Any, label: str, mark: Mark | None, report: Report) -> None:
    if not isinstance(images, Seq) or not images:
        report.error(f"docker: of {label} must be a list of images", mark, "Write - before image:")
        return
    for image, at in images.placed():
        if not isinstance(image, Map) or not isinstance(image.get("image"), str) or not image["image"]:
            hint = f"Write image: {image}" if isinstance(image, str) else ""
            report.error(f"docker: of {label} has an entry without image", at or mark, hint)
        if isinstance(image, Map):
            forms.check_image(image, report)


def environment(value: Any, mark: Mark | None, report: Report) -> dict[str, Any]:
    """An environment, written as a map, as a list of maps or as a list of NAME=value, as a map."""
    if value is None:
        return {}
    found: dict[str, Any] = {}
    for each in value if isinstance(value, list) else (value,):
        if isinstance(each, Map):
            found.update(each)
        elif isinstance(each, str) and "=" in each:
            name, _, text = each.partition("=")
            found[name] = text
        else:
            report.error("environment: must be a map of names and values", mark)
    return found
