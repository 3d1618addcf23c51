"""Bars of what is not traded: volatilities and the borrow fee (pure).

A study has one value a trading day and moves in a straight line to it during the session, so its
bars are as consistent as those of prices: each opens where the one before closed.

- HISTORICAL_VOLATILITY: the standard deviation of the last thirty daily returns, a year.
- OPTION_IMPLIED_VOLATILITY: the same, smoothed, and a little dearer, as it usually is.
- FEE_RATE: what borrowing a share costs, in percent a year; the same for all days.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator
from datetime import date

import attrs

from .bars import Bar, Show, period_of
from .history_calendar import Session
from .history_chronicle import Chronicle
from .history_query import BarQuery

__all__ = ["STUDIES", "study_bars"]

RETURNS = 30
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
    past = chronicle.past
    if past is None or chronicle.instrument.sec_type not in KINDS[query.show]:
        return []
    value = _values(chronicle, query.show)
    found: list[Bar] = []
    for session in chronicle.between(*span):
        if session.day < past.listed:
            continue
        line = _Line(session, value(_day_before(chronicle, session.day)), value(session.day))
        for run in session.runs(regular=query.regular):
            if run[0] >= span[1] or run[1] <= span[0]:
                continue
            if query.size.intraday:
                offset = chronicle.calendar.offset(run[0])
                found += line.bars(query.size.seconds, run, span, offset)
            else:
                _add_day(found, line.day(run, span[1]), query)
    return found


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


def _day_before(chronicle: Chronicle, day: date) -> date:
    ordinal = day.toordinal() - 1
    while chronicle.calendar.session(date.fromordinal(ordinal)) is None:
        ordinal -= 1
    return date.fromordinal(ordinal)


def _values(chronicle: Chronicle, show: Show) -> Callable[[date], float]:
    """The value of a study on each day."""
    past = chronicle.past
    assert past is not None
    if show is Show.FEE_RATE:
        fee = 0.25 + zlib.crc32(b"%d" % chronicle.instrument.con_id) % 100 / 400

        def rate(_day: date) -> float:
            return fee

        return rate
    closes: dict[date, float] = {}
    returns: dict[date, float] = {}
    volatilities: dict[date, float] = {}

    def close(day: date) -> float:
        if day not in closes:
            closes[day] = math.log(past.close_ticks(day))
        return closes[day]

    def gain(day: date) -> float:
        if day not in returns:
            returns[day] = close(day) - close(_day_before(chronicle, day))
        return returns[day]

    def volatility(day: date) -> float:
        if day not in volatilities:
            gains, each = [], day
            for _ in range(RETURNS):
                gains.append(gain(each))
                each = _day_before(chronicle, each)
            mean = sum(gains) / RETURNS
            variance = sum((one - mean) ** 2 for one in gains) / (RETURNS - 1)
            volatilities[day] = math.sqrt(variance * YEAR)
        return volatilities[day]

    def implied(day: date) -> float:
        return PREMIUM * (volatility(day) + past.usual_volatility) / 2

    return implied if show is Show.OPTION_IMPLIED_VOLATILITY else volatility
