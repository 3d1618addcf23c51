"""Which program of this machine has which client id: leases in a file that all of them share.

A gateway takes each client id once. A second program with the same id is turned away (326), and
what it reads then does not say by whom. Worse, after a loss the two fight over the id. So a program
takes a lease before it connects: a row that names the gateway, the client id and the process. A
second one is refused with the process id of the first, before anything was sent.

A lease is the process's. It is over when its owner gives it back or is dead: a process id alone
does not tell (the system gives it to another one later), so its start time stands beside it; and of
a process that cannot be looked at (another machine or container shares the file, or the system does
not say when processes began), the beat that it writes every so often tells.

Two connections of one process may use one id as far as this file is concerned: the gateway will say
what it thinks of that. Each has a row of its own, so that the end of one does not give away what
the other still has. The file is a convenience. If it cannot be used, a warning says so, and the
session is made without it. It is used in threads that nobody has to wait for: a file on a network
drive may hang in a call of the system that nothing interrupts. And nothing waits for the disk: no
holder survives a loss of power, so its lease need not.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import sqlite3
import sys
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from twsloop.clock import SystemClock, Timer
from twsloop.database import Database, Migration
from twsloop.errors import ClientIdLeased, StorageError

from .processes import Process, here, is_alive
from .stages import Target
from .waits import aside

if TYPE_CHECKING:
    from .core import Core

__all__ = ["ClientIdLease", "Holder", "LeaseFile"]

logger = logging.getLogger(__name__)

MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        1,
        "leases of client ids",
        (
            """
            CREATE TABLE lease (
                address TEXT NOT NULL,
                client_id INTEGER NOT NULL,
                token TEXT NOT NULL,
                node TEXT NOT NULL,
                pid INTEGER NOT NULL,
                started TEXT NOT NULL,
                program TEXT NOT NULL,
                taken_at TEXT NOT NULL,
                beat_at TEXT NOT NULL,
                PRIMARY KEY (address, client_id)
            ) STRICT, WITHOUT ROWID
            """,
        ),
    ),
    Migration(
        2,
        "one row a connection",
        (
            "ALTER TABLE lease RENAME TO lease_of_one",
            """
            CREATE TABLE lease (
                address TEXT NOT NULL,
                client_id INTEGER NOT NULL,
                token TEXT NOT NULL,
                node TEXT NOT NULL,
                pid INTEGER NOT NULL,
                started TEXT NOT NULL,
                program TEXT NOT NULL,
                taken_at TEXT NOT NULL,
                beat_at TEXT NOT NULL,
                PRIMARY KEY (address, client_id, token)
            ) STRICT, WITHOUT ROWID
            """,
            "INSERT INTO lease SELECT * FROM lease_of_one",
            "DROP TABLE lease_of_one",
        ),
    ),
)

#: How often the holder of a lease says that it lives, seconds.
BEAT = 20.0
#: A holder that cannot be looked at, and has been silent for so long, is dead.
SILENT = timedelta(seconds=3.5 * BEAT)
#: How long another program may keep the file to itself, seconds: no connect waits longer for it.
BUSY = 0.25

#: How long a start waits for a file that does not answer (a network drive that hangs), real
#: seconds.
ANSWER = 5.0
#: How long the end of a session does.
PATIENCE = 2.0
_REMOVE = "DELETE FROM lease WHERE address = ? AND client_id = ? AND token = ?"

#: Names of this machine, as programs write them.
_LOOPBACK = frozenset({"localhost", "::1", "0.0.0.0", ""})  # noqa: S104  (names, nothing listens)


def address_of(host: str, port: int) -> str:
    """One name for one gateway."""
    name = host.strip().lower()
    return f"{'127.0.0.1' if name in _LOOPBACK else name}:{port}"


@attrs.frozen
class Holder:
    """Who has a lease.

    Attributes:
        process: The process.
        program: What it was started as.
        taken_at: Since when it has it, UTC.
        beat_at: When it said last that it lives, UTC.
    """

    process: Process
    program: str
    taken_at: datetime
    beat_at: datetime

    def lives(self, now: datetime, alive: Callable[[Process], bool | None] = is_alive) -> bool:
        """Whether it is still there; by its beat where it cannot be looked at."""
        seen = alive(self.process)
        # A beat from the future says nothing: a clock was set back.
        return abs(now - self.beat_at) < SILENT if seen is None else seen


class LeaseFile:
    """The file; opened for each use, as that is seldom, in the thread that calls.

    Args:
        path: The SQLite file.
        me: This process.
        alive: Whether a process lives; None where that cannot be seen.
    """

    def __init__(
        self,
        path: Path,
        *,
        me: Process | None = None,
        alive: Callable[[Process], bool | None] = is_alive,
    ) -> None:
        self.path = path
        self._me = me or here()
        self._alive = alive
        self._token = secrets.token_hex(8)

    def take(self, address: str, client_id: int, now: datetime) -> Holder | None:
        """Take a lease, and beat if it is ours already.

        Returns:
            None if it is ours now; else who has it: another process, which lives.

        Raises:
            StorageError: The file cannot be used.
        """
        with self._written() as connection:
            taken_at = now
            for token, holder in self._holders(connection, address, client_id):
                if token == self._token:
                    taken_at = now if holder is None else holder.taken_at
                elif holder is not None and holder.process == self._me:
                    continue
                elif holder is not None and holder.lives(now, self._alive):
                    return holder
                else:
                    connection.execute(_REMOVE, (address, client_id, token))
                    pid = 0 if holder is None else holder.process.pid
                    logger.info(
                        "client id %d at %s was held by process %d, which is gone",
                        client_id, address, pid,
                    )  # fmt: skip
            connection.execute(
                "INSERT OR REPLACE INTO lease VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    address, client_id, self._token, self._me.node, self._me.pid, self._me.started,
                    program(), taken_at.isoformat(), now.isoformat(),
                ),
            )  # fmt: skip
        return None

    def give_back(self, address: str, client_id: int) -> None:
        """Give a lease back, if it is ours.

        Raises:
            StorageError: The file cannot be used.
        """
        with self._written() as connection:
            connection.execute(_REMOVE, (address, client_id, self._token))

    @contextlib.contextmanager
    def _written(self) -> Iterator[sqlite3.Connection]:
        """The file for one transaction, which no other program comes between."""
        database = Database(self.path, migrations=MIGRATIONS, busy_timeout=BUSY, sync="off")
        with (
            contextlib.closing(database.connect()) as connection,
            database.explained("write to it"),
        ):
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                yield connection

    @staticmethod
    def _holders(
        connection: sqlite3.Connection, address: str, client_id: int
    ) -> list[tuple[str, Holder | None]]:
        """Each with its token; None for a row of no version that we know."""
        rows = connection.execute(
            "SELECT * FROM lease WHERE address = ? AND client_id = ?", (address, client_id)
        ).fetchall()
        found: list[tuple[str, Holder | None]] = []
        for row in rows:
            try:
                taken_at, beat_at = (
                    datetime.fromisoformat(row[name]).astimezone(UTC)
                    for name in ("taken_at", "beat_at")
                )
            except (ValueError, OverflowError):
                found.append((row["token"], None))
                continue
            process = Process(row["node"], row["pid"], row["started"])
            found.append((row["token"], Holder(process, row["program"], taken_at, beat_at)))
        return found


#: The address of a gateway, and a client id there.
Place = tuple[str, int]


class ClientIdLease:
    """The lease of one connection; loop thread only.

    Args:
        core: The connection.
    """

    def __init__(self, core: Core) -> None:
        params = core.config.session
        self._core = core
        # Where time is a test's, no other program is meant.
        wanted = params.lease and isinstance(core.clock, SystemClock)
        self._file = LeaseFile(params.lease_file) if wanted else None
        self._held: Place | None = None
        self._timer: Timer | None = None
        self._work: asyncio.Future[Any] | None = None

    @property
    def held(self) -> bool:
        """Whether the lease is ours."""
        return self._held is not None

    async def take(self, target: Target) -> None:
        """Take the lease of a target's client id.

        Raises:
            ClientIdLeased: A program that lives has it.
        """
        if self._file is None:
            return
        await self.released()
        key = (address_of(target.host, target.port), target.client_id)
        self._held = key  # from here on: who is interrupted now may have it, and gives it back
        self._work = taking = asyncio.ensure_future(self._try(key))
        done, _ = await asyncio.wait({taking}, timeout=ANSWER)
        if not done:
            logger.warning(
                "client ids are not kept apart between programs: the file of the leases, %s, has "
                "not answered for %g s: does it lie on a network drive that hangs? ([session] "
                "lease_file names another one; lease = no does without it)",
                self._file.path, ANSWER,
            )  # fmt: skip
            self._arm()  # the next beat takes it, if the file answers by then
            return
        found = taking.result()
        if found is None:
            self._arm()
            return
        self._held = None
        if isinstance(found, Holder):
            raise leased(target, found)
        logger.warning(
            "client ids are not kept apart between programs: %s (the file can be deleted at "
            "any time; [session] lease = no does without it)", found,
        )  # fmt: skip

    def release(self) -> None:
        """Give it back, soon; nothing happens if it is not ours."""
        held, self._held = self._held, None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if held is not None:
            self._go(self._give_back, held)

    async def released(self) -> None:
        """Wait until what is under way is done."""
        if self._work is not None and not self._work.done():  # else its loop may be closed
            await asyncio.wait({self._work}, timeout=PATIENCE)

    # ---- inside --------------------------------------------------------------------------

    def _arm(self) -> None:
        self._timer = self._core.clock.call_later(BEAT, self._beat)

    def _beat(self) -> None:
        self._timer = None
        if self._held is not None:
            self._arm()
            if self._work is None or self._work.done():
                self._go(self._say_alive, self._held)

    def _go(self, work: Callable[[Place], Awaitable[object]], held: Place) -> None:
        before = self._work

        async def in_turn() -> None:
            if before is not None and not before.done():
                await asyncio.wait({before})
            try:
                await work(held)
            except (StorageError, RuntimeError) as error:  # RuntimeError: Python ends, no threads
                # A dead holder is found out without its word.
                logger.debug("the lease of a client id was not written: %s", error)

        self._work = asyncio.ensure_future(in_turn())

    async def _try(self, key: Place) -> Holder | StorageError | RuntimeError | None:
        """Take it: None; or who has it, or why the file cannot be used."""
        try:
            return await self._say_alive(key)
        except (StorageError, RuntimeError) as error:  # RuntimeError: Python ends, no threads
            return error

    async def _say_alive(self, held: Place) -> Holder | None:
        file, now = self._file, self._core.clock.now()
        assert file is not None
        return await aside("lease", lambda: file.take(*held, now))

    async def _give_back(self, held: Place) -> None:
        file = self._file
        assert file is not None
        await aside("lease", lambda: file.give_back(*held))


def leased(target: Target, holder: Holder) -> ClientIdLeased:
    """The error that names who has the client id."""
    return ClientIdLeased(
        f"client id {target.client_id} is used by process {holder.process.pid} "
        f"({holder.program}, since {holder.taken_at:%Y-%m-%d %H:%M:%S} UTC): a gateway serves an "
        "id to one program at a time. End that program, or choose another client id "
        "([connection] client_id); [session] lease = no does not look",
        host=target.host,
        port=target.port,
        client_id=target.client_id,
        pid=holder.process.pid,
    )


def program() -> str:
    """What this process was started as, without its arguments: they may hold what is secret."""
    name = Path(sys.argv[0]).name if sys.argv and sys.argv[0] else ""
    return name or Path(sys.executable or "python").name
