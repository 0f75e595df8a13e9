"""What people do: create, set, sync, refresh, delete, undo. Each is a change of an Application object, then a wait."""

from collections.abc import Awaitable, Callable

import msgspec

from todoke.delivery import undo
from todoke.delivery.queries import Queries
from todoke.delivery.reading import subject_of
from todoke.delivery.removal import goes
from todoke.delivery.status import stamp
from todoke.delivery.telling import REFRESH
from todoke.delivery.translate import MANAGED_BY, OBSERVE, SKIP_RECONCILE, is_ours
from todoke.delivery.undo import Choice, Releases, UndoWish
from todoke.delivery.waiting import EVERYTHING, Body, Tell, WaitFor, operation_running, unmet, wait_until
from todoke.delivery.wishes import (
    CASCADES,
    POLICY_SET_BY,
    REQUEST,
    NewApplication,
    SpecWish,
    SyncWish,
    application_body,
    finalizers_for,
    operation_body,
    spec_patch,
)
from todoke.model.deliverables import Deliverable, DeliverableKey
from todoke.model.errors import Blocked, NotReady
from todoke.model.objects import LiveObject, annotations
from todoke.model.sources import Reverted

PatchFor = Callable[[LiveObject], Awaitable[Body]]

_TRIES = 5
_UNHEARD_SECONDS = 15.0


class Doomed(msgspec.Struct, frozen=True):
    """What a deletion takes along, and what it leaves."""

    application: LiveObject
    goes: tuple[LiveObject, ...]
    stays: tuple[LiveObject, ...]


