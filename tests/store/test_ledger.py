"""The ledger: facts for ever, each once, in the order in which they happened."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from todoke.model.deliverables import DeliverableKey
from todoke.model.errors import Blocked
from todoke.model.events import Event, HealthChanged, SyncEnded, Undone
from todoke.store.ledger import SqliteLedger

SHOP = DeliverableKey("Application", "todoke", "shop")
CART = DeliverableKey("Application", "todoke", "cart")


def sync(at: int, *, key: DeliverableKey = SHOP, uid: str = "u1", message: str = "") -> SyncEnded:
    """A sync that ended in second `at`."""
    started, finished = f"2026-01-01T00:00:{at:02}Z", f"2026-01-01T00:00:{at + 1:02}Z"
    return SyncEnded(key, uid, "a" * 40, "Succeeded", started, finished, "hana", message, 3)


def health(at: int, state: str = "Healthy") -> HealthChanged:
    return HealthChanged(SHOP, "u1", "a" * 40, state, "", f"2026-01-01T00:00:{at:02}Z")


def undone(at: int) -> Undone:
    return Undone(SHOP, "u1", "b" * 40, "a" * 40, "c" * 40, "hana", f"2026-01-01T00:00:{at:02}Z")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "ledger.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[SqliteLedger]:
    opened = SqliteLedger(path)
    yield opened
    opened.close()


async def test_every_kind_of_fact_comes_back_as_it_was_written_newest_first(ledger: SqliteLedger) -> None:
    facts: list[Event] = [sync(1), health(10), undone(20), health(30, "Degraded")]
    await ledger.record([facts[2], facts[0]])
    await ledger.record([facts[3], facts[1]])
    assert await ledger.story(SHOP) == facts[::-1]
    assert await ledger.story(SHOP, most=2) == [facts[3], facts[2]]


async def test_a_fact_that_is_written_twice_is_one_fact(ledger: SqliteLedger) -> None:
    """After a crash the end of a sync is told again, perhaps in other words and a little later."""
    await ledger.record([sync(1), sync(1)])
    await ledger.record([sync(1)])
    again = SyncEnded(SHOP, "u1", "a" * 40, "Succeeded", sync(1).started, "2026-01-01T00:00:09Z", "hana")
    await ledger.record([again])
    await ledger.record([undone(5), undone(5)])
    assert await ledger.story(SHOP) == [undone(5), sync(1)]


async def test_applications_do_not_see_each_others_facts(ledger: SqliteLedger) -> None:
    await ledger.record([sync(1), sync(1, key=CART, uid="u2")])
    assert await ledger.story(CART) == [sync(1, key=CART, uid="u2")]
    assert await ledger.story(DeliverableKey("Application", "elsewhere", "shop")) == []


async def test_an_application_that_was_made_anew_under_its_name_has_the_old_story_too(ledger: SqliteLedger) -> None:
    await ledger.record([sync(1), sync(1, uid="u2")])
    assert len(await ledger.story(SHOP)) == 2


async def test_the_story_survives_a_restart(path: Path) -> None:
    first = SqliteLedger(path)
    await first.record([sync(1, message="ünïcode ☃")])
    first.close()
    second = SqliteLedger(path)
    await second.record([health(9)])
    assert await second.story(SHOP) == [health(9), sync(1, message="ünïcode ☃")]
    second.close()


async def test_the_command_line_writes_while_the_controller_does(path: Path, ledger: SqliteLedger) -> None:
    """Two processes, here two connections, many writes at the same time: nothing is lost, nothing fails."""
    other = SqliteLedger(path)
    facts = [sync(at % 50, uid=f"u{at}") for at in range(200)]
    writes = [ledger.record(facts[at : at + 20]) for at in range(0, 120, 10)]
    writes += [other.record(facts[at : at + 20]) for at in range(80, 200, 10)]
    await asyncio.gather(*writes)
    assert sorted(await ledger.story(SHOP), key=str) == sorted(facts, key=str)
    assert await other.story(SHOP) == await ledger.story(SHOP)
    other.close()


async def test_nothing_to_write_is_nothing(ledger: SqliteLedger) -> None:
    await ledger.record([])
    assert await ledger.story(SHOP) == []


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Blocked, match="Name a folder that can be written"):
        SqliteLedger(tmp_path / "file" / "ledger.db")


def test_a_file_that_is_no_ledger_is_said(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_text("this is no database, " * 100)
    with pytest.raises(Blocked, match=r"ledger .*ledger\.db"):
        SqliteLedger(tmp_path / "ledger.db")


def test_others_may_not_read_it(tmp_path: Path) -> None:
    """Also in a folder that was made for all to read."""
    SqliteLedger(tmp_path / "ledger.db").close()
    assert (tmp_path / "ledger.db").stat().st_mode & 0o077 == 0
