"""Submodules are folders of the commit; what of them cannot be had troubles only who reads it."""

from __future__ import annotations

from pathlib import Path

import pygit2
import pytest

from tests.cluster.git_repo import Repo
from tests.source.conftest import Counted, WatchedServer
from tests.source.reading import files, fingerprint
from todoke.model.credentials import Credential, CredentialUse, SecretText
from todoke.model.errors import Blocked, Unreachable
from todoke.model.sources import SourceSpec
from todoke.model.trees import answer_of
from todoke.source.repositories import GitSource
from todoke.source.submodules import Submodule, parse, url_of
from todoke.source.urls import locate

pytestmark = pytest.mark.slow


def link(repo: Repo, modules: dict[str, tuple[str, str]]) -> str:
    """Commit submodules by path: their url as it is to be written, and their commit."""
    text = "".join(f'[submodule "{path}"]\n\tpath = {path}\n\turl = {url}\n' for path, (url, _) in modules.items())
    repo.commit({".gitmodules": text}, "modules")
    git = pygit2.Repository(str(repo.path))
    tip = git.references["refs/heads/main"].peel(pygit2.Commit)
    index = pygit2.Index()
    index.read_tree(tip.tree)
    for path, (_, commit) in modules.items():
        index.add(pygit2.IndexEntry(path, pygit2.Oid(hex=commit), pygit2.enums.FileMode.COMMIT))
    author = pygit2.Signature("a", "a@b")
    sha = git.create_commit(None, author, author, "links", index.write_tree(git), [tip.id])
    git.references.create("refs/heads/main", sha, force=True)
    return str(sha)


@pytest.fixture
def library(repo: Repo) -> Repo:
    """Another repository on the same server."""
    return Repo.create(repo.path.parent / "library.git")


async def read(source: GitSource, url: str, path: str = ".") -> dict[str, bytes]:
    await source.refresh(url)
    sha = await source.latest(url, "main")
    return {file.path: file.data for file in await files(source, url, sha, SourceSpec(url, path=path, recurse=True))}


@pytest.mark.parametrize("written", ["../library.git", "../library", "absolute"])
async def test_a_submodule_is_a_folder(
    source: GitSource, repo: Repo, library: Repo, url: str, written: str, server: WatchedServer
) -> None:
    first = library.commit({"base/b.yaml": "b: 1"}, "one")
    repo.commit({"app/a.yaml": "a: 1"}, "one")
    link(repo, {"app/lib": (server.url("library.git") if written == "absolute" else written, first)})
    assert await read(source, url, "app") == {"a.yaml": b"a: 1", "lib/base/b.yaml": b"b: 1"}
    assert await read(source, url, "app/lib/base") == {"b.yaml": b"b: 1"}
    tree = await source.tree(url, await source.latest(url, "main"))
    assert (tree.find("app/lib").id, tree.find("app/lib").is_folder) == (first, True)
    assert answer_of(tree, "app/lib", "tree") == first


async def test_what_was_read_of_a_submodule_is_in_the_key(
    source: GitSource, repo: Repo, library: Repo, url: str
) -> None:
    async def key(path: str) -> str:
        await source.refresh(url)
        return await fingerprint(
            source, url, await source.latest(url, "main"), SourceSpec(url, path=path, recurse=True)
        )

    repo.commit({"other/a.yaml": "a: 1"}, "one")
    first = library.commit({"x/b.yaml": "b: 1", "y/c.yaml": "c: 1"}, "one")
    second = library.commit({"x/b.yaml": "b: 2"}, "two")
    link(repo, {"lib": ("../library.git", first)})
    before = [await key(path) for path in ("lib/x", "lib/y", "other")]
    link(repo, {"lib": ("../library.git", second)})
    after = [await key(path) for path in ("lib/x", "lib/y", "other")]
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, True, True]


