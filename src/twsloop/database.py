"""One SQLite file, through aiosqlite: opened well, migrated, backed up, and closed on every path.

Why closing needs a theory. aiosqlite runs each connection in a thread of its own, and that thread
is not a daemon: a connection that nobody closes keeps the interpreter from ending. And SQLite's
write-ahead log is folded into the file only by a clean close. So:

* `Database.open` and `Database.close` run to their end even if the task that waits for them is
  cancelled meanwhile; a cancelled open closes what it had opened, and then is cancelled.
* A program that forgets to close, or ends by an exception between, is caught by a daemon thread
  (one per process, started with the first database). It waits for the main thread to end, leaves
  every database alone whose event loop still runs (its owner is about to close it), and stops the
  worker of each other one.

All use of one `Database` belongs to the event loop it was opened on. Writes of several tasks do not
mix: a transaction holds the connection until it ends. `Database.connect` needs no loop: it opens
the file in the thread that calls, for a few statements.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import sqlite3
import stat
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

import aiosqlite
import attrs

from twsloop.database_watch import WATCH
from twsloop.errors import StorageError

__all__ = ["MIGRATIONS", "Database", "Migration", "Transaction"]

_T = TypeVar("_T")

#: SQLite's application id of our files: "twsl" in ASCII. A file of another program has another.
APPLICATION_ID = int.from_bytes(b"twsl", "big")

#: How long we wait between two tries of what another program holds, seconds.
BUSY_INTERVAL = 0.01
#: How many rows the worker hands over at once where a result is read bit by bit.
CHUNK = 64


@attrs.frozen
class Migration:
    """One step of the schema; steps are numbered from 1 and never changed once released.

    Attributes:
        number: Its place.
        name: What it does.
        statements: SQL, run in one transaction.
    """

    number: int
    name: str
    statements: tuple[str, ...]


#: Every step so far.
MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        1,
        "saved subscriptions of the command line",
        (
            """
            CREATE TABLE saved_subscription (
                symbol TEXT PRIMARY KEY NOT NULL CHECK (symbol <> ''),
                position INTEGER NOT NULL,
                added_at TEXT NOT NULL
            ) STRICT
            """,
        ),
    ),
)

#: The settings of each kind of file: which names it, and which says how long to wait for others.
SETTINGS = {
    "storage": ("[storage] database", "[storage] busy_timeout"),
    "journal": ("[journal] file", "[journal] deadline"),
}

#: What SQLite says, and what to do about it.
_REMEDIES = (
    ("locked", "another program is writing to it: let it finish, or raise {patience}"),
    ("unable to open", "see that its folder exists and may be written, or set {file}"),
    ("readonly", "see that the file and its folder may be written, or set {file}"),
    ("not a database", "move the file away, or put a backup in its place"),
    ("malformed", "move the file away, or put a backup in its place"),
    ("disk is full", "make room on the disk"),
    ("disk i/o", "see that the disk works and is not full"),
)


async def _to_the_end(work: Coroutine[Any, Any, _T]) -> tuple[_T, asyncio.CancelledError | None]:
    """Run work that must not stop half-way; a cancel is given back once it is done."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    return task.result(), cancelled


class Transaction:
    """What can be done between begin and commit; made by `Database.transaction`."""

    def __init__(self, database: Database, connection: aiosqlite.Connection) -> None:
        self._database = database
        self._connection = connection

    async def execute(self, sql: str, parameters: Iterable[Any] = ()) -> int:
        """Run one statement; how many rows it changed."""
        with self._database.explained("write to it"):
            async with self._connection.execute(sql, tuple(parameters)) as cursor:
                return cursor.rowcount

    async def execute_many(self, sql: str, rows: Iterable[Iterable[Any]]) -> int:
        """Run one statement for many rows; how many it changed."""
        with self._database.explained("write to it"):
            async with self._connection.executemany(sql, [tuple(row) for row in rows]) as cursor:
                return cursor.rowcount

    async def fetch(self, sql: str, parameters: Iterable[Any] = ()) -> list[sqlite3.Row]:
        """All rows of a query."""
        with self._database.explained("read it"):
            return list(await self._connection.execute_fetchall(sql, tuple(parameters)))


