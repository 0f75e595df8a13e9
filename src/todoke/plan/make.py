"""desired + live + verdicts → plan. Pure: no clock, no cluster, no logging."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from todoke.model.objects import LiveObject, Manifest, ObjectKey, annotations
from todoke.model.plans import Action, FieldChange, Plan, Step
from todoke.plan.guard import GuardPolicy, holds
from todoke.plan.order import in_order, mirrored, wave_of

OPTIONS = "argocd.argoproj.io/sync-options"
_KEEP_RESOURCE = "helm.sh/resource-policy"


class Finding(msgspec.Struct, frozen=True):
    """What the comparison said of one desired object, in words the plan needs."""

    manifest: Manifest
    live: LiveObject | None
    changes: tuple[FieldChange, ...] = ()
    in_sync: bool = False
    confirmed: bool = True
    refused: str = ""  # why it must not be touched: another owner, a kind that is missing or not permitted
    trouble: str = ""  # condition type that tells of the refusal
    managed_fields: tuple[dict[str, Any], ...] | None = None
    notes: tuple[str, ...] = ()


class PlanPolicy(msgspec.Struct, frozen=True):
    """What of an application's policy the plan obeys."""

    prune: bool = True
    prune_last: bool = False
    default_prune: str = ""  # the application's Prune option: "", "false" or "confirm"
    guard: GuardPolicy = GuardPolicy()
    create_namespace: str = ""  # a namespace to create first, "" = none


def make_plan(revision: str, findings: Iterable[Finding], extra: Iterable[LiveObject], policy: PlanPolicy) -> Plan:
    """Decide one step for every desired object and every owned object that is no longer desired.

    Args:
        revision: what the desired objects were rendered from, for the plan's reader.
        extra: live objects that the application owns and that the revision does not have.
    """
    findings, extra = list(findings), list(extra)
    steps = [_step(finding) for finding in findings]
    steps.extend(_prune_steps(extra, policy, max((step.wave for step in steps), default=0)))
    ordered = in_order(steps)
    if policy.create_namespace:
        key = ObjectKey("", "Namespace", "", policy.create_namespace)
        first = min((step.wave for step in steps), default=0)
        ordered.insert(0, Step(key, Action.CREATE_NAMESPACE, "the destination does not exist yet", wave=first))
    gone = [step.key for step in steps if step.action is Action.PRUNE and step.live and not step.live.deleting]
    return Plan(revision, tuple(ordered), holds(gone, len(findings), policy.guard))


def _step(finding: Finding) -> Step:
    manifest, live = finding.manifest, finding.live
    wave = wave_of(manifest.body) if b"sync-wave" in manifest.raw or b"hook-weight" in manifest.raw else 0
    if finding.refused:
        return Step(manifest.key, Action.REFUSE, finding.refused, wave, manifest, live, trouble=finding.trouble)
    if live is None:
        return Step(manifest.key, Action.CREATE, "not in the cluster", wave, manifest, confirmed=finding.confirmed)
    if finding.in_sync:
        return Step(manifest.key, Action.KEEP, "in sync", wave, manifest, live, notes=finding.notes)
    if live.deleting:
        return Step(manifest.key, Action.UPDATE, "is being deleted; comes back when it is gone", wave, manifest, live)
    places = [change.at for change in finding.changes]
    shown = ", ".join(places[:3]) + (f" and {len(places) - 3} more" if len(places) > 3 else "")
    reason = f"differs at {shown}" if places else (finding.notes[0] if finding.notes else "takes ownership")
    return Step(
        manifest.key,
        Action.UPDATE,
        reason,
        wave,
        manifest,
        live,
        finding.changes,
        finding.confirmed,
        finding.managed_fields,
        finding.notes,
    )


def _prune_steps(extra: list[LiveObject], policy: PlanPolicy, last_wave: int) -> list[Step]:
    bodies = {live.key: live.body for live in extra}
    waves = {key: wave_of(body) for key, body in bodies.items()}
    swapped = mirrored(waves.values())
    steps = []
    for live in extra:
        options = sync_options(bodies[live.key])
        last = policy.prune_last or "PruneLast=true" in options
        wave = max(last_wave, 0) + 1 if last else swapped[waves[live.key]]
        reason = _why_kept(live, bodies[live.key], options, policy)
        action = Action.SKIP if reason else Action.PRUNE
        steps.append(Step(live.key, action, reason or "no longer in the source", wave, None, live))
    return steps


def _why_kept(live: LiveObject, body: Mapping[str, Any], options: frozenset[str], policy: PlanPolicy) -> str:
    if not policy.prune:
        return "ignored (requires pruning)"
    default = "" if "Prune=true" in options else policy.default_prune
    if "Prune=false" in options or default == "false":
        return "ignored (no prune)"
    if "Prune=confirm" in options or default == "confirm":
        return "ignored (Prune=confirm: delete it by hand, or write Prune=true)"
    if annotations(dict(body)).get(_KEEP_RESOURCE) == "keep":
        return f"ignored ({_KEEP_RESOURCE}: keep)"
    return ""


def sync_options(body: Mapping[str, Any]) -> frozenset[str]:
    """The sync options that an object carries in its annotation."""
    return frozenset(part.strip() for part in annotations(dict(body)).get(OPTIONS, "").split(",") if part.strip())
