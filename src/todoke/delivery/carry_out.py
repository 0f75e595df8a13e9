"""Carries a plan out, wave by wave, and says how far it came. One pass; it never waits for health."""

import asyncio
from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Any

import msgspec

from todoke.compare.ownership import left_behind
from todoke.compare.verdict import Remembered
from todoke.delivery.memory import Memory
from todoke.delivery.ports import Cluster
from todoke.model.deliverables import Deliverable
from todoke.model.errors import Blocked, DeliveryError, Missing, NotReady, Unreachable
from todoke.model.health import Health, HealthState
from todoke.model.objects import Kind, LiveObject, Manifest
from todoke.model.plans import Action, Plan, Step
from todoke.plan.order import tier

_CONFLICT_TRIES = 4
_KIND_TRIES, _KIND_PAUSE = 30, 0.1  # a CRD of the same commit is served within about 3 s


class Result(msgspec.Struct, frozen=True):
    """What became of one step."""

    step: Step
    ok: bool
    message: str
    error: DeliveryError | None = None


class Outcome(msgspec.Struct, frozen=True):
    """How far a pass came: `waiting` says for what, "" when there is nothing more to do."""

    results: tuple[Result, ...] = ()
    waiting: str = ""

    @property
    def failed(self) -> tuple[Result, ...]:
        """Steps that did not go well."""
        return tuple(result for result in self.results if not result.ok)


HealthOf = Callable[[LiveObject], Health | None]


class CarryOut:
    """Applies, creates and deletes what a plan says."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def run(self, deliverable: Deliverable, plan: Plan, memory: Memory, health_of: HealthOf) -> Outcome:
        """One pass over the plan: waves in order, the tiers of a wave in order, the steps of a tier at once.

        A wave begins when all objects of the waves before it are in place and healthy.

        Raises:
            Unreachable: a neighbour is away; what was done is done, and the next pass goes on from there.
        """
        results: list[Result] = []
        waves = _waves(plan)
        for number, steps in enumerate(waves):
            results += await self._wave(deliverable, steps, memory)
            if any(not result.ok for result in results):
                return Outcome(tuple(results))
            if number < len(waves) - 1 and (waiting := self._gate(steps, memory, health_of)):
                return Outcome(tuple(results), waiting)
        return Outcome(tuple(results), _deletions(plan, results))

    async def _wave(self, deliverable: Deliverable, steps: list[Step], memory: Memory) -> list[Result]:
        results: list[Result] = []
        applies = [step for step in steps if step.acts and step.action is not Action.PRUNE]
        applies.sort(key=lambda step: tier(step.key.kind))
        for _, group in groupby(applies, key=lambda step: tier(step.key.kind)):
            results += await self._at_once(deliverable, list(group), memory)
        if all(result.ok for result in results):
            prunes = [s for s in steps if s.action is Action.PRUNE and s.live is not None and not s.live.deleting]
            results += await self._at_once(deliverable, prunes, memory)
        return results

    async def _at_once(self, deliverable: Deliverable, steps: list[Step], memory: Memory) -> list[Result]:
        if len(steps) == 1:
            results = [await self._step(deliverable, steps[0], memory)]
        else:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._step(deliverable, step, memory)) for step in steps]
            results = [task.result() for task in tasks]
        for result in results:
            if isinstance(result.error, Unreachable):
                raise result.error
        return results

    async def _step(self, deliverable: Deliverable, step: Step, memory: Memory) -> Result:
        try:
            return Result(step, True, await self._act(deliverable, step, memory))
        except DeliveryError as error:
            return Result(step, False, str(error), error)

    async def _act(self, deliverable: Deliverable, step: Step, memory: Memory) -> str:
        if step.action is Action.PRUNE and step.live is not None:
            gone = await self._cluster.delete(step.live, deliverable.sync.propagation)
            return "pruned" if gone else "deletion asked for"
        if step.action is Action.CREATE_NAMESPACE:
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": step.key.name}}
            await self._cluster.create(Kind("", "v1", "Namespace"), step.key, body)
            return "created"
        if step.desired is None:
            raise Blocked(str(step.key), "the step holds no manifest")
        if step.live is not None and step.live.deleting:
            raise NotReady(str(step.key), "it is being deleted", retry_after=1.0)
        answer = await self._applied(step, step.desired)
        if step.live is not None and (owners := left_behind(step.live.body, answer.body)) is not None:
            await self._cluster.patch(answer, [_replacing(owners)])
            answer = await self._cluster.apply(step.desired)
        memory.remembered[step.key] = Remembered(step.desired.raw, answer, answer.resource_version)
        memory.unconfirmed.pop(step.key, None)
        if step.live is None:
            return "created"
        return "configured" if answer.resource_version != step.live.resource_version else "unchanged"

    async def _applied(self, step: Step, manifest: Manifest) -> LiveObject:
        live = step.live
        for attempt in range(_CONFLICT_TRIES):
            try:
                if step.managed_fields is not None and live is not None:
                    await self._cluster.patch(live, [_replacing(step.managed_fields)])
                return await self._cluster.apply(manifest)
            except NotReady:
                # Somebody wrote between our read and our write. Ownership is decided anew by the next look.
                if step.managed_fields is not None or attempt == _CONFLICT_TRIES - 1:
                    raise
            except Missing:
                if not await self._served(manifest.kind):
                    raise
        return await self._cluster.apply(manifest)

    async def _served(self, kind: Kind) -> bool:
        """Wait a moment for a kind whose CRD was applied just now; False when something else is missing."""
        if (await self._cluster.prepare([kind]))[kind] is not None:
            return False
        for _ in range(_KIND_TRIES):
            if await self._cluster.appeared() and (await self._cluster.prepare([kind]))[kind] is not None:
                return True
            await asyncio.sleep(_KIND_PAUSE)
        return False

    def _gate(self, steps: Iterable[Step], memory: Memory, health_of: HealthOf) -> str:
        for step in steps:
            if step.action in (Action.SKIP, Action.REFUSE, Action.CREATE_NAMESPACE):
                continue
            if step.action is Action.PRUNE:
                return f"waiting for deletion of {step.key}"
            known = memory.remembered.get(step.key)
            live = known.answer if step.acts and known is not None else step.live
            health = health_of(live) if live is not None else None
            if health is not None and health.state is not HealthState.HEALTHY:
                return f"waiting for healthy state of {step.key}"
        return ""


def _replacing(managed_fields: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    return {"op": "replace", "path": "/metadata/managedFields", "value": list(managed_fields)}


def _waves(plan: Plan) -> list[list[Step]]:
    by_wave: dict[int, list[Step]] = {}
    for step in plan.steps:
        by_wave.setdefault(step.wave, []).append(step)
    return [by_wave[wave] for wave in sorted(by_wave)]


def _deletions(plan: Plan, results: list[Result]) -> str:
    finished = {result.step.key for result in results if result.message == "pruned"}
    waiting = [step.key for step in plan.steps if step.action is Action.PRUNE and step.key not in finished]
    return f"waiting for deletion of {waiting[0]}" if waiting else ""
