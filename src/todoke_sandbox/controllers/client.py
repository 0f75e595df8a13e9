"""How controllers write: as the component they stand for, and with its word in the events of an object."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from todoke_sandbox.controllers.events import Recorder, Source
from todoke_sandbox.registry.resources import Resource
from todoke_sandbox.storage.store import TableKey
from todoke_sandbox.storage.tables import NAMESPACES, PODS
from todoke_sandbox.verbs.api import Api
from todoke_sandbox.verbs.refusals import Refusal
from todoke_sandbox.verbs.requests import Deletion, How, Patch, Place

Json = dict[str, Any]

MANAGER: Final = "kube-controller-manager"
NORMAL: Final = "Normal"
WARNING: Final = "Warning"


@dataclass(frozen=True)
class Identity:
    """Who writes. Attributes: manager: who holds the fields. component, host: who tells events."""

    manager: str
    user: str
    component: str
    host: str = ""


def controller(component: str) -> Identity:
    """One of the controllers of kube-controller-manager."""
    return Identity(MANAGER, "system:kube-controller-manager", component)


class Client:
    """Reads of single objects, writes and events of one component. Every write raises Refusal for what is refused."""

    def __init__(self, api: Api, recorder: Recorder, identity: Identity, now: Callable[[], datetime]) -> None:
        """Takes what all components of a cluster share, and who this one is."""
        self._api = api
        self._now = now
        self._recorder = recorder
        self._source = Source(identity.component, identity.host, identity.manager, identity.user)
        self._how = How(identity.manager, identity.user, validation="Ignore")
        self._resources: dict[TableKey, Resource] = {}

    @property
    def now(self) -> datetime:
        """The cluster's time."""
        return self._now()

    def get(self, table: TableKey, namespace: str, name: str) -> Json | None:
        """The object as it is, not to be changed."""
        stored = self._api.store.get(table, namespace, name)
        return None if stored is None else stored.body

    def create(self, table: TableKey, body: Mapping[str, Any]) -> Json:
        """Make an object. Returns it as it was stored."""
        place = Place(self._resource(table), body["metadata"].get("namespace", ""))
        return self._api.create(place, dict(body), self._how).stored.body

    def update(self, table: TableKey, body: Mapping[str, Any]) -> Json:
        """Put a body in place of the object. Returns it as it was stored."""
        return self._api.replace(self._place(table, body), dict(body), self._how).stored.body

    def update_status(self, table: TableKey, body: Mapping[str, Any]) -> Json:
        """Put the body's status in place of the object's. Returns the object as it was stored."""
        return self._api.replace(self._place(table, body, "status"), dict(body), self._how).stored.body

    def finalize(self, namespace: Mapping[str, Any]) -> None:
        """Put the finalizers of a namespace's spec in place of those it has."""
        place = Place(self._resource(NAMESPACES), "", namespace["metadata"]["name"], "finalize")
        self._api.replace(place, dict(namespace), self._how)

    def merge(self, table: TableKey, body: Mapping[str, Any], patch: Json) -> Json:
        """Change an object by a merge patch. Returns it as it was stored, or as it was when it went."""
        return self._api.patch(self._place(table, body), Patch("merge", patch), self._how).stored.body

    def bind(self, pod: Mapping[str, Any], node: str) -> None:
        """Give a Pod to a node."""
        metadata = pod["metadata"]
        body = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"]},
            "target": {"kind": "Node", "name": node},
        }
        self._api.create(self._place(PODS, pod, "binding"), body, self._how)

    def delete(
        self, table: TableKey, body: Mapping[str, Any], propagation: str = "", grace_seconds: int | None = None
    ) -> bool:
        """Delete this very object. Returns whether it was still there; one that is gone already is no error."""
        deletion = Deletion(propagation, grace_seconds, uid=body["metadata"]["uid"])
        try:
            self._api.delete(self._place(table, body), deletion, self._how)
        except Refusal as refusal:
            if refusal.code != 404:
                raise
            return False
        return True

    def tell(self, about: Mapping[str, Any], reason: str, message: str, *, warning: bool = False) -> None:
        """An event about an object."""
        self._recorder.tell(self._source, about, WARNING if warning else NORMAL, reason, message)

    def tell_part(self, about: Mapping[str, Any], path: str, event: tuple[str, str, str]) -> None:
        """An event (type, reason, message) about a part of an object, such as a container of a Pod."""
        self._recorder.tell(self._source, about, *event, path)

    def _place(self, table: TableKey, body: Mapping[str, Any], subresource: str = "") -> Place:
        metadata = body["metadata"]
        return Place(self._resource(table), metadata.get("namespace", ""), metadata["name"], subresource)

    def _resource(self, table: TableKey) -> Resource:
        found = self._resources.get(table)
        registry = self._api.registry
        if found is None or registry.find(found.group, found.version, found.plural) is not found:
            found = registry.preferred(*table)
            if found is None:
                raise Refusal(404, "NotFound", "the server could not find the requested resource")
            self._resources[table] = found
        return found
