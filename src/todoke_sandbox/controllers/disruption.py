"""PodDisruptionBudgets: how many of their Pods may be evicted.

Source: Kubernetes documentation, "Specifying a Disruption Budget"; answers of a real controller.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from todoke_sandbox.controllers import adoption
from todoke_sandbox.controllers.client import Client
from todoke_sandbox.controllers.informer import Informer
from todoke_sandbox.controllers.objects import condition, controller_of, is_deleted, labels, share
from todoke_sandbox.controllers.pods import is_ready
from todoke_sandbox.storage.tables import BUDGETS, PODS
from todoke_sandbox.verbs.house import moment as written

Json = dict[str, Any]

NAME: Final = "disruption-controller"


def status(budget: Mapping[str, Any], pods: Sequence[Json], scale: int, now: datetime) -> Json:
    """The status that is true now. Args: scale: what the owners of the Pods are asked to have in all."""
    spec, before = budget["spec"], budget.get("status") or {}
    healthy = sum(1 for pod in pods if is_ready(pod) and not is_deleted(pod))
    least, most = spec.get("minAvailable"), spec.get("maxUnavailable")
    if most is not None:
        expected = scale
        desired = max(0, expected - share(most, expected, up=True))
    else:
        expected = scale if isinstance(least, str) else len(pods)
        desired = share(least, expected, up=True)
    allowed = max(0, healthy - desired) if expected > 0 else 0
    generation = budget["metadata"]["generation"]
    return {
        "disruptionsAllowed": allowed,
        "currentHealthy": healthy,
        "desiredHealthy": desired,
        "expectedPods": expected,
        "observedGeneration": generation,
        "conditions": [_condition(before, allowed > 0, generation, now)],
    }


def _condition(before: Mapping[str, Any], sufficient: bool, generation: int, now: datetime) -> Json:
    known = condition(before.get("conditions"), "DisruptionAllowed")
    wanted = "True" if sufficient else "False"
    since = known["lastTransitionTime"] if known and known["status"] == wanted else written(now)
    return {
        "type": "DisruptionAllowed",
        "status": wanted,
        "observedGeneration": generation,
        "lastTransitionTime": since,
        "reason": "SufficientPods" if sufficient else "InsufficientPods",
        "message": "",
    }


class Budgets:
    """The controller."""

    name = NAME

    def __init__(self, informer: Informer, client: Client) -> None:
        """Takes what is known and how to write."""
        self._informer = informer
        self._client = client

    def sync(self, namespace: str, name: str) -> None:
        """Bring the status of one budget up to date."""
        found = self._client.get(BUDGETS, namespace, name)
        if found is None:
            return
        selector = adoption.selector_of(found)
        there = self._informer.namespaced(PODS, namespace)
        pods = [pod for pod in there if selector.matches(labels(pod))]
        if not pods:
            self._client.tell(found, "NoPods", "No matching pods found")
        new = status(found, pods, expected_scale(pods, self._owner), self._client.now)
        if new != found.get("status"):
            self._client.update_status(BUDGETS, {**found, "status": new})

    def _owner(self, ref: Mapping[str, Any]) -> Json | None:
        where = self._informer.place_of(ref["uid"])
        return None if where is None else self._informer.at(where)


def expected_scale(pods: Sequence[Json], find: Callable[[Mapping[str, Any]], Json | None]) -> int:
    """What the topmost owners of Pods are asked to have in all."""
    scales: dict[str, int] = {}
    for pod in pods:
        ref = controller_of(pod)
        owner = find(ref) if ref else None
        if owner is not None and (above := controller_of(owner)) is not None:
            owner = find(above) or owner
        if owner is not None:
            scales[owner["metadata"]["uid"]] = int((owner.get("spec") or {}).get("replicas") or 0)
    return sum(scales.values())
