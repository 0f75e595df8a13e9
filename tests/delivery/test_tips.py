"""Pushes that are told: which repositories are asked, how often, and which applications are looked at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from tests.cluster.waiting import until
from tests.delivery.stage import REPO, SHOP, Stage, config_map
from todoke.delivery.loop import Loop, Pace
from todoke.delivery.pushes import PATHS
from todoke.delivery.walk import House
from todoke.model.deliverables import DeliverableKey
from todoke.model.errors import Blocked
from todoke.model.webhooks import Push

HOUR = 3600.0


class Scene(Stage):
    """A stage whose loop runs, with polls an hour apart; it notes which applications were looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.looked: list[str] = []
        self.loop = Loop(
            self.delivery, self.rooms, House(), Pace(4, poll_seconds=HOUR, push_seconds=0.2, look_seconds=HOUR)
        )
        deliver = self.delivery.deliver

        async def noted(key: DeliverableKey) -> float | None:
            self.looked.append(key.name)
            return None if key.name.startswith("bystander") else await deliver(key)

        self.delivery.deliver = noted  # type: ignore[method-assign]

    def add(self, name: str = "shop", repo_url: str = REPO, path: str = "shop", **metadata: Any) -> None:
        source = {"repoURL": repo_url, "path": path, "targetRevision": metadata.pop("revision", "main")}
        self.application(metadata={"name": name, "namespace": "todoke"} | metadata, source=source)
        key = DeliverableKey("Application", "todoke", name)
        self.loop.heard_of_application(key, None, self.applications.get(key))

    @asynccontextmanager
    async def playing(self, asked: int) -> AsyncIterator[None]:
        """The loop runs; begins when all is quiet for the first time: so many repositories were asked."""
        async with asyncio.TaskGroup() as group:
            running = group.create_task(self.loop.run())
            await until(self.quiet, lambda quiet: quiet and len(self.source.asked) == asked)
            self.looked.clear()
            self.source.asked.clear()
            yield
            running.cancel()

    async def quiet(self) -> bool:
        return self.loop.queue.depth == 0 and all(
            self.delivery.memories.known(key) is not None or key.name.startswith("bystander")
            for key in self.loop.applications()
        )

    async def names(self) -> list[str]:
        return self.looked


@pytest.fixture
def scene() -> Scene:
    return Scene()


def push(url: str = REPO, ref: str = "refs/heads/main", **fields: Any) -> Push:
    return Push((url,), ref, **fields)


async def follows(scene: Scene, sha: str) -> None:
    await until(
        lambda: asyncio.sleep(0, scene.applications.body("shop").get("status") or {}),
        lambda status: status.get("sync", {}).get("revision") == sha,
    )


async def test_an_application_follows_a_push_although_the_poll_is_an_hour_away(scene: Scene) -> None:
    scene.push(web=config_map(color="blue"))
    scene.add()
    async with scene.playing(asked=1):
        sha = scene.push(web=config_map(color="green"))
        scene.loop.tips.pushed([push("git@git.example.org:acme/manifests")])
        await follows(scene, sha)
    assert scene.source.asked == {REPO: 1}


async def test_a_thousand_applications_of_other_repositories_are_not_touched(scene: Scene) -> None:
    scene.push(web=config_map(color="blue"))
    scene.add()
    others = [f"https://git.example.org/acme/other-{number}.git" for number in range(1000)]
    for number, url in enumerate(others):
        scene.source.push(url, {"shop/web.yaml": config_map(f"bystander-{number}")})
        scene.add(f"bystander-{number}", url)
    async with scene.playing(asked=1001):
        for url in others:
            scene.source.push(url, {"shop/web.yaml": config_map("changed")})
        sha = scene.push(web=config_map(color="green"))
        scene.loop.tips.pushed([push()])
        await follows(scene, sha)
        assert set(scene.looked) == {"shop"}
        assert scene.source.asked == {REPO: 1}


async def test_a_url_that_no_application_names_is_never_asked(scene: Scene) -> None:
    scene.push(web=config_map(color="blue"))
    scene.add()
    async with scene.playing(asked=1):
        sha = scene.push(web=config_map(color="green"))
        scene.loop.tips.pushed(
            [push("https://evil.example/x.git"), push("http://127.0.0.1/"), push(REPO + "x"), push("")]
        )
        scene.loop.tips.pushed([push()])
        await follows(scene, sha)
    assert scene.source.asked == {REPO: 1}


async def test_a_ref_that_no_application_follows_is_not_asked_for(scene: Scene) -> None:
    scene.push(web=config_map(color="blue"))
    scene.add()
    other = "https://git.example.org/acme/quiet.git"
    scene.source.push(other, {"shop/web.yaml": config_map("quiet")})
    scene.add("quiet", other)
    async with scene.playing(asked=2):
        scene.loop.tips.pushed([push(other, "refs/heads/topic"), push(other, "refs/tags/v1")])
        sha = scene.push(web=config_map(color="green"))
        scene.loop.tips.pushed([push()])
        await follows(scene, sha)
    assert scene.source.asked == {REPO: 1}


