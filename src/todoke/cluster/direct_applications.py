"""Application objects for one-shot commands: asked for each time, with the user's own rights."""

import base64
import getpass
from collections.abc import Mapping
from typing import Any

import msgspec

from todoke.cluster.applications import APPLICATION, CONFIG, CONFIG_MAP, PROJECT, SECRET, entries_of
from todoke.cluster.client import KubeClient
from todoke.cluster.direct import listed
from todoke.cluster.discovery import Resource
from todoke.cluster.refusals import refusal
from todoke.cluster.wire import read_object
from todoke.model.credentials import LABEL, Credential, SecretText, credential_of
from todoke.model.deliverables import DeliverableKey
from todoke.model.errors import Blocked, DeliveryError, Missing
from todoke.model.objects import LiveObject, labels
from todoke.model.trusted import TRUSTED, Trusted, trusted_of

EDITOR = "todoke-cli"
"""Field manager of what people change with commands."""

_APPLICATIONS = Resource(APPLICATION, "applications", namespaced=True)
_PROJECTS = Resource(PROJECT, "appprojects", namespaced=True)
_CONFIG_MAPS = Resource(CONFIG_MAP, "configmaps", namespaced=True)
_SECRETS = Resource(SECRET, "secrets", namespaced=True)
_MERGE = {"Content-Type": "application/merge-patch+json"}
_JSON = {"Content-Type": "application/json"}
_REVIEW = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


class _Details(msgspec.Struct):
    name: str = ""


class _Status(msgspec.Struct):
    details: _Details | None = None


