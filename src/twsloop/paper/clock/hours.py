"""Trading calendars of the paper market, and IB's strings for them.

Rules instead of a calendar library: the New York Stock Exchange's holidays and early closes follow
from the date, and the days on which it was closed for a reason of its own (a day of mourning, a
storm) are a short list. So the calendar holds for any year that a replay or a test is set in, and
costs nothing to import. A test compares every day from 1990 to 2030 with exchange_calendars, where
that is installed (``docs/decisions/0110-trading-calendars.md``).

Currencies and futures are taken to trade through US holidays, except Christmas and New Year's Day
(and index futures, Good Friday).

IB's format, as seen on the wire: ``20260928:0400-20260928:2000;20261003:CLOSED;...``, in the time
zone that ``timeZoneId`` names, beginning with the day under way.
"""

from __future__ import annotations

import enum
import functools
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import attrs

__all__ = [
    "CURRENCY",
    "EQUITY",
    "INDEX_FUTURE",
    "Hours",
    "Phase",
    "early_close",
    "good_friday",
    "holiday",
]

#: How many calendar days IB's hours strings cover, beginning with today.
DAYS_TOLD = 6
SATURDAY, SUNDAY = 5, 6

#: Weekdays on which the NYSE was closed for a reason of its own, since 1990.
SPECIAL_CLOSURES = frozenset(
    {
        date(1994, 4, 27),  # mourning of President Nixon
        *(date(2001, 9, day) for day in range(11, 15)),  # the attacks on New York
        date(2004, 6, 11),  # mourning of President Reagan
        date(2007, 1, 2),  # mourning of President Ford
        date(2012, 10, 29),  # hurricane Sandy
        date(2012, 10, 30),
        date(2018, 12, 5),  # mourning of President Bush
        date(2025, 1, 9),  # mourning of President Carter
    }
)
#: Days on which it closed at 13:00 besides those that the rules know, since 1990.
SPECIAL_EARLY_CLOSES = frozenset({date(1997, 12, 26), date(1999, 12, 31), date(2003, 12, 26)})


class Phase(enum.Enum):
    """What an instrument's market does at a moment."""

    CLOSED = "closed"
    PRE = "pre"
    REGULAR = "regular"
    POST = "post"


