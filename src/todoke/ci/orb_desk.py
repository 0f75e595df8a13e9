"""What people ask about orbs: which a configuration uses, what one offers, whether one is fit for use."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from todoke.ci.locking import Locking, LockOutcome, LockWish
from todoke.ci.ports import OrbRoom
from todoke.model.errors import Blocked
from todoke.model.job_graphs import OrbText
from todoke.model.orb_locks import MOST_ORBS, OrbFiles, OrbPart, order_of, reference_of
from todoke.model.problems import Problem
from todoke.pipeline.circleci.importing import DEEPEST_ORBS, imports
from todoke.pipeline.circleci.orb_text import OrbOutline, OrbVerdict, checked, outline

__all__ = ["LockOutcome", "LockWish", "OrbDesk", "OrbVerdict", "Shown", "Used"]


class Used(NamedTuple):
    """An orb of a configuration. Attributes: name: orb/orb for what an orb imports. advice: how to provide it."""

    name: str
    reference: str
    resolved: str
    origin: str  # inline, folder, lock, built-in or missing
    place: str = ""
    advice: str = ""

    def data(self) -> dict[str, str]:
        """For programs."""
        return self._asdict()


class Shown(msgspec.Struct, frozen=True):
    """An orb for people. Attributes: outline: None when it cannot be read, and the problems say why."""

    resolved: str
    origin: str
    place: str
    outline: OrbOutline | None
    problems: tuple[Problem, ...] = ()

    def data(self) -> dict[str, Any]:
        """For programs."""
        found = self.outline
        return {
            "orb": self.resolved,
            "origin": self.origin,
            "place": self.place,
            "description": found.description if found else "",
            "orbs": dict(found.orbs) if found else {},
            **{f"{kind}s": _elements(found, kind) for kind in ("command", "job", "executor")},
        }


def _elements(found: OrbOutline | None, kind: str) -> list[dict[str, Any]]:
    return [
        {
            "name": each.name,
            "description": each.description,
            "parameters": [
                {"name": one.name, "type": one.type, "required": not one.has_default, "default": one.default}
                | ({"enum": list(one.enum)} if one.enum else {})
                | {"description": words}
                for one, words in each.parameters
            ],
        }
        for each in (found.elements if found else ())
        if each.kind == kind
    ]


class OrbDesk:
    """Answers for the orbs of one folder."""

    def __init__(self, orbs: OrbRoom, pipeline: Mapping[str, Any]) -> None:
        """Args: pipeline: values that references may name."""
        self._orbs, self._pipeline = orbs, pipeline

    def used(self, text: str, parameters: Mapping[str, Any]) -> tuple[tuple[Used, ...], tuple[Problem, ...]]:
        """The orbs of a configuration and of its orbs, with where each comes from.

        Raises: Blocked: a file cannot be read, or there are too many.
        """
        return tuple(self._used(text, parameters, "", 1)), imports(text, parameters, self._pipeline)[1]

    def _used(self, text: str, parameters: Mapping[str, Any], prefix: str, depth: int) -> Iterator[Used]:
        listed, _ = imports(text, parameters, self._pipeline)
        if len(listed) > MOST_ORBS:
            raise Blocked("The configuration", f"imports more than {MOST_ORBS} orbs")
        for name, reference, _ in listed:
            if not reference:
                yield Used(f"{prefix}{name}", "", "", "inline")
                continue
            found = self._orbs.find(reference)
            if isinstance(found, str):
                yield Used(f"{prefix}{name}", reference, "", "missing", advice=found)
                continue
            yield Used(f"{prefix}{name}", reference, found.resolved, found.origin, self._place(reference, found))
            if depth < DEEPEST_ORBS:
                yield from self._used(found.text, {}, f"{prefix}{name}/", depth + 1)

    def _place(self, reference: str, found: OrbText) -> str:
        entry = self._orbs.locked().get(reference)
        return entry.place if found.origin == "lock" and entry else found.place

    def built_in(self) -> list[str]:
        """All built-in orbs with each generation."""
        return list(self._orbs.built_in())

    def shown(self, wanted: str) -> Shown:
        """What an orb offers. Args: wanted: a reference, one without its version, or a file or folder.

        Raises: Blocked: there is no such orb.
        """
        place = Path(wanted)
        if place.is_file() or (place.is_dir() and (place / "@orb.yml").is_file()):
            return Shown(wanted, "file", wanted, *outline(self._orbs.files(place)))
        reference = self._reference(wanted)
        found = self._orbs.find(reference)
        if isinstance(found, str):
            raise Blocked(f"Orb {wanted}", "is not there", next_step=found)
        files = OrbFiles((OrbPart("", "", found.file or found.resolved, found.text),))
        return Shown(found.resolved, found.origin, self._place(reference, found), *outline(files))

    def _reference(self, wanted: str) -> str:
        """A reference with a version: of one without it, the newest that is locked, else the newest that is there."""
        if "@" in wanted:
            return wanted
        locked = [
            (order_of(entry.version), reference)
            for reference, entry in self._orbs.locked().items()
            if (one := reference_of(reference)) is not None and one.orb == wanted
        ]
        return max(locked)[1] if locked else f"{wanted}@volatile"

    def packed(self, folder: Path) -> str:
        """The one text of an orb's folder. Raises: Blocked: it is none, or cannot be read."""
        return self._orbs.packed(folder)

    def checked(self, place: Path | None, text: str = "") -> OrbVerdict:
        """Whether an orb is fit for use. Args: place: a file or folder; None for a text.

        Raises: Blocked: it cannot be read.
        """
        files = OrbFiles((OrbPart("", "", "", text),)) if place is None else self._orbs.files(place)
        return checked(files, self._orbs.find)

    async def lock(self, text: str, wish: LockWish) -> LockOutcome:
        """Pin the orbs of a configuration, and of their orbs. Raises: Blocked: a file cannot be read or written."""
        return await Locking(self._orbs, self._pipeline, wish).run(text)
