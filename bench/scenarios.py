"""The scenarios. Each ends with the independent reader, and raises when anything is not as Git says."""

from __future__ import annotations

import asyncio
import random
import signal
import statistics
import time
from collections.abc import Callable, Iterable
from functools import partial

from bench.meters import Requests
from bench.reader import Mismatch, differences, healthy, synced_at
from bench.stage import Figures, Stage
from bench.workload import CONTROL_NAMESPACE, PATHS, REFRESH, Json, Key, drift, path

CREATORS = 24
COMMITS, HEALS, DRIFTED = 5, 7, 20
LAZY_SECONDS = 180.0


async def create_all(stage: Stage, scenario: str) -> Figures:
    """S1 and B: create the Applications; the clock runs until all are Synced and Healthy."""
    eye, meter = await stage.eye("Application"), await stage.meter()
    began = time.perf_counter()
    names = iter(stage.fleet.names)
    await asyncio.gather(*(_create(stage, names) for _ in range(CREATORS)))
    created = time.perf_counter() - began
    met = await eye.until({(CONTROL_NAMESPACE, name): healthy for name in stage.fleet.names}, _patience(stage))
    seconds = max(met.values()) - began
    await stage.controller.settled()
    figures, requests = await meter.stop(scenario, seconds)
    middle = statistics.median(met.values()) - began
    figures.notes.append(f"created in {created:.2f} s; half were done after {middle:.2f} s")
    figures.notes.append(_writes(requests))
    return await stage.verify(figures)


async def _create(stage: Stage, names: Iterable[str]) -> None:
    for name in names:
        collection = PATHS["Application"].format(f"namespaces/{CONTROL_NAMESPACE}/")
        await stage.api.create(collection, stage.fleet.application(name))


async def idle(stage: Stage) -> Figures:
    """S2: nothing happens for a while."""
    meter = await stage.meter()
    await asyncio.sleep(stage.options.idle_seconds)
    figures, requests = await meter.stop("S2 idle", stage.options.idle_seconds)
    figures.notes.append(_writes(requests))
    return await stage.verify(figures)


async def heal_many(stage: Stage) -> Figures:
    """S2, second half: objects change behind its back; the clock runs from the first patch to the last heal."""
    await _eyes(stage)
    meter, keys = await stage.meter(), _chosen(stage, DRIFTED)
    began = time.perf_counter()
    versions = await asyncio.gather(*(_meddle(stage, key) for key in keys))
    met = await _healed(stage, dict(zip(keys, versions, strict=True)))
    seconds = max(met) - began
    await stage.controller.settled()
    figures, requests = await meter.stop("S2 heal 20", seconds)
    figures.notes.append(_writes(requests))
    return await stage.verify(figures)


async def one_commit(stage: Stage, scenario: str = "S3") -> Figures:
    """S3: a commit to one application, several times; the clock starts with the refresh annotation."""
    await _eyes(stage)
    meter, told, used = await stage.meter(), [], []
    seconds = []
    for number, name in enumerate(random.sample(stage.fleet.names, COMMITS)):
        revision = stage.fleet.commit([name], f"one-{number}")
        before = meter.cpu()
        live, status = await _deliver(stage, [name], f"one-{number}", revision)
        await stage.controller.settled(quiet=0.5, most=3.0)
        seconds.append(live)
        told.append(status)
        used.append(meter.cpu() - before)
    figures, requests = await meter.stop(scenario, statistics.median(seconds))
    figures.repeats, figures.cpu = seconds, statistics.median(used)
    figures.notes.append(f"CPU is the median of {', '.join(f'{one:.2f}' for one in used)}")
    figures.notes.append(f"requests are those of {COMMITS} commits: {_writes(requests)}")
    figures.notes.append(f"status Synced after {statistics.median(told):.2f} s")
    return await stage.verify(figures)


async def aftermath(stage: Stage) -> Figures:
    """After S3: what it costs until the statuses of all untouched applications name the newest commit."""
    eye, meter = await stage.eye("Application"), await stage.meter()
    began, newest = time.perf_counter(), stage.fleet.commits[-1]
    test = synced_at(newest)
    met = await eye.until({(CONTROL_NAMESPACE, name): test for name in stage.fleet.names}, LAZY_SECONDS)
    await stage.controller.settled()
    figures, requests = await meter.stop("S3 after", max(max(met.values()) - began, 0.0))
    figures.notes.append(_writes(requests))
    return await stage.verify(figures)


async def commit_to_all(stage: Stage) -> Figures:
    """S4: one commit changes a value of every application; the clock starts with one refresh annotation."""
    await _eyes(stage)
    meter = await stage.meter()
    revision = stage.fleet.commit(stage.fleet.names, "all")
    live, status = await _deliver(stage, stage.fleet.names, "all", revision)
    await stage.controller.settled()
    figures, requests = await meter.stop("S4", max(live, status))
    figures.notes.append(f"values live after {live:.2f} s, statuses after {status:.2f} s; {_writes(requests)}")
    return await stage.verify(figures)


async def heal_one(stage: Stage) -> Figures:
    """S5: one object changes behind its back, several times; the clock starts with the answer to that patch."""
    await _eyes(stage)
    meter, seconds = await stage.meter(), []
    for key in _chosen(stage, HEALS):
        version = await _meddle(stage, key)
        answered = time.perf_counter()
        seconds.append(max(await _healed(stage, {key: version})) - answered)
        await stage.controller.settled(quiet=0.5, most=3.0)
    figures, requests = await meter.stop("S5", statistics.median(seconds))
    figures.repeats = seconds
    figures.notes.append(f"CPU and requests are those of {HEALS} heals: {_writes(requests)}")
    return await stage.verify(figures)


