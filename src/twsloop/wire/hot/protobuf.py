"""Prices, sizes, strings and numbers in protobuf, by the bytes they are made of (see `heads`)."""

from __future__ import annotations

from struct import Struct
from typing import Any

from ibapi.common import TickAttrib
from ibapi.const import UNSET_DECIMAL
from ibapi.ticktype import TickTypeEnum

from twsloop.wire.messages import message_class

from .caches import LONGEST, Decimals, Strings, keep
from .calls import Sink
from .heads import Head, Kind, Tell, has_only

__all__ = ["DECIMALS", "DOUBLE", "PRICE_TAG", "tick_kinds"]

#: Reads a double, little-endian.
DOUBLE = Struct("<d").unpack_from

#: Tags, as bytes on the wire: field number * 8 + wire type.
PRICE_TAG, _TEXT_TAG, _SIZE_TAG, _MASK_TAG = 0x19, 0x1A, 0x22, 0x28

#: Shared by all: a size is a size.
DECIMALS = Decimals()
STRINGS = Strings()


def tick_kinds(sink: Sink) -> dict[int, tuple[Kind, ...]]:
    """How ticks are read, by number without the protobuf offset."""
    none = TickTypeEnum.NOT_SET
    return {
        1: (Kind("TickPrice", PRICE_TAG, sink, _prices(sink)),),
        2: (Kind("TickSize", _TEXT_TAG, sink, _sizes(sink), but=none),),
        45: (Kind("TickGeneric", PRICE_TAG, sink, _numbers(sink), but=none),),
        46: (Kind("TickString", _TEXT_TAG, sink, _texts(sink), but=none),),
    }


class _PriceTails:
    """What may follow a price, and is known: a size, a mask. Never nothing: see `learn`."""

    def __init__(self) -> None:
        self.known: dict[bytes, tuple[Any, int]] = {}

    def learn(self, tail: bytes) -> bool:
        """Read one that is not known; False if it is none.

        Where nothing follows, a message that ends within its price would look the same; and what is
        long comes no second time.
        """
        if not 0 < len(tail) <= LONGEST:
            return False
        # Nearly all are a size and a mask of one byte each: sizes are many, and must not cost much.
        length = tail[1] if tail[0] == _SIZE_TAG and tail[1] < 128 else len(tail)
        if len(tail) == length + 4 and tail[-2] == _MASK_TAG and tail[-1] < 128:
            keep(self.known, tail, (DECIMALS[tail[2:-2]], tail[-1] & 7))
            return True
        message = message_class("TickPrice").FromString(tail)
        if not has_only(message, tail, {"size", "attrMask"}):
            return False
        size = DECIMALS[message.size.encode()] if message.HasField("size") else UNSET_DECIMAL
        keep(self.known, tail, (size, message.attrMask & 7))
        return True


def _prices(sink: Sink) -> Tell:
    tails, failed = _PriceTails(), sink.failed
    known = tails.known

    def price(data: bytes, middle: int, end: int, head: Head) -> bool | None:
        tail = data[middle + 8 : end]
        try:
            size, mask = known[tail]
        except KeyError:
            return price(data, middle, end, head) if tails.learn(tail) else True
        req_id, tick_type, calls, size_type = head
        attrib = TickAttrib()
        if mask:
            attrib.canAutoExecute = mask & 1 != 0
            attrib.pastLimit = mask & 2 != 0
            attrib.preOpen = mask & 4 != 0
        function = calls.tickPrice
        try:
            function(req_id, tick_type, DOUBLE(data, middle)[0], attrib)
        except BaseException as error:  # noqa: BLE001  (who is told says what it means)
            failed(function, error)
        if size_type is not None:
            function = calls.tickSize
            try:
                function(req_id, size_type, size)
            except BaseException as error:  # noqa: BLE001
                failed(function, error)
        return None

    return price


def _sizes(sink: Sink) -> Tell:
    decimals, failed = DECIMALS, sink.failed

    def size(data: bytes, middle: int, end: int, head: Head) -> bool | None:
        if data[middle] != end - middle - 1 or data[middle] > 127:
            return True
        value = decimals[data[middle + 1 : end]]
        function = head[2].tickSize
        try:
            function(head[0], head[1], value)
        except BaseException as error:  # noqa: BLE001
            failed(function, error)
        return None

    return size


def _texts(sink: Sink) -> Tell:
    strings, failed = STRINGS, sink.failed

    def text(data: bytes, middle: int, end: int, head: Head) -> bool | None:
        if data[middle] != end - middle - 1 or data[middle] > 127:
            return True
        value = strings[data[middle + 1 : end]]
        function = head[2].tickString
        try:
            function(head[0], head[1], value)
        except BaseException as error:  # noqa: BLE001
            failed(function, error)
        return None

    return text


def _numbers(sink: Sink) -> Tell:
    failed = sink.failed

    def number(data: bytes, middle: int, end: int, head: Head) -> bool | None:
        if end != middle + 8:
            return True
        function = head[2].tickGeneric
        try:
            function(head[0], head[1], DOUBLE(data, middle)[0])
        except BaseException as error:  # noqa: BLE001
            failed(function, error)
        return None

    return number
