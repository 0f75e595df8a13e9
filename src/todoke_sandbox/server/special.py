"""Requests that are no verbs on stored objects: reviews, tokens, logs, and what a cluster without containers refuses.

Source: Kubernetes API reference; a real server's answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from todoke_sandbox.fields import writes
from todoke_sandbox.fields.ownership import Writer
from todoke_sandbox.registry.resources import Resource
from todoke_sandbox.schema.decoding import Undecodable
from todoke_sandbox.server import logs
from todoke_sandbox.server.access.reviews import Reviews
from todoke_sandbox.server.access.tokens import TOKEN_SECONDS, Tokens
from todoke_sandbox.server.answers import document
from todoke_sandbox.server.call import Call
from todoke_sandbox.server.connection import Answer, Stream
from todoke_sandbox.verbs.api import Api
from todoke_sandbox.verbs.house import moment
from todoke_sandbox.verbs.reading import undecodable
from todoke_sandbox.verbs.refusals import Refusal
from todoke_sandbox.verbs.requests import Place

Json = dict[str, Any]
Respond = Callable[[Call], Answer | Stream]

_CONNECTING: Final = ("attach", "exec", "portforward", "proxy")


class Special:
    """Answers these requests for one cluster."""

    def __init__(self, api: Api, tokens: Tokens, source: logs.Source, now: Callable[[], datetime]) -> None:
        """Takes the verbs, the known tokens, where log lines come from, and the clock."""
        self._api, self._tokens, self._source, self._now = api, tokens, source, now
        self._reviews = Reviews(api.store, tokens)
        self._parts: Mapping[str, Respond] = {"token": self._token, "log": self._log}
        self._parts |= dict.fromkeys(_CONNECTING, self._connect)

    def find(self, resource: Resource, subresource: str) -> Respond | None:
        """What answers requests for it; None when it is an ordinary object."""
        if resource.custom:
            return None
        if subresource:
            return self._parts.get(subresource)
        if resource.group in ("authorization.k8s.io", "authentication.k8s.io"):
            return self._review
        return self._bind if resource.text == "bindings" else None

    def _review(self, call: Call) -> Answer:
        how = call.how("create")
        by = Writer(how.manager, self._now())
        return document(self._reviews.answer(call.place, call.body(), call.user, by), 201)

    def _bind(self, call: Call) -> Answer:
        """A Binding names its Pod in its metadata."""
        body = call.body()
        pods = self._api.registry.find("", "v1", "pods")
        name = (body.get("metadata") or {}).get("name") or ""
        if pods is None or not name:
            raise Refusal.bad_request("a Binding needs the name of a Pod in metadata.name")
        place = Place(pods, call.place.namespace, name, "binding")
        return document(self._api.create(place, body, call.how("create")).stored.body, 201)

    def _token(self, call: Call) -> Answer:
        """A token for a ServiceAccount. What the answer holds is known to nobody but the client."""
        place = call.place
        account = self._api.get(Place(place.resource, place.namespace, place.name))
        kind = self._api.registry.schemas.kind("authentication.k8s.io", "v1", "TokenRequest")
        if kind is None:
            raise LookupError("the schema data has no TokenRequest: run make setup")
        how, body = call.how("create"), call.body()
        wanted = {"expirationSeconds": TOKEN_SECONDS} | (body.get("spec") or {})
        try:
            asked = writes.create(kind, body | {"spec": wanted}, Writer(how.manager, self._now(), "token"))
        except Undecodable as error:
            raise undecodable(place.resource, error) from error
        token, spec, until = self._tokens.request(place.namespace, place.name, account.uid, asked["spec"])
        given = {"name": place.name, "namespace": place.namespace, "uid": account.uid}
        metadata = asked["metadata"] | given | {"creationTimestamp": moment(self._now())}
        status = {"token": token, "expirationTimestamp": moment(until)}
        return document(asked | {"metadata": metadata, "spec": spec, "status": status}, 201)

    def _log(self, call: Call) -> Answer | Stream:
        pod = Place(call.resource, call.place.namespace, call.place.name)
        found = self._api.get(pod)
        what = logs.wanted(found.body, call.given, self._now())
        if not found.body["spec"].get("nodeName"):
            return Answer(200, b"", logs.TEXT)
        table = call.resource.table

        def now_there() -> Json | None:
            stored = self._api.store.get(table, pod.namespace, pod.name)
            return stored.body if stored is not None and stored.uid == found.uid else None

        log = logs.text(found.body, self._source, what, self._now())
        if what.follow:
            return Stream(logs.stream(now_there, self._source, what, self._now), logs.TEXT)
        return Answer(200, log, logs.TEXT)

    def _connect(self, call: Call) -> Answer:
        place = call.place
        self._api.get(Place(call.resource, place.namespace, place.name))
        part = place.subresource
        raise Refusal(
            501,
            "NotImplemented",
            f"{part} is not offered: the sandbox runs no containers; Pods have states, events and logs here,"
            " for more use a cluster with real nodes",
        )
