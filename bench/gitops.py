"""Measures todoke from outside in one run: control plane, mover and controller are started, loaded and stopped.

    python -m bench.gitops --json figures.json
    python -m bench.gitops --applications 100 --scenarios S1,S4 --profile
    python -m bench.gitops --helm --applications 300      # S1 and S3 of Helm charts in 50 repositories

See README.md in this folder for what the scenarios and the columns mean. Exits with 1 when the cluster is not what
Git says at the end of any scenario.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import orjson

from bench import report, scenarios
from bench.controller import SOURCES, ControllerFailed, copy_sources
from bench.reader import Mismatch, TooSlow
from bench.stage import Figures, Options, Stage, machine

Scenario = Callable[[Stage], Awaitable[Figures]]
SCENARIOS: dict[str, tuple[Scenario, ...]] = {
    "S1": (lambda stage: scenarios.create_all(stage, "S1"),),
    "S2": (scenarios.idle, scenarios.heal_many),
    "S3": (scenarios.one_commit, scenarios.aftermath),
    "S4": (scenarios.commit_to_all,),
    "S5": (scenarios.heal_one,),
    "S6": (
        lambda stage: scenarios.restart(stage, signal.SIGTERM, "S6 SIGTERM"),
        lambda stage: scenarios.restart(stage, signal.SIGKILL, "S6 SIGKILL"),
    ),
}
HELM_SCENARIOS: dict[str, tuple[Scenario, ...]] = {
    "S1": (lambda stage: scenarios.create_all(stage, "S1 Helm"),),
    "S3": (lambda stage: scenarios.one_commit(stage, "S3 Helm"),),
}
"""Of many repositories: a commit to all of them has no one revision to wait for."""
DEPLOYMENTS = 100


class Run:
    """The figures and failures of one run."""

    def __init__(self, options: Options, chosen: list[str]) -> None:
        self.options, self.chosen = options, chosen
        self.rows: list[Figures] = []
        self.failures: list[str] = []

    async def applications(self, count: int) -> None:
        """S1 to S6 with so many applications. S1 always runs: the others need what it creates."""
        known = HELM_SCENARIOS if self.options.helm else SCENARIOS
        steps = [step for name, steps in known.items() if name in self.chosen or name == "S1" for step in steps]
        async with Stage.built(self.options, count) as stage:
            await self._play(stage, steps)

    async def deployments(self, count: int) -> None:
        """B."""
        async with Stage.built(self.options, count, deployments=True) as stage:
            restart: Scenario = lambda stage: scenarios.restart(stage, signal.SIGTERM, "B restart", drifted=0)  # noqa: E731
            await self._play(stage, [lambda stage: scenarios.create_all(stage, "B"), restart])

    async def _play(self, stage: Stage, steps: list[Scenario]) -> None:
        for step in steps:
            try:
                self.rows.append(await step(stage))
            except Mismatch as error:
                self._fail(stage, str(error))
                continue
            except (TooSlow, ControllerFailed) as error:
                self._fail(stage, str(error))
                return
            print(f"\n{report.table(self.rows[-1:])}\n{report.details(self.rows[-1:])}", flush=True)
            if stage.options.profile:
                print(await stage.controller.profiled(), flush=True)
        if words := stage.controller.tail(8):
            print(f"\nlast words of the controller:\n{words}", flush=True)

    def _fail(self, stage: Stage, problem: str) -> None:
        self.failures.append(problem)
        print(f"\nFAILED: {problem}\nthe controller's last words:\n{stage.controller.tail(25)}\n", flush=True)

    def finish(self, target: Path | None) -> int:
        """Print and write everything; the exit code."""
        print(f"\n{report.table(self.rows)}\n\n{report.details(self.rows)}\n\n{report.beside_peers(self.rows)}")
        for words in report.missed(self.rows):
            print(f"aim missed: {words}")
        for failure in self.failures:
            print(f"FAILED: {failure.partition(chr(10))[0]} (see above)")
        if target is not None:
            found = {
                "machine": machine(),
                "http": self.options.http,
                "profiled": self.options.profile,
                "rows": [dataclasses.asdict(figures) for figures in self.rows],
                "failures": self.failures,
            }
            target.write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2))
        return 1 if self.failures else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--applications", type=int, nargs="*", default=[100, 1000], help="default: 100 1000")
    parser.add_argument("--scenarios", default=",".join([*SCENARIOS, "B"]), help="default: all, as S1,S2,S3,S4,S5,S6,B")
    parser.add_argument("--idle-seconds", type=float, default=60.0, help="of S2")
    parser.add_argument("--poll-seconds", type=float, default=30.0, help="how often the controller polls Git")
    parser.add_argument("--http", action="store_true", help="serve the repository by smart HTTP, not as file://")
    parser.add_argument("--helm", action="store_true", help="Helm applications of 10 charts in 50 repositories")
    parser.add_argument("--profile", action="store_true", help="under cProfile; prints what took the time")
    parser.add_argument(
        "--sources", type=Path, default=SOURCES, help="folder with the package; default: this checkout's"
    )
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    return parser.parse_args()


async def _run(arguments: argparse.Namespace, folder: Path) -> int:
    options = Options(
        folder,
        copy_sources(arguments.sources, folder / "src"),
        idle_seconds=arguments.idle_seconds,
        poll_seconds=arguments.poll_seconds,
        http=arguments.http,
        profile=arguments.profile,
        helm=arguments.helm,
    )
    chosen = arguments.scenarios.split(",")
    run = Run(options, chosen)
    print(f"{time.strftime('%Y-%m-%d %H:%M')} {machine()}", flush=True)
    try:
        for count in arguments.applications if set(chosen) & set(SCENARIOS) else ():
            await run.applications(count)
        if "B" in chosen and not options.helm:
            await run.deployments(DEPLOYMENTS)
    finally:
        code = run.finish(arguments.json)
    return code


def main() -> int:
    """Run everything; the exit code."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="todoke-bench-") as folder:
        return asyncio.run(_run(arguments, Path(folder)))


if __name__ == "__main__":
    sys.exit(main())
