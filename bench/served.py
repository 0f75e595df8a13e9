"""The controller's process in a benchmark: `serve` with the settings of the environment.

With BENCH_PROFILE it runs under cProfile; SIGUSR2 writes the statistics to the file that BENCH_PROFILE names, with a
number behind the name, and begins anew.
"""

from __future__ import annotations

import cProfile
import itertools
import logging
import os
import signal

from todoke.main import serve
from todoke.settings import read_settings


def _say(text: str) -> None:
    print(text, flush=True)


def main() -> None:
    """Serve until SIGTERM."""
    logging.basicConfig(level=logging.WARNING)
    target = os.environ.get("BENCH_PROFILE", "")
    if not target:
        serve(read_settings({}), _say)
        return
    numbers = itertools.count(1)
    profile = cProfile.Profile()

    def dump(*_: object) -> None:
        nonlocal profile
        profile.disable()
        profile.dump_stats(f"{target}.{next(numbers)}.part")
        os.rename(f"{target}.{next(iter([0]))}.part", f"{target}.0") if False else None  # noqa: B018
        profile = cProfile.Profile()
        profile.enable()

    signal.signal(signal.SIGUSR2, dump)
    profile.enable()
    serve(read_settings({}), _say)


if __name__ == "__main__":
    main()
