"""`todoke demo` as a person runs it: the whole story with its facts, its end at any time, and what is left of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.client import ApiClient, ApiError
from tests.cluster.command import PROGRAM, SOURCE
from tests.cluster.control_plane import ControlPlane
from tests.cluster.waiting import until

pytestmark = pytest.mark.slow

EMBEDDED = pytest.mark.parametrize("ground", ["embedded"], indirect=True)
CLUSTERS = ["embedded", pytest.param("plane", marks=pytest.mark.plane)]


class Ground:
    """What the demo is run on, with a folder for temporary files of its own: what is left there, it has left."""

    def __init__(self, folder: Path, plane: ControlPlane | None) -> None:
        self.temporary, self.plane = folder / "tmp", plane
        self.temporary.mkdir()
        self.errors = folder / "stderr"
        self.flags = () if plane is None else ("--yes", "--kubeconfig", str(plane.kubeconfig_path))

    @asynccontextmanager
    async def demo(self, *words: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """The running program; killed at the end if it still runs."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TODOKE_", "KUBE"))}
        with self.errors.open("wb") as errors:
            process = await asyncio.create_subprocess_exec(
                *(str(PROGRAM), "demo", *self.flags, *words),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                env={**kept, "PYTHONPATH": str(SOURCE), "TMPDIR": str(self.temporary)},
                limit=1 << 20,
            )
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    def left_files(self) -> list[str]:
        return sorted(path.name for path in self.temporary.iterdir())

    def processes(self, *words: str) -> list[int]:
        """Processes that were given our temporary folder, with these words in their command lines."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                ours = str(self.temporary).encode() in (folder / "environ").read_bytes()
                command = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
                if ours and command[0] and all(word in command for word in words):
                    found.append(int(folder.name))
        return found

    async def has_namespace(self, name: str) -> bool:
        if self.plane is None:
            return False
        async with ApiClient(self.plane.kubeconfig_path) as client:
            try:
                await client.get(f"/api/v1/namespaces/{name}")
            except ApiError as error:
                assert error.status == 404
                return False
            return True


@pytest.fixture(params=CLUSTERS)
def ground(request: pytest.FixtureRequest, tmp_path: Path) -> Ground:
    return Ground(tmp_path, request.getfixturevalue("plane") if request.param == "plane" else None)


async def says(process: asyncio.subprocess.Process, text: str, seconds: float = 90) -> list[str]:
    """The lines up to the one that has this text."""
    assert process.stdout is not None
    lines: list[str] = []
    async with asyncio.timeout(seconds):
        while not lines or text not in lines[-1]:
            line = await process.stdout.readline()
            assert line, "".join(lines)
            lines.append(line.decode())
    return lines


def namespace_in(lines: list[str]) -> str:
    """The story's namespace, as it tells it."""
    return next(line.split()[1] for line in lines if line.startswith("  namespace "))


