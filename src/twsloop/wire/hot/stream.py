"""Bytes to frames, and hot messages to calls, in Python; the package says what it is about."""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct

from twsloop.errors import FramingError
from twsloop.wire.framing import LENGTH_SIZE, MAX_FRAME
from twsloop.wire.messages import PROTOBUF_OFFSET, RAW_ID_SINCE

from .caches import keep
from .calls import HOT, Handler, Route, Sink
from .heads import SHORT, Head, Kind, Starts
from .lines import line_kinds
from .protobuf import tick_kinds
from .rarer import rest_handlers
from .text import handlers as text_handlers
from .tick_by_tick import tick_by_tick_kinds

__all__ = ["MessageStream"]

_LENGTH = Struct(">I").unpack_from
#: A length, and enough of the body for the id of any hot message in text, and its NUL.
TEXT_SHORT = LENGTH_SIZE + 4


def _skip(_data: bytes, _begin: int, _end: int) -> None:
    """Pass over a message that nobody hears."""


def _pass_over(_data: bytes, _middle: int, _end: int, _head: Head) -> None:
    """The same, of one whose beginning is known."""


def _decline(_data: bytes, _begin: int, _end: int) -> bool:
    """Leave a message to who can read it: here its head was none."""
    return True


class MessageStream:
    """Cuts one session's bytes into messages, and calls who hears them; one thread only.

    Args:
        version: The session's protocol version: says how ids are written.
        sink: Who is told of hot messages. Its `Calls` are read once, their functions at each call.
        other: Given each other message's body, id included.
        limit: The longest body that is accepted, in bytes.
    """

    def __init__(
        self,
        version: int,
        sink: Sink,
        other: Callable[[bytes], object],
        *,
        limit: int = MAX_FRAME,
    ) -> None:
        self._sink = sink
        self._other = other
        self._limit = limit
        self._raw = version >= RAW_ID_SINCE
        texts = text_handlers(version, sink)
        self._handlers: dict[int | bytes, Handler] = {}
        #: Number -> the keys by which it is found, and what decodes it.
        self._keys: dict[int, dict[int | bytes, Handler]] = {number: {} for number in HOT}
        #: How frames begin that come often, and the kinds of messages that do.
        self._starts = Starts()
        self._kinds: dict[int, tuple[Kind, ...]] = {}
        #: The same where ids are text: the frame's size, where the fields begin, what decodes them.
        self._text_starts: dict[bytes, tuple[int, int, Handler]] = {}
        if self._raw:
            rest = rest_handlers(sink)
            kinds = {**tick_kinds(sink), 99: tick_by_tick_kinds(sink), **line_kinds(sink, rest)}
            self._kinds = {PROTOBUF_OFFSET + number: kind for number, kind in kinds.items()}
            protobufs = {**dict.fromkeys(kinds, _decline), **rest}
            for number, keys in self._keys.items():
                keys[number] = texts[number]
                keys[PROTOBUF_OFFSET + number] = protobufs[number]
        else:
            for number, keys in self._keys.items():
                keys[b"%d\0" % number] = texts[number]
        for number in HOT:
            self.route(number, Route.HOT)
        #: What waits: bytes of a frame that is not whole, or all, while it is held.
        self._parts: list[bytes] = []
        self._waiting = 0
        #: How many bytes must wait before there is a whole frame.
        self._needed = 0
        #: The length of the frame that waits, if it cannot be.
        self._too_long = 0
        self._feeding = False
        self._stopped = self._held = False
        #: Either of the two. It is not looked at after each message: what is known of beginnings is
        #: forgotten when it is set, so that the next message is found to be a new one.
        self._halt = False
        self._error: FramingError | None = None

    @property
    def pending(self) -> int:
        """How many bytes of a frame wait that is not whole; 0 while it is held."""
        return 0 if self._held else self._waiting

    @property
    def held(self) -> bool:
        """Whether what comes waits until `release`."""
        return self._held

    def route(self, number: int, route: Route) -> None:
        """Say what becomes of a hot message from the next one on.

        Args:
            number: Its number, without the protobuf offset; one of `HOT`.
            route: Decoded here, handed on, or skipped.
        """
        for key, handler in self._keys[number].items():
            if route is Route.OTHER:
                self._handlers.pop(key, None)
            else:
                self._handlers[key] = handler if route is Route.HOT else _skip
        self._forget()

    def stop(self) -> None:
        """Hand nothing over any more: the session is over."""
        self._stopped = self._halt = True
        self._forget()
        self._parts.clear()
        self._waiting = 0

    def hold(self) -> None:
        """Called from within ``other``: its message is not over yet, and nothing may pass it.

        What comes waits for `release`.
        """
        self._held = self._halt = True
        self._forget()

    def _forget(self) -> None:
        """Know of no beginning any more: the next message is looked at anew."""
        self._starts.known.clear()
        self._text_starts.clear()

    def release(self) -> int:
        """The message that held the others up is over: go on with what waits.

        From within the very call that held, it takes that back.

        Returns:
            How many messages were whole.

        Raises:
            FramingError: As of `feed`.
        """
        if not self._held:
            return 0
        self._held, self._halt = False, self._stopped
        if self._feeding or self._stopped:
            return 0
        done = self._sink.message_done
        if done is not None:
            self._feeding = True  # it is a callback, too
            try:
                done()
            finally:
                self._feeding = False
        return self.feed(b"")

    def feed(self, data: bytes) -> int:
        """Take bytes in pieces of any size; hand over what is whole.

        Args:
            data: What came.

        Returns:
            How many messages were whole.

        Raises:
            FramingError: A length above the limit was announced. The messages before it were
                handed over; from then on every call raises.
            RuntimeError: It was called from within a callback.
        """
        if self._feeding:
            msg = "bytes cannot be fed from within a callback: the message before is not over"
            raise RuntimeError(msg)
        if self._error is not None:
            raise self._error
        if self._stopped:
            return 0
        if self._waiting or self._held:
            if data:
                self._parts.append(bytes(data))
                self._waiting += len(data)
            if self._held or self._waiting < self._needed:
                return 0
            data = b"".join(self._parts)
            self._parts.clear()
            self._waiting = 0
        self._feeding = True
        try:
            count = self._take_raw(bytes(data)) if self._raw else self._take_text(bytes(data))
        finally:
            self._feeding = False
        if self._too_long:
            self._check()
        return count

    def _take_raw(self, data: bytes) -> int:
        """Messages whose id are four bytes."""
        position, end, count = 0, len(data), 0
        starts, other, sink = self._starts.known, self._other, self._sink
        done = sink.message_done
        try:
            while True:
                try:
                    size, known, tell, head = starts[data[position : position + SHORT]]
                    if not size:
                        size, known, tell, head = starts[data[position : position + known]]
                        if not size:
                            break  # the read ends here, within a head: it found itself again
                except KeyError:
                    # Here ends, too, what was told to halt: nothing is known any more then.
                    after = -1 if self._halt else self._whole(data, position)
                    if after < 0:
                        break
                    start, position = position, after
                    declined = self._take_one(data, start, after)
                else:
                    start, after = position, position + size
                    if after > end:
                        break
                    position = after
                    try:
                        declined = tell(data, start + known, after, head)
                    except Exception:  # noqa: BLE001  (what cannot be read here goes the long way)
                        declined = True
                count += 1
                if declined:
                    other(data[start + LENGTH_SIZE : after])
                if done is not None and not self._held:
                    done()
        finally:
            self._keep(data, position)
        return count

    def _take_one(self, data: bytes, start: int, after: int) -> bool | None:
        """A message whose beginning is not known: learn it, or decode it otherwise.

        Args:
            data: The bytes.
            start: Where its frame begins.
            after: Where it ends.

        Returns:
            True for a message that declines.
        """
        begin = start + LENGTH_SIZE + 4
        if after < begin:
            return True  # too short for an id
        number = _LENGTH(data, start + LENGTH_SIZE)[0]
        handler = self._handlers.get(number)
        if handler is None:
            return True
        try:
            for kind in self._kinds.get(number, ()):
                found = kind.find(data, begin)
                if found is not None and found[0] < after:
                    middle, head = found
                    tell = kind.tell if handler is not _skip else _pass_over
                    self._starts.learn(data[start:after], middle - start, head, tell)
                    if self._handlers.get(number) is not handler:
                        self._starts.known.clear()  # another thread has just routed it
                    return tell(data, middle, after, head)
            return handler(data, begin, after)
        except Exception:  # noqa: BLE001  (what cannot be read here goes the long way)
            return handler is not _skip

    def _take_text(self, data: bytes) -> int:
        """Messages whose id is text that ends with a NUL."""
        position, end, count = 0, len(data), 0
        starts, other, sink = self._text_starts, self._other, self._sink
        done = sink.message_done
        try:
            while True:
                try:
                    size, known, tell = starts[data[position : position + TEXT_SHORT]]
                except KeyError:
                    # Here ends, too, what was told to halt: nothing is known any more then.
                    after = -1 if self._halt else self._whole(data, position)
                    if after < 0:
                        break
                    start, position = position, after
                    declined = self._take_one_text(data, start, after)
                else:
                    start, after = position, position + size
                    if after > end:
                        break
                    position = after
                    try:
                        declined = tell(data, start + known, after)
                    except Exception:  # noqa: BLE001  (what cannot be read here goes the long way)
                        declined = True
                count += 1
                if declined:
                    other(data[start + LENGTH_SIZE : after])
                if done is not None and not self._held:
                    done()
        finally:
            self._keep(data, position)
        return count

    def _take_one_text(self, data: bytes, start: int, after: int) -> bool | None:
        """A message of a length and an id that are not known together: learn them, and decode it.

        Args:
            data: The bytes.
            start: Where its frame begins.
            after: Where it ends.

        Returns:
            True for a message that declines.
        """
        begin = start + LENGTH_SIZE
        fields = data.find(b"\0", begin, after) + 1
        number = data[begin:fields]
        handler = self._handlers.get(number) if fields else None
        if handler is None:
            return True
        if fields <= start + TEXT_SHORT <= after:
            short = data[start : start + TEXT_SHORT]
            keep(self._text_starts, short, (after - start, fields - start, handler))
            if self._handlers.get(number) is not handler:
                self._text_starts.clear()  # another thread has just routed it
        try:
            return handler(data, fields, after)
        except Exception:  # noqa: BLE001  (what cannot be read here goes the long way)
            return True

    def _whole(self, data: bytes, position: int) -> int:
        """Where the next frame ends, if it is whole; else -1."""
        begin = position + LENGTH_SIZE
        if begin > len(data):
            return -1
        (length,) = _LENGTH(data, position)
        after: int = begin + length
        return after if length <= self._limit and after <= len(data) else -1

    def _check(self) -> None:
        """Raise for a length that cannot be, once all before it is handed over."""
        if not self._held and not self._stopped:
            self._error = FramingError(self._too_long, self._limit)
            self._parts.clear()
            self._waiting = 0
            raise self._error

    def _keep(self, data: bytes, position: int) -> None:
        """Keep what is not handed over; note a length that cannot be.

        That is not raised here: it would hide what a callback has just raised.
        """
        self._too_long = 0
        if self._stopped:
            return
        rest = data[position:] if position else data
        if rest:
            self._parts.append(rest)
            self._waiting += len(rest)
        self._needed = LENGTH_SIZE
        if len(rest) >= LENGTH_SIZE:
            (length,) = _LENGTH(rest)
            if length > self._limit:
                self._too_long = length
            else:
                self._needed += length
