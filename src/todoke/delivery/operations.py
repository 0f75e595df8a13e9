"""Operations as they stand on the Application: asked for in `.operation`, told of in `.status.operationState`. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from todoke.delivery.carry_out import Outcome, Result
from todoke.delivery.hooks import HookResult
from todoke.delivery.status import stamp
from todoke.model.deliverables import Deliverable
from todoke.model.errors import Blocked, Forbidden, Missing
from todoke.model.objects import Kind, ObjectKey
from todoke.model.plans import Action, Plan
from todoke.plan.decide import Decision, LastSync

_UNCHANGED = "unchanged"
_LIFTED = (Missing, Forbidden)
_UNDER_WAY = ("Running", "Terminating")


class Running(msgspec.Struct, frozen=True):
    """An operation under way."""

    operation: dict[str, Any]  # as it was asked for
    started: str
    requested: bool  # it stands in `.operation`: somebody asked for it
    revision: str = ""  # what it delivered so far; "" before its first step
    results: tuple[dict[str, Any], ...] = ()
    failures: int = 0
    terminating: bool = False  # somebody asked for its end
    moved_on: bool = False  # a newer commit has just taken the place of the one that was asked for

    @property
    def unseen(self) -> bool:
        """Whether nobody has seen what it is about to do: then the guard holds it."""
        return self.moved_on or (self.automated and not self.requested)

    @property
    def sync(self) -> dict[str, Any]:
        """The `sync` part."""
        part: dict[str, Any] = self.operation.get("sync") or {}
        return part

    @property
    def automated(self) -> bool:
        """Whether todoke itself asked."""
        return bool((self.operation.get("initiatedBy") or {}).get("automated"))

    @property
    def by(self) -> str:
        """Who asked."""
        return "automated" if self.automated else (self.operation.get("initiatedBy") or {}).get("username") or "unknown"

    @property
    def pinned(self) -> tuple[str, ...]:
        """The revisions that a person asked for, one per source; empty = the newest."""
        if self.automated:
            return ()
        several = self.sync.get("revisions")
        if several:
            return tuple(several)
        return (self.sync["revision"],) if self.sync.get("revision") else ()

    @property
    def only(self) -> frozenset[tuple[str, str, str]]:
        """(group, kind, name) of the objects it is limited to; empty = all."""
        chosen = self.sync.get("resources") or ()
        return frozenset((c.get("group", ""), c.get("kind", ""), c.get("name", "")) for c in chosen)

    @property
    def hook_states(self) -> dict[tuple[ObjectKey, str], str]:
        """How its hooks stood after the last pass, by object and phase."""
        return {
            (ObjectKey(r.get("group", ""), r["kind"], r.get("namespace", ""), r["name"]), r["hookType"]): r["hookPhase"]
            for r in self.results
            if r.get("hookType") and r.get("hookPhase")
        }

    @property
    def failure(self) -> str:
        """What went wrong in an earlier pass of it, "" when nothing did."""
        bad = [r for r in self.results if r.get("status") == "SyncFailed" or r.get("hookPhase") in ("Failed", "Error")]
        ended = [r for r in bad if r.get("hookType") != "SyncFail"]
        return f"{ended[0]['kind']}/{ended[0]['name']}: {ended[0].get('message', '')}" if ended else ""

    @property
    def runs_hooks(self) -> bool:
        """Self-heals, syncs of some objects, dry runs and the apply strategy leave hooks out."""
        strategy = self.sync.get("syncStrategy") or {}
        return not (self.heals or self.only or self.sync.get("dryRun") or strategy.get("apply") is not None)

    @property
    def heals(self) -> int:
        """Which self-heal in a row this is, 0 for another sync."""
        return int(self.sync.get("autoHealAttemptsCount") or 0)


def current(application: Mapping[str, Any], now: datetime) -> Running | None:
    """The operation to work on: one that is asked for, else one that the status says is running."""
    asked = application.get("operation")
    state = (application.get("status") or {}).get("operationState") or {}
    same = state.get("phase") in _UNDER_WAY
    if asked is not None:
        if same and state.get("operation") == asked:
            return resumed(state, requested=True)
        return Running(dict(asked), stamp(now), requested=True)
    return resumed(state, requested=False) if same else None


def resumed(state: Mapping[str, Any], *, requested: bool) -> Running:
    """The operation that an operationState tells of."""
    result = state.get("syncResult") or {}
    revisions = result.get("revisions")
    return Running(
        operation=dict(state.get("operation") or {}),
        started=state.get("startedAt", ""),
        requested=requested,
        revision=",".join(revisions) if revisions else result.get("revision", ""),
        results=tuple(result.get("resources") or ()),
        failures=int(state.get("retryCount") or 0),
        terminating=state.get("phase") == "Terminating",
    )


def begin(deliverable: Deliverable, revisions: tuple[str, ...], decision: Decision, now: datetime) -> Running:
    """A new automatic operation."""
    sync: dict[str, Any] = {}
    if len(revisions) > 1:
        sync["revisions"] = list(revisions)
    elif revisions:
        sync["revision"] = revisions[0]
    if deliverable.sync.prune:
        sync["prune"] = True
    if decision.heals:
        sync["autoHealAttemptsCount"] = decision.heals
    return Running({"sync": sync, "initiatedBy": {"automated": True}}, stamp(now), False, failures=decision.failures)


def last_sync(status: Mapping[str, Any]) -> LastSync | None:
    """What the status tells of the last finished operation."""
    state = status.get("operationState") or {}
    result = state.get("syncResult") or {}
    if not state or state.get("phase") in _UNDER_WAY:
        return None
    revisions = result.get("revisions")
    operation = state.get("operation") or {}
    delivered = frozenset(_name(entry) for entry in result.get("resources") or () if entry.get("status") == "Synced")
    return LastSync(
        phase=state.get("phase", ""),
        revision=",".join(revisions) if revisions else result.get("revision", ""),
        finished=moment(state.get("finishedAt")),
        message=state.get("message", ""),
        failures=int(state.get("retryCount") or 0),
        heals=int((operation.get("sync") or {}).get("autoHealAttemptsCount") or 0),
        automated=bool((operation.get("initiatedBy") or {}).get("automated")),
        delivered=delivered,
    )


def same_sources(application: Mapping[str, Any]) -> bool:
    """Whether the last operation delivered from the sources that the spec names now."""
    result = ((application.get("status") or {}).get("operationState") or {}).get("syncResult") or {}
    spec = application.get("spec") or {}
    then = result.get("sources") or result.get("source")
    return then is None or then == (spec.get("sources") or spec.get("source"))


def moment(text: str | None) -> datetime | None:
    """A time of a status, or None when it is absent or no time."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if text else None
    except ValueError:
        return None


