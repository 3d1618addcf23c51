"""The words of a question about history: bar sizes, and what bars and ticks show (pure).

Names are IB's. Bar sizes are taken in any spelling that can only mean one (``1m`` is a minute in
most programs and a month in IB's: it is refused), and sent in IB's own.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType

import attrs

from twsloop.errors import HistoryError

__all__ = ["BAR_SIZES", "BarSize", "Show", "TickKind", "bar_size_of", "show_of", "tick_kind_of"]

#: IB's pacing rules for history hold for bars up to this size, seconds (domain.md b).
SMALL = 30
_DAY_S = 86_400


@attrs.frozen
class BarSize:
    """A bar's length.

    Attributes:
        text: IB's spelling, as it is sent.
        seconds: Its length; of bars of a day, a week (7 days) or a month (31 days) the longest.
        unit: ``D``, ``W`` or ``M`` of those that carry a date; empty of shorter ones.
    """

    text: str
    seconds: int
    unit: str = ""

    @property
    def intraday(self) -> bool:
        """Whether it is shorter than a day, so that its bars carry a time."""
        return not self.unit

    @property
    def small(self) -> bool:
        """Whether IB's pacing rules for history hold for it: 30 seconds and less."""
        return self.seconds <= SMALL

    @property
    def length(self) -> timedelta:
        """Its length."""
        return timedelta(seconds=self.seconds)

    def __str__(self) -> str:
        return self.text


def _sizes() -> dict[str, BarSize]:
    seconds = {f"{n} secs": n for n in (1, 5, 10, 15, 30)}
    seconds["1 min"] = 60
    seconds.update({f"{n} mins": 60 * n for n in (2, 3, 5, 10, 15, 20, 30)})
    seconds["1 hour"] = 3600
    seconds.update({f"{n} hours": 3600 * n for n in (2, 3, 4, 8)})
    found = {text: BarSize(text, length) for text, length in seconds.items()}
    found["1 day"] = BarSize("1 day", _DAY_S, "D")
    found["1W"] = BarSize("1W", 7 * _DAY_S, "W")
    found["1M"] = BarSize("1M", 31 * _DAY_S, "M")
    return found


#: IB's spelling -> size, shortest first (domain.md f).
BAR_SIZES: Mapping[str, BarSize] = MappingProxyType(_sizes())

_UNITS = {
    "s": 1,
    "sec": 1,
    "secs": 1,
    "second": 1,
    "seconds": 1,
    "min": 60,
    "mins": 60,
    "minute": 60,
    "minutes": 60,
    "h": 3600,
    "hour": 3600,
    "hours": 3600,
    "d": _DAY_S,
    "day": _DAY_S,
    "days": _DAY_S,
    "w": 7 * _DAY_S,
    "week": 7 * _DAY_S,
    "weeks": 7 * _DAY_S,
    "month": 31 * _DAY_S,
    "months": 31 * _DAY_S,
}
_SPELLING = re.compile(r"(\d+)\s*([a-z]+)")


def bar_size_of(size: BarSize | timedelta | str) -> BarSize:
    """A bar size from any spelling, or from a length of time.

    Raises:
        HistoryError: IB has no such bars; the text lists those it has.
    """
    if isinstance(size, BarSize):
        return size
    length: float | None = None
    if isinstance(size, timedelta):
        length = size.total_seconds()
    elif size in BAR_SIZES:
        return BAR_SIZES[size]
    else:
        spelt = _SPELLING.fullmatch(size.strip().lower())
        if spelt is not None and spelt[2] in _UNITS:
            length = int(spelt[1]) * _UNITS[spelt[2]]
    for known in BAR_SIZES.values():
        if known.seconds == length:
            return known
    shown = repr(size) if isinstance(size, str) else str(size)
    msg = f"IB has no bars of {shown}; it has {', '.join(BAR_SIZES)}"
    raise HistoryError(msg)


class Show(enum.StrEnum):
    """What bars show: IB's whatToShow.

    SCHEDULE is not among them: it has no bars (see `History.schedule`).
    """

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
    AGGTRADES = "AGGTRADES"

    @property
    def traded(self) -> bool:
        """Whether its bars have volume, average price and count."""
        return self in {Show.TRADES, Show.ADJUSTED_LAST, Show.AGGTRADES}

    @property
    def weight(self) -> int:
        """How much a request counts for IB's pacing: bid and offer together count twice."""
        return 2 if self is Show.BID_ASK else 1

    @property
    def ends_now(self) -> bool:
        """Whether a request always ends now: IB takes no end with dividend-adjusted prices."""
        return self is Show.ADJUSTED_LAST

    @property
    def live(self) -> bool:
        """Whether its bars can be kept up to date (domain.md f)."""
        return self in {Show.TRADES, Show.MIDPOINT, Show.BID, Show.ASK}


class TickKind(enum.StrEnum):
    """What historical ticks show: IB's whatToShow of them."""

    TRADES = "TRADES"
    BID_ASK = "BID_ASK"
    MIDPOINT = "MIDPOINT"
    AGGTRADES = "AGGTRADES"

    @property
    def weight(self) -> int:
        """How much a request counts for IB's pacing."""
        return 2 if self is TickKind.BID_ASK else 1


def show_of(what: str) -> Show:
    """What bars shall show, from its name in any case.

    Raises:
        HistoryError: There is no such name; the text lists those there are.
    """
    name = what.strip().upper()
    if name == "SCHEDULE":
        msg = "a schedule has no bars: ask for it with history.schedule(...)"
        raise HistoryError(msg)
    try:
        return Show(name)
    except ValueError:
        msg = f"IB's history does not show {what!r}; it shows {', '.join(Show)}"
        raise HistoryError(msg) from None


def tick_kind_of(what: str) -> TickKind:
    """What ticks shall show, from its name in any case.

    Raises:
        HistoryError: There is no such name; the text lists those there are.
    """
    try:
        return TickKind(what.strip().upper())
    except ValueError:
        msg = f"historical ticks do not show {what!r}; they show {', '.join(TickKind)}"
        raise HistoryError(msg) from None
