"""The journal's tables: rows come, and neither change nor go."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from twsloop.storage.schema import (
    DETAIL_TABLES,
    MIGRATIONS,
    PROTECTED_TABLES,
    columns_of,
    guards_of,
)

HASH = "0" * 64
ENTRY = "INSERT INTO entry VALUES (?, '2026-01-05T12:00:00.000000+00:00', 'X', 0, 's', ?, '{}', ?)"


@pytest.fixture
def file() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    for migration in MIGRATIONS:
        for statement in migration.statements:
            connection.execute(statement)
    yield connection
    connection.close()


def a_row(file: sqlite3.Connection, table: str) -> None:
    """Put entry 1 and a row of a table under it."""
    if table == "anchor":
        file.execute("INSERT INTO anchor VALUES (1, ?, 1, 'old.db', 'now')", (HASH,))
        return
    file.execute(ENTRY, (1, None, HASH))
    if table == "entry":
        return
    kinds = {name: kind for _, name, kind, *_ in file.execute(f"PRAGMA table_info({table})")}
    values = [1 if kind == "INTEGER" else "1" for kind in kinds.values()]
    file.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(values))})", values)


@pytest.mark.parametrize("table", PROTECTED_TABLES)
def test_a_row_can_neither_change_nor_go(file: sqlite3.Connection, table: str) -> None:
    a_row(file, table)
    before = file.execute(f"SELECT * FROM {table}").fetchall()
    assert len(before) == 1
    for sql in (
        f"DELETE FROM {table}",
        f"UPDATE {table} SET seq = 5",
        f"UPDATE {table} SET seq = seq",
    ):
        with pytest.raises(sqlite3.IntegrityError, match=f"append-only: {table}"):
            file.execute(sql)
    with pytest.raises(sqlite3.IntegrityError):
        a_row(file, table)
    assert file.execute(f"SELECT * FROM {table}").fetchall() == before


def test_an_entry_cannot_be_written_over_nor_slipped_in(file: sqlite3.Connection) -> None:
    file.execute(ENTRY, (2, "key", HASH))
    for seq in (1, 2):
        for verb in ("INSERT", "INSERT OR REPLACE", "INSERT OR IGNORE"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only: entry"):
                file.execute(ENTRY.replace("INSERT", verb), (seq, None, HASH))
    with pytest.raises(sqlite3.IntegrityError, match="natural_key"):
        file.execute(ENTRY, (3, "key", HASH))
    file.execute(ENTRY, (3, None, HASH))
    file.execute(ENTRY, (4, None, HASH))


def test_every_table_is_strict_and_protected(file: sqlite3.Connection) -> None:
    tables = dict(file.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table'"))
    assert all("STRICT" in sql for sql in tables.values())
    assert set(tables) == {*PROTECTED_TABLES, "id_floor"}
    triggers = {
        name for (name,) in file.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
    }
    assert {name for table in PROTECTED_TABLES for name in guards_of(table)} <= triggers


@pytest.mark.parametrize("table", DETAIL_TABLES)
def test_a_detail_needs_its_entry(file: sqlite3.Connection, table: str) -> None:
    a_row(file, table)
    assert columns_of(table) == tuple(
        name for _, name, *_ in file.execute(f"PRAGMA table_info({table})")
    )
    # Nothing that is money, a price or a size is kept as a binary number.
    assert not any(kind == "REAL" for _, _, kind, *_ in file.execute(f"PRAGMA table_info({table})"))
    values = ", ".join(["2", *(columns_of(table)[1:])])
    with pytest.raises(sqlite3.IntegrityError):
        file.execute(f"INSERT INTO {table} SELECT {values} FROM {table}")


def test_a_floor_only_rises(file: sqlite3.Connection) -> None:
    upsert = (
        "INSERT INTO id_floor VALUES (0, 'DU1', ?) "
        "ON CONFLICT DO UPDATE SET highest = max(highest, excluded.highest)"
    )
    for highest in (5, 9, 7):
        file.execute(upsert, (highest,))
    assert file.execute("SELECT highest FROM id_floor").fetchall() == [(9,)]
    with pytest.raises(sqlite3.IntegrityError, match="never sinks"):
        file.execute("UPDATE id_floor SET highest = 8")
    with pytest.raises(sqlite3.IntegrityError, match="never goes"):
        file.execute("DELETE FROM id_floor")


def test_the_history_of_orders_is_one_view(file: sqlite3.Connection) -> None:
    for seq, table in enumerate(("order_event", "intent", "execution"), start=1):
        file.execute(ENTRY, (seq, None, HASH))
        kinds = {name: kind for _, name, kind, *_ in file.execute(f"PRAGMA table_info({table})")}
        values = [seq] + [7 if kinds[n] == "INTEGER" else "t" for n in columns_of(table)[1:]]
        file.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(values))})", values)
    rows = file.execute(
        "SELECT seq, epoch, client_id, order_id, perm_id, event FROM order_history ORDER BY seq"
    ).fetchall()
    assert rows == [
        (1, 0, 7, 7, 7, "t"),
        (2, 0, 7, 7, None, "OrderIntent"),
        (3, 0, 7, 7, 7, "Fill"),
    ]
