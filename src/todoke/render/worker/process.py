"""One process of the render worker: started, spoken to, watched, ended."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from todoke.render.worker.answers import Answers
from todoke.render.worker.frames import ASKS, Broken, Verdict, frame, read_frame, read_greeting, read_verdict
from todoke.render.worker.outcomes import Ended, Limits, Reason
from todoke.render.worker.pipes import Gone, Pipe, Tail

log = logging.getLogger(__name__)

_MIB = 1024 * 1024
_SECONDS_TO_START = 30.0
_SECONDS_TO_DIE = 5.0
_SECONDS_TO_EXIT = 1.0
_WATCH_SECONDS = 0.05
_FROM_OUTSIDE = frozenset(-number for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP))
_TELLING = ("fatal error: ", "panic: ")  # how the Go runtime begins the line that says why it gives up
_LONGEST_LAST_WORDS = 300


class Process:
    """A running worker. It is used for one request at a time; once something went wrong it must be ended.

    Attributes: versions: what it said of itself. requests: how many it was given.
    """

    def __init__(self, process: asyncio.subprocess.Process, said: Pipe, errors: Tail, limits: Limits) -> None:
        self.versions: Mapping[str, str] = {}
        self.requests = 0
        self._process, self._said, self._errors, self._limits = process, said, errors, limits
        self._loop = asyncio.get_running_loop()
        self._problem: Ended | None = None  # why we killed it
        self._watching: asyncio.TimerHandle | None = None

    @classmethod
    async def start(cls, program: Path, limits: Limits) -> Process:
        """A process that has yet to greet.

        Its environment is empty but for the runtime's own memory limit, which makes it collect garbage before we kill.
        Raises: Ended: it cannot be started.
        """
        said, errors = Pipe(), Tail()
        try:
            process = await asyncio.create_subprocess_exec(
                str(program),
                stdin=asyncio.subprocess.PIPE,
                stdout=said.write_end,
                stderr=errors.write_end,
                env={"GOMEMLIMIT": f"{limits.memory_mib * 4 // 5}MiB"},
                cwd="/",
                start_new_session=True,
            )
        except BaseException as error:
            said.close()
            errors.close()
            if isinstance(error, OSError):
                raise Ended("start", f"the render worker {program} does not start: {error.strerror}") from error
            raise
        said.close_write_end()
        errors.close_write_end()
        return cls(process, said, errors, limits)

    async def greet(self) -> None:
        """Hear what it says of itself; then it is ready for a request.

        Raises: Ended: it says nothing, ends, or is not a render worker that we understand.
        """
        try:
            async with asyncio.timeout(_SECONDS_TO_START):
                kind, payload = await read_frame(self._said)
            self.versions = read_greeting(kind, payload)
        except TimeoutError:
            raise Ended("start", f"the render worker does not greet within {_SECONDS_TO_START:.0f} s") from None
        except Gone:
            died = await self._death("as it started")
            raise Ended("start", f"the render worker {died.problem}") from None
        except Broken as error:
            raise Ended("start", f"the render worker is not of this version: it sent {error}") from None

    @property
    def is_ready(self) -> bool:
        """Whether it can be given a request: it lives, and has said nothing that nobody asked for."""
        return self._process.returncode is None and self._said.is_silent and self._errors.forget()

    @property
    def is_worn(self) -> bool:
        """Whether it shall not be kept for another request."""
        return (
            self._problem is not None  # killed as the last frame of its answer was already on the way
            or self.requests >= self._limits.recycle_after
            or resident_bytes(self._process.pid) > self._limits.memory_mib * _MIB // 2
        )

    async def converse(self, request: bytes, answers: Answers) -> tuple[bytes, Verdict]:
        """Have one request carried out: what was printed, and how it ended.

        Raises: Ended: it took too much, died, or broke the protocol. It must be ended then, as after any exception.
        """
        self.requests += 1
        self._errors.forget()
        self._watching = self._loop.call_later(_WATCH_SECONDS, self._watch)
        clock = asyncio.timeout(self._limits.seconds)
        try:
            async with clock:
                return await self._exchange(request, answers)
        except TimeoutError:
            if not clock.expired():
                raise
            raise Ended("seconds", f"took longer than {self._limits.seconds:g} s and was ended") from None
        except Broken as error:
            raise Ended("protocol", f"was ended, because the render worker sent {error}") from None
        except Gone:
            raise await self._death("in mid-answer") from None
        finally:
            self._watching.cancel()

    async def end(self, reason: Reason) -> None:
        """Kill it and wait for its end. Can be called again, and while it converses."""
        if self._problem is None:
            self._problem = Ended(reason, "was ended, because todoke stops")
        self._kill()
        stdin = self._process.stdin
        if stdin is not None and not stdin.transport.is_closing():
            stdin.transport.abort()
        self._said.close()
        self._errors.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SECONDS_TO_DIE):
                await self._process.wait()

    async def _exchange(self, request: bytes, answers: Answers) -> tuple[bytes, Verdict]:
        printed: list[bytes] = []
        size = 0
        await self._send(frame(b"Q", request))
        while True:
            kind, payload = await read_frame(self._said)
            if kind in ASKS:
                await self._send(await answers.to(kind, payload.decode("utf-8", "replace")))
            elif kind == b"O":
                printed.append(payload)
                size += len(payload)
                if size > self._limits.output_mib * _MIB:
                    raise Ended("output", f"printed more than {self._limits.output_mib} MiB and was ended")
            elif kind == b"E":
                return b"".join(printed), read_verdict(payload)
            else:
                raise Broken("a second greeting")

    async def _send(self, data: bytes) -> None:
        stdin = self._process.stdin
        if stdin is None:
            raise Gone
        try:
            stdin.write(data)
            await stdin.drain()
        except (ConnectionError, RuntimeError):  # uvloop says by the latter that its end is closed
            raise Gone from None

    def _watch(self) -> None:
        limit = self._limits.memory_mib
        if resident_bytes(self._process.pid) > limit * _MIB:
            self._problem = Ended("memory", f"needed more than {limit} MiB of memory and was ended")
            self._kill()
        else:
            self._watching = self._loop.call_later(_WATCH_SECONDS, self._watch)

    async def _death(self, when: str) -> Ended:
        """Why it is gone."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SECONDS_TO_EXIT):
                await self._process.wait()
        status = self._process.returncode
        if self._problem is not None:
            return self._problem
        if status is None:
            return Ended("protocol", f"closed its output {when} and was ended")
        if status in _FROM_OUTSIDE:
            return Ended("killed", f"was killed from outside {when} (by {signal.Signals(-status).name})")
        how = f"status {status}" if status >= 0 else signal.Signals(-status).name
        return Ended("exit", f"ended {when} with {how}{self._last_words()}")

    def _last_words(self) -> str:
        text = self._errors.text()
        log.debug("a render worker ended and said: %s", text)
        line = telling_line(text.splitlines())
        return f": {line}" if line else ""

    def _kill(self) -> None:
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)


def telling_line(lines: Sequence[str]) -> str:
    """The line of a process' last words that says why it ended: where the Go runtime says so, else the last one."""
    spoken = [line.strip() for line in lines if line.strip()]
    telling = next((line for line in spoken if line.startswith(_TELLING)), spoken[-1] if spoken else "")
    return telling[:_LONGEST_LAST_WORDS]


def resident_bytes(pid: int) -> int:
    """Memory that a process holds; 0 if it is gone, or where the system has no `/proc`."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0
