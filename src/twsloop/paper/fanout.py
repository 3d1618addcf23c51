"""From changes of a book to frames for every line that watches it, encoded once per kind.

Theory of operation. All subscribers of an instrument are told the same messages, but each under its
own request id, and not all in the same encoding. A message is encoded once per **kind** (protobuf,
or the text of one server version; and the unit that volume is told in), without its request id:

- protobuf fields may come in any order and the request id is field 1 of every tick message, so a
  frame is: length, number, ``08 <varint request id>``, the rest (reference ``protocol.md`` H.2);
- a text body is encoded with a request id that occurs nowhere else and cut there.

What is left per line is to join three pieces.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from twsloop.wire import codec
from twsloop.wire.messages import INBOUND_BY_NAME, RAW_ID_SINCE

from . import ticks
from .client import Line, TickFrame, varint
from .market import Change
from .ticks import Tick

__all__ = ["Encoder", "line_mark", "tick_key"]

#: A request id that stands for the line's own while a text body is encoded.
PLACEHOLDER = 2_147_483_646
_CUT = b"\0%d\0" % PLACEHOLDER
_REQ_ID_TAG = b"\x08"

#: What is encoded: the key to conflate by, and the body before and after the request id.
Piece = tuple[object, bytes, bytes]


def line_mark(req_id: int, server_version: int) -> bytes:
    """A request id as the pieces of `Encoder` need it."""
    if server_version >= RAW_ID_SINCE:
        return _REQ_ID_TAG + varint(req_id)
    return b"\0%d\0" % req_id


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

    __slots__ = ("_changed", "_pieces", "_told")

    def __init__(self, changed: Sequence[Change]) -> None:
        self._changed = changed
        self._told: dict[int, list[Tick]] = {}
        self._pieces: dict[tuple[int, int], list[Piece]] = {}

    def frames(self, line: Line) -> Iterator[TickFrame]:
        """The frames that tell this line of the changes."""
        version = line.client.server_version
        kind = (min(version, RAW_ID_SINCE), line.volume_unit)
        pieces = self._pieces.get(kind)
        if pieces is None:
            pieces = encode(self._ticks(line.volume_unit), version)
            self._pieces[kind] = pieces
        return frames(pieces, line.mark)

    def _ticks(self, unit: int) -> list[Tick]:
        told = self._told.get(unit)
        if told is None:
            told = self._told[unit] = ticks.changes(self._changed, volume_unit=unit)
        return told


def encode(told: Iterable[Tick], server_version: int) -> list[Piece]:
    """The pieces of some ticks at a server version; a tick it does not have is left out."""
    return [
        _piece(tick, server_version)
        for tick in told
        if server_version >= INBOUND_BY_NAME[tick.name].since
    ]
