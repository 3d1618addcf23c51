"""A journal that cannot be written: orders are refused with the reason, and nothing is lost."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from pathlib import Path

import pytest

from tests.support.full_disk import room_for
from tests.support.journal_files import (
    Bench,
    fill,
    held,
    intent,
    rows,
    step,
    writing,
)
from twsloop.events import Fact, HeartbeatMissed, JournalTrouble
from twsloop.storage.trouble import FIRST_PAUSE, LONGEST_PAUSE, leave_behind

KINDS = "SELECT kind FROM entry ORDER BY seq"
#: How long SQLite itself waits for another program in these tests, in real seconds.
SHORT = 0.02


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def kinds(file: Path) -> list[str]:
    return [kind for (kind,) in rows(file, KINDS)]


async def over(bench: Bench) -> JournalTrouble:
    """Let the next tries come until the trouble is over; what was told of its end."""
    while not bench.told[-1].over:
        timer = bench.clock.until_next()
        if timer is None:
            await asyncio.sleep(0)
        else:
            bench.clock.advance(timer)
            await bench.writer.try_now()
    return bench.told[-1]


# ----------------------------------------------------------------------------- what goes wrong
async def test_a_file_that_another_program_holds(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with writing(file, deadline=SHORT) as bench:
        with held(file):
            bench.put(step(1))
            problem = await bench.intend(1)
            assert "locked" in problem
            assert "raise [journal] deadline" in problem
            assert bench.trouble.refuses == problem
            (began,) = bench.told
            assert (began.over, began.reason, began.refuses) == (False, problem, True)
            assert began.waiting == 2
            # The next one does not wait: everybody knows.
            assert await bench.intend(2) == problem
        await over(bench)
        assert bench.trouble.refuses == ""
        assert await bench.intend(3) == ""
    # In their order, each once; those that were refused are there as well.
    assert [k for k in kinds(file) if k != "JournalTrouble"] == ["OrderStep"] + 3 * ["OrderIntent"]
    assert kinds(file).count("JournalTrouble") == 2
    said = [line.levelname for line in caplog.records if line.name == "twsloop.storage.trouble"]
    assert said == ["ERROR", "WARNING"]
    assert bench.metrics.snapshot()["journal_troubles"] == 1


async def test_orders_leave_unwritten_if_that_is_configured(file: Path) -> None:
    async with writing(file, deadline=SHORT, on_trouble="warn") as bench:
        with held(file):
            assert await bench.intend(1) == ""
            assert bench.trouble.reason
            assert bench.trouble.refuses == ""
            assert await bench.intend(2) == ""
            assert not bench.told[0].refuses
        await over(bench)
    assert kinds(file).count("OrderIntent") == 2


async def test_a_full_disk(file: Path) -> None:
    async with writing(file) as bench:
        database = bench.writer.database
        assert database is not None
        ((pages,),) = await database.fetch("PRAGMA page_count")
        await database.execute(f"PRAGMA max_page_count = {pages}")
        for number in range(400):
            bench.put(step(number, reason="x" * 200))
        problem = await bench.intend(1)
        assert "disk is full" in problem
        assert "make room" in problem
        await over(bench)  # the file that is opened anew knows of no such limit
        assert await bench.intend(2) == ""
    assert rows(file, "SELECT count(*) FROM order_event") == [(400,)]
    assert rows(file, "SELECT order_id FROM intent") == [(1,), (2,)]


@pytest.mark.parametrize("content", [b"this is no database" * 100, "the head of one"])
async def test_a_corrupt_file(file: Path, content: bytes | str) -> None:
    if isinstance(content, str):
        async with writing(file) as bench:
            bench.put(*(step(n) for n in range(200)))
        whole = file.read_bytes()
        content = whole[:4096] + b"\xff" * (len(whole) - 4096)
    file.write_bytes(content)
    async with writing(file) as bench:
        problem = await bench.intend(1)
        assert "not a database" in problem or "malformed" in problem
        assert "put a backup in its place" in problem
        assert file.read_bytes() == content, "whoever wants to mend it finds it as it was"
        file.rename(file.with_name("broken.db"))
        for rest in file.parent.glob("journal.db-*"):
            rest.unlink()
        await over(bench)
    assert "OrderIntent" in kinds(file)


async def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    file = tmp_path / "file" / "journal.db"
    async with writing(file) as bench:
        assert "set [journal] file" in await bench.intend(1)
        (tmp_path / "file").unlink()
        await over(bench)
    assert "OrderIntent" in kinds(file)


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="root may write everywhere"
)
async def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    async with writing(folder / "journal.db") as bench:
        assert "cannot open it" in await bench.intend(1)
        folder.chmod(0o700)
        await over(bench)
    assert "OrderIntent" in kinds(folder / "journal.db")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lets nobody delete an open file")
@pytest.mark.parametrize("log_too", [False, True])
async def test_a_file_that_is_deleted_while_it_is_in_use(file: Path, log_too: bool) -> None:
    async with writing(file) as bench:
        bench.put(fill(1), fill(2))
        await bench.writer.flushed()
        file.unlink()
        if log_too:
            for rest in file.parent.glob("journal.db-*"):
                rest.unlink()
        assert "deleted or replaced" in await bench.intend(1)
        await over(bench)
        assert await bench.intend(2) == ""
    # What it had is there again, and what came then follows it.
    found = [kind for kind in kinds(file) if kind != "JournalTrouble"]
    assert found == ["Fill", "Fill", "OrderIntent", "OrderIntent"]
    assert [f.name for f in file.parent.iterdir()] == [file.name]
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lets nobody replace an open file")
async def test_a_file_that_is_replaced_while_it_is_in_use(file: Path) -> None:
    other = file.with_name("other.db")
    async with writing(other) as bench:
        bench.put(fill(7))
    async with writing(file) as bench:
        bench.put(fill(1))
        await bench.writer.flushed()
        other.replace(file)
        assert "deleted or replaced" in await bench.intend(1)
        await over(bench)
    assert [kind for kind in kinds(file) if kind != "JournalTrouble"] == ["Fill", "OrderIntent"]
    (kept,) = file.parent.glob("journal.db.rescued-*")
    assert kinds(kept) == ["Fill"]


async def test_a_disk_that_does_not_answer(file: Path) -> None:
    go_on = threading.Event()
    async with writing(file, deadline=5.0) as bench:
        database = bench.writer.database
        assert database is not None
        stuck = asyncio.ensure_future(database.run(lambda _: go_on.wait(30)))
        await asyncio.sleep(0)
        first = bench.intend(1)
        bench.clock.advance(3.0)
        second = bench.intend(2)
        bench.clock.advance(1.9)
        await asyncio.sleep(0)
        assert not first.done()
        bench.clock.advance(0.1)
        assert "nothing was written for 5 s" in await first
        assert await second == await first, "a file that is stuck is stuck for all"
        go_on.set()
        assert await stuck
        await bench.until(lambda: bench.told[-1].over)
        assert await bench.intend(3) == ""
    assert kinds(file).count("OrderIntent") == 3


async def test_the_deadline_is_that_of_the_oldest_that_waits(file: Path) -> None:
    async with writing(file, deadline=5.0) as bench:
        for number in range(4):
            assert await bench.intend(number) == ""
            bench.clock.advance(3.0)
        assert not bench.told


# --------------------------------------------------------------------------- what is kept
async def test_the_pauses_grow_and_end(file: Path) -> None:
    pauses = []
    file.mkdir()
    async with writing(file) as bench:
        assert await bench.intend(1)
        for _ in range(10):
            timer = bench.clock.until_next()
            while timer is None:
                await asyncio.sleep(0)
                timer = bench.clock.until_next()
            pauses.append(timer)
            bench.clock.advance(timer)
            await bench.writer.try_now()
        assert len(bench.told) == 1, "one trouble is told once"
        file.rmdir()
    assert pauses[:3] == pytest.approx([FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE])
    assert max(pauses) == pytest.approx(LONGEST_PAUSE)
    assert "OrderIntent" in kinds(file), "closing tries once more"


async def test_only_what_is_not_about_orders_is_dropped(file: Path) -> None:
    file.mkdir()
    beat = HeartbeatMissed(time=step().time, silence=1.0)
    async with writing(file, queue=100) as bench:
        assert await bench.intend(1)
        for number in range(150):
            bench.put(step(number), beat)
        assert bench.writer.full
        # The trouble and the intent, all of the one kind, and of the other as far as there is room.
        assert bench.writer.waiting == 2 + 150 + 49
        assert bench.metrics.snapshot()["journal_dropped"] == 101
        file.rmdir()
        end = await over(bench)
        assert end.dropped == 101
        assert not bench.writer.full
    assert kinds(file).count("OrderStep") == 150


async def test_what_could_not_be_written_is_left_beside_it(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file.mkdir()
    async with writing(file) as bench:
        assert await bench.intend(3)
        bench.put(step(1), fill(2))
    (left,) = file.parent.glob("journal.db.unwritten-*.jsonl")
    assert left.stat().st_mode & 0o777 == 0o600
    lines = [json.loads(line) for line in left.read_text().splitlines()]
    told = [line["event"] for line in lines]
    assert sorted(told[:2]) == ["JournalTrouble", "OrderIntent"]
    assert told[2:] == ["OrderStep", "Fill"]
    assert str(left) in caplog.records[-1].getMessage()


async def test_trouble_ends_with_the_next_writer_that_can_open_it(file: Path) -> None:
    file.mkdir()
    async with writing(file) as bench:
        assert await bench.intend(1)
    file.rmdir()
    bench.start_anew()
    task = asyncio.get_running_loop().create_task(bench.writer.run())
    await bench.writer.try_now()
    assert bench.trouble.reason == ""
    assert bench.told[-1].over
    await bench.writer.close(task)
    assert kinds(file) == ["JournalTrouble"]


def test_where_no_folder_takes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts: list[Fact] = [intent(1)]
    other = tmp_path / "temporary"
    other.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(other))
    left = leave_behind(facts, tmp_path / "missing" / "journal.db", "now")
    assert left == other / "journal.db.unwritten-now.jsonl"
    other_missing = tmp_path / "gone"
    monkeypatch.setattr("tempfile.tempdir", str(other_missing))
    assert leave_behind(facts, tmp_path / "missing" / "journal.db", "now") is None


def test_no_part_is_left_where_not_all_of_it_finds_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with room_for(64):
        assert leave_behind([intent(1)], tmp_path / "journal.db", "now") is None
    assert list(tmp_path.iterdir()) == []


async def test_rows_that_came_meanwhile_keep_their_order(file: Path) -> None:
    async with writing(file, deadline=SHORT) as bench:
        with held(file):
            await bench.intend(1)
            for number in range(2, 30):
                bench.put(step(number))
                if number % 7 == 0:
                    await bench.intend(number)
        await over(bench)
        await bench.writer.flushed()
    ids = [number for (number,) in rows(file, "SELECT order_id FROM order_event ORDER BY seq")]
    assert ids == list(range(2, 30))
    assert [i for (i,) in rows(file, "SELECT order_id FROM intent")] == [1, 7, 14, 21, 28]
