"""Roles and bindings as the store has them now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from todoke_sandbox.server.access.authorize import API_GROUP, Policy, Rule
from todoke_sandbox.storage.store import Store, TableKey

_CLUSTER_BINDINGS: Final = TableKey(API_GROUP, "clusterrolebindings")
_BINDINGS: Final = TableKey(API_GROUP, "rolebindings")
_CLUSTER_ROLES: Final = TableKey(API_GROUP, "clusterroles")
_ROLES: Final = TableKey(API_GROUP, "roles")


def policy(store: Store, namespace: str = "") -> Policy:
    """What counts in a namespace; without one, what counts everywhere."""

    def rules(kind: str, place: str, name: str) -> Sequence[Rule] | None:
        table, place = (_CLUSTER_ROLES, "") if kind == "ClusterRole" else (_ROLES, place)
        found = store.get(table, place, name)
        return None if found is None else found.body.get("rules") or ()

    cluster = [stored.body for stored in store.items(_CLUSTER_BINDINGS)]
    local = [stored.body for stored in store.items(_BINDINGS, namespace)] if namespace else []
    return Policy(cluster, local, rules)
