"""Whether a journal is whole, and as it was written.

What is checked, from the first entry to the newest one: SQLite's own structure; the tables, the
views and the guards; the chain of hashes, without a hole; each row beside the spine, which must say
just what its entry's fact says, and be there just if that fact has one; and the floors of order
ids, which no intent may exceed.

What a chain cannot show: that rows are missing at its very end, and that somebody with all
knowledge made the whole of it anew. A hash that was noted elsewhere shows both (``noted``).
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import attrs

from twsloop.ids import FIRST_REQUEST_ID

from .chain import START, link
from .reading import UNREADABLE, reading
from .rows import Entry, details_of
from .schema import DETAIL_TABLES, MIGRATIONS

__all__ = ["Verification", "verify"]


@attrs.frozen(kw_only=True)
class Verification:
    """What `verify` found.

    Attributes:
        ok: Nothing is wrong.
        why: What is wrong first, in words; empty if nothing is.
        broken: Number of the first entry that is wrong; None if none is, or none is to blame.
        entries: How many entries were found to be right.
        newest: Number of the newest of them; 0 if there is none.
        hash: Its hash: whoever notes both can prove later that nothing before was touched.
        moved: Number of the last entry that retention moved away; 0 if it did not.
        unread: How many entries have a fact that this version cannot read; their hashes are right.
    """

    ok: bool
    why: str = ""
    broken: int | None = None
    entries: int = 0
    newest: int = 0
    hash: str = START
    moved: int = 0
    unread: int = 0


class _Broken(Exception):
    """Something is wrong; the text says what."""

    def __init__(self, why: str, seq: int | None = None) -> None:
        super().__init__(why)
        self.why, self.seq = why, seq


def verify(path: Path, *, noted: tuple[int, str] | None = None) -> Verification:
    """Check a journal; a program may go on writing to it meanwhile.

    Args:
        path: The file.
        noted: Number and hash of an entry, as an earlier check told them.

    Raises:
        StorageError: There is no such file, it is no journal, or a newer version made it.
    """
    with reading(path) as file:
        file.execute("BEGIN")  # one state of the file, whatever is written meanwhile
        check = _Check(file, noted)
        try:
            check.run()
        except _Broken as broken:
            return check.result(broken.why, broken.seq)
        except UNREADABLE as error:
            return check.result(f"SQLite cannot read it: {error}", None)
        return check.result("", None)


class _Check:
    """One check, as far as it has come."""

    def __init__(self, file: sqlite3.Connection, noted: tuple[int, str] | None) -> None:
        self._file, self._noted = file, noted
        self._before, self._seq, self._moved = START, 0, 0
        self._right = self._unread = 0
        self._latest = ""
        self._marks: dict[int, str] = {}

    def result(self, why: str, broken: int | None) -> Verification:
        return Verification(
            ok=not why,
            why=why,
            broken=broken,
            entries=self._right,
            newest=self._seq,
            hash=self._before,
            moved=self._moved,
            unread=self._unread,
        )

    def run(self) -> None:
        self._structure()
        self._schema()
        anchor = self._file.execute("SELECT seq, hash FROM anchor ORDER BY seq DESC").fetchone()
        if anchor is not None:
            self._seq, self._before = anchor
            self._moved = self._seq
            if self._noted is not None and self._noted[0] < self._moved:
                raise _Broken(f"entry {self._noted[0]} is in an archive: check it there")
            self._note()
        beside = {table: _Rows(self._file, table) for table in DETAIL_TABLES}
        self._marks = dict(map(tuple, self._file.execute("SELECT seq, latest FROM mark")))
        for row in self._file.execute("SELECT * FROM entry ORDER BY seq"):
            self._entry(Entry(**dict(row)), beside)
        for table, rows in beside.items():
            if rows.seq is not None:
                raise _Broken(f"{table} has a row without an entry", rows.seq)
        if self._marks:
            raise _Broken("mark has a row without an entry", min(self._marks))
        if self._noted is not None and self._noted[0] > self._seq:
            raise _Broken(f"entries are missing at the end: {self._noted[0]} was noted")
        self._floors()

    def _structure(self) -> None:
        for (found,) in self._file.execute("PRAGMA quick_check(1)"):
            if found != "ok":
                raise _Broken(f"the file is damaged: {found}")

    def _schema(self) -> None:
        """Tables, views and guards are what they were made as."""
        found = dict(self._file.execute("SELECT name, sql FROM sqlite_schema").fetchall())
        (version,) = self._file.execute("PRAGMA user_version").fetchone()
        for name, sql in _made(version).items():
            if found.get(name) != sql:
                what = "is not what it was made as" if name in found else "is missing"
                raise _Broken(f"{name} of the file's schema {what}")

    def _entry(self, entry: Entry, beside: dict[str, _Rows]) -> None:
        seq = self._seq + 1
        if entry.seq != seq:
            missing = f"entry {seq} is missing" if entry.seq > seq else f"entry {entry.seq} is old"
            raise _Broken(missing, min(seq, entry.seq))
        if link(self._before, entry.head, entry.body) != entry.hash:
            raise _Broken(f"entry {seq} is not what was written: its hash does not fit", seq)
        found = {table: row for table, rows in beside.items() if (row := rows.take(seq))}
        try:
            expected = dict(details_of(entry.fact(), entry.epoch))
        except ValueError:
            self._unread += 1
        else:
            for table in DETAIL_TABLES:
                if found.get(table) != expected.get(table):
                    why = f"entry {seq} and its row in {table} do not say the same"
                    raise _Broken(why, seq)
        self._latest = max(self._latest, entry.time)
        if self._marks.pop(seq, self._latest) < self._latest:
            raise _Broken(f"mark {seq} says that no entry up to it is as late as one is", seq)
        self._seq, self._before = seq, entry.hash
        self._right += 1
        self._note()

    def _note(self) -> None:
        """Here is the hash that was noted, if it was one of this entry."""
        noted = self._noted
        if noted is not None and noted[0] == self._seq and noted[1] != self._before:
            raise _Broken(f"entry {self._seq} has another hash than the one noted", self._seq)

    def _floors(self) -> None:
        below = self._file.execute(
            """
            SELECT i.seq, i.order_id FROM intent i
            JOIN entry e ON e.seq = i.seq
            JOIN session s ON s.epoch = e.epoch AND s.accounts <> ''
            LEFT JOIN id_floor f ON f.client_id = i.client_id AND f.accounts = s.accounts
            WHERE i.order_id < ? AND ifnull(f.highest, 0) < i.order_id LIMIT 1
            """,
            (FIRST_REQUEST_ID,),
        ).fetchone()
        if below is not None:
            raise _Broken(f"the floor of order ids is below order {below[1]}", below[0])


class _Rows:
    """The rows of one table beside the spine, in their order."""

    def __init__(self, file: sqlite3.Connection, table: str) -> None:
        self._cursor = file.execute(f"SELECT * FROM {table} ORDER BY seq")  # noqa: S608
        self._next: tuple[Any, ...] | None = None
        self._advance()

    def _advance(self) -> None:
        row = self._cursor.fetchone()
        self._next = None if row is None else tuple(row)

    @property
    def seq(self) -> int | None:
        """Whose the next row is."""
        return None if self._next is None else self._next[0]

    def take(self, seq: int) -> tuple[Any, ...] | None:
        """The row of an entry without its number, if there is one."""
        if self._next is None or self._next[0] > seq:
            return None
        row = self._next
        self._advance()
        # One of an earlier entry was not taken with it: it is as wrong as one that differs.
        return row[1:] if row[0] == seq else row


def _made(version: int) -> dict[str, str]:
    """What the schema of a version is made of: name to SQL."""
    with contextlib.closing(sqlite3.connect(":memory:")) as model:
        for migration in MIGRATIONS[:version]:
            for statement in migration.statements:
                model.execute(statement)
        found = model.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL")
        return dict(found.fetchall())
