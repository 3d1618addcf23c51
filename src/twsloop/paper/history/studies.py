"""Bars of what is not traded: volatilities and the borrow fee (pure).

A study has one value a trading day and moves in a straight line to it during the session, so its
bars are as consistent as those of prices: each opens where the one before closed.

- HISTORICAL_VOLATILITY: the standard deviation of the last thirty daily returns, a year.
- OPTION_IMPLIED_VOLATILITY: the same, smoothed, and a little dearer, as it usually is.
- FEE_RATE: what borrowing a share costs, in percent a year; the same for all days.
"""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Iterator
from datetime import date

import attrs

from .bars import Bar, Show, period_of
from .calendar import Session
from .chronicle import Chronicle
from .query import BarQuery

__all__ = ["STUDIES", "make_study", "study_bars"]

RETURNS = 30
#: Time that has more trading days than the returns need, seconds.
WARM_UP_S = 80 * 86_400
YEAR = 252
DIGITS = 6
#: What options cost more than what happens: a factor.
PREMIUM = 1.1
STUDIES = frozenset({Show.HISTORICAL_VOLATILITY, Show.OPTION_IMPLIED_VOLATILITY, Show.FEE_RATE})
#: The kinds of instruments that have them.
KINDS = {
    Show.HISTORICAL_VOLATILITY: {"STK", "IND", "FUT"},
    Show.OPTION_IMPLIED_VOLATILITY: {"STK", "IND"},
    Show.FEE_RATE: {"STK"},
}


def study_bars(chronicle: Chronicle, query: BarQuery, span: tuple[int, int]) -> list[Bar]:
    """The bars of a study; none where the instrument does not have it."""
    found: list[Bar] = []
    for _ in make_study(found, chronicle, query, span):
        pass
    return found


def make_study(
    found: list[Bar], chronicle: Chronicle, query: BarQuery, span: tuple[int, int]
) -> Iterator[int]:
    """Add the bars of a study to a list; yields what each session cost (see `history_work`)."""
    past = chronicle.past
    if past is None or chronicle.instrument.sec_type not in KINDS[query.show]:
        return
    values = _values(chronicle, query.show, span)
    for session in chronicle.days.between(*span):
        if session.day < past.listed or session.day not in values:
            continue
        line = _Line(session, *values[session.day])
        for run in session.runs(regular=query.regular):
            if run[0] >= span[1] or run[1] <= span[0]:
                continue
            yield 1
            if query.size.intraday:
                yield (run[1] - run[0]) // query.size.seconds // 4
                offset = chronicle.calendar.offset(run[0])
                found += line.bars(query.size.seconds, run, span, offset)
            else:
                _add_day(found, line.day(run, span[1]), query)


@attrs.frozen
class _Line:
    """The way from the value of the day before to that of the day."""

    session: Session
    before: float
    now: float

    def at(self, second: int) -> float:
        """The value at a time."""
        session = self.session
        share = (second - session.start) / (session.end - session.start)
        return round(self.before + (self.now - self.before) * share, DIGITS)

    def bars(
        self, size: int, run: tuple[int, int], span: tuple[int, int], offset: int
    ) -> Iterator[Bar]:
        """The bars of a run that are in a span."""
        first, last = max(run[0], span[0]), min(run[1], span[1])
        begin = first - (first + offset) % size
        while begin < last:
            start, end = max(begin, run[0]), min(begin + size, last)
            yield _bar(start, self.at(start), self.at(end))
            begin += size

    def day(self, run: tuple[int, int], end: int) -> Bar:
        """A run as one bar."""
        bar = _bar(run[0], self.at(run[0]), self.at(min(run[1], end)))
        bar.day = self.session.day
        return bar


def _add_day(found: list[Bar], bar: Bar, query: BarQuery) -> None:
    """Put a day's bar (or a part of it) into the bars of days, weeks or months."""
    before, unit = found[-1].day if found else None, query.size.unit
    assert bar.day is not None
    if before is not None and period_of(before, unit) == period_of(bar.day, unit):
        found[-1].extend(bar, query.show)
    else:
        found.append(bar)


def _bar(start: int, first: float, last: float) -> Bar:
    return Bar(start, first, max(first, last), min(first, last), last)


def _values(
    chronicle: Chronicle, show: Show, span: tuple[int, int]
) -> dict[date, tuple[float, float]]:
    """The value of a study before and after each session of a span."""
    past = chronicle.past
    assert past is not None
    begin = span[0] - WARM_UP_S
    days = [session.day for session in chronicle.calendar.between(begin, span[1])]
    if show is Show.FEE_RATE:
        fee = 0.25 + zlib.crc32(b"%d" % chronicle.instrument.con_id) % 100 / 400
        return dict.fromkeys(days, (fee, fee))
    closes = [math.log(past.close_ticks(day)) for day in days]
    gains = [later - before for before, later in itertools.pairwise(closes)]
    total = sum(gains[: RETURNS - 1])
    squares = sum(gain * gain for gain in gains[: RETURNS - 1])
    found: dict[date, tuple[float, float]] = {}
    before = None
    for place in range(RETURNS - 1, len(gains)):
        total += gains[place]
        squares += gains[place] ** 2
        variance = max(squares - total * total / RETURNS, 0.0) / (RETURNS - 1)
        value = round(math.sqrt(variance * YEAR), DIGITS)
        if show is Show.OPTION_IMPLIED_VOLATILITY:
            value = PREMIUM * (value + past.usual_volatility) / 2
        if before is not None:
            found[days[place + 1]] = before, value
        before = value
        total -= gains[place - RETURNS + 1]
        squares -= gains[place - RETURNS + 1] ** 2
    return found
