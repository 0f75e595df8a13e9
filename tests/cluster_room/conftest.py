"""The cluster room without a cluster."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.cluster_room.wire import CONFIG_MAP, Hand, Json, Room
from todoke.cluster.kube import KubeCluster


@pytest.fixture
def listed() -> list[Json]:
    """What is in the cluster as the watch begins, at version 100."""
    return []


@pytest.fixture
async def room(listed: list[Json]) -> AsyncIterator[Room]:
    """A room that watches ConfigMaps."""
    hand = Hand(listed)
    made = Room(hand, KubeCluster(hand))  # type: ignore[arg-type]
    async with asyncio.TaskGroup() as group:
        made.cluster.start(group, lambda instances, _keys: made.woken.extend(sorted(instances)))
        await made.cluster.prepare([CONFIG_MAP])
        made.woken.clear()
        yield made
        for watch in made.cluster._watches.values():
            assert watch.task is not None
            watch.task.cancel()
