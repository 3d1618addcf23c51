"""Database: opened well, migrated, backed up, and closed on every path."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import os
import sqlite3
import stat
import subprocess
import sys
import textwrap
import threading
import warnings
from pathlib import Path
from typing import Any

import pytest

from twsloop.database import MIGRATIONS, Database, Migration
from twsloop.errors import StorageError

ONE = Migration(1, "one", ("CREATE TABLE t (x INTEGER PRIMARY KEY, y TEXT NOT NULL)",))
TWO = Migration(2, "two", ("ALTER TABLE t ADD COLUMN z TEXT", "INSERT INTO t VALUES (1, 'a', 'b')"))
BROKEN = Migration(2, "broken", ("INSERT INTO t VALUES (7, 'x')", "NONSENSE"))


def workers() -> list[str]:
    """The threads of open connections."""
    return [t.name for t in threading.enumerate() if "_connection_worker_thread" in t.name]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "folder" / "twsloop.db"


# -------------------------------------------------------------------------------------- open
async def test_a_new_file_is_made_with_its_switches(path: Path) -> None:
    async with Database(path) as db:
        assert db.is_open
        assert (await db.fetch("PRAGMA journal_mode"))[0][0] == "wal"
        assert (await db.fetch("PRAGMA foreign_keys"))[0][0] == 1
        assert (await db.fetch("PRAGMA synchronous"))[0][0] == 2
        assert (await db.fetch("PRAGMA busy_timeout"))[0][0] == 5000
        assert (await db.fetch("PRAGMA user_version"))[0][0] == len(MIGRATIONS)
        assert (await db.fetch("PRAGMA application_id"))[0][0] == int.from_bytes(b"twsl", "big")
        assert await db.open() is db
    assert not db.is_open
    assert not workers()
    assert sorted(p.name for p in path.parent.iterdir()) == ["twsloop.db"], "the WAL is folded in"


async def test_what_was_written_is_there_next_time(path: Path) -> None:
    async with Database(path, migrations=[ONE]) as db:
        assert await db.execute("INSERT INTO t VALUES (?, ?)", (1, "a")) == 1
    async with Database(path, migrations=[ONE]) as db:
        (row,) = await db.fetch("SELECT * FROM t")
        assert (row["x"], row["y"]) == (1, "a")


async def test_closing_twice_and_using_it_closed(path: Path) -> None:
    db = await Database(path).open()
    await db.close()
    await db.close()
    with pytest.raises(StorageError, match=r"twsloop\.db: the database is not open"):
        await db.fetch("SELECT 1")


def test_a_thread_without_a_loop_opens_it_as_well(path: Path) -> None:
    with contextlib.closing(Database(path, migrations=[ONE], sync="off").connect()) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == 0
        connection.execute("INSERT INTO t VALUES (1, 'a')")
        (row,) = connection.execute("SELECT * FROM t").fetchall()
        assert (row["x"], row["y"]) == (1, "a")
    assert not workers()
    with pytest.raises(StorageError, match="its schema is version 1; this twsloop knows 0"):
        Database(path, migrations=[]).connect()


# -------------------------------------------------------------------------------- migrations
async def test_missing_steps_are_run_in_order(path: Path) -> None:
    async with Database(path, migrations=[ONE]):
        pass
    async with Database(path, migrations=[ONE, TWO]) as db:
        assert (await db.fetch("PRAGMA user_version"))[0][0] == 2
        assert [tuple(row) for row in await db.fetch("SELECT * FROM t")] == [(1, "a", "b")]
    async with Database(path, migrations=[ONE, TWO]) as db:
        assert len(await db.fetch("SELECT * FROM t")) == 1


async def test_a_broken_step_leaves_the_file_as_it_was(path: Path) -> None:
    async with Database(path, migrations=[ONE]):
        pass
    with pytest.raises(StorageError, match='cannot open it: near "NONSENSE": syntax error'):
        await Database(path, migrations=[ONE, BROKEN]).open()
    assert not workers()
    async with Database(path, migrations=[ONE]) as db:
        assert not await db.fetch("SELECT * FROM t")


async def test_a_newer_file_is_not_touched(path: Path) -> None:
    async with Database(path, migrations=[ONE, TWO]):
        pass
    with pytest.raises(StorageError, match="its schema is version 2; this twsloop knows 1; update"):
        await Database(path, migrations=[ONE]).open()
    assert not workers()


def test_steps_are_numbered_without_gaps() -> None:
    with pytest.raises(ValueError, match=r"migrations are numbered 1, 2, 3\.\.\.; these are \[2\]"):
        Database("x", migrations=[TWO])
    assert [step.number for step in MIGRATIONS] == list(range(1, len(MIGRATIONS) + 1))


async def test_two_programs_open_a_new_file_at_once(path: Path) -> None:
    async def one() -> int:
        async with Database(path, migrations=[ONE, TWO]) as db:
            return len(await db.fetch("SELECT * FROM t"))

    assert await asyncio.gather(*(one() for _ in range(4))) == [1, 1, 1, 1]


# ------------------------------------------------------------------------------ other files
async def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    file.write_bytes(b"this is not SQLite, but long enough to look at" * 100)
    with pytest.raises(StorageError, match="not a database; move the file away") as caught:
        await Database(file).open()
    assert caught.value.path == str(file)
    assert not workers()


@pytest.mark.skipif(os.name != "posix", reason="rights of files")
@pytest.mark.parametrize("theirs", ["a database", "a text"])
async def test_the_rights_of_a_file_of_another_program_stay(tmp_path: Path, theirs: str) -> None:
    file = tmp_path / "x.db"
    if theirs == "a database":
        with contextlib.closing(sqlite3.connect(file)) as other:
            other.execute("CREATE TABLE theirs (x)")
    else:
        file.write_bytes(b"this is not SQLite, but long enough to look at" * 100)
    file.chmod(0o664)
    with pytest.raises(StorageError):
        await Database(file, private=True).open()
    assert stat.S_IMODE(file.stat().st_mode) == 0o664


async def test_a_database_of_another_program(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    with sqlite3.connect(file) as other:
        other.execute("CREATE TABLE theirs (x)")
    other.close()
    with pytest.raises(StorageError, match=r"a database of another program; set \[storage\]"):
        await Database(file).open()


async def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"cannot open it: .*; see that its folder"):
        await Database(tmp_path / "file" / "x.db").open()
    assert not workers()


async def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="unable to open database file; see that its folder"):
        await Database(tmp_path).open()
    assert not workers()


async def test_another_writer_holds_it(path: Path) -> None:
    async with (
        Database(path, migrations=[ONE]) as one,
        Database(path, migrations=[ONE], busy_timeout=0.01) as two,
    ):
        async with one.transaction() as tx:
            await tx.execute("INSERT INTO t VALUES (1, 'a')")
            with pytest.raises(StorageError, match="locked; another program is writing"):
                await two.execute("INSERT INTO t VALUES (2, 'b')")
            assert await two.fetch("SELECT * FROM t") == []
        assert len(await two.fetch("SELECT * FROM t")) == 1


# ------------------------------------------------------------------------------ transactions
async def test_a_transaction_is_all_or_nothing(path: Path) -> None:
    async with Database(path, migrations=[ONE]) as db:
        async with db.transaction() as tx:
            assert await tx.execute_many("INSERT INTO t VALUES (?, ?)", [(1, "a"), (2, "b")]) == 2
            assert len(await tx.fetch("SELECT * FROM t")) == 2
        with pytest.raises(StorageError, match="NOT NULL"):  # noqa: PT012
            async with db.transaction() as tx:
                await tx.execute("INSERT INTO t VALUES (3, 'c')")
                await tx.execute("INSERT INTO t VALUES (4, NULL)")
        with pytest.raises(KeyError):  # noqa: PT012
            async with db.transaction() as tx:
                await tx.execute("DELETE FROM t")
                raise KeyError
        assert [row["x"] for row in await db.fetch("SELECT x FROM t ORDER BY x")] == [1, 2]


async def test_the_writes_of_two_tasks_do_not_mix(path: Path) -> None:
    async with Database(path, migrations=[ONE]) as db:

        async def write(first: int) -> None:
            async with db.transaction() as tx:
                for x in range(first, first + 5):
                    await tx.execute("INSERT INTO t VALUES (?, 'x')", (x,))
                    await asyncio.sleep(0)
                if first == 100:
                    raise KeyError

        await asyncio.gather(write(0), write(100), write(200), return_exceptions=True)
        kept = [row["x"] for row in await db.fetch("SELECT x FROM t ORDER BY x")]
        assert kept == [*range(5), *range(200, 205)]


async def test_a_cancelled_transaction_is_rolled_back(path: Path) -> None:
    inside = asyncio.Event()
    async with Database(path, migrations=[ONE]) as db:

        async def write() -> None:
            async with db.transaction() as tx:
                await tx.execute("INSERT INTO t VALUES (1, 'a')")
                inside.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(write())
        await inside.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not await db.fetch("SELECT * FROM t")


# ----------------------------------------------------------------------------------- backup
async def test_a_backup_of_a_database_in_use(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    copy.write_text("an older copy")
    async with Database(path, migrations=[ONE]) as db:
        await db.execute("INSERT INTO t VALUES (1, 'a')")
        await db.backup(copy)
        await db.execute("INSERT INTO t VALUES (2, 'b')")
    async with Database(copy, migrations=[ONE]) as db:
        assert [row["x"] for row in await db.fetch("SELECT x FROM t")] == [1]
    assert not list(tmp_path.glob("*.unfinished"))


async def test_a_backup_that_fails_leaves_the_old_one(path: Path, tmp_path: Path) -> None:
    async with Database(path, migrations=[ONE]) as db:
        with pytest.raises(StorageError, match=r"cannot back it up to .*nowhere"):
            await db.backup(tmp_path / "nowhere" / "copy.db")
        folder = tmp_path / "copy.db"
        folder.mkdir()
        (folder / "inside").touch()
        with pytest.raises(StorageError):
            await db.backup(folder)
    assert (folder / "inside").exists()
    assert not list(tmp_path.glob("*.unfinished"))


# ------------------------------------------------------------------------------- every path
@pytest.mark.parametrize("last", range(1, 17))
async def test_cancelled_at_any_moment_nothing_stays_behind(
    path: Path, last: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Just before the worker's so many-th answer is heard; the last ones find it all done."""

    async def use() -> None:
        async with Database(path, migrations=[ONE, TWO]) as db:
            await db.execute("DELETE FROM t")
            async with db.transaction() as tx:
                await tx.execute("INSERT INTO t VALUES (5, 'e', NULL)")

    loop, answers = asyncio.get_running_loop(), itertools.count(1)
    hear = loop.call_soon_threadsafe

    def heard(*args: Any, **more: Any) -> Any:
        if next(answers) == last:
            hear(task.cancel)
        return hear(*args, **more)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "call_soon_threadsafe", heard)
        task = asyncio.create_task(use())
        await asyncio.wait({task})
    assert task.cancelled() or task.exception() is None
    assert not workers()
    async with Database(path, migrations=[ONE, TWO]) as db:
        assert (await db.fetch("PRAGMA integrity_check"))[0][0] == "ok"


