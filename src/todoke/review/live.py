"""What merging would change in the cluster, told from what is not as Git says already."""

from collections.abc import Iterator

from todoke.model.objects import ObjectKey
from todoke.model.plans import Action, FieldChange, Plan, Step
from todoke.model.reviews import Cause, LiveChange


def live_changes(base: Plan | None, head: Plan) -> tuple[LiveChange, ...]:
    """The objects that the cluster has otherwise than a side says, each with its cause.

    Args:
        base: what a delivery of the base would do; None when the application is new. head: the same of the head.
    """
    earlier = _differing(base) if base is not None else {}
    later = _differing(head)
    found = [change for key, step in later.items() for change in _of(step, earlier.get(key))]
    found += [_change("settled", step) for key, step in earlier.items() if key not in later]
    return tuple(found)


def _differing(plan: Plan) -> dict[ObjectKey, Step]:
    return {step.key: step for step in plan.steps if step.action is not Action.KEEP}


def _of(step: Step, earlier: Step | None) -> Iterator[LiveChange]:
    """What becomes of one object: the part that the branch causes, the part that is so already, the part it settles."""
    if earlier is None or earlier.action is not step.action:
        yield _change("branch", step)
        return
    if not step.changes or not earlier.changes:
        same = (step.changes, step.notes) == (earlier.changes, earlier.notes)
        yield _change("drift" if same else "branch", step)
        return
    ours = tuple(field for field in step.changes if field not in earlier.changes)
    there = tuple(field for field in step.changes if field in earlier.changes)
    places = {field.at for field in step.changes}
    gone = tuple(field for field in earlier.changes if field.at not in places)
    if ours:
        yield _change("branch", step, ours)
    if there:
        yield _change("drift", step, there)
    if gone:
        yield _change("settled", earlier, gone)


def _change(cause: Cause, step: Step, fields: tuple[FieldChange, ...] | None = None) -> LiveChange:
    return LiveChange(cause, step.key, step.action, step.reason, step.changes if fields is None else fields)
