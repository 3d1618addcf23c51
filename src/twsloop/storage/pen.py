"""One batch of facts into the file, in one transaction. It runs in the database's worker thread.

The lock on the file is taken before the newest entry is read (BEGIN IMMEDIATE), so several programs
may write to one file: each chains its entries to what is really the newest one.
"""

from __future__ import annotations

import contextlib
import functools
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from twsloop.errors import StorageError
from twsloop.events import Fact, Fill, OrderEvent, OrderIntent, OrderStep, SessionBegan
from twsloop.ids import FIRST_REQUEST_ID

from .chain import START, link
from .rows import Details, body_of, details_of, drafts_of, key_of, storable, story_of, time_of
from .schema import ADD_MARK, MARK_EVERY, columns_of

__all__ = [
    "INSERT_ENTRY",
    "Gathered",
    "Login",
    "Pen",
    "Written",
    "highest_epoch",
    "ids_of",
    "mark",
    "newest",
]

#: The facts whose order ids are in use.
_USES_IDS = (OrderIntent, OrderStep, OrderEvent, Fill)
#: So many pages of 4 kB the log may have until it is folded into the file. The commit that does so
#: waits for the disk, so it shall be one of many; the log is 16 MB then.
CHECKPOINT = 4000
#: So much of the file is kept in memory, kB: a batch changes pages of it again and again.
CACHE = 16_000
#: So many keys are looked for in one statement.
_AT_ONCE = 500

#: An entry by its columns, the hash last.
INSERT_ENTRY = "INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_RAISE_FLOOR = (
    "INSERT INTO id_floor VALUES (?, ?, ?) "
    "ON CONFLICT DO UPDATE SET highest = max(highest, excluded.highest)"
)


@attrs.frozen
class Login:
    """Who writes, as far as rows do not say so themselves.

    Attributes:
        accounts: The accounts of the login, sorted, separated by commas; empty before they are
            known.
        story: The story of what belongs to no other.
    """

    accounts: str = attrs.field(converter=storable)
    story: str = attrs.field(converter=storable)


@attrs.frozen
class Written:
    """What became of a batch.

    Attributes:
        rows: How many entries were new.
        known: How many the file had already, by their natural keys.
    """

    rows: int
    known: int


def ids_of(fact: Fact) -> tuple[int, int] | None:
    """The client id and the order id that a fact shows to be in use, if it does."""
    if isinstance(fact, _USES_IDS) and 0 < fact.order_id < FIRST_REQUEST_ID:
        return fact.client_id, fact.order_id
    return None


def newest(connection: sqlite3.Connection) -> tuple[int, str]:
    """Number and hash of the newest entry, or of the newest one that was moved away."""
    for table in ("entry", "anchor"):
        sql = f"SELECT seq, hash FROM {table} ORDER BY seq DESC LIMIT 1"  # noqa: S608  (no input)
        row = connection.execute(sql).fetchone()
        if row is not None:
            return row[0], row[1]
    return 0, START


def mark(connection: sqlite3.Connection, before: int, after: int) -> None:
    """Mark the newest entry, if it is time to, so that times are found.

    Args:
        connection: The file.
        before: The newest entry before some were written.
        after: The newest one now.
    """
    if after // MARK_EVERY > before // MARK_EVERY:
        connection.execute(ADD_MARK, (after,))