async def test_an_abandoned_database_ends_its_thread(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        db = await Database(path).open()
        assert len(workers()) == 1
        thread = next(t for t in threading.enumerate() if t.name == workers()[0])
        del db
        gc.collect()
        await asyncio.to_thread(thread.join, 10)
        gc.collect()
    assert not workers()


@pytest.mark.parametrize(
    "ending",
    [
        "pass",
        "raise SystemExit(3)",
        "raise KeyError('user')",
        "asyncio.get_running_loop().call_soon(asyncio.get_running_loop().stop)",
    ],
)
def test_a_program_that_forgets_to_close_still_ends(path: Path, ending: str) -> None:
    program = f"""
        import asyncio, sys
        from pathlib import Path
        from twsloop.database import Database, Migration
        kept = []
        async def main():
            step = Migration(1, "one", ("CREATE TABLE t (x)",))
            db = await Database(Path({str(path)!r}), migrations=[step]).open()
            kept.append(db)
            await db.execute("INSERT INTO t VALUES (42)")
            {ending}
        loop = asyncio.new_event_loop()
        loop.run_until_complete(main())
        """
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(program)],
        check=False,
        timeout=30,
        capture_output=True,
    )
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT x FROM t").fetchall() == [(42,)]
    db.close()


def test_a_loop_that_still_runs_closes_its_own(path: Path) -> None:
    # The main thread ends at once; the loop's thread writes on, and closes.
    program = f"""
        import asyncio, threading
        from pathlib import Path
        from twsloop.database import Database, Migration
        async def main():
            step = Migration(1, "one", ("CREATE TABLE t (x)",))
            async with Database(Path({str(path)!r}), migrations=[step]) as db:
                print('open', flush=True)
                opened.set(); threading.main_thread().join()
                await asyncio.sleep(0.3)
                await db.execute("INSERT INTO t VALUES (42)")
            print("closed", flush=True)
        opened = threading.Event()
        threading.Thread(target=lambda: asyncio.run(main())).start()
        opened.wait()
        """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        check=True,
        timeout=30,
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("open\nclosed\n", "")
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT x FROM t").fetchall() == [(42,)]
    db.close()


