"""A journal as text, one JSON object a line, and back: for other programs, and for keeping.

The first line is the header: what it is, in which version, how many entries follow, what the chain
goes on from, and the order ids that are used up. Each other line is one entry with its fact and its
hash, oldest first. So a file says by itself whether it is whole and as it was written:
`import_lines` takes nothing from one that is not, and what it makes is the same journal, hash for
hash.
"""

from __future__ import annotations

import functools
import json
import sqlite3
from collections.abc import Generator, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

from twsloop.database import Database
from twsloop.errors import StorageError
from twsloop.events import Fact
from twsloop.events.records import from_record

from .chain import START, canonical, link
from .pen import INSERT_ENTRY, Gathered, mark
from .queries import entries
from .rows import Entry, details_of, time_of
from .schema import MIGRATIONS

__all__ = ["FORMAT", "VERSION", "export_lines", "import_lines"]

FORMAT = "twsloop-journal"
#: The version of the lines; an importer refuses a newer one.
VERSION = 1
#: So many entries are inserted at a time.
_AT_ONCE = 2000

_FIELDS: dict[str, tuple[type, ...]] = {
    "seq": (int,),
    "time": (str,),
    "kind": (str,),
    "epoch": (int,),
    "correlation_id": (str,),
    "natural_key": (str, type(None)),
    "fact": (dict,),
    "hash": (str,),
}
_ANCHOR: dict[str, tuple[type, ...]] = {
    "seq": (int,),
    "hash": (str,),
    "epoch": (int,),
    "archive": (str,),
    "made_at": (str,),
}
_FLOOR: dict[str, tuple[type, ...]] = {"client_id": (int,), "accounts": (str,), "highest": (int,)}


# ---- out ---------------------------------------------------------------------------------
def export_lines(journal: sqlite3.Connection) -> Generator[str, None, None]:
    """A journal's lines, each with its end of line. Close it if not all of them are taken.

    Args:
        journal: A connection of `twsloop.storage.reading.reading`.

    Raises:
        StorageError: An entry is no JSON: the journal is broken there.
    """
    journal.execute("BEGIN")  # all lines are of one moment, whatever is written meanwhile
    try:
        yield _line(_header(journal))
        for entry in entries(journal):
            yield _line(_record(entry))
    finally:
        journal.execute("ROLLBACK")


def _header(journal: sqlite3.Connection) -> dict[str, Any]:
    (count,) = journal.execute("SELECT count(*) FROM entry").fetchone()
    return {
        "format": FORMAT,
        "version": VERSION,
        "entries": count,
        "anchors": _dicts(journal, "anchor ORDER BY seq"),
        "floors": _dicts(journal, "id_floor ORDER BY client_id, accounts"),
    }


def _dicts(journal: sqlite3.Connection, table: str) -> list[dict[str, Any]]:
    rows = journal.execute(f"SELECT * FROM {table}")  # noqa: S608  (a table of the schema)
    names = [column[0] for column in rows.description]
    return [dict(zip(names, row, strict=True)) for row in rows]


def _record(entry: Entry) -> dict[str, Any]:
    seq, time, kind, epoch, story, key = entry.head
    try:
        fact = json.loads(entry.body)
    except ValueError as error:
        msg = f"entry {seq} is no JSON: {error}"
        raise StorageError(msg, remedy="twsloop journal verify says what is wrong") from error
    head = {"seq": seq, "time": time, "kind": kind, "epoch": epoch, "correlation_id": story}
    return {**head, "natural_key": key, "fact": fact, "hash": entry.hash}


def _line(record: Mapping[str, Any]) -> str:
    return f"{json.dumps(record, allow_nan=False, separators=(',', ':'))}\n"


# ---- in ----------------------------------------------------------------------------------
async def import_lines(lines: Iterable[str], target: Path, *, source: str = "") -> int:
    """Make a journal out of the lines of one.

    Args:
        lines: What `export_lines` wrote.
        target: The new journal; it may be there, if nothing was written into it.
        source: The name of the lines' file, for errors.

    Returns:
        How many entries it has.

    Raises:
        StorageError: The lines are not whole, were changed, or are a newer version's; or the target
            has entries, or cannot be written. It is then as it was.
    """
    made = not _is_there(target)
    try:
        async with Database(target, migrations=MIGRATIONS, private=True, section="journal") as file:
            return await file.run(functools.partial(_import, iter(lines), target, source))
    except BaseException:
        if made:
            _remove(target)
        raise


def _is_there(file: Path) -> bool:
    return file.exists()


def _remove(file: Path) -> None:
    for name in (file.name, f"{file.name}-wal", f"{file.name}-shm"):
        file.with_name(name).unlink(missing_ok=True)


