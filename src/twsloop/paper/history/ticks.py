"""Single ticks of the history, and volume by price (pure).

The generated past has trades; each has a quote around it, at the distance of `Past.below` and
`Past.above`, so ticks of trades, quotes and midpoints all add up to the bars. What is live is told
from the raw events that are kept.

A request never crosses the end of a session. It may give more ticks than asked for, because it
finishes the last second that it tells (going back: the first).
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

import attrs

from twsloop.paper.catalogue.instruments import VENUES
from twsloop.paper.market.vocabulary import QuoteChange, Trade

from .bars import Show
from .calendar import Session
from .chronicle import Chronicle
from .split import Piece, TradePiece

__all__ = ["HistoryTick", "Ticks", "histogram", "ticks_after", "ticks_before"]

SECOND_NS = 1_000_000_000
MIDPOINT_DIGITS = 10
#: Histograms of more sessions are made of minutes instead of trades.
TRADED_SESSIONS = 10
#: An arbitrary odd number that spreads the sizes of quotes.
SPREADER = 2_654_435_761


class Ticks(enum.Enum):
    """What ticks show."""

    TRADES = "TRADES"
    BID_ASK = "BID_ASK"
    MIDPOINT = "MIDPOINT"


@attrs.frozen
class HistoryTick:
    """A tick of any kind.

    Attributes:
        second: When, seconds since 1970 UTC.
        price: Of the trade, the midpoint, or the bid.
        size: Of the trade, or the bid.
        ask: The offer.
        ask_size: Its size.
        exchange: Where it was traded.
    """

    second: int
    price: float
    size: Decimal | int = 0
    ask: float = 0.0
    ask_size: Decimal | int = 0
    exchange: str = ""


@attrs.frozen
class _Reader:
    """Ticks of one kind of an instrument."""

    chronicle: Chronicle
    kind: Ticks
    ignore_size: bool

    def past(self, minute: Piece) -> Iterator[HistoryTick]:
        """The ticks of a minute of the past, in order."""
        past = self.chronicle.past_bars.of(Show(self.kind.value))
        assert past is not None
        tick, digits = past.tick, past.digits
        for trade in past.trades(minute):
            second = trade.millis // 1000
            if self.kind is Ticks.TRADES:
                price = round(trade.price * tick, digits)
                yield HistoryTick(second, price, trade.size, exchange=self._venue(trade))
                continue
            bid = round((trade.price - past.below) * tick, digits)
            ask = round((trade.price + past.above) * tick, digits)
            if self.kind is Ticks.MIDPOINT:
                yield HistoryTick(second, round((bid + ask) / 2, MIDPOINT_DIGITS))
            else:
                lot = self.chronicle.instrument.lot
                draw = (trade.millis ^ trade.size) * SPREADER
                sizes = (1 + (draw >> 8) % 15) * lot, (1 + (draw >> 16) % 15) * lot
                yield HistoryTick(second, bid, sizes[0], ask, sizes[1])

    def _venue(self, trade: TradePiece) -> str:
        instrument = self.chronicle.instrument
        if instrument.sec_type != "STK":
            return instrument.exchange
        names = tuple(VENUES.values())
        return names[(trade.millis * SPREADER >> 12) % len(names)]

    def live(self, start: int, end: int) -> Iterator[HistoryTick]:
        """The ticks of what is live in [start, end), in order."""
        instrument = self.chronicle.instrument
        for event in self.chronicle.tape.ticks(start * SECOND_NS, end * SECOND_NS):
            second = event.time_ns // SECOND_NS
            if isinstance(event, Trade):
                if self.kind is Ticks.TRADES:
                    venue = VENUES.get(event.exchange, event.exchange) or instrument.exchange
                    size = event.size if event.volume is None else event.volume
                    yield HistoryTick(second, event.price, size, exchange=venue)
            elif isinstance(event, QuoteChange) and self.kind is not Ticks.TRADES:
                bid, ask = event.bid, event.ask
                if self.kind is Ticks.BID_ASK:
                    yield HistoryTick(
                        second, bid or 0.0, event.bid_size or 0, ask or 0.0, event.ask_size or 0
                    )
                elif bid is not None and ask is not None:
                    yield HistoryTick(second, round((bid + ask) / 2, MIDPOINT_DIGITS))

    def changed(self, ticks: Iterator[HistoryTick]) -> Iterator[HistoryTick]:
        """Only those that count as ticks: a midpoint that moved; with ignore_size, prices."""
        if self.kind is Ticks.TRADES or (self.kind is Ticks.BID_ASK and not self.ignore_size):
            yield from ticks
            return
        before = None
        for tick in ticks:
            if (tick.price, tick.ask) != before:
                before = tick.price, tick.ask
                yield tick

    def minutes(self, session: Session, run: tuple[int, int]) -> list[Piece]:
        """The minutes of the past in one run of a session, in order."""
        past = self.chronicle.past_bars.of(Show(self.kind.value))
        if past is None:
            return []
        return [
            minute
            for place, whole in enumerate(past.session(session))
            if run[0] <= whole.start < run[1]
            for minute in past.minutes(session, place)
            if minute.count
        ]

    def forward(self, session: Session, start: int, end: int, regular: bool) -> list[HistoryTick]:
        """All ticks of a session in [start, end), as far as somebody takes them."""
        return list(self.changed(self._forward(session, start, end, regular)))

    def _forward(
        self, session: Session, start: int, end: int, regular: bool
    ) -> Iterator[HistoryTick]:
        for run in session.runs(regular=regular):
            for minute in self.minutes(session, run):
                if minute.start + 60 > start and minute.start < end:
                    yield from (tick for tick in self.past(minute) if start <= tick.second < end)
            first = max(run[0], start, self.chronicle.began)
            yield from self.live(first, min(run[1], end))

    def after(self, session: Session, start: int, regular: bool) -> Iterator[HistoryTick]:
        """The ticks of a session from a second on."""
        return self.changed(self._forward(session, start, session.end, regular))


def ticks_after(
    chronicle: Chronicle, kind: Ticks, start: int, count: int, *, regular: bool, ignore_size: bool
) -> list[HistoryTick]:
    """Ticks from a second on, of the first session that has any.

    Args:
        chronicle: Whose.
        kind: What they show.
        start: The first second.
        count: How many; the last second is finished.
        regular: Only regular trading hours.
        ignore_size: Leave out quotes whose size alone changed.
    """
    reader = _Reader(chronicle, kind, ignore_size)
    for session in chronicle.days.between(start, chronicle.until()):
        found: list[HistoryTick] = []
        for tick in reader.after(session, start, regular):
            if len(found) >= count and tick.second != found[-1].second:
                break
            found.append(tick)
        if found:
            return found
    return []


def ticks_before(
    chronicle: Chronicle, kind: Ticks, end: int, count: int, *, regular: bool, ignore_size: bool
) -> list[HistoryTick]:
    """Ticks before a second, of the last session that has any (see `ticks_after`).

    The session is read backwards in stretches that double until there are enough.
    """
    reader = _Reader(chronicle, kind, ignore_size)
    oldest = chronicle.oldest()
    for session in chronicle.days.before(end):
        if session.end < oldest:
            return []
        last = min(end, session.end)
        stretch = 300
        while True:
            start = max(session.start, last - stretch)
            found = reader.forward(session, start, last, regular)
            if len(found) > count or start == session.start:
                break
            stretch *= 4
        if len(found) > count:
            first = found[-count].second
            # The first second of the stretch may be cut; it is not told unless it is whole.
            return [tick for tick in found if tick.second >= first]
        if found:
            return found
    return []


def histogram(
    chronicle: Chronicle, span: tuple[int, int], *, regular: bool
) -> list[tuple[float, Decimal]]:
    """Volume by price in a span of time, prices ascending."""
    volumes: Counter[float] = Counter()
    exact: dict[float, Decimal] = {}
    sessions = list(chronicle.days.between(*span))
    reader = _Reader(chronicle, Ticks.TRADES, ignore_size=False)
    past = chronicle.past_bars.of(Show.TRADES)
    for session in sessions:
        for run in session.runs(regular=regular):
            if past is not None:
                for minute in reader.minutes(session, run):
                    if not span[0] <= minute.start < span[1]:
                        continue
                    if len(sessions) <= TRADED_SESSIONS:
                        for trade in past.trades(minute):
                            volumes[past.price(trade.price)] += trade.size
                    else:
                        middle = round(minute.turnover / minute.volume)
                        volumes[past.price(middle)] += minute.volume
            first, last = max(run[0], span[0], chronicle.began), min(run[1], span[1])
            for price, size in chronicle.tape.traded(
                first, last, float(chronicle.instrument.min_tick)
            ):
                exact[price] = exact.get(price, Decimal(0)) + size
    for price, volume in volumes.items():
        exact[price] = exact.get(price, Decimal(0)) + volume
    return sorted(exact.items())