class Pen:
    """Writes batches; it remembers which session it is in. In the worker's thread alone.

    Args:
        path: The file, which must stay where it is.
        epoch: The session that is under way, as the journal counts them.
    """

    def __init__(self, path: Path, epoch: int = 0) -> None:
        self._path = path
        self._epoch = epoch
        self._floors: dict[tuple[int, str], int] = {}
        self._newest: tuple[int, str] | None = None
        self._file: tuple[int, int] | None = None

    def opened(self, connection: sqlite3.Connection) -> None:
        """The file was opened: from now on it must be the same one."""
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT}")
        connection.execute(f"PRAGMA cache_size = -{CACHE}")
        self._file = self._which()
        self._floors.clear()
        self._newest = None

    def _which(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def in_place(self) -> bool:
        """Whether the open file is still the one at its path."""
        return self._which() == self._file

    def write(self, connection: sqlite3.Connection, batch: Sequence[tuple[Fact, Login]]) -> Written:
        """Write a batch, all or nothing.

        Raises:
            StorageError: The file was deleted, or replaced by another one.
            sqlite3.Error: It cannot be written.
        """
        # Before the lock is taken: others may write meanwhile.
        texts = [(time_of(fact), body_of(fact)) for fact, _ in batch]
        raised = self._raised(batch)
        rows_of = drafts_of
        while True:
            try:
                return self._transact(connection, batch, texts, raised, rows_of)
            except sqlite3.IntegrityError:
                # Another program's entry stands where ours would.
                if self._newest is None:
                    raise
                self._newest = None
            except (UnicodeEncodeError, OverflowError):
                # Seldom, so nobody looks at each value before.
                if rows_of is details_of:
                    raise
                rows_of = details_of

    def _transact(
        self,
        connection: sqlite3.Connection,
        batch: Sequence[tuple[Fact, Login]],
        texts: Sequence[tuple[str, str]],
        raised: Mapping[tuple[int, str], int],
        rows_of: Callable[[Fact, int], Details],
    ) -> Written:
        connection.execute("BEGIN IMMEDIATE")
        try:
            rows, epoch, last = self._insert(connection, batch, texts, rows_of)
            for key, highest in raised.items():
                connection.execute(_RAISE_FLOOR, (*key, highest))
            # Last: what is committed into a file that nobody can open again would be lost.
            if not self.in_place():
                raise StorageError(
                    "the file was deleted or replaced while it was in use",
                    path=str(self._path),
                    remedy="put it back, or let a new one be made",
                )
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                with contextlib.suppress(sqlite3.Error):  # the first error says what went wrong
                    connection.execute("ROLLBACK")
            raise
        self._epoch, self._newest = epoch, last
        self._floors.update(raised)
        return Written(rows, len(batch) - rows)

    def _insert(
        self,
        connection: sqlite3.Connection,
        batch: Sequence[tuple[Fact, Login]],
        texts: Sequence[tuple[str, str]],
        rows_of: Callable[[Fact, int], Details],
    ) -> tuple[int, int, tuple[int, str]]:
        """Insert what is new; how many rows that is, the session after it, and the newest entry.

        Args:
            connection: The file.
            batch: Facts, and whose they are.
            texts: The time and the body of each.
            rows_of: Makes the rows beside the spine.
        """
        keys = [key_of(fact) for fact, _ in batch]
        known = _known(connection, [key for key in keys if key is not None])
        # The one we wrote last, if it is that: where another program has written one since, the
        # number is taken, and SQLite refuses ours.
        seq, before = self._newest or newest(connection)
        epoch, entries, details = self._epoch, [], Gathered()
        for (fact, login), key, (time, body) in zip(batch, keys, texts, strict=True):
            if key is not None:
                if key in known:
                    continue
                known.add(key)
            if isinstance(fact, SessionBegan):
                epoch = max(epoch, highest_epoch(connection)) + 1
            seq += 1
            head = (seq, time, type(fact).__name__, epoch, story_of(fact, login.story), key)
            before = link(before, head, body)
            entries.append((*head, body, before))
            details.add(seq, rows_of(fact, epoch))
        connection.executemany(INSERT_ENTRY, entries)
        details.insert(connection)
        mark(connection, seq - len(entries), seq)
        return len(entries), epoch, (seq, before)

    def _raised(self, batch: Iterable[tuple[Fact, Login]]) -> dict[tuple[int, str], int]:
        """The highest order ids that the batch uses, where they are above what the file has."""
        used: dict[tuple[int, str], int] = {}
        for fact, login in batch:
            if isinstance(fact, _USES_IDS) and 0 < fact.order_id < FIRST_REQUEST_ID:
                key = fact.client_id, login.accounts
                if fact.order_id > used.get(key, 0):
                    used[key] = fact.order_id
        floors = self._floors
        return {
            key: highest for key, highest in used.items() if key[1] and highest > floors.get(key, 0)
        }


class Gathered:
    """Rows of the tables beside the spine, by their table."""

    def __init__(self) -> None:
        self._rows: dict[str, list[tuple[Any, ...]]] = {}

    def add(self, seq: int, details: Details) -> None:
        """Take the rows of one entry."""
        for table, values in details:
            self._rows.setdefault(table, []).append((seq, *values))

    def insert(self, connection: sqlite3.Connection) -> None:
        """Insert them; their entries are there."""
        for table, rows in self._rows.items():
            connection.executemany(_insert_into(table), rows)


@functools.cache
def _insert_into(table: str) -> str:
    marks = ", ".join("?" * len(columns_of(table)))
    return f"INSERT INTO {table} VALUES ({marks})"  # noqa: S608  (a table of the schema)


def _known(connection: sqlite3.Connection, keys: Sequence[str]) -> set[str]:
    """Which of the keys the file has."""
    found: set[str] = set()
    for start in range(0, len(keys), _AT_ONCE):
        part = keys[start : start + _AT_ONCE]
        marks = ", ".join("?" * len(part))
        sql = f"SELECT natural_key FROM entry WHERE natural_key IN ({marks})"  # noqa: S608
        found.update(row[0] for row in connection.execute(sql, part))
    return found


def highest_epoch(connection: sqlite3.Connection) -> int:
    """The newest session of the file, whoever wrote it."""
    sql = (
        "SELECT max(ifnull((SELECT max(epoch) FROM session), 0), "
        "ifnull((SELECT max(epoch) FROM anchor), 0))"
    )
    return int(connection.execute(sql).fetchone()[0])
