"""Charts of repositories elsewhere in a review: fetched once, rendered with the values of this repository."""

from __future__ import annotations

import pytest

from tests.fake_tree import FakeTree
from tests.review.conftest import URL, Project, application
from todoke.model.errors import Unreachable
from todoke.model.reviews import Review
from todoke.model.sources import SourceSpec
from todoke.model.trees import Tree
from todoke.render.cache import CachedRenderer
from todoke.render.documents import maps_in
from todoke.render.kubernetes_yaml import load
from todoke.render.renderer import Renderer
from todoke.render.templates import evaluator
from todoke.render.worker import Workers, program
from todoke.review.walk import Reviewer, Rooms, Wish
from todoke.source.clone import Clone

CHARTS = "https://charts.example.com"
CHART = {
    "Chart.yaml": "apiVersion: v2\nname: redis\nversion: 1.4.0\n",
    "values.yaml": "colour: blue\n",
    "templates/all.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: redis}\n"
    "data: {colour: {{ .Values.colour }}}\n",
}


class Published:
    """A repository with one chart, which may be down."""

    def __init__(self) -> None:
        self.down = False

    async def latest(self, spec: SourceSpec, revision: str) -> str:
        if self.down:
            raise Unreachable(f"Helm repository {spec.repo_url}", "no answer")
        assert (spec.repo_url, spec.chart, revision) == (CHARTS, "redis", "^1.0")
        return "1.4.0"

    async def tree(self, spec: SourceSpec, revision: str) -> Tree:
        return FakeTree(CHART, revision)


async def reviewed(project: Project, published: Published, *, offline: bool = False) -> Review:
    workers = Workers(program())
    clone = Clone.around(project.folder)
    renderer = CachedRenderer(Renderer(workers), None)
    try:
        rooms = Rooms(clone, renderer, maps_in, load, evaluator(workers), published)
        return await Reviewer(rooms).review(Wish("main", offline=offline))
    finally:
        clone.close()
        await workers.close()


@pytest.fixture
def with_values(project: Project) -> Project:
    """An Application of a chart elsewhere with a value file here, which the working copy changes."""
    chart = {"repoURL": CHARTS, "chart": "redis", "targetRevision": "^1.0"}
    sources = [chart | {"helm": {"valueFiles": ["$values/redis.yaml"]}}, {"repoURL": URL, "ref": "values"}]
    project.commit({"redis.yaml": "colour: green\n", "apps.yaml": application("redis", "", sources=sources)})
    project.write({"redis.yaml": "colour: red\n"})
    return project


async def test_a_value_file_here_changes_a_chart_from_elsewhere(with_values: Project) -> None:
    (unit,) = (await reviewed(with_values, Published())).units
    assert (unit.verdict, unit.problems) == ("changed", ())
    (change,) = unit.changes
    assert change.old is not None
    assert change.new is not None
    assert (change.old["data"], change.new["data"]) == ({"colour": "green"}, {"colour": "red"})


async def test_a_repository_that_is_away_is_told_and_the_others_go_on(with_values: Project) -> None:
    with_values.write({"more.yaml": application("here", "app"), "app/a.yaml": "kind: ConfigMap\n"
                       "apiVersion: v1\nmetadata: {name: a}\n"})  # fmt: skip
    published = Published()
    published.down = True
    here, redis = (await reviewed(with_values, published)).units
    assert (str(here.key), here.verdict) == ("here", "added")
    assert (redis.verdict, redis.problems) == ("not rendered", (f"Helm repository {CHARTS}: no answer",))


async def test_offline_asks_nobody(with_values: Project) -> None:
    published = Published()
    published.down = True
    (unit,) = (await reviewed(with_values, published, offline=True)).units
    assert unit.verdict == "not rendered"
    assert "which is not in this repository" in unit.problems[0]
