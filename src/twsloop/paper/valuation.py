"""What things are worth now: marks, exchange rates, margins.

Marks follow IB: the last trade, moved into the standing quote; without trades the middle of the
quote; without a quote the close. Margins are a simple rule (a part of each position's value), good
enough for previews and to refuse what no account could hold; real ones differ by product.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import attrs

from .accounts import Account, Marks, unit_of
from .instruments import Catalogue, Instrument
from .market import TopOfBook
from .matching import decimal_price

__all__ = ["MARGIN_RATES", "Valuation"]

ZERO = Decimal(0)
ONE = Decimal(1)
#: Initial margin as a part of a position's value, by security type.
MARGIN_RATES = {"STK": Decimal("0.25"), "CASH": Decimal("0.03"), "FUT": Decimal("0.08")}
OTHER_MARGIN = Decimal("0.25")
RATE_DIGITS = Decimal("0.0000001")


@attrs.define(eq=False)
class Valuation:
    """Prices, rates and margins of one gateway.

    Attributes:
        catalogue: Where currency pairs are found.
        books: Gives the top of book of an instrument.
        base: The base currency.
    """

    catalogue: Catalogue
    books: Callable[[int], TopOfBook]
    base: str = "USD"
    _pairs: dict[tuple[str, str], int] = attrs.Factory(dict)

    def __attrs_post_init__(self) -> None:
        for instrument in self.catalogue.all():
            if instrument.sec_type == "CASH":
                self._pairs[instrument.symbol, instrument.currency] = instrument.con_id

    @property
    def marks(self) -> Marks:
        """The prices and rates that accounts are valued with."""
        return Marks(self.price, self.rate)

    def price(self, con_id: int) -> Decimal | None:
        """The mark of one instrument, None where nothing is known."""
        top = self.books(con_id)
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

    def rate(self, currency: str) -> Decimal:
        """Base currency for one unit of a currency; 1 for a currency without a pair."""
        if currency == self.base:
            return ONE
        direct = self._pairs.get((currency, self.base))
        if direct is not None:
            return self._or_reference(direct)
        inverse = self._pairs.get((self.base, currency))
        if inverse is not None:
            return (ONE / self._or_reference(inverse)).quantize(RATE_DIGITS)
        return ONE

    def _or_reference(self, con_id: int) -> Decimal:
        price = self.price(con_id)
        if price:
            return price
        instrument = self.catalogue.by_con_id(con_id)
        assert instrument is not None
        return Decimal(repr(instrument.reference_price))

    def initial_margin(
        self, account: Account, instrument: Instrument | None = None, change: Decimal = ZERO
    ) -> Decimal:
        """The account's initial margin, as if ``change`` of ``instrument`` were traded."""
        quantities: dict[int, tuple[Any, Decimal]] = {
            held.instrument.con_id: (held.instrument, held.quantity) for held in account.held()
        }
        if instrument is not None:
            had = account.quantity(instrument.con_id)
            quantities[instrument.con_id] = (instrument, had + change)
        total = ZERO
        for con_id, (traded, quantity) in quantities.items():
            price = self.price(con_id)
            if price is None:
                price = Decimal(repr(traded.reference_price))
            value = abs(quantity) * price * unit_of(traded) * self.rate(traded.currency)
            total += value * MARGIN_RATES.get(traded.sec_type, OTHER_MARGIN)
        return total

    def margin_refusal(
        self, account: Account, instrument: Instrument, change: Decimal
    ) -> str | None:
        """The broker's reason to reject an order that the equity cannot carry."""
        after = self.initial_margin(account, instrument, change)
        if after <= self.initial_margin(account):
            return None
        equity = account.net_liquidation(self.marks)
        if equity >= after:
            return None
        return (
            "YOUR ORDER IS NOT ACCEPTED. IN ORDER TO OBTAIN THE DESIRED POSITION YOUR EQUITY "
            f"WITH LOAN VALUE [{equity:.2f} {account.currency}] MUST EXCEED THE INITIAL MARGIN "
            f"[{after:.2f} {account.currency}]"
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
        equity = account.net_liquidation(self.marks)
        before = self.initial_margin(account)
        after = self.initial_margin(account, instrument, change)
        for name, value_before, value_after in (
            ("initMargin", before, after),
            ("maintMargin", before, after),
            ("equityWithLoan", equity, equity - commission),
        ):
            setattr(state, f"{name}Before", float(round(value_before, 2)))
            setattr(state, f"{name}Change", float(round(value_after - value_before, 2)))
            setattr(state, f"{name}After", float(round(value_after, 2)))
        state.commissionAndFees = float(commission)
        state.minCommissionAndFees = float(commission)
        state.maxCommissionAndFees = float(commission)
        state.commissionAndFeesCurrency = account.currency
        state.marginCurrency = account.currency
