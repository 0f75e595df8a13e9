"""Build the wheels that are released, one for each machine that the render worker is built for.

    python -m tools.wheels            # for this machine: dist/todoke-<version>-py3-none-<machine>.whl
    python -m tools.wheels --all      # for Linux and macOS on amd64 and arm64; the first time this takes minutes

Needs what `make setup` installs. Prints the paths of the wheels.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
BUILD_WORKER = CHECKOUT / "render-worker" / "build.py"


def wheel(worker: Path | None, folder: Path) -> Path:
    """Build one wheel into a folder. Args: worker: of another machine, in a folder named like linux-arm64.

    Raises: SystemExit: it cannot be built; ends in what the builder says.
    """
    variables = dict(os.environ)
    if worker is not None:
        variables |= {"TODOKE_WHEEL_WORKER": str(worker), "TODOKE_WHEEL_TARGET": worker.parent.name}
    folder.mkdir(parents=True, exist_ok=True)
    before = set(folder.glob("*.whl"))
    command = [str(Path(sys.executable).with_name("uv")), "build", "--wheel", "--no-build-isolation", "--quiet"]
    command += ["--python", sys.executable, "--out-dir", str(folder), str(CHECKOUT)]
    ended = subprocess.run(command, env=variables, capture_output=True, text=True)
    if ended.returncode:
        sys.exit(f"error: the wheel cannot be built:\n{ended.stderr.strip()[-2000:]}")
    return max((set(folder.glob("*.whl")) - before) or folder.glob("*.whl"), key=lambda path: path.stat().st_mtime_ns)


def workers() -> list[Path]:
    """The render workers of all machines, built."""
    printed = subprocess.run([sys.executable, BUILD_WORKER, "--all"], check=True, stdout=subprocess.PIPE, text=True)
    return [Path(line) for line in printed.stdout.splitlines()]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Build the wheels.")
    parser.add_argument("--all", action="store_true", help="for every machine that is released")
    parser.add_argument("--folder", type=Path, default=CHECKOUT / "dist", help="where they go; default: dist")
    chosen = parser.parse_args()
    for worker in workers() if chosen.all else [None]:
        sys.stdout.write(f"{wheel(worker, chosen.folder)}\n")


if __name__ == "__main__":
    main()
