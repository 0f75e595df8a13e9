"""What is kept: one download for all who want it, across restarts, within bounds."""

from __future__ import annotations

import asyncio
import random
import stat
from pathlib import Path

import pytest

from tests.source.charts.conftest import Make
from tests.source.charts.servers import HelmServer, chart, tgz
from todoke.model.errors import Blocked, Unreachable
from todoke.source.charts import Charts
from todoke.source.charts.disk import Disk


def contents(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache" / "contents").iterdir())


async def test_one_download_for_all_who_want_it(charts: Charts, helm: HelmServer) -> None:
    helm.publish("shop", "1.0.0")
    helm.hang["/charts/shop-1.0.0.tgz"] = asyncio.Event()
    tasks = [asyncio.create_task(charts.tree(helm.repository, "shop", "1.0.0")) for _ in range(50)]
    more = [asyncio.create_task(charts.archive(helm.repository, "shop", "1.0.0")) for _ in range(50)]
    await helm.hung.wait()
    tasks[0].cancel()  # whoever came first may go
    helm.hang["/charts/shop-1.0.0.tgz"].set()
    trees = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(trees[0], asyncio.CancelledError)
    assert len({id(tree) for tree in trees[1:]}) == 1
    assert set(await asyncio.gather(*more)) == {chart("shop", "1.0.0")}
    assert helm.asked("/charts/shop-1.0.0.tgz") == helm.asked("/charts/index.yaml") == 1


async def test_who_comes_when_the_index_is_known_shares_the_download(charts: Charts, helm: HelmServer) -> None:
    helm.publish("shop", "1.0.0")
    helm.hang["/charts/shop-1.0.0.tgz"] = asyncio.Event()
    first = asyncio.create_task(charts.tree(helm.repository, "shop", "1.0.0"))
    await helm.hung.wait()
    second = asyncio.create_task(charts.tree(helm.repository, "shop", "1.0.0"))
    assert await charts.resolve(helm.repository, "shop", "") == "1.0.0"
    helm.hang["/charts/shop-1.0.0.tgz"].set()
    assert await first is await second
    assert helm.asked("/charts/shop-1.0.0.tgz") == 1


async def test_what_nobody_waits_for_any_more_ends(charts: Charts, helm: HelmServer) -> None:
    helm.publish("shop", "1.0.0")
    helm.hang["/charts/shop-1.0.0.tgz"] = asyncio.Event()
    task = asyncio.create_task(charts.tree(helm.repository, "shop", "1.0.0"))
    await helm.hung.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    helm.hang.pop("/charts/shop-1.0.0.tgz").set()
    assert await charts.tree(helm.repository, "shop", "1.0.0")
    assert helm.asked("/charts/shop-1.0.0.tgz") == 2


async def test_the_error_of_one_download_is_that_of_all(charts: Charts, helm: HelmServer) -> None:
    helm.publish("shop", "1.0.0", digest="0" * 64)
    outcomes = await asyncio.gather(
        *(charts.tree(helm.repository, "shop", "1.0.0") for _ in range(20)), return_exceptions=True
    )
    assert {type(outcome) for outcome in outcomes} == {Blocked}
    assert helm.asked("/charts/shop-1.0.0.tgz") == 1


async def test_a_version_that_was_read_needs_nobody_after_a_restart(make: Make, helm: HelmServer) -> None:
    body = helm.publish("shop", "1.0.0")
    first = await make().tree(helm.repository, "shop", "1.0.0")
    helm.requests.clear()
    again = make()
    assert await again.resolve(helm.repository, "shop", "1.0.0") == "1.0.0"
    assert (await again.tree(helm.repository, "shop", "1.0.0")).root.id == first.root.id
    assert await again.archive(helm.repository, "shop", "1.0.0") == body
    assert helm.requests == []


async def test_an_index_that_did_not_change_is_not_sent_again_after_a_restart(make: Make, helm: HelmServer) -> None:
    helm.publish("shop", "1.0.0")
    await make().resolve(helm.repository, "shop", "")
    again = make()
    assert await again.resolve(helm.repository, "shop", "") == "1.0.0"
    assert "If-None-Match" in helm.requests[-1].headers


async def test_a_damaged_file_is_fetched_anew(make: Make, helm: HelmServer, tmp_path: Path) -> None:
    body = helm.publish("shop", "1.0.0")
    await make().archive(helm.repository, "shop", "1.0.0")
    for path in contents(tmp_path):
        path.write_bytes(path.read_bytes()[:-1])
    again = make()
    assert await again.archive(helm.repository, "shop", "1.0.0") == body
    assert await again.resolve(helm.repository, "shop", "") == "1.0.0"
    assert helm.asked("/charts/shop-1.0.0.tgz") == 2


async def test_damaged_facts_are_forgotten(make: Make, helm: HelmServer, tmp_path: Path) -> None:
    helm.publish("shop", "1.0.0")
    await make().tree(helm.repository, "shop", "1.0.0")
    for path in (tmp_path / "cache" / "facts").iterdir():
        path.write_text("{")
    assert await make().tree(helm.repository, "shop", "1.0.0")


async def test_the_cache_is_private_and_bounded(make: Make, helm: HelmServer, tmp_path: Path) -> None:
    noise = random.Random(1)
    for minor in range(6):
        data = tgz({"shop/Chart.yaml": "name: shop\n", "shop/noise": noise.randbytes(20_000)})
        helm.publish("shop", f"1.{minor}.0", data)
    charts = make(disk_bytes=70_000)
    for minor in range(6):
        await charts.tree(helm.repository, "shop", f"1.{minor}.0")
        await charts.archive(helm.repository, "shop", "1.0.0")  # used all the time
    assert 40_000 < sum(path.stat().st_size for path in contents(tmp_path)) <= 70_000
    assert helm.asked("/charts/shop-1.0.0.tgz") == 1
    folders = [path for path in (tmp_path / "cache").rglob("*") if path.is_dir()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "cache", *folders)} == {0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in contents(tmp_path)} == {0o600}
    helm.requests.clear()
    await make(disk_bytes=70_000).archive(helm.repository, "shop", "1.0.0")
    assert helm.requests == []


