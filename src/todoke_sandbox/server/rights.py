"""What users are refused for want of rights, in the server's words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from todoke_sandbox.server.access import escalation
from todoke_sandbox.server.access.authorize import API_GROUP, Asked, User, authorize
from todoke_sandbox.server.access.stored_policy import policy
from todoke_sandbox.server.call import Call
from todoke_sandbox.storage.store import Store
from todoke_sandbox.verbs.refusals import Refusal

Json = dict[str, Any]

_BINDINGS: Final = ("rolebindings", "clusterrolebindings")


def check(user: User, asked: Asked, store: Store) -> None:
    """Refuse what the user may not do. Raises: Refusal: 403."""
    if user.is_master:
        return
    decision = authorize(user, asked, policy(store, asked.namespace))
    if not decision.allowed:
        raise _forbidden(user, asked, f": {decision.reason}" if decision.reason else "")


def check_creation(call: Call, store: Store) -> None:
    """An apply that makes an object needs the right to create it too."""
    place = call.place
    if not call.user.is_master and store.get(place.resource.table, place.namespace, place.name) is None:
        check(call.user, replace(call.target.asked({}), verb="create"), store)


def check_escalation(call: Call, body: Json, store: Store) -> None:
    """Refuse a role or binding that hands out what the user does not hold.

    Args: body: as it is going to be stored.
    """
    resource, namespace = call.resource, call.place.namespace
    known = policy(store, namespace)
    name = body["metadata"].get("name", "")
    if resource.plural in _BINDINGS:
        role = body["roleRef"]
        roles = "clusterroles" if role["kind"] == "ClusterRole" else "roles"
        asked = Asked("bind", API_GROUP, roles, "", namespace, role["name"])
        rules = known.rules(role["kind"], namespace, role["name"])
    else:
        asked = Asked("escalate", API_GROUP, resource.plural, "", namespace, name)
        rules = body.get("rules") or ()
    if authorize(call.user, asked, known).allowed:
        return
    if rules is None:
        raise Refusal.not_found(resource, body["roleRef"]["name"])
    if why := escalation.refusal(call.user, rules, known):
        raise Refusal.forbidden(resource, name, why)


def _forbidden(user: User, asked: Asked, because: str) -> Refusal:
    if asked.path:
        text = f'forbidden: User "{user.name}" cannot {asked.verb} path "{asked.path}"{because}'
        return Refusal(403, "Forbidden", text, {})
    resource = f"{asked.resource}.{asked.group}" if asked.group else asked.resource
    about = f'{resource} "{asked.name}"' if asked.name else resource
    may_not = f'User "{user.name}" cannot {asked.verb} resource "{asked.full_resource}" in API group "{asked.group}"'
    scope = f'in the namespace "{asked.namespace}"' if asked.namespace else "at the cluster scope"
    details = {"name": asked.name, "group": asked.group, "kind": asked.resource}
    shown = {name: value for name, value in details.items() if value}
    return Refusal(403, "Forbidden", f"{about} is forbidden: {may_not} {scope}{because}", shown)
