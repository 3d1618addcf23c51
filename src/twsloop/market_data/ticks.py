"""What IB's tick types mean: the field each one fills, and how its value is read.

IB numbers its tick types 0 to 110 (`ibapi.ticktype.TickTypeEnum`). `TICKS` names the field of each.
The delayed types (66...) fill the same fields as the live ones: ``Ticker.market_data_type`` says
which of the two is being sent, so that a program written for live data also shows delayed data.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import IntEnum, StrEnum
from math import isfinite
from typing import Any

import attrs
from ibapi.const import UNSET_DOUBLE

__all__ = [
    "DELAYED",
    "HALTED",
    "PAIRED",
    "PRICE_OF",
    "TICKS",
    "UNNAMED",
    "EfpTick",
    "Greeks",
    "Kind",
    "MarketDataType",
    "RtVolume",
    "convert",
    "greek",
    "time_of",
]


class MarketDataType(IntEnum):
    """What the gateway sends on a line (callback ``marketDataType``)."""

    LIVE = 1
    FROZEN = 2
    DELAYED = 3
    DELAYED_FROZEN = 4


class Kind(StrEnum):
    """How the value of a tick type is kept."""

    PRICE = "price"
    SIZE = "size"
    NUMBER = "number"
    TEXT = "text"
    TIME = "time"
    GREEKS = "greeks"
    EFP = "efp"
    RT_VOLUME = "rt_volume"
    ANY = "any"
    """A type that nobody has named: kept as it came."""


@attrs.frozen
class Greeks:
    """An option's computed values; each is None where IB could not compute it."""

    implied_volatility: float | None
    delta: float | None
    price: float | None
    dividends_present_value: float | None
    gamma: float | None
    vega: float | None
    theta: float | None
    underlying_price: float | None
    return_based: bool
    """The computation is based on returns (``tickAttrib`` 0), not on prices (1)."""


@attrs.frozen
class EfpTick:
    """An exchange-for-physical computation, as IB sends it."""

    basis_points: float | None
    formatted_basis_points: str
    implied_future: float | None
    hold_days: int
    future_last_trade_date: str
    dividend_impact: float | None
    dividends_to_last_trade_date: float | None


@attrs.frozen
class RtVolume:
    """A trade out of generic ticks 233 and 375: ``price;size;time_ms;volume;vwap;single``."""

    price: float | None
    size: Decimal | None
    time: datetime | None
    total_volume: Decimal | None
    vwap: float | None
    single_trade: bool


