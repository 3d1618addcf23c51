"""What comes in of depth, tick by tick, and real-time bars: IB's callbacks, read into rows."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import attrs

from twsloop.connection.core import Core
from twsloop.connection.streams import Feed
from twsloop.events import Notice
from twsloop.wire.values import decimal_or_none, float_or_none, int_or_none

from .depth import DepthRow, Operation
from .forms import Streaming
from .streaming import time_of_tick, trade_of
from .tick_rows import BidAskTick, MidpointTick, RealTimeBar, Tick

__all__ = ["BARS", "DEPTH", "TICKS", "EventProcessor"]

#: What is heard while a stream of each kind is open.
DEPTH = ("updateMktDepth", "updateMktDepthL2", "rerouteMktDepthReq")
TICKS = (
    "tickByTickAllLast",
    "tickByTickBidAsk",
    "tickByTickMidPoint",
    "historicalTicks",
    "historicalTicksBidAsk",
    "historicalTicksLast",
)
BARS = ("realtimeBar",)

#: The gateway has emptied the book; the gateway has stopped it, and it has to be asked for anew.
DEPTH_RESET = 317
DEPTH_HALTED = 316
#: How long a halted book rests before it is asked for anew, seconds.
DEPTH_REST = 1.0


class EventProcessor(Streaming):
    """EWrapper's callbacks about single events of a market.

    Args:
        core: The connection.
        reroute: Told that a book is to be asked for as another contract: its feed, that contract's
            id and exchange.
    """

    def __init__(self, core: Core, reroute: Callable[[Feed[Any], int, str], object]) -> None:
        super().__init__(core.streams.requested, core.arrival, core.clock.monotonic)
        self._core = core
        self._feed = core.streams.feed
        self._reroute = reroute

    # ---- depth ---------------------------------------------------------------------------

    def updateMktDepth(  # noqa: PLR0917  (IB's signature)
        self, reqId: int, position: int, operation: int, side: int, price: float, size: Decimal
    ) -> None:
        """A row of an exchange's own book."""
        feed = self._feed(reqId, "updateMktDepth")
        self._row(feed, operation, side, position, DepthRow(price, size))

    def updateMktDepthL2(  # noqa: PLR0917  (IB's signature)
        self,
        reqId: int,
        position: int,
        marketMaker: str,
        operation: int,
        side: int,
        price: float,
        size: Decimal,
        isSmartDepth: bool,
    ) -> None:
        """A row of a book that says whose each row is."""
        del isSmartDepth
        feed = self._feed(reqId, "updateMktDepthL2")
        self._row(feed, operation, side, position, DepthRow(price, size, marketMaker))

    def rerouteMktDepthReq(self, reqId: int, conId: int, exchange: str) -> None:
        """The book is another contract's (a CFD's is its underlying's)."""
        feed = self._feed(reqId, "rerouteMktDepthReq")
        if feed is not None:
            self._reroute(feed, conId, exchange)

    def depth_notice(self, feed: Feed[Any], notice: Notice) -> bool:
        """A notice about a book: True if it was dealt with here."""
        if notice.code == DEPTH_RESET:
            feed.state.clear()
            feed.put(feed.state.view(self._core.clock.now(), reset=True))
            return True
        if notice.code == DEPTH_HALTED:
            feed.interrupt(notice.text)
            self._core.clock.call_later(DEPTH_REST, feed.restart, notice.text)
            return True
        return False

    def _row(
        self, feed: Feed[Any] | None, operation: int, side: int, position: int, row: DepthRow
    ) -> None:
        if feed is None:
            return
        told = float_or_none(row.price), decimal_or_none(row.size)
        if None in told and operation != Operation.DELETE:
            feed.state.irregular += 1  # a row without a price or a size is none
        elif feed.state.apply(operation, side, position, row):
            feed.put(feed.state.view(self._core.clock.now()))

    # ---- tick by tick --------------------------------------------------------------------

    def tickByTickMidPoint(self, reqId: int, time: int, midPoint: float) -> None:
        """A change of the midpoint."""
        when = time_of_tick(time)
        if when is not None:
            feed = self._feed(reqId, "tickByTickMidPoint")
            _put(feed, MidpointTick(when, midPoint))

    # What was asked for to come before the stream: `number_of_ticks`.

    def historicalTicks(self, reqId: int, ticks: list[Any], done: bool) -> None:
        """Earlier midpoints."""
        del done
        feed = self._feed(reqId, "historicalTicks")
        for one in ticks:
            when = time_of_tick(one.time)
            if when is not None:
                _put(feed, MidpointTick(when, one.price, historical=True))

    def historicalTicksBidAsk(self, reqId: int, ticks: list[Any], done: bool) -> None:
        """Earlier bids and asks."""
        del done
        feed = self._feed(reqId, "historicalTicksBidAsk")
        for one in ticks:
            attrib, when = one.tickAttribBidAsk, time_of_tick(one.time)
            if when is None:
                continue
            tick = BidAskTick(
                when,
                one.priceBid,
                one.priceAsk,
                decimal_or_none(one.sizeBid),
                decimal_or_none(one.sizeAsk),
                bool(attrib.bidPastLow),
                bool(attrib.askPastHigh),
                historical=True,
            )
            _put(feed, tick)

    def historicalTicksLast(self, reqId: int, ticks: list[Any], done: bool) -> None:
        """Earlier trades."""
        del done
        feed = self._feed(reqId, "historicalTicksLast")
        for one in ticks:
            attrib, codes = one.tickAttribLast, one.specialConditions
            tick = trade_of(one.time, one.price, one.size, attrib, one.exchange, codes)
            _put(feed, None if tick is None else attrs.evolve(tick, historical=True))

    # ---- real-time bars ------------------------------------------------------------------

    def realtimeBar(  # noqa: PLR0913, PLR0917  (IB's signature)
        self,
        reqId: int,
        time: int,
        open_: float,
        high: float,
        low: float,
        close: float,
        volume: Decimal,
        wap: Decimal,
        count: int,
    ) -> None:
        """Five seconds. What IB does not count it sends as -1."""
        feed, when = self._feed(reqId, "realtimeBar"), time_of_tick(time)
        if feed is None or when is None:
            return
        bar = RealTimeBar(
            when, open_, high, low, close,
            _counted(decimal_or_none(volume)),
            _counted(decimal_or_none(wap)),
            _counted(int_or_none(count)),
        )  # fmt: skip
        feed.put(bar)


def _put(feed: Feed[Any] | None, tick: Tick | None) -> None:
    """Tell of a tick; one with a time that there is not is none."""
    if feed is not None and tick is not None:
        feed.put(tick)


def _counted(value: Any) -> Any:
    return None if value is not None and value < 0 else value
