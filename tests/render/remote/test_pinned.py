"""What was fetched for a rendering stays until an input changes, or somebody wants it anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.render.remote.kitchen import Kitchen, World, config
from todoke.render.cache import CachedRenderer
from todoke.render.renderer import Renderer
from todoke.render.worker import Workers

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

REPO = "https://git.example.com/org/b"


def world(name: str) -> World:
    return World({REPO: {"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": config(name)}})


def files(**more: str) -> dict[str, str]:
    own = {"app/kustomization.yaml": f"resources: ['{REPO}', own.yaml]\n", "app/own.yaml": config("own")}
    return {**own, **{name.replace("__", "/"): text for name, text in more.items()}}


def opened(workers: Workers, far: World, path: Path) -> Kitchen:
    kitchen = Kitchen(workers, far)
    kitchen.renderer = CachedRenderer(Renderer(workers, far), path)
    return kitchen


async def test_it_stays_across_restarts_until_an_input_changes(workers: Workers, tmp_path: Path) -> None:
    path = tmp_path / "renderings.db"
    assert await opened(workers, world("one"), path).names(files()) == ["one", "own"]
    later = opened(workers, world("two"), path)
    assert await later.names(files()) == ["one", "own"]
    assert await later.names(files(elsewhere="x")) == ["one", "own"]
    assert later.world.asked == []
    assert await later.names({**files(), "app/own.yaml": config("new")}) == ["new", "two"]


async def test_who_wants_it_anew_gets_it(workers: Workers, tmp_path: Path) -> None:
    path = tmp_path / "renderings.db"
    await opened(workers, world("one"), path).names(files())
    later = opened(workers, world("two"), path)
    assert await later.names(files(), fresh=True) == ["own", "two"]
    assert await later.names(files()) == ["own", "two"]
    assert len(later.world.asked) == 1
