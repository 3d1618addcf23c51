"""Single events of a market, as rows: every trade, every quote, every midpoint, five seconds. Pure.

Prices are floats and sizes Decimal, as IB hands them over; times are UTC. Of tick-by-tick data IB
tells the second in which something happened, and no part of it.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, cast

import attrs

from twsloop.wire.showing import short_row

__all__ = [
    "BidAskTick",
    "MidpointTick",
    "RealTimeBar",
    "Tick",
    "TickKind",
    "TradeTick",
    "bid_ask_tick",
    "trade_tick",
]


class TickKind(StrEnum):
    """What is followed tick by tick, in IB's words, whose case matters."""

    LAST = "Last"
    """Trades that count for the last price."""
    ALL_LAST = "AllLast"
    """All trades: also combos, derivatively priced ones, and average price trades."""
    BID_ASK = "BidAsk"
    MIDPOINT = "MidPoint"


@attrs.frozen
class TradeTick:
    """A trade.

    Attributes:
        time: The second it was made in, UTC.
        price: Per unit.
        size: How much; None where IB tells none.
        exchange: Where.
        conditions: The exchange's codes for what was special about it.
        past_limit: Its price was beyond the limits of the exchange.
        unreported: It does not count for the last price: an odd lot, or one out of order.
        historical: It was made before it was asked for.
    """

    time: datetime
    price: float
    size: Decimal | None
    exchange: str = ""
    conditions: str = ""
    past_limit: bool = False
    unreported: bool = False
    historical: bool = False

    __repr__ = short_row


@attrs.frozen
class BidAskTick:
    """A change of the best bid or ask.

    Attributes:
        time: The second of the change, UTC.
        bid: Best bid.
        ask: Best ask.
        bid_size: The bid's size; None where IB tells none.
        ask_size: The ask's size; likewise.
        bid_past_low: The bid is below the lowest price of the day.
        ask_past_high: The ask is above the highest price of the day.
        historical: It was so before it was asked for.
    """

    time: datetime
    bid: float
    ask: float
    bid_size: Decimal | None
    ask_size: Decimal | None
    bid_past_low: bool = False
    ask_past_high: bool = False
    historical: bool = False

    __repr__ = short_row


@attrs.frozen
class MidpointTick:
    """A change of the price between best bid and best ask.

    Attributes:
        time: The second of the change, UTC.
        price: The midpoint.
        historical: It was so before it was asked for.
    """

    time: datetime
    price: float
    historical: bool = False

    __repr__ = short_row


Tick = TradeTick | BidAskTick | MidpointTick


# Of these come thousands a second, and to fill in a frozen object field by field is most of what
# one costs. So it is filled in as an object of a class of the same shape that is not frozen, and
# made one of the frozen class when it is whole: that takes a third of the time, and is the same.


class _OpenTrade(TradeTick):
    __slots__ = ()
    __setattr__ = object.__setattr__
    __delattr__ = object.__delattr__


class _OpenBidAsk(BidAskTick):
    __slots__ = ()
    __setattr__ = object.__setattr__
    __delattr__ = object.__delattr__


_new = object.__new__


def trade_tick(  # noqa: PLR0917  (the fields, in their order)
    time: datetime,
    price: float,
    size: Decimal | None,
    exchange: str,
    conditions: str,
    past_limit: bool,
    unreported: bool,
) -> TradeTick:
    """A `TradeTick` that is not historical."""
    row: Any = _new(_OpenTrade)
    row.time = time
    row.price = price
    row.size = size
    row.exchange = exchange
    row.conditions = conditions
    row.past_limit = past_limit
    row.unreported = unreported
    row.historical = False
    row.__class__ = TradeTick
    return cast("TradeTick", row)


def bid_ask_tick(  # noqa: PLR0917  (the fields, in their order)
    time: datetime,
    bid: float,
    ask: float,
    bid_size: Decimal | None,
    ask_size: Decimal | None,
    bid_past_low: bool,
    ask_past_high: bool,
) -> BidAskTick:
    """A `BidAskTick` that is not historical."""
    row: Any = _new(_OpenBidAsk)
    row.time = time
    row.bid = bid
    row.ask = ask
    row.bid_size = bid_size
    row.ask_size = ask_size
    row.bid_past_low = bid_past_low
    row.ask_past_high = ask_past_high
    row.historical = False
    row.__class__ = BidAskTick
    return cast("BidAskTick", row)


@attrs.frozen
class RealTimeBar:
    """Five seconds of a market, as IB sums them up.

    Attributes:
        time: When it began, UTC.
        open: First price; as the three that follow, of what was asked for (trades, midpoint...).
        high: Highest price.
        low: Lowest price.
        close: Last price.
        volume: How much was traded; None where IB counts none (midpoint, bid, ask).
        average: The average price, weighted by volume; None where there is none.
        count: How many trades; None where IB counts none.
    """

    time: datetime
    open: float
    high: float
    low: float
    close: float
    volume: Decimal | None
    average: Decimal | None
    count: int | None

    __repr__ = short_row
