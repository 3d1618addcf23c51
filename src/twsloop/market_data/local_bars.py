"""Bars of our own making: of any length, or of so many trades, or of so much volume. Pure.

IB's real-time bars are five seconds long, and no other. Here trades (or those five-second bars) are
summed up into bars of any span. Bars of time are aligned to an anchor, midnight UTC unless told
otherwise: with the opening of a session as the anchor the first bar begins there.

A bar of time is over when something comes that belongs to a later one, or when a clock says that
its span has passed (`BarBuilder.at`). A span without a trade makes no bar. A trade that comes after
its bar was closed is counted, and belongs to no bar: a bar that was told never changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import attrs

from twsloop.errors import MarketDataError

__all__ = ["BarBuilder", "BarRule", "LocalBar"]

#: How long IB's real-time bars are.
FIVE_SECONDS = timedelta(seconds=5)
#: Seconds of the shortest bar of time, since IB's ticks name the second they were made in; and of
#: the longest, a year.
SHORTEST = 1
LONGEST = 366 * 86_400
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@attrs.frozen
class LocalBar:
    """A finished bar.

    Attributes:
        time: When it began, UTC: its boundary, or of bars of trades and volume the first trade's.
        end: When it ended, UTC: its boundary, or the last trade's time.
        open: First price.
        high: Highest price.
        low: Lowest price.
        close: Last price.
        volume: How much was traded.
        average: The average price, weighted by volume; None without volume.
        count: How many trades.
        interrupted: Something may be missing in it: the stream was interrupted meanwhile.
    """

    time: datetime
    end: datetime
    open: float
    high: float
    low: float
    close: float
    volume: Decimal
    average: Decimal | None
    count: int
    interrupted: bool = False


@attrs.frozen(kw_only=True)
class BarRule:
    """When a bar is over; exactly one of the first three.

    Attributes:
        seconds: After so many seconds.
        ticks: After so many trades.
        volume: Once so much was traded; the trade that reaches it belongs to the bar.
        anchor: A boundary of bars of time; the others are whole spans away.

    Raises:
        MarketDataError: None, or several, or one that is not above 0.
    """

    seconds: float | None = None
    ticks: int | None = None
    volume: Decimal | int | None = None
    anchor: datetime = _EPOCH

    def __attrs_post_init__(self) -> None:
        """Refuse a rule that says nothing, or too much."""
        given = [value for value in (self.seconds, self.ticks, self.volume) if value is not None]
        if len(given) != 1 or not given[0] > 0:
            msg = (
                "a bar is over after so many seconds, ticks or so much volume: give exactly one of "
                f"them, above 0 (seconds={self.seconds}, ticks={self.ticks}, volume={self.volume})"
            )
            raise MarketDataError(msg)
        if self.seconds is not None and not SHORTEST <= self.seconds <= LONGEST:
            msg = f"a bar has {SHORTEST} to {LONGEST} seconds, not {self.seconds}"
            raise MarketDataError(msg)
        if self.anchor.tzinfo is None:
            msg = f"the anchor of bars needs a time zone: {self.anchor}"
            raise MarketDataError(msg)

    def begin_of(self, time: datetime) -> datetime:
        """The boundary at, or before, a time; for bars of time."""
        span = timedelta(seconds=self.seconds or 0)
        return time - (time - self.anchor) % span


@attrs.define
class _Open:
    """The bar that is being made."""

    time: datetime
    last: datetime
    open: float
    high: float
    low: float
    close: float
    volume: Decimal = Decimal(0)
    turnover: Decimal = Decimal(0)
    count: int = 0
    interrupted: bool = False


class BarBuilder:
    """Makes the bars of one contract.

    Args:
        rule: When a bar is over.

    Attributes:
        late: How many trades came after their bar was told.
    """

    def __init__(self, rule: BarRule) -> None:
        self._rule = rule
        self._bar: _Open | None = None
        self._gap = False
        self._told_until: datetime | None = None
        self.late = 0

    @property
    def current(self) -> LocalBar | None:
        """The bar that is being made, as it stands; None before its first trade."""
        return None if self._bar is None else self._made(self._bar)

    def trade(self, time: datetime, price: float, size: Decimal) -> Iterator[LocalBar]:
        """A trade.

        Args:
            time: When it was made, UTC.
            price: Its price.
            size: How much.

        Yields:
            The bars that are over with it.
        """
        turnover = Decimal(str(price)) * size
        yield from self._add(time, (price, price, price, price), size, turnover, 1)

    def bar(
        self,
        time: datetime,
        prices: tuple[float, float, float, float],
        volume: Decimal,
        average: Decimal | None = None,
        count: int = 0,
    ) -> Iterator[LocalBar]:
        """A five-second bar of IB's, whole; the one that ends with the span makes the bar whole.

        Args:
            time: When it began, UTC.
            prices: Open, high, low and close.
            volume: How much was traded.
            average: At what average price.
            count: How many trades.

        Yields:
            The bars that are over with it.
        """
        turnover = volume * (average if average is not None else Decimal(str(prices[3])))
        yield from self._add(time, prices, volume, turnover, count)
        yield from self.at(time + FIVE_SECONDS)

    def at(self, now: datetime) -> Iterator[LocalBar]:
        """What time it is: a bar of time whose span has passed is over.

        Yields:
            That bar.
        """
        bar = self._bar
        if bar is not None and self._rule.seconds is not None and now >= self._end(bar):
            yield self._close(bar)

    def interrupt(self) -> None:
        """Something may be missing until the next trade.

        The bar that is open now says so, and the one that this trade belongs to.
        """
        self._gap = True

    # ---- inside --------------------------------------------------------------------------

    def _add(
        self,
        time: datetime,
        prices: tuple[float, float, float, float],
        volume: Decimal,
        turnover: Decimal,
        count: int,
    ) -> Iterator[LocalBar]:
        if self._told_until is not None and time < self._told_until:
            self.late += 1
            return
        yield from self.at(time)
        bar = self._bar
        if bar is None:
            begin = self._rule.begin_of(time) if self._rule.seconds is not None else time
            bar = self._bar = _Open(begin, time, *prices)
        bar.interrupted, self._gap = bar.interrupted or self._gap, False
        bar.high, bar.low = max(bar.high, prices[1]), min(bar.low, prices[2])
        bar.close, bar.last = prices[3], max(bar.last, time)
        bar.volume += volume
        bar.turnover += turnover
        bar.count += count
        enough = (self._rule.ticks is not None and bar.count >= self._rule.ticks) or (
            self._rule.volume is not None and bar.volume >= self._rule.volume
        )
        if enough:
            yield self._close(bar)

    def _end(self, bar: _Open) -> datetime:
        if self._rule.seconds is None:
            return bar.last
        return bar.time + timedelta(seconds=self._rule.seconds)

    def _close(self, bar: _Open) -> LocalBar:
        made = self._made(bar)
        self._bar = None
        self._told_until = made.end
        return made

    def _made(self, bar: _Open) -> LocalBar:
        return LocalBar(
            time=bar.time,
            end=self._end(bar),
            open=bar.open,
            high=bar.high,
            low=bar.low,
            close=bar.close,
            volume=bar.volume,
            average=bar.turnover / bar.volume if bar.volume else None,
            count=bar.count,
            interrupted=bar.interrupted or self._gap,
        )
