"""SIGKILL before and after every write of a sync: the end is the same as without it.

"Before" means that the request never reached the API server; "after" that the server has done what it asks and the
answer never came back. A dry run counts the writes; each case then has a namespace, a repository, a proxy and a state
folder of its own.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.client import ApiClient
from tests.cluster.control_plane import ControlPlane
from tests.cluster.git_repo import Repo
from tests.cluster.program import PERSON, Desk, Program, is_synced
from tests.cluster.proxy import Dropped, Proxy, Write
from tests.cluster.stage import config_map, core_kinds, deployment, install_kinds
from tests.cluster.waiting import until
from todoke.model.deliverables import DeliverableKey
from todoke.model.events import SyncEnded
from todoke.model.tracking import TRACKING_ID
from todoke.store.ledger import SqliteLedger

pytestmark = [pytest.mark.plane, pytest.mark.timeout(150)]

AT_ONCE = 3
KINDS = ("ConfigMap", "Secret", "Deployment")
SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "new"}, "stringData": {"color": "blue"}}
NEW = {"known kind": config_map("new", color="blue"), "first of its kind": SECRET}
Objects = dict[tuple[str, str], dict[str, Any]]


def manifests(image: int, *more: dict[str, Any]) -> dict[str, str]:
    """A folder with a Deployment without Pods, a ConfigMap that stays, and some more objects."""
    workload = deployment(image=f"registry.example/web:{image}", replicas=0)
    documents = [workload, config_map("stays", color="blue"), *more]
    return {"shop/all.yaml": "\n---\n".join(json.dumps(document) for document in documents)}


@dataclass
class Case:
    """One namespace in which commit A was delivered; commit B is about to be."""

    api: ApiClient
    namespace: str
    repo: Repo
    desk: Desk
    proxy: Proxy
    program: Program
    folder: Path
    manual: bool
    first: str = ""
    before: Objects = field(default_factory=dict)
    at_death: Objects = field(default_factory=dict)
    dead: asyncio.Event = field(default_factory=asyncio.Event)

    async def deliver_first(self) -> None:
        """Commit A, delivered by the program."""
        self.first = self.repo.commit(manifests(1, config_map("goes", color="blue")), "first")
        policy = {} if self.manual else {"automated": {"prune": True, "selfHeal": True}}
        await self.desk.create(self.repo.url, syncPolicy=policy)
        await self.program.start()
        if self.manual:
            await self.desk.ask_for_sync()
        await self.desk.synced(self.first)
        self.before = await self.objects()
        self.proxy.writes.clear()

    async def change(self, *new: dict[str, Any], kill_at: tuple[int, str] | None = None) -> str:
        """Commit B: one object more, one changed, one less; the program hears of it, and may be killed at a write."""
        if kill_at is not None and not self.manual:
            self._arm(*kill_at)
        second = self.repo.commit(manifests(2, *new), "second")
        if self.manual:
            await until(self.desk.refreshed, lambda status: status["sync"]["revision"] == second)
            self.proxy.writes.clear()
            if kill_at is not None:
                self._arm(*kill_at)
            await self.desk.ask_for_sync()
        return second

    async def die(self, second: str) -> None:
        """Wait until the program was killed; killed at rest when it had fewer writes to do than last time."""
        over = asyncio.create_task(until(self.desk.get, lambda body: is_over(body, second), 30))
        dead = asyncio.create_task(self.dead.wait())
        await asyncio.wait({over, dead}, return_when=asyncio.FIRST_COMPLETED)
        await self.program.kill()
        self.proxy.before = self.proxy.after = None
        for task in (over, dead):
            task.cancel()
        await asyncio.gather(over, dead, return_exceptions=True)
        self.at_death = await self.objects()

    def _arm(self, number: int, moment: str) -> None:

        async def strike(write: Write) -> None:
            if write.number == number:
                await self.program.kill()
                self.dead.set()
            if self.dead.is_set():
                raise Dropped

        setattr(self.proxy, moment, strike)

    async def objects(self) -> Objects:
        """Every object that bears the application's mark."""
        found: Objects = {}
        lists = core_kinds(self.namespace)
        for kind in KINDS:
            for body in (await self.api.get(lists[kind]))["items"]:
                if TRACKING_ID in (body["metadata"].get("annotations") or {}):
                    found[kind, body["metadata"]["name"]] = body
        return found

    async def facts(self) -> list[SyncEnded]:
        """What the ledger tells of finished syncs."""
        ledger = SqliteLedger(self.folder / "state" / "ledger.db")
        try:
            story = await ledger.story(DeliverableKey("Application", self.namespace, "shop"))
        finally:
            ledger.close()
        return [event for event in story if isinstance(event, SyncEnded)]


@asynccontextmanager
async def prepared(plane: ControlPlane, api: ApiClient, folder: Path, *, manual: bool = False) -> AsyncIterator[Case]:
    """A case with commit A delivered."""
    namespace = f"kill-{secrets.token_hex(4)}"
    folder = folder / namespace
    folder.mkdir()
    await api.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(Proxy(plane.kubeconfig_path, folder))
        program = Program(folder, namespace, proxy.kubeconfig)
        stack.push_async_callback(program.kill)
        repo = Repo.create(folder / "manifests.git")
        case = Case(api, namespace, repo, Desk(api, namespace), proxy, program, folder, manual)
        await case.deliver_first()
        yield case
    await api.delete(f"/api/v1/namespaces/{namespace}")


