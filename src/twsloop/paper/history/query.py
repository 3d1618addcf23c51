"""Reading requests for history as a gateway 10.40 reads them (pure).

The forms that are taken, the order in which a request is checked, and the words in which it is
refused were read off a 10.40. What a refusal says is its text alone; the request modules wrap it.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import attrs

from .bars import BAR_SIZES, LEGAL_SIZES, BarSize, Show
from .calendar import months_back

__all__ = [
    "IMPLIED_ZONE",
    "INVALID_DATE",
    "BarQuery",
    "Duration",
    "Moment",
    "Refusal",
    "parse_bar_query",
    "parse_duration",
    "parse_moment",
    "parse_period",
    "too_fine",
]

IMPLIED_ZONE = (
    "Warning: You submitted request with date-time attributes without explicit time zone. "
    "Please switch to use yyyymmdd-hh:mm:ss in UTC or use instrument time zone, like US/Eastern. "
    "Implied time zone functionality will be removed in the next API release"
)
INVALID_DATE = (
    "{field}: The date, time, or time-zone entered is invalid.\n"
    "The correct format is yyyymmdd hh:mm:ss xx/xxxx\n"
    "where yyyymmdd and xx/xxxx are optional.\n"
    "E.g.: 20031126 15:59:00 US/Eastern\n\n"
    "Note that there is a space between the date and time,\n"
    "and between the time and time-zone.\n\n"
    "If no date is specified, current date is assumed.\n"
    "If no time-zone is specified, local time-zone is assumed(deprecated).\n\n"
    "You can also provide yyyymmddd-hh:mm:ss time is in UTC.\n"
    "Note that there is a dash between the date and time in UTC notation."
)
#: Abbreviations that the zone database lacks.
ZONES = {
    "EDT": "US/Eastern",
    "EST": "US/Eastern",
    "CST": "US/Central",
    "CDT": "US/Central",
    "MST": "US/Mountain",
    "MDT": "US/Mountain",
    "PST": "US/Pacific",
    "PDT": "US/Pacific",
    "JST": "Asia/Tokyo",
    "HKT": "Asia/Hong_Kong",
    "MET": "Europe/Berlin",
    "BST": "Europe/London",
}
#: The finest bars that a duration of each unit allows, seconds.
FINEST = {"S": 1, "D": 5, "W": 10, "M": 30, "Y": 60}
#: The longest request of bars of one second, seconds.
LONGEST_OF_SECONDS = 2000
FIRST_YEAR, LAST_YEAR, LONGEST_YEARS = 1978, 3000, 68
SHORTEST_S, LONGEST_S = 30, 86_400
#: Where a longer one must be asked for in years: the unit, its limit, and IB's words.
LIMITS = {
    "D": (365, "Historical data requests for durations longer than 365 days"),
    "W": (52, "Historical data request for durations longer than 52 weeks"),
    "M": (12, "Historical data request for durations longer than 12 months"),
}
#: The longest histograms, about the longest duration of bars.
LONGEST_PERIODS = {"S": 86_400, "D": 365, "W": 520, "M": 120, "Y": 10}
LIVE = {Show.TRADES, Show.MIDPOINT, Show.BID, Show.ASK}
_CLOCK = re.compile(r"(\d{1,2}):(\d{1,2}):(\d{1,2})")
_DAY = re.compile(r"(\d{4})(\d\d)(\d\d)")
_UTC = re.compile(r"(\d{8})-(\d{1,2}:\d{1,2}:\d{1,2})Z?")


class Refusal(Exception):
    """A request that cannot be right.

    Attributes:
        code: 321 or 10314.
        cause: What is wrong with it, in IB's words.
    """

    def __init__(self, cause: str, code: int = 321) -> None:
        super().__init__(cause)
        self.cause = cause
        self.code = code


@attrs.frozen
class Moment:
    """A time of a request.

    Attributes:
        second: Seconds since 1970 UTC.
        implied: It named no zone, which earns the warning 2174.
    """

    second: int
    implied: bool


@attrs.frozen
class Duration:
    """How far back a request reaches.

    Attributes:
        count: How many.
        unit: S, D, W, M or Y.
    """

    count: int
    unit: str

    def start_day(self, end: date) -> date:
        """The day it reaches back to by the calendar, of D, W, M and Y."""
        if self.unit in {"M", "Y"}:
            return months_back(end, self.count * (12 if self.unit == "Y" else 1))
        return end - timedelta(days=self.count * (7 if self.unit == "W" else 1))


@attrs.frozen
class BarQuery:
    """A request for bars that passed the checks.

    Attributes:
        end: When it ends; None: now.
        duration: How far it reaches back.
        size: Of its bars.
        show: What they show.
        format_date: 1 and 3 text, 2 seconds since 1970.
        regular: Only regular trading hours.
        live: Keep up to date.
    """

    end: Moment | None
    duration: Duration
    size: BarSize
    show: Show
    format_date: int
    regular: bool
    live: bool


def parse_moment(text: str, zone: str, now: datetime, field: str) -> Moment | None:
    """A time as requests have it; None for an empty text.

    Args:
        text: ``yyyymmdd-hh:mm:ss`` in UTC, or ``[yyyymmdd ]hh:mm:ss[ zone]``.
        zone: What it is in where it names none.
        now: For a text without a date: this day.
        field: Its name, for the refusal.

    Raises:
        Refusal: 10314, it cannot be read.
    """
    text = text.strip()
    if not text:
        return None
    invalid = Refusal(INVALID_DATE.format(field=field), 10314)
    utc = _UTC.fullmatch(text)
    if utc:
        return Moment(_second(utc[1], utc[2], "UTC", now, invalid), implied=False)
    words = text.split()
    figures = [word for word in words if word[0].isdigit()]
    named = " ".join(word for word in words if not word[0].isdigit())
    if len(figures) == 1:
        figures.insert(0, "")
    if len(figures) != 2:
        raise invalid
    second = _second(figures[0], figures[1], named or zone, now, invalid)
    return Moment(second, implied=not named)


def _second(day_text: str, clock: str, zone_name: str, now: datetime, invalid: Refusal) -> int:
    figures = _CLOCK.fullmatch(clock)
    if figures is None:
        raise invalid
    name = ZONES.get(zone_name.upper(), "UTC" if zone_name.upper() == "GMT" else zone_name)
    try:
        zone = ZoneInfo(name)
        at = time(int(figures[1]), int(figures[2]), int(figures[3]))
        if day_text:
            parts = _DAY.fullmatch(day_text)
            if parts is None:
                raise invalid
            day = date(int(parts[1]), int(parts[2]), int(parts[3]))
        else:
            day = now.astimezone(zone).date()
    except (ValueError, ZoneInfoNotFoundError, OSError):
        raise invalid from None
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise invalid
    return int(datetime.combine(day, at, zone).astimezone(UTC).timestamp())


def parse_duration(text: str) -> Duration:
    """A duration: ``n S|D|W|M|Y`` in either case, a plain number is seconds.

    Raises:
        Refusal: It cannot be read, or is shorter or longer than a gateway allows.
    """
    if not text:
        raise Refusal("Historical data request duration not specified.")
    if text.isdecimal() and text.isascii():
        text += " S"
    number, space, unit = text.partition(" ")
    unit = unit.upper()
    if not space or not (number.isdecimal() and number.isascii()) or unit not in FINEST:
        raise Refusal(
            "When specifying a unit, historical data request duration format is "
            "integer{SPACE}unit (S|D|W|M|Y)."
        )
    count = int(number) if len(number) < 10 else 1 << 40
    invalid = Refusal("Historical data requested duration is invalid.")
    if count < 1 or count >= 1 << 31 or (unit == "S" and count < SHORTEST_S):
        raise invalid
    if unit == "S" and count > LONGEST_S:
        raise Refusal("Historical data request for greater than 86400 seconds rejected.")
    if unit in LIMITS and count > LIMITS[unit][0]:
        raise Refusal(f"{LIMITS[unit][1]} must be made in years.")
    if unit == "Y" and count > LONGEST_YEARS:
        raise invalid
    return Duration(count, unit)


def parse_period(text: str) -> Duration:
    """A histogram's period: ``3 days``, ``1 week``, or a duration.

    Raises:
        Refusal: It cannot be read.
    """
    number, _, word = text.strip().partition(" ")
    names = ("second", "day", "week", "month", "year", "sec")
    letter = next(
        (name[0] for name in names if word.strip().lower() in {name, f"{name}s", name[0]}), ""
    )
    invalid = Refusal("Histogram data request period is invalid.")
    if not (number.isdecimal() and number.isascii()) or not letter or len(number) > 8:
        raise invalid
    count, unit = int(number), letter.upper()
    if not 0 < count <= LONGEST_PERIODS[unit]:
        raise invalid
    return Duration(count, unit)


def parse_bar_query(request: Any, zone: str, now: datetime) -> BarQuery:
    """Check a request for bars, in the order in which a 10.40 does.

    Args:
        request: The protobuf message.
        zone: What times are in that name no zone.
        now: The market's time.

    Raises:
        Refusal: It cannot be right.
    """
    end = parse_moment(request.endDateTime, zone, now, "End Date/Time")
    duration = parse_duration(request.duration)
    what = request.whatToShow.upper()
    adjusted = what == Show.ADJUSTED_LAST.value
    if adjusted and end is not None:
        raise Refusal("End date not supported with adjusted last")
    size = BAR_SIZES.get(request.barSizeSetting.lower())
    if size is None:
        legal = f"Historical data bar size setting is invalid. Legal ones are: {LEGAL_SIZES}"
        raise Refusal(legal)
    if adjusted and size.unit in {"W", "M", "Q", "Y"}:
        raise Refusal("Multi day bar size not supported with adjusted last")
    try:
        show = Show(what)
    except ValueError:
        raise Refusal(f"What to show value of {request.whatToShow} rejected.") from None
    if request.formatDate not in {1, 2, 3}:
        raise Refusal(f"Date formatting selection of {request.formatDate} rejected.")
    if request.keepUpToDate:
        if end is not None:
            raise Refusal("End date not supported with live updates")
        if request.contract.secType == "BAG":
            raise Refusal("Live updates for combos are not supported")
        if show not in LIVE:
            raise Refusal("Source price not supported with live updates")
    if show is Show.SCHEDULE and size.unit != "D":
        raise Refusal("Only daily resolution supported for Schedule requests")
    return BarQuery(
        end, duration, size, show, request.formatDate, request.useRTH, request.keepUpToDate
    )


def too_fine(query: BarQuery) -> bool:
    """Whether the bars are finer than a request of this duration may ask for."""
    if not query.size.intraday:
        return False
    if query.size.seconds == 1 and query.duration.unit == "S":
        return query.duration.count > LONGEST_OF_SECONDS
    return query.size.seconds < FINEST[query.duration.unit]
