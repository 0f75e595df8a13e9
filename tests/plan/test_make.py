"""Plans: one step an object, in order, with its reason, and what waits for a person."""

from pathlib import Path
from typing import Any

from tests.cases import cases
from todoke.model.objects import LiveObject, Manifest, ObjectKey, encode
from todoke.model.plans import FieldChange
from todoke.plan.guard import GuardPolicy
from todoke.plan.make import Finding, PlanPolicy, make_plan


def body_of(entry: dict[str, Any]) -> tuple[ObjectKey, bytes]:
    key = ObjectKey(entry.get("group", ""), entry["kind"], entry.get("namespace", "shop"), entry["name"])
    marks = {}
    if "wave" in entry:
        marks["argocd.argoproj.io/sync-wave"] = str(entry["wave"])
    if "options" in entry:
        marks["argocd.argoproj.io/sync-options"] = entry["options"]
    if entry.get("keep"):
        marks["helm.sh/resource-policy"] = "keep"
    return key, encode({"metadata": {"name": key.name, "annotations": marks}})


def finding_of(entry: dict[str, Any]) -> Finding:
    key, raw = body_of(entry)
    return Finding(
        Manifest(key, "v1", raw),
        LiveObject(key, "v1", "u1", 1, raw) if entry.get("live") else None,
        changes=tuple(FieldChange(at, 1, 2) for at in entry.get("changes", ())),
        in_sync=entry.get("in_sync", False),
        refused=entry.get("refused", ""),
    )


@cases(Path(__file__).parent / "cases")
def test_plan(case):
    """Each case holds findings, objects that are left over and a policy; and the steps they must lead to."""
    policy = dict(case.get("policy", {}))
    guard = GuardPolicy(policy.pop("allow_empty", False), policy.pop("guard_percent", 50))
    extra = [LiveObject(key, "v1", "u1", 1, raw) for key, raw in map(body_of, case.get("extra", ()))]

    plan = make_plan("abc", map(finding_of, case.get("findings", ())), extra, PlanPolicy(guard=guard, **policy))

    assert [f"{s.wave} {s.action} {s.key}: {s.reason}" for s in plan.steps] == case["steps"]
    assert list(plan.holds) == case.get("holds", [])
    if "changes" in case:
        assert [str(step.key) for step in plan.changes] == case["changes"]
