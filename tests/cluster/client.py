"""A small asynchronous Kubernetes client for tests and the mover: requests by path, JSON in and out.

It is not the product's client on purpose: a fault in that one must not hide itself from its tests.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import msgspec
import yaml

MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
WATCH_SECONDS = 300  # then the server ends the watch and the caller asks again

Json = dict[str, Any]


class ApiError(Exception):
    """The API server said no.

    Attributes: status: of HTTP. reason: Kubernetes' word for it, for example ``NotFound``.
    """

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason


class ApiClient:
    """Speaks to one API server as one user. Use it with ``async with``; it reconnects by itself."""

    def __init__(self, kubeconfig: Path) -> None:
        """Reads the current context: a token or a client certificate, by value or by file name.

        Raises: KeyError: the kubeconfig has no current context, or one that names nothing.
        """
        config = yaml.safe_load(kubeconfig.read_text())
        context = _named(config["contexts"], config["current-context"])["context"]
        cluster = _named(config["clusters"], context["cluster"])["cluster"]
        user = _named(config["users"], context["user"])["user"]
        self._folder = kubeconfig.resolve().parent
        self._url = cluster["server"].rstrip("/")
        self._trust = self._tls(cluster, user)
        token = user.get("token") or (Path(user["tokenFile"]).read_text() if "tokenFile" in user else "")
        self._headers = {"Authorization": f"Bearer {token.strip()}"} if token else {}

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            headers=self._headers,
            connector=aiohttp.TCPConnector(ssl=self._trust, limit=0),
            timeout=aiohttp.ClientTimeout(total=30, sock_connect=5),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()
        await asyncio.sleep(0.01)  # TLS transports close in the next turns of the loop; it may be the last

    async def get(self, path: str, **parameters: str) -> Json:
        """The object or list at a path such as ``/api/v1/nodes``."""
        return await self.request("GET", path, parameters=parameters)

    async def create(self, path: str, body: Json, **parameters: str) -> Json:
        """POST to a collection; returns what the server made of it."""
        return await self.request("POST", path, body, parameters=parameters)

    async def patch(self, path: str, body: Any, kind: str = MERGE_PATCH, **parameters: str) -> Json:
        """PATCH an object, or its ``/status``; returns the object."""
        return await self.request("PATCH", path, body, kind, parameters)

    async def apply(self, path: str, body: Json, owner: str = "test", **parameters: str) -> Json:
        """Server-side apply as a field manager; returns the object."""
        return await self.patch(path, body, APPLY_PATCH, fieldManager=owner, **parameters)

    async def delete(self, path: str, options: Json | None = None) -> Json:
        """DELETE an object or a collection, with DeleteOptions."""
        return await self.request("DELETE", path, options)

    async def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        content_type: str = "application/json",
        parameters: Mapping[str, str] | None = None,
    ) -> Json:
        """One request, its answer decoded.

        Raises: ApiError: an answer of 400 or above. aiohttp.ClientError, TimeoutError: no answer.
        """
        data = None if body is None else msgspec.json.encode(body)
        headers = {} if body is None else {"Content-Type": content_type}
        async with self._session.request(
            method, self._url + path, data=data, headers=headers, params=parameters
        ) as answer:
            content = await answer.read()
            if answer.status >= 400:
                raise _error(answer.status, content)
        decoded: Json = msgspec.json.decode(content)
        return decoded

    async def watch(self, path: str, version: str, **parameters: str) -> AsyncIterator[tuple[str, Json]]:
        """Type and object of each event after a resourceVersion, until the server ends the watch.

        Raises: ApiError: also for an event of type ERROR, so 410 always comes as an exception.
            aiohttp.ClientError: the connection broke.
        """
        wanted = {"watch": "1", "resourceVersion": version, "allowWatchBookmarks": "true"}
        wanted["timeoutSeconds"] = str(WATCH_SECONDS)
        forever = aiohttp.ClientTimeout(total=None, sock_connect=5)
        async with self._session.get(self._url + path, params=wanted | parameters, timeout=forever) as answer:
            if answer.status >= 400:
                raise _error(answer.status, await answer.read())
            rest = b""
            async for piece in answer.content.iter_any():  # lines may be longer than aiohttp's own limit
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    event = msgspec.json.decode(line)
                    if event["type"] == "ERROR":
                        raise _error(event["object"].get("code", 500), msgspec.json.encode(event["object"]))
                    yield event["type"], event["object"]

    def _tls(self, cluster: Json, user: Json) -> ssl.SSLContext:
        authority = self._text(cluster, "certificate-authority")
        trust = ssl.create_default_context(cadata=authority or None)
        if cluster.get("insecure-skip-tls-verify"):
            trust.check_hostname = False
            trust.verify_mode = ssl.CERT_NONE
        if "client-certificate" in user:
            trust.load_cert_chain(self._folder / user["client-certificate"], self._folder / user["client-key"])
        return trust

    def _text(self, section: Json, name: str) -> str:
        if inline := section.get(f"{name}-data"):
            return base64.b64decode(inline).decode()
        return (self._folder / section[name]).read_text() if name in section else ""


def _named(entries: list[Json], name: str) -> Json:
    for entry in entries:
        if entry["name"] == name:
            return entry
    raise KeyError(name)


def _error(status: int, content: bytes) -> ApiError:
    try:
        answer = msgspec.json.decode(content)
    except msgspec.DecodeError:
        answer = {"message": content.decode(errors="replace")[:500]}
    return ApiError(status, answer.get("reason", ""), answer.get("message", ""))
