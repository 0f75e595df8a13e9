"""Undo of a release, as a person asks for it with `todoke app rollback`, while the controller runs."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pygit2
import pytest

from tests.cluster.command import Ended, todoke
from tests.cluster.git_repo import Repo
from tests.cluster.program import Desk, looping
from tests.cluster.stage import Stage, config_map, deployment
from tests.cluster.waiting import until
from tests.source.conftest import WatchedServer
from todoke.model.events import Undone
from todoke.store.ledger import SqliteLedger

pytestmark = pytest.mark.anywhere

PASSWORD = "correct horse"


class Scene(NamedTuple):
    """A stage, a person's view of it, and the repository that the person releases to."""

    stage: Stage
    desk: Desk
    repo: Repo
    url: str

    async def rollback(self, *words: str) -> Ended:
        """`todoke app rollback shop`, with the rights of an administrator."""
        return await todoke(
            "app", "rollback", "shop", *words, stage=self.stage, kubeconfig=self.stage.plane.kubeconfig_path
        )

    async def release(self, files: dict[str, Any], message: str = "a release") -> str:
        """Commit, and wait until it is deployed."""
        sha = self.repo.commit({name: _text(body) for name, body in files.items()}, message)
        await self.desk.synced(sha)
        return sha

    async def colour(self, name: str = "web") -> str:
        """What is in the cluster."""
        return (await self.stage.live("ConfigMap", name))["data"]["color"]

    async def undone(self) -> list[Undone]:
        """What the ledger tells of undos, newest first."""
        ledger = SqliteLedger(self.stage.state / "ledger.db")
        try:
            return [event for event in await ledger.story(self.stage.key()) if isinstance(event, Undone)]
        finally:
            ledger.close()

    def branches(self) -> dict[str, str]:
        """Every branch of the repository and its tip."""
        git = pygit2.Repository(str(self.repo.path))
        return {name: str(git.branches[name].target) for name in git.branches.local}


def _text(body: Any) -> Any:
    return json.dumps(body) if isinstance(body, dict) else body


def blue(name: str = "web") -> dict[str, Any]:
    return config_map(name, color="blue")


def red(name: str = "web") -> dict[str, Any]:
    return config_map(name, color="red")


@pytest.fixture
async def scene(stage: Stage) -> AsyncIterator[Scene]:
    """A repository on disk."""
    async with looping(stage):
        yield Scene(stage, Desk(stage.api, stage.namespace), stage.repo, stage.repo.url)


@pytest.fixture
async def served(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Scene, WatchedServer]]:
    """A repository of a forge, which is reached by way of a proxy."""
    repo = Repo.create(tmp_path / "served" / "acme" / "shop.git")
    with WatchedServer(tmp_path / "served") as server:
        monkeypatch.setenv("http_proxy", server.url())
        async with looping(stage):
            url = "http://gitea.example/acme/shop.git"
            yield Scene(stage, Desk(stage.api, stage.namespace), repo, url), server
            await stage.source.close()


async def two_releases(scene: Scene, **spec: Any) -> tuple[str, str]:
    """Blue and then red are deployed by an application that follows `main` by itself."""
    good = scene.repo.commit({"shop/web.yaml": _text(blue())}, "blue")
    await scene.desk.create(scene.url, **spec)
    await scene.desk.synced(good)
    return good, await scene.release({"shop/web.yaml": red()}, "red")


async def test_an_automatic_application_is_undone_on_a_branch_of_its_own(served: tuple[Scene, WatchedServer]):
    """The tracked branch and the cluster stay; the link opens a pull request, and its merge deploys the old release."""
    scene, _ = served
    good, bad = await two_releases(scene)
    ended = await scene.rollback()
    assert ended.code == 0, ended.err
    topic = f"todoke/undo-shop-{bad[:7]}"
    assert set(scene.branches()) == {"main", topic}
    assert f"shop: {scene.branches()[topic][:8]} pushed to {topic}" in ended.out
    link = f"http://gitea.example/acme/shop/compare/main...{topic}?expand=1"
    assert f"Open a pull request: {link}" in ended.out
    assert f"takes back {bad[:8]} red" in ended.err
    assert scene.repo.tip() == bad
    assert await scene.colour() == "red"
    assert await scene.undone() == [], "a proposal is no undo"

    again = await scene.rollback()
    assert (again.code, set(scene.branches())) == (0, {"main", topic}), "asked for twice it is one branch"
    merged = scene.repo.merge(topic)
    await scene.desk.synced(merged)
    assert await scene.colour() == "blue"
    assert scene.repo.files() == scene.repo.files(good)


