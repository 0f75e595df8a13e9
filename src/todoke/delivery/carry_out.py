"""Carries a plan out, wave by wave, and says how far it came. One pass; it never waits for health."""

import asyncio
from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Any

import msgspec

from todoke.compare.ownership import left_behind
from todoke.compare.verdict import Remembered
from todoke.delivery.hooks import HookResult, Hooks, waiting_for
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
    hooks: tuple[HookResult, ...] = ()
    failure: str = ""  # why it fails although this pass did nothing wrong: an earlier one did

    @property
    def failed(self) -> tuple[Result, ...]:
        """Steps that did not go well."""
        return tuple(result for result in self.results if not result.ok)

    @property
    def problem(self) -> str:
        """Why the sync fails, "" when it does not."""
        problems = [result.message for result in self.failed]
        problems += [f"hook {r.hook.manifest.key}: {r.message or r.phase}" for r in self.hooks if r.failed]
        if not problems:
            return self.failure
        return problems[0] + (f" (and {len(problems) - 1} more)" if len(problems) > 1 else "")


HealthOf = Callable[[LiveObject], Health | None]


class CarryOut:
    """Applies, creates and deletes what a plan says."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def run(
        self, deliverable: Deliverable, plan: Plan, memory: Memory, health_of: HealthOf, hooks: Hooks
    ) -> Outcome:
        """One pass over the plan: phases and waves in order, the tiers of a wave in order, the steps of a tier at once.

        A wave begins when all objects of the waves before it are in place and healthy, and their hooks have ended.

        Raises:
            Unreachable: a neighbour is away; what was done is done, and the next pass goes on from there.
        """
        results: list[Result] = []
        told: list[HookResult] = []
        stages = _stages(plan, hooks)
        for number, (phase, wave, steps) in enumerate(stages):
            results += await self._wave(deliverable, steps, memory)
            if unready := [result for result in results if isinstance(result.error, NotReady)]:
                done = tuple(result for result in results if not isinstance(result.error, NotReady))
                return Outcome(done, unready[0].message, tuple(told))
            if any(not result.ok for result in results):
                break
            ran = await hooks.run(phase, wave)
            told += ran
            if any(result.failed for result in ran):
                break
            waiting = waiting_for(ran)
            if not waiting and number < len(stages) - 1:
                waiting = _deletions(steps, results) or self._gate(steps, memory, health_of)
            if waiting:
                return Outcome(tuple(results), waiting, tuple(told))
        return await self._finish(plan, hooks, Outcome(tuple(results), _deletions(plan.steps, results), tuple(told)))

    async def _finish(self, plan: Plan, hooks: Hooks, outcome: Outcome) -> Outcome:
        """The end of a pass that has nothing more to begin: SyncFail hooks after a failure, then what hooks leave."""
        if not outcome.problem:
            if not outcome.waiting:
                await hooks.clean_up(succeeded=True)
            return outcome
        return await self.fail(hooks, outcome)

    async def fail(self, hooks: Hooks, outcome: Outcome) -> Outcome:
        """Run the SyncFail hooks of a sync that has failed; it ends when they have."""
        told = list(outcome.hooks)
        for wave in hooks.stages("SyncFail"):
            ran = await hooks.run("SyncFail", wave)
            told += ran
            if waiting := waiting_for(ran):
                return msgspec.structs.replace(outcome, waiting=waiting, hooks=tuple(told))
        await hooks.clean_up(succeeded=False)
        return msgspec.structs.replace(outcome, waiting="", hooks=tuple(told))

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
        if answer.resource_version == step.live.resource_version:
            return "unchanged"
        return "; ".join(("configured", *step.notes))

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
            await self._cluster.appeared()
            if (await self._cluster.prepare([kind]))[kind] is not None:
                return True
            await asyncio.sleep(_KIND_PAUSE)
        return False

    def _gate(self, steps: Iterable[Step], memory: Memory, health_of: HealthOf) -> str:
        for step in steps:
            if step.action in (Action.SKIP, Action.REFUSE, Action.CREATE_NAMESPACE, Action.PRUNE):
                continue
            known = memory.remembered.get(step.key)
            live = known.answer if step.acts and known is not None else step.live
            health = health_of(live) if live is not None else None
            if health is not None and health.state is not HealthState.HEALTHY:
                return f"waiting for healthy state of {step.key}"
        return ""


def _replacing(managed_fields: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    return {"op": "replace", "path": "/metadata/managedFields", "value": list(managed_fields)}


def _stages(plan: Plan, hooks: Hooks) -> list[tuple[str, int, list[Step]]]:
    """(phase, wave, ordinary steps) in order; ordinary steps belong to the Sync phase."""
    by_wave: dict[int, list[Step]] = {wave: [] for wave in hooks.stages("Sync")}
    first = [step for step in plan.steps if step.action is Action.CREATE_NAMESPACE]
    for step in plan.steps:
        if step.action is not Action.CREATE_NAMESPACE:
            by_wave.setdefault(step.wave, []).append(step)
    stages: list[tuple[str, int, list[Step]]] = [("", 0, first)] if first else []  # hooks need it too
    stages += [("PreSync", wave, []) for wave in hooks.stages("PreSync")]
    stages += [("Sync", wave, by_wave[wave]) for wave in sorted(by_wave)]
    return stages + [("PostSync", wave, []) for wave in hooks.stages("PostSync")]


def _deletions(steps: Iterable[Step], results: list[Result]) -> str:
    """What is asked to go and not gone, "" when nothing is."""
    finished = {result.step.key for result in results if result.message == "pruned"}
    waiting = [step.key for step in steps if step.action is Action.PRUNE and step.key not in finished]
    return f"waiting for deletion of {waiting[0]}" if waiting else ""
