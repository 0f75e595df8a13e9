"""Undo is a commit: what it holds, where it goes, and what stops it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pygit2
import pytest

from tests.cluster.git_repo import Repo
from tests.source.conftest import WatchedServer
from todoke.model.credentials import Credential, CredentialUse, SecretText
from todoke.model.errors import Blocked, Unreachable
from todoke.model.sources import RevertRequest
from todoke.source.links import pull_request_link
from todoke.source.repositories import GitSource

pytestmark = pytest.mark.slow


def request(url: str, bad: str, good: str, **more: Any) -> RevertRequest:
    values: dict[str, Any] = {
        "branch": "main",
        "path": "shop",
        "application": "shop",
        "requested_by": "taro",
        "push_to": more.get("branch", "main"),
    }
    return RevertRequest(url, bad=bad, good=good, **{**values, **more})


def message(repo: Repo, revision: str = "main") -> str:
    return pygit2.Repository(str(repo.path))[repo.sha(revision)].peel(pygit2.Commit).message


def changed_paths(repo: Repo, sha: str) -> set[str]:
    git = pygit2.Repository(str(repo.path))
    commit = git[sha].peel(pygit2.Commit)
    return {delta.new_file.path for delta in commit.parents[0].tree.diff_to_tree(commit.tree).deltas}


@pytest.mark.parametrize("scheme", ["http", "file"])
async def test_one_commit_on_the_tip_restores_the_path_and_nothing_else(
    source: GitSource, repo: Repo, url: str, scheme: str
) -> None:
    address = url if scheme == "http" else repo.url
    good = repo.commit({"shop/web.yaml": "image: 1", "pay/web.yaml": "image: 1"}, "first")
    bad = repo.commit({"shop/web.yaml": "image: 2", "pay/web.yaml": "image: 2"}, "release 2\n\nwith a body")
    tip = repo.commit({"pay/other.yaml": "x: 1"}, "pay goes on")
    done = await source.revert(request(address, bad, good))
    assert repo.tip() == done.sha
    assert repo.files() == {"shop/web.yaml": "image: 1", "pay/web.yaml": "image: 2", "pay/other.yaml": "x: 1"}
    commit = pygit2.Repository(str(repo.path))[done.sha].peel(pygit2.Commit)
    assert [str(parent) for parent in commit.parent_ids] == [tip]
    assert (commit.author.name, commit.committer.email) == ("todoke", "todoke@localhost")
    assert commit.message == (
        'Revert "release 2"\n\n'
        f"This reverts commit {bad} (release 2).\n\n"
        f"Requested-by: taro\nApplication: shop\nRestores: {good}\n"
    )
    assert (done.branch, [info.sha for info in done.reverted], done.conflicts, done.link) == ("main", [bad], (), "")
    assert await source.refresh(address), "the new commit is news to the next refresh"
    assert await source.latest(address, "main") == done.sha


async def test_a_range_is_one_commit_that_names_each(source: GitSource, repo: Repo, url: str) -> None:
    good = repo.commit({"shop/a.yaml": "a: 1"}, "first")
    second = repo.commit({"shop/a.yaml": "a: 2", "shop/new.yaml": "n: 1"}, "second")
    repo.commit({"pay/a.yaml": "a: 9"}, "not ours")
    third = repo.commit({"shop/a.yaml": "a: 3"}, "third")
    done = await source.revert(request(url, third, good, requested_by="taro\nFake-trailer: x"))
    assert [info.sha for info in done.reverted] == [third, second]
    text = message(repo)
    assert text.startswith('Revert "third" and 1 more\n\nThis reverts commit ')
    assert f"{third} (third).\nThis reverts commit {second} (second)." in text
    assert "\nRequested-by: taro Fake-trailer: x\n" in text
    assert repo.files() == {"shop/a.yaml": "a: 1", "pay/a.yaml": "a: 9"}


async def test_a_merge_is_reverted_and_named_as_one(source: GitSource, repo: Repo, url: str) -> None:
    good = repo.commit({"shop/a.yaml": "a: 1", "shop/b.yaml": "b: 1"}, "first")
    repo.branch("feature")
    side = repo.commit({"shop/a.yaml": "a: 2"}, "feature work", branch="feature")
    repo.commit({"shop/c.yaml": "c: 1"}, "meanwhile")
    merge = repo.merge("feature", "Merge feature")
    done = await source.revert(request(url, merge, good))
    assert done.reverted[0].sha == merge
    assert len(done.reverted[0].parents) == 2
    assert f"This reverts merge commit {merge} (Merge feature)." in message(repo)
    assert f"This reverts commit {side} (feature work)." in message(repo)
    assert repo.files() == {"shop/a.yaml": "a: 1", "shop/b.yaml": "b: 1"}


async def test_a_later_change_of_another_file_of_the_path_is_kept(source: GitSource, repo: Repo, url: str) -> None:
    good = repo.commit({"shop/a.yaml": "a: 1", "shop/b.yaml": "b: 1"}, "first")
    bad = repo.commit({"shop/a.yaml": "a: 2"}, "bad")
    repo.commit({"shop/b.yaml": "b: 2"}, "later")
    await source.revert(request(url, bad, good))
    assert repo.files() == {"shop/a.yaml": "a: 1", "shop/b.yaml": "b: 2"}


async def test_a_path_that_did_not_exist_is_taken_out_again(source: GitSource, repo: Repo, url: str) -> None:
    good = repo.commit({"pay/a.yaml": "a: 1"}, "first")
    bad = repo.commit({"teams/shop/deep/a.yaml": "a: 1"}, "new application")
    await source.revert(request(url, bad, good, path="teams/shop"))
    assert repo.files() == {"pay/a.yaml": "a: 1"}
    later = repo.tip() or ""
    await source.revert(request(url, later, bad, path="./teams/shop/"))
    assert repo.files() == {"pay/a.yaml": "a: 1", "teams/shop/deep/a.yaml": "a: 1"}


async def test_the_whole_repository_can_be_the_path(source: GitSource, repo: Repo, url: str) -> None:
    good = repo.commit({"a.yaml": "a: 1"}, "first")
    bad = repo.commit({"a.yaml": None, "b.yaml": "b: 1"}, "renamed")
    await source.revert(request(url, bad, good, path="."))
    assert repo.files() == {"a.yaml": "a: 1"}


async def test_a_file_that_was_moved_out_of_the_path_is_a_conflict_not_a_change_elsewhere(
    source: GitSource, repo: Repo, url: str
) -> None:
    lines = "".join(f"line{number}: x\n" for number in range(30))
    good = repo.commit({"shop/a.yaml": f"a: 1\n{lines}"}, "first")
    bad = repo.commit({"shop/a.yaml": f"a: 2\n{lines}"}, "bad")
    repo.commit({"shop/a.yaml": None, "pay/a.yaml": f"a: 2\n{lines}"}, "moved")
    with pytest.raises(Blocked, match=r"conflict with later changes in shop/a\.yaml"):
        await source.revert(request(url, bad, good))
    done = await source.revert(request(url, bad, good, push_to="undo/shop"))
    assert done.conflicts == ("shop/a.yaml",)
    assert changed_paths(repo, done.sha) == {"shop/a.yaml"}


async def test_nothing_to_undo_is_said_and_nothing_pushed(source: GitSource, repo: Repo, url: str) -> None:
    good = repo.commit({"shop/a.yaml": "a: 1"}, "first")
    bad = repo.commit({"shop/a.yaml": "a: 2"}, "bad")
    await source.revert(request(url, bad, good))
    tip = repo.tip()
    with pytest.raises(Blocked, match='nothing to undo: "shop" on main is as it was'):
        await source.revert(request(url, bad, good))
    assert repo.tip() == tip


async def test_a_conflict_never_reaches_the_tracked_branch(source: GitSource, repo: Repo, url: str) -> None:
    good = repo.commit({"shop/a.yaml": "a: 1\n"}, "first")
    bad = repo.commit({"shop/a.yaml": "a: 2\n"}, "bad")
    tip = repo.commit({"shop/a.yaml": "a: 3\n"}, "later")
    with pytest.raises(Blocked, match=r"shop/a\.yaml.*Ask for a pull request"):
        await source.revert(request(url, bad, good))
    done = await source.revert(request(url, bad, good, push_to="undo/shop"))
    assert (repo.tip(), repo.tip("undo/shop")) == (tip, done.sha)
    assert done.conflicts == ("shop/a.yaml",)
    assert repo.files("undo/shop")["shop/a.yaml"].splitlines()[1::2] == ["a: 3", "a: 1"]
    assert "These files hold conflict markers and must be mended before this is merged:\n  shop/a.yaml" in message(
        repo, "undo/shop"
    )


async def test_a_conflict_in_a_binary_file_still_makes_a_file_with_markers(
    source: GitSource, repo: Repo, url: str
) -> None:
    good = repo.commit({"shop/a.bin": b"\x00\x01"}, "first")
    bad = repo.commit({"shop/a.bin": b"\x00\x02"}, "bad")
    repo.commit({"shop/a.bin": b"\x00\x03"}, "later")
    done = await source.revert(request(url, bad, good, push_to="undo/shop"))
    assert done.conflicts == ("shop/a.bin",)
    assert repo.files("undo/shop")["shop/a.bin"].startswith("<<<<<<< on the branch\n\x00\x03")


async def test_a_topic_branch_is_made_anew_when_it_exists(source: GitSource, repo: Repo, url: str) -> None:
    good = repo.commit({"shop/a.yaml": "a: 1"}, "first")
    bad = repo.commit({"shop/a.yaml": "a: 2"}, "bad")
    first = await source.revert(request(url, bad, good, push_to="undo/shop"))
    repo.commit({"pay/a.yaml": "a: 1"}, "main goes on")
    second = await source.revert(request(url, bad, good, push_to="undo/shop"))
    assert repo.tip("undo/shop") == second.sha != first.sha
    assert repo.tip() != second.sha


async def test_a_branch_on_which_others_worked_is_not_overwritten(source: GitSource, repo: Repo, url: str) -> None:
    good = repo.commit({"shop/a.yaml": "a: 1"}, "first")
    bad = repo.commit({"shop/a.yaml": "a: 2"}, "bad")
    await source.revert(request(url, bad, good, push_to="undo/shop"))
    mended = repo.commit({"shop/a.yaml": "a: 3"}, "mended by hand", branch="undo/shop")
    with pytest.raises(Blocked, match=f"its last commit {mended[:8]} is not ours. Name another with --to-branch"):
        await source.revert(request(url, bad, good, push_to="undo/shop"))
    assert repo.tip("undo/shop") == mended


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_who_pushes_meanwhile_is_not_overwritten(
    source: GitSource, repo: Repo, server: WatchedServer, url: str, method: str
) -> None:
    good = repo.commit({"shop/a.yaml": "a: 1"}, "first")
    bad = repo.commit({"shop/a.yaml": "a: 2"}, "bad")
    server.before_push = [
        ("GET", lambda: None),  # the question whether we may push
        (method, lambda: Repo.open(repo.path).commit({"pay/a.yaml": "a: 7"}, "raced")),
    ]
    done = await source.revert(request(url, bad, good))
    assert not server.before_push
    assert Repo.open(repo.path).files() == {"shop/a.yaml": "a: 1", "pay/a.yaml": "a: 7"}
    assert Repo.open(repo.path).tip() == done.sha


async def test_endless_races_end(source: GitSource, repo: Repo, server: WatchedServer, url: str) -> None:
    good = repo.commit({"shop/a.yaml": "a: 1"}, "first")
    bad = repo.commit({"shop/a.yaml": "a: 2"}, "bad")
    race = ("POST", lambda: Repo.open(repo.path).commit({"pay/a.yaml": f"a: {len(server.requests)}"}, "raced"))
    server.before_push = [race] * 10
    with pytest.raises(Unreachable, match="5 times somebody else pushed first"):
        await source.revert(request(url, bad, good))
    assert len(server.before_push) == 5


async def test_a_push_that_the_server_declines_tells_what_the_server_said(
    source: GitSource, repo: Repo, url: str
) -> None:
    good = repo.commit({"shop/a.yaml": "a: 1"}, "first")
    bad = repo.commit({"shop/a.yaml": "a: 2"}, "bad")
    hook = repo.path / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho main is protected\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(Blocked, match=r"declined the push: .*pre-receive hook declined.* main is protected"):
        await source.revert(request(url, bad, good))
    assert repo.tip() == bad


@pytest.mark.parametrize(("branch", "what"), [("v1", '"v1" is a tag'), ("gone", '"gone" is not a branch')])
async def test_what_follows_no_branch_cannot_be_undone(
    source: GitSource, repo: Repo, url: str, branch: str, what: str
) -> None:
    good = repo.commit({"shop/a.yaml": "a: 1"}, "first")
    bad = repo.commit({"shop/a.yaml": "a: 2"}, "bad")
    repo.tag("v1")
    with pytest.raises(Blocked, match=what):
        await source.revert(request(url, bad, good, branch=branch))
    with pytest.raises(Blocked, match="is not a branch"):
        await source.revert(request(url, bad, good, branch=bad))


async def test_head_means_the_default_branch(source: GitSource, repo: Repo, url: str) -> None:
    good = repo.commit({"shop/a.yaml": "a: 1"}, "first")
    bad = repo.commit({"shop/a.yaml": "a: 2"}, "bad")
    done = await source.revert(request(url, bad[:10], good[:10], branch="HEAD", push_to=""))
    assert (done.branch, repo.tip()) == ("main", done.sha)


async def test_a_name_that_is_no_branch_name_is_refused(source: GitSource, repo: Repo, url: str) -> None:
    good = repo.commit({"shop/a.yaml": "a: 1"}, "first")
    bad = repo.commit({"shop/a.yaml": "a: 2"}, "bad")
    with pytest.raises(Blocked, match="not a name for a branch"):
        await source.revert(request(url, bad, good, push_to="a..b:c"))


def _credential(use: CredentialUse, url: str, user: str) -> Credential:
    return Credential(use, url, user, SecretText(f"{user}-password"), origin=f"Secret/argocd/{user}")


@pytest.mark.parametrize("kept", ["none", "reader", "writer-without-rights"])
async def test_without_the_right_to_write_nothing_is_made_and_the_secret_is_named(
    source: GitSource, repo: Repo, server: WatchedServer, url: str, kept: str
) -> None:
    good = repo.commit({"shop/a.yaml": "a: 1"}, "first")
    bad = repo.commit({"shop/a.yaml": "a: 2"}, "bad")
    server.users = {"reader": "reader-password", "writer": "writer-password"}
    server.read_only = frozenset({"reader", "writer"})
    credentials = [_credential(CredentialUse.REPOSITORY, url, "reader")]
    if kept == "writer-without-rights":
        credentials.append(_credential(CredentialUse.WRITE, url, "writer"))
    source.use_credentials(credentials)
    with pytest.raises(Blocked, match="repository-write") as caught:
        await source.revert(request(url, bad, good))
    assert ("Secret/argocd/writer" in str(caught.value)) == (kept == "writer-without-rights")
    assert "password" not in str(caught.value).replace("and password", "")
    assert repo.tip() == bad


async def test_reading_and_writing_each_use_their_own_credential(
    source: GitSource, repo: Repo, server: WatchedServer, url: str
) -> None:
    good = repo.commit({"shop/a.yaml": "a: 1"}, "first")
    bad = repo.commit({"shop/a.yaml": "a: 2"}, "bad")
    server.users = {"reader": "reader-password", "writer": "writer-password"}
    server.read_only = frozenset({"reader"})
    source.use_credentials(
        [
            _credential(CredentialUse.REPOSITORY, url, "reader"),
            _credential(CredentialUse.WRITE_TEMPLATE, server.url(), "writer"),
        ]
    )
    done = await source.revert(request(url, bad, good))
    assert repo.tip() == done.sha


async def test_a_local_working_copy_may_refuse_the_push_to_its_branch(tmp_path: Path, source: GitSource) -> None:
    folder = tmp_path / "work"
    copy = Repo(folder, pygit2.init_repository(str(folder), initial_head="main"))
    good = copy.commit({"a.yaml": "a: 1"}, "first")
    bad = copy.commit({"a.yaml": "a: 2"}, "bad")
    with pytest.raises(Blocked, match=r"declined the push: .*checked out"):
        await source.revert(request(str(folder), bad, good, path="."))


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("https://github.com/org/shop.git", "https://github.com/org/shop/compare/main...undo/x?expand=1"),
        ("https://gitea.example.com/org/shop", "https://gitea.example.com/org/shop/compare/main...undo/x?expand=1"),
        (
            "https://gitlab.com/group/sub/shop.git",
            "https://gitlab.com/group/sub/shop/-/merge_requests/new"
            "?merge_request%5Bsource_branch%5D=undo%2Fx&merge_request%5Btarget_branch%5D=main",
        ),
        (
            "https://bitbucket.org/org/shop",
            "https://bitbucket.org/org/shop/pull-requests/new?source=undo%2Fx&dest=main",
        ),
        ("https://git.example.com/shop", ""),
        ("/srv/github/shop", ""),
    ],
)
def test_the_page_for_a_pull_request(url: str, link: str) -> None:
    assert pull_request_link(url, "main", "undo/x") == link
