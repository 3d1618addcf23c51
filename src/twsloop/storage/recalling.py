"""What a client did before this process: the orders that may be working, and those of late.

Orders that are over for longer are of no use to a new session: the gateway lists what ended today,
and executions of a week at most. Of these, the ids are enough: what is listed again is no news.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import attrs

from twsloop.events import (
    CommissionReported,
    DifferencesAccepted,
    DifferencesAsked,
    Fill,
    PositionsHeld,
    positions_story,
    reconcile_story,
)
from twsloop.events.execution_ids import is_leg

from .order_state import FINAL, OrderState
from .queries import entries
from .replay import Replay

__all__ = ["LISTED", "RECENT", "Recalled", "recall"]

#: Orders of so long ago are recalled whole, whatever became of them: a gateway lists the completed
#: orders of its day, which may have begun the day before.
RECENT = timedelta(days=2)
#: Executions of so long ago can be listed: seven days, where TWS's trade log shows them.
LISTED = timedelta(days=8)
#: A position may be reported so long after its execution.
SETTLING = timedelta(seconds=5)

_FINAL_MARKS = ", ".join("?" * len(FINAL))

#: Entries about orders, of late, or of an order whose last status is not final.
_ABOUT = f"""
WHERE seq IN (
    WITH
      latest AS (
        SELECT max(seq) AS seq, status FROM order_event
        WHERE client_id = ? AND status IS NOT NULL GROUP BY order_id, perm_id
      ),
      story AS (
        SELECT DISTINCT correlation_id FROM entry
        WHERE seq IN (SELECT seq FROM latest WHERE status NOT IN ({_FINAL_MARKS}))
      )
    SELECT seq FROM entry WHERE correlation_id IN story
    UNION SELECT e.seq FROM order_event o JOIN entry e ON e.seq = o.seq
    WHERE o.client_id = ? AND e.time >= ?
    UNION SELECT e.seq FROM intent i JOIN entry e ON e.seq = i.seq
    WHERE i.client_id = ? AND e.time >= ?
    UNION SELECT seq FROM entry WHERE time >= ? AND kind IN ('Fill', 'CommissionReported')
    UNION SELECT seq FROM commission WHERE exec_id IN (
        SELECT exec_id FROM execution WHERE seq IN (
            SELECT seq FROM entry WHERE correlation_id IN story
        )
    )
)
ORDER BY seq
"""  # noqa: S608  (marks of bound parameters)

_LATE_IDS = """
SELECT x.exec_id, e.epoch, x.exec_id IN (SELECT exec_id FROM commission)
FROM execution x JOIN entry e ON e.seq = x.seq WHERE e.time >= ? AND e.time < ?
"""

_OF_STORY = "WHERE correlation_id = ? ORDER BY seq"
#: Executions since a time; those that a combo's are summed up in change no position.
_TRADED = """
WHERE kind = 'Fill' AND time >= ? ORDER BY seq
"""
_COMBO = "SELECT 1 FROM intent WHERE client_id = ? AND order_id = ? AND sec_type = 'BAG' LIMIT 1"


def _counted(rows: Collection[object]) -> str:
    return str(len(rows))


@attrs.frozen
class Recalled:
    """What earlier processes did.

    Attributes:
        orders: The orders, in the order in which they were first told of.
        commissions: The commission reports of these, and those whose execution was not told yet.
        executed: The ids of executions that are older, and may be listed again; each with whether
            its commission was told.
        ended_at: When the newest of it was written; None if there is nothing.
        held: The positions as they were last listed; None if they never were.
        traded: The executions since shortly before that, whoever's, a combo's by its legs alone.
        asked: What was asked about differences, and what was accepted, in its order.
    """

    orders: tuple[OrderState, ...] = attrs.field(default=(), repr=_counted)
    commissions: tuple[CommissionReported, ...] = attrs.field(default=(), repr=_counted)
    executed: tuple[tuple[str, bool], ...] = attrs.field(default=(), repr=_counted)
    ended_at: datetime | None = None
    held: PositionsHeld | None = None
    traded: tuple[Fill, ...] = attrs.field(default=(), repr=_counted)
    asked: tuple[DifferencesAsked | DifferencesAccepted, ...] = ()


def recall(
    journal: sqlite3.Connection, client_id: int, accounts: Collection[str], now: datetime
) -> Recalled:
    """Read what a client did at a login.

    Args:
        journal: The file.
        client_id: Which client: orders of another one are not ours.
        accounts: Those of the login; one that it has in common is enough, as logins get accounts.
        now: The time.
    """
    mine = _sessions(journal, client_id, set(accounts))
    since, earliest = _text(now - RECENT), _text(now - LISTED)
    replay, ended_at = Replay(), None
    told = (client_id, *sorted(FINAL), client_id, since, client_id, since, since)
    for entry in entries(journal, _ABOUT, told):
        if entry.epoch in mine:
            replay.apply(entry.fact(), entry.seq)
            ended_at = entry.time
    held = _held(journal, client_id, mine)
    if held is not None:
        ended_at = max(ended_at or "", _text(held.time))
    late = journal.execute(_LATE_IDS, (earliest, since)).fetchall()
    return Recalled(
        orders=replay.orders,
        commissions=replay.commissions,
        executed=tuple((exec_id, bool(paid)) for exec_id, epoch, paid in late if epoch in mine),
        ended_at=None if ended_at is None else datetime.fromisoformat(ended_at),
        held=held,
        traded=() if held is None else _traded(journal, held.time - SETTLING, set(accounts)),
        asked=_asked(journal, client_id, mine),
    )


def _held(
    journal: sqlite3.Connection, client_id: int, mine: Collection[int]
) -> PositionsHeld | None:
    newest = None
    for seq, epoch in journal.execute(
        f"SELECT seq, epoch FROM entry {_OF_STORY} DESC",  # noqa: S608  (no values)
        (positions_story(client_id),),
    ):
        if epoch in mine:
            newest = seq
            break
    for entry in entries(journal, "WHERE seq = ?", (newest,)) if newest else ():
        fact = entry.fact()
        if isinstance(fact, PositionsHeld):
            return fact
    return None


def _traded(
    journal: sqlite3.Connection, since: datetime, accounts: Collection[str]
) -> tuple[Fill, ...]:
    found = []
    for entry in entries(journal, _TRADED, (_text(since),)):
        fact = entry.fact()
        if isinstance(fact, Fill) and fact.account in accounts:
            order = fact.client_id, fact.order_id
            if is_leg(fact.exec_id) or journal.execute(_COMBO, order).fetchone() is None:
                found.append(fact)
    return tuple(found)


def _asked(
    journal: sqlite3.Connection, client_id: int, mine: Collection[int]
) -> tuple[DifferencesAsked | DifferencesAccepted, ...]:
    story = entries(journal, _OF_STORY, (reconcile_story(client_id),))
    facts = (entry.fact() for entry in story if entry.epoch in mine)
    return tuple(fact for fact in facts if isinstance(fact, DifferencesAsked | DifferencesAccepted))


def _sessions(journal: sqlite3.Connection, client_id: int, accounts: set[str]) -> set[int]:
    """The sessions of a client at a login, as the journal counts them."""
    rows = journal.execute("SELECT epoch, accounts FROM session WHERE client_id = ?", (client_id,))
    return {epoch for epoch, theirs in rows if accounts & set(theirs.split(","))}


def _text(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="microseconds")
