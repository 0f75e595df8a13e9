"""Follows the tips of repositories: one poll per repository for all its applications, and who a move concerns."""

import asyncio
import logging
import math
import random
from collections import deque
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from todoke.delivery.pushes import Spared, may_move
from todoke.delivery.queue import KeyedQueue
from todoke.delivery.translate import POLL_SECONDS, number
from todoke.delivery.walk import Delivery, Rooms
from todoke.model.deliverables import DeliverableKey
from todoke.model.errors import DeliveryError
from todoke.model.sources import Origin, place_of, shown_url
from todoke.model.webhooks import Push

log = logging.getLogger(__name__)

_LAZY_FIRST, _LAZY_LAST = 5.0, 110.0
"""Seconds after which an untouched application's status takes over a new revision; spread, to be no burst."""
_SHORTEST_POLL = 1.0
"""Seconds between two polls of a repository at least, whatever its applications wish."""
_UNREACHABLE_GRACE = 3
"""Failed polls in a row before the applications' status tells of it: a short outage is nobody's concern."""
_DOUBTS = (1.0, 2.5)
"""Pauses after which a repository is asked again that a push was told of and that showed nothing new or no answer:
some forges tell of a push before all of their servers know it."""
_MOST_PUSHES = 20
"""Pushes of one repository whose files are remembered until its applications are judged."""


class _Source(msgspec.Struct, rename={"repo_url": "repoURL", "revision": "targetRevision"}):
    repo_url: str = ""
    revision: str | None = None
    chart: str | None = None

    @property
    def origin(self) -> Origin:
        """What is polled for it."""
        return Origin(self.repo_url, self.chart or "")


class _Spec(msgspec.Struct):
    source: _Source | None = None
    sources: list[_Source] | None = None


class _Follower(msgspec.Struct, frozen=True):
    """What an application wants of a repository."""

    seconds: float  # between two polls, 0 = the installation's
    revisions: frozenset[str]


class _Repository:
    """What is known of one repository's polling."""

    def __init__(self, push_seconds: float) -> None:
        """Args: push_seconds: between two polls that pushes ask for, at least."""
        self.followers: dict[DeliverableKey, _Follower] = {}
        self.due = 0.0
        self.busy = False
        self.failures = 0
        self.asked = False  # whether it answered or failed once
        self.pushes: deque[Push] = deque(maxlen=_MOST_PUSHES)  # whose files are known
        self._push_seconds = push_seconds
        self._wish = math.inf  # when it shall be asked out of turn
        self._hurried = -math.inf  # when it was last
        self._doubts: tuple[float, ...] = ()
        self._revisions: frozenset[str] | None = None

    @property
    def next_due(self) -> float:
        """When it shall be asked."""
        return min(self.due, self._wish)

    def follow(self, key: DeliverableKey, wants: _Follower) -> None:
        """An application follows it."""
        self.followers[key], self._revisions = wants, None

    def leave(self, key: DeliverableKey) -> None:
        """An application does not follow it any more."""
        self.followers.pop(key, None)
        self._revisions = None

    def may_move(self, push: Push) -> bool:
        """Whether one of its applications may be at another commit after the push."""
        if self._revisions is None:
            self._revisions = frozenset().union(*(one.revisions for one in self.followers.values()))
        return any(may_move(revision, push) for revision in self._revisions)

    def pushed(self, now: float) -> bool:
        """A push was told: ask out of turn. False: that was going to be done anyway."""
        new = self._wish == math.inf
        self._doubts = _DOUBTS
        self._hurry(now, self._hurried + self._pause)
        return new

    def wanted(self, now: float) -> None:
        """Ask out of turn, for another reason than a push; after the answer that is just awaited, not instead of it."""
        self._hurry(now, self._hurried + self._push_seconds)

    def begin(self, now: float) -> None:
        """It is being asked."""
        self.busy = True
        if self._wish < math.inf:
            self._wish, self._hurried = math.inf, now

    def end(self, now: float, *, news: bool) -> None:
        """It was asked. What was told or wanted meanwhile has it asked again in any case."""
        self.busy = False
        if self._wish < math.inf:
            return
        if news:
            self._doubts = ()
        elif self._doubts:
            pauses, *others = self._doubts
            self._doubts = tuple(others)
            self._hurry(now, now + max(pauses * self._push_seconds, self._pause))

    def _hurry(self, now: float, due: float) -> None:
        self._wish = min(self._wish, max(now, due))

    @property
    def _pause(self) -> float:
        return self._push_seconds * 2.0 ** min(self.failures, 3)


