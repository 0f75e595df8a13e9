"""Which files a source reads, and when they count as unchanged."""

from __future__ import annotations

from typing import Any

import pygit2
import pytest

from tests.cluster.git_repo import Repo, Symlink
from tests.source.reading import files, fingerprint
from todoke.model.errors import Blocked, Unreachable
from todoke.model.sources import SourceSpec
from todoke.render import listing
from todoke.source.repositories import GitSource

TREE = {
    "app/b.yaml": "b",
    "app/a.yml": "a",
    "app/c.json": "{}",
    "app/README.md": "no",
    "app/a/z.yaml": "z",
    "app/a-b/y.yaml": "y",
    "app/yaml": "no",
    "other/x.yaml": "x",
}


async def paths(source: GitSource, repo: Repo, **options: Any) -> list[str]:
    sha = await source.latest(repo.url, "main")
    return [
        file.path for file in await files(source, repo.url, sha, SourceSpec(repo.url, **{"path": "app", **options}))
    ]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["a.yml", "b.yaml", "c.json"]),
        ({"path": "./app/"}, ["a.yml", "b.yaml", "c.json"]),
        ({"recurse": True}, ["a/z.yaml", "a-b/y.yaml", "a.yml", "b.yaml", "c.json"]),
        ({"recurse": True, "include": "*.yaml"}, ["a/z.yaml", "a-b/y.yaml", "b.yaml"]),
        ({"recurse": True, "include": "{a,b}*"}, ["a/z.yaml", "a-b/y.yaml", "a.yml", "b.yaml"]),
        ({"recurse": True, "exclude": "a/*"}, ["a-b/y.yaml", "a.yml", "b.yaml", "c.json"]),
        ({"recurse": True, "include": "*.yaml", "exclude": "*.yaml"}, []),
        ({"recurse": True, "include": "?.y[am]*"}, ["a.yml", "b.yaml"]),
        ({"path": ".", "recurse": True, "include": "other/*"}, ["other/x.yaml"]),
    ],
)
async def test_which_files_are_read_and_in_which_order(
    source: GitSource, repo: Repo, options: dict[str, Any], expected: list[str]
) -> None:
    repo.commit(TREE, "one")
    assert sorted(await paths(source, repo, **options)) == sorted(expected)
    assert await paths(source, repo, **options) == sorted(expected, key=lambda path: path.split("/"))


async def test_a_glob_that_is_none_is_blocked(source: GitSource, repo: Repo) -> None:
    repo.commit(TREE, "one")
    with pytest.raises(Blocked, match=r"spec\.source\.directory\.include"):
        await paths(source, repo, include="{a")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("ap", r'no such folder "ap" at [0-9a-f]{8} \(there are: app\)'),
        ("app/c", r"there are: app/a"),
        ("app/b.yaml", "is a file, not a folder"),
        ("app/b.yaml/deeper", "goes through app/b.yaml, a file"),
        ("../etc", "leads out of the repository"),
        ("/app", "absolute"),
    ],
)
async def test_a_path_that_is_no_folder_is_blocked(source: GitSource, repo: Repo, path: str, message: str) -> None:
    repo.commit(TREE, "one")
    sha = await source.latest(repo.url, "main")
    for read in (files, fingerprint):
        with pytest.raises(Blocked, match=message) as caught:
            await read(source, repo.url, sha, SourceSpec(repo.url, path=path))
        assert caught.value.field == "spec.source.path"


async def test_links_inside_the_repository_are_followed(source: GitSource, repo: Repo) -> None:
    tree = {
        "app/x.yaml": Symlink("../shared/real.yaml"),
        "app/chain.yaml": Symlink("x.yaml"),
        "shared/real.yaml": "real",
        "current": Symlink("app"),
        "app/folder": Symlink("../shared"),
    }
    repo.commit(tree, "one")
    sha = await source.latest(repo.url, "main")
    for path in ("app", "current"):
        read = await files(source, repo.url, sha, SourceSpec(repo.url, path=path, recurse=True))
        assert [(file.path, file.data) for file in read] == [("chain.yaml", b"real"), ("x.yaml", b"real")]


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("/etc/passwd", "leads out of the repository"),
        ("../../../../etc/passwd", "leads out of the repository"),
        ("../nothing.yaml", "leads to nothing"),
        ("evil.yaml", "is a loop"),
        ("other.yaml", "is a loop"),
        ("../out", "leads out of the repository"),
    ],
)
@pytest.mark.parametrize("recurse", [False, True])
async def test_a_link_that_leads_astray_is_blocked_and_named(
    source: GitSource, repo: Repo, target: str, problem: str, recurse: bool
) -> None:
    tree = {"app/evil.yaml": Symlink(target), "app/other.yaml": Symlink("evil.yaml"), "out": Symlink("/etc")}
    repo.commit(tree, "one")
    sha = await source.latest(repo.url, "main")
    with pytest.raises(Blocked, match=rf"evil.yaml -> {target} {problem}"):
        await files(source, repo.url, sha, SourceSpec(repo.url, path="app", recurse=recurse))


