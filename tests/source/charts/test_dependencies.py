"""What a chart lacks, and trees that show it."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pygit2
import pytest

from tests.cluster.git_repo import Repo
from tests.fake_tree import FakeTree, Link
from tests.source.charts.conftest import matching
from tests.source.charts.servers import HelmServer, RegistryServer, chart
from todoke.model.errors import Blocked, Unreachable
from todoke.model.trees import Astray, Tree, answer_of
from todoke.render.worker import EngineFailed, Limits, Workers, program
from todoke.source.charts import Charts, with_dependencies
from todoke.source.charts.dependencies import Dependency, needed
from todoke.source.charts.overlaid import OverlaidTree
from todoke.source.charts.packing import BadChart, Ignored
from todoke.source.tree import tree_of

REPO = "https://charts.example"


def declared(*dependencies: dict[str, str], name: str = "shop", version: str = "1.0.0") -> str:
    """The text of a Chart.yaml."""
    about = {"apiVersion": "v2", "name": name, "version": version, "dependencies": list(dependencies)}
    return json.dumps(about)


def on(name: str, version: str = "^1", repository: str = REPO, **more: str) -> dict[str, str]:
    return {"name": name, "version": version, "repository": repository, **more}


class Shelf:
    """Charts that are there, by name and version."""

    def __init__(self, **versions: Sequence[str]) -> None:
        self.versions = versions
        self.asked: list[tuple[str, ...]] = []

    async def resolve(self, repo_url: str, chart: str, wanted: str) -> str:
        self.asked.append((repo_url, chart, wanted))
        if chart not in self.versions:
            raise Blocked(f"Helm repository {repo_url}", f'has no chart "{chart}"', field="spec.source.chart")
        if chart == "silent":
            raise Unreachable(f"Helm repository {repo_url}", "no answer")
        return (await matching(wanted, self.versions[chart]))[0]

    async def archive(self, repo_url: str, name: str, version: str) -> bytes:
        self.asked.append((repo_url, name, version))
        return chart(name, version)

    async def fits(self, constraint: str, version: str) -> bool:
        return bool(await matching(constraint or "*", [version]))


def files(archive: bytes) -> dict[str, bytes]:
    """What is in a .tgz."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("present", "missing"),
    [
        ([], ["redis", "common"]),
        (["redis-1.2.3.tgz"], ["common"]),
        (["redis", "common-v1.0.0.tar.gz"], []),
        (["redis-ha-1.2.3.tgz", "common.tgz"], ["redis", "common"]),
    ],
)
def test_what_is_in_charts_is_not_fetched(present: list[str], missing: list[str]) -> None:
    text = declared(on("redis"), on("common", "2.x.x", "oci://registry.example/charts", alias="base"))
    assert [dependency.name for dependency in needed(text, None, None, present)] == missing


def test_the_lock_file_holds_where_it_is_of_the_same_repository() -> None:
    moved = on("common", "2.0.0", "https://old.example")
    lock = json.dumps({"dependencies": [on("redis", "1.4.2"), moved, on("twice", "1.0.0"), on("twice", "2.0.0")]})
    text = declared(on("redis"), on("common", "^2"), on("twice", "1.0.0"), on("twice", "2.0.0", alias="b"))
    assert needed(text, None, lock, []) == (
        Dependency("redis", "^1", REPO, locked="1.4.2"),
        Dependency("common", "^2", REPO),
        Dependency("twice", "1.0.0", REPO),
        Dependency("twice", "2.0.0", REPO, "b"),
    )


def test_old_charts_have_requirements() -> None:
    requirements = json.dumps({"dependencies": [on("redis")]})
    assert needed("apiVersion: v1\nname: shop\n", requirements, None, []) == (Dependency("redis", "^1", REPO),)


