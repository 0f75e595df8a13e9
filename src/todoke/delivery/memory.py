"""What the process remembers of one application between looks. All of it can be lost: a restart finds it again."""

from dataclasses import dataclass, field

import msgspec

from todoke.compare.verdict import Remembered
from todoke.delivery.reading import Subject
from todoke.model.deliverables import DeliverableKey
from todoke.model.health import Health
from todoke.model.objects import Kind, Manifest, ObjectKey
from todoke.model.trees import Look


class Rendered(msgspec.Struct, frozen=True):
    """What the sources said at some revision."""

    revisions: tuple[str, ...]
    inputs: str  # fingerprint of everything that was read
    manifests: tuple[Manifest, ...]
    warnings: tuple[str, ...] = ()
    kinds: frozenset[Kind] = frozenset()
    unknown: frozenset[Kind] = frozenset()  # kinds that the server did not serve then
    coming: frozenset[Kind] = frozenset()  # kinds whose CRD is among the manifests
    hooks: tuple[Manifest, ...] = ()  # objects that run around a sync, apart from the manifests
    looks: tuple[tuple[Look, ...], ...] = ()  # per source, what its rendering depends on
    tools: tuple[str, ...] = ()  # per source, what rendered it
    anchors: tuple[tuple[Look, ...], ...] = ()  # per source, a few looks that stand for all; (): they do not for one
    fixed: str = ""  # as `inputs`, by the anchors alone

    @property
    def revision(self) -> str:
        """All source revisions in one word."""
        return ",".join(self.revisions)


@dataclass(slots=True)
class Memory:
    """One application's memory. Only its own delivery changes it."""

    spec: bytes = b""  # what `subject` was read from
    subject: Subject | None = None
    rendered: Rendered | None = None
    fresh: bool = False
    """Whether somebody asked that nothing remembered be taken for the next rendering."""
    delivered: dict[ObjectKey, Manifest] = field(default_factory=dict)
    """The manifests that were delivered last, where they are not those of `rendered`."""
    delivered_inputs: str = ""
    """Inputs of the rendering that was delivered last."""
    remembered: dict[ObjectKey, Remembered] = field(default_factory=dict)
    unconfirmed: dict[ObjectKey, tuple[bytes, int]] = field(default_factory=dict)
    """Manifest and resource version for which the server could not be asked."""
    health: dict[ObjectKey, tuple[int, Health | None]] = field(default_factory=dict)
    ended: str = ""
    """Start of the operation whose end was told to the ledger anew after the process started, or "none"."""
    told_health: float = 0.0
    """When (loop time) a status with a health message was written last."""
    waits_for_kinds: frozenset[Kind] = frozenset()
    """Kinds of its manifests that the server does not serve."""
    failed: bool = False
    """Whether the last look could not compare."""
    asked: bool = False
    """Whether a look has been finished since the process started."""
    refreshed: int = 0
    """Resource version at which the refresh annotation was obeyed last."""
    lifted_elsewhere: str = ""
    """Inputs whose sync failed for a reason outside of Git, a right or a namespace: it is tried again and again."""
    final: str = ""
    """Inputs whose sync failed in a way that trying again cannot help."""


class Memories:
    """Memories by application."""

    def __init__(self) -> None:
        self._all: dict[DeliverableKey, Memory] = {}

    def of(self, key: DeliverableKey) -> Memory:
        """The application's memory, an empty one at first."""
        memory = self._all.get(key)
        if memory is None:
            memory = self._all[key] = Memory()
        return memory

    def known(self, key: DeliverableKey) -> Memory | None:
        """The application's memory if there is one."""
        return self._all.get(key)

    def forget(self, key: DeliverableKey) -> None:
        """The application is gone."""
        self._all.pop(key, None)
