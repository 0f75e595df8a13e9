"""What it costs to ask 1,000 Git repositories by smart HTTP whether anything is new.

    python -m bench.polls
    python -m bench.polls --repositories 200 --rounds 3

The repositories are served by the sandbox's Git server in this process; the source is a process of its own, so that its
CPU seconds are counted apart. First every repository is fetched, then so many rounds find nothing new, then each round
finds one commit in one of them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.cluster.git_repo import Repo
from tests.cluster.git_server import GitServer

from bench.meters import cpu_seconds
from todoke.model.telemetry import Silent
from todoke.source.repositories import GitSource

AT_ONCE = 16
AIM_CPU = 1.0


async def main(count: int, rounds: int) -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory(prefix="todoke-bench-") as name:
        folder = Path(name)
        template = Repo.create(folder / "git" / "0000.git")
        template.commit({"web.yaml": "kind: ConfigMap\n"}, "first")
        for number in range(1, count):
            shutil.copytree(template.path, folder / "git" / f"{number:04}.git")
        with GitServer(folder / "git") as server:
            urls = [server.url(f"{number:04}.git") for number in range(count)]
            await _measure(folder, urls, rounds)


async def _measure(folder: Path, urls: list[str], rounds: int) -> None:
    source = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.polls", "--source", str(folder / "mirrors")),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 24,
    )
    assert source.stdin is not None and source.stdout is not None

    async def one_round() -> tuple[float, float, int]:
        """Seconds, CPU seconds, and how many repositories had something new."""
        assert source.stdin is not None and source.stdout is not None
        before, began = cpu_seconds(source.pid), time.perf_counter()
        source.stdin.write(json.dumps(urls).encode() + b"\n")
        changed = int(await source.stdout.readline())
        return time.perf_counter() - began, cpu_seconds(source.pid) - before, changed

    _tell("first fetch of all", [await one_round()], len(urls))
    _tell("nothing new", [await one_round() for _ in range(rounds)], len(urls), aim=AIM_CPU)
    found = []
    for number in range(rounds):
        Repo.open(folder / "git" / f"{number:04}.git").commit({"web.yaml": f"kind: Secret # {number}\n"}, "news")
        found.append(await one_round())
    _tell("one of them has a commit", found, len(urls))
    source.stdin.close()
    await source.wait()


def _tell(what: str, rounds: list[tuple[float, float, int]], count: int, aim: float | None = None) -> None:
    seconds, cpu = (statistics.median(each[column] for each in rounds) for column in (0, 1))
    news = ", ".join(str(number) for number in sorted({each[2] for each in rounds}))
    beside = f" (aim {aim:g})" if aim is not None else ""
    print(f"{what:26} {count} repositories: {seconds:6.2f} s, {cpu:5.2f} CPU s{beside}, new in {news}", flush=True)


async def serve_source(folder: Path) -> None:
    """The source: for each line of URLs it asks all of them, and prints how many had something new."""
    source = GitSource(folder, Silent(), fetch_timeout_seconds=60)
    slots = asyncio.Semaphore(AT_ONCE)

    async def ask(url: str) -> bool:
        async with slots:
            return await source.refresh(url)

    while line := await asyncio.to_thread(sys.stdin.readline):
        print(sum(await asyncio.gather(*(ask(url) for url in json.loads(line)))), flush=True)
    await source.close()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repositories", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--source", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    chosen = _arguments()
    if chosen.source:
        asyncio.run(serve_source(chosen.source))
    else:
        asyncio.run(main(chosen.repositories, chosen.rounds))
