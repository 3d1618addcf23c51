"""Verifying a journal: whatever is touched is found, and where."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.facts import facts
from tests.support.journal_files import LOGIN, began, fill, held, intent, rows, step, writing
from twsloop.database import APPLICATION_ID
from twsloop.errors import StorageError
from twsloop.events import Fact, SessionBegan
from twsloop.storage.chain import START, link
from twsloop.storage.pen import Pen
from twsloop.storage.rows import is_kept
from twsloop.storage.schema import DETAIL_TABLES, MIGRATIONS
from twsloop.storage.verify import verify

Tamper = Callable[[sqlite3.Connection], object]


def make(file: Path, *batches: list[Fact]) -> Path:
    """A journal with these facts."""
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = MEMORY")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        for statement in (sql for step in MIGRATIONS for sql in step.statements):
            connection.execute(statement)
        connection.execute("COMMIT")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        pen = Pen(file)
        pen.opened(connection)
        for batch in batches:
            pen.write(connection, [(fact, LOGIN) for fact in batch])
    return file


def tamper(file: Path, change: Tamper, *, guards: bool = True) -> None:
    """Change a file as somebody with the right to write to it could; the guards are put back."""
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        found = "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'"
        lifted = dict(connection.execute(found).fetchall())
        for name in lifted:
            connection.execute(f"DROP TRIGGER {name}")
        change(connection)
        for sql in lifted.values() if guards else ():
            connection.execute(sql)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return make(
        tmp_path / "journal.db",
        [began(), intent(1), step(1, status="Submitted"), fill(1)],
        [intent(2), fill(2), step(2, status="Filled")],
    )


def test_a_journal_as_it_was_written(file: Path) -> None:
    found = verify(file)
    assert (found.ok, found.why, found.broken, found.entries, found.newest) == (
        True,
        "",
        None,
        7,
        7,
    )
    assert found.hash == rows(file, "SELECT hash FROM entry WHERE seq = 7")[0][0]
    assert verify(file, noted=(7, found.hash)).ok
    empty = verify(make(file.with_name("empty.db")))
    assert (empty.ok, empty.entries, empty.hash) == (True, 0, START)


def sql(text: str) -> Tamper:
    return lambda connection: connection.execute(text)


@pytest.mark.parametrize(
    ("change", "broken", "why"),
    [
        (sql("UPDATE entry SET body = replace(body, '189.5', '199.5') WHERE seq = 2"), 2, "hash"),
        (sql("UPDATE entry SET time = '2027' WHERE seq = 3"), 3, "hash"),
        (sql("UPDATE entry SET kind = 'OrderStep' WHERE seq = 4"), 4, "hash"),
        (sql("UPDATE entry SET epoch = 5 WHERE seq = 4"), 4, "hash"),
        (sql("UPDATE entry SET correlation_id = '' WHERE seq = 4"), 4, "hash"),
        (sql("UPDATE entry SET natural_key = 'x' WHERE seq = 4"), 4, "hash"),
        (sql("UPDATE entry SET hash = upper(hash) WHERE seq = 1"), 1, "hash"),
        (sql("DELETE FROM entry WHERE seq = 1"), 1, "entry 1 is missing"),
        (sql("DELETE FROM entry WHERE seq = 3"), 3, "entry 3 is missing"),
        (sql("UPDATE execution SET price = '1' WHERE seq = 4"), 4, "execution"),
        (sql("UPDATE execution SET perm_id = 9 WHERE seq = 4"), 4, "execution"),
        (sql("DELETE FROM execution WHERE seq = 6"), 6, "execution"),
        (sql("INSERT INTO commission VALUES (4, 'e', 1, '0', 'USD', NULL)"), 4, "commission"),
        (sql("INSERT INTO commission VALUES (9, 'e', 1, '0', 'USD', NULL)"), 9, "without an entry"),
        (sql("UPDATE execution SET seq = 5 WHERE seq = 4"), 4, "execution"),
        (sql("UPDATE id_floor SET highest = 1"), 5, "floor of order ids is below order 2"),
        (sql("DELETE FROM id_floor"), 2, "floor of order ids"),
        (sql("DROP INDEX entry_by_key"), None, "entry_by_key of the file's schema is missing"),
        (sql("INSERT INTO anchor VALUES (3, '" + START + "', 1, '', '')"), 1, "entry 1 is old"),
    ],
)
def test_what_was_touched_is_found(file: Path, change: Tamper, broken: int, why: str) -> None:
    tamper(file, change)
    found = verify(file)
    assert (found.ok, found.broken) == (False, broken)
    assert why in found.why
    # What was right before is said, too.
    assert found.entries == found.newest - found.moved


def test_a_lifted_guard_is_found(file: Path) -> None:
    tamper(file, lambda _: None, guards=False)
    assert "is missing" in verify(file).why
    tamper(file, sql("CREATE TRIGGER entry_delete AFTER DELETE ON entry BEGIN SELECT 1; END"))
    assert "not what it was made as" in verify(file).why or "missing" in verify(file).why


def test_a_chain_that_was_made_anew_is_found_by_a_noted_hash(file: Path) -> None:
    noted = (5, rows(file, "SELECT hash FROM entry WHERE seq = 5")[0][0])

    def forge(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE entry SET body = replace(body, '189.5', '1.5') WHERE seq = 2")
        connection.execute("UPDATE intent SET limit_price = '1.5' WHERE seq = 2")
        before = START
        for *head, body in connection.execute(
            "SELECT seq, time, kind, epoch, correlation_id, natural_key, body FROM entry"
        ).fetchall():
            before = link(before, tuple(head), body)
            connection.execute("UPDATE entry SET hash = ? WHERE seq = ?", (before, head[0]))

    tamper(file, forge)
    assert verify(file).ok, "nothing in the file itself can show it"
    found = verify(file, noted=noted)
    assert (found.ok, found.broken) == (False, 5)
    assert "noted" in found.why


def test_rows_that_are_missing_at_the_end_are_found_by_a_noted_hash(file: Path) -> None:
    before = verify(file)

    def cut(connection: sqlite3.Connection) -> None:
        for table in (*DETAIL_TABLES, "entry"):
            connection.execute(f"DELETE FROM {table} WHERE seq > 5")

    tamper(file, cut)
    assert verify(file).ok
    found = verify(file, noted=(before.newest, before.hash))
    assert not found.ok
    assert "missing at the end: 7 was noted" in found.why


def test_a_fact_of_a_newer_version_is_passed_over(file: Path) -> None:
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as connection:
        before = verify(file).hash
        head = (8, "2026-01-05T12:00:00.000000+00:00", "Unheard", 1, "s", None)
        entry = (*head, '{"event":"Unheard"}', link(before, head, '{"event":"Unheard"}'))
        connection.execute("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?)", entry)
    found = verify(file)
    assert (found.ok, found.entries, found.unread) == (True, 8, 1)


def test_what_is_no_journal(tmp_path: Path, file: Path) -> None:
    with pytest.raises(StorageError, match="no such file"):
        verify(tmp_path / "missing.db")
    (tmp_path / "text.db").write_text("this is no database at all" * 100)
    with pytest.raises(StorageError, match="cannot read it"):
        verify(tmp_path / "text.db")
    with contextlib.closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        connection.execute("CREATE TABLE t (x)")
    with pytest.raises(StorageError, match="no journal"):
        verify(tmp_path / "other.db")
    tamper(file, sql("PRAGMA user_version = 99"))
    with pytest.raises(StorageError, match="schema is version 99"):
        verify(file)


def test_a_damaged_file(file: Path) -> None:
    more = file.with_name("more.db")
    make(more, [step(number, reason="x" * 500) for number in range(200)])
    whole = more.read_bytes()
    more.write_bytes(whole[:-8192] + b"\xff" * 8192)
    found = verify(more)
    assert not found.ok
    assert "damaged" in found.why or "cannot read" in found.why
    # Where not even the tables can be read any more.
    file.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    with pytest.raises(StorageError, match="malformed"):
        verify(file)


async def test_while_it_is_written(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    async with writing(file) as bench:
        for number in range(5):
            bench.put(began(number), *(step(n) for n in range(200)))
            found = await asyncio.to_thread(verify, file)
            assert found.ok, found.why
        await bench.writer.flushed()
        with held(file):
            assert verify(file).entries == 5 * 201


@pytest.fixture(scope="module")
def made_anew(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("verify")


@settings(max_examples=20)
@given(batches=st.lists(st.lists(facts(), max_size=4), max_size=3), data=st.data())
def test_any_journal_is_right_until_any_byte_of_it_changes(
    made_anew: Path, batches: list[list[Fact]], data: st.DataObject
) -> None:
    # (Whose login it is, is said to the pen, and must be that of the sessions.)
    kept = [
        [f for f in batch if is_kept(f) and not isinstance(f, SessionBegan)] for batch in batches
    ]
    file = made_anew / "journal.db"
    file.unlink(missing_ok=True)
    make(file, *kept)
    found = verify(file)
    assert (found.ok, found.why) == (True, "")
    if not found.newest:
        return
    seq = data.draw(st.integers(1, found.newest))
    column = data.draw(st.sampled_from(["time", "kind", "correlation_id", "body"]))
    (text,) = rows(file, f"SELECT {column} FROM entry WHERE seq = {seq}")[0]
    other = data.draw(st.text(max_size=5).filter(lambda other: other != text))
    tamper(file, lambda c: c.execute(f"UPDATE entry SET {column} = ? WHERE seq = ?", (other, seq)))
    found = verify(file)
    assert (found.ok, found.broken) == (False, seq)
