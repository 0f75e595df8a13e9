"""What a plugin cannot reach, on systems that can keep it from that."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.render.plugins.kitchen import Kitchen, plugin
from todoke.render.plugins.process import Barriers, barriers_here
from todoke.render.plugins.supervisor import landlock, visible
from todoke.render.worker import Limits

pytestmark = [pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps files apart"), pytest.mark.slow]
needs_landlock = pytest.mark.skipif(not landlock(), reason="this kernel has no Landlock")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state folder with something in it that is nobody's business."""
    (tmp_path / "mirrors").mkdir()
    (tmp_path / "mirrors" / "secret").write_text("of another tenant")
    return tmp_path


@pytest.fixture
def kitchen(state: Path) -> Kitchen:
    return Kitchen(state / "mirrors-plugins")


@needs_landlock
async def test_the_mirrors_are_not_read_and_nothing_is_written_elsewhere(kitchen: Kitchen, state: Path):
    script = f"""
import os
outcome = dict()
def tried(name, act):
    try:
        act()
        outcome[name] = "done"
    except OSError as error:
        outcome[name] = type(error).__name__
state = {str(state)!r}
tried("read", lambda: open(state + "/mirrors/secret").read())
tried("list", lambda: os.listdir(state))
tried("write", lambda: open(state + "/mirrors/new", "w"))
tried("remove", lambda: os.remove(state + "/mirrors/secret"))
tried("etc", lambda: open("/etc/todoke-was-here", "w"))
tried("link", lambda: os.link("make.py", state + "/made"))
os.symlink(state + "/mirrors/secret", "by-link")
tried("by_link", lambda: open("by-link").read())
tried("passwd", lambda: open("/etc/passwd").read())
tried("null", lambda: open("/dev/null", "w").write("x"))
tried("own", lambda: open("../own", "w").write("x"))
tried("environ", lambda: open("/proc/{os.getpid()}/environ").read())
tried("kill", lambda: os.kill({os.getpid()}, 0))
told(**outcome)
"""
    found = await kitchen.cook(script)
    assert {name for name, outcome in found.items() if outcome == "done"} == {"passwd", "null", "own"}
    assert (state / "mirrors" / "secret").read_text() == "of another tenant"


@needs_landlock
async def test_a_file_is_hidden_among_others(tmp_path: Path):
    with (
        tempfile.NamedTemporaryFile(dir="/var/tmp") as secret,  # not where everything is hidden anyway
        tempfile.NamedTemporaryFile(dir="/var/tmp") as other,
    ):
        kitchen = Kitchen(tmp_path / "runs", hidden=[secret.name])
        script = f"""
try:
    hidden = open({secret.name!r}).read()
except PermissionError:
    hidden = "not read"
told(other=open({other.name!r}).read(), hidden=hidden)
"""
        assert await kitchen.cook(script) == {"other": "", "hidden": "not read"}


@needs_landlock
@pytest.mark.parametrize("variable", ["KUBECONFIG", "AZURE_FEDERATED_TOKEN_FILE", "GOOGLE_APPLICATION_CREDENTIALS"])
async def test_what_opens_clouds_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str):
    with tempfile.NamedTemporaryFile(dir="/var/tmp") as secret:
        monkeypatch.setenv(variable, secret.name)
        script = f"""
try:
    told(read=open({secret.name!r}).read())
except PermissionError:
    told(read="not")
"""
        assert await Kitchen(tmp_path / "runs").cook(script) == {"read": "not"}


@pytest_asyncio.fixture
async def port() -> AsyncIterator[int]:
    """A port of this machine at which everybody is answered."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1")
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize("allowed", [True, False])
async def test_the_network_is_there_only_where_the_plugin_is_allowed_it(state: Path, port: int, allowed: bool):
    barriers = await barriers_here(str(state), Limits())
    if not barriers.namespaces and barriers.landlock < 4:
        pytest.skip("this system cannot keep a process from the network")
    annotations = {"todoke.dev/network": "true"} if allowed else {}
    kitchen = Kitchen(state / "runs", plugin(annotations=annotations))
    script = f"""
import socket
try:
    socket.create_connection(("127.0.0.1", {port}), timeout=5).close()
    told(connected=True)
except OSError as error:
    told(connected=False)
"""
    assert await kitchen.cook(script) == {"connected": str(allowed)}


async def test_other_processes_cannot_be_ended(kitchen: Kitchen, state: Path):
    barriers = await barriers_here(str(state), Limits())
    if not barriers.namespaces and barriers.landlock < 6:
        pytest.skip("this system cannot keep a process from others")
    script = f"""
import os
try:
    os.kill({os.getpid()}, 0)
    told(reached=True)
except (ProcessLookupError, PermissionError):
    told(reached=False)
"""
    assert await kitchen.cook(script) == {"reached": "False"}


async def test_no_new_rights_and_no_open_files_but_the_pipes(kitchen: Kitchen):
    script = """
import os
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
import resource
told(rights=status["NoNewPrivs"], capabilities=int(status["CapEff"], 16), umask=status["Umask"],
     files=len(os.listdir("/proc/self/fd")) - 1, core=resource.getrlimit(resource.RLIMIT_CORE)[0])
"""
    wanted = {"rights": "1", "capabilities": "0", "umask": "0077", "files": "3", "core": "0"}
    assert await kitchen.cook(script) == wanted


@pytest.mark.parametrize("namespaces", ["user", ""])
@pytest.mark.parametrize("version", [0, 1, 3, 4, 5, 6])
async def test_older_kernels_do_with_what_they_have(state: Path, namespaces: str, version: int):
    here = await barriers_here(str(state), Limits())
    if version > here.landlock or (namespaces and namespaces != here.namespaces):
        pytest.skip("this system has less")
    kitchen = Kitchen(state / "runs", barriers=Barriers(namespaces, version))  # type: ignore[arg-type]
    assert await kitchen.cook("told(a=1)") == {"a": "1"}


async def test_what_holds_is_found_out_and_said(state: Path):
    barriers = await barriers_here(str(state), Limits())
    assert barriers.landlock in (landlock(), 0)
    assert Barriers("user", 6).told() == {
        "files": "their own written, secret ones not read",
        "network": "none",
        "others": "not seen",
    }
    assert Barriers("", 4).told()["network"] == "no TCP"
    assert Barriers().told() == {"files": "as todoke", "network": "as todoke", "others": "seen"}


def test_hidden_places_are_left_out_of_what_can_be_seen(tmp_path: Path):
    for name in ("a/b/hidden", "a/b/shown", "a/c", "d"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "a" / "to-hidden").symlink_to(tmp_path / "a" / "b" / "hidden")
    hidden = {str(tmp_path / "a" / "b" / "hidden"), str(tmp_path / "none" / "yet")}
    found = {str(Path(path).relative_to(tmp_path)) for path in visible(str(tmp_path), hidden)}
    assert found == {"a/b/shown", "a/c", "d"}
