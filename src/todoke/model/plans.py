"""What we intend to do. A plan is data: it can be printed, stored, approved and compared."""

import enum
from typing import Any

import msgspec

from todoke.model.objects import LiveObject, Manifest, ObjectKey


class Action(enum.StrEnum):
    CREATE_NAMESPACE = "create namespace"
    CREATE = "create"
    UPDATE = "update"
    PRUNE = "prune"
    KEEP = "keep"
    SKIP = "skip"  # would be pruned, and is not
    REFUSE = "refuse"  # not ours to touch


class FieldChange(msgspec.Struct, frozen=True):
    """One field of an update; values of Secrets are masked before they come here."""

    at: str
    want: object
    have: object


class Step(msgspec.Struct, frozen=True):
    """One object, one action, and why."""

    key: ObjectKey
    action: Action
    reason: str  # for people; shown by `plan` and in the UI
    wave: int = 0
    desired: Manifest | None = None  # what is sent; None when pruning
    live: LiveObject | None = None
    changes: tuple[FieldChange, ...] = ()
    confirmed: bool = True  # False: the server could not be asked
    managed_fields: tuple[dict[str, Any], ...] | None = None  # written first: ownership that changes hands
    notes: tuple[str, ...] = ()  # what is taken from whom, what stays with whom
    trouble: str = ""  # condition type that tells of a refusal

    @property
    def acts(self) -> bool:
        """Whether carrying it out changes the cluster."""
        return self.action not in (Action.KEEP, Action.SKIP, Action.REFUSE)


class Plan(msgspec.Struct, frozen=True):
    """Steps in the order in which they are carried out, and what speaks against doing it unasked."""

    revision: str
    steps: tuple[Step, ...]
    holds: tuple[str, ...] = ()  # reasons why a person has to look first

    @property
    def changes(self) -> tuple[Step, ...]:
        """The steps that change the cluster."""
        return tuple(step for step in self.steps if step.acts)

    @property
    def refused(self) -> tuple[Step, ...]:
        """Objects that another owner claims."""
        return tuple(step for step in self.steps if step.action is Action.REFUSE)
