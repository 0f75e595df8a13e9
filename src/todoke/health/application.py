"""An application's health: that of its worst object, with the causes named.

Source: Argo CD 3.4 and later, controller/health.go: a missing object does not count, unless all are missing.
"""

from collections.abc import Iterable

import msgspec

from todoke.model.health import HEALTHY, Health, HealthState
from todoke.model.objects import ObjectKey

NAMED = 3
"""Causes that a message names; the others are counted."""


class ObjectHealth(msgspec.Struct, frozen=True):
    """One object that the application manages, and is no hook; `health` None when its kind has none."""

    key: ObjectKey
    health: Health | None
    live: bool = True
    ignored: bool = False  # the user asked that its health does not count


def application_health(objects: Iterable[ObjectHealth]) -> Health:
    """The worst health of the live objects, with at most three causes; Missing when there are objects, none live."""
    objects = list(objects)
    if objects and not any(one.live for one in objects):
        return Health(HealthState.MISSING, f"none of its {len(objects)} objects is in the cluster")
    counted = [(one.key, one.health) for one in objects if one.health is not None and _counts(one)]
    worst = max((health.state for _, health in counted), default=HealthState.HEALTHY)
    if worst is HealthState.HEALTHY:
        return HEALTHY
    causes = sorted((pair for pair in counted if pair[1].state is worst), key=lambda pair: pair[0])
    named = [f"{key}: {health.message or health.state.word}" for key, health in causes[:NAMED]]
    more = [f"and {len(causes) - NAMED} more"] if len(causes) > NAMED else []
    return Health(worst, "; ".join([*named, *more]))


def _counts(one: ObjectHealth) -> bool:
    if not one.live or one.ignored or one.health is None:
        return False
    # an application of applications is not sick because a child was not looked at yet
    is_child = (one.key.group, one.key.kind) == ("argoproj.io", "Application")
    return not (is_child and one.health.state in (HealthState.MISSING, HealthState.UNKNOWN))
