"""What was decided about risk, as the journal has it: latches, and what a day has cost so far.

Programs that share a journal share its kill switch: each reads what the others wrote. A look opens
the file and closes it again (about half a millisecond, in a thread of its own), so that nothing is
held open in a file that may be moved, replaced or archived meanwhile, and nothing has to be closed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from pathlib import Path

import attrs

from twsloop.config import JournalParams
from twsloop.database import Database
from twsloop.events import (
    DayPeak,
    Fact,
    KillSwitchActed,
    KillSwitchChanged,
    KillSwitchClaimed,
    RiskBreached,
    RiskLimitChanged,
)

from .pen import Login, Pen, newest
from .queries import entries, fact_of
from .reading import reading
from .rows import key_of
from .schema import MIGRATIONS, SINCE

__all__ = ["KILL_SWITCH", "REACHED", "Decided", "claim", "count_intents", "decided", "write_down"]

#: The facts that make the kill switch's state.
KILL_SWITCH = (KillSwitchChanged.__name__, KillSwitchActed.__name__)
#: The facts that tell which limits were reached, what a drawdown is measured from, and what limits
#: were changed to.
REACHED = (RiskBreached.__name__, DayPeak.__name__, RiskLimitChanged.__name__)


@attrs.frozen
class Decided:
    """What was decided since the last look.

    Attributes:
        seq: The newest entry of it, where the next look begins; what was given if there is none.
        facts: They, the oldest first.
    """

    seq: int
    facts: tuple[Fact, ...] = ()


def decided(file: Path, since: int = 0, kinds: Collection[str] = KILL_SWITCH) -> Decided:
    """What was decided after an entry; in any thread.

    Args:
        file: The journal.
        since: The entry; of a file that does not have it yet, all is told.
        kinds: Which facts, by their class.

    Raises:
        StorageError: The file cannot be read.
    """
    marks = ", ".join("?" * len(kinds))
    # By the table of decisions: the spine has no index of kinds.
    chosen = f"SELECT seq FROM control WHERE seq > ? AND event IN ({marks})"  # noqa: S608
    rest = f"WHERE seq IN ({chosen}) ORDER BY seq"
    with reading(file) as journal:
        if newest(journal)[0] < since:
            since = 0  # another file has taken its place
        found = [(entry.seq, fact_of(entry)) for entry in entries(journal, rest, (since, *kinds))]
    return Decided(found[-1][0] if found else since, tuple(fact for _, fact in found))


def count_intents(file: Path, client_id: int, since: datetime) -> int:
    """How many orders, and changes of orders, a client meant to send since a time; in any thread.

    Raises:
        StorageError: The file cannot be read.
    """
    sql = (
        "SELECT count(*) FROM entry e JOIN intent i ON i.seq = e.seq "  # noqa: S608  (no values)
        f"WHERE e.seq > {SINCE.format('?')} AND e.time >= ? AND i.client_id = ?"
    )
    text = since.astimezone(UTC).isoformat(timespec="microseconds")
    with reading(file) as journal:
        return int(journal.execute(sql, (text, text, client_id)).fetchone()[0])


def claim(params: JournalParams, wanted: KillSwitchClaimed) -> bool:
    """Be the one program that closes positions; in any thread, it waits for the disk.

    Args:
        params: Which journal.
        wanted: The claim.

    Returns:
        Whether it is this client's: of several programs one gets it, and gets it again.

    Raises:
        StorageError: The journal cannot be written or read.
    """
    if write_down(params, [wanted]):
        return True
    with reading(params.file) as journal:
        first = next(entries(journal, "WHERE natural_key = ?", (key_of(wanted),)))
    told = fact_of(first)
    return isinstance(told, KillSwitchClaimed) and told.client_id == wanted.client_id


def write_down(params: JournalParams, facts: Iterable[Fact]) -> int:
    """Write facts with no program's help; the file is made if there is none. It waits for the disk.

    Args:
        params: Which journal.
        facts: They.

    Returns:
        How many were new.

    Raises:
        StorageError: It cannot be written.
    """
    database = Database(
        params.file,
        migrations=MIGRATIONS,
        busy_timeout=params.deadline,
        sync="full",
        private=True,
        section="journal",
    )
    nobody = Login("", "")
    with contextlib.closing(database.connect()) as connection, database.explained("write to it"):
        pen = Pen(params.file)
        pen.opened(connection)
        return pen.write(connection, [(fact, nobody) for fact in facts]).rows