@pytest.mark.parametrize("text", ["", "dependencies:\n", "dependencies: []\n", "name: shop\n"])
def test_no_dependencies(text: str) -> None:
    assert needed(text, None, None, []) == ()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (declared(on("a", repository="@stable")), "names the repository of a in Chart.yaml by the alias @stable"),
        (declared(on("a", repository="alias:stable")), "by the alias alias:stable"),
        (declared(on("a", repository="")), "declares a in Chart.yaml without a repository, and there is no charts/a"),
        (declared(on("a", repository="file:///srv/a")), "a folder of one machine"),
        (declared(on("a", repository="ssh://x/a")), "which is no URL"),
        (declared(on("../a")), "which is no chart's name"),
        ("dependencies: [a]", "dependencies that are no list of maps"),
        ("dependencies: {a: b}", "dependencies that are no list of maps"),
        ("- a", "has a Chart.yaml that is no map"),
        ("a: [", "has a Chart.yaml that is not valid YAML"),
        ("[" * 50_000, "has a Chart.yaml that is not valid YAML"),
        (declared(*(on(f"a{number}") for number in range(201))), "has more than 200 dependencies"),
    ],
)
def test_what_cannot_be_fetched_says_why(text: str, problem: str) -> None:
    with pytest.raises(BadChart) as caught:
        needed(text, None, None, [])
    assert problem in str(caught.value)


async def test_a_tree_shows_what_is_missing_beside_its_own_files() -> None:
    tree = FakeTree(
        {"apps/shop/Chart.yaml": declared(on("redis"), on("mine")), "apps/shop/charts/mine/Chart.yaml": "", "x": "1"}
    )
    shown = await with_dependencies(tree, "apps/shop", Shelf(redis=["1.0.0", "1.2.0"]))
    names = [name for name, _ in shown.entries(shown.find("apps/shop/charts"))]
    assert names == ["mine", "redis-1.2.0.tgz"]
    archive = shown.find("apps/shop/charts/redis-1.2.0.tgz")
    assert shown.read(archive) == chart("redis", "1.2.0")
    assert shown.size(archive) == len(chart("redis", "1.2.0"))
    assert shown.read(shown.find("x")) == b"1"
    assert shown.revision == tree.revision
    assert shown.find("x").id == tree.find("x").id
    assert shown.root.id != tree.root.id


async def test_nothing_missing_is_the_same_tree() -> None:
    tree = FakeTree({"Chart.yaml": declared(on("redis")), "charts/redis-1.0.0.tgz": "x"})
    assert await with_dependencies(tree, "", Shelf()) is tree


async def test_ids_change_with_what_is_added() -> None:
    tree = FakeTree({"a/Chart.yaml": declared(on("redis")), "b/Chart.yaml": "name: b"})
    old = await with_dependencies(tree, "a", Shelf(redis=["1.0.0"]))
    same = await with_dependencies(tree, "a", Shelf(redis=["1.0.0"]))
    new = await with_dependencies(tree, "a", Shelf(redis=["1.1.0"]))
    assert answer_of(old, "a", "tree") == answer_of(same, "a", "tree") != answer_of(new, "a", "tree")
    assert answer_of(old, "b", "tree") == answer_of(new, "b", "tree") == answer_of(tree, "b", "tree")
    assert answer_of(old, "a/charts", "list") == "names\0redis-1.0.0.tgz"


async def test_a_locked_version_is_taken_and_must_be_allowed() -> None:
    shelf = Shelf(redis=["1.9.0"])
    lock = json.dumps({"dependencies": [on("redis", "1.2.0")]})
    tree = FakeTree({"Chart.yaml": declared(on("redis")), "Chart.lock": lock})
    shown = await with_dependencies(tree, ".", shelf)
    assert shown.find("charts/redis-1.2.0.tgz")
    assert shelf.asked == [(REPO, "redis", "1.2.0")]
    tree = FakeTree({"Chart.yaml": declared(on("redis", "^2")), "Chart.lock": lock})
    with pytest.raises(Blocked) as caught:
        await with_dependencies(tree, ".", shelf)
    assert str(caught.value) == (
        "Chart .: its dependency redis cannot be had: Dependency redis: the lock file has 1.2.0, "
        'which "^2" does not allow. Run helm dependency update, and commit what it writes'
    )


