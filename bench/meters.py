"""Counting from outside: CPU and memory from /proc, requests from the API server's audit log."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import orjson

TICK = os.sysconf("SC_CLK_TCK")
WRITES = ("create", "update", "patch", "delete", "deletecollection")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, its dead children's included and those that run; 0 when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = [
            int(child) for file in Path(f"/proc/{pid}/task").glob("*/children") for child in file.read_text().split()
        ]
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / TICK + sum(map(cpu_seconds, children))


def machine_seconds() -> float:
    """CPU time that all processes of the machine used since it started."""
    fields = list(map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]))
    user, nice, system, _idle, _wait, irq, soft = fields[:7]
    return (user + nice + system + irq + soft) / TICK


def reset_peak(pid: int) -> None:
    """From now on `peak_mib` tells the peak since now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak_mib(pid: int) -> float:
    """Highest resident memory of a process, in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


@dataclass(frozen=True, slots=True)
class Write:
    """One write that changed or tried to change something."""

    verb: str
    resource: str  # with the subresource, for example pods/status
    namespace: str
    name: str
    code: int


@dataclass(slots=True)
class Requests:
    """What one user asked of the API server."""

    verbs: Counter[str] = field(default_factory=Counter)  # without the three that follow
    watches: int = 0
    dry_runs: int = 0
    leases: int = 0
    refused: Counter[int] = field(default_factory=Counter)
    writes: list[Write] = field(default_factory=list)

    @property
    def total(self) -> int:
        """All but watches and leases, dry runs included."""
        return self.verbs.total() + self.dry_runs

    @property
    def application_writes(self) -> int:
        """Writes of Application objects."""
        return sum(write.resource.startswith("applications") for write in self.writes)


class AuditLog:
    """The API server's audit log of one run, read piece by piece."""

    def __init__(self, path: Path, user: str) -> None:
        self._path, self._mark = path, f'"username":"{user}"'.encode()
        self._offset = 0

    def skip(self) -> None:
        """Count from here on."""
        self._offset = self._path.stat().st_size

    def read(self) -> Requests:
        """What came since `skip`."""
        found = Requests()
        with self._path.open("rb") as log:
            log.seek(self._offset)
            for line in log:
                if self._mark in line and line.endswith(b"\n"):
                    _count(found, line)
        return found


def _count(found: Requests, line: bytes) -> None:
    event = orjson.loads(line)
    verb, reference = event["verb"], event.get("objectRef") or {}
    if verb == "watch":
        found.watches += event["stage"] == "ResponseStarted"
        return
    if event["stage"] != "ResponseComplete":
        return
    code = (event.get("responseStatus") or {}).get("code", 0)
    if code >= 400:
        found.refused[code] += 1
    resource = "/".join(filter(None, (reference.get("resource"), reference.get("subresource"))))
    if resource == "leases":
        found.leases += 1
    elif "dryRun=" in event["requestURI"]:
        found.dry_runs += 1
    else:
        found.verbs[verb] += 1
        if verb in WRITES:
            write = Write(verb, resource, reference.get("namespace", ""), reference.get("name", ""), code)
            found.writes.append(write)
