"""One controller at a time acts for a namespace: it waits, takes over, and stops before its time is over."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.account import Account
from tests.cluster.client import ApiClient
from tests.cluster.command import Running, serving
from tests.cluster.control_plane import ControlPlane
from tests.cluster.git_repo import Repo
from tests.cluster.program import Desk
from tests.cluster.proxy import Dropped, Proxy, Write
from tests.cluster.stage import config_map, install_kinds
from tests.cluster.waiting import until
from todoke.cluster.client import KubeClient
from todoke.cluster.connection import load
from todoke.model.errors import Unreachable
from todoke.model.telemetry import Silent

pytestmark = [pytest.mark.plane, pytest.mark.timeout(120)]

LEASE_SECONDS = 15.0


class Hosts:
    """A namespace, a repository, and controllers on several hosts, all of them under the printed rights."""

    def __init__(
        self, plane: ControlPlane, api: ApiClient, namespace: str, folder: Path, stack: AsyncExitStack
    ) -> None:
        self.api, self.namespace, self.folder = api, namespace, folder
        self.account = Account(plane, api, namespace, folder)
        self.desk = Desk(api, namespace)
        self.repo = Repo.create(folder / "manifests.git")
        self._stack = stack

    async def start(self, host: str, *, kubeconfig: Path | None = None) -> Running:
        """A controller with the state folder of its host; it may still wait."""
        folder = self.folder / host
        folder.mkdir(exist_ok=True)
        return await self._stack.enter_async_context(
            serving(
                namespace=self.namespace,
                kubeconfig=kubeconfig or self.account.kubeconfig,
                folder=folder,
                hostname=host,
            )
        )

    def commit(self, number: int) -> str:
        return self.repo.commit({"shop/web.yaml": json.dumps(config_map(number=str(number)))}, f"number {number}")

    async def lease(self) -> dict[str, Any]:
        """What the Lease says."""
        path = f"/apis/coordination.k8s.io/v1/namespaces/{self.namespace}/leases/todoke"
        spec: dict[str, Any] = (await self.api.get(path))["spec"]
        return spec


@pytest.fixture
async def hosts(plane: ControlPlane, client: ApiClient, namespace: str, tmp_path: Path) -> AsyncIterator[Hosts]:
    await install_kinds(client)
    async with AsyncExitStack() as stack:
        made = Hosts(plane, client, namespace, tmp_path, stack)
        await made.account.install()
        yield made
    await made.account.remove()


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_the_second_waits_and_takes_over_at_once_when_the_first_ends(hosts: Hosts):
    first = await hosts.start("one")
    await first.says("todoke acts on")
    holder = (await hosts.lease())["holderIdentity"]
    assert holder.startswith("one-")
    second = await hosts.start("two")
    await second.says(f"todoke waits: {holder} acts for the namespace {hosts.namespace}")
    sha = hosts.commit(1)
    await hosts.desk.create(hosts.repo.url)
    await hosts.desk.synced(sha)
    assert not any("todoke acts on" in line for line in second.lines)
    assert sum("todoke waits" in line for line in second.lines) == 1
    first.interrupt(signal.SIGTERM)
    assert await first.ended() == 0
    began = now()
    await second.says("todoke acts on 1 of ", seconds=5)
    print(f"took over {now() - began:.1f} s after a clean end")
    assert (await hosts.lease())["holderIdentity"].startswith("two-")
    await hosts.desk.synced(hosts.commit(2))


async def test_who_waits_can_be_interrupted(hosts: Hosts):
    first = await hosts.start("one")
    await first.says("todoke acts on")
    second = await hosts.start("two")
    await second.says("todoke waits")
    second.interrupt()
    assert await second.ended() == 0
    assert not any("Traceback" in line for line in second.lines)


async def test_after_a_crash_the_same_host_goes_on_at_once_and_another_one_when_the_lease_has_run_out(hosts: Hosts):
    first = await hosts.start("one")
    await first.says("todoke acts on")
    await first.kill()
    began = now()
    again = await hosts.start("one")
    await again.says("todoke acts on")
    assert now() - began < 5
    assert not any("todoke waits" in line for line in again.lines)

    second = await hosts.start("two")
    await second.says("todoke waits")
    renewed = (await hosts.lease())["renewTime"]
    await until(hosts.lease, lambda spec, old=renewed: spec["renewTime"] != old)
    died = now()
    await again.kill()
    await second.says("todoke acts on", seconds=LEASE_SECONDS + 5)
    print(f"took over {now() - died:.1f} s after a crash elsewhere")
    assert now() - died > LEASE_SECONDS - 2
    sha = hosts.commit(1)
    await hosts.desk.create(hosts.repo.url)
    await hosts.desk.synced(sha)


async def test_a_state_folder_has_one_process(hosts: Hosts):
    first = await hosts.start("one")
    await first.says("todoke acts on")
    second = await hosts.start("one")
    assert await second.ended() == 1
    (line,) = second.lines
    assert line.startswith(f"error: state folder {hosts.folder / 'one' / 'state'}: another todoke uses it. Stop it")
    assert first.process.returncode is None


class Watch:
    """Notes the writes of one controller, and can keep its renewals from the server."""

    def __init__(self, fails: Callable[[], Awaitable[None]]) -> None:
        self.fails, self.cut = fails, False
        self.renewals: list[float] = []
        self.writes: list[float] = []

    async def __call__(self, write: Write) -> None:
        if "/leases" not in write.path:
            self.writes.append(now())
        elif self.cut:
            await self.fails()
        else:
            self.renewals.append(now())


async def drop() -> None:
    """The connection breaks."""
    raise Dropped


async def hang() -> None:
    """No answer ever comes."""
    await asyncio.Event().wait()


@pytest.mark.parametrize("fails", [drop, hang])
async def test_who_cannot_renew_stops_writing_in_time_and_ends(hosts: Hosts, fails: Callable[[], Awaitable[None]]):
    """It has work all the time. Another one takes over, and the two never write at the same time."""
    async with Proxy(hosts.account.kubeconfig, hosts.folder) as proxy:
        proxy.before = watch = Watch(fails)
        first = await hosts.start("one", kubeconfig=proxy.kubeconfig)
        await first.says("todoke acts on")
        second = await hosts.start("two")
        await second.says("todoke waits")
        hosts.commit(0)
        await hosts.desk.create(hosts.repo.url)
        busy = asyncio.create_task(_commits(hosts))
        await until(lambda: asyncio.sleep(0, len(watch.renewals)), lambda count: count >= 2)
        watch.cut = True
        cut = now()
        code = await first.ended(LEASE_SECONDS + 10)
        ended = now()
        await second.says("todoke acts on", seconds=10)
        took = now()
        tip = hosts.repo.tip()
        busy.cancel()
        await asyncio.gather(busy, return_exceptions=True)
        await first.kill()
    assert code == 1
    last = max(watch.writes)
    assert cut + 2 < last < watch.renewals[-1] + LEASE_SECONDS, "it works as long as it may, and no longer"
    assert last < took
    assert ended < watch.renewals[-1] + LEASE_SECONDS + 6, "and is gone soon after"
    (said,) = [line for line in first.lines if line.startswith("error: ")]
    lease = f"Lease/{hosts.namespace}/todoke"
    assert said == f"error: {lease}: it was lost to another process, or not renewed in time"
    assert any("lease not renewed" in line for line in first.lines)
    assert not any("Traceback" in line for line in first.lines)
    await until(hosts.desk.status, lambda status: status["sync"]["revision"] in (tip, hosts.repo.tip()))


async def _commits(hosts: Hosts) -> None:
    """A new release every half second."""
    number = 0
    while True:
        number += 1
        hosts.commit(number)
        await asyncio.sleep(0.5)


async def test_a_renewal_whose_answer_is_lost_costs_nothing(hosts: Hosts):
    """The server has renewed, and nobody heard of it: the next renewal must not take its own for a stranger's."""
    lost: list[float] = []

    async def after(write: Write) -> None:
        if write.method == "PUT" and "/leases/" in write.path and not lost:
            lost.append(now())
            raise Dropped

    async with Proxy(hosts.account.kubeconfig, hosts.folder) as proxy:
        first = await hosts.start("one", kubeconfig=proxy.kubeconfig)
        await first.says("todoke acts on")
        proxy.after = after
        await until(lambda: asyncio.sleep(0, lost), bool)
        renewed = (await hosts.lease())["renewTime"]
        for _ in range(2):
            spec = await until(hosts.lease, lambda spec, old=renewed: spec["renewTime"] != old)
            renewed = spec["renewTime"]
        assert first.process.returncode is None
        await first.kill()


async def test_a_lease_that_somebody_took_ends_the_holder(hosts: Hosts):
    first = await hosts.start("one")
    await first.says("todoke acts on")
    path = f"/apis/coordination.k8s.io/v1/namespaces/{hosts.namespace}/leases/todoke"
    await hosts.api.patch(path, {"spec": {"holderIdentity": "somebody else"}})
    assert await first.ended() == 1
    assert any("it was lost to another process" in line for line in first.lines)
    assert (await hosts.lease())["holderIdentity"] == "somebody else"


@pytest.mark.parametrize("namespace", ["leases", "leases-of-cars"])
async def test_the_fence_keeps_every_write_back_whatever_its_path_is_called(plane: ControlPlane, namespace: str):
    async with KubeClient(load(str(plane.kubeconfig_path)), Silent()) as kube:
        kube.fence = lambda: 0.0
        for method in ("POST", "PATCH", "PUT", "DELETE"):
            with pytest.raises(Unreachable, match="does not hold the lease"):
                await kube.request(method, f"/api/v1/namespaces/{namespace}/configmaps/x", subject="x", body=b"{}")
        assert await kube.request("GET", "/api/v1/namespaces/default", subject="x")