async def test_charts_of_the_same_tree_are_packed_with_what_they_lack() -> None:
    tree = FakeTree(
        {
            "umbrella/Chart.yaml": declared(on("base", "*", "file://../lib/base")),
            "lib/base/Chart.yaml": declared(on("redis"), on("deep", "", "file://../deep"), name="base"),
            "lib/base/templates/a.yaml": "a: 1",
            "lib/base/templates/.hidden": "x",
            "lib/base/secret.key": "x",
            "lib/base/docs/readme.md": "x",
            "lib/base/shared": Link("../shared"),
            "lib/base/.helmignore": "# comment\n*.key\ndocs/\n",
            "lib/shared/s.txt": "s",
            "lib/deep/Chart.yaml": declared(name="deep", version="3.0.0"),
        }
    )
    shown = await with_dependencies(tree, "umbrella", Shelf(redis=["1.0.0"]))
    packed = files(shown.read(shown.find("umbrella/charts/base-1.0.0.tgz")))
    assert sorted(packed) == [
        "base/.helmignore",
        "base/Chart.yaml",
        "base/charts/deep-3.0.0.tgz",
        "base/charts/redis-1.0.0.tgz",
        "base/shared/s.txt",
        "base/templates/a.yaml",
    ]
    assert sorted(files(packed["base/charts/deep-3.0.0.tgz"])) == ["deep/Chart.yaml"]
    again = await with_dependencies(tree, "umbrella", Shelf(redis=["1.0.0"]))
    assert again.root.id == shown.root.id


CIRCLE = {
    "a/Chart.yaml": declared(on("b", "*", "file://../b"), name="a"),
    "b/Chart.yaml": declared(on("a", "*", "file://../a"), name="b"),
}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (CIRCLE, "Chart a: depends on itself"),
        ({"a/Chart.yaml": declared(on("b", "*", "file://../../b"))}, "leads out of the repository"),
        ({"a/Chart.yaml": declared(on("b", "*", "file://../b"))}, "its dependency b cannot be had"),
        ({"a/Chart.yaml": declared(on("b", "*", "file://../b")), "b/x": ""}, "is no chart: it has no Chart.yaml"),
        (
            {"a/Chart.yaml": declared(on("b", "^2", "file://../b")), "b/Chart.yaml": declared(name="b")},
            'it is 1.0.0, which "^2" does not allow',
        ),
        ({"a/Chart.yaml": declared(on("none"))}, f'Helm repository {REPO}: has no chart "none"'),
        ({"a/x": ""}, "Chart a: has no Chart.yaml"),
        ({"a/Chart.yaml": declared(on("redis")), "a/charts": "a file"}, "its charts is no folder"),
        ({"a/Chart.yaml": declared(on("redis")), "a/charts": Link("none")}, "its charts/ is not there"),
        (
            {
                "a/Chart.yaml": declared(on("b", "*", "file://../b")),
                "b/Chart.yaml": declared(name="b"),
                "b/.helmignore": "**",
            },
            'has a .helmignore with "**"',
        ),
    ],
)
async def test_what_cannot_be_had_is_blocked_and_named(content: dict[str, str], problem: str) -> None:
    with pytest.raises(Blocked) as caught:
        await with_dependencies(FakeTree(content), "a", Shelf(redis=["1.0.0"]))
    assert problem in str(caught.value)
    assert str(caught.value).startswith("Chart a")


async def test_silence_stays_silence() -> None:
    tree = FakeTree({"Chart.yaml": declared(on("silent"))})
    with pytest.raises(Unreachable, match=r"Chart \.: its dependency silent cannot be had: .* no answer"):
        await with_dependencies(tree, "", Shelf(silent=["1.0.0"]))


