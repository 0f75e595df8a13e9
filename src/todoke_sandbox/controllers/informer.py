"""What controllers look up: who is owned by whom, what is in a namespace, which Pods bear a label.

Kept up to date by listening to every table, so that no controller ever reads through one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from todoke_sandbox.controllers.objects import controller_of
from todoke_sandbox.registry.resources import Registry, Resource
from todoke_sandbox.storage.store import Change, Store, TableKey
from todoke_sandbox.storage.tables import PODS, REPLICA_SETS, REVISIONS, SERVICES

Json = dict[str, Any]
Hear = Callable[[TableKey, Change], None]

_ADOPTED: Final = (PODS, REPLICA_SETS, REVISIONS)


class Where(NamedTuple):
    """An object by its place."""

    table: TableKey
    namespace: str
    name: str


class Informer:
    """Indexes over the objects of one cluster."""

    def __init__(self, store: Store, registry: Registry, hear: Hear) -> None:
        """Nothing is known before :meth:`start`. Args: hear: is told each change once the indexes know it."""
        self._store = store
        self._registry = registry
        self._hear = hear
        self._ends: dict[TableKey, Callable[[], None]] = {}
        self._uids: dict[str, Where] = {}
        self._owned: dict[str, dict[Where, None]] = {}
        self._named: dict[tuple[TableKey, str], dict[str, None]] = {}
        self._ownerless: dict[tuple[TableKey, str], dict[str, None]] = {}
        self._labelled: dict[tuple[str, str, str], dict[str, None]] = {}
        self._selecting: dict[tuple[str, str, str], dict[str, None]] = {}
        self._kinds: dict[tuple[str, str], Resource] = {}

    def start(self) -> None:
        """Take in what is there, and listen to all tables from now on."""
        for resource in self._registry.resources():
            self.listen(resource.table)

    def listen(self, table: TableKey) -> None:
        """Listen to a table as well, unless that is done already."""
        if table in self._ends:
            return
        objects = self._store.table(table)
        self._ends[table] = objects.listen(lambda change: self._take(table, change))
        for stored in list(objects.objects.values()):
            self._take(table, Change("ADDED", stored.version, stored, None))

    def close(self) -> None:
        """Listen no more."""
        for end in self._ends.values():
            end()
        self._ends.clear()

    def get(self, table: TableKey, namespace: str, name: str) -> Json | None:
        """An object as it is now, not to be changed."""
        stored = self._store.get(table, namespace, name)
        return None if stored is None else stored.body

    def at(self, where: Where) -> Json | None:
        """The object at a place."""
        return self.get(*where)

    def place_of(self, uid: str) -> Where | None:
        """Where the object of this identity is."""
        return self._uids.get(uid)

    def namespaced(self, table: TableKey, namespace: str) -> list[Json]:
        """All objects of a table in a namespace ("" for those of the cluster), in the order they came."""
        return self._bodies(table, namespace, self._named.get((table, namespace)))

    def all(self, table: TableKey) -> list[Json]:
        """All objects of a table."""
        return [stored.body for stored in self._store.table(table).objects.values()]

    def owned(self, uid: str) -> list[Where]:
        """Objects that name an owner of this identity."""
        return list(self._owned.get(uid, ()))

    def owned_of(self, owner: Mapping[str, Any], table: TableKey) -> list[Json]:
        """Objects of a table whose controller is this very object."""
        uid = owner["metadata"]["uid"]
        found = (self.at(where) for where in self._owned.get(uid, ()) if where.table == table)
        return [body for body in found if body and (ref := controller_of(body)) and ref["uid"] == uid]

    def ownerless(self, table: TableKey, namespace: str) -> list[Json]:
        """Pods, ReplicaSets or ControllerRevisions without a controller, which one may adopt."""
        return self._bodies(table, namespace, self._ownerless.get((table, namespace)))

    def pods_with(self, namespace: str, wanted: Mapping[str, str]) -> list[Json]:
        """Pods that bear all these labels; with none wanted, all Pods of the namespace."""
        if not wanted:
            return self.namespaced(PODS, namespace)
        sets = [self._labelled.get((namespace, key, value)) or {} for key, value in wanted.items()]
        sets.sort(key=len)
        names = [name for name in sets[0] if all(name in other for other in sets[1:])]
        return self._bodies(PODS, namespace, names)

    def services_for(self, namespace: str, labels: Mapping[str, str]) -> list[str]:
        """Names of the Services that select a Pod with these labels."""
        objects = self._store.table(SERVICES).objects
        return [
            name
            for key, value in labels.items()
            for name in self._selecting.get((namespace, key, value), ())
            if objects[namespace, name].body["spec"]["selector"].items() <= labels.items()
        ]

    def resource_of(self, api_version: str, kind: str) -> Resource | None:
        """The resource of a kind as objects name it."""
        found = self._kinds.get((api_version, kind))
        if found is None or self._registry.find(found.group, found.version, found.plural) is not found:
            group, _, version = api_version.rpartition("/")
            found = self._registry.of_kind(group, version, kind)
            if found is not None:
                self._kinds[api_version, kind] = found
        return found

    def tables(self) -> Iterable[TableKey]:
        """All tables listened to."""
        return tuple(self._ends)

    def _bodies(self, table: TableKey, namespace: str, names: Iterable[str] | None) -> list[Json]:
        objects = self._store.table(table).objects
        return [objects[namespace, name].body for name in names or ()]

    def _take(self, table: TableKey, change: Change) -> None:
        after, before = change.after.body, None if change.before is None else change.before.body
        where = Where(table, change.after.namespace, change.after.name)
        gone = change.kind == "DELETED"
        if change.kind != "MODIFIED":
            self._count(where, after["metadata"]["uid"], gone)
        if gone:
            self._index(where, after, None)
        elif before is None or _relations(before) != _relations(after):
            self._index(where, before, after)
        self._hear(table, change)

    def _count(self, where: Where, uid: str, gone: bool) -> None:
        names = self._named.setdefault((where.table, where.namespace), {})
        if gone:
            self._uids.pop(uid, None)
            names.pop(where.name, None)
            if not names:
                del self._named[where.table, where.namespace]
        else:
            self._uids[uid] = where
            names[where.name] = None

    def _index(self, where: Where, before: Json | None, after: Json | None) -> None:
        adopted, pods = where.table in _ADOPTED, where.table == PODS
        for body, add in ((before, False), (after, True)):
            if body is None:
                continue
            metadata = body["metadata"]
            for ref in metadata.get("ownerReferences") or ():
                _put(self._owned, ref["uid"], where, add)
            if adopted and controller_of(body) is None:
                _put(self._ownerless, (where.table, where.namespace), where.name, add)
            if pods:
                for key, value in (metadata.get("labels") or {}).items():
                    _put(self._labelled, (where.namespace, key, value), where.name, add)
            elif where.table == SERVICES and (selector := body["spec"].get("selector")):
                _put(self._selecting, (where.namespace, *min(selector.items())), where.name, add)


def _relations(body: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    metadata = body["metadata"]
    return metadata.get("ownerReferences"), metadata.get("labels"), (body.get("spec") or {}).get("selector")


def _put(index: dict[Any, dict[Any, None]], key: Any, item: Any, add: bool) -> None:
    if add:
        index.setdefault(key, {})[item] = None
    elif (found := index.get(key)) is not None:
        found.pop(item, None)
        if not found:
            del index[key]
