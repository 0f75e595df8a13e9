"""Is it time to sync? Values in, a decision out; the clock is an argument.

Source of the rules: Argo CD, "Automated sync policy" and its self-heal back-off (2 s, 6 s, 18 s … 300 s), with two
deliberate differences: an object that a former sync could not deliver at all (its kind was missing) is delivered as
soon as it can be, and quiet time forgives earlier self-heals.
"""

import enum
from datetime import datetime, timedelta

import msgspec

from todoke.model.deliverables import SyncBehaviour
from todoke.model.plans import Action, Plan

_HEAL_FIRST, _HEAL_FACTOR, _HEAL_MOST = 2.0, 3.0, 300.0
_FORGIVEN = timedelta(minutes=10)


class Verb(enum.StrEnum):
    NOTHING = "nothing"
    SYNC = "sync"
    WAIT = "wait"  # look again after `seconds`
    HOLD = "hold"  # a person has to look first


class LastSync(msgspec.Struct, frozen=True):
    """What the application's status says of its last operation."""

    phase: str
    revision: str
    finished: datetime | None
    message: str = ""
    failures: int = 0
    heals: int = 0
    automated: bool = False
    delivered: frozenset[str] = frozenset()  # objects that it delivered, as text
    final: bool = False  # trying again cannot help


class Decision(msgspec.Struct, frozen=True):
    """What to do now, and why; `problem` is for a person."""

    verb: Verb
    reason: str = ""
    problem: str = ""
    seconds: float = 0.0
    failures: int = 0
    heals: int = 0


NOTHING = Decision(Verb.NOTHING)


def decide(behaviour: SyncBehaviour, last: LastSync | None, plan: Plan, now: datetime) -> Decision:
    """Whether an automatic sync of the plan starts now."""
    if not behaviour.automated or not plan.changes:
        return NOTHING
    if plan.holds:
        return Decision(Verb.HOLD, problem=held(plan))
    if last is None or last.revision != plan.revision:
        return Decision(Verb.SYNC, f"new revision {plan.revision[:8]}")
    if last.phase in ("Failed", "Error"):
        return _again(behaviour, last, plan, now)
    applies = (step for step in plan.changes if step.action in (Action.CREATE, Action.UPDATE))
    fresh = [str(step.key) for step in applies if str(step.key) not in last.delivered]
    if fresh:
        return Decision(Verb.SYNC, f"{fresh[0]} could not be delivered before")
    return _heal(behaviour, last, plan, now)


def _again(behaviour: SyncBehaviour, last: LastSync, plan: Plan, now: datetime) -> Decision:
    limit = behaviour.retry.limit
    if last.final or (0 <= limit <= last.failures - 1):
        problem = f"Failed last sync attempt to {plan.revision[:8]}: {last.message}"
        return Decision(Verb.NOTHING, problem=problem)
    pause = behaviour.retry.pause(last.failures)
    left = _left(pause, last, now)
    if left > 0:
        return Decision(Verb.WAIT, f"attempt {last.failures + 1} follows", seconds=left)
    return Decision(Verb.SYNC, f"attempt {last.failures + 1}", failures=last.failures)


def _heal(behaviour: SyncBehaviour, last: LastSync, plan: Plan, now: datetime) -> Decision:
    if not behaviour.self_heal:
        return Decision(Verb.NOTHING, "differs, and selfHeal is off")
    age = (now - last.finished) if last.finished else _FORGIVEN
    heals = 0 if age >= _FORGIVEN else last.heals
    pause = 0.0 if heals == 0 else min(_HEAL_FIRST * _HEAL_FACTOR ** (heals - 1), _HEAL_MOST)
    left = _left(pause, last, now)
    if left > 0:
        return Decision(Verb.WAIT, "healed a moment ago", seconds=left, heals=heals)
    return Decision(Verb.SYNC, "self-heal", heals=heals + 1)


def _left(pause: float, last: LastSync, now: datetime) -> float:
    """Seconds of the pause that are left. An end that lies in the future is a clock that jumped back: none is left."""
    age = pause if last.finished is None else (now - last.finished).total_seconds()
    return 0.0 if age < 0 else pause - age


def held(plan: Plan) -> str:
    """That a plan waits for a person, and why."""
    reasons = "; ".join(plan.holds[:3])
    step = "Look at it with `todoke app plan`, and let it go with `todoke app sync --prune`"
    return f"The sync to {plan.revision[:8]} waits for a person: {reasons}. {step}"