# ----------------------------------------------------------------------------- jobs and rights
async def test_a_job_runs_on_the_workers_connection(path: Path) -> None:
    def job(connection: sqlite3.Connection) -> str:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO t VALUES (?, ?)", [(1, "a"), (2, "b")])
        connection.execute("COMMIT")
        return threading.current_thread().name

    async with Database(path, migrations=[ONE]) as db:
        assert await db.run(job) in workers()
        assert [tuple(row) for row in await db.fetch("SELECT * FROM t")] == [(1, "a"), (2, "b")]
        with pytest.raises(StorageError, match="no such table"):
            await db.run(lambda connection: connection.execute("INSERT INTO missing VALUES (1)"))
        with pytest.raises(ZeroDivisionError):
            await db.run(lambda _: 1 / 0)
    with pytest.raises(StorageError, match="not open"):
        await db.run(lambda _: None)


async def test_how_durable_a_commit_is(path: Path) -> None:
    async with Database(path, sync="normal") as db:
        assert (await db.fetch("PRAGMA synchronous"))[0][0] == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such rights")
async def test_a_private_file_is_read_by_its_owner_alone(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.touch(0o644)
    copy = path.with_name("copy.db")
    async with Database(path, migrations=[ONE], private=True) as db:
        await db.execute("INSERT INTO t VALUES (1, 'a')")
        await db.backup(copy)
        rights = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    names = (path.name, f"{path.name}-wal", f"{path.name}-shm", copy.name)
    assert rights == dict.fromkeys(names, 0o600)
    async with Database(copy, migrations=[ONE]) as db:
        assert len(await db.fetch("SELECT * FROM t")) == 1


async def test_an_error_names_the_setting_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"set \[journal\] file"):
        await Database(tmp_path, section="journal").open()


#: Another program uses a file, and is the last one to close it, as far as locks tell it.
OTHER = """
import sqlite3, sys
file = sqlite3.connect(sys.argv[1], isolation_level=None)
file.execute("INSERT INTO t VALUES (2, 'b')")
file.close()
"""


async def test_opened_again_and_closed_a_file_is_still_known_to_be_in_use(path: Path) -> None:
    """What is closed in a process takes its locks along, were it opened around SQLite.

    Without them another program would delete the log that this one goes on writing to.
    """
    async with Database(path, migrations=[ONE], private=True) as db:
        await db.execute("INSERT INTO t VALUES (1, 'a')")
        async with Database(path, migrations=[ONE], private=True):
            pass
        log = path.with_name(f"{path.name}-wal")
        before = log.stat().st_ino
        subprocess.run([sys.executable, "-c", OTHER, str(path)], check=True, timeout=30)
        assert log.exists()
        assert log.stat().st_ino == before
        assert [row[0] for row in await db.fetch("SELECT x FROM t ORDER BY x")] == [1, 2]
