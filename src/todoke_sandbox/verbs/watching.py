"""Watches: a place in the history of a table, from which changes are read when the watcher has time for them.

Nothing is queued per watcher: one that is too slow falls out of the history and has to list again.
Source: Kubernetes API concepts, "Efficient detection of changes", "Watch bookmarks", "Streaming lists".
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec

from todoke_sandbox.storage.store import Change, Gone, Stored
from todoke_sandbox.verbs.api import Api
from todoke_sandbox.verbs.listing import matches, too_new
from todoke_sandbox.verbs.refusals import Refusal
from todoke_sandbox.verbs.requests import Place, Query
from todoke_sandbox.verbs.versions import view

Json = dict[str, Any]

ADDED: Final = "ADDED"
MODIFIED: Final = "MODIFIED"
DELETED: Final = "DELETED"
BOOKMARK: Final = "BOOKMARK"
INITIAL_EVENTS_END: Final = "k8s.io/initial-events-end"


class Event(NamedTuple):
    """One line of a watch."""

    type: str
    stored: Stored

    @property
    def line(self) -> bytes:
        """As clients read it."""
        return b'{"type":"%s","object":%s}\n' % (self.type.encode(), self.stored.raw)


class Watch:
    """Changes of a collection from a version on. To be closed."""

    def __init__(self, api: Api, place: Place, query: Query, *, bookmarks: bool = False, initial: bool = False) -> None:
        """Starts at the query's version; without one, or with 0, at what is there now.

        Args: initial: what is there comes first, and a bookmark after it says so.
        Raises: Refusal: the version is not there yet. A version that is no longer kept is told
            by :meth:`take`.
        """
        self._api, self._place, self._query = api, place, query
        self._table = api.store.table(place.resource.table)
        self._changed = asyncio.Event()
        self._bookmarks = bookmarks
        self._said = 0
        self._first: list[Event] | None = None
        self._at = self._start(initial)
        self._ends = [self._table.listen(lambda change: self._changed.set())]
        if place.resource.custom:
            self._ends.append(api.registry.listen(self._changed.set))

    def take(self) -> list[Event]:
        """What happened since the last call, oldest first.

        Raises: Refusal: the changes are no longer kept (410), or the resource is no longer served.
        """
        self._changed.clear()
        if self._first is not None:
            first, self._first = self._first, None
            return first + self.take()
        try:
            changes = self._table.since(self._at)
        except Gone:
            text = f"too old resource version: {self._at} ({self._table.forgotten + 1})"
            raise Refusal.expired(text) from None
        if changes:
            self._at = changes[-1].version
        return [event for change in changes for event in self._events(change)]

    async def wait(self, seconds: float) -> bool:
        """Wait for a change, also of what is served. Returns: whether there is one; False after the time."""
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return False
        return True

    def bookmark(self) -> Event | None:
        """The version up to which everything has been told; None for who did not ask for it, or knows."""
        version = max(self._at, self._api.store.version)
        if not self._bookmarks or version == self._said:
            return None
        self._at = self._said = version
        return self._mark(version, {})

    @property
    def served(self) -> bool:
        """Whether the resource is still there: watches end when its definition goes."""
        resource = self._place.resource
        return self._api.registry.find(resource.group, resource.version, resource.plural) is resource

    def close(self) -> None:
        """Listen no more."""
        for end in self._ends:
            end()

    def _start(self, initial: bool) -> int:
        store, asked = self._api.store, self._query.version
        if int(asked or 0) > store.version:
            raise too_new(int(asked), store.version)
        if int(asked or 0) and not initial:
            return int(asked)
        here = store.items(self._place.resource.table, self._place.namespace)
        self._first = [Event(ADDED, self._seen(found)) for found in here if matches(self._query, found)]
        if initial and self._bookmarks:
            self._first.append(self._mark(store.version, {INITIAL_EVENTS_END: "true"}))
        self._said = store.version
        return store.version

    def _events(self, change: Change) -> Iterator[Event]:
        """A change as this watcher sees it: objects come and go as they meet its query or do not."""
        if self._place.namespace and change.after.namespace != self._place.namespace:
            return
        was = change.before is not None and matches(self._query, change.before)
        deleted = change.kind == DELETED
        is_now = not deleted and matches(self._query, change.after)
        if is_now:
            yield Event(MODIFIED if was else ADDED, self._seen(change.after))
        elif was and change.before is not None:
            yield Event(DELETED, self._seen(change.after if deleted else _at(change.before, change.version)))

    def _seen(self, stored: Stored) -> Stored:
        return view(self._place.resource, stored)

    def _mark(self, version: int, annotations: Json) -> Event:
        kind = self._place.resource.kind
        metadata: Json = {"resourceVersion": str(version)}
        if annotations:
            metadata["annotations"] = annotations
        body: Json = {**kind.empty, "kind": kind.name, "apiVersion": kind.api_version, "metadata": metadata}
        return Event(BOOKMARK, Stored(body, version))


def _at(stored: Stored, version: int) -> Stored:
    metadata = {**stored.body["metadata"], "resourceVersion": str(version)}
    return Stored({**stored.body, "metadata": metadata}, version)


def error_line(refusal: Refusal) -> bytes:
    """The line that a watch ends with when it cannot go on."""
    return b'{"type":"ERROR","object":%s}\n' % msgspec.json.encode(refusal.status)
