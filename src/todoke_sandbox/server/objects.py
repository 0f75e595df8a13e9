"""Requests for objects: from the request's parts to the verb, and from its outcome to the answer.

Source: Kubernetes documentation, "Kubernetes API Concepts"; a real server's answers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from todoke_sandbox.server import bodies, parameters, rights, watching
from todoke_sandbox.server.access.authorize import API_GROUP, User
from todoke_sandbox.server.answers import encode, many, one, warned
from todoke_sandbox.server.call import Call
from todoke_sandbox.server.connection import Answer, Request, Stream
from todoke_sandbox.server.negotiation import form
from todoke_sandbox.server.paths import Parameters, Target, is_true
from todoke_sandbox.server.routes import place, unknown_patch
from todoke_sandbox.server.special import Special
from todoke_sandbox.verbs.api import Api
from todoke_sandbox.verbs.requests import Deleted, How, Patch, Written
from todoke_sandbox.verbs.watching import Watch

Json = dict[str, Any]

_RETURNED: Final = frozenset(
    {
        "persistentvolumeclaims", "persistentvolumes", "pods", "podtemplates", "resourcequotas", "serviceaccounts",
        "services", "storageclasses.storage.k8s.io",
    }
)  # fmt: skip
"""Resources whose deletion answers the object, also when it is gone. Source: answers of a real server."""


class Objects:
    """Answers every request for objects of one cluster."""

    def __init__(self, api: Api, special: Special, now: Callable[[], datetime]) -> None:
        """Takes the verbs, and what answers the requests that are no verbs on objects."""
        self._api, self._special, self._now = api, special, now
        self._verbs: dict[str, Callable[[Call], Answer | Stream]] = {
            "get": self._get,
            "list": self._list,
            "watch": self._watch,
            "create": self._create,
            "update": self._update,
            "patch": self._patch,
            "delete": self._delete,
            "deletecollection": self._delete_collection,
        }

    def answer(self, request: Request, target: Target, given: Parameters, user: User) -> Answer | Stream:
        """The answer. Raises: Refusal: no such path, no such verb, or whatever the verb refuses."""
        call = Call(request, target, given, user, place(self._api.registry, target))
        special = self._special.find(call.resource, target.subresource)
        if special is not None:
            return special(call)
        return self._verbs[target.verb](call)

    def _get(self, call: Call) -> Answer:
        wanted = form(call.request.header("accept"))
        return Answer(200, one(self._api.get(call.place), call.resource, wanted, self._now(), call.include))

    def _list(self, call: Call) -> Answer:
        wanted = form(call.request.header("accept"))
        query = parameters.query(call.given, call.resource)
        listing = self._api.list(call.place, query)
        return Answer(200, many(listing, call.resource, wanted, self._now(), call.include))

    def _watch(self, call: Call) -> Stream:
        wanted = form(call.request.header("accept"))
        query = parameters.query(call.given, call.resource)
        seconds = parameters.number(call.given, "timeoutSeconds")
        lines = watching.lines_of(call.resource, wanted, call.include, self._now)
        bookmarks = is_true(call.given, "allowWatchBookmarks")
        initial = is_true(call.given, "sendInitialEvents")
        watch = Watch(self._api, call.place, query, bookmarks=bookmarks, initial=initial)
        return Stream(watching.stream(watch, lines, seconds), close=watch.close)

    def _create(self, call: Call) -> Answer:
        body = call.body()
        return self._write(call, "create", lambda how: self._api.create(call.place, body, how))

    def _update(self, call: Call) -> Answer:
        body = call.body()
        return self._write(call, "update", lambda how: self._api.replace(call.place, body, how))

    def _patch(self, call: Call) -> Answer:
        kind = bodies.PATCHES.get(bodies.media_type(call.request.header("content-type")))
        if kind is None:
            raise unknown_patch()
        if kind == "apply":
            rights.check_creation(call, self._api.store)
        patch = Patch(kind, bodies.decode_patch(call.request.body, kind))
        return self._write(call, "patch", lambda how: self._api.patch(call.place, patch, how), apply=kind == "apply")

    def _write(self, call: Call, verb: str, write: Callable[[How], Written], *, apply: bool = False) -> Answer:
        how = call.how(verb, apply=apply)
        if call.resource.group == API_GROUP and not call.user.is_master:
            rights.check_escalation(call, write(replace(how, dry_run=True)).stored.body, self._api.store)
        written = write(how)
        wanted = form(call.request.header("accept"))
        status = 201 if written.created else 200
        body = one(written.stored, call.resource, wanted, self._now(), call.include)
        return Answer(status, body, headers=warned(written.warnings))

    def _delete(self, call: Call) -> Answer:
        options = self._delete_options(call)
        deletion, dry_run = parameters.deletion(call.given, options)
        how = How("", call.user.name, dry_run=dry_run)
        deleted = self._api.delete(call.place, deletion, how)
        return Answer(200, self._deleted(call, deleted), headers=warned(deleted.warnings))

    def _delete_collection(self, call: Call) -> Answer:
        options = self._delete_options(call)
        deletion, dry_run = parameters.deletion(call.given, options)
        how = How("", call.user.name, dry_run=dry_run)
        query = parameters.query(call.given, call.resource)
        listing = self._api.delete_collection(call.place, query, deletion, how)
        wanted = form(call.request.header("accept"))
        return Answer(200, many(listing, call.resource, wanted, self._now(), call.include))

    def _delete_options(self, call: Call) -> Any:
        if not call.request.body:
            return None
        return bodies.decode(call.request.body, call.request.header("content-type"), "DeleteOptions")

    def _deleted(self, call: Call, deleted: Deleted) -> bytes:
        resource = call.resource
        if not deleted.gone or (resource.text in _RETURNED and not resource.custom):
            wanted = form(call.request.header("accept"))
            return one(deleted.stored, resource, wanted, self._now(), call.include)
        details: Json = {"name": deleted.stored.name} | ({"group": resource.group} if resource.group else {})
        details |= {"kind": resource.plural, "uid": deleted.stored.uid}
        head = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
        return encode(head | {"details": details})
