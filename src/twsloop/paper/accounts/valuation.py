"""What things are worth now: marks, exchange rates, margins, charges, and where a day begins.

Marks follow IB: the last trade, moved into the standing quote; without trades the middle of the
quote; without a quote the close. Margins are the house rules of `margins`.

**Days.** Daily profit counts from the close before (`Valuation.roll`). Nothing has to happen at
the roll itself: whoever reads or books an account rolls it first, and the prices of the roll are
still there. A book that has had an event since knows its close; one that has not stands as the
session left it. An account's own day ends at midnight in New York, like the gateway's executions.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

import attrs

from twsloop.paper.catalogue import listings
from twsloop.paper.catalogue.instruments import Catalogue, Instrument
from twsloop.paper.clock import hours
from twsloop.paper.decimals import decimal_price
from twsloop.paper.market.vocabulary import TopOfBook

from .account import OPTIONS, Account, Booking, Marks, unit_of
from .commissions import CENT_OF_CENT, OrderCharges
from .margins import Requirement, requirement

__all__ = ["Fee", "Leg", "Valuation", "day_end", "nanoseconds"]

ZERO = Decimal(0)
ONE = Decimal(1)
RATE_DIGITS = Decimal("0.0000001")
NANOSECONDS = 1_000_000_000
#: Where currencies meet that have no pair of their own, and what the tariff is in.
DOLLAR = "USD"

#: What a rate is taken from where the market does not quote it (a replay of shares).
LISTED = {(line.base, line.quote): Decimal(repr(line.price)) for line in listings.CURRENCIES}

#: Instrument and signed quantity.
Leg = tuple[Any, Decimal]


def nanoseconds(moment: datetime) -> int:
    """A time in ns since 1970, whole seconds."""
    return int(moment.timestamp()) * NANOSECONDS


def day_end(now: datetime) -> int:
    """When an account's day ends: midnight in New York, in ns since 1970."""
    return hours.EQUITY.session_end(nanoseconds(now))


def _listed_rate(currency: str, base: str) -> Decimal:
    """A usual rate; 1 for a currency that is not listed."""
    if (currency, base) in LISTED:
        return LISTED[currency, base]
    if (base, currency) in LISTED:
        return (ONE / LISTED[base, currency]).quantize(RATE_DIGITS)
    return ONE


@attrs.frozen
class Fee:
    """What an execution is charged.

    Attributes:
        total: Commission and fees, in `currency`.
        currency: The instrument's, of a currency pair the account's base.
        rate: Units of that currency for one unit of the instrument's.
    """

    total: Decimal
    currency: str
    rate: Decimal = ONE


