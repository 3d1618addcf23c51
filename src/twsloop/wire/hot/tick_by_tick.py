"""Tick-by-tick data in protobuf, by the bytes it is made of (see `heads`)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from struct import Struct
from typing import Any

from ibapi.common import HistoricalTickLast, TickAttribBidAsk, TickAttribLast

from twsloop.wire.messages import message_class

from .caches import keep
from .calls import Sink
from .heads import Head, Kind, Tell, has_only
from .protobuf import DECIMALS, PRICE_AND_SIZE, PRICE_TAG

__all__ = ["tick_by_tick_kinds"]

#: Two prices, each with the tag behind it, and the length of the first size.
_QUOTE = Struct("<dBdBB").unpack_from
_LAST_TAG, _BID_ASK_TAG, _ATTRIB_TAG, _SIZE_TAG = 0x1A, 0x22, 0x12, 0x22
_ASK_TAG, _BID_SIZE_TAG, _ASK_SIZE_TAG = 0x21, 0x2A, 0x32
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


def _time(message: Any) -> int:
    time: int = message.time
    return time


def _trade_attributes(message: Any) -> tuple[bool, bool]:
    attrib = message.tickAttribLast
    return attrib.pastLimit, attrib.unreported


def _quote_attributes(message: Any) -> tuple[bool, bool]:
    attrib = message.tickAttribBidAsk
    return attrib.bidPastLow, attrib.askPastHigh


def _trade_tail(message: Any) -> tuple[str, str]:
    exchange, conditions = _last_defaults()
    return (
        message.exchange if message.HasField("exchange") else exchange,
        message.specialConditions if message.HasField("specialConditions") else conditions,
    )


def tick_by_tick_kinds(sink: Sink) -> tuple[Kind, ...]:
    """How trades and quotes are read; midpoints are few, and go the long way.

    The head ends with the tag of the one field that follows to the end: a message of its own, whose
    time and attributes stand before its first price. A time of today has five bytes, and its tag;
    the attributes' tag stands behind it, or the price's. Times, attributes, sizes, and exchange
    with conditions are looked up apart: together they are too many.
    """
    return (
        Kind("TickByTickData", _LAST_TAG, sink, _trades(sink), types=_TRADES),
        Kind("TickByTickData", _BID_ASK_TAG, sink, _quotes(sink), types=_QUOTES),
    )


def _trades(sink: Sink) -> Tell:
    times = _Parts("HistoricalTickLast", {"time"}, _time)
    attributes = _Parts("HistoricalTickLast", {"tickAttribLast"}, _trade_attributes)
    tails = _Parts("HistoricalTickLast", {"exchange", "specialConditions"}, _trade_tail)
    known_times, known_attributes, known_tails = times.known, attributes.known, tails.known
    decimals, failed, price_and_size = DECIMALS, sink.failed, PRICE_AND_SIZE

    def trade(data: bytes, middle: int, end: int, head: Head) -> bool | None:
        if not data[middle] == end - middle - 1 < 128:
            return True
        place = middle + (10 + data[middle + 8] if data[middle + 7] == _ATTRIB_TAG else 8)
        price, tag, length = price_and_size(data, place)
        if tag != _SIZE_TAG:
            return True
        after = place + 10 + length
        try:
            time = known_times[data[middle + 1 : middle + 7]]
            past_limit, unreported = known_attributes[data[middle + 7 : place]]
            exchange, conditions = known_tails[data[after:end]]
        except KeyError:
            known = (
                times.learn(data[middle + 1 : middle + 7])
                and attributes.learn(data[middle + 7 : place], tag=PRICE_TAG)
                and tails.learn(data[after:end])
            )
            return trade(data, middle, end, head) if known else True
        size = decimals[data[place + 9 : after]]
        attrib = TickAttribLast()
        if past_limit:
            attrib.pastLimit = True
        if unreported:
            attrib.unreported = True
        req_id, tick_type, calls, _ = head
        function = calls.tickByTickAllLast
        try:
            function(req_id, tick_type, time, price, size, attrib, exchange, conditions)
        except BaseException as error:  # noqa: BLE001  (who is told says what it means)
            failed(function, error)
        return None

    return trade


def _quotes(sink: Sink) -> Tell:
    times = _Parts("HistoricalTickBidAsk", {"time"}, _time)
    attributes = _Parts("HistoricalTickBidAsk", {"tickAttribBidAsk"}, _quote_attributes)
    known_times, known_attributes = times.known, attributes.known
    decimals, failed, quotes = DECIMALS, sink.failed, _QUOTE

    def quote(data: bytes, middle: int, end: int, head: Head) -> bool | None:
        if not data[middle] == end - middle - 1 < 128:
            return True
        place = middle + (10 + data[middle + 8] if data[middle + 7] == _ATTRIB_TAG else 8)
        try:
            time = known_times[data[middle + 1 : middle + 7]]
            past_low, past_high = known_attributes[data[middle + 7 : place]]
        except KeyError:
            known = times.learn(data[middle + 1 : middle + 7]) and attributes.learn(
                data[middle + 7 : place], tag=PRICE_TAG
            )
            return quote(data, middle, end, head) if known else True
        # A tag before the second price, and before each of the sizes, which end the message.
        bid, ask_tag, ask, bid_size_tag, length = quotes(data, place)
        second = place + 19 + length
        if ask_tag != _ASK_TAG or bid_size_tag != _BID_SIZE_TAG or data[second] != _ASK_SIZE_TAG:
            return True
        bid_size, ask_size = decimals[data[place + 18 : second]], decimals[data[second + 1 : end]]
        attrib = TickAttribBidAsk()
        if past_low:
            attrib.bidPastLow = True
        if past_high:
            attrib.askPastHigh = True
        function = head[2].tickByTickBidAsk
        try:
            function(head[0], time, bid, ask, bid_size, ask_size, attrib)
        except BaseException as error:  # noqa: BLE001
            failed(function, error)
        return None

    return quote
