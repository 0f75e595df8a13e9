"""Objects outlive the API version at which they were made."""

import pytest

from tests.cluster_room.wire import WEB, Room, body
from todoke.model.objects import Kind


@pytest.mark.parametrize("listed", [[body(90)]])
async def test_what_was_made_at_a_version_that_is_served_no_more_is_still_owned(room: Room):
    old = Kind("", "v1beta1", "ConfigMap")
    room.cluster._watches.popitem()[1].task.cancel()
    assert await room.cluster.prepare([old]) == {old: None}

    (owned,) = room.cluster.owned("shop")
    assert (owned.key, owned.kind.version) == (WEB, "v1")
