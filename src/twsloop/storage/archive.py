"""Retention: old days leave the journal for an archive, and nothing is lost on the way.

The archive is a whole copy of the journal as it stands, verified before anything is taken away: it
can be read and verified by itself for ever. Only then are the old entries deleted, in one
transaction, which lifts the guards, puts them back, and leaves an ``anchor``: number and hash of
the last entry that is gone, which the chain goes on from. Floors of order ids stay.

What programs still need stays, and all that came after it: an order that is not known to be over
and of which something was told of late, and a kill switch that nobody has released. What is needed
and would stay for ever is carried along: it is written anew behind the newest entry, in the same
transaction (`carrying`). That is an order of which nothing is told any more, a limit that was
reached and not released, the positions that a client listed last, and whose the sessions were.
"""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import datetime
from pathlib import Path

import attrs

from twsloop.errors import StorageError

from .carrying import Carried, carried, open_stories
from .pen import highest_epoch
from .reading import reading
from .schema import DETAIL_TABLES, PROTECTED_TABLES, SINCE, guards_of
from .verify import verify

__all__ = ["Archived", "last_to_move", "move"]


@attrs.frozen
class Archived:
    """What was moved.

    Attributes:
        file: The archive; None if there was nothing to move.
        through: Number of the last entry that was moved; 0 if none was.
        entries: How many were.
    """

    file: Path | None
    through: int
    entries: int


def last_to_move(file: sqlite3.Connection, before: datetime) -> int:
    """Number of the last entry that may go; 0 if none may.

    Args:
        file: The journal.
        before: What was learned from here on stays; aware of its time zone.
    """
    text = before.isoformat(timespec="microseconds")
    needed = [
        file.execute(
            f"SELECT min(seq) FROM entry WHERE seq > {SINCE.format('?')} AND time >= ?",  # noqa: S608
            (text, text),
        ).fetchone()[0],
        # Never all: the newest entry is what the next one is chained to.
        file.execute("SELECT max(seq) FROM entry").fetchone()[0],
        _first_latch(file),
    ]
    stay = min((seq for seq in needed if seq is not None), default=1)
    for story in sorted(open_stories(file), key=lambda one: one.last, reverse=True):
        # An older one of which something was told since is found in its turn.
        if story.last >= stay:
            stay = min(stay, story.first)
    first = file.execute("SELECT min(seq) FROM entry").fetchone()[0]
    if first is None or stay <= first:
        return 0
    through = int(stay) - 1
    sql = "SELECT count(*) FROM entry WHERE seq <= ?"
    (moved,) = file.execute(sql, (through,)).fetchone()
    return through if moved > len(carried(file, through)) else 0


def _first_latch(file: sqlite3.Connection) -> int | None:
    """The first entry of the kill switch that is latched still."""
    sql = """
        SELECT min(c.seq) FROM control c
        WHERE c.latched = 1 AND c.event = 'KillSwitchChanged' AND NOT EXISTS (
            SELECT 1 FROM control later
            WHERE later.seq > c.seq AND later.event = c.event
              AND later.subject = c.subject AND later.account = c.account AND later.latched = 0
        )
    """
    found: int | None = file.execute(sql).fetchone()[0]
    return found


def move(file: sqlite3.Connection, archive: Path, before: datetime, now: datetime) -> Archived:
    """Take away what is older, once the archive is seen to have it. In the worker's thread.

    Args:
        file: The journal, open to be written.
        archive: A copy of it.
        before: What was learned from here on stays.
        now: The time, for the anchor.

    Raises:
        StorageError: The archive is not whole, or does not have it all.
        sqlite3.Error: The journal cannot be written; it is then as it was.
    """
    checked = verify(archive)
    if not checked.ok:
        raise StorageError(f"the archive is not whole: {checked.why}", path=str(archive))
    file.execute("BEGIN IMMEDIATE")
    try:
        through = last_to_move(file, before)
        entries = 0 if through == 0 else _take_away(file, archive, through, now)
        file.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            file.execute("ROLLBACK")
        raise
    return Archived(archive if entries else None, through, entries)


def _take_away(file: sqlite3.Connection, archive: Path, through: int, now: datetime) -> int:
    (expected,) = file.execute("SELECT hash FROM entry WHERE seq = ?", (through,)).fetchone()
    with reading(archive) as copy:
        found = copy.execute("SELECT hash FROM entry WHERE seq = ?", (through,)).fetchone()
    if found is None or found[0] != expected:
        raise StorageError(f"the archive does not have entry {through}", path=str(archive))
    guards = [guard for table in PROTECTED_TABLES for guard in guards_of(table).items()]
    epoch = highest_epoch(file)
    needed = Carried(file, through)
    for name, _ in guards:
        file.execute(f"DROP TRIGGER {name}")
    for table in (*DETAIL_TABLES, "mark"):
        file.execute(f"DELETE FROM {table} WHERE seq <= ?", (through,))  # noqa: S608
    gone = file.execute("DELETE FROM entry WHERE seq <= ?", (through,)).rowcount
    row = (through, expected, epoch, archive.name, now.isoformat(timespec="microseconds"))
    file.execute("INSERT INTO anchor VALUES (?, ?, ?, ?, ?)", row)
    needed.write()
    for _, sql in guards:
        file.execute(sql)
    return gone
