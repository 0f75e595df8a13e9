"""What waits for a person: deletions that a commit should not do by itself."""

from collections.abc import Iterable

import msgspec

from todoke.model.objects import ObjectKey

_PRECIOUS = {("", "Namespace"), ("apiextensions.k8s.io", "CustomResourceDefinition"), ("", "PersistentVolumeClaim")}


class GuardPolicy(msgspec.Struct, frozen=True):
    """How much an automatic sync may delete unasked."""

    allow_empty: bool = False
    most_percent: int = 50  # of the application's objects


def holds(pruned: Iterable[ObjectKey], wanted: int, policy: GuardPolicy) -> tuple[str, ...]:
    """Reasons to wait, empty when the deletions are within bounds.

    Args:
        pruned: objects that would be deleted.
        wanted: how many objects the new revision has.
    """
    gone = sorted(pruned)
    if not gone:
        return ()
    reasons = [f"it would delete the {key.kind} {key.name}" for key in gone if (key.group, key.kind) in _PRECIOUS]
    owned = wanted + len(gone)
    if not wanted and not policy.allow_empty:
        reasons.append(f"it would delete everything: all {len(gone)} objects")
    elif wanted and len(gone) * 100 > owned * policy.most_percent:
        reasons.append(f"it would delete {len(gone)} of {owned} objects (more than {policy.most_percent} %)")
    return tuple(reasons)
