"""Composition root: builds the rooms, joins them, opens the task group. The only file that knows every room.

Rooms are imported inside the functions: `todoke --help` must not pay for what it does not use.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from todoke.cluster.client import KubeClient
    from todoke.delivery.loop import Pace
    from todoke.delivery.queries import Queries
    from todoke.model.telemetry import Telemetry
    from todoke.render.cache import CachedRenderer
    from todoke.render.worker import Workers
    from todoke.review.local import Local
    from todoke.review.walk import Reviewer
    from todoke.settings import Settings

log = logging.getLogger(__name__)


def cli() -> None:
    """The program `todoke`."""
    from todoke.cli.app import Doors, run
    from todoke.settings import Settings, read_settings

    doors = Doors(
        serve=serve,
        queries=queries,
        install=install,
        api=api,
        reviewer=reviewer,
        local=local,
        settings=read_settings,
        settings_type=Settings,
    )
    run(doors)


def api(settings: Settings) -> KubeClient:
    """The API server itself, with the user's own rights: for what the demo makes beside Applications."""
    from todoke.cluster.client import KubeClient
    from todoke.cluster.connection import load
    from todoke.model.telemetry import Silent

    return KubeClient(load(settings.kubeconfig, settings.context), Silent())


def install(settings: Settings, definitions: Iterable[Mapping[str, Any]]) -> list[str]:
    """Apply CustomResourceDefinitions with the user's own rights: a line for each on what became of it.

    Raises:
        DeliveryError: one of them is not ours, or the cluster refuses.
    """
    return asyncio.run(_install(settings, definitions))


async def _install(settings: Settings, definitions: Iterable[Mapping[str, Any]]) -> list[str]:
    from todoke.cluster.client import KubeClient
    from todoke.cluster.connection import load
    from todoke.cluster.install import install_definitions
    from todoke.model.telemetry import Silent

    async with KubeClient(load(settings.kubeconfig, settings.context), Silent()) as client:
        return await install_definitions(client, definitions)


def serve(settings: Settings, announce: Callable[[str], None]) -> None:
    """Run the controller until SIGINT or SIGTERM.

    Raises:
        DeliveryError: the cluster cannot be reached, or is not prepared for us.
    """
    with contextlib.suppress(ImportError):
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(settings, announce))
        return
    asyncio.run(_serve(settings, announce))


