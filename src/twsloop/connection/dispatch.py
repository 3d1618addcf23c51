"""One frame to IB's decoder, and nothing in it can end the session.

IB's own message loop dies of a bad message: of a field that is no number, of protobuf bytes that do
not parse, even of its own report about it. Here each message is decoded on its own; what cannot be
decoded is reported as IB's code 508, with the message's name, and the next one is unharmed.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import attrs
from ibapi.comm import read_fields
from ibapi.const import NO_VALID_ID
from ibapi.decoder import Decoder as _Decoder
from ibapi.errors import BAD_MESSAGE, UNKNOWN_ID
from ibapi.utils import BadMessage

from twsloop.metrics import Metrics
from twsloop.processors import Registry
from twsloop.wire.bars import NUMBER as BARS
from twsloop.wire.messages import INBOUND
from twsloop.wire.open_order import open_order
from twsloop.wire.ticks import tick_price

from .long_messages import Holdable, LongMessages, TakeParts, nobody_waits

__all__ = ["Decoder", "Dispatcher", "UnknownMessage", "split_id"]

logger = logging.getLogger(__name__)

#: A protobuf message's id on the wire is its number plus this (protocol.md A.1).
PROTOBUF_OFFSET = 200
#: From this server version on, ids are 4-byte integers (PROTOBUF, protocol.md A.5).
RAW_ID_VERSION = 201
#: The message that carries IB's errors.
ERROR_NUMBER = 4

#: Decoders of ours that stand before IB's, by protobuf message number.
_OWN: Mapping[int, Callable[[bytes, Any], None]] = {1: tick_price, 5: open_order}


#: Whoever hears it, hears the message whole.
BARS_TWIN = ("historicalDataProtoBuf",)

#: How many unknown messages are kept, and how much of each, in bytes.
UNKNOWN_KEPT, UNKNOWN_BYTES = 100, 16_384


@attrs.frozen
class UnknownMessage:
    """A message that IB's client has no callback for: a newer gateway's, or one out of place.

    Attributes:
        number: Its message number, without the protobuf offset.
        protobuf: Whether it is protobuf; text otherwise.
        size: Its content's length, in bytes.
        received: When it came, UTC.
        payload: Its content, the first 16 KiB of it. It may name accounts.
    """

    number: int
    protobuf: bool
    size: int
    received: datetime
    payload: bytes = attrs.field(repr=False)


class Decoder(_Decoder):
    """IB's decoder, which looks at the signatures of all callbacks for each session anew.

    It keeps what it found with the class, and callbacks do not change: once a process is enough.
    """

    def discoverParams(self) -> None:
        """Look at the signatures of the callbacks, unless that was done."""
        kinds = self.msgId2handleInfo.values()
        if any(kind.wrapperMeth is not None and kind.wrapperParams is None for kind in kinds):
            super().discoverParams()


class _WrongCount(ValueError):
    """A message with more or fewer fields than its callback takes."""


def split_id(body: bytes, version: int) -> tuple[int, bytes]:
    """The id that stands before a message's fields, protobuf offset included, and the rest.

    Args:
        body: A frame's body.
        version: The session's protocol version, which says how the id is written.

    Raises:
        ValueError: There is no readable id.
    """
    if version >= RAW_ID_VERSION:
        if len(body) < 4:
            raise ValueError(body)
        return int.from_bytes(body[:4], "big"), body[4:]
    head, separator, payload = body.partition(b"\0")
    if not separator:
        raise ValueError(head)
    return int(head), payload


def heads(number: int, version: int) -> tuple[bytes, ...]:
    """How a message's bodies begin: the ids of its protobuf and text form, or that of its text."""
    if version < RAW_ID_VERSION:
        return (b"%d\0" % number,)
    return (PROTOBUF_OFFSET + number).to_bytes(4, "big"), number.to_bytes(4, "big")


