"""Bars: their sizes as IB spells them, what they show, and how finer ones make coarser (pure)."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from types import MappingProxyType

import attrs

__all__ = ["BAR_SIZES", "LEGAL_SIZES", "Bar", "BarSize", "Show", "average_price", "period_of"]

#: The sizes that the refusal of any other names, as a gateway 10.40 words it.
LEGAL_SIZES = (
    "1 secs, 5 secs, 10 secs, 15 secs, 30 secs, 1 min, 2 mins, 3 mins, 5 mins, 10 mins, 15 mins, "
    "20 mins, 30 mins, 1 hour, 2 hours, 3 hours, 4 hours, 8 hours, 1 day, 1W, 1M"
)


@attrs.frozen
class BarSize:
    """A bar's length.

    Attributes:
        text: IB's spelling.
        seconds: Its length, of bars shorter than a day; 0 for the others.
        unit: ``D``, ``W``, ``M``, ``Q`` or ``Y`` of the others, else "".
    """

    text: str
    seconds: int = 0
    unit: str = ""

    @property
    def intraday(self) -> bool:
        """Whether it is shorter than a day."""
        return self.seconds > 0

    @property
    def small(self) -> bool:
        """Whether IB's history pacing rules hold for it: 30 seconds or less."""
        return 0 < self.seconds <= 30


def _sizes() -> dict[str, BarSize]:
    seconds = {f"{n} secs": n for n in (1, 5, 10, 15, 30)}
    seconds["1 min"] = 60
    seconds.update({f"{n} mins": 60 * n for n in (2, 3, 5, 10, 15, 20, 30)})
    seconds["1 hour"] = 3600
    seconds.update({f"{n} hours": 3600 * n for n in (2, 3, 4, 8)})
    found = {text: BarSize(text, length) for text, length in seconds.items()}
    week, month = BarSize("1W", unit="W"), BarSize("1M", unit="M")
    found["1 day"] = BarSize("1 day", unit="D")
    found.update({"1w": week, "1 w": week, "1 week": week})
    found.update({"1m": month, "1 m": month, "1 month": month})
    found["3 months"] = BarSize("3 months", unit="Q")
    found["1 year"] = BarSize("1 year", unit="Y")
    return found


#: Spelling in lower case -> size. ``1 sec``, ``1 mins``, ``1 hours`` are refused, as by a 10.40.
BAR_SIZES: Mapping[str, BarSize] = MappingProxyType(_sizes())


class Show(enum.Enum):
    """What a bar shows: IB's whatToShow."""

    TRADES = "TRADES"
    MIDPOINT = "MIDPOINT"
    BID = "BID"
    ASK = "ASK"
    BID_ASK = "BID_ASK"
    ADJUSTED_LAST = "ADJUSTED_LAST"
    HISTORICAL_VOLATILITY = "HISTORICAL_VOLATILITY"
    OPTION_IMPLIED_VOLATILITY = "OPTION_IMPLIED_VOLATILITY"
    INDICATIVE_AUCTION_PRICE_SIZE = "INDICATIVE_AUCTION_PRICE_SIZE"
    NAV_LAST = "NAV_LAST"
    YIELD_ASK = "YIELD_ASK"
    YIELD_BID = "YIELD_BID"
    YIELD_BID_ASK = "YIELD_BID_ASK"
    YIELD_MARK = "YIELD_MARK"
    YIELD_LAST = "YIELD_LAST"
    FEE_RATE = "FEE_RATE"
    SCHEDULE = "SCHEDULE"
    AGGTRADES = "AGGTRADES"

    @property
    def has_volume(self) -> bool:
        """Whether its bars have volume, average price and count; others show -1."""
        return self in {Show.TRADES, Show.ADJUSTED_LAST, Show.AGGTRADES}

    @property
    def label(self) -> str:
        """As the texts of errors name it: ``Trades``, ``Bid_ask``."""
        return self.value.capitalize()


@attrs.define
class Bar:
    """One bar; what it shows is known to whoever asked for it.

    Attributes:
        start: Its first second since 1970 UTC.
        open: First price; of BID_ASK the average bid.
        high: Highest price.
        low: Lowest price.
        close: Last price; of BID_ASK the average offer.
        volume: What was traded.
        turnover: The sum of price times size.
        count: How many trades.
        weight: How much its averages count when BID_ASK bars are joined.
        day: The label of a bar of a day or more: its last trading day.
    """

    start: int
    open: float
    high: float
    low: float
    close: float
    volume: Decimal | int = 0
    turnover: float = 0.0
    count: int = 0
    weight: float = 0.0
    day: date | None = None

    def extend(self, later: Bar, show: Show) -> None:
        """Take in a bar that follows."""
        if show is Show.BID_ASK:
            total = self.weight + later.weight
            if total:
                self.open = (self.open * self.weight + later.open * later.weight) / total
                self.close = (self.close * self.weight + later.close * later.weight) / total
            self.weight = total
        else:
            self.close = later.close
        self.high = max(self.high, later.high)
        self.low = min(self.low, later.low)
        self.volume += later.volume
        self.turnover += later.turnover
        self.count += later.count
        self.day = later.day


def average_price(bar: Bar) -> float:
    """The volume-weighted average price; the close of a bar without trades."""
    return bar.turnover / float(bar.volume) if bar.volume else bar.close


def period_of(day: date, unit: str) -> tuple[int, ...]:
    """Which day, week, month, quarter or year a day belongs to."""
    if unit == "W":
        return day.isocalendar()[:2]
    if unit == "M":
        return day.year, day.month
    if unit == "Q":
        return day.year, (day.month - 1) // 3
    if unit == "Y":
        return (day.year,)
    return (day.toordinal(),)
