"""What one measured run stands on: control plane, mover, repository, controller, and how a scenario is metered."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Self

import orjson
from tests.cluster.client import ApiClient
from tests.cluster.control_plane import ControlPlane
from tests.cluster.git_repo import Repo
from tests.cluster.git_server import GitServer
from tests.cluster.waiting import until

from bench.charts import HelmFleet
from bench.controller import Controller
from bench.meters import AuditLog, Requests, cpu_seconds, machine_seconds, peak_mib, reset_peak
from bench.reader import Eye, verify
from bench.workload import CONTROL_NAMESPACE, Fleet
from todoke.model.crd import custom_resource_definitions

USER, MEDDLER = "todoke", "somebody-else"
PLANE = ("etcd", "apiserver", "controllers")
MASTERS = ("system:masters",)


@dataclass(slots=True)
class Options:
    """How to run."""

    folder: Path
    sources: Path
    idle_seconds: float = 60.0
    poll_seconds: float = 30.0
    http: bool = False
    profile: bool = False
    helm: bool = False  # charts in 50 repositories in place of plain manifests in one


@dataclass(slots=True)
class Figures:
    """What one scenario took. CPU in seconds, memory in MiB."""

    scenario: str
    applications: int
    seconds: float
    cpu: float
    plane_cpu: float
    mover_cpu: float
    own_cpu: float  # of the benchmark itself: the creator, the reader, the Git server
    other_cpu: float  # of everybody else on the machine: noise
    peak_mib: float
    requests: dict[str, int]  # by verb; "dry run" apart
    watches: int
    leases: int
    application_writes: int
    git: int
    repeats: list[float] = field(default_factory=list)  # `seconds` is their median then
    notes: list[str] = field(default_factory=list)
    verified: int = 0  # objects that the independent reader found to be right

    @property
    def total(self) -> int:
        """Requests without watches and leases."""
        return sum(self.requests.values())


class Meter:
    """Meters one scenario: made at its start, `stop` at its end."""

    def __init__(self, stage: Stage, git: float) -> None:
        self._stage, self._git = stage, git
        if stage.controller.pid:
            reset_peak(stage.controller.pid)
        self._pid, self._cpu = stage.controller.pid, cpu_seconds(stage.controller.pid)
        self._plane, self._mover, self._machine = stage.plane_cpu(), stage.mover_cpu(), machine_seconds()
        self._own = time.process_time()
        stage.audit.skip()

    def cpu(self) -> float:
        """CPU seconds of the controller since the start; of a process that was started meanwhile, all of them."""
        pid = self._stage.controller.pid
        return cpu_seconds(pid) - (self._cpu if pid == self._pid else 0.0)

    async def stop(self, scenario: str, seconds: float) -> tuple[Figures, Requests]:
        """The figures so far; `seconds` as the scenario's own clock says."""
        stage = self._stage
        cpu, plane, mover = self.cpu(), stage.plane_cpu() - self._plane, stage.mover_cpu() - self._mover
        own = time.process_time() - self._own
        other = machine_seconds() - self._machine - cpu - plane - mover - own
        peak = peak_mib(stage.controller.pid)
        await asyncio.sleep(0.3)  # the audit log is written after the answer
        requests = stage.audit.read()
        git = await stage.git_requests() - (self._git if stage.http or stage.controller.pid == self._pid else 0)
        verbs = dict(requests.verbs) | ({"dry run": requests.dry_runs} if requests.dry_runs else {})
        figures = Figures(
            scenario,
            len(stage.fleet.names),
            seconds,
            cpu,
            plane,
            mover,
            own,
            max(other, 0.0),
            peak,
            verbs,
            requests.watches,
            requests.leases,
            requests.application_writes,
            int(git),
        )
        if requests.refused:
            refused = ", ".join(f"{count} x {code}" for code, count in sorted(requests.refused.items()))
            figures.notes.append(f"refused: {refused}")
        return figures, requests


