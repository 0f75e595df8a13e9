"""Pipes from a child process, read without blocking.

asyncio's own streams read ahead by themselves; here it matters to know, at a given moment, that all that was written
up to then has been read: what a process said for one tenant must never be taken for an answer to another.
"""

from __future__ import annotations

import asyncio
import contextlib
import os

_CHUNK = 256 * 1024
_MOST_CHUNKS = 64


class Gone(Exception):
    """The other end is closed."""


class Pipe:
    """A pipe whose write end is given to a child; it is read by one task at a time."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        self._buffer = bytearray()
        self._waiter: asyncio.Future[None] | None = None

    @property
    def write_end(self) -> int:
        """The descriptor for the child."""
        return self._write

    def close_write_end(self) -> None:
        """To be called once the child has it."""
        if self._write >= 0:
            os.close(self._write)
            self._write = -1

    @property
    def is_silent(self) -> bool:
        """Whether nothing is there to be read now, not even the end."""
        if self._buffer or self._read < 0:
            return False
        try:
            self._buffer += os.read(self._read, 1)
        except BlockingIOError:
            return True
        return False

    async def exactly(self, size: int) -> bytes:
        """So many bytes.

        Raises: Gone: the pipe ended, or was closed by us, before.
        """
        await asyncio.sleep(0)  # a child that never stops talking must not keep the loop
        while len(self._buffer) < size:
            await self._more()
        found = bytes(self._buffer[:size])
        del self._buffer[:size]
        return found

    def close(self) -> None:
        """Whoever reads now, gets Gone. Can be called again."""
        self.close_write_end()
        if self._read >= 0:
            if self._waiter is not None:
                asyncio.get_running_loop().remove_reader(self._read)
                self._wake()
            os.close(self._read)
            self._read = -1

    async def _more(self) -> None:
        while self._read >= 0:
            try:
                data = os.read(self._read, _CHUNK)
            except BlockingIOError:
                await self._readable()
                continue
            if not data:
                break
            self._buffer += data
            return
        raise Gone

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        loop.add_reader(self._read, self._wake)
        try:
            await self._waiter
        finally:
            self._waiter = None
            if self._read >= 0:
                loop.remove_reader(self._read)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Tail:
    """A pipe that is always read, of which only the last bytes are kept."""

    def __init__(self, most_bytes: int = 8192) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        self._most = most_bytes
        self._kept = b""

    @property
    def write_end(self) -> int:
        """The descriptor for the child."""
        return self._write

    def close_write_end(self) -> None:
        """To be called once the child has it; from now on the pipe is read."""
        os.close(self._write)
        self._write = -1
        asyncio.get_running_loop().add_reader(self._read, self._take)

    def text(self) -> str:
        """The end of what was written up to now."""
        self._drain()
        return self._kept.decode("utf-8", "replace")

    def forget(self) -> bool:
        """Drop all that was written up to now; False if that does not come to an end."""
        ended = self._drain()
        self._kept = b""
        return ended

    def close(self) -> None:
        """Can be called again."""
        if self._write >= 0:
            os.close(self._write)
            self._write = -1
        if self._read >= 0:
            asyncio.get_running_loop().remove_reader(self._read)
            os.close(self._read)
            self._read = -1

    def _drain(self) -> bool:
        return any(not self._take() for _ in range(_MOST_CHUNKS))

    def _take(self) -> bool:
        """Read once; False: there is nothing now."""
        data = b""
        if self._read >= 0:
            with contextlib.suppress(BlockingIOError):
                data = os.read(self._read, _CHUNK)
                if not data:
                    asyncio.get_running_loop().remove_reader(self._read)
        self._kept = (self._kept + data)[-self._most :]
        return bool(data)
