"""What merging would change in a cluster, told apart from what has drifted there already."""

from __future__ import annotations

import pytest

from todoke.model.objects import ObjectKey
from todoke.model.plans import Action, FieldChange, Plan, Step
from todoke.review.live import live_changes

WEB = ObjectKey("apps", "Deployment", "shop", "web")
CONF = ObjectKey("", "ConfigMap", "shop", "conf")
IMAGE = FieldChange(".image", want="web:2", have="web:1")
SCALED = FieldChange(".spec.replicas", want=2, have=5)


def plan(*steps: Step) -> Plan:
    return Plan("", steps)


def update(*fields: FieldChange, key: ObjectKey = WEB) -> Step:
    return Step(key, Action.UPDATE, "differs", changes=fields)


def told(base: Plan | None, head: Plan) -> list[tuple[str, ObjectKey, str, list[str]]]:
    return [(c.cause, c.key, str(c.action), [f.at for f in c.fields]) for c in live_changes(base, head)]


KEEP = Step(WEB, Action.KEEP, "in sync")


@pytest.mark.parametrize(
    ("base", "head", "expected"),
    [
        (plan(KEEP), plan(KEEP), []),
        (plan(KEEP), plan(update(IMAGE)), [("branch", WEB, "update", [".image"])]),
        (plan(update(SCALED)), plan(update(SCALED)), [("drift", WEB, "update", [".spec.replicas"])]),
        (
            plan(update(SCALED)),
            plan(update(SCALED, IMAGE)),
            [("branch", WEB, "update", [".image"]), ("drift", WEB, "update", [".spec.replicas"])],
        ),
        (plan(update(SCALED)), plan(KEEP), [("settled", WEB, "update", [".spec.replicas"])]),
        (
            plan(update(SCALED, IMAGE)),
            plan(update(IMAGE)),
            [("drift", WEB, "update", [".image"]), ("settled", WEB, "update", [".spec.replicas"])],
        ),
        (
            plan(update(SCALED)),
            plan(update(FieldChange(".spec.replicas", want=3, have=5))),
            [("branch", WEB, "update", [".spec.replicas"])],
        ),
        (None, plan(Step(CONF, Action.CREATE, "new")), [("branch", CONF, "create", [])]),
        (
            plan(Step(CONF, Action.CREATE, "missing")),
            plan(Step(CONF, Action.CREATE, "missing")),
            [("drift", CONF, "create", [])],
        ),
        (plan(KEEP), plan(Step(WEB, Action.PRUNE, "gone")), [("branch", WEB, "prune", [])]),
        (plan(update(SCALED)), plan(Step(WEB, Action.PRUNE, "gone")), [("branch", WEB, "prune", [])]),
        (plan(Step(WEB, Action.PRUNE, "left")), plan(KEEP), [("settled", WEB, "prune", [])]),
    ],
)
def test_each_difference_has_its_cause(
    base: Plan | None, head: Plan, expected: list[tuple[str, ObjectKey, str, list[str]]]
) -> None:
    assert told(base, head) == expected


def test_a_field_that_the_branch_drops_is_its_doing_though_the_object_has_drifted() -> None:
    drops = Step(WEB, Action.UPDATE, "drops .spec.paused", notes=("drops .spec.paused",))
    assert told(plan(update(SCALED)), plan(drops)) == [("branch", WEB, "update", [])]
    assert told(plan(drops), plan(drops)) == [("drift", WEB, "update", [])]
