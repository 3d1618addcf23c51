"""Subscriptions to quotes."""

from __future__ import annotations

from typing import ClassVar

import attrs

from twsloop.config.options import Section, option

__all__ = ["MarketDataParams"]


@attrs.frozen
class MarketDataParams(Section):
    """Subscriptions to quotes."""

    section: ClassVar[str] = "market_data"

    data_type: str = option(
        "live",
        "str",
        "What we ask for; without a subscription at IB only delayed data is free.",
        choices=("live", "frozen", "delayed", "delayed_frozen"),
    )
    generic_ticks: str = option(
        "", "str", "IB's generic tick numbers for every subscription, separated by commas."
    )
    snapshot_timeout: float = option(
        15.0,
        "float",
        "How long a snapshot may take; IB's own end comes after about 11 seconds.",
        unit="seconds",
        low=1,
        high=120,
    )
    lines: int = option(
        100,
        "int",
        "Market data lines of the login: instruments with quotes at a time. IB gives 100, and more "
        "for commissions, equity or quote boosters.",
        low=1,
        high=100_000,
    )
    depth: int = option(
        3,
        "int",
        "Depth books of the login at a time; IB gives 3, and one more for each 100 further lines.",
        low=0,
        high=60,
    )
    tick_by_tick: int = option(
        5,
        "int",
        "Tick-by-tick streams of the login at a time; IB gives 5 for each 100 lines.",
        low=0,
        high=10_000,
    )
    silent_after: float = option(
        30.0,
        "float",
        "After an interruption, a stream that should tell something by now, and is silent for so "
        "long, is asked for anew.",
        unit="seconds",
        low=1,
        high=3600,
    )
    competing_retry: float = option(
        60.0,
        "float",
        "While data is withheld because the login is in use elsewhere (10197), it is asked for "
        "again every so many seconds.",
        unit="seconds",
        low=5,
        high=3600,
    )
