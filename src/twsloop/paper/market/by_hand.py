"""Prices and sizes that a test, or a person, gives a market: checked before anything happens."""

from __future__ import annotations

import math
from decimal import Decimal

from twsloop.errors import PaperError
from twsloop.paper.catalogue.instruments import Instrument

__all__ = ["SIGNED", "Size", "check_sides", "check_trade", "price_of", "size_of"]

#: A size as tests write it.
Size = int | str | Decimal
#: What may cost nothing, or less: a future as of oil in April 2020, a combination's difference.
SIGNED = frozenset({"FUT", "BAG"})


def price_of(instrument: Instrument, value: float | None) -> float | None:
    """A price as a market has them.

    Raises:
        PaperError: It is none.
    """
    if value is None:
        return None
    try:
        price = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        price = math.nan
    signed = instrument.sec_type in SIGNED
    if not math.isfinite(price) or (price <= 0 and not signed):
        wanted = "a finite number" if signed else "a number above 0"
        msg = f"{_name(instrument)}: {value!r} is no price: give {wanted}"
        raise PaperError(msg)
    return price


def size_of(instrument: Instrument, value: Size) -> Decimal:
    """A size as a quote has them: it may be 0.

    Raises:
        PaperError: It is none.
    """
    try:
        size = Decimal(str(value))
    except ArithmeticError:
        size = Decimal("NaN")
    if not size.is_finite() or size < 0:
        msg = f"{_name(instrument)}: {value!r} is no size: give a number from 0 up"
        raise PaperError(msg)
    return size


def check_trade(instrument: Instrument, size: Decimal) -> None:
    """Refuse a trade of what is only quoted, and one of nothing."""
    if instrument.quote_driven:
        msg = f"{_name(instrument)} is quoted, and has no trades: set bid and ask"
        raise PaperError(msg)
    if not size:
        msg = f"{_name(instrument)}: nothing is no trade: give a size above 0"
        raise PaperError(msg)


def _name(instrument: Instrument) -> str:
    """What people type: EUR.USD, ESZ6."""
    return instrument.local_symbol or instrument.symbol


def check_sides(instrument: Instrument, bid: float | None, ask: float | None) -> None:
    """Refuse a bid above the offer."""
    if bid is not None and ask is not None and bid > ask:
        msg = f"{_name(instrument)}: a bid of {bid:g} above the offer of {ask:g} is no market"
        raise PaperError(msg)