#: Tick type -> (field of `Ticker`, how its value is kept). Names: ibapi.ticktype; which callback
#: brings which type: IB's tick type table.
TICKS: dict[int, tuple[str, Kind]] = {
    0: ("bid_size", Kind.SIZE),
    1: ("bid", Kind.PRICE),
    2: ("ask", Kind.PRICE),
    3: ("ask_size", Kind.SIZE),
    4: ("last", Kind.PRICE),
    5: ("last_size", Kind.SIZE),
    6: ("high", Kind.PRICE),
    7: ("low", Kind.PRICE),
    8: ("volume", Kind.SIZE),
    9: ("close", Kind.PRICE),
    10: ("bid_greeks", Kind.GREEKS),
    11: ("ask_greeks", Kind.GREEKS),
    12: ("last_greeks", Kind.GREEKS),
    13: ("model_greeks", Kind.GREEKS),
    14: ("open", Kind.PRICE),
    15: ("low_13_week", Kind.PRICE),
    16: ("high_13_week", Kind.PRICE),
    17: ("low_26_week", Kind.PRICE),
    18: ("high_26_week", Kind.PRICE),
    19: ("low_52_week", Kind.PRICE),
    20: ("high_52_week", Kind.PRICE),
    21: ("average_volume", Kind.SIZE),
    22: ("open_interest", Kind.SIZE),
    23: ("option_historical_volatility", Kind.NUMBER),
    24: ("option_implied_volatility", Kind.NUMBER),
    25: ("option_bid_exchange", Kind.TEXT),
    26: ("option_ask_exchange", Kind.TEXT),
    27: ("call_open_interest", Kind.SIZE),
    28: ("put_open_interest", Kind.SIZE),
    29: ("call_volume", Kind.SIZE),
    30: ("put_volume", Kind.SIZE),
    31: ("index_future_premium", Kind.NUMBER),
    32: ("bid_exchange", Kind.TEXT),
    33: ("ask_exchange", Kind.TEXT),
    34: ("auction_volume", Kind.SIZE),
    35: ("auction_price", Kind.PRICE),
    36: ("auction_imbalance", Kind.SIZE),
    37: ("mark_price", Kind.PRICE),
    38: ("bid_efp", Kind.EFP),
    39: ("ask_efp", Kind.EFP),
    40: ("last_efp", Kind.EFP),
    41: ("open_efp", Kind.EFP),
    42: ("high_efp", Kind.EFP),
    43: ("low_efp", Kind.EFP),
    44: ("close_efp", Kind.EFP),
    45: ("last_time", Kind.TIME),
    46: ("shortable", Kind.NUMBER),
    47: ("fundamental_ratios", Kind.TEXT),
    48: ("rt_volume", Kind.RT_VOLUME),
    49: ("halted", Kind.NUMBER),
    50: ("bid_yield", Kind.PRICE),
    51: ("ask_yield", Kind.PRICE),
    52: ("last_yield", Kind.PRICE),
    53: ("custom_greeks", Kind.GREEKS),
    54: ("trade_count", Kind.NUMBER),
    55: ("trade_rate", Kind.NUMBER),
    56: ("volume_rate", Kind.NUMBER),
    57: ("last_rth_trade", Kind.PRICE),
    58: ("rt_historical_volatility", Kind.NUMBER),
    59: ("dividends", Kind.TEXT),
    60: ("bond_factor_multiplier", Kind.NUMBER),
    61: ("regulatory_imbalance", Kind.SIZE),
    62: ("news", Kind.TEXT),
    63: ("volume_3_min", Kind.SIZE),
    64: ("volume_5_min", Kind.SIZE),
    65: ("volume_10_min", Kind.SIZE),
    66: ("bid", Kind.PRICE),
    67: ("ask", Kind.PRICE),
    68: ("last", Kind.PRICE),
    69: ("bid_size", Kind.SIZE),
    70: ("ask_size", Kind.SIZE),
    71: ("last_size", Kind.SIZE),
    72: ("high", Kind.PRICE),
    73: ("low", Kind.PRICE),
    74: ("volume", Kind.SIZE),
    75: ("close", Kind.PRICE),
    76: ("open", Kind.PRICE),
    77: ("rt_trade_volume", Kind.RT_VOLUME),
    78: ("creditman_mark_price", Kind.PRICE),
    79: ("slow_mark_price", Kind.PRICE),
    80: ("bid_greeks", Kind.GREEKS),
    81: ("ask_greeks", Kind.GREEKS),
    82: ("last_greeks", Kind.GREEKS),
    83: ("model_greeks", Kind.GREEKS),
    84: ("last_exchange", Kind.TEXT),
    85: ("last_regulatory_time", Kind.TIME),
    86: ("futures_open_interest", Kind.SIZE),
    87: ("average_option_volume", Kind.SIZE),
    88: ("last_time", Kind.TIME),
    89: ("shortable_shares", Kind.SIZE),
    90: ("halted", Kind.NUMBER),
    91: ("reuters_mutual_funds", Kind.TEXT),
    92: ("etf_nav_close", Kind.PRICE),
    93: ("etf_nav_prior_close", Kind.PRICE),
    94: ("etf_nav_bid", Kind.PRICE),
    95: ("etf_nav_ask", Kind.PRICE),
    96: ("etf_nav_last", Kind.PRICE),
    97: ("etf_frozen_nav_last", Kind.PRICE),
    98: ("etf_nav_high", Kind.PRICE),
    99: ("etf_nav_low", Kind.PRICE),
    100: ("social_market_analytics", Kind.TEXT),
    101: ("estimated_ipo_midpoint", Kind.PRICE),
    102: ("final_ipo_last", Kind.PRICE),
    103: ("bid_yield", Kind.PRICE),
    104: ("ask_yield", Kind.PRICE),
    105: ("odd_lot_bid", Kind.PRICE),
    106: ("odd_lot_ask", Kind.PRICE),
    107: ("odd_lot_bid_size", Kind.SIZE),
    108: ("odd_lot_ask_size", Kind.SIZE),
    109: ("odd_lot_bid_exchange", Kind.TEXT),
    110: ("odd_lot_ask_exchange", Kind.TEXT),
}

