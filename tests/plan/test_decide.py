"""When an automatic sync starts, waits, or leaves it to a person."""

from datetime import UTC, datetime, timedelta

import pytest

from todoke.model.deliverables import RetryPolicy, SyncBehaviour
from todoke.model.objects import ObjectKey
from todoke.model.plans import Action, Plan, Step
from todoke.plan.decide import LastSync, Verb, decide

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
AUTO = SyncBehaviour(automated=True, self_heal=True, prune=True)
WEB = ObjectKey("", "ConfigMap", "shop", "web")
DRIFT = Plan("abc", (Step(WEB, Action.UPDATE, "differs"),))
DELIVERED = frozenset({str(WEB)})


def last(phase: str = "Succeeded", seconds_ago: float = 60, **more) -> LastSync:
    more = {"revision": "abc", "delivered": DELIVERED} | more
    return LastSync(phase, finished=NOON - timedelta(seconds=seconds_ago), **more)


@pytest.mark.parametrize(
    ("behaviour", "before", "plan", "verb"),
    [
        pytest.param(SyncBehaviour(), None, DRIFT, Verb.NOTHING, id="manual-waits-for-a-person"),
        pytest.param(AUTO, None, Plan("abc", ()), Verb.NOTHING, id="nothing-to-do"),
        pytest.param(AUTO, None, DRIFT, Verb.SYNC, id="never-synced"),
        pytest.param(AUTO, last(revision="old"), DRIFT, Verb.SYNC, id="new-revision"),
        pytest.param(AUTO, last(), DRIFT, Verb.SYNC, id="self-heal"),
        pytest.param(SyncBehaviour(automated=True), last(), DRIFT, Verb.NOTHING, id="drift-without-self-heal"),
        pytest.param(
            SyncBehaviour(automated=True), last(delivered=frozenset()), DRIFT, Verb.SYNC, id="never-delivered-before"
        ),
        pytest.param(AUTO, last("Failed", 1, failures=1), DRIFT, Verb.WAIT, id="back-off-after-a-failure"),
        pytest.param(AUTO, last("Failed", 6, failures=1), DRIFT, Verb.SYNC, id="retry-after-the-pause"),
        pytest.param(AUTO, last("Failed", 999, failures=6), DRIFT, Verb.NOTHING, id="retries-used-up"),
        pytest.param(AUTO, last("Failed", 999, failures=1, final=True), DRIFT, Verb.NOTHING, id="retry-cannot-help"),
        pytest.param(
            AUTO, last("Failed", 1, revision="old", failures=6), DRIFT, Verb.SYNC, id="a-commit-is-a-new-start"
        ),
        pytest.param(AUTO, last(seconds_ago=1, heals=2), DRIFT, Verb.WAIT, id="self-heals-slow-down"),
        pytest.param(AUTO, last(seconds_ago=7, heals=2), DRIFT, Verb.SYNC, id="slow-self-heal-is-due"),
        pytest.param(AUTO, last(seconds_ago=700, heals=9), DRIFT, Verb.SYNC, id="quiet-time-forgives"),
        pytest.param(AUTO, last(seconds_ago=-3600, heals=1), DRIFT, Verb.SYNC, id="clock-jumped-back"),
        pytest.param(AUTO, None, Plan("abc", DRIFT.steps, ("too much",)), Verb.HOLD, id="held-by-the-guard"),
    ],
)
def test_decision(behaviour, before, plan, verb):
    assert decide(behaviour, before, plan, NOON).verb is verb


def test_self_heals_are_counted_and_start_anew_after_quiet_time():
    assert decide(AUTO, last(seconds_ago=20, heals=2), DRIFT, NOON).heals == 3
    assert decide(AUTO, last(seconds_ago=700, heals=2), DRIFT, NOON).heals == 1


def test_a_used_up_retry_tells_what_went_wrong():
    problem = decide(AUTO, last("Failed", failures=6, message="no such image"), DRIFT, NOON).problem

    assert problem == "Failed last sync attempt to abc: no such image"


@pytest.mark.parametrize(("failures", "seconds"), [(1, 5), (2, 10), (3, 20), (9, 180)])
def test_retries_back_off_up_to_their_limit(failures, seconds):
    assert RetryPolicy().pause(failures) == seconds
