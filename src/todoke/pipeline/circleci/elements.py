"""Where names lead: the elements of a configuration and of the orbs in it, each in the scope that it is written in."""

from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal

from todoke.pipeline.circleci.document import Map
from todoke.pipeline.circleci.parameters import Parameter, declared
from todoke.pipeline.circleci.problems import Mark, Report, Unusable, meant, nearest

Kind = Literal["command", "job", "executor"]
SECTIONS: Final[dict[Kind, str]] = {"command": "commands", "job": "jobs", "executor": "executors"}
RESERVED: Final = frozenset({
    "name", "requires", "context", "type", "filters", "matrix", "pre-steps", "post-steps", "serial-group",
    "override-with",
})  # fmt: skip
"""Keys of an invocation that are no arguments of the job."""


class Element:
    """A command, job or executor. Attributes: label: as callers write it. used: whether something led here."""

    def __init__(self, kind: Kind, name: str, body: Map, scope: "Scope", mark: Mark | None) -> None:
        self.kind, self.name, self.body, self.scope, self.mark = kind, name, body, scope, mark
        self.label = f"{scope.prefix}{name}"
        self.used = False
        self._parameters: dict[str, Parameter] | None = None

    def parameters(self, report: Report) -> dict[str, Parameter]:
        """What it may be given, read once."""
        if self._parameters is None:
            with report.within(f"{self.kind} {self.label}"):
                self._parameters = declared(self.body, report)
        return self._parameters


class Scope:
    """One configuration, or one orb's body.

    Attributes:
        prefix: what stands before the names of its jobs, "" or orb/. orbs: scopes of its orbs by their names.
        file: whose text it is, "" for the configuration's own. sees_pipeline: whether pipeline values are visible.
    """

    def __init__(self, body: Map, prefix: str = "", file: str = "", *, sees_pipeline: bool = True) -> None:
        self.body, self.prefix, self.file, self.sees_pipeline = body, prefix, file, sees_pipeline
        self.orbs: dict[str, Scope] = {}
        self.missing: set[str] = set()  # orbs that are not to be had: that is on record once
        self._elements: dict[tuple[Kind, str], Element] = {}

    def names(self, kind: Kind) -> list[str]:
        """The names of all elements of a kind, those of orbs with the orb's name before them."""
        section = self.body.get(SECTIONS[kind])
        own = list(section) if isinstance(section, Map) else []
        return [*own, *(f"{name}/{each}" for name, orb in self.orbs.items() for each in orb.own_names(kind))]

    def own_names(self, kind: Kind) -> list[str]:
        """The names of its own elements of a kind."""
        section = self.body.get(SECTIONS[kind])
        return list(section) if isinstance(section, Map) else []

    def find(self, kind: Kind, name: str) -> Element | None:
        """An element by its name here, or None."""
        orb, slash, rest = name.partition("/")
        if slash and orb in self.orbs:
            return self.orbs[orb].find(kind, rest)
        section = self.body.get(SECTIONS[kind])
        if not isinstance(section, Map) or name not in section:
            return None
        key = (kind, name)
        if key not in self._elements:
            body = section[name]
            made = body if isinstance(body, Map) else Map(section.value_at(name))
            self._elements[key] = Element(kind, name, made, self, section.key_at(name))
        return self._elements[key]

    def need(self, kind: Kind, name: str, report: Report, mark: Mark | None) -> Element:
        """An element by its name here. Raises: Unusable: there is none; that is on record."""
        found = self.find(kind, name)
        if found is None:
            raise self.unknown(kind, name, report, mark)
        found.used = True
        return found

    def unknown(self, kind: Kind, name: str, report: Report, mark: Mark | None, also: Iterable[str] = ()) -> Unusable:
        """Put on record that there is no such element. Args: also: what else can stand there."""
        orb, slash, _ = name.partition("/")
        if slash and orb in self.missing:
            return Unusable(name)
        if slash and orb not in self.orbs:
            text = f"Cannot find orb '{orb}' looking for {kind} named '{name}'"
            return report.fail(text, mark, meant(orb, self.orbs, "Import it below orbs:"))
        return report.fail(
            f"Cannot find a definition for {kind} named {name}", mark, nearest(name, [*self.names(kind), *also])
        )

    def elements(self) -> Iterator[Element]:
        """All elements of its own."""
        for kind in SECTIONS:
            for name in self.own_names(kind):
                found = self.find(kind, name)
                if found is not None:
                    yield found


def as_list(value: Any) -> list[Any]:
    """A list of what may be written as one value or as several."""
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]
