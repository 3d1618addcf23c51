"""What is compared after a gap: orders and executions by their ids, positions by fills. Pure.

A `Gap` begins when the gateway falls silent, or says that it has lost IB: it keeps how every live
order stood. Executions that are heard while it is open are its own if the lists tell them, or if
they come before the session is READY again, or were executed before it could be heard again. What
comes live in the meantime was not missed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import attrs

from twsloop.events import CommissionReported, Fill, GapVerdict, OrderInGap, PositionInGap

from .holdings import Holding, Holdings
from .reading import execution_base
from .state import WORKING, OrderRecord, OrderStatus
from .steps import TERMS

__all__ = [
    "SETTLING",
    "Gap",
    "Listed",
    "Standing",
    "compare_orders",
    "compare_positions",
    "signed",
    "standing_of",
]

#: A position is reported some time after its execution: one of so long before the gap may be what
#: changed it.
SETTLING = timedelta(seconds=5)

_ENDS = {
    OrderStatus.FILLED: GapVerdict.FILLED,
    OrderStatus.CANCELLED: GapVerdict.CANCELLED,
    OrderStatus.API_CANCELLED: GapVerdict.CANCELLED,
    OrderStatus.EXPIRED: GapVerdict.CANCELLED,
    OrderStatus.REJECTED: GapVerdict.REJECTED,
}


@attrs.frozen
class Standing:
    """How an order stood.

    Attributes:
        status: Where it was.
        filled: How much of it was filled.
        terms: What can be modified about it; empty of one that nobody can tell of: any word of it
            is news.
        shown: The gateway had reported it.
    """

    status: OrderStatus
    filled: Decimal
    terms: tuple[Any, ...]
    shown: bool


def standing_of(record: OrderRecord) -> Standing:
    """How an order stands now."""
    terms: tuple[Any, ...] = ()
    if record.status is not OrderStatus.UNCERTAIN:
        order = record.order
        terms = tuple(getattr(order, name) for name in TERMS)
    return Standing(record.status, record.filled, terms, record.acknowledged)


@attrs.define
class Listed:
    """The executions that the gateway has listed: which, and since when.

    Attributes:
        bases: The part of their ids that a correction keeps.
        since: When the oldest one was traded: the list goes back so far, at least.
    """

    bases: set[str] = attrs.Factory(set)
    since: datetime | None = None

    def take(self, exec_id: str, executed_at: datetime | None) -> None:
        """One more."""
        self.bases.add(execution_base(exec_id))
        if executed_at is not None and (self.since is None or executed_at < self.since):
            self.since = executed_at


@attrs.define(eq=False)
class Gap:
    """A time in which something may have been missed.

    Attributes:
        cause: As in `GapReport`.
        reason: Why, in words.
        began: The last time the gateway was heard, or said that it has lost IB.
        epoch: The session it began in.
        orders: How each order stood that was live, or of which nobody knew.
        held: The positions as they were last reported; None if nobody had asked for them.
        ended: When the gateway could be heard again; None while it cannot.
        executions: What was missed, and is known now.
        commissions: What was reported meanwhile.
        live: Executions (by what a correction keeps of their ids) that were not missed.
        listed: The executions that the gateway has listed since.
    """

    cause: str
    reason: str
    began: datetime
    epoch: int
    orders: dict[OrderRecord, Standing] = attrs.Factory(dict)
    held: Holdings | None = None
    ended: datetime | None = None
    executions: list[Fill] = attrs.Factory(list)
    commissions: list[CommissionReported] = attrs.Factory(list)
    live: set[str] = attrs.Factory(set)
    listed: Listed = attrs.Factory(Listed)

    def heard(self, fact: Fill | CommissionReported, *, late: bool) -> None:
        """An execution or a commission became known; ``late`` if it was not told as it happened."""
        if isinstance(fact, CommissionReported):
            self.commissions.append(fact)
        elif late or self._was_before_the_end(fact.executed_at):
            self.executions.append(fact)
        else:
            self.live.add(execution_base(fact.exec_id))

    def _was_before_the_end(self, executed_at: datetime | None) -> bool:
        # IB's times are of whole seconds: one of the same second may be later.
        if self.ended is None or executed_at is None:
            return False
        return executed_at < self.ended.replace(microsecond=0)

    def missed_commissions(self) -> tuple[CommissionReported, ...]:
        """Those of executions that were missed, or were known before without them."""
        return tuple(
            report for report in self.commissions if execution_base(report.exec_id) not in self.live
        )

    def merged(self, later: Gap) -> Gap:
        """This gap and a later one, between which nothing could be compared, are one."""
        return Gap(
            self.cause,
            f"{self.reason}; then {later.reason}",
            self.began,
            self.epoch,
            orders={**later.orders, **self.orders},
            held=self.held if self.held is not None else later.held,
            executions=[*self.executions, *later.executions],
            commissions=[*self.commissions, *later.commissions],
            live=self.live | later.live,
        )


def compare_orders(
    gap: Gap,
    open_now: Collection[OrderRecord],
    *,
    whole: bool,
    revived: Mapping[OrderRecord, Standing],
) -> tuple[OrderInGap, ...]:
    """What became of each order.

    Args:
        gap: How they stood before.
        open_now: The orders that the gateway lists as open.
        whole: Whether all lists could be had, so that what is in none of them is not there.
        revived: The orders that were told to be over, and are open: how they stood.
    """
    alive = {record: before for record, before in revived.items() if record.status in WORKING}
    rows = [
        _row(record, before, _verdict(record, before, listed=whole or record in open_now))
        for record, before in gap.orders.items()
        if record not in alive
    ]
    rows += [_row(record, before, GapVerdict.REVIVED) for record, before in alive.items()]
    rows += [
        _row(record, None, GapVerdict.APPEARED)
        for record in open_now
        # What we sent ourselves meanwhile did not appear.
        if record not in gap.orders and record not in alive and record.sent is None
    ]
    return tuple(rows)


def _verdict(record: OrderRecord, before: Standing, *, listed: bool) -> GapVerdict:
    status = record.status
    if status in _ENDS:
        return _ENDS[status]
    if status is OrderStatus.UNCERTAIN:
        vanished = before.shown and before.status is not OrderStatus.UNCERTAIN
        return GapVerdict.VANISHED if vanished else GapVerdict.UNCERTAIN
    if not listed:
        return GapVerdict.UNCERTAIN
    now = standing_of(record)
    same = (now.status, now.filled, now.terms) == (before.status, before.filled, before.terms)
    return GapVerdict.UNCHANGED if same else GapVerdict.MOVED


#: One nothing for all rows: they are kept by the thousand.
_ZERO = Decimal(0)


def _row(record: OrderRecord, before: Standing | None, verdict: GapVerdict) -> OrderInGap:
    return OrderInGap(
        order_id=record.order_id,
        client_id=record.client_id,
        perm_id=record.perm_id or None,
        symbol=record.symbol,
        tag=record.tag,
        own=record.own,
        account=record.order.account,
        con_id=record.contract.conId or None,
        before=None if before is None else before.status.value,
        after=record.status.value,
        filled_before=_ZERO if before is None else before.filled or _ZERO,
        filled_after=record.filled or _ZERO,
        verdict=verdict,
        reason=record.reason,
    )


@attrs.define
class _Traded:
    """What became known of one position's executions.

    Attributes:
        told: What those that became known since the gap began add up to.
        since: What those of them add up to that were executed since.
        perhaps: The others, and those told shortly before the gap: the position may have been
            reported with them already.
    """

    told: Decimal = Decimal(0)
    since: Decimal = Decimal(0)
    perhaps: list[Fill] = attrs.Factory(list)

    def explains(self, change: Decimal) -> bool:
        """Whether the position may have changed by just these.

        What is reported of a position holds all that was executed before: of the executions that
        may be in it, the earlier ones are.
        """
        total = self.since
        if change == total:
            return True
        # IB's times are of whole seconds: within one, they count in the order they were told in.
        for fill in sorted(self.perhaps, key=_when)[::-1]:
            total += signed(fill)
            if change == total:
                return True
        return False


def signed(fill: Fill) -> Decimal:
    """By how much an execution changes its position."""
    return fill.shares if fill.side == "BOT" else -fill.shares


def _when(fill: Fill) -> datetime:
    return fill.executed_at or fill.time


def compare_positions(
    before: Holdings,
    after: Holdings,
    fills: Iterable[Fill],
    began: datetime,
    *,
    late: Collection[str] = (),
    sees_all: bool = True,
) -> tuple[PositionInGap, ...]:
    """The positions that are not what they were, or should not be.

    Args:
        before: How they were last reported before the gap.
        after: How they are now; flat ones may be left out.
        fills: All executions that are known, a combo's by its legs alone.
        began: When the gap began.
        late: The ids of executions that were traded before that, whatever their times say.
        sees_all: Whether the executions of other clients are told to this one.
    """
    traded: dict[tuple[str, int], _Traded] = {}
    for fill in fills:
        if fill.con_id is None or fill.time < began - SETTLING:
            continue
        of = traded.setdefault((fill.account, fill.con_id), _Traded())
        since = fill.time >= began
        # What a correction changes is not known: as a rule the price, and nothing that is held.
        surely = since and fill.corrects is None
        of.told += signed(fill) if surely else 0
        if surely and fill.exec_id not in late and _when(fill) >= began:
            of.since += signed(fill)
        else:
            of.perhaps.append(fill)
    rows = []
    for key in dict.fromkeys((*before, *after, *traded)):
        was, now = before.get(key), after.get(key)
        change = (now.quantity if now else Decimal(0)) - (was.quantity if was else Decimal(0))
        of = traded.get(key, _Traded())
        explained = True if of.explains(change) else (False if sees_all else None)
        if change or not explained:
            rows.append(
                PositionInGap(
                    account=key[0],
                    con_id=key[1],
                    symbol=(now or was or Holding("", Decimal(0))).symbol,
                    before=was.quantity if was else Decimal(0),
                    after=now.quantity if now else Decimal(0),
                    by_fills=of.told,
                    explained=explained,
                )
            )
    return tuple(rows)
