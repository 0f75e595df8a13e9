"""Repositories that refuse, hang, want a login, rewrite their history: only their own applications notice."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.cluster.client import ApiClient
from tests.cluster.control_plane import ControlPlane
from tests.cluster.git_repo import Repo
from tests.cluster.git_server import GitServer
from tests.cluster.program import Desk, Program, Scene, looping, playing
from tests.cluster.stage import Stage, config_map, install_kinds, opened
from tests.cluster.waiting import until

pytestmark = pytest.mark.anywhere

PASSWORD = "correct horse"
GOOD = json.dumps(config_map(color="blue"))


@pytest.fixture
async def scene(stage: Stage) -> AsyncIterator[Scene]:
    async with playing(stage) as scene:
        yield scene


async def test_a_branch_moved_by_force_is_followed_and_leaves_nothing_stale(scene: Scene):
    stage, desk = scene
    root = stage.repo.commit({"shop/all.yaml": GOOD}, "root")
    stage.repo.commit({"shop/old.yaml": json.dumps(config_map("old", color="blue"))}, "old")
    await desk.create(stage.repo.url)
    await until(desk.status, lambda status: len(status.get("resources") or ()) == 2)
    new = {"shop/all.yaml": json.dumps(config_map(color="red")), "shop/new.yaml": json.dumps(config_map("new", a="1"))}
    sha = stage.repo.commit(new, "rewritten", parents=[root])
    status = await desk.synced(sha)
    assert [resource["name"] for resource in status["resources"]] == ["new", "web"]
    found = await stage.api.get(f"/api/v1/namespaces/{stage.namespace}/configmaps")
    assert {one["metadata"]["name"] for one in found["items"]} - {"kube-root-ca.crt", "fine", "todoke-kinds"} == {
        "new",
        "web",
    }
    assert (await stage.live("ConfigMap"))["data"] == {"color": "red"}


async def test_a_new_state_folder_after_the_delivered_commit_is_gone_from_the_repository(stage: Stage, tmp_path: Path):
    """The status names a commit that nobody can fetch any more; nothing waits for it."""
    desk = Desk(stage.api, stage.namespace)
    lost = stage.repo.commit({"shop/all.yaml": GOOD, "shop/old.yaml": json.dumps(config_map("old", a="1"))}, "lost")
    await desk.create(stage.repo.url)
    async with looping(stage):
        await desk.synced(lost)
    fresh = Repo.create(tmp_path / "fresh.git")
    sha = fresh.commit({"shop/all.yaml": json.dumps(config_map(color="red"))}, "rewritten")
    stage.repo.path.rename(tmp_path / "away.git")
    fresh.path.rename(stage.repo.path)
    stage.state = tmp_path / "another"
    async with opened(stage), looping(stage):
        status = await desk.synced(sha)
    assert [entry["revision"] for entry in status["history"]] == [lost, sha]
    assert [resource["name"] for resource in status["resources"]] == ["web"]
    assert (await stage.live("ConfigMap"))["data"] == {"color": "red"}


class Switch:
    """A TCP port that refuses connections until it is switched through to another one."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])

    @asynccontextmanager
    async def through(self, port: int) -> AsyncIterator[None]:
        """Pass everything on to a port."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer), return_exceptions=True)

        server = await asyncio.start_server(serve, "127.0.0.1", self.port)
        try:
            yield
        finally:
            server.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    finally:
        writer.close()


async def test_a_repository_that_refuses_connections(scene: Scene, tmp_path: Path):
    stage, desk = scene
    repo = Repo.create(tmp_path / "served" / "far.git")
    sha = repo.commit({"shop/all.yaml": GOOD}, "good")
    switch = Switch()
    await desk.create(f"http://127.0.0.1:{switch.port}/far.git")
    await scene.fine_goes_on()
    await desk.condition(f"Repository http://127.0.0.1:{switch.port}/far.git", "no answer", "onnect", seconds=30)
    with GitServer(tmp_path / "served") as server:
        async with switch.through(server.port):
            status = await desk.synced(sha, seconds=30)
            assert not status["conditions"]
            await stage.source.close()


async def test_a_repository_that_hangs_holds_nobody_up(stage: Stage, tmp_path: Path):
    """A host that takes connections and says nothing."""
    repo = Repo.create(tmp_path / "served" / "far.git")
    sha = repo.commit({f"slow-{n}/all.yaml": json.dumps(config_map(f"slow-{n}", n="1")) for n in range(8)}, "slow")
    desk = Desk(stage.api, stage.namespace)
    with GitServer(tmp_path / "served") as server:
        server.hanging = True
        for number in range(8):
            await desk.create(server.url("far.git"), f"slow-{number}")
        async with playing(stage) as scene:
            await scene.fine_goes_on()
            server.hanging = False
            for number in range(8):
                await desk.synced(sha, f"slow-{number}", seconds=40)
            await stage.source.close()


async def test_a_repository_that_wants_a_login(plane: ControlPlane, client: ApiClient, namespace: str, tmp_path: Path):
    """Without a Secret, with a wrong one, with the right one. The password is never shown."""
    await install_kinds(client)
    repo = Repo.create(tmp_path / "served" / "far.git")
    sha = repo.commit({"shop/all.yaml": GOOD}, "good")
    desk = Desk(client, namespace)
    secrets = f"/api/v1/namespaces/{namespace}/secrets"
    with GitServer(tmp_path / "served", users={"reader": PASSWORD}) as server:
        url = server.url("far.git")
        await desk.create(url)
        async with Program(tmp_path, namespace, plane.kubeconfig_path, log_level="debug") as program:
            how = ("argocd.argoproj.io/secret-type: repository", f"url {url}", "username and password")
            condition = await desk.condition(
                f"Repository {url}", "no credential matches this URL", "Add a Secret", *how
            )
            assert condition["type"] == "ComparisonError"
            await desk.ask_for_sync()
            await desk.operation_ended("Error", "no credential matches this URL")

            wrong = {"url": url, "username": "reader", "password": "wrong battery"}
            labels = {"argocd.argoproj.io/secret-type": "repository"}
            secret = {"metadata": {"name": "far", "labels": labels}, "stringData": wrong}
            await client.create(secrets, secret)
            await desk.condition(f"does not let the login of Secret/{namespace}/far read it", "Renew that login")
            await desk.ask_for_sync()
            await desk.operation_ended("Error", f"Secret/{namespace}/far")

            await client.patch(f"{secrets}/far", {"stringData": {"password": PASSWORD}})
            status = await desk.synced(sha)
            assert not status["conditions"]
            shown = json.dumps(await desk.get()) + "\n".join(program.lines)
            assert PASSWORD not in shown
            assert "wrong battery" not in shown
