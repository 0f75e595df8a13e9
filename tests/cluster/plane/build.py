"""Build etcd, kube-apiserver, kube-controller-manager and kubectl from source, once, into a cache.

Run it before the tests to see the minutes go by; without it the first test run does the same:

    python tests/cluster/plane/build.py

The cache is that of tools/go_build.py, in a folder named by the hash of what is built. ``KUBEBUILDER_ASSETS`` names
a folder that already holds etcd, kube-apiserver and kubectl. Only the standard library is needed.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2]))  # run as a program, it finds `tools` here

from tools.go_build import JOBS, BuildFailed, built, cache_folder, directive, find_go, run  # noqa: E402

__all__ = ["PROGRAMS", "Binaries", "BuildFailed", "binaries", "cache_folder"]

MODULES = ("kubernetes", "etcd")
FACES = ("kube-apiserver", "kube-controller-manager", "kubectl")
PROGRAMS = ("etcd", *FACES)


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
        return Binaries.of(dict.fromkeys(PROGRAMS, _built()))
    assets = Path(given).resolve()
    folders = {name: assets for name in PROGRAMS if (assets / name).is_file()}
    if missing := {"etcd", "kube-apiserver"} - folders.keys():
        raise BuildFailed(f"KUBEBUILDER_ASSETS={given} holds no {' and no '.join(sorted(missing))}")
    if len(folders) < len(PROGRAMS):  # the usual archive of assets has no controller manager
        folders = dict.fromkeys(PROGRAMS, _built()) | folders
    return Binaries.of(folders)


def _built() -> Path:
    """The folder with all four programs, built now if it is not there."""
    return built("plane", _fingerprint(), _build_all)


def _fingerprint() -> str:
    """A name for this build: equal for equal module files, flags and machine kinds."""
    digest = hashlib.sha256(f"{platform.system()} {platform.machine()} {_flags('kubernetes')}".encode())
    for module in MODULES:
        for name in ("go.mod", "go.sum", "main.go"):
            digest.update((HERE / module / name).read_bytes())
    return digest.hexdigest()[:16]


def _build_all(folder: Path) -> None:
    go = find_go(HERE / module for module in MODULES)
    for module, program in (("etcd", "etcd"), ("kubernetes", "plane")):
        command = [str(go), "build", "-p", str(JOBS), *_flags(module), "-o", str(folder / program), "."]
        run(command, HERE / module, folder / f"{module}.log")
    for face in FACES:
        (folder / face).hardlink_to(folder / "plane")  # the program looks at the name it was started by


def _flags(module: str) -> list[str]:
    """Flags of ``go build``. The release is stamped in: /version must tell clients the truth."""
    linker = ["-s", "-w"]
    if module == "kubernetes":
        release = directive(HERE / "kubernetes", r"k8s\.io/kubernetes v(\S+)")
        major, minor, _ = release.split(".", 2)
        version = "k8s.io/component-base/version"
        stamps = {"gitVersion": f"v{release}", "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
        for variable, value in stamps.items():
            linker += ["-X", f"{version}.{variable}={value}"]
        linker += ["-X", f"k8s.io/client-go/pkg/version.gitVersion=v{release}"]
    return ["-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", " ".join(linker)]


if __name__ == "__main__":
    try:
        found = binaries()
    except BuildFailed as error:
        sys.exit(f"error: {error}")
    for name in PROGRAMS:
        print(getattr(found, name.replace("-", "_")))