@attrs.frozen
class _Opening:
    """How a file is opened, in the thread of its connection.

    In one step: there are a dozen statements, and each by itself would be a way to the worker and
    back. It knows nothing of the `Database`, which the worker would keep alive by what it did last.
    """

    path: Path
    migrations: tuple[Migration, ...]
    busy_timeout: float
    sync: str
    private: bool
    file_key: str

    def connect(self) -> sqlite3.Connection:
        """Open the file, and bring its schema up to date."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.private:
            _create_private(self.path)
        connection = sqlite3.connect(self.path, timeout=self.busy_timeout, isolation_level=None)
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Set the switches, then run the migrations that are missing."""
        connection.row_factory = sqlite3.Row
        connection.execute(f"PRAGMA busy_timeout = {int(self.busy_timeout * 1000)}")
        # In one transaction: between the two, another program might make its tables.
        connection.execute("BEGIN")
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        (owner,) = connection.execute("PRAGMA application_id").fetchone()
        connection.execute("COMMIT")
        if owner != APPLICATION_ID and tables:
            raise StorageError(
                "it is a database of another program",
                path=str(self.path),
                remedy=f"set {self.file_key} to a file of its own",
            )
        if self.private:  # now that it is known to be ours
            _make_private(self.path)
        self._use_wal(connection)
        connection.execute(f"PRAGMA synchronous = {self.sync}")
        connection.execute("PRAGMA foreign_keys = ON")
        self._migrate(connection)

    def _use_wal(self, connection: sqlite3.Connection) -> None:
        """Switch the write-ahead log on; SQLite's own patience does not cover this switch."""
        deadline = time.monotonic() + self.busy_timeout
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() >= deadline:
                    raise
                time.sleep(BUSY_INTERVAL)
            else:
                return

    def _migrate(self, connection: sqlite3.Connection) -> None:
        """Run the steps that the file has not seen, each in a transaction of its own."""
        newest = len(self.migrations)
        while True:
            # The lock comes before the look: two programs may open a new file at once.
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                (version,) = connection.execute("PRAGMA user_version").fetchone()
                if version > newest:
                    raise StorageError(
                        f"its schema is version {version}; this twsloop knows {newest}",
                        path=str(self.path),
                        remedy=f"update twsloop, or set {self.file_key} to another file",  # noqa: S608
                    )
                if version < newest:
                    for statement in self.migrations[version].statements:
                        connection.execute(statement)
                    connection.execute(f"PRAGMA user_version = {version + 1}")
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            if version >= newest:
                return


