"""What an account holds of one instrument: quantity, cost, what was realized, and the day's part.

Theory of operation. A position keeps two kinds of money apart, because they can be in different
currencies: what was paid by price (``paid``, in the instrument's currency) and the commissions of
what is open (``fees``, in the currency they were charged in). Closing a part takes that part's
share out of both and counts it as ``gained`` and ``spent``. Shares are cut to `GRID`, and the last
unit takes what is left, so that every sum here is exact to the last digit: nothing is rounded away
between what is open and what is closed.

IB shows one number for each: the average cost with commissions, and the realized profit after
commissions (`average_cost`, `realized`), both in the instrument's currency.

A **day** begins at the instrument's session roll (`Position.roll`). The profit of the day is the
profit since: of a position that was carried over, against the close before; of what was traded
today, against its own price. A future's variation is also paid into cash then (`settled`).
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import attrs

__all__ = ["GRID", "Booking", "Position", "unit_of"]

ZERO = Decimal(0)
#: The step of shares of a cost: far below what is shown, far above 28 digits' end.
GRID = Decimal("1e-10")
CENTS = Decimal("0.01")


def unit_of(instrument: Any) -> Decimal:
    """An instrument's multiplier; 1 where it has none."""
    return Decimal(instrument.multiplier or 1)


def on_grid(value: Decimal) -> Decimal:
    """A share of a sum, cut so that all later sums stay exact."""
    return value.quantize(GRID, ROUND_HALF_EVEN)


@attrs.frozen
class Booking:
    """One execution, as the account sees it.

    Attributes:
        exec_id: Its id; booked once.
        instrument: What was traded.
        quantity: Bought if above zero, sold if below.
        price: Price of one unit, in the instrument's currency.
        commission: Commission and fees, in `currency`.
        rate: Units of that currency for one unit of the instrument's.
        currency: What the commission is charged in; "" for the account's base currency.
    """

    exec_id: str
    instrument: Any
    quantity: Decimal
    price: Decimal
    commission: Decimal
    rate: Decimal = Decimal(1)
    currency: str = ""

    @property
    def value(self) -> Decimal:
        """What it turned over, in the instrument's currency; negative for a sale."""
        return self.quantity * self.price * unit_of(self.instrument)