@attrs.define(eq=False)
class Valuation:
    """Prices, rates and margins of one gateway.

    Attributes:
        catalogue: Where currency pairs are found.
        books: Gives the top of book of an instrument; KeyError for one that it does not have.
        base: The base currency of `marks`.
    """

    catalogue: Catalogue
    books: Callable[[int], TopOfBook]
    base: str = DOLLAR
    _pairs: dict[tuple[str, str], int] = attrs.Factory(dict)

    def __attrs_post_init__(self) -> None:
        for instrument in self.catalogue.all():
            if instrument.sec_type == "CASH":
                self._pairs[instrument.symbol, instrument.currency] = instrument.con_id

    # ---- prices and rates ------------------------------------------------------------------

    @property
    def marks(self) -> Marks:
        """The prices and rates that accounts in the base currency are valued with."""
        return Marks(self.price, self.rate)

    def marks_of(self, account: Account) -> Marks:
        """The prices and rates that this account is valued with."""
        base = account.currency
        return Marks(self.price, lambda currency: self.rate(currency, base))

    def marks_now(self, account: Account) -> Marks:
        """The same as they stand now, each asked for once; not to be kept."""
        marks = self.marks_of(account)
        return Marks(functools.cache(marks.price), functools.cache(marks.rate))

    def price(self, con_id: int) -> Decimal | None:
        """The mark of one instrument, None where nothing is known."""
        try:
            top = self.books(con_id)
        except KeyError:  # held from before a restart, and no longer listed
            return None
        bid, ask, last = top.bid, top.ask, top.last
        if last is not None:
            if bid is not None and last < bid:
                last = bid
            elif ask is not None and last > ask:
                last = ask
            return decimal_price(last)
        if bid is not None and ask is not None:
            return (Decimal(repr(bid)) + Decimal(repr(ask))) / 2
        return decimal_price(bid if bid is not None else ask if ask is not None else top.close)

    def rate(self, currency: str, base: str | None = None) -> Decimal:
        """Base currency for one unit of a currency, over the dollar where there is no pair.

        1 for a currency that no pair knows.
        """
        return self._rate(currency, base or self.base, self.price)

    def _rate(self, currency: str, base: str, price: Callable[[int], Decimal | None]) -> Decimal:
        if currency == base:
            return ONE
        is_crossed = DOLLAR not in {currency, base}
        # Without a quote of its own a cross follows its two legs, not a reference price.
        direct = self._pairs.get((currency, base))
        if direct is not None and (price(direct) or not is_crossed):
            return self._or_reference(direct, price)
        inverse = self._pairs.get((base, currency))
        if inverse is not None and (price(inverse) or not is_crossed):
            return (ONE / self._or_reference(inverse, price)).quantize(RATE_DIGITS)
        if not is_crossed:
            return _listed_rate(currency, base)
        there, back = self._rate(currency, DOLLAR, price), self._rate(DOLLAR, base, price)
        return (there * back).quantize(RATE_DIGITS)

    def _or_reference(self, con_id: int, price: Callable[[int], Decimal | None]) -> Decimal:
        known = price(con_id)
        if known:
            return known
        instrument = self.catalogue.by_con_id(con_id)
        assert instrument is not None
        return Decimal(repr(instrument.reference_price))

    # ---- days ------------------------------------------------------------------------------

    def roll(self, account: Account, now: datetime) -> None:
        """Begin the sessions and the day that `now` is in, for whatever is not in it yet."""
        at = nanoseconds(now)
        if at < account.rolls_at:
            return
        day = hours.EQUITY.session_end(at)
        if day > account.day:
            closing = self._closing_price(at)
            base = account.currency
            closes = Marks(closing, lambda currency: self._rate(currency, base, closing))
            account.begin_day(day, closes)
        for position in account.positions.values():
            if position.session <= at:
                instrument = position.instrument
                close = self._closing_price(at)(instrument.con_id)
                account.roll(position, instrument.hours.session_end(at), close)
        sessions = (position.session for position in account.positions.values())
        account.rolls_at = min((day, *sessions))

    def book(self, account: Account, booking: Booking, now: datetime) -> Decimal | None:
        """Book one execution in the session that it belongs to; what it realized."""
        self.roll(account, now)
        con_id = booking.instrument.con_id
        is_new = con_id not in account.positions
        realized = account.book(booking)
        if is_new:  # nothing of it was carried over
            session = booking.instrument.hours.session_end(nanoseconds(now))
            account.positions[con_id].session = session
            account.rolls_at = min(account.rolls_at, session)
        return realized

    def _closing_price(self, at: int) -> Callable[[int], Decimal | None]:
        """Gives the last price of the session before the one that is under way."""

        def close(con_id: int) -> Decimal | None:
            try:
                top = self.books(con_id)
            except KeyError:
                return None
            instrument = self.catalogue.by_con_id(con_id)
            ends = instrument.hours.session_end if instrument is not None else None
            if ends is not None and top.time_ns and ends(top.time_ns) == ends(at):
                found = top.close  # it has had events of the new session
            else:
                found = top.bid if top.quote_driven else top.last
            return self.price(con_id) if found is None else decimal_price(found)

        return close

    # ---- charges ---------------------------------------------------------------------------

    def fee_currency(self, account: Account, instrument: Instrument) -> str:
        """What commissions on an instrument are charged in."""
        return account.currency if instrument.sec_type == "CASH" else instrument.currency

    def charge(
        self,
        account: Account,
        instrument: Instrument,
        charges: OrderCharges,
        quantity: Decimal,
        price: Decimal,
    ) -> Fee:
        """Charge one execution of an order; the tariff is in dollars."""
        return self._fee(account, instrument, charges.add, quantity, price)

    def preview_charge(
        self,
        account: Account,
        instrument: Instrument,
        charges: OrderCharges,
        quantity: Decimal,
        price: Decimal,
    ) -> Fee:
        """What `charge` would, without charging it."""
        return self._fee(account, instrument, charges.preview, quantity, price)

    def _fee(
        self,
        account: Account,
        instrument: Instrument,
        add: Callable[[Decimal, Decimal], Any],
        quantity: Decimal,
        price: Decimal,
    ) -> Fee:
        own = instrument.currency
        value = quantity * price * unit_of(instrument) * self.rate(own, DOLLAR)
        total: Decimal = add(quantity, value).total
        currency = self.fee_currency(account, instrument)
        if currency != DOLLAR:
            total = (total * self.rate(DOLLAR, currency)).quantize(CENT_OF_CENT)
        return Fee(total, currency, self.rate(own, currency))

    # ---- margins ---------------------------------------------------------------------------

    def requirement(
        self, account: Account, changes: Iterable[Leg] = (), marks: Marks | None = None
    ) -> Requirement:
        """What the account's positions bind, as if ``changes`` were traded."""
        holdings: dict[int, Leg] = {
            held.instrument.con_id: (held.instrument, held.quantity) for held in account.held()
        }
        for instrument, change in changes:
            _, had = holdings.get(instrument.con_id, (instrument, ZERO))
            holdings[instrument.con_id] = (instrument, had + change)
        marks = marks or self.marks_of(account)
        return requirement(holdings, marks.price, marks.rate)

    def loan_equity(self, account: Account, changes: Iterable[Leg] = ()) -> Decimal:
        """Equity with loan value: all but the options, as if ``changes`` were paid."""
        marks = self.marks_of(account)
        equity = account.net_liquidation(marks) - account.option_value(marks)
        for instrument, change in changes:
            if instrument.sec_type in OPTIONS:
                premium = change * (self.price(instrument.con_id) or ZERO) * unit_of(instrument)
                equity -= premium * marks.rate(instrument.currency)
        return equity

    def margin_refusal(
        self, account: Account, instrument: Instrument, change: Decimal
    ) -> str | None:
        """The broker's reason to reject an order that the equity cannot carry."""
        return self.margin_refusal_of(account, ((instrument, change),))

    def margin_refusal_of(
        self, account: Account, legs: Iterable[Leg], working: Iterable[Leg] = ()
    ) -> str | None:
        """The same for an order of several legs.

        Args:
            account: Whose order it is.
            legs: What it would change.
            working: What other orders will change that work already.
        """
        working = tuple(working)
        legs = (*working, *legs)
        before = self.loan_equity(account, working) - self.requirement(account, working).initial
        needed = self.requirement(account, legs).initial
        equity = self.loan_equity(account, legs)
        # An order that binds less than before is taken even from an account in trouble.
        if equity >= needed or equity - needed >= before:
            return None
        return (
            "YOUR ORDER IS NOT ACCEPTED. IN ORDER TO OBTAIN THE DESIRED POSITION YOUR EQUITY "
            f"WITH LOAN VALUE [{equity:.2f} {account.currency}] MUST EXCEED THE INITIAL MARGIN "
            f"[{needed:.2f} {account.currency}]"
        )

    def preview(
        self,
        account: Account,
        instrument: Instrument,
        change: Decimal,
        commission: Decimal,
        state: Any,
    ) -> None:
        """Fill the margins and the commission of a what-if into an OrderState message."""
        currency = self.fee_currency(account, instrument)
        self.preview_of(account, ((instrument, change),), Fee(commission, currency), state)

    def preview_of(self, account: Account, legs: Iterable[Leg], fee: Fee, state: Any) -> None:
        """The same for an order of several legs."""
        legs = tuple(legs)
        before, after = self.requirement(account), self.requirement(account, legs)
        equity = self.loan_equity(account)
        paid = fee.total * self.rate(fee.currency, account.currency)
        for name, value_before, value_after in (
            ("initMargin", before.initial, after.initial),
            ("maintMargin", before.maintenance, after.maintenance),
            ("equityWithLoan", equity, self.loan_equity(account, legs) - paid),
        ):
            setattr(state, f"{name}Before", float(round(value_before, 2)))
            setattr(state, f"{name}Change", float(round(value_after - value_before, 2)))
            setattr(state, f"{name}After", float(round(value_after, 2)))
        state.commissionAndFees = float(fee.total)
        state.minCommissionAndFees = float(fee.total)
        state.maxCommissionAndFees = float(fee.total)
        state.commissionAndFeesCurrency = fee.currency
        state.marginCurrency = account.currency