async def rest(process: asyncio.subprocess.Process, seconds: float = 90) -> tuple[int, str]:
    """Exit code, and what it says until its end."""
    async with asyncio.timeout(seconds):
        out, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode()


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_the_whole_story(ground: Ground, tmp_path: Path) -> None:
    cast = tmp_path / "demo.cast"
    async with ground.demo("--exit", "--record", str(cast)) as process:
        code, out = await rest(process, 200)
    assert code == 0, out + ground.errors.read_text()
    summary = json.loads(out.splitlines()[-1])
    assert summary["result"] == "ok"
    facts: dict[str, dict[str, Any]] = {step["name"]: step["facts"] for step in summary["steps"]}
    assert list(facts) == ["register", "diff", "sync", "release", "edit", "break", "undo", "guard"]
    assert (facts["register"]["sync"], facts["register"]["objects"]) == ("OutOfSync", [])
    assert {"Deployment/web", "Service/web", "Certificate/shop"} <= set(facts["diff"]["differing"])
    well = {"sync": "Synced", "health": "Healthy", "replicas": 2, "ready": 2}
    for name, image in (
        ("sync", "pause:3.9"),
        ("release", "pause:3.10"),
        ("edit", "pause:3.10"),
        ("undo", "pause:3.10"),
    ):
        assert well.items() <= facts[name].items(), name
        assert facts[name]["image"].endswith(image)
    assert facts["release"]["automated"] is True
    assert facts["edit"]["edited_by"] == "kubectl"
    assert facts["edit"]["edited_to"] == 5
    assert facts["edit"]["heals"] >= 1
    broken = facts["break"]
    assert (broken["health"], broken["ready"]) == ("Degraded", 2)
    assert "InvalidImageName" in broken["reason"]
    assert broken["pod"].startswith("InvalidImageName")
    assert facts["undo"]["undone"] == broken["revision"] != facts["undo"]["commit"]
    assert "waits for a person: it would delete" in facts["guard"]["condition"]
    assert sorted(facts["guard"]["objects"]) == sorted(facts["diff"]["differing"])
    assert well.items() <= facts["guard"].items()
    assert ground.left_files() == []
    assert ground.processes() == []
    assert not await ground.has_namespace(summary["namespace"])
    told = "".join(json.loads(line)[2] for line in cast.read_text(encoding="utf-8").splitlines()[1:])
    assert "8/8" in told
    assert "todoke app rollback shop --push" in told


@pytest.mark.timeout(180)
async def test_ctrl_c_leaves_nothing(ground: Ground) -> None:
    async with ground.demo() as process:
        lines = await says(process, "4/8")
        process.send_signal(signal.SIGINT)
        code, out = await rest(process)
    assert code == 130, out + ground.errors.read_text()
    assert "nothing that it started is left" in out
    assert ground.left_files() == []
    assert ground.processes() == []
    assert not await ground.has_namespace(namespace_in(lines))


@EMBEDDED
async def test_a_demo_that_is_killed_leaves_no_controller(ground: Ground) -> None:
    async with ground.demo() as process:
        await says(process, "1/8")
        await until(lambda: asyncio.sleep(0, ground.processes("serve")), lambda found: found)
        process.kill()
        await until(lambda: asyncio.sleep(0, ground.processes("serve")), lambda found: not found)


@EMBEDDED
async def test_sigterm_before_the_first_step_leaves_nothing(ground: Ground) -> None:
    async with ground.demo() as process:
        await says(process, "  repository ")
        process.send_signal(signal.SIGTERM)
        code, out = await rest(process)
    assert code == 128 + signal.SIGTERM, out + ground.errors.read_text()
    assert ground.left_files() == []
    assert ground.processes() == []


@EMBEDDED
async def test_a_controller_that_dies_ends_it_and_its_log_is_kept(ground: Ground) -> None:
    async with ground.demo("--exit") as process:
        await says(process, "2/8")
        (controller,) = await until(lambda: asyncio.sleep(0, ground.processes("serve")), bool)
        os.kill(controller, signal.SIGKILL)
        code, out = await rest(process)
    assert code == 1, out + ground.errors.read_text()
    assert "Traceback" not in ground.errors.read_text()
    summary = json.loads(out.splitlines()[-1])
    assert (summary["result"], len(summary["steps"])) == ("failed", 1)
    assert "todoke serve: it ended with exit code -9" in summary["error"]
    (log,) = ground.left_files()
    assert f"log is in {ground.temporary / log}" in " ".join(out.split())
    assert "todoke acts on" in (ground.temporary / log).read_text()
    assert ground.processes() == []


@EMBEDDED
async def test_a_reader_who_leaves_ends_it(ground: Ground) -> None:
    """As in `todoke demo | head -3`."""
    async with ground.demo() as process:
        await says(process, "1/8")
        assert process._transport is not None  # type: ignore[attr-defined]
        process._transport.get_pipe_transport(1).close()  # type: ignore[attr-defined]
        async with asyncio.timeout(60):
            assert await process.wait() == 128 + signal.SIGPIPE
    assert ground.left_files() == []
    assert ground.processes() == []
