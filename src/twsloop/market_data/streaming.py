"""The ticks by tick that come by the thousand: trades and quotes, put into their stream.

This is the form in Python. ``_ticking`` has the same, compiled; which one is used, see `forms`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from twsloop.clock import Arrival
from twsloop.connection.streams import Feed
from twsloop.wire.values import decimal_or_none

from .tick_rows import TradeTick, bid_ask_tick, trade_tick

__all__ = ["Streaming", "time_of_tick", "trade_of"]


@functools.lru_cache(256)
def time_of_tick(seconds: int) -> datetime | None:
    """A time as IB tells it; None for one that is none. Many ticks come in the same second."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def trade_of(  # noqa: PLR0917  (IB's fields)
    time: int, price: float, size: Decimal, attrib: Any, exchange: str, conditions: str
) -> TradeTick | None:
    """A trade, from the arguments of IB's callback; None where its time is none."""
    when = time_of_tick(time)
    if when is None:
        return None
    return trade_tick(
        when,
        price,
        decimal_or_none(size),
        exchange or "",
        conditions or "",
        bool(attrib.pastLimit),
        bool(attrib.unreported),
    )


class Streaming:
    """tickByTickAllLast and tickByTickBidAsk.

    Args:
        feeds: The feeds by their request ids, as `Streams` keeps them.
        arrival: When what is being handed over came.
        now: The time, for a tick that did not come over the wire.
    """

    def __init__(
        self, feeds: Mapping[int, Feed[Any]], arrival: Arrival, now: Callable[[], float]
    ) -> None:
        del arrival, now  # a feed looks for itself
        self._feeds = feeds
        #: The second of the quote that came last, and what it is: many come in the same one.
        self._second: int | None = None
        self._when: datetime | None = None

    def tickByTickAllLast(  # noqa: PLR0917  (IB's signature)
        self,
        reqId: int,
        tickType: int,
        time: int,
        price: float,
        size: Decimal,
        tickAttribLast: Any,
        exchange: str,
        specialConditions: str,
    ) -> None:
        """A trade."""
        del tickType
        feed = self._feeds.get(reqId)
        if feed is None or "tickByTickAllLast" not in feed.plan.callbacks:
            return  # a message of another kind has its id
        tick = trade_of(time, price, size, tickAttribLast, exchange, specialConditions)
        if tick is not None:
            feed.put(tick)

    def tickByTickBidAsk(  # noqa: PLR0917  (IB's signature)
        self,
        reqId: int,
        time: int,
        bidPrice: float,
        askPrice: float,
        bidSize: Decimal,
        askSize: Decimal,
        tickAttribBidAsk: Any,
    ) -> None:
        """A change of the best bid or ask."""
        feed = self._feeds.get(reqId)
        if feed is None or "tickByTickBidAsk" not in feed.plan.callbacks:
            return
        if time != self._second:
            self._when = time_of_tick(time)
            self._second = time
        when = self._when
        if when is None:
            return
        feed.put(
            bid_ask_tick(
                when,
                bidPrice,
                askPrice,
                decimal_or_none(bidSize),
                decimal_or_none(askSize),
                bool(tickAttribBidAsk.bidPastLow),
                bool(tickAttribBidAsk.askPastHigh),
            )
        )
