"""Reading a journal's file: no writer is disturbed, and nothing can be written."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from twsloop.database import APPLICATION_ID
from twsloop.errors import StorageError

from .schema import MIGRATIONS
from .slate import take_in_before_reading

__all__ = ["UNREADABLE", "Rows", "read_file", "reading"]

Rows = list[sqlite3.Row]

#: What reading a file raises: a broken schema is quoted by SQLite, and may be no text for Python.
UNREADABLE = (sqlite3.Error, UnicodeDecodeError)


@contextlib.contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that can only read; a program may go on writing meanwhile.

    What a killed process left beside the file is taken in first (`slate`).

    Raises:
        StorageError: There is no such file, it is no journal, a newer version made it, or it cannot
            be read.
    """
    if not path.is_file():
        raise StorageError("there is no such file", path=str(path), remedy="name a journal")
    take_in_before_reading(path)
    try:
        connection = _connect(path)
    except UNREADABLE as error:
        raise _explained(error, path) from error
    try:
        connection.row_factory = sqlite3.Row
        _check(connection, path)
        yield connection
    except UNREADABLE as error:
        raise _explained(error, path) from error
    finally:
        connection.close()


def _connect(path: Path) -> sqlite3.Connection:
    """A connection that has read something.

    SQLite keeps an index beside a file that may be written, also to read it. A copy that stands
    where nothing can be written has nobody who writes to it, either: it is read without.
    """
    uri = path.absolute().as_uri()
    try:
        return _tried(f"{uri}?mode=ro")
    except sqlite3.OperationalError:
        if path.with_name(f"{path.name}-wal").exists():
            raise
        return _tried(f"{uri}?mode=ro&immutable=1")


def _tried(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True)
    try:
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except UNREADABLE:
        connection.close()
        raise
    return connection


def read_file(path: Path, sql: str, parameters: Sequence[Any] = ()) -> Rows:
    """All rows of a query; see `reading`."""
    with reading(path) as connection:
        return connection.execute(sql, tuple(parameters)).fetchall()


def _check(connection: sqlite3.Connection, path: Path) -> None:
    """See that it is a journal that we know."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    spine = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'entry'").fetchone()
    if application != APPLICATION_ID or spine is None:
        raise StorageError("it is no journal", path=str(path), remedy="name a journal")
    if version > len(MIGRATIONS):
        raise StorageError(
            f"its schema is version {version}; this twsloop knows {len(MIGRATIONS)}",
            path=str(path),
            remedy="update twsloop",
        )
    if version == 1:
        # Before there were marks: without any, a time is looked for in all that there is.
        connection.execute("CREATE TEMP TABLE mark (seq INTEGER PRIMARY KEY, latest TEXT)")


def _explained(error: Exception, path: Path) -> StorageError:
    return StorageError(
        f"cannot read it: {error}",
        path=str(path),
        remedy="see that it may be read, and is a journal; a backup may stand beside it",
    )