def _nth(year: int, month: int, weekday: int, n: int) -> date:
    """The n-th given weekday of a month; n = -1 is the last one."""
    if n > 0:
        first = date(year, month, 1)
        return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (n - 1))
    following = date(year + month // 12, month % 12 + 1, 1)
    last = following - timedelta(days=1)
    return last - timedelta(days=(last.weekday() - weekday) % 7)


def _easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar (the method of Meeus, Jones and Butcher)."""
    golden = year % 19
    century, of_century = divmod(year, 100)
    correction = (century - (century + 8) // 25 + 1) // 3
    moon = (19 * golden + century - century // 4 - correction + 15) % 30
    week = (32 + 2 * (century % 4) + 2 * (of_century // 4) - moon - of_century % 4) % 7
    late = (golden + 11 * moon + 22 * week) // 451
    month, day = divmod(moon + week - 7 * late + 114, 31)
    return date(year, month, day + 1)


def _observed(day: date) -> date:
    """A fixed-date holiday on Saturday is kept on Friday, on Sunday on Monday."""
    if day.weekday() == SATURDAY:
        return day - timedelta(days=1)
    if day.weekday() == SUNDAY:
        return day + timedelta(days=1)
    return day


@functools.lru_cache(maxsize=64)
def good_friday(year: int) -> date:
    """The Friday before Easter."""
    return _easter(year) - timedelta(days=2)


@functools.lru_cache(maxsize=64)
def _holidays(year: int) -> frozenset[date]:
    days = {
        _nth(year, 2, 0, 3),  # Washington's Birthday
        good_friday(year),
        _nth(year, 5, 0, -1),  # Memorial Day
        _observed(date(year, 7, 4)),
        _nth(year, 9, 0, 1),  # Labor Day
        _nth(year, 11, 3, 4),  # Thanksgiving
        _observed(date(year, 12, 25)),
    }
    if year >= 1998:
        days.add(_nth(year, 1, 0, 3))  # Martin Luther King Jr. Day
    if year >= 2022:
        days.add(_observed(date(year, 6, 19)))  # Juneteenth
    new_year = date(year, 1, 1)
    if new_year.weekday() != SATURDAY:  # not kept on the Friday: that is the old year's last day
        days.add(_observed(new_year))
    return frozenset(days)


def holiday(day: date) -> bool:
    """Whether the New York Stock Exchange is closed on this weekday."""
    return day in _holidays(day.year) or day in SPECIAL_CLOSURES


def early_close(day: date) -> time | None:
    """When the New York Stock Exchange closes on a day on which it closes early; else None."""
    if day.weekday() >= SATURDAY or holiday(day):
        return None
    year = day.year
    independence = date(year, 7, 4).weekday()
    if year < 1995:
        july = None
    elif independence == 3 and year < 2013:
        july = date(year, 7, 5)  # the Friday between it and the week-end
    else:
        july = date(year, 7, 3) if independence < SATURDAY else None
    early = (
        (day == _nth(year, 11, 3, 4) + timedelta(days=1) and year >= 1992)
        or (day.month, day.day) == (12, 24)
        or day == july
        or day in SPECIAL_EARLY_CLOSES
    )
    if not early:
        return None
    return time(14) if year < 1993 else time(13)


@attrs.frozen(kw_only=True, cache_hash=True)
class Hours:
    """When one kind of instrument trades.

    Attributes:
        time_zone: IB's name of the zone that the times are in.
        trading: First and last minute of a trading day; the first belongs to the evening before
            when it is the later of the two.
        liquid: The same of the regular session.
        rollover: When the session's statistics (volume, high, low) begin anew.
        us_holidays: Whether the NYSE's holidays and early closes apply.
        good_friday: Whether it is closed on Good Friday, where the NYSE's holidays do not apply.
    """

    time_zone: str
    trading: tuple[time, time]
    liquid: tuple[time, time]
    rollover: time
    us_holidays: bool = False
    good_friday: bool = False

    def session(self, day: date, *, liquid: bool = False) -> tuple[datetime, datetime] | None:
        """Begin and end of a trading day, aware of their zone; None when it is closed."""
        return _session(self, day, liquid)

    def is_open(self, now: datetime, *, liquid: bool = False) -> bool:
        """Whether it trades now (``liquid``: in regular hours)."""
        today = now.astimezone(ZoneInfo(self.time_zone)).date()
        for day in (today, today + timedelta(days=1)):
            hours = self.session(day, liquid=liquid)
            if hours is not None and hours[0] <= now < hours[1]:
                return True
        return False

    def phase(self, now: datetime) -> Phase:
        """Before, in or after the regular session, or closed."""
        today = now.astimezone(ZoneInfo(self.time_zone)).date()
        for day in (today, today + timedelta(days=1)):
            hours = self.session(day)
            if hours is not None and hours[0] <= now < hours[1]:
                regular = self.session(day, liquid=True)
                assert regular is not None
                if now < regular[0]:
                    return Phase.PRE
                return Phase.REGULAR if now < regular[1] else Phase.POST
        return Phase.CLOSED

    def next_change(self, now: datetime) -> datetime:
        """When the phase changes next, after now."""
        day = now.astimezone(ZoneInfo(self.time_zone)).date()
        while True:
            edges = [
                edge
                for liquid in (False, True)
                for edge in self.session(day, liquid=liquid) or ()
                if edge > now
            ]
            following = self.session(day + timedelta(days=1))
            if following is not None and following[0] > now:
                edges.append(following[0])  # it may begin before this day ends
            if edges:
                return min(edges)
            day += timedelta(days=1)

    def next_open(self, now: datetime, *, liquid: bool = True) -> datetime:
        """The next opening after now, in the instrument's zone."""
        day = now.astimezone(ZoneInfo(self.time_zone)).date()
        while True:
            hours = self.session(day, liquid=liquid)
            if hours is not None and hours[0] > now:
                return hours[0]
            day += timedelta(days=1)

    def text(self, now: datetime, *, liquid: bool = False) -> str:
        """IB's ``tradingHours`` (or ``liquidHours``) for the coming days."""
        today = now.astimezone(ZoneInfo(self.time_zone)).date()
        parts = []
        for day in (today + timedelta(days=n) for n in range(DAYS_TOLD)):
            hours = self.session(day, liquid=liquid)
            if hours is None:
                parts.append(f"{day:%Y%m%d}:CLOSED")
            else:
                parts.append(f"{hours[0]:%Y%m%d:%H%M}-{hours[1]:%Y%m%d:%H%M}")
        return ";".join(parts)

    def session_end(self, time_ns: int) -> int:
        """When the session that contains this time ends, both in ns since 1970 UTC."""
        zone = ZoneInfo(self.time_zone)
        local = datetime.fromtimestamp(time_ns // 1_000_000_000, UTC).astimezone(zone)
        end = datetime.combine(local.date(), self.rollover, zone)
        if end <= local:
            end = datetime.combine(local.date() + timedelta(days=1), self.rollover, zone)
        return int(end.timestamp()) * 1_000_000_000


@functools.lru_cache(maxsize=4096)
def _session(hours: Hours, day: date, liquid: bool) -> tuple[datetime, datetime] | None:
    if day.weekday() >= SATURDAY:
        return None
    first, last = hours.liquid if liquid else hours.trading
    if hours.us_holidays:
        if holiday(day):
            return None
        early = early_close(day)
        if early is not None:
            last = early if liquid else time(17)
    elif (day.month, day.day) in {(1, 1), (12, 25)} or (
        hours.good_friday and day == good_friday(day.year)
    ):
        return None
    zone = ZoneInfo(hours.time_zone)
    opening = day - timedelta(days=1) if first > last else day
    return datetime.combine(opening, first, zone), datetime.combine(day, last, zone)


EQUITY = Hours(
    time_zone="US/Eastern",
    trading=(time(4), time(20)),
    liquid=(time(9, 30), time(16)),
    rollover=time(0),
    us_holidays=True,
)
CURRENCY = Hours(
    time_zone="US/Eastern",
    trading=(time(17, 15), time(17)),
    liquid=(time(17, 15), time(17)),
    rollover=time(17),
)
INDEX_FUTURE = Hours(
    time_zone="US/Central",
    trading=(time(17), time(16)),
    liquid=(time(8, 30), time(16)),
    rollover=time(17),
    good_friday=True,
)
