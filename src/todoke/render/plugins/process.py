"""One command of a plugin, run under its supervisor."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from todoke.render.plugins.supervisor import landlock
from todoke.render.worker.outcomes import Limits
from todoke.render.worker.pipes import Tail

_SUPERVISOR: Final = Path(__file__).with_name("supervisor.py")
_MIB: Final = 1024 * 1024
_CHUNK: Final = 256 * 1024
_LARGEST_VERDICT: Final = 4096
_SECONDS_TO_DIE: Final = 5.0
_LARGEST_FILE_MIB: Final = 256
_TCP_SINCE: Final = 4

Namespaces = Literal["", "user", "root"]


class Barriers(msgspec.Struct, frozen=True):
    """What keeps a command apart from everything else, as far as this system has it.

    Attributes: namespaces: processes and network of its own, by a namespace of users or by the rights of root; "" =
        none. landlock: version of the kernel's Landlock, by which files and signals are refused; 0 = none.
    """

    namespaces: Namespaces = ""
    landlock: int = 0

    def told(self) -> dict[str, str]:
        """What holds, in words, of files, network and other processes."""
        files = "their own written, secret ones not read" if self.landlock else "as todoke"
        network = "none" if self.namespaces else "no TCP" if self.landlock >= _TCP_SINCE else "as todoke"
        return {"files": files, "network": network, "others": "not seen" if self.namespaces else "seen"}


class Order(msgspec.Struct, frozen=True):
    """What to run.

    Attributes:
        command: program and arguments; the program is looked up in PATH of `environ`.
        folder: where it runs. root: the folder that it may write to; both absolute, without links.
        hidden: files and folders that it may not read.
        disk_mib: what its folder may take, all files together. probe: everything but the command itself.
    """

    command: tuple[str, ...]
    folder: str
    root: str
    environ: Mapping[str, str]
    network: bool = False
    hidden: tuple[str, ...] = ()
    disk_mib: int = 2048
    probe: bool = False


class Ran(msgspec.Struct, frozen=True):
    """How a command ended. Attributes: status: negative for a signal. output, errors: all, and the end of it."""

    status: int
    output: bytes
    errors: str


class Stopped(Exception):
    """A command did not begin or was ended by us. The text finishes a sentence that begins with the command."""

    def __init__(self, problem: str, next_step: str = "") -> None:
        super().__init__(problem)
        self.next_step = next_step


async def run(order: Order, limits: Limits, barriers: Barriers) -> Ran:
    """Run a command to its end; nothing that it started is left when this returns, be it cancelled or not.

    Raises: Stopped: it took too much, or did not begin. TimeoutError passes through: time is the caller's to limit.
    """
    heard, verdict = os.pipe()
    os.set_blocking(heard, False)
    errors = Tail()
    try:
        process = await _started(errors, verdict)
        errors.close_write_end()
        try:
            written = _written(order, limits, barriers, verdict)
            os.close(verdict)
            verdict = -1
            output = await _output(process, written, limits)
            await process.wait()
        finally:
            await _ended(process)
        said = b""
        with contextlib.suppress(BlockingIOError):
            said = os.read(heard, _LARGEST_VERDICT)
        return _judged(said, output, errors.text(), limits)
    finally:
        errors.close()
        os.close(heard)
        if verdict >= 0:
            os.close(verdict)


async def _started(errors: Tail, verdict: int) -> asyncio.subprocess.Process:
    """The supervisor, which has no order yet. Raises: Stopped: the system has no room for it."""
    try:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-I", "-S", "-B", str(_SUPERVISOR)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors.write_end,
            env={},
            cwd="/",
            start_new_session=True,
            pass_fds=(verdict,),
        )
    except OSError as error:
        raise Stopped(f"cannot be started: {error.strerror}") from error


def _written(order: Order, limits: Limits, barriers: Barriers, verdict: int) -> bytes:
    said: dict[str, Any] = {
        **msgspec.to_builtins(order),
        "memory_bytes": limits.memory_mib * _MIB,
        "disk_bytes": order.disk_mib * _MIB,
        "file_bytes": _LARGEST_FILE_MIB * _MIB,
        "cpu_seconds": int(limits.seconds * (os.cpu_count() or 1)) + 1,
        "namespaces": barriers.namespaces,
        "landlock": barriers.landlock,
        "verdict": verdict,
    }
    return msgspec.json.encode(said) + b"\n"


async def _output(process: asyncio.subprocess.Process, written: bytes, limits: Limits) -> bytes:
    if process.stdin is None or process.stdout is None:
        raise Stopped("has no pipes")
    with contextlib.suppress(ConnectionError):  # it ended already; its verdict says why
        process.stdin.write(written)
        await process.stdin.drain()
    parts, size = [], 0
    while data := await process.stdout.read(_CHUNK):
        parts.append(data)
        size += len(data)
        if size > limits.output_mib * _MIB:
            raise Stopped(f"printed more than {limits.output_mib} MiB and was ended")
    return b"".join(parts)


async def _ended(process: asyncio.subprocess.Process) -> None:
    """End the supervisor, which ends everything below; where it does not in time, end its group."""
    if process.returncode is not None:
        return
    if process.stdin is not None:
        process.stdin.transport.abort()
    try:
        async with asyncio.timeout(_SECONDS_TO_DIE):
            await _rest(process)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        await _rest(process)


async def _rest(process: asyncio.subprocess.Process) -> None:
    """Wait for the end of a process; what it still prints has to be read for that, and is dropped."""
    while process.stdout is not None and await process.stdout.read(_CHUNK):
        continue
    await process.wait()


def _judged(said: bytes, output: bytes, errors: str, limits: Limits) -> Ran:
    """Raises: Stopped: the supervisor had to end the command, could not start it, or was ended itself."""
    verdict: dict[str, Any] = {}
    for line in reversed(said.splitlines()):  # what was said first counts
        verdict = msgspec.json.decode(line)
    if "start" in verdict:
        raise Stopped(str(verdict["start"]), "Put it into the image that todoke runs in, or correct the plugin")
    if verdict.get("ended") == "memory":
        next_step = "Raise --render-memory-mib, or let it need less"
        raise Stopped(f"needed more than {limits.memory_mib} MiB of memory and was ended", next_step)
    if verdict.get("ended") == "disk":
        raise Stopped("needed too much disk and was ended")
    if "ended" in verdict:
        raise Stopped(f"started too many {verdict['ended']} and was ended")
    if "status" not in verdict:
        raise Stopped("was killed from outside")
    return Ran(int(verdict["status"]), output, errors)


async def barriers_here(folder: str, limits: Limits) -> Barriers:
    """What keeps commands apart on this system, tried out. Args: folder: one that may be written to."""
    order = Order(("probe",), folder, folder, {}, probe=True)
    kinds: tuple[Namespaces, ...] = ("user", "root", "")
    versions = sorted({landlock(), 0}, reverse=True)
    for barriers in (Barriers(namespaces, version) for version in versions for namespaces in kinds):
        with contextlib.suppress(Stopped):
            if (await run(order, limits, barriers)).status == 0:
                return barriers
    raise Stopped("no command can be started")
