"""The rest of the hot messages in protobuf: option computations, depth, bars.

They are parsed by protobuf's own parser, as IB's decoder does it, and told without the detours: no
twin, no log line, and a field is asked whether it is there only where it reads as nothing.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ibapi.common import BarData
from ibapi.const import NO_VALID_ID, UNSET_DECIMAL, UNSET_DOUBLE, UNSET_INTEGER

from twsloop.ids import FIRST_REQUEST_ID
from twsloop.wire.messages import message_class

from .calls import Handler, Sink

__all__ = ["rest_handlers"]


def rest_handlers(sink: Sink) -> dict[int, Handler]:
    """The decoders of the rarer hot messages, by number without the protobuf offset."""
    return {
        12: _depth(sink),
        13: _deep_book(sink),
        21: _greeks(sink),
        50: _bars(sink),
        90: _last_bars(sink),
    }


def _id_of(message: Any) -> int:
    req_id: int = message.reqId
    return req_id if req_id or message.HasField("reqId") else NO_VALID_ID


def _number(message: Any, name: str, absent: float) -> Any:
    value = getattr(message, name)
    return value if value or message.HasField(name) else absent


def _size(message: Any, name: str, letters: str) -> Decimal:
    """A size of these letters; what is there and empty is no number, and raises."""
    return Decimal(letters) if letters or message.HasField(name) else UNSET_DECIMAL


def _greeks(sink: Sink) -> Handler:
    low, high, failed = sink.low, sink.high, sink.failed
    parse = message_class("TickOptionComputation").FromString

    def greeks(data: bytes, begin: int, end: int) -> None:
        message = parse(data[begin:end])
        req_id, has = _id_of(message), message.HasField
        tick_type = _number(message, "tickType", UNSET_INTEGER)
        attrib = _number(message, "tickAttrib", UNSET_INTEGER)
        # None where a value has its mark for "not computed", or reads as nothing and is not there.
        vol, delta, price = message.impliedVol, message.delta, message.optPrice
        dividend, gamma, vega = message.pvDividend, message.gamma, message.vega
        theta, under = message.theta, message.undPrice
        told = (
            None if vol < 0 or not (vol or has("impliedVol")) else vol,
            None if delta == -2 or not (delta or has("delta")) else delta,
            None if price == -1 or not (price or has("optPrice")) else price,
            None if dividend == -1 or not (dividend or has("pvDividend")) else dividend,
            None if gamma == -2 or not (gamma or has("gamma")) else gamma,
            None if vega == -2 or not (vega or has("vega")) else vega,
            None if theta == -2 or not (theta or has("theta")) else theta,
            None if under == -1 or not (under or has("undPrice")) else under,
        )
        function = (low if req_id < FIRST_REQUEST_ID else high).tickOptionComputation
        try:
            function(req_id, tick_type, attrib, *told)
        except BaseException as error:  # noqa: BLE001  (who is told says what it means)
            failed(function, error)

    return greeks


def _depth(sink: Sink) -> Handler:
    low, high, failed = sink.low, sink.high, sink.failed
    parse = message_class("MarketDepth").FromString

    def depth(data: bytes, begin: int, end: int) -> bool | None:
        message = parse(data[begin:end])
        if not message.HasField("marketDepthData"):
            return True
        line, req_id = message.marketDepthData, _id_of(message)
        position = _number(line, "position", UNSET_INTEGER)
        operation = _number(line, "operation", UNSET_INTEGER)
        side = _number(line, "side", UNSET_INTEGER)
        price, size = _number(line, "price", UNSET_DOUBLE), _size(line, "size", line.size)
        function = (low if req_id < FIRST_REQUEST_ID else high).updateMktDepth
        try:
            function(req_id, position, operation, side, price, size)
        except BaseException as error:  # noqa: BLE001
            failed(function, error)
        return None

    return depth


def _deep_book(sink: Sink) -> Handler:
    low, high, failed = sink.low, sink.high, sink.failed
    parse = message_class("MarketDepthL2").FromString

    def book(data: bytes, begin: int, end: int) -> bool | None:
        message = parse(data[begin:end])
        if not message.HasField("marketDepthData"):
            return True
        line, req_id = message.marketDepthData, _id_of(message)
        # Absent is 0 here, and not UNSET_INTEGER as in the other book: so IB's decoder has it.
        position, name, smart = line.position, line.marketMaker, line.isSmartDepth
        operation = _number(line, "operation", UNSET_INTEGER)
        side = _number(line, "side", UNSET_INTEGER)
        price, size = _number(line, "price", UNSET_DOUBLE), _size(line, "size", line.size)
        function = (low if req_id < FIRST_REQUEST_ID else high).updateMktDepthL2
        try:
            function(req_id, position, name, operation, side, price, size, smart)
        except BaseException as error:  # noqa: BLE001
            failed(function, error)
        return None

    return book


def _bars(sink: Sink) -> Handler:
    low, high, failed = sink.low, sink.high, sink.failed
    parse = message_class("RealTimeBarTick").FromString

    def bar(data: bytes, begin: int, end: int) -> None:
        message = parse(data[begin:end])
        req_id = _id_of(message)
        at, count = message.time, message.count
        first, highest, lowest, last = message.open, message.high, message.low, message.close
        volume, wap = _size(message, "volume", message.volume), _size(message, "WAP", message.WAP)
        function = (low if req_id < FIRST_REQUEST_ID else high).realtimeBar
        try:
            function(req_id, at, first, highest, lowest, last, volume, wap, count)
        except BaseException as error:  # noqa: BLE001
            failed(function, error)

    return bar


def _last_bars(sink: Sink) -> Handler:
    low, high, failed = sink.low, sink.high, sink.failed
    parse = message_class("HistoricalDataUpdate").FromString

    def last_bar(data: bytes, begin: int, end: int) -> bool | None:
        message = parse(data[begin:end])
        if not message.HasField("historicalDataBar"):
            return True
        told, req_id = message.historicalDataBar, _id_of(message)
        bar: Any = BarData()
        bar.date, bar.barCount = told.date, told.barCount
        bar.open, bar.high, bar.low, bar.close = told.open, told.high, told.low, told.close
        bar.volume, bar.wap = _size(told, "volume", told.volume), _size(told, "WAP", told.WAP)
        function = (low if req_id < FIRST_REQUEST_ID else high).historicalDataUpdate
        try:
            function(req_id, bar)
        except BaseException as error:  # noqa: BLE001
            failed(function, error)
        return None

    return last_bar
