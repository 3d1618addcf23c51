"""A quote as an answer: frozen, with where it came from, how old it is, and why it is not live.

A `Ticker` goes on changing; a `Quote` is what it showed at one moment. It comes from a line that is
open, if that is fresh enough, or from a snapshot, whose ticker is new, so that nothing in it is
from before. When is a snapshot complete? IB ends it after about 11 seconds, or (10.40) as soon as
bid, ask, last, close and open have come, which for a currency pair is never. So what people ask a
quote for ends the wait (`has_enough`); the rest comes with the same burst.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol

import attrs
from ibapi.contract import Contract

from twsloop.wire.showing import short_row

from .state import Ticker
from .ticks import Greeks, MarketDataType

__all__ = [
    "Quote",
    "QuoteSource",
    "QuoteVenues",
    "has_all_there_is",
    "has_enough",
    "is_old",
    "quote_of",
    "venues_of",
]

#: What has to be known of an instrument, by its security type; of all others `_TRADED`.
_TRADED = ("bid", "ask", "last")
_ENOUGH: dict[str, tuple[str, ...]] = {
    "CASH": ("bid", "ask"),
    "CMDTY": ("bid", "ask"),
    "CFD": ("bid", "ask"),
    "BAG": ("bid", "ask"),
    "IND": ("last",),
    # An option may never have traded.
    "OPT": ("bid", "ask", "model_greeks"),
    "FOP": ("bid", "ask", "model_greeks"),
}


class QuoteSource(StrEnum):
    """Where a quote comes from."""

    LINE = "line"
    """A line that was open, and fresh enough."""
    SNAPSHOT = "snapshot"
    REGULATORY = "regulatory"
    """A regulatory snapshot, which IB charges for."""


@attrs.frozen(kw_only=True)
class Quote:
    """What was known of an instrument at one moment; None is not known.

    Prices are floats and sizes Decimal, as in `Ticker`.

    Attributes:
        symbol: As it was asked for.
        contract: What is quoted, as it was asked for.
        source: Where it comes from.
        time: When the newest part of it came, UTC.
        age: Seconds from then to when this quote was made.
        complete: Everything that was waited for has come; False where the deadline came first.
        market_data_type: Live, frozen or delayed.
        not_live_because: Why it is not, or not all, live; empty where it is.
        error: What stands in the way of a quote, or None; then all values are None.
        halted: 0 trades, 1 halted, 2 volatility pause.
        greeks: An option's, by IB's model.
    """

    symbol: str
    contract: Contract = attrs.field(repr=False)
    source: QuoteSource = QuoteSource.SNAPSHOT
    time: datetime | None = None
    age: float | None = attrs.field(default=None, repr=lambda age: f"{age:.3g}")
    complete: bool = False
    market_data_type: MarketDataType | None = None
    not_live_because: str = ""
    error: Exception | None = None

    bid: float | None = None
    bid_size: Decimal | None = None
    ask: float | None = None
    ask_size: Decimal | None = None
    last: float | None = None
    last_size: Decimal | None = None
    last_time: datetime | None = None
    open: float | None = None
    high: float | None = None
    low: float | None = None
    close: float | None = None
    volume: Decimal | None = None
    mark_price: float | None = None
    halted: float | None = None
    bid_exchange: str | None = None
    ask_exchange: str | None = None
    last_exchange: str | None = None
    min_tick: float | None = None
    bbo_exchange: str | None = None
    greeks: Greeks | None = None

    __repr__ = short_row

    @property
    def delayed(self) -> bool:
        """Whether it is 15 to 20 minutes old."""
        kind = self.market_data_type
        return kind is not None and kind >= MarketDataType.DELAYED

    @property
    def midpoint(self) -> float | None:
        """Between bid and ask; None where one of them is missing."""
        return None if self.bid is None or self.ask is None else (self.bid + self.ask) / 2

    @property
    def spread(self) -> float | None:
        """Ask less bid; None where one of them is missing."""
        return None if self.bid is None or self.ask is None else self.ask - self.bid


#: What a Quote takes from a Ticker under the same name.
_SHARED = tuple(
    sorted(
        {field.name for field in attrs.fields(Quote)}
        & {field.name for field in attrs.fields(Ticker)} - {"symbol", "error"}
    )
)


def quote_of(
    ticker: Ticker,
    symbol: str = "",
    *,
    source: QuoteSource = QuoteSource.SNAPSHOT,
    complete: bool = True,
) -> Quote:
    """What a ticker shows now.

    Args:
        ticker: The ticker.
        symbol: What it was asked for as; the ticker's own symbol unless given.
        source: Where it comes from.
        complete: Everything that was waited for has come.
    """
    shared: dict[str, Any] = {name: getattr(ticker, name) for name in _SHARED}
    return Quote(
        symbol=symbol or ticker.symbol,
        source=source,
        complete=complete,
        time=ticker.received_time,
        age=ticker.age,
        not_live_because=ticker.not_live_because,
        greeks=ticker.model_greeks,
        **shared,
    )


def has_enough(ticker: Ticker) -> bool:
    """Whether a line has told all that a quote is asked for."""
    return all(getattr(ticker, name) is not None for name in _wanted(ticker))


def has_all_there_is(ticker: Ticker) -> bool:
    """Whether a snapshot has told all that there is: of some it may be that there is none.

    An option may have no bid, and IB says so (-1, with size 0). Where it says so of everything,
    data may only begin to come.
    """
    values = {name: getattr(ticker, name) for name in _wanted(ticker)}
    told = (value is not None or ticker.has_none(name) for name, value in values.items())
    return all(told) and any(value is not None for value in values.values())


def is_old(ticker: Ticker) -> bool:
    """Whether a part of what a quote is asked for is from before an interruption of its line."""
    return ticker.is_from_before(_wanted(ticker))


def _wanted(ticker: Ticker) -> tuple[str, ...]:
    return _ENOUGH.get(ticker.contract.secType, _TRADED)


@attrs.frozen
class QuoteVenues:
    """Which exchanges stand behind a SMART quote, by IB's names of them.

    Attributes:
        bid: Those that bid the best price.
        ask: Those that ask it.
        last: Those of the last trade.
    """

    bid: tuple[str, ...]
    ask: tuple[str, ...]
    last: tuple[str, ...]


class Venue(Protocol):
    """An exchange, and the letter that ticks name it with (``reqSmartComponents``)."""

    @property
    def letter(self) -> str: ...
    @property
    def exchange(self) -> str: ...


def venues_of(quoted: Ticker | Quote, venues: Iterable[Venue]) -> QuoteVenues:
    """Read the letters of a quote (``KPTU``); one that is not in the list stays a letter.

    Args:
        quoted: A ticker, or a quote.
        venues: What the letters mean for it.
    """
    names = {venue.letter: venue.exchange for venue in venues}

    def read(letters: str | None) -> tuple[str, ...]:
        return tuple(names.get(letter, letter) for letter in letters or "")

    return QuoteVenues(
        read(quoted.bid_exchange), read(quoted.ask_exchange), read(quoted.last_exchange)
    )
