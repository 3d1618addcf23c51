"""The slate: an intent is durable at once, and in the journal once, whoever is killed when."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.journal_files import (
    LOGIN,
    Bench,
    began,
    intent,
    rows,
    step,
    writing,
)
from twsloop.database import Database
from twsloop.events import OrderIntent
from twsloop.storage import queries, slate
from twsloop.storage.reading import read_file, reading
from twsloop.storage.rows import Entry
from twsloop.storage.schema import MIGRATIONS
from twsloop.storage.slate import SIZE, Slate, slates_of, take_in
from twsloop.storage.verify import verify

ROOT = Path(__file__).parents[2]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@contextlib.contextmanager
def one_slate(journal: Path) -> Iterator[Slate]:
    """A slate with a session on it, left as by a process that is killed."""
    made = Slate(journal)
    made.open()
    made.began(began(), LOGIN)
    try:
        yield made
    finally:
        made.close(whole=False)


def taken_in(journal: Path) -> int:
    """Open the journal, and take in what was left."""
    database = Database(journal, migrations=MIGRATIONS, private=True, section="journal")
    with contextlib.closing(database.connect()) as connection:
        return take_in(connection, journal)


def entries(journal: Path) -> list[Entry]:
    """All that the journal has."""
    with reading(journal) as file:
        return list(queries.entries(file, "ORDER BY seq", ()))


def meant(journal: Path) -> list[int]:
    """The orders that the journal has an intent of, in its order."""
    return [number for (number,) in rows(journal, "SELECT order_id FROM intent ORDER BY seq")]


# ------------------------------------------------------------------------------- at once
async def test_an_intent_is_durable_before_the_call_returns(file: Path) -> None:
    async with writing(file, sync="normal") as bench:
        bench.put(began())
        assert bench.intend(1).result() == ""
        (left,) = slates_of(file)
        assert stat.S_IMODE(left.stat().st_mode) == 0o600
        assert left.stat().st_size == SIZE, "its room is there already"
        await bench.writer.flushed()
        assert meant(file) == [1]
    assert slates_of(file) == [], "the journal has all of it"
    assert verify(file).ok


async def test_full_waits_for_the_disk(file: Path) -> None:
    async with writing(file, sync="full") as bench:
        said = bench.intend(1)
        assert not said.done()
        assert slates_of(file) == []
        assert await said == ""


async def test_more_than_its_room_wait_for_the_journal_and_keep_their_order(file: Path) -> None:
    async with writing(file, sync="normal") as bench:
        bench.put(began())
        said = [bench.intend(number) for number in range(1, 801)]
        at_once = sum(one.done() for one in said)
        assert 100 < at_once < 800
        assert not any(one.done() for one in said[at_once:]), "none overtakes one that waits"
        await asyncio.gather(*said)
        assert bench.said == [(number, "") for number in range(1, 801)]
        await bench.writer.flushed()
        assert bench.intend(801).done(), "it is used from its top again"
    assert meant(file) == list(range(1, 802))
    assert verify(file).ok


async def test_a_disk_that_does_not_answer_is_noticed_all_the_same(file: Path) -> None:
    async with writing(file, sync="normal") as bench:
        bench.put(began())
        await bench.writer.flushed()
        with contextlib.closing(
            Database(file, migrations=MIGRATIONS, section="journal").connect()
        ) as other:
            other.execute("BEGIN IMMEDIATE")
            assert bench.intend(1).result() == ""
            bench.clock.advance(bench.params.deadline)
            await bench.until(lambda: bench.told)
            assert await bench.intend(2), "the next one is refused"
            other.execute("COMMIT")
        bench.clock.advance(60)
        await bench.writer.flushed()
    assert meant(file) == [1, 2]


async def test_where_no_file_can_be_made_orders_wait_for_the_journal(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slate, "_CAN_LOCK", False)
    async with writing(file, sync="normal") as bench:
        said = bench.intend(1)
        assert not said.done()
        assert await said == ""
        assert slates_of(file) == []


# ------------------------------------------------------------------------------- what is left
PROGRAM = """
import asyncio, itertools
from pathlib import Path
from tests.support.journal_files import began, fill, step, writing

async def main():
    async with writing(Path({file!r}), sync="normal") as bench:
        bench.put(began({session}))
        for number in itertools.count({first}):
            assert await bench.intend(number) == ""
            print(number, flush=True)
            bench.put(step(number), fill(number % 50))
            if {rest} and number % 7 == 0:
                await bench.writer.flushed()

asyncio.run(main())
"""


def killed(file: Path, *, first: int, session: int, rest: bool, lines: int) -> list[int]:
    """Orders that a process was told to be durable, until it was killed."""
    program = PROGRAM.format(file=str(file), first=first, session=session, rest=rest)
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        said = [int(process.stdout.readline()) for _ in range(lines)]
        process.kill()
        return said + [int(line) for line in process.stdout if line.endswith("\n")]


@pytest.mark.parametrize("rest", [True, False])
async def test_what_was_said_to_be_durable_outlives_kill_9(file: Path, rest: bool) -> None:
    said = killed(file, first=1, session=1, rest=rest, lines=60)
    async with writing(file, sync="normal") as bench:
        bench.put(began(2))
        assert bench.floors[0] == {(1, "DU1"): meant(file)[-1]}, "before any id is given"
        await bench.intend(9000)
    ids = meant(file)
    assert ids[: len(said)] == said
    assert len(set(ids)) == len(ids), "each once"
    assert slates_of(file) == []
    assert verify(file).ok
    epochs = rows(file, "SELECT DISTINCT e.epoch FROM intent i JOIN entry e ON e.seq = i.seq")
    assert [epoch for (epoch,) in epochs] == [1, 2], "each under the session that meant it"


TAKER = """
import contextlib, sys
from pathlib import Path
from twsloop.database import Database
from twsloop.storage.schema import MIGRATIONS
from twsloop.storage.slate import take_in

