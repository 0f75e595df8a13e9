"""What a revision means."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pygit2
import pytest

from tests.cluster.git_repo import Repo
from tests.source.conftest import Counted
from todoke.model.errors import Blocked
from todoke.source.repositories import GitSource
from todoke.source.versions import is_constraint


async def test_every_way_to_write_a_revision(source: GitSource, repo: Repo, url: str) -> None:
    first = repo.commit({"a.yaml": "a: 1"}, "one")
    repo.tag("v1", message="annotated")
    repo.tag("light")
    second = repo.commit({"a.yaml": "a: 2"}, "two")
    repo.branch("feature/x", at=first)
    expected = {
        "": second,
        "HEAD": second,
        "main": second,
        "refs/heads/main": second,
        "heads/main": second,
        "feature/x": first,
        "v1": first,
        "refs/tags/v1": first,
        "light": first,
        first: first,
        first[:7]: first,
        second[:12]: second,
    }
    assert {revision: await source.latest(url, revision) for revision in expected} == expected


async def test_a_branch_beats_a_tag_of_the_same_name(source: GitSource, repo: Repo, url: str) -> None:
    repo.commit({"a.yaml": "a: 1"}, "one")
    repo.tag("release")
    branch = repo.commit({"a.yaml": "a: 2"}, "two")
    repo.branch("release")
    assert await source.latest(url, "release") == branch


async def test_a_default_branch_of_another_name(tmp_path: Path, source: GitSource) -> None:
    repo = Repo.create(tmp_path / "x.git", branch="trunk")
    sha = repo.commit({"a.yaml": "a: 1"}, "one", branch="trunk")
    assert await source.latest(repo.url, "HEAD") == sha


@pytest.mark.parametrize("scheme", ["http", "file"])
async def test_a_ref_outside_of_heads_and_tags_is_followed_once_somebody_wants_it(
    source: GitSource, repo: Repo, url: str, scheme: str
) -> None:
    address = url if scheme == "http" else repo.url
    repo.commit({"a.yaml": "a: 1"}, "one")
    await source.refresh(address)
    pull = repo.commit({"a.yaml": "a: 2"}, "pull", branch="temporary")
    git = pygit2.Repository(str(repo.path))
    git.references.create("refs/pull/1/head", pull)
    repo.delete_branch("temporary")
    assert await source.latest(address, "refs/pull/1/head") == pull
    newer = repo.commit({"a.yaml": "a: 3"}, "pull again", parents=[pull], branch="temporary")
    git.references.create("refs/pull/1/head", newer, force=True)
    repo.delete_branch("temporary")
    assert await source.refresh(address)
    assert await source.latest(address, "refs/pull/1/head") == newer


async def test_a_commit_that_no_branch_names_is_fetched_by_its_sha(
    source: GitSource, repo: Repo, url: str, telemetry: Counted
) -> None:
    repo.commit({"a.yaml": "a: 1"}, "one")
    await source.refresh(url)
    lost = repo.commit({"a.yaml": "a: 2"}, "lost", branch="temporary")
    repo.delete_branch("temporary")
    assert await source.latest(url, lost) == lost
    assert await source.latest(url, lost) == lost
    assert telemetry.fetched == 2


@pytest.mark.parametrize(
    ("revision", "message"),
    [
        ("mian", r'revision "mian" not found.*main.*Push it or correct targetRevision'),
        ("refs/heads/gone", r'"refs/heads/gone" not found'),
        ("0123abc", r'"0123abc" not found'),
        ("0" * 39 + "1", "not found"),
    ],
)
async def test_an_unknown_revision_is_blocked_and_near_names_are_offered(
    source: GitSource, repo: Repo, url: str, revision: str, message: str
) -> None:
    repo.commit({"a.yaml": "a: 1"}, "one")
    with pytest.raises(Blocked, match=message) as caught:
        await source.latest(url, revision)
    assert caught.value.subject == f"Repository {url}"
    assert caught.value.field == "spec.source.targetRevision"


async def test_an_ambiguous_short_sha_is_blocked(source: GitSource, repo: Repo) -> None:
    repo.commit({"a.yaml": "a: 1"}, "one")
    git = pygit2.Repository(str(repo.path))
    objects = repo.path / "objects"
    first = str(git.head.target)
    twin = first[:12] + ("0" * 28)
    await source.refresh(repo.url)
    mirror = next(path for path in objects.parents[2].glob("mirrors/*") if (path / "objects").is_dir())
    folder = mirror / "objects" / twin[:2]
    folder.mkdir(exist_ok=True)
    (folder / twin[2:]).write_bytes((objects / first[:2] / first[2:]).read_bytes())
    with pytest.raises(Blocked, match="ambiguous"):
        await source.latest(repo.url, first[:9])


async def test_a_tag_on_a_file_is_not_a_commit(source: GitSource, repo: Repo, url: str) -> None:
    repo.commit({"a.yaml": "a: 1"}, "one")
    git = pygit2.Repository(str(repo.path))
    git.references.create("refs/tags/file", git.create_blob(b"text"))
    with pytest.raises(Blocked, match="not a commit"):
        await source.latest(url, "file")


@pytest.mark.parametrize("scheme", ["http", "file"])
async def test_an_empty_repository_says_so(source: GitSource, repo: Repo, url: str, scheme: str) -> None:
    with pytest.raises(Blocked, match=r"empty.*Push a first commit"):
        await source.latest(url if scheme == "http" else repo.url, "HEAD")


async def test_commits_as_people_read_them(source: GitSource, repo: Repo, url: str) -> None:
    first = repo.commit({"a/a.yaml": "a: 1"}, "one")
    second = repo.commit({"a/a.yaml": "a: 2"}, "two\n\nbody")
    repo.commit({"b/b.yaml": "b: 1"}, "elsewhere")
    fourth = repo.commit({"a/b.yaml": "b: 1"}, "four")
    await source.refresh(url)
    info = source.commit(url, second)
    assert (info.sha, info.author, info.subject, info.parents) == (second, "Taro Test", "two", (first,))
    assert info.date.endswith("+00:00")
    changed = source.changed_between(url, first, fourth, "a")
    assert [commit.subject for commit in changed] == ["four", "two"]
    assert [commit.subject for commit in source.changed_between(url, first, fourth, ".")] == [
        "four",
        "elsewhere",
        "two",
    ]


class Versions:
    """What allows versions by a table, as the engine would; counts how often it is asked."""

    def __init__(self, **allowed: list[str]) -> None:
        self.allowed = {"^1.0": ["1.2.0", "1.1.0"], "*": ["2.0.0", "1.2.0", "1.1.0"], "9.x": []} | allowed
        self.asked = 0

    async def __call__(self, constraint: str, versions: Sequence[str]) -> list[str]:
        self.asked += 1
        return [version for version in self.allowed[constraint] for tag in versions if tag.removeprefix("v") == version]


@pytest.fixture
async def versioned(tmp_path: Path, telemetry: Counted) -> AsyncIterator[tuple[GitSource, Versions]]:
    versions = Versions()
    made = GitSource(tmp_path / "mirrors", telemetry, fetch_timeout_seconds=20, matching=versions)
    yield made, versions
    await made.close()


async def test_a_range_of_versions_is_its_newest_tag_until_a_newer_one_comes(
    versioned: tuple[GitSource, Versions], repo: Repo, url: str
) -> None:
    source, versions = versioned
    for number in ("1.1.0", "1.2.0", "notes", "2.0.0"):
        repo.commit({"a.yaml": number}, number)
        repo.tag(number)
    for _ in range(3):
        assert await source.latest(url, " ^1.0 ") == repo.sha("1.2.0")
    assert versions.asked == 1, "the answer is kept while the refs are the same"
    assert await source.latest(url, "*") == repo.sha("2.0.0")
    assert await source.latest(url, "1.1.0") == repo.sha("1.1.0"), "a whole version is a tag like others"
    versions.allowed["^1.0"].insert(0, "1.3.0")
    newer = repo.commit({"a.yaml": "1.3.0"}, "1.3.0")
    repo.tag("1.3.0", message="annotated")
    await source.refresh(url)
    assert await source.latest(url, "^1.0") == newer


async def test_a_range_comes_before_a_branch_of_its_name_and_after_that_the_branch(
    versioned: tuple[GitSource, Versions], repo: Repo, url: str
) -> None:
    source, _ = versioned
    first = repo.commit({"a.yaml": "1"}, "one")
    repo.branch("9.x")
    assert await source.latest(url, "9.x") == first
    repo.commit({"a.yaml": "2"}, "two")
    repo.tag("v1.2.0")
    with pytest.raises(Blocked, match=r'none of 0 tags that begin with "w-" is a version in "\*"'):
        await source.latest(url, "*", "w-")


async def test_tags_of_one_application_among_many_by_their_prefix(
    versioned: tuple[GitSource, Versions], repo: Repo, url: str
) -> None:
    source, _ = versioned
    for tag in ("web-1.1.0", "web-stable", "api-1.2.0", "1.2.0", "main"):
        repo.commit({"a.yaml": tag}, tag)
        repo.tag(tag)
    tip = repo.tip()
    repo.branch("trunk")
    expected = {"^1.0": "web-1.1.0", "1.1.0": "web-1.1.0", "stable": "web-stable", "trunk": tip, "HEAD": tip}
    for revision, wanted in expected.items():
        assert await source.latest(url, revision, "web-") == repo.sha(str(wanted)), revision
    assert await source.latest(url, str(tip)[:7], "web-") == tip
    with pytest.raises(Blocked, match=r'"1.2.0" not found among .* nor a tag "web-1.2.0"'):
        await source.latest(url, "1.2.0", "web-")


@pytest.mark.parametrize(
    "revision", ["*", "x", "1.x", "v1.2.*", "^1.2", "~1", ">=1.0.0 <2", ">1, <3", "1 - 2", "^1 || ^3", "=1.2.3", "^1-0"]
)
def test_ranges(revision: str) -> None:
    assert is_constraint(revision)


@pytest.mark.parametrize(
    "revision",
    ["", "main", "v1", "1.2", "1.2.3", "v1.2.3-rc.1+b", "1234567", "release-1.x", "1.2.3.4", "^", "||", "HEAD"],
)
def test_no_ranges(revision: str) -> None:
    assert not is_constraint(revision)


async def test_without_an_engine_there_are_no_ranges(source: GitSource, repo: Repo, url: str) -> None:
    repo.commit({"a.yaml": "1"}, "one")
    repo.tag("1.1.0")
    with pytest.raises(Blocked, match=r'none of 1 tags is a version in "\^1.0"'):
        await source.latest(url, "^1.0")