async def restart(stage: Stage, number: signal.Signals, scenario: str, drifted: int = DRIFTED) -> Figures:
    """S6: it is ended, objects change, it starts again; the clock runs from its start until it is at rest again.

    Raises: Mismatch: also when it wrote anything but the heals of those objects and the statuses that tell of them.
    """
    await _eyes(stage)
    await stage.controller.settled()
    ended = await asyncio.to_thread(stage.controller.stop, number)
    keys = _chosen(stage, drifted)
    versions = await asyncio.gather(*(_meddle(stage, key) for key in keys))
    meter = await stage.meter()
    began = time.perf_counter()
    stage.controller.start()
    met = await _healed(stage, dict(zip(keys, versions, strict=True)))
    await stage.controller.ready()
    rested = await stage.controller.settled()
    figures, requests = await meter.stop(scenario, max([rested, *met]) - began)
    waiting = await stage.controller.metric("todoke_queue_depth")
    healed = max(met, default=began) - began
    words = f"ended in {ended:.2f} s; last heal after {healed:.2f} s; {waiting:.0f} applications wait"
    figures.notes.append(f"{words}; {_writes(requests)}")
    await stage.verify(figures)
    _only_heals(requests, keys)
    return figures


def _only_heals(requests: Requests, keys: list[Key]) -> None:
    """Raises: Mismatch: it wrote something else than one apply per changed object and those applications' statuses."""
    expected = {(f"{kind.lower()}s", namespace, name) for kind, namespace, name in keys}
    applications = {namespace for _, namespace, _ in keys}
    applies, wrong = 0, []
    for write in requests.writes:
        if write.resource == "applications" and write.name in applications:
            continue
        if (write.resource, write.namespace, write.name) in expected and write.verb == "patch":
            applies += 1
        else:
            wrong.append(f"{write.verb} {write.resource} {write.namespace}/{write.name}")
    if wrong or applies != len(keys):
        shown = "\n".join(wrong[:20])
        raise Mismatch(f"{applies} applies for {len(keys)} changed objects; {len(wrong)} needless writes\n{shown}")


async def _deliver(stage: Stage, names: list[str], value: str, revision: str) -> tuple[float, float]:
    """Annotate the first application; seconds until the value is live and until the status tells of it, in all."""
    configs, applications = await stage.eye("ConfigMap"), await stage.eye("Application")
    began = time.perf_counter()
    annotated = asyncio.create_task(stage.api.patch(path(("Application", CONTROL_NAMESPACE, names[0])), REFRESH))
    holds: Callable[[Json], bool] = lambda body: (body.get("data") or {}).get("value") == value  # noqa: E731
    live, told = await asyncio.gather(
        configs.until({(name, "config"): holds for name in names}, _patience(stage)),
        applications.until({(CONTROL_NAMESPACE, name): synced_at(revision) for name in names}, _patience(stage)),
    )
    await annotated
    return max(live.values()) - began, max(told.values()) - began


async def _eyes(stage: Stage) -> None:
    for kind in stage.fleet.kinds:
        await stage.eye(kind)


def _chosen(stage: Stage, count: int) -> list[Key]:
    """Random objects of different applications; of such as nothing was changed of before, while there are any.

    A second change of an application soon after the first waits for the back-off of self-heal, which is not measured.
    """
    fresh = [name for name in stage.fleet.names if name not in stage.meddled]
    if len(fresh) < count:
        fresh = stage.fleet.names
    names = set(random.sample(fresh, min(count, len(fresh))))
    stage.meddled |= names
    by_name: dict[str, list[Key]] = {}
    for key in sorted(stage.fleet.wanted()):
        by_name.setdefault(key[1], []).append(key)
    return [random.choice(by_name[name]) for name in names]


async def _meddle(stage: Stage, key: Key) -> int:
    """Change a value of the object as somebody else; the resource version after it."""
    answer = await stage.meddler.patch(path(key), drift(key), fieldManager="somebody-else")
    return int(answer["metadata"]["resourceVersion"])


async def _healed(stage: Stage, versions: dict[Key, int]) -> list[float]:
    """When each object was again as Git says."""

    def healed(want: Json, version: int, body: Json) -> bool:
        return int(body["metadata"]["resourceVersion"]) > version and not any(differences(want, body))

    wanted, waits = stage.fleet.wanted(), []
    for kind in {key[0] for key in versions}:
        tests = {key[1:]: partial(healed, wanted[key], version) for key, version in versions.items() if key[0] == kind}
        waits.append((await stage.eye(kind)).until(tests, _patience(stage)))
    return [at for met in await asyncio.gather(*waits) for at in met.values()]


def _patience(stage: Stage) -> float:
    """How long to wait for anything before the run has failed."""
    return 60.0 + 0.3 * len(stage.fleet.names)


def _writes(requests: Requests) -> str:
    counted: dict[str, int] = {}
    for write in requests.writes:
        name = f"{write.verb} {write.resource}"
        counted[name] = counted.get(name, 0) + 1
    return "writes: " + (", ".join(f"{count} {name}" for name, count in sorted(counted.items())) or "none")