@pytest.mark.parametrize(
    ("rules", "ignored", "kept"),
    [
        ("*.txt", ["a.txt", "b/c.txt"], ["a.md"]),
        ("/a.txt", ["a.txt"], ["b/a.txt"]),
        ("b/*.txt", ["b/a.txt"], ["a.txt", "b/c/a.txt"]),
        ("tmp/", [], ["tmp"]),
        ("", ["templates/.x"], ["templates/x", ".x"]),
        ("!*.md", ["a.txt"], ["a.md"]),
        ("\ufeff# no\n\n  a?c  ", ["abc"], ["# no"]),
    ],
)
def test_helmignore(rules: str, ignored: list[str], kept: list[str]) -> None:
    rule = Ignored(rules)
    assert [path for path in [*ignored, *kept] if rule(path, is_folder=False)] == ignored


def test_helmignore_of_folders() -> None:
    assert Ignored("tmp/")("a/tmp", is_folder=True)
    with pytest.raises(BadChart, match="which is no pattern"):
        Ignored("[a")


def test_an_overlay_adds_folders_where_there_are_none() -> None:
    tree: Tree = OverlaidTree(FakeTree({"a/x": "1"}), {"a/b/c/d": b"2", "e": b"3"})
    assert [name for name, _ in tree.entries(tree.root)] == ["a", "e"]
    assert tree.read(tree.find("a/b/c/d")) == b"2"
    assert [entry.path for _, entry in tree.entries(tree.find("a"))] == ["a/b", "a/x"]
    assert tree.read(tree.find("../x", tree.find("a/b"))) == b"1"


@pytest.fixture
async def workers() -> AsyncIterator[Workers]:
    made = Workers(program(), Limits(processes=1))
    yield made
    await made.close()


async def test_helm_renders_what_was_fetched(
    charts: Charts, helm: HelmServer, registry: RegistryServer, plain: object, workers: Workers
) -> None:
    plain(registry)  # type: ignore[operator]
    map_of = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Chart.Name }}-{{ .Chart.Version }}}\n"
    helm.publish("redis", "1.2.0", chart("redis", "1.2.0", {"templates/a.yaml": map_of}))
    registry.push("team/web", "2.0.0", chart("web", "2.0.0", {"templates/a.yaml": map_of}))
    tree = FakeTree(
        {
            "shop/Chart.yaml": declared(
                on("redis", "^1", helm.repository),
                on("web", "2.0.0", f"oci://{registry.host}/team"),
                on("base", "1.0.0", "file://../base"),
            ),
            "base/Chart.yaml": declared(name="base"),
            "base/templates/a.yaml": map_of,
        }
    )
    request = {"engine": "helm", "path": "shop", "release": "r", "namespace": "ns", "values": [], "include_crds": True}
    with pytest.raises(EngineFailed) as caught:
        await workers.run(request, tree)
    assert [missing["name"] for missing in caught.value.missing] == ["redis", "web", "base"]
    output = await workers.run(request, await with_dependencies(tree, "shop", charts))
    for name in (b"redis-1.2.0", b"web-2.0.0", b"base-1.0.0"):
        assert name in output.data


async def test_a_commit_shows_them_too(tmp_path: Path) -> None:
    repo = Repo.create(tmp_path / "shop.git")
    sha = repo.commit({"shop/Chart.yaml": declared(on("redis")), "shop/charts/own/Chart.yaml": "a", "b/x": "1"}, "one")
    repository = pygit2.Repository(str(tmp_path / "shop.git"))
    tree = tree_of(repository, repository[sha].peel(pygit2.Commit))
    shown = await with_dependencies(tree, "shop", Shelf(redis=["1.0.0"]))
    assert [name for name, _ in shown.entries(shown.find("shop/charts"))] == ["own", "redis-1.0.0.tgz"]
    assert shown.read(shown.find("shop/charts/own/Chart.yaml")) == b"a"
    assert shown.find("b").id == tree.find("b").id
    assert shown.find("shop").id != tree.find("shop").id
    with pytest.raises(Astray):
        await with_dependencies(tree, "none", Shelf())