class Requests:
    """Changes of Application objects, with the asking user's own rights."""

    def __init__(self, queries: Queries) -> None:
        self._queries, self._desk = queries, queries.desk

    async def body_of(self, new: NewApplication) -> Body:
        """The Application that `create` would make.

        Raises:
            Blocked: it could not be delivered as it would be.
        """
        house = self._queries.house
        if new.namespace != house.namespace:  # nobody else shall act on it, and we do only with our mark
            marks = {MANAGED_BY: house.mark, SKIP_RECONCILE: "true", **new.annotations}
            new = msgspec.structs.replace(new, annotations=marks)
        body = application_body(new)
        if problems := subject_of(body, house.namespace).deliverable.problems:
            raise Blocked(f"Application/{new.name}", "; ".join(problems))
        if new.spec.automated is not None:
            body["metadata"].setdefault("annotations", {})[POLICY_SET_BY] = await self._signature()
        return body

    async def create(self, new: NewApplication) -> Body:
        """Make an Application. Raises: Blocked: it exists, or the server refuses it."""
        return (await self._desk.applications.create(await self.body_of(new))).body

    async def set(self, name: str, wish: SpecWish) -> Body:
        """Change the named fields. Raises: Missing; Blocked: see `spec_patch`."""

        async def change(application: LiveObject) -> Body:
            body = application.body
            patch: Body = {"spec": spec_patch(f"Application/{application.key.name}", body.get("spec") or {}, wish)}
            if wish.automated is not None:
                patch["metadata"] = {"annotations": {POLICY_SET_BY: await self._signature()}}
            return patch

        return (await self._changed(name, change)).body

    async def _signature(self) -> str:
        return f"{await self._desk.applications.whoami()} {stamp(self._desk.now())}"

    async def _changed(self, name: str, patch_for: PatchFor) -> LiveObject:
        """Change an Application at the version that was looked at, again when somebody was faster."""
        attempt = 1
        while True:
            application = await self._ours(name)
            patch: Body = await patch_for(application)
            patch.setdefault("metadata", {})["resourceVersion"] = str(application.resource_version)
            try:
                return await self._desk.applications.change(self._queries.key(name), patch)
            except NotReady:
                if attempt == _TRIES:
                    raise
                attempt += 1

    async def _ours(self, name: str) -> LiveObject:
        """The Application, if it is one that this installation acts on: another tool would obey what we write to it.

        Raises:
            Blocked: it is not ours. Missing: there is none.
        """
        application, house = await self._queries.find(name), self._queries.house
        if not is_ours(application.key.namespace, annotations(application.body), house.namespace, house.mark):
            raise Blocked(
                f"Application/{application.key.name}",
                "this installation only reads it",
                field=f'metadata.annotations["{MANAGED_BY}"]',
                next_step=f"Use the tool that delivers it, or hand it over with the value {house.mark}",
            )
        return application

    async def sync(self, name: str, wish: SyncWish) -> str:
        """Ask for a sync; the request's id, for `follow`.

        Raises:
            Blocked: one is running, nobody would carry it out, or the application follows Git by itself and another
                revision is asked for.
        """
        await self._ours(name)
        subject = await self._queries.subject(name)
        if subject.deliverable.observe:
            raise Blocked(
                str(subject.deliverable.key),
                "it is only observed, so nothing would be delivered",
                field=f'metadata.annotations["{OBSERVE}"]',
                next_step="Take the annotation off",
            )
        if wish.revision:
            self._may_pin(subject.deliverable.key, automated=subject.deliverable.sync.automated)
            await self._queries.sources_ready()
            for origin in {source.origin for source in subject.deliverable.sources}:
                await self._desk.source.refresh(origin)
            (sha,) = await self._queries.rendering.revisions(subject.deliverable, (wish.revision,))
            if not await self._queries.demands(subject):  # else a tag is told by its name: it is what must be signed
                wish = msgspec.structs.replace(wish, revision=sha)
        return await self._ask(name, wish)

    def _may_pin(self, key: DeliverableKey, *, automated: bool) -> None:
        if automated:
            raise Blocked(
                str(key),
                "it follows its branch by itself, so another revision would not last",
                field="spec.syncPolicy.automated",
                next_step=f"Undo with `todoke app rollback {key.name}`, or first "
                f"`todoke app set {key.name} --sync-policy manual`",
            )

    async def _ask(self, name: str, wish: SyncWish) -> str:
        request, user = self._desk.new_id(), await self._desk.applications.whoami()

        async def change(application: LiveObject) -> Body:
            body = application.body
            if operation_running(body):
                raise Blocked(
                    f"Application/{application.key.name}",
                    f"a sync is running: {_who(body)}",
                    next_step=f"Wait for it with `todoke app wait {name} --operation`",
                )
            return {"operation": operation_body(wish, user, request)}

        await self._changed(name, change)
        return request

    async def follow(self, name: str, request: str, seconds: float, tell: Tell) -> Body:
        """Wait until a sync that was asked for has ended: its operationState.

        Raises:
            Blocked: it ended without a result, or the time is over.
        """
        began = self._desk.now()
        warned = False

        def missing(body: Body | None) -> str:
            nonlocal warned
            if body is None:
                raise Blocked(f"Application/{name}", "it was deleted meanwhile")
            waited = (self._desk.now() - began).total_seconds()
            if _pending(body, request) and waited > _UNHEARD_SECONDS and not warned:
                warned = True
                tell("nobody has begun it yet. Is `todoke serve` running, and does it act on this application?")
            return "" if _ended(body, request) else "the sync has not ended"

        body = await wait_until(f"Application/{name}", lambda: self.look(name), missing, seconds, tell)
        state = ((body or {}).get("status") or {}).get("operationState") or {}
        if request not in _requests_of(state.get("operation") or {}):
            raise Blocked(f"Application/{name}", f"the sync came to nothing: {_reason(body or {})}")
        return dict(state)

    async def look(self, name: str) -> Body | None:
        """The Application now, None when it is gone."""
        live = await self._desk.applications.find(self._queries.key(name))
        return None if live is None else live.body

    async def wait(self, name: str, wanted: WaitFor, seconds: float, tell: Tell) -> Body | None:
        """Wait until what is wanted is so. Raises: Missing: no such application; Late: the time is over."""
        if not wanted.deleted:
            await self._queries.find(name)
        return await wait_until(
            f"Application/{name}", lambda: self.look(name), lambda body: unmet(body, wanted), seconds, tell
        )

    async def refresh(self, name: str, seconds: float, tell: Tell, *, hard: bool = False) -> Body:
        """Have the application looked at anew, and wait until it was. Raises: Missing; Late: nobody looked."""
        await self._ours(name)
        await self._desk.applications.change(self._queries.key(name), _refresh_patch(hard=hard))

        def missing(body: Body | None) -> str:
            marks = ((body or {}).get("metadata") or {}).get("annotations") or {}
            return "nobody has looked at it. Is `todoke serve` running?" if REFRESH in marks else ""

        body = await wait_until(f"Application/{name}", lambda: self.look(name), missing, seconds, tell)
        if body is None:
            raise Blocked(f"Application/{name}", "it was deleted meanwhile")
        return body

    async def doomed(self, name: str, cascade: str) -> Doomed:
        """What a deletion would take along."""
        application, subject = await self._ours(name), await self._queries.subject(name)
        owned = await self._queries.owned(subject) if CASCADES[cascade] else ()
        return Doomed(application, tuple(o for o in owned if goes(o)), tuple(o for o in owned if not goes(o)))

    async def delete(self, name: str, cascade: str) -> None:
        """Delete an Application. With a cascade the controller deletes its objects first."""

        async def change(application: LiveObject) -> Body:
            meta = application.body.get("metadata") or {}
            return {"metadata": {"finalizers": finalizers_for(meta.get("finalizers") or (), cascade)}}

        await self._desk.applications.remove(await self._changed(name, change))

    async def choose_undo(self, name: str, wish: UndoWish) -> Choice:
        """What `rollback` would do. Raises: Blocked: it is not ours; see `Releases.choose`."""
        await self._ours(name)
        subject = await self._queries.subject(name)
        await self._queries.sources_ready()
        for origin in {source.origin for source in subject.deliverable.sources}:
            await self._desk.source.refresh(origin)
        choice = await Releases(subject, self._queries.rendering, self._desk).choose(wish)
        if choice.by_commit and not choice.push_to and await self._queries.demands(subject, choice.source):
            step = "Leave out --push, and have the branch merged by somebody who signs"
            raise Blocked(
                str(choice.application), "its project wants signatures, and todoke signs nothing", next_step=step
            )
        return choice

    async def undo_by_commit(self, name: str, choice: Choice) -> Reverted:
        """Make and push the commit of a choice. Raises: Blocked: see `undo.revert`."""
        subject = await self._queries.subject(name)
        user = await self._desk.applications.whoami()
        return await undo.revert(self._desk, self._queries.rendering, subject, choice, user)

    async def undo_by_sync(self, name: str, choice: Choice) -> str:
        """Ask for the older revision of a choice; the request's id, for `follow`."""
        request = await self._ask(name, SyncWish(choice.good, choice.prune))
        await undo.record(self._desk, choice, "", await self._desk.applications.whoami(), self._desk.now())
        return request

    async def follow_commit(self, name: str, choice: Choice, sha: str, seconds: float, tell: Tell) -> Body | None:
        """Have a pushed commit looked at, and wait until it, or a newer one, is deployed and healthy."""
        deliverable = (await self._queries.subject(name)).deliverable
        alone = msgspec.structs.replace(deliverable, sources=(deliverable.sources[choice.source],))
        await self._desk.applications.change(self._queries.key(name), _refresh_patch(hard=False))
        bad: dict[str, bool] = {"": True, choice.bad: True, sha: False}

        async def look() -> Body | None:
            body = await self.look(name)
            if body is not None and (at := _revision(body, choice.source)) not in bad:
                bad[at] = await self._says_the_same(alone, at, choice.bad)
            return body

        def missing(body: Body | None) -> str:
            if body is not None and bad[_revision(body, choice.source)]:
                return f"{sha[:8]} is not deployed yet"
            return unmet(body, EVERYTHING)

        return await wait_until(f"Application/{name}", look, missing, seconds, tell)

    async def _says_the_same(self, alone: Deliverable, one: str, other: str) -> bool:
        """Whether two commits hold the same for a source: one that others pushed meanwhile may be older than ours."""
        rendering = self._queries.rendering
        try:
            first, second = [await rendering.revisions(alone, (sha,)) for sha in (one, other)]
            return await rendering.same(alone, first, second)
        except Blocked:  # what cannot be read says nothing
            return False


