"""What people ask of the CD half: the read model, and requests. Every face (command line, API) comes through here.

Nothing here writes to the cluster but Application objects: a sync is asked for in `.operation`, and the controller
carries it out.
"""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import msgspec

from todoke.delivery import operations
from todoke.delivery.look import NAMESPACE, Looker, Question
from todoke.delivery.memory import Memory, Rendered
from todoke.delivery.query_ports import Desk
from todoke.delivery.reading import (
    Subject,
    instances_of,
    kinds_of_status,
    owned_of,
    problems_of,
    project_of,
    subject_of,
)
from todoke.delivery.render import Rendering
from todoke.delivery.trust import Trusting, demand_of
from todoke.delivery.walk import House
from todoke.health.pods import worst_trouble
from todoke.model.deliverables import DeliverableKey
from todoke.model.errors import Blocked, Missing
from todoke.model.events import Event
from todoke.model.objects import LiveObject, Manifest, ObjectKey
from todoke.model.plans import Plan
from todoke.model.projects import AppProject
from todoke.model.renderings import Checkout
from todoke.plan.hooks import hook_types

Body = dict[str, Any]


class PlanWish(msgspec.Struct, frozen=True):
    """What to plan for. `prune` None = as the application's policy says. `local`: a clone, in place of a revision."""

    revision: str = ""
    prune: bool | None = None
    only: frozenset[tuple[str, str, str]] = frozenset()
    local: Path | None = None


class Preview(msgspec.Struct, frozen=True):
    """A plan with what a person should know beside it."""

    application: DeliverableKey
    revisions: tuple[str, ...]
    plan: Plan
    automated: bool
    notes: tuple[str, ...] = ()


class Listing(msgspec.Struct, frozen=True):
    """Which applications to list."""

    everywhere: bool = False  # in all namespaces, not in the control namespace only
    selector: str = ""
    project: str = ""
    repo_url: str = ""


class ResourceRow(msgspec.Struct, frozen=True):
    """One object of an application, as its status tells."""

    key: ObjectKey
    sync: str
    health: str
    message: str = ""
    prunable: bool = False


