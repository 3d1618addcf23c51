"""Tick-by-tick data in protobuf, by the bytes it is made of (see `protobuf`)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from struct import Struct
from typing import Any

from ibapi.common import HistoricalTickLast, TickAttribBidAsk, TickAttribLast

from twsloop.wire.messages import message_class

from .caches import keep
from .calls import Sink
from .protobuf import DECIMALS, DOUBLE, PRICE_TAG, Handler, Heads, has_only

__all__ = ["tick_by_tick"]

_TWO_DOUBLES = Struct("<dxd").unpack_from
_LAST_TAG, _BID_ASK_TAG, _ATTRIB_TAG, _SIZE_TAG = 0x1A, 0x22, 0x12, 0x22
#: The types of tick-by-tick data: last and all last, quotes.
_TRADES, _QUOTES = (1, 2), (3,)


@cache
def _last_defaults() -> tuple[str, str]:
    """What IB's decoder says of a trade without exchange and conditions."""
    plain = HistoricalTickLast()
    return plain.exchange, plain.specialConditions


class _Parts:
    """Parts of one kind of message within tick-by-tick data that are known, with what they say.

    Args:
        kind: Its protobuf class.
        names: The fields that the part may have.
        read: What it says.
    """

    def __init__(self, kind: str, names: set[str], read: Callable[[Any], Any]) -> None:
        self.known: dict[bytes, Any] = {}
        self._kind = kind
        self._names = names
        self._read = read

    def learn(self, part: bytes, *, tag: int | None = None) -> bool:
        """Read one that is not known; False if it is none.

        Args:
            part: Its bytes.
            tag: The tag of the next field, where the part is looked up together with that.
        """
        if part in self.known:
            return True
        if not part or (tag is not None and part[-1] != tag):
            return False
        fields = part if tag is None else part[:-1]
        message = message_class(self._kind).FromString(fields)
        if not has_only(message, fields, self._names):
            return False
        keep(self.known, part, self._read(message))
        return True


def _trade_part(message: Any) -> tuple[int, bool, bool]:
    attrib = message.tickAttribLast
    return message.time, attrib.pastLimit, attrib.unreported


def _quote_part(message: Any) -> tuple[int, bool, bool]:
    attrib = message.tickAttribBidAsk
    return message.time, attrib.bidPastLow, attrib.askPastHigh


def _trade_tail(message: Any) -> tuple[str, str]:
    exchange, conditions = _last_defaults()
    return (
        message.exchange if message.HasField("exchange") else exchange,
        message.specialConditions if message.HasField("specialConditions") else conditions,
    )


def tick_by_tick(sink: Sink) -> Handler:
    """The decoder of trades and quotes; midpoints are few, and go the long way.

    The head ends with the tag of the one field that follows to the end: a message of its own, whose
    time and attributes stand before its first price. A time of today has five bytes; the
    attributes' tag stands behind it, or the price's.
    """
    trade, quote = _trades(sink), _quotes(sink)

    def tick(data: bytes, begin: int, end: int) -> bool | None:
        middle = begin + (
            5 if data[begin + 1] < 128 else 9 if data[begin + 4] > 127
            else 6 if data[begin + 2] < 128 else 7 if data[begin + 3] < 128 else 8
        )  # fmt: skip
        if not data[middle] == end - middle - 1 < 128:
            return True
        place = middle + (10 + data[middle + 8] if data[middle + 7] == _ATTRIB_TAG else 8)
        if data[middle - 1] == _BID_ASK_TAG:
            return quote(data, (begin, middle, place, end))
        return trade(data, (begin, middle, place, end))

    return tick


#: Where a message, what is behind its head, its first price and its end are.
_Places = tuple[int, int, int, int]


def _trades(sink: Sink) -> Callable[[bytes, _Places], bool | None]:
    heads = Heads("TickByTickData", _LAST_TAG, sink, _TRADES)
    parts = _Parts("HistoricalTickLast", {"time", "tickAttribLast"}, _trade_part)
    tails = _Parts("HistoricalTickLast", {"exchange", "specialConditions"}, _trade_tail)
    known_heads, known_parts, known_tails = heads.known, parts.known, tails.known
    decimals = DECIMALS
    failed = sink.failed

    def learn(data: bytes, places: _Places) -> bool | None:
        begin, middle, place, end = places
        known = (
            (data[begin:middle] in known_heads or heads.learn(data, begin, middle))
            and parts.learn(data[middle + 1 : place], tag=PRICE_TAG)
            and tails.learn(data[place + 10 + data[place + 9] : end])
        )
        return trade(data, places) if known else True

    def trade(data: bytes, places: _Places) -> bool | None:
        begin, middle, place, end = places
        if data[place + 8] != _SIZE_TAG or data[place + 9] > 127:
            return True
        # Sizes are many, exchanges and conditions few: they are looked up apart.
        after = place + 10 + data[place + 9]
        try:
            req_id, tick_type, calls, _ = known_heads[data[begin:middle]]
            time, past_limit, unreported = known_parts[data[middle + 1 : place]]
            exchange, conditions = known_tails[data[after:end]]
        except KeyError:
            return learn(data, places)
        size = decimals[data[place + 10 : after]]
        (price,) = DOUBLE(data, place)
        attrib = TickAttribLast()
        if past_limit:
            attrib.pastLimit = True
        if unreported:
            attrib.unreported = True
        function = calls.tickByTickAllLast
        try:
            function(req_id, tick_type, time, price, size, attrib, exchange, conditions)
        except BaseException as error:  # noqa: BLE001  (who is told says what it means)
            failed(function, error)
        return None

    return trade


def _quotes(sink: Sink) -> Callable[[bytes, _Places], bool | None]:
    heads = Heads("TickByTickData", _BID_ASK_TAG, sink, _QUOTES)
    parts = _Parts("HistoricalTickBidAsk", {"time", "tickAttribBidAsk"}, _quote_part)
    known_heads, known_parts, decimals = heads.known, parts.known, DECIMALS
    failed = sink.failed

    def learn(data: bytes, places: _Places) -> bool | None:
        begin, middle, place, _ = places
        known = (
            data[begin:middle] in known_heads or heads.learn(data, begin, middle)
        ) and parts.learn(data[middle + 1 : place], tag=PRICE_TAG)
        return quote(data, places) if known else True

    def quote(data: bytes, places: _Places) -> bool | None:
        begin, middle, place, end = places
        try:
            req_id, _, calls, _ = known_heads[data[begin:middle]]
            time, past_low, past_high = known_parts[data[middle + 1 : place]]
        except KeyError:
            return learn(data, places)
        # A tag before the second price, and before each of the sizes, which end the message.
        second = place + 19 + data[place + 18]
        if (
            data[place + 8] != 0x21
            or data[place + 17] != 0x2A
            or data[second] != 0x32
            or second + 2 + data[second + 1] != end
            or data[place + 18] > 127
            or data[second + 1] > 127
        ):
            return True
        bid, ask = _TWO_DOUBLES(data, place)
        bid_size, ask_size = decimals[data[place + 19 : second]], decimals[data[second + 2 : end]]
        attrib = TickAttribBidAsk()
        if past_low:
            attrib.bidPastLow = True
        if past_high:
            attrib.askPastHigh = True
        function = calls.tickByTickBidAsk
        try:
            function(req_id, time, bid, ask, bid_size, ask_size, attrib)
        except BaseException as error:  # noqa: BLE001
            failed(function, error)
        return None

    return quote
