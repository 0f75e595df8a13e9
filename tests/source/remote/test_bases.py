"""Remote bases from a real Git server: exact commits, the guard, the project, and hostile URLs."""

from __future__ import annotations

import pytest

from tests.cluster.git_repo import Repo
from tests.cluster.git_server import GitServer
from tests.fake_tree import FakeTree
from tests.source.charts.servers import HelmServer, tgz
from tests.source.remote.conftest import Place
from todoke.model.errors import Blocked
from todoke.model.remotes import RemoteBase, RemoteChart
from todoke.model.sources import SourceSpec
from todoke.model.trees import Tree
from todoke.source.remote.remotes import says_git

pytestmark = pytest.mark.slow


def text(tree: Tree | bytes, path: str) -> str:
    assert not isinstance(tree, bytes)
    return tree.read(tree.find(path)).decode()


@pytest.fixture
def repo(forge: GitServer) -> Repo:
    """A repository with one file on main, and an older one at the tag v1."""
    made = Repo.open(forge.create("org/bases.git"))
    made.commit({"base/a.yaml": "old\n"}, "old")
    made.tag("v1")
    made.commit({"base/a.yaml": "new\n"}, "new")
    return made


def base(forge: GitServer, ref: str = "", **more: str) -> RemoteBase:
    url = forge.url("org/bases.git")
    return RemoteBase(f"{url}//base?ref={ref}", f"{url}//base?ref={ref}", url, "base", ref, **more)


async def test_a_branch_a_tag_and_a_commit_are_found(open_place: Place, forge: GitServer, repo: Repo) -> None:
    assert text(await open_place.base(base(forge)), "base/a.yaml") == "new\n"
    assert text(await open_place.base(base(forge, "v1")), "base/a.yaml") == "old\n"
    assert text(await open_place.base(base(forge, repo.sha("v1"))), "base/a.yaml") == "old\n"


async def test_the_mirror_is_shared_and_the_server_not_asked_again_in_a_moment(
    open_place: Place, forge: GitServer, repo: Repo
) -> None:
    await open_place.base(base(forge))
    before = forge.count()
    for _ in range(20):
        await open_place.base(base(forge))
    assert forge.count() == before


async def test_a_private_address_is_refused_until_a_secret_names_it(place: Place, forge: GitServer, repo: Repo) -> None:
    with pytest.raises(Blocked, match="loopback address, which files in Git may not name") as caught:
        await place.base(base(forge))
    assert "Remote base" in str(caught.value)
    assert forge.count() == 0
    place.name(forge.url("org"))
    assert text(await place.base(base(forge)), "base/a.yaml") == "new\n"


async def test_a_name_that_resolves_to_a_private_address_is_refused(place: Place, forge: GitServer, repo: Repo) -> None:
    url = forge.url("org/bases.git").replace("127.0.0.1", "localhost")
    with pytest.raises(Blocked, match="loopback address"):
        await place.base(RemoteBase(f"{url}//base", f"{url}//base", url, "base"))
    assert forge.count() == 0


async def test_a_redirect_of_a_repository_to_a_private_address_is_refused(
    place: Place, web: HelmServer, forge: GitServer, repo: Repo
) -> None:
    """The first host may be asked; what it sends to may not."""
    guarded = RemoteBase(f"{web.url}/r//base", f"{web.url}/r//base", f"{web.url}/r", "base")
    web.moved |= {
        "/r/info/refs": forge.url("org/bases.git/info/refs?service=git-upload-pack"),
        "/r/git-upload-pack": forge.url("org/bases.git/git-upload-pack"),
    }
    place.name(web.url)
    with pytest.raises(Blocked, match="may not name"):
        await place.base(guarded)
    assert forge.count() == 0


@pytest.mark.parametrize(
    ("repository", "why"),
    [
        ("http://169.254.169.254/a/b", "may not name"),
        ("http://[::ffff:10.0.0.1]/a/b", "may not name"),
        ("ssh://git@10.0.0.1/a/b", "sshPrivateKey"),  # which only a Secret for that URL has
        ("git@127.0.0.1:a/b", "sshPrivateKey"),
    ],
)
async def test_addresses_of_our_network_are_refused_in_every_form(place: Place, repository: str, why: str) -> None:
    with pytest.raises(Blocked, match=why):
        await place.base(RemoteBase(f"{repository}//p?ref=x", f"{repository}//p?ref=x", repository, "p", "x"))


