"""`todoke serve` as a process of its own, to be killed; and a stage whose loop runs.

async with Program(folder, namespace, kubeconfig) as program:
    await program.kill()
    await program.start()
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from tests.cluster.client import ApiClient
from tests.cluster.stage import APPLICATIONS, Stage, config_map
from tests.cluster.waiting import until

_SOURCE = str(Path(__file__).resolve().parents[2] / "src")
_CODE = """
import logging
logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
from todoke.main import serve
from todoke.settings import read_settings
serve(read_settings({}), lambda text: print(text, flush=True))
"""
PERSON = {"username": "hana@example.org"}
_START_SECONDS, _STOP_SECONDS = 30.0, 15.0


class Program:
    """One installation. State folder and namespace stay the same when it is started again.

    Attributes:
        lines: all that it printed and logged, over all its lives.
    """

    def __init__(self, folder: Path, namespace: str, kubeconfig: Path, **settings: object) -> None:
        """Nothing runs yet. Further settings are those of `todoke.settings`, by their names."""
        values = {
            "namespace": namespace,
            "kubeconfig": kubeconfig,
            "state_folder": folder / "state",
            "listen": "127.0.0.1:0",
            "poll_seconds": 0.3,
        } | settings
        self._environment = {f"TODOKE_{name.upper()}": str(value) for name, value in values.items()}
        self.lines: list[str] = []
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start it and wait until it says that it acts. Raises: AssertionError: it ended, or does not."""
        said = len(self.lines)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("TODOKE_")}
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            _CODE,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=inherited | {"PYTHONPATH": _SOURCE} | self._environment,
        )
        self._reader = asyncio.create_task(self._read(self._process))

        async def announced() -> list[str]:
            assert self._process is None or self._process.returncode is None, self.lines[said:]
            return self.lines[said:]

        await until(announced, lambda lines: any(line.startswith("todoke acts on") for line in lines), _START_SECONDS)

    async def kill(self) -> None:
        """SIGKILL; returns when it is dead. Dead already is fine."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await self._ended(process)

    async def stop(self) -> None:
        """SIGTERM. Raises: AssertionError: it does not end, or not with status 0."""
        process, self._process = self._process, None
        assert process is not None, "it does not run"
        process.terminate()
        status = await self._ended(process)
        assert status == 0, (status, self.lines[-20:])

    async def ended(self) -> int:
        """Wait until it ends by itself; its exit status."""
        process, self._process = self._process, None
        assert process is not None, "it does not run"
        return await self._ended(process)

    async def _ended(self, process: asyncio.subprocess.Process) -> int:
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                status = await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
            raise AssertionError(f"it did not end: {self.lines[-20:]}") from None
        if self._reader is not None:
            await self._reader
        return status

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            self.lines.append(line.decode(errors="replace").rstrip())

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.kill()


@asynccontextmanager
async def looping(stage: Stage) -> AsyncIterator[None]:
    """The stage's loop runs, as in the program."""
    async with asyncio.TaskGroup() as group:
        running = group.create_task(stage.loop.run())
        yield
        running.cancel()