@attrs.define(eq=False)
class Position:
    """A position in one instrument.

    Attributes:
        instrument: What it is in (`instruments.Instrument`).
        quantity: How much; negative when short.
        paid: What the open part cost by price, in its currency; negative when short.
        fees: The commissions of the open part, in `fee_currency`.
        fees_here: The same in the instrument's currency, at the rates of their days.
        gained: What its closings brought by price, in its currency.
        spent: The commissions of what has been closed, in `fee_currency`.
        realized: What its closings realized after commissions, in its currency.
        settled: Of a future: the variation that has been paid into cash already.
        fee_currency: What its commissions are charged in.
        session: When its session ends, in ns since 1970; 0 before the first roll.
        day_begin: Realized and unrealized profit when the session began.
        day_realized: Realized profit when the session began.
    """

    instrument: Any
    quantity: Decimal = ZERO
    paid: Decimal = ZERO
    fees: Decimal = ZERO
    fees_here: Decimal = ZERO
    gained: Decimal = ZERO
    spent: Decimal = ZERO
    realized: Decimal = ZERO
    settled: Decimal = ZERO
    fee_currency: str = ""
    session: int = 0
    day_begin: Decimal = ZERO
    day_realized: Decimal = ZERO

    @property
    def cost(self) -> Decimal:
        """What the open part cost with commissions, in its currency; negative when short."""
        return self.paid + self.fees_here

    @property
    def average_cost(self) -> Decimal:
        """Cost of one unit with commissions; 0 when flat."""
        return self.cost / self.quantity if self.quantity else ZERO

    @property
    def unit(self) -> Decimal:
        """How many units of the priced thing one of it stands for (a future's multiplier)."""
        return unit_of(self.instrument)

    @property
    def kind(self) -> str:
        """Its security type."""
        return str(self.instrument.sec_type)

    @property
    def is_virtual(self) -> bool:
        """Whether its value is in the cash already (a currency pair)."""
        return self.kind == "CASH"

    @property
    def is_margined(self) -> bool:
        """Whether nothing is paid for it but its profit and loss (a future)."""
        return self.kind == "FUT"

    @property
    def realized_today(self) -> Decimal:
        """What its closings realized in this session, in its currency."""
        return self.realized - self.day_realized

    def roll(self, session: int, close: Decimal | None) -> Decimal:
        """Begin a new session, unless it is under way already.

        Args:
            session: When the session ends, in ns since 1970.
            close: The last price of the session before, None where nothing is known.

        Returns:
            The variation of a future to be paid into cash, in its currency; 0 otherwise.
        """
        if session <= self.session:
            return ZERO
        self.session = session
        value = self.cost if close is None else self.quantity * close * self.unit
        self.day_realized = self.realized
        self.day_begin = self.realized + value - self.cost
        if not self.is_margined or close is None:
            return ZERO
        variation = (value - self.paid).quantize(CENTS)
        due, self.settled = variation - self.settled, variation
        return due

    def book(self, booking: Booking) -> tuple[Decimal | None, Decimal]:
        """Move one execution into it.

        Returns:
            What it realized after commissions, in the commission's currency (None for one that
            closed nothing), and what the cash of its own currency gets for the trade itself.
        """
        quantity, held = booking.quantity, self.quantity
        here = on_grid(booking.commission / booking.rate) if booking.rate != 1 else None
        commission_here = booking.commission if here is None else here
        if not held or (held > 0) == (quantity > 0):
            self._open(quantity, booking.value, booking.commission, commission_here)
            return None, ZERO if self.is_margined else -booking.value
        closed = min(abs(quantity), abs(held))
        share = closed if quantity > 0 else -closed
        whole = closed == abs(quantity)
        fee = booking.commission if whole else on_grid(booking.commission * closed / abs(quantity))
        fee_here = commission_here if whole else on_grid(commission_here * closed / abs(quantity))
        taken = self._take(closed)
        gained = -share * booking.price * self.unit - taken.paid
        self.gained += gained
        self.spent += fee + taken.fees
        self.realized += gained - fee_here - taken.fees_here
        self.quantity += share
        cash = gained - taken.settled if self.is_margined else -share * booking.price * self.unit
        rest = quantity - share
        if rest:
            value = rest * booking.price * self.unit
            self._open(rest, value, booking.commission - fee, commission_here - fee_here)
            cash -= ZERO if self.is_margined else value
        converted = gained if booking.rate == 1 else on_grid(gained * booking.rate)
        return converted - fee - taken.fees, cash

    def correct(self, quantity: Decimal, change: Decimal, *, opened: bool) -> Decimal:
        """Change the price of an execution that was booked.

        Args:
            quantity: Bought if above zero, sold if below.
            change: The new price less the old one.
            opened: Whether it opened what is still open; otherwise it changes what was realized.

        Returns:
            What the cash of its own currency gets for it.
        """
        value = quantity * change * self.unit
        if opened:
            self.paid += value
            return ZERO if self.is_margined else -value
        self.gained -= value
        self.realized -= value
        return -value

    def _open(self, quantity: Decimal, value: Decimal, fee: Decimal, fee_here: Decimal) -> None:
        self.quantity += quantity
        self.paid += value
        self.fees += fee
        self.fees_here += fee_here

    def _take(self, closed: Decimal) -> _Taken:
        """Take the share of a closed part out of what the open part cost."""
        held = abs(self.quantity)

        def share(whole: Decimal) -> Decimal:
            # The whole goes with the last unit, so that no rounding is left behind.
            return whole if closed == held else on_grid(whole * closed / held)

        taken = _Taken(
            share(self.paid), share(self.fees), share(self.fees_here), share(self.settled)
        )
        self.paid -= taken.paid
        self.fees -= taken.fees
        self.fees_here -= taken.fees_here
        self.settled -= taken.settled
        return taken


@attrs.frozen
class _Taken:
    paid: Decimal
    fees: Decimal
    fees_here: Decimal
    settled: Decimal
