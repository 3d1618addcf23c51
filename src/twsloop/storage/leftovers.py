"""Reading back what a program could not write: ``journal.db.unwritten-....jsonl`` into the journal.

An entry goes behind all that the journal has, whenever its fact was learned, and what is said of an
order last is how it stands. So a word that the journal knows a later one of is passed over: a step
of an order that a later session has told more of, positions that were listed again, a switch that
was moved since. It stays in the file. Executions, commissions, intents, events and notices are
never too late. Doing it twice is doing it once.

Each fact goes under the session in which it was learned: the one that the file itself begins, or
the journal's newest of that client before it.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

import attrs

from twsloop.config import JournalParams
from twsloop.database import Database
from twsloop.errors import StorageError
from twsloop.events import (
    DayPeak,
    DifferencesAccepted,
    DifferencesAsked,
    Fact,
    KillSwitchActed,
    KillSwitchChanged,
    KillSwitchClaimed,
    OrderIntent,
    OrderStep,
    PositionsHeld,
    RiskBreached,
    RiskLimitChanged,
    SessionBegan,
    session_story,
)
from twsloop.events.records import from_record

from .pen import Login, Pen
from .reading import reading
from .rows import body_of, key_of, story_of, time_of
from .schema import MIGRATIONS

__all__ = ["Restored", "read_left", "restore"]

#: What is said last is how it stands, for each kind.
_STANDING = (
    *(DayPeak, DifferencesAccepted, DifferencesAsked, KillSwitchActed, KillSwitchChanged),
    *(KillSwitchClaimed, PositionsHeld, RiskBreached, RiskLimitChanged),
)
_LATER_OF_ORDER = """
SELECT 1 FROM order_event o JOIN entry e ON e.seq = o.seq
WHERE o.client_id = ?1 AND o.order_id = ?2 AND (?3 IS NULL OR o.perm_id = ?3)
AND e.kind = 'OrderStep' AND e.time > ?4 LIMIT 1
"""
_LATER_OF_KIND = "SELECT 1 FROM entry WHERE kind = ? AND time > ? LIMIT 1"
_SAME = "SELECT count(*) FROM entry WHERE correlation_id = ? AND kind = ? AND time = ? AND body = ?"
_SAME_KEY = "SELECT count(*) FROM entry WHERE natural_key = ?"
_SESSION = """
SELECT s.epoch, s.process_epoch, s.accounts FROM session s JOIN entry e ON e.seq = s.seq
WHERE s.client_id = ? AND e.time <= ? ORDER BY e.time DESC, s.epoch DESC LIMIT 1
"""


@attrs.frozen(kw_only=True)
class Restored:
    """What became of the facts of a file.

    Attributes:
        facts: How many the file has.
        new: How many were written into the journal, or would be.
        known: How many it had already.
        passed_over: How many it knows a later word of.
    """

    facts: int
    new: int = 0
    known: int = 0
    passed_over: int = 0


@attrs.frozen
class _Session:
    """Where facts belong: the journal's number of a session, and whose it was."""

    epoch: int
    login: Login


def read_left(lines: Iterable[str], source: str = "") -> list[Fact]:
    """The facts of a file that a program left behind.

    Args:
        lines: Its lines.
        source: Its name, for errors.

    Raises:
        StorageError: A line is no fact, or a newer version's.
    """
    found = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            if not isinstance(record, dict):
                raise ValueError("it is no JSON object")
            found.append(from_record(record))
        except (TypeError, ValueError) as error:
            raise StorageError(
                f"line {number} is no fact: {error}",
                path=source or None,
                remedy="name a file that a program left behind: journal.db.unwritten-....jsonl",
            ) from error
    return found


def restore(params: JournalParams, facts: Sequence[Fact], *, dry_run: bool = False) -> Restored:
    """Write facts that were left behind into the journal, as far as it does not have them.

    Programs may write to the journal meanwhile. It waits for the disk.

    Args:
        params: Which journal; it is made if there is none.
        facts: They, oldest first: those of one program.
        dry_run: Only say what would be done.

    Raises:
        StorageError: The journal cannot be written or read.
    """
    if dry_run:
        if not params.file.exists():
            return Restored(facts=len(facts), new=len(facts))
        with reading(params.file) as journal:
            return _Restoring(journal, facts).counted()
    database = Database(
        params.file,
        migrations=MIGRATIONS,
        busy_timeout=params.deadline,
        sync="full",
        private=True,
        section="journal",
    )
    with contextlib.closing(database.connect()) as journal, database.explained("write to it"):
        work = _Restoring(journal, facts)
        for session, batch in work.batches():
            pen = Pen(params.file, session.epoch)
            pen.opened(journal)
            pen.write(journal, batch)
        return work.counted()


