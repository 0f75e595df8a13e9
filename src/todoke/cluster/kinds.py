"""Every kind this installation ever created objects of, on record in the cluster: after a crash no orphan stays unseen.

Source of the rule: docs/decisions/0006-kinds-on-record.md.
"""

import asyncio
import hashlib
from collections.abc import Iterable

import msgspec

from todoke.cluster.client import KubeClient
from todoke.model.errors import Blocked, Missing
from todoke.model.objects import Kind
from todoke.model.tracking import MANAGER

NAME = "todoke-kinds"
_APPLY = {"Content-Type": "application/apply-patch+yaml"}


class _ConfigMap(msgspec.Struct):
    data: dict[str, str] = {}


class KindRecord:
    """A ConfigMap in the control namespace. It only grows: a kind too many costs a watch, one too few an orphan."""

    def __init__(self, client: KubeClient, namespace: str) -> None:
        self._client = client
        self._path = f"/api/v1/namespaces/{namespace}/configmaps/{NAME}"
        self._known: frozenset[Kind] = frozenset()
        self._loaded = False
        self._writing = asyncio.Lock()

    async def load(self) -> frozenset[Kind]:
        """The kinds on record."""
        if not self._loaded:
            try:
                raw = await self._client.request("GET", self._path, subject=f"ConfigMap/{NAME}")
                found = msgspec.json.decode(raw, type=_ConfigMap).data.values()
            except Missing:
                found = {}.values()
            self._known |= frozenset(kind for text in found if (kind := _kind(text)) is not None)
            self._loaded = True
        return self._known

    async def remember(self, kinds: Iterable[Kind]) -> bool:
        """Put kinds on record: True when they are, False when that is not permitted here.

        Raises:
            Unreachable: the API server is away.
        """
        if self._known.issuperset(kinds := frozenset(kinds)):
            return True
        async with self._writing:
            try:
                wanted = await self.load() | kinds
                if wanted != self._known:
                    await self._write(wanted)
                    self._known = wanted
            except Blocked:
                return False
        return True

    async def _write(self, kinds: frozenset[Kind]) -> None:
        names = sorted(f"{kind.api_version}/{kind.kind}" for kind in kinds)
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": NAME},
            "data": {hashlib.blake2b(name.encode(), digest_size=8).hexdigest(): name for name in names},
        }
        path = f"{self._path}?fieldManager={MANAGER}&force=true"
        await self._client.request(
            "PATCH", path, subject=f"ConfigMap/{NAME}", body=msgspec.json.encode(body), headers=_APPLY
        )


def _kind(text: str) -> Kind | None:
    api_version, _, kind = text.rpartition("/")
    group, _, version = api_version.rpartition("/")
    return Kind(group, version, kind) if version and kind else None
