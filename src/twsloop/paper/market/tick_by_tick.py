"""From events of the market to IB's tick-by-tick messages (pure).

The four kinds, and what makes a tick of them:

==========  =============================================================================
``Last``    each `Trade`, one tick each: price, size, venue, conditions
``AllLast`` the same: the market has none of the trades that ``Last`` leaves out (combination,
            derivative and average price trades)
``BidAsk``  each `QuoteChange` that changed a price or a size; with ``ignoreSize`` a price
``MidPoint`` each change of the middle between bid and offer
==========  =============================================================================

So a tick-by-tick stream and a market data line of one instrument tell the same trades and quotes.
What is not known from the event comes from the book after it: ``bidPastLow`` and ``askPastHigh``
compare the quote with the session's low and high. A trade of less than a round lot is an odd lot:
condition ``I`` and ``unreported``. No trade is ``pastLimit``: there are no price bands.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import attrs
from ibapi.protobuf.HistoricalTick_pb2 import HistoricalTick
from ibapi.protobuf.HistoricalTickBidAsk_pb2 import HistoricalTickBidAsk
from ibapi.protobuf.HistoricalTickLast_pb2 import HistoricalTickLast
from ibapi.protobuf.TickAttribBidAsk_pb2 import TickAttribBidAsk
from ibapi.protobuf.TickAttribLast_pb2 import TickAttribLast
from ibapi.protobuf.TickByTickData_pb2 import TickByTickData

from twsloop.paper.catalogue.instruments import VENUES, Instrument

from .ticks import NO_PRICE, size_text
from .vocabulary import Change, Event, Field, QuoteChange, TopOfBook, Trade

__all__ = ["ODD_LOT", "Kind", "Projection", "is_odd_lot", "last_tick", "quote_tick"]

SECOND_NS = 1_000_000_000
#: The consolidated tape's condition of a trade of less than a round lot.
ODD_LOT = "I"
_PRICES = frozenset({Field.BID, Field.ASK})
_QUOTES = _PRICES | {Field.BID_SIZE, Field.ASK_SIZE}


class Kind(enum.Enum):
    """The four kinds, by IB's words; they are case-sensitive."""

    LAST = "Last"
    ALL_LAST = "AllLast"
    BID_ASK = "BidAsk"
    MID_POINT = "MidPoint"


#: IB's numbers of them.
_NUMBERS = {Kind.LAST: 1, Kind.ALL_LAST: 2, Kind.BID_ASK: 3, Kind.MID_POINT: 4}


def is_odd_lot(instrument: Instrument, size: Decimal | int) -> bool:
    """Whether a trade of that size is less than a round lot."""
    return instrument.sec_type == "STK" and size < instrument.lot


def last_tick(trade: Trade, instrument: Instrument) -> HistoricalTickLast:
    """A trade as tick-by-tick streams and historical ticks show it."""
    odd = is_odd_lot(instrument, trade.size)
    venue = VENUES.get(trade.exchange[:1], "") if trade.exchange else instrument.exchange
    return HistoricalTickLast(
        time=trade.time_ns // SECOND_NS,
        tickAttribLast=TickAttribLast(pastLimit=False, unreported=odd),
        price=trade.price,
        size=size_text(trade.size),
        exchange=venue,
        specialConditions=ODD_LOT if odd else "",
    )


def quote_tick(time_ns: int, top: TopOfBook) -> HistoricalTickBidAsk:
    """A quote as tick-by-tick streams and historical ticks show it: the book's, at that time."""
    past_low = top.bid is not None and top.low is not None and top.bid < top.low
    past_high = top.ask is not None and top.high is not None and top.ask > top.high
    return HistoricalTickBidAsk(
        time=time_ns // SECOND_NS,
        tickAttribBidAsk=TickAttribBidAsk(bidPastLow=past_low, askPastHigh=past_high),
        priceBid=NO_PRICE if top.bid is None else top.bid,
        priceAsk=NO_PRICE if top.ask is None else top.ask,
        sizeBid=_size(top.bid_size),
        sizeAsk=_size(top.ask_size),
    )


def _size(size: Decimal | None) -> str:
    return "0" if size is None else size_text(size)


def _middle(top: TopOfBook) -> float | None:
    return None if top.bid is None or top.ask is None else (top.bid + top.ask) / 2


@attrs.define
class Projection:
    """Turns the events of one instrument into the ticks of one stream.

    Attributes:
        instrument: The instrument.
        kind: Which ticks.
        ignore_size: Of BidAsk: changes of sizes alone make no tick.
    """

    instrument: Instrument
    kind: Kind
    ignore_size: bool = False
    _told: float | None = None

    def begin(self, top: TopOfBook) -> None:
        """The stream begins now: what is known already makes no tick."""
        self._told = _middle(top)

    def tick(self, event: Event, changed: Sequence[Change], top: TopOfBook) -> Any | None:
        """The tick that an event makes, without its request id; None: it makes none.

        Args:
            event: What happened.
            changed: What it changed.
            top: The book after it.
        """
        data = TickByTickData(tickType=_NUMBERS[self.kind])
        if self.kind in {Kind.LAST, Kind.ALL_LAST}:
            if not isinstance(event, Trade):
                return None
            data.historicalTickLast.CopyFrom(last_tick(event, self.instrument))
            return data
        if not isinstance(event, QuoteChange):
            return None
        fields = {change.field for change in changed}
        if self.kind is Kind.BID_ASK:
            if not fields & (_PRICES if self.ignore_size else _QUOTES):
                return None
            data.historicalTickBidAsk.CopyFrom(quote_tick(event.time_ns, top))
            return data
        return self._middle_tick(data, event.time_ns, top)

    def _middle_tick(self, data: Any, time_ns: int, top: TopOfBook) -> Any | None:
        middle = _middle(top)
        if middle == self._told or middle is None:
            return None
        self._told = middle
        # Half a tick is all that a middle adds; the digits of a float's sum are not prices.
        price = round(middle, self.instrument.price_digits + 1)
        tick = HistoricalTick(time=time_ns // SECOND_NS, price=price)
        data.historicalTickMidPoint.CopyFrom(tick)
        return data
