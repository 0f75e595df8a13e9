"""Namespaces that are being deleted: everything in them goes first, Pods before all else.

Source: Kubernetes documentation, "Namespaces", "Finalizers"; conditions and texts are those of a real controller.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from todoke_sandbox.controllers.client import Client
from todoke_sandbox.controllers.informer import Informer
from todoke_sandbox.controllers.objects import condition, is_deleted, with_spec
from todoke_sandbox.storage.store import TableKey
from todoke_sandbox.storage.tables import NAMESPACES, PODS
from todoke_sandbox.verbs.house import moment as written

Json = dict[str, Any]

NAME: Final = "namespace-controller"
_WELL: Final = (
    ("NamespaceDeletionDiscoveryFailure", "ResourcesDiscovered", "All resources successfully discovered"),
    ("NamespaceDeletionGroupVersionParsingFailure", "ParsedGroupVersions", "All legacy kube types successfully parsed"),
    (
        "NamespaceDeletionContentFailure",
        "ContentDeleted",
        "All content successfully deleted, may be waiting on finalization",
    ),
    ("NamespaceContentRemaining", "ContentRemoved", "All content successfully removed"),
    ("NamespaceFinalizersRemaining", "ContentHasNoFinalizers", "All content-preserving finalizers finished"),
)


def conditions(
    before: list[Json], remaining: Mapping[str, int], finalizers: Mapping[str, int], now: datetime
) -> list[Json]:
    """What is said of a namespace that is being deleted.

    Args: remaining: objects left, by resource. finalizers: how many of them each finalizer holds.
    """
    bad: dict[str, tuple[str, str]] = {}
    if remaining:
        left = ", ".join(sorted(f"{name} has {count} resource instances" for name, count in remaining.items()))
        bad["NamespaceContentRemaining"] = ("SomeResourcesRemain", f"Some resources are remaining: {left}")
    if finalizers:
        held = ", ".join(sorted(f"{name} in {count} resource instances" for name, count in finalizers.items()))
        message = f"Some content in the namespace has finalizers remaining: {held}"
        bad["NamespaceFinalizersRemaining"] = ("SomeFinalizersRemain", message)
    said = []
    for kind, reason, message in _WELL:
        status = "True" if kind in bad else "False"
        reason, message = bad.get(kind, (reason, message))
        known = condition(before, kind)
        since = known["lastTransitionTime"] if known and known["status"] == status else written(now)
        said.append({"type": kind, "status": status, "lastTransitionTime": since, "reason": reason, "message": message})
    return said


class Namespaces:
    """The controller."""

    name = NAME

    def __init__(self, informer: Informer, client: Client) -> None:
        """Takes what is known and how to write."""
        self._informer = informer
        self._client = client

    def sync(self, namespace: str, name: str) -> None:
        """Empty one namespace that is being deleted, and let it go when nothing is left."""
        found = self._client.get(NAMESPACES, "", name)
        if found is None or not is_deleted(found) or not found["spec"].get("finalizers"):
            return
        pods_left = bool(self._delete_all(PODS, name))
        tables = [table for table in self._informer.tables() if table != PODS]
        if not pods_left:
            for table in tables:
                self._delete_all(table, name)
        left = {table: there for table in (PODS, *tables) if (there := self._informer.namespaced(table, name))}
        found = self._say(found, {PODS: left[PODS]} if pods_left and PODS in left else left, pods_left=pods_left)
        if not left:
            others = [one for one in found["spec"]["finalizers"] if one != "kubernetes"]
            self._client.finalize(with_spec(found, finalizers=others))

    def _delete_all(self, table: TableKey, namespace: str) -> list[Json]:
        """Delete what is in a namespace. Returns what is still there."""
        for body in self._informer.namespaced(table, namespace):
            if not is_deleted(body):
                self._client.delete(table, body, "Background")
        return self._informer.namespaced(table, namespace)

    def _say(self, found: Json, left: Mapping[TableKey, list[Json]], *, pods_left: bool) -> Json:
        remaining = {f"{table.plural}.{table.group}": len(there) for table, there in left.items()}
        held = Counter(
            name for there in left.values() for body in there for name in body["metadata"].get("finalizers") or ()
        )
        before = found.get("status") or {}
        if pods_left:  # as long as Pods are left, nothing is said of what remains
            remaining, held = {}, Counter()
        said = conditions(before.get("conditions") or [], remaining, held, self._client.now)
        status = {"phase": "Terminating", "conditions": said}
        if status == before:
            return found
        return self._client.update_status(NAMESPACES, {**found, "status": status})
