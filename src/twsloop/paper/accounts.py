"""An account's money: cash per currency, positions at cost, what was realized.

Theory of operation. Every execution is booked once (`Account.book`; an execution id that comes
again is refused), and moves money between three places whose sum never changes, to the last digit::

    cash + cost of the positions - realized profit = what the account started with

- Opening moves ``price * quantity + commission`` from cash into the position's cost. So IB's
  average cost, commission included, is ``cost / quantity``.
- Closing takes the closed part's share of the cost out. What the sale brought after commission,
  less that cost, is realized: the price profit minus the closing and the opening commission, as
  IB's commission report has it.
- A fill that turns a position round is a closing part and an opening part; the commission is
  divided between them by quantity.

Short positions are the same with negative quantity and negative cost.

Currency pairs move cash of both currencies. IB also shows them as a "virtual position"; it is kept
like any other position, but it is a view: its value is in the cash already and is not added again.
Cash is per currency, and so is the law above. Commissions are charged in the base currency.

Values "now" need market prices and exchange rates, which come in as `Marks`.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import attrs

__all__ = ["START_CASH", "Account", "Booking", "Marks", "Position", "unit_of"]

ZERO = Decimal(0)

#: What a fresh paper account holds, in its base currency.
START_CASH = Decimal(1_000_000)


def unit_of(instrument: Any) -> Decimal:
    """An instrument's multiplier; 1 where it has none."""
    return Decimal(instrument.multiplier or 1)


@attrs.define(eq=False)
class Position:
    """A position in one instrument.

    Attributes:
        instrument: What it is in (`instruments.Instrument`).
        quantity: How much; negative when short.
        cost: What it cost with commissions, in its currency; negative when short.
        realized: What its closings realized, in its currency.
    """

    instrument: Any
    quantity: Decimal = ZERO
    cost: Decimal = ZERO
    realized: Decimal = ZERO

    @property
    def average_cost(self) -> Decimal:
        """Cost of one unit with commissions; 0 when flat."""
        return self.cost / self.quantity if self.quantity else ZERO

    @property
    def unit(self) -> Decimal:
        """How many units of the priced thing one of it stands for (a future's multiplier)."""
        return unit_of(self.instrument)

    @property
    def is_virtual(self) -> bool:
        """Whether its value is in the cash already (a currency pair)."""
        return bool(self.instrument.sec_type == "CASH")


@attrs.frozen
class Booking:
    """One execution, as the account sees it.

    Attributes:
        exec_id: Its id; booked once.
        instrument: What was traded.
        quantity: Bought if above zero, sold if below.
        price: Price of one unit, in the instrument's currency.
        commission: Commission and fees, in the account's base currency.
        rate: Base currency units for one unit of the instrument's currency.
    """

    exec_id: str
    instrument: Any
    quantity: Decimal
    price: Decimal
    commission: Decimal
    rate: Decimal = Decimal(1)

    @property
    def value(self) -> Decimal:
        """What it turned over, in the instrument's currency; negative for a sale."""
        return self.quantity * self.price * unit_of(self.instrument)


@attrs.frozen
class Marks:
    """Where current values come from.

    Attributes:
        price: The price now of the instrument with this conId, None if there is none.
        rate: Base currency units for one unit of this currency.
    """

    price: Callable[[int], Decimal | None]
    rate: Callable[[str], Decimal]