class Database:
    """One open SQLite file.

    Use it as ``async with Database(path) as db``, or `open` and `close`.

    Args:
        path: The file; its folder is made when it is missing.
        migrations: The schema's steps.
        busy_timeout: How long to wait for another program that writes, seconds.
        sync: ``full``: a commit survives a loss of power; ``normal``: only the end of the program;
            ``off``: the file itself may not survive a loss of power just then.
        private: Nobody but the owner may read the file, its log, and copies of it.
        section: The section of the settings that names the file; errors say so.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        migrations: Sequence[Migration] = MIGRATIONS,
        busy_timeout: float = 5.0,
        sync: Literal["full", "normal", "off"] = "full",
        private: bool = False,
        section: str = "storage",
    ) -> None:
        numbers = [migration.number for migration in migrations]
        if numbers != list(range(1, len(numbers) + 1)):
            msg = f"migrations are numbered 1, 2, 3...; these are {numbers}"
            raise ValueError(msg)
        self.path = Path(path)
        self._private = private
        self._file_key, self._patience_key = SETTINGS[section]
        self._opening = _Opening(
            self.path, tuple(migrations), busy_timeout, sync, private, self._file_key
        )
        self._connection: aiosqlite.Connection | None = None
        self._turn = asyncio.Lock()
        self.loop: asyncio.AbstractEventLoop | None = None

    # ------------------------------------------------------------------------- open and close
    @property
    def is_open(self) -> bool:
        """Whether it can be used."""
        return self._connection is not None

    async def open(self) -> Self:
        """Open the file and bring its schema up to date.

        Raises:
            StorageError: It cannot be opened, is no database of ours, or is newer than we are.
        """
        if self._connection is not None:
            return self
        self.loop = asyncio.get_running_loop()
        _, cancelled = await _to_the_end(self._open())
        if cancelled is not None:
            await self.close()
            raise cancelled
        return self

    async def _open(self) -> None:
        """Open; whatever goes wrong, no thread stays behind."""
        with self.explained("open it"):
            connection = aiosqlite.Connection(self._opening.connect, CHUNK)
            WATCH.add(self, connection)
            try:
                await connection
            except BaseException:
                await _close(connection)
                WATCH.remove(connection)
                raise
        self._connection = connection

    def connect(self) -> sqlite3.Connection:
        """Open the file in this thread, and bring its schema up to date; the caller closes it.

        For a few statements, seldom: there is no worker, no loop, and nobody who closes what was
        forgotten.

        Raises:
            StorageError: It cannot be opened, is no database of ours, or is newer than we are.
        """
        with self.explained("open it"):
            return self._opening.connect()

    async def close(self) -> None:
        """Close the file; a second call does nothing, and a cancel does not stop it half-way."""
        connection = self._connection
        self._connection = None
        if connection is None:
            return
        try:
            with self.explained("close it"):
                _, cancelled = await _to_the_end(_close(connection))
        finally:
            WATCH.remove(connection)
        if cancelled is not None:
            raise cancelled

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    # ------------------------------------------------------------------------------------ use
    def _live(self) -> aiosqlite.Connection:
        """The connection, or the error that it is closed."""
        if self._connection is None:
            raise StorageError("the database is not open", path=str(self.path))
        return self._connection

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """All or nothing: commits at the end of the block, rolls back when it raises.

        Use the `Transaction` inside the block; the database's own methods wait until it ends.
        """
        async with self._turn:
            connection = self._live()
            with self.explained("write to it"):
                await _begin(connection)
            try:
                yield Transaction(self, connection)
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    await _to_the_end(connection.rollback())
                raise
            with self.explained("write to it"):
                try:
                    _, cancelled = await _to_the_end(connection.commit())
                except sqlite3.Error:
                    await _to_the_end(connection.rollback())
                    raise
            if cancelled is not None:
                raise cancelled

    async def execute(self, sql: str, parameters: Iterable[Any] = ()) -> int:
        """Run and commit one statement; how many rows it changed."""
        async with self._turn:
            return await Transaction(self, self._live()).execute(sql, parameters)

    async def fetch(self, sql: str, parameters: Iterable[Any] = ()) -> list[sqlite3.Row]:
        """All rows of a query."""
        async with self._turn:
            return await Transaction(self, self._live()).fetch(sql, parameters)

    async def run(self, job: Callable[[sqlite3.Connection], _T]) -> _T:
        """Run a function on the worker's own connection, in the worker's thread.

        A whole transaction is one trip to the other thread then, and not one a statement: that is
        most of what writing a row costs. The function must leave no transaction open.
        """
        async with self._turn:
            connection = self._live()
            with self.explained("write to it"):
                result, cancelled = await _to_the_end(_in_worker(connection, job))
            if cancelled is not None:
                raise cancelled
            return result

    def start(self, job: Callable[[sqlite3.Connection], _T]) -> asyncio.Future[_T] | None:
        """Hand a function to the worker now, before this returns; else as `run`.

        For what must not wait for a turn of the loop. Errors are SQLite's own: see `explained`. The
        future must not be cancelled: the function runs all the same.

        Returns:
            None if the connection has to be waited for: it is in a transaction of somebody else.
        """
        connection = self._live()
        if self._turn.locked():
            return None
        future: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
        # As aiosqlite itself hands its functions over; it has no public call that does not wait.
        connection._tx.put_nowait((future, functools.partial(job, connection._conn)))  # noqa: SLF001
        return future

    async def backup(self, target: str | Path) -> None:
        """Write a whole, compact copy while the database is in use; it replaces ``target``.

        Raises:
            StorageError: The copy cannot be written; an older ``target`` is then untouched.
        """
        target = Path(target)
        unfinished = target.with_name(f"{target.name}.unfinished")
        async with self._turn:
            connection = self._live()
            with self.explained(f"back it up to {target}"):
                _remove(unfinished)
                if self._private:
                    _make_private(unfinished)
                try:
                    await connection.execute("VACUUM INTO ?", (str(unfinished),))
                    _rename(unfinished, target)
                finally:
                    _remove(unfinished)

    @contextlib.contextmanager
    def explained(self, what: str) -> Iterator[None]:
        """Turn SQLite's and the system's errors into ours, with the file and a remedy."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            text = str(error)
            remedy = next((r for sign, r in _REMEDIES if sign in text.lower()), "")
            remedy = remedy.format(file=self._file_key, patience=self._patience_key)
            if isinstance(error, OSError):
                text = error.strerror or text
                remedy = f"see that its folder may be written, or set {self._file_key}"
            msg = f"cannot {what}: {text}"
            raise StorageError(msg, path=str(self.path), remedy=remedy) from error


