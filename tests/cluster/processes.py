"""Child processes that never outlive the process that started them.

``atexit`` and ``finally`` do not run when the tests are killed, and a control plane left behind holds
half a gigabyte. So a small guard process holds the read end of a pipe: when the pipe closes, whatever
the reason, it kills the processes that were announced to it and removes the folders.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path


class Family:
    """Processes by name, their logs in one folder, and the guard that buries them."""

    def __init__(self, folder: Path) -> None:
        """``folder`` must exist; it holds the logs and is removed by :meth:`close`."""
        self.folder = folder
        self._members: dict[str, subprocess.Popen[bytes]] = {}
        self._guard = subprocess.Popen([sys.executable, "-I", __file__], stdin=subprocess.PIPE, start_new_session=True)
        self._tell(f"remove {folder}")

    @property
    def pids(self) -> Mapping[str, int]:
        """Process ids of those that run, by name."""
        return {name: member.pid for name, member in self._members.items() if member.poll() is None}

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        """Start one; its output is appended to ``NAME.log`` in the folder."""
        with self.log(name).open("ab") as log:
            member = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **(environment or {})},
                start_new_session=True,  # Ctrl-C is for the tests; they end their children in order
            )
        self._members[name] = member
        self._tell(f"watch {member.pid}")

    def end(self, name: str, patience_seconds: float = 0) -> None:
        """End one and wait until it is gone; with patience it is asked first. Absent ones are ignored."""
        member = self._members.pop(name, None)
        if member is None:
            return
        if patience_seconds and member.poll() is None:
            member.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                member.wait(patience_seconds)
        if member.poll() is None:
            member.kill()
        member.wait()
        self._tell(f"forget {member.pid}")

    def ended(self) -> dict[str, int]:
        """Exit codes of those that ended on their own, by name."""
        return {name: code for name, member in self._members.items() if (code := member.poll()) is not None}

    def log(self, name: str) -> Path:
        """The file with the output of one process."""
        return self.folder / f"{name}.log"

    def tail(self, name: str, lines: int = 15) -> str:
        """The last lines of its output."""
        log = self.log(name)
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else ""

    def close(self) -> None:
        """End all, the youngest first, and remove the folder. May be called twice."""
        for name in reversed(list(self._members)):
            self.end(name)
        if self._guard.stdin and not self._guard.stdin.closed:
            self._guard.stdin.close()  # the guard now removes the folder and leaves
        self._guard.wait()

    def _tell(self, line: str) -> None:
        assert self._guard.stdin is not None
        self._guard.stdin.write(f"{line}\n".encode())
        self._guard.stdin.flush()


def _guard() -> None:
    """Read what to watch until the pipe closes, then kill and remove what is still known."""
    pids: set[int] = set()
    folders: list[str] = []
    for line in sys.stdin:
        verb, _, what = line.rstrip("\n").partition(" ")
        if verb == "watch":
            pids.add(int(what))
        elif verb == "forget":
            pids.discard(int(what))
        elif verb == "remove":
            folders.append(what)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    _guard()
