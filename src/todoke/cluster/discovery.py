"""Which kinds the server serves, under which path: aggregated discovery, two requests for everything."""

import asyncio
import time

import msgspec

from todoke.cluster.client import KubeClient
from todoke.cluster.refusals import refusal
from todoke.model.objects import Kind

_ACCEPT = {"Accept": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"}
_FRESH = 1.0  # seconds in which a kind that was just not found is not asked for again


class Resource(msgspec.Struct, frozen=True):
    """How a kind is addressed."""

    kind: Kind
    plural: str
    namespaced: bool

    def path(self, namespace: str = "", name: str = "") -> str:
        """URL path of one object, of all in a namespace, or of all in the cluster."""
        root = f"/apis/{self.kind.group}/{self.kind.version}" if self.kind.group else f"/api/{self.kind.version}"
        where = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{root}{where}/{self.plural}" + (f"/{name}" if name else "")


class _KindRef(msgspec.Struct):
    group: str = ""
    version: str = ""
    kind: str = ""


class _Resource(msgspec.Struct):
    resource: str
    scope: str
    responseKind: _KindRef | None = None  # noqa: N815 -- the server's spelling
    verbs: list[str] = []


class _Version(msgspec.Struct):
    version: str
    resources: list[_Resource] = []


class _Meta(msgspec.Struct):
    name: str = ""


class _Group(msgspec.Struct):
    metadata: _Meta
    versions: list[_Version] = []


class _Groups(msgspec.Struct):
    items: list[_Group] = []


class _Release(msgspec.Struct):
    gitVersion: str = ""  # noqa: N815 -- the server's spelling


_decode = msgspec.json.Decoder(_Groups).decode
_decode_version = msgspec.json.Decoder(_Release).decode


class Discovery:
    """Remembers what is served; asks again when a kind is missing."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client
        self._known: dict[Kind, Resource] = {}
        self._etags: dict[str, str] = {}
        self._asked = float("-inf")
        self._version = ""
        self._served: tuple[str, ...] = ()
        self._asking = asyncio.Lock()

    async def find(self, kind: Kind) -> Resource | None:
        """How to address the kind, or None when the server does not serve it (asked within the last second)."""
        if kind not in self._known:
            async with self._asking:  # who comes while the answer is on its way waits for it
                if kind not in self._known and time.monotonic() - self._asked > _FRESH:
                    await self.refresh()
        return self._known.get(kind)

    def known(self, kind: Kind) -> Resource | None:
        """The same without asking."""
        return self._known.get(kind)

    async def capabilities(self) -> tuple[str, tuple[str, ...]]:
        """The server's version, such as 1.37.2, and what it serves: each `apps/v1` and each `apps/v1/Deployment`."""
        if not self._known:
            async with self._asking:
                if not self._known:
                    await self.refresh()
        if not self._version:
            status, _, body = await self._client.exchange("GET", "/version", subject="the server's version")
            if status != 200:
                raise refusal(status, body, "the server's version")
            self._version = _decode_version(body).gitVersion.removeprefix("v")
        return self._version, self._served

    def other_version(self, kind: Kind) -> Resource | None:
        """The same kind at another version, of those that were known last."""
        found = (known for known in self._known if (known.group, known.kind) == (kind.group, kind.kind))
        return self._known.get(max(found, default=kind))

    async def refresh(self) -> bool:
        """Ask the server for everything it serves; True when something is different now."""
        changed = False
        for path in ("/api", "/apis"):
            headers = dict(_ACCEPT)
            if etag := self._etags.get(path):
                headers["If-None-Match"] = etag
            status, answer_headers, body = await self._client.exchange(
                "GET", path, subject="discovery", headers=headers
            )
            if status == 200:
                self._etags[path] = answer_headers.get("ETag", "")
                changed |= self._take(path, _decode(body))
            elif status != 304:  # no answer says nothing of what is served
                raise refusal(status, body, "discovery")
        self._asked = time.monotonic()
        return changed

    def _take(self, path: str, groups: _Groups) -> bool:
        core = path == "/api"
        found = {kind: resource for kind, resource in self._known.items() if bool(kind.group) == core}
        for group in groups.items:
            for version in group.versions:
                for entry in version.resources:
                    ref = entry.responseKind
                    if ref is None or not ref.kind or "/" in entry.resource or "list" not in entry.verbs:
                        continue
                    kind = Kind(group.metadata.name, version.version, ref.kind)
                    found[kind] = Resource(kind, entry.resource, entry.scope == "Namespaced")
        changed, self._known = found != self._known, found
        if changed:
            groups_served = {f"{kind.group}/{kind.version}".lstrip("/") for kind in found}
            kinds_served = {f"{kind.group}/{kind.version}/{kind.kind}".lstrip("/") for kind in found}
            self._served = tuple(sorted(groups_served | kinds_served))
        return changed
