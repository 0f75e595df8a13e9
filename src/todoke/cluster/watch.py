"""One LIST and then one WATCH for a kind, for ever: bookmarks, expiry, back-off."""

import asyncio
import logging
import random
from collections.abc import Callable
from urllib.parse import quote

import msgspec

from todoke.cluster.cache import KindCache
from todoke.cluster.client import KubeClient
from todoke.cluster.discovery import Resource
from todoke.cluster.wire import decode_event, decode_head, decode_page, decode_watch_error
from todoke.model.errors import Blocked, DeliveryError, Missing
from todoke.model.objects import LiveObject

log = logging.getLogger(__name__)

OnChange = Callable[[LiveObject | None, LiveObject | None], None]
"""Called with (before, after) for every kept object that changed; None = not there or not kept."""

_PAGE = 500
_LONGEST_PAUSE = 15.0
_LONGEST_SILENCE = 150.0
"""Seconds: the server sends a bookmark every minute, so a longer silence is a connection that died unnoticed."""


class Scope(msgspec.Struct, frozen=True):
    """What a watch is limited to, and how long one request of it lasts."""

    namespace: str = ""
    selector: str = ""  # of labels
    name: str = ""  # of one object
    seconds: float = 480.0


EVERYTHING = Scope()


class Expired(Exception):
    """The server no longer has the history that the watch asked for (410): list again."""


class KindWatch:
    """Keeps one KindCache like the cluster."""

    def __init__(
        self, client: KubeClient, resource: Resource, cache: KindCache, on_change: OnChange, scope: Scope = EVERYTHING
    ) -> None:
        self._client, self._resource, self.cache = client, resource, cache
        self._on_change, self._seconds = on_change, scope.seconds
        self._path = resource.path(scope.namespace)
        self._selector = f"&labelSelector={quote(scope.selector)}" if scope.selector else ""
        self._selector += f"&fieldSelector={quote(f'metadata.name={scope.name}')}" if scope.name else ""
        self._version = ""
        self.ready = asyncio.Event()
        self.refused: DeliveryError | None = None
        self.task: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """List, watch, and begin again whenever the server ends it. Ends only by cancellation."""
        failures = 0
        while True:
            began = asyncio.get_running_loop().time()
            try:
                if not self._version:
                    await self._list()
                await self._watch()
                failures = 0
            except Expired:
                self._version = ""
            except DeliveryError as error:
                if isinstance(error, Blocked):  # also HTTP 410: a refusal ends what we knew, an outage does not
                    self._version = ""
                lasted = asyncio.get_running_loop().time() - began
                failures = 1 if lasted >= _LONGEST_SILENCE else failures + 1
                self._note(error, failures)
                pause = min(0.2 * 2**failures, _LONGEST_PAUSE) * random.uniform(0.7, 1.3)  # noqa: S311 -- jitter
                await asyncio.sleep(pause)

    def _note(self, error: DeliveryError, failures: int) -> None:
        if (not self.ready.is_set() and failures > 2) or isinstance(error, Missing):
            self.refused = error
            self.ready.set()
        level = logging.WARNING if failures in (3, 10) or failures % 100 == 0 else logging.DEBUG
        log.log(level, "watch interrupted", extra={"kind": str(self._resource.kind), "error": str(error)})

    async def _list(self) -> None:
        names: set[tuple[str, str]] = set()
        version, token = "", ""
        while True:
            query = f"?limit={_PAGE}{self._selector}" + (f"&continue={token}" if token else "")
            page = decode_page(
                await self._client.request("GET", self._path + query, subject=f"list of {self._resource.plural}")
            )
            for raw in page.items or ():
                meta = decode_head(raw).metadata
                names.add((meta.namespace, meta.name))
                self._tell(*self.cache.put(bytes(raw), meta))
            version, token = page.metadata.resource_version, page.metadata.continue_
            if not token:
                break
        for gone in self.cache.replace(names, int(version or 0)):
            self._tell(gone, None)
        self._version, self.refused = version, None
        self.ready.set()

    async def _watch(self) -> None:
        seconds = self._seconds * random.uniform(0.9, 1.1)  # noqa: S311 -- jitter, so that not all end at once
        path = (
            f"{self._path}?watch=1&allowWatchBookmarks=true&timeoutSeconds={seconds:.0f}"
            f"&resourceVersion={self._version}{self._selector}"
        )
        silence = min(seconds + 30, _LONGEST_SILENCE)
        lines = self._client.stream(path, subject=f"watch of {self._resource.plural}", seconds=silence)
        async for line in lines:
            if line:
                self._take(line)

    def _take(self, line: bytes) -> None:
        event = decode_event(line)
        if event.type == "ERROR":
            error = decode_watch_error(event.object)
            raise Expired if error.code == 410 else Expired(error.message)
        meta = decode_head(event.object).metadata
        self._version = meta.resource_version
        if event.type == "BOOKMARK":
            self.cache.pass_by(meta.version)
        elif event.type == "DELETED":
            if (gone := self.cache.remove((meta.namespace, meta.name), meta.version)) is not None:
                self._on_change(gone, None)
        else:
            self._tell(*self.cache.put(event.object, meta))
        self.cache.passed = meta.version

    def _tell(self, before: LiveObject | None, after: LiveObject | None) -> None:
        if before is not after:
            self._on_change(before, after)
