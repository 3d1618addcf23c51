"""Bars of our own making, live: a stream that is fed by another one (`local_bars` sums up)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from twsloop.clock import Timer
from twsloop.connection.core import Core
from twsloop.connection.streams import Feed, Stream, StreamStatus

from .local_bars import FIVE_SECONDS, BarBuilder, BarRule, LocalBar
from .tick_rows import RealTimeBar, TradeTick

__all__ = ["BarMaker"]

#: How long after the end of a span what belongs to it may still come, seconds: ticks name the
#: second they were made in, and five-second bars come when they are over.
GRACE = 1.5


class BarMaker:
    """Follows one source, and tells the bars that it makes of it.

    Args:
        core: The connection.
        rule: When a bar is over.
    """

    def __init__(self, core: Core, rule: BarRule) -> None:
        self._core = core
        self._rule = rule
        self.builder = BarBuilder(rule)
        self._feed: Feed[LocalBar] | None = None
        self._stream: Stream[Any] | None = None
        self._timer: Timer | None = None
        #: The newest time that the source has told, and when that came: its clock may be another.
        self._told: datetime | None = None
        self._told_at = 0.0
        self._grace = GRACE

    def follow(self, source: Stream[Any], feed: Feed[LocalBar]) -> None:
        """Make the bars of a stream, whose items `hear` hears, and tell them to a feed."""
        self._stream, self._feed = source, feed
        source.on_status(self._status)
        source.done.add_done_callback(lambda _done: self._over())

    def end(self, _feed: Feed[LocalBar]) -> None:
        """Nobody wants the bars any more; from any thread."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.cancel()

    def hear(self, item: TradeTick | RealTimeBar) -> None:
        """An item of the source; loop thread."""
        self._told, self._told_at = item.time, self._core.clock.monotonic()
        if isinstance(item, RealTimeBar):
            self._grace = GRACE + FIVE_SECONDS.total_seconds()
            prices = (item.open, item.high, item.low, item.close)
            # Without a trade IB repeats the last price; of an index it counts neither.
            if item.volume or item.count or item.volume is None:
                volume = item.volume or Decimal(0)
                bars = self.builder.bar(item.time, prices, volume, item.average, item.count or 0)
                self._tell(bars)
        elif not item.historical:
            self._tell(self.builder.trade(item.time, item.price, item.size or Decimal(0)))
        self._arm()

    # ---- inside --------------------------------------------------------------------------

    def _tell(self, bars: Iterable[LocalBar]) -> None:
        for bar in bars:
            if self._feed is not None:
                self._feed.put(bar)

    def _arm(self) -> None:
        """Look again when the span of the open bar has passed by the source's clock."""
        bar = self.builder.current
        if bar is None or self._rule.seconds is None or self._timer is not None:
            return
        delay = (bar.end - self._now()).total_seconds() + self._grace
        self._timer = self._core.clock.call_later(max(delay, 0.0), self._look)

    def _look(self) -> None:
        self._timer = None
        if self._stream is None:
            return
        self._tell(self.builder.at(self._now() - timedelta(seconds=self._grace)))
        self._arm()

    def _now(self) -> datetime:
        """What the source's clock shows, as far as that can be told."""
        if self._told is None:
            return self._core.clock.now()
        return self._told + timedelta(seconds=self._core.clock.monotonic() - self._told_at)

    def _status(self, status: StreamStatus, reason: str) -> None:
        if status is StreamStatus.INTERRUPTED:
            self.builder.interrupt()
            if self._feed is not None:
                self._feed.interrupt(reason)

    def _over(self) -> None:
        stream, feed = self._stream, self._feed
        if stream is not None and feed is not None and stream.error is not None:
            feed.fail(stream.error)
