"""Bearer tokens: whose they are, for whom they are good, and until when.

Tokens are random and mean nothing by themselves. Source: Kubernetes API reference, TokenRequest, TokenReview.
"""

from __future__ import annotations

import hmac
import secrets
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from todoke_sandbox.server.access.authorize import ACCOUNT_PREFIX, AUTHENTICATED, User
from todoke_sandbox.storage.store import Store, TableKey
from todoke_sandbox.storage.tables import SERVICE_ACCOUNTS
from todoke_sandbox.verbs.refusals import Refusal

Json = dict[str, Any]

ISSUER: Final = "https://kubernetes.default.svc"
TOKEN_SECONDS: Final = 3600
"""How long a token is good unless its request says otherwise."""
_SWEEP: Final = 256
"""After how many tokens those that have expired are forgotten."""
_FEWEST_SECONDS, _MOST_SECONDS = 600, 1 << 32
_BOUND: Final = {"Pod": "pods", "Secret": "secrets", "Node": "nodes"}
_ID: Final = "authentication.kubernetes.io/credential-id"


@dataclass(frozen=True)
class _Known:
    """A token that was given out. Attributes: objects: table, namespace, name and uid of what it dies with."""

    token: str
    user: User
    audiences: tuple[str, ...] = (ISSUER,)
    until: datetime | None = None
    objects: tuple[tuple[TableKey, str, str, str], ...] = ()


class BadToken(Exception):
    """A token that is not good here; the message is for who reviews tokens."""


class Tokens:
    """The tokens of one cluster."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        """None are known yet. Takes the store because tokens die with their accounts."""
        self._store, self._now = store, now
        self._known: dict[bytes, _Known] = {}

    def issue(self, user: str, groups: Sequence[str] = (), uid: str = "") -> str:
        """A token for a user, good until the cluster ends."""
        whose = User(user, (*groups, AUTHENTICATED), uid)
        token = secrets.token_urlsafe(32)
        self._keep(_Known(token, whose))
        return token

    def request(self, namespace: str, name: str, uid: str, spec: Mapping[str, Any]) -> tuple[str, Json, datetime]:
        """A token for a ServiceAccount. Returns it, the request's spec with what was not given, and its end.

        Raises: Refusal: a duration that is too short or too long, or bound to what is not there.
        """
        seconds = spec.get("expirationSeconds", TOKEN_SECONDS)
        _check_duration(seconds)
        audiences = tuple(spec.get("audiences") or (ISSUER,))
        until = self._now() + timedelta(seconds=seconds)
        objects = [(SERVICE_ACCOUNTS, namespace, name, uid)]
        extra = {_ID: [f"JTI={uuid.uuid4()}"]}
        bound = spec.get("boundObjectRef")
        if bound:
            found = self._bound(namespace, bound)
            objects.append(found)
            if bound["kind"] == "Pod":
                extra["authentication.kubernetes.io/pod-name"] = [found[2]]
                extra["authentication.kubernetes.io/pod-uid"] = [found[3]]
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", AUTHENTICATED)
        user = User(f"{ACCOUNT_PREFIX}{namespace}:{name}", groups, uid, extra)
        token = secrets.token_urlsafe(48)
        self._keep(_Known(token, user, audiences, until, tuple(objects)))
        made = {"audiences": list(audiences), "expirationSeconds": seconds, "boundObjectRef": bound}
        return token, made, until

    def user(self, token: str, audiences: Sequence[str] = (ISSUER,)) -> User:
        """Whose token it is. Raises BadToken: nobody's, for somebody else, expired, or its account is gone."""
        known = self._known.get(_key(token))
        if known is None or not hmac.compare_digest(known.token.encode(), token.encode()):
            raise BadToken("invalid bearer token")
        if known.until is not None and known.until <= self._now():
            del self._known[_key(token)]
            raise BadToken("[invalid bearer token, service account token has expired]")
        for table, namespace, name, uid in known.objects:
            found = self._store.get(table, namespace, name)
            if found is None or found.uid != uid:
                raise BadToken("[invalid bearer token, service account token has been invalidated]")
        if not set(known.audiences) & set(audiences):
            has, wanted = _listed(known.audiences), _listed(audiences)
            text = f"token audiences {has} is invalid for the target audiences {wanted}"
            raise BadToken(f"[invalid bearer token, {text}]")
        return known.user

    def _keep(self, known: _Known) -> None:
        if not len(self._known) % _SWEEP:
            now = self._now()
            self._known = {key: one for key, one in self._known.items() if one.until is None or one.until > now}
        self._known[_key(known.token)] = known

    def _bound(self, namespace: str, bound: Mapping[str, Any]) -> tuple[TableKey, str, str, str]:
        plural = _BOUND.get(str(bound.get("kind")))
        if plural is None:
            raise Refusal.bad_request(f"cannot bind token for serviceaccount to object of type {bound.get('kind')}")
        table, name = TableKey("", plural), str(bound.get("name", ""))
        place = "" if plural == "nodes" else namespace
        found = self._store.get(table, place, name)
        if found is None:
            details = {"name": name, "kind": plural}
            raise Refusal(404, "NotFound", f'{plural} "{name}" not found', details)
        return table, place, name, found.uid


def _check_duration(seconds: Any) -> None:
    why = ""
    if seconds < _FEWEST_SECONDS:
        why = "may not specify a duration less than 10 minutes"
    elif seconds > _MOST_SECONDS:
        why = "may not specify a duration larger than 2^32 seconds"
    if why:
        cause = ("FieldValueInvalid", f"Invalid value: {seconds}: {why}", "spec.expirationSeconds")
        raise Refusal.invalid(("authentication.k8s.io", "TokenRequest"), "", [cause])


def _key(token: str) -> bytes:
    """Tokens are looked up by their hash, so that how long it takes says nothing about them."""
    return sha256(token.encode()).digest()


def _listed(values: Sequence[str]) -> str:
    return "[" + " ".join(f'"{value}"' for value in values) + "]"
