"""What a line can be asked for besides the default ticks, and the fields that it fills (pure).

IB numbers these **generic ticks**, and what comes has tick types of its own. `GenericTick` names
them by what they tell; `FILLS` says which fields of the `Ticker` they set. Source: domain.md d;
IBKR Campus, chapter 22.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import IntEnum
from types import MappingProxyType

__all__ = ["FILLS", "GenericTick", "generic_list"]

#: Turns the default ticks off.
NO_DEFAULTS = "mdoff"
_TOKEN = re.compile(r"\d+(:.+)?|mdoff", re.IGNORECASE)


class GenericTick(IntEnum):
    """IB's generic ticks, by what they tell."""

    OPTION_VOLUME = 100
    OPTION_OPEN_INTEREST = 101
    HISTORICAL_VOLATILITY = 104
    AVERAGE_OPTION_VOLUME = 105
    IMPLIED_VOLATILITY = 106
    INDEX_FUTURE_PREMIUM = 162
    MISC_STATS = 165
    CREDITMAN_MARK_PRICE = 220
    AUCTION = 225
    MARK_PRICE = 232
    RT_VOLUME = 233
    SHORTABLE = 236
    FUNDAMENTALS = 258
    NEWS = 292
    TRADE_COUNT = 293
    TRADE_RATE = 294
    VOLUME_RATE = 295
    LAST_RTH_TRADE = 318
    RT_TRADE_VOLUME = 375
    RT_HISTORICAL_VOLATILITY = 411
    DIVIDENDS = 456
    BOND_FACTOR_MULTIPLIER = 460
    ETF_NAV_BID_ASK = 576
    ETF_NAV_LAST = 577
    ETF_NAV_CLOSE = 578
    IPO_PRICES = 586
    FUTURES_OPEN_INTEREST = 588
    SHORT_TERM_VOLUME = 595
    ETF_NAV_HIGH_LOW = 614
    SLOW_MARK_PRICE = 619
    ETF_FROZEN_NAV_LAST = 623
    ODD_LOTS = 787
    """Quotes of less than a lot; from server version 225 on."""


#: Generic tick -> the fields of the Ticker that it fills, as far as the instrument has them.
FILLS: Mapping[GenericTick, tuple[str, ...]] = MappingProxyType(
    {
        GenericTick.OPTION_VOLUME: ("call_volume", "put_volume"),
        GenericTick.OPTION_OPEN_INTEREST: ("call_open_interest", "put_open_interest"),
        GenericTick.HISTORICAL_VOLATILITY: ("option_historical_volatility",),
        GenericTick.AVERAGE_OPTION_VOLUME: ("average_option_volume",),
        GenericTick.IMPLIED_VOLATILITY: ("option_implied_volatility",),
        GenericTick.INDEX_FUTURE_PREMIUM: ("index_future_premium",),
        GenericTick.MISC_STATS: (
            "low_13_week",
            "high_13_week",
            "low_26_week",
            "high_26_week",
            "low_52_week",
            "high_52_week",
            "average_volume",
        ),
        GenericTick.CREDITMAN_MARK_PRICE: ("creditman_mark_price",),
        GenericTick.AUCTION: (
            "auction_volume",
            "auction_price",
            "auction_imbalance",
            "regulatory_imbalance",
        ),
        GenericTick.MARK_PRICE: ("mark_price",),
        GenericTick.RT_VOLUME: ("rt_volume",),
        GenericTick.SHORTABLE: ("shortable", "shortable_shares"),
        GenericTick.FUNDAMENTALS: ("fundamental_ratios",),
        GenericTick.NEWS: ("news",),
        GenericTick.TRADE_COUNT: ("trade_count",),
        GenericTick.TRADE_RATE: ("trade_rate",),
        GenericTick.VOLUME_RATE: ("volume_rate",),
        GenericTick.LAST_RTH_TRADE: ("last_rth_trade",),
        GenericTick.RT_TRADE_VOLUME: ("rt_trade_volume",),
        GenericTick.RT_HISTORICAL_VOLATILITY: ("rt_historical_volatility",),
        GenericTick.DIVIDENDS: ("dividends",),
        GenericTick.BOND_FACTOR_MULTIPLIER: ("bond_factor_multiplier",),
        GenericTick.ETF_NAV_BID_ASK: ("etf_nav_bid", "etf_nav_ask"),
        GenericTick.ETF_NAV_LAST: ("etf_nav_last",),
        GenericTick.ETF_NAV_CLOSE: ("etf_nav_close", "etf_nav_prior_close"),
        GenericTick.IPO_PRICES: ("estimated_ipo_midpoint", "final_ipo_last"),
        GenericTick.FUTURES_OPEN_INTEREST: ("futures_open_interest",),
        GenericTick.SHORT_TERM_VOLUME: ("volume_3_min", "volume_5_min", "volume_10_min"),
        GenericTick.ETF_NAV_HIGH_LOW: ("etf_nav_high", "etf_nav_low"),
        GenericTick.SLOW_MARK_PRICE: ("slow_mark_price",),
        GenericTick.ETF_FROZEN_NAV_LAST: ("etf_frozen_nav_last",),
        GenericTick.ODD_LOTS: (
            "odd_lot_bid",
            "odd_lot_ask",
            "odd_lot_bid_size",
            "odd_lot_ask_size",
            "odd_lot_bid_exchange",
            "odd_lot_ask_exchange",
        ),
    }
)


def generic_list(given: str | int | Iterable[int | str]) -> str:
    """Generic ticks as IB takes them: numbers, separated by commas.

    Args:
        given: IB's text (``233,236``), a number, or numbers, members of `GenericTick` and texts
            (``292:BRFG`` for one provider's news, ``mdoff`` for no default ticks).

    Raises:
        ValueError: One of them is none.
    """
    several = [given] if isinstance(given, int) else given
    tokens = several.split(",") if isinstance(several, str) else [_text(one) for one in several]
    named = [token.strip() for token in tokens if token.strip()]
    for token in named:
        if not _TOKEN.fullmatch(token):
            msg = (
                f"{token!r} is no generic tick: they are IB's numbers (233), one with a parameter "
                f"(292:BRFG), or {NO_DEFAULTS}; GenericTick names them"
            )
            raise ValueError(msg)
    return ",".join(named)


def _text(one: int | str) -> str:
    return one if isinstance(one, str) else str(int(one))