class Queries:
    """The read model."""

    def __init__(self, desk: Desk, house: House) -> None:
        self.desk, self.house = desk, house
        self.rendering = Rendering(desk.source, desk.renderer, desk.cluster, house.installation)
        self._trust = Trusting(desk.source, desk.now)
        self._looker = Looker(desk.cluster, house.installation)
        self._sources_ready = False

    def key(self, name: str) -> DeliverableKey:
        """`shop` in the control namespace, or `namespace/shop`. Raises: Blocked: it is no name at all."""
        parts = name.split("/")
        if len(parts) > 2 or not all(_is_name(part) for part in parts):
            raise Blocked(f"Application/{name}", "that is no name", next_step="Write it like shop, or team-a/shop")
        namespace, _, rest = name.rpartition("/")
        return DeliverableKey("Application", namespace or self.house.namespace, rest)

    async def find(self, name: str) -> LiveObject:
        """The Application object.

        Raises:
            Missing: there is none of that name; names those that are near.
        """
        key = self.key(name)
        live = await self.desk.applications.find(key)
        if live is None:
            raise await self._unknown(key)
        return live

    async def _unknown(self, key: DeliverableKey) -> Missing:
        there = sorted(live.key.name for live in await self.desk.applications.all(key.namespace))
        near = get_close_matches(key.name, there, n=3, cutoff=0.5)
        if near:
            step = f"Did you mean {' or '.join(near)}?"
        else:
            step = (
                f"There are: {', '.join(there[:8])}" if there else "There are none; make one with `todoke app create`"
            )
        return Missing(str(key), f"not found in the namespace {key.namespace}", next_step=step)

    async def get(self, name: str) -> Body:
        """The decoded Application. Raises: Missing: see `find`."""
        return (await self.find(name)).body

    async def list_applications(self, listing: Listing | None = None) -> list[Body]:
        """Decoded Applications by namespace and name."""
        listing = listing or Listing()
        namespace = "" if listing.everywhere else self.house.namespace
        found = [live.body for live in await self.desk.applications.all(namespace, listing.selector)]
        return sorted(
            (body for body in found if _listed(body, listing)),
            key=lambda body: (body["metadata"]["namespace"], body["metadata"]["name"]),
        )

    async def subject(self, name: str) -> Subject:
        """The application, read for a look."""
        return subject_of(await self.get(name), self.house.namespace)

    async def sources_ready(self) -> None:
        """Read repository credentials once, before the first repository is asked."""
        if not self._sources_ready:
            self.desk.source.use_credentials(await self.desk.applications.credentials())
            self.desk.source.use_trusted(await self.desk.applications.trusted())
            self.desk.renderer.use_config(await self.desk.applications.config())
            self._sources_ready = True

    async def plan(self, name: str, wish: PlanWish | None = None) -> Preview:
        """What a sync would do now.

        Raises:
            Missing: no such application. Blocked: it cannot be delivered as it is, or the source says nothing usable.
        """
        return await self.preview(await self.subject(name), wish or PlanWish())

    async def diff(self, name: str, revision: str = "", local: Path | None = None) -> Preview:
        """As `plan`, with everything shown that is not in the revision any more.

        Args: local: a clone of the repository, whose files are taken in place of a revision's.
        """
        return await self.plan(name, PlanWish(revision, prune=True, local=local))

    async def preview(self, subject: Subject, wish: PlanWish) -> Preview:
        """See `plan`."""
        project, unread = await self._project(subject)
        rendered, memory = await self._wanted(subject, wish)
        await self._recall(subject, rendered, memory)
        prune = subject.deliverable.sync.prune if wish.prune is None else wish.prune
        question = Question(prune, only=wish.only)
        preview = await self._look(subject, project, rendered, memory, question)
        pinned = (wish.revision,) if wish.revision else ()
        local = wish.local is not None
        distrust = () if local else await self._trust.note(subject.deliverable, project, rendered.revisions, pinned)
        return msgspec.structs.replace(preview, notes=(*unread, *distrust, *_hooks_said(rendered), *preview.notes))

    async def capabilities(self) -> tuple[str, tuple[str, ...]]:
        """The cluster's version, and the API versions that it serves."""
        return await self.desk.cluster.capabilities()

    async def foreseen(
        self, body: Mapping[str, Any], checkouts: Sequence[Checkout], before: Sequence[Checkout] = ()
    ) -> Preview:
        """What a delivery of an Application as somebody wrote it would do now, of sources that are checked out.

        Args: before: sources that are taken as delivered, whose fields go when the new ones do not have them.
        Raises: Blocked: it cannot be delivered as it is, or the sources say nothing usable.
        """
        named = dict(body) | {"metadata": {"namespace": self.house.namespace} | dict(body.get("metadata") or {})}
        there = await self.desk.applications.find(subject_of(named, self.house.namespace).deliverable.key)
        subject = subject_of(named | ({"status": there.body.get("status")} if there else {}), self.house.namespace)
        project, unread = await self._project(subject)
        memory = Memory()
        if before:
            earlier = await self.rendering.of(subject.deliverable, before)
            memory.delivered = {manifest.key: manifest for manifest in earlier.manifests}
        rendered = await self.rendering.of(subject.deliverable, checkouts)
        question = Question(subject.deliverable.sync.prune)
        preview = await self._look(subject, project, rendered, memory, question)
        missing = () if there else ("the Application is not in the cluster yet",)
        return msgspec.structs.replace(preview, notes=(*missing, *unread, *preview.notes))

    async def _look(
        self, subject: Subject, project: AppProject | None, rendered: Rendered, memory: Memory, question: Question
    ) -> Preview:
        """Compare with the cluster, whose objects are loaded for it."""
        deliverable, cluster, kinds = subject.deliverable, self.desk.cluster, kinds_of_status(subject.body)
        blind = await cluster.load_owned(instances_of(deliverable), rendered.kinds | kinds, deliverable.namespace)
        if deliverable.sync.create_namespace:
            await cluster.live([(NAMESPACE, ObjectKey("", "Namespace", "", deliverable.namespace))])
        view = await self._looker.look(deliverable, rendered, memory, question, project, kinds)
        notes = (*rendered.warnings, *blind, *view.problems)
        return Preview(deliverable.key, rendered.revisions, view.plan, deliverable.sync.automated, notes)

    async def demands(self, subject: Subject, source: int = 0) -> bool:
        """Whether the project wants signatures of a source; False where the asker may not read it."""
        name = subject.deliverable.project
        try:
            project = project_of(await self.desk.applications.project_named(name), name)
            return demand_of(project, subject.deliverable.sources[source]) is not None
        except Blocked:
            return False

    async def _project(self, subject: Subject) -> tuple[AppProject | None, tuple[str, ...]]:
        """The project, with a sentence when the asker may not read it. Raises: Blocked: it forbids the delivery."""
        name = subject.deliverable.project
        try:
            body = await self.desk.applications.project_named(name)
        except Blocked:  # the asker may not read it; the controller may, and obeys it
            if subject.deliverable.problems:
                raise
            return None, (f"AppProject/{name} may not be read: what it forbids is not known",)
        project = project_of(body, name)
        problems = problems_of(subject, project, self.house.namespace)
        if problems:
            raise Blocked(str(subject.deliverable.key), "; ".join(problems))
        return project, ()

    async def _wanted(self, subject: Subject, wish: PlanWish) -> tuple[Rendered, Memory]:
        if wish.local is None:
            return await self._rendered(subject, wish.revision)
        tree = self.desk.source.folder(wish.local)
        await self.sources_ready()
        return await self.rendering.local(subject.deliverable, tree), Memory()

    async def _rendered(self, subject: Subject, revision: str) -> tuple[Rendered, Memory]:
        deliverable = subject.deliverable
        await self.sources_ready()
        if revision and len(deliverable.sources) != 1:
            raise Blocked(str(deliverable.key), "it has several sources", next_step="Leave out --revision")
        for origin in dict.fromkeys(source.origin for source in deliverable.sources):
            await self.desk.source.refresh(origin)
        revisions = await self.rendering.revisions(deliverable, (revision,) if revision else ())
        memory = Memory()
        return await self.rendering.render(deliverable, revisions, memory), memory

    async def _recall(self, subject: Subject, rendered: Rendered, memory: Memory) -> None:
        """What the last sync delivered: fields that left the manifest since then are part of the plan."""
        last = operations.last_sync(subject.body.get("status") or {})
        if last is None or not last.revision or last.revision == rendered.revision:
            return
        before = tuple(last.revision.split(","))
        try:
            if len(before) == len(rendered.revisions):
                for spec, sha in zip(subject.deliverable.sources, before, strict=True):
                    await self.desk.source.latest(spec, sha)
                earlier = await self.rendering.render(subject.deliverable, before, memory)
                memory.delivered = {manifest.key: manifest for manifest in earlier.manifests}
        except Blocked:  # gone from the repository: the live objects' own record has to do
            return

    async def manifests(self, name: str, revision: str = "") -> tuple[Manifest, ...]:
        """What the sources say, as it is applied. Raises: as `plan`."""
        subject = await self.subject(name)
        await self._project(subject)
        rendered, _ = await self._rendered(subject, revision)
        return rendered.manifests

    async def live_manifests(self, name: str) -> tuple[LiveObject, ...]:
        """What is in the cluster of it, in the kinds that its status names."""
        subject = await self.subject(name)
        return await self.owned(subject)

    async def owned(self, subject: Subject) -> tuple[LiveObject, ...]:
        """Live objects that bear the application's tracking id and are this installation's."""
        deliverable, kinds = subject.deliverable, kinds_of_status(subject.body)
        await self.desk.cluster.load_owned(instances_of(deliverable), kinds, deliverable.namespace)
        found = owned_of(self.desk.cluster, deliverable, self.house.installation)
        return tuple(sorted(found, key=lambda o: o.key))

    async def history(self, name: str) -> list[Body]:
        """Entries of status.history, newest first."""
        return list((await self.get(name)).get("status", {}).get("history") or ())[::-1]

    async def story(self, name: str) -> list[Event]:
        """Facts of the ledger of this machine, newest first."""
        return await self.desk.ledger().story(self.key(name))

    async def resources(self, name: str) -> list[ResourceRow]:
        """The application's objects; a sick workload's message is that of its worst Pod."""
        body = await self.get(name)
        rows = [_row(resource) for resource in (body.get("status") or {}).get("resources") or ()]
        sick = [row.key for row in rows if row.health not in ("", "Healthy", "Missing") and row.key.namespace]
        await self.desk.cluster.load_pods(sorted({key.namespace for key in sick}))
        return [self._with_pods(row) if row.key in sick else row for row in rows]

    def _with_pods(self, row: ResourceRow) -> ResourceRow:
        pods = [pod.body for pod in self.desk.cluster.unready_pods(row.key)]
        trouble = worst_trouble(pods) if pods else None
        if trouble is None:
            return row
        return msgspec.structs.replace(row, message=f"{row.message}; {trouble}" if row.message else trouble)


def _hooks_said(rendered: Rendered) -> tuple[str, ...]:
    return tuple(f"{hook.key} is a hook: {', '.join(hook_types(hook.body))}" for hook in rendered.hooks)


def _is_name(text: str) -> bool:
    """Whether a text can stand in a URL as it is; what else is wrong with a name the server says."""
    return text not in ("", ".", "..") and not set(text) & set("?#%\\")


def _row(resource: Mapping[str, Any]) -> ResourceRow:
    health = resource.get("health") or {}
    key = ObjectKey(
        resource.get("group", ""), resource.get("kind", ""), resource.get("namespace", ""), resource.get("name", "")
    )
    return ResourceRow(
        key,
        resource.get("status", ""),
        health.get("status", ""),
        health.get("message", ""),
        bool(resource.get("requiresPruning")),
    )


def _listed(body: Body, listing: Listing) -> bool:
    spec = body.get("spec") or {}
    if listing.project and (spec.get("project") or "default") != listing.project:
        return False
    sources = spec.get("sources") or [spec.get("source") or {}]
    return not listing.repo_url or any(source.get("repoURL") == listing.repo_url for source in sources)
