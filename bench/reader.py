"""The independent reader: what is really in the cluster, against what Git says. Nothing of the controller is used."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

import aiohttp
from tests.cluster.client import ApiClient, ApiError

from bench.workload import CONTROL_NAMESPACE, PATHS, Fleet, Json, Key

TRACKING = "argocd.argoproj.io/tracking-id"
MOST_TOLD = 20
Test = Callable[[Json], bool]


class Mismatch(Exception):
    """The cluster is not what Git says, or a status does not tell the truth."""


class TooSlow(Exception):
    """What was waited for did not come."""


class Eye:
    """Sees every object of one kind as the API server tells of it, and when. Use with `async with`."""

    def __init__(self, api: ApiClient, kind: str) -> None:
        self._api, self._path, self._kind = api, PATHS[kind].format(""), kind
        self.seen: dict[tuple[str, str], tuple[Json, float]] = {}
        self._pending: dict[tuple[str, str], Test] = {}
        self._met: dict[tuple[str, str], float] = {}
        self._done = asyncio.Event()

    async def __aenter__(self) -> Self:
        listed = asyncio.Event()
        self._task = asyncio.create_task(self._run(listed))
        await listed.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def until(self, tests: Mapping[tuple[str, str], Test], seconds: float) -> dict[tuple[str, str], float]:
        """Wait until the test of each (namespace, name) was true once; `time.perf_counter()` at which it became so.

        Raises: TooSlow: not all within so many seconds.
        """
        self._pending, self._met = dict(tests), {}
        self._done.clear()
        for key in tests:
            if key in self.seen:
                self._judge(key, *self.seen[key])
        try:
            async with asyncio.timeout(seconds):
                while self._pending:
                    self._done.clear()
                    await self._done.wait()
        except TimeoutError:
            raise TooSlow(self._late(len(tests), seconds)) from None
        return self._met

    def _late(self, count: int, seconds: float) -> str:
        missing = ", ".join("/".join(key) for key in list(self._pending)[:5])
        seen = self.seen.get(next(iter(self._pending)))
        body = {} if seen is None else {name: value for name, value in seen[0].items() if name != "metadata"}
        state = json.dumps(body)[:3000] if seen else "never seen"
        return (
            f"{len(self._pending)} of {count} {self._kind}s not within {seconds:.0f} s: {missing}\nthe first: {state}"
        )

    def _judge(self, key: tuple[str, str], body: Json, at: float) -> None:
        test = self._pending.get(key)
        if test is not None and test(body):
            del self._pending[key]
            self._met[key] = at
            if not self._pending:
                self._done.set()

    async def _run(self, listed: asyncio.Event) -> None:
        version = ""
        while True:
            try:
                if not version:
                    answer = await self._api.get(self._path)
                    version = answer["metadata"]["resourceVersion"]
                    for body in answer["items"]:
                        self._take(body)
                    listed.set()
                async for event, body in self._api.watch(self._path, version):
                    version = body["metadata"]["resourceVersion"]
                    if event in ("ADDED", "MODIFIED"):
                        self._take(body)
            except ApiError:
                version = ""
            except (aiohttp.ClientError, TimeoutError):
                await asyncio.sleep(0.05)

    def _take(self, body: Json) -> None:
        now, key = time.perf_counter(), (body["metadata"].get("namespace", ""), body["metadata"]["name"])
        self.seen[key] = (body, now)
        self._judge(key, body, now)


def differences(want: Any, have: Any, at: str = "") -> Iterator[str]:
    """Where `have` lacks something of `want`. Maps may hold more than is wanted, but not `data`; lists may not."""
    if isinstance(want, dict) and isinstance(have, dict):
        if at.endswith(".data") and want.keys() != have.keys():
            yield f"{at}: has the keys {sorted(have)}, not {sorted(want)}"
        for name, value in want.items():
            yield from differences(value, have.get(name), f"{at}.{name}")
    elif isinstance(want, list) and isinstance(have, list) and len(want) == len(have):
        for number, (one, other) in enumerate(zip(want, have, strict=True)):
            yield from differences(one, other, f"{at}[{number}]")
    elif want != have:
        yield f"{at}: is {have!r}, not {want!r}"


def healthy(application: Json) -> bool:
    """Whether its status says Synced and Healthy."""
    status = application.get("status") or {}
    return (status.get("sync") or {}).get("status") == "Synced" and (status.get("health") or {}).get(
        "status"
    ) == "Healthy"


def synced_at(revision: str) -> Test:
    """A test whether a status says Synced at a commit, with nothing under way."""

    def test(application: Json) -> bool:
        status = application.get("status") or {}
        sync, phase = status.get("sync") or {}, (status.get("operationState") or {}).get("phase")
        return sync.get("status") == "Synced" and sync.get("revision") == revision and phase == "Succeeded"

    return test


async def verify(api: ApiClient, fleet: Fleet) -> int:
    """List everything and compare every object and every status; how many objects were right.

    Raises: Mismatch: names the first of what is wrong.
    """
    wanted = fleet.wanted()
    found: dict[Key, Json] = {}
    for kind in fleet.kinds:
        for body in (await api.get(PATHS[kind].format("")))["items"]:
            found[(kind, body["metadata"]["namespace"], body["metadata"]["name"])] = body
    problems = [*_wrong_objects(wanted, found), *_strangers(wanted, found)]
    listed = await api.get(PATHS["Application"].format(f"namespaces/{CONTROL_NAMESPACE}/"))
    applications = {body["metadata"]["name"]: body for body in listed["items"]}
    if set(applications) != set(fleet.names):
        problems.append(f"there are {len(applications)} Applications, not {len(fleet.names)}")
    for name in fleet.names:
        problems += [f"Application {name}{problem}" for problem in _wrong_status(applications.get(name), name, fleet)]
    if problems:
        raise Mismatch("\n".join([f"{len(problems)} mismatches, among them:", *problems[:MOST_TOLD]]))
    return len(wanted)


def _wrong_objects(wanted: Mapping[Key, Json], found: Mapping[Key, Json]) -> Iterator[str]:
    for key, want in wanted.items():
        have, label = found.get(key), "/".join(key)
        if have is None:
            yield f"{label} is missing"
            continue
        yield from (f"{label}{difference}" for difference in differences(want, have))
        if not (have["metadata"].get("annotations") or {}).get(TRACKING, "").startswith(f"{key[1]}:"):
            yield f"{label} does not bear the tracking id of its application"
        if key[0] == "Deployment" and have["status"].get("availableReplicas") != want["spec"]["replicas"]:
            yield f"{label} is not available"


def _strangers(wanted: Mapping[Key, Json], found: Mapping[Key, Json]) -> Iterator[str]:
    for key, have in found.items():
        if key not in wanted and TRACKING in (have["metadata"].get("annotations") or {}):
            yield f"{'/'.join(key)} bears a tracking id and is not in Git"


def _wrong_status(application: Json | None, name: str, fleet: Fleet) -> Iterator[str]:
    if application is None:
        yield " is missing"
        return
    status = application.get("status") or {}
    if not healthy(application):
        yield f": sync {status.get('sync', {}).get('status')}, health {status.get('health', {}).get('status')}"
        return
    if status["sync"].get("revision") not in fleet.truthful_revisions(name):
        yield f": revision {status['sync'].get('revision')} is not what its folder holds now"
    if (status.get("operationState") or {}).get("phase") != "Succeeded":
        yield f": operation {(status.get('operationState') or {}).get('phase')}"
    listed = {(r["kind"], r.get("namespace", ""), r["name"]) for r in status.get("resources") or ()}
    if listed != {key for key in fleet.wanted() if key[1] == name}:
        yield f": its status lists {len(listed)} other objects than it has"
    for resource in status.get("resources") or ():
        if resource["kind"] == "Deployment" and (resource.get("health") or {}).get("status") != "Healthy":
            yield f": its Deployment's health is {resource.get('health')}"
    if status.get("conditions"):
        yield f": condition {status['conditions'][0].get('message')}"
