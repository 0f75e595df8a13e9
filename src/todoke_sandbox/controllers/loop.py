"""The loop in which all controllers work: a change names what is to be looked at, and each thing is looked at in turn.

A look is one call without a pause; requests get their turn between two of them. Nothing is polled.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final, Protocol

from todoke_sandbox.controllers import (
    accounts,
    addresses,
    cron_jobs,
    daemon_sets,
    deployments,
    disruption,
    endpoints,
    expiry,
    garbage,
    jobs,
    kubelet,
    namespaces,
    replica_sets,
    scheduler,
    stateful_sets,
    volumes,
)
from todoke_sandbox.controllers.client import Client, Identity, controller
from todoke_sandbox.controllers.events import Recorder
from todoke_sandbox.controllers.informer import Informer
from todoke_sandbox.controllers.pace import Pace
from todoke_sandbox.controllers.routes import Routes
from todoke_sandbox.controllers.work_queue import Key, WorkQueue
from todoke_sandbox.verbs.api import Api
from todoke_sandbox.verbs.refusals import Refusal

_SLICE_SECONDS: Final = 0.005  # how long controllers work before requests get their turn
PACE: Final = Pace()


class Controller(Protocol):
    """Brings one object about at a time."""

    @property
    def name(self) -> str:
        """As keys have it."""

    def sync(self, namespace: str, name: str) -> float | None:
        """Look at one object. Returns the seconds after which to look again, if ever."""


def _to_stderr(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def utc_now() -> datetime:
    """The time."""
    return datetime.now(UTC)


class Controllers:
    """Everything that moves by itself in a cluster: controllers, scheduler, node."""

    def __init__(
        self,
        api: Api,
        pace: Pace = PACE,
        say: Callable[[str], None] = _to_stderr,
        *,
        root_ca: str = "",
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """Nothing moves before :meth:`run`.

        Args:
            say: is told once when something fails, and is tried again.
            root_ca: the API server's authority as PEM, for the ConfigMaps that name it.
            now: the same clock as the API's.
        """
        self._api = api
        self._say = say
        self._now = now
        self._queue = WorkQueue()
        self._recorder = Recorder(api, now)
        self._said: set[Key] = set()
        self._informer = Informer(api.store, api.registry, lambda table, change: self._routes.hear(table, change))
        self._kubelet = kubelet.Kubelet(self._client(kubelet.IDENTITY), pace, time.monotonic)
        self._scheduler = scheduler.Scheduler(self._client(scheduler.IDENTITY), self._recorder)
        self._events = expiry.OldEvents(self._as("event-ttl"), time.monotonic, pace.event_seconds)
        self._controllers: Mapping[str, Controller] = {each.name: each for each in self._all(pace, root_ca)}
        self._routes = Routes(self._informer, self._queue, self._kubelet, self._scheduler, self._events)

    async def run(self) -> None:
        """Move everything, until cancelled."""
        try:
            self._informer.start()
            self._kubelet.register()
            while True:
                await self._queue.wait()
                self._work()
                await asyncio.sleep(0)
        finally:
            self._informer.close()
            self._queue.close()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is to be done right now; timers may be running."""
        return not len(self._queue)

    def _work(self) -> None:
        until = time.monotonic() + _SLICE_SECONDS
        while (key := self._queue.take()) is not None:
            self._look(key)
            if time.monotonic() > until:
                return

    def _look(self, key: Key) -> None:
        try:
            again = self._controllers[key.controller].sync(key.namespace, key.name)
        except Refusal as refusal:
            self._failed(key, f"{refusal.code} {refusal.reason}: {refusal.message}")
        except Exception as error:
            self._failed(key, f"{type(error).__name__}: {error}")
        else:
            self._queue.succeeded(key)
            self._said.discard(key)
            if again is not None:
                self._queue.put_later(key, again)

    def _failed(self, key: Key, why: str) -> None:
        if key not in self._said:
            self._said.add(key)
            self._say(f"{key.controller}: {key.namespace}/{key.name}: {why}; it is tried again")
        self._queue.retry(key)

    def _client(self, identity: Identity) -> Client:
        return Client(self._api, self._recorder, identity, self._now)

    def _as(self, component: str) -> Client:
        return self._client(controller(component))

    def _all(self, pace: Pace, root_ca: str) -> list[Controller]:
        informer, of = self._informer, self._as
        services = self._client(addresses.SERVICE_IDENTITY)
        ingresses = self._client(addresses.INGRESS_IDENTITY)
        return [
            self._kubelet,
            self._scheduler,
            self._events,
            accounts.Accounts(of(accounts.NAME), root_ca),
            addresses.Addresses(addresses.SERVICE_CONTROLLER, services),
            addresses.Addresses(addresses.INGRESS_CONTROLLER, ingresses),
            cron_jobs.CronJobs(informer, of(cron_jobs.NAME)),
            daemon_sets.DaemonSets(informer, of(daemon_sets.NAME)),
            deployments.Deployments(informer, of(deployments.NAME)),
            disruption.Budgets(informer, of("controllermanager")),
            endpoints.EndpointSlices(informer, of(endpoints.NAME)),
            expiry.FinishedJobs(of(expiry.JOB_NAME)),
            garbage.Garbage(informer, of(garbage.NAME)),
            jobs.Jobs(informer, of(jobs.NAME), pace),
            jobs.LostPods(of(jobs.NAME)),
            namespaces.Namespaces(informer, of(namespaces.NAME)),
            replica_sets.ReplicaSets(replica_sets.NAME, informer, of(replica_sets.NAME)),
            replica_sets.ReplicaSets(replica_sets.OLD_NAME, informer, of(replica_sets.OLD_NAME)),
            stateful_sets.StatefulSets(informer, of(stateful_sets.NAME)),
            volumes.Binder(informer, of(volumes.BINDER)),
            volumes.Protection(informer, of("persistentvolumeclaim-protection-controller")),
        ]
