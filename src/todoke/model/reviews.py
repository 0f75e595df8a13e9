"""What a branch would change, application by application."""

from typing import Any, Literal

import msgspec

from todoke.model.objects import ObjectKey

Verdict = Literal["added", "removed", "changed", "same", "not rendered"]
Action = Literal["added", "removed", "changed", "moved away", "moved here"]


class UnitKey(msgspec.Struct, frozen=True, order=True):
    """Identity of what is rendered as one: an Application, or a kustomization that no Application names."""

    kind: str
    namespace: str  # "" for a kustomization
    name: str  # a kustomization's path

    def __str__(self) -> str:
        return self.name


class ObjectChange(msgspec.Struct, frozen=True):
    """One object that differs. Bodies are as people may see them: values of Secrets are masked.

    Attributes:
        key: as it is on the new side, where it is there. before: the key on the old side, where that is another.
        other: the application that it moved to or from.
        folded: fields that differ and say nothing (chart labels, checksums); the new body shows the old values there.
    """

    action: Action
    key: ObjectKey
    old: dict[str, Any] | None = None
    new: dict[str, Any] | None = None
    before: ObjectKey | None = None
    other: UnitKey | None = None
    folded: tuple[str, ...] = ()

    @property
    def is_noise(self) -> bool:
        """Whether nothing but folded fields differs."""
        return self.action == "changed" and self.before is None and self.old == self.new


class UnitReview(msgspec.Struct, frozen=True):
    """One application on both sides. Attributes: problems: why a side could not be rendered, as base or head: text."""

    key: UnitKey
    verdict: Verdict
    origin: str = ""  # the file that defines it
    changes: tuple[ObjectChange, ...] = ()
    problems: tuple[str, ...] = ()
    objects: int = 0  # on the new side


class Review(msgspec.Struct, frozen=True):
    """All applications of a repository. Attributes: notes: what could not be looked at, in sentences."""

    base: str
    head: str
    units: tuple[UnitReview, ...]
    notes: tuple[str, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether anything would change."""
        return any(unit.verdict in ("added", "removed", "changed") for unit in self.units)

    @property
    def failed(self) -> tuple[UnitReview, ...]:
        """The applications that could not be rendered as the head side wants them."""
        return tuple(unit for unit in self.units if unit.problems)
