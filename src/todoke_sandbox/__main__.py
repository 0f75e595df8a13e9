"""`python -m todoke_sandbox`: a cluster until Ctrl-C, or until the end of its input."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import signal
import sys
import tempfile
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

from todoke_sandbox.controllers.pace import Pace
from todoke_sandbox.sandbox import Sandbox


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a cluster. Returns the exit status: 1 when it could not start."""
    options = _options(arguments)
    # What a cluster keeps is no garbage: looking through it at the usual pace costs an eighth of all.
    gc.set_threshold(50_000, 20, 50)
    try:
        _run(_serve(options))
    except OSError as error:
        sys.stderr.write(f"todoke_sandbox: {error}\n")
        return 1
    return 0


async def _serve(options: argparse.Namespace) -> None:
    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end.set)
    pace = Pace(job_seconds=options.job_seconds, pod_start_seconds=options.pod_start_seconds)
    async with Sandbox(port=options.port, pace=pace) as cluster:
        _write_secretly(options.kubeconfig, cluster.kubeconfig)
        sys.stdout.write(f"a sandbox cluster listens on {cluster.url}; export KUBECONFIG={options.kubeconfig}\n")
        sys.stdout.flush()
        if options.until_eof:
            loop.add_reader(sys.stdin, _watch_input, end, loop)
        await end.wait()


def _watch_input(end: asyncio.Event, loop: asyncio.AbstractEventLoop) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        loop.remove_reader(sys.stdin)
        end.set()


def _write_secretly(path: Path, text: str) -> None:
    """A whole file or none, for its owner alone: it holds a token."""
    descriptor, name = tempfile.mkstemp(dir=path.resolve().parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    Path(name).replace(path)


def _run(work: Coroutine[Any, Any, None]) -> None:
    try:
        import uvloop
    except ImportError:  # not on Windows
        asyncio.run(work)
    else:
        uvloop.run(work)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m todoke_sandbox",
        description="A Kubernetes API server in memory, with controllers and no containers.",
    )
    add = parser.add_argument
    add("--kubeconfig", type=Path, required=True, metavar="PATH", help="where the kubeconfig of admin is written")
    add("--port", type=int, default=0, metavar="N", help="of 127.0.0.1; a free one when not given")
    add("--job-seconds", type=float, default=0.5, metavar="S", help="how long a Job's Pods run")
    add("--pod-start-seconds", type=float, default=0.3, metavar="S", help="how long Pods take to become ready")
    add("--until-eof", action="store_true", help="end with the input: the cluster never outlives its starter")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
