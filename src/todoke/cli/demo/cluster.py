"""The cluster as the story reads it, and the few things it puts there itself. Facts are never taken from elsewhere."""

import asyncio
import base64
import contextlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from todoke.cli.session import Api
from todoke.model.errors import Forbidden, Missing, NotReady, Unreachable

Body = dict[str, Any]

APPLICATION, WORKLOAD = "shop", "web"
MADE_BY = "todoke.dev/made-by-demo"
"""Annotation of the definitions that a story made; its value is that story's namespace."""

_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_MERGE = {"Content-Type": "application/merge-patch+json"}
_JSON = {"Content-Type": "application/json"}
_PAUSE, _SERVED_SECONDS, _GONE_SECONDS = 0.1, 30.0, 180.0


class Cluster:
    """One namespace, and the definitions of kinds."""

    def __init__(self, api: Api, namespace: str) -> None:
        self._api, self.namespace = api, namespace

    async def application(self) -> Body:
        """The Application; empty while there is none."""
        return await self.get(f"/apis/argoproj.io/v1alpha1/namespaces/{self.namespace}/applications/{APPLICATION}")

    async def deployment(self) -> Body:
        """The Deployment; empty while there is none."""
        return await self.get(f"/apis/apps/v1/namespaces/{self.namespace}/deployments/{WORKLOAD}")

    async def objects(self) -> list[str]:
        """`Kind/name` of the service's objects that are there."""
        places = (
            ("Deployment", "/apis/apps/v1", "deployments"),
            ("Service", "/api/v1", "services"),
            ("Ingress", "/apis/networking.k8s.io/v1", "ingresses"),
            ("Certificate", "/apis/demo.todoke.dev/v1", "certificates"),
        )
        found = []
        for kind, group, plural in places:
            body = await self.get(f"{group}/namespaces/{self.namespace}/{plural}")
            found += [f"{kind}/{item['metadata']['name']}" for item in body.get("items") or ()]
        return found

    async def waiting_reasons(self) -> list[str]:
        """Why containers of the Pods wait, in the node's own words."""
        pods = await self.get(f"/api/v1/namespaces/{self.namespace}/pods")
        reasons = []
        for pod in pods.get("items") or ():
            for container in (pod.get("status") or {}).get("containerStatuses") or ():
                if (waiting := (container.get("state") or {}).get("waiting")) is not None:
                    reasons.append(f"{waiting.get('reason', '')}: {waiting.get('message', '')}".strip(": "))
        return sorted(reasons)

    async def gives_addresses(self) -> bool:
        """Whether somebody here is likely to give an Ingress an address: there is a default class."""
        try:
            classes = await self.get("/apis/networking.k8s.io/v1/ingressclasses")
        except Forbidden:
            return False
        marks = [(item["metadata"].get("annotations") or {}) for item in classes.get("items") or ()]
        return any(mark.get("ingressclass.kubernetes.io/is-default-class") == "true" for mark in marks)

    async def scale(self, replicas: int) -> None:
        """What `kubectl scale` does, under its name."""
        path = f"/apis/apps/v1/namespaces/{self.namespace}/deployments/{WORKLOAD}/scale?fieldManager=kubectl"
        await self._write("PATCH", path, {"spec": {"replicas": replicas}}, f"Deployment/{WORKLOAD}", _MERGE)

    async def make_namespace(self) -> None:
        """Make the namespace. Raises: Blocked: the server refuses it."""
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}}
        await self._write("POST", "/api/v1/namespaces", body, f"Namespace/{self.namespace}", _JSON)

    async def make_credentials(self, secret_type: str, url: str, user: str, password: str) -> None:
        """Make a Secret with the login to a repository, in Argo CD's format."""
        texts = {"url": url, "username": user, "password": password}
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": secret_type, "labels": {"argocd.argoproj.io/secret-type": secret_type}},
            "data": {name: base64.b64encode(text.encode()).decode() for name, text in texts.items()},
        }
        path = f"/api/v1/namespaces/{self.namespace}/secrets"
        await self._write("POST", path, body, f"Secret/{secret_type}", _JSON)

    async def make_definitions(self, definitions: Sequence[Mapping[str, Any]]) -> list[str]:
        """Make those that are missing, and wait until all are served: the names of those that were made.

        Raises: Unreachable: one is not served in time.
        """
        made = []
        for definition in definitions:
            name = definition["metadata"]["name"]
            if not await self.get(f"{_DEFINITIONS}/{name}"):
                metadata = {**definition["metadata"], "annotations": {MADE_BY: self.namespace}}
                with contextlib.suppress(NotReady):  # a conflict: somebody else was faster
                    await self._write("POST", _DEFINITIONS, {**definition, "metadata": metadata}, name, _JSON)
                    made.append(name)
        for definition in definitions:
            await self._served(definition)
        return made

    async def remove_namespace(self) -> bool:
        """Delete the namespace with all that is in it: whether it is gone in time."""
        path = f"/api/v1/namespaces/{self.namespace}"
        return await self._delete(path, f"Namespace/{self.namespace}", _GONE_SECONDS)

    async def remove_definitions(self, names: Iterable[str]) -> list[str]:
        """Delete those that this story made and nobody uses: the names of those that stay because somebody does."""
        kept = []
        for name in names:
            body = await self.get(f"{_DEFINITIONS}/{name}")
            if ((body.get("metadata") or {}).get("annotations") or {}).get(MADE_BY) != self.namespace:
                continue
            used = (await self.get(f"{_collection(body)}?limit=1")).get("items")
            if used or not await self._delete(f"{_DEFINITIONS}/{name}", name, _SERVED_SECONDS):
                kept.append(name)
        return kept

    async def get(self, path: str) -> Body:
        """An object or a list; empty when it is not there."""
        try:
            raw = await self._api.request("GET", path, subject=path.partition("?")[0])
        except Missing:
            return {}
        body: Body = msgspec.json.decode(raw)
        return body

    async def _write(
        self, method: str, path: str, body: Mapping[str, Any], subject: str, headers: Mapping[str, str]
    ) -> None:
        await self._api.request(method, path, subject=subject, body=msgspec.json.encode(body), headers=headers)

    async def _delete(self, path: str, subject: str, seconds: float) -> bool:
        try:
            await self._api.request("DELETE", path, subject=subject)
        except Missing:
            return True
        except NotReady:  # a conflict: it is being deleted already
            pass
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while await self.get(path):
            if loop.time() > end:
                return False
            await asyncio.sleep(_PAUSE)
        return True

    async def _served(self, definition: Mapping[str, Any]) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + _SERVED_SECONDS
        while not await self.get(f"{_collection(definition, self.namespace)}?limit=1"):
            if loop.time() > end:
                name = definition["metadata"]["name"]
                raise Unreachable(f"CustomResourceDefinition/{name}", "it was made, and is not served in time")
            await asyncio.sleep(_PAUSE)


def _collection(definition: Mapping[str, Any], namespace: str = "") -> str:
    """The path of the objects of a defined kind."""
    spec = definition["spec"]
    where = f"/namespaces/{namespace}" if namespace else ""
    return f"/apis/{spec['group']}/{spec['versions'][0]['name']}{where}/{spec['names']['plural']}"
