"""The second half of a look: what is live, how it differs, and the plan. Writes nothing but dry runs."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from todoke.compare.drift import Difference
from todoke.compare.ignore import keep_live_values, rules_for
from todoke.compare.masking import field_changes
from todoke.compare.ownership import Hand, hand_over, taken_from
from todoke.compare.verdict import Remembered, Sure, Verdict, differences, judge
from todoke.delivery.memory import Memory, Rendered
from todoke.delivery.ports import Cluster
from todoke.delivery.reading import owned_of
from todoke.delivery.refusal import Permission
from todoke.model.deliverables import Deliverable
from todoke.model.errors import Blocked, DeliveryError, Missing
from todoke.model.objects import Kind, LiveObject, Manifest, ObjectKey, encode
from todoke.model.plans import Plan
from todoke.model.projects import AppProject
from todoke.plan.guard import GuardPolicy
from todoke.plan.hooks import hook_types
from todoke.plan.make import Finding, PlanPolicy, make_plan

MISSING_KIND = "MissingKindWarning"
NAMESPACE = Kind("", "v1", "Namespace")
_AUTOSCALER = Kind("autoscaling", "v2", "HorizontalPodAutoscaler")


class Question(msgspec.Struct, frozen=True):
    """How to look."""

    prune: bool = False
    eager: bool = False  # an apply follows at once, so that a changed manifest needs no dry run
    hard: bool = False  # ask the server again for everything
    only: frozenset[tuple[str, str, str]] = frozenset()  # (group, kind, name) to limit the plan to


class View(msgspec.Struct, frozen=True):
    """What a look saw."""

    rendered: Rendered
    plan: Plan
    live: Mapping[ObjectKey, LiveObject]
    permission: Permission  # what the application may touch
    problems: tuple[str, ...] = ()  # what the server said of objects it would refuse


class Looker:
    """Compares what is wanted with what is live."""

    def __init__(self, cluster: Cluster, installation: str) -> None:
        self._cluster, self._installation = cluster, installation

    async def look(
        self,
        deliverable: Deliverable,
        rendered: Rendered,
        memory: Memory,
        question: Question,
        project: AppProject | None,
        kept_kinds: frozenset[Kind],
    ) -> View:
        """Compare and plan.

        Args:
            kept_kinds: kinds of the last status, in which objects may be left that the revision has no more.
        """
        wanted_kinds = rendered.kinds | kept_kinds | ({NAMESPACE} if deliverable.sync.create_namespace else set())
        scopes = await self._cluster.prepare(wanted_kinds)
        manifests = [m for m in rendered.manifests if _selected(m.key, question.only)]
        live = await self._cluster.live((m.kind, m.key) for m in manifests)
        permission = Permission(deliverable, self._installation, project)
        comparison = _Comparison(self._cluster, permission, memory, question, rendered)
        findings = [await comparison.finding(manifest, live.get(manifest.key), scopes) for manifest in manifests]
        await comparison.ask()
        findings = [await comparison.settled(finding) for finding in findings]
        extra = self._extra(deliverable, rendered, question)
        policy = self._policy(deliverable, rendered, question, scopes)
        plan = make_plan(rendered.revision, findings, extra, policy)
        seen = dict(live) | {o.key: o for o in extra}
        return View(rendered, plan, seen, permission, tuple(comparison.problems))

    def _extra(self, deliverable: Deliverable, rendered: Rendered, question: Question) -> list[LiveObject]:
        wanted = {manifest.key for manifest in (*rendered.manifests, *rendered.hooks)}
        # Where the scope of a kind was not known its objects may bear a namespace that they have not in the cluster.
        unsure = {(m.key.group, m.key.kind, m.key.name) for m in rendered.manifests if m.kind in rendered.unknown}
        return [
            live
            for live in owned_of(self._cluster, deliverable, self._installation)
            if live.key not in wanted
            and (live.key.group, live.key.kind, live.key.name) not in unsure
            and _selected(live.key, question.only)
            and not (b"/hook" in live.raw and hook_types(live.body))
        ]

    def _policy(
        self, deliverable: Deliverable, rendered: Rendered, question: Question, scopes: Mapping[Kind, bool | None]
    ) -> PlanPolicy:
        sync, namespace = deliverable.sync, deliverable.namespace
        listed = any(m.key == ObjectKey("", "Namespace", "", namespace) for m in rendered.manifests)
        create = sync.create_namespace and namespace and not listed and rendered.manifests
        there = self._cluster.exists(NAMESPACE, ObjectKey("", "Namespace", "", namespace)) if create else True
        return PlanPolicy(
            prune=question.prune,
            prune_last=sync.prune_last,
            default_prune=sync.default_prune,
            guard=GuardPolicy(sync.allow_empty, sync.guard_percent),
            create_namespace="" if there else namespace,
        )


def _selected(key: ObjectKey, only: frozenset[tuple[str, str, str]]) -> bool:
    return not only or (key.group, key.kind, key.name) in only


class _Comparison:
    """One comparison of one application: judges first, then asks the server about all that is unsure at once."""

    def __init__(
        self, cluster: Cluster, permission: Permission, memory: Memory, question: Question, rendered: Rendered
    ) -> None:
        self._cluster, self._permission, self._deliverable = cluster, permission, permission.deliverable
        self._memory, self._question, self._rendered = memory, question, rendered
        self._unsure: dict[ObjectKey, tuple[Manifest, LiveObject]] = {}
        self._verdicts: dict[ObjectKey, Verdict] = {}
        self.problems: list[str] = []

    async def finding(
        self,
        manifest: Manifest,
        live: LiveObject | None,
        scopes: Mapping[Kind, bool | None],
    ) -> Finding:
        """The first opinion; `settled` gives the last one."""
        namespaced = scopes.get(manifest.kind)
        if namespaced is None:
            if manifest.kind not in self._rendered.coming:
                return Finding(
                    manifest,
                    None,
                    refused=f"the kind {manifest.kind} is not served: CRD not installed. "
                    "Install the CustomResourceDefinition; it is delivered as soon as it is there",
                    trouble=MISSING_KIND,
                )
            namespaced = bool(manifest.key.namespace)
        if (refused := self._permission.refusal(manifest, live, namespaced=namespaced)) is not None:
            return Finding(manifest, live, refused=refused.reason, trouble=refused.trouble)
        if live is None:
            return Finding(manifest, None)
        manifest = self._respecting(manifest, live)
        self._judge(manifest, live)
        return Finding(manifest, live)

    def _respecting(self, manifest: Manifest, live: LiveObject) -> Manifest:
        rules = rules_for(manifest.key, self._deliverable.ignored)
        if not rules or not self._deliverable.sync.respect_ignored:
            return manifest
        body = manifest.body
        keep_live_values(body, rules, live.body)
        return msgspec.structs.replace(manifest, raw=encode(body))

    def _judge(self, manifest: Manifest, live: LiveObject) -> None:
        known = None if self._question.hard else self._memory.remembered.get(manifest.key)
        changed = known is not None and known.manifest != manifest.raw
        rules = rules_for(manifest.key, self._deliverable.ignored)
        verdict = judge(manifest, live, known, rules)
        if self._question.hard and verdict.sure is Sure.YES:
            verdict = Verdict(verdict.differences, Sure.ASK)
        if verdict.sure is Sure.ASK and changed and self._question.eager and verdict.differences:
            verdict = Verdict(verdict.differences)  # the apply that follows is the question
        if verdict.sure is Sure.ASK:
            if self._memory.unconfirmed.get(manifest.key) == (manifest.raw, live.resource_version):
                verdict = Verdict(verdict.differences, Sure.UNCONFIRMED)
            else:
                self._unsure[manifest.key] = (manifest, live)
        elif verdict.in_sync:
            self._remember(manifest, live, known)
        self._verdicts[manifest.key] = verdict

    def _remember(self, manifest: Manifest, live: LiveObject, known: Remembered | None) -> None:
        if known is None or known.manifest != manifest.raw or known.answer.uid != live.uid:
            self._memory.remembered[manifest.key] = Remembered(manifest.raw, live, live.resource_version)
        elif known.verified != live.resource_version:
            self._memory.remembered[manifest.key] = msgspec.structs.replace(known, verified=live.resource_version)

    async def ask(self) -> None:
        """One dry run for every object that is unsure, all at the same time."""
        if not self._unsure:
            return
        async with asyncio.TaskGroup() as group:
            tasks = {key: group.create_task(self._dry_run(manifest)) for key, (manifest, _) in self._unsure.items()}
        for key, (manifest, live) in self._unsure.items():
            self._verdicts[key] = self._answered(manifest, live, tasks[key].result())

    async def _dry_run(self, manifest: Manifest) -> LiveObject | DeliveryError:
        try:
            return await self._cluster.apply(manifest, dry_run=True)
        except DeliveryError as error:
            return error

    def _answered(self, manifest: Manifest, live: LiveObject, answer: LiveObject | DeliveryError) -> Verdict:
        if isinstance(answer, DeliveryError):
            if not isinstance(answer, Blocked):
                raise answer
            self._memory.unconfirmed[manifest.key] = (manifest.raw, live.resource_version)
            if not isinstance(answer, Missing) and not self._deliverable.observe:
                self.problems.append(str(answer))
            return Verdict(self._verdicts[manifest.key].differences, Sure.UNCONFIRMED)
        rules = rules_for(manifest.key, self._deliverable.ignored)
        found = differences(answer.body, live.body, rules)
        verified = live.resource_version if not found else 0
        self._memory.remembered[manifest.key] = Remembered(manifest.raw, answer, verified)
        return Verdict(found)

    async def settled(self, finding: Finding) -> Finding:
        """The last opinion, with ownership that has to change hands."""
        live = finding.live
        if finding.refused or live is None:
            return finding
        verdict = self._verdicts[finding.manifest.key]
        before = self._memory.delivered.get(finding.manifest.key)
        if before is not None and before.raw == finding.manifest.raw:
            before = None
        if verdict.in_sync and before is None:
            return msgspec.structs.replace(finding, in_sync=True)
        hand = await self._hand(finding.manifest, live, before)
        if not verdict.differences and hand.managed_fields is None:
            return msgspec.structs.replace(finding, in_sync=True, notes=_kept(hand))
        notes = (*hand.reasons, *_takes(live, verdict.differences), *_kept(hand))
        return msgspec.structs.replace(
            finding,
            changes=field_changes(finding.manifest.key, verdict.differences),
            notes=notes,
            confirmed=verdict.sure is not Sure.UNCONFIRMED,
            managed_fields=hand.managed_fields,
        )

    async def _hand(self, manifest: Manifest, live: LiveObject, before: Manifest | None) -> Hand:
        desired, body = manifest.body, live.body
        scaled = "replicas" in (body.get("spec") or {}) and "replicas" not in (desired.get("spec") or {})
        return hand_over(
            body,
            desired,
            None if before is None else before.body,
            adopted=self._deliverable.adopted,
            scaled=scaled and await self._is_scaled(manifest.key),
        )

    async def _is_scaled(self, key: ObjectKey) -> bool:
        wanted = [m.body for m in self._rendered.manifests if m.key.kind == _AUTOSCALER.kind]
        there = [o.body for o in await self._cluster.read(_AUTOSCALER, key.namespace)]
        return any(_targets(body, key) for body in [*wanted, *there])


def _targets(autoscaler: Mapping[str, Any], key: ObjectKey) -> bool:
    target = (autoscaler.get("spec") or {}).get("scaleTargetRef") or {}
    return (target.get("kind"), target.get("name")) == (key.kind, key.name)


def _takes(live: LiveObject, found: tuple[Difference, ...]) -> Iterable[str]:
    return dict.fromkeys(f"takes {taken.at} from {taken.manager}" for taken in taken_from(live.body, found))


def _kept(hand: Hand) -> tuple[str, ...]:
    return tuple(f"{kept.at} kept: owned by {kept.manager}" for kept in hand.kept)