@attrs.define(eq=False)
class Account:
    """One account.

    Attributes:
        name: Its number, ``DU...`` for paper.
        currency: Its base currency.
        cash: Cash by currency; may be negative.
        positions: Positions by conId, flat ones of this session included.
        commissions: All commissions and fees, in the base currency.
        previous_equity: Its net liquidation value when the session began.
    """

    name: str
    currency: str = "USD"
    start: Decimal = START_CASH
    cash: dict[str, Decimal] = attrs.Factory(dict)
    positions: dict[int, Position] = attrs.Factory(dict)
    commissions: Decimal = ZERO
    previous_equity: Decimal = ZERO
    _booked: set[str] = attrs.Factory(set)

    def __attrs_post_init__(self) -> None:
        self.cash.setdefault(self.currency, self.start)
        self.previous_equity = self.previous_equity or self.start

    def book(self, booking: Booking) -> Decimal | None:
        """Book one execution.

        Returns:
            What it realized, in the base currency; None for one that closed nothing.

        Raises:
            ValueError: It was booked before, or its quantity is zero.
        """
        if booking.exec_id in self._booked:
            msg = f"execution {booking.exec_id} was booked before"
            raise ValueError(msg)
        if not booking.quantity:
            msg = f"execution {booking.exec_id} has no quantity"
            raise ValueError(msg)
        self._booked.add(booking.exec_id)
        self.commissions += booking.commission
        self._move_cash(booking)
        con_id = booking.instrument.con_id
        position = self.positions.setdefault(con_id, Position(booking.instrument))
        realized = _apply(position, booking)
        return None if realized is None else realized * booking.rate

    def _move_cash(self, booking: Booking) -> None:
        instrument = booking.instrument
        currency = instrument.currency
        self.cash[currency] = self.cash.get(currency, ZERO) - booking.value
        self.cash[self.currency] -= booking.commission
        if instrument.sec_type == "CASH":
            bought = instrument.symbol
            self.cash[bought] = self.cash.get(bought, ZERO) + booking.quantity

    def held(self) -> tuple[Position, ...]:
        """The positions that are not flat, by conId."""
        return tuple(
            self.positions[con_id]
            for con_id in sorted(self.positions)
            if self.positions[con_id].quantity
        )

    def quantity(self, con_id: int) -> Decimal:
        """The position in one instrument; 0 when flat."""
        position = self.positions.get(con_id)
        return position.quantity if position else ZERO

    def mark(self, position: Position, marks: Marks) -> Decimal:
        """What one of it is worth now: by the market, or by its cost where there is no price."""
        price = marks.price(position.instrument.con_id)
        return position.average_cost if price is None else price * position.unit

    def unrealized(self, position: Position, marks: Marks) -> Decimal:
        """What closing a position now would realize before commission, in its currency."""
        return position.quantity * self.mark(position, marks) - position.cost

    def stock_value(self, marks: Marks, currency: str | None = None) -> Decimal:
        """The value of all real positions, of one currency or (in base) of all."""
        total = ZERO
        for position in self.held():
            own = position.instrument.currency
            if position.is_virtual or (currency is not None and own != currency):
                continue
            value = position.quantity * self.mark(position, marks)
            total += value if currency is not None else value * marks.rate(own)
        return total

    def gross_value(self, marks: Marks) -> Decimal:
        """The sum of the positions' absolute values, in the base currency."""
        return sum(
            (
                abs(position.quantity)
                * self.mark(position, marks)
                * marks.rate(position.instrument.currency)
                for position in self.held()
                if not position.is_virtual
            ),
            ZERO,
        )

    def total_cash(self, marks: Marks) -> Decimal:
        """All cash, in the base currency."""
        return sum((amount * marks.rate(name) for name, amount in self.cash.items()), ZERO)

    def net_liquidation(self, marks: Marks) -> Decimal:
        """Cash and positions at market, in the base currency."""
        return self.total_cash(marks) + self.stock_value(marks)

    def total_unrealized(self, marks: Marks, currency: str | None = None) -> Decimal:
        """Unrealized profit, of one currency or (in base) of all."""
        return self._over_positions(lambda item: self.unrealized(item, marks), marks, currency)

    def total_realized(self, marks: Marks, currency: str | None = None) -> Decimal:
        """Realized profit, of one currency or (in base) of all."""
        return self._over_positions(lambda item: item.realized, marks, currency)

    def _over_positions(
        self, value: Callable[[Position], Decimal], marks: Marks, currency: str | None
    ) -> Decimal:
        total = ZERO
        for position in self.positions.values():
            own = position.instrument.currency
            if currency is None:
                total += value(position) * marks.rate(own)
            elif own == currency:
                total += value(position)
        return total


def _apply(position: Position, booking: Booking) -> Decimal | None:
    """Move one execution into a position; what it realized, in the instrument's currency."""
    quantity = booking.quantity
    commission = booking.commission / booking.rate
    held = position.quantity
    opens = not held or (held > 0) == (quantity > 0)
    if opens:
        position.quantity += quantity
        position.cost += booking.value + commission
        return None
    closed = min(abs(quantity), abs(held))
    share = closed if quantity > 0 else -closed
    closing_commission = commission * closed / abs(quantity)
    # The whole cost goes with the last unit, so that no rounding is left behind.
    cost = position.cost if closed == abs(held) else position.cost * closed / abs(held)
    price = booking.price * position.unit
    realized = -share * price - closing_commission - cost
    position.quantity += share
    position.cost -= cost
    position.realized += realized
    rest = quantity - share
    if rest:
        position.quantity += rest
        position.cost += rest * price + (commission - closing_commission)
    return realized
