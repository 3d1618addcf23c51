"""How fresh the tickers of a subscription are, and who is told when one is not any more.

A line that does not tick is not a line that is dead: an option may have one quote for an hour. How
old is too old, only the user knows: ``max_age`` of the subscription. Without it a ticker is stale
only while its stream is interrupted, and after it ended.

A tick costs nothing here. A timer looks when the next ticker could have become too old, and only
while somebody wants to be told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import attrs

from twsloop.clock import Clock, Timer
from twsloop.processors.delivery import Delivery

from .state import Ticker

__all__ = ["Freshness", "FreshnessWatch", "freshness_of"]


@attrs.frozen(kw_only=True)
class Freshness:
    """How fresh one ticker is.

    Attributes:
        symbol: As it was asked for.
        age: Seconds since its last tick; None before the first.
        received_time: When that came, UTC.
        stale: Whether it is not to be relied on.
        reason: Why it is stale; empty where it is not.
    """

    symbol: str
    age: float | None
    received_time: datetime | None
    stale: bool
    reason: str


def freshness_of(
    ticker: Ticker, symbol: str, *, max_age: float | None = None, waited: float = 0.0
) -> Freshness:
    """How fresh a ticker is now.

    Args:
        ticker: The ticker.
        symbol: What it is called.
        max_age: From which age on it is stale, seconds; None for no age.
        waited: How long its first tick has been waited for, seconds.
    """
    age = ticker.age
    since = waited if age is None else age
    reason = ""
    if ticker.error is not None:
        reason = f"over: {ticker.error}"
    elif ticker.stale:
        reason = ticker.stale_because or "the stream is interrupted, or over"
    elif max_age is not None and since >= max_age:
        reason = f"no tick for {max_age:g} s" if age is not None else f"no tick in {max_age:g} s"
    return Freshness(
        symbol=symbol,
        age=age,
        received_time=ticker.received_time,
        stale=bool(reason),
        reason=reason,
    )


class FreshnessWatch:
    """Looks after the tickers of one subscription; the loop thread's, but for `rows`.

    Args:
        clock: Measures ages.
        tickers: The live tickers that are still followed, by symbol.
        max_age: From which age on a ticker is stale, seconds; None for no age.

    Attributes:
        max_age: As given; may be changed, and `look` called.
    """

    def __init__(
        self, clock: Clock, tickers: Callable[[], Mapping[str, Ticker]], max_age: float | None
    ) -> None:
        self.max_age = max_age
        self._clock = clock
        self._tickers = tickers
        self._opened = clock.monotonic()
        #: Symbol -> its newest tick when it was told: with a later one it was fresh meanwhile.
        self._told: dict[str, float | None] = {}
        self._deliveries: list[Delivery] = []
        self._timer: Timer | None = None

    def rows(self) -> dict[str, Freshness]:
        """How fresh each ticker is now, by symbol; from any thread."""
        waited = self._clock.monotonic() - self._opened
        return {
            symbol: freshness_of(ticker, symbol, max_age=self.max_age, waited=waited)
            for symbol, ticker in self._tickers().items()
        }

    def tell(self, delivery: Delivery) -> None:
        """Let a callback hear of each ticker that becomes stale; then `look`."""
        self._deliveries.append(delivery)

    def look(self) -> None:
        """Tell of those that became stale, and look again when the next one could."""
        self._cancel()
        if not self._deliveries:
            return
        rows = self.rows()
        received = {symbol: ticker.received for symbol, ticker in self._tickers().items()}
        for symbol, row in rows.items():
            newest = received.get(symbol)
            if not row.stale:
                self._told.pop(symbol, None)
            elif symbol not in self._told or self._told[symbol] != newest:
                self._told[symbol] = newest
                for delivery in self._deliveries:
                    delivery((symbol, row), symbol)
        limit = self.max_age
        if limit is None or not rows:
            return
        waited = self._clock.monotonic() - self._opened
        # One that is stale already may become fresh, and stale again, in one max_age at least.
        left = [limit] + [
            limit - (waited if row.age is None else row.age)
            for row in rows.values()
            if not row.stale
        ]
        self._timer = self._clock.call_later(min(left), self.look)

    def stop(self) -> None:
        """Look no more, and tell nobody."""
        self._cancel()
        for delivery in self._deliveries:
            delivery.close()
        self._deliveries.clear()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
