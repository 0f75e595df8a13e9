"""The hook of the wheel: each bears one machine's render worker, and its name says which machine that is."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

WORKER = "todoke/render/bin/render-worker"
_ARCHITECTURES = {"amd64": "x86_64", "x86_64": "x86_64", "arm64": "arm64", "aarch64": "arm64"}


def tag(system: str, machine: str) -> str:
    """The tag of a wheel for a machine, in Go's or in Python's words.

    The worker is linked statically, so that it runs with any libc; Go needs macOS 12.
    Raises: ValueError: no wheel is made for such a machine.
    """
    architecture = _ARCHITECTURES.get(machine)
    if system == "linux" and architecture is not None:
        name = {"arm64": "aarch64"}.get(architecture, architecture)
        return f"py3-none-manylinux_2_17_{name}.manylinux2014_{name}.musllinux_1_1_{name}"
    if system == "darwin" and architecture is not None:
        return f"py3-none-macosx_12_0_{architecture}"
    raise ValueError(f"no wheel is made for {system} on {machine}")


class WorkerHook(BuildHookInterface):  # type: ignore[type-arg]
    """Puts the worker in: what TODOKE_WHEEL_WORKER names, for TODOKE_WHEEL_TARGET; else this machine's."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Say what goes into the wheel. An editable installation finds the worker where it was built."""
        if version == "editable":
            return
        worker = Path(os.environ.get("TODOKE_WHEEL_WORKER") or Path(self.root, "src", WORKER))
        target = os.environ.get("TODOKE_WHEEL_TARGET") or f"{platform.system().lower()}-{platform.machine().lower()}"
        if not worker.is_file():
            raise FileNotFoundError(f"{worker}: there is no render worker. Build it with `make setup`")
        build_data["pure_python"] = False
        build_data["tag"] = tag(*target.split("-", 1))
        build_data["force_include"][str(worker)] = WORKER
