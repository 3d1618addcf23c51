"""What retention carries along: entries that are old, still needed, and followed by no other word.

They are written anew behind the newest entry, as they are but for their number and their hash: with
their time, their session and their key. What was told of a story last is how it stands, so only a
story that is carried whole, or of which the newest word alone counts, may be.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta

import attrs

from .chain import link
from .order_state import FINAL
from .pen import INSERT_ENTRY, Gathered, mark, newest
from .queries import MAY_WORK
from .schema import DETAIL_TABLES

__all__ = ["Carried", "OpenStory", "carried", "open_stories"]

#: Executions of so long before the positions were listed may not be in them yet
#: (`twsloop.storage.recalling`).
SETTLING = timedelta(seconds=5)


@attrs.frozen
class OpenStory:
    """The entries of an order that is not known to be over.

    Attributes:
        first: The first entry about it.
        last: The newest one of its story.
        story: Its correlation id; empty for orders that were placed by hand, which share one.
    """

    first: int
    last: int
    story: str


def open_stories(file: sqlite3.Connection) -> list[OpenStory]:
    """The orders that are not known to be over."""
    marks = ", ".join("?" * len(FINAL))
    sql = f"""
        WITH told AS (
            SELECT seq, client_id, order_id, ifnull(perm_id, 0) AS perm_id, status
            FROM order_event
            UNION ALL SELECT seq, client_id, order_id, 0, NULL FROM intent
        ), orders AS (
            SELECT min(t.seq) AS first, max(t.seq) AS last, t.order_id,
                   max(CASE WHEN t.status IS NOT NULL THEN t.seq END) AS latest
            FROM told t
            JOIN entry e ON e.seq = t.seq
            LEFT JOIN session s ON s.epoch = e.epoch
            GROUP BY s.accounts, t.client_id, t.order_id,
                     CASE t.order_id WHEN 0 THEN t.perm_id ELSE 0 END
        )
        SELECT o.first, o.last, o.order_id, f.correlation_id FROM orders o
        JOIN entry f ON f.seq = o.first
        LEFT JOIN order_event e ON e.seq = o.latest
        WHERE e.status IS NULL OR e.status NOT IN ({marks})
    """  # noqa: S608  (only question marks are put in)
    found = []
    for first, last, order_id, story in file.execute(sql, tuple(map(str, FINAL))).fetchall():
        if order_id:
            whole = "SELECT min(seq), max(seq) FROM entry WHERE correlation_id = ?"
            begin, end = file.execute(whole, (story,)).fetchone()
            found.append(OpenStory(min(first, begin), max(last, end), story))
        else:
            # Never carried: others are told of in the same story.
            found.append(OpenStory(first, _NEVER, ""))
    # And of several orders that had one id, those that nobody told the end of.
    whole = f"""
        SELECT min(seq), max(seq), correlation_id FROM entry
        WHERE correlation_id IN ({MAY_WORK}) GROUP BY correlation_id
    """  # noqa: S608  (only question marks are put in)
    return found + [
        OpenStory(first, last, story)
        for first, last, story in file.execute(whole, sorted(FINAL)).fetchall()
        if story.rpartition("-")[2] != "0"  # those by hand were found above
    ]


_NEVER = 2**63 - 1


def carried(file: sqlite3.Connection, through: int) -> list[int]:
    """The entries up to one that have to be carried along if all up to there go.

    Args:
        file: The journal.
        through: The last entry that goes.
    """
    found: set[int] = set()
    for story in open_stories(file):
        if story.last <= through:
            found |= _seqs(file, "SELECT seq FROM entry WHERE correlation_id = ?", story.story)
    found |= _seqs(file, _BREACHES, through)
    for seq, time in file.execute(_HELD, (through,)).fetchall():
        since = (datetime.fromisoformat(time) - SETTLING).isoformat(timespec="microseconds")
        found |= {seq} | _seqs(file, _TRADED, through, since)
    found |= {paid for seq in tuple(found) for paid in _seqs(file, _PAID, seq, through)}
    # Whose an entry is, its session says: of those that stay, too.
    epochs = _seqs(file, "SELECT DISTINCT epoch FROM entry WHERE seq > ?", through)
    for seq in tuple(found):
        epochs |= _seqs(file, "SELECT epoch FROM entry WHERE seq = ?", seq)
    for epoch in epochs:
        found |= _seqs(file, "SELECT seq FROM session WHERE epoch = ? AND seq <= ?", epoch, through)
    return sorted(found)


_BREACHES = """
SELECT c.seq FROM control c
WHERE c.seq <= ? AND c.latched = 1 AND c.event = 'RiskBreached' AND NOT EXISTS (
    SELECT 1 FROM control later
    WHERE later.seq > c.seq AND later.event = c.event
      AND later.subject = c.subject AND later.account = c.account
)
"""
#: The positions that each login of each client listed last, where nothing newer stays.
_HELD = """
SELECT max(e.seq), e.time FROM entry e LEFT JOIN session s ON s.epoch = e.epoch
WHERE e.correlation_id GLOB 'positions-*' AND e.kind = 'PositionsHeld'
GROUP BY e.correlation_id, s.accounts HAVING max(e.seq) <= ?
"""
_TRADED = "SELECT seq FROM entry WHERE seq <= ? AND time >= ? AND kind = 'Fill'"
_PAID = """
SELECT c.seq FROM execution x JOIN commission c ON c.exec_id = x.exec_id
WHERE x.seq = ? AND c.seq <= ?
"""


def _seqs(file: sqlite3.Connection, sql: str, *parameters: object) -> set[int]:
    return {seq for (seq,) in map(tuple, file.execute(sql, parameters))}


class Carried:
    """Entries that are taken out of a journal, and written into it anew; in one transaction.

    Args:
        file: The journal.
        through: The last entry that goes.
    """

    def __init__(self, file: sqlite3.Connection, through: int) -> None:
        self._file = file
        self._rows = []
        for seq in carried(file, through):
            entry = tuple(file.execute("SELECT * FROM entry WHERE seq = ?", (seq,)).fetchone())
            beside = []
            for table in DETAIL_TABLES:
                sql = f"SELECT * FROM {table} WHERE seq = ?"  # noqa: S608  (a table of the schema)
                beside += [(table, tuple(row)[1:]) for row in file.execute(sql, (seq,))]
            self._rows.append((entry, tuple(beside)))

    def write(self) -> None:
        """Write them behind the newest entry; the old ones are gone."""
        start, before = newest(self._file)
        seq, details = start, Gathered()
        for entry, beside in self._rows:
            seq += 1
            head, body = (seq, *entry[1:6]), entry[6]
            before = link(before, head, body)
            self._file.execute(INSERT_ENTRY, (*head, body, before))
            details.add(seq, beside)
        details.insert(self._file)
        mark(self._file, start, seq)