@pytest.mark.parametrize(
    ("target", "problem"), [("../..", "leads out"), (".", "is a loop"), ("gone", "leads to nothing")]
)
async def test_a_folder_link_that_leads_astray_is_blocked(
    source: GitSource, repo: Repo, target: str, problem: str
) -> None:
    repo.commit({"app/a.yaml": "a", "app/link": Symlink(target)}, "one")
    with pytest.raises(Blocked, match=f"link -> {target} {problem}"):
        await paths(source, repo, recurse=True)
    assert await paths(source, repo) == ["a.yaml"]
    assert await paths(source, repo, recurse=True, exclude="link") == ["a.yaml"]


async def test_lfs_and_submodules_are_refused_by_name(source: GitSource, repo: Repo) -> None:
    repo.commit({"app/big.yaml": "version https://git-lfs.github.com/spec/v1\noid x"}, "one")
    await source.refresh(repo.url)
    with pytest.raises(Blocked, match=r"big\.yaml is stored in Git LFS"):
        await paths(source, repo)
    _add_submodule(repo, "app/vendor")
    await source.refresh(repo.url)
    with pytest.raises(Blocked, match="vendor is a submodule"):
        await paths(source, repo, recurse=True, exclude="big.yaml")
    assert await paths(source, repo, recurse=True, exclude="{big.yaml,vendor}") == []


async def test_too_much_is_blocked_before_it_is_read(
    monkeypatch: pytest.MonkeyPatch, source: GitSource, repo: Repo
) -> None:
    repo.commit({f"app/{number}.yaml": b"x" * 3_000_000 for number in range(4)}, "one")
    with pytest.raises(Blocked, match=r"larger than 10 MiB together \(at 3.yaml\)"):
        await paths(source, repo)
    monkeypatch.setattr(listing, "_MOST_ENTRIES", 3)
    repo.commit({"app/5.yaml": "x"}, "two")
    await source.refresh(repo.url)
    with pytest.raises(Blocked, match="more than 3 names"):
        await paths(source, repo)


async def test_a_two_megabyte_file_passes_unchanged(source: GitSource, repo: Repo) -> None:
    text = b"kind: ConfigMap\ndata: {x: '" + b"y" * 2_000_000 + b"'}"
    sha = repo.commit({"app/big.yaml": text}, "one")
    await source.refresh(repo.url)
    assert (await files(source, repo.url, sha, SourceSpec(repo.url, path="app")))[0].data == text


async def test_the_fingerprint_changes_with_what_is_read_and_only_then(source: GitSource, repo: Repo) -> None:
    async def print_of(path: str = "app", **options: Any) -> str:
        await source.refresh(repo.url)
        sha = await source.latest(repo.url, "main")
        return await fingerprint(source, repo.url, sha, SourceSpec(repo.url, path=path, **options))

    repo.commit({**TREE, "app/link.yaml": Symlink("../other/x.yaml")}, "one")
    first, deep = await print_of(), await print_of(recurse=True)
    repo.commit({"unrelated/q.yaml": "q"}, "elsewhere in the monorepo")
    assert (await print_of(), await print_of(recurse=True)) == (first, deep)
    repo.commit({"app/README.md": "changed"}, "not a manifest")
    assert (await print_of(), await print_of(recurse=True)) == (first, deep)
    repo.commit({"app/a/z.yaml": "changed"}, "only read by recursion")
    assert await print_of() == first
    assert await print_of(recurse=True) != deep
    repo.commit({"other/x.yaml": "changed"}, "what a link leads to")
    assert await print_of() != first
    assert await print_of(exclude="link.yaml") == await print_of(exclude="link.yaml", include="*")


async def test_a_commit_that_was_never_fetched_is_not_there_yet(source: GitSource, repo: Repo) -> None:
    repo.commit(TREE, "one")
    with pytest.raises(Unreachable, match="not been fetched"):
        await files(source, repo.url, "0" * 40, SourceSpec(repo.url))
    await source.refresh(repo.url)
    with pytest.raises(Unreachable, match="00000000 has not been fetched"):
        await files(source, repo.url, "0" * 40, SourceSpec(repo.url))


def _add_submodule(repo: Repo, path: str) -> None:
    git = pygit2.Repository(str(repo.path))
    tip = git.references["refs/heads/main"].peel(pygit2.Commit)
    index = pygit2.Index()
    index.read_tree(tip.tree)
    index.add(pygit2.IndexEntry(path, pygit2.Oid(hex="1" * 40), pygit2.enums.FileMode.COMMIT))
    author = pygit2.Signature("a", "a@b")
    sha = git.create_commit(None, author, author, "submodule", index.write_tree(git), [tip.id])
    git.references.create("refs/heads/main", sha, force=True)
