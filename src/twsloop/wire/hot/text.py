r"""The hot messages in the text protocol: fields that end with a NUL.

Theory of operation. IB's decoder takes field after field, turning each into what its place asks
for. Here a message is split once; ids, types, sizes and flags are looked up by their bytes, because
nearly all of them have come before, and only prices are read anew. Of a tick, the first three
fields (the message's version, the request id, the tick type) are looked up as one piece: they come
again with each tick of that line. What a lookup does not know is read by the very rules of IB's
decoder, once:

* ``int`` and ``float`` take an empty field for zero (an empty price declines here: none comes);
* a size that is empty, or the largest number of some type, is ``UNSET_DECIMAL``;
* a text is UTF-8, and what is none of it is shown with backslashes;
* ``tickGeneric`` and ``tickString`` are read by the types of the callback's parameters instead: the
  number of fields has to fit, and from version 153 on a text may hold escapes. One with a backslash
  declines.

IB's decoder passes over fields behind the last that it knows, and over what stands behind the last
NUL. A message with more fields than it knows declines here; what stands behind the last NUL is
passed over here, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ibapi.common import BarData, TickAttrib, TickAttribBidAsk, TickAttribLast
from ibapi.ticktype import TickTypeEnum

from twsloop.ids import FIRST_REQUEST_ID
from twsloop.wire.ticks import SIZE_OF_PRICE

from .calls import Handler, Sink
from .text_values import Escaped, Heads, Ints, Masks, Names, Sizes

__all__ = ["handlers"]

#: From this server version on a line of the deep book says whether it is of the smart one.
SMART_DEPTH_SINCE = 146
#: From this one on an option's computation says what it is based on, and has no version of its own.
PRICE_BASED_VOLATILITY_SINCE = 156
#: An option's computation of this version has all its fields; IB's servers have sent it since 2010.
_ALL_GREEKS = 6

#: The types of tick-by-tick data: last and all last, quotes, midpoints.
_TRADES, _QUOTES, _MIDPOINTS = (1, 2), 3, 4


def handlers(version: int, sink: Sink) -> dict[int, Handler]:
    """The decoders of all hot messages in text, by number.

    Args:
        version: The session's protocol version.
        sink: Who is told; its `Calls` are read once, their functions at each call.
    """
    return {
        1: _prices(version, sink),
        2: _sizes(sink),
        12: _depth(sink),
        13: _deep_book(version, sink),
        21: _greeks(version, sink),
        45: _numbers(sink),
        46: _texts(version, sink),
        50: _bars(sink),
        90: _last_bars(sink),
        99: _tick_by_tick(sink),
    }


# ---- ticks


def _prices(version: int, sink: Sink) -> Handler:
    heads, masks, sizes, failed = Heads(sink, exact=False), Masks(version), Sizes(), sink.failed
    size_of = SIZE_OF_PRICE.get

    def price(data: bytes, begin: int, end: int) -> None:
        head, letters, letters_of_size, mask, _ = data[begin:end].rsplit(b"\0", 4)
        req_id, tick_type, calls = heads[head]
        value = float(letters)
        size = sizes[letters_of_size]
        flags = masks[mask]
        attrib = TickAttrib()
        if flags is not None:
            attrib.canAutoExecute, attrib.pastLimit, attrib.preOpen = flags
        function = calls.tickPrice
        try:
            function(req_id, tick_type, value, attrib)
        except BaseException as error:  # noqa: BLE001  (who is told says what it means)
            failed(function, error)
        size_type = size_of(tick_type)
        if size_type is not None:
            function = calls.tickSize
            try:
                function(req_id, size_type, size)
            except BaseException as error:  # noqa: BLE001
                failed(function, error)

    return price


def _sizes(sink: Sink) -> Handler:
    heads, sizes, failed = Heads(sink, exact=False), Sizes(), sink.failed
    nothing = TickTypeEnum.NOT_SET

    def size(data: bytes, begin: int, end: int) -> bool | None:
        head, letters, _ = data[begin:end].rsplit(b"\0", 2)
        req_id, tick_type, calls = heads[head]
        value = sizes[letters]
        if tick_type == nothing:
            return True
        function = calls.tickSize
        try:
            function(req_id, tick_type, value)
        except BaseException as error:  # noqa: BLE001
            failed(function, error)
        return None

    return size


def _numbers(sink: Sink) -> Handler:
    heads, failed = Heads(sink, exact=True), sink.failed

    def number(data: bytes, begin: int, end: int) -> None:
        head, letters, _ = data[begin:end].rsplit(b"\0", 2)
        req_id, tick_type, calls = heads[head]
        value = float(letters)
        function = calls.tickGeneric
        try:
            function(req_id, tick_type, value)
        except BaseException as error:  # noqa: BLE001
            failed(function, error)

    return number


def _texts(version: int, sink: Sink) -> Handler:
    heads, texts, failed = Heads(sink, exact=True), Escaped(version), sink.failed

    def text(data: bytes, begin: int, end: int) -> None:
        head, letters, _ = data[begin:end].rsplit(b"\0", 2)
        req_id, tick_type, calls = heads[head]
        value = texts[letters]
        function = calls.tickString
        try:
            function(req_id, tick_type, value)
        except BaseException as error:  # noqa: BLE001
            failed(function, error)

    return text


def _greeks(version: int, sink: Sink) -> Handler:
    low, high, ints, failed = sink.low, sink.high, Ints(), sink.failed
    based = version >= PRICE_BASED_VOLATILITY_SINCE

    def greeks(data: bytes, begin: int, end: int) -> bool | None:
        first, second, third, *letters = data[begin:end].split(b"\0")
        if based:
            req_id, tick_type, attrib = ints[first], ints[second], ints[third]
        else:
            if ints[first] < _ALL_GREEKS:
                return True
            req_id, tick_type, attrib = ints[second], ints[third], None
        letters.pop()
        vol, delta, price, dividend, gamma, vega, theta, under = map(float, letters)
        function = (low if req_id < FIRST_REQUEST_ID else high).tickOptionComputation
        try:
            function(
                req_id,
                tick_type,
                attrib,
                None if vol < 0 else vol,
                None if delta == -2 else delta,
                None if price == -1 else price,
                None if dividend == -1 else dividend,
                None if gamma == -2 else gamma,
                None if vega == -2 else vega,
                None if theta == -2 else theta,
                None if under == -1 else under,
            )
        except BaseException as error:  # noqa: BLE001
            failed(function, error)
        return None

    return greeks


def _tick_by_tick(sink: Sink) -> Handler:
    low, high, ints, sizes = sink.low, sink.high, Ints(), Sizes()
    names, failed, midpoint = Names(), sink.failed, _midpoints(sink)

    def tick(data: bytes, begin: int, end: int) -> bool | None:
        fields = data[begin:end].split(b"\0")
        tick_type = ints[fields[1]]
        if tick_type == _QUOTES:
            number, _, time, bid, ask, bids, asks, mask, _ = fields
            req_id, at, flags = ints[number], ints[time], ints[mask]
            bid_price, ask_price = float(bid), float(ask)
            bid_size, ask_size = sizes[bids], sizes[asks]
            quoted = TickAttribBidAsk()
            if flags:
                quoted.bidPastLow = flags & 1 != 0
                quoted.askPastHigh = flags & 2 != 0
            function = (low if req_id < FIRST_REQUEST_ID else high).tickByTickBidAsk
            try:
                function(req_id, at, bid_price, ask_price, bid_size, ask_size, quoted)
            except BaseException as error:  # noqa: BLE001
                failed(function, error)
            return None
        if tick_type not in _TRADES:
            if tick_type != _MIDPOINTS:
                return True
            midpoint(fields)
            return None
        number, _, time, letters, amount, mask, exchange, conditions, _ = fields
        req_id, at, flags = ints[number], ints[time], ints[mask]
        price, size = float(letters), sizes[amount]
        where, what = names[exchange], names[conditions]
        traded = TickAttribLast()
        if flags:
            traded.pastLimit = flags & 1 != 0
            traded.unreported = flags & 2 != 0
        function = (low if req_id < FIRST_REQUEST_ID else high).tickByTickAllLast
        try:
            function(req_id, tick_type, at, price, size, traded, where, what)
        except BaseException as error:  # noqa: BLE001
            failed(function, error)
        return None

    return tick


def _midpoints(sink: Sink) -> Callable[[list[bytes]], None]:
    low, high, ints, failed = sink.low, sink.high, Ints(), sink.failed

    def midpoint(fields: list[bytes]) -> None:
        number, _, time, letters, _ = fields
        req_id, at, price = ints[number], ints[time], float(letters)
        function = (low if req_id < FIRST_REQUEST_ID else high).tickByTickMidPoint
        try:
            function(req_id, at, price)
        except BaseException as error:  # noqa: BLE001
            failed(function, error)

    return midpoint


# ---- depth and bars


def _depth(sink: Sink) -> Handler:
    low, high, ints, sizes, failed = sink.low, sink.high, Ints(), Sizes(), sink.failed

    def depth(data: bytes, begin: int, end: int) -> None:
        message, number, place, what, which, price, amount, _ = data[begin:end].split(b"\0")
        _ = ints[message]
        req_id, position, operation, side = ints[number], ints[place], ints[what], ints[which]
        value, size = float(price), sizes[amount]
        function = (low if req_id < FIRST_REQUEST_ID else high).updateMktDepth
        try:
            function(req_id, position, operation, side, value, size)
        except BaseException as error:  # noqa: BLE001
            failed(function, error)

    return depth


def _deep_book(version: int, sink: Sink) -> Handler:
    low, high, ints, sizes = sink.low, sink.high, Ints(), Sizes()
    names, failed, has_flag = Names(), sink.failed, version >= SMART_DEPTH_SINCE

    def book(data: bytes, begin: int, end: int) -> None:
        fields = data[begin:end].split(b"\0")
        smart = has_flag and ints[fields.pop(-2)] != 0
        message, number, place, maker, what, which, price, amount, _ = fields
        _ = ints[message]
        req_id, position, operation, side = ints[number], ints[place], ints[what], ints[which]
        name, value, size = names[maker], float(price), sizes[amount]
        function = (low if req_id < FIRST_REQUEST_ID else high).updateMktDepthL2
        try:
            function(req_id, position, name, operation, side, value, size, smart)
        except BaseException as error:  # noqa: BLE001
            failed(function, error)

    return book


def _bars(sink: Sink) -> Handler:
    low, high, ints, sizes, failed = sink.low, sink.high, Ints(), Sizes(), sink.failed

    def bar(data: bytes, begin: int, end: int) -> None:
        message, number, time, *letters, traded, average, trades, _ = data[begin:end].split(b"\0")
        _ = ints[message]
        req_id, at, count = ints[number], ints[time], ints[trades]
        first, highest, lowest, last = map(float, letters)
        volume, wap = sizes[traded], sizes[average]
        function = (low if req_id < FIRST_REQUEST_ID else high).realtimeBar
        try:
            function(req_id, at, first, highest, lowest, last, volume, wap, count)
        except BaseException as error:  # noqa: BLE001
            failed(function, error)

    return bar


def _last_bars(sink: Sink) -> Handler:
    low, high, ints, sizes = sink.low, sink.high, Ints(), Sizes()
    names, failed = Names(), sink.failed

    def last_bar(data: bytes, begin: int, end: int) -> None:
        number, trades, date, *letters, average, traded, _ = data[begin:end].split(b"\0")
        req_id = ints[number]
        bar: Any = BarData()
        bar.open, bar.close, bar.high, bar.low = map(float, letters)
        bar.date, bar.barCount = names[date], ints[trades]
        bar.wap, bar.volume = sizes[average], sizes[traded]
        function = (low if req_id < FIRST_REQUEST_ID else high).historicalDataUpdate
        try:
            function(req_id, bar)
        except BaseException as error:  # noqa: BLE001
            failed(function, error)

    return last_bar
