"""The controller's process in a benchmark: `serve` with the settings of the environment.

With BENCH_PROFILE it runs under cProfile; on SIGUSR2 the statistics so far go to the file which that names, and new
ones begin.
"""

from __future__ import annotations

import cProfile
import logging
import os
import signal
from pathlib import Path

from todoke.main import serve
from todoke.settings import read_settings


def _say(text: str) -> None:
    print(text, flush=True)


def main() -> None:
    """Serve until SIGTERM."""
    logging.basicConfig(level=logging.WARNING)
    target = os.environ.get("BENCH_PROFILE", "")
    if target:
        _profile(Path(target))
    serve(read_settings({}), _say)


def _profile(target: Path) -> None:
    running = [cProfile.Profile()]

    def dump(*_: object) -> None:
        profile = running.pop()
        profile.disable()
        unfinished = target.with_suffix(".part")
        profile.dump_stats(unfinished)
        unfinished.replace(target)
        running.append(cProfile.Profile())
        running[0].enable()

    signal.signal(signal.SIGUSR2, dump)
    running[0].enable()


if __name__ == "__main__":
    main()
