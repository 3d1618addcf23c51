"""One instrument's history: bars of any size from what was before and what is live.

Theory of operation
-------------------
Before the moment the gateway began stands a past (only a feed with a ``seed`` has one), after it a
`Tape`. Bars are made session by session: each joined run of a session's spans is cut into buckets
that are aligned with the local clock and never begin before the run; a bucket without a trade (or
quote) shows the price before.

An `always open` market trades outside its hours, too: from the moment it began, a day is a session
from one roll-over to the next, and its regular hours are still the exchange's.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from twsloop.paper.catalogue.instruments import Instrument

from .bars import Bar, BarSize, Show, period_of
from .calendar import Calendar, Session, Span, calendar_of
from .following import FollowingPast, OptionTrades
from .live import Row, Tape
from .past import Past
from .split import Piece

__all__ = ["Chronicle"]

SECOND_NS = 1_000_000_000
HALF_S, FIVE_S, HALF_MINUTE_S = 1800, 300, 30
#: How long before the start of an always open market its first session began, where the exchange
#: was closed: what the book says has happened in the session, happened then.
UNDER_WAY_S = 3600
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
        calendar: Its sessions.
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
        self.trades_past = trades_past
        self.began = began
        self.always_open = always_open
        self.calendar: Calendar = calendar_of(instrument.hours)
        self._first_day = self.calendar.day_of(began)
        self._open_days: dict[date, Session | None] = {}

    # -- sessions ----------------------------------------------------------------------------

    def between(self, start: int, end: int) -> Iterator[Session]:
        """The sessions that have a second in [start, end), in order of time."""
        if not self.always_open:
            yield from self.calendar.between(start, end)
            return
        first = self._bounds(self._first_day)[0]
        for session in self.calendar.between(start, min(end, self.began + 1)):
            if session.day < self._first_day:
                yield session
        day = self._first_day
        if start > first:
            day = max(day, self.calendar.day_of(start))
        while self._bounds(day)[0] < end:
            opened = self._open_day(day)
            if opened is not None and opened.end > start and opened.start < end:
                yield opened
            day += timedelta(days=1)

    def before(self, end: int) -> Iterator[Session]:
        """The sessions that begin before a time, the last one first."""
        if self.always_open and end > self.began:
            day = self.calendar.day_of(end - 1)
            while day >= self._first_day:
                opened = self._open_day(day)
                if opened is not None and opened.start < end:
                    yield opened
                day -= timedelta(days=1)
            end = self._bounds(self._first_day)[0]
        elif self.always_open and end > self._bounds(self._first_day)[0]:
            opened = self._open_day(self._first_day)
            if opened is not None and opened.start < end:
                yield opened
            end = self._bounds(self._first_day)[0]
        yield from (
            session
            for session in self.calendar.before(end)
            if not self.always_open or session.day < self._first_day
        )

    def day_end(self, day: date) -> int:
        """The second at which a day rolls over into the next."""
        return self._bounds(day)[1]

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

    def in_regular_hours(self, second: int) -> bool:
        """Whether the exchange's regular session is under way."""
        at = datetime.fromtimestamp(second, UTC)
        return self.calendar.hours.is_open(at, liquid=True)

    def _bounds(self, day: date) -> tuple[int, int]:
        """From which to which roll-over a day lasts."""
        ends = self.calendar.hours.session_end
        noon = datetime.combine(day, time(12), self.calendar.zone)
        before = noon - timedelta(days=1)
        return (
            ends(int(before.timestamp()) * SECOND_NS) // SECOND_NS,
            ends(int(noon.timestamp()) * SECOND_NS) // SECOND_NS,
        )

    def _open_day(self, day: date) -> Session | None:
        """A day of a market that never closes, from the moment it began."""
        if day not in self._open_days:
            self._open_days[day] = self._make_open_day(day)
        return self._open_days[day]

    def _make_open_day(self, day: date) -> Session | None:
        first, last = self._bounds(day)
        usual = self.calendar.session(day)
        spans = [] if usual is None else list(usual.spans)
        found = [
            Span(span.start, min(span.end, self.began), span.regular)
            for span in spans
            if span.start < self.began
        ]
        at = max(first, self.began)
        if not found and first < self.began < last and self.past is not None:
            begin = max(first, self.began - UNDER_WAY_S)
            found.append(Span(begin - begin % 60, self.began, regular=False))
        for span in [*(one for one in spans if one.regular), Span(last, last, regular=True)]:
            if span.end <= at and span.start < last:
                continue
            if at < span.start:
                found.append(Span(at, min(span.start, last), regular=False))
            if max(at, span.start) < span.end:
                found.append(Span(max(at, span.start), span.end, regular=True))
            at = max(at, span.end)
        return Session(day, tuple(found)) if found else None

    def past_of(self, show: Show) -> Past | FollowingPast | None:
        """What was before, as far as it matters to what is shown."""
        return self.trades_past if show.has_volume and self.trades_past is not None else self.past

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
        for session in self.between(start, end):
            for first, last in session.runs(regular=regular):
                if first < end and last > start:
                    found += self._run(show, size.seconds, session, (first, last), span)
                    yield (min(last, end) - max(first, start)) // self._piece_s(size.seconds)

    def _piece_s(self, size: int) -> int:
        """How long the pieces are that bars of a size are made of, seconds."""
        if not isinstance(self.past, Past):
            return min(size, 60)
        return min(size, HALF_S if size % HALF_S == 0 else FIVE_S if size % FIVE_S == 0 else 60)

    def _days(
        self, found: list[Bar], show: Show, unit: str, span: tuple[int, int], *, regular: bool
    ) -> Iterator[int]:
        period: tuple[int, ...] | None = None
        minutes = self.instrument.is_option
        for session in self.between(*span):
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
        found = [self._bar(show, piece, piece.start) for piece in self._pieces(show, session, run)]
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

    def _pieces(self, show: Show, session: Session, run: tuple[int, int]) -> list[Piece]:
        past = self.past_of(show)
        if past is None:
            return []
        return [
            piece
            for piece in past.session(session)
            if run[0] <= piece.start < run[1] and piece.count
        ]

    def _run(
        self, show: Show, size: int, session: Session, run: tuple[int, int], span: tuple[int, int]
    ) -> list[Bar]:
        """The bars of one run that begin in a span; the last one ends with it."""
        offset = self.calendar.offset(run[0])
        first = max(run[0], span[0])
        first = max(run[0], first - (first + offset) % size)
        last = min(run[1], span[1])
        found = self._past_bars(show, size, session, (run[0], first, last, offset))
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

    def _price_before(
        self, show: Show, session: Session, run: tuple[int, int], second: int
    ) -> float | None:
        """The price that stood in a run before a second."""
        past = self.past
        if second > self.began:
            price = self.tape.last_before(second, COLUMNS[show])
            if price is not None:
                return price
        if past is None:
            return None
        for place, whole in reversed(list(enumerate(past.session(session)))):
            if not run[0] <= whole.start < second:
                continue
            minutes = past.minutes(session, place)
            minute = minutes[min((second - 1 - whole.start) // 60, len(minutes) - 1)]
            close = minute.open
            for trade in past.trades(minute):
                if trade.millis >= second * 1000:
                    break
                close = trade.price
            return self._bar(show, minute._replace(open=close, close=close), second).close
        return None

    def _past_bars(
        self, show: Show, size: int, session: Session, cut: tuple[int, int, int, int]
    ) -> list[Bar]:
        run_start, first, last, offset = cut
        past = self.past_of(show)
        if past is None or first >= self.began:
            return []
        found: list[Bar] = []
        group: list[Piece] = []
        key = -1
        for place, whole in enumerate(past.session(session)):
            if whole.start >= last or whole.start < run_start:
                continue
            for piece in self._parts(past, session, place, (size, first, last, offset)):
                own = piece.start - (piece.start + offset) % size
                if own != key:
                    if group:
                        found.append(self._group(show, group, max(key, run_start)))
                    key, group = own, []
                group.append(piece)
        if group:
            found.append(self._group(show, group, max(key, run_start)))
        return found

    def _parts(
        self,
        past: Past | FollowingPast,
        session: Session,
        place: int,
        cut: tuple[int, int, int, int],
    ) -> Iterator[Piece]:
        """What bars are made of: pieces of the past no longer than a bar, in order."""
        size, first, last, offset = cut
        if size % FIVE_S or not isinstance(past, Past):
            yield from self._cut(past, past.minutes(session, place), cut)
            return
        whole = size % HALF_S == 0 and offset % HALF_S == 0
        for half in past.halves(session, place):
            end = half.start - half.start % HALF_S + HALF_S
            if end <= first or half.start >= last:
                continue
            if whole and end <= last:
                yield half
                continue
            for five in past.fives(session, half):
                end = five.start - five.start % FIVE_S + FIVE_S
                if first < end <= last:
                    yield five
                elif end > first and five.start < last:
                    later = [
                        one for one in past.minutes_in(session, half) if one.start >= five.start
                    ]
                    yield from self._cut(past, later, cut)

    def _cut(
        self,
        past: Past | FollowingPast,
        minutes: list[Piece],
        cut: tuple[int, int, int, int],
    ) -> Iterator[Piece]:
        """Minutes from a second to another, in seconds where bars are shorter or one is cut."""
        size, first, last, offset = cut
        for minute in minutes:
            at = minute.start
            if at + 60 <= first:
                continue
            if at >= last:
                return
            if size == HALF_MINUTE_S and first <= at and at + 60 <= last and isinstance(past, Past):
                yield from past.half_minutes(minute)
            elif size < 60 or at + 60 > last:
                yield from self._seconds(past, minute, size, (first, last, offset))
            else:
                yield minute

    def _seconds(
        self, past: Past | FollowingPast, minute: Piece, size: int, cut: tuple[int, int, int]
    ) -> list[Piece]:
        """A minute's trades as bars of seconds, quiet ones too."""
        size, offset = min(size, 60), cut[2]
        trades = past.trades(minute)
        price, place, found = minute.open, 0, []
        end = min(minute.start + 60, self.began, cut[1])
        start = minute.start - (minute.start + offset) % size
        for begin in range(start, end, size):
            until = min(begin + size, end) * 1000
            prices: list[int] = []
            volume = turnover = 0
            while place < len(trades) and trades[place].millis < until:
                trade = trades[place]
                prices.append(trade.price)
                volume += trade.size
                turnover += trade.price * trade.size
                place += 1
            if begin + size <= cut[0] or begin + size <= minute.start:
                price = prices[-1] if prices else price
                continue
            shape = (prices[0], max(prices), min(prices), prices[-1]) if prices else (price,) * 4
            price = shape[3]
            found.append(Piece(max(begin, minute.start), *shape, volume, turnover, len(prices)))
        return found

    def _group(self, show: Show, pieces: list[Piece], start: int) -> Bar:
        if len(pieces) == 1:
            return self._bar(show, pieces[0], start)
        trading = [piece for piece in pieces if piece.count] or pieces
        joined = Piece(
            start,
            trading[0].open,
            max(piece.high for piece in trading),
            min(piece.low for piece in trading),
            trading[-1].close,
            sum(piece.volume for piece in pieces),
            sum(piece.turnover for piece in pieces),
            sum(piece.count for piece in pieces),
        )
        return self._bar(show, joined, start)

    def _bar(self, show: Show, piece: Piece, start: int) -> Bar:
        """A bar of the past: bid and offer stand at a fixed distance from the price."""
        past = self.past
        assert past is not None
        tick, digits = past.tick, past.digits
        if show is Show.TRADES or show is Show.ADJUSTED_LAST:
            seen = self.instrument.sec_type != "IND"
            return Bar(
                start,
                round(piece.open * tick, digits),
                round(piece.high * tick, digits),
                round(piece.low * tick, digits),
                round(piece.close * tick, digits),
                piece.volume if seen else 0,
                piece.turnover * tick if seen else 0.0,
                piece.count,
            )
        below, above = past.below, past.above
        if show is Show.BID_ASK:
            mean = piece.turnover / piece.volume if piece.volume else float(piece.close)
            return Bar(
                start,
                (mean - below) * tick,
                round((piece.high + above) * tick, digits),
                round((piece.low - below) * tick, digits),
                (mean + above) * tick,
                weight=piece.count or 1,
            )
        away = {Show.BID: -below, Show.ASK: above, Show.MIDPOINT: (above - below) / 2}[show]
        digits += show is Show.MIDPOINT
        return Bar(
            start,
            round((piece.open + away) * tick, digits),
            round((piece.high + away) * tick, digits),
            round((piece.low + away) * tick, digits),
            round((piece.close + away) * tick, digits),
        )

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
