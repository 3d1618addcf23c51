"""How many day trades an account made within five business days, by its executions. Pure.

A day trade is opening and closing the same contract within one day. Executions that close, one
after the other without one that opens between them, close one day trade together. What was held
before the day began is closed last: the rule takes the shares that were bought today first.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from datetime import date, timedelta
from decimal import Decimal

import attrs

from .values import ZERO

__all__ = ["DAYS", "DayFill", "count_day_trades", "first_day"]

#: So many business days count together, the day under way included.
DAYS = 5
_SATURDAY = 5


@attrs.frozen
class DayFill:
    """An execution, as the rule sees it.

    Attributes:
        day: The trading day it was made on.
        contract: What tells its contract from others: its id.
        quantity: Negative sells.
    """

    day: date
    contract: int
    quantity: Decimal


def first_day(today: date, holidays: Container[date] | None = None) -> date:
    """The first day that counts.

    Args:
        today: The day under way.
        holidays: Days on which the exchange is closed, weekends aside. With None, nobody knows
            them: one weekday more counts, for there may have been one.
    """
    left, day = DAYS - (holidays is not None), today
    while left:
        day -= timedelta(days=1)
        left -= day.weekday() < _SATURDAY and (holidays is None or day not in holidays)
    return day


def count_day_trades(
    fills: Iterable[DayFill], today: date, holidays: Container[date] | None = None
) -> int:
    """Count the day trades of the days that count.

    Args:
        fills: Executions of one account, in their order; older ones do nothing.
        today: The day under way.
        holidays: As `first_day` wants them.
    """
    since = first_day(today, holidays)
    opened: dict[tuple[date, int], Decimal] = {}
    closing: set[tuple[date, int]] = set()
    count = 0
    for fill in fills:
        if not since <= fill.day <= today or not fill.quantity:
            continue
        place = fill.day, fill.contract
        before = opened.get(place, ZERO)
        opened[place] = before + fill.quantity
        if before * fill.quantity >= 0:
            closing.discard(place)  # it opens, or adds
            continue
        if place not in closing:
            count += 1
            closing.add(place)
        if before * opened[place] < 0:
            closing.discard(place)  # it turned the position of the day round: the rest opens
    return count
