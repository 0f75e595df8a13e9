"""The objects of a cluster in memory, each with its version, and the changes of the last while in order.

Bodies are never changed in place: a version once read stays as it is, and its JSON text is made once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import msgspec

Json = dict[str, Any]

HISTORY: Final = 5_000
"""How many changes of one table are kept; a watch that falls further behind has to list again."""

FIRST_VERSION: Final = 1


class TableKey(NamedTuple):
    """Where objects of a kind lie, whatever version they are written in."""

    group: str
    plural: str


class Stored:
    """One version of one object.

    Attributes:
        body: as clients get it; not to be changed.
        version: `metadata.resourceVersion` as a number.
    """

    __slots__ = ("_raw", "body", "version")

    def __init__(self, body: Json, version: int) -> None:
        """Takes a body that already bears the version."""
        self.body = body
        self.version = version
        self._raw: bytes | None = None

    @property
    def raw(self) -> bytes:
        """The body as JSON, made when first asked for."""
        if self._raw is None:
            self._raw = msgspec.json.encode(self.body)
        return self._raw

    @property
    def namespace(self) -> str:
        """Empty for objects of the cluster."""
        return str(self.body["metadata"].get("namespace", ""))

    @property
    def name(self) -> str:
        """Of the object."""
        return str(self.body["metadata"]["name"])

    @property
    def uid(self) -> str:
        """Of the object."""
        return str(self.body["metadata"]["uid"])


class Change(NamedTuple):
    """What happened to one object.

    Attributes:
        kind: ADDED, MODIFIED or DELETED.
        after: the object then; of a deletion its last body, at the deletion's version.
        before: the object before, None for ADDED.
    """

    kind: str
    version: int
    after: Stored
    before: Stored | None


class Gone(Exception):
    """Changes since a version were asked for that are no longer kept."""


class Table:
    """The objects of one resource."""

    def __init__(self) -> None:
        """An empty table."""
        self.objects: dict[tuple[str, str], Stored] = {}
        self.changes: deque[Change] = deque(maxlen=HISTORY)
        self.forgotten = 0  # the newest version whose change is no longer kept
        self._sorted: list[tuple[str, str]] | None = []
        self._listeners: dict[object, Callable[[Change], None]] = {}

    def ordered(self) -> list[tuple[str, str]]:
        """Namespaces and names in order."""
        if self._sorted is None:
            self._sorted = sorted(self.objects)
        return self._sorted

    def since(self, version: int) -> list[Change]:
        """The changes after a version, oldest first.

        Raises: Gone: some of them are no longer kept.
        """
        if version < self.forgotten:
            raise Gone
        found: list[Change] = []
        for change in reversed(self.changes):
            if change.version <= version:
                break
            found.append(change)
        found.reverse()
        return found

    def listen(self, hear: Callable[[Change], None]) -> Callable[[], None]:
        """Have each change told as it happens. Returns what ends it."""
        token = object()
        self._listeners[token] = hear
        return lambda: self._listeners.pop(token, None) and None

    def record(self, change: Change) -> None:
        """Take a change over; only the store calls this."""
        key = (change.after.namespace, change.after.name)
        if change.kind == "DELETED":
            del self.objects[key]
        else:
            self.objects[key] = change.after
        if change.kind != "MODIFIED":
            self._sorted = None
        if len(self.changes) == HISTORY:
            self.forgotten = self.changes[0].version
        self.changes.append(change)
        for hear in tuple(self._listeners.values()):
            hear(change)


class Store:
    """All tables of a cluster, with one count of versions for them all."""

    def __init__(self) -> None:
        """An empty cluster."""
        self.version = FIRST_VERSION
        self._tables: dict[TableKey, Table] = {}

    def table(self, key: TableKey) -> Table:
        """The table of a resource, made when first asked for."""
        found = self._tables.get(key)
        if found is None:
            found = self._tables[key] = Table()
        return found

    def get(self, key: TableKey, namespace: str, name: str) -> Stored | None:
        """The object as it is now."""
        return self.table(key).objects.get((namespace, name))

    def items(self, key: TableKey, namespace: str = "") -> Iterator[Stored]:
        """Objects in order of namespace and name; of one namespace if one is given."""
        table = self.table(key)
        for found in table.ordered():
            if not namespace or found[0] == namespace:
                yield table.objects[found]

    def put(self, key: TableKey, body: Json) -> Stored:
        """Keep a new body of an object, new or not. Its metadata is copied and given the version."""
        self.version += 1
        stored = _versioned(body, self.version)
        table = self.table(key)
        before = table.objects.get((stored.namespace, stored.name))
        table.record(Change("MODIFIED" if before else "ADDED", self.version, stored, before))
        return stored

    def remove(self, key: TableKey, namespace: str, name: str) -> Stored:
        """Delete an object for good. Returns its last body, which bears the version of the deletion."""
        table = self.table(key)
        before = table.objects[namespace, name]
        self.version += 1
        last = _versioned(before.body, self.version)
        table.record(Change("DELETED", self.version, last, before))
        return last

    def drop(self, key: TableKey) -> None:
        """Forget a table with all its objects: its definition is gone."""
        for namespace, name in list(self.table(key).ordered()):
            self.remove(key, namespace, name)

    def tables(self) -> list[TableKey]:
        """Tables that have been used."""
        return list(self._tables)


def _versioned(body: Json, version: int) -> Stored:
    metadata = dict(body["metadata"])
    metadata["resourceVersion"] = str(version)
    return Stored({**body, "metadata": metadata}, version)
