"""The Git server and the repositories behind it, seen by the ordinary git client and by libgit2."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pygit2
import pytest

from tests.cluster.git_repo import Executable, Repo, Symlink
from tests.cluster.git_server import GitServer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    with GitServer(tmp_path / "served") as running:
        yield running


@pytest.fixture
def repo(server: GitServer) -> Repo:
    made = Repo.create(server.folder / "shop.git")
    made.commit({"web.yaml": "kind: ConfigMap\n", "deep/er/app.yaml": "kind: Secret\n"}, "first")
    return made


def git(*arguments: str, ok: bool = True, folder: Path | None = None) -> str:
    """What git printed; its own configuration and prompts are kept out."""
    quiet = {"GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env={**os.environ, **quiet},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (done.returncode == 0) is ok, done.stderr
    return done.stdout + done.stderr


def test_clone_gives_what_was_committed(server: GitServer, repo: Repo, tmp_path: Path) -> None:
    git("clone", server.url("shop.git"), str(tmp_path / "clone"))
    assert (tmp_path / "clone/deep/er/app.yaml").read_text() == "kind: Secret\n"
    assert git("rev-parse", "HEAD", folder=tmp_path / "clone").strip() == repo.tip()
    assert {request.service for request in server.requests} == {"git-upload-pack"}


def test_protocol_version_2_reaches_git(server: GitServer, repo: Repo) -> None:
    trace = subprocess.run(
        ["git", "-c", "protocol.version=2", "ls-remote", server.url("shop.git"), "main"],
        env={**os.environ, "GIT_TRACE_PACKET": "1"}, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert trace.stdout.split() == [repo.tip(), "refs/heads/main"]
    assert "version 2" in trace.stderr
    assert "ls-refs" in trace.stderr


def test_shallow_filtered_and_by_commit(server: GitServer, repo: Repo, tmp_path: Path) -> None:
    first = repo.tip()
    repo.commit({"web.yaml": "kind: Service\n"}, "second")
    clone = tmp_path / "clone"
    git("clone", "--bare", "--depth=1", "--filter=blob:none", server.url("shop.git"), str(clone))
    git("fetch", "--depth=1", "origin", str(first), folder=clone)
    assert git("rev-parse", "FETCH_HEAD", folder=clone).strip() == first


def test_push_arrives_also_when_it_is_chunked(server: GitServer, repo: Repo, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    git("clone", server.url("shop.git"), str(clone))
    (clone / "big").write_bytes(os.urandom(3_000_000))  # above http.postBuffer: sent in chunks
    git("add", "big", folder=clone)
    git("-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-m", "big", folder=clone)
    git("push", "origin", "main", folder=clone)
    assert git("rev-parse", "HEAD", folder=clone).strip() == repo.tip()
    assert server.count("git-receive-pack") >= 2


def test_libgit2_fetches(server: GitServer, repo: Repo, tmp_path: Path) -> None:
    target = pygit2.init_repository(str(tmp_path / "copy"), bare=True)
    target.remotes.create("origin", server.url("shop.git")).fetch()
    assert str(target.references["refs/remotes/origin/main"].target) == repo.tip()


def test_users_are_asked_for_and_readers_cannot_push(tmp_path: Path) -> None:
    users = {"writer": "p@ss/word", "reader": "r"}
    repo = Repo.create(tmp_path / "served/shop.git")
    repo.commit({"a": "1"}, "first")
    with GitServer(tmp_path / "served", users, read_only=frozenset({"reader"})) as server:
        assert "could not read Username" in git("ls-remote", server.url("shop.git"), ok=False)
        git("clone", server.url("shop.git", "reader"), str(tmp_path / "clone"))
        clone = tmp_path / "clone"
        git("push", server.url("shop.git", "writer"), "main:new", folder=clone)
        assert "403" in git("push", server.url("shop.git", "reader"), "main:other", ok=False, folder=clone)
        server.users["reader"] = "changed"
        assert "Authentication failed" in git("fetch", ok=False, folder=clone)
    assert repo.tip("new") == repo.tip()
    assert repo.tip("other") is None


def test_fails_as_told(server: GitServer, repo: Repo) -> None:
    server.fail_with = 503
    assert "503" in git("ls-remote", server.url("shop.git"), ok=False)
    server.fail_with = None
    assert str(repo.tip()) in git("ls-remote", server.url("shop.git"))


def test_hangs_until_told_otherwise(server: GitServer, repo: Repo) -> None:
    server.hanging = True
    answers: list[str] = []
    client = threading.Thread(target=lambda: answers.append(git("ls-remote", server.url("shop.git"))))
    client.start()
    client.join(0.3)
    assert client.is_alive()
    server.hanging = False
    client.join(10)
    assert str(repo.tip()) in answers[0]


def test_unknown_repository_is_not_found(server: GitServer) -> None:
    server.folder.mkdir()
    assert "not found" in git("ls-remote", server.url("nothing.git"), ok=False)


def test_commits_add_change_delete_and_keep_modes(tmp_path: Path) -> None:
    repo = Repo.create(tmp_path / "r.git")
    first = repo.commit({"a": "1", "dir/b": b"2", "dir/c": "3", "run": Executable("#!"), "ln": Symlink("a")}, "one")
    second = repo.commit({"a": "changed", "dir": None}, "two")
    assert repo.files() == {"a": "changed", "run": "#!", "ln": "a"}
    assert repo.files(first)["dir/c"] == "3"
    listing = git("ls-tree", second, folder=repo.path)
    assert [line.split()[0] for line in listing.splitlines()] == ["100644", "120000", "100755"]
    assert git("log", "--format=%s", folder=repo.path).split() == ["two", "one"]


def test_branches_merges_tags_and_forced_moves(tmp_path: Path) -> None:
    repo = Repo.create(tmp_path / "r.git")
    root = repo.commit({"a": "1"}, "root")
    repo.branch("feature", at=root)
    side = repo.commit({"b": "2"}, "side", branch="feature")
    ahead = repo.commit({"c": "3"}, "ahead")
    merged = repo.merge("feature")
    assert repo.files() == {"a": "1", "b": "2", "c": "3"}
    assert git("rev-parse", f"{merged}^1", f"{merged}^2", folder=repo.path).split() == [ahead, side]
    repo.tag("v1", at=root)
    repo.tag("v2", message="second release")
    repo.tag("v1", at=merged)
    assert (repo.sha("v1"), repo.sha("v2")) == (merged, merged)
    repo.branch("main", at=root)
    assert repo.tip() == root
    repo.delete_branch("feature")
    assert repo.tip("feature") is None
    lonely = repo.commit({"x": "1"}, "another history", parents=())
    assert repo.files(lonely) == {"x": "1"}


def test_conflicts_are_told(tmp_path: Path) -> None:
    repo = Repo.create(tmp_path / "r.git")
    repo.branch("other", at=repo.commit({"a": "1"}, "root"))
    repo.commit({"a": "2"}, "theirs", branch="other")
    repo.commit({"a": "3"}, "ours")
    with pytest.raises(ValueError, match="conflicts"):
        repo.merge("other")
