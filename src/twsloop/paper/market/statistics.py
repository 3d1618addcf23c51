"""What generic ticks tell of an instrument's trading: counts, rates, averages, marks.

A `Statistics` begins when somebody asks for the first generic tick of an instrument, with what its
book knows of the session so far: the volume is the book's, the number of trades before is taken to
be that volume in trades of `USUAL_TRADE` lots, at the middle of the session's range. From then on
everything is counted from the events that all other channels tell, too.
"""

from __future__ import annotations

import zlib
from collections import deque
from datetime import UTC, datetime
from decimal import Decimal

import attrs

from twsloop.paper.catalogue.instruments import Instrument

from .vocabulary import Field, TopOfBook, Trade

__all__ = ["MINUTE_NS", "Statistics", "dividends", "mark", "open_interest", "option_flow"]

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
#: The windows of the short-term volumes, in minutes, by tick type.
SHORT_TERM = {63: 3, 64: 5, 65: 10}
#: Of the trades before somebody asked, lots each.
USUAL_TRADE = 2
ZERO = Decimal(0)


def mark(book: TopOfBook) -> float | None:
    """The mark: the last price moved into the quote, its middle without a last, else the close."""
    bid, ask, last = book.bid, book.ask, book.last
    if last is not None:
        if bid is not None and last < bid:
            return bid
        if ask is not None and last > ask:
            return ask
        return last
    if bid is not None and ask is not None:
        return round((bid + ask) / 2, 8)
    return bid or ask or book.close


def _steady(*of: object) -> float:
    """A number from 0 to 1 that is the same for ever for the same things."""
    return zlib.crc32(" ".join(map(str, of)).encode()) / 2**32


def option_flow(instrument: Instrument, book: TopOfBook) -> tuple[int, int]:
    """Volume of the calls and of the puts on an underlying today, in contracts."""
    done = float(book.volume) / (instrument.daily_volume or 1)
    total = instrument.daily_volume / 60 * min(done, 2.0)
    calls = 0.45 + 0.2 * _steady("flow", instrument.con_id)
    return int(total * calls), int(total * (1 - calls))


def open_interest(instrument: Instrument) -> tuple[int, int]:
    """Open interest of the calls and of the puts on an underlying; of a future, its own twice."""
    total = instrument.daily_volume * (0.1 + 0.1 * _steady("interest", instrument.con_id))
    if instrument.sec_type == "FUT":
        return int(total * 12), int(total * 12)
    calls = 0.4 + 0.2 * _steady("side", instrument.con_id)
    return int(total * calls), int(total * (1 - calls))


def dividends(instrument: Instrument, price: float, now: datetime) -> str:
    """IB's dividend tick: past 12 months, next 12 months, next ex-date, next amount."""
    if not instrument.dividend_yield:
        return ",,,"
    year = price * instrument.dividend_yield
    quarter = (now.month - 1) // 3 * 3 + 3
    ex_date = datetime(now.year, quarter, 15, tzinfo=UTC)
    if ex_date <= now:
        later = quarter + 3
        ex_date = datetime(now.year + later // 13, later - 12 * (later // 13), 15, tzinfo=UTC)
    return f"{year:.2f},{year:.2f},{ex_date:%Y%m%d},{year / 4:.2f}"


@attrs.define(eq=False)
class Statistics:
    """The statistics of one instrument in this session.

    Attributes:
        instrument: The instrument.
        book: Its book.
        trades: How many trades there were in this session.
        value: The sum of their prices times sizes.
        volume: The sum of their sizes.
        last: The last trade that was heard.
        last_regular: Price of the last trade in regular hours.
    """

    instrument: Instrument
    book: TopOfBook
    trades: int = 0
    value: float = 0.0
    volume: Decimal = ZERO
    last: Trade | None = None
    last_regular: float | None = None
    _recent: deque[tuple[int, Decimal]] = attrs.Factory(deque)

    def __attrs_post_init__(self) -> None:
        book = self.book
        known = [price for price in (book.high, book.low, book.last) if price is not None]
        self.last_regular = book.last
        if book.last is not None and book.last_size is not None and book.last_time is not None:
            time_ns = book.last_time * SECOND_NS
            self.last = Trade(self.instrument.con_id, time_ns, book.last, book.last_size)
        if book.volume and known:
            self.volume = book.volume
            self.trades = max(1, int(book.volume / (self.instrument.lot * USUAL_TRADE)))
            self.value = float(book.volume) * sum(known) / len(known)

    def hear(self, trade: Trade, fields: set[Field]) -> None:
        """Take a trade."""
        if Field.VOLUME in fields and self.book.volume < self.volume:  # a new session
            self.trades, self.value, self.volume = 0, 0.0, ZERO
        size = trade.size if trade.volume is None else trade.volume
        self.last = trade
        self.trades += 1
        self.volume += size
        self.value += trade.price * float(size)
        self._recent.append((trade.time_ns, size))
        now = datetime.fromtimestamp(trade.time_ns / SECOND_NS, UTC)
        if self.instrument.is_open(now):
            self.last_regular = trade.price

    @property
    def average_price(self) -> float:
        """The volume-weighted average price of the session."""
        return self.value / float(self.volume) if self.volume else 0.0

    def within(self, minutes: int, time_ns: int) -> tuple[int, Decimal]:
        """Number and volume of the trades of the last minutes."""
        while self._recent and self._recent[0][0] <= time_ns - 10 * MINUTE_NS:
            self._recent.popleft()
        since = time_ns - minutes * MINUTE_NS
        sizes = [size for at, size in self._recent if at > since]
        return len(sizes), sum(sizes, ZERO)

    def real_time_volume(self, unit: int) -> str | None:
        """IB's RTVolume: price; size; time in ms; volume; average price; whether one trade."""
        last = self.last
        if last is None:
            return None
        single = "true" if last.volume is None or last.volume == last.size else "false"
        return (
            f"{last.price};{last.size.normalize():f};{last.time_ns // 1_000_000};"
            f"{(self.volume // unit).normalize():f};{self.average_price:.8f};{single}"
        )
