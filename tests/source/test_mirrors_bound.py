"""Mirrors stay within a bound on disk: the least recently used goes, and comes back when it is wanted."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cluster.git_repo import Repo
from tests.source.conftest import Counted
from tests.source.reading import files
from todoke.model.sources import SourceSpec
from todoke.model.telemetry import Silent
from todoke.source.repositories import GitSource
from todoke.source.shelf import EVICTED, IN_USE, Shelf

SIZE = 300_000


def names(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in tmp_path.iterdir())


def mirror(tmp_path: Path, letter: str) -> str:
    name = letter * 24
    (tmp_path / name / "objects" / "pack").mkdir(parents=True)
    (tmp_path / name / "objects" / "pack" / "x.pack").write_bytes(b"x" * 100)
    return name


async def test_the_least_recently_used_goes_and_never_one_in_use(tmp_path: Path) -> None:
    clock, telemetry = [0.0], Counted()
    shelf = Shelf(tmp_path, 250, telemetry, lambda: clock[0])
    old, lately, fetched = (mirror(tmp_path, letter) for letter in "abc")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "x").write_bytes(b"x" * 1000)
    shelf.use(old)
    clock[0] += IN_USE
    shelf.use(lately)
    clock[0] += 1
    asked: list[str] = []
    await shelf.grown(fetched, _noting(asked, True))
    assert (asked, names(tmp_path)) == ([old], [lately, fetched, "home"])
    assert (shelf.size, telemetry.counts[EVICTED]) == (200, 1)
    clock[0] += 1
    mirror(tmp_path, "d")
    await shelf.grown("d" * 24, _noting(asked, True))
    assert asked == [old], "all that is left was used just now"
    clock[0] += IN_USE
    await shelf.grown("d" * 24, _noting(asked, False))
    assert (asked, shelf.size) == ([old, lately, fetched], 300), "fetched just now: nothing goes"


def _noting(asked: list[str], answer: bool) -> Callable[[str], bool]:
    def evict(name: str) -> bool:
        asked.append(name)
        return answer

    return evict


async def test_mirrors_of_an_earlier_process_count_with_their_large_files(tmp_path: Path) -> None:
    old, new = mirror(tmp_path, "a"), mirror(tmp_path, "b")
    (tmp_path / f"{old}.lfs" / "00").mkdir(parents=True)
    (tmp_path / f"{old}.lfs" / "00" / "0").write_bytes(b"x" * 100)
    mirror(tmp_path, "c")
    (tmp_path / ("c" * 24)).rename(tmp_path / f"{'c' * 24}.discarded")
    await Shelf(tmp_path, 150, Silent()).grown(new, lambda _: True)
    assert names(tmp_path) == [new]


async def test_an_evicted_repository_is_fetched_anew_when_it_is_wanted(
    tmp_path: Path, telemetry: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("todoke.source.shelf.IN_USE", 0)
    repos = [Repo.create(tmp_path / "server" / f"{number}.git") for number in range(3)]
    shas = [repo.commit({"a.yaml": os.urandom(SIZE // 2).hex()}, "one") for repo in repos]
    source = GitSource(tmp_path / "mirrors", telemetry, most_bytes=int(SIZE * 1.2))
    for repo in repos:
        await source.refresh(repo.url)
    assert telemetry.counts[EVICTED] >= 1
    assert source.mirror_bytes <= SIZE * 1.2
    for repo, sha in zip(repos, shas, strict=True):
        assert await source.latest(repo.url, "main") == sha
        assert len(await files(source, repo.url, sha, SourceSpec(repo.url))) == 1
        assert not await source.refresh(repo.url), "it is no change that the mirror had to go"
    await source.close()