path = Path({file!r})
journal = Database(path, migrations=MIGRATIONS, private=True, section="journal")
with contextlib.closing(journal.connect()) as connection:
    print("ready", flush=True)
    sys.stdin.readline()
    take_in(connection, path)
"""


def test_several_who_take_it_in_at_once_write_it_once(file: Path) -> None:
    killed(file, first=1, session=1, rest=False, lines=60)
    with contextlib.ExitStack() as stack:
        takers = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", TAKER.format(file=str(file))],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    cwd=ROOT,
                )
            )
            for _ in range(3)
        ]
        for taker in takers:
            assert taker.stdout is not None
            assert taker.stdout.readline() == "ready\n"
        for taker in takers:
            assert taker.stdin is not None
            taker.stdin.write("go\n")
            taker.stdin.flush()
    assert [taker.returncode for taker in takers] == [0] * 3
    ids = meant(file)
    assert len(ids) >= 60
    assert len(set(ids)) == len(ids), "each once"
    assert verify(file).ok


async def test_what_several_left_is_taken_in_under_their_sessions(file: Path) -> None:
    for number in (1, 2, 3):
        with one_slate(file) as left:
            left.began(began(number), LOGIN)
            assert left.take(intent(number), LOGIN)
            assert left.take(intent(10 + number), LOGIN)
    assert taken_in(file) == 9
    assert [entry.kind for entry in entries(file)] == ["SessionBegan", *["OrderIntent"] * 2] * 3
    assert [entry.epoch for entry in entries(file)] == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert taken_in(file) == 0
    assert slates_of(file) == []


def test_who_only_reads_sees_what_was_left(file: Path) -> None:
    taken_in(file)
    with one_slate(file) as left:
        assert left.take(intent(1), LOGIN)
    assert [entry.kind for entry in entries(file)] == ["SessionBegan", "OrderIntent"]
    assert slates_of(file) == []


async def test_the_slate_of_a_living_one_is_left_alone(file: Path) -> None:
    async with writing(file, sync="normal") as bench:
        bench.put(began())
        bench.intend(1)
        assert taken_in(file) == 0
        assert len(slates_of(file)) == 1
        async with writing(file, sync="normal") as other:
            other.put(began(2))
            other.intend(2)
        assert len(slates_of(file)) == 1
    assert sorted(meant(file)) == [1, 2]


def test_a_fork_writes_nothing_and_does_not_keep_it_from_being_taken_in(file: Path) -> None:
    """The fork has the file, and its lock, as long as it lives."""
    ready, told = os.pipe(), os.pipe()
    owner = os.fork()
    if owner == 0:  # pragma: no cover  (another process)
        with one_slate(file) as left:
            assert left.take(intent(1), LOGIN)
            if os.fork() == 0:
                os.write(ready[1], b"no" if left.take(intent(2), LOGIN) else b"ok")
                os.close(told[1])
                os.read(told[0], 1)  # until the test has ended
                os._exit(0)
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(owner, 0)
    try:
        assert os.read(ready[0], 2) == b"ok"
        assert taken_in(file) == 2
        assert meant(file) == [1]
    finally:
        for end in (*ready, *told):
            os.close(end)


# ------------------------------------------------------------------------------- any bytes
@given(
    count=st.integers(0, 6),
    place=st.integers(0, 8000),
    junk=st.binary(max_size=40),
    cut=st.booleans(),
)
def test_whatever_its_bytes_are_what_is_read_was_written(
    tmp_path_factory: pytest.TempPathFactory, count: int, place: int, junk: bytes, cut: bool
) -> None:
    journal = tmp_path_factory.mktemp("slate") / "journal.db"
    with one_slate(journal) as left:
        for number in range(1, count + 1):
            assert left.take(intent(number), LOGIN)
    (path,) = slates_of(journal)
    data = path.read_bytes()
    path.write_bytes(data[:place] if cut else data[:place] + junk + data[place + len(junk) :])
    taken_in(journal)
    found = [entry.fact() for entry in entries(journal)]
    assert found == [began(), *map(intent, range(1, count + 1))][: len(found)]
    assert all(isinstance(fact, OrderIntent) for fact in found[1:])
    assert slates_of(journal) == []


async def test_what_the_journal_has_is_not_written_again(file: Path) -> None:
    """Killed after the journal had it, and before the slate was used again."""
    bench = Bench(file, sync="full")
    task = asyncio.ensure_future(bench.writer.run())
    bench.put(began(), step(1))
    await bench.intend(1)
    await bench.writer.close(task)
    with one_slate(file) as left:
        assert left.take(intent(1), LOGIN)
        assert left.take(intent(2), LOGIN)
    assert taken_in(file) == 1
    assert [entry.kind for entry in entries(file)][-2:] == ["OrderIntent", "OrderIntent"]
    assert meant(file) == [1, 2]
    assert rows(file, "SELECT count(*) FROM session") == [(1,)]


async def test_who_reads_does_not_write_while_the_slate_is_a_living_one_s(file: Path) -> None:
    async with writing(file, sync="normal") as bench:
        bench.put(began())
        await bench.writer.flushed()
        assert len(slates_of(file)) == 1
        log = file.with_name(f"{file.name}-wal")
        before = log.stat().st_size
        assert read_file(file, "SELECT count(*) FROM session")[0][0] == 1
        assert log.stat().st_size == before
