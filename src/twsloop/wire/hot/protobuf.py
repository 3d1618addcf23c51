"""Prices, sizes, strings and numbers in protobuf, by the bytes they are made of (see `heads`)."""

from __future__ import annotations

from decimal import Decimal
from struct import Struct
from typing import Any

from ibapi.common import TickAttrib
from ibapi.const import UNSET_DECIMAL
from ibapi.ticktype import TickTypeEnum

from twsloop.wire.messages import message_class

from .caches import Decimals, Strings
from .calls import Sink
from .heads import Head, Kind, Tell, has_only

__all__ = ["DECIMALS", "DOUBLE", "PRICE_AND_SIZE", "PRICE_TAG", "tick_kinds"]

#: Reads a double, little-endian; and one with the tag and the length behind it.
DOUBLE = Struct("<d").unpack_from
PRICE_AND_SIZE = Struct("<dBB").unpack_from

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


def _flags(mask: int) -> tuple[bool, bool, bool] | None:
    """The attributes of a price: a value for each, or None where none is set."""
    return (mask & 1 != 0, mask & 2 != 0, mask & 4 != 0) if mask & 7 else None


#: What may stand behind a price's size: nothing, or a mask of one byte.
_FLAGS = {b"": None} | {bytes((_MASK_TAG, mask)): _flags(mask) for mask in range(128)}


def _no_size(fields: bytes) -> tuple[Any, tuple[bool, bool, bool] | None]:
    """What follows a price that no size stands behind.

    Where nothing follows, a message that ends within its price would look the same.

    Raises:
        ValueError: It is built otherwise.
    """
    message = message_class("TickPrice").FromString(fields)
    if not fields or not has_only(message, fields, {"size", "attrMask"}):
        raise ValueError(fields)
    size = Decimal(message.size) if message.HasField("size") else UNSET_DECIMAL
    return size, _flags(message.attrMask)


def _prices(sink: Sink) -> Tell:
    flags_of, decimals, failed, price_and_size = _FLAGS, DECIMALS, sink.failed, PRICE_AND_SIZE

    def price(data: bytes, middle: int, end: int, head: Head) -> None:
        value, tag, length = price_and_size(data, middle)
        after = middle + 10 + length
        if tag == _SIZE_TAG and length < 128 and after <= end:
            # Sizes are many, masks few: they are looked up apart.
            size = decimals[data[middle + 9 : after]]
            flags = flags_of[data[after:end]]
        else:
            size, flags = _no_size(data[middle + 8 : end])
        req_id, tick_type, calls, size_type = head
        attrib = TickAttrib()
        if flags is not None:
            attrib.canAutoExecute, attrib.pastLimit, attrib.preOpen = flags
        function = calls.tickPrice
        try:
            function(req_id, tick_type, value, attrib)
        except BaseException as error:  # noqa: BLE001  (who is told says what it means)
            failed(function, error)
        if size_type is not None:
            function = calls.tickSize
            try:
                function(req_id, size_type, size)
            except BaseException as error:  # noqa: BLE001
                failed(function, error)

    return price


def _sizes(sink: Sink) -> Tell:
    decimals, failed = DECIMALS, sink.failed

    def size(data: bytes, middle: int, end: int, head: Head) -> None:
        value = decimals[data[middle:end]]
        function = head[2].tickSize
        try:
            function(head[0], head[1], value)
        except BaseException as error:  # noqa: BLE001
            failed(function, error)

    return size


def _texts(sink: Sink) -> Tell:
    strings, failed = STRINGS, sink.failed

    def text(data: bytes, middle: int, end: int, head: Head) -> None:
        value = strings[data[middle:end]]
        function = head[2].tickString
        try:
            function(head[0], head[1], value)
        except BaseException as error:  # noqa: BLE001
            failed(function, error)

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
