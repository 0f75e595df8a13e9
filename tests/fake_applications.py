"""Application and AppProject objects in memory: the port of the walk and that of the queries."""

from __future__ import annotations

import base64
import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tests.fake_store import Json, Store, live_object
from todoke.model.credentials import LABEL, Credential, SecretText, credential_of
from todoke.model.deliverables import DeliverableKey
from todoke.model.errors import Blocked, Missing, NotReady
from todoke.model.objects import LiveObject, ObjectKey
from todoke.model.trusted import Trusted


class FakeApplications:
    """Application and AppProject objects in memory: the port of the walk and that of the queries."""

    def __init__(self, namespace: str = "todoke") -> None:
        self.namespace = namespace
        self.store = Store()
        self.projects: dict[str, Json] = {}
        self.secrets: list[Credential] = []
        self.user = "taro"
        self.patches: list[Json] = []
        self.heard: Callable[[DeliverableKey, LiveObject | None, LiveObject | None], None] = lambda *_: None
        self.after_change: Callable[[DeliverableKey], None] = lambda _key: None
        """Told after each change that a query made: a test plays the controller there."""

    def put(self, body: Json) -> LiveObject:
        """Write an Application as `kubectl apply` would."""
        body = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", **body}
        body["metadata"] = {"namespace": self.namespace, **body["metadata"]}
        return self._write(_key(body), body)

    def body(self, name: str, namespace: str = "") -> Json:
        """The stored object, for assertions."""
        return copy.deepcopy(
            self.store.bodies[_object(DeliverableKey("Application", namespace or self.namespace, name))]
        )

    def merge(self, name: str, patch: Json) -> LiveObject:
        """A merge patch by somebody else: the controller, in tests of the faces."""
        key = DeliverableKey("Application", self.namespace, name)
        return self._write(key, _merged(self.store.bodies[_object(key)], patch))

    def get(self, key: DeliverableKey) -> LiveObject | None:
        body = self.store.bodies.get(_object(key))
        return None if body is None else live_object(body)

    def keys(self) -> Iterable[DeliverableKey]:
        return [_key(body) for body in self.store.bodies.values()]

    def project(self, name: str) -> Mapping[str, Any] | None:
        return self.projects.get(name)

    async def keep_secret(self, name: str, marks: Mapping[str, str], data: Mapping[str, SecretText]) -> None:
        encoded = {field: base64.b64encode(text.reveal().encode()).decode() for field, text in data.items()}
        await self.drop_secret(name)
        found = credential_of(marks[LABEL], encoded, f"Secret/{self.namespace}/{name}")
        assert found is not None
        self.secrets.append(found)

    async def config(self) -> dict[str, str]:
        return {}

    async def trusted(self) -> Trusted:
        return Trusted()

    async def drop_secret(self, name: str) -> None:
        self.secrets = [secret for secret in self.secrets if secret.origin != f"Secret/{self.namespace}/{name}"]

    async def patch(self, key: DeliverableKey, patch: Mapping[str, Any]) -> None:
        self._patched(key, patch)

    async def release(self, application: LiveObject, finalizer: str) -> None:
        key = DeliverableKey("Application", application.key.namespace, application.key.name)
        body = copy.deepcopy(self.store.bodies.get(_object(key)))
        if body is not None:
            body["metadata"]["finalizers"] = [f for f in body["metadata"].get("finalizers") or () if f != finalizer]
            self._write(key, body)
            self._end(key)

    async def find(self, key: DeliverableKey) -> LiveObject | None:
        return self.get(key)

    async def all(self, namespace: str, selector: str = "") -> list[LiveObject]:
        wanted = dict(part.split("=") for part in selector.split(",") if part)
        found = [live_object(body) for body in self.store.bodies.values()]
        return [
            live
            for live in found
            if namespace in ("", live.key.namespace)
            and wanted.items() <= (live.body["metadata"].get("labels") or {}).items()
        ]

    async def project_named(self, name: str) -> Mapping[str, Any] | None:
        return self.projects.get(name)

    async def create(self, body: Mapping[str, Any]) -> LiveObject:
        key = _key(dict(body))
        if _object(key) in self.store.bodies:
            raise Blocked(str(key), "it exists already", next_step="Change it with `todoke app set`")
        live = self._write(key, dict(body))
        self.after_change(key)
        return live

    async def change(self, key: DeliverableKey, patch: Mapping[str, Any]) -> LiveObject:
        live = self._patched(key, patch)
        self.after_change(key)
        return live

    async def remove(self, application: LiveObject) -> None:
        key = DeliverableKey("Application", application.key.namespace, application.key.name)
        self._end(key, delete=True)
        self.after_change(key)

    async def credentials(self) -> list[Credential]:
        return self.secrets

    async def whoami(self) -> str:
        return self.user

    def _patched(self, key: DeliverableKey, patch: Mapping[str, Any]) -> LiveObject:
        body = self.store.bodies.get(_object(key))
        if body is None:
            raise Missing(str(key), "not found")
        version = (patch.get("metadata") or {}).get("resourceVersion")
        if version not in (None, body["metadata"]["resourceVersion"]):
            raise NotReady(str(key), "the object has been modified", retry_after=0.2)
        self.patches.append(copy.deepcopy(dict(patch)))
        return self._write(key, _merged(body, patch))

    def _write(self, key: DeliverableKey, body: Json) -> LiveObject:
        before = self.get(key)
        after = self.store.stored(_object(key), body)
        self.heard(key, before, after)
        return after

    def _end(self, key: DeliverableKey, *, delete: bool = False) -> None:
        before = self.get(key)
        if before is not None and (delete or before.deleting):
            gone = self.store.removed(_object(key))
            self.heard(key, before, None if gone else self.get(key))


def _object(key: DeliverableKey) -> ObjectKey:
    return ObjectKey("argoproj.io", "Application", key.namespace, key.name)


def _key(body: Json) -> DeliverableKey:
    return DeliverableKey("Application", body["metadata"]["namespace"], body["metadata"]["name"])


def _merged(before: Any, patch: Any) -> Any:
    if not isinstance(patch, Mapping):
        return copy.deepcopy(patch)
    merged = copy.deepcopy(before) if isinstance(before, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merged(merged.get(name), value)
    return merged
