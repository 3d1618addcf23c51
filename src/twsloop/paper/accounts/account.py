"""An account's money: cash per currency, positions at cost, what was realized.

Theory of operation. Every execution is booked once (`Account.book`; an execution id that comes
again is refused), and moves money between places whose sum never changes, to the last digit. For
each currency::

    cash + cost of the positions + commissions - profit by price = what the account started with

- Opening moves ``price * quantity`` from cash into the position, and the commission with it. So
  IB's average cost, commission included, is ``cost / quantity``.
- Closing takes the closed part's share of both out. What the sale brought, less that share and the
  commissions of both sides, is realized, as IB's commission report has it.
- A fill that turns a position round is a closing part and an opening part; the commission is
  divided between them by quantity.
- A **future** costs nothing but its commission: its profit and loss goes to cash when it is
  closed, and with each session's settlement.
- A **currency pair** moves cash of both currencies. IB also shows it as a "virtual position"; that
  is kept like any other, but it is a view: its value is in the cash already.

`Account.balance` is that law as a number. Short positions are the same with negative quantity and
negative cost. Commissions are charged in the currency of what is traded; those of currency pairs
in the account's base currency.

Values "now" need market prices and exchange rates, which come in as `Marks`.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import attrs

from .positions import Booking, Position, unit_of

__all__ = ["START_CASH", "Account", "Booking", "Marks", "Position", "unit_of"]

ZERO = Decimal(0)
#: Security types whose value is no loan value and is told apart.
OPTIONS = ("OPT", "FOP")

#: What a fresh paper account holds, in its base currency.
START_CASH = Decimal(1_000_000)


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
        start: What it started with, in its base currency.
        cash: Cash by currency; may be negative.
        positions: Positions by conId, flat ones included.
        previous_equity: Its net liquidation value when the day began.
        day: When the account's day ends, in ns since 1970; 0 before the first.
        rolls_at: When its day or a position's session ends next, in ns since 1970.
    """

    name: str
    currency: str = "USD"
    start: Decimal = START_CASH
    cash: dict[str, Decimal] = attrs.Factory(dict)
    positions: dict[int, Position] = attrs.Factory(dict)
    previous_equity: Decimal = ZERO
    day: int = 0
    rolls_at: int = 0
    _booked: set[str] = attrs.Factory(set)

    def __attrs_post_init__(self) -> None:
        self.cash.setdefault(self.currency, self.start)
        self.previous_equity = self.previous_equity or self.start

    # ---- what happens to it ----------------------------------------------------------------

    def book(self, booking: Booking) -> Decimal | None:
        """Book one execution.

        Returns:
            What it realized, in the commission's currency; None for one that closed nothing.

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
        instrument = booking.instrument
        position = self.positions.get(instrument.con_id)
        if position is None:
            position = self.positions[instrument.con_id] = Position(instrument)
        charged = booking.currency or self.currency
        position.fee_currency = charged
        realized, cash = position.book(booking)
        self._add(instrument.currency, cash)
        self._add(charged, -booking.commission)
        if position.is_virtual:
            self._add(instrument.symbol, booking.quantity)
        return realized

    def correct(self, booking: Booking, price: Decimal, *, closed: bool) -> Decimal:
        """Change the price of an execution that was booked.

        Args:
            booking: As it was booked.
            price: What it was in truth.
            closed: Whether it closed something.

        Returns:
            By how much what it realized changes, in the instrument's currency.
        """
        position = self.positions[booking.instrument.con_id]
        change, quantity = price - booking.price, booking.quantity
        still_open = position.quantity * quantity > 0 and abs(position.quantity) >= abs(quantity)
        opened = not closed and still_open
        cash = position.correct(quantity, change, opened=opened)
        self._add(booking.instrument.currency, cash)
        return ZERO if opened else -quantity * change * position.unit

    def _add(self, currency: str, amount: Decimal) -> None:
        self.cash[currency] = self.cash.get(currency, ZERO) + amount

    def roll(self, position: Position, session: int, close: Decimal | None) -> None:
        """Begin a position's new session, unless it is under way; settle a future."""
        due = position.roll(session, close)
        if due:
            self._add(position.instrument.currency, due)

    def begin_day(self, day: int, closes: Marks) -> None:
        """Begin a new day of the account, unless it is under way.

        Args:
            day: When it ends, in ns since 1970.
            closes: The prices and rates at the end of the day before.
        """
        if day <= self.day:
            return
        if self.day:
            self.previous_equity = self.net_liquidation(closes)
        self.day = day

    # ---- what it holds ---------------------------------------------------------------------

    def balance(self) -> dict[str, Decimal]:
        """The law of the module's docstring by currency: `start` in the base, 0 in the others."""
        left = dict(self.cash)

        def add(currency: str, amount: Decimal) -> None:
            left[currency] = left.get(currency, ZERO) + amount

        for position in self.positions.values():
            instrument = position.instrument
            add(instrument.currency, -position.gained)
            add(instrument.currency, -position.settled if position.is_margined else position.paid)
            add(position.fee_currency, position.fees + position.spent)
            if position.is_virtual:
                add(instrument.symbol, -position.quantity)
        return left

    @property
    def commissions(self) -> dict[str, Decimal]:
        """All commissions and fees by currency."""
        total: dict[str, Decimal] = {}
        for item in self.positions.values():
            paid = item.fees + item.spent
            total[item.fee_currency] = total.get(item.fee_currency, ZERO) + paid
        return total

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

    # ---- what it is worth ------------------------------------------------------------------

    def mark(self, position: Position, marks: Marks) -> Decimal:
        """What one of it is worth now: by the market, or by its cost where there is no price."""
        price = marks.price(position.instrument.con_id)
        return position.average_cost if price is None else price * position.unit

    def unrealized(self, position: Position, marks: Marks) -> Decimal:
        """What closing a position now would realize before commission, in its currency."""
        return position.quantity * self.mark(position, marks) - position.cost

    def daily(self, position: Position, marks: Marks) -> Decimal:
        """A position's profit since its session began, in its currency."""
        return position.realized + self.unrealized(position, marks) - position.day_begin

    def variation(self, position: Position, marks: Marks) -> Decimal:
        """What a future has gained and cash has not got yet; 0 for everything else."""
        price = marks.price(position.instrument.con_id)
        if not position.is_margined or price is None:
            return ZERO
        return position.quantity * price * position.unit - position.paid - position.settled

    def market_value(self, kinds: tuple[str, ...], marks: Marks, currency: str | None) -> Decimal:
        """The value of the positions of some kinds, of one currency or (in base) of all."""
        return self._sum(
            lambda item: item.quantity * self.mark(item, marks) if item.kind in kinds else ZERO,
            marks,
            currency,
        )

    def stock_value(self, marks: Marks, currency: str | None = None) -> Decimal:
        """The value of all positions that were paid for and are no options."""
        return self._sum(
            lambda item: (
                ZERO
                if item.is_virtual or item.is_margined or item.kind in OPTIONS
                else item.quantity * self.mark(item, marks)
            ),
            marks,
            currency,
        )

    def option_value(self, marks: Marks, currency: str | None = None) -> Decimal:
        """The value of all options; negative where more is owed than owned."""
        return self.market_value(OPTIONS, marks, currency)

    def futures_profit(self, marks: Marks, currency: str | None = None) -> Decimal:
        """The futures' profit since their last settlement."""
        return self._sum(lambda item: self.variation(item, marks), marks, currency)

    def gross_value(self, marks: Marks) -> Decimal:
        """The sum of the absolute values of stocks and options, in the base currency."""
        return self._sum(
            lambda item: (
                ZERO
                if item.is_virtual or item.is_margined
                else abs(item.quantity) * self.mark(item, marks)
            ),
            marks,
            None,
        )

    def total_cash(self, marks: Marks) -> Decimal:
        """All cash, in the base currency."""
        return sum((amount * marks.rate(name) for name, amount in self.cash.items()), ZERO)

    def net_liquidation(self, marks: Marks) -> Decimal:
        """Cash and positions at market, in the base currency."""
        return (
            self.total_cash(marks)
            + self.stock_value(marks)
            + self.option_value(marks)
            + self.futures_profit(marks)
        )

    def total_unrealized(self, marks: Marks, currency: str | None = None) -> Decimal:
        """Unrealized profit, of one currency or (in base) of all."""
        return self._sum(lambda item: self.unrealized(item, marks), marks, currency)

    def total_realized(self, marks: Marks, currency: str | None = None) -> Decimal:
        """What was realized in this session, of one currency or (in base) of all."""
        return self._sum(lambda item: item.realized_today, marks, currency, flat_too=True)

    def total_daily(self, marks: Marks) -> Decimal:
        """The profit since the session began, in the base currency."""
        return self._sum(lambda item: self.daily(item, marks), marks, None, flat_too=True)

    def profits(self, marks: Marks) -> tuple[Decimal, Decimal, Decimal]:
        """Daily, unrealized and realized profit in the base currency, in one pass."""
        daily = unrealized = realized = ZERO
        for position in self.positions.values():
            rate = marks.rate(position.instrument.currency)
            open_profit = self.unrealized(position, marks) if position.quantity else ZERO
            unrealized += open_profit * rate
            realized += position.realized_today * rate
            daily += (position.realized + open_profit - position.day_begin) * rate
        return daily, unrealized, realized

    def _sum(
        self,
        value: Callable[[Position], Decimal],
        marks: Marks,
        currency: str | None,
        *,
        flat_too: bool = False,
    ) -> Decimal:
        total = ZERO
        for position in self.positions.values():
            if not position.quantity and not flat_too:
                continue
            own = position.instrument.currency
            if currency is None:
                total += value(position) * marks.rate(own)
            elif own == currency:
                total += value(position)
        return total
