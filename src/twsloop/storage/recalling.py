"""What a client did before this process: the orders that may be working, and those of late.

Orders that are over for longer are of no use to a new session: the gateway lists what ended today,
and executions of a week at most. Of these, the ids are enough: what is listed again is no news.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import attrs

from twsloop.events import (
    CommissionReported,
    DifferencesAccepted,
    DifferencesAsked,
    Fact,
    Fill,
    OrderEvent,
    OrderIntent,
    OrderStep,
    PositionsHeld,
    positions_story,
    reconcile_story,
)
from twsloop.events.execution_ids import is_leg

from .order_state import FINAL, OrderState
from .queries import entries
from .replay import Replay
from .rows import Entry
from .schema import SINCE
from .unfinished import Baseline, Mark, unfinished

__all__ = ["LISTED", "RECENT", "Recalled", "recall"]

logger = logging.getLogger(__name__)

#: Orders of so long ago are recalled whole, whatever became of them: a gateway lists the completed
#: orders of its day, which may have begun the day before.
RECENT = timedelta(days=2)
#: Executions of so long ago can be listed: seven days, where TWS's trade log shows them.
LISTED = timedelta(days=8)
#: A position may be reported so long after its execution.
SETTLING = timedelta(seconds=5)

#: The sessions of this client and login, as the journal counts them.
_MINE = "(SELECT value FROM json_each(:mine))"
#: The stories of a client's orders that were not told to be over, or were meant and never told
#: of: the intent is written alone, and the process may end as the order leaves.
#: An order's first words come without a permanent id, so that any later word takes their place; one
#: with an id yields to its like.
#: What another login told of the same client and order id is no later word: it is another order.
#: NOT INDEXED: all words are read once, in the order of the file, and few have no later one.
_OPEN = f"""
SELECT DISTINCT e.correlation_id
FROM order_event o NOT INDEXED CROSS JOIN entry e ON e.seq = o.seq
WHERE o.client_id = :client AND o.status NOT IN (SELECT value FROM json_each(:final))
AND (e.epoch = 0 OR e.epoch IN {_MINE}) AND NOT EXISTS (
    SELECT 1 FROM order_event n
    WHERE n.client_id = o.client_id AND n.order_id = o.order_id AND n.seq > o.seq
    AND n.status IS NOT NULL AND (o.perm_id IS NULL OR n.perm_id = o.perm_id)
    AND (SELECT epoch FROM entry WHERE seq = n.seq) IN {_MINE}
)
UNION SELECT e.correlation_id
FROM intent i JOIN entry e ON e.seq = i.seq
WHERE i.client_id = :client AND (e.epoch = 0 OR e.epoch IN {_MINE}) AND NOT EXISTS (
    SELECT 1 FROM order_event n
    WHERE n.client_id = i.client_id AND n.order_id = i.order_id AND n.seq > i.seq
    AND (SELECT epoch FROM entry WHERE seq = n.seq) IN {_MINE}
)
"""  # noqa: S608  (names of bound parameters)

#: What is of late, by its time.
_LATE = f"e.seq > {SINCE.format(':since')} AND e.time >= :since"
#: Entries about orders, of late, or of these stories. CROSS JOIN: what is of late is little, and
#: what is a client's may be all that the file has.
_ABOUT = f"""
WHERE seq IN (
    WITH story AS MATERIALIZED ({_OPEN})
    SELECT seq FROM entry WHERE correlation_id IN story
    UNION SELECT e.seq FROM entry e CROSS JOIN order_event o ON o.seq = e.seq
    WHERE o.client_id = :client AND {_LATE}
    UNION SELECT e.seq FROM entry e CROSS JOIN intent i ON i.seq = e.seq
    WHERE i.client_id = :client AND {_LATE}
    UNION SELECT seq FROM entry e WHERE {_LATE} AND kind IN ('Fill', 'CommissionReported')
    UNION SELECT seq FROM commission WHERE exec_id IN (
        SELECT exec_id FROM execution WHERE seq IN (
            SELECT seq FROM entry WHERE correlation_id IN story
        )
    )
)
ORDER BY seq
"""  # noqa: S608  (names of bound parameters)

_LATE_IDS = f"""
SELECT x.exec_id, e.epoch, e.time, x.exec_id IN (SELECT exec_id FROM commission)
FROM execution x JOIN entry e ON e.seq = x.seq WHERE {_LATE} AND e.time < :until
"""  # noqa: S608  (no values)

_OF_STORY = "WHERE correlation_id = ? ORDER BY seq"
#: Executions since a time; those that a combo's are summed up in change no position.
_TRADED = f"e WHERE kind = 'Fill' AND {_LATE} ORDER BY time, seq"
_COMBO = "SELECT 1 FROM intent WHERE client_id = ? AND order_id = ? AND sec_type = 'BAG' LIMIT 1"


def _counted(rows: Collection[object]) -> str:
    return str(len(rows))


@attrs.frozen
class Recalled:
    """What earlier processes did.

    Attributes:
        orders: The orders, in the order in which they were first told of.
        commissions: The commission reports of these, and those whose execution was not told yet.
        fills: The executions of late, and those of these orders, whoever's.
        executed: The ids of executions that are older, and may be listed again; each with whether
            its commission was told.
        ended_at: When the newest of it was written; None if there is nothing.
        held: The positions as they were last listed; None if they never were.
        traded: The executions since shortly before that, whoever's, a combo's by its legs alone.
        asked: What was asked about differences, and what was accepted, in its order.
        before: The orders as they stood when a comparison began that was never reported, if
            anything was written since.
        unreported: The executions that were written since.
        appeared: The orders that nobody here had meant, and that were first told of since.
    """

    orders: tuple[OrderState, ...] = attrs.field(default=(), repr=_counted)
    commissions: tuple[CommissionReported, ...] = attrs.field(default=(), repr=_counted)
    fills: tuple[Fill, ...] = attrs.field(default=(), repr=_counted)
    executed: tuple[tuple[str, bool], ...] = attrs.field(default=(), repr=_counted)
    ended_at: datetime | None = None
    held: PositionsHeld | None = None
    traded: tuple[Fill, ...] = attrs.field(default=(), repr=_counted)
    asked: tuple[DifferencesAsked | DifferencesAccepted, ...] = ()
    before: tuple[OrderState, ...] = attrs.field(default=(), repr=_counted)
    unreported: tuple[Fill, ...] = attrs.field(default=(), repr=_counted)
    appeared: tuple[OrderState, ...] = attrs.field(default=(), repr=_counted)


def recall(
    journal: sqlite3.Connection,
    client_id: int,
    accounts: Collection[str],
    now: datetime,
    *,
    writing: bool = True,
) -> Recalled:
    """Read what a client did at a login.

    Args:
        journal: The file.
        client_id: Which client: orders of another one are not ours.
        accounts: Those of the login; one that it has in common is enough, as logins get accounts.
        now: The time.
        writing: Whether the session that asks is written into the file, too: as the newest one.
    """
    mine = _sessions(journal, client_id, set(accounts))
    was_here = _last_word(journal, mine - {max(mine, default=0)} if writing else mine)
    mark = unfinished(journal, client_id, mine)
    since, earliest = _text(now - RECENT), _text(now - LISTED)
    if mark is not None:
        since = min(since, mark.time)
    replay, baseline, ended_at = Replay(), Baseline(mark), None
    others: list[tuple[Fill | CommissionReported, bool]] = []
    told = {
        "client": client_id,
        "since": since,
        "mine": json.dumps(sorted(mine)),
        "final": json.dumps(sorted(FINAL)),
    }
    for entry, fact in _facts(journal, _ABOUT, told):
        if entry.epoch in mine or (
            entry.epoch == 0 and _is_early(fact, replay, client_id, accounts)
        ):
            baseline.read(entry, fact, replay)
            replay.apply(fact, entry.seq)
            ended_at = entry.time
        elif isinstance(fact, Fill | CommissionReported):
            others.append((fact, entry.time <= was_here))
    _adopt(replay, others, client_id, accounts)
    held = _held(journal, client_id, mine, mark)
    if held is not None:
        ended_at = max(ended_at or "", _text(held.time))
    late = journal.execute(_LATE_IDS, {"since": earliest, "until": since}).fetchall()
    return Recalled(
        orders=replay.orders,
        commissions=replay.commissions,
        fills=replay.fills,
        executed=tuple(
            (exec_id, bool(paid))
            for exec_id, epoch, time, paid in late
            if epoch in mine or time <= was_here
        ),
        ended_at=None if ended_at is None else datetime.fromisoformat(ended_at),
        held=held,
        traded=() if held is None else _traded(journal, held.time - SETTLING, set(accounts)),
        asked=_asked(journal, client_id, mine),
        before=baseline.orders,
        unreported=tuple(baseline.fills),
        appeared=baseline.appeared(replay),
    )


def _is_early(fact: Fact, replay: Replay, client_id: int, accounts: Collection[str]) -> bool:
    """Whether a fact is of a session of ours that the file did not know yet.

    A gateway can tell of orders before it says whose login it is; IB's own start waits for nothing.
    What is told then is ours if its account is, or if its order is.
    """
    if not isinstance(fact, OrderIntent | OrderStep | OrderEvent) or fact.client_id != client_id:
        return False
    account = fact.changes.get("account") if isinstance(fact, OrderStep) else fact.account
    if account:
        return account in accounts
    perm_id = None if isinstance(fact, OrderIntent) else fact.perm_id
    known = replay.find(client_id, fact.order_id, perm_id)
    return known is not None or isinstance(fact, OrderIntent)


def _adopt(
    replay: Replay,
    others: Sequence[tuple[Fill | CommissionReported, bool]],
    client_id: int,
    accounts: Collection[str],
) -> None:
    """Take what another client wrote of executions: a file has each once, by whoever was first.

    Only if we were told as well. Of ours our own order shows it, by how much of it is filled; of
    others', that we were there when it was written (the flag of each), or later. What was traded
    while nobody of ours was there is news.
    """
    for fact, while_here in others:
        if not isinstance(fact, Fill) or fact.account not in accounts:
            continue
        told = while_here
        if fact.client_id == client_id:
            order = replay.find(client_id, fact.order_id, fact.perm_id)
            done = order.filled if order is not None and order.own else Decimal(0)
            told = fact.cumulative is not None and done >= fact.cumulative
        if told:
            replay.apply(fact)
    ours = {fill.exec_id for fill in replay.fills}
    for fact, _ in others:
        if isinstance(fact, CommissionReported) and fact.exec_id in ours:
            replay.apply(fact)


def _facts(
    journal: sqlite3.Connection, rest: str, parameters: Sequence[Any] | Mapping[str, Any]
) -> Iterator[tuple[Entry, Fact]]:
    """Entries with their facts; what cannot be read is passed over, and named in the log.

    A newer version may have written it. Without it an order looks less far than it is, and what the
    gateway lists puts that right; without the others nothing would be known of any order.
    """
    for entry in entries(journal, rest, parameters):
        try:
            fact = entry.fact()
        except ValueError as error:
            logger.warning("entry %d of the order journal is passed over: %s", entry.seq, error)
        else:
            yield entry, fact


def _held(
    journal: sqlite3.Connection, client_id: int, mine: Collection[int], mark: Mark | None
) -> PositionsHeld | None:
    """The positions as they were last listed; before a comparison that is to be made anew."""
    newest = None
    for seq, epoch in journal.execute(
        f"SELECT seq, epoch FROM entry {_OF_STORY} DESC",  # noqa: S608  (no values)
        (positions_story(client_id),),
    ):
        if epoch in mine and (mark is None or seq < mark.seq):
            newest = seq
            break
    for _, fact in _facts(journal, "WHERE seq = ?", (newest,)) if newest else ():
        if isinstance(fact, PositionsHeld):
            return fact
    return None


def _traded(
    journal: sqlite3.Connection, since: datetime, accounts: Collection[str]
) -> tuple[Fill, ...]:
    found = []
    for _, fact in _facts(journal, _TRADED, {"since": _text(since)}):
        if isinstance(fact, Fill) and fact.account in accounts:
            order = fact.client_id, fact.order_id
            if is_leg(fact.exec_id) or journal.execute(_COMBO, order).fetchone() is None:
                found.append(fact)
    return tuple(found)


def _asked(
    journal: sqlite3.Connection, client_id: int, mine: Collection[int]
) -> tuple[DifferencesAsked | DifferencesAccepted, ...]:
    story = _facts(journal, _OF_STORY, (reconcile_story(client_id),))
    facts = (fact for entry, fact in story if entry.epoch in mine)
    return tuple(fact for fact in facts if isinstance(fact, DifferencesAsked | DifferencesAccepted))


def _last_word(journal: sqlite3.Connection, sessions: Collection[int]) -> str:
    """When the last entry of some sessions was written; empty if there is none."""
    newest_first = journal.execute("SELECT epoch, time FROM entry ORDER BY seq DESC")
    times = (time for epoch, time in newest_first if epoch in sessions)
    last: str = next(times, "") if sessions else ""
    # What was carried along, or restored, stands behind what is newer.
    later = f"SELECT max(time) FROM entry WHERE seq > {SINCE.format('?')} AND epoch IN ({{}})"  # noqa: S608
    (latest,) = journal.execute(later.format(", ".join(map(str, sessions))), (last,)).fetchone()
    return max(last, latest or "")


def _sessions(journal: sqlite3.Connection, client_id: int, accounts: set[str]) -> set[int]:
    """The sessions of a client at a login, as the journal counts them."""
    rows = journal.execute("SELECT epoch, accounts FROM session WHERE client_id = ?", (client_id,))
    return {epoch for epoch, theirs in rows if accounts & set(theirs.split(","))}


def _text(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="microseconds")
