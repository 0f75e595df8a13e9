"""Files in Git LFS are read as if they lay in Git, when the Secret says so."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.git_repo import Repo
from tests.source import lfs_server, test_ssh
from tests.source.conftest import WatchedServer
from tests.source.lfs_server import LfsServer, pointer
from tests.source.reading import files
from tests.source.ssh_server import SshServer
from todoke.model.credentials import Credential, CredentialUse, SecretText
from todoke.model.errors import Blocked, Unreachable
from todoke.model.sources import SourceSpec
from todoke.source.large_files import LARGEST_FILE, pointer_of
from todoke.source.repositories import GitSource

DATA = b"kind: ConfigMap\nmetadata: {name: large}\n"


@pytest.fixture
def lfs(server: WatchedServer) -> Iterator[LfsServer]:
    with lfs_server.running(server.port) as started:
        yield started


@pytest.fixture
def url(lfs: LfsServer, source: GitSource) -> str:
    url = f"{lfs.url}/shop.git"
    source.use_credentials([credential(url)])
    return url


def credential(url: str, lfs: bool = True) -> Credential:
    return Credential(CredentialUse.REPOSITORY, url, "taro", SecretText("pass"), lfs=lfs, origin="Secret/argocd/taro")


async def read(source: GitSource, url: str, path: str = ".") -> dict[str, bytes]:
    await source.refresh(url)
    sha = await source.latest(url, "main")
    return {file.path: file.data for file in await files(source, url, sha, SourceSpec(url, path=path))}


async def test_a_pointer_is_read_as_its_file_and_fetched_once(
    source: GitSource, repo: Repo, lfs: LfsServer, url: str, tmp_path: Path
) -> None:
    lfs.login = "Basic " + base64.b64encode(b"taro:pass").decode()
    repo.commit({"app/a.yaml": lfs.put(DATA), "app/b.yaml": "b: 1", "same.yaml": lfs.put(DATA)}, "one")
    for _ in range(2):
        assert await read(source, url, "app") == {"a.yaml": DATA, "b.yaml": b"b: 1"}
    tree = await source.tree(url, await source.latest(url, "main"))
    assert tree.size(tree.find("app/a.yaml")) == len(DATA)
    assert (lfs.batches, len(lfs.downloads), lfs.paths[0]) == ([1], 1, "/shop.git/info/lfs/objects/batch")
    repo.commit({"app/c.yaml": lfs.put(b"c: 1")}, "two")
    assert (await read(source, url, "app"))["c.yaml"] == b"c: 1"
    assert lfs.batches == [1, 1]
    kept = [path for path in (tmp_path / "mirrors").rglob("*") if ".lfs" in str(path.parent)]
    assert all(path.stat().st_mode & 0o077 == 0 for path in kept if path.is_file())


async def test_without_enable_lfs_a_pointer_is_refused(source: GitSource, repo: Repo, lfs: LfsServer, url: str) -> None:
    source.use_credentials([credential(url, lfs=False)])
    repo.commit({"a.yaml": lfs.put(DATA)}, "one")
    with pytest.raises(Blocked, match=r"a\.yaml is stored in Git LFS"):
        await read(source, url)
    assert not lfs.batches
    source.use_credentials([credential(url)])
    assert await read(source, url) == {"a.yaml": DATA}


async def test_the_login_is_not_sent_to_another_host(source: GitSource, repo: Repo, lfs: LfsServer, url: str) -> None:
    repo.commit({"a.yaml": lfs.put(DATA)}, "one")
    await read(source, url)
    lfs.elsewhere = "localhost"
    repo.commit({"a.yaml": lfs.put(b"other")}, "two")
    await read(source, url)
    assert [bool(login) for login in lfs.seen] == [True, False]


async def test_what_cannot_be_had_troubles_only_who_reads_it(
    source: GitSource, repo: Repo, lfs: LfsServer, url: str
) -> None:
    wrong = lfs.put(b"other contents", oid=pointer_of(pointer(DATA).encode()).oid)  # type: ignore[union-attr]
    assert wrong
    huge = pointer(b"huge").replace("size 4", f"size {LARGEST_FILE + 1}")
    tree = {
        "good/a.yaml": lfs.put(b"a: 1"),
        "wrong/a.yaml": pointer(DATA),
        "gone/a.yaml": pointer(b"never pushed"),
        "huge/a.yaml": huge,
    }
    repo.commit(tree, "one")
    assert await read(source, url, "good") == {"a.yaml": b"a: 1"}
    with pytest.raises(Unreachable, match=r"wrong/a\.yaml in Git LFS: "):
        await read(source, url, "wrong")
    with pytest.raises(Blocked, match=r"gone/a\.yaml in Git LFS: .*Object does not exist \(404\).*git lfs push"):
        await read(source, url, "gone")
    large = await source.tree(url, await source.latest(url, "main"))
    with pytest.raises(Blocked, match=r"huge/a\.yaml in Git LFS: it has 33554433 bytes, and at most 32 MiB are read"):
        large.read(large.find("huge/a.yaml"))
    asked = len(lfs.batches)
    await read(source, url, "good")
    assert len(lfs.batches) == asked, "what failed just now is not asked for again at each look"


@pytest.mark.parametrize(
    ("login", "transfer", "message"),
    [
        ("Basic other", "basic", "does not let the login of Secret/argocd/taro read it"),
        (None, "ssh", 'wants the transfer "ssh"'),
    ],
)
async def test_what_the_server_refuses(
    source: GitSource, repo: Repo, lfs: LfsServer, url: str, login: str | None, transfer: str, message: str
) -> None:
    lfs.login, lfs.transfer = login, transfer
    repo.commit({"a.yaml": lfs.put(DATA)}, "one")
    with pytest.raises(Blocked, match=message):
        await read(source, url)


async def test_many_files_come_in_batches(source: GitSource, repo: Repo, lfs: LfsServer, url: str) -> None:
    repo.commit({f"app/{number}.yaml": lfs.put(f"n: {number}".encode()) for number in range(130)}, "one")
    assert len(await read(source, url, "app")) == 130
    assert lfs.batches == [100, 30]


async def test_of_too_many_files_the_small_ones_come(
    source: GitSource, repo: Repo, lfs: LfsServer, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("todoke.source.large_files.LARGEST_COMMIT", 100)
    tree = {"app/a.yaml": lfs.put(DATA), "docs/x.yaml": lfs.put(b"x" * 60), "docs/y.yaml": lfs.put(b"y" * 50)}
    repo.commit(tree, "one")
    assert await read(source, url, "app") == {"a.yaml": DATA}
    with pytest.raises(Blocked, match=r"docs/x\.yaml in Git LFS: the commit's files up to this size"):
        await read(source, url, "docs")
    assert len(lfs.downloads) == 2


async def test_looks_at_the_same_time_fetch_once(source: GitSource, repo: Repo, lfs: LfsServer, url: str) -> None:
    sha = repo.commit({"a.yaml": lfs.put(DATA)}, "one")
    await source.refresh(url)
    await asyncio.gather(*(source.tree(url, sha) for _ in range(5)))
    assert len(lfs.downloads) == 1


async def test_a_damaged_copy_is_fetched_anew(
    source: GitSource, repo: Repo, lfs: LfsServer, url: str, tmp_path: Path
) -> None:
    repo.commit({"a.yaml": lfs.put(DATA)}, "one")
    await read(source, url)
    kept = next(path for path in (tmp_path / "mirrors").glob("*.lfs/*/*") if path.is_file())
    kept.write_bytes(DATA[:5])
    with pytest.raises(Unreachable, match="damaged"):
        await read(source, url)
    assert await read(source, url) == {"a.yaml": DATA}


async def test_over_ssh_the_server_names_where_large_files_are(source: GitSource, repo: Repo, lfs: LfsServer) -> None:
    repo.commit({"a.yaml": lfs.put(DATA)}, "one")
    lfs.login = "RemoteAuth ticket"
    async with SshServer(repo.path.parent, test_ssh.HOST) as ssh:
        ssh.authorized = [test_ssh.KEY]
        url = ssh.url("shop.git")
        source.use_known_hosts(ssh.known())
        source.use_credentials([test_ssh.credential(url, enableLfs="true")])
        with pytest.raises(Blocked, match="does not say where its Git LFS is"):
            await read(source, url)
        ssh.large_files = json.dumps({"href": f"{lfs.url}/lfs/info/lfs", "header": {"Authorization": lfs.login}})
        source.use_credentials([test_ssh.credential(url, enableLfs="true")])
        assert await read(source, url) == {"a.yaml": DATA}
    assert ssh.commands[-1] == "git-lfs-authenticate"
    assert lfs.paths == ["/lfs/info/lfs/objects/batch"]


def test_what_is_a_pointer() -> None:
    good = pointer(DATA).encode()
    assert pointer_of(good) is not None
    assert pointer_of(good.replace(b"oid", b"ext-0-foo sha256:" + b"1" * 64 + b"\noid")) is not None
    for bad in (b"", DATA, good + b"more\n", good.replace(b"sha256", b"sha1"), good + b" " * 2000):
        assert pointer_of(bad) is None