class Dispatcher:
    """Decodes frames of one session into calls of the fan-out.

    Args:
        registry: Who listens.
        metrics: Counts messages.
        millis: The time now, in milliseconds since 1970, for errors raised here.
        take_parts: Takes bars that only our own requests wait for.

    Attributes:
        long: Works through messages that may be long.
        unknown: The newest messages that nobody knows, oldest first; all of them are counted.
    """

    def __init__(
        self,
        registry: Registry,
        metrics: Metrics,
        millis: Callable[[], int],
        take_parts: TakeParts = nobody_waits,
    ) -> None:
        self._wire_error = False
        self._registry = registry
        self._metrics = metrics
        self._millis = millis
        self._decoder: Any = None
        self._version = 0
        self.unknown: deque[UnknownMessage] = deque(maxlen=UNKNOWN_KEPT)
        self.long = LongMessages(registry, self._plain_bars, take_parts)
        self._bars: tuple[bytes, ...] = ()

    def start(self, decoder: Any, server_version: int, link: Holdable | None = None) -> None:
        """A session begins, with this decoder and version, over a link that may be held."""
        self._decoder = decoder
        self._version = server_version
        self.long.begin(server_version, link)
        self._bars = heads(BARS, server_version)

    def take_wire_error(self) -> bool:
        """Whether the error that is being told now came over the wire; asked once for each.

        Every other one is IB's client, or this class, talking to the program.
        """
        wire, self._wire_error = self._wire_error, False
        return wire

    def frame(self, body: bytes) -> int | None:
        """Decode one frame, and call who listens.

        Returns:
            The message's number (without the protobuf offset), or None for an empty frame.
        """
        if not body:
            self._metrics.counter("frames_empty").add()
            return None
        if body.startswith(self._bars) and not self._registry.hears(BARS_TWIN):
            if self._registry.hears(INBOUND[BARS].callbacks):
                self._tell_bars(body)
            return BARS
        try:
            number, payload = split_id(body, self._version)
        except ValueError:
            self._bad("a message without a readable id", None)
            return None
        protobuf = self._version >= RAW_ID_VERSION and number > PROTOBUF_OFFSET
        if protobuf:
            number -= PROTOBUF_OFFSET
        kind = INBOUND.get(number)
        if kind is not None and not self._registry.hears(kind.callbacks):
            return number
        self._guarded(number, payload, protobuf=protobuf)
        return number

    def _tell_bars(self, body: bytes) -> None:
        """A message of bars: it may be long."""
        raw = self._version >= RAW_ID_VERSION
        start = 4 if raw else body.index(b"\0") + 1
        self.long.bars(body, start, protobuf=raw and body.startswith(self._bars[0]))

    def _plain_bars(self, payload: bytes, protobuf: bool) -> None:
        """Bars that only IB's decoder may judge."""
        self._guarded(BARS, payload, protobuf=protobuf)

    def _guarded(self, number: int, payload: bytes, *, protobuf: bool) -> None:
        self._wire_error = number == ERROR_NUMBER
        try:
            self._decode(number, payload, protobuf=protobuf)
        except Exception as error:  # noqa: BLE001  (whatever is in the bytes; reported below)
            self._wire_error = False
            kind = INBOUND.get(number)
            name = kind.name if kind is not None else f"message {number}"
            self._bad(name, error)
        finally:
            self._wire_error = False

    def _decode(self, number: int, payload: bytes, *, protobuf: bool) -> None:
        if protobuf:
            own = _OWN.get(number)
            if own is not None:
                own(payload, self._registry.fanout)
            elif number in Decoder.msgId2handleInfoProtoBuf:
                self._decoder.processProtoBuf(payload, number)
            else:
                self._unknown(number, payload, protobuf=True)
            return
        info = Decoder.msgId2handleInfo.get(number)
        if info is None:
            self._unknown(number, payload, protobuf=False)
            return
        fields = read_fields(payload)
        if info.wrapperMeth is not None and len(fields) != len(info.wrapperParams):
            # IB's decoder drops such a message with a line in its log and no word to the program.
            # One field, the version, stands where the parameters have self.
            msg = f"{len(fields)} fields where {len(info.wrapperParams)} belong"
            raise _WrongCount(msg)
        self._decoder.interpret(fields, number)

    def _unknown(self, number: int, payload: bytes, *, protobuf: bool) -> None:
        # Checked here, because IB's decoder stumbles over its own log line for this at DEBUG.
        self._wire_error = False
        self._metrics.counter("messages_unknown").add()
        millis = self._millis()
        self.unknown.append(
            UnknownMessage(
                number,
                protobuf,
                len(payload),
                datetime.fromtimestamp(millis / 1000, UTC),
                bytes(payload[:UNKNOWN_BYTES]),
            )
        )
        self._registry.fanout.error(
            NO_VALID_ID,
            millis,
            UNKNOWN_ID.code(),
            f"{UNKNOWN_ID.msg()} {number}",
            "",
        )

    def _bad(self, name: str, error: Exception | None) -> None:
        self._metrics.counter("messages_bad").add()
        # Neither the fields nor what the error quotes of them: they may hold an account number.
        what = "unreadable" if error is None else _kind(error)
        logger.warning("bad message %s: %s", name, what)
        logger.debug("bad message %s", name, exc_info=error)
        if isinstance(error, BadMessage):
            return  # IB's decoder has told everyone already; only its own fall hides that mostly
        self._registry.fanout.error(
            NO_VALID_ID,
            self._millis(),
            BAD_MESSAGE.code(),
            f"{BAD_MESSAGE.msg()}: {name} ({what})",
            "",
        )


def _kind(error: Exception) -> str:
    """What went wrong, without any content of the message."""
    if isinstance(error, _WrongCount):
        return str(error)
    if isinstance(error.__context__, BadMessage):
        return "too few fields"  # IB's decoder stumbles over its own report of it
    return type(error).__name__
