"""The embedded cluster over HTTPS: time to the first answer, applies a second, memory with objects and watches.

python -m bench.embedded
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from tests.cluster.client import ApiClient
from tests.cluster.sandbox_plane import SandboxPlane

from bench.report import aligned

OBJECTS, WATCHES, AT_ONCE = 5_000, 50, 16


def _body(kind: str, number: int) -> dict[str, Any]:
    if kind == "ConfigMap":
        return {"apiVersion": "v1", "kind": kind, "metadata": {"name": f"c{number}"}, "data": {"number": str(number)}}
    template = {"metadata": {"labels": {"app": "w"}}, "spec": {"containers": [{"name": "w", "image": "example/w:1"}]}}
    spec = {"replicas": 0, "selector": {"matchLabels": {"app": "w"}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": f"d{number}"}, "spec": spec}


def _seconds_of_cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def _mebibytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) // 1024


async def _applies(api: ApiClient, kind: str, path: str, count: int) -> float:
    numbers = iter(range(count))

    async def work() -> None:
        for number in numbers:
            body = _body(kind, number)
            await api.apply(f"{path}/{body['metadata']['name']}", body)

    began = time.monotonic()
    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return count / (time.monotonic() - began)


async def _measure(plane: SandboxPlane) -> list[list[str]]:
    pid = plane.pids["sandbox"]
    rows = []
    async with ApiClient(plane.kubeconfig_path) as api:
        maps, sets = "/api/v1/namespaces/default/configmaps", "/apis/apps/v1/namespaces/default/deployments"

        async def follow() -> None:
            async for _ in api.watch(maps, "0"):
                pass

        for kind, path, count in (("ConfigMap", maps, OBJECTS), ("Deployment", sets, 1_000)):
            before = _seconds_of_cpu(pid)
            rate = await _applies(api, kind, path, count)
            used = _seconds_of_cpu(pid) - before
            rows.append([f"{kind}, applied over HTTPS", f"{rate:,.0f}/s; {count / used:,.0f} per CPU second"])
        watches = [asyncio.create_task(follow()) for _ in range(WATCHES)]
        await asyncio.sleep(2)
        rows.append([f"{OBJECTS} objects and more, {WATCHES} watches", f"{_mebibytes(pid)} MiB"])
        for watch in watches:
            watch.cancel()
        await asyncio.gather(*watches, return_exceptions=True)
    return rows


def main() -> None:
    """Print the figures."""
    began = time.monotonic()
    with SandboxPlane() as plane:
        rows = [["process start to first answer", f"{time.monotonic() - began:.2f} s"]]
        rows += asyncio.run(_measure(plane))
    print(aligned([["what", "figure"], *rows]))


if __name__ == "__main__":
    main()