async def test_a_commit_that_is_here_is_not_asked_for(
    source: GitSource, repo: Repo, library: Repo, url: str, telemetry: Counted
) -> None:
    link(repo, {"lib": ("../library.git", library.commit({"b.yaml": "b"}, "one"))})
    await read(source, url)
    asked = telemetry.asked
    for _ in range(3):
        await source.tree(url, await source.latest(url, "main"))
    assert telemetry.asked == asked


async def test_a_commit_that_no_branch_names_any_more_is_fetched(
    source: GitSource, repo: Repo, library: Repo, url: str
) -> None:
    lost = library.commit({"b.yaml": "lost"}, "one")
    library.commit({"b.yaml": "new"}, "other history", parents=())
    link(repo, {"lib": ("../library.git", lost)})
    assert await read(source, url) == {"lib/b.yaml": b"lost"}


async def test_submodules_inside_of_submodules_up_to_a_depth(source: GitSource, repo: Repo, url: str) -> None:
    inner = ""
    for number in range(12, 0, -1):
        module = Repo.create(repo.path.parent / f"m{number}.git")
        commit = module.commit({f"{number}.yaml": str(number)}, "one")
        inner = link(module, {"in": (f"../m{number + 1}.git", inner)}) if inner else commit
    link(repo, {"in": ("../m1.git", inner)})
    with pytest.raises(Blocked, match="at most 10 inside of each other"):
        await read(source, url)
    tree = await source.tree(url, await source.latest(url, "main"))
    assert tree.read(tree.find("/".join(["in"] * 10) + "/10.yaml")) == b"10"


async def test_links_lead_from_a_submodule_to_what_is_around_it(
    source: GitSource, repo: Repo, library: Repo, url: str
) -> None:
    git = pygit2.Repository(str(library.path))
    index = pygit2.Index()
    index.add(pygit2.IndexEntry("up.yaml", git.create_blob(b"../a.yaml"), pygit2.enums.FileMode.LINK))
    author = pygit2.Signature("a", "a@b")
    commit = str(git.create_commit("refs/heads/main", author, author, "link", index.write_tree(git), []))
    repo.commit({"a.yaml": "a"}, "one")
    link(repo, {"lib": ("../library.git", commit)})
    assert await read(source, url, "lib") == {"up.yaml": b"a"}


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("../nothing.git", r"Repository http://.*/nothing.git: there is no Git repository"),
        ("../library.git", r"library.git: it has no commit 11111111, at which it is the submodule lib"),
        ("file:///etc", r".gitmodules of submodule lib: its url is a folder of the machine"),
        ("/etc", r".gitmodules of submodule lib: its url is a folder of the machine"),
        ("../../../x", r"leads out of the host"),
        ("", r".gitmodules of submodule lib: has no url"),
        ("ext::sh -c id", "is not a Git URL"),
    ],
)
async def test_what_cannot_be_had_troubles_only_who_reads_it(
    source: GitSource, repo: Repo, library: Repo, url: str, written: str, message: str
) -> None:
    library.commit({"b.yaml": "b"}, "one")
    repo.commit({"app/a.yaml": "a: 1"}, "one")
    link(repo, {"lib": (written, "1" * 40)})
    assert await read(source, url, "app") == {"a.yaml": b"a: 1"}
    with pytest.raises((Blocked, Unreachable), match=message):
        await read(source, url, "lib")
    with pytest.raises((Blocked, Unreachable), match=message):
        await read(source, url)


async def test_a_submodule_that_is_no_commit(source: GitSource, repo: Repo, library: Repo, url: str) -> None:
    commit = library.commit({"b.yaml": "b"}, "one")
    tree = pygit2.Repository(str(library.path))[commit].peel(pygit2.Commit).tree_id
    link(repo, {"lib": ("../library.git", str(tree))})
    with pytest.raises(Blocked, match=r"library.git: [0-9a-f]{8}, at which it is the submodule lib, is no commit"):
        await read(source, url, "lib")


