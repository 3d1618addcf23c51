"""What has happened since the gateway began, kept so that any bar can be made of it.

Theory of operation. Hearing an event must cost next to nothing, because every event of every
instrument is heard: it is put into a list, and that is all. The last events stay there as they
are, for historical ticks and bars of seconds; when there are too many the older ones are **folded**
into rows of five seconds, and those into minutes later, each up to a bound, so that memory does
not grow with time. Of instruments that nobody watches or has asked about few events are kept as
they are, and the others become minutes at once.

A row is one second (or five, or sixty) of an instrument: the trades' prices, volume, turnover and
count, and the prices of bid, offer and midpoint. What did not happen is None there, and whoever
makes bars carries the last price on. Rows that are kept are packed, a fourth of their size.
"""

from __future__ import annotations

import bisect
import math
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from operator import attrgetter
from typing import Any

from twsloop.paper.market.vocabulary import Event, QuoteChange, Trade

__all__ = ["RAW_ONLY", "Prices", "Row", "Tape"]

SECOND_NS = 1_000_000_000
#: Raw events kept of an instrument that somebody asked about, and of the others; and of one whose
#: events are all that is known of it, because its feed has no past.
RAW, RAW_UNASKED, RAW_ONLY = 6_000, 500, 40_000
#: Events are folded when there are so many times as many: seldom, so that it costs little.
ENOUGH = 1.25
#: Rows kept of five seconds (six hours), and of minutes (two weeks).
FIVES, MINUTES = 4_320, 20_160
#: A row as it is kept. Volumes are in units of 1e-8, which is finer than any size.
PACKED = struct.Struct("<q16dqdqdqdq")
UNIT, UNITS = Decimal("1e-8"), 10**8
NOTHING = (math.nan,) * 4

#: Open, high, low, close; None without any.
Prices = tuple[float, float, float, float] | None
#: Second, trades, volume, turnover, count, bid, offer, midpoint, sums of bids and offers, quotes.
Row = tuple[
    int, Prices, Decimal, float, int, Prices, Prices, Prices, tuple[float, int], tuple[float, int]
]
ZERO = Decimal(0)
#: The middle of two prices is rounded, or it shows what floats cannot.
MIDPOINT_DIGITS = 10
_time_ns = attrgetter("time_ns")


def _over(a: Prices, b: Prices) -> Prices:
    """The prices of two stretches, one after the other."""
    if a is None:
        return b
    if b is None:
        return a
    return a[0], max(a[1], b[1]), min(a[2], b[2]), b[3]


def join(a: Row, b: Row) -> Row:
    """Two rows, one after the other, as one."""
    return (
        a[0],
        _over(a[1], b[1]),
        a[2] + b[2],
        a[3] + b[3],
        a[4] + b[4],
        _over(a[5], b[5]),
        _over(a[6], b[6]),
        _over(a[7], b[7]),
        (a[8][0] + b[8][0], a[8][1] + b[8][1]),
        (a[9][0] + b[9][0], a[9][1] + b[9][1]),
    )


class Tape:
    """One instrument's events since the gateway began.

    Args:
        watched: Whether somebody watches the instrument: then more is kept.

    Attributes:
        events: The last ones, oldest first.
        first_ns: When the first of all was; 0 before it.
    """

    __slots__ = ("_fives", "_full", "_keep", "_minutes", "_watched", "events", "first_ns")

    def __init__(self, watched: Callable[[], bool] = lambda: False) -> None:
        self._watched = watched
        self.events: list[Event] = []
        self.first_ns = 0
        self._keep = RAW_UNASKED
        self._full = 2 * RAW_UNASKED
        self._fives: list[bytes] = []
        self._minutes: list[bytes] = []

    def hear(self, event: Event) -> None:
        """Take an event."""
        self.events.append(event)
        if len(self.events) >= self._full:
            self.fold()

    def asked(self, keep: int | None = None) -> None:
        """Somebody is interested: more is kept from now on."""
        self._keep = max(self._keep, RAW if keep is None else keep)
        self._full = int(self._keep * ENOUGH)

    def fold(self) -> None:
        """Turn the older events into rows."""
        if self._keep == RAW_UNASKED and self._watched():
            self.asked()
            return
        events = self.events
        if not self.first_ns and events:
            self.first_ns = events[0].time_ns
        first = self.first_ns // SECOND_NS
        old = events[: -self._keep]
        del events[: -self._keep]
        if self._keep == RAW_UNASKED:
            _append(self._minutes, _rows(old, 60), 60, first)
        else:
            _append(self._fives, _rows(old, 5), 5, first)
            if len(self._fives) > FIVES * ENOUGH:
                rows = self._fives[:-FIVES]
                del self._fives[:-FIVES]
                _append(self._minutes, map(_unpack, rows), 60, first)
        del self._minutes[:-MINUTES]

    @property
    def began_ns(self) -> int:
        """When the first event was; 0 without any."""
        if not self.first_ns and self.events:
            self.first_ns = self.events[0].time_ns
        return self.first_ns

    def rows(self, start: int, end: int) -> Iterator[Row]:
        """The rows that begin in [start, end) (seconds), in order."""
        yield from self._folded(start, end)
        yield from _rows(self.ticks(start * SECOND_NS, end * SECOND_NS), 1)

    def _folded(self, start: int, end: int) -> Iterator[Row]:
        for part in (self._minutes, self._fives):
            if part and _start(part[-1]) >= start and _start(part[0]) < end:
                low = bisect.bisect_left(part, start, key=_start)
                high = bisect.bisect_left(part, end, key=_start)
                yield from map(_unpack, part[low:high])

    def last_before(self, start: int, column: int) -> float | None:
        """The last price of a column (1 trades, 5 bid, 6 offer, 7 midpoint) before a second."""
        events = self.events
        place = bisect.bisect_left(events, start * SECOND_NS, key=_time_ns)
        while place > 0:
            # A few at a time: the last trade is not far.
            rows = _rows(events[max(0, place - 64) : place], 1)
            for row in reversed(rows):
                prices: Any = row[column]
                if prices is not None:
                    return float(prices[3])
            place -= 64
        for part in (self._fives, self._minutes):
            for at in range(bisect.bisect_left(part, start, key=_start) - 1, -1, -1):
                prices = _unpack(part[at])[column]
                if prices is not None:
                    return float(prices[3])
        return None

    def ticks(self, start_ns: int, end_ns: int) -> Sequence[Event]:
        """The raw events kept of [start_ns, end_ns), oldest first."""
        events = self.events
        low = bisect.bisect_left(events, start_ns, key=_time_ns)
        high = bisect.bisect_left(events, end_ns, key=_time_ns)
        return events[low:high]

    def traded(self, start: int, end: int, tick: float) -> Iterator[tuple[float, Decimal]]:
        """Price and size of what was traded in [start, end); older trades by their average."""
        for row in self._folded(start, end):
            if row[2]:
                average = round(row[3] / float(row[2]) / tick) * tick
                yield round(average, MIDPOINT_DIGITS), row[2]
        for event in self.ticks(start * SECOND_NS, end * SECOND_NS):
            if isinstance(event, Trade):
                yield event.price, event.size if event.volume is None else event.volume

    def __len__(self) -> int:
        return len(self.events) + len(self._fives) + len(self._minutes)


