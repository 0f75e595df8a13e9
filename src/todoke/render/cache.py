"""Remembers renderings by what they looked at: on disk across restarts, errors in memory for a while.

A rendering is taken from the cache when each of its looks is answered today as it was then (docs/decisions/0031).
"""

import hashlib
import logging
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import msgspec

from todoke.model.errors import Blocked, Unrenderable
from todoke.model.renderings import Checkout, RenderContext, Rendering, Stamp
from todoke.model.telemetry import Silent, Telemetry
from todoke.model.trees import Look
from todoke.render.renderer import Renderer, Unrendered

log = logging.getLogger(__name__)

MOST_BYTES: Final = 512 * 1024 * 1024
_VARIANTS: Final = 4  # renderings of one source at different commits
_FORMAT: Final = 2
_TABLE: Final = """
create table if not exists renderings (
  source blob not null, key text not null, looks blob not null, body blob not null, used real not null,
  primary key (source, key)
) without rowid
"""
_RECENT: Final = "select key, looks from renderings where source = ? order by used desc limit ?"
_FIRST_PAUSE: Final = 5.0
_LONGEST_PAUSE: Final = 300.0
_MOST_FAILURES: Final = 10_000
_SILENT: Final = Silent()


class _Failure(msgspec.Struct):
    """How a source failed last. `until` is monotonic time: afterwards it is tried again."""

    key: str
    looks: tuple[Look, ...]
    error: Blocked
    until: float
    pause: float