async def test_each_repository_has_its_own_login_and_a_new_one_is_used_at_once(
    source: GitSource, repo: Repo, library: Repo, server: WatchedServer, url: str
) -> None:
    link(repo, {"lib": ("../library.git", library.commit({"b.yaml": "b"}, "one"))})
    server.users = {"taro": "pass"}

    def login(url: str) -> Credential:
        return Credential(CredentialUse.REPOSITORY, url, "taro", SecretText("pass"), origin="Secret/a/taro")

    source.use_credentials([login(url)])
    with pytest.raises(Blocked, match=r"library.git: the server wants a login"):
        await read(source, url)
    source.use_credentials([login(url), login(server.url("library.git"))])
    assert await read(source, url) == {"lib/b.yaml": b"b"}


async def test_a_project_can_forbid_a_submodules_repository(
    source: GitSource, repo: Repo, library: Repo, url: str
) -> None:
    sha = link(repo, {"lib": ("../library.git", library.commit({"b.yaml": "b"}, "one"))})
    await source.refresh(url)
    for permitted in (True, False, True):  # what one application has read is no way in for another
        tree = await source.tree(url, sha, lambda other, permitted=permitted: permitted)
        if permitted:
            assert tree.read(tree.find("lib/b.yaml")) == b"b"
            continue
        with pytest.raises(Blocked, match=r"library.git: it is the submodule lib .* does not permit.*sourceRepos"):
            tree.find("lib/b.yaml")


async def test_a_commit_that_moves_a_submodule_changes_what_is_inside_of_it(
    source: GitSource, repo: Repo, library: Repo, url: str
) -> None:
    shas = [library.commit({"x/b.yaml": str(number)}, "one") for number in range(2)]
    before = link(repo, {"lib": ("../library.git", shas[0])})
    other = repo.commit({"a.yaml": "a"}, "elsewhere")
    after = link(repo, {"lib": ("../library.git", shas[1])})
    await source.refresh(url)
    assert [commit.sha for commit in source.changed_between(url, before, after, "lib/x")] == [after]
    assert source.changed_between(url, before, other, "lib/x") == ()


def test_what_gitmodules_says() -> None:
    text = """
    # a comment
    [submodule "a \\"b\\""]
        path = "libs/with space" ; why
        url = https://host/x#y.git
        branch = main
    [submodule "two"] path = libs/two
        URL = "https://host/x;#y.git"
    [core]
        path = no
    [submodule "long"]
        path = libs/\\
long/
        url=../z
    [submodule "none"]
        path = libs/none
    """
    assert parse(text) == {
        "libs/with space": "https://host/x",
        "libs/two": "https://host/x;#y.git",
        "libs/long": "../z",
        "libs/none": "",
    }


@pytest.mark.parametrize(
    ("parent", "written", "expected"),
    [
        ("https://host/org/shop.git", "../lib.git", "https://host/org/lib.git"),
        ("https://host/org/shop/", "./lib", "https://host/org/shop/lib"),
        ("https://user:word@host/org/shop", "../../o/lib", "https://user:word@host/o/lib"),
        ("git@host:org/shop.git", "../lib.git", "git@host:org/lib.git"),
        ("git@host:shop.git", "../lib.git", "git@host:lib.git"),
        ("ssh://git@host:22/org/shop", "../lib", "ssh://git@host:22/org/lib"),
        ("/srv/git/shop.git", "../lib.git", "/srv/git/lib.git"),
        ("file:///srv/git/shop.git", "../lib.git", "file:///srv/git/lib.git"),
        ("https://host/shop", "git@other:x/y", "git@other:x/y"),
        ("/srv/git/shop.git", "/srv/lib.git", "/srv/lib.git"),
    ],
)
def test_where_a_relative_url_leads(parent: str, written: str, expected: str, tmp_path: Path) -> None:
    assert url_of(Submodule("lib", "1" * 40, written), locate(parent)) == expected
