"""Composition root: builds the rooms, joins them, opens the task group. The only file that knows every room.

Rooms are imported inside the functions: `todoke --help` must not pay for what it does not use.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from todoke.api.metrics import Metrics
    from todoke.ci.workbench import Workbench
    from todoke.cluster.applications import KubeApplications
    from todoke.cluster.client import KubeClient
    from todoke.delivery.loop import Loop, Pace
    from todoke.delivery.queries import Queries
    from todoke.model.telemetry import Telemetry
    from todoke.render.cache import CachedRenderer
    from todoke.render.worker import Workers
    from todoke.review.local import Local
    from todoke.review.walk import Reviewer
    from todoke.settings import Settings
    from todoke.source.sources import Sources

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
        ci=ci,
        settings=read_settings,
        settings_type=Settings,
    )
    run(doors)


def ci(folder: Path) -> Workbench:
    """What compiles the CI configuration in a folder."""
    from todoke.ci.workbench import Workbench
    from todoke.source.checkout_facts import CheckoutFacts
    from todoke.source.orbs import Library

    return Workbench(Library(folder), CheckoutFacts(folder))


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
    from todoke.cluster.applications import KubeApplications
    from todoke.cluster.client import KubeClient
    from todoke.cluster.connection import load
    from todoke.cluster.kube import KubeCluster
    from todoke.delivery.loop import Loop
    from todoke.delivery.walk import Delivery, House, Rooms
    from todoke.store.folder import claimed
    from todoke.store.ledger import SqliteLedger

    connection, state, ready = load(settings.kubeconfig, settings.context), Path(settings.state_folder), asyncio.Event()
    metrics = Metrics()
    async with contextlib.AsyncExitStack() as stack:
        identity = stack.enter_context(claimed(state))
        client = await stack.enter_async_context(KubeClient(connection, metrics, connections=settings.requests))
        source, renderer = await stack.enter_async_context(_rendering(settings, metrics, state / "mirrors"))
        ledger = SqliteLedger(state / "ledger.db")
        stack.callback(ledger.close)
        cluster, applications = KubeCluster(client, settings.namespace), KubeApplications(client, settings.namespace)
        rooms = Rooms(source, renderer, cluster, applications, ledger, lambda: datetime.now(UTC))
        house = House(settings.namespace, settings.stamped_installation, settings.mark, settings.observe)
        loop = Loop(Delivery(rooms, house), rooms, house, _pace(settings))
        metrics.watch(loop.application_bodies, lambda: loop.queue.depth)
        if settings.listen:
            door = _door(settings.listen, (loop, applications), ready.is_set, metrics)
            address = await stack.enter_async_context(door)
            log.info("listening", extra={"address": address})
        group = await stack.enter_async_context(asyncio.TaskGroup())
        if not settings.observe:
            await _lead(client, settings, identity, (group, stack, announce))
        cluster.start(group, loop.heard_of_objects)
        await cluster.recall()

        def surroundings() -> None:
            source.use_credentials(applications.credentials())
            source.use_trusted(applications.trusted())
            renderer.use_config(applications.config())
            loop.heard_of_surroundings()

        await applications.start(group, loop.heard_of_application, surroundings)
        surroundings()
        ready.set()
        announce(_announcement(settings, connection.context, len(list(applications.keys())), len(loop.applications())))
        gc.freeze()
        await loop.run()


def _door(
    listen: str, rooms: tuple[Loop, KubeApplications], ready: Callable[[], bool], metrics: Metrics
) -> contextlib.AbstractAsyncContextManager[str]:
    """Health, readiness, metrics and webhooks over HTTP; gives the address that is listened on."""
    from todoke.api.server import serving
    from todoke.api.webhook import Webhooks
    from todoke.source.hooks.events import receive

    loop, applications = rooms
    hooks = Webhooks(
        lambda headers, body: receive(headers, body, applications.hook_secrets()), loop.tips.pushed, ready, metrics
    )
    return serving(listen, ready, metrics.text, hooks.routes())


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
    from todoke.model.telemetry import Silent
    from todoke.store.folder import mirrors_of_command

    async with contextlib.AsyncExitStack() as stack:
        mirrors = stack.enter_context(mirrors_of_command(Path(settings.state_folder)))
        rendering = await stack.enter_async_context(_rendering(settings, Silent(), mirrors))
        yield await _asking(settings, stack, rendering)


async def _asking(
    settings: Settings,
    stack: contextlib.AsyncExitStack,
    rendering: tuple[Sources, CachedRenderer],
    *,
    many: bool = False,
) -> Queries:
    """The read side, open until the stack is closed. Args: many: questions about many applications come."""
    from uuid import uuid4

    from todoke.cluster.client import KubeClient
    from todoke.cluster.connection import load
    from todoke.cluster.direct import DirectCluster
    from todoke.cluster.direct_applications import DirectApplications
    from todoke.delivery.queries import Queries
    from todoke.delivery.query_ports import Desk
    from todoke.delivery.walk import House
    from todoke.model.telemetry import Silent
    from todoke.store.ledger import SqliteLedger

    source, renderer = rendering
    connection = load(settings.kubeconfig, settings.context)
    client = await stack.enter_async_context(KubeClient(connection, Silent()))

    def ledger() -> SqliteLedger:
        opened = SqliteLedger(Path(settings.state_folder) / "ledger.db")
        stack.callback(opened.close)
        return opened

    desk = Desk(
        source=source,
        renderer=renderer,
        cluster=DirectCluster(client, keep=many),
        applications=DirectApplications(client, settings.namespace),
        ledger=ledger,
        now=lambda: datetime.now(UTC),
        new_id=lambda: str(uuid4()),
    )
    return Queries(desk, House(settings.namespace, settings.stamped_installation, settings.mark))


@asynccontextmanager
async def _workers(settings: Settings, telemetry: Telemetry) -> AsyncIterator[Workers]:
    """The processes of the render worker, started when they are used."""
    from todoke.render.worker import Limits, Workers, program

    limits = Limits(
        processes=settings.render_processes, memory_mib=settings.render_memory_mib, seconds=settings.render_seconds
    )
    workers = Workers(program(), limits, telemetry)
    try:
        yield workers
    finally:
        await workers.close()


@asynccontextmanager
async def _rendering(
    settings: Settings, telemetry: Telemetry, mirrors: Path, *, keep: bool = True
) -> AsyncIterator[tuple[Sources, CachedRenderer]]:
    """The sources, and the renderer that fetches from them what is elsewhere. Args: keep: renderings, on disk."""
    from todoke.render.build_options import Options
    from todoke.render.cache import CachedRenderer
    from todoke.render.plugins import Plugins, Runs
    from todoke.render.renderer import Renderer
    from todoke.render.versions import matching
    from todoke.source.remote.guard import networks_of
    from todoke.source.repositories import GitSource
    from todoke.source.sources import Sources

    async with _workers(settings, telemetry) as workers:
        decide = matching(workers)
        git = GitSource(
            mirrors,
            telemetry,
            fetch_timeout_seconds=settings.fetch_seconds,
            matching=decide,
            most_bytes=settings.mirror_mib * 1024**2,
        )
        beside = mirrors.with_name(f"{mirrors.name}-charts")
        sources = Sources(git, beside, decide, telemetry, networks=networks_of(settings.private_networks))
        hidden = (settings.state_folder, settings.kubeconfig, str(mirrors.parent))
        runs = Runs(mirrors.with_name(f"{mirrors.name}-plugins"), workers.limits, telemetry, hidden=hidden)
        plugins = await Plugins.opened(settings.plugins_folder, runs)
        kept = Path(settings.state_folder) / "renderings.db" if keep else None
        options = Options(settings.kustomize_options, settings.value_file_schemes)
        renderer = CachedRenderer(Renderer(workers, sources, plugins, options), kept, telemetry)
        try:
            yield sources, renderer
        finally:
            renderer.close()
            await sources.close()


@asynccontextmanager
async def reviewer(settings: Settings, folder: Path, asked: bool = False) -> AsyncIterator[Reviewer]:
    """The walk of a review, of the clone around a folder. Args: asked: both sides are held against the cluster.

    Raises: Blocked: there is no clone, or the cluster cannot be asked.
    """
    from todoke.model.telemetry import Silent
    from todoke.render.documents import maps_in
    from todoke.render.kubernetes_yaml import load
    from todoke.render.templates import evaluator
    from todoke.review.walk import Reviewer, Rooms
    from todoke.source.clone import Clone
    from todoke.store.folder import mirrors_of_command

    async with contextlib.AsyncExitStack() as stack:
        clone = stack.enter_context(contextlib.closing(Clone.around(folder)))
        mirrors = stack.enter_context(mirrors_of_command(Path(settings.state_folder)))
        workers = await stack.enter_async_context(_workers(settings, Silent()))
        sources, renderer = await stack.enter_async_context(_rendering(settings, Silent(), mirrors))
        live = await _asking(settings, stack, (sources, renderer), many=True) if asked else None
        if live is not None:  # that cluster's todoke renders so
            renderer.use_config(await live.desk.applications.config())
        yield Reviewer(Rooms(clone, renderer, maps_in, load, evaluator(workers), sources, live))


@asynccontextmanager
async def local(settings: Settings, path: Path) -> AsyncIterator[tuple[Local, str]]:
    """What renders a folder or file of this machine, and its path there; in a clone all of that can be read."""
    from todoke.model.sources import place_of
    from todoke.model.telemetry import Silent
    from todoke.render.documents import maps_in
    from todoke.review.local import Local
    from todoke.source.folder import FolderTree
    from todoke.store.folder import mirrors_of_command

    root, inside, urls = _around(path)
    with mirrors_of_command(Path(settings.state_folder)) as mirrors:
        async with _rendering(settings, Silent(), mirrors, keep=False) as (sources, renderer):
            places = frozenset(place_of(url) for url in urls)
            yield Local(FolderTree(root), places, renderer, maps_in, sources), inside


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