async def test_a_proxy_is_asked_for_no_repository_at_a_private_address(
    place: Place, web: HelmServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", web.url)
    monkeypatch.delenv("no_proxy", raising=False)
    url = "http://169.254.169.254/a/b"
    with pytest.raises(Blocked, match="link-local address, which files in Git may not name"):
        await place.base(RemoteBase(f"{url}//p", f"{url}//p", url, "p"))
    assert web.requests == []
    public = "http://bases.example.com/a/b"
    web.moved["/a/b/info/refs"] = f"{url}/info/refs"
    with pytest.raises(Blocked, match="link-local address, which files in Git may not name"):
        await place.base(RemoteBase(f"{public}//p", f"{public}//p", public, "p"))


@pytest.mark.parametrize("repository", ["file:///srv/git/a", "/srv/git/a"])
async def test_folders_of_this_machine_are_refused(open_place: Place, repository: str) -> None:
    with pytest.raises(Blocked, match="folder of the machine"):
        await open_place.base(RemoteBase(repository, repository, repository))


@pytest.mark.parametrize("ref", ["--upload-pack=x", "-x", "$(touch x)", "refs/../x", "nope"])
async def test_a_ref_is_never_an_option(open_place: Place, forge: GitServer, repo: Repo, ref: str) -> None:
    with pytest.raises(Blocked, match="not found among"):
        await open_place.base(base(forge, ref))


async def test_a_password_in_a_url_is_not_shown(open_place: Place, forge: GitServer, repo: Repo) -> None:
    url = forge.url("org/none.git").replace("http://", "http://me:s3cret@")
    with pytest.raises(Blocked) as caught:
        await open_place.base(RemoteBase(f"{url}//base", f"{url}//base", url, "base"))
    assert "s3cret" not in str(caught.value)
    assert "Remote base" in str(caught.value)


async def test_the_project_must_permit_the_repository(open_place: Place, forge: GitServer, repo: Repo) -> None:
    with pytest.raises(Blocked, match="does not permit it"):
        await open_place.base(base(forge), lambda _url: False)
    assert forge.count() == 0
    wanted = forge.url("org/bases.git")
    assert text(await open_place.base(base(forge), lambda url: url == wanted), "base/a.yaml") == "new\n"


async def test_submodules_of_a_base_are_guarded_too(place: Place, forge: GitServer, repo: Repo) -> None:
    inner = Repo.open(forge.create("private/inner.git"))
    commit = inner.commit({"x.yaml": "x\n"}, "x")
    url = forge.url("private/inner.git")
    modules = f'[submodule "m"]\n\tpath = m\n\turl = {url}\n'
    repo.commit({".gitmodules": modules}, "modules")
    add_module(repo, "m", commit)
    place.name(forge.url("org"))
    tree = await place.base(base(forge))
    with pytest.raises(Blocked, match="may not name"):
        text(tree, "m/x.yaml")


async def test_a_submodule_of_a_base_that_an_application_names_is_guarded_too(
    place: Place, forge: GitServer, repo: Repo
) -> None:
    inner = Repo.open(forge.create("private/inner.git"))
    commit = inner.commit({"x.yaml": "x\n"}, "x")
    url = forge.url("private/inner.git")
    assert await place.latest(SourceSpec(url), "main") == commit
    repo.commit({".gitmodules": f'[submodule "m"]\n\tpath = m\n\turl = {url}\n'}, "modules")
    add_module(repo, "m", commit)
    place.name(forge.url("org"))
    tree = await place.base(base(forge))
    with pytest.raises(Blocked, match="may not name"):
        text(tree, "m/x.yaml")


async def test_submodules_of_an_application_are_guarded_where_they_lie_on_another_host(
    place: Place, forge: GitServer, repo: Repo
) -> None:
    inner = Repo.open(forge.create("private/inner.git"))
    commit = inner.commit({"x.yaml": "x\n"}, "x")
    there = forge.url("private/inner.git").replace("127.0.0.1", "localhost")
    modules = (
        f'[submodule "m"]\n\tpath = m\n\turl = {there}\n[submodule "n"]\n\tpath = n\n\turl = ../../private/inner.git\n'
    )
    repo.commit({".gitmodules": modules}, "modules")
    add_module(repo, "m", commit)
    add_module(repo, "n", commit)
    spec = SourceSpec(forge.url("org/bases.git"))
    tree = await place.tree(spec, await place.latest(spec, "main"))
    assert text(tree, "n/x.yaml") == "x\n"
    with pytest.raises(Blocked, match="loopback address, which files in Git may not name"):
        text(tree, "m/x.yaml")
    place.name(there)
    assert text(await place.tree(spec, await place.latest(spec, "main")), "m/x.yaml") == "x\n"


def add_module(repo: Repo, path: str, commit: str) -> None:
    """Put a submodule into main's tip."""
    import pygit2

    git = pygit2.Repository(str(repo.path))
    tip = git[repo.sha("main")].peel(pygit2.Commit)
    index = pygit2.Index()
    index.read_tree(tip.tree)
    index.add(pygit2.IndexEntry(path, pygit2.Oid(hex=commit), pygit2.enums.FileMode.COMMIT))
    who = pygit2.Signature("A", "a@example.com")
    git.create_commit("refs/heads/main", who, who, "module", index.write_tree(git), [tip.id])


GIT = [
    "https://git.example.com/org/repo//p",
    "https://git.example.com/org/repo.git",
    "https://dev.azure.com/org/p/_git/repo/a",
    "https://github.com/org/repo",
    "git::https://git.example.com/org/repo",
    "git@git.example.com:org/repo",
    "ssh://git@git.example.com/org/repo",
]


@pytest.mark.parametrize("url", GIT)
def test_what_only_git_has_is_not_asked_for_as_a_file(url: str) -> None:
    assert says_git(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://raw.githubusercontent.com/org/repo/main/a.yaml",
        "https://git.example.com/org/repo/-/raw/main/a.yml?ref=x",
        "https://git.example.com/org/repo",
        "https://git.example.com/api/v4/projects/1/repository/files/a/raw?ref=main",
    ],
)
def test_what_may_be_a_file_is_asked_for_as_one(url: str) -> None:
    assert not says_git(url)


