"""The API server goes away, forgets, is overloaded; clocks jump; others fight. todoke catches up, and stays calm."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.cluster.client import ApiClient, ApiError
from tests.cluster.control_plane import ControlPlane
from tests.cluster.git_repo import Repo
from tests.cluster.program import Desk, Program, looping
from tests.cluster.proxy import Dropped, Proxy, Write
from tests.cluster.stage import Stage, config_map, install_kinds, opened
from tests.cluster.waiting import until
from todoke.delivery.walk import Delivery, Rooms

pytestmark = pytest.mark.plane

OUTAGE_SECONDS = 20.0


class Scene(NamedTuple):
    """A stage whose requests go through a proxy, its loop running."""

    stage: Stage
    proxy: Proxy
    desk: Desk


@pytest.fixture
async def scene(plane: ControlPlane, client: ApiClient, namespace: str, tmp_path: Path) -> AsyncIterator[Scene]:
    await install_kinds(client)
    async with Proxy(plane.kubeconfig_path, tmp_path) as proxy:
        stage = Stage(plane, client, namespace, tmp_path)
        stage.kubeconfig = proxy.kubeconfig
        async with opened(stage), looping(stage):
            yield Scene(stage, proxy, Desk(client, namespace))


def commit(repo: Repo, *manifests: dict[str, Any], message: str = "a change") -> str:
    """Commit manifests, one file each; only the poll tells of them."""
    files = {f"shop/{number}.yaml": json.dumps(manifest) for number, manifest in enumerate(manifests)}
    return repo.commit({"shop": None} | files if repo.tip() else files, message)


async def colours(stage: Stage) -> dict[str, str]:
    """The colour of every ConfigMap with one, by name."""
    found = await stage.api.get(f"/api/v1/namespaces/{stage.namespace}/configmaps")
    return {one["metadata"]["name"]: one["data"]["color"] for one in found["items"] if "color" in one.get("data", {})}


async def test_the_api_server_is_away_in_the_middle_of_a_sync(scene: Scene):
    stage, proxy, desk = scene
    names = [f"web-{number:02}" for number in range(30)]
    sha = commit(stage.repo, *(config_map(name, color="blue") for name in names))
    left = asyncio.Event()

    async def leave(write: Write) -> None:
        if write.number == 10:
            proxy.leave()
            left.set()
        if left.is_set():
            raise Dropped

    proxy.before = leave
    await desk.create(stage.repo.url)
    await asyncio.wait_for(left.wait(), 10)
    assert 0 < len(await colours(stage)) < 30
    await until(lambda: asyncio.sleep(0, sum(proxy.refused.values())), lambda refused: refused > 15)
    proxy.before = None
    proxy.come_back()
    status = await desk.synced(sha)
    assert await colours(stage) == dict.fromkeys(names, "blue")
    assert [entry["revision"] for entry in status["history"]] == [sha]
    assert not status["conditions"]
    assert status["operationState"]["phase"] == "Succeeded"


@pytest.mark.timeout(120)
async def test_a_real_outage_of_twenty_seconds_in_the_middle_of_a_sync(tmp_path: Path):
    names = [f"web-{number:03}" for number in range(300)]
    async with ControlPlane() as plane, ApiClient(plane.kubeconfig_path) as api:
        await install_kinds(api)
        stage = Stage(plane, api, "outage", tmp_path)
        desk = Desk(api, "outage")
        await api.create("/api/v1/namespaces", {"metadata": {"name": "outage"}})
        sha = commit(stage.repo, *(config_map(name, color="blue") for name in names))
        async with opened(stage), looping(stage):
            await desk.create(stage.repo.url)
            await until(lambda: colours(stage), len)
            await asyncio.to_thread(plane.kill_apiserver)
            await asyncio.sleep(OUTAGE_SECONDS)
            await asyncio.to_thread(plane.start_apiserver)
            begun = len(await colours(stage))
            status = await desk.synced(sha, seconds=40)
            assert await colours(stage) == dict.fromkeys(names, "blue")
            assert begun < len(names), "the outage came too late to prove anything"
            assert [entry["revision"] for entry in status["history"]] == [sha]
            second = commit(stage.repo, *(config_map(name, color="red") for name in names))
            await desk.synced(second, seconds=30)
            assert await colours(stage) == dict.fromkeys(names, "red")


@pytest.mark.parametrize("told", ["event", "status"])
async def test_nothing_is_missed_when_the_history_of_a_watch_is_gone(scene: Scene, told: str):
    stage, proxy, desk = scene
    await desk.create(stage.repo.url)
    sha = commit(stage.repo, config_map("changed", color="blue"), config_map("deleted", color="blue"))
    await desk.synced(sha)
    path = f"/api/v1/namespaces/{stage.namespace}/configmaps"
    await until(lambda: asyncio.sleep(0, proxy.watched), lambda paths: "/api/v1/configmaps" in paths)
    with proxy.blind(expire=told):
        await stage.api.patch(f"{path}/changed", {"data": {"color": "red"}})
        await stage.api.delete(f"{path}/deleted")
        await until(lambda: asyncio.sleep(0, proxy.refused), lambda refused: refused["/api/v1/configmaps"] > 0)
    await until(lambda: colours(stage), lambda found: found == {"changed": "blue", "deleted": "blue"})
    # All watches are back, those of Applications among them: a spec that changes is heard of.
    await desk.patch({"spec": {"source": {"path": "elsewhere"}}})
    await desk.condition('no such folder "elsewhere"')


async def test_an_overloaded_api_server_is_left_alone_and_then_everything_goes_on(scene: Scene):
    stage, proxy, desk = scene
    await desk.create(stage.repo.url)
    await desk.synced(commit(stage.repo, config_map(color="blue")))
    loop = asyncio.get_running_loop()
    with proxy.busy(seconds=1):
        begun = loop.time()
        proxy.drop()
        sha = commit(stage.repo, config_map(color="red"), config_map("other", color="red"))
        await until(lambda: asyncio.sleep(0, proxy.refused), lambda refused: max(refused.values(), default=0) >= 4)
        took = loop.time() - begun
    asked = {path: count / took for path, count in proxy.refused.items()}
    assert max(asked.values()) < 2.0, asked
    status = await desk.synced(sha, seconds=30)
    assert await colours(stage) == {"web": "red", "other": "red"}
    assert not status["conditions"]


async def test_a_clock_that_jumps_does_not_stop_anything(stage: Stage):
    clock = timedelta()

    def now() -> datetime:
        return datetime.now(UTC) + clock

    rooms = Rooms(stage.source, stage.renderer, stage.cluster, stage.applications, stage.ledger, now)
    stage.delivery = Delivery(rooms, stage.house)
    await stage.commit({"shop/all.yaml": config_map(color="blue")})
    await stage.application()
    await stage.settled()

    async def healed() -> None:
        await stage.change("ConfigMap", {"data": {"color": "red"}})

        async def look() -> dict[str, str]:
            await stage.deliver()
            return await colours(stage)

        await until(look, lambda found: found == {"web": "blue"}, seconds=10)

    for jump in (timedelta(hours=-1), timedelta(days=1), timedelta(hours=-2)):
        clock = jump
        await healed()
        sha = await stage.commit({"shop/all.yaml": config_map(color="blue", jump=str(jump))})
        status = await stage.settled()
        assert (status["sync"]["status"], status["sync"]["revision"]) == ("Synced", sha)
        assert status["operationState"]["phase"] == "Succeeded"


async def test_a_failed_sync_is_tried_again_after_the_clock_was_set_back(stage: Stage):
    clock = timedelta()
    rooms = Rooms(
        stage.source,
        stage.renderer,
        stage.cluster,
        stage.applications,
        stage.ledger,
        lambda: datetime.now(UTC) + clock,
    )
    stage.delivery = Delivery(rooms, stage.house)
    away = f"{stage.namespace}-later"
    await stage.commit({"shop/all.yaml": config_map(color="blue")})
    retry = {"limit": 5, "backoff": {"duration": "1s"}}
    await stage.application(
        destination={"server": "https://kubernetes.default.svc", "namespace": away},
        syncPolicy={"automated": {}, "retry": retry},
    )
    status = await stage.settled()
    assert status["operationState"]["phase"] == "Failed"
    assert f'namespace "{away}" not found' in status["operationState"]["message"]
    clock = timedelta(hours=-1)
    await stage.api.create("/api/v1/namespaces", {"metadata": {"name": away}})
    try:
        await until(stage.deliver, lambda status: status["sync"]["status"] == "Synced", seconds=10)
    finally:
        await stage.api.delete(f"/api/v1/namespaces/{away}")


async def test_a_failed_sync_is_tried_again_although_nothing_is_heard(scene: Scene):
    """The namespace that was missing is made; nothing of it reaches todoke but the next attempt."""
    stage, _, desk = scene
    away = f"{stage.namespace}-later"
    sha = commit(stage.repo, config_map(color="blue"))
    retry = {"limit": 5, "backoff": {"duration": "1s"}}
    destination = {"server": "https://kubernetes.default.svc", "namespace": away}
    await desk.create(stage.repo.url, destination=destination, syncPolicy={"automated": {}, "retry": retry})
    await desk.condition(f'namespace "{away}" not found', "CreateNamespace=true")
    await stage.api.create("/api/v1/namespaces", {"metadata": {"name": away}})
    try:
        status = await desk.synced(sha, seconds=10)
        assert not status["conditions"]
    finally:
        await stage.api.delete(f"/api/v1/namespaces/{away}")


async def test_a_watch_that_dies_ends_the_program_loudly(
    plane: ControlPlane, client: ApiClient, namespace: str, tmp_path: Path
):
    await install_kinds(client)
    async with (
        Proxy(plane.kubeconfig_path, tmp_path) as proxy,
        Program(tmp_path, namespace, proxy.kubeconfig) as program,
    ):
        await until(lambda: asyncio.sleep(0, proxy.watched), lambda paths: len(paths) >= 3)
        await proxy.inject(b"this is no event\n")
        assert await program.ended() != 0
        assert any("malformed" in line for line in program.lines), program.lines


async def test_a_discovery_that_fails_is_no_missing_kind(
    plane: ControlPlane, client: ApiClient, namespace: str, tmp_path: Path
):
    """The program must not tell people to install what is installed."""
    await install_kinds(client)
    async with Proxy(plane.kubeconfig_path, tmp_path) as proxy:
        proxy.failing["/apis"] = 500
        program = Program(tmp_path, namespace, proxy.kubeconfig)
        with pytest.raises(AssertionError):
            await program.start()
        said = program.lines[-1]
        assert "discovery: the API server answered 500" in said, said


async def test_the_program_ends_well_when_it_is_asked_to(
    plane: ControlPlane, client: ApiClient, namespace: str, tmp_path: Path
):
    await install_kinds(client)
    async with Program(tmp_path, namespace, plane.kubeconfig_path) as program:
        assert program.lines[-1].startswith("todoke acts on 0 of ")
        await program.stop()
        assert not [line for line in program.lines if "Traceback" in line or line.startswith("ERROR")]


async def test_a_writer_who_fights_back_makes_no_hot_loop(scene: Scene):
    stage, proxy, desk = scene
    await desk.create(stage.repo.url)
    await desk.synced(commit(stage.repo, config_map(color="blue")))
    path = stage.path("ConfigMap")
    fought = 0

    async def fight() -> None:
        nonlocal fought
        while True:
            if (await stage.live("ConfigMap"))["data"]["color"] == "blue":
                await stage.api.patch(path, {"data": {"color": "red"}}, fieldManager="stubborn")
                fought += 1
            await asyncio.sleep(0.02)

    loop = asyncio.get_running_loop()
    begun = loop.time()
    proxy.writes.clear()
    fighter = asyncio.create_task(fight())
    try:
        await until(lambda: asyncio.sleep(0, fought), lambda count: count >= 4)
    finally:
        fighter.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await fighter
    assert loop.time() - begun > 7.0, "the second self-heal waits 2 s, the third 6 s"
    heals = [write for write in proxy.writes if write.path == path]
    assert len(heals) == 3
    assert len(proxy.writes) <= 3 * len(heals)
    status = await desk.status()
    assert status["operationState"]["operation"]["sync"]["autoHealAttemptsCount"] == 3
    assert len(status["history"]) == 1


async def test_a_kind_that_goes_away_and_comes_back_is_delivered_again(scene: Scene):
    stage, _, desk = scene
    group = f"{stage.namespace}.example.org"
    definition = _definition(group)
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{definition['metadata']['name']}"
    widget = {"apiVersion": f"{group}/v1", "kind": "Widget", "metadata": {"name": "web"}, "spec": {"size": 1}}
    there = f"/apis/{group}/v1/namespaces/{stage.namespace}/widgets/web"
    await stage.api.apply(path, definition)
    try:
        await desk.create(stage.repo.url)
        sha = commit(stage.repo, widget, config_map(color="blue"))
        await desk.synced(sha)
        await stage.api.delete(path)
        await until(lambda: _gone(stage.api, path), bool)
        second = commit(stage.repo, widget, config_map(color="red"))
        await until(lambda: colours(stage), lambda found: found == {"web": "red"})
        await desk.condition("Widget", "CRD not installed")
        await stage.api.apply(path, definition)
        await desk.synced(second)
        assert (await stage.api.get(there))["spec"] == {"size": 1}
    finally:
        with contextlib.suppress(ApiError):
            await stage.api.delete(path)


async def _gone(api: ApiClient, path: str) -> bool:
    try:
        await api.get(path)
    except ApiError as error:
        return error.status == 404
    return False


def _definition(group: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }
