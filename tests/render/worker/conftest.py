"""Trees that are real commits, a worker that misbehaves on demand, and the real one."""

from __future__ import annotations

import stat
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import pygit2
import pytest

from todoke.model.telemetry import Silent, Telemetry
from todoke.render.worker import Limits, Workers, program
from todoke.source.tree import CommitTree, tree_of

SCRIPT = Path(__file__).parent / "scripted.py"
WHO = pygit2.Signature("A", "a@example.com", 1_700_000_000, 0)


class Link(NamedTuple):
    """A symbolic link in a commit."""

    target: str


class Submodule(NamedTuple):
    """A commit of another repository in a commit."""

    sha: str = "1" * 40


Files = Mapping[str, str | bytes | Link | Submodule]
Commits = Callable[[Files], CommitTree]


class Counted:
    """Telemetry that a test can read."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.observed: Counter[str] = Counter()

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        self.counts[" ".join((name, *labels.values()))] += int(amount)

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        assert seconds >= 0
        self.observed[" ".join((name, *labels.values()))] += 1


@pytest.fixture
def commit(tmp_path: Path) -> Commits:
    """Makes a commit of files, and gives its tree."""
    repository = pygit2.init_repository(tmp_path / "repository", bare=True)

    def made(files: Files) -> CommitTree:
        index = pygit2.Index()
        for path, what in files.items():
            index.add(pygit2.IndexEntry(path, *_stored(repository, what)))
        tree = index.write_tree(repository)
        sha = repository.create_commit(None, WHO, WHO, "a commit", tree, [])
        return tree_of(repository, repository[sha].peel(pygit2.Commit))

    return made


def _stored(repository: pygit2.Repository, what: str | bytes | Link | Submodule) -> tuple[pygit2.Oid, int]:
    if isinstance(what, Submodule):
        return pygit2.Oid(hex=what.sha), 0o160000
    if isinstance(what, Link):
        return repository.create_blob(what.target.encode()), stat.S_IFLNK
    return repository.create_blob(what.encode() if isinstance(what, str) else what), 0o100644


def install(folder: Path, source: str) -> Path:
    """A program from Python's source, that starts with nothing but the interpreter."""
    path = folder / "worker"
    path.write_text(f"#!{sys.executable} -IS\n{source}")
    path.chmod(0o755)
    return path


Pools = Callable[..., Workers]


@pytest.fixture
async def scripted(tmp_path: Path) -> AsyncIterator[Pools]:
    """Makes pools of the scripted worker."""
    path = install(tmp_path, SCRIPT.read_text())
    pools = []

    def made(telemetry: Telemetry | None = None, at: Path = path, **limits: float) -> Workers:
        usual = {"processes": 1, "seconds": 20.0, **limits}
        pools.append(Workers(at, Limits(**usual), telemetry or Silent()))
        return pools[-1]

    yield made
    for pool in pools:
        await pool.close()


@pytest.fixture
async def engines() -> AsyncIterator[Pools]:
    """Makes pools of the real worker, with small limits."""
    path = program()
    if path is None:
        pytest.fail("there is no render worker: `make setup` builds it")
    pools = []

    def made(**limits: float) -> Workers:
        small = {"processes": 1, "memory_mib": 256, "seconds": 10.0, **limits}
        pools.append(Workers(path, Limits(**small)))
        return pools[-1]

    yield made
    for pool in pools:
        await pool.close()
