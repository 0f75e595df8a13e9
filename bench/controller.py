"""The controller under test: a process of its own, from a copy of the sources that nobody edits meanwhile."""

from __future__ import annotations

import asyncio
import os
import pstats
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from io import StringIO
from pathlib import Path

from bench.meters import cpu_seconds

HERE = Path(__file__).resolve().parent
SOURCES = HERE.parent / "src"
START_SECONDS = 120.0


class ControllerFailed(Exception):
    """The controller ended, or did not become ready; the message ends in its last lines."""


def copy_sources(sources: Path, target: Path) -> Path:
    """A folder for PYTHONPATH with the sources as they are now."""
    shutil.copytree(sources, target, ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(target)], check=True)
    return target


class Controller:
    """Starts and stops it. Attributes: log: its output. profiling: whether it runs under cProfile."""

    def __init__(self, folder: Path, sources: Path, kubeconfig: Path, *, profile: bool, poll_seconds: float) -> None:
        folder.mkdir(parents=True)
        self.log, self.profiling = folder / "controller.log", profile
        self._profile = folder / "profile.stats"
        self._port = _free_port()
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TODOKE_")},
            "PYTHONPATH": str(sources),
            "TODOKE_KUBECONFIG": str(kubeconfig),
            "TODOKE_STATE_FOLDER": str(folder / "state"),
            "TODOKE_LISTEN": f"127.0.0.1:{self._port}",
            "TODOKE_POLL_SECONDS": str(poll_seconds),
        }
        if profile:
            self._environment["BENCH_PROFILE"] = str(self._profile)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Its process id; 0 when it does not run."""
        return self._process.pid if self._process is not None else 0

    def start(self) -> None:
        """Start the process; `ready` waits until it works."""
        with self.log.open("ab") as log:
            command = [sys.executable, str(HERE / "served.py")]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=self._environment)

    async def ready(self) -> None:
        """Wait until /readyz says so. Raises: ControllerFailed."""
        deadline = time.monotonic() + START_SECONDS
        while not await asyncio.to_thread(self._is_ready):
            self.check()
            if time.monotonic() > deadline:
                raise ControllerFailed(f"not ready after {START_SECONDS:.0f} s\n{self.tail()}")
            await asyncio.sleep(0.02)

    def check(self) -> None:
        """Raises: ControllerFailed: it ended by itself."""
        if self._process is not None and (code := self._process.poll()) is not None:
            raise ControllerFailed(f"the controller ended with {code}\n{self.tail()}")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> float:
        """End it with a signal and wait; seconds that took."""
        if self._process is None:
            return 0.0
        began = time.monotonic()
        self._process.send_signal(number)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
        return time.monotonic() - began

    async def settled(self, quiet: float = 1.0, most: float = 60.0) -> float:
        """Wait until it used hardly any CPU for `quiet` seconds; the `time.perf_counter()` at which that began."""
        began = time.perf_counter()
        samples = [(began, cpu_seconds(self.pid))]
        while True:
            await asyncio.sleep(0.04)
            self.check()
            now, used = time.perf_counter(), cpu_seconds(self.pid)
            samples.append((now, used))
            while len(samples) > 1 and samples[1][0] <= now - quiet:
                samples.pop(0)
            if (now - samples[0][0] >= quiet and used - samples[0][1] <= 0.02 * quiet) or now - began > most:
                return samples[0][0]

    async def metric(self, name: str) -> float:
        """The sum of all samples of one metric; 0 when it is not there."""
        lines = (await asyncio.to_thread(self._get, "/metrics")).splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))

    async def profiled(self, lines: int = 40) -> str:
        """What took the time since the last call, by the functions' own time."""
        self._profile.unlink(missing_ok=True)
        os.kill(self.pid, signal.SIGUSR2)
        while not self._profile.exists():
            self.check()
            await asyncio.sleep(0.05)
        text = StringIO()
        pstats.Stats(str(self._profile), stream=text).sort_stats("tottime").print_stats(lines)
        return text.getvalue().replace(f"{self._environment['PYTHONPATH']}{os.sep}", "")

    def tail(self, lines: int = 15) -> str:
        """The last lines of its output."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def _is_ready(self) -> bool:
        try:
            return self._get("/readyz") == "ok\n"
        except OSError:
            return False

    def _get(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}{path}", timeout=10) as answer:
            text: str = answer.read().decode()
            return text


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