async def test_a_release_in_a_base_is_undone_there_and_nowhere_else(scene: Scene):
    files = {"shop/kustomization.yaml": "resources: [../base]\n", "base/kustomization.yaml": "resources: [web.yaml]\n"}
    good = scene.repo.commit({**files, "base/web.yaml": _text(blue()), "other.txt": "x"}, "blue")
    await scene.desk.create(scene.url)
    await scene.desk.synced(good)
    await scene.release({"base/web.yaml": red()}, "red")
    scene.repo.commit({"other.txt": "y"}, "of somebody else")
    ended = await scene.rollback("--push")
    assert ended.code == 0, ended.err
    assert scene.repo.files() == {**files, "base/web.yaml": _text(blue()), "other.txt": "y"}
    assert await scene.colour() == "blue"


async def test_a_broken_release_is_undone_on_the_tracked_branch_and_followed_until_it_is_healthy(scene: Scene):
    good = scene.repo.commit({"shop/web.yaml": _text(deployment())}, "good")
    await scene.desk.create(scene.url)
    await scene.desk.synced(good)
    broken = deployment(image="registry.example//Web:2")
    bad = scene.repo.commit({"shop/web.yaml": _text(broken)}, "bad image")
    await until(scene.desk.status, lambda status: status["health"]["status"] == "Degraded")
    ended = await scene.rollback("--push")
    assert ended.code == 0, ended.err
    tip = scene.repo.tip()
    assert f"shop: {tip[:8]} pushed to main\nshop: Synced, Healthy\n" in ended.out
    assert scene.branches() == {"main": tip}
    assert scene.repo.files() == scene.repo.files(good)
    status = await scene.desk.status()
    assert (status["sync"]["revision"], status["health"]["status"]) == (tip, "Healthy")
    containers = (await scene.stage.live("Deployment"))["spec"]["template"]["spec"]["containers"]
    assert containers[0]["image"] == "registry.example/web:1"
    message = pygit2.Repository(str(scene.repo.path))[tip].message
    assert all(line in message for line in ("Requested-by: admin", "Application: shop", f"Restores: {good}"))
    (fact,) = await scene.undone()
    assert (fact.bad, fact.good, fact.commit, fact.by) == (bad, good, tip, "admin")
    story = await todoke("app", "history", "shop", "--all", "-o", "json", stage=scene.stage)
    assert [entry["commit"] for entry in json.loads(story.out) if entry["type"] == "undo"] == [tip]


async def test_a_commit_that_changed_two_applications_is_undone_for_one_only(scene: Scene):
    first = {"shop/web.yaml": _text(blue()), "cart/cart.yaml": _text(blue("cart"))}
    good = scene.repo.commit(first, "both blue")
    await scene.desk.create(scene.url)
    await scene.desk.create(scene.url, "cart")
    await scene.desk.synced(good)
    await scene.desk.synced(good, "cart")
    bad = await scene.release({"shop/web.yaml": red(), "cart/cart.yaml": red("cart")}, "both red")
    await scene.desk.synced(bad, "cart")
    ended = await scene.rollback("--push")
    assert ended.code == 0, ended.err
    assert (await scene.colour(), await scene.colour("cart")) == ("blue", "red")
    files = scene.repo.files()
    assert files["shop/web.yaml"] == _text(blue())
    assert files["cart/cart.yaml"] == _text(red("cart"))
    await until(lambda: scene.desk.status("cart"), lambda status: status["sync"]["status"] == "Synced")


async def test_a_merge_is_undone_as_a_whole(scene: Scene):
    good = scene.repo.commit({"shop/web.yaml": _text(blue())}, "blue")
    await scene.desk.create(scene.url)
    await scene.desk.synced(good)
    scene.repo.branch("feature")
    scene.repo.commit({"shop/web.yaml": _text(red())}, "one", branch="feature")
    scene.repo.commit({"shop/new.yaml": _text(red("new"))}, "two", branch="feature")
    scene.repo.commit({"unrelated.txt": "x"}, "meanwhile")
    merge = scene.repo.merge("feature", "Merge feature")
    await scene.desk.synced(merge)
    ended = await scene.rollback("--push")
    assert ended.code == 0, ended.err
    assert f"takes back {merge[:8]} Merge feature" in ended.err
    assert scene.repo.files() == {"shop/web.yaml": _text(blue()), "unrelated.txt": "x"}
    assert await scene.colour() == "blue"


