"""Compiling CI configuration: the article's, one of 2,000 lines, all real ones, and `validate` from the shell.

    python -m bench.ci_compile

The article's and the real ones are read from the corpus beside the checkout; without it only the made one is measured.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.cases import CORPUS

from todoke.pipeline.circleci.compiling import Compiled, Options, compiled
from todoke.pipeline.circleci.values import defaults
from todoke.source.orbs import Library

ROUNDS = 50
_JOB = """\
  job-{number}:
    parameters: {{version: {{type: string, default: "1.{number}"}}}}
    executor: {{name: node, tag: << parameters.version >>}}
    environment: {{NAME: job-{number}, BRANCH: << pipeline.git.branch >>}}
    steps:
      - checkout
      - prepare: {{cache: "v{number}"}}
      - run:
          name: Test << parameters.version >>
          command: |
            npm run lint
            npm run test -- --version << parameters.version >>
      - when:
          condition: {{equal: [main, << pipeline.git.branch >>]}}
          steps:
            - run: echo main
"""
_HEAD = """\
version: 2.1
executors:
  node:
    parameters: {tag: {type: string}}
    docker: [{image: "cimg/node:<< parameters.tag >>"}]
commands:
  prepare:
    parameters: {cache: {type: string}}
    steps:
      - restore_cache: {keys: ["<< parameters.cache >>-{{ checksum \\"package-lock.json\\" }}"]}
      - run: npm ci
      - save_cache: {key: "<< parameters.cache >>-{{ checksum \\"package-lock.json\\" }}", paths: [node_modules]}
jobs:
"""


def made(jobs: int) -> str:
    """A configuration with so many jobs, each of about 20 lines with its invocation."""
    names = range(jobs)
    workflow = "".join(
        f"      - job-{number}:\n          requires: [{f'job-{number - 1}' if number else ''}]\n" for number in names
    )
    return (
        _HEAD + "".join(_JOB.format(number=number) for number in names) + f"workflows:\n  all:\n    jobs:\n{workflow}"
    )


def main() -> None:
    """Print the figures."""
    large = made(110)
    _tell(f"made, {large.count(chr(10)):,} lines", large, aim=150)
    article = sorted((CORPUS / "seed" / "app-configs").glob("*.yml"))
    if article:
        text = next(path.read_text() for path in reversed(article) if not _compiled(path.read_text()).errors)
        _tell(f"the article's, {text.count(chr(10))} lines", text, aim=10)
        _all()
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "config.yml"
        file.write_text(text if article else large)
        seconds = [_seconds(lambda: _validate(file)) for _ in range(9)]
        print(f"`todoke ci validate` from the shell: {statistics.median(seconds):.3f} s (aim 0.3)")


def _tell(what: str, text: str, aim: float) -> None:
    assert not _compiled(text).errors, _compiled(text).errors[:3]
    taken = sorted(_seconds(lambda: _compiled(text)) for _ in range(ROUNDS))
    print(f"{what}: {taken[len(taken) // 2] * 1000:.1f} ms, slowest {taken[-1] * 1000:.1f} (aim {aim:g})")


def _all() -> None:
    paths = sorted((CORPUS / "circleci").glob("**/*.yml"))
    taken = [(_seconds(lambda path=path: _compiled(path.read_text())), path.name) for path in paths]  # type: ignore[misc]
    slowest = max(taken)
    total = sum(seconds for seconds, _ in taken)
    print(f"{len(taken)} real files: {total:.2f} s, slowest {slowest[0] * 1000:.0f} ms")


def _compiled(text: str) -> Compiled:
    return compiled(text, Options(pipeline=defaults()), Library(Path("/nowhere")).find)


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _validate(file: Path) -> None:
    program = Path(sys.executable).with_name("todoke")
    subprocess.run([program, "ci", "validate", file], check=True, capture_output=True)


if __name__ == "__main__":
    main()
