"""Tick-by-tick data: reqTickByTickData, cancelTickByTickData, and the streams.

With ``numberOfTicks`` the ticks before now come first, in one historicalTicks message of the kind's
form: the same that reqHistoricalTicks tells. Ticks are never conflated: a client that does not
read gets them all, or is let go when its buffer passes its limit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

import attrs

from twsloop.paper.catalogue.instruments import Instrument
from twsloop.paper.clients.client import Client
from twsloop.paper.clients.hub import Hub
from twsloop.paper.clients.kinds import TICKS
from twsloop.paper.clients.permissions import Level, Permissions
from twsloop.paper.history.ticks import Ticks
from twsloop.paper.market.tick_by_tick import Kind, Projection
from twsloop.paper.market.vocabulary import Change, Event

from .handling import Handler, desk, processing, validating
from .history_ticks import ticks_till_now
from .market import find_watched

__all__ = ["HANDLERS", "MOST_STREAMS", "TickDesk"]

#: 5 % of 100 market data lines.
MOST_STREAMS = 5
#: As many ticks as a request for historical ticks gives at most.
MOST_TICKS = 1000
#: IB has no live tick-by-tick data of these.
WITHOUT_TICKS = frozenset({"OPT", "FOP", "BAG", "WAR"})
#: These have no trades, and no quotes.
WITHOUT_TRADES, WITHOUT_QUOTES = frozenset({"CASH", "CMDTY"}), frozenset({"IND"})
KINDS = {kind.value: kind for kind in Kind}

WRONG_TYPE = "Tick-by-tick data type is incorrect/not set."
FAILED = "Failed to request tick-by-tick data.{cause}"
NO_PERMISSION = "No market data permissions for {exchange} {sec_type}. "
NONE_OF_THE_TYPE = "No {kind} data of {exchange} {sec_type}"
TOO_MANY = "Max number of tick-by-tick requests has been reached."
UNKNOWN = "Can't find EId with tickerId:{req_id}"

#: What the history calls the kinds.
SHOWN = {
    Kind.LAST: Ticks.TRADES,
    Kind.ALL_LAST: Ticks.TRADES,
    Kind.BID_ASK: Ticks.BID_ASK,
    Kind.MID_POINT: Ticks.MIDPOINT,
}


@attrs.define
class TickDesk:
    """The tick-by-tick streams of a running gateway.

    Attributes:
        most: How many there may be, all clients together.
        open: How many there are.
    """

    most: int = MOST_STREAMS
    open: int = 0


def _kind_of(hub: Hub, client: Client, request: Any) -> Kind | None:
    kind = KINDS.get(request.tickType)
    if kind is None:
        validating(hub, client, request.reqId, "bT", WRONG_TYPE)
    elif not 0 <= request.numberOfTicks <= MOST_TICKS:
        cause = f"Invalid number of ticks: {request.numberOfTicks}"
        validating(hub, client, request.reqId, "bT", cause)
    elif (TICKS, request.reqId) in client.subscriptions:
        processing(hub, client, request.reqId, "bT", "Duplicate ticker id")
    else:
        return kind
    return None


def _refusal(instrument: Instrument, kind: Kind) -> str | None:
    """Why an instrument has no ticks of a kind."""
    trades = kind in {Kind.LAST, Kind.ALL_LAST}
    if (
        instrument.sec_type in WITHOUT_TICKS
        or (trades and (instrument.quote_driven or instrument.sec_type in WITHOUT_TRADES))
        or (not trades and instrument.sec_type in WITHOUT_QUOTES)
    ):
        cause = NONE_OF_THE_TYPE.format(
            kind=kind.value, exchange=instrument.exchange, sec_type=instrument.sec_type
        )
        return FAILED.format(cause=cause)
    return None


def req_tick_by_tick_data(hub: Hub, client: Client, request: Any) -> None:
    """The ticks before now if asked for (historicalTicks...), then each tick as it happens."""
    req_id = request.reqId
    kind = _kind_of(hub, client, request)
    if kind is None:
        return
    if request.contract.secType == "BAG":
        hub.error(client, req_id, 10189, FAILED.format(cause="No ticks of combinations"))
        return
    instrument = find_watched(hub, client, req_id, request.contract)
    if instrument is None:
        return
    refusal = _refusal(instrument, kind)
    if desk(hub, Permissions).level(instrument) is not Level.LIVE:
        venue = instrument.primary_exchange or instrument.exchange
        cause = NO_PERMISSION.format(exchange=venue, sec_type=instrument.sec_type)
        refusal = FAILED.format(cause=cause)
    if refusal is not None:
        hub.error(client, req_id, 10189, refusal)
        return
    streams = desk(hub, TickDesk)
    if streams.open >= streams.most:
        hub.error(client, req_id, 10190, TOO_MANY)
        return
    projection = Projection(instrument, kind, request.ignoreSize)
    if request.numberOfTicks:
        name, message = ticks_till_now(
            hub, instrument, SHOWN[kind], request.numberOfTicks, ignore_size=request.ignoreSize
        )
        message.reqId = req_id
        client.send(name, message)
    _open(hub, client, req_id, projection)


def _open(hub: Hub, client: Client, req_id: int, projection: Projection) -> None:
    con_id = projection.instrument.con_id
    top = hub.feed.book(con_id)
    streams = desk(hub, TickDesk)

    def hear(event: Event, changed: Sequence[Change], _now: datetime) -> None:
        data = projection.tick(event, changed, top)
        if data is not None:
            data.reqId = req_id
            client.send("tickByTick", data)

    def end() -> None:
        hub.watchers.unlisten(con_id, hear)
        streams.open -= 1

    projection.begin(top)
    streams.open += 1
    hub.watchers.listen(con_id, hear)
    client.subscribe((TICKS, req_id), end, projection.instrument)


def cancel_tick_by_tick_data(hub: Hub, client: Client, request: Any) -> None:
    """End a stream; nothing is told."""
    if not client.end_subscription(TICKS, request.reqId):
        hub.error(client, request.reqId, 300, UNKNOWN.format(req_id=request.reqId))


HANDLERS: Mapping[int, Handler] = MappingProxyType(
    {
        97: req_tick_by_tick_data,
        98: cancel_tick_by_tick_data,
    }
)