def _rows(events: Sequence[Event], size: int) -> list[Row]:
    """Events as rows of some seconds."""
    found: list[Row] = []
    span = size * SECOND_NS
    ends = -1
    batch: list[Event] = []
    for event in events:
        if event.time_ns >= ends:
            if batch:
                found.append(_row(ends // SECOND_NS - size, batch))
            ends = event.time_ns - event.time_ns % span + span
            batch = []
        batch.append(event)
    if batch:
        found.append(_row(ends // SECOND_NS - size, batch))
    return found


def _append(rows: list[bytes], finer: Iterable[Row], size: int, first: int) -> None:
    """Put finer rows into coarser ones; none begins before the first event's second."""
    current = _unpack(rows.pop()) if rows else None
    for row in finer:
        start = max(row[0] - row[0] % size, first)
        if current is not None and current[0] == start:
            current = join(current, row)
        else:
            if current is not None:
                rows.append(_pack(current))
            current = (start, *row[1:])
    if current is not None:
        rows.append(_pack(current))


def _start(packed: bytes) -> int:
    return int.from_bytes(packed[:8], "little", signed=True)


def _pack(row: Row) -> bytes:
    return PACKED.pack(
        row[0],
        *(row[1] or NOTHING),
        *(row[5] or NOTHING),
        *(row[6] or NOTHING),
        *(row[7] or NOTHING),
        int(row[2] / UNIT),
        row[3],
        row[4],
        *row[8],
        *row[9],
    )


def _unpack(packed: bytes) -> Row:
    values = PACKED.unpack(packed)
    return (
        values[0],
        _some(values[1:5]),
        _whole(values[17]),
        values[18],
        values[19],
        _some(values[5:9]),
        _some(values[9:13]),
        _some(values[13:17]),
        (values[20], values[21]),
        (values[22], values[23]),
    )


def _some(prices: tuple[float, float, float, float]) -> Prices:
    return None if math.isnan(prices[0]) else prices


def _whole(units: int) -> Decimal:
    """A volume, without an exponent that it did not have."""
    whole, rest = divmod(units, UNITS)
    return Decimal(whole) if not rest else units * UNIT


def _row(second: int, events: list[Event]) -> Row:
    """The row of a second."""
    prices: Prices = None
    volume, turnover, count = ZERO, 0.0, 0
    bids: list[float] = []
    asks: list[float] = []
    mids: list[float] = []
    for event in events:
        if type(event) is QuoteChange:
            bid, ask = event.bid, event.ask
            if bid is not None:
                bids.append(bid)
            if ask is not None:
                asks.append(ask)
                if bid is not None:
                    mids.append(round((bid + ask) / 2, MIDPOINT_DIGITS))
        elif type(event) is Trade:
            price = event.price
            own = (
                price if event.first is None else event.first,
                price if event.high is None else event.high,
                price if event.low is None else event.low,
                price,
            )
            prices = own if prices is None else _over(prices, own)
            traded = event.size if event.volume is None else event.volume
            volume += traded
            turnover += price * float(traded)
            count += 1
    return (
        second,
        prices,
        volume,
        turnover,
        count,
        _prices(bids),
        _prices(asks),
        _prices(mids),
        (sum(bids), len(bids)),
        (sum(asks), len(asks)),
    )


def _prices(values: list[float]) -> Prices:
    return (values[0], max(values), min(values), values[-1]) if values else None