class _Restoring:
    """Sorts what is new from what is not.

    Args:
        journal: The file.
        facts: What was left behind.
    """

    def __init__(self, journal: sqlite3.Connection, facts: Sequence[Fact]) -> None:
        self._journal, self._facts = journal, facts
        self._client = next((c for c in map(_writer, facts) if c is not None), None)
        self._seen: dict[tuple[str, ...], int] = {}
        self._known = self._passed_over = 0
        self._sorted = list(self._sort())

    def counted(self) -> Restored:
        return Restored(
            facts=len(self._facts),
            new=len(self._sorted),
            known=self._known,
            passed_over=self._passed_over,
        )

    def batches(self) -> Iterator[tuple[_Session, list[tuple[Fact, Login]]]]:
        """What is new, in its order: each batch with the session before it."""
        batch: list[tuple[Fact, Login]] = []
        under: _Session | None = None
        for fact, session in self._sorted:
            if batch and (session != under or isinstance(fact, SessionBegan)):
                assert under is not None
                yield under, batch
                batch = []
            batch.append((fact, session.login))
            under = session
        if batch and under is not None:
            yield under, batch

    def _sort(self) -> Iterator[tuple[Fact, _Session]]:
        begun: _Session | None = None
        for fact in self._facts:
            if isinstance(fact, SessionBegan):
                # One that is new gets its number when it is written.
                login = Login(",".join(sorted(fact.accounts)), fact.correlation_id)
                begun = _Session(self._epoch_of(fact), login)
            session = begun or self._session_at(fact.time)
            if self._is_known(fact, session.login):
                self._known += 1
            elif self._is_too_late(fact):
                self._passed_over += 1
            else:
                yield fact, session

    def _epoch_of(self, began: SessionBegan) -> int:
        """The journal's number of a session; 0 if it does not have it."""
        row = self._journal.execute(
            "SELECT s.epoch FROM session s JOIN entry e ON e.seq = s.seq "
            "WHERE s.client_id = ? AND s.pid = ? AND s.process_epoch = ? AND e.time = ?",
            (began.client_id, began.pid, began.epoch, time_of(began)),
        ).fetchone()
        return 0 if row is None else int(row[0])

    def _session_at(self, time: datetime) -> _Session:
        row = self._journal.execute(_SESSION, (self._client, _text(time))).fetchone()
        if row is None or self._client is None:
            return _Session(0, Login("", session_story(self._client or 0, 0)))
        return _Session(row[0], Login(row[2], session_story(self._client, row[1])))

    def _is_known(self, fact: Fact, login: Login) -> bool:
        """Whether the journal has it; of what is the same twice, as often."""
        key = key_of(fact)
        what: tuple[str, ...] = (key,) if key is not None else (
            story_of(fact, login.story), type(fact).__name__, time_of(fact), body_of(fact)
        )  # fmt: skip
        self._seen[what] = self._seen.get(what, 0) + 1
        sql = _SAME if key is None else _SAME_KEY
        (count,) = self._journal.execute(sql, what).fetchone()
        # A second execution with the same key is no new one.
        return bool(count >= self._seen[what] or (key is not None and self._seen[what] > 1))

    def _is_too_late(self, fact: Fact) -> bool:
        """Whether the journal knows a later word."""
        later: tuple[object, ...]
        if isinstance(fact, _STANDING):
            sql, later = _LATER_OF_KIND, (type(fact).__name__, time_of(fact))
        elif isinstance(fact, OrderStep):
            perm = fact.perm_id if not fact.order_id else None
            sql, later = _LATER_OF_ORDER, (fact.client_id, fact.order_id, perm, time_of(fact))
        elif isinstance(fact, OrderIntent) and not fact.token:
            # Nothing would tell it from a new order with the same id.
            sql, later = _LATER_OF_ORDER, (fact.client_id, fact.order_id, None, time_of(fact))
        else:
            return False
        return self._journal.execute(sql, later).fetchone() is not None


def _writer(fact: Fact) -> int | None:
    """The client id of the program that wrote a fact, if the fact says so."""
    if isinstance(fact, OrderIntent | SessionBegan):
        return fact.client_id
    kind, _, rest = fact.correlation_id.partition("-")
    client = rest.rpartition("-")[0]
    return int(client) if kind == "session" and client.isdecimal() else None


def _text(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="microseconds")
