"""Which days contracts expire on: rules of the exchanges, from the calendar alone.

Trading days are those of the New York Stock Exchange (`hours`), which differs from a commodity
exchange's own by a day now and then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from types import MappingProxyType

from twsloop.paper.clock import hours

__all__ = [
    "MONTH_LETTERS",
    "daily_expiries",
    "future_expiries",
    "monthly_expiries",
    "third_friday",
    "trading_day",
    "trading_day_before",
]

MONTH_LETTERS = "FGHJKMNQUVXZ"
SATURDAY, DECEMBER = 5, 12
#: How far options are listed: days each of which is an expiry, weeks whose Friday is, months, and
#: the Januaries after that.
DAYS_AHEAD, WEEKS_AHEAD, MONTHS_AHEAD, LONG_YEARS = 10, 8, 12, 2
ONE_DAY = timedelta(days=1)


def trading_day(day: date) -> bool:
    """Whether the exchange is open on this day."""
    return day.weekday() < SATURDAY and not hours.holiday(day)


def trading_day_before(day: date, days: int = 1) -> date:
    """The n-th trading day before a day."""
    while days:
        day -= ONE_DAY
        days -= trading_day(day)
    return day


def _open_or_before(day: date) -> date:
    return day if trading_day(day) else trading_day_before(day)


def third_friday(year: int, month: int) -> date:
    """The third Friday of a month, or the trading day before it where it is a holiday."""
    first = date(year, month, 1)
    return _open_or_before(first + timedelta(days=(4 - first.weekday()) % 7 + 14))


def _month_end(year: int, month: int) -> date:
    following = date(year + month // DECEMBER, month % DECEMBER + 1, 1)
    return _open_or_before(following - ONE_DAY)


def _index(year: int, month: int) -> date:
    return third_friday(year, month)


def _crude(year: int, month: int) -> date:
    """Three trading days before the 25th of the month before delivery."""
    before = date(year, month, 1) - ONE_DAY
    return trading_day_before(_open_or_before(before.replace(day=25)), 3)


def _gold(year: int, month: int) -> date:
    """The third last trading day of the delivery month."""
    return trading_day_before(_month_end(year, month), 2)


def _note(year: int, month: int) -> date:
    """Seven trading days before the last one of the delivery month."""
    return trading_day_before(_month_end(year, month), 7)


def _currency(year: int, month: int) -> date:
    """Two trading days before the third Wednesday."""
    first = date(year, month, 1)
    return trading_day_before(first + timedelta(days=(2 - first.weekday()) % 7 + 14), 2)


_RULES: Mapping[str, Callable[[int, int], date]] = MappingProxyType(
    {
        "third Friday": _index,
        "crude": _crude,
        "gold": _gold,
        "note": _note,
        "currency": _currency,
    }
)


def _months(first: date) -> Iterator[tuple[int, int]]:
    year, month = first.year, first.month
    while True:
        yield year, month
        year, month = (year + 1, 1) if month == DECEMBER else (year, month + 1)


def future_expiries(rule: str, letters: str, since: date, count: int) -> list[tuple[str, date]]:
    """The next delivery months of a future: YYYYMM and last trading day, which is not before since.

    Raises:
        KeyError: There is no such rule.
    """
    last_day = _RULES[rule]
    found: list[tuple[str, date]] = []
    for year, month in _months(since):
        if len(found) == count:
            break
        if MONTH_LETTERS[month - 1] in letters:
            expiry = last_day(year, month)
            if expiry >= since:
                found.append((f"{year}{month:02}", expiry))
    return found


def monthly_expiries(today: date) -> list[date]:
    """The third Fridays of the coming months, and the Januaries of the years after."""
    found = [third_friday(year, month) for year, month in _take(today, MONTHS_AHEAD + 1)]
    found = [day for day in found if day >= today][:MONTHS_AHEAD]
    for ahead in range(LONG_YEARS + 1):
        january = third_friday(today.year + 1 + ahead, 1)
        if january > found[-1]:
            found.append(january)
    return found


def _take(today: date, count: int) -> list[tuple[int, int]]:
    months = _months(today)
    return [next(months) for _ in range(count)]


def daily_expiries(today: date, *, each_day: bool) -> list[date]:
    """The Fridays of the coming weeks, and with ``each_day`` all trading days before long."""
    friday = today + timedelta(days=(4 - today.weekday()) % 7)
    found = {_open_or_before(friday + timedelta(weeks=n)) for n in range(WEEKS_AHEAD)}
    if each_day:
        coming = [today + timedelta(days=n) for n in range(DAYS_AHEAD * 2)]
        found.update([day for day in coming if trading_day(day)][:DAYS_AHEAD])
    return sorted(day for day in found if day >= today)
