"""What history tells: bars, ticks, sessions, volume by price; and how they are read (pure).

Prices and sizes are Decimal with the digits that IB sent; what a row does not have is None. Times
are aware UTC. A bar's time is its START; a bar of a day or more carries the day as IB labels it
(of a week or a month its last trading day), and its time is midnight UTC of that day, which only
serves to sort it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, TypeAlias

import attrs

from twsloop.wire.showing import short_row
from twsloop.wire.times import read_day, read_local, read_time
from twsloop.wire.values import decimal_or_none, int_or_none

from .words import Show

__all__ = [
    "Bar",
    "MidpointTick",
    "PriceVolume",
    "QuoteTick",
    "Schedule",
    "Session",
    "Tick",
    "TradeTick",
    "read_bar",
    "read_histogram",
    "read_midpoint",
    "read_quote",
    "read_schedule",
    "read_trade",
]

_DAY_DIGITS = len("yyyymmdd")
_MIDNIGHT = time(tzinfo=UTC)


@attrs.frozen
class Bar:
    """One bar.

    Attributes:
        time: When it begins, UTC; of a bar of a day or more midnight of `day`.
        open: First price; of BID_ASK the average bid.
        high: Highest price; of BID_ASK the highest offer.
        low: Lowest price; of BID_ASK the lowest bid.
        close: Last price; of BID_ASK the average offer.
        volume: What was traded; None where the bar shows no trades.
        average: The volume-weighted average price; None where the bar shows no trades.
        count: How many trades; None where the bar shows no trades.
        day: The trading day of a bar of a day or more; None of shorter ones.
    """

    time: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal | None = None
    average: Decimal | None = None
    count: int | None = None
    day: date | None = None

    __repr__ = short_row

    @property
    def second(self) -> int:
        """Its time in seconds since 1970."""
        return int(self.time.timestamp())


@attrs.frozen
class TradeTick:
    """A trade.

    Attributes:
        time: When, to the second, UTC.
        price: Its price.
        size: Its size; None where IB sends none.
        exchange: Where it was made.
        conditions: IB's codes of its special conditions.
        past_limit: Whether it was beyond the day's price limits.
        unreported: Whether it does not count for the tape (odd lots and the like).
    """

    time: datetime
    price: Decimal
    size: Decimal | None
    exchange: str = ""
    conditions: str = ""
    past_limit: bool = False
    unreported: bool = False

    __repr__ = short_row


@attrs.frozen
class QuoteTick:
    """A best bid and offer.

    Attributes:
        time: When, to the second, UTC.
        bid: The bid; None where there is none.
        ask: The offer; None where there is none.
        bid_size: Its size.
        ask_size: Its size.
        bid_past_low: Whether the bid was below the day's low.
        ask_past_high: Whether the offer was above the day's high.
    """

    time: datetime
    bid: Decimal | None
    ask: Decimal | None
    bid_size: Decimal | None
    ask_size: Decimal | None
    bid_past_low: bool = False
    ask_past_high: bool = False

    __repr__ = short_row


@attrs.frozen
class MidpointTick:
    """A midpoint of bid and offer.

    Attributes:
        time: When, to the second, UTC.
        price: The midpoint.
    """

    time: datetime
    price: Decimal

    __repr__ = short_row


Tick: TypeAlias = TradeTick | QuoteTick | MidpointTick


@attrs.frozen
class PriceVolume:
    """What was traded at one price: a row of a histogram.

    Attributes:
        price: The price.
        size: How much.
    """

    price: Decimal
    size: Decimal

    __repr__ = short_row


@attrs.frozen
class Session:
    """A trading day.

    Attributes:
        day: Its date, which is that of its end where it crosses midnight.
        start: When it opens, UTC.
        end: When it closes, UTC.
    """

    day: date
    start: datetime
    end: datetime

    __repr__ = short_row


@attrs.frozen
class Schedule:
    """The trading days of a contract, in order; days that are not among them are closed.

    Attributes:
        zone: The exchange's zone, as IB names it.
        sessions: The trading days.
    """

    zone: str
    sessions: tuple[Session, ...]

    __repr__ = short_row


def read_bar(bar: Any, show: Show, zone: str | None = None) -> Bar | None:
    """A bar from IB's BarData.

    Args:
        bar: IB's, with prices as floats and its date in any of IB's forms.
        show: What it shows: only trades have volume, average and count.
        zone: Where its date is meant when it names no zone.

    Returns:
        The bar; None if its date or a price cannot be read.
    """
    text = bar.date
    day: date | None = None
    if len(text) == _DAY_DIGITS:
        day = read_day(text)
        at = None if day is None else datetime.combine(day, _MIDNIGHT)
    else:
        at = read_time(text, zone)
    first, high = decimal_or_none(bar.open), decimal_or_none(bar.high)
    low, last = decimal_or_none(bar.low), decimal_or_none(bar.close)
    if at is None or first is None or high is None or low is None or last is None:
        return None
    volume = average = count = None
    if show.traded:
        volume = _not_negative(bar.volume)
        average = decimal_or_none(bar.wap) if volume is not None else None
        count = int_or_none(bar.barCount)
        count = None if count is None or count < 0 else count
    return Bar(at, first, high, low, last, volume, average, count, day)


def _not_negative(value: Any) -> Decimal | None:
    number = decimal_or_none(value)
    return None if number is None or number < 0 else number


def read_trade(tick: Any) -> TradeTick | None:
    """A trade from IB's HistoricalTickLast; None if it has no time or price."""
    at, price = read_time(tick.time), decimal_or_none(tick.price)
    if at is None or price is None:
        return None
    attrib = tick.tickAttribLast
    return TradeTick(
        at,
        price,
        decimal_or_none(tick.size),
        tick.exchange,
        tick.specialConditions,
        past_limit=bool(attrib.pastLimit),
        unreported=bool(attrib.unreported),
    )


