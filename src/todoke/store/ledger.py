"""The ledger on SQLite: facts for ever, each once. Delivery works without it."""

import asyncio
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from todoke.model.deliverables import DeliverableKey
from todoke.model.errors import Blocked
from todoke.model.events import Event, HealthChanged, SyncEnded, Undone, identity

_TABLE = """
create table if not exists facts (
  id text primary key, at text not null, kind text not null, namespace text not null, name text not null,
  uid text not null, body blob not null
) without rowid
"""
_INDEX = "create index if not exists facts_by_application on facts (namespace, name, at)"
_INSERT = "insert or ignore into facts (id, at, kind, namespace, name, uid, body) values (?, ?, ?, ?, ?, ?, ?)"
_SELECT = "select body from facts where namespace = ? and name = ? order by at desc, id limit ?"
_decode = msgspec.json.Decoder(SyncEnded | HealthChanged | Undone).decode


class SqliteLedger:
    """Implements the `Ledger` port. One writer; facts that were written before are passed over."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = asyncio.Lock()
        self._waiting: list[tuple[Any, ...]] = []
        self._connection = _open(path)

    async def record(self, events: Iterable[Event]) -> None:
        """Write facts; when this returns they are on disk as far as the operating system is concerned."""
        self._waiting += [_row(event) for event in events]
        async with self._lock:
            # Who waited for the lock finds its facts written along with those of the one before it.
            rows, self._waiting = self._waiting, []
            if rows:
                await asyncio.to_thread(self._insert, rows)

    def _insert(self, rows: list[tuple[Any, ...]]) -> None:
        with self._connection:
            self._connection.executemany(_INSERT, rows)

    async def story(self, application: DeliverableKey, most: int = 1000) -> list[Event]:
        """What happened to an application, newest first."""
        async with self._lock:
            rows = await asyncio.to_thread(self._select, application, most)
        return [_decode(row[0]) for row in rows]

    def _select(self, application: DeliverableKey, most: int) -> list[tuple[bytes]]:
        return self._connection.execute(_SELECT, (application.namespace, application.name, most)).fetchall()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def _open(path: Path) -> sqlite3.Connection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        connection = sqlite3.connect(path, check_same_thread=False, timeout=10)
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = normal")
        connection.execute(_TABLE)
        connection.execute(_INDEX)
        connection.commit()
    except (sqlite3.Error, OSError) as error:
        raise Blocked(
            f"ledger {path}", str(error), field="state_folder", next_step="Name a folder that can be written"
        ) from error
    return connection


def _row(event: Event) -> tuple[Any, ...]:
    key = event.application
    at = event.finished if isinstance(event, SyncEnded) else event.at
    return identity(event), at, type(event).__name__, key.namespace, key.name, event.uid, msgspec.json.encode(event)