def _import(lines: Iterator[str], target: Path, source: str, file: sqlite3.Connection) -> int:
    """All or nothing; in the database's worker."""
    file.execute("BEGIN IMMEDIATE")
    try:
        for table in ("entry", "anchor"):
            if file.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone():  # noqa: S608
                raise StorageError(
                    "it has entries already", path=str(target), remedy="import into a new file"
                )
        reader = _Lines(lines, source)
        _fill(file, "anchor", reader.anchors)
        _fill(file, "id_floor", reader.floors)
        count = 0
        found = reader.entries()
        while batch := list(islice(found, _AT_ONCE)):
            count += len(batch)
            details, rows = Gathered(), []
            for entry, fact in batch:
                rows.append((*entry.head, entry.body, entry.hash))
                details.add(entry.seq, details_of(fact, entry.epoch))
            file.executemany(INSERT_ENTRY, rows)
            details.insert(file)
            newest = batch[-1][0].seq
            mark(file, newest - len(batch), newest)
        file.execute("COMMIT")
    except BaseException:
        if file.in_transaction:
            file.execute("ROLLBACK")
        raise
    return count


def _fill(file: sqlite3.Connection, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
    for row in rows:
        names, marks = ", ".join(row), ", ".join("?" * len(row))
        sql = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608  (columns as checked)
        file.execute(sql, tuple(row.values()))


class _Lines:
    """Reads lines, and believes none of them.

    Args:
        lines: They.
        source: Their file's name, for errors.
    """

    def __init__(self, lines: Iterator[str], source: str) -> None:
        self._lines, self._source, self._number = lines, source, 0
        header = self._next()
        if header is None or header.get("format") != FORMAT:
            self._complain("it is no export of a journal")
        if header.get("version") != VERSION:
            self._complain(
                f"its version is {header.get('version')}; this twsloop knows {VERSION}",
                "update twsloop",
            )
        self._count = header.get("entries")
        self.anchors = self._rows(header, "anchors", _ANCHOR)
        self.floors = self._rows(header, "floors", _FLOOR)

    def entries(self) -> Iterator[tuple[Entry, Fact]]:
        """Each entry with its fact, once its hash is found right."""
        last: dict[str, Any] = self.anchors[-1] if self.anchors else {"seq": 0, "hash": START}
        seq, before, count = last["seq"], last["hash"], 0
        while (record := self._next()) is not None:
            entry, fact = self._entry(record)
            seq, count = seq + 1, count + 1
            if entry.seq != seq:
                self._complain(f"entry {seq} is missing: this is {entry.seq}")
            if link(before, entry.head, entry.body) != entry.hash:
                self._complain(f"the hash of entry {seq} is wrong: it, or one before, was changed")
            before = entry.hash
            yield entry, fact
        if count != self._count:
            self._complain(f"it ends after {count} of {self._count} entries")

    def _entry(self, record: Mapping[str, Any]) -> tuple[Entry, Fact]:
        if not _is_like(record, _FIELDS):
            self._complain("it is no entry")
        told = {name: record[name] for name in _FIELDS if name != "fact"}
        try:
            fact = from_record(record["fact"])
            entry = Entry(**told, body=canonical(record["fact"]))
        except ValueError as error:
            self._complain(str(error))
        if (entry.kind, entry.time) != (type(fact).__name__, time_of(fact)):
            self._complain("its kind or its time is not that of its fact")
        return entry, fact

    def _next(self) -> dict[str, Any] | None:
        """The next line's object; None after the last. Empty lines say nothing."""
        for line in self._lines:
            self._number += 1
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except ValueError as error:
                self._complain(f"it is no JSON: {error}")
            if not isinstance(record, dict):
                self._complain("it is no JSON object")
            return record
        return None

    def _rows(
        self, header: Mapping[str, Any], name: str, fields: Mapping[str, tuple[type, ...]]
    ) -> list[dict[str, Any]]:
        rows = header.get(name)
        if not isinstance(rows, list) or not all(_is_like(row, fields) for row in rows):
            self._complain(f"its {name} cannot be read")
        return rows

    def _complain(self, problem: str, remedy: str = "") -> NoReturn:
        raise StorageError(
            f"line {self._number}: {problem}", path=self._source or None, remedy=remedy
        )


def _is_like(record: Any, fields: Mapping[str, tuple[type, ...]]) -> bool:
    """Whether an object has just these fields, of these types."""
    return (
        isinstance(record, dict)
        and set(record) == set(fields)
        and all(type(record[name]) in kinds for name, kinds in fields.items())
    )