class Tips:
    """Polls, and puts exactly the applications into the queue whose inputs moved."""

    def __init__(
        self, delivery: Delivery, rooms: Rooms, queue: KeyedQueue, poll_seconds: float, push_seconds: float = 2.0
    ) -> None:
        """Args: push_seconds: between two polls of a repository that pushes ask for, at least."""
        self._delivery, self._rooms, self._queue = delivery, rooms, queue
        self._poll_seconds, self._push_seconds = poll_seconds, push_seconds
        self._repositories: dict[Origin, _Repository] = {}
        self._named: dict[DeliverableKey, frozenset[Origin]] = {}
        self._lazy: dict[DeliverableKey, float] = {}
        self._wake = asyncio.Event()
        self._moved: set[Origin] = set()
        self._by_place: dict[str, set[Origin]] = {}

    def follow(self, key: DeliverableKey, spec: msgspec.Raw, annotations: Mapping[str, str]) -> None:
        """An application names these repositories from now on."""
        try:
            found = msgspec.json.decode(spec, type=_Spec)
        except msgspec.DecodeError:
            found = _Spec()
        wished = number(annotations.get(POLL_SECONDS, ""), 0.0)
        seconds = max(wished, _SHORTEST_POLL) if wished else 0.0
        sources = found.sources or ([found.source] if found.source else [])
        named: dict[Origin, set[str]] = {}
        for source in sources:
            if source.repo_url:
                named.setdefault(source.origin, set()).add((source.revision or "").strip())
        for origin, revisions in named.items():
            repository = self._repository(origin)
            repository.follow(key, _Follower(seconds, frozenset(revisions)))
            if not repository.asked:
                self._wake.set()
        self._leave(key, self._named.get(key, frozenset()) - named.keys())
        self._named[key] = frozenset(named)

    def _repository(self, origin: Origin) -> _Repository:
        if origin not in self._repositories:
            self._repositories[origin] = _Repository(self._push_seconds)
            self._by_place.setdefault(place_of(origin.repo_url), set()).add(origin)
        return self._repositories[origin]

    def forget(self, key: DeliverableKey) -> None:
        """An application follows nothing any more."""
        self._lazy.pop(key, None)
        self._leave(key, self._named.pop(key, frozenset()))

    def _leave(self, key: DeliverableKey, named: frozenset[Origin]) -> None:
        for origin in named:
            repository = self._repositories[origin]
            repository.leave(key)
            if not repository.followers:
                del self._repositories[origin]
                place = place_of(origin.repo_url)
                self._by_place[place].discard(origin)
                if not self._by_place[place]:
                    del self._by_place[place]
                self._delivery.source_problems.pop(origin, None)

    def asked(self, key: DeliverableKey) -> bool:
        """Whether all repositories of an application were asked once. Until then a look would only wait for them.

        The applications of a repository come into the queue by themselves when it was asked for the first time: so a
        server that says nothing holds up nobody else.
        """
        return all(self._repositories[origin].asked for origin in self._named.get(key, ()))

    def poll_now(self) -> None:
        """Poll every repository as soon as possible."""
        now = asyncio.get_running_loop().time()
        for repository in self._repositories.values():
            repository.wanted(now)
        self._wake.set()

    def pushed(self, pushes: Iterable[Push]) -> None:
        """A forge tells of pushes: ask at once those of our repositories in which they may move an application.

        Whatever an event says, only repositories are asked that applications follow, and each not more often than
        every `push_seconds`, or eight times that while it does not answer; what comes meanwhile shares the next poll.
        """
        now = asyncio.get_running_loop().time()
        for origin in set(self._concerned(pushes)):
            if self._repositories[origin].pushed(now):
                log.info("a push was told", extra={"repository": shown_url(origin.repo_url)})
            self._wake.set()

    def _concerned(self, pushes: Iterable[Push]) -> Iterator[Origin]:
        for push in pushes:
            for place in {place_of(url) for url in push.urls}:
                for origin in self._by_place.get(place, ()):
                    repository = self._repositories[origin]
                    if push.changed is not None:
                        repository.pushes.append(push)
                    if repository.may_move(push):
                        yield origin

    def moved(self, origin: Origin) -> None:
        """A repository's refs moved: find out whom that concerns."""
        self._moved.add(origin)
        self._wake.set()

    async def run(self, group: asyncio.TaskGroup) -> None:
        """Poll for ever."""
        while True:
            await self._handle_moves()
            now = asyncio.get_running_loop().time()
            for origin, repository in self._repositories.items():
                if repository.next_due <= now and not repository.busy:
                    repository.begin(now)
                    group.create_task(self._poll(origin, repository), name=f"poll {origin.repo_url}")
            for key in [key for key, due in self._lazy.items() if due <= now]:
                del self._lazy[key]
                self._queue.put(key)
            await self._rest(now)

    async def _rest(self, now: float) -> None:
        dues = [repository.next_due for repository in self._repositories.values() if not repository.busy]
        dues += self._lazy.values()
        pause = min(max(min(dues, default=now + 60.0) - now, 0.05), 60.0)
        try:
            async with asyncio.timeout(pause):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    async def _poll(self, origin: Origin, repository: _Repository) -> None:
        news = False
        try:
            news = await self._rooms.source.refresh(origin)
            if news:
                self._moved.add(origin)
            self._answered(origin, repository)
        except DeliveryError as error:
            self._silent(origin, repository, error)
        finally:
            repository.end(asyncio.get_running_loop().time(), news=news)
            repository.due = self._next(repository)
            self._wake.set()

    def _next(self, repository: _Repository) -> float:
        wished = [one.seconds for one in repository.followers.values() if one.seconds]
        usual = [self._poll_seconds] if len(wished) < len(repository.followers) or not wished else []
        pause = min([*wished, *usual]) * 2.0 ** min(repository.failures, 3)
        return asyncio.get_running_loop().time() + pause * random.uniform(0.9, 1.1)  # noqa: S311 -- jitter

    def _answered(self, origin: Origin, repository: _Repository) -> None:
        first, repository.asked = not repository.asked, True
        repository.failures = 0
        if self._delivery.source_problems.pop(origin, None) is not None or first:
            self._put_all(repository)

    def _silent(self, origin: Origin, repository: _Repository, error: DeliveryError) -> None:
        first, repository.asked = not repository.asked, True
        repository.failures += 1
        log.warning("repository does not answer", extra={"repository": error.subject, "error": str(error)})
        if repository.failures == _UNREACHABLE_GRACE:
            self._delivery.source_problems[origin] = str(error)
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
            spared = Spared(repository.pushes)
            repository.pushes.clear()
            for position, key in enumerate(list(repository.followers)):
                await self._judge(key, spared)
                if position % 200 == 199:
                    await asyncio.sleep(0)  # others may go on meanwhile

    async def _judge(self, key: DeliverableKey, spared: Spared) -> None:
        """Put the application into the queue if its inputs moved, else let its status follow in its own time.

        Then its inputs are looked at too, so that one that was spared wrongly is late and not lost.
        """
        memory = self._delivery.memories.known(key)
        if memory is None or memory.failed or memory.rendered is None or memory.subject is None:
            self._queue.put(key)
            return
        try:
            revisions = await self._delivery.rendering.revisions(memory.subject.deliverable)
            if revisions == memory.rendered.revisions:
                return
            marks = memory.subject.application.metadata.annotations or {}
            same = spared.spares(marks, memory.subject.deliverable, memory.rendered.revisions, revisions)
            if not same:
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