async def test_several_releases_are_undone_by_one_commit(scene: Scene):
    good, second = await two_releases(scene)
    third = await scene.release({"shop/web.yaml": config_map(color="green")}, "green")
    looked = await todoke("app", "history", "shop", "-o", "json", stage=scene.stage)
    assert [(entry["id"], entry["revision"]) for entry in json.loads(looked.out)] == [
        (2, third),
        (1, second),
        (0, good),
    ]
    asked = await scene.rollback("0", "--push", "--dry-run")
    assert (asked.code, scene.repo.tip()) == (0, third)
    assert f"takes its files from {third[:8]} back to {good[:8]} goes to main" in asked.out
    ended = await scene.rollback("0", "--push")
    assert ended.code == 0, ended.err
    assert [f"takes back {sha[:8]}" in ended.err for sha in (third, second)] == [True, True]
    tip = pygit2.Repository(str(scene.repo.path))[scene.repo.tip()]
    assert [str(parent) for parent in tip.parent_ids] == [third]
    assert await scene.colour() == "blue"


async def test_a_later_change_that_is_in_the_way_is_named(stage: Stage):
    """Nothing goes to the tracked branch; a branch of its own holds conflict markers, and the program fails."""
    scene = Scene(stage, Desk(stage.api, stage.namespace), stage.repo, stage.repo.url)
    async with looping(stage):
        await two_releases(scene)
    later = scene.repo.commit({"shop/web.yaml": _text(config_map(color="green"))}, "somebody goes on")
    ended = await scene.rollback("--push")
    assert ended.code == 1
    assert "would conflict with later changes in shop/web.yaml" in ended.err
    assert "Ask for a pull request instead" in ended.err
    assert scene.branches() == {"main": later}
    ended = await scene.rollback("--to-branch", "fix/undo")
    assert ended.code == 1
    assert "hold conflict markers" in ended.err
    assert "shop/web.yaml" in ended.err
    assert set(scene.branches()) == {"main", "fix/undo"}
    assert scene.repo.tip() == later
    assert "<<<<<<<" in scene.repo.files("fix/undo")["shop/web.yaml"]
    assert await scene.undone() == []


@pytest.mark.parametrize("what", ["tag", "commit"])
async def test_an_application_that_follows_no_branch_is_refused(scene: Scene, what: str):
    good = scene.repo.commit({"shop/web.yaml": _text(blue())}, "blue")
    target = scene.repo.tag("v1") and "v1" if what == "tag" else good
    source = {"repoURL": scene.url, "path": "shop", "targetRevision": target}
    await scene.desk.create(scene.url, source=source)
    await scene.desk.synced(good)
    bad = scene.repo.commit({"shop/web.yaml": _text(red())}, "red")
    if what == "tag":
        scene.repo.tag("v1", bad)
        target = "v1"
    else:
        await scene.desk.patch({"spec": {"source": {"targetRevision": bad}}})
        target = bad
    await scene.desk.synced(bad)
    before = scene.branches()
    for words in ((), ("--push",)):
        ended = await scene.rollback(*words)
        assert ended.code == 1
        assert f'"{target}" {"is a tag" if what == "tag" else "is not a branch"}' in ended.err
        assert "spec.source.targetRevision" in ended.err
        assert "Traceback" not in ended.err
    assert scene.branches() == before
    assert await scene.undone() == []


async def test_somebody_else_pushes_at_the_same_moment(served: tuple[Scene, WatchedServer]):
    scene, server = served
    await two_releases(scene)
    theirs = []
    server.before_push += [("POST", lambda: theirs.append(scene.repo.commit({"other.txt": "x"}, "theirs")))]
    ended = await scene.rollback("--push")
    assert ended.code == 0, ended.err
    tip = pygit2.Repository(str(scene.repo.path))[scene.repo.tip()]
    assert [str(parent) for parent in tip.parent_ids] == theirs
    assert scene.repo.files() == {"shop/web.yaml": _text(blue()), "other.txt": "x"}
    assert await scene.colour() == "blue"
    assert [fact.commit for fact in await scene.undone()] == [str(tip.id)]


