"""Many of IB's bars at once, read as `read_bar` reads each of them, in a third of the time.

Almost every bar of an answer is an ordinary one: its date is seconds since 1970, its numbers are
none of those that mean something else. Such bars are read here, and any other by `read_bar`. What
is the same for many bars (a price, the time between two bars) is made once and shared.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from ibapi.const import UNSET_INTEGER

from .rows import Bar, read_bar
from .words import Show

__all__ = ["BarReader"]

_EPOCH_DIGITS = 10
#: The last second that 32 bits hold means unset, and whatever is as large is not ordinary.
_FIRST, _LAST = "1", str(UNSET_INTEGER)
_LARGE, _NOTHING = Decimal(UNSET_INTEGER), Decimal(0)
_NEVER = datetime.fromtimestamp(0, UTC)
#: Prices by their floats. They go by ticks, so they are few.
_PRICES: dict[float, Decimal] = {}
_MOST_PRICES = 8192

#: A frozen object is made twice as fast past its `__init__`, which only sets these.
_new: Any = Bar.__new__
_SETTERS: Any = tuple(
    Bar.__dict__[name].__set__
    for name in ["time", "open", "high", "low", "close", "volume", "average", "count", "day"]
)


def _price(value: float) -> Decimal | None:
    """An ordinary price that is not known yet; None for what is none."""
    if not (value and -UNSET_INTEGER < value < UNSET_INTEGER):
        return None  # 0.0 is -0.0 to a dictionary
    if len(_PRICES) >= _MOST_PRICES:
        _PRICES.clear()
    _PRICES[value] = made = Decimal(repr(value))
    return made


class BarReader:
    """Reads the bars of one answer as they come, some at a time; a `Gathering` of them.

    Args:
        show: What they show: only trades have volume, average and count.
        zone: Where a date is meant that names no zone.

    Attributes:
        bars: What was read, as it was told.
        seconds: When each of them begins, seconds since 1970.
        unread: How many could not be read.
    """

    def __init__(self, show: Show, zone: str | None = None) -> None:
        self._show = show
        self._zone = zone
        self._traded = show.traded
        self._at, self._second = _NEVER, 0
        self._step, self._length = 0, timedelta()
        self.bars: list[Bar] = []
        self.seconds: list[int] = []
        self.unread = 0

    def extend(self, told: Sequence[Any], /) -> None:
        """Read some of IB's BarData."""
        known, traded, new = _PRICES.get, self._traded, _new
        put, put_second = self.bars.append, self.seconds.append
        at, second, step, length = self._at, self._second, self._step, self._length
        set_time, set_open, set_high, set_low, set_close, *more = _SETTERS
        set_volume, set_average, set_count, set_day = more
        for one in told:
            text = one.date
            if (
                len(text) != _EPOCH_DIGITS
                or not _FIRST < text < _LAST
                or not (text.isascii() and text.isdigit())
            ):
                self._other(one)
                continue
            first, high, low, last = one.open, one.high, one.low, one.close
            if not (type(first) is type(high) is type(low) is type(last) is float):
                self._other(one)
                continue
            first, high = known(first) or _price(first), known(high) or _price(high)
            low, last = known(low) or _price(low), known(last) or _price(last)
            volume = average = count = None
            if traded:
                volume, average, count = one.volume, one.wap, one.barCount
                if not _is_ordinary(volume, average) or type(count) is not int or count < 0:
                    self._other(one)
                    continue
            if not (first and high and low and last) or (traded and count >= UNSET_INTEGER):
                self._other(one)
                continue
            number = int(text)
            if number - second == step:
                at += length
            else:
                step = number - second
                at, length = datetime.fromtimestamp(number, UTC), timedelta(seconds=step)
            second = number
            bar = new(Bar)
            set_time(bar, at)
            set_open(bar, first)
            set_high(bar, high)
            set_low(bar, low)
            set_close(bar, last)
            set_volume(bar, volume)
            set_average(bar, average)
            set_count(bar, count)
            set_day(bar, None)
            put(bar)
            put_second(number)
        self._at, self._second, self._step, self._length = at, second, step, length

    def _other(self, one: Any) -> None:
        bar = read_bar(one, self._show, self._zone)
        if bar is None:
            self.unread += 1
        else:
            self.bars.append(bar)
            self.seconds.append(bar.second)


def _is_ordinary(volume: Any, average: Any) -> bool:
    try:
        return (
            type(volume) is type(average) is Decimal
            and _NOTHING <= volume < _LARGE
            and -_LARGE < average < _LARGE
        )
    except InvalidOperation:  # not a number
        return False
