"""A plan and a diff in words."""

from collections import Counter
from typing import Any

from todoke.cli.output import as_yaml, style, table
from todoke.delivery.queries import Preview
from todoke.delivery.showing import shown_body
from todoke.model.plans import Action, FieldChange, Plan, Step

ABSENT = "<absent>"
_DOING = (
    (Action.CREATE_NAMESPACE, "namespace to create"),
    (Action.CREATE, "to create"),
    (Action.UPDATE, "to update"),
    (Action.PRUNE, "to prune"),
)
_STANDING = ((Action.SKIP, "left alone"), (Action.REFUSE, "refused"), (Action.KEEP, "in sync"))
_NOBODY_ASKED = "unconfirmed: the server could not be asked"


def plan_text(preview: Preview, *, wide: bool = False) -> str:
    """The steps with their reasons; with `wide` those too that change nothing."""
    plan = preview.plan
    lines = [_headline(preview)]
    steps = [step for step in plan.steps if wide or step.action is not Action.KEEP or step.notes]
    rows: list[tuple[str, str, str, str]] = []
    for step in steps:
        rows.append((str(step.wave), str(step.action), str(step.key), step.reason))
        rows.extend(("", "", "", note) for note in step.notes if note != step.reason)
        if not step.confirmed:
            rows.append(("", "", "", _NOBODY_ASKED))
    if rows:
        lines += ["", table(("WAVE", "ACTION", "OBJECT", "REASON"), rows)]
    if plan.holds:
        held = "an automatic sync waits for a person" if preview.automated else "look before you sync"
        lines += ["", f"Held by the guard ({held}):", *(f"  {reason}" for reason in plan.holds)]
    if preview.notes:
        lines += ["", "Notes:", *(f"  {note}" for note in preview.notes)]
    return "\n".join(lines)


def _headline(preview: Preview) -> str:
    counts = Counter(step.action for step in preview.plan.steps)
    parts = [f"{counts[action]} {words}" for action, words in _DOING if counts[action]]
    parts += [f"{counts[action]} {words}" for action, words in _STANDING if counts[action]]
    revisions = ",".join(revision[:8] for revision in preview.revisions)
    return f"{preview.application.name} at {revisions}: {', '.join(parts) or 'no objects'}"


def plan_data(preview: Preview) -> dict[str, Any]:
    """A plan as JSON or YAML."""
    plan = preview.plan
    return {
        "application": preview.application.name,
        "revisions": list(preview.revisions),
        "steps": [_step_data(step) for step in plan.steps],
        "holds": list(plan.holds),
        "notes": list(preview.notes),
    }


def _step_data(step: Step) -> dict[str, Any]:
    data: dict[str, Any] = {"action": str(step.action), "group": step.key.group, "kind": step.key.kind}
    data |= {"namespace": step.key.namespace, "name": step.key.name, "wave": step.wave, "reason": step.reason}
    if step.changes:
        data["changes"] = [{"at": c.at, "have": c.have, "want": c.want} for c in step.changes]
    if step.notes:
        data["notes"] = list(step.notes)
    if not step.confirmed:
        data["confirmed"] = False
    return data


def deletions(plan: Plan) -> list[str]:
    """The objects that a plan deletes."""
    return [str(step.key) for step in plan.changes if step.action is Action.PRUNE]


def differs(plan: Plan) -> bool:
    """Whether anything is not as the revision says."""
    return any(step.action is not Action.KEEP for step in plan.steps)


def diff_text(preview: Preview) -> str:
    """Object by object what differs; empty when nothing does."""
    parts = [_object_diff(step) for step in preview.plan.steps if step.action is not Action.KEEP]
    return "\n\n".join(parts)


def _object_diff(step: Step) -> str:
    lines = [f"=== {step.key}  {step.action}: {step.reason}"]
    if step.action is Action.CREATE and step.desired is not None:
        lines += _marked("+", shown_body(step.desired.body))
    for change in step.changes:
        lines += _field_diff(change)
    lines += [f"    ({note})" for note in step.notes]
    if not step.confirmed:
        lines.append(f"    ({_NOBODY_ASKED})")
    return "\n".join(lines)


def _field_diff(change: FieldChange) -> list[str]:
    lines = [f"  {change.at or '.'}"]
    if change.have != ABSENT:
        lines += _marked("-", change.have)
    if change.want != ABSENT:
        lines += _marked("+", change.want)
    return lines


def _marked(sign: str, value: Any) -> list[str]:
    text = as_yaml(value) if isinstance(value, dict | list) else _scalar(value)
    colour = "green" if sign == "+" else "red"
    return [style(f"{sign} {line}", colour) for line in text.splitlines()] or [style(sign, colour)]


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)