class Stage:
    """Everything of one run. Use with `async with Stage.built(...)`."""

    plane: ControlPlane
    controller: Controller
    fleet: Fleet | HelmFleet
    audit: AuditLog
    api: ApiClient
    meddler: ApiClient

    def __init__(self, options: Options) -> None:
        self.options, self.http = options, options.http
        self.meddled: set[str] = set()
        """Applications of which objects were changed behind its back."""
        self._eyes: dict[str, Eye] = {}
        self._stack = AsyncExitStack()
        self._git_server: GitServer | None = None

    @classmethod
    @asynccontextmanager
    async def built(cls, options: Options, count: int, *, deployments: bool = False) -> AsyncIterator[Self]:
        """A fresh control plane with a mover, the repository, and the controller ready for Applications."""
        folder = options.folder / f"{'B' if deployments else 'H' if options.helm else 'S'}{count}"
        folder.mkdir()
        stage = cls(options)
        with ExitStack() as processes:
            audit = folder / "audit.log"
            plane = ControlPlane(audit_log=audit, api_flags=("--audit-log-maxsize=100000",))
            await asyncio.to_thread(plane.start)
            processes.callback(plane.stop)
            await asyncio.to_thread(plane.start_mover)
            stage.plane, stage.audit = plane, AuditLog(audit, USER)
            stage.fleet = stage._repository(processes, folder, count, deployments)
            kubeconfig = plane.kubeconfig(USER, MASTERS)
            stage.controller = Controller(
                folder / "controller",
                options.sources,
                kubeconfig,
                profile=options.profile,
                poll_seconds=options.poll_seconds,
            )
            processes.callback(lambda: stage.controller.stop())
            async with stage._stack:
                stage.api = await stage._stack.enter_async_context(ApiClient(plane.kubeconfig_path))
                other = plane.kubeconfig(MEDDLER, MASTERS)
                stage.meddler = await stage._stack.enter_async_context(ApiClient(other))
                await stage._prepare_cluster()
                stage.controller.start()
                await stage.controller.ready()
                yield stage

    def _repository(self, processes: ExitStack, folder: Path, count: int, deployments: bool) -> Fleet | HelmFleet:
        if self.options.helm:
            git, url = folder / "git", (folder / "git").resolve().as_uri()
            if self.http:
                self._git_server = processes.enter_context(GitServer(git))
                url = self._git_server.url("").rstrip("/")
            return HelmFleet(git, url, count)
        repo = Repo.create(folder / "git" / "fleet.git")
        url = repo.url
        if self.http:
            self._git_server = processes.enter_context(GitServer(folder / "git"))
            url = self._git_server.url("fleet.git")
        return Fleet(repo, url, count, deployments=deployments)

    async def _prepare_cluster(self) -> None:
        await self.api.create("/api/v1/namespaces", {"metadata": {"name": CONTROL_NAMESPACE}})
        for body in custom_resource_definitions():
            path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{body['metadata']['name']}"
            await self.api.apply(path, orjson.loads(orjson.dumps(body)), force="true")
            await until(partial(self.api.get, path), _established)

    async def eye(self, kind: str) -> Eye:
        """The eye on a kind, opened when first asked for."""
        if kind not in self._eyes:
            self._eyes[kind] = await self._stack.enter_async_context(Eye(self.api, kind))
        return self._eyes[kind]

    async def meter(self) -> Meter:
        """Start to meter a scenario, when the controller is at rest."""
        if self.controller.pid:
            await self.controller.settled()
        git = await self.git_requests() if self.controller.pid else 0.0
        if self.http:
            git = await self.git_requests()
        return Meter(self, git)

    async def git_requests(self) -> float:
        """How often the Git server was asked; without a server of ours, what the controller says of itself."""
        if self._git_server is not None:
            return float(self._git_server.count())
        return await self.controller.metric("argocd_git_request_total")

    async def verify(self, figures: Figures) -> Figures:
        """The independent reader's word. Raises: Mismatch."""
        figures.verified = await verify(self.api, self.fleet)
        return figures

    def plane_cpu(self) -> float:
        """CPU seconds of the control plane without the mover."""
        return sum(cpu_seconds(pid) for name, pid in self.plane.pids.items() if name in PLANE)

    def mover_cpu(self) -> float:
        """CPU seconds of the mover."""
        return sum(cpu_seconds(pid) for name, pid in self.plane.pids.items() if name == "mover")


def _established(crd: dict[str, object]) -> bool:
    status = crd.get("status") or {}
    assert isinstance(status, dict)
    return any(c["type"] == "Established" and c["status"] == "True" for c in status.get("conditions") or ())


def machine() -> dict[str, str | float]:
    """What machine this is and how busy it is with other things."""
    cpu = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        "",
    )
    return {"cpu": cpu, "cores": os.cpu_count() or 0, "load": os.getloadavg()[0], "date": time.strftime("%Y-%m-%d")}
