"""The resources that we read, and Applications, whose status we write: projects, Secrets of repositories and hooks."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from todoke.cluster.cache import KindCache
from todoke.cluster.client import KubeClient
from todoke.cluster.discovery import Discovery, Resource
from todoke.cluster.watch import KindWatch, Scope
from todoke.cluster.wire import decode_head
from todoke.model.credentials import LABEL, Credential, credential_of
from todoke.model.deliverables import DeliverableKey
from todoke.model.errors import Blocked, Missing, Unreachable
from todoke.model.merge import merged
from todoke.model.objects import Kind, LiveObject, labels
from todoke.model.tracking import MANAGER
from todoke.model.trusted import TRUSTED, Trusted, trusted_of
from todoke.model.webhooks import SECRET_NAMES, Keys, keys_of

APPLICATION = Kind("argoproj.io", "v1alpha1", "Application")
PROJECT = Kind("argoproj.io", "v1alpha1", "AppProject")
CONFIG_MAP = Kind("", "v1", "ConfigMap")
CONFIG = "argocd-cm"
SECRET = Kind("", "v1", "Secret")
_WISHES = ("annotations", "labels", "finalizers", "deletionTimestamp")
_MERGE = {"Content-Type": "application/merge-patch+json"}
_JSON_PATCH = {"Content-Type": "application/json-patch+json"}

OnApplication = Callable[[DeliverableKey, LiveObject | None, LiveObject | None], None]
"""Told an application with its state before and after."""


class KubeApplications:
    """Implements the `Applications` port, and hands out repository credentials."""

    def __init__(self, client: KubeClient, namespace: str) -> None:
        self._client, self._namespace = client, namespace
        self._discovery = Discovery(client)
        self._applications = KindCache(APPLICATION, lambda *_: True)
        self._projects = KindCache(PROJECT, lambda *_: True)
        self._secrets = KindCache(SECRET, lambda *_: True)
        self._hook_secrets = {name: KindCache(SECRET, lambda *_: True) for name in SECRET_NAMES}
        self._trusted = {name: KindCache(CONFIG_MAP, lambda *_: True) for name in (*TRUSTED, CONFIG)}
        self._resource: Resource | None = None
        self._changed: Callable[[LiveObject | None, LiveObject | None], None] = lambda *_: None

    async def start(
        self, group: asyncio.TaskGroup, on_application: OnApplication, on_surroundings: Callable[[], None]
    ) -> None:
        """Begin to watch; returns when everything was listed once.

        Args:
            on_surroundings: told when a project or a credential changed.

        Raises:
            Blocked: the CRDs are not installed, or may not be listed.
        """

        def application_changed(before: LiveObject | None, after: LiveObject | None) -> None:
            side = after or before
            if side is not None:
                on_application(_key(side), before, after)

        def surroundings_changed(_before: LiveObject | None, _after: LiveObject | None) -> None:
            on_surroundings()

        self._changed = application_changed
        self._resource = await self._served(APPLICATION)
        secret = await self._served(SECRET)
        own = Scope(namespace=self._namespace)
        labelled = Scope(namespace=self._namespace, selector=LABEL)
        watches = [
            KindWatch(self._client, self._resource, self._applications, application_changed),
            KindWatch(self._client, await self._served(PROJECT), self._projects, surroundings_changed, own),
            KindWatch(self._client, secret, self._secrets, surroundings_changed, labelled),
        ]
        for name, cache in self._hook_secrets.items():  # read when an event comes: nobody has to be told
            named = Scope(namespace=self._namespace, name=name)
            watches.append(KindWatch(self._client, secret, cache, lambda *_: None, named))
        config_map, trusted = await self._served(CONFIG_MAP), []
        for name, cache in self._trusted.items():
            named = Scope(namespace=self._namespace, name=name)
            trusted.append(KindWatch(self._client, config_map, cache, surroundings_changed, named))
        for watch in (*watches, *trusted):
            group.create_task(watch.run(), name=f"watch {watch.cache.kind}")
        for watch in watches:
            await _listed(watch)
        for watch in trusted:
            with contextlib.suppress(Blocked):  # without the right to read it, nobody is trusted by it
                await _listed(watch)

    async def _served(self, kind: Kind) -> Resource:
        resource = await self._discovery.find(kind)
        if resource is None:
            raise Blocked(
                f"the kind {kind}",
                "it is not served by this cluster",
                next_step="Install it with `todoke install crds --apply`",
            )
        return resource

    def get(self, key: DeliverableKey) -> LiveObject | None:
        """The Application as last seen."""
        return self._applications.kept.get((key.namespace, key.name))

    def keys(self) -> Iterable[DeliverableKey]:
        """Every Application in the cluster, ours or not."""
        return [_key(live) for live in self._applications]

    def project(self, name: str) -> Mapping[str, Any] | None:
        """The AppProject of that name in the control namespace."""
        found = self._projects.kept.get((self._namespace, name))
        return None if found is None else found.body

    def credentials(self) -> list[Credential]:
        """Repository credentials from the control namespace's Secrets."""
        found = []
        for secret in self._secrets:
            body = secret.body
            kind = labels(body).get(LABEL, "")
            credential = credential_of(kind, body.get("data") or {}, str(secret.key))
            if credential is not None:
                found.append(credential)
        return found

    def config(self) -> dict[str, str]:
        """The installation's options, as Argo CD keeps them: the texts of the ConfigMap argocd-cm."""
        return self._entries(CONFIG)

    def trusted(self) -> Trusted:
        """Whom the ConfigMaps of the control namespace trust."""
        return trusted_of(self._entries)

    def _entries(self, name: str) -> dict[str, str]:
        found = self._trusted[name].kept.get((self._namespace, name))
        return entries_of(found.body) if found is not None else {}

    def hook_secrets(self) -> list[Keys]:
        """The webhook secrets in the Secrets of the control namespace that may hold some."""
        found = [cache.kept.get((self._namespace, name)) for name, cache in self._hook_secrets.items()]
        return [keys_of(secret.body.get("data") or {}) for secret in found if secret is not None]

    async def patch(self, key: DeliverableKey, patch: Mapping[str, Any]) -> None:
        """A merge patch of the Application; the answer is known here before its event comes.

        Raises:
            NotReady: the patch names a resource version that is not the newest.
        """
        await self._write(key, patch, _MERGE)

    async def release(self, application: LiveObject, finalizer: str) -> None:
        """Take one finalizer off; an Application that is gone already is fine.

        Raises:
            NotReady: the Application changed since it was read.
        """
        finalizers = (application.body.get("metadata") or {}).get("finalizers") or []
        if finalizer not in finalizers:
            return
        operations = [
            {"op": "replace", "path": "/metadata/resourceVersion", "value": str(application.resource_version)},
            {"op": "remove", "path": f"/metadata/finalizers/{finalizers.index(finalizer)}"},
        ]
        try:
            await self._write(_key(application), operations, _JSON_PATCH)
        except Missing:
            return

    async def _write(self, key: DeliverableKey, patch: Any, headers: Mapping[str, str]) -> None:
        """Send a patch. Its answer may hold what somebody else wrote just before, whose event is late: that is news."""
        if self._resource is None:
            raise RuntimeError("KubeApplications is used before start()")
        path = self._resource.path(key.namespace, key.name) + f"?fieldManager={MANAGER}"
        raw = await self._client.request(
            "PATCH", path, subject=str(key), body=msgspec.json.encode(patch), headers=headers
        )
        before, after = self._applications.answer(raw, decode_head(raw).metadata)
        if before is not None and after is not None and _others_wrote(before.body, patch, after.body):
            self._changed(before, after)


def entries_of(config_map: Mapping[str, Any]) -> dict[str, str]:
    """The text in a ConfigMap by key."""
    return {str(key): str(text) for key, text in (config_map.get("data") or {}).items()}


def _key(live: LiveObject) -> DeliverableKey:
    return DeliverableKey("Application", live.key.namespace, live.key.name)


def _others_wrote(before: Mapping[str, Any], patch: Any, after: Mapping[str, Any]) -> bool:
    """Whether an answer holds wishes that neither were there before nor are ours. A JSON patch is taken for one."""
    if not isinstance(patch, Mapping):
        return True
    return _wishes(merged(before, patch)) != _wishes(after)


def _wishes(body: Mapping[str, Any]) -> list[Any]:
    meta = body.get("metadata") or {}
    return [body.get("spec"), body.get("operation"), *(meta.get(name) or None for name in _WISHES)]


async def _listed(watch: KindWatch) -> None:
    try:
        async with asyncio.timeout(60):
            await watch.ready.wait()
    except TimeoutError as error:
        raise Unreachable(f"list of {watch.cache.kind}", "no answer in 60 s") from error
    if watch.refused is not None:
        raise watch.refused