def _name(entry: Mapping[str, Any]) -> str:
    return "/".join(part for part in (entry.get("kind"), entry.get("namespace"), entry.get("name")) if part)


def state_of(
    running: Running, spec: Mapping[str, Any], revisions: tuple[str, ...], outcome: Outcome | None, now: datetime
) -> dict[str, Any]:
    """The operationState after a pass; without an outcome, that of an operation that is about to begin."""
    waiting = outcome is None or bool(outcome.waiting)
    results = merged_results(running.results, outcome, waiting=waiting)
    sync_result: dict[str, Any] = {"resources": results}
    if spec.get("sources"):
        sync_result |= {"revision": "", "revisions": list(revisions), "sources": spec["sources"]}
    else:
        sync_result |= {"revision": revisions[0] if revisions else "", "source": spec.get("source")}
    state: dict[str, Any] = {
        "operation": running.operation,
        "phase": "Running",
        "message": "",
        "startedAt": running.started,
        "syncResult": {name: value for name, value in sync_result.items() if value is not None},
    }
    if outcome is None or outcome.waiting:
        state["message"] = "" if outcome is None else outcome.waiting
        if running.failures:
            state["retryCount"] = running.failures
        return state
    return state | _ended(running, outcome, results, now)


def _ended(running: Running, outcome: Outcome, results: list[dict[str, Any]], now: datetime) -> dict[str, Any]:
    ended: dict[str, Any] = {"finishedAt": stamp(now)}
    if outcome.problem:
        return ended | {"phase": "Failed", "message": outcome.problem, "retryCount": running.failures + 1}
    changes = sum(result["message"] != _UNCHANGED for result in results if not result.get("hookType"))
    ended["phase"] = "Succeeded"
    ended["message"] = f"successfully synced ({changes} {'change' if changes == 1 else 'changes'})"
    return ended


def is_final(outcome: Outcome) -> bool:
    """Whether trying again cannot help: the server refused what the manifests say."""
    errors = [result.error for result in outcome.failed]
    return bool(errors) and all(isinstance(e, Blocked) and not isinstance(e, _LIFTED) for e in errors)


