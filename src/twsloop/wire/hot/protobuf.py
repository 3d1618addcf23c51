"""Prices, sizes, strings and numbers in protobuf, by the bytes they are made of.

Theory of operation. To parse such a message as protobuf costs more than all the rest of its way.
Yet most of its bytes have come before: the id and the tick type stand in front, and come again with
each tick of that line; sizes and exchanges are few. Only the price is new, and that is eight bytes
in a known place. So a message is cut into pieces, each of which is looked up as it is; one that is
not known is parsed by protobuf's own parser, once, and kept with what it said.

Why this gives the same values as to parse the whole. A protobuf message is a sequence of fields,
and any part that begins and ends between two of them is a message of the same type; the whole means
what its parts mean, one after the other, where no field stands in two of them. A *head* is kept
when the parser takes it for the id and the type and nothing else, and the byte behind it is the tag
of the one field that is expected next; being kept by its bytes, it says the same wherever a message
begins with them. A *tail* is kept when the parser takes it for fields of which the message has none
yet. What is built otherwise (another order, longer lengths, a field twice) fits no head and no
tail, and declines.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import Any

from ibapi.common import TickAttrib
from ibapi.const import UNSET_DECIMAL

from twsloop.ids import FIRST_REQUEST_ID
from twsloop.wire.messages import message_class
from twsloop.wire.ticks import SIZE_OF_PRICE

from .caches import Decimals, Strings, keep
from .calls import Calls, Sink

__all__ = ["Handler", "Heads", "calls_for", "has_only", "tick_handlers"]

#: Given the bytes, and where the fields of a message begin and end. True: it declines.
Handler = Callable[[bytes, int, int], bool | None]

#: Reads a double, little-endian.
DOUBLE = Struct("<d").unpack_from

#: Tags, as bytes on the wire: field number * 8 + wire type.
PRICE_TAG, _TEXT_TAG, _SIZE_TAG, _MASK_TAG = 0x19, 0x1A, 0x22, 0x28

#: Shared by all: a size is a size.
DECIMALS = Decimals()
STRINGS = Strings()


def calls_for(sink: Sink, req_id: int) -> Calls:
    """Whom a request id concerns."""
    return sink.low if req_id < FIRST_REQUEST_ID else sink.high


def _read_head(kind: str, data: bytes, begin: int, end: int, tag: int) -> Any:
    """The message that a head is, if it is one: an id, a type, and the tag of what follows."""
    if data[end - 1] != tag:
        return None
    message = message_class(kind).FromString(data[begin : end - 1])
    names = [field.name for field, _ in message.ListFields()]
    # Made anew it has to be the same bytes: in their order, each field once, nothing beside them.
    same = message.SerializeToString() == data[begin : end - 1]
    return message if names == ["reqId", "tickType"] and same else None


def tick_handlers(sink: Sink) -> dict[int, Handler]:
    """The decoders of ticks, by number without the protobuf offset."""
    return {
        1: _prices(sink),
        2: _sizes(sink),
        45: _numbers(sink),
        46: _texts(sink),
    }


class Heads:
    """The heads of one kind of message that are known.

    Args:
        kind: Its protobuf class.
        tag: The tag of the field that follows.
        sink: Who is told.
        types: The tick types that it may name; any unless told otherwise.
    """

    def __init__(self, kind: str, tag: int, sink: Sink, types: tuple[int, ...] = ()) -> None:
        #: Head -> id, type, whom it concerns, the type of a size that comes with a price of this
        #: type. A plain dictionary is looked up the fastest.
        self.known: dict[bytes, tuple[int, int, Calls, int | None]] = {}
        self._kind = kind
        self._tag = tag
        self._sink = sink
        self._types = types

    def learn(self, data: bytes, begin: int, middle: int) -> bool:
        """Read one that is not known; False if it is none."""
        message = _read_head(self._kind, data, begin, middle, self._tag)
        if message is None or (self._types and message.tickType not in self._types):
            return False
        req_id, tick_type = message.reqId, message.tickType
        told = req_id, tick_type, calls_for(self._sink, req_id), SIZE_OF_PRICE.get(tick_type)
        keep(self.known, data[begin:middle], told)
        return True


def _prices(sink: Sink) -> Handler:
    heads, tails, failed = Heads("TickPrice", PRICE_TAG, sink), _PriceTails(), sink.failed
    known_heads, known_tails = heads.known, tails.known

    def learn(data: bytes, begin: int, middle: int, end: int) -> bool | None:
        tail = data[middle + 8 : end]
        if data[begin:middle] not in known_heads and not heads.learn(data, begin, middle):
            return True
        if tail not in known_tails and not tails.learn(tail):
            return True
        return price(data, begin, end)

    def price(data: bytes, begin: int, end: int) -> bool | None:
        # ``08`` id ``10`` type, and one tag. The id has one to five bytes (the framework's own have
        # five), the type one; where it is built otherwise no head is found there. Written out where
        # it is needed: to call it would cost as much as all the rest of it.
        middle = begin + (
            5 if data[begin + 1] < 128 else 9 if data[begin + 4] > 127
            else 6 if data[begin + 2] < 128 else 7 if data[begin + 3] < 128 else 8
        )  # fmt: skip
        try:
            req_id, tick_type, calls, size_type = known_heads[data[begin:middle]]
            size, mask = known_tails[data[middle + 8 : end]]
        except KeyError:
            return learn(data, begin, middle, end)
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


def has_only(message: Any, fields: bytes, names: set[str]) -> bool:
    """Whether these bytes are these fields and nothing that the parser passed over."""
    found = {field.name for field, _ in message.ListFields()}
    return found <= names and message.SerializeToString() == fields


class _PriceTails:
    """What may follow a price, and is known: a size, a mask. Never nothing: see `learn`."""

    def __init__(self) -> None:
        self.known: dict[bytes, tuple[Any, int]] = {}

    def learn(self, tail: bytes) -> bool:
        """Read one that is not known; False if it is none.

        Where nothing follows, a message that ends within its price would look the same.
        """
        if not tail:
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


def _sizes(sink: Sink) -> Handler:
    heads, failed = Heads("TickSize", _TEXT_TAG, sink), sink.failed
    known, decimals = heads.known, DECIMALS

    def size(data: bytes, begin: int, end: int) -> bool | None:
        middle = begin + (
            5 if data[begin + 1] < 128 else 9 if data[begin + 4] > 127
            else 6 if data[begin + 2] < 128 else 7 if data[begin + 3] < 128 else 8
        )  # fmt: skip
        try:
            req_id, tick_type, calls, _ = known[data[begin:middle]]
        except KeyError:
            return size(data, begin, end) if heads.learn(data, begin, middle) else True
        if data[middle] != end - middle - 1 or data[middle] > 127:
            return True
        value = decimals[data[middle + 1 : end]]
        function = calls.tickSize
        try:
            function(req_id, tick_type, value)
        except BaseException as error:  # noqa: BLE001
            failed(function, error)
        return None

    return size


def _texts(sink: Sink) -> Handler:
    heads, failed = Heads("TickString", _TEXT_TAG, sink), sink.failed
    known, strings = heads.known, STRINGS

    def text(data: bytes, begin: int, end: int) -> bool | None:
        middle = begin + (
            5 if data[begin + 1] < 128 else 9 if data[begin + 4] > 127
            else 6 if data[begin + 2] < 128 else 7 if data[begin + 3] < 128 else 8
        )  # fmt: skip
        try:
            req_id, tick_type, calls, _ = known[data[begin:middle]]
        except KeyError:
            return text(data, begin, end) if heads.learn(data, begin, middle) else True
        if data[middle] != end - middle - 1 or data[middle] > 127:
            return True
        value = strings[data[middle + 1 : end]]
        function = calls.tickString
        try:
            function(req_id, tick_type, value)
        except BaseException as error:  # noqa: BLE001
            failed(function, error)
        return None

    return text


def _numbers(sink: Sink) -> Handler:
    heads, failed = Heads("TickGeneric", PRICE_TAG, sink), sink.failed
    known = heads.known

    def number(data: bytes, begin: int, end: int) -> bool | None:
        middle = begin + (
            5 if data[begin + 1] < 128 else 9 if data[begin + 4] > 127
            else 6 if data[begin + 2] < 128 else 7 if data[begin + 3] < 128 else 8
        )  # fmt: skip
        try:
            req_id, tick_type, calls, _ = known[data[begin:middle]]
        except KeyError:
            return number(data, begin, end) if heads.learn(data, begin, middle) else True
        if end != middle + 8:
            return True
        function = calls.tickGeneric
        try:
            function(req_id, tick_type, DOUBLE(data, middle)[0])
        except BaseException as error:  # noqa: BLE001
            failed(function, error)
        return None

    return number
