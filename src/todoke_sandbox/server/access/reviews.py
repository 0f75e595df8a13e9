"""Questions about rights and identity: kinds that are only asked, never stored.

Source: Kubernetes API reference, "Authorization resources" and "Authentication resources"; a real server's answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from todoke_sandbox.fields import writes
from todoke_sandbox.fields.ownership import Writer
from todoke_sandbox.schema.decoding import Undecodable
from todoke_sandbox.server.access.authorize import Asked, User, authorize, grants, joined
from todoke_sandbox.server.access.stored_policy import policy
from todoke_sandbox.server.access.tokens import ISSUER, BadToken, Tokens
from todoke_sandbox.storage.store import Store
from todoke_sandbox.verbs.house import moment
from todoke_sandbox.verbs.reading import checked, undecodable
from todoke_sandbox.verbs.refusals import Refusal
from todoke_sandbox.verbs.requests import Place

Json = dict[str, Any]

_GROUP: Final = "authorization.k8s.io"
_ONE_OF: Final = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
_RESOURCE_RULE: Final = ("verbs", "apiGroups", "resources", "resourceNames")


class Reviews:
    """Answers every review of one cluster."""

    def __init__(self, store: Store, tokens: Tokens) -> None:
        """Takes where roles and tokens are known."""
        self._store, self._tokens = store, tokens
        self._kinds: Mapping[str, Callable[[Json, User, Writer], Json]] = {
            "SelfSubjectAccessReview": self._own_access,
            "SubjectAccessReview": self._access,
            "LocalSubjectAccessReview": self._access,
            "SelfSubjectRulesReview": self._rules,
            "SelfSubjectReview": _own_identity,
            "TokenReview": self._token,
        }

    def answer(self, place: Place, body: Any, user: User, by: Writer) -> Json:
        """The review with its status. Raises Refusal when it cannot be understood."""
        kind = place.resource.kind
        sent = checked(place, body)
        try:
            asked = writes.create(kind, sent, by)
        except Undecodable as error:
            raise undecodable(place.resource, error) from error
        return self._kinds[kind.name](asked, user, by)

    def _own_access(self, review: Json, user: User, _: Writer) -> Json:
        return self._decided(review, user)

    def _access(self, review: Json, _user: User, _: Writer) -> Json:
        spec = review["spec"]
        name, groups = spec.get("user", ""), tuple(spec.get("groups") or ())
        if not name and not groups:
            raise _invalid("spec.user", 'Invalid value: "": at least one of user or group must be specified')
        place = review["metadata"].get("namespace", "")
        wanted = (spec.get("resourceAttributes") or {}).get("namespace", "")
        if place and wanted != place:
            field = "spec.resourceAttributes.namespace"
            raise _invalid(field, f'Invalid value: "{wanted}": must match metadata.namespace')
        return self._decided(review, User(name, groups, spec.get("uid", ""), spec.get("extra") or {}))

    def _decided(self, review: Json, user: User) -> Json:
        asked = _asked(review["spec"])
        decision = authorize(user, asked, policy(self._store, asked.namespace))
        status: Json = {"allowed": decision.allowed}
        return review | {"status": status | ({"reason": decision.reason} if decision.reason else {})}

    def _rules(self, review: Json, user: User, _: Writer) -> Json:
        namespace = (review["spec"] or {}).get("namespace", "")
        if not namespace:
            raise Refusal.bad_request("no namespace on request")
        missing: list[str] = []
        held = [grant.rule for grant in grants(user, policy(self._store, namespace), missing)]
        status: Json = {
            "resourceRules": [_only(rule, _RESOURCE_RULE) for rule in held if rule.get("resources")],
            "nonResourceRules": [_only(r, ("verbs", "nonResourceURLs")) for r in held if r.get("nonResourceURLs")],
            "incomplete": False,
        }
        if missing:
            status["evaluationError"] = joined(tuple(dict.fromkeys(missing)))
        return review | {"spec": {}, "status": status}

    def _token(self, review: Json, _: User, __: Writer) -> Json:
        spec = review["spec"]
        if not spec.get("token"):
            raise Refusal.bad_request("token is required for TokenReview in authentication")
        audiences: Sequence[str] = spec.get("audiences") or [ISSUER]
        try:
            user = self._tokens.user(spec["token"], audiences)
        except BadToken as error:
            return review | {"status": {"user": {}, "error": str(error)}}
        status = {"authenticated": True, "user": _user_info(user), "audiences": list(audiences)}
        return review | {"status": status}


def _asked(spec: Mapping[str, Any]) -> Asked:
    resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if (resource is None) == (path is None):
        raise _invalid("spec", f"Invalid value: null: {_ONE_OF}")
    if path is not None:
        return Asked(path.get("verb", ""), path=path.get("path", ""))
    given: Mapping[str, Any] = resource or {}
    taken = {name: given.get(name, "") for name in ("verb", "group", "resource", "subresource", "name", "namespace")}
    return Asked(**taken)


def _own_identity(review: Json, user: User, by: Writer) -> Json:
    metadata = {"creationTimestamp": moment(by.now)}
    kept = {name: review[name] for name in ("kind", "apiVersion")}
    return kept | {"metadata": metadata, "status": {"userInfo": _user_info(user)}}


def _user_info(user: User) -> Json:
    info: Json = {"username": user.name} | ({"uid": user.uid} if user.uid else {})
    info |= {"groups": list(user.groups)} if user.groups else {}
    return info | ({"extra": {name: list(values) for name, values in user.extra.items()}} if user.extra else {})


def _only(rule: Mapping[str, Any], names: Sequence[str]) -> Json:
    return {name: rule[name] for name in names if rule.get(name)}


def _invalid(field: str, message: str) -> Refusal:
    """Reviews are refused without the name of their kind."""
    cause = {"reason": "FieldValueInvalid", "message": message, "field": field}
    text = f'.{_GROUP} "" is invalid: {field}: {message}'
    return Refusal(422, "Invalid", text, {"group": _GROUP, "causes": [cause]})