async def test_a_login_that_may_not_push_is_said_before_anything_is_made(served: tuple[Scene, WatchedServer]):
    scene, server = served
    server.users, server.read_only = {"reader": PASSWORD, "writer": PASSWORD}, frozenset({"reader"})
    secrets = f"/api/v1/namespaces/{scene.stage.namespace}/secrets"

    async def login(name: str, use: str, user: str) -> None:
        labels = {"argocd.argoproj.io/secret-type": use}
        data = {"url": scene.url, "username": user, "password": PASSWORD}
        await scene.stage.api.create(secrets, {"metadata": {"name": name, "labels": labels}, "stringData": data})

    await login("acme", "repository", "reader")
    credentials = scene.stage.applications.credentials
    await until(lambda: _later(len(credentials())), bool)
    scene.stage.source.use_credentials(credentials())
    _, bad = await two_releases(scene)
    server.requests.clear()
    await assert_may_not_push(scene, "the server wants a login to write to it, and no credential matches this URL")
    await login("acme-write", "repository-write", "reader")
    name = f"Secret/{scene.stage.namespace}/acme-write"
    await assert_may_not_push(scene, f"the server does not let the login of {name} write to it")
    assert scene.branches() == {"main": bad}
    assert not [one for one in server.requests if (one.method, one.service) == ("POST", "git-receive-pack")]
    await scene.stage.api.patch(f"{secrets}/acme-write", {"stringData": {"username": "writer"}})
    ended = await scene.rollback("--push")
    assert ended.code == 0, ended.err
    assert await scene.colour() == "blue"


async def assert_may_not_push(scene: Scene, reason: str) -> None:
    """Refused, to either branch, with the next step and without the password."""
    for words in ((), ("--push",)):
        ended = await scene.rollback(*words)
        assert ended.code == 1
        assert reason in ended.err
        assert "argocd.argoproj.io/secret-type: repository-write" in ended.err
        assert PASSWORD not in ended.err + ended.out


async def _later(value: Any) -> Any:
    return value


async def test_a_manual_application_gets_the_older_revision(scene: Scene):
    good = scene.repo.commit({"shop/web.yaml": _text(blue())}, "blue")
    await scene.desk.create(scene.url, syncPolicy={})

    async def sync() -> None:
        ended = await todoke("app", "sync", "shop", stage=scene.stage)
        assert ended.code == 0, ended.err

    await sync()
    bad = scene.repo.commit({"shop/web.yaml": _text(red())}, "red")
    await scene.desk.refreshed()
    await sync()
    assert await scene.colour() == "red"
    refused = await scene.rollback("--push")
    assert refused.code == 1
    assert "it is synced by hand, so no commit is made" in refused.err
    ended = await scene.rollback()
    assert ended.code == 0, ended.err
    assert f"deploys {good[:8]} again instead of {bad[:8]}" in ended.err
    assert "shop: Succeeded: successfully synced (1 change)" in ended.out
    assert await scene.colour() == "blue"
    assert scene.branches() == {"main": bad}
    status = await scene.desk.status()
    assert status["history"][-1]["revision"] == good
    assert status["sync"]["status"] == "OutOfSync"
    (fact,) = await scene.undone()
    assert (fact.bad, fact.good, fact.commit, fact.by) == (bad, good, "", "admin")


async def test_what_cannot_be_undone_says_why(scene: Scene):
    good = scene.repo.commit({"shop/web.yaml": _text(blue())}, "blue")
    await scene.desk.create(scene.url)
    await scene.desk.synced(good)
    for words, said in (
        ((), "its history has no earlier release. Name a commit with --revision"),
        (("7",), "its history has no entry 7. Choose one of `todoke app history`"),
        (("--revision", "nope"), 'revision "nope" not found'),
        (("0",), "is what is deployed"),
        (("--to-branch", "not a name"), "its history has no earlier release"),
    ):
        ended = await scene.rollback(*words)
        assert (ended.code, ended.out) == (1, ""), words
        assert said in ended.err, words
        assert "Traceback" not in ended.err
    assert scene.branches() == {"main": good}
