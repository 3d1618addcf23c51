"""The one task that writes facts: everything that waits goes into one transaction. Loop thread.

What waits is written as soon as the worker is idle, without a timer: a single intent is durable
after one trip to the worker's thread, and under load batches form by themselves, because more waits
by the time the one before is written. The queue keeps the order of the calls.

An order waits for its intent. With ``sync = normal`` that stands on the slate first (`slate`), and
is durable then. Else each turn of the loop on the way is time: an intent that finds the worker idle
is handed to it at once (`Writer._launch`), the task only sees how it ends; and the worker itself
tells the loop what is written, in its last step (`Writer._landed`).
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import sqlite3
from collections import deque
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import attrs

from twsloop.clock import Clock, Timer
from twsloop.config import JournalParams
from twsloop.database import Database
from twsloop.errors import StorageError
from twsloop.events import Fact, OrderFact, SessionBegan
from twsloop.metrics import Metrics

from .pen import Login, Pen
from .schema import MIGRATIONS
from .slate import Slate, take_in
from .trouble import Trouble, leave_behind

__all__ = ["Writer"]

logger = logging.getLogger(__name__)

#: So many facts go into one transaction at most: an intent that comes behind them waits for it.
BATCH = 2000

Durable = Callable[[str], object]
#: Facts that are being written, and what the worker makes of them.
Flight = tuple["list[_Waiting]", "asyncio.Future[int]"]
#: (client id, accounts) to the highest order id that was ever meant.
Floors = dict[tuple[int, str], int]


@attrs.define(eq=False)
class _Waiting:
    """A fact that waits to be written.

    Attributes:
        fact: The fact.
        login: Whose.
        durable: Told once it is written, or will not be in time; None if nobody is, or was already.
        since: Since when it waits, monotonic.
        intent: It is one of those that orders wait for.
        on_slate: It stands on the slate already.
    """

    fact: Fact
    login: Login
    durable: Durable | None
    since: float
    intent: bool = False
    on_slate: bool = False


class Writer:
    """A queue, and the task that empties it into the file.

    Args:
        params: The settings of the journal.
        clock: Where time comes from.
        metrics: Counts rows.
        trouble: Told when the file cannot be written.
        opened: Called with the floors of the file, each time that it was opened.
        report: Told of what somebody who waited for an intent raised.
    """

    def __init__(
        self,
        params: JournalParams,
        clock: Clock,
        metrics: Metrics,
        *,
        trouble: Trouble,
        opened: Callable[[Floors], object],
        report: Callable[[str, BaseException], object],
    ) -> None:
        self._params, self._clock, self._trouble = params, clock, trouble
        self._opened, self._report = opened, report
        self._rows = metrics.counter("journal_rows")
        self._batches = metrics.counter("journal_batches")
        self._durable = metrics.histogram("journal_intent_seconds")
        self._queue: deque[_Waiting] = deque()
        self._pen = Pen(params.file)
        self._slate = Slate(params.file)
        #: How many facts that wait stand on the slate, and how many orders wait for others.
        self._on_slate = self._awaited = 0
        self._database: Database | None = None
        self._wake = asyncio.Event()
        self._again = asyncio.Event()
        self._tried = asyncio.Event()
        self._idle = asyncio.Event()
        #: What the worker writes without the task having seen it yet.
        self._flight: Flight | None = None
        #: Whether the task waits for something to write.
        self._parked = False
        self._deadline: Timer | None = None
        self._stopping = False

    # ---- what waits ----------------------------------------------------------------------

    @property
    def database(self) -> Database | None:
        """The open file; None while there is none."""
        return self._database

    @property
    def waiting(self) -> int:
        """How many facts wait."""
        return len(self._queue)

    @property
    def full(self) -> bool:
        """Whether no more facts should come."""
        return len(self._queue) >= self._params.queue

    def put(self, fact: Fact, login: Login, durable: Durable | None = None) -> None:
        """Let a fact be written in its turn.

        Args:
            fact: The fact.
            login: Whose.
            durable: Called once with an empty text when it is written, or with why it will not be
                in time; maybe before this returns.
        """
        if self.full and not isinstance(fact, OrderFact):
            self._trouble.drop()
            return
        intent = durable is not None
        waiting = _Waiting(fact, login, durable, self._clock.monotonic(), intent)
        self._queue.append(waiting)
        self._wake.set()
        self._idle.clear()
        if isinstance(fact, SessionBegan):
            self._slate.began(fact, login)
        if not intent:
            return
        self._awaited += 1
        if self._trouble.reason:
            # Nobody waits for a file that is known to be broken; it is written when it can be.
            asyncio.get_running_loop().call_soon(self._settle, waiting, self._trouble.refuses)
            return
        if self._deadline is None:
            self._watch(self._params.deadline)
        # Intents become durable in the order of the calls.
        if self._awaited == 1 and self._slate.take(fact, login):
            waiting.on_slate = True
            self._on_slate += 1
            self._durable.record(self._clock.monotonic() - waiting.since)
            self._settle(waiting, "")
        elif self._parked and self._flight is None and self._database is not None:
            self._flight = self._launch(self._database)

    def _settle(self, waiting: _Waiting, problem: str) -> None:
        durable, waiting.durable = waiting.durable, None
        if durable is None:
            return
        self._awaited -= 1
        try:
            durable(problem)
        except Exception as error:  # noqa: BLE001  (the others wait, too)
            self._report("an order that was written down", error)

    def _watch(self, delay: float) -> None:
        self._deadline = self._clock.call_later(delay, self._overdue)

    def _overdue(self) -> None:
        """Look whether an intent waits for too long, and when to look again."""
        self._deadline = None
        first = next((waiting for waiting in self._queue if waiting.intent), None)
        if first is None:
            return
        left = first.since + self._params.deadline - self._clock.monotonic()
        if left > 0:
            self._watch(left)
        else:
            spent = f"nothing was written for {self._params.deadline:g} s ([journal] deadline)"
            self._fail(f"{self._params.file}: {spent}; see what holds it, and that the disk works")

    def _fail(self, reason: str) -> None:
        """The file cannot be written: nobody waits for it any more."""
        self._trouble.begin(reason, len(self._queue))
        for waiting in tuple(self._queue):
            self._settle(waiting, self._trouble.refuses)

    # ---- writing -------------------------------------------------------------------------

    async def run(self) -> None:
        """Write until `close`."""
        while not self._stopping:
            done = await self._attempt()
            if self._stopping:  # it was said while the attempt was under way
                return
            if done:
                self._parked = True
                await self._wake.wait()
                self._parked = False
            else:
                await self._pause()

    async def _attempt(self) -> bool:
        """Open the file if it is not, and write everything that waits; whether that was done."""
        self._again.clear()
        try:
            database = await self._ready()
            while self._flight or self._queue or self._trouble.reason:
                if self._flight or self._queue:
                    await self._write(database)
                else:  # an earlier writer's: it has left nothing to write
                    self._trouble.end(0)
        except StorageError as error:
            await self._failed(str(error))
        except Exception as error:  # an order must not leave because of a mistake of ours
            logger.exception("the order journal's writer failed")
            await self._failed(repr(error))
        else:
            self._wake.clear()
            self._idle.set()
            return True
        finally:
            self._tried.set()
        return False

    async def _ready(self) -> Database:
        if self._database is None:
            params = self._params
            database = Database(
                params.file,
                migrations=MIGRATIONS,
                busy_timeout=params.deadline,
                sync=params.sync,
                private=True,
                section="journal",
            )
            await database.open()
            self._database = database
            await database.run(functools.partial(take_in, journal=params.file))
            await database.run(self._pen.opened)
            if params.sync == "normal":
                self._slate.open()
            await self._tell_floors(database)
        return self._database

    async def _tell_floors(self, database: Database) -> None:
        floors = await database.fetch("SELECT client_id, accounts, highest FROM id_floor")
        self._opened({(row[0], row[1]): row[2] for row in floors})

    def _launch(self, database: Database) -> Flight | None:
        """Hand what waits to the worker; None if it is in use for something else."""
        batch = list(islice(self._queue, BATCH))
        loop = asyncio.get_running_loop()
        landed = functools.partial(loop.call_soon_threadsafe, self._landed, batch)
        future = database.start(functools.partial(_write, self._pen, batch, landed))
        return None if future is None else (batch, future)

    async def _write(self, database: Database) -> None:
        flight, self._flight = self._flight or self._launch(database), None
        if flight is None:
            batch = list(islice(self._queue, BATCH))
            written = await database.run(functools.partial(_write, self._pen, batch, _nothing))
            self._landed(batch)
        else:
            with database.explained("write to it"):
                written = await _to_the_end(flight[1])
        self._rows.add(written)
        self._batches.add()
        self._trouble.end(len(self._queue))

    def _landed(self, batch: list[_Waiting]) -> None:
        """A batch is written: those who waited for it go on."""
        now = self._clock.monotonic()
        for waiting in batch:
            self._queue.popleft()
            if waiting.durable is not None:
                self._durable.record(now - waiting.since)
                self._settle(waiting, "")
            elif waiting.on_slate:
                self._on_slate -= 1
        if not self._on_slate:
            self._slate.clear()

    async def _failed(self, reason: str) -> None:
        self._fail(reason)  # first: closing a file that is in trouble may take a while
        database, self._database = self._database, None
        if database is None:
            return
        try:
            copy = None if self._pen.in_place() else await self._saved(database)
            await database.close()
            if copy is not None:
                self._put_back(copy)
        except (StorageError, OSError) as error:
            logger.error("%s", error)

    async def _saved(self, database: Database) -> Path:
        """The file was taken away while it is open: what is in it can still be read, for now."""
        path = self._params.file
        copy = path.with_name(f"{path.name}.rescued-{self._stamp()}")
        await database.backup(copy)
        return copy

    def _put_back(self, copy: Path) -> None:
        """Let the copy be the journal again, unless another file has taken its place."""
        path = self._params.file
        try:
            path.hardlink_to(copy)
        except FileExistsError:
            logger.error("%s was replaced while it was in use; what it had is in %s", path, copy)
        else:
            copy.unlink()
            logger.warning("%s was deleted while it was in use, and was written anew", path)

    def _stamp(self) -> str:
        return self._clock.now().strftime("%Y%m%dT%H%M%S%f")

    async def _pause(self) -> None:
        """Wait before the file is tried again, unless somebody hurries."""
        timer = self._clock.call_later(self._trouble.pause(), self._again.set)
        try:
            await self._again.wait()
        finally:
            timer.cancel()

    # ---- from outside --------------------------------------------------------------------

    async def try_now(self) -> None:
        """Open the file if it is not, or wait as long as an order would for that to fail."""
        if self._database is not None:
            return
        self._tried.clear()
        self._again.set()
        timer = self._clock.call_later(self._params.deadline, self._tried.set)
        try:
            await self._tried.wait()
        finally:
            timer.cancel()

    async def read_floors(self) -> None:
        """Call ``opened`` again, with what other programs may have written; not while in trouble.

        A file that cannot be read now is found to be in trouble when something is written.
        """
        if self._database is not None:
            with contextlib.suppress(StorageError):
                await self._tell_floors(self._database)

    async def flushed(self) -> None:
        """Wait until all that waits is written."""
        await self._idle.wait()

    async def close(self, task: asyncio.Task[None]) -> None:
        """Write what waits, as far as that is possible, and close the file.

        Args:
            task: What runs `run`.
        """
        self._stopping = True
        self._again.set()
        self._wake.set()
        await asyncio.wait({task})
        if self._flight or self._queue:
            await self._attempt()
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        database, self._database = self._database, None
        if database is not None:
            await database.close()
        self._slate.close(whole=not self._on_slate)
        if self._queue:
            self._leave_behind()

    def _leave_behind(self) -> None:
        facts = [waiting.fact for waiting in self._queue]
        self._queue.clear()
        file = leave_behind(facts, self._params.file, self._stamp())
        if file is None:
            logger.error("%d facts could not be written anywhere, and are lost", len(facts))
        else:
            logger.error("%d facts could not be written; they are in %s", len(facts), file)


def _write(
    pen: Pen, batch: list[_Waiting], landed: Callable[[], object], connection: sqlite3.Connection
) -> int:
    """In the worker's thread."""
    written = pen.write(connection, [(w.fact, w.login) for w in batch])
    landed()
    return written.rows


def _nothing() -> None:
    """Stands in where the task itself says that a batch has landed."""


async def _to_the_end(work: asyncio.Future[int]) -> int:
    """Wait for what runs in any case, also if the one who waits is cancelled; that comes after."""
    cancelled: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.wait({work})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    return work.result()
