"""From changes of a book to frames for every line that watches it, encoded once per kind.

Theory of operation. All subscribers of an instrument are told the same messages, but each under its
own request id, and not all in the same encoding. A message is encoded once per **kind** (protobuf,
or the text of one server version; and the unit that volume is told in), without its request id:

- protobuf fields may come in any order and the request id is field 1 of every tick message, so a
  frame is: length, number, ``08 <varint request id>``, the rest (reference ``protocol.md`` H.2);
- a text body is encoded with a request id that occurs nowhere else and cut there.

What is left per line is to put its request id between the pieces: for all messages of an event at
once, `bytes.join` with the id as the separator, because the lengths in between are the same for all
ids of one size.

The ticks that make up the stream (prices, sizes, strings) are packed by hand, without a protobuf
object; a test compares every byte with the codec's.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from twsloop.paper.market import ticks
from twsloop.paper.market.ticks import Plain, Tick
from twsloop.paper.market.vocabulary import Change
from twsloop.wire import codec
from twsloop.wire.kinds import FRACTIONAL_SIZES_SINCE
from twsloop.wire.messages import INBOUND_BY_NAME, PROTOBUF_OFFSET, RAW_ID_SINCE

from .client import Line, TickFrame, varint

__all__ = ["Encoder", "Kind", "line_kind", "line_mark", "tick_key"]

#: From this server version on every tick is protobuf.
PROTOBUF_SINCE = 213
#: A request id that stands for the line's own while a text body is encoded.
PLACEHOLDER = 2_147_483_646
_CUT = b"\0%d\0" % PLACEHOLDER
_REQ_ID_TAG = b"\x08"

#: What is encoded: the key to conflate by, and the body before and after the request id.
Piece = tuple[object, bytes, bytes]
#: What decides how a line is told: encoding (a server version), unit of volume, size of its mark.
Kind = tuple[int, int, int]


def line_mark(req_id: int, server_version: int) -> bytes:
    """A request id as the pieces of `Encoder` need it."""
    if server_version >= RAW_ID_SINCE:
        return _REQ_ID_TAG + varint(req_id)
    return b"\0%d\0" % req_id


def line_kind(line: Line, server_version: int) -> Kind:
    """The kind of a line that has its mark."""
    return min(server_version, PROTOBUF_SINCE), line.volume_unit, len(line.mark)


def tick_key(tick: Tick) -> object:
    """What a tick conflates by: its message and tick type."""
    return tick.name, getattr(tick.message, "tickType", 0)


def _piece(tick: Tick, server_version: int) -> Piece:
    message: Any = tick.message
    if server_version >= RAW_ID_SINCE:
        body = codec.encode(INBOUND_BY_NAME[tick.name], message, server_version)
        return tick_key(tick), body[:4], body[4:]
    message.reqId = PLACEHOLDER
    try:
        body = codec.encode(INBOUND_BY_NAME[tick.name], message, server_version)
    finally:
        message.ClearField("reqId")
    head, _, tail = body.partition(_CUT)
    return tick_key(tick), head, tail


def frames(pieces: Sequence[Piece], mark: bytes) -> Iterator[TickFrame]:
    """The frames of one line."""
    for key, head, tail in pieces:
        length = len(head) + len(mark) + len(tail)
        yield key, b"".join((length.to_bytes(4, "big"), head, mark, tail))


class Encoder:
    """Encodes the changes of one event, once per kind of line.

    Args:
        changed: What `TopOfBook.apply` returned.
    """

    __slots__ = ("_changed", "_pieces", "_segments", "_told")

    def __init__(self, changed: Sequence[Change]) -> None:
        self._changed = changed
        self._told: dict[int, list[Plain]] = {}
        self._pieces: dict[tuple[int, int], list[Piece]] = {}
        self._segments: dict[Kind, list[bytes]] = {}

    def data(self, line: Line) -> tuple[bytes, int]:
        """All frames that tell this line of the changes, in one, and how many they are."""
        kind = line.kind
        segments = self._segments.get(kind)
        if segments is None:
            segments = self._segments[kind] = _segments(self._encoded(kind[0], kind[1]), kind[2])
        return line.mark.join(segments), len(segments) - 1

    def frames(self, line: Line) -> Iterator[TickFrame]:
        """The frames one by one, each with the key that it conflates by."""
        return frames(self._encoded(line.kind[0], line.kind[1]), line.mark)

    def _encoded(self, version: int, unit: int) -> list[Piece]:
        kind = (version, unit)
        pieces = self._pieces.get(kind)
        if pieces is None:
            told = self._told.get(unit)
            if told is None:
                told = self._told[unit] = ticks.plain(self._changed, volume_unit=unit)
            pieces = self._pieces[kind] = pack(told, version)
        return pieces


def _segments(pieces: Sequence[Piece], mark_size: int) -> list[bytes]:
    """What stands before, between and after the request ids of some frames."""
    if not pieces:
        return [b""]
    segments: list[bytes] = []
    tail = b""
    for _, head, following in pieces:
        length = len(head) + mark_size + len(following)
        segments.append(tail + length.to_bytes(4, "big") + head)
        tail = following
    segments.append(tail)
    return segments


def encode(told: Iterable[Tick], server_version: int) -> list[Piece]:
    """The pieces of some ticks at a server version; a tick it does not have is left out."""
    return [
        _piece(tick, server_version)
        for tick in told
        if server_version >= INBOUND_BY_NAME[tick.name].since
    ]


# ---- packed by hand --------------------------------------------------------------------------


def pack(told: Iterable[Plain], server_version: int) -> list[Piece]:
    """The pieces of plain ticks: as `encode` of their messages, byte for byte."""
    if server_version >= PROTOBUF_SINCE:
        packers = _PROTOBUF
    elif FRACTIONAL_SIZES_SINCE <= server_version < RAW_ID_SINCE:
        packers = _TEXT
    else:
        return encode([ticks.message_of(one) for one in told], server_version)
    pieces: list[Piece] = []
    for one in told:
        packer = packers.get(one[0])
        if packer is not None:
            pieces.append(packer(*one))
        else:
            pieces += encode([ticks.message_of(one)], server_version)
    return pieces


def _protobuf_head(name: str) -> bytes:
    return (INBOUND_BY_NAME[name].number + PROTOBUF_OFFSET).to_bytes(4, "big")


_HEADS = {
    name: _protobuf_head(name) for name in ("tickPrice", "tickSize", "tickString", "tickGeneric")
}
_DOUBLE = struct.Struct("<d").pack
#: The tick types whose values never come again: volume, and the time of the last trade.
UNIQUE = frozenset({ticks.VOLUME, ticks.LAST_TIMESTAMP})


def _text_field(tag: bytes, text: str) -> bytes:
    data = text.encode()
    return tag + varint(len(data)) + data


# Prices and sizes come again and again, volumes and times never: those are not kept.
@functools.lru_cache(maxsize=32768)
def _price_protobuf(name: str, tick_type: int, price: float, size: str, mask: int) -> Piece:
    tail = b"\x10%c\x19%b%b\x28%c" % (tick_type, _DOUBLE(price), _text_field(b"\x22", size), mask)
    return (name, tick_type), _HEADS[name], tail


def _size_protobuf(name: str, tick_type: int, size: str) -> Piece:
    if tick_type in UNIQUE:
        return _text_protobuf(name, tick_type, size)
    return _kept_protobuf(name, tick_type, size)


def _text_protobuf(name: str, tick_type: int, text: str) -> Piece:
    return (name, tick_type), _HEADS[name], b"\x10%c%b" % (tick_type, _text_field(b"\x1a", text))


_kept_protobuf = functools.lru_cache(maxsize=32768)(_text_protobuf)


def _generic_protobuf(name: str, tick_type: int, value: float) -> Piece:
    return (name, tick_type), _HEADS[name], b"\x10%c\x19%b" % (tick_type, _DOUBLE(value))


@functools.lru_cache(maxsize=32768)
def _price_text(name: str, tick_type: int, price: float, size: str, mask: int) -> Piece:
    tail = f"{tick_type}\0{price!r}\0{size}\0{mask}\0".encode()
    return (name, tick_type), b"1\x006", tail


def _size_text(name: str, tick_type: int, size: str) -> Piece:
    return (name, tick_type), b"2\x006", f"{tick_type}\0{size}\0".encode()


def _string_text(name: str, tick_type: int, value: str) -> Piece:
    return (name, tick_type), b"46\x006", f"{tick_type}\0{value}\0".encode()


_PROTOBUF: dict[str, Any] = {
    "tickPrice": _price_protobuf,
    "tickSize": _size_protobuf,
    "tickString": _size_protobuf,  # the same fields
    "tickGeneric": _generic_protobuf,
}
_TEXT: dict[str, Any] = {
    "tickPrice": _price_text,
    "tickSize": _size_text,
    "tickString": _string_text,
}