def _revision(body: Body, source: int) -> str:
    sync = (body.get("status") or {}).get("sync") or {}
    found = sync.get("revisions") or [sync.get("revision", "")]
    return str(found[source]) if source < len(found) else ""


def _refresh_patch(*, hard: bool) -> Body:
    return {"metadata": {"annotations": {REFRESH: "hard" if hard else "normal"}}}


def _requests_of(operation: Body) -> set[str]:
    return {info.get("value", "") for info in operation.get("info") or () if info.get("name") == REQUEST}


def _pending(body: Body, request: str) -> bool:
    state = (body.get("status") or {}).get("operationState") or {}
    asked = request in _requests_of(body.get("operation") or {})
    return asked and request not in _requests_of(state.get("operation") or {})


def _ended(body: Body, request: str) -> bool:
    """Whether the request is neither asked for nor running any more."""
    if request in _requests_of(body.get("operation") or {}):
        return False
    state = (body.get("status") or {}).get("operationState") or {}
    ours = request in _requests_of(state.get("operation") or {})
    return not (ours and state.get("phase") in ("Running", "Terminating"))


def _reason(body: Body) -> str:
    errors = [c["message"] for c in (body.get("status") or {}).get("conditions") or () if c["type"].endswith("Error")]
    state = (body.get("status") or {}).get("operationState") or {}
    return "; ".join(errors[:3]) or state.get("message") or "another one took its place"


def _who(body: Body) -> str:
    state = (body.get("status") or {}).get("operationState") or {}
    operation = body.get("operation") or state.get("operation") or {}
    initiator = operation.get("initiatedBy") or {}
    by = "todoke itself" if initiator.get("automated") else initiator.get("username") or "somebody"
    since = f" since {state['startedAt']}" if state.get("phase") == "Running" and state.get("startedAt") else ""
    return f"asked for by {by}{since}" + (f", {state['message']}" if since and state.get("message") else "")
