"""The beginnings of messages: what a tick starts with comes again with each tick of its line.

Theory of operation. To parse a tick as protobuf costs more than all the rest of its way. Yet most
of its bytes have come before: the id and the tick type stand in front, and come again with each
tick of that line; sizes and exchanges are few. Only the price is new, and that is eight bytes in a
known place. So a message is cut into pieces, each of which is looked up as it is; one that is not
known is parsed by protobuf's own parser, once, and kept with what it said.

Why this gives the same values as to parse the whole. A protobuf message is a sequence of fields,
and any part that begins and ends between two of them is a message of the same type; the whole means
what its parts mean, one after the other, where no field stands in two of them. A *head* is kept
when the parser takes it for the id and the type and nothing else, and the byte behind it is the tag
of the one field that is expected next; being kept by its bytes, it says the same wherever a message
begins with them. A *tail* is kept when the parser takes it for fields of which the message has none
yet. What is built otherwise (another order, longer lengths, a field twice) fits no head and no
tail, and declines.

A `Starts` goes one step further: it keeps heads together with the frame's length and the message's
number before them, so that one look says where the message ends, what it is, and whom it concerns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twsloop.ids import FIRST_REQUEST_ID
from twsloop.wire.framing import LENGTH_SIZE
from twsloop.wire.messages import message_class
from twsloop.wire.ticks import SIZE_OF_PRICE

from .caches import keep
from .calls import Calls, Sink

__all__ = ["SHORT", "Head", "Kind", "Start", "Starts", "Tell", "has_only"]

#: A request id, a tick type, whom they concern, and the type of the size that comes with a price of
#: this type.
Head = tuple[int, int, Calls, int | None]
#: Given the bytes, where the head ends and where the message does, and the head. True: it declines.
Tell = Callable[[bytes, int, int, Head], bool | None]
#: A frame's size with its length, the size of what is known of it, and how it is told. A size of 0:
#: so many bytes have to be looked at.
Start = tuple[int, int, Tell, Head]

#: Length, number, and the head of a message whose id is one byte.
SHORT = LENGTH_SIZE + 4 + 5
#: How many beginnings are kept: lines, times tick types, times lengths.
MOST_STARTS = 32_768
_NOBODY: Head = (0, 0, Calls(), None)


class Kind:
    """One kind of message that begins with a head.

    Args:
        proto: Its protobuf class.
        tag: The tag of the field that follows the head.
        sink: Who is told.
        tell: Tells a message, given its head.
        types: The tick types that the head may name; any unless told otherwise.
        but: The one that it may not name: IB's decoder tells nothing of it.
    """

    def __init__(
        self,
        proto: str,
        tag: int,
        sink: Sink,
        tell: Tell,
        *,
        types: tuple[int, ...] = (),
        but: int | None = None,
    ) -> None:
        self.tell = tell
        self._proto = proto
        self._tag = tag
        self._sink = sink
        self._types = types
        self._but = but
        self._known: dict[bytes, Head] = {}

    def find(self, data: bytes, begin: int) -> tuple[int, Head] | None:
        """Read the head of a message.

        It is ``08`` id ``10`` type, and a tag. The id has one to five bytes (the framework's own
        have five), the type has one. Where it is built otherwise no head is found.

        Args:
            data: The bytes.
            begin: Where the fields of the message begin.

        Returns:
            Where it ends, and what it says; None for no head of this kind.
        """
        middle = begin + (
            5 if data[begin + 1] < 128 else 9 if data[begin + 4] > 127
            else 6 if data[begin + 2] < 128 else 7 if data[begin + 3] < 128 else 8
        )  # fmt: skip
        if data[middle - 1] != self._tag:
            return None
        key = data[begin:middle]
        head = self._known.get(key)
        if head is None:
            head = self._read(key[:-1])
            if head is None:
                return None
            keep(self._known, key, head)
        return middle, head

    def _read(self, fields: bytes) -> Head | None:
        message = message_class(self._proto).FromString(fields)
        names = [field.name for field, _ in message.ListFields()]
        # Made anew it has to be the same bytes: in their order, each field once.
        if names != ["reqId", "tickType"] or message.SerializeToString() != fields:
            return None
        req_id, tick_type = message.reqId, message.tickType
        if tick_type == self._but or (self._types and tick_type not in self._types):
            return None
        calls = self._sink.low if req_id < FIRST_REQUEST_ID else self._sink.high
        return req_id, tick_type, calls, SIZE_OF_PRICE.get(tick_type)


class Starts:
    """The beginnings of frames that are known.

    Attributes:
        known: A frame's first bytes -> what they say. Those of `SHORT` bytes say all, or how many
            more have to be looked at.
    """

    def __init__(self) -> None:
        self.known: dict[bytes, Start] = {}

    def learn(self, frame: bytes, middle: int, head: Head, tell: Tell) -> None:
        """Keep how a frame begins.

        Args:
            frame: All of it, its length included.
            middle: Where its head ends.
            head: What that says.
            tell: How it is told.
        """
        if len(self.known) >= MOST_STARTS:
            self.known.clear()
        self.known[frame[:middle]] = len(frame), middle, tell, head
        if middle > SHORT:
            self.known[frame[:SHORT]] = 0, middle, tell, _NOBODY


def has_only(message: Any, fields: bytes, names: set[str]) -> bool:
    """Whether these bytes are these fields, each at most once, in their order.

    Args:
        message: What the parser made of the bytes.
        fields: The bytes.
        names: The fields that there may be.
    """
    found = {field.name for field, _ in message.ListFields()}
    return found <= names and bool(message.SerializeToString() == fields)
