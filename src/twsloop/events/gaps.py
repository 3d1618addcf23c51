"""What was missed while nobody could hear, and what the gateway's lists say about it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import attrs

from .basis import aware, in_utc
from .differences import Difference, DifferenceKind
from .orders import CommissionReported, Fill, OrderFact

__all__ = ["GapReport", "GapVerdict", "OrderIdsRolledBack", "OrderInGap", "PositionInGap"]


class GapVerdict(StrEnum):
    """What became of an order while nobody could hear."""

    UNCHANGED = "unchanged"
    """It works as it did."""
    MOVED = "moved"
    """It works, and its status, its terms, or how much of it is filled is not what it was."""
    FILLED = "filled"
    CANCELLED = "cancelled"
    """It was cancelled, or its time in force ended."""
    REJECTED = "rejected"
    REVIVED = "revived"
    """It was told to be cancelled or rejected, and is open; a list that was asked for after that
    shows it."""
    APPEARED = "appeared"
    """It is open, and nobody here knew of it: another client's, by hand, an earlier process's."""
    VANISHED = "vanished"
    """The gateway had shown it, and lists it nowhere now; it is UNCERTAIN."""
    UNCERTAIN = "uncertain"
    """Nobody can say: it was never answered, the lists could not be had, or it was so before."""


@attrs.frozen(kw_only=True)
class OrderInGap:
    """One order, before the gap and after it.

    Attributes:
        order_id: Its id within its client; 0 for one that was placed by hand.
        client_id: Whose it is.
        perm_id: IB's permanent id, once known.
        symbol: The contract in short, for people.
        tag: The user's own reference.
        own: It is our client's.
        account: The account it is for, once known.
        con_id: The contract's id, once known.
        before: Its status before; None if nobody knew of it.
        after: Its status after.
        filled_before: How much of it was filled before, as far as was known.
        filled_after: How much of it is filled now.
        verdict: What became of it.
        reason: Why, where somebody said so.
    """

    order_id: int
    client_id: int
    perm_id: int | None = None
    symbol: str = ""
    tag: str = ""
    own: bool = True
    account: str = ""
    con_id: int | None = None
    before: str | None = None
    after: str
    filled_before: Decimal = Decimal(0)
    filled_after: Decimal = Decimal(0)
    verdict: GapVerdict
    reason: str = ""

    def __repr__(self) -> str:
        which = self.order_id or f"perm {self.perm_id}"
        change = f"{self.before} -> {self.after}"
        return f"<OrderInGap {which} {self.symbol}: {self.verdict}, {change}>"


@attrs.frozen(kw_only=True)
class PositionInGap:
    """A position that is not what it was, or that executions say should not be.

    Attributes:
        account: Whose.
        con_id: The contract's id.
        symbol: The contract in short, for people.
        before: What was held before.
        after: What is held now.
        by_fills: What the executions that became known since add up to; sold is negative.
        explained: Whether they are the whole difference. If False, something happened that no
            execution tells of: an assignment, a transfer, a trade that is not listed any more. None
            is unknown: another client of the account may have traded, whose executions the gateway
            tells to that client alone (and to the master client).
    """

    account: str
    con_id: int
    symbol: str = ""
    before: Decimal
    after: Decimal
    by_fills: Decimal = Decimal(0)
    explained: bool | None

    def __repr__(self) -> str:
        fits = "explained" if self.explained else f"executions say {self.by_fills:+f}"
        if self.explained is None:
            fits += ", another client may have traded"
        return f"<PositionInGap {self.symbol}: {self.before:f} -> {self.after:f}, {fits}>"


@attrs.frozen(kw_only=True)
class GapReport(OrderFact):
    """After a gap: what was missed, what is put right, and what nobody knows.

    Open, completed and executed orders and the positions were fetched and compared with what was
    known. It is told once for each gap, after the orders' own callbacks and the executions have
    been told; see ``twsloop.orders.repair`` for when.

    Attributes:
        cause: ``link`` (lost and made again), ``server`` (the gateway had lost IB's servers),
            ``order`` (the gateway does not know what became of one), ``start`` (an earlier process
            of this client was here, as the journal tells) or ``asked``.
        reason: Why, in words.
        began: From when on something may have been missed, UTC: the last byte before it.
        ended: When it could be heard again, UTC.
        epoch_before: Which session it began in, counted from 1.
        epoch: Which session it ended in.
        took: How long fetching and comparing took, seconds.
        orders: Every order that was live or UNCERTAIN before, and those that appeared.
        executions: What the lists told first, each of which was told to everybody just once.
        commissions: The commission reports that came with them.
        positions: Those that are not what they were.
        differences: All of it as rows of one kind: what was known here, and what the gateway shows.
        ids_rolled_back: The gateway's next order id is below ids that it has used.
        unknown: What could not be had, and why; empty if everything is known.
    """

    cause: str
    reason: str = ""
    began: datetime = attrs.field(converter=in_utc, validator=aware)
    ended: datetime = attrs.field(converter=in_utc, validator=aware)
    epoch_before: int = 0
    epoch: int = 0
    took: float = 0.0
    orders: tuple[OrderInGap, ...] = ()
    executions: tuple[Fill, ...] = ()
    commissions: tuple[CommissionReported, ...] = ()
    positions: tuple[PositionInGap, ...] = ()
    differences: tuple[Difference, ...] = ()
    ids_rolled_back: bool = False
    unknown: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether everything could be compared, and nothing of ours is different."""
        ours = (one.kind is not DifferenceKind.FOREIGN for one in self.differences)
        return not self.unknown and not any(ours)

    @property
    def complete(self) -> bool:
        """Whether all lists were had, and no order and no position is left unexplained."""
        lost = {GapVerdict.UNCERTAIN, GapVerdict.VANISHED}
        return (
            not self.unknown
            and all(order.verdict not in lost for order in self.orders)
            and all(position.explained for position in self.positions)
        )

    def of(self, verdict: GapVerdict | str) -> tuple[OrderInGap, ...]:
        """The orders of which this became."""
        return tuple(order for order in self.orders if order.verdict == verdict)

    def __repr__(self) -> str:
        return f"<GapReport {self}>"

    def __str__(self) -> str:
        """One line for people."""
        counts = {verdict: len(self.of(verdict)) for verdict in GapVerdict}
        parts = [f"{count} {verdict}" for verdict, count in counts.items() if count]
        orders = ", ".join(parts) or "none"
        spent = (self.ended - self.began).total_seconds()
        text = f"gap of {spent:.1f} s ({self.cause}): orders: {orders}"
        text += f"; {_counted(len(self.executions), 'execution')} missed"
        for explained, what in (
            (False, "changed by no execution"),
            (None, "changed by no execution that this client is told of"),
        ):
            odd = sum(position.explained is explained for position in self.positions)
            if odd:
                text += f"; {_counted(odd, 'position')} {what}"
        if self.ids_rolled_back:
            text += "; order ids rolled back"
        return text + "".join(f"; unknown: {what}" for what in self.unknown)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


@attrs.frozen(kw_only=True)
class OrderIdsRolledBack(OrderFact):
    """The gateway's next order id is below ids that it has used: it has forgotten them.

    That happens at a restart of a gateway that keeps no ids, or whose owner had them reset. Ids go
    on from the highest that was ever seen here, so that none is used twice.

    Attributes:
        told: The next id, as the gateway says.
        known: The lowest id that was never used, as far as is known here.
    """

    told: int
    known: int
