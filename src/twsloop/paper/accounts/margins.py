"""House margins of the paper broker: simple rules, documented, near to IB's for a Reg-T account.

Real margins differ by product and day; these are good enough for previews, for the account's
figures to move the right way, and to refuse what no account could hold. Of the value at market,
per position and without netting, except covered calls:

========================  ======================================  ==========================
kind                      initial                                 maintenance
========================  ======================================  ==========================
stock, fund, long         25 % (so that buying power is 4 times)  90 % of the initial margin
stock, fund, short        30 %                                    90 %
future                    8.8 % of its value                      1 / 1.1 (8 %)
currency pair             3.3 %                                   1 / 1.1 (3 %)
option, long              none: the premium is paid, no loan      none
option, short             premium + the larger of 20 % of the     the same
                          underlying less what it is out of the
                          money, and 10 % of the underlying (put:
                          of the strike)
call covered by stock     premium                                 the same
cryptocurrency            all of it: no loan                      the same
========================  ======================================  ==========================

Regulation T's own overnight requirement (``RegTMargin``) is half of the stock value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import attrs

from .positions import unit_of

__all__ = ["Requirement", "margin_of", "requirement"]

ZERO = Decimal(0)
STOCK_LONG = Decimal("0.25")
STOCK_SHORT = Decimal("0.30")
STOCK_MAINTENANCE = Decimal("0.9")
FUTURE = Decimal("0.08")
CURRENCY = Decimal("0.03")
#: Exchanges ask a tenth more when a position is opened than to keep it.
INITIAL_OF_MAINTENANCE = Decimal("1.1")
OPTION_UNDERLYING = Decimal("0.20")
OPTION_LEAST = Decimal("0.10")
REG_T = Decimal("0.50")
OPTIONS = ("OPT", "FOP")

#: Gives the price of a contract id.
Prices = Callable[[int], Decimal | None]


@attrs.frozen
class Requirement:
    """What positions bind.

    Attributes:
        initial: Needed to open them.
        maintenance: Needed to keep them.
        reg_t: Regulation T's requirement at the end of the day.
    """

    initial: Decimal = ZERO
    maintenance: Decimal = ZERO
    reg_t: Decimal = ZERO

    def __add__(self, other: Requirement) -> Requirement:
        return Requirement(
            self.initial + other.initial,
            self.maintenance + other.maintenance,
            self.reg_t + other.reg_t,
        )

    def times(self, rate: Decimal) -> Requirement:
        """The same in another currency."""
        return Requirement(self.initial * rate, self.maintenance * rate, self.reg_t * rate)


def margin_of(
    instrument: Any, quantity: Decimal, price: Decimal, underlying: Decimal | None, covered: Decimal
) -> Requirement:
    """What one position binds, in its own currency.

    Args:
        instrument: What it is in.
        quantity: How much; negative when short.
        price: The price of one unit.
        underlying: Of an option: its underlying's price, None where unknown.
        covered: Of short calls: how many the account's stock covers.
    """
    value = abs(quantity) * price * unit_of(instrument)
    kind = instrument.sec_type
    if kind in OPTIONS:
        need = ZERO if quantity > 0 else _short_option(instrument, quantity, underlying, covered)
        owed = ZERO if quantity > 0 else value
        return Requirement(owed + need, owed + need, owed + need)
    if kind == "FUT":
        return Requirement(value * FUTURE * INITIAL_OF_MAINTENANCE, value * FUTURE)
    if kind == "CASH":
        return Requirement(value * CURRENCY * INITIAL_OF_MAINTENANCE, value * CURRENCY)
    if kind == "CRYPTO":
        return Requirement(value, value, value)
    initial = value * (STOCK_LONG if quantity > 0 else STOCK_SHORT)
    return Requirement(initial, initial * STOCK_MAINTENANCE, value * REG_T)


def _short_option(
    instrument: Any, quantity: Decimal, underlying: Decimal | None, covered: Decimal
) -> Decimal:
    """What a short option needs besides its premium."""
    strike = Decimal(repr(instrument.strike))
    spot = strike if underlying is None else underlying
    is_call = instrument.right.startswith("C")
    out_of_money = max(strike - spot if is_call else spot - strike, ZERO)
    least = OPTION_LEAST * (spot if is_call else strike)
    each = max(OPTION_UNDERLYING * spot - out_of_money, least) * unit_of(instrument)
    return each * max(abs(quantity) - covered, ZERO)


def requirement(
    holdings: Mapping[int, tuple[Any, Decimal]],
    price: Prices,
    rate: Callable[[str], Decimal],
) -> Requirement:
    """What all positions of an account bind, in its base currency.

    Args:
        holdings: Instrument and quantity by conId.
        price: Prices; an instrument without one is taken at its reference price.
        rate: Base currency for one unit of a currency.
    """
    stock = {con_id: quantity for con_id, (_, quantity) in holdings.items()}
    total = Requirement()
    for con_id in sorted(holdings):
        instrument, quantity = holdings[con_id]
        if not quantity:
            continue
        now = price(con_id)
        if now is None:
            now = Decimal(repr(instrument.reference_price))
        under = instrument.under_con_id
        spot = price(under) if instrument.sec_type in OPTIONS and under else None
        covered = ZERO
        if quantity < 0 and instrument.sec_type in OPTIONS and instrument.right.startswith("C"):
            unit = unit_of(instrument)
            covered = min(max(stock.get(under, ZERO), ZERO) // unit, -quantity)
            stock[under] = stock.get(under, ZERO) - covered * unit
        need = margin_of(instrument, quantity, now, spot, covered)
        total += need.times(rate(instrument.currency))
    return total
