"""URLs that would be asked as others than a project judged them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cluster.git_repo import Repo
from tests.cluster.git_server import GitServer
from tests.source.conftest import WatchedServer
from todoke.model.errors import Blocked
from todoke.source.repositories import GitSource
from todoke.source.urls import locate


@pytest.mark.parametrize(
    "url",
    [
        "https://git.example/team/../other/shop.git",
        "https://git.example/team/%2e%2E/other/shop.git",
        "https://git.example/team%2F..%2fother/shop.git",
        "https://git.example/team/.\\../other/shop.git",
        "https://git.example/./secret/shop",
        "https://git.example/sec\tret/shop",
        "https://git.example/secret/shop?",
        "https://git.example/secret/shop?#there",
        "https://git\u3002example/secret/shop",
        "https://git.example.:8443/secret/shop",
        "https://g%69t.example/secret/shop",
        "ssh://git@git.example/team/?/../../other/shop",
        "git@git.example:../other/shop",
        "/srv/git/team/../other",
        "/srv/git/team/#/../../other",
        "file:///srv/git/team/%2e%2e/other",
    ],
)
def test_a_url_that_leads_elsewhere_than_it_says_is_refused(url: str) -> None:
    with pytest.raises(Blocked, match=r"step \. or \.\.|in ASCII|spelled unlike|with a dot"):
        locate(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://git.example/a..b/.github/...",
        "https://me:p..%2F@git.example/a/b",
        "https://git.example/api/files/deploy%2Fvalues%2Eyaml/raw?ref=../x",
        "https://[2001:db8::1]:8443/a/b",
        "git@git.example:a/b",
        "/srv/git/a.b",
    ],
)
def test_a_plain_url_is_none(url: str) -> None:
    assert locate(url).url


async def test_a_login_in_a_url_neither_opens_nor_closes_a_repository_for_others(
    source: GitSource, tmp_path: Path
) -> None:
    Repo.create(tmp_path / "closed" / "shop.git").commit({"a.yaml": "secret"}, "one")
    with GitServer(tmp_path / "closed", users={"reader": "s3cret"}) as server:
        url = server.url("shop.git")
        with pytest.raises(Blocked):
            await source.refresh(url.replace("://", "://reader:wrong@"))
        opened = url.replace("://", "://reader:s3cret@")
        await source.refresh(opened)
        assert await source.latest(opened, "main")
        with pytest.raises(Blocked):
            await source.latest(url, "main")


async def test_a_neighbour_is_not_asked_for(source: GitSource, repo: Repo, server: WatchedServer) -> None:
    Repo.create(repo.path.parent / "private.git").commit({"a.yaml": "secret"}, "one")
    with pytest.raises(Blocked, match=r"Write where it leads"):
        await source.refresh(server.url("team/../private.git"))
    assert server.count() == 0