#: tickPrice types after which IB's decoder always calls tickSize for the same message; the
#: subscriber is called once, after both.
PAIRED = frozenset({1, 2, 4, 66, 67, 68})
#: A size and the price it belongs to: size 0 tells that a price of -1 or 0 is no quote.
PRICE_OF = {"bid_size": "bid", "ask_size": "ask", "last_size": "last"}
#: The types that only delayed data has.
DELAYED = frozenset({*range(66, 77), *range(80, 84), 88, 90, 103, 104})
#: Halted (49, 90): IB's -1 means "not known".
HALTED = frozenset({49, 90})
#: Greeks that IB could not compute come as -1 or -2 (implied volatility, prices) or as unset.
_NO_GREEK = -2.0
#: What an unnamed tick type gets: no field, so that it lands in ``Ticker.other``.
UNNAMED: tuple[str, Kind] = ("", Kind.ANY)


def greek(value: float | None, *, floor: float | None = None) -> float | None:
    """One computed value; None where IB says that there is none.

    Args:
        value: As the decoder hands it over: None, IB's unset, -1 or -2 for "not computed".
        floor: Values below it are none; None where every number is possible.
    """
    if value is None or value in {UNSET_DOUBLE, _NO_GREEK}:
        return None
    return None if floor is not None and value < floor else value


def _as_is(text: str) -> str:
    return text


@functools.lru_cache(256)
def time_of(text: str) -> datetime | None:
    """Epoch seconds in letters; None for what is not a time (IB sends 0 before the first trade).

    Remembered: the same second comes with many ticks.
    """
    try:
        seconds = int(text)
        return datetime.fromtimestamp(seconds, UTC) if seconds > 0 else None
    except (ValueError, OverflowError, OSError):
        return None


def _millis(text: str) -> datetime | None:
    seconds = time_of(text[:-3]) if text.isdecimal() else None
    return None if seconds is None else seconds + timedelta(milliseconds=int(text[-3:]))


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if isfinite(value) else None


def _decimal(text: str) -> Decimal | None:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


def _rt_volume(text: str) -> RtVolume:
    parts = [*text.split(";"), *[""] * 6]
    return RtVolume(
        price=_number(parts[0]),
        size=_decimal(parts[1]),
        time=_millis(parts[2]),
        total_volume=_decimal(parts[3]),
        vwap=_number(parts[4]),
        single_trade=parts[5] == "true",
    )


def _never(text: str) -> None:
    """Greeks and EFPs have callbacks of their own, and no other form."""


_FROM_TEXT: dict[Kind, Callable[[str], Any]] = {
    Kind.TEXT: _as_is,
    Kind.GREEKS: _never,
    Kind.EFP: _never,
    Kind.TIME: time_of,
    Kind.RT_VOLUME: _rt_volume,
    Kind.NUMBER: _number,
    Kind.PRICE: _number,
    Kind.SIZE: _decimal,
}


def convert(kind: Kind, value: Any) -> Any:
    """A value that came by another callback than its kind's own (every tickString among them).

    Returns:
        The value in the type that its field has; None where it cannot be one.
    """
    if value is None or kind is Kind.ANY:
        return value
    return _FROM_TEXT[kind](str(value))