async def _serve(settings: Settings, announce: Callable[[str], None]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        async with asyncio.TaskGroup() as group:
            main = group.create_task(controller(settings, announce))
            await _first(group, stop, main)
            main.cancel()
    except ExceptionGroup as errors:
        raise _innermost(errors) from errors


async def _first(group: asyncio.TaskGroup, stop: asyncio.Event, main: asyncio.Task[None]) -> None:
    waiting = group.create_task(stop.wait())
    await asyncio.wait([waiting, main], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()


def _innermost(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one error inside nested groups, for a person; a group of several stays a group."""
    found: BaseException = errors
    while isinstance(found, BaseExceptionGroup) and len(found.exceptions) == 1:
        found = found.exceptions[0]
    return found


async def controller(settings: Settings, announce: Callable[[str], None]) -> None:
    """Build the rooms and deliver until cancelled."""
    from todoke.api.metrics import Metrics
    from todoke.api.server import serving
    from todoke.cluster.applications import KubeApplications
    from todoke.cluster.client import KubeClient
    from todoke.cluster.connection import load
    from todoke.cluster.kube import KubeCluster
    from todoke.delivery.loop import Loop
    from todoke.delivery.walk import Delivery, House, Rooms
    from todoke.source.repositories import GitSource
    from todoke.store.folder import claimed
    from todoke.store.ledger import SqliteLedger

    connection, state, ready = load(settings.kubeconfig, settings.context), Path(settings.state_folder), asyncio.Event()
    metrics = Metrics()
    async with contextlib.AsyncExitStack() as stack:
        identity = stack.enter_context(claimed(state))
        client = await stack.enter_async_context(KubeClient(connection, metrics, connections=settings.requests))
        source = GitSource(state / "mirrors", metrics, fetch_timeout_seconds=settings.fetch_seconds)
        stack.push_async_callback(source.close)
        ledger = SqliteLedger(state / "ledger.db")
        stack.callback(ledger.close)
        cluster, applications = KubeCluster(client, settings.namespace), KubeApplications(client, settings.namespace)
        renderer, _ = await stack.enter_async_context(_renderer(settings, metrics))
        rooms = Rooms(source, renderer, cluster, applications, ledger, lambda: datetime.now(UTC))
        house = House(settings.namespace, settings.stamped_installation, settings.mark, settings.observe)
        loop = Loop(Delivery(rooms, house), rooms, house, _pace(settings))
        metrics.watch(loop.application_bodies, lambda: loop.queue.depth)
        if settings.listen:
            address = await stack.enter_async_context(serving(settings.listen, ready.is_set, metrics.text))
            log.info("listening", extra={"address": address})
        group = await stack.enter_async_context(asyncio.TaskGroup())
        if not settings.observe:
            await _lead(client, settings, identity, (group, stack, announce))
        cluster.start(group, loop.heard_of_objects)
        await cluster.recall()

        def surroundings() -> None:
            source.use_credentials(applications.credentials())
            loop.heard_of_surroundings()

        await applications.start(group, loop.heard_of_application, surroundings)
        surroundings()
        ready.set()
        announce(_announcement(settings, connection.context, len(list(applications.keys())), len(loop.applications())))
        gc.freeze()
        await loop.run()


async def _lead(
    client: KubeClient,
    settings: Settings,
    identity: str,
    surroundings: tuple[asyncio.TaskGroup, contextlib.AsyncExitStack, Callable[[str], None]],
) -> None:
    """Wait for the lease of the control namespace; from now on nothing is written without it."""
    from todoke.cluster.lease import Lease

    group, stack, announce = surroundings
    lease = Lease(client, settings.namespace, identity, lambda: datetime.now(UTC))
    await lease.acquire(announce)
    client.fence = lease.left
    stack.push_async_callback(lease.release)
    group.create_task(lease.keep(), name="lease")


def _pace(settings: Settings) -> Pace:
    from todoke.delivery.loop import Pace

    return Pace(
        workers=settings.workers,
        budget_seconds=settings.budget_seconds,
        poll_seconds=settings.poll_seconds,
        look_seconds=settings.look_seconds,
    )


def _announcement(settings: Settings, context: str, total: int, ours: int) -> str:
    mode = " It observes and writes nothing." if settings.observe else ""
    return f"todoke acts on {ours} of {total} applications: context {context}, namespace {settings.namespace}.{mode}"


@asynccontextmanager
async def queries(settings: Settings) -> AsyncIterator[Queries]:
    """The read side for the command line: direct requests with the user's own rights, no watches."""
    from uuid import uuid4

    from todoke.cluster.client import KubeClient
    from todoke.cluster.connection import load
    from todoke.cluster.direct import DirectCluster
    from todoke.cluster.direct_applications import DirectApplications
    from todoke.delivery.queries import Queries
    from todoke.delivery.query_ports import Desk
    from todoke.delivery.walk import House
    from todoke.model.telemetry import Silent
    from todoke.source.repositories import GitSource
    from todoke.store.ledger import SqliteLedger

    connection = load(settings.kubeconfig, settings.context)
    state = Path(settings.state_folder)
    async with contextlib.AsyncExitStack() as stack:
        client = await stack.enter_async_context(KubeClient(connection, Silent()))
        mirrors = stack.enter_context(_mirrors(state))
        source = GitSource(mirrors, Silent(), fetch_timeout_seconds=settings.fetch_seconds)
        stack.push_async_callback(source.close)
        renderer, _ = await stack.enter_async_context(_renderer(settings, Silent()))

        def ledger() -> SqliteLedger:
            opened = SqliteLedger(state / "ledger.db")
            stack.callback(opened.close)
            return opened

        desk = Desk(
            source=source,
            renderer=renderer,
            cluster=DirectCluster(client),
            applications=DirectApplications(client, settings.namespace),
            ledger=ledger,
            now=lambda: datetime.now(UTC),
            new_id=lambda: str(uuid4()),
        )
        yield Queries(desk, House(settings.namespace, settings.stamped_installation, settings.mark))


@asynccontextmanager
async def _renderer(
    settings: Settings, telemetry: Telemetry, *, keep: bool = True
) -> AsyncIterator[tuple[CachedRenderer, Workers]]:
    """The renderer with its processes and, if renderings are kept, its cache."""
    from todoke.render.cache import CachedRenderer
    from todoke.render.renderer import Renderer
    from todoke.render.worker import Limits, Workers, program

    limits = Limits(
        processes=settings.render_processes, memory_mib=settings.render_memory_mib, seconds=settings.render_seconds
    )
    workers = Workers(program(), limits, telemetry)
    kept = Path(settings.state_folder) / "renderings.db" if keep else None
    renderer = CachedRenderer(Renderer(workers), kept, telemetry)
    try:
        yield renderer, workers
    finally:
        renderer.close()
        await workers.close()


@asynccontextmanager
async def reviewer(settings: Settings, folder: Path) -> AsyncIterator[Reviewer]:
    """The walk of a review, of the clone around a folder.

    Raises: Blocked: there is no clone.
    """
    from todoke.model.telemetry import Silent
    from todoke.render.documents import maps_in
    from todoke.render.kubernetes_yaml import load
    from todoke.render.templates import evaluator
    from todoke.review.walk import Reviewer, Rooms
    from todoke.source.clone import Clone

    with contextlib.closing(Clone.around(folder)) as clone:
        async with _renderer(settings, Silent()) as (renderer, workers):
            yield Reviewer(Rooms(clone, renderer, maps_in, load, evaluator(workers)))


@asynccontextmanager
async def local(settings: Settings, path: Path) -> AsyncIterator[tuple[Local, str]]:
    """What renders a folder or file of this machine, and its path there; in a clone all of that can be read."""
    from todoke.model.sources import place_of
    from todoke.model.telemetry import Silent
    from todoke.render.documents import maps_in
    from todoke.review.local import Local
    from todoke.source.folder import FolderTree

    root, inside, urls = _around(path)
    async with _renderer(settings, Silent(), keep=False) as (renderer, _):
        places = frozenset(place_of(url) for url in urls)
        yield Local(FolderTree(root), places, renderer, maps_in), inside


def _around(path: Path) -> tuple[Path, str, tuple[str, ...]]:
    """The folder that a local rendering may read, the path inside of it ("" for itself), and a clone's URLs."""
    from todoke.model.errors import Blocked
    from todoke.source.clone import Clone

    place = path.resolve()
    root, urls = place if place.is_dir() else place.parent, tuple[str, ...]()
    with contextlib.suppress(Blocked):
        clone = Clone.around(root)
        root, urls = clone.root.resolve(), clone.urls
    inside = place.relative_to(root).as_posix()
    return root, "" if inside == "." else inside, urls


@contextlib.contextmanager
def _mirrors(state: Path) -> Iterator[Path]:
    """A folder for the mirrors of one command: the kept one, or one of its own while another command uses that."""
    import tempfile

    from todoke.model.errors import Blocked
    from todoke.store.folder import claimed

    with contextlib.suppress(OSError):
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
    kept = state / "mirrors-cli"
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(claimed(kept))
        except Blocked:  # in use, or not ours to write
            kept = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="todoke-")))
        yield kept
