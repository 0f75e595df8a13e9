"""How the ReplicaSets of a Deployment are sized: rolling update, recreation, scaling in proportion.

Source: Kubernetes documentation, "Deployments": "Updating", "Rollover", "Proportional scaling", "Strategy".
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from todoke_sandbox.controllers.objects import created, is_deleted, notes, share

Json = dict[str, Any]

DESIRED: Final = "deployment.kubernetes.io/desired-replicas"
MAXIMUM: Final = "deployment.kubernetes.io/max-replicas"
UNLIMITED: Final = 2**31 - 1


@dataclass(frozen=True)
class Limits:
    """What a rollout keeps to. Attributes: replicas: asked for. surge: more of them. unavailable: fewer available."""

    replicas: int
    surge: int
    unavailable: int
    rolling: bool

    @property
    def most(self) -> int:
        """Pods at once."""
        return self.replicas + self.surge


@dataclass(frozen=True)
class Sizes:
    """Attributes: wanted: the size of each ReplicaSet to be written, by name; its annotations alone may change, too."""

    wanted: Mapping[str, int]

    def changes(self, replica_sets: Iterable[Json]) -> bool:
        """Whether any of them gets another size."""
        return any(size(each) != self.wanted.get(_name(each), size(each)) for each in replica_sets)


NOTHING: Final = Sizes({})


def limits(deployment: Mapping[str, Any]) -> Limits:
    """The limits of a Deployment, percentages worked out. Surge is rounded up, unavailability down."""
    spec = deployment["spec"]
    replicas = spec["replicas"]
    strategy = spec["strategy"]
    if strategy["type"] != "RollingUpdate":
        return Limits(replicas, 0, 0, rolling=False)
    rolling = strategy.get("rollingUpdate") or {}
    surge = share(rolling.get("maxSurge"), replicas, up=True)
    unavailable = share(rolling.get("maxUnavailable"), replicas, up=False)
    if not surge and not unavailable:
        unavailable = 1
    return Limits(replicas, surge, min(unavailable, replicas), rolling=True)


def size(replica_set: Mapping[str, Any]) -> int:
    """How many Pods it is to have."""
    return int(replica_set["spec"]["replicas"])


def reported(replica_set: Mapping[str, Any], name: str) -> int:
    """A count of its status."""
    return int((replica_set.get("status") or {}).get(name, 0))


def first_size(limit: Limits, others: Sequence[Json]) -> int:
    """The size with which a new ReplicaSet starts."""
    if not limit.rolling:
        return limit.replicas
    room = limit.most - sum(map(size, others))
    return max(0, min(room, limit.replicas))


def is_resized(replica_sets: Iterable[Json], limit: Limits) -> bool:
    """Whether the Deployment was scaled since its ReplicaSets were last written."""
    return any(
        note.isdecimal() and int(note) != limit.replicas
        for each in replica_sets
        if size(each) and (note := notes(each).get(DESIRED, ""))
    )


def roll(new: Json, old: Sequence[Json], limit: Limits) -> Sizes:
    """The next step of a rolling update: the new one grows, or the old ones shrink."""
    current = size(new)
    if current > limit.replicas:
        return Sizes({_name(new): limit.replicas})
    room = min(limit.most - current - sum(map(size, old)), limit.replicas - current)
    if room > 0:
        return Sizes({_name(new): current + room})
    return _shrink(new, [each for each in old if size(each)], limit)


def _shrink(new: Json, old: Sequence[Json], limit: Limits) -> Sizes:
    total = size(new) + sum(map(size, old))
    needed = limit.replicas - limit.unavailable
    room = total - needed - (size(new) - reported(new, "availableReplicas"))
    if not old or room <= 0:
        return NOTHING
    wanted: dict[str, int] = {}
    oldest_first = sorted(old, key=created)
    for each in oldest_first:  # what is not available is missed by nobody
        unhealthy = size(each) - reported(each, "availableReplicas")
        gone = max(0, min(room, unhealthy))
        if gone:
            room -= gone
            wanted[_name(each)] = size(each) - gone
    room = sum(reported(each, "availableReplicas") for each in (new, *old)) - needed
    for each in oldest_first:
        left = wanted.get(_name(each), size(each))
        gone = max(0, min(room, left))
        if gone:
            room -= gone
            wanted[_name(each)] = left - gone
    return Sizes(wanted)


def scale(new: Json | None, old: Sequence[Json], limit: Limits) -> Sizes:
    """The sizes when the Deployment itself was scaled, or is paused."""
    every = [*sorted(old, key=created, reverse=True), *([new] if new else [])]
    active = [each for each in every if size(each)]
    if len(active) < 2:
        only = active[0] if active else (new or (every[0] if every else None))
        return NOTHING if only is None or size(only) == limit.replicas else Sizes({_name(only): limit.replicas})
    if new is not None and _is_saturated(new, limit):
        return Sizes({_name(each): 0 for each in active if each is not new})
    return _in_proportion(active, limit) if limit.rolling else NOTHING


def _in_proportion(active: Sequence[Json], limit: Limits) -> Sizes:
    allowed = limit.most if limit.replicas else 0
    change = allowed - sum(map(size, active))
    newest_first = sorted(active, key=created, reverse=change > 0)
    order = sorted(newest_first, key=lambda each: -size(each))
    wanted = {_name(each): size(each) for each in order}
    added = 0
    for each in order if change else ():
        part = _proportion(each, limit, change, change - added)
        wanted[_name(each)] += part
        added += part
    if change:
        wanted[_name(order[0])] = max(0, wanted[_name(order[0])] + change - added)
    return Sizes(wanted)


def _proportion(replica_set: Json, limit: Limits, change: int, left: int) -> int:
    """Its part in a change of the whole, no more than is left of the change."""
    if not left:
        return 0
    most = notes(replica_set).get(MAXIMUM, "")
    before = int(most) if most.isdecimal() and int(most) else reported(replica_set, "replicas")
    if not limit.replicas:
        part = -size(replica_set)
    elif not before:
        part = 0
    else:
        part = math.floor(size(replica_set) * limit.most / before + 0.5) - size(replica_set)
    return min(part, left) if change > 0 else max(part, left)


def _is_saturated(replica_set: Json, limit: Limits) -> bool:
    desired = notes(replica_set).get(DESIRED)
    full = size(replica_set) == limit.replicas == reported(replica_set, "availableReplicas")
    return full and desired == str(limit.replicas)


def recreate_down(old: Sequence[Json]) -> Sizes:
    """Recreation begins with no old Pods."""
    return Sizes({_name(each): 0 for each in old if size(each)})


def outdated(deployment: Mapping[str, Any], old: Sequence[Json]) -> list[Json]:
    """Old ReplicaSets beyond the history that is kept; those that still have Pods stay."""
    keep = deployment["spec"].get("revisionHistoryLimit")
    if keep is None or keep == UNLIMITED:
        return []
    alive = sorted((each for each in old if not is_deleted(each)), key=lambda each: (revision(each), *created(each)))
    return [each for each in alive[: max(0, len(alive) - keep)] if _is_empty(each)]


def _is_empty(replica_set: Json) -> bool:
    seen = reported(replica_set, "observedGeneration") >= replica_set["metadata"]["generation"]
    return seen and not size(replica_set) and not reported(replica_set, "replicas")


REVISION: Final = "deployment.kubernetes.io/revision"


def revision(body: Mapping[str, Any]) -> int:
    """The revision that an object is marked with, 0 for none."""
    text = notes(body).get(REVISION, "")
    return int(text) if text.isdecimal() else 0


def _name(replica_set: Json) -> str:
    return str(replica_set["metadata"]["name"])
