"""The writer: what waits goes into one transaction, in its order, each thing once."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.facts import facts
from tests.support.journal_files import (
    LOGIN,
    NOON,
    began,
    fill,
    intent,
    rows,
    step,
    writing,
)
from twsloop.events import ConfigTaken, Fact, HeartbeatMissed, OrderSubmitted
from twsloop.storage.chain import START, link
from twsloop.storage.pen import Pen
from twsloop.storage.rows import Entry, is_kept
from twsloop.storage.schema import MIGRATIONS
from twsloop.storage.verify import verify

ROOT = Path(__file__).parents[2]
SPINE = "SELECT seq, time, kind, epoch, correlation_id, natural_key, body, hash FROM entry"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def entries(file: Path) -> list[Entry]:
    names = ("seq", "time", "kind", "epoch", "correlation_id", "natural_key", "body", "hash")
    found = rows(file, f"{SPINE} ORDER BY seq")
    return [Entry(**dict(zip(names, row, strict=True))) for row in found]


def assert_whole(file: Path) -> list[Entry]:
    """The chain of a file holds, without a hole; its entries."""
    found, before = entries(file), START
    for number, entry in enumerate(found, start=1):
        assert entry.seq == number
        before = link(before, entry.head, entry.body)
        assert entry.hash == before
    return found


async def test_everything_is_written_in_the_order_of_the_calls(file: Path) -> None:
    async with writing(file) as bench:
        bench.put(began(), step(1, status="PendingSubmit"))
        said = bench.intend(1)
        bench.put(step(1, status="Submitted"), fill())
        assert await said == ""
        # The intent does not wait for what comes behind it.
        await bench.writer.flushed()
        found = assert_whole(file)
        kinds = ["SessionBegan", "OrderStep", "OrderIntent", "OrderStep", "Fill"]
        assert [entry.kind for entry in found] == kinds
        assert found[2].fact() == intent(1)
        assert rows(file, "SELECT seq, order_id, limit_price FROM intent") == [(3, 1, "189.5")]
        assert rows(file, "SELECT seq, status FROM order_event") == [
            (2, "PendingSubmit"),
            (4, "Submitted"),
        ]
        assert rows(file, "SELECT shares, price FROM execution") == [("10", "189.50")]
        assert bench.metrics.snapshot()["journal_rows"] == 5
        assert bench.metrics.snapshot()["journal_batches"] == 2
        assert bench.metrics.distributions()["journal_intent_seconds"].count == 1
    assert not file.with_name("journal.db-wal").exists(), "closed whole"


async def test_what_waits_when_it_is_closed_is_written_first(file: Path) -> None:
    async with writing(file) as bench:
        said = [bench.intend(number) for number in range(1, 4)]
        bench.put(*(step(n) for n in range(5000)))  # more than one batch
    assert [await one for one in said] == ["", "", ""]
    assert bench.said == [(1, ""), (2, ""), (3, "")]
    assert len(assert_whole(file)) == 5003
    assert bench.metrics.snapshot()["journal_batches"] == 4


@pytest.mark.parametrize("turns", range(5))
async def test_it_can_be_closed_at_any_moment(file: Path, turns: int) -> None:
    async with writing(file) as bench:
        bench.put(step(1))
        for _ in range(turns):
            await asyncio.sleep(0)
    assert len(assert_whole(file)) == 1


async def test_an_intent_that_raises_keeps_nobody_waiting(file: Path) -> None:
    def raises(_problem: str) -> None:
        raise ZeroDivisionError

    async with writing(file) as bench:
        bench.writer.put(intent(1), LOGIN, raises)
        assert await bench.intend(2) == ""
    ((where, error),) = bench.reported
    assert "written down" in where
    assert isinstance(error, ZeroDivisionError)
    assert not bench.told


async def test_a_cancelled_waiter_of_one_intent_harms_no_other(file: Path) -> None:
    async with writing(file) as bench:
        first, second = bench.intend(1), bench.intend(2)
        first.cancel()  # its result cannot be set any more: that raises where it is told
        assert await second == ""
    assert len(bench.reported) == 1


# ------------------------------------------------------------------------------ natural keys
async def test_what_is_listed_again_adds_no_row(file: Path) -> None:
    config = ConfigTaken(time=NOON, digest="d", settings={"a.b": "1"})
    async with writing(file) as bench:
        bench.put(fill(1), fill(1), fill(2), config)
        await bench.writer.flushed()
        bench.put(fill(2, tag="told again"), config, fill(3))
    async with writing(file) as bench:
        bench.put(fill(1), fill(3), step(1))
    kinds = [entry.kind for entry in assert_whole(file)]
    assert kinds == ["Fill", "Fill", "ConfigTaken", "Fill", "OrderStep"]
    assert rows(file, "SELECT count(*) FROM execution") == [(3,)]
    # Written, as far as whoever counts rows is concerned, is only what was new.
    assert bench.metrics.snapshot()["journal_rows"] == 1


@settings(max_examples=25)
@given(batches=st.lists(st.lists(facts(), max_size=4), max_size=4), again=st.integers(0, 3))
def test_whatever_is_written_the_chain_holds(batches: list[list[Fact]], again: int) -> None:
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        for statement in (sql for step in MIGRATIONS for sql in step.statements):
            connection.execute(statement)
        pen = Pen(Path("no such file"))
        pen.opened(connection)
        kept = [[fact for fact in batch if is_kept(fact)] for batch in batches]
        for batch in kept + kept[:again]:
            pen.write(connection, [(fact, LOGIN) for fact in batch])
        found = [
            Entry(**dict(zip(attributes(), row, strict=True)))
            for row in connection.execute(f"{SPINE} ORDER BY seq")
        ]
        before = START
        for number, entry in enumerate(found, start=1):
            assert entry.seq == number
            before = link(before, entry.head, entry.body)
            assert entry.hash == before
        keys = [entry.natural_key for entry in found if entry.natural_key is not None]
        assert len(keys) == len(set(keys))
        # Each fact without a key once a time that it was written, in that order.
        told = [fact for batch in kept + kept[:again] for fact in batch]
        keyed = {"Fill", "CommissionReported", "ConfigTaken"}
        keyed |= {"KillSwitchChanged", "KillSwitchClaimed"}
        assert [entry.fact() for entry in found if entry.kind not in keyed] == [
            fact for fact in told if type(fact).__name__ not in keyed
        ]


def attributes() -> tuple[str, ...]:
    return ("seq", "time", "kind", "epoch", "correlation_id", "natural_key", "body", "hash")


# ---------------------------------------------------------------------------- sessions, floors
async def test_sessions_are_counted_over_all_programs(file: Path) -> None:
    async with writing(file) as one, writing(file) as two:
        one.put(step(1), began(1), step(1))
        await one.writer.flushed()
        two.put(began(1), step(2))
        await two.writer.flushed()
        one.put(step(1), began(2), step(1))
        await one.writer.flushed()
        two.put(step(2))
        await two.writer.flushed()
    epochs = [entry.epoch for entry in assert_whole(file)]
    assert epochs == [0, 1, 1, 2, 2, 1, 3, 3, 2]
    assert rows(file, "SELECT epoch, process_epoch FROM session") == [(1, 1), (2, 1), (3, 2)]
    async with writing(file) as three:
        three.put(began(1))
    assert rows(file, "SELECT max(epoch) FROM session") == [(4,)]


async def test_programs_that_write_at_once_make_one_chain(file: Path) -> None:
    async with writing(file) as one, writing(file) as two:
        for number in range(40):
            one.put(step(number), fill(number))
            two.put(step(number), fill(number))
            await asyncio.sleep(0)
        said = await asyncio.gather(one.intend(1), two.intend(2))
        assert list(said) == ["", ""]
    found = assert_whole(file)
    assert len(found) == 80 + 40 + 2, "each execution once, whoever told it first"


async def test_the_floor_is_kept(file: Path) -> None:
    async with writing(file) as bench:
        assert bench.floors == [{}]
        bench.put(step(5), step(9), fill(order_id=12))
        await bench.intend(7)
        bench.put(OrderSubmitted(time=NOON, order_id=0, client_id=1, perm_id=4))
        bench.put(OrderSubmitted(time=NOON, order_id=2**30 + 5, client_id=1))
        bench.put(OrderSubmitted(time=NOON, order_id=3, client_id=2))
    assert rows(file, "SELECT * FROM id_floor") == [(1, "DU1", 12), (2, "DU1", 3)]
    async with writing(file) as bench:
        assert bench.floors == [{(1, "DU1"): 12, (2, "DU1"): 3}]
        bench.put(step(8))
        await bench.intend(20)
    assert rows(file, "SELECT highest FROM id_floor WHERE client_id = 1") == [(20,)]


async def test_every_row_has_a_story(file: Path) -> None:
    async with writing(file) as bench:
        bench.put(HeartbeatMissed(time=NOON, silence=1.0), step(4))
    assert [entry.correlation_id for entry in entries(file)] == ["session-1-1", "order-1-4"]


async def test_a_fact_of_any_mapping_is_written(file: Path) -> None:
    odd: Any = {"x": float("nan"), "y": "\ud800"}
    async with writing(file) as bench:
        bench.put(step(1, **odd))
        assert await bench.intend(1) == ""
    (first, _) = entries(file)
    assert json.loads(first.body)["changes"] == {"x": "nan", "y": "\ud800"}


# ------------------------------------------------------------------------------------ kill -9
ENDLESS = """
import asyncio, itertools
from pathlib import Path
from tests.support.journal_files import began, fill, step, writing

async def main():
    async with writing(Path({file!r}), sync="full") as bench:
        bench.put(began())
        for number in itertools.count(1):
            bench.put(step(number), fill(number % 50))
            assert await bench.intend(number) == ""
            print(number, flush=True)

asyncio.run(main())
"""


def test_what_was_said_to_be_durable_outlives_kill_9(file: Path) -> None:
    program = ENDLESS.format(file=str(file))
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        said = [int(process.stdout.readline()) for _ in range(60)]
        process.kill()
        said += [int(line) for line in process.stdout if line.endswith("\n")]
    found = verify(file)
    assert (found.ok, found.why) == (True, "")
    ids = [number for (number,) in rows(file, "SELECT order_id FROM intent ORDER BY seq")]
    assert ids[: len(said)] == said
    assert rows(file, "SELECT highest FROM id_floor") == [(ids[-1],)]
    assert len(rows(file, "SELECT seq FROM execution")) <= 50