def application(namespace: str, repo_url: str, name: str = "shop", **spec: Any) -> dict[str, Any]:
    """An Application that follows the folder of its name; keywords go into its spec."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "project": "default",
            "source": {"repoURL": repo_url, "path": name, "targetRevision": "main"},
            "destination": {"server": "https://kubernetes.default.svc", "namespace": namespace},
            "syncPolicy": {"automated": {"prune": True, "selfHeal": True}},
        }
        | spec,
    }


class Desk:
    """A person's view of one namespace: Applications created, patched and read at the API server."""

    def __init__(self, api: ApiClient, namespace: str) -> None:
        self.api, self.namespace = api, namespace
        self._applications = APPLICATIONS.format(namespace=namespace)

    async def create(self, repo_url: str, name: str = "shop", **spec: Any) -> None:
        """Create an Application."""
        await self.api.create(self._applications, application(self.namespace, repo_url, name, **spec))

    async def patch(self, patch: Mapping[str, Any], name: str = "shop") -> None:
        """A merge patch of an Application."""
        await self.api.patch(f"{self._applications}/{name}", patch)

    async def get(self, name: str = "shop") -> dict[str, Any]:
        """The Application."""
        return await self.api.get(f"{self._applications}/{name}")

    async def status(self, name: str = "shop") -> dict[str, Any]:
        """Its status."""
        return (await self.get(name)).get("status") or {}

    async def refreshed(self, name: str = "shop") -> dict[str, Any]:
        """Ask for a refresh; the status when it was obeyed."""
        mark = "argocd.argoproj.io/refresh"
        await self.patch({"metadata": {"annotations": {mark: "normal"}}}, name)
        found = await until(
            lambda: self.get(name), lambda body: mark not in (body["metadata"].get("annotations") or {})
        )
        return found.get("status") or {}

    async def synced(self, revision: str, name: str = "shop", seconds: float = 20) -> dict[str, Any]:
        """The status when the application is Synced at a revision, healthy, and nothing runs."""
        return await until(lambda: self.status(name), lambda status: is_synced(status, revision), seconds)

    async def ask_for_sync(self, name: str = "shop") -> None:
        """A person asks for a sync, as the button does."""
        sync = {"prune": True, "syncStrategy": {"hook": {}}}
        await self.patch({"operation": {"initiatedBy": PERSON, "sync": sync}}, name)

    async def operation_ended(self, phase: str, *words: str) -> None:
        """Wait until the sync that a person asked for is over; it is still theirs, and says why it ended so."""
        body = await until(self.get, lambda body: "operation" not in body)
        state = body["status"]["operationState"]
        assert state["phase"] == phase, state
        assert state["operation"]["initiatedBy"] == PERSON
        assert all(word in state["message"] for word in words), state["message"]
        assert state["finishedAt"] >= state["startedAt"]

    async def condition(self, *words: str, name: str = "shop", seconds: float = 20) -> dict[str, str]:
        """The first condition whose message holds all of the words."""

        async def look() -> list[dict[str, str]]:
            found = (await self.status(name)).get("conditions") or []
            return [condition for condition in found if all(word in condition["message"] for word in words)] or found

        found = await until(look, lambda all_: all_ and all(word in all_[0]["message"] for word in words), seconds)
        return found[0]


class Scene(NamedTuple):
    """A stage with its loop running and a person's view; the application `fine` is delivered."""

    stage: Stage
    desk: Desk

    async def fine_goes_on(self, step: str = "2") -> None:
        """The application `fine` takes a new commit, whatever is wrong beside it."""
        sha = self.stage.repo.commit({"fine/all.yaml": json.dumps(config_map("fine", step=step))}, f"step {step}")
        status = await self.desk.synced(sha, "fine", seconds=10)
        assert not status["conditions"]
        assert (await self.stage.live("ConfigMap", "fine"))["data"] == {"step": step}


@asynccontextmanager
async def playing(stage: Stage) -> AsyncIterator[Scene]:
    """Run the loop beside an application that is fine."""
    desk = Desk(stage.api, stage.namespace)
    sha = stage.repo.commit({"fine/all.yaml": json.dumps(config_map("fine", step="1"))}, "fine")
    await desk.create(stage.repo.url, "fine")
    async with looping(stage):
        await desk.synced(sha, "fine")
        yield Scene(stage, desk)


def is_synced(status: Mapping[str, Any], revision: str) -> bool:
    """Whether a status says: Synced at this revision, healthy, no operation under way."""
    sync, state = status.get("sync") or {}, status.get("operationState") or {}
    return (
        (sync.get("status"), sync.get("revision")) == ("Synced", revision)
        and (status.get("health") or {}).get("status") == "Healthy"
        and state.get("phase") != "Running"
    )
