"""What we know of one kind in the cluster. No IO: the watch feeds it, answers to our own writes too."""

from collections.abc import Callable, Iterator

from todoke.cluster.wire import Meta, live_object
from todoke.model.objects import Kind, LiveObject, ObjectKey

Name = tuple[str, str]  # namespace, name
Keep = Callable[[Kind, Meta, bytes], bool]
"""Whether an object that nobody asked for by name is kept whole."""


class KindCache:
    """Objects that matter are kept whole; of all others only name and resource version."""

    def __init__(self, kind: Kind, keep: Keep) -> None:
        self.kind = kind
        self._keep = keep
        self.kept: dict[Name, LiveObject] = {}
        self.others: dict[Name, int] = {}
        self.pinned: set[Name] = set()
        self.passed = 0
        """The newest version up to which list and watch have told everything."""
        self._gone: dict[Name, int] = {}  # deletions newer than what may still arrive

    def put(self, raw: bytes, meta: Meta) -> tuple[LiveObject | None, LiveObject | None]:
        """Take an object in: (before, after) of what is kept, equal when this is no news.

        An older version never replaces a newer one, whichever way it came.
        """
        name = (meta.namespace, meta.name)
        before = self.kept.get(name)
        version = meta.version
        if version <= self._known_version(name, before) and not self._is_wanted_whole(name, version):
            return before, before
        self._gone.pop(name, None)
        if name in self.pinned or self._keep(self.kind, meta, raw):
            after = live_object(self.kind, bytes(raw), meta)
            self.kept[name] = after
            self.others.pop(name, None)
            return before, after
        self.others[name] = version
        self.kept.pop(name, None)
        return before, None

    def answer(self, raw: bytes, meta: Meta) -> tuple[LiveObject | None, LiveObject | None]:
        """Take in what the server answered to a request: as `put`, unless the object was deleted since.

        An answer may be on its way for long. When the watch has passed its version and does not know the object, the
        object is gone.
        """
        name = (meta.namespace, meta.name)
        if meta.version <= self.passed and not self.exists(name):
            return None, None
        return self.put(raw, meta)

    def remove(self, name: Name, version: int) -> LiveObject | None:
        """Take a deletion in; what was kept of the object, or None when that is no news."""
        before = self.kept.get(name)
        if version < self._known_version(name, before):
            return None
        self._gone[name] = version
        self.kept.pop(name, None)
        self.others.pop(name, None)
        return before

    def replace(self, names: set[Name], version: int) -> list[LiveObject]:
        """After a list at `version`: forget what is not in it; the kept ones that went."""
        gone = []
        self.passed = version
        for name, kept in list(self.kept.items()):
            if name not in names and kept.resource_version <= version:
                gone.append(self.kept.pop(name))
        for name, known in list(self.others.items()):
            if name not in names and known <= version:
                del self.others[name]
        self._gone = {name: at for name, at in self._gone.items() if at > version}
        return gone

    def pass_by(self, version: int) -> None:
        """The watch has told everything up to `version`: deletions up to there cannot be contradicted any more."""
        self.passed = version
        if self._gone:
            self._gone = {name: at for name, at in self._gone.items() if at > version}

    def exists(self, name: Name) -> bool:
        """Whether the object is in the cluster, kept or not."""
        return name in self.kept or name in self.others

    def find(self, key: ObjectKey) -> LiveObject | None:
        """The kept object, if it is kept."""
        return self.kept.get((key.namespace, key.name))

    def __iter__(self) -> Iterator[LiveObject]:
        return iter(self.kept.values())

    def _is_wanted_whole(self, name: Name, version: int) -> bool:
        """Whether only name and version are known of an object that is kept whole from now on."""
        return name in self.pinned and self.others.get(name) == version

    def _known_version(self, name: Name, kept: LiveObject | None) -> int:
        if kept is not None:
            return kept.resource_version
        return max(self.others.get(name, 0), self._gone.get(name, 0))