def read_quote(tick: Any) -> QuoteTick | None:
    """A quote from IB's HistoricalTickBidAsk; None if it has no time.

    A side that has neither price nor size is not there, which is not the same as a price of 0.
    """
    at = read_time(tick.time)
    if at is None:
        return None
    bid, bid_size = _side(tick.priceBid, tick.sizeBid)
    ask, ask_size = _side(tick.priceAsk, tick.sizeAsk)
    attrib = tick.tickAttribBidAsk
    return QuoteTick(
        at,
        bid,
        ask,
        bid_size,
        ask_size,
        bid_past_low=bool(attrib.bidPastLow),
        ask_past_high=bool(attrib.askPastHigh),
    )


def _side(price: Any, size: Any) -> tuple[Decimal | None, Decimal | None]:
    at, many = decimal_or_none(price), decimal_or_none(size)
    return (None, None) if not at and not many else (at, many)


def read_midpoint(tick: Any) -> MidpointTick | None:
    """A midpoint from IB's HistoricalTick; None if it has no time or price."""
    at, price = read_time(tick.time), decimal_or_none(tick.price)
    return None if at is None or price is None else MidpointTick(at, price)


def read_histogram(items: Sequence[Any]) -> list[PriceVolume]:
    """Volume by price from IB's HistogramData, prices ascending."""
    found: list[PriceVolume] = []
    for item in items:
        price, size = decimal_or_none(item.price), decimal_or_none(item.size)
        if price is not None and size is not None:
            found.append(PriceVolume(price, size))
    return sorted(found, key=lambda row: row.price)


def read_schedule(zone: str, sessions: Sequence[Any]) -> Schedule:
    """A schedule from IB's HistoricalSessions; a session that cannot be placed is left out."""
    found: list[Session] = []
    for one in sessions:
        day = read_day(one.refDate)
        start, end = read_local(one.startDateTime, zone), read_local(one.endDateTime, zone)
        if day is not None and start is not None and end is not None and start < end:
            found.append(Session(day, start, end))
    return Schedule(zone, tuple(sorted(found, key=lambda session: session.start)))
