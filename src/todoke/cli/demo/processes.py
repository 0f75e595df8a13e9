"""The programs of the story: git, todoke and kubectl as processes that end with it."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from todoke.model.errors import Unreachable

_PATIENCE = 10.0
_START_SECONDS = 60.0
_LOOK = 0.05
_READY = "todoke acts on "
# This interpreter and this todoke, whatever PATH says; nothing is imported from the folder it runs in.
_PYTHON = (sys.executable, "-P", "-c")
_RUN = "from todoke.main import cli; cli()"
_TODOKE = (*_PYTHON, _RUN)
_ENDING = (*_PYTHON, f"from todoke.cli.demo.ending import end_with_input; end_with_input(); {_RUN}")


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


class Programs:
    """Runs commands in one folder and environment."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder, self._environment = folder, dict(environment)

    async def run(self, words: Sequence[str], listen: Callable[[str], None]) -> Ended:
        """Run a command to its end; `listen` is told each line of its talk. It is ended when we are cancelled."""
        pipe = asyncio.subprocess.PIPE
        async with _running(words, self._folder, self._environment, stdout=pipe, stderr=pipe) as process:
            if process.stdout is None or process.stderr is None:
                raise RuntimeError("a command runs without pipes")
            out, err = await asyncio.gather(process.stdout.read(), _lines(process.stderr, listen))
            code = await process.wait()
        return Ended(code, out.decode(errors="replace"), err)


async def _lines(stream: asyncio.StreamReader, listen: Callable[[str], None]) -> str:
    found = []
    while line := await stream.readline():
        found.append(line.decode(errors="replace"))
        if text := found[-1].strip():
            listen(text)
    return "".join(found)


@asynccontextmanager
async def controller(folder: Path, environment: Mapping[str, str], log: Path) -> AsyncIterator[asyncio.Task[int]]:
    """`todoke serve`, ready to deliver: a task that ends when it does.

    Raises: Unreachable: it ended, or is not ready in a minute; ends in what it said last.
    """
    words = (*_ENDING, "serve", "--listen", "", "--poll-seconds", "1")
    pipe = asyncio.subprocess.PIPE  # closed when this process is killed: the controller ends then too
    with log.open("ab") as file:
        async with _running(words, folder, environment, stdin=pipe, stdout=file, stderr=file) as process:
            ended = asyncio.create_task(process.wait())
            try:
                await _ready(ended, log)
                yield ended
            finally:
                ended.cancel()


async def _ready(ended: asyncio.Task[int], log: Path) -> None:
    try:
        async with asyncio.timeout(_START_SECONDS):
            while not _says_ready(log):
                if ended.done():
                    raise controller_ended(ended, log)
                await asyncio.sleep(_LOOK)
    except TimeoutError:
        raise Unreachable("todoke serve", f"it is not ready after {_START_SECONDS:.0f} s: {_tail(log)}") from None


def _says_ready(log: Path) -> bool:
    return _READY in log.read_text(errors="replace")


def controller_ended(ended: asyncio.Task[int], log: Path) -> Unreachable:
    """The error for a controller that ended by itself."""
    return Unreachable("todoke serve", f"it ended with exit code {ended.result()}: {_tail(log)}")


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else "it said nothing"


@asynccontextmanager
async def _running(
    words: Sequence[str], folder: Path, environment: Mapping[str, str], **streams: object
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process in a session of its own: Ctrl-C is for the story, which ends its processes in order."""
    command = (*_TODOKE, *words[1:]) if words[0] == "todoke" else words
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=dict(environment),
        start_new_session=True,
        **{"stdin": asyncio.subprocess.DEVNULL, **streams},  # type: ignore[arg-type]
    )
    try:
        yield process
    finally:
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await process.wait()
