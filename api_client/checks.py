"""What the contract allows as an argument, and how it is written into a query string.

Every function here gives what is sent, or raises `ApiParameterError`; nothing that the contract
does not allow ever leaves, and no argument of a wrong type ends as an AttributeError.
"""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal, InvalidOperation

from .errors import ApiParameterError

__all__ = [
    "Day",
    "Moment",
    "Number",
    "TimeOfDay",
    "above_zero",
    "clock",
    "count",
    "dates",
    "day",
    "flag",
    "moment",
    "number",
    "plain",
    "span",
    "ticker_name",
]

Day = dt.date | str
TimeOfDay = dt.time | str
Moment = dt.datetime | dt.date | str
Number = int | float | Decimal

_TICKER = re.compile(r"[A-Z0-9^][A-Z0-9.^/_-]{0,15}", re.ASCII)
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)
_GREATEST_EXPONENT = 310  # what a float can hold; 1e999999999 would fill the query with zeros


def _shown(value: object) -> str:
    return repr(value)[:42]


def ticker_name(value: object) -> str:
    """A ticker in capitals."""
    # ASCII only: other alphabets have letters whose capitals are ours.
    ticker = value.strip().upper() if isinstance(value, str) and value.isascii() else ""
    if not _TICKER.fullmatch(ticker):
        raise ApiParameterError(f"not a ticker: {_shown(value)}")
    return ticker


def day(name: str, value: Day | None) -> dt.date | None:
    """A date."""
    if isinstance(value, str):
        try:
            return dt.datetime.strptime(value, "%Y-%m-%d").date()  # noqa: DTZ007 - a date has no zone
        except ValueError:
            raise ApiParameterError(f"{name} must be YYYY-MM-DD: {_shown(value)}") from None
    if isinstance(value, dt.datetime):
        raise ApiParameterError(f"{name} is a date (US Eastern), not a time: {value}")
    if value is not None and not isinstance(value, dt.date):
        raise ApiParameterError(f"{name} must be a date or YYYY-MM-DD: {_shown(value)}")
    return value


def clock(name: str, value: object) -> str | None:
    """A time of day, to the minute."""
    if isinstance(value, dt.time):
        if value.second or value.microsecond or value.tzinfo is not None:
            raise ApiParameterError(f"{name} is hours and minutes in US Eastern: {value}")
        return f"{value:%H:%M}"
    if value is None:
        return None
    if not isinstance(value, str) or not _CLOCK.fullmatch(value):
        raise ApiParameterError(f"{name} must be HH:MM: {_shown(value)}")
    return value


def moment(name: str, value: Moment | None) -> str | None:
    """A time or a date in ISO-8601."""
    if isinstance(value, str):
        try:
            dt.datetime.fromisoformat(value)
        except ValueError:
            raise ApiParameterError(f"{name} must be ISO-8601: {_shown(value)}") from None
        return value
    if value is not None and not isinstance(value, dt.date):  # a datetime is one, too
        raise ApiParameterError(f"{name} must be a datetime, a date or ISO-8601: {_shown(value)}")
    return None if value is None else value.isoformat()


def count(name: str, value: int | None) -> int | None:
    """A whole number above 0."""
    if value is not None and (type(value) is not int or value < 1):
        raise ApiParameterError(f"{name} must be a whole number above 0: {_shown(value)}")
    return value


def flag(name: str, value: bool | None) -> bool | None:
    """Yes or no."""
    if value is not None and not isinstance(value, bool):
        raise ApiParameterError(f"{name} must be True or False: {_shown(value)}")
    return value


def number(name: str, value: Number | None) -> Decimal | None:
    """A finite number."""
    if value is None:
        return None
    # Through the text: Decimal(0.45) would send 55 digits.
    try:
        found = Decimal(str(value)) if not isinstance(value, bool) else Decimal("nan")
    except InvalidOperation:
        found = Decimal("nan")
    if not found.is_finite() or abs(found.adjusted()) > _GREATEST_EXPONENT:
        raise ApiParameterError(f"{name} must be a finite number: {_shown(value)}")
    return found


def plain(name: str, value: Number | None) -> str | None:
    """A number without an exponent."""
    found = number(name, value)
    return None if found is None else f"{found:f}"


def above_zero(name: str, value: Number | None) -> str | None:
    """A number above 0."""
    found = number(name, value)
    if found is not None and found <= 0:
        raise ApiParameterError(f"{name} must be above 0: {_shown(value)}")
    return plain(name, value)


def span(name: str, low: Number | None, high: Number | None) -> dict[str, str | None]:
    """``min_`` and ``max_`` of something, in this order."""
    least, most = number(f"min_{name}", low), number(f"max_{name}", high)
    if least is not None and most is not None and least > most:
        raise ApiParameterError(f"min_{name} {low} is above max_{name} {high}")
    return {f"min_{name}": plain(name, low), f"max_{name}": plain(name, high)}


def dates(
    start_date: Day | None,
    end_date: Day | None,
    start_time: TimeOfDay | None,
    end_time: TimeOfDay | None,
) -> dict[str, str | None]:
    """A range: days, and times that go with them."""
    first, last = day("start_date", start_date), day("end_date", end_date)
    if first is not None and last is not None and first > last:
        raise ApiParameterError(f"start_date {first} is after end_date {last}")
    begin, end = clock("start_time", start_time), clock("end_time", end_time)
    if (begin is not None and first is None) or (end is not None and last is None):
        raise ApiParameterError("start_time needs start_date, and end_time needs end_date")
    if first is not None and first == last and begin and end and begin > end:
        raise ApiParameterError(f"start_time {begin} is after end_time {end} of the same day")
    return {
        "start_date": first.isoformat() if first else None,
        "end_date": last.isoformat() if last else None,
        "start_time": begin,
        "end_time": end,
    }
