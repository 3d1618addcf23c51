"""Requests for single ticks of the history, the first time with data, and volume by price."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from ibapi.protobuf.HeadTimestamp_pb2 import HeadTimestamp
from ibapi.protobuf.HistogramData_pb2 import HistogramData
from ibapi.protobuf.HistoricalTicks_pb2 import HistoricalTicks
from ibapi.protobuf.HistoricalTicksBidAsk_pb2 import HistoricalTicksBidAsk
from ibapi.protobuf.HistoricalTicksLast_pb2 import HistoricalTicksLast

from twsloop.paper.catalogue.instruments import Instrument
from twsloop.paper.clients.client import Client
from twsloop.paper.clients.hub import Hub
from twsloop.paper.history.bars import Show
from twsloop.paper.history.format import utc_text
from twsloop.paper.history.query import IMPLIED_ZONE, Refusal, parse_moment, parse_period
from twsloop.paper.history.reach import reach_back
from twsloop.paper.history.ticks import (
    HistoryTick,
    Ticks,
    histogram,
    ticks_after,
    ticks_before,
)
from twsloop.paper.market.tick_by_tick import ODD_LOT, is_odd_lot
from twsloop.paper.market.ticks import size_text

from .handling import Handler, validating
from .history import NO_DATA, SERVICE, WRONG_SHOW, describe, find_with_history
from .history_beat import history_of

__all__ = ["HANDLERS", "ticks_message", "ticks_till_now"]

#: The most ticks a request may ask for.
MOST = 1000
#: Ticks are kept for three years, seconds.
KEPT_S = 3 * 366 * 86_400
DEFAULT_ZONE = "US/Eastern"
NO_HEAD = SERVICE + "No head time stamp: {req_id}"
KINDS = {one.value for one in Ticks} | {"AGGTRADES"}


def req_historical_ticks(hub: Hub, client: Client, request: Any) -> None:
    """Ticks after a start, or before an end; a start counts where both are given."""
    req_id = request.reqId
    now = hub.now()
    try:
        start = parse_moment(request.startDateTime, DEFAULT_ZONE, now, "Start Date/Time")
        end = parse_moment(request.endDateTime, DEFAULT_ZONE, now, "End Date/Time")
    except Refusal as refusal:
        hub.error(client, req_id, refusal.code, refusal.cause)
        return
    for moment in (start, end):
        if moment is not None and moment.implied:
            hub.error(client, req_id, 2174, IMPLIED_ZONE)
    what = request.whatToShow.upper()
    cause = _cause(request, what)
    if cause is not None:
        validating(hub, client, req_id, "bP", cause)
        return
    instrument = find_with_history(hub, client, request)
    if instrument is None:
        return
    if what == "AGGTRADES":
        if instrument.sec_type != "CRYPTO":
            text = WRONG_SHOW.format(right="TRADES", wrong="AGGTRADES")
            hub.error(client, req_id, 10299, text)
        what = "TRADES"
    if instrument.quote_driven and what == "TRADES":
        what = "MIDPOINT"  # currencies have no trades: a gateway asks for midpoints instead
    kind = Ticks(what)
    history = history_of(hub)
    chronicle = history.of(instrument)
    until = history.now_ns() // 1_000_000_000 + 1
    count = min(request.numberOfTicks, MOST)
    options = {"regular": request.useRTH, "ignore_size": request.ignoreSize}
    if instrument.sec_type == "IND" and kind is not Ticks.TRADES:
        found = []  # nobody quotes an index
    elif start is None and end is not None:
        found = ticks_before(chronicle, kind, min(end.second, until), count, **options)
    else:
        first = max(0 if start is None else start.second, until - KEPT_S, chronicle.oldest())
        found = ticks_after(chronicle, kind, first, count, **options)
    name, message = ticks_message(instrument, kind, found)
    message.reqId = req_id
    client.send(name, message)


def _cause(request: Any, what: str) -> str | None:
    """Why a request for ticks cannot be right."""
    if not request.contract.exchange.strip():
        return "Exchange must not be empty"
    if request.contract.secType == "BAG":
        return "Combo types are not supported"
    if request.numberOfTicks <= 0:
        return "Number of ticks must be > 0"
    if not what.strip():
        return "Source price must not be empty"
    return None if what in KINDS else "Invalid source price"


def ticks_message(instrument: Instrument, kind: Ticks, ticks: list[HistoryTick]) -> tuple[str, Any]:
    """The message that tells ticks, with its name and without its request id."""
    if kind is Ticks.TRADES:
        last = HistoricalTicksLast(isDone=True)
        for tick in ticks:
            odd = is_odd_lot(instrument, tick.size)
            row = last.historicalTicksLast.add(
                time=tick.second,
                price=tick.price,
                size=_size(tick.size),
                exchange=tick.exchange,
                specialConditions=ODD_LOT if odd else "",
            )
            row.tickAttribLast.pastLimit = False
            row.tickAttribLast.unreported = odd
        return "historicalTicksLast", last
    if kind is Ticks.BID_ASK:
        quotes = HistoricalTicksBidAsk(isDone=True)
        for tick in ticks:
            quote = quotes.historicalTicksBidAsk.add(
                time=tick.second,
                priceBid=tick.price,
                priceAsk=tick.ask,
                sizeBid=_size(tick.size),
                sizeAsk=_size(tick.ask_size),
            )
            quote.tickAttribBidAsk.bidPastLow = False
            quote.tickAttribBidAsk.askPastHigh = False
        return "historicalTicksBidAsk", quotes
    middles = HistoricalTicks(isDone=True)
    for tick in ticks:
        middles.historicalTicks.add(time=tick.second, price=tick.price, size="0")
    return "historicalTicks", middles


def ticks_till_now(
    hub: Hub, instrument: Instrument, kind: Ticks, count: int, *, ignore_size: bool
) -> tuple[str, Any]:
    """The message that tells the latest ticks before now."""
    history = history_of(hub)
    until = history.now_ns() // 1_000_000_000 + 1
    found = ticks_before(
        history.of(instrument), kind, until, count, regular=False, ignore_size=ignore_size
    )
    return ticks_message(instrument, kind, found)


def _size(size: Decimal | int) -> str:
    return size_text(size) if isinstance(size, Decimal) else str(size)


def req_head_timestamp(hub: Hub, client: Client, request: Any) -> None:
    """The first time with data; always of regular hours, as a gateway asks for it."""
    req_id = request.reqId
    if request.whatToShow.upper() not in {one.value for one in Show}:
        cause = f"What to show value of {request.whatToShow} rejected."
        validating(hub, client, req_id, "bM", cause)
        return
    if request.formatDate not in {1, 2, 3}:
        cause = f"Date formatting selection of {request.formatDate} rejected."
        validating(hub, client, req_id, "bM", cause)
        return
    instrument = find_with_history(hub, client, request)
    if instrument is None:
        return
    first = history_of(hub).of(instrument).oldest()
    lacks = instrument.quote_driven and request.whatToShow.upper() == Show.TRADES.value
    if not first or lacks:
        hub.error(client, req_id, 162, NO_HEAD.format(req_id=req_id))
        return
    text = utc_text(first, client.server_version)
    if request.formatDate == 2:
        text = str(first)
    client.send("headTimestamp", HeadTimestamp(reqId=req_id, headTimestamp=text))


def req_histogram_data(hub: Hub, client: Client, request: Any) -> None:
    """How much was traded at each price in a period up to now."""
    req_id = request.reqId
    try:
        period = parse_period(request.timePeriod)
    except Refusal as refusal:
        validating(hub, client, req_id, "bM", refusal.cause)
        return
    instrument = find_with_history(hub, client, request)
    if instrument is None:
        return
    history = history_of(hub)
    chronicle = history.of(instrument)
    end = history.now_ns() // 1_000_000_000 + 1
    start = reach_back(chronicle, end, period, regular=request.useRTH)
    found = []
    if not instrument.quote_driven and instrument.sec_type != "IND":
        found = histogram(chronicle, (start, end), regular=request.useRTH)
    if not found:
        what = describe(request.contract, "Histogram")
        hub.error(client, req_id, 162, NO_DATA.format(what=what))
        return
    answer = HistogramData(reqId=req_id)
    for price, size in found:
        answer.histogramDataEntries.add(price=price, size=size_text(size))
    client.send("histogramData", answer)


def cancel_quietly(_hub: Hub, _client: Client, _request: Any) -> None:
    """It was answered at once; a real gateway says nothing either."""


HANDLERS: Mapping[int, Handler] = MappingProxyType(
    {
        87: req_head_timestamp,
        88: req_histogram_data,
        89: cancel_quietly,
        90: cancel_quietly,
        96: req_historical_ticks,
        107: cancel_quietly,
    }
)