# Small enough for the loop's own thread; and `asyncio.to_thread` refuses to work once the main
# thread has ended, which is just when a program that forgot to close is closed.
def _create_private(file: Path) -> None:
    """Make the file, if there is none, such that nobody but its owner can read it.

    One that is there is never opened, only to be closed: the system then takes away all locks that
    this process has on it, those of SQLite's connections, too. Another program would believe that
    nobody uses the file, and delete the log that is being written.
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def _make_private(file: Path) -> None:
    """Make the file if there is none, and let nobody but its owner read it.

    SQLite gives its log and its index of the log the rights of the file.
    """
    _create_private(file)
    mode = file.stat().st_mode
    if stat.S_ISREG(mode) and stat.S_IMODE(mode) & 0o077:
        file.chmod(0o600)


def _remove(file: Path) -> None:
    file.unlink(missing_ok=True)


def _rename(file: Path, target: Path) -> None:
    file.replace(target)


async def _ended(connection: aiosqlite.Connection) -> None:
    """Wait for a stopped connection's thread: what it still has to say needs our loop alive."""
    thread: Any = getattr(connection, "_thread", connection)
    for _ in range(1000):
        if not thread.is_alive():
            return
        await asyncio.sleep(0.001)


async def _close(connection: aiosqlite.Connection) -> None:
    """Close, and see the thread end."""
    try:
        await connection.close()
    finally:
        await _ended(connection)


async def _in_worker(
    connection: aiosqlite.Connection, job: Callable[[sqlite3.Connection], _T]
) -> _T:
    """Run a function in the worker's thread, on its own connection."""
    # aiosqlite has no public call for this; its own methods are all made with this one.
    done: _T = await connection._execute(job, connection._conn)  # type: ignore[no-untyped-call]  # noqa: SLF001
    return done


async def _begin(connection: aiosqlite.Connection) -> None:
    """Begin to write; a cancel meanwhile takes the beginning back."""
    _, cancelled = await _to_the_end(_execute(connection, "BEGIN IMMEDIATE"))
    if cancelled is not None:
        await _to_the_end(connection.rollback())
        raise cancelled


async def _execute(connection: aiosqlite.Connection, sql: str) -> None:
    """One statement without a result."""
    await connection.execute(sql)