def is_lifted_elsewhere(outcome: Outcome) -> bool:
    """Whether something outside of Git can lift it, a right or a namespace: then the attempts do not end."""
    errors = [result.error for result in outcome.failed]
    return bool(errors) and all(isinstance(error, _LIFTED) for error in errors)


def stopped(state: Mapping[str, Any], phase: str, message: str, now: datetime) -> dict[str, Any]:
    """An operationState that ends without a pass: superseded, terminated or impossible."""
    return dict(state) | {"phase": phase, "message": message, "finishedAt": stamp(now)}


def merged_results(
    before: tuple[dict[str, Any], ...], outcome: Outcome | None, *, waiting: bool
) -> list[dict[str, Any]]:
    """Results by object, those of the last pass over earlier ones; what an earlier pass did is not forgotten.

    Args:
        waiting: the operation goes on. When it does not, every deletion that was asked for has happened.
    """
    merged = {_place(entry): dict(entry) for entry in before}
    for result in outcome.results if outcome else ():
        entry = _result(result)
        if not (result.message == _UNCHANGED and merged.get(_place(entry), {}).get("status") == "Synced"):
            merged[_place(entry)] = entry
    for hook in outcome.hooks if outcome else ():
        entry = _hook_result(hook)
        if hook.phase and not (hook.phase == merged.get(_place(entry), {}).get("hookPhase") and not hook.message):
            merged[_place(entry)] = entry
    for entry in merged.values():
        if not waiting and entry.get("status") == "Pruned":
            entry["message"] = "pruned"
    return [merged[place] for place in sorted(merged)]


def _place(entry: Mapping[str, Any]) -> tuple[str, str, str, str, str]:
    return (
        entry.get("group", ""),
        entry["kind"],
        entry.get("namespace", ""),
        entry["name"],
        entry.get("hookType", ""),
    )


def _hook_result(result: HookResult) -> dict[str, Any]:
    manifest = result.hook.manifest
    return {
        "group": manifest.key.group,
        "version": manifest.version,
        "kind": manifest.key.kind,
        "namespace": manifest.key.namespace,
        "name": manifest.key.name,
        "status": "SyncFailed" if result.failed else "Synced",
        "message": result.message,
        "hookType": result.hook.phase,
        "hookPhase": result.phase,
        "syncPhase": result.hook.phase,
    }


def _result(result: Result) -> dict[str, Any]:
    step = result.step
    source = step.desired or step.live
    prune = step.action is Action.PRUNE
    return {
        "group": step.key.group,
        "version": source.version if source else "v1",
        "kind": step.key.kind,
        "namespace": step.key.namespace,
        "name": step.key.name,
        "status": ("Pruned" if prune else "Synced") if result.ok else "SyncFailed",
        "message": result.message,
        "syncPhase": "Sync",
    }


def history(
    old: list[dict[str, Any]], running: Running, state: Mapping[str, Any], spec: Mapping[str, Any], limit: int
) -> list[dict[str, Any]]:
    """The history with a finished sync added; self-heals, dry runs and partial syncs leave no entry."""
    if state.get("phase") != "Succeeded" or running.heals or running.only or running.sync.get("dryRun"):
        return old[-limit:] if limit else []
    result = state["syncResult"]
    entry = {
        "id": max((int(e.get("id", 0)) for e in old), default=-1) + 1,
        "deployStartedAt": running.started,
        "deployedAt": state["finishedAt"],
        "initiatedBy": running.operation.get("initiatedBy") or {},
    }
    for field in ("revision", "revisions"):
        if result.get(field):
            entry[field] = result[field]
    for field in ("source", "sources"):
        if spec.get(field):
            entry[field] = spec[field]
    return [*old, entry][-limit:] if limit else []


def created_kinds(plan: Plan) -> frozenset[Kind]:
    """The kinds of the objects that a plan creates."""
    creates = (step for step in plan.steps if step.action is Action.CREATE)
    return frozenset(step.desired.kind for step in creates if step.desired is not None)


def kinds_known(application: Mapping[str, Any], plan: Plan) -> bool:
    """Whether the status names every kind that the plan creates: then a crash leaves no object that nobody owns."""
    resources = (application.get("status") or {}).get("resources") or ()
    known = {(r.get("group", ""), r.get("kind", "")) for r in resources}
    return all((step.key.group, step.key.kind) in known for step in plan.steps if step.action is Action.CREATE)
