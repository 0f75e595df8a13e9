"""What the sandbox's own functions take, without HTTP: writes a second on one core, and how soon they can begin.

python -m bench.sandbox
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from typing import Any

from bench.report import aligned
from todoke_sandbox.fields.ownership import Writer
from todoke_sandbox.fields.writes import apply_patch, create, replace
from todoke_sandbox.schema.kinds import Kind
from todoke_sandbox.schema.loader import Schemas

ROUNDS, SECONDS = 5, 0.3
Json = dict[str, Any]
BY = Writer("bench", datetime(2026, 1, 1, tzinfo=UTC))
BEGIN = """
import time; began = time.perf_counter()
from todoke_sandbox.schema.loader import Schemas
loaded = time.perf_counter(); Schemas.load().kind("apps", "v1", "Deployment")
print(f"{(loaded - began) * 1000:.0f} {(time.perf_counter() - loaded) * 1000:.1f}")
"""


def config_map(number: int) -> Json:
    """A small one whose data changes with the number."""
    metadata = {"name": "settings", "namespace": "shop", "labels": {"app": "shop"}}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata,
        "data": {"a": str(number), "b": "2", "c": "3"},
    }


def deployment(number: int) -> Json:
    """One container with ports, variables, a probe and limits; replicas change with the number."""
    container = {
        "name": "web",
        "image": "shop/web:1.2.3",
        "ports": [{"containerPort": 8080, "name": "http"}],
        "env": [{"name": "MODE", "value": "fast"}, {"name": "LEVEL", "value": "info"}],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}},
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
    }
    pod = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}
    spec = {"replicas": number, "selector": {"matchLabels": {"app": "web"}}, "template": pod}
    metadata = {"name": "web", "namespace": "shop", "labels": {"app": "web"}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def rate(work: Callable[[int], object]) -> float:
    """Calls a second: the best of several rounds."""
    numbers, best = count(), 0.0
    for _ in range(ROUNDS):
        began, done = time.perf_counter(), 0
        while time.perf_counter() < began + SECONDS:
            work(next(numbers))
            done += 1
        best = max(best, done / (time.perf_counter() - began))
    return best


def rates(kind: Kind, body: Callable[[int], Json]) -> list[tuple[str, float]]:
    """Of every way to write one object."""
    live = apply_patch(kind, None, body(0), BY)
    same, kept = body(0), live

    def applied(number: int) -> None:
        nonlocal live
        live = apply_patch(kind, live, body(number), BY)

    def replaced(number: int) -> None:
        nonlocal live
        live = replace(kind, live, body(number), BY)

    return [
        ("apply, changed", rate(applied)),
        ("apply, unchanged", rate(lambda _: apply_patch(kind, kept, same, BY))),
        ("create", rate(lambda number: create(kind, body(number), BY))),
        ("replace", rate(replaced)),
    ]


def main() -> None:
    """Print the table."""
    imported, first = subprocess.run(
        [sys.executable, "-c", BEGIN], capture_output=True, text=True, check=True
    ).stdout.split()
    print(f"import {imported} ms, first kind {first} ms\n")
    schemas = Schemas.load()
    rows = [["kind", "write", "per second"]]
    for group, name, body in (("", "ConfigMap", config_map), ("apps", "Deployment", deployment)):
        kind = schemas.kind(group, "v1", name)
        assert kind is not None
        rows += [[name, label, f"{value:,.0f}"] for label, value in rates(kind, body)]
    began = time.perf_counter()
    size = len(schemas.openapi_v3("", "v1"))
    print(aligned(rows))
    print(f"\nOpenAPI v3 of v1: {size // 1024} KiB in {(time.perf_counter() - began) * 1000:.0f} ms, once")


if __name__ == "__main__":
    main()
