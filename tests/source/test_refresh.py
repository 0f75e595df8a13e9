"""Asking for refs and fetching: how often, how much, and what happens when something breaks."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from tests.cluster.git_repo import Repo
from tests.source.conftest import Counted, WatchedServer
from tests.source.reading import files
from todoke.model.errors import Blocked, Unreachable
from todoke.model.sources import SourceSpec
from todoke.source.git_command import Finished
from todoke.source.remote_errors import mirror_is_damaged
from todoke.source.repositories import GitSource


def spec(url: str, path: str = ".") -> SourceSpec:
    return SourceSpec(url, path=path)


def mirror_of(tmp_path: Path) -> Path:
    return next(path for path in (tmp_path / "mirrors").iterdir() if (path / "objects").is_dir())


@pytest.fixture(params=["http", "file", "path"])
def any_url(request: pytest.FixtureRequest, repo: Repo, url: str) -> str:
    return {"http": url, "file": repo.url, "path": str(repo.path)}[request.param]


async def test_a_new_commit_is_fetched_once_and_an_unchanged_repository_only_asked(
    source: GitSource, repo: Repo, any_url: str, telemetry: Counted
) -> None:
    first = repo.commit({"a.yaml": "a: 1"}, "one")
    assert await source.refresh(any_url)
    assert not await source.refresh(any_url)
    assert (telemetry.asked, telemetry.fetched) == (2, 1)
    assert await source.latest(any_url, "main") == first
    second = repo.commit({"a.yaml": "a: 2"}, "two")
    assert await source.latest(any_url, "main") == first, "nobody asked again yet"
    assert await source.refresh(any_url)
    assert await source.latest(any_url, "main") == second
    assert (telemetry.asked, telemetry.fetched) == (3, 2)
    assert telemetry.observed["argocd_git_request_duration_seconds fetch"] == 2


async def test_an_unchanged_http_repository_costs_one_request(
    source: GitSource, repo: Repo, server: WatchedServer
) -> None:
    repo.commit({"a.yaml": "a: 1"}, "one")
    await source.refresh(server.url("shop.git"))
    server.requests.clear()
    for _ in range(3):
        assert not await source.refresh(server.url("shop.git"))
    assert [request.method for request in server.requests] == ["POST"] * 3


async def test_a_force_pushed_branch_is_followed_and_its_old_commit_stays_readable(
    source: GitSource, repo: Repo, any_url: str
) -> None:
    repo.commit({"a.yaml": "a: 1"}, "one")
    lost = repo.commit({"a.yaml": "a: 2"}, "two")
    await source.refresh(any_url)
    forced = repo.commit({"a.yaml": "a: 3"}, "other history", parents=())
    assert await source.refresh(any_url)
    assert await source.latest(any_url, "main") == forced
    assert (await files(source, any_url, lost, spec(any_url)))[0].data == b"a: 2"


async def test_a_deleted_branch_is_a_change_and_needs_no_fetch(
    source: GitSource, repo: Repo, url: str, telemetry: Counted
) -> None:
    repo.commit({"a.yaml": "a: 1"}, "one")
    repo.branch("old")
    await source.refresh(url)
    repo.delete_branch("old")
    assert await source.refresh(url)
    assert telemetry.fetched == 1
    with pytest.raises(Blocked, match="old"):
        await source.latest(url, "old")


async def test_callers_of_one_repository_share_one_request(
    source: GitSource, repo: Repo, server: WatchedServer
) -> None:
    repo.commit({"a.yaml": "a: 1"}, "one")
    await source.refresh(server.url("shop.git"))
    repo.commit({"a.yaml": "a: 2"}, "two")
    server.requests.clear()
    server.came = type(server.came)(0)
    server.hanging = True
    async with asyncio.TaskGroup() as group:
        first = group.create_task(source.refresh(server.url("shop.git")))
        await asyncio.to_thread(server.came.acquire, timeout=10)
        others = [group.create_task(source.refresh(server.url("shop.git"))) for _ in range(4)]
        await asyncio.sleep(0)
        server.hanging = False
    assert [first.result(), *(other.result() for other in others)] == [True] * 5
    ls_refs = [request for request in server.requests if request.method == "POST"][:1]
    assert len(server.requests) == len(ls_refs) + 3, "one ls-refs, and the three requests of one git fetch"


async def test_the_first_caller_being_cancelled_does_not_harm_the_others(
    source: GitSource, repo: Repo, server: WatchedServer
) -> None:
    repo.commit({"a.yaml": "a: 1"}, "one")
    server.hanging = True
    leader = asyncio.ensure_future(source.refresh(server.url("shop.git")))
    await asyncio.to_thread(server.came.acquire, timeout=10)
    follower = asyncio.ensure_future(source.refresh(server.url("shop.git")))
    await asyncio.sleep(0)
    leader.cancel()
    server.hanging = False
    assert await follower
    assert leader.cancelled()


async def test_a_silent_server_does_not_hold_other_repositories(
    tmp_path: Path, source: GitSource, repo: Repo, server: WatchedServer
) -> None:
    repo.commit({"a.yaml": "a: 1"}, "one")
    other = Repo.create(tmp_path / "other.git")
    other.commit({"b.yaml": "b: 1"}, "one")
    server.hanging = True
    stuck = asyncio.ensure_future(source.refresh(server.url("shop.git")))
    await asyncio.to_thread(server.came.acquire, timeout=10)
    assert await source.refresh(other.url)
    assert not stuck.done()
    server.hanging = False
    assert await stuck


async def test_a_change_seen_by_latest_is_still_reported_by_the_next_refresh(
    source: GitSource, repo: Repo, url: str
) -> None:
    repo.commit({"a.yaml": "a: 1"}, "one")
    await source.latest(url, "main")
    assert await source.refresh(url)
    assert not await source.refresh(url)


async def test_a_fetch_that_takes_too_long_is_killed_with_its_children(
    tmp_path: Path, repo: Repo, server: WatchedServer, telemetry: Counted
) -> None:
    repo.commit({"a.yaml": "a: 1"}, "one")
    url = server.url("shop.git")
    server.hang_fetches = True
    hasty = GitSource(tmp_path / "mirrors", telemetry, fetch_timeout_seconds=0.5)
    with pytest.raises(Unreachable, match="took longer than"):
        await hasty.refresh(url)
    assert telemetry.counts["argocd_git_fetch_fail_total"] == 1
    assert not _processes_with(str(tmp_path / "mirrors"))
    await hasty.close()


async def test_a_cancelled_fetch_is_killed_and_the_next_one_succeeds(
    tmp_path: Path, source: GitSource, repo: Repo, server: WatchedServer
) -> None:
    sha = repo.commit({"a.yaml": "a: 1"}, "one")
    url = server.url("shop.git")
    server.hang_fetches = True
    task = asyncio.ensure_future(source.refresh(url))
    await asyncio.to_thread(server.came.acquire, timeout=10)
    await asyncio.to_thread(server.came.acquire, timeout=10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not _processes_with(str(tmp_path / "mirrors"))
    server.hang_fetches = False
    server.let_go.set()
    assert await source.refresh(url)
    assert await files(source, url, sha, spec(url))


async def test_what_a_killed_git_left_behind_does_no_harm(
    tmp_path: Path, source: GitSource, repo: Repo, url: str
) -> None:
    repo.commit({"a.yaml": "a: 1"}, "one")
    await source.refresh(url)
    mirror = mirror_of(tmp_path)
    for name in ("refs/heads/main.lock", "packed-refs.lock", "config.lock", "HEAD.lock", "objects/pack/tmp_pack_x"):
        (mirror / name).parent.mkdir(parents=True, exist_ok=True)
        (mirror / name).write_bytes(b"half")
    sha = repo.commit({"a.yaml": "a: 2"}, "two")
    assert await source.refresh(url)
    assert (await files(source, url, sha, spec(url)))[0].data == b"a: 2"


async def test_a_process_that_comes_after_a_crash_rebuilds_half_a_mirror(
    tmp_path: Path, source: GitSource, repo: Repo, url: str, telemetry: Counted
) -> None:
    sha = repo.commit({"a.yaml": "a: 1"}, "one")
    await source.refresh(url)
    mirror = mirror_of(tmp_path)
    (mirror / "HEAD").write_text("")
    shutil.rmtree(mirror / "refs")
    after = GitSource(tmp_path / "mirrors", telemetry)
    assert await after.latest(url, "main") == sha
    assert await files(after, url, sha, spec(url))
    await after.close()


async def test_a_process_that_comes_after_another_fetches_nothing_it_has(
    tmp_path: Path, source: GitSource, repo: Repo, url: str, telemetry: Counted
) -> None:
    sha = repo.commit({"a.yaml": "a: 1"}, "one")
    await source.refresh(url)
    after = GitSource(tmp_path / "mirrors", telemetry)
    assert await after.refresh(url)
    assert await files(after, url, sha, spec(url))
    assert telemetry.fetched == 1
    await after.close()


@pytest.mark.parametrize("damage", ["truncated", "deleted"])
async def test_a_damaged_mirror_is_noticed_on_reading_and_built_anew(
    tmp_path: Path, repo: Repo, url: str, telemetry: Counted, damage: str
) -> None:
    sha = repo.commit({f"{number}.yaml": os.urandom(3000) for number in range(5)}, "one")
    before = GitSource(tmp_path / "mirrors", telemetry)
    await before.refresh(url)
    await before.close()
    for pack in mirror_of(tmp_path).glob("objects/pack/*.pack"):
        pack.chmod(0o600)
        if damage == "deleted":
            pack.unlink()
        else:
            pack.write_bytes(pack.read_bytes()[:2000])
    source = GitSource(tmp_path / "mirrors", telemetry)
    for _ in range(3):
        try:
            await source.refresh(url)
            found = await files(source, url, sha, spec(url))
            break
        except Unreachable:
            continue
    assert len(found) == 5
    await source.close()


async def test_a_server_without_protocol_version_2_is_asked_by_ls_remote(
    source: GitSource, server: WatchedServer, repo: Repo, url: str
) -> None:
    server.knows_version_2 = False
    first = repo.commit({"a.yaml": "a: 1"}, "one")
    tagged = repo.tag("v1", message="annotated")
    assert await source.refresh(url)
    assert not await source.refresh(url)
    assert await source.latest(url, "HEAD") == first
    assert await source.latest(url, "v1") == tagged
    second = repo.commit({"a.yaml": "a: 2"}, "two")
    assert await source.refresh(url)
    assert await source.latest(url, "main") == second


async def test_many_packs_are_gathered_and_nothing_is_lost(tmp_path: Path, source: GitSource, repo: Repo) -> None:
    shas = [repo.commit({"a.yaml": "a: 0"}, "zero")]
    await source.refresh(repo.url)
    mirror = mirror_of(tmp_path)
    packs = [*mirror.glob("objects/pack/*.pack")]
    for number in range(55):  # as if 55 fetches had left a pack each
        for file in mirror.glob(f"objects/pack/{packs[0].stem}.*"):
            shutil.copy(file, file.with_name(f"pack-{number:040x}{file.suffix}"))
    shas.append(repo.commit({"a.yaml": "a: 1"}, "one"))
    await source.refresh(repo.url)
    assert len([*mirror.glob("objects/pack/*.pack")]) < 10
    assert [(await files(source, repo.url, sha, spec(repo.url)))[0].data for sha in shas] == [b"a: 0", b"a: 1"]


@pytest.mark.parametrize(
    ("said", "damaged"),
    [
        ("fatal: Unable to create '/m/refs/heads/main.lock': File exists.", True),
        ("error: refs/heads/main does not point to a valid object!\nfatal: bad object refs/heads/main", True),
        (
            "error: object file objects/ab/cd is empty\nfatal: loose object abcd (stored in objects/ab/cd) is corrupt",
            True,
        ),
        ("error: packfile objects/pack/pack-1.pack does not match index", True),
        ("fatal: not a git repository: '/m'", True),
        (
            "fetch-pack: unexpected disconnect while reading\nfatal: early EOF\nfatal: index-pack failed",
            False,
        ),
        ("fatal: write error: No space left on device\nfatal: index-pack failed", False),
        ("error: RPC failed; curl 56 Recv failure: Connection reset by peer", False),
        ("fatal: unable to access 'http://h/': The requested URL returned error: 503", False),
    ],
)
def test_only_a_damaged_mirror_is_dropped_not_one_behind_a_bad_line(said: str, damaged: bool) -> None:
    assert mirror_is_damaged(Finished(128, "", said)) is damaged
    assert not mirror_is_damaged(Finished(0, "", said))


async def test_a_machine_without_git_says_so(
    monkeypatch: pytest.MonkeyPatch, source: GitSource, repo: Repo, tmp_path: Path
) -> None:
    repo.commit({"a.yaml": "a: 1"}, "one")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Blocked, match="Program git: is not installed"):
        await source.refresh(repo.url)


def _processes_with(text: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if text in command and command.startswith("git"):
            found.append(command)
    return found


async def test_others_may_not_read_what_was_fetched(source: GitSource, repo: Repo, url: str, tmp_path: Path) -> None:
    repo.commit({"a.yaml": "a: 1"}, "one")
    await source.refresh(url)
    assert (tmp_path / "mirrors").stat().st_mode & 0o077 == 0
