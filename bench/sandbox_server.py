"""The sandbox as a process: how soon it answers, applies a second over HTTPS, memory with objects and watches.

python -m bench.sandbox_server
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import ssl
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from bench.report import aligned
from bench.sandbox import config_map, deployment

Json = dict[str, Any]

STARTS, SECONDS, CONNECTIONS = 7, 4.0, 8
OBJECTS, WATCHES, AT_ONCE = 5_000, 50, 32
SOURCE = str(Path(__file__).parents[1] / "src")
NAMESPACE = "bench"


class Sandbox(NamedTuple):
    """A running sandbox. Attributes: started: seconds from its process's start to its first answer."""

    pid: int
    host: str
    port: int
    token: str
    trust: ssl.SSLContext
    started: float

    def cpu(self) -> float:
        """Seconds of CPU time it has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> int:
        """MiB that it holds."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmRSS"))

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One request outside the measured ones."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"https://{self.host}:{self.port}{path}", data, headers, method=method)
        with urllib.request.urlopen(request, context=self.trust) as answer:
            return json.loads(answer.read())


@asynccontextmanager
async def running() -> AsyncIterator[Sandbox]:
    """A sandbox of its own process, ended with its input."""
    with tempfile.TemporaryDirectory() as folder:
        kubeconfig = Path(folder) / "kubeconfig"
        command = ["-m", "todoke_sandbox", "--kubeconfig", str(kubeconfig), "--until-eof"]
        environment = os.environ | {"PYTHONPATH": SOURCE}
        began = time.perf_counter()
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, stdin=pipe, stdout=pipe, env=environment
        )
        assert process.stdin is not None
        assert process.stdout is not None
        await process.stdout.readline()
        config = json.loads(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        host, port = cluster["server"].removeprefix("https://").split(":")
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        trust = ssl.create_default_context(cadata=authority)
        found = Sandbox(process.pid, host, int(port), user["token"], trust, 0.0)
        found.ask("GET", "/api/v1/namespaces")
        yield found._replace(started=time.perf_counter() - began)
        process.stdin.close()
        await process.wait()


class Connection:
    """One keep-alive connection that does as little as it can."""

    def __init__(self, sandbox: Sandbox) -> None:
        """Not open yet."""
        self._sandbox = sandbox

    async def open(self) -> None:
        """Connect."""
        sandbox = self._sandbox
        self._reader, self._writer = await asyncio.open_connection(sandbox.host, sandbox.port, ssl=sandbox.trust)

    def send(self, method: str, path: str, body: bytes = b"") -> None:
        """Write a request."""
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: sandbox\r\nAuthorization: Bearer {self._sandbox.token}\r\n"
            f"Content-Type: application/apply-patch+yaml\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._writer.write(head.encode() + body)

    async def answer(self) -> int:
        """Read an answer. Returns: its status."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
        await self._reader.readexactly(length)
        return int(head[9:12])

    async def line(self) -> bytes:
        """Read what there is of a stream."""
        return await self._reader.read(1 << 16)

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


def path_of(body: Json) -> str:
    """Where an object is applied."""
    root, plural = {"ConfigMap": ("/api/v1", "configmaps"), "Deployment": ("/apis/apps/v1", "deployments")}[
        body["kind"]
    ]
    name = body["metadata"]["name"]
    return f"{root}/namespaces/{NAMESPACE}/{plural}/{name}?fieldManager=bench&force=true"


def numbered(make: Callable[[int], Json], number: int, name: str) -> tuple[str, bytes]:
    """Path and body of an apply whose content changes with the number."""
    body = make(number)
    body["metadata"] |= {"name": name, "namespace": NAMESPACE}
    return path_of(body), json.dumps(body).encode()


def labelled(number: int) -> Json:
    """A Deployment whose labels change with the number: its Pods stay, so that the applies are what is measured."""
    body = deployment(1)
    body["metadata"]["labels"]["number"] = str(number)
    return body


async def applies(sandbox: Sandbox, make: Callable[[int], Json], *, change: bool) -> tuple[float, float]:
    """Applies a second, and a second of the sandbox's CPU time."""
    connections = [Connection(sandbox) for _ in range(CONNECTIONS)]
    await asyncio.gather(*(connection.open() for connection in connections))
    end = time.perf_counter() + SECONDS
    done = 0

    async def work(connection: Connection, name: str) -> None:
        nonlocal done
        number = 0
        while time.perf_counter() < end:
            number += 1
            connection.send("PATCH", *numbered(make, number % 7 + 1 if change else 1, name))
            status = await connection.answer()
            assert status in (200, 201), status
            done += 1

    cpu, began = sandbox.cpu(), time.perf_counter()
    await asyncio.gather(*(work(connection, f"object-{n}") for n, connection in enumerate(connections)))
    spent, used = time.perf_counter() - began, sandbox.cpu() - cpu
    for connection in connections:
        connection.close()
    return done / spent, done / used


async def crowd(sandbox: Sandbox) -> None:
    """Make the objects, at most so many at once."""
    waiting = iter(range(OBJECTS))

    async def work() -> None:
        connection = Connection(sandbox)
        await connection.open()
        for number in waiting:
            connection.send("PATCH", *numbered(config_map, number, f"crowd-{number}"))
            assert await connection.answer() == 201
        connection.close()

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))


async def watched(sandbox: Sandbox) -> int:
    """MiB with all objects and so many watches that have told them all."""
    connections = [Connection(sandbox) for _ in range(WATCHES)]
    path = f"/api/v1/namespaces/{NAMESPACE}/configmaps?watch=1&allowWatchBookmarks=1"
    path += "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"

    async def read(connection: Connection) -> None:
        await connection.open()
        connection.send("GET", path)
        rest = b""
        while b"initial-events-end" not in rest:
            rest = rest[-100:] + await connection.line()

    await asyncio.gather(*(read(connection) for connection in connections))
    found = sandbox.memory()
    for connection in connections:
        connection.close()
    return found


async def main() -> None:
    """Print the figures."""
    starts = []
    for _ in range(STARTS):
        async with running() as sandbox:
            starts.append(sandbox.started)
            empty = sandbox.memory()
    print(f"start to first answer: {statistics.median(starts):.2f} s (best {min(starts):.2f})\n")
    rows = [["kind", "applied", "per second", "per CPU second"]]
    async with running() as sandbox:
        sandbox.ask("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        for name, make in (("ConfigMap", config_map), ("Deployment", labelled)):
            for label, change in (("changed", True), ("unchanged", False)):
                rate, per_cpu = await applies(sandbox, make, change=change)
                rows.append([name, label, f"{rate:,.0f}", f"{per_cpu:,.0f}"])
    print(aligned(rows))
    async with running() as sandbox:
        sandbox.ask("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        await crowd(sandbox)
        full = sandbox.memory()
        print(f"\nmemory: {empty} MiB empty, {full} MiB with {OBJECTS:,} objects, ", end="")
        print(f"{await watched(sandbox)} MiB with {WATCHES} watches of them all too")


if __name__ == "__main__":
    asyncio.run(main())
