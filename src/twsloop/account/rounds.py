"""Rounds: positions from flat to flat, each of one tag, as the trades of a contract are counted.

Pure. One `Counting` goes through the trades of one contract in one account, in their order.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import attrs

from .lots import Holding, Lot, add_to
from .tag_rows import CloseReason

__all__ = ["Counting", "Round"]

_ZERO = Decimal(0)


@attrs.define
class Round:
    """A position that is being counted."""

    tag: str
    number: int
    sign: int
    opened_at: datetime
    holding: Holding = attrs.Factory(lambda: Holding("fifo"))
    quantity: Decimal = _ZERO
    entered: Decimal = _ZERO
    left: Decimal = _ZERO
    paid: Decimal | None = _ZERO  # units times price, of what was opened
    got: Decimal = _ZERO
    gross: Decimal | None = _ZERO
    closed_at: datetime | None = None
    fees: dict[str, Decimal] = attrs.Factory(dict)
    closed_fees: dict[str, Decimal] = attrs.Factory(dict)
    reasons: dict[CloseReason, Decimal] = attrs.Factory(dict)
    orders: dict[tuple[int, int], None] = attrs.Factory(dict)
    entries: dict[tuple[int, int], None] = attrs.Factory(dict)
    unreported: set[str] = attrs.Factory(set)

    @property
    def cost(self) -> Decimal | None:
        """What is held has cost; None if nobody knows of a part of it."""
        values = [lot.value for lot in self.holding.lots]
        return None if None in values else sum((v for v in values if v is not None), _ZERO)

    def trade(self, lot: Lot, price: Decimal | None, reason: CloseReason) -> None:
        """Open more, or close some; never through zero."""
        units = abs(lot.quantity)
        money = None if price is None else units * price
        add_to(self.fees, lot.fees)
        if (lot.quantity > 0) is (self.sign > 0):
            self.entered += units
            self.paid = None if self.paid is None or money is None else self.paid + money
        else:
            self.left += units
            self.got += money or _ZERO
            self.reasons[reason] = self.reasons.pop(reason, _ZERO) + units
        self.quantity += lot.quantity
        closed = self.holding.take_lot(lot)
        unknown = self.gross is None or closed.unknown
        self.gross = None if unknown else (self.gross or _ZERO) + closed.gross
        add_to(self.closed_fees, closed.fees)


@attrs.define
class Counting:
    """The rounds of one contract in one account, as its executions are gone through.

    Attributes:
        rounds: All of them, in the order they were opened.
        order: What trades now, by client id and order id.
        reason: What it closes for.
        unreported: Its execution's id, if that has no commission yet.
    """

    rounds: list[Round] = attrs.Factory(list)
    order: tuple[int, int] | None = None
    reason: CloseReason = "other"
    unreported: str = ""
    _open: dict[str, Round] = attrs.Factory(dict)
    _numbers: dict[str, int] = attrs.Factory(dict)

    def trade(self, tag: str, lot: Lot, price: Decimal | None, time: datetime) -> None:
        """Units of one tag: they close what it holds on the other side, and open the rest."""
        held = self._open.get(tag)
        if held is not None and (held.quantity > 0) is not (lot.quantity > 0):
            units = min(abs(held.quantity), abs(lot.quantity))
            self._apply(held, lot.take(units), price, time)
        if lot.quantity:
            self._apply(self._open.get(tag) or self._new(tag, lot, time), lot, price, time)

    def close_any(self, lot: Lot, price: Decimal, time: datetime) -> None:
        """Units of no tag: they close whatever is on the other side, the oldest first."""
        opposite = [
            one for one in self._open.values() if (one.quantity > 0) is not (lot.quantity > 0)
        ]
        order = {id(one): number for number, one in enumerate(self.rounds)}
        for held in sorted(opposite, key=lambda one: (bool(one.tag), order[id(one)])):
            if lot.quantity:
                units = min(abs(held.quantity), abs(lot.quantity))
                self._apply(held, lot.take(units), price, time)
        if lot.quantity:
            self.trade("", lot, price, time)

    def _new(self, tag: str, lot: Lot, time: datetime) -> Round:
        number = self._numbers[tag] = self._numbers.get(tag, 0) + 1
        made = self._open[tag] = Round(tag, number, 1 if lot.quantity > 0 else -1, time)
        self.rounds.append(made)
        return made

    def _apply(self, held: Round, lot: Lot, price: Decimal | None, time: datetime) -> None:
        opens = (lot.quantity > 0) is (held.sign > 0)
        held.trade(lot, price, self.reason)
        if self.order is not None:
            held.orders[self.order] = None
            if opens:
                held.entries[self.order] = None
        if self.unreported:
            held.unreported.add(self.unreported)
        if not held.quantity:
            held.closed_at = time
            del self._open[held.tag]
