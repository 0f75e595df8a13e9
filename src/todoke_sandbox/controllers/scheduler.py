"""The scheduler: gives each Pod to the one node, or says why it cannot."""

from __future__ import annotations

from typing import Any, Final

from todoke_sandbox.controllers.client import Client, Identity
from todoke_sandbox.controllers.events import Recorder, Source
from todoke_sandbox.controllers.objects import condition, is_deleted, with_status
from todoke_sandbox.controllers.pods import has_ended
from todoke_sandbox.nodes import node
from todoke_sandbox.storage.tables import CLAIMS, NODES, PODS
from todoke_sandbox.verbs.house import moment as written

Json = dict[str, Any]

NAME: Final = "default-scheduler"
IDENTITY: Final = Identity("kube-scheduler", "system:kube-scheduler", NAME)
_SOURCE: Final = Source(NAME, node.NAME, IDENTITY.manager, IDENTITY.user)


def is_waiting(pod: Json) -> bool:
    """Whether this scheduler is to place the Pod."""
    spec = pod["spec"]
    ours = spec.get("schedulerName", NAME) == NAME and not spec.get("schedulingGates")
    return ours and not spec.get("nodeName") and not is_deleted(pod) and not has_ended(pod)


def unscheduled(pod: Json, why: str, now: str) -> Json | None:
    """The Pod with the condition that says why it cannot be placed; None when it says so already."""
    conditions = (pod.get("status") or {}).get("conditions") or []
    known = condition(conditions, "PodScheduled")
    if known and (known["status"], known.get("message")) == ("False", why):
        return None
    since = known["lastTransitionTime"] if known and known["status"] == "False" else None
    said = {
        "type": "PodScheduled",
        "status": "False",
        "lastProbeTime": None,
        "lastTransitionTime": since or now,
        "reason": "Unschedulable",
        "message": why,
        "observedGeneration": pod["metadata"].get("generation", 1),
    }
    return with_status(pod, conditions=[*(found for found in conditions if found is not known), said])


class Scheduler:
    """The scheduler of a cluster with one node."""

    name = NAME

    def __init__(self, client: Client, recorder: Recorder) -> None:
        """Takes how to write."""
        self._client = client
        self._recorder = recorder
        self._waiting: dict[tuple[str, str], None] = {}

    def waiting(self, namespace: str = "") -> list[tuple[str, str]]:
        """Namespaces and names of Pods that could not be placed; of one namespace if one is given."""
        return [key for key in self._waiting if not namespace or key[0] == namespace]

    def sync(self, namespace: str, name: str) -> None:
        """Place one Pod."""
        self._waiting.pop((namespace, name), None)
        pod = self._client.get(PODS, namespace, name)
        if pod is None or not is_waiting(pod):
            return
        there = self._client.get(NODES, "", node.NAME)
        why = node.obstacle(pod, there, lambda claim: self._client.get(CLAIMS, namespace, claim) is not None)
        if not why:
            self._client.bind(pod, node.NAME)
            message = f"Successfully assigned {namespace}/{name} to {node.NAME}"
            self._recorder.scheduled(_SOURCE, pod, ("Normal", "Scheduled", message), "Binding")
            return
        self._waiting[namespace, name] = None
        new = unscheduled(pod, why, written(self._client.now))
        if new is not None:
            self._client.update_status(PODS, new)
            self._recorder.scheduled(_SOURCE, pod, ("Warning", "FailedScheduling", why), "Scheduling")