async def test_a_url_that_may_be_both_is_a_file_where_the_server_has_one(
    open_place: Place, web: HelmServer, forge: GitServer, repo: Repo
) -> None:
    web.files["/org/manifest"] = b"kind: ConfigMap\n"
    url = f"{web.url}/org/manifest"
    assert await open_place.base(RemoteBase(url, url, url)) == b"kind: ConfigMap\n"
    there = forge.url("org/bases.git").removesuffix(".git")
    wanted = RemoteBase(f"{there}.git/base", f"{there}/base", f"{there}.git", "base")
    assert text(await open_place.base(wanted), "base/a.yaml") == "new\n"


async def test_a_page_is_no_file(open_place: Place, forge: GitServer, repo: Repo, web: HelmServer) -> None:
    web.files["/org/repo"] = b"\n<!doctype html><html>a forge's page</html>"
    url = f"{web.url}/org/repo"
    with pytest.raises(Blocked, match="Remote base"):
        await open_place.base(RemoteBase(url, url, url))


async def test_a_file_that_is_not_there_is_no_repository(open_place: Place, web: HelmServer) -> None:
    url = f"{web.url}/org/repo/a.yaml"
    with pytest.raises(Blocked, match="404"):
        await open_place.base(RemoteBase(url, url, f"{web.url}/org/repo", "a.yaml"))


async def test_a_chart_is_fetched_with_the_guard_and_the_project(
    place: Place, open_place: Place, web: HelmServer
) -> None:
    web.publish("shop", "1.0.0", tgz({"shop/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\n"}))
    web.publish("shop", "1.1.0-rc.1", tgz({"shop/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.1.0-rc.1\n"}))
    chart = RemoteChart(web.repository, "shop")
    with pytest.raises(Blocked, match="loopback address, which files in Git may not name"):
        await place.chart(chart)
    with pytest.raises(Blocked, match="does not permit"):
        await open_place.chart(chart, lambda _url: False)
    assert web.requests == []
    assert "version: 1.0.0" in text(await open_place.chart(chart), "Chart.yaml")
    devel = RemoteChart(web.repository, "shop", devel=True)
    assert "rc.1" in text(await open_place.chart(devel), "Chart.yaml")


async def test_a_chart_that_unpacks_to_too_much_is_refused(open_place: Place, web: HelmServer) -> None:
    bomb = {"shop/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\n"}
    bomb |= {f"shop/files/{number}": bytes(4 << 20) for number in range(40)}  # type: ignore[misc]
    web.publish("shop", "1.0.0", tgz(bomb))
    with pytest.raises(Blocked, match=r"shop 1\.0\.0"):
        await open_place.chart(RemoteChart(web.repository, "shop"))


async def test_dependencies_of_charts_are_guarded_too(place: Place, web: HelmServer) -> None:
    web.publish("dep", "1.0.0", tgz({"dep/Chart.yaml": "apiVersion: v2\nname: dep\nversion: 1.0.0\n"}))
    needs = f"dependencies: [{{name: dep, version: 1.0.0, repository: {web.repository}}}]\n"
    tree = FakeTree({"Chart.yaml": f"apiVersion: v2\nname: shop\nversion: 1.0.0\n{needs}"})
    with pytest.raises(Blocked, match="loopback address, which files in Git may not name"):
        await place.completed(tree, ".")
    assert web.requests == []
    place.name(web.repository)
    assert (await place.completed(tree, ".")).find("charts/dep-1.0.0.tgz")


async def test_an_index_does_not_lead_to_a_private_address(place: Place, web: HelmServer) -> None:
    chart = tgz({"shop/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\n"})
    web.publish("shop", "1.0.0", chart, urls=["http://[::ffff:10.0.0.1]/shop-1.0.0.tgz"])
    place.name(web.repository)
    with pytest.raises(Blocked, match="private address, which files in Git may not name"):
        await place.chart(RemoteChart(web.repository, "shop"))


async def test_a_repository_that_an_application_names_is_not_guarded_and_a_file_that_names_it_is(
    place: Place, forge: GitServer, repo: Repo
) -> None:
    spec = SourceSpec(forge.url("org/bases.git"))
    sha = await place.latest(spec, "main")
    assert text(await place.tree(spec, sha), "base/a.yaml") == "new\n"
    with pytest.raises(Blocked, match="may not name"):
        await place.base(base(forge))
    assert await place.latest(spec, "v1")
    await place.refresh(spec.origin)
