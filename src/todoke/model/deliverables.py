"""What the walk delivers, whatever kind of object described it: sources, destination, policy, owner."""

import msgspec

from todoke.model.sources import SourceSpec


class DeliverableKey(msgspec.Struct, frozen=True, order=True):
    """Identity of an application in its cluster."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


class RetryPolicy(msgspec.Struct, frozen=True):
    """How often a failed sync is tried again, and after how long. Source: Argo CD, `syncPolicy.retry`."""

    limit: int = 5  # -1 = for ever
    seconds: float = 5.0
    factor: float = 2.0
    most_seconds: float = 180.0

    def pause(self, failures: int) -> float:
        """Seconds to wait after the given number of failures (from 1)."""
        return min(self.seconds * self.factor ** min(max(failures - 1, 0), 64), self.most_seconds)


class IgnoredFields(msgspec.Struct, frozen=True):
    """One entry of `spec.ignoreDifferences`: group and kind are globs, name and namespace exact or "" for any."""

    group: str = ""
    kind: str = ""
    name: str = ""
    namespace: str = ""
    pointers: tuple[str, ...] = ()
    managers: tuple[str, ...] = ()


class SyncBehaviour(msgspec.Struct, frozen=True):
    """The sync policy of an application, with defaults filled in."""

    automated: bool = False
    prune: bool = False
    self_heal: bool = False
    allow_empty: bool = False
    create_namespace: bool = False
    prune_last: bool = False
    default_prune: str = ""  # "", "false" or "confirm"
    propagation: str = "Foreground"
    respect_ignored: bool = False
    retry: RetryPolicy = RetryPolicy()
    guard_percent: int = 50  # an automatic sync that would delete more waits for a person


class Deliverable(msgspec.Struct, frozen=True):
    """One unit of delivery."""

    key: DeliverableKey
    uid: str
    instance: str  # its name in tracking ids
    sources: tuple[SourceSpec, ...]
    namespace: str  # where objects without a namespace go
    project: str = "default"
    sync: SyncBehaviour = SyncBehaviour()
    ignored: tuple[IgnoredFields, ...] = ()
    history_limit: int = 10
    observe: bool = False  # never write anything, not even status
    adopted: bool = False  # Argo CD's until now: its field manager is a former self of ours
    former: str = ""  # its name in the tracking ids that Argo CD wrote, where that is another
    problems: tuple[str, ...] = ()  # why it cannot be delivered as it is written
    warnings: tuple[str, ...] = ()  # fields that are set and not honoured
