"""The program `todoke` as a process: once from start to end, for ever, or on a terminal with somebody who answers.

ended = await todoke("app", "list", stage=stage)
async with serving(namespace=..., kubeconfig=..., folder=...) as running: ...
async with on_terminal("app", "sync", "shop", stage=stage, kubeconfig=...) as terminal: ...
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from tests.cluster.stage import Stage
from tests.cluster.waiting import until

PROGRAM = Path(sys.executable).parent / "todoke"
SOURCE = Path(__file__).resolve().parents[2] / "src"
SECONDS = 60.0


class Ended(NamedTuple):
    """What became of one call."""

    code: int
    out: str
    err: str


def environment(namespace: str, kubeconfig: Path, folder: Path) -> dict[str, str]:
    """Variables of one installation; nothing of the developer's own settings gets in."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TODOKE_", "KUBE"))}
    return kept | {
        "PYTHONPATH": str(SOURCE),
        "TODOKE_NAMESPACE": namespace,
        "TODOKE_KUBECONFIG": str(kubeconfig),
        "TODOKE_STATE_FOLDER": str(folder / "state"),
        "NO_COLOR": "1",
    }


async def todoke(
    *words: str,
    stage: Stage | None = None,
    namespace: str = "",
    kubeconfig: Path | None = None,
    folder: Path | None = None,
    seconds: float = SECONDS,
) -> Ended:
    """Run it to its end with nobody at a terminal, on a stage's namespace or the one that is named.

    Without a kubeconfig it has the stage's, which is that of the controller.
    """
    if stage is not None:
        namespace, kubeconfig, folder = stage.namespace, kubeconfig or stage.kubeconfig, stage.state.parent
    assert kubeconfig is not None
    assert folder is not None
    process = await asyncio.create_subprocess_exec(
        str(PROGRAM),
        *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(namespace, kubeconfig, folder),
    )
    try:
        async with asyncio.timeout(seconds):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        out, err = await process.communicate()
        raise AssertionError(f"{words} did not end: {out.decode()}{err.decode()}") from None
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode())


class Running:
    """A program that goes on until it is interrupted."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []
        self._reader = asyncio.create_task(self._read())

    async def says(self, *words: str, seconds: float = 30) -> str:
        """The first line with all of the words. Raises: AssertionError: it ended, or does not say so."""

        async def look() -> list[str]:
            found = [line for line in self.lines if all(word in line for word in words)]
            assert found or self.process.returncode is None, self.lines[-20:]
            return found

        return (await until(look, bool, seconds))[0]

    def interrupt(self, number: int = signal.SIGINT) -> None:
        """What Ctrl-C does; or another signal."""
        self.process.send_signal(number)

    async def ended(self, seconds: float = 15) -> int:
        """Its exit code, when it has ended."""
        async with asyncio.timeout(seconds):
            code = await self.process.wait()
        await self._reader
        return code

    async def kill(self) -> None:
        """End it at once; ended already is fine."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.ended()

    async def _read(self) -> None:
        assert self.process.stderr is not None
        while line := await self.process.stderr.readline():
            self.lines.append(line.decode(errors="replace").rstrip())


@asynccontextmanager
async def serving(
    *flags: str, namespace: str, kubeconfig: Path, folder: Path, hostname: str = ""
) -> AsyncIterator[Running]:
    """`todoke serve`, killed at the end if it still runs.

    Args: hostname: the name of the host that it believes to run on.
    """
    quick = ("--poll-seconds", "0.5", "--listen", "")
    command = [str(PROGRAM), "serve", *quick, *flags]
    if hostname:
        command = [sys.executable, "-c", _ELSEWHERE.format(hostname=hostname), *command[1:]]
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env=environment(namespace, kubeconfig, folder),
    )
    running = Running(process)
    try:
        yield running
    finally:
        await running.kill()


_ELSEWHERE = """
import socket
socket.gethostname = lambda: {hostname!r}
from todoke.main import cli
cli()
"""


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, master: int, process: asyncio.subprocess.Process) -> None:
        self._master, self._process = master, process
        self.shown = ""
        asyncio.get_running_loop().add_reader(master, self._read)

    def _read(self) -> None:
        try:
            self.shown += os.read(self._master, 65536).decode(errors="replace").replace("\r\n", "\n")
        except OSError:  # the other side is closed
            asyncio.get_running_loop().remove_reader(self._master)

    async def shows(self, text: str, seconds: float = 30) -> None:
        """Wait until a text is on the screen."""
        await until(lambda: asyncio.sleep(0, self.shown), lambda shown: text in shown, seconds)

    def type(self, text: str) -> None:
        """Press keys; `\\x03` is Ctrl-C."""
        os.write(self._master, text.encode())

    async def ended(self, seconds: float = 30) -> int:
        """The exit code, when it has ended."""
        async with asyncio.timeout(seconds):
            code = await self._process.wait()
        self._read()
        return code


@asynccontextmanager
async def on_terminal(*words: str, stage: Stage, kubeconfig: Path) -> AsyncIterator[Terminal]:
    """`todoke` with a person before it."""
    master, slave = os.openpty()

    def as_a_login() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a gate that runs in the background ignores it, a person does not
        os.login_tty(slave)

    process = await asyncio.create_subprocess_exec(
        str(PROGRAM),
        *words,
        env=environment(stage.namespace, kubeconfig, stage.state.parent) | {"TERM": "xterm"},
        pass_fds=(slave,),
        preexec_fn=as_a_login,
    )
    os.close(slave)
    terminal = Terminal(master, process)
    try:
        yield terminal
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        asyncio.get_running_loop().remove_reader(master)
        os.close(master)
