"""Tells what a look found and what a sync did: the Application's status, and the ledger. Writes only what changed."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from todoke.delivery import operations
from todoke.delivery.carry_out import Outcome
from todoke.delivery.look import View
from todoke.delivery.memory import Memory
from todoke.delivery.operations import Running
from todoke.delivery.ports import Applications, Cluster, Ledger
from todoke.delivery.status import Conditions, Found, compose, failure, stamp
from todoke.health.assess import assess
from todoke.model.deliverables import Deliverable
from todoke.model.events import Event, HealthChanged, SyncEnded
from todoke.model.health import Health, HealthState
from todoke.model.merge import merge_patch
from todoke.model.objects import ObjectKey

REFRESH = "argocd.argoproj.io/refresh"
log = logging.getLogger(__name__)

_HEALTH_PAUSE = 3.0  # seconds between two writes that only say a health's message in other words


class Done(msgspec.Struct, frozen=True):
    """What happened in a look besides looking."""

    running: Running | None = None
    outcome: Outcome | None = None
    problem: str = ""
    silent_sources: tuple[str, ...] = ()
    delivered: tuple[str, ...] = ()  # the revisions that the operation delivered


class Telling:
    """Writes an Application's status: at most once before and once after a sync."""

    def __init__(
        self,
        applications: Applications,
        ledger: Ledger,
        cluster: Cluster,
        control_namespace: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._applications, self._ledger, self._cluster = applications, ledger, cluster
        self._control_namespace, self._clock = control_namespace, clock

    async def tell(
        self, deliverable: Deliverable, body: Mapping[str, Any], memory: Memory, view: View, done: Done
    ) -> float | None:
        """Bring the status up to date; seconds after which a look is due because a write was put off."""
        now, seen = self._clock(), body
        body = self._newest(deliverable, seen)
        old, spec = body.get("status") or {}, seen.get("spec") or {}
        found = self._found(deliverable, memory, view, done)
        new = compose(old, spec, found, now)
        ended = False
        if done.running is not None:
            state = operations.state_of(done.running, spec, done.delivered, done.outcome, now)
            ended = state["phase"] != "Running"
            if not ended and (old.get("operationState") or {}).get("phase") == "Terminating":
                state["phase"] = "Terminating"  # somebody asked for its end during this pass
            new["operationState"] = state
            if ended:
                new["history"] = operations.history(
                    list(old.get("history") or ()), done.running, state, spec, deliverable.history_limit
                )
        fulfilled = _fulfilled(seen, body, done.running if ended else None)
        patch = merge_patch({name: old.get(name) for name in new}, new)
        loop_time = asyncio.get_running_loop().time()
        if not fulfilled and done.running is None and _only_words(old, new, patch):
            left = memory.told_health + _HEALTH_PAUSE - loop_time
            if left > 0:
                return left
        if patch or fulfilled:
            memory.told_health = loop_time
            await self._write(deliverable, body, patch, fulfilled, now)
        await self._record(deliverable, memory, old, new, found, done)
        return None

    def _newest(self, deliverable: Deliverable, body: Mapping[str, Any]) -> Mapping[str, Any]:
        newest = self._applications.get(deliverable.key)
        return body if newest is None else newest.body

    def _found(self, deliverable: Deliverable, memory: Memory, view: View, done: Done) -> Found:
        now = self._clock()
        health: dict[ObjectKey, Health | None] = {}
        for key, live in view.live.items():
            known = memory.health.get(key)
            if known is None or known[0] != live.resource_version:
                known = memory.health[key] = (live.resource_version, assess(live.body, now))
            health[key] = known[1]
        sick = [key for key, state in health.items() if state is not None and state.state is not HealthState.HEALTHY]
        pods = {key: tuple(pod.body for pod in group) for key in sick if (group := self._cluster.unready_pods(key))}
        conditions = [(step.trouble, f"{step.key}: {step.reason}") for step in view.plan.refused]
        conditions += [("ComparisonError", problem) for problem in view.problems]
        conditions += [
            ("UnsupportedFieldWarning", f"{field} is set and not honoured by this version")
            for field in deliverable.warnings
        ]
        conditions += [("RepeatedResourceWarning", warning) for warning in view.rendered.warnings]
        conditions += [("ComparisonError", problem) for problem in done.silent_sources]
        if done.problem:
            conditions.append(("SyncError", done.problem))
        if done.outcome is not None:
            conditions += [("SyncError", result.message) for result in done.outcome.failed]
        return Found(
            deliverable,
            view.plan,
            view.rendered.revisions,
            view.rendered.tools,
            view.live,
            health,
            pods,
            tuple(conditions),
        )

    async def begun(self, deliverable: Deliverable, body: Mapping[str, Any], view: View, running: Running) -> None:
        """Before the first apply: the status names every kind that the sync touches, so that nothing is orphaned."""
        now = self._clock()
        old, spec = body.get("status") or {}, body.get("spec") or {}
        found = Found(deliverable, view.plan, view.rendered.revisions, view.rendered.tools, view.live, {}, {})
        composed = compose(old, spec, found, now)
        new: dict[str, Any] = {
            name: composed[name] for name in ("sync", "resources", "sourceType", "sourceTypes") if name in composed
        }
        new["operationState"] = operations.state_of(running, spec, view.rendered.revisions, None, now)
        if running.only:  # the plan names a part; what it does not name stays owned
            new["resources"] = _united(old.get("resources") or (), new["resources"])
        patch = merge_patch({name: old.get(name) for name in new}, new)
        await self._applications.patch(deliverable.key, {"status": patch})

    async def failure(
        self, deliverable: Deliverable, body: Mapping[str, Any], problems: Iterable[tuple[str, str]], now: datetime
    ) -> None:
        """The comparison was not possible: say why; an operation that was asked for ends with it."""
        seen, body = body, self._newest(deliverable, body)
        old = body.get("status") or {}
        listed: Conditions = tuple(problems)
        new = failure(old, listed, now)
        running = operations.current(seen, now)
        if running is not None:
            state = old.get("operationState") or {}
            if state.get("phase") not in ("Running", "Terminating") or state.get("operation") != running.operation:
                state = {"operation": running.operation, "startedAt": running.started}  # not that of an earlier one
            new["operationState"] = operations.stopped(state, "Error", listed[0][1], now)
        patch = merge_patch({name: old.get(name) for name in new}, new)
        fulfilled = _fulfilled(seen, body, running)
        if patch or fulfilled:
            await self._write(deliverable, body, patch, fulfilled, now)

    async def superseded(
        self, deliverable: Deliverable, running: Running, revisions: tuple[str, ...], now: datetime
    ) -> None:
        """A newer commit takes the place of a sync that waits."""
        message = f"superseded by {','.join(revision[:8] for revision in revisions)}"
        if not running.requested:  # nobody may come back to it: the newer commit may need no sync at all
            ended = {"phase": "Failed", "message": message, "finishedAt": stamp(now)}
            await self._applications.patch(deliverable.key, {"status": {"operationState": ended}})
        await self._ledger.record(
            [
                SyncEnded(
                    deliverable.key,
                    deliverable.uid,
                    running.revision,
                    "Superseded",
                    running.started,
                    stamp(now),
                    running.by,
                    message,
                )
            ]
        )

    async def _write(
        self,
        deliverable: Deliverable,
        body: Mapping[str, Any],
        status: dict[str, Any],
        fulfilled: dict[str, Any],
        now: datetime,
    ) -> None:
        patch = dict(fulfilled)
        if status:
            patch["status"] = status | {"reconciledAt": stamp(now)}
            if not deliverable.former:  # else it says whose it was, and so which marks its objects bear
                patch["status"]["controllerNamespace"] = self._control_namespace
        if fulfilled:  # a wish that came meanwhile must not be wiped away with the one that was fulfilled
            metadata = fulfilled.get("metadata") or {}
            patch["metadata"] = metadata | {"resourceVersion": body["metadata"]["resourceVersion"]}
        await self._applications.patch(deliverable.key, patch)

    async def _record(
        self,
        deliverable: Deliverable,
        memory: Memory,
        old: Mapping[str, Any],
        new: Mapping[str, Any],
        found: Found,
        done: Done,
    ) -> None:
        events: list[Event] = []
        earlier = old.get("operationState") or {}
        if not memory.ended and earlier.get("finishedAt") and earlier.get("syncResult"):
            # Told once more after a start: the process may have died between the status and the ledger.
            events.append(_sync_ended(deliverable, earlier, operations.resumed(earlier, requested=False)))
        memory.ended = memory.ended or earlier.get("startedAt") or "none"
        state = new.get("operationState")
        if state is not None and state.get("finishedAt") and done.running is not None:
            ended = _sync_ended(deliverable, state, done.running)
            facts = {name: getattr(ended, name) for name in ("revision", "changes", "by", "message")}
            said = facts.pop("message")
            log.info(
                "delivered" if ended.phase == "Succeeded" else "not delivered",
                extra={"application": str(deliverable.key), "result": said, **facts},
            )
            events.append(ended)
        before, after = (old.get("health") or {}).get("status"), new["health"]["status"]
        if before != after:
            events.append(
                HealthChanged(
                    deliverable.key,
                    deliverable.uid,
                    ",".join(found.revisions),
                    after,
                    new["health"].get("message", ""),
                    new["health"]["lastTransitionTime"],
                )
            )
        if events:
            await self._ledger.record(events)


def _sync_ended(deliverable: Deliverable, state: Mapping[str, Any], running: Running) -> SyncEnded:
    result = state["syncResult"]
    return SyncEnded(
        deliverable.key,
        deliverable.uid,
        ",".join(result.get("revisions") or ()) or result.get("revision", ""),
        state["phase"],
        state["startedAt"],
        state["finishedAt"],
        running.by,
        state.get("message", ""),
        changes=sum(entry.get("message") != "unchanged" for entry in result.get("resources") or ()),
    )


def _fulfilled(seen: Mapping[str, Any], newest: Mapping[str, Any], ended: Running | None) -> dict[str, Any]:
    """The patch that takes away the wishes that this look fulfilled, and none that came while it ran.

    Args:
        seen: the Application as the look began.
        ended: the operation that has ended, None when there is none.
    """
    patch: dict[str, Any] = {}
    if ended is not None and ended.requested and newest.get("operation") == ended.operation:
        patch["operation"] = None
    if (refresh := _refresh_of(seen)) and refresh == _refresh_of(newest):
        patch["metadata"] = {"annotations": {REFRESH: None}}
    return patch


def _united(old: Iterable[Mapping[str, Any]], new: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Entries of `resources`, the old ones that the new ones do not name with them."""

    def place(entry: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(entry.get(name, "") for name in ("group", "kind", "namespace", "name"))

    entries = {place(entry): entry for entry in (*old, *new)}
    return [entries[one] for one in sorted(entries)]


def _refresh_of(body: Mapping[str, Any]) -> str:
    value: str = ((body.get("metadata") or {}).get("annotations") or {}).get(REFRESH, "")
    return value


def _only_words(old: Mapping[str, Any], new: Mapping[str, Any], patch: Mapping[str, Any]) -> bool:
    """Whether nothing changed but the words of a health."""
    if not patch or not set(patch) <= {"health", "resources"}:
        return False
    return _wordless(old) == _wordless(new)


def _wordless(status: Mapping[str, Any]) -> tuple[Any, ...]:
    health = (status.get("health") or {}).get("status")
    resources = [
        {name: value for name, value in resource.items() if name != "health"}
        | {"health": (resource.get("health") or {}).get("status")}
        for resource in status.get("resources") or ()
    ]
    return health, resources
