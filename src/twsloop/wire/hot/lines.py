"""Lines of the book and option computations in protobuf, by the bytes they are made of.

`heads` says how and why. A line of the book lies in a message of its own, whose first three fields
(place, operation, side) come again all the time: with the id before them they are the head. Of an
option computation it is id, type and basis, and eight prices follow. Where a message is built
otherwise (a value is absent, say) protobuf's parser reads it, as `rarer` has it.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import Any

from twsloop.ids import FIRST_REQUEST_ID
from twsloop.wire.messages import message_class

from .caches import keep
from .calls import Handler, Sink
from .heads import Kind, has_only
from .protobuf import DECIMALS, DOUBLE

__all__ = ["line_kinds"]

#: Tags: field number * 8 + wire type.
_LINE_TAG, _PRICE_TAG, _SIZE_TAG = 0x12, 0x21, 0x2A
#: The eight values of an option computation, and the tags between them.
_GREEKS = Struct("<dxdxdxdxdxdxdxd")
_GREEK_TAGS = b"\x29\x31\x39\x41\x49\x51\x59"


def line_kinds(sink: Sink, slow: dict[int, Handler]) -> dict[int, tuple[Kind, ...]]:
    """How these are read, by number without the protobuf offset.

    Args:
        sink: Who is told.
        slow: What reads a message that is built otherwise, by number.
    """
    return {
        12: (_Book("MarketDepth", sink, _depth(sink, slow[12])),),
        13: (_Book("MarketDepthL2", sink, _deep_book(sink, slow[13])),),
        21: (_Options("TickOptionComputation", sink, _greeks(sink, slow[21])),),
    }


def _after_number(data: bytes, place: int) -> int:
    """Where a number ends, of at most five bytes; too far on where it has more."""
    end = place + 1
    while data[end - 1] > 127 and end < place + 6:
        end += 1
    return end


class _Cut(Kind):
    """A kind of message whose head is its own affair.

    Args:
        proto: Its protobuf class.
        sink: Who is told.
        tell: Tells a message, given its head.
    """

    def __init__(self, proto: str, sink: Sink, tell: Callable[..., bool | None]) -> None:
        super().__init__(proto, _PRICE_TAG, sink, tell)

    def _calls(self, req_id: int) -> Any:
        return self._sink.low if req_id < FIRST_REQUEST_ID else self._sink.high

    @staticmethod
    def _message(proto: str, fields: bytes, names: set[str]) -> Any:
        """The message that bytes are, if they are just these fields; else None.

        There is no room among them for a field twice, or for an unknown one.
        """
        message = message_class(proto).FromString(fields)
        return message if {field.name for field, _ in message.ListFields()} == names else None


class _Book(_Cut):
    """``08`` id ``12`` length, and of the line ``08`` place ``10`` operation ``18`` side ``21``."""

    def find(self, data: bytes, begin: int) -> tuple[int, Any] | None:
        """The head: id, place, operation, side, whom they concern, and how many bytes follow."""
        line = _after_number(data, begin + 1)
        middle = line + 9
        if data[line] != _LINE_TAG or data[line + 1] > 127 or data[middle - 1] != _PRICE_TAG:
            return None
        told = self._message(self._proto, data[begin:line], {"reqId"})
        names = {"position", "operation", "side"}
        place = self._message("MarketDepthData", data[line + 2 : middle - 1], names)
        if told is None or place is None:
            return None
        rest = data[line + 1] - 7
        calls = self._calls(told.reqId)
        head = told.reqId, place.position, place.operation, place.side, calls, rest, middle - begin
        return middle, head


class _Options(_Cut):
    """``08`` id ``10`` type ``18`` basis ``21``."""

    def find(self, data: bytes, begin: int) -> tuple[int, Any] | None:
        """The head: id, type, basis, whom they concern."""
        middle = _after_number(data, begin + 1) + 5
        if data[middle - 1] != _PRICE_TAG:
            return None
        names = {"reqId", "tickType", "tickAttrib"}
        told = self._message(self._proto, data[begin : middle - 1], names)
        if told is None:
            return None
        calls = self._calls(told.reqId)
        return middle, (told.reqId, told.tickType, told.tickAttrib, calls, middle - begin)


class _Tails(dict[bytes, tuple[str, bool]]):
    """What may follow the size in a line of the book, and is known: whose it is, and of which."""

    __slots__ = ()

    def __missing__(self, tail: bytes) -> tuple[str, bool]:
        message = message_class("MarketDepthData").FromString(tail)
        if not has_only(message, tail, {"marketMaker", "isSmartDepth"}):
            raise ValueError(tail)
        value: tuple[str, bool] = keep(self, tail, (message.marketMaker, message.isSmartDepth))
        return value


def _depth(sink: Sink, slow: Handler) -> Callable[..., bool | None]:
    tails, decimals, failed = _Tails(), DECIMALS, sink.failed

    def depth(data: bytes, middle: int, end: int, head: Any) -> bool | None:
        req_id, position, operation, side, calls, rest, size_of_head = head
        after = middle + 10 + data[middle + 9]
        usual = data[middle + 8] == _SIZE_TAG and after <= end
        if not usual or end - middle != rest:
            return slow(data, middle - size_of_head, end)
        _ = tails[data[after:end]]
        size = decimals[data[middle + 9 : after]]
        function = calls.updateMktDepth
        try:
            function(req_id, position, operation, side, DOUBLE(data, middle)[0], size)
        except BaseException as error:  # noqa: BLE001  (who is told says what it means)
            failed(function, error)
        return None

    return depth


def _deep_book(sink: Sink, slow: Handler) -> Callable[..., bool | None]:
    tails, decimals, failed = _Tails(), DECIMALS, sink.failed

    def book(data: bytes, middle: int, end: int, head: Any) -> bool | None:
        req_id, position, operation, side, calls, rest, size_of_head = head
        after = middle + 10 + data[middle + 9]
        usual = data[middle + 8] == _SIZE_TAG and after <= end
        if not usual or end - middle != rest:
            return slow(data, middle - size_of_head, end)
        name, smart = tails[data[after:end]]
        size = decimals[data[middle + 9 : after]]
        (price,) = DOUBLE(data, middle)
        function = calls.updateMktDepthL2
        try:
            function(req_id, position, name, operation, side, price, size, smart)
        except BaseException as error:  # noqa: BLE001
            failed(function, error)
        return None

    return book


def _greeks(sink: Sink, slow: Handler) -> Callable[..., bool | None]:
    failed, values, length = sink.failed, _GREEKS.unpack_from, _GREEKS.size

    def greeks(data: bytes, middle: int, end: int, head: Any) -> bool | None:
        req_id, tick_type, attrib, calls, size_of_head = head
        if end - middle != length or data[middle + 8 : end : 9] != _GREEK_TAGS:
            return slow(data, middle - size_of_head, end)
        vol, delta, price, dividend, gamma, vega, theta, under = values(data, middle)
        function = calls.tickOptionComputation
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
