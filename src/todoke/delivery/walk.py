"""One delivery, start to end. Read this file first: every room appears once, in order.

source → render → cluster (live) → compare → plan → cluster (applied) → health → status, ledger. A delivery never
waits: it does what can be done now and returns; the watch, a timer or a person brings the application back.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

import msgspec

from todoke.access.project import source_permitted
from todoke.compare.claims import applied_by_us
from todoke.delivery import operations
from todoke.delivery.carry_out import CarryOut, Outcome, Result
from todoke.delivery.hooks import Hooks
from todoke.delivery.look import MISSING_KIND, Looker, Question, View
from todoke.delivery.memory import Memories, Memory, Rendered
from todoke.delivery.operations import Running
from todoke.delivery.ports import Applications, Cluster, Ledger, Renderer, Source
from todoke.delivery.reading import kinds_of_status, problems_of, project_of, subject_of
from todoke.delivery.removal import Removal
from todoke.delivery.render import Rendering
from todoke.delivery.telling import REFRESH, Done, Telling
from todoke.delivery.translate import is_ours
from todoke.delivery.trust import Trusting
from todoke.health.assess import assess
from todoke.model.deliverables import Deliverable, DeliverableKey
from todoke.model.errors import Blocked, DeliveryError, Unreachable, Unrenderable
from todoke.model.health import Health
from todoke.model.objects import Kind, LiveObject, annotations
from todoke.model.plans import Action, Plan
from todoke.model.projects import AppProject
from todoke.model.sources import Origin
from todoke.plan.decide import LastSync, Verb, decide, held
from todoke.plan.hooks import hooks_of

_LOOK_AT_WAITING = 5.0


class Rooms(msgspec.Struct, frozen=True):
    """The outside rooms."""

    source: Source
    renderer: Renderer
    cluster: Cluster
    applications: Applications
    ledger: Ledger
    now: Callable[[], datetime]


class House(msgspec.Struct, frozen=True):
    """What this installation is."""

    namespace: str = "todoke"  # the control namespace
    installation: str = ""  # stamped on objects, "" = none
    mark: str = "todoke"  # the value of our mark on Applications elsewhere
    observe: bool = False  # never write anything


class Delivery:
    """Takes one application at a time to what its sources say."""

    def __init__(self, rooms: Rooms, house: House) -> None:
        self._rooms, self._house = rooms, house
        self.memories = Memories()
        self.rendering = Rendering(rooms.source, rooms.renderer, rooms.cluster, house.installation, self._permits)
        self._trust = Trusting(rooms.source, rooms.now)
        self._looker = Looker(rooms.cluster, house.installation)
        self._carry_out = CarryOut(rooms.cluster)
        self._telling = Telling(rooms.applications, rooms.ledger, rooms.cluster, house.namespace, rooms.now)
        self._removal = Removal(rooms.cluster, rooms.applications, house.installation)
        self.source_problems: dict[Origin, str] = {}
        """Repositories that do not answer, and what they said; the applications' status tells of it."""
        self.moved: Callable[[Origin], None] = lambda _origin: None
        """Told a repository whose refs moved."""

    async def deliver(self, key: DeliverableKey) -> float | None:
        """One look at one application; seconds after which to look again, or None.

        Raises:
            Unreachable, NotReady: to be tried again; nothing that was reported as done is lost.
        """
        application = self._rooms.applications.get(key)
        body = {} if application is None else application.body
        if application is None or not self._is_ours(key, body):
            self.memories.forget(key)
            return None
        memory = self.memories.of(key)
        deliverable = self.read(application, body, memory)
        quiet = self._house.observe or deliverable.observe
        if application.deleting:
            return None if quiet else await self._remove(application, body, deliverable)
        refresh = ((body.get("metadata") or {}).get("annotations") or {}).get(REFRESH, "")
        try:
            if refresh and memory.refreshed != application.resource_version:
                await self._refresh(deliverable, memory, hard=refresh == "hard")
                memory.refreshed = application.resource_version
            return await self._deliver(body, deliverable, memory, quiet=quiet, hard=refresh == "hard")
        except Blocked as error:
            memory.failed = True
            if not quiet:
                await self._telling.failure(deliverable, body, [("ComparisonError", str(error))], self._rooms.now())
            return error.retry_after if isinstance(error, Unrenderable) else None
        except Unreachable as error:
            if not quiet and memory.rendered is None and (problems := self._never_seen(deliverable, body, error)):
                listed = [("ComparisonError", problem) for problem in problems]
                await self._telling.failure(deliverable, body, listed, self._rooms.now())
            raise

    def _is_ours(self, key: DeliverableKey, body: dict[str, Any]) -> bool:
        return is_ours(key.namespace, annotations(body), self._house.namespace, self._house.mark)

    async def _remove(self, application: LiveObject, body: Mapping[str, Any], deliverable: Deliverable) -> float | None:
        try:
            return await self._removal.run(application, body, deliverable)
        except Blocked as error:
            await self._telling.failure(deliverable, body, [("DeletionError", str(error))], self._rooms.now())
            raise

    async def preview(self, key: DeliverableKey) -> Plan:
        """What the next look would plan, without carrying it out or telling of it.

        Raises:
            Blocked: the application does not exist, or cannot be compared; says why.
        """
        application = self._rooms.applications.get(key)
        if application is None:
            raise Blocked(str(key), "there is no such application", next_step="List them with `todoke app list`")
        memory, body = self.memories.of(key), application.body
        deliverable = self.read(application, body, memory)
        project = self._project(deliverable)
        if problems := self._forbidden(memory, project):
            raise Blocked(str(key), "; ".join(problems))
        revisions = await self.rendering.revisions(deliverable)
        rendered = await self._rendered(deliverable, None, revisions, body, memory)
        question = Question(deliverable.sync.prune)
        return (await self._looker.look(deliverable, rendered, memory, question, project, kinds_of_status(body))).plan

    def read(self, application: LiveObject, body: Mapping[str, Any], memory: Memory) -> Deliverable:
        """The deliverable an Application describes, read anew only when the object says something else."""
        spec = msgspec.json.encode((body.get("spec"), (body.get("metadata") or {}).get("annotations")))
        if memory.subject is None or memory.spec != spec or memory.subject.deliverable.uid != application.uid:
            subject = subject_of(body, self._house.namespace)
            if memory.subject is not None and memory.subject.deliverable.ignored != subject.deliverable.ignored:
                memory.remembered = {}  # it was found in sync by other rules
            memory.subject, memory.spec = msgspec.structs.replace(subject, body={}), spec
        return memory.subject.deliverable

    def _never_seen(self, deliverable: Deliverable, body: Mapping[str, Any], error: Unreachable) -> list[str]:
        """What to tell of sources that have not answered since the start; at once while nothing is told yet."""
        if not (body.get("status") or {}).get("sync"):
            return [str(error)]
        return [self.source_problems[s.origin] for s in deliverable.sources if s.origin in self.source_problems]

    async def _refresh(self, deliverable: Deliverable, memory: Memory, *, hard: bool) -> None:
        memory.final = ""
        if hard:
            memory.rendered, memory.fresh = None, True
        for origin in {source.origin for source in deliverable.sources if source.repo_url}:
            if await self._rooms.source.refresh(origin):
                self.moved(origin)

    async def _deliver(
        self, body: Mapping[str, Any], deliverable: Deliverable, memory: Memory, *, quiet: bool, hard: bool
    ) -> float | None:
        now = self._rooms.now()
        project = self._project(deliverable)
        problems = self._forbidden(memory, project)
        memory.failed = bool(problems)
        if problems:
            if not quiet:
                await self._telling.failure(deliverable, body, [("InvalidSpecError", p) for p in problems], now)
            return None
        revisions = await self.rendering.revisions(deliverable)
        running = None if quiet else await self._running(body, deliverable, revisions, memory)
        rendered = await self._rendered(deliverable, running, revisions, body, memory)
        delivered = rendered.revisions
        eager = not quiet and (running is not None or deliverable.sync.automated) and memory.asked
        prune = bool(running.sync.get("prune")) if running else deliverable.sync.prune
        question = Question(prune, eager, hard, running.only if running else frozenset())
        kinds = kinds_of_status(body)
        view = await self._looker.look(deliverable, rendered, memory, question, project, kinds)
        died = not memory.asked and deliverable.sync.automated and _ended_untold(memory, rendered, view.plan, body)
        memory.asked, memory.waits_for_kinds = True, _waits(view)
        decision = decide(deliverable.sync, await self._last(body, deliverable, rendered, memory), view.plan, now)
        if running is None and (decision.verb is Verb.SYNC or died) and not quiet:
            running = operations.begin(deliverable, rendered.revisions, decision, now)
        outcome = None
        if running is not None and not quiet:
            outcome = await self._act(body, deliverable, memory, running, view)
            if rendered.revisions != revisions and await self._trust.holds(deliverable, project, revisions):
                rendered = await self.rendering.render(deliverable, revisions, memory)
            question = Question(deliverable.sync.prune)
            view = await self._looker.look(deliverable, rendered, memory, question, project, kinds)
            memory.waits_for_kinds = _waits(view)
        if quiet:
            return None
        again = decision.seconds if decision.verb is Verb.WAIT else None
        if outcome is not None and outcome.waiting:
            again = _LOOK_AT_WAITING  # the watch is faster; this is for what it cannot tell
        elif outcome is not None and outcome.failed and running and deliverable.sync.automated and not memory.final:
            again = deliverable.sync.retry.pause(running.failures + 1)
        origins = {source.origin for source in deliverable.sources}
        silent = tuple(problem for origin, problem in self.source_problems.items() if origin in origins)
        done = Done(running, outcome, decision.problem, silent, delivered)
        told = await self._telling.tell(deliverable, body, memory, view, done)
        return min((seconds for seconds in (again, told) if seconds is not None), default=None)

    async def _running(
        self, body: Mapping[str, Any], deliverable: Deliverable, revisions: tuple[str, ...], memory: Memory
    ) -> Running | None:
        """The operation under way, unless a newer commit takes its place."""
        now = self._rooms.now()
        running = operations.current(body, now)
        if running is None or not running.revision or running.pinned:
            return running
        if operations.same_sources(body) and await self._same(deliverable, running.revision, revisions, memory):
            return running
        await self._telling.superseded(deliverable, running, revisions, now)
        if not running.requested:
            return None
        return msgspec.structs.replace(running, revision="", results=(), moved_on=True)

    async def _same(self, deliverable: Deliverable, revision: str, revisions: tuple[str, ...], memory: Memory) -> bool:
        before = tuple(revision.split(","))
        if before == revisions:
            return True
        try:
            return len(before) == len(revisions) and await self.rendering.same(
                deliverable, before, revisions, memory.rendered
            )
        except DeliveryError:  # the old revision is gone, or not in a new mirror, or its path is gone: not the same
            return False

    async def _rendered(
        self,
        deliverable: Deliverable,
        running: Running | None,
        revisions: tuple[str, ...],
        body: Mapping[str, Any],
        memory: Memory,
    ) -> Rendered:
        pinned = running.pinned if running else ()
        wanted = await self.rendering.revisions(deliverable, pinned) if pinned else revisions
        await self._trust.check(deliverable, self._project(deliverable), wanted, pinned)
        if not memory.asked:
            await self._recall(deliverable, body, wanted, memory)
        before = memory.rendered
        rendered = await self.rendering.render(deliverable, wanted, memory)
        if before is not None and before.inputs != rendered.inputs and memory.delivered_inputs == before.inputs:
            memory.delivered = {manifest.key: manifest for manifest in before.manifests}
        memory.rendered = rendered
        return rendered

    async def _recall(
        self, deliverable: Deliverable, body: Mapping[str, Any], revisions: tuple[str, ...], memory: Memory
    ) -> None:
        """After a restart: what the last sync delivered, read from Git, to know what a newer commit took away."""
        last = operations.last_sync(body.get("status") or {})
        if last is None or not last.revision or last.revision == ",".join(revisions):
            return
        try:
            then = await self.rendering.revisions(deliverable, tuple(last.revision.split(",")))
            earlier = await self.rendering.render(deliverable, then, memory)
            if await self.rendering.unchanged(deliverable, earlier, revisions):
                memory.rendered = earlier
                return
        except (Blocked, ValueError):  # gone from the repository: the live object's own record has to do
            return
        memory.delivered = {manifest.key: manifest for manifest in earlier.manifests}

    async def _last(
        self, body: Mapping[str, Any], deliverable: Deliverable, rendered: Rendered, memory: Memory
    ) -> LastSync | None:
        last = operations.last_sync(body.get("status") or {})
        if last is None:
            return None
        if not operations.same_sources(body):
            return msgspec.structs.replace(last, revision="")
        if last.revision != rendered.revision and await self._same(
            deliverable, last.revision, rendered.revisions, memory
        ):
            last = msgspec.structs.replace(last, revision=rendered.revision)
        if memory.lifted_elsewhere == rendered.inputs and deliverable.sync.retry.limit > 0:
            last = msgspec.structs.replace(last, failures=min(last.failures, deliverable.sync.retry.limit))
        return msgspec.structs.replace(last, final=bool(memory.final) and memory.final == rendered.inputs)

    async def _act(
        self, body: Mapping[str, Any], deliverable: Deliverable, memory: Memory, running: Running, view: View
    ) -> Outcome:
        if running.unseen and view.plan.holds:
            return Outcome(failure=held(view.plan))
        kept = tuple(Result(step, True, "unchanged") for step in view.plan.steps if step.action is Action.KEEP)
        if running.sync.get("dryRun"):
            changes = tuple(Result(step, True, f"{step.action} (dry run)") for step in view.plan.changes)
            return Outcome((*kept, *changes))
        hooks = self._hooks(running, view)
        created = operations.created_kinds(view.plan) | {hook.manifest.kind for hook in hooks.all}
        recorded = not created or await self._rooms.cluster.remember(created)  # own before you touch
        if (not recorded and not operations.kinds_known(body, view.plan)) or (hooks.all and not running.revision):
            await self._telling.begun(deliverable, body, view, running)
        if running.terminating or running.failure:
            outcome = Outcome(failure="Operation terminated" if running.terminating else running.failure)
            outcome = await self._carry_out.fail(hooks, outcome)
        else:
            outcome = await self._carry_out.run(deliverable, view.plan, memory, self._health, hooks)
        memory.final = view.rendered.inputs if operations.is_final(outcome) else ""
        memory.lifted_elsewhere = view.rendered.inputs if operations.is_lifted_elsewhere(outcome) else ""
        if not outcome.problem and not outcome.waiting and not running.only:
            memory.delivered, memory.delivered_inputs = {}, view.rendered.inputs
        return msgspec.structs.replace(outcome, results=(*kept, *outcome.results))

    def _hooks(self, running: Running, view: View) -> Hooks:
        started = operations.moment(running.started) or self._rooms.now()
        wanted = view.rendered.hooks if running.runs_hooks else ()
        hooks = hooks_of(wanted, view.rendered.revision, started)
        if running.terminating:
            begun = [h for h in hooks if running.hook_states.get((h.manifest.key, h.phase)) == "Running"]
            hooks = tuple(msgspec.structs.replace(h, phase="ended", policies=frozenset({"HookFailed"})) for h in begun)
        return Hooks(self._rooms.cluster, hooks, running.hook_states, started, self._health, view.permission)

    def _health(self, live: LiveObject) -> Health | None:
        return assess(live.body, self._rooms.now())

    def _project(self, deliverable: Deliverable) -> AppProject | None:
        return project_of(self._rooms.applications.project(deliverable.project), deliverable.project)

    def _permits(self, deliverable: Deliverable) -> Callable[[str], bool] | None:
        """What a project says of repositories: a submodule must not lead into another team's private one."""
        project = self._project(deliverable)
        return None if project is None else partial(source_permitted, project)

    def _forbidden(self, memory: Memory, project: AppProject | None) -> tuple[str, ...]:
        return () if memory.subject is None else problems_of(memory.subject, project, self._house.namespace)


def _waits(view: View) -> frozenset[Kind]:
    refused = (step for step in view.plan.refused if step.trouble == MISSING_KIND)
    return frozenset(step.desired.kind for step in refused if step.desired is not None)


def _ended_untold(memory: Memory, rendered: Rendered, plan: Plan, body: Mapping[str, Any]) -> bool:
    """Whether the cluster holds all of a revision that no sync is told of: the process died before it told of it."""
    if not (body.get("status") or {}).get("operationState"):
        live = [step.live for step in plan.steps]
        return bool(live) and not plan.changes and all(o is not None and applied_by_us(o) for o in live)
    before = {key: manifest.raw for key, manifest in memory.delivered.items()}
    return bool(before) and not plan.changes and before != {m.key: m.raw for m in rendered.manifests}
