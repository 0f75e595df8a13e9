"""Nothing is rendered twice: renderings are known again by what they looked at, errors for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.fake_tree import FakeTree
from todoke.model.application_sources import SourceHelm
from todoke.model.errors import Blocked, Unrenderable
from todoke.model.renderings import Checkout, RenderContext, Rendering, Stamp
from todoke.model.sources import SourceSpec
from todoke.model.trees import Look, Tree, answer_of
from todoke.render.cache import CachedRenderer
from todoke.render.renderer import Renderer
from todoke.render.worker import EngineFailed, Output

CONTEXT, STAMP = RenderContext("shop", "shop"), Stamp("shop", "shop")
CHART = {"app/Chart.yaml": "name: shop\n", "app/values.yaml": "x: 1\n"}


class Engines:
    """Engines that print the chart's values as a ConfigMap, or refuse with a text."""

    def __init__(self) -> None:
        self.runs, self.refuse, self.build = 0, "", "one"
        self.lacks: tuple[Mapping[str, str], ...] = ()

    async def run(self, request: Mapping[str, Any], tree: Tree) -> Output:
        self.runs += 1
        looks = (Look(request["path"], "tree", answer_of(tree, request["path"], "tree")),)
        if self.lacks:
            raise EngineFailed("dependencies are missing", self.lacks, looks)
        if self.refuse:
            raise EngineFailed(self.refuse, looks=looks)
        values = tree.read(tree.find("app/values.yaml")).decode().strip()
        text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata: {{values: '{values}'}}\n"
        return Output(text.encode(), looks)

    async def identity(self) -> str:
        return self.build


class Lab:
    """A renderer with its cache; `now` is its clock."""

    def __init__(self, path: Path | None, **options: Any) -> None:
        self.engines, self.now, self.asked = Engines(), 100.0, 0
        renderer = Renderer(self.engines, self)
        self.cache = CachedRenderer(renderer, path, clock=lambda: self.now, **options)

    async def completed(self, *_: Any) -> Tree:
        self.asked += 1
        raise Blocked("Chart redis", "no login")

    async def render(
        self, files: Mapping[str, str], context: RenderContext = CONTEXT, *, fresh: bool = False
    ) -> Rendering:
        spec = SourceSpec("https://git.example.com/a.git", path="app", helm=SourceHelm())
        return await self.cache.render(Checkout(spec, FakeTree(files), "0" * 40), context, STAMP, fresh=fresh)


def overwrite(path: Path) -> None:
    path.write_bytes(b"no database" * 1000)


def size(path: Path) -> int:
    return path.stat().st_size


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "renderings.db"


async def test_a_rendering_is_known_again_in_another_process(path: Path) -> None:
    first, second = Lab(path), Lab(path)
    made = await first.render(CHART)
    assert await second.render({**CHART, "elsewhere/x.yaml": "y"}) == made
    assert (first.engines.runs, second.engines.runs) == (1, 0)
    changed = await second.render({**CHART, "app/values.yaml": "x: 2\n"})
    assert second.engines.runs == 1
    assert changed.manifests[0].body["data"] == {"values": "x: 2"}
    assert await second.render(CHART) == made
    assert second.engines.runs == 1, "both revisions are kept"


async def test_an_override_file_that_appears_counts(path: Path) -> None:
    lab = Lab(path)
    await lab.render(CHART)
    await lab.render({**CHART, "app/.argocd-source.yaml": "helm: {releaseName: other}\n"})
    assert lab.engines.runs == 2


async def test_another_build_of_the_engines_renders_anew(path: Path) -> None:
    lab = Lab(path)
    await lab.render(CHART)
    lab.engines.build = "two"
    await lab.render(CHART)
    assert lab.engines.runs == 2


async def test_the_cluster_s_version_counts_for_a_chart(path: Path) -> None:
    lab = Lab(path)
    await lab.render(CHART)
    await lab.render(CHART, RenderContext("shop", "shop", kube_version="1.38.0"))
    assert lab.engines.runs == 2


async def test_an_error_is_told_again_until_an_input_changes_or_a_while_has_passed(path: Path) -> None:
    lab = Lab(path)
    lab.engines.refuse = "no luck"
    for _ in range(3):
        with pytest.raises(Blocked, match="no luck"):
            await lab.render(CHART)
    assert lab.engines.runs == 1
    with pytest.raises(Blocked):
        await lab.render({**CHART, "app/values.yaml": "x: 2\n"})
    assert lab.engines.runs == 2, "an input changed"
    lab.now += 6
    with pytest.raises(Blocked):
        await lab.render({**CHART, "app/values.yaml": "x: 2\n"})
    assert lab.engines.runs == 3, "a while has passed"
    lab.now += 6
    with pytest.raises(Blocked):
        await lab.render({**CHART, "app/values.yaml": "x: 2\n"})
    assert lab.engines.runs == 3, "the second while is twice as long"
    lab.engines.refuse = ""
    await lab.render(CHART)


async def test_an_error_says_when_it_is_tried_again(path: Path) -> None:
    lab = Lab(path)
    lab.engines.refuse = "no luck"
    for passed, left in ((0, 5), (2, 3)):
        lab.now += passed
        with pytest.raises(Unrenderable) as caught:
            await lab.render(CHART)
        assert caught.value.retry_after == pytest.approx(left)


async def test_what_cannot_be_had_from_elsewhere_is_not_remembered(path: Path) -> None:
    """A login may be mended at any moment, and nothing in the tree tells of it."""
    lab = Lab(path)
    lab.engines.lacks = ({"name": "redis"},)
    for _ in range(2):
        with pytest.raises(Blocked, match="no login") as caught:
            await lab.render(CHART)
        assert not isinstance(caught.value, Unrenderable)
    assert lab.asked == 2


async def test_a_fresh_rendering_is_taken_from_nowhere(path: Path) -> None:
    lab = Lab(path)
    await lab.render(CHART)
    await lab.render(CHART, fresh=True)
    assert lab.engines.runs == 2
    lab.engines.refuse = "no luck"
    for _ in range(2):
        with pytest.raises(Unrenderable):
            await lab.render(CHART, fresh=True)
    assert lab.engines.runs == 4


async def test_a_damaged_file_is_made_anew(path: Path) -> None:
    lab = Lab(path)
    await lab.render(CHART)
    lab.cache.close()
    overwrite(path)
    again = Lab(path)
    made = await again.render(CHART)
    assert (again.engines.runs, len(made.manifests)) == (1, 1)
    third = Lab(path)
    assert await third.render(CHART) == made
    assert third.engines.runs == 0


async def test_what_was_used_longest_ago_goes_first(path: Path) -> None:
    lab = Lab(path, most_bytes=40_000)
    texts = [{**CHART, "app/values.yaml": f"x: {number}{'ab' * number}\n"} for number in range(60)]
    contexts = [RenderContext(f"app-{number}", "shop") for number in range(60)]
    for text, context in zip(texts, contexts, strict=True):
        await lab.render(text, context)
        await lab.render(texts[0], contexts[0])
    assert lab.engines.runs == 60, "what is used stays"
    lab.cache.close()
    again = Lab(path, most_bytes=40_000)
    await again.render(texts[0], contexts[0])
    assert again.engines.runs == 0
    assert size(path) < 200_000


async def test_without_a_file_everything_is_rendered(path: Path) -> None:
    lab = Lab(None)
    await asyncio.gather(*(lab.render(CHART) for _ in range(2)))
    assert lab.engines.runs == 2
