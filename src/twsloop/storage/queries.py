"""What people ask a journal: orders, executions, what happened to them, what was decided.

Each function takes a connection of `twsloop.storage.reading.reading` and a `Wanted`. A page is
counted from the newest row backwards, and its rows are told in the order in which they were
written: ``limit=50`` is the last fifty, ``limit=50, offset=50`` the fifty before them.

A symbol, a tag and the ids are those of an order: they do not stand in each of its rows, and all of
its rows are told.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import attrs

from twsloop.errors import StorageError
from twsloop.events import CommissionReported, Fact, Fill, OrderEvent, OrderStep
from twsloop.events.records import FACTS

from .order_state import FINAL, UNCERTAIN, OrderState
from .replay import Replay
from .rows import Entry
from .timeline import Story, stories
from .wanted import Wanted, Where, marks

__all__ = [
    "MAY_WORK",
    "OrderHistoryRow",
    "PaidFill",
    "Wanted",
    "entries",
    "fact_of",
    "order_stories",
    "query_audit_log",
    "query_fills",
    "query_order_history",
    "query_orders",
]

#: The columns of an `Entry`, in its order.
_ENTRY = "seq, time, kind, epoch, correlation_id, natural_key, body, hash"
#: What happens to orders in masses; the rest is what was decided, and what went wrong.
_MASSES = tuple(
    sorted(
        name
        for name, kind in FACTS.items()
        if issubclass(kind, (OrderStep, OrderEvent, Fill, CommissionReported))
    )
)


@attrs.frozen(kw_only=True)
class OrderHistoryRow:
    """One row of the view ``order_history``.

    Attributes:
        seq: Which entry of the journal it is.
        time: When it was known, UTC.
        epoch: The session it belongs to, as the journal counts them; 0 for none.
        client_id: Whose order it is.
        order_id: Its id within its client; 0 for one that was placed by hand.
        perm_id: IB's permanent id, once known.
        event: The kind of fact.
        source: What brought it.
        account: The account, where the fact says so.
        symbol: The contract in short, where the fact says so.
        tag: The user's own reference, where the fact says so.
        status: The status, where it is another one now.
        filled: How much is filled, likewise.
        remaining: How much is open, likewise.
        average_price: Of what is filled, likewise.
        reason: Why, in words.
        correlation_id: The order's story.
    """

    seq: int
    time: datetime
    epoch: int
    client_id: int
    order_id: int
    perm_id: int | None
    event: str
    source: str
    account: str | None
    symbol: str | None
    tag: str | None
    status: str | None
    filled: Decimal | None
    remaining: Decimal | None
    average_price: Decimal | None
    reason: str | None
    correlation_id: str


@attrs.frozen(kw_only=True)
class PaidFill:
    """An execution in its latest version, with its order and what it cost, as far as known.

    Attributes:
        fill: The execution.
        order: Its order; None if the journal knows none.
        commission: Its commission report; None while none has come.
    """

    fill: Fill
    order: OrderState | None = None
    commission: CommissionReported | None = None


def entries(
    journal: sqlite3.Connection,
    rest: str = "",
    parameters: Sequence[Any] | Mapping[str, Any] = (),
) -> Iterator[Entry]:
    """Entries of the spine, one after the other.

    Args:
        journal: The file.
        rest: What follows ``FROM entry``; all of them, in their order, unless given.
        parameters: Its parameters.
    """
    sql = f"SELECT {_ENTRY} FROM entry {rest or 'ORDER BY seq'}"  # noqa: S608  (no user's text)
    for row in journal.execute(sql, parameters):
        yield Entry(**dict(zip(row.keys(), row, strict=True)))


def fact_of(entry: Entry) -> Fact:
    """The fact of an entry.

    Raises:
        StorageError: It cannot be read.
    """
    try:
        return entry.fact()
    except ValueError as error:
        raise _unreadable(entry.seq, error) from error


def _unreadable(seq: int, error: Exception) -> StorageError:
    msg = f"entry {seq} cannot be read: {error}"
    return StorageError(msg, remedy="twsloop journal verify says what is wrong")


# ---- what is asked -----------------------------------------------------------------------
def query_order_history(journal: sqlite3.Connection, wanted: Wanted) -> list[OrderHistoryRow]:
    """What happened to orders, row by row."""
    where = Where("order_history", "event", wanted)
    where.add("{}.status = ?", wanted.status)
    sql = f"SELECT * FROM order_history {where} {where.page}"  # noqa: S608  (bound parameters)
    rows = journal.execute(sql, (*where.parameters, *where.page_parameters)).fetchall()
    return [_history_row(row) for row in reversed(rows)]


def _history_row(row: sqlite3.Row) -> OrderHistoryRow:
    told = dict(zip(row.keys(), row, strict=True))
    try:
        told["time"] = datetime.fromisoformat(told["time"])
        for name in ("filled", "remaining", "average_price"):
            told[name] = None if told[name] is None else Decimal(told[name])
    except (TypeError, ValueError, ArithmeticError) as error:
        raise _unreadable(told["seq"], error) from error
    return OrderHistoryRow(**told)


def query_audit_log(journal: sqlite3.Connection, wanted: Wanted) -> list[Entry]:
    """What was decided, and what went wrong; with ``kinds``, entries of just these kinds.

    Without ``kinds`` it leaves out what happens to orders in masses: their steps and events, their
    executions and commissions.
    """
    where = Where("entry", "kind", wanted)
    if not wanted.kinds:
        where.add(f"{{}}.kind NOT IN ({marks(_MASSES)})", *_MASSES)
    status = "{}.seq IN (SELECT seq FROM order_event WHERE status = ?)"
    where.add(status, wanted.status)
    found = entries(journal, f"{where} {where.page}", (*where.parameters, *where.page_parameters))
    return list(reversed(list(found)))


def query_orders(journal: sqlite3.Connection, wanted: Wanted) -> list[OrderState]:
    """The orders as they stand, in the order in which they were first told of.

    An order is in a span of time if anything was told of it then.

    Where a page of the newest is wanted, the stories with the newest words are read first: no order
    of another one is newer than the oldest of these words. All of the file is read only if the page
    is not full then.
    """
    needed = None if wanted.limit is None else wanted.limit + wanted.offset
    border = (
        0 if needed is None or wanted.working else _told_last(journal, FEWEST_STORIES + 4 * needed)
    )
    found = _first_told(journal, wanted, border)
    if needed is not None and border and sum(first >= border for first, _ in found) < needed:
        found = _first_told(journal, wanted, 0)
    return wanted.page([order for _, order in found])


#: So many stories more than four for each order of a page are read first.
FEWEST_STORIES = 50


def _told_last(journal: sqlite3.Connection, count: int) -> int:
    """The last entry of the story that is so far from the newest; 0 if there are not so many."""
    sql = (
        "SELECT max(seq) AS last FROM entry GROUP BY correlation_id "
        "ORDER BY last DESC LIMIT 1 OFFSET ?"
    )
    row = journal.execute(sql, (count - 1,)).fetchone()
    return 0 if row is None else int(row[0])


def _first_told(
    journal: sqlite3.Connection, wanted: Wanted, border: int
) -> list[tuple[int, OrderState]]:
    """The orders that are wanted, of stories that go on to an entry, each with its first one."""
    replay, first = Replay(), dict[int, int]()
    for entry in _about(journal, wanted, last=border):
        order = replay.apply(fact_of(entry), entry.seq)
        if order is not None:
            first.setdefault(id(order), entry.seq)
    return [(first[id(one)], one) for one in replay.orders if _is_wanted(one, wanted)]


def query_fills(journal: sqlite3.Connection, wanted: Wanted) -> list[PaidFill]:
    """The executions in their latest versions, with their commissions, oldest first.

    ``status`` is that of their order.
    """
    replay = _replay(journal, wanted)
    found = [
        PaidFill(fill=fill, order=order, commission=order.commissions.get(fill.exec_id))
        for order in replay.orders
        if _is_wanted(order, wanted)
        for fill in order.fills.values()
    ]
    if wanted.status is None and wanted.token is None and not wanted.working:
        found += [
            PaidFill(fill=fill, commission=replay.commission_of(fill.exec_id))
            for fill in replay.strays
            if _is_wanted_stray(fill, wanted)
        ]
    in_time = [one for one in found if _in_span(one.fill.executed_at or one.fill.time, wanted)]
    in_time.sort(key=lambda one: one.fill.executed_at or one.fill.time)
    return wanted.page(in_time)


def order_stories(journal: sqlite3.Connection, wanted: Wanted) -> list[Story]:
    """The stories of the orders, the one that was first told of first."""
    told = ((entry.seq, fact_of(entry)) for entry in _about(journal, wanted, _AROUND))
    return wanted.page(stories(told, lambda order: _is_wanted(order, wanted)))


# ---- inside ------------------------------------------------------------------------------
def _replay(journal: sqlite3.Connection, wanted: Wanted) -> Replay:
    replay = Replay()
    for entry in _about(journal, wanted):
        replay.apply(fact_of(entry), entry.seq)
    return replay


#: The stories whose last word is none that an order ends with, or that end with an intent. The
#: first words of an order come without a permanent id; one with an id yields to its like.
#: NOT INDEXED: all words are read once, in the order of the file, and few have no later one.
MAY_WORK = f"""
SELECT e.correlation_id
FROM order_event o NOT INDEXED CROSS JOIN entry e ON e.seq = o.seq
WHERE o.status NOT IN ({marks(tuple(FINAL))}) AND NOT EXISTS (
    SELECT 1 FROM order_event n
    WHERE n.client_id = o.client_id AND n.order_id = o.order_id AND n.seq > o.seq
    AND n.status IS NOT NULL AND (o.perm_id IS NULL OR n.perm_id = o.perm_id)
)
UNION SELECT e.correlation_id FROM intent i JOIN entry e ON e.seq = i.seq
WHERE NOT EXISTS (
    SELECT 1 FROM order_event n
    WHERE n.client_id = i.client_id AND n.order_id = i.order_id AND n.seq > i.seq
)
"""  # noqa: S608  (bound parameters)

#: What concerns orders without being told of one of them.
_AROUND = ("SessionChanged", "GapReport")


def _about(
    journal: sqlite3.Connection, wanted: Wanted, around: Sequence[str] = (), *, last: int = 0
) -> Iterator[Entry]:
    """All entries about the orders of which one row is wanted.

    What is told of a permanent id is told of one order, even if that had another id before: it was
    placed by hand, and was bound to a client later.

    Args:
        journal: The file.
        wanted: Which rows.
        around: What else is told of, by its kind.
        last: Only of the stories that have this entry, or a later one.
    """
    where = Where("order_history", "event", attrs.evolve(wanted, kinds=()))
    if wanted.working:
        where.add(f"{{}}.correlation_id IN ({MAY_WORK})", *sorted(FINAL))
    if last:
        late = "(SELECT correlation_id FROM entry GROUP BY correlation_id HAVING max(seq) >= ?)"
        where.add(f"{{}}.correlation_id IN {late}", last)
    rest = f"""
        WHERE seq IN (
            WITH
              found AS MATERIALIZED (
                SELECT correlation_id, perm_id FROM order_history {where}
              ),
              story AS (SELECT DISTINCT correlation_id FROM found),
              perm AS (
                SELECT perm_id FROM found WHERE perm_id IS NOT NULL
                UNION
                SELECT o.perm_id FROM order_event o JOIN entry e ON e.seq = o.seq
                WHERE e.correlation_id IN story AND o.order_id <> 0 AND o.perm_id IS NOT NULL
              ),
              about AS (
                SELECT seq FROM entry WHERE correlation_id IN story
                UNION SELECT seq FROM order_event WHERE perm_id IN perm
                UNION SELECT seq FROM execution WHERE perm_id IN perm
              )
            SELECT seq FROM about
            UNION SELECT seq FROM commission WHERE exec_id IN (
                SELECT exec_id FROM execution WHERE seq IN about
            )
        )
        OR kind IN ({marks(around)})
        ORDER BY seq
        """  # noqa: S608  (bound parameters)
    return entries(journal, rest, (*where.parameters, *around))


def _is_wanted(order: OrderState, wanted: Wanted) -> bool:
    """Whether an order is one of those that are wanted."""
    return (
        (wanted.since is None or order.updated_at >= wanted.since)
        and (wanted.until is None or order.created_at < wanted.until)
        and _is_symbol(order.symbol, wanted.symbol)
        and (
            wanted.status in {None, order.status}
            or (order.uncertain and wanted.status == UNCERTAIN)
        )
        and wanted.client_id in {None, order.client_id}
        and wanted.order_id in {None, order.order_id}
        and (wanted.perm_id is None or wanted.perm_id in order.perm_ids)
        and wanted.tag in {None, order.tag}
        and wanted.token in {None, order.token}
        and (order.may_be_working or not wanted.working)
    )


def _is_wanted_stray(fill: Fill, wanted: Wanted) -> bool:
    return (
        _is_symbol(fill.symbol, wanted.symbol)
        and wanted.client_id in {None, fill.client_id}
        and wanted.order_id in {None, fill.order_id}
        and wanted.perm_id in {None, fill.perm_id}
        and wanted.tag in {None, fill.tag}
    )


def _is_symbol(symbol: str, wanted: str | None) -> bool:
    """Whether a contract in short is what is wanted, or begins with its words."""
    if not wanted:
        return True
    whole, part = symbol.casefold(), wanted.casefold()
    return whole == part or whole.startswith(f"{part} ")


def _in_span(time: datetime, wanted: Wanted) -> bool:
    return (wanted.since is None or time >= wanted.since) and (
        wanted.until is None or time < wanted.until
    )