def is_over(body: dict[str, Any], revision: str) -> bool:
    """Whether an Application is Synced at a revision and nothing is asked for."""
    return is_synced(body.get("status") or {}, revision) and "operation" not in body


async def finished(case: Case, revision: str) -> dict[str, Any]:
    """The Application when the sync to a revision is over; also when there is nothing left to be done."""

    await until(case.desk.get, lambda body: is_over(body, revision))
    await case.desk.refreshed()  # one more look changes nothing
    return await until(case.desk.get, lambda body: is_over(body, revision))


async def count_writes(plane: ControlPlane, api: ApiClient, folder: Path, new: dict[str, Any], manual: bool) -> int:
    """How many writes the sync from A to B takes when nothing goes wrong; its end is the right one."""
    async with prepared(plane, api, folder, manual=manual) as case:
        second = await case.change(new)
        body = await until(case.desk.get, lambda body: is_over(body, second))
        writes = len(case.proxy.writes)
        await assert_right(case, body, second, new)
        await case.program.stop()
    return writes


async def killed(plane: ControlPlane, api: ApiClient, folder: Path, new: dict[str, Any], case_: tuple) -> None:
    """One case: killed at a write, started again, and looked at when it has settled."""
    number, moment, manual = case_
    async with prepared(plane, api, folder, manual=manual) as case:
        second = await case.change(new, kill_at=(number, moment))
        await case.die(second)
        await case.program.start()
        body = await finished(case, second)
        await assert_right(case, body, second, new)


async def assert_right(case: Case, body: dict[str, Any], second: str, new: dict[str, Any]) -> None:
    """The end state: objects, their data, status, history, ledger, and nothing done twice."""
    now = await case.objects()
    assert set(now) == {("Deployment", "web"), ("ConfigMap", "stays"), (new["kind"], "new")}
    containers = now["Deployment", "web"]["spec"]["template"]["spec"]["containers"]
    assert [container["image"] for container in containers] == ["registry.example/web:2"]
    assert now["ConfigMap", "stays"]["metadata"] == case.before["ConfigMap", "stays"]["metadata"]
    data = now[new["kind"], "new"]["data"]
    assert data == ({"color": "Ymx1ZQ=="} if new["kind"] == "Secret" else {"color": "blue"})
    assert now["Deployment", "web"]["metadata"]["generation"] == 2
    for name, there in (case.before | case.at_death).items():
        if name in now:
            assert now[name]["metadata"]["uid"] == there["metadata"]["uid"], name
    status = body["status"]
    assert status["operationState"]["phase"] == "Succeeded"
    assert {resource["name"] for resource in status["resources"]} == {"web", "stays", "new"}
    assert [entry["revision"] for entry in status["history"]] == [case.first, second]
    assert not status.get("conditions")
    assert "operation" not in body
    facts = await until(case.facts, lambda facts: len(facts) >= 2)
    assert sorted((fact.revision, fact.phase) for fact in facts) == sorted(
        [(case.first, "Succeeded"), (second, "Succeeded")]
    )
    if case.manual:
        assert status["operationState"]["operation"]["initiatedBy"] == PERSON
        assert [entry["initiatedBy"] for entry in status["history"]] == [PERSON, PERSON]


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(("new", "manual"), [("known kind", False), ("first of its kind", False), ("known kind", True)])
async def test_a_killed_sync_ends_as_if_nothing_had_happened(
    plane: ControlPlane, client: ApiClient, tmp_path: Path, new: str, manual: bool, moment: str
):
    await install_kinds(client)
    last = await count_writes(plane, client, tmp_path, NEW[new], manual)
    assert last >= 4, "creation, change, deletion, status"
    print(f"{last} writes")
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with turn:
            try:
                await killed(plane, client, tmp_path, NEW[new], (number, moment, manual))
            except Exception as error:
                error.add_note(f"killed {moment} write {number} of {last}")
                raise

    ends = await asyncio.gather(*(one(number) for number in range(1, last + 1)), return_exceptions=True)
    failed = [end for end in ends if isinstance(end, Exception)]
    if failed:
        raise ExceptionGroup(f"{len(failed)} of {last} cases", failed)


async def test_a_commit_that_is_taken_back_while_todoke_is_dead(plane: ControlPlane, client: ApiClient, tmp_path: Path):
    """The sync to B has begun, nothing of it is done; then the branch is A again."""
    await install_kinds(client)
    async with prepared(plane, client, tmp_path) as case:
        second = await case.change(SECRET, kill_at=(2, "before"))
        await case.die(second)
        assert ("Secret", "new") not in case.at_death
        case.repo.branch("main", at=case.first)
        await case.program.start()
        await finished(case, case.first)
        now = await case.objects()
        assert {name: body["metadata"]["uid"] for name, body in now.items()} == {
            name: body["metadata"]["uid"] for name, body in case.before.items()
        }


async def test_an_object_of_a_commit_that_is_gone_is_not_left_behind(
    plane: ControlPlane, client: ApiClient, tmp_path: Path
):
    """The first object of its kind was created, the answer was never heard, and then Git does not want it any more."""
    await install_kinds(client)
    async with prepared(plane, client, tmp_path) as case:
        second = await case.change(SECRET, kill_at=(2, "after"))
        await case.die(second)
        assert ("Secret", "new") in case.at_death
        case.repo.branch("main", at=case.first)
        await case.program.start()
        await finished(case, case.first)
        assert set(await case.objects()) == set(case.before)
