"""Copies and archives: whole, verified, and nothing is lost on the way."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.support.clients import await_condition
from tests.support.journal_files import NOON, Bench, began, fill, held, intent, rows, step, writing
from twsloop.clock import ManualClock
from twsloop.config import JournalParams
from twsloop.errors import StorageError
from twsloop.event_loop import IBKREventLoop
from twsloop.events import (
    CommissionReported,
    Fact,
    KillSwitchChanged,
    PositionsHeld,
    RiskBreached,
    RiskCheck,
    order_story,
    positions_story,
)
from twsloop.metrics import Metrics
from twsloop.storage.keeping import HOUR, Keeper
from twsloop.storage.reading import reading
from twsloop.storage.recalling import recall
from twsloop.storage.verify import verify

SEQS = "SELECT seq FROM entry ORDER BY seq"
DAY = timedelta(days=1)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def keeper_of(file: Path, clock: ManualClock | None = None, **params: Any) -> Keeper:
    clock = clock or ManualClock(NOON)
    loop = IBKREventLoop(name="unused", clock=clock)
    return Keeper(JournalParams(file=file, **params), clock, loop, Metrics())


def on(day: int, *facts: Fact) -> list[Fact]:
    """Facts as they are learned so many days later."""
    return [attrs.evolve(fact, time=NOON + day * DAY) for fact in facts]


def closed_day(day: int) -> list[Fact]:
    """A day with an order that is over at its end."""
    return on(
        day,
        began(),
        intent(day + 1),
        step(day + 1, status="Submitted"),
        fill(day, order_id=day + 1),
        step(day + 1, status="Filled"),
    )


@pytest.fixture
async def days(file: Path) -> AsyncIterator[Bench]:
    """A journal of three closed days, five entries each, that is still written."""
    async with writing(file) as bench:
        for day in range(3):
            bench.put(*closed_day(day))
        await bench.writer.flushed()
        yield bench


# ------------------------------------------------------------------------------------- copies
async def test_a_copy_is_a_journal(file: Path, days: Bench, tmp_path: Path) -> None:
    keeper = keeper_of(file)
    copy = await keeper.backup()
    assert copy.parent == tmp_path
    assert copy.stat().st_mode & 0o777 == 0o600
    days.put(step(9))
    await days.writer.flushed()
    assert verify(copy) == attrs.evolve(verify(copy), ok=True, entries=15)
    assert verify(file).entries == 16
    target = tmp_path / "elsewhere" / "mine.db"
    assert await keeper.backup(target) == target
    assert verify(target).entries == 16


async def test_a_copy_waits_for_nobody(file: Path, days: Bench) -> None:
    with held(file), pytest.raises(StorageError, match="locked"):
        # It is opened as the journal is, which needs the lock for a moment.
        await keeper_of(file, deadline=0.02).backup()
    assert days.trouble.reason == ""


async def test_the_newest_copies_are_kept(file: Path, days: Bench, tmp_path: Path) -> None:
    del days
    clock = ManualClock(NOON)
    folder = tmp_path / "copies"
    keeper = keeper_of(file, clock, backups=2, backup_folder=folder)
    other = folder / "journal-backup-by-hand.db"
    folder.mkdir()
    other.touch()
    made = []
    for _ in range(4):
        made.append(await keeper.backup())
        clock.advance(1.0)
    assert keeper.copies() == [made[3], made[2]]
    assert sorted(folder.iterdir()) == sorted([made[2], made[3], other])


async def test_a_journal_that_is_missing_is_not_made_by_copying(file: Path) -> None:
    with pytest.raises(StorageError, match="no journal to copy"):
        await keeper_of(file).backup()
    with pytest.raises(StorageError, match="no journal to archive"):
        await keeper_of(file).archive(NOON)
    assert not file.exists()


def test_copies_are_made_on_an_interval(file: Path, tmp_path: Path) -> None:
    clock = ManualClock(NOON)
    loop = IBKREventLoop(name="keeper", clock=clock)
    metrics = Metrics()
    params = JournalParams(file=file, backup_every=2.0, backup_folder=tmp_path / "copies")
    keeper = Keeper(params, clock, loop, metrics)

    async def one_after_the_other() -> None:
        async with writing(file) as bench:
            bench.put(step(1))
            await bench.writer.flushed()

    loop.start()
    try:
        loop.call(one_after_the_other)
        loop.call(keeper.start)
        loop.call(keeper.start)
        clock.advance(2 * HOUR - 1)
        assert keeper.copies() == []
        clock.advance(1)
        await_condition(lambda: len(keeper.copies()) == 1)
        assert clock.pending() == 1, "the next one has its time"
        loop.call(keeper.stop)
        assert clock.pending() == 0
    finally:
        loop.stop()


# ----------------------------------------------------------------------------------- archives
async def test_old_days_move_and_the_chain_goes_on(file: Path, days: Bench) -> None:
    before = verify(file)
    moved = await keeper_of(file).archive(NOON + 2 * DAY)
    assert (moved.through, moved.entries) == (10, 10)
    assert moved.file is not None
    assert moved.file.name.startswith("journal-archive-")
    # The archive has it all, and is as good a journal.
    assert verify(moved.file) == before
    assert rows(file, SEQS) == [(n,) for n in range(11, 16)]
    assert rows(file, "SELECT count(*) FROM intent") == [(1,)]
    found = verify(file)
    assert (found.ok, found.entries, found.moved, found.hash) == (True, 5, 10, before.hash)
    # What comes next follows: numbers, hashes, sessions, floors, and what was listed before.
    days.put(*closed_day(3), *closed_day(2))
    await days.writer.flushed()
    found = verify(file, noted=(15, before.hash))
    assert (found.ok, found.newest) == (True, 24)
    assert rows(file, "SELECT max(epoch) FROM session") == [(5,)]
    assert rows(file, "SELECT highest FROM id_floor") == [(4,)]
    assert "is in an archive" in verify(file, noted=(3, "0" * 64)).why
    # The guards are back.
    async with writing(file) as other:
        database = other.writer.database
        assert database is not None
        with pytest.raises(StorageError, match="append-only"):
            await database.execute("DELETE FROM entry")


async def test_twice_moves_nothing_more(file: Path, days: Bench) -> None:
    del days
    keeper = keeper_of(file)
    assert (await keeper.archive(NOON + 1 * DAY)).entries == 5
    again = await keeper.archive(NOON + 1 * DAY)
    assert (again.file, again.entries) == (None, 0)
    assert len(list(file.parent.glob("*archive*"))) == 1
    assert (await keeper.archive(NOON + 2 * DAY)).through == 10
    assert verify(file).ok


async def test_the_newest_entry_always_stays(file: Path, days: Bench) -> None:
    moved = await keeper_of(file).archive(NOON + 99 * DAY)
    assert moved.through == 14
    # And the session that it belongs to, behind it.
    assert rows(file) == [(15, "OrderStep"), (16, "SessionBegan")]
    days.put(step(1))
    await days.writer.flushed()
    assert (verify(file).ok, verify(file).newest) == (True, 17)


@pytest.mark.parametrize(
    ("needed", "goes"),
    [
        (step(77, status="Submitted"), True),
        (step(77, status="UNCERTAIN"), True),
        (intent(77), True),
        (step(77, status="Cancelled"), True),
        (KillSwitchChanged(time=NOON, engaged=True, by="api"), False),
        (KillSwitchChanged(time=NOON, engaged=False, by="api", reason="checked"), True),
    ],
)
async def test_what_is_still_needed_stays(file: Path, needed: Fact, goes: bool) -> None:
    async with writing(file) as bench:
        bench.put(*closed_day(0), *on(0, needed), *closed_day(1), *closed_day(2))
        await bench.writer.flushed()
        moved = await keeper_of(file).archive(NOON + 2 * DAY)
        assert moved.through == (11 if goes else 5)
        assert verify(file).ok


async def test_what_nothing_follows_is_carried_along(file: Path) -> None:
    """It would hold everything back for ever; and it is told after that as it was before."""
    told: list[Any] = []
    lost: list[Fact] = [
        attrs.evolve(one, correlation_id=order_story(1, 7))
        for one in (step(7, status="CREATED"), intent(7), step(7, status="UNCERTAIN"))
    ]
    listed = PositionsHeld(time=NOON, client_id=1, positions=(), correlation_id=positions_story(1))
    check = RiskCheck(name="max_daily_loss", passed=False)
    reached = RiskBreached(time=NOON, check=check, account="DU1", latched=True)
    traded = fill(50, order_id=9)
    paid = CommissionReported(
        time=NOON, exec_id=traded.exec_id, commission=Decimal(1), currency="USD"
    )
    async with writing(file) as bench:
        bench.put(*on(0, began(), *lost, listed, traded, paid, reached), *closed_day(1))
        bench.put(*closed_day(2))
        await bench.writer.flushed()
        keeper = keeper_of(file)
        for _ in range(3):
            with reading(file) as journal:
                known = recall(journal, 1, ("DU1",), NOON + 40 * DAY)
            told.append((known.orders, known.held, known.traded))
            await keeper.archive(NOON + 2 * DAY)
            assert verify(file).ok
        assert told[1:] == [told[0], told[0]]
        orders, positions, executions = told[0]
        assert [one.order_id for one in orders] == [7]
        assert positions == on(0, listed)[0]
        assert executions[0] == on(0, traded)[0]
        kinds = [kind for _, kind in rows(file)]
        once = ("PositionsHeld", "CommissionReported", "RiskBreached")
        assert [kinds.count(kind) for kind in once] == [1, 1, 1]
        # What was moved is gone from its place.
        assert rows(file, "SELECT min(seq) FROM entry")[0][0] > 8
        # The next days follow, and go in their turn.
        bench.put(*closed_day(3), *closed_day(4))
        await bench.writer.flushed()
        assert (await keeper.archive(NOON + 4 * DAY)).entries > 0
        assert [kind for _, kind in rows(file)].count("RiskBreached") == 1
        assert verify(file).ok
        # Nothing but what is carried along is left to go.
        assert (await keeper.archive(NOON + 4 * DAY)).entries == 0


async def test_orders_of_a_long_session_are_known_when_its_beginning_is_archived(
    file: Path,
) -> None:
    async with writing(file) as bench:
        bench.put(*on(0, began(), step(1, status="Filled")), *on(9, step(2, status="Submitted")))
        bench.put(*on(9, step(3, status="Filled")))
        await bench.writer.flushed()
        assert (await keeper_of(file).archive(NOON + 8 * DAY)).through == 2
    assert verify(file).ok
    with reading(file) as journal:
        known = recall(journal, 1, ("DU1",), NOON + 40 * DAY)
    assert [one.order_id for one in known.orders] == [2]


async def test_an_order_of_which_something_was_told_of_late_stays_in_its_place(
    file: Path,
) -> None:
    async with writing(file) as bench:
        bench.put(*on(0, began(), step(7, status="UNCERTAIN")), *closed_day(1))
        bench.put(*on(2, step(7, status="UNCERTAIN")), *closed_day(3))
        await bench.writer.flushed()
        assert (await keeper_of(file).archive(NOON + 2 * DAY)).entries == 0  # but the session
        assert verify(file).ok


async def test_an_order_that_ended_later_goes_with_its_end(file: Path) -> None:
    release = KillSwitchChanged(time=NOON, engaged=False, by="cli", reason="seen")
    async with writing(file) as bench:
        engaged = KillSwitchChanged(time=NOON, engaged=True, by="api")
        bench.put(*on(0, began(), step(7, status="Submitted"), engaged), *closed_day(1))
        bench.put(*on(2, step(7, status="Filled"), release), *closed_day(3))
        await bench.writer.flushed()
        keeper = keeper_of(file)
        assert (await keeper.archive(NOON + 3 * DAY)).through == 10
        assert verify(file).ok


async def test_a_copy_that_lacks_something_moves_nothing(
    file: Path, days: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    del days
    keeper = keeper_of(file)
    old = await keeper.backup(file.with_name("old.db"))

    async def backup(_self: Any, target: Path) -> None:
        content = bytearray(old.read_bytes())
        place = content.index(b"189.50")
        content[place : place + 6] = b"199.50"
        target.write_bytes(content)

    monkeypatch.setattr("twsloop.database.Database.backup", backup)
    with pytest.raises(StorageError, match="the archive is not whole"):
        await keeper.archive(NOON + 2 * DAY)
    assert verify(file).entries == 15


async def test_a_time_without_a_zone_is_refused(file: Path) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        await keeper_of(file).archive(datetime(2026, 1, 5))  # noqa: DTZ001


async def test_a_file_that_cannot_be_written_stays_as_it_was(file: Path, days: Bench) -> None:
    del days
    keeper = keeper_of(file, deadline=0.02)
    with held(file), pytest.raises(StorageError):
        await keeper.archive(NOON + 2 * DAY)
    assert verify(file).entries == 15
    with sqlite3.connect(file) as connection:
        assert connection.execute("SELECT count(*) FROM anchor").fetchone() == (0,)
    connection.close()
