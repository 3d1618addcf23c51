"""How bars, times and sessions of the history are written (pure).

Bars shorter than a day carry the time at which they begin, by formatDate: 2 seconds since 1970,
otherwise ``yyyymmdd hh:mm:ss zone`` in the instrument's zone (3 is "day and time" as well; a form
without the year is nowhere documented, and clients do not parse it). Bars of a day or more carry
``yyyymmdd``, a week's or month's that of its last trading day. Bars that show no trades carry -1
for volume, average price and count.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

from ibapi.protobuf.HistoricalData_pb2 import HistoricalData
from ibapi.protobuf.HistoricalDataBar_pb2 import HistoricalDataBar

from twsloop.paper.catalogue.instruments import Instrument
from twsloop.paper.market.ticks import size_text

from .bars import Bar, Show, average_price
from .calendar import Calendar

__all__ = ["BarWriter", "utc_text", "volume_and_average", "zoned_text"]

DAY_S = 86_400
#: The server version from which times in UTC end with a Z.
Z_SUFFIX_SINCE = 214
#: So many bars are written in one step; four cost as much as making one.
FILLED_A_STEP = 400
#: Digits that an average has more than a price.
MORE_DIGITS = 4


def zoned_text(second: int, calendar: Calendar) -> str:
    """A time in the instrument's zone: ``20231019 16:11:48 US/Eastern``."""
    return f"{calendar.local(second):%Y%m%d %H:%M:%S} {calendar.hours.time_zone}"


def utc_text(second: int, server_version: int) -> str:
    """A time in UTC: ``20231019-20:11:48``, with a Z from server version 214 on."""
    suffix = "Z" if server_version >= Z_SUFFIX_SINCE else ""
    return f"{datetime.fromtimestamp(second, UTC):%Y%m%d-%H:%M:%S}{suffix}"


@functools.lru_cache(maxsize=4096)
def _day_text(number: int) -> str:
    return f"{date.fromordinal(number + 719_163):%Y%m%d}"


@functools.lru_cache(maxsize=8192)
def _clock_text(second: int) -> str:
    minute, second = divmod(second, 60)
    hour, minute = divmod(minute, 60)
    return f"{hour:02}:{minute:02}:{second:02}"


class BarWriter:
    """Writes the bars of one request.

    Args:
        instrument: Whose.
        calendar: Its sessions.
        show: What they show.
        format_date: IB's formatDate.
    """

    def __init__(
        self, instrument: Instrument, calendar: Calendar, show: Show, format_date: int
    ) -> None:
        self._instrument = instrument
        self._calendar = calendar
        self._show = show
        self._format = format_date
        self._digits = instrument.price_digits + MORE_DIGITS
        self._zone = instrument.time_zone
        self._offset = 0
        self._offset_until = 0

    def date(self, bar: Bar) -> str:
        """A bar's time."""
        if bar.day is not None:
            return f"{bar.day:%Y%m%d}"
        if self._format == 2:
            return str(bar.start)
        if not self._offset_until - 3600 <= bar.start < self._offset_until:
            # Zones change their offset on the hour.
            self._offset = self._calendar.offset(bar.start)
            self._offset_until = bar.start - bar.start % 3600 + 3600
        day, second = divmod(bar.start + self._offset, DAY_S)
        return f"{_day_text(day)} {_clock_text(second)} {self._zone}"

    def message(self, bar: Bar) -> HistoricalDataBar:
        """A bar."""
        return self._fill(HistoricalDataBar(), bar)

    def whole(self, req_id: int, bars: Iterable[Bar]) -> HistoricalData:
        """All bars of an answer."""
        answer = HistoricalData(reqId=req_id)
        for _ in self.fill(answer, bars):
            pass
        return answer

    def fill(self, answer: HistoricalData, bars: Iterable[Bar]) -> Iterator[int]:
        """Put bars into an answer; yields now and then what that has cost (see `history_work`)."""
        add, fill = answer.historicalDataBars.add, self._fill
        for count, bar in enumerate(bars, 1):
            fill(add(), bar)
            if count % FILLED_A_STEP == 0:
                yield FILLED_A_STEP // 4

    def _fill(self, message: HistoricalDataBar, bar: Bar) -> HistoricalDataBar:
        message.date = self.date(bar)
        if self._show is Show.BID_ASK:
            message.open = round(bar.open, self._digits)
            message.close = round(bar.close, self._digits)
        else:
            message.open = bar.open
            message.close = bar.close
        message.high = bar.high
        message.low = bar.low
        message.volume, message.WAP, message.barCount = volume_and_average(
            bar, self._show, self._instrument
        )
        return message


def volume_and_average(bar: Bar, show: Show, instrument: Instrument) -> tuple[str, str, int]:
    """Volume, average price and count as messages have them; -1 where there are no trades."""
    if not show.has_volume:
        return "-1", "-1", -1
    volume = bar.volume
    average = _plain(round(average_price(bar), instrument.price_digits + MORE_DIGITS))
    text = size_text(volume) if isinstance(volume, Decimal) else str(volume)
    return text, average, bar.count


def _plain(value: float) -> str:
    """A number without an exponent."""
    text = repr(value)
    return text if "e" not in text else f"{Decimal(text):f}"