async def test_pushes_in_quick_succession_share_polls_and_the_last_is_not_lost(scene: Scene) -> None:
    scene.push(web=config_map(color="blue"))
    scene.add()
    async with scene.playing(asked=1):
        last = ""
        for number in range(100):
            last = scene.push(web=config_map(color=str(number)))
            scene.loop.tips.pushed([push()])
            for _ in range(20):  # time enough for the loop to ask
                await asyncio.sleep(0)
        await follows(scene, last)
    assert scene.source.asked[REPO] < 10


async def test_a_push_that_is_told_while_the_server_is_being_asked_is_asked_for_as_patiently_as_any(
    scene: Scene,
) -> None:
    scene.push(web=config_map(color="blue"))
    scene.add()
    begun, go_on = asyncio.Event(), asyncio.Event()
    refresh = scene.source.refresh

    async def slow(repo_url: str) -> bool:
        news = await refresh(repo_url)
        begun.set()
        await go_on.wait()
        return news

    async with scene.playing(asked=1):
        scene.source.refresh = slow  # type: ignore[method-assign]
        scene.push(web=config_map(color="green"))
        scene.loop.tips.pushed([push()])
        await begun.wait()
        scene.loop.tips.pushed([push()])
        go_on.set()
        await until(lambda: asyncio.sleep(0, scene.source.asked[REPO]), lambda asked: asked == 2)
        await follows(scene, scene.push(web=config_map(color="red")))  # its servers did not all know of it yet


async def test_a_push_that_the_server_does_not_know_yet_is_asked_for_again(scene: Scene) -> None:
    scene.push(web=config_map(color="blue"))
    scene.add()
    async with scene.playing(asked=1):
        scene.loop.tips.pushed([push()])
        await until(lambda: asyncio.sleep(0, dict(scene.source.asked)), lambda asked: asked == {REPO: 1})
        sha = scene.push(web=config_map(color="green"))
        await follows(scene, sha)


async def test_a_push_while_the_server_is_away_is_not_lost(scene: Scene) -> None:
    scene.push(web=config_map(color="blue"))
    scene.add()
    async with scene.playing(asked=1):
        scene.source.down.add(REPO)
        scene.loop.tips.pushed([push()])
        await until(lambda: asyncio.sleep(0, dict(scene.source.asked)), lambda asked: asked == {REPO: 1})
        sha = scene.push(web=config_map(color="green"))
        scene.source.down.clear()
        await follows(scene, sha)


async def test_a_credential_that_is_mended_while_the_server_is_being_asked_is_used_at_once(scene: Scene) -> None:
    """The answer that is awaited is still one to the old credential."""
    scene.push(web=config_map(color="blue"))
    scene.add()
    begun, go_on = asyncio.Event(), asyncio.Event()
    refresh = scene.source.refresh

    async def refusing(repo_url: str) -> bool:
        begun.set()
        await go_on.wait()
        scene.source.refresh = refresh  # type: ignore[method-assign]
        raise Blocked(repo_url, "the credential is refused")

    async with scene.playing(asked=1):
        scene.source.refresh = refusing  # type: ignore[method-assign]
        sha = scene.push(web=config_map(color="green"))
        scene.loop.heard_of_surroundings()
        await begun.wait()
        scene.loop.heard_of_surroundings()
        go_on.set()
        await follows(scene, sha)


async def test_a_tag_is_asked_for_where_an_application_follows_versions(scene: Scene) -> None:
    sha = scene.push(web=config_map(color="blue"))
    scene.source.tag(REPO, "1.x", sha)  # the double takes a range for a name
    scene.add(revision="1.x")
    async with scene.playing(asked=1):
        sha = scene.push(web=config_map(color="green"))
        scene.source.tag(REPO, "1.x", sha)
        scene.loop.tips.pushed([push(ref="refs/tags/v1.3.0")])
        await follows(scene, sha)


async def test_only_whose_named_paths_changed_is_judged(scene: Scene) -> None:
    names = ("shop", "one", "two", "unmarked")
    for name in names:
        scene.source.push(REPO, {f"{name}/web.yaml": config_map(name)})
    old = scene.source.repositories[REPO].branches["main"]
    for name in names:
        marks = {} if name == "unmarked" else {"annotations": {PATHS: "."}}
        scene.add(name, path=name, **marks)
    async with scene.playing(asked=1):
        judged = scene.renderer.judged
        judged.clear()
        sha = scene.push(web=config_map(color="green"))
        scene.loop.tips.pushed([push(before=old, revision=sha, changed=("shop/web.yaml",))])
        await follows(scene, sha)
        assert set(judged) == {"shop", "unmarked"}
        assert set(scene.looked) == {"shop"}
        judged.clear()
        scene.looked.clear()
        later = scene.source.push(
            REPO, {"shop/web.yaml": config_map(color="red"), "two/web.yaml": config_map("two", a="1")}
        )
        scene.loop.tips.pushed(
            [push(before=sha, revision=later, changed=("shop/web.yaml",))]
        )  # "two" is still at the first
        await until(scene.names, lambda found: {"shop", "two"} <= set(found))
        assert {"shop", "two", "unmarked"} <= set(judged)


def test_a_spec_that_cannot_be_read_follows_nothing(scene: Scene) -> None:
    scene.loop.tips.follow(SHOP, msgspec.Raw(b'{"source": {"repoURL": 1}}'), {})
    assert scene.loop.tips.asked(SHOP)
