"""Follows the tips of repositories: one poll per repository for all its applications, and who a move concerns."""

import asyncio
import logging
import random
from collections.abc import Mapping

import msgspec

from todoke.delivery.queue import KeyedQueue
from todoke.delivery.translate import POLL_SECONDS, number
from todoke.delivery.walk import Delivery, Rooms
from todoke.model.deliverables import DeliverableKey
from todoke.model.errors import DeliveryError

log = logging.getLogger(__name__)

_LAZY_FIRST, _LAZY_LAST = 5.0, 110.0
"""Seconds after which an untouched application's status takes over a new revision; spread, to be no burst."""
_SHORTEST_POLL = 1.0
"""Seconds between two polls of a repository at least, whatever its applications wish."""
_UNREACHABLE_GRACE = 3
"""Failed polls in a row before the applications' status tells of it: a short outage is nobody's concern."""


class _Source(msgspec.Struct, rename={"repo_url": "repoURL"}):
    repo_url: str = ""


class _Spec(msgspec.Struct):
    source: _Source | None = None
    sources: list[_Source] | None = None


class _Repository:
    """What is known of one repository's polling."""

    def __init__(self) -> None:
        self.followers: dict[DeliverableKey, float] = {}  # with the seconds each wants, 0 = the installation's
        self.due = 0.0
        self.busy = False
        self.failures = 0
        self.asked = False  # whether it answered or failed once


class Tips:
    """Polls, and puts exactly the applications into the queue whose inputs moved."""

    def __init__(self, delivery: Delivery, rooms: Rooms, queue: KeyedQueue, poll_seconds: float) -> None:
        self._delivery, self._rooms, self._queue, self._poll_seconds = delivery, rooms, queue, poll_seconds
        self._repositories: dict[str, _Repository] = {}
        self._named: dict[DeliverableKey, frozenset[str]] = {}
        self._lazy: dict[DeliverableKey, float] = {}
        self._wake = asyncio.Event()
        self._moved: set[str] = set()

    def follow(self, key: DeliverableKey, spec: msgspec.Raw, annotations: Mapping[str, str]) -> None:
        """An application names these repositories from now on."""
        try:
            found = msgspec.json.decode(spec, type=_Spec)
        except msgspec.DecodeError:
            found = _Spec()
        wished = number(annotations.get(POLL_SECONDS, ""), 0.0)
        seconds = max(wished, _SHORTEST_POLL) if wished else 0.0
        sources = found.sources or ([found.source] if found.source else [])
        named = frozenset(source.repo_url for source in sources if source.repo_url)
        for repo_url in named:
            repository = self._repositories.setdefault(repo_url, _Repository())
            repository.followers[key] = seconds
            if not repository.asked:
                self._wake.set()
        self._leave(key, self._named.get(key, frozenset()) - named)
        self._named[key] = named

    def forget(self, key: DeliverableKey) -> None:
        """An application follows nothing any more."""
        self._lazy.pop(key, None)
        self._leave(key, self._named.pop(key, frozenset()))

    def _leave(self, key: DeliverableKey, named: frozenset[str]) -> None:
        for repo_url in named:
            repository = self._repositories[repo_url]
            repository.followers.pop(key, None)
            if not repository.followers:
                del self._repositories[repo_url]
                self._delivery.source_problems.pop(repo_url, None)

    def asked(self, key: DeliverableKey) -> bool:
        """Whether all repositories of an application were asked once. Until then a look would only wait for them.

        The applications of a repository come into the queue by themselves when it was asked for the first time: so a
        server that says nothing holds up nobody else.
        """
        return all(self._repositories[repo_url].asked for repo_url in self._named.get(key, ()))

    def poll_now(self) -> None:
        """Poll every repository as soon as possible."""
        for repository in self._repositories.values():
            repository.due = 0.1
        self._wake.set()

    def moved(self, repo_url: str) -> None:
        """A repository's refs moved: find out whom that concerns."""
        self._moved.add(repo_url)
        self._wake.set()

    async def run(self, group: asyncio.TaskGroup) -> None:
        """Poll for ever."""
        while True:
            await self._handle_moves()
            now = asyncio.get_running_loop().time()
            for repo_url, repository in self._repositories.items():
                if repository.due <= now and not repository.busy:
                    repository.busy = True
                    group.create_task(self._poll(repo_url, repository), name=f"poll {repo_url}")
            for key in [key for key, due in self._lazy.items() if due <= now]:
                del self._lazy[key]
                self._queue.put(key)
            await self._rest(now)

    async def _rest(self, now: float) -> None:
        dues = [repository.due for repository in self._repositories.values() if not repository.busy]
        dues += self._lazy.values()
        pause = min(max(min(dues, default=now + 60.0) - now, 0.05), 60.0)
        try:
            async with asyncio.timeout(pause):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    async def _poll(self, repo_url: str, repository: _Repository) -> None:
        try:
            if await self._rooms.source.refresh(repo_url):
                self._moved.add(repo_url)
            self._answered(repo_url, repository)
        except DeliveryError as error:
            self._silent(repo_url, repository, error)
        finally:
            repository.busy = False
            repository.due = self._next(repository)
            self._wake.set()

    def _next(self, repository: _Repository) -> float:
        wished = [seconds for seconds in repository.followers.values() if seconds]
        usual = [self._poll_seconds] if len(wished) < len(repository.followers) or not wished else []
        pause = min([*wished, *usual]) * 2.0 ** min(repository.failures, 3)
        return asyncio.get_running_loop().time() + pause * random.uniform(0.9, 1.1)  # noqa: S311 -- jitter

    def _answered(self, repo_url: str, repository: _Repository) -> None:
        first, repository.asked = not repository.asked, True
        repository.failures = 0
        if self._delivery.source_problems.pop(repo_url, None) is not None or first:
            self._put_all(repository)

    def _silent(self, repo_url: str, repository: _Repository, error: DeliveryError) -> None:
        first, repository.asked = not repository.asked, True
        repository.failures += 1
        log.warning("repository does not answer", extra={"repository": error.subject, "error": str(error)})
        if repository.failures == _UNREACHABLE_GRACE:
            self._delivery.source_problems[repo_url] = str(error)
        if first or repository.failures == _UNREACHABLE_GRACE:
            self._put_all(repository)

    def _put_all(self, repository: _Repository) -> None:
        for key in repository.followers:
            self._queue.put(key)

    async def _handle_moves(self) -> None:
        while self._moved:
            repository = self._repositories.get(self._moved.pop())
            if repository is None:
                continue
            for position, key in enumerate(list(repository.followers)):
                await self._judge(key)
                if position % 200 == 199:
                    await asyncio.sleep(0)  # others may go on meanwhile

    async def _judge(self, key: DeliverableKey) -> None:
        """Put the application into the queue if its inputs moved, else let its status follow in its own time."""
        memory = self._delivery.memories.known(key)
        if memory is None or memory.failed or memory.rendered is None or memory.subject is None:
            self._queue.put(key)
            return
        try:
            revisions = await self._delivery.rendering.revisions(memory.subject.deliverable)
            if revisions == memory.rendered.revisions:
                return
            rendering = self._delivery.rendering
            same = await rendering.unchanged(memory.subject.deliverable, memory.rendered, revisions)
        except DeliveryError:
            same = False
        if not same:
            self._lazy.pop(key, None)
            self._queue.put(key)
        elif key not in self._lazy:
            now = asyncio.get_running_loop().time()
            self._lazy[key] = now + random.uniform(_LAZY_FIRST, _LAZY_LAST)  # noqa: S311 -- spread, no secret
