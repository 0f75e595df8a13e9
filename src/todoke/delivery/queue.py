"""Which applications wait for a delivery: each at most once, never two deliveries of one at a time."""

import asyncio

from todoke.model.deliverables import DeliverableKey

_LONGEST = 3600.0


class KeyedQueue:
    """Level-triggered: a key says "look again", not what changed, so putting it twice is one look."""

    def __init__(self) -> None:
        self._waiting: dict[DeliverableKey, None] = {}  # a dict keeps the order in which keys came
        self._busy: set[DeliverableKey] = set()
        self._again: set[DeliverableKey] = set()
        self._later: dict[DeliverableKey, tuple[float, asyncio.TimerHandle]] = {}
        self._filled = asyncio.Event()

    def put(self, key: DeliverableKey) -> None:
        """Ask for a look at `key`. While it is being worked on, it comes back after `done`."""
        if key in self._busy:
            self._again.add(key)
        else:
            self._waiting[key] = None
            self._filled.set()

    def put_later(self, key: DeliverableKey, seconds: float) -> None:
        """Ask for a look in the future, within an hour; of several such wishes the earliest is kept."""
        loop = asyncio.get_running_loop()
        seconds = min(seconds, _LONGEST)  # an early look does no harm, and people write any number
        due = loop.time() + seconds
        if (known := self._later.get(key)) is not None:
            if known[0] <= due:
                return
            known[1].cancel()
        self._later[key] = (due, loop.call_later(seconds, self._due, key))

    def _due(self, key: DeliverableKey) -> None:
        self._later.pop(key, None)
        self.put(key)

    def forget(self, key: DeliverableKey) -> None:
        """Drop a wish for the future: the application is gone."""
        if (known := self._later.pop(key, None)) is not None:
            known[1].cancel()

    async def get(self) -> DeliverableKey:
        """Wait for a key. The caller owns it until it calls `done`."""
        while not self._waiting:
            self._filled.clear()
            await self._filled.wait()
        key = next(iter(self._waiting))
        del self._waiting[key]
        self._busy.add(key)
        return key

    def done(self, key: DeliverableKey) -> None:
        """Give `key` back; it waits again if it was put meanwhile."""
        self._busy.discard(key)
        if key in self._again:
            self._again.discard(key)
            self.put(key)

    @property
    def depth(self) -> int:
        """How many keys wait, without those being worked on."""
        return len(self._waiting)
