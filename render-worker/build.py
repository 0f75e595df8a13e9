"""Build the render worker from source, once, into a cache, and put it where todoke looks for it.

    python render-worker/build.py         # for this machine: src/todoke/render/bin/render-worker
    python render-worker/build.py --all   # for all that are released: dist/render-worker/<os>-<arch>/render-worker

The cache is that of tools/go_build.py. Prints the paths of the programs. Only the standard library is needed.
"""

from __future__ import annotations

import argparse
import filecmp
import hashlib
import os
import platform
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent
sys.path.insert(0, str(CHECKOUT))  # run as a program, it finds `tools` here

from tools.go_build import JOBS, BuildFailed, built, directive, find_go, run  # noqa: E402

PROGRAM = "render-worker"
BESIDE_THE_PACKAGE = CHECKOUT / "src" / "todoke" / "render" / "bin" / PROGRAM
RELEASED = CHECKOUT / "dist" / PROGRAM
ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}

# The release of kustomize that holds the library's version in go.mod. It is what the label of `managedByLabel` says.
KUSTOMIZE_RELEASES = {"v0.21.1": "v5.8.1"}


class Target(NamedTuple):
    """An operating system and a processor, in Go's words."""

    os: str
    arch: str


ALL = tuple(Target(os, arch) for os in ("linux", "darwin") for arch in ("amd64", "arm64"))


def this_machine() -> Target:
    """What this machine is.

    Raises: BuildFailed: the worker is not built for such a one.
    """
    system, machine = platform.system().lower(), platform.machine().lower()
    target = Target(system, ARCHITECTURES.get(machine, machine))
    if target not in ALL:
        known = ", ".join("-".join(one) for one in ALL)
        raise BuildFailed(f"the render worker is not built for {system} on {machine}, but for {known}")
    return target


def program(target: Target) -> Path:
    """The program for a machine, in the cache. Builds it if it is not there, which takes a minute the first time.

    Raises: BuildFailed: no Go to be had, or a compile error.
    """

    def build(folder: Path) -> None:
        command = [str(find_go([HERE])), "build", "-p", str(JOBS), *_flags(), "-o", str(folder / PROGRAM), "."]
        run(command, HERE, folder / "build.log", {"GOOS": target.os, "GOARCH": target.arch})

    return built(PROGRAM, _fingerprint(target), build) / PROGRAM


def _fingerprint(target: Target) -> str:
    """A name for this build: equal for equal sources, modules, flags and machine kinds."""
    digest = hashlib.sha256(f"{target.os} {target.arch} {_flags()}".encode())
    for source in sorted([*HERE.glob("*.go"), HERE / "go.mod", HERE / "go.sum"]):
        digest.update(f"\0{source.name}\0".encode() + source.read_bytes())
    return digest.hexdigest()[:16]


def _flags() -> list[str]:
    """Flags of ``go build``. Releases are stamped in: templates and labels tell the versions of their engines."""
    helm = directive(HERE, r"helm\.sh/helm/v4 (v\S+)")
    library = directive(HERE, r"sigs\.k8s\.io/kustomize/api (v\S+)")
    if library not in KUSTOMIZE_RELEASES:
        raise BuildFailed(
            f"which release of kustomize holds its api {library}? Add it to KUSTOMIZE_RELEASES in {__file__}"
        )
    linker = ["-s", "-w", "-X", f"helm.sh/helm/v4/internal/version.version={helm}"]
    linker += ["-X", f"sigs.k8s.io/kustomize/api/provenance.version={KUSTOMIZE_RELEASES[library]}"]
    return ["-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", " ".join(linker)]


def put(source: Path, place: Path) -> None:
    """Copy a program to its place in one step, so that nobody starts half of it; nothing where it is there already."""
    if place.is_file() and filecmp.cmp(source, place, shallow=False):
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    staging = place.with_name(f"{place.name}.{os.getpid()}.partial")
    shutil.copy(source, staging)
    staging.replace(place)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Build the render worker.")
    parser.add_argument("--all", action="store_true", help="for every machine that is released, into dist/")
    if parser.parse_args().all:
        places = {target: RELEASED / "-".join(target) / PROGRAM for target in ALL}
    else:
        places = {this_machine(): BESIDE_THE_PACKAGE}
    for target, place in places.items():
        put(program(target), place)
        sys.stdout.write(f"{place}\n")


if __name__ == "__main__":
    try:
        main()
    except BuildFailed as error:
        sys.exit(f"error: {error}")
