"""What a branch would change, application by application."""

from typing import Any, Literal

import msgspec

from todoke.model.objects import ObjectKey
from todoke.model.plans import Action as Deed
from todoke.model.plans import FieldChange

Verdict = Literal["added", "removed", "changed", "same", "not rendered"]
Action = Literal["added", "removed", "changed", "moved away", "moved here"]
Cause = Literal["branch", "drift", "settled"]


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


class LiveChange(msgspec.Struct, frozen=True):
    """One object that the cluster does not have as one of the sides says.

    Attributes:
        cause: "branch": merging changes it. "drift": it is not as the base says, and merging does not mend that by what
            it changes, but a delivery would. "settled": it is not as the base says, and as the head says.
        action, reason: what a delivery would do, and why; of the base for "settled".
        fields: those that differ, with what the cluster has and what a side wants.
    """

    cause: Cause
    key: ObjectKey
    action: Deed
    reason: str
    fields: tuple[FieldChange, ...] = ()


class LiveReview(msgspec.Struct, frozen=True):
    """An application against the cluster. Attributes: note: why there is nothing to compare, or what to know of it."""

    changes: tuple[LiveChange, ...] = ()
    note: str = ""


class UnitReview(msgspec.Struct, frozen=True):
    """One application on both sides. Attributes: problems: why a side could not be rendered, as base or head: text."""

    key: UnitKey
    verdict: Verdict
    origin: str = ""  # the file that defines it
    changes: tuple[ObjectChange, ...] = ()
    problems: tuple[str, ...] = ()
    objects: int = 0  # on the new side
    live: LiveReview | None = None  # when a cluster was asked


class Review(msgspec.Struct, frozen=True):
    """All applications of a repository. Attributes: notes: what could not be looked at, in sentences."""

    base: str
    head: str
    units: tuple[UnitReview, ...]
    notes: tuple[str, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether anything would change."""
        return any(
            unit.verdict in ("added", "removed", "changed") or (unit.live is not None and unit.live.changes)
            for unit in self.units
        )

    @property
    def failed(self) -> tuple[UnitReview, ...]:
        """The applications that could not be rendered as the head side wants them."""
        return tuple(unit for unit in self.units if unit.problems)
