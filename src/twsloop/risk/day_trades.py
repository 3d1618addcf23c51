"""How many day trades an account made within five business days, by its executions. Pure.

A day trade is opening and closing the same contract within one day. Executions that close, one
after the other without one that opens between them, close one day trade together. What was held
before the day began is closed last: the rule takes the shares that were bought today first.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Hashable, Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal

import attrs

from twsloop.events import Fill
from twsloop.events.execution_ids import correction_of, execution_base, is_leg

from .values import ZERO

__all__ = [
    "DAYS",
    "DAY_TRADED",
    "REACHES_BACK",
    "DayFill",
    "DayTradeBook",
    "count_day_trades",
    "first_day",
]

#: Kinds that the rules on day trading are about.
DAY_TRADED = frozenset({"STK", "OPT", "WAR"})
#: An execution that bought, in IB's words; the other one is ``SLD``.
_BOUGHT = "BOT"

#: So many business days count together, the day under way included.
DAYS = 5
_SATURDAY = 5
#: No day that counts began longer ago, whatever weekends lie between.
REACHES_BACK = timedelta(days=DAYS + 2 + 1)


@attrs.frozen
class DayFill:
    """An execution, as the rule sees it.

    Attributes:
        day: The trading day it was made on.
        contract: What tells its contract from others.
        quantity: Negative sells.
    """

    day: date
    contract: Hashable
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
    opened: dict[tuple[date, Hashable], Decimal] = {}
    closing: set[tuple[date, Hashable]] = set()
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


class DayTradeBook:
    """The executions of late, each once and in its latest version, and the day trades in them.

    Of a combination its legs count, and not the execution that sums them up. What kind of contract
    was traded is not known of what others ordered by hand: that counts.
    """

    def __init__(self) -> None:
        self._fills: dict[str, Fill] = {}
        #: Orders of combinations, whose executions beside those of the legs change no position.
        self._combos: set[tuple[int, int, int | None]] = set()
        #: What was counted, by account and day, until the next execution.
        self._counted: dict[tuple[str, date], int] = {}

    def take(self, fill: Fill, sec_type: str) -> None:
        """There was an execution.

        Args:
            fill: It.
            sec_type: IB's word for its contract's kind; empty if nobody knows it.
        """
        base, order = execution_base(fill.exec_id), (fill.client_id, fill.order_id, fill.perm_id)
        leg = is_leg(fill.exec_id)
        if leg:
            self._combos.add(order)
        known = self._fills.get(base)
        old = known is not None and correction_of(known.exec_id) >= correction_of(fill.exec_id)
        if old or sec_type not in {"", "BAG", *DAY_TRADED}:
            return
        if sec_type == "BAG" and not leg:
            return
        self._fills[base] = fill
        self._counted.clear()

    def count(self, account: str, today: date, day_of: Callable[[datetime], date]) -> int:
        """How many day trades an account made in the days that count.

        Args:
            account: Whose.
            today: The day under way.
            day_of: The day that a moment belongs to.
        """
        place = account, today
        found = self._counted.get(place)
        if found is None:
            self._forget(first_day(today), day_of)
            found = self._counted[place] = count_day_trades(self._rows(account, day_of), today)
        return found

    def _forget(self, before: date, day_of: Callable[[datetime], date]) -> None:
        """What is of an earlier day does not count any more."""
        gone = [
            base
            for base, fill in self._fills.items()
            if day_of(fill.executed_at or fill.time) < before
        ]
        for base in gone:
            del self._fills[base]
        self._counted.clear()

    def _rows(self, account: str, day_of: Callable[[datetime], date]) -> list[DayFill]:
        mine = [
            (fill.executed_at or fill.time, fill)
            for fill in self._fills.values()
            if fill.account == account
            and (
                is_leg(fill.exec_id)
                or (fill.client_id, fill.order_id, fill.perm_id) not in self._combos
            )
        ]
        mine.sort(key=lambda row: row[0])
        return [
            DayFill(
                day_of(at),
                fill.con_id or fill.symbol,
                fill.shares if fill.side == _BOUGHT else -fill.shares,
            )
            for at, fill in mine
        ]
