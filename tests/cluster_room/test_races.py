"""Answers and watch events come on different connections: neither may make the other forgotten."""

import msgspec
import pytest

from tests.cluster_room.wire import CONFIG_MAP, WEB, Json, Room, body, manifest


async def test_an_answer_is_known_at_once_and_its_late_event_is_no_news(room: Room):
    room.hand.answers["PATCH"] = [(200, body(110))]
    await room.cluster.apply(manifest())
    room.hand.tell("ADDED", body(110))

    assert (await room.web()).resource_version == 110
    assert room.woken == []


async def test_a_change_by_others_during_our_write_wakes_the_application(room: Room):
    room.hand.answers["PATCH"] = [(200, body(110))]
    room.hand.meanwhile = lambda: (room.hand.tell("ADDED", body(110)), room.hand.tell("MODIFIED", body(111)))
    await room.cluster.apply(manifest())

    assert (await room.web()).resource_version == 111
    assert "shop" in room.woken


async def test_a_deletion_during_our_write_wakes_the_application(room: Room):
    room.hand.answers["PATCH"] = [(200, body(110))]
    room.hand.meanwhile = lambda: (room.hand.tell("ADDED", body(110)), room.hand.tell("DELETED", body(111)))
    await room.cluster.apply(manifest())

    assert await room.web() is None
    assert "shop" in room.woken


async def test_a_late_answer_does_not_bring_back_what_was_deleted(room: Room):
    """Also when a bookmark has passed since: then nothing would ever take it away again."""
    room.hand.answers["PATCH"] = [(200, body(110))]

    def meanwhile() -> None:
        room.hand.tell("ADDED", body(110))
        room.hand.tell("DELETED", body(111))
        room.hand.tell("BOOKMARK", {"metadata": {"resourceVersion": "120"}})

    room.hand.meanwhile = meanwhile
    await room.cluster.apply(manifest())

    assert await room.web() is None
    assert room.cluster.owned("shop") == ()


async def test_an_object_that_was_made_anew_is_not_taken_away_by_the_older_deletion(room: Room):
    room.hand.tell("ADDED", body(105))
    await room.web()
    room.hand.answers["PATCH"] = [(200, body(110, uid="two"))]
    await room.cluster.apply(manifest())
    room.hand.tell("DELETED", body(106))

    assert (await room.web()).uid == "two"


@pytest.mark.parametrize("listed", [[body(90, mark="")]])
async def test_reading_an_object_whole_does_not_overtake_its_newer_event(room: Room):
    room.hand.answers["GET"] = [(200, body(90, mark=""))]
    room.hand.meanwhile = lambda: room.hand.tell("MODIFIED", body(101, mark=""))

    assert (await room.web()).resource_version == 101
    assert (await room.web()).resource_version == 101


@pytest.mark.parametrize("listed", [[body(90, mark="")]])
async def test_reading_an_object_whole_does_not_bring_back_what_was_deleted_meanwhile(room: Room):
    room.hand.answers["GET"] = [(200, body(90, mark=""))]
    room.hand.meanwhile = lambda: room.hand.tell("DELETED", body(101, mark=""))

    assert await room.web() is None
    assert not room.cluster.exists(CONFIG_MAP, WEB)


@pytest.mark.parametrize("listed", [[body(90, mark="")]])
async def test_an_object_that_nobody_marked_is_kept_whole_once_it_was_asked_for(room: Room):
    room.hand.answers["GET"] = [(200, body(90, mark=""))]
    assert (await room.web()).resource_version == 90
    assert (await room.web()).resource_version == 90
    assert len(room.hand.sent) == 1


@pytest.mark.parametrize("listed", [[body(90)]])
async def test_an_object_that_loses_its_mark_wakes_its_application_and_is_not_owned_any_more(room: Room):
    assert [live.key for live in room.cluster.owned("shop")] == [WEB]
    room.hand.tell("MODIFIED", body(101, mark=""))
    room.hand.answers["GET"] = [(200, body(101, mark=""))]
    await room.web()

    assert room.cluster.owned("shop") == ()
    assert room.woken == ["shop"]


@pytest.mark.parametrize(("status", "answers"), [(201, []), (409, [(200, body(110, mark=""))])])
async def test_what_was_created_exists_before_its_event_comes(room: Room, status: int, answers: list[tuple[int, Json]]):
    room.hand.answers = {"POST": [(status, body(110, mark=""))], "GET": answers}
    await room.cluster.create(CONFIG_MAP, WEB, {})

    assert room.cluster.exists(CONFIG_MAP, WEB)


async def test_a_patch_is_guarded_so_that_the_server_says_conflict(room: Room):
    """A JSON patch `test` that fails is answered with 422, like any mistake that trying again cannot help."""
    room.hand.answers["PATCH"] = [(200, body(110)), (200, body(111))]
    live = await room.cluster.apply(manifest())
    await room.cluster.patch(live, [{"op": "remove", "path": "/data"}])

    guard = msgspec.json.decode(room.hand.sent[-1][1])[0]
    assert guard == {"op": "replace", "path": "/metadata/resourceVersion", "value": "110"}


async def test_a_watch_that_says_nothing_is_not_believed_for_long(room: Room):
    """The server sends a bookmark every minute: a connection that died without a word is noticed by its silence."""
    await room.web()
    assert room.hand.silences == [150.0]
