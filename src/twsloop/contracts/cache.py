"""What was told of contracts, remembered: in memory, and in a file of its own between runs.

Details of a contract cost a request each, and hardly ever change. So each answer is kept with the
time it came, and whoever asks says how old it may be. Two gateways may tell different things (what
an account may trade is in the details, and a paper gateway makes contracts up): answers are kept
apart by address and accounts.

The file is a convenience. If it cannot be opened, read or written, one warning says so and what to
do, and everything goes on without it. It is opened on the loop thread when it is first needed, and
closed when the loop ends; what was not written by then is written first.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs

from twsloop.database import Database, Migration
from twsloop.errors import StorageError
from twsloop.event_loop import IBKREventLoop

from .coding import decode, encode

__all__ = ["MIGRATIONS", "Answer", "AnswerCache", "source_of"]

logger = logging.getLogger(__name__)

MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        1,
        "answers about contracts",
        (
            """
            CREATE TABLE answer (
                source TEXT NOT NULL,
                kind TEXT NOT NULL,
                key TEXT NOT NULL,
                told_at TEXT NOT NULL,
                body TEXT NOT NULL,
                PRIMARY KEY (source, kind, key)
            ) STRICT, WITHOUT ROWID
            """,
            "CREATE INDEX answer_by_age ON answer (told_at)",
        ),
    ),
)

#: So many objects are kept in memory (a contract's details take about 5 kB); the oldest go first.
MEMORY_LIMIT = 20_000
#: An answer of more objects than this is not remembered (all options of an index are 30 000):
#: writing it down would hold the loop. What is asked by expiry is far below.
LARGEST = 1_000
#: Answers in the file that are older than this are of no use to anybody: no age may be set higher.
LONGEST_AGE = timedelta(days=365)

Place = tuple[str, str, str]


@attrs.frozen
class Answer:
    """An answer, and when it came.

    Attributes:
        value: What was told.
        told_at: When, UTC.
    """

    value: Any
    told_at: datetime


@functools.lru_cache(maxsize=16)
def source_of(host: str, port: int, accounts: tuple[str, ...]) -> str:
    """A name of who tells it, which does not give away the accounts."""
    text = f"{host}:{port}:{','.join(sorted(accounts))}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class AnswerCache:
    """Answers by kind and key; loop thread only, but for `peek`.

    Args:
        event_loop: The loop that it is used on.
        now: Tells the time, UTC.
        source: Names who tells the answers, now.
        file: The SQLite file; None keeps them in memory only.
    """

    def __init__(
        self,
        event_loop: IBKREventLoop,
        now: Callable[[], datetime],
        source: Callable[[], str],
        file: Path | None,
    ) -> None:
        self._event_loop = event_loop
        self._now = now
        self._source = source
        self._file = file
        self._memory: OrderedDict[Place, Answer] = OrderedDict()
        self._weight = 0
        self._database: Database | None = None
        self._opening: asyncio.Task[None] | None = None
        self._unsaved: dict[Place, Answer] = {}
        self._saver: asyncio.Task[None] | None = None

    @property
    def broken(self) -> bool:
        """Whether the file was given up; a warning in the log said why."""
        return self._file is None

    # ---- use -----------------------------------------------------------------------------

    @property
    def empty(self) -> bool:
        """Whether memory has nothing at all; from any thread."""
        return not self._memory

    def peek(self, kind: str, key: Hashable, max_age: timedelta) -> Any:
        """What memory has of it and is young enough, else None; from any thread."""
        answer = self._memory.get((self._source(), kind, repr(key)))
        return None if answer is None or self._is_old(answer, max_age) else answer.value

    async def get(self, kind: str, key: Hashable, max_age: timedelta) -> Answer | None:
        """The answer, if it is known and not older than ``max_age``."""
        place = (self._source(), kind, repr(key))
        answer = self._memory.get(place)
        if answer is None:
            answer = await self._read(place)
            if answer is not None and place not in self._memory:
                self._remember(place, answer)
        if answer is None or self._is_old(answer, max_age):
            return None
        return answer

    def put(self, kind: str, key: Hashable, value: Any) -> None:
        """Remember an answer that has just come, unless it is too large."""
        place = (self._source(), kind, repr(key))
        answer = Answer(value, self._now())
        if _weight(answer) > LARGEST:
            return
        self._remember(place, answer)
        if self._file is None:
            return
        self._unsaved[place] = answer
        if self._saver is None or self._saver.done():
            self._saver = self._event_loop.spawn(self._save_soon(), name="contract cache")

    async def forget(self) -> None:
        """Forget everything, of every gateway, in memory and in the file."""
        self._memory.clear()
        self._unsaved.clear()
        self._weight = 0
        database = await self._ready()
        if self._saver is not None:  # what it has in hand would be written after the deleting
            await asyncio.wait({self._saver})
        if database is not None:
            try:
                await database.execute("DELETE FROM answer")
            except StorageError as error:
                self._give_up(error)

    # ---- memory --------------------------------------------------------------------------

    def _is_old(self, answer: Answer, max_age: timedelta) -> bool:
        age = self._now() - answer.told_at
        # From the future: the machine's clock was set back, so the age is not known.
        return not timedelta(0) <= age < max_age

    def _remember(self, place: Place, answer: Answer) -> None:
        before = self._memory.pop(place, None)
        if before is not None:
            self._weight -= _weight(before)
        self._memory[place] = answer
        self._weight += _weight(answer)
        while self._weight > MEMORY_LIMIT:
            _, oldest = self._memory.popitem(last=False)
            self._weight -= _weight(oldest)

    # ---- the file ------------------------------------------------------------------------

    async def _ready(self) -> Database | None:
        """The open file; None if there is none."""
        if self._file is None:
            return None
        if self._database is None:
            if self._opening is None:
                self._opening = asyncio.get_running_loop().create_task(self._open(self._file))
            # One cancelled request must not take the file from all others.
            await asyncio.shield(self._opening)
        return self._database

    async def _open(self, file: Path) -> None:
        database = Database(file, migrations=MIGRATIONS)
        self._event_loop.at_stop(self._close)
        try:
            await database.open()
            self._database = database
            oldest = (self._now() - LONGEST_AGE).isoformat()
            await database.execute("DELETE FROM answer WHERE told_at < ?", (oldest,))
        except StorageError as error:
            self._give_up(error)

    async def _close(self) -> None:
        """The loop ends: write what is left, and close; another loop may open it again."""
        if self._opening is not None:
            await self._opening
            self._opening = None
        if self._saver is not None:
            await asyncio.wait({self._saver})
            self._saver = None
        if self._database is not None:
            await self._save()
            database, self._database = self._database, None
            await database.close()

    def _give_up(self, error: StorageError) -> None:
        """Go on without the file, and say so once."""
        if self._file is None:
            return
        self._file = None
        self._unsaved.clear()
        logger.warning(
            "contracts are not remembered between runs: %s (the file can be deleted at any time; "
            "[contracts] cache = no does without it)", error,
        )  # fmt: skip

    async def _read(self, place: Place) -> Answer | None:
        database = await self._ready()
        if database is None:
            return None
        try:
            rows = await database.fetch(
                "SELECT told_at, body FROM answer WHERE source = ? AND kind = ? AND key = ?", place
            )
        except StorageError as error:
            if database is self._database:  # else it was closed meanwhile: the loop ends
                self._give_up(error)
            return None
        if not rows:
            return None
        try:
            told_at = datetime.fromisoformat(rows[0]["told_at"]).astimezone(UTC)
            return Answer(decode(rows[0]["body"]), told_at)
        except ValueError:
            return None  # of another version: it is asked for anew, and written over

    async def _save_soon(self) -> None:
        if await self._ready() is not None:
            await self._save()

    async def _save(self) -> None:
        """Write what is not written, in one transaction each time."""
        while self._unsaved and self._database is not None:
            batch, self._unsaved = self._unsaved, {}
            rows = []
            for place, answer in batch.items():
                rows.append((*place, answer.told_at.isoformat(), encode(answer.value)))
                await asyncio.sleep(0)  # each may take a while; others have work, too
            try:
                async with self._database.transaction() as transaction:
                    await transaction.execute_many(
                        "INSERT OR REPLACE INTO answer (source, kind, key, told_at, body) "
                        "VALUES (?, ?, ?, ?, ?)", rows,
                    )  # fmt: skip
            except StorageError as error:
                self._give_up(error)


def _weight(answer: Answer) -> int:
    return len(answer.value) if isinstance(answer.value, list) else 1
