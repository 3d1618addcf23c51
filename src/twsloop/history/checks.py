"""Is a history whole, and can its bars be? Findings, and nothing is repaired (pure).

A finding is not always a fault: an illiquid stock has minutes without a trade, and IB tells no bar
of them. But it is for the user to judge, who otherwise would never know.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal

import attrs

from .rows import Bar, Session
from .words import BarSize, Show

__all__ = ["Finding", "FindingKind", "check_bars", "check_sessions", "compare", "session_steps"]

#: How far an average price may be outside its bar, as a part of the price: IB rounds it.
_ROUNDING = Decimal("0.0001")
#: So many bars are compared with the schedule in one step.
STEP = 1000


class FindingKind(enum.StrEnum):
    """What was found."""

    MISSING = "missing"
    """Bars are not there, although the schedule says that there was trading."""
    OUTSIDE = "outside"
    """A bar is at a time when the schedule says that there was no trading."""
    IMPOSSIBLE = "impossible"
    """A bar contradicts itself: its high is below its low, or its volume is negative."""
    DOUBLE = "double"
    """Two bars have the same time."""
    DISORDER = "disorder"
    """A bar is older than the one before it."""
    RESTATED = "restated"
    """A bar that was kept is told differently now: a split, or a correction."""
    NOT_KEPT = "not kept"
    """IB does not keep bars of this size for so long."""
    UNREADABLE = "unreadable"
    """Bars came that have no time or no price."""


@attrs.frozen
class Finding:
    """Something that is not as it should be.

    Attributes:
        kind: What.
        start: Where it begins, UTC.
        end: Where it ends, UTC; of a single bar its end.
        count: How many bars.
        text: What it is, for people.
    """

    kind: FindingKind
    start: datetime
    end: datetime
    count: int
    text: str

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M:%S} UTC: {self.text}"


def check_bars(bars: Iterable[Bar], size: BarSize, show: Show) -> list[Finding]:
    """Whether each bar can be, and whether they are in order.

    Args:
        bars: As they were told.
        size: Their size.
        show: What they show: BID_ASK bars are judged as what they are, volatility may be anything.
    """
    found: list[Finding] = []
    before: Bar | None = None
    for bar in bars:
        problems = _problems(bar, show)
        if problems:
            found.append(_of_bar(FindingKind.IMPOSSIBLE, bar, size, "; ".join(problems)))
        if before is not None and bar.time <= before.time:
            same = bar.time == before.time
            kind = FindingKind.DOUBLE if same else FindingKind.DISORDER
            text = "it came twice" if same else f"it came after {before.time:%Y-%m-%d %H:%M:%S}"
            found.append(_of_bar(kind, bar, size, text))
        before = bar
    return found


def _is_plain(bar: Bar) -> bool:
    """Whether there is nothing that a bar of whatever it shows could be blamed for."""
    low, high = bar.low, bar.high
    if not (low <= bar.open <= high and low <= bar.close <= high):
        return False
    if bar.average is None or not bar.volume:
        return bar.volume is None or not bar.volume.is_signed()
    return not bar.volume.is_signed() and low <= bar.average <= high


def _problems(bar: Bar, show: Show) -> list[str]:
    if show is not Show.BID_ASK and _is_plain(bar):
        return []
    found = []
    # Of BID_ASK, open is the average bid and close the average offer: they are within, too.
    if bar.high < max(bar.open, bar.low, bar.close):
        found.append(f"high {bar.high} is below {max(bar.open, bar.low, bar.close)}")
    if bar.low > min(bar.open, bar.close):
        found.append(f"low {bar.low} is above {min(bar.open, bar.close)}")
    if show is Show.BID_ASK and bar.open > bar.close:
        found.append(f"the average bid {bar.open} is above the average offer {bar.close}")
    if bar.volume is not None and bar.volume < 0:
        found.append(f"volume {bar.volume} is negative")
    if bar.average is not None and bar.volume and not found:
        room = max(abs(bar.high), abs(bar.low)) * _ROUNDING
        if not bar.low - room <= bar.average <= bar.high + room:
            found.append(f"average {bar.average} is outside {bar.low}..{bar.high}")
    return found


def _of_bar(kind: FindingKind, bar: Bar, size: BarSize, text: str) -> Finding:
    return Finding(kind, bar.time, bar.time + size.length, 1, f"bar of {size}: {text}")


def check_sessions(
    bars: Sequence[Bar], size: BarSize, sessions: Iterable[Session], until: datetime
) -> list[Finding]:
    """Whether there is a bar for all of the time in which there was trading.

    Args:
        bars: In order, of a span that begins and ends as the sessions do (or at ``until``).
        size: Their size; a day's are compared by their days, and longer ones not at all.
        sessions: The trading days of that span, in order, cut to it.
        until: Bars that end later than this are not expected yet.
    """
    found: list[Finding] = []
    for _ in session_steps(bars, size, sessions, until, found):
        pass
    return found


def session_steps(
    bars: Sequence[Bar],
    size: BarSize,
    sessions: Iterable[Session],
    until: datetime,
    found: list[Finding],
) -> Iterator[None]:
    """The work of `check_sessions` in short steps; what it finds is added to ``found``."""
    if size.unit == "D":
        found += _check_days(bars, size, sessions, until)
    elif size.intraday:
        yield from _check_times(bars, size, sessions, until, found)


def _check_days(
    bars: Sequence[Bar], size: BarSize, sessions: Iterable[Session], until: datetime
) -> list[Finding]:
    told = {bar.day for bar in bars}
    traded = list(sessions)
    found = [
        Finding(FindingKind.MISSING, one.start, one.end, 1, f"no bar of {size} for {one.day}")
        for one in traded
        if one.day not in told and one.end <= until
    ]
    days = {one.day for one in traded}
    found += [
        _of_bar(FindingKind.OUTSIDE, bar, size, f"the schedule knows no session on {bar.day}")
        for bar in bars
        if bar.day not in days
    ]
    return sorted(found, key=lambda finding: finding.start)


def _check_times(
    bars: Sequence[Bar],
    size: BarSize,
    sessions: Iterable[Session],
    until: datetime,
    found: list[Finding],
) -> Iterator[None]:
    place, length = 0, size.length

    def outside(bar: Bar) -> None:
        text = "the schedule says that there was no trading"
        found.append(_of_bar(FindingKind.OUTSIDE, bar, size, text))

    for session in sessions:
        end = session.end
        # The first bar of a session may have begun before it, by the clock.
        while place < len(bars) and bars[place].time + length <= session.start:
            outside(bars[place])
            place += 1
        at = session.start
        while place < len(bars) and bars[place].time < session.end:
            time = bars[place].time
            if time > at:
                found.append(_hole(size, at, time))
            # Bars begin by the clock, but for a session's first, which may be shorter: so this is
            # where the next one begins at the latest.
            at = max(time, session.start) + length
            place += 1
            if place % STEP == 0:
                yield
        if until < session.end:  # the bar under way is not expected yet
            end = at + max((until - at) // length, 0) * length
        if at < end:
            found.append(_hole(size, at, end))
        yield
    for bar in bars[place:]:
        outside(bar)


def _hole(size: BarSize, start: datetime, end: datetime) -> Finding:
    count = -(-(end - start) // size.length)
    text = f"{count} bar{'s' if count != 1 else ''} of {size} missing until {end:%Y-%m-%d %H:%M:%S}"
    return Finding(FindingKind.MISSING, start, end, count, text)


def compare(kept: Sequence[Bar], told: Iterable[Bar], size: BarSize) -> list[Finding]:
    """Bars that were kept, against what the gateway tells of the same times now."""
    known = {bar.time: bar for bar in kept}
    return [
        _of_bar(
            FindingKind.RESTATED, bar, size, f"kept as {_shape(known[bar.time])}, now {_shape(bar)}"
        )
        for bar in told
        if bar.time in known and _prices(known[bar.time]) != _prices(bar)
    ]


def _prices(bar: Bar) -> tuple[Decimal, ...]:
    return bar.open, bar.high, bar.low, bar.close


def _shape(bar: Bar) -> str:
    return "/".join(str(price) for price in _prices(bar))