async def test_trees_in_memory_are_bounded(make: Make, helm: HelmServer) -> None:
    for minor in range(4):
        files = {"shop/Chart.yaml": "name: shop\n", "shop/large": bytes(100_000)}
        helm.publish("shop", f"1.{minor}.0", tgz({**files, "shop/n": str(minor)}))
    charts = make(held_bytes=250_000)
    first = await charts.tree(helm.repository, "shop", "1.3.0")
    assert await charts.tree(helm.repository, "shop", "1.3.0") is first
    for minor in range(3):
        await charts.tree(helm.repository, "shop", f"1.{minor}.0")
    again = await charts.tree(helm.repository, "shop", "1.3.0")
    assert again is not first
    assert again.root.id == first.root.id
    assert first.read(first.find("n")) == b"3"  # who holds it still reads it


async def test_a_folder_that_cannot_be_written_is_no_reason_to_fail(
    make: Make, helm: HelmServer, tmp_path: Path
) -> None:
    (tmp_path / "cache").write_text("in the way")
    helm.publish("shop", "1.0.0")
    assert await make().tree(helm.repository, "shop", "1.0.0")


def test_half_written_files_are_never_used(tmp_path: Path) -> None:
    disk = Disk(tmp_path, 1000)
    digest = disk.write(b"whole")
    (tmp_path / "contents" / f"{digest}.0123.partial").write_bytes(b"ha")
    again = Disk(tmp_path, 1000)
    assert again.read(digest) == b"whole"
    assert [path.name for path in (tmp_path / "contents").iterdir()] == [digest]


async def test_closing_ends_who_waits(make: Make, helm: HelmServer) -> None:
    charts = make()
    helm.hang["/charts/index.yaml"] = asyncio.Event()
    task = asyncio.create_task(charts.resolve(helm.repository, "shop", ""))
    await helm.hung.wait()
    await charts.close()
    with pytest.raises((asyncio.CancelledError, Unreachable)):
        await task
