"""The guide's story with the real program: the controller under its printed rights, commands with a person's."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.account import Account
from tests.cluster.client import ApiClient, ApiError
from tests.cluster.command import Ended, Running, on_terminal, serving, todoke
from tests.cluster.control_plane import ControlPlane
from tests.cluster.stage import Stage, config_map, deployment, install_kinds
from tests.cluster.waiting import until

pytestmark = pytest.mark.anywhere


class Shop(Stage):
    """A namespace with the controller as a process, and a person with the rights of an administrator."""

    running: Running

    async def run(self, *words: str) -> Ended:
        """A command; its end."""
        ended = await todoke(*words, stage=self, kubeconfig=self.plane.kubeconfig_path)
        assert "Traceback" not in ended.err + ended.out, ended
        return ended

    async def well(self, *words: str) -> str:
        """A command that has to succeed: what it printed."""
        ended = await self.run(*words)
        assert ended.code == 0, ended
        return ended.out

    async def data(self, *words: str) -> Any:
        """What a command prints as JSON."""
        return json.loads(await self.well(*words, "-o", "json"))

    def push(self, **files: Any) -> str:
        """Commit objects, a file each, below `shop`; None takes one away."""
        texts = {f"shop/{name}.yaml": body and json.dumps(body) for name, body in files.items()}
        return self.repo.commit(texts, ", ".join(files))

    async def created(self, *flags: str) -> None:
        """The application of the guide."""
        words = ("--repo", self.repo.url, "--path", "shop", "--revision", "main", "--dest-namespace", self.namespace)
        await self.well("app", "create", "shop", *words, *flags)


@pytest.fixture
async def shop(plane: ControlPlane, client: ApiClient, namespace: str, tmp_path: Path) -> AsyncIterator[Shop]:
    await install_kinds(client)
    made = Shop(plane, client, namespace, tmp_path)
    account = Account(plane, client, namespace, tmp_path)
    kubeconfig = await account.install()
    async with serving(namespace=namespace, kubeconfig=kubeconfig, folder=tmp_path) as made.running:
        await made.running.says("todoke acts on")
        yield made
    await account.remove()


async def applied(shop: Stage, *words: str) -> str:
    """`todoke install manifests | kubectl apply -f -`."""
    printed = await todoke("install", "manifests", *words, stage=shop)
    assert printed.code == 0, printed
    command = [str(shop.plane.kubectl), "--kubeconfig", str(shop.plane.kubeconfig_path), "apply", "-f", "-"]
    done = await asyncio.to_thread(
        subprocess.run, command, input=printed.out, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


async def test_installing_as_the_guide_says(plane: ControlPlane, client: ApiClient, namespace: str, tmp_path: Path):
    """What is printed is accepted by kubectl as it is, and is enough to run with."""
    stage = Stage(plane, client, namespace, tmp_path)
    ended = await todoke("install", "crds", "--apply", stage=stage)
    assert (ended.code, len(ended.out.splitlines())) == (0, 3), ended
    out = await applied(stage, "--namespace", namespace)
    for name in ("serviceaccount/todoke", "deployment.apps/todoke", "service/todoke-metrics"):
        assert name in out
    assert "unchanged" in await applied(stage, "--namespace", namespace)
    account = Account(plane, client, namespace, tmp_path)
    kubeconfig = await account.install()
    async with serving(namespace=namespace, kubeconfig=kubeconfig, folder=tmp_path) as running:
        line = await running.says("todoke acts on 0 of ")
        assert line.endswith(f"applications: context plane, namespace {namespace}.")
        running.interrupt()
        assert await running.ended() == 0
        assert not any("Traceback" in line for line in running.lines)
    await account.remove()


async def test_the_first_application(shop: Shop):
    sha = shop.push(web=deployment(), settings=config_map("settings", color="blue"))
    await shop.created()
    assert (await shop.data("app", "get", "shop"))["spec"]["source"]["path"] == "shop"
    steps = (await shop.data("app", "plan", "shop"))["steps"]
    assert {(step["action"], step["kind"]) for step in steps} == {("create", "Deployment"), ("create", "ConfigMap")}
    differs = await shop.run("app", "diff", "shop")
    assert differs.code == 1
    assert "+   color: blue" in differs.out
    dry = await shop.well("app", "sync", "shop", "--dry-run")
    assert f"shop at {sha[:8]}: 2 to create" in dry
    out = await shop.well("app", "sync", "shop")
    assert "shop: Succeeded: successfully synced (2 changes)" in out
    assert await shop.well("app", "wait", "shop", "--timeout", "30") == "shop: Synced, Healthy\n"
    assert await shop.run("app", "diff", "shop") == Ended(0, "", "")
    assert {row["sync"] for row in await shop.data("app", "resources", "shop")} == {"Synced"}
    (entry,) = await shop.data("app", "history", "shop")
    assert (entry["revision"], entry["initiatedBy"]) == (sha, {"username": "admin"})
    facts = await shop.data("app", "history", "shop", "--all")
    assert {fact["type"] for fact in facts} == {"sync", "health"}
    (listed,) = (await shop.data("app", "list"))["items"]
    assert listed["status"]["sync"]["revision"] == sha
    printed = (await shop.data("app", "manifests", "shop", "--source", "live"))["items"]
    assert {body["kind"] for body in printed} == {"Deployment", "ConfigMap"}
    shown = await shop.well("app", "get", "shop", "-o", "wide")
    assert f"Sync:        Synced {sha[:8]}" in shown


async def test_from_automation_to_an_undone_release_and_a_deletion(shop: Shop):
    good = shop.push(settings=config_map("settings", color="blue"))
    await shop.created()
    assert "shop changed" in await shop.well(
        "app", "set", "shop", "--sync-policy", "automated", "--auto-prune", "--self-heal"
    )
    await shop.well("app", "wait", "shop", "--timeout", "20")
    shop.push(settings=config_map("settings", color="red"))
    await shop.well("app", "refresh", "shop")
    await shop.well("app", "wait", "shop", "--timeout", "20")
    assert (await shop.live("ConfigMap", "settings"))["data"] == {"color": "red"}
    out = await shop.well("app", "rollback", "shop", "--push")
    assert "shop: Synced, Healthy" in out
    assert (await shop.live("ConfigMap", "settings"))["data"] == {"color": "blue"}
    assert shop.repo.files() == shop.repo.files(good)
    refused = await shop.run("app", "sync", "shop", "--revision", good)
    assert refused.code == 1
    assert "todoke app rollback shop" in refused.err
    await shop.well("app", "set", "shop", "--sync-policy", "manual")
    assert "Paused" in await shop.well("app", "list")
    asked = await shop.run("app", "delete", "shop")
    assert (asked.code, "add --yes" in asked.err) == (1, True)
    await shop.live("ConfigMap", "settings")
    assert await shop.well("app", "delete", "shop", "--yes") == "application.argoproj.io/shop deleted\n"
    with pytest.raises(ApiError):
        await shop.live("ConfigMap", "settings")
    assert (await shop.run("app", "get", "shop")).code == 1


async def test_nothing_is_deleted_where_nobody_can_be_asked(shop: Shop):
    shop.push(one=config_map("one", a="1"), two=config_map("two", a="1"))
    await shop.created()
    await shop.well("app", "sync", "shop")
    shop.push(two=None)
    refused = await shop.run("app", "sync", "shop", "--prune")
    assert refused.code == 1
    assert f"this would delete ConfigMap/{shop.namespace}/two" in refused.err
    assert "add --yes" in refused.err
    await shop.live("ConfigMap", "two")
    out = await shop.well("app", "sync", "shop", "--prune", "--yes")
    assert "Pruned" in out
    with pytest.raises(ApiError):
        await shop.live("ConfigMap", "two")


async def test_on_a_terminal_the_plan_is_shown_and_deletion_is_asked_for(shop: Shop):
    admin = shop.plane.kubeconfig_path
    shop.push(one=config_map("one", a="1"), two=config_map("two", a="1"))
    await shop.created()
    await shop.well("app", "sync", "shop")
    shop.push(two=None)
    for answer, code in (("n\r", 1), ("\x03", 1), ("\r", 1)):
        async with on_terminal("app", "sync", "shop", "--prune", stage=shop, kubeconfig=admin) as terminal:
            await terminal.shows("1 to prune")
            await terminal.shows("Delete 1 object (ConfigMap/")
            terminal.type(answer)
            assert await terminal.ended() == code
            assert "Traceback" not in terminal.shown
        await shop.live("ConfigMap", "two")
    async with on_terminal("app", "sync", "shop", "--prune", stage=shop, kubeconfig=admin) as terminal:
        await terminal.shows("[y/N]")
        terminal.type("y\r")
        assert await terminal.ended() == 0
        assert "shop: Succeeded: successfully synced (1 change)" in terminal.shown
    with pytest.raises(ApiError):
        await shop.live("ConfigMap", "two")
    async with on_terminal("app", "delete", "shop", stage=shop, kubeconfig=admin) as terminal:
        await terminal.shows("Delete the application shop and its 1 objects? [y/N]")
        terminal.type("n\r")
        assert await terminal.ended() == 1
        assert "Nothing was done." in terminal.shown
    await shop.live("ConfigMap", "one")


async def test_an_automatic_sync_that_would_delete_too_much_waits_for_the_person_at_the_terminal(shop: Shop):
    names = ("one", "two", "three")
    shop.push(**{name: config_map(name, a="1") for name in names})
    await shop.created("--sync-policy", "automated", "--auto-prune")
    await shop.well("app", "wait", "shop", "--timeout", "20")
    shop.push(two=None, three=None)
    await until(shop.status, lambda status: any("waits for a person" in c["message"] for c in status["conditions"]))
    plan = await shop.well("app", "plan", "shop")
    assert "Held by the guard (an automatic sync waits for a person):" in plan
    late = await shop.run("app", "wait", "shop", "--timeout", "1")
    assert late.code == 1
    assert "OutOfSync" in late.err
    async with on_terminal(
        "app", "sync", "shop", "--prune", stage=shop, kubeconfig=shop.plane.kubeconfig_path
    ) as terminal:
        await terminal.shows("Delete 2 objects (")
        terminal.type("y\r")
        assert await terminal.ended() == 0
    await shop.well("app", "wait", "shop", "--timeout", "20")


async def test_waiting_ends_with_control_c_and_so_does_watching(shop: Shop):
    shop.push(web=deployment(image="registry.example/web:does-not-exist"))
    await shop.created()
    admin = shop.plane.kubeconfig_path
    async with on_terminal("app", "wait", "shop", stage=shop, kubeconfig=admin) as terminal:
        await terminal.shows("shop: OutOfSync, Missing")
        terminal.type("\x03")
        assert await terminal.ended(30) not in (0, 2)
        assert "Traceback" not in terminal.shown
    async with on_terminal("app", "get", "shop", "-w", stage=shop, kubeconfig=admin) as terminal:
        await terminal.shows("Sync:        OutOfSync")
        terminal.type("\x03")
        await terminal.ended(30)
        assert "Traceback" not in terminal.shown


async def test_a_sync_that_fails_says_why_and_ends_with_one(shop: Shop):
    shop.push(web=config_map("Not_A_Name", a="1"))
    await shop.created()
    ended = await shop.run("app", "sync", "shop")
    assert ended.code == 1
    assert "Not_A_Name" in ended.out
    assert "shop: Failed:" in ended.out
    shop.push(web=None, broken={"kind": "ConfigMap"})
    broken = await shop.run("app", "diff", "shop")
    assert (broken.code, broken.out) == (2, "")
    assert "broken.yaml" in broken.err
    plan = await shop.run("app", "plan", "shop")
    assert (plan.code, plan.out) == (1, "")


async def test_near_names_are_suggested(shop: Shop):
    shop.push(web=config_map(a="1"))
    await shop.created()
    for words, said in (
        (("app", "get", "shpo"), "Did you mean shop?"),
        (("app", "sync", "shop2"), "Did you mean shop?"),
        (("app", "wait", "zzz"), "There are: shop"),
        (("app", "get", "nowhere/shop"), "not found in the namespace nowhere"),
    ):
        ended = await shop.run(*words)
        assert (ended.code, ended.out, len(ended.err.splitlines())) == (1, "", 1), ended
        assert said in ended.err
    for words, said in (
        (("app", "snyc", "shop"), "sync"),
        (("sevre",), "serve"),
        (("app", "sync", "--prnue"), "--prune"),
    ):
        ended = await shop.run(*words)
        assert (ended.code, ended.out) == (2, ""), ended
        assert said in ended.err


WRONG_USAGE = (
    (("app", "create"), "Missing argument 'NAME'"),
    (("app", "create", "new"), "Missing option '--repo'"),
    (("app", "create", "new", "--repo", "REPO", "--label", "nope"), "--label nope: expected KEY=VALUE"),
    (("app", "sync", "shop", "--resource", "x"), "expected GROUP:KIND:NAME"),
    (("app", "sync", "shop", "--timeout", "abc"), "is no number of seconds"),
    (("app", "set", "shop"), "Name at least one field"),
    (("app", "set", "shop", "--history-limit", "-1"), "-1 is not in the range"),
    (("app", "rollback", "shop", "abc"), "not a valid integer"),
    (("app", "rollback", "shop", "--push", "--to-branch", "x"), "exclude each other"),
    (("app", "list", "-o", "xml"), "'xml' is not one of"),
    (("app", "list", "-n", ""), "namespace='': expected the name of a namespace"),
    (("app", "list", "-n", "../x"), "expected the name of a namespace"),
    (("serve", "--workers", "0"), "workers=0: expected 1 or more"),
    (("serve", "--poll-seconds", "nan"), "poll_seconds=nan: expected more than 0"),
    (("serve", "--look-seconds", "0"), "look_seconds=0.0: expected more than 0"),
    (("serve", "--listen", "nonsense"), "listen='nonsense': expected host:port"),
    (("serve", "--listen", "127.0.0.1:99999"), "expected host:port"),
    (("serve", "--log-level", "loud"), "expected debug, info, warning or error"),
    (("install", "manifests", "--kinds", "*"), "expected GROUP/PLURAL"),
    (("completion", "tcsh"), "'tcsh' is not one of"),
)
FAILURES = (
    (("app", "create", "Bad_Name", "--repo", "REPO"), "a lowercase RFC 1123 subdomain"),
    (("app", "create", "shop", "--repo", "REPO"), "it exists already"),
    (("app", "create", "nowhere/shop", "--repo", "REPO"), 'namespace "nowhere" not found'),
    (("app", "create", "new", "--repo", "REPO", "--dest-name", "mars"), "the cluster mars is not known"),
    (("app", "get", ""), "that is no name. Write it like shop"),
    (("app", "get", "shop/"), "that is no name"),
    (("app", "get", "a/b/c"), "that is no name"),
    (("app", "get", "shop?watch=1"), "that is no name"),
    (("app", "delete", "..", "--yes"), "that is no name"),
    (("app", "delete", "", "--yes"), "that is no name"),
    (("app", "get", "sh op"), "Did you mean shop?"),
    (("app", "sync", "shop", "--revision", "nope"), 'revision "nope" not found'),
    (("app", "list", "-l", "==="), "list of applications"),
    (("app", "list", "--kubeconfig", "/nope"), "no file at /nope"),
    (("app", "list", "--context", "nope"), 'there is no context "nope". It holds: plane'),
    (("serve", "--listen", "", "-n", "nowhere"), "control namespace nowhere: it does not exist. Create it with"),
    (("serve", "--listen", "", "--state-folder", "/proc/nope"), "Name a folder that can be written"),
)


async def assert_said(shop: Shop, code: int, table: tuple[tuple[tuple[str, ...], str], ...], lines: int) -> None:
    """Each command ends with the code and says the words in so many lines, two commands at a time."""
    slots = asyncio.Semaphore(2)

    async def one(words: tuple[str, ...], said: str) -> None:
        async with slots:
            ended = await shop.run(*(shop.repo.url if word == "REPO" else word for word in words))
        assert (ended.code, ended.out) == (code, ""), (words, ended)
        assert said in ended.err, (words, ended)
        assert len(ended.err.splitlines()) == lines, (words, ended)

    async with asyncio.TaskGroup() as group:
        for words, said in table:
            group.create_task(one(words, said))


@pytest.mark.parametrize(("code", "table", "lines"), [(2, WRONG_USAGE, 4), (1, FAILURES, 1)])
async def test_nonsense_is_answered_in_one_line(stage: Stage, code: int, table: Any, lines: int):
    """Wrong usage: usage, where to find help, an empty line, and the error."""
    shop = Shop(stage.plane, stage.api, stage.namespace, stage.state.parent / "other")
    shop.push(web=config_map(a="1"))
    await shop.created()
    await assert_said(shop, code, table, lines)


async def test_a_broken_kubeconfig_is_answered_in_one_line(stage: Stage):
    good = json.loads(stage.plane.kubeconfig_path.read_text())
    cluster = good["clusters"][0]["cluster"]
    broken = {
        "yaml": ("a: [b\n", "cannot be read as one"),
        "bytes": (bytes(range(256)), "cannot be read as one"),
        "list": ("- a\n", "cannot be read as one"),
        "sections": ("clusters: hello\ncurrent-context: x\n", "cannot be read as one"),
        "token": (_changed(good, user={"token": "wrong"}), "Log in again or renew the token"),
        "closed": (_changed(good, cluster=cluster | {"server": "https://127.0.0.1:1"}), "did not answer"),
        "authority": (_changed(good, cluster=cluster | {"certificate-authority": "/nope"}), "authority /nope cannot"),
        "base64": (_changed(good, user={"client-certificate-data": "eA"}), "cannot be read as one"),
        "certificate": (_changed(good, user={"client-certificate-data": "eA=="}), "user.client-certificate: it cannot"),
        "tokenFile": (_changed(good, user={"tokenFile": "/nope"}), "token file /nope: No such file"),
        "plugin": (_changed(good, user=_plugin("no-such-program")), "no-such-program is not installed"),
        "plugin says": (_changed(good, user=_plugin("echo", "[1]")), "did not print an ExecCredential"),
        "plugin fails": (_changed(good, user=_plugin("false")), "Run it by hand to see why"),
    }
    for name, (text, said) in broken.items():
        path = stage.state.parent / f"{name}.broken"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        ended = await todoke("app", "list", stage=stage, kubeconfig=path)
        assert (ended.code, ended.out, len(ended.err.splitlines())) == (1, "", 1), (name, ended)
        assert said in ended.err, (name, ended)


def _changed(config: Any, *, cluster: Any = None, user: Any = None) -> str:
    clusters = [{"name": "plane", "cluster": cluster or config["clusters"][0]["cluster"]}]
    users = [{"name": config["users"][0]["name"], "user": user or config["users"][0]["user"]}]
    return json.dumps(config | {"clusters": clusters, "users": users})


def _plugin(command: str, *words: str) -> Any:
    return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": command, "args": list(words)}}