class CachedRenderer:
    """A renderer that renders nothing twice."""

    def __init__(
        self,
        renderer: Renderer,
        path: Path | None,
        telemetry: Telemetry = _SILENT,
        *,
        most_bytes: int = MOST_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Args: path: the cache's file; None: renderings are not kept. most_bytes: of all kept renderings together."""
        self._renderer, self._telemetry, self._clock = renderer, telemetry, clock
        self._most_bytes = most_bytes
        self._failures: dict[bytes, _Failure] = {}
        self._disk = _opened(path) if path is not None else None
        self._bytes = self._counted()
        self.place = renderer.place
        self.key = renderer.key
        self.use_config = renderer.use_config

    def close(self) -> None:
        """Close the file."""
        if self._disk is not None:
            self._disk.close()

    async def render(
        self, checkout: Checkout, context: RenderContext, stamp: Stamp, *, fresh: bool = False
    ) -> Rendering:
        """As `Renderer.render`; what failed is tried again when an input changed, or after a while.

        Args: fresh: nothing that is remembered will do.
        Raises: Unrenderable: it cannot be rendered. Blocked: what it depends on elsewhere cannot be had.
        """
        source = _identity(checkout, context, stamp)
        known = None
        if not fresh:
            await self._raise_known(source, checkout, context)
            known = await self._known(source, checkout, context)
        self._telemetry.count("todoke_render_cache_total", result="miss" if known is None else "hit")
        if known is not None:
            return known
        try:
            rendering = await self._renderer.render(checkout, context, stamp)
        except Unrendered as failed:
            pause = await self._remember_failure(source, checkout, context, failed)
            raise Unrenderable(failed.error, pause) from failed.error.__cause__
        self._failures.pop(source, None)
        if any(look.intent == "engine" for look in rendering.looks):  # plain manifests are read as fast as a cache
            self._keep(source, await self.key(checkout, context, rendering.looks), rendering)
        return rendering

    async def _raise_known(self, source: bytes, checkout: Checkout, context: RenderContext) -> None:
        failure = self._failures.get(source)
        if failure is None or failure.until < self._clock():
            return
        if await self.key(checkout, context, failure.looks) == failure.key:
            self._telemetry.count("todoke_render_cache_total", result="error")
            raise Unrenderable(failure.error, failure.until - self._clock())

    async def _remember_failure(
        self, source: bytes, checkout: Checkout, context: RenderContext, failed: Unrendered
    ) -> float:
        """Returns: seconds until it is tried again."""
        before = self._failures.pop(source, None)
        key = await self.key(checkout, context, failed.looks)
        pause = min(before.pause * 2, _LONGEST_PAUSE) if before is not None and before.key == key else _FIRST_PAUSE
        if len(self._failures) >= _MOST_FAILURES:
            self._failures.clear()
        self._failures[source] = _Failure(key, failed.looks, failed.error, self._clock() + pause, pause)
        return pause

    async def _known(self, source: bytes, checkout: Checkout, context: RenderContext) -> Rendering | None:
        if self._disk is None:
            return None
        try:
            for key, looks in self._disk.execute(_RECENT, (source, _VARIANTS)).fetchall():
                if await self.key(checkout, context, _decode_looks(looks)) == key:
                    return self._read(source, key)
        except (sqlite3.Error, msgspec.DecodeError, zlib.error) as error:
            self._give_up(error)
        return None

    def _read(self, source: bytes, key: str) -> Rendering | None:
        if self._disk is None:
            return None
        where = "where source = ? and key = ?"
        row = self._disk.execute(f"select body from renderings {where}", (source, key)).fetchone()  # noqa: S608
        if row is None:
            return None
        with self._disk:
            values = (time.time(), source, key)
            self._disk.execute(f"update renderings set used = ? {where}", values)  # noqa: S608 -- a constant
        return _decode_rendering(zlib.decompress(row[0]))

    def _keep(self, source: bytes, key: str, rendering: Rendering) -> None:
        if self._disk is None:
            return
        body = zlib.compress(msgspec.msgpack.encode(rendering), 1)
        looks = msgspec.msgpack.encode(rendering.looks)
        try:
            with self._disk:
                values = (source, key, looks, body, time.time())
                self._disk.execute("insert or replace into renderings values (?, ?, ?, ?, ?)", values)
                old = "select key from renderings where source = ? order by used desc limit -1 offset ?"
                self._disk.execute(
                    f"delete from renderings where source = ? and key in ({old})",  # noqa: S608 -- constants
                    (source, source, _VARIANTS),
                )
            self._bytes += len(body) + len(looks)
            if self._bytes > self._most_bytes:
                self._shrink()
        except sqlite3.Error as error:
            self._give_up(error)

    def _shrink(self) -> None:
        """Drop what was used longest ago, a quarter of all."""
        if self._disk is None:
            return
        with self._disk:
            total = self._disk.execute("select count(*) from renderings").fetchone()[0]
            oldest = "select used from renderings order by used limit 1 offset ?"
            self._disk.execute(
                f"delete from renderings where used <= ({oldest})",  # noqa: S608 -- constants
                (total // 4,),
            )
        self._disk.execute("vacuum")
        self._bytes = self._counted()

    def _counted(self) -> int:
        if self._disk is None:
            return 0
        sizes = "select coalesce(sum(length(looks) + length(body)), 0) from renderings"
        return int(self._disk.execute(sizes).fetchone()[0])

    def _give_up(self, error: Exception) -> None:
        """Go on without the file: it can be made anew."""
        log.warning("the cache of renderings is not used any more", extra={"error": str(error)})
        self._disk, self._bytes = None, 0


_decode_looks = msgspec.msgpack.Decoder(tuple[Look, ...]).decode
_decode_rendering = msgspec.msgpack.Decoder(Rendering).decode


def _identity(checkout: Checkout, context: RenderContext, stamp: Stamp) -> bytes:
    """What is rendered, without what it reads: digest of the source's description, its application and its marks."""
    about = [checkout.spec, context.application, context.namespace, context.project, stamp, sorted(checkout.refs)]
    return hashlib.blake2b(msgspec.json.encode(about), digest_size=16).digest()


def _opened(path: Path) -> sqlite3.Connection | None:
    """The cache's file, made anew where it is not ours or not whole; None where it cannot be written."""
    for _ in range(2):
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.touch(mode=0o600)
            connection = sqlite3.connect(path, timeout=10)
            connection.execute("pragma journal_mode = wal")
            connection.execute("pragma synchronous = off")  # what is lost is rendered again
            if connection.execute("pragma user_version").fetchone()[0] != _FORMAT:
                connection.execute("drop table if exists renderings")
                connection.execute(f"pragma user_version = {_FORMAT}")
            connection.execute(_TABLE)
            connection.commit()
        except (sqlite3.DatabaseError, OSError) as error:
            log.warning("the cache of renderings is made anew", extra={"path": str(path), "error": str(error)})
            for each in _files(path):
                each.unlink(missing_ok=True)
            continue
        return connection
    return None


def _files(path: Path) -> Iterable[Path]:
    return (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm"))
