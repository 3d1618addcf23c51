"""One instrument's history: bars of any size from what was before and what is live.

Theory of operation
-------------------
Before the moment the gateway began stands a past (only a feed with a ``seed`` has one), after it a
`Tape`. Bars are made session by session: each joined run of a session's spans is cut into buckets
that are aligned with the local clock and never begin before the run; a bucket without a trade (or
quote) shows the price before. `days` knows the sessions, `past_bars` makes the bars of the past.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from twsloop.paper.catalogue.instruments import Instrument

from .bars import Bar, BarSize, Show, period_of
from .calendar import Calendar, Session, calendar_of
from .days import TradingDays
from .following import FollowingPast, OptionTrades
from .live import Row, Tape
from .past import Past
from .past_bars import PastBars

__all__ = ["Chronicle"]

SECOND_NS = 1_000_000_000
#: The row's column of a source (see `live.Row`).
COLUMNS = {Show.TRADES: 1, Show.ADJUSTED_LAST: 1, Show.BID: 5, Show.ASK: 6, Show.MIDPOINT: 7}
#: What stands until something else comes: a bar begins with it.
QUOTES = frozenset({Show.BID, Show.ASK, Show.MIDPOINT})


class Chronicle:
    """One instrument's history.

    Args:
        instrument: What it is the history of.
        tape: What happened since the gateway began.
        past: What was before; None: nothing.
        trades_past: The trades before, of an option: its quotes move without them.
        began: When the gateway began, seconds since 1970 UTC.
        always_open: Whether it trades outside its hours, too.

    Attributes:
        calendar: The exchange's sessions.
        days: Its own.
        past_bars: The bars of what was before.
    """

    def __init__(
        self,
        instrument: Instrument,
        tape: Tape,
        past: Past | FollowingPast | None,
        *,
        began: int,
        always_open: bool,
        trades_past: OptionTrades | None = None,
    ) -> None:
        self.instrument = instrument
        self.tape = tape
        self.past = past
        self.began = began
        self.calendar: Calendar = calendar_of(instrument.hours)
        self.days = TradingDays(
            self.calendar, began, always_open=always_open, has_past=past is not None
        )
        self.past_bars = PastBars(instrument, past, trades_past, began)

    # -- what there is -----------------------------------------------------------------------

    def oldest(self) -> int:
        """The first second that has data."""
        if self.past is None:
            return self.began
        session = self.calendar.session(self.past.listed)
        assert session is not None
        return (session.runs(regular=True) or session.runs(regular=False))[0][0]

    def until(self) -> int:
        """The second after the last one that has data."""
        events = self.tape.events
        return max(self.began, events[-1].time_ns // SECOND_NS + 1 if events else 0)

    # -- bars --------------------------------------------------------------------------------

    def bars(self, show: Show, size: BarSize, span: tuple[int, int], *, regular: bool) -> list[Bar]:
        """The bars of a span of time.

        Args:
            show: TRADES, MIDPOINT, BID, ASK, BID_ASK or ADJUSTED_LAST.
            size: Of a bar.
            span: First second, and the second after the last one.
            regular: Only regular trading hours.
        """
        found: list[Bar] = []
        for _ in self.make(found, show, size, span, regular=regular):
            pass
        return found

    def make(
        self, found: list[Bar], show: Show, size: BarSize, span: tuple[int, int], *, regular: bool
    ) -> Iterator[int]:
        """Add the bars of a span of time to a list, session by session.

        Yields:
            What the last session has cost (see `history_work`). Nothing is kept over a step but
            the bars, so others may ask meanwhile.
        """
        if not size.intraday:
            yield from self._days(found, show, size.unit, span, regular=regular)
            return
        start, end = span
        for session in self.days.between(start, end):
            for first, last in session.runs(regular=regular):
                if first < end and last > start:
                    found += self._run(show, size.seconds, session, (first, last), span)
                    yield (min(last, end) - max(first, start)) // self.past_bars.piece_s(
                        size.seconds
                    )

    def _days(
        self, found: list[Bar], show: Show, unit: str, span: tuple[int, int], *, regular: bool
    ) -> Iterator[int]:
        period: tuple[int, ...] | None = None
        minutes = self.instrument.is_option
        for session in self.days.between(*span):
            runs = session.runs(regular=regular)
            if not runs or runs[0][0] >= span[1]:
                continue
            yield (runs[-1][1] - runs[0][0]) // 60 if minutes else 2
            whole: Bar | None = None
            for run in runs:
                for bar in self._whole(show, session, run, span[1]):
                    if whole is None:
                        whole = bar
                    else:
                        whole.extend(bar, show)
            if whole is None:
                continue
            whole.day = session.day
            own = period_of(session.day, unit)
            if own == period:
                found[-1].extend(whole, show)
            else:
                found.append(whole)
            period = own

    def _whole(self, show: Show, session: Session, run: tuple[int, int], end: int) -> list[Bar]:
        """All of a run as bars, one of the past and one of what is live."""
        found = self.past_bars.whole(show, session, run)
        bar: Bar | None = None
        for row in self.tape.rows(max(run[0], self.began), min(run[1], end)):
            one = _live_bar(show, row, row[0])
            if one is None:
                continue
            if bar is None:
                bar = one
            else:
                bar.extend(one, show)
        return found if bar is None else [*found, bar]

    def _run(
        self, show: Show, size: int, session: Session, run: tuple[int, int], span: tuple[int, int]
    ) -> list[Bar]:
        """The bars of one run that begin in a span; the last one ends with it."""
        offset = self.calendar.offset(run[0])
        first = max(run[0], span[0])
        first = max(run[0], first - (first + offset) % size)
        last = min(run[1], span[1])
        found = self.past_bars.bars(show, size, session, (run[0], first, last, offset))
        if last > self.began:
            self._add_live(show, size, found, (run[0], max(first, self.began), last, offset))
        if show in QUOTES:
            self._from_standing(show, session, run, found, first)
        return found

    def _add_live(
        self, show: Show, size: int, found: list[Bar], cut: tuple[int, int, int, int]
    ) -> None:
        """Add what is live to the bars of the past."""
        carried = found[-1].close if found and show is not Show.BID_ASK else None
        for bar in self._live_bars(show, size, cut, carried):
            if found and found[-1].start == bar.start:
                if bar.count or not show.has_volume:
                    found[-1].extend(bar, show)
            else:
                found.append(bar)

    def _price_before(
        self, show: Show, session: Session, run: tuple[int, int], second: int
    ) -> float | None:
        """The price that stood in a run before a second."""
        if second > self.began:
            price = self.tape.last_before(second, COLUMNS[show])
            if price is not None:
                return price
        return self.past_bars.price_before(show, session, run, second)

    def _from_standing(
        self, show: Show, session: Session, run: tuple[int, int], bars: list[Bar], first: int
    ) -> None:
        """Let bars of quotes begin with the quote that stood when they began."""
        price = self._price_before(show, session, run, first) if first > run[0] else None
        for bar in bars:
            if price is not None and price != bar.open:
                bar.open = price
                bar.high = max(bar.high, price)
                bar.low = min(bar.low, price)
            price = bar.close

    def _live_bars(
        self, show: Show, size: int, cut: tuple[int, int, int, int], carried: float | None
    ) -> Iterator[Bar]:
        """Bars of what is live; a bucket without events shows the price before."""
        run_start, first, last, offset = cut
        if carried is None and show is not Show.BID_ASK:
            carried = self.tape.last_before(first, COLUMNS[show])
        current: Bar | None = None
        due = first - (first + offset) % size

        def quiet(until: int) -> Iterator[Bar]:
            nonlocal due
            while due < until:
                if carried is not None:
                    yield Bar(max(due, run_start), carried, carried, carried, carried)
                due += size

        for row in self.tape.rows(first, last):
            key = row[0] - (row[0] + offset) % size
            bar = _live_bar(show, row, max(key, run_start))
            if bar is None:
                continue
            if current is not None and current.start == bar.start:
                current.extend(bar, show)
            else:
                if current is not None:
                    yield current
                yield from quiet(key)
                current = bar
                due = key + size
            if show is not Show.BID_ASK:
                carried = current.close
        if current is not None:
            yield current
        yield from quiet(last)


def _live_bar(show: Show, row: Row, start: int) -> Bar | None:
    """A row as a bar; None if nothing of the kind happened in it."""
    if show is Show.BID_ASK:
        bid, ask, bids, asks = row[5], row[6], row[8], row[9]
        if bid is None or ask is None:
            return None
        weight = float(bids[1])
        return Bar(start, bids[0] / bids[1], ask[1], bid[2], asks[0] / asks[1], weight=weight)
    prices: Any = row[COLUMNS[show]]
    if prices is None:
        return None
    opened, high, low, close = prices
    if show.has_volume:
        return Bar(start, opened, high, low, close, row[2], row[3], row[4])
    return Bar(start, opened, high, low, close)