class DirectApplications:
    """Implements the `ApplicationObjects` port. Projects and credentials are those of the control namespace."""

    def __init__(self, client: KubeClient, namespace: str) -> None:
        self._client, self._namespace = client, namespace

    async def find(self, key: DeliverableKey) -> LiveObject | None:
        """The Application, or None.

        Raises:
            Blocked: it may not be read, or the kind is not installed. Unreachable: no answer.
        """
        path = _APPLICATIONS.path(key.namespace, key.name)
        status, _, answer = await self._client.exchange("GET", path, subject=str(key))
        if status == 404 and _names_object(answer):
            return None
        return read_object(APPLICATION, _checked(status, answer, str(key)))

    async def all(self, namespace: str, selector: str = "") -> list[LiveObject]:
        """The Applications of a namespace, or of all when it is "".

        Raises:
            Blocked: they may not be listed, or the kind is not installed. Unreachable: no answer.
        """
        try:
            found = listed(self._client, _APPLICATIONS, namespace, selector)
            return [read_object(APPLICATION, raw) async for raw in found]
        except Missing as error:
            raise _not_installed() from error

    async def project_named(self, name: str) -> Mapping[str, Any] | None:
        """The AppProject of that name in the control namespace."""
        try:
            raw = await self._client.request("GET", _PROJECTS.path(self._namespace, name), subject=f"AppProject/{name}")
        except Missing:
            return None
        body: dict[str, Any] = msgspec.json.decode(raw)
        return body

    async def create(self, body: Mapping[str, Any]) -> LiveObject:
        """Create an Application.

        Raises:
            Blocked: it exists, its namespace does not, or the server refuses it.
        """
        meta = body["metadata"]
        subject = f"Application/{meta['name']}"
        path = _APPLICATIONS.path(meta["namespace"]) + f"?fieldManager={EDITOR}"
        status, _, answer = await self._client.exchange(
            "POST", path, subject=subject, body=msgspec.json.encode(body), headers=_JSON
        )
        if status == 404 and _names_object(answer):
            namespace = meta["namespace"]
            raise Blocked(subject, f'namespace "{namespace}" not found', next_step=f"Create the namespace {namespace}")
        if status == 409:
            raise Blocked(subject, "it exists already", next_step=f"Change it with `todoke app set {meta['name']}`")
        return read_object(APPLICATION, _checked(status, answer, subject))

    async def change(self, key: DeliverableKey, patch: Mapping[str, Any]) -> LiveObject:
        """A merge patch: the Application as it is now.

        Raises:
            NotReady: the patch names a resource version that is not the newest.
            Blocked: it is gone, or the server refuses the patch.
        """
        path = _APPLICATIONS.path(key.namespace, key.name) + f"?fieldManager={EDITOR}"
        raw = await self._client.request(
            "PATCH", path, subject=str(key), body=msgspec.json.encode(patch), headers=_MERGE
        )
        return read_object(APPLICATION, raw)

    async def remove(self, application: LiveObject) -> None:
        """Ask for the deletion of exactly this Application; one that is gone is fine."""
        key = application.key
        body = {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": application.uid}}
        status, _, answer = await self._client.exchange(
            "DELETE",
            _APPLICATIONS.path(key.namespace, key.name),
            subject=f"Application/{key.name}",
            body=msgspec.json.encode(body),
            headers=_JSON,
        )
        if status >= 400 and status not in (404, 409):
            raise refusal(status, answer, f"Application/{key.name}")

    async def credentials(self) -> list[Credential]:
        """Repository credentials of the control namespace; none when the user may not read Secrets."""
        try:
            found = [msgspec.json.decode(raw) async for raw in listed(self._client, _SECRETS, self._namespace, LABEL)]
        except Blocked:
            return []
        origin = f"Secret/{self._namespace}"
        read = [
            credential_of(labels(body).get(LABEL, ""), body.get("data") or {}, f"{origin}/{body['metadata']['name']}")
            for body in found
        ]
        return [credential for credential in read if credential is not None]

    async def keep_secret(self, name: str, marks: Mapping[str, str], data: Mapping[str, SecretText]) -> None:
        """Write a Secret of the control namespace, whole: fields that it had and `data` has not are gone.

        Raises: Blocked: it may not be written, or is somebody else's: it lacks our labels.
        """
        subject, path = f"Secret/{self._namespace}/{name}", _SECRETS.path(self._namespace, name)
        encoded = {field: base64.b64encode(text.reveal().encode()).decode() for field, text in data.items()}
        body: dict[str, Any] = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "labels": dict(marks)}}
        body |= {"type": "Opaque", "data": encoded}
        status, _, answer = await self._client.exchange("GET", path, subject=subject)
        if status == 200:
            there = msgspec.json.decode(answer)
            if labels(there).get(LABEL) != marks.get(LABEL):
                raise Blocked(
                    subject, "is there and holds something else", next_step="Delete it, or choose another name"
                )
            body["metadata"] = there["metadata"] | {"labels": labels(there) | dict(marks)}
        method, place = ("PUT", path) if status == 200 else ("POST", _SECRETS.path(self._namespace))
        await self._client.request(
            method, f"{place}?fieldManager={EDITOR}", subject=subject, body=msgspec.json.encode(body), headers=_JSON
        )

    async def drop_secret(self, name: str) -> None:
        """Delete a Secret of the control namespace; one that is gone is fine. Raises: Blocked: it may not be."""
        subject, path = f"Secret/{self._namespace}/{name}", _SECRETS.path(self._namespace, name)
        status, _, answer = await self._client.exchange("DELETE", path, subject=subject)
        if status >= 400 and status != 404:
            raise refusal(status, answer, subject)

    async def config(self) -> dict[str, str]:
        """The texts of the ConfigMap argocd-cm; none when the user may not read it."""
        return await self._entries(CONFIG)

    async def trusted(self) -> Trusted:
        """Whom the ConfigMaps of the control namespace trust, as far as the user may read them."""
        found = {name: await self._entries(name) for name in TRUSTED}
        return trusted_of(lambda name: found[name])

    async def _entries(self, name: str) -> dict[str, str]:
        path = _CONFIG_MAPS.path(self._namespace, name)
        try:
            return entries_of(msgspec.json.decode(await self._client.request("GET", path, subject=f"ConfigMap/{name}")))
        except Blocked:
            return {}

    async def whoami(self) -> str:
        """The user that the API server sees in us, else the one of the operating system."""
        review = msgspec.json.encode({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"})
        try:
            raw = await self._client.request("POST", _REVIEW, subject="user", body=review, headers=_JSON)
        except DeliveryError:
            return getpass.getuser()
        info = (msgspec.json.decode(raw).get("status") or {}).get("userInfo") or {}
        return str(info.get("username") or getpass.getuser())


def _checked(status: int, answer: bytes, subject: str) -> bytes:
    if status == 404 and not _names_object(answer):
        raise _not_installed()
    if status >= 400:
        raise refusal(status, answer, subject)
    return answer


def _names_object(answer: bytes) -> bool:
    """Whether a 404 speaks of one object (or namespace); else the kind itself is unknown to the server."""
    try:
        status = msgspec.json.decode(answer, type=_Status)
    except msgspec.DecodeError:
        return False
    return bool(status.details and status.details.name)


def _not_installed() -> Blocked:
    return Blocked(
        f"the kind {APPLICATION}",
        "it is not served by this cluster",
        next_step="Install it with `todoke install crds --apply`",
    )
