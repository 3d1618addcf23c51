r"""One client's protocol life, from its first byte on: who may speak when.

Pure: `PaperSession.feed` takes bytes, `PaperSession.incoming` hands out what they mean. The life is
the table `TRANSITIONS`::

    HELLO --hello--> START_API --startApi--> READY --request--> READY
       \_______________\______fault or close_______\______> CLOSED

What does not fit is a `Fault`, and the session is over: bytes that are no hello, a frame longer
than the protocol allows, anything but startApi before startApi. A message that is framed well but
cannot be read ends nothing once the session is READY: it comes out as `Unreadable`, to be answered
with 320 (real gateways keep the connection, too). A client older than the ``API\0`` hello comes out
as `TooOld`, which ends the session too, but says what to tell it.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import attrs
from google.protobuf.message import Message

from twsloop.errors import FramingError, HandshakeError, ParseError, StateError
from twsloop.wire import codec, framing, handshake
from twsloop.wire.messages import INBOUND_BY_NAME, Direction, MessageType

__all__ = [
    "TRANSITIONS",
    "Fault",
    "Greeting",
    "Happening",
    "Incoming",
    "PaperSession",
    "Request",
    "Start",
    "State",
    "TooOld",
    "Unreadable",
]


LAST_OF_START_API = "optionalCapabilities"


class State(enum.Enum):
    """Where a session stands."""

    HELLO = "waits for the client's hello"
    START_API = "hello exchanged, waits for startApi"
    READY = "requests may come"
    CLOSED = "over"


class Happening(enum.Enum):
    """What can happen to a session."""

    HELLO = "a hello was read and answered"
    START_API = "startApi came"
    REQUEST = "a request came"
    FAULT = "something came that does not fit"
    CLOSE = "the connection ended"


_ENDS = {Happening.FAULT: State.CLOSED, Happening.CLOSE: State.CLOSED}

TRANSITIONS: Mapping[State, Mapping[Happening, State]] = MappingProxyType(
    {
        State.HELLO: {Happening.HELLO: State.START_API, **_ENDS},
        State.START_API: {Happening.START_API: State.READY, **_ENDS},
        State.READY: {Happening.REQUEST: State.READY, **_ENDS},
        State.CLOSED: {Happening.CLOSE: State.CLOSED},
    }
)


@attrs.frozen
class Greeting:
    """The hello to send: in one write, and nothing else with it."""

    data: bytes


@attrs.frozen
class Start:
    """startApi came: from here on the client has a name."""

    client_id: int
    capabilities: str


@attrs.frozen
class Request:
    """A request of a session that is READY."""

    type: MessageType
    message: Any


@attrs.frozen
class Unreadable:
    """A request that could not be read; the session goes on."""

    error: ParseError


@attrs.frozen
class Fault:
    """Why the session is over."""

    reason: str


@attrs.frozen
class TooOld:
    """A client from before the ``API`` prefix: the session is over, and it shall know why.

    Attributes:
        hello: What it waits for before it reads anything else.
        refusal: The error to send when it has read that: such a client loses what comes with it.
        reason: For the log.
    """

    hello: bytes
    refusal: bytes
    reason: str


Incoming = Greeting | Start | Request | Unreadable | Fault | TooOld


class PaperSession:
    """The protocol of one connection.

    Args:
        connection_time: What the hello says, ``YYYYMMDD HH:MM:SS TZ``.
        max_version: The newest server version to offer.
        min_version: The oldest one.

    Attributes:
        state: Where it stands.
        server_version: The negotiated version, 0 before the hello.
        client_id: The client's id, None before startApi.
    """

    def __init__(
        self,
        connection_time: str,
        *,
        max_version: int = handshake.MAX_CLIENT_VERSION,
        min_version: int = handshake.MIN_CLIENT_VERSION,
    ) -> None:
        self.state = State.HELLO
        self.server_version = 0
        self.client_id: int | None = None
        self._connection_time = connection_time
        self._max_version = max_version
        self._min_version = min_version
        self._handshake = handshake.ServerHandshake()
        self._frames = framing.FrameReader()
        self._fault: str | None = None

    @property
    def options(self) -> frozenset[str]:
        """The connect options of the client's hello (``+PACEAPI``)."""
        hello = self._handshake.hello
        return frozenset() if hello is None else frozenset(hello.options.split())

    def feed(self, data: bytes) -> None:
        """Take bytes; `incoming` tells what they mean."""
        if self.state is State.CLOSED:
            return
        if self.state is State.HELLO and self._handshake.hello is None:
            try:
                self._handshake.feed(data)
            except HandshakeError as error:
                self._fault = str(error)
                return
            data = self._handshake.rest()
        self._frames.feed(data)

    def incoming(self) -> Iterator[Incoming]:
        """Hand out what the bytes so far mean, in order."""
        if self.state is State.CLOSED:
            return
        if self._fault is not None:
            yield self._end_with(self._fault)
            return
        if self.state is State.HELLO:
            if self._handshake.hello is None:
                return
            try:
                self.server_version = handshake.negotiate(
                    self._handshake.hello, self._max_version, self._min_version
                )
            except HandshakeError as error:
                yield self._end(str(error))
                return
            self._happen(Happening.HELLO)
            yield Greeting(handshake.server_hello(self.server_version, self._connection_time))
        yield from self._read_frames()

    def close(self) -> None:
        """The connection ended."""
        self._happen(Happening.CLOSE)

    def encode(self, name: str, message: Message) -> bytes:
        """A message as a frame of this session.

        Raises:
            EncodeError: It has no form at this server version.
        """
        body = codec.encode(INBOUND_BY_NAME[name], message, self.server_version)
        return framing.frame(body)

    def _read_frames(self) -> Iterator[Incoming]:
        try:
            for body in self._frames.frames():
                # The consumer may close the session while it handles what was handed out.
                if self.state is State.CLOSED:
                    return
                # A frame without content says nothing: IB's own client sends none, and no gateway
                # minds one.
                if body:
                    yield self._read(body)
        except FramingError as error:
            if self.state is not State.CLOSED:
                yield self._end(str(error))

    def _read(self, body: bytes) -> Incoming:
        try:
            decoded = codec.decode(Direction.OUTBOUND, body, self.server_version)
        except ParseError as error:
            if self.state is State.READY:
                self._happen(Happening.REQUEST)
                return Unreadable(error)
            if error.message == "startApi" and error.field == LAST_OF_START_API:
                # Hand-written clients leave the last field out: all that matters has been read.
                return self._start(error.partial)
            return self._end(f"before startApi came a message that cannot be read: {error}")
        if self.state is State.READY:
            self._happen(Happening.REQUEST)
            return Request(decoded.type, decoded.message)
        if decoded.type.name != "startApi":
            return self._end(f"{decoded.type.name} came before startApi")
        return self._start(decoded.message)

    def _start(self, message: Any) -> Start:
        self._happen(Happening.START_API)
        self.client_id = message.clientId
        return Start(message.clientId, message.optionalCapabilities)

    def _end_with(self, reason: str) -> Fault | TooOld:
        fault = self._end(reason)
        if self._handshake.old_version is None:
            return fault
        return TooOld(
            handshake.old_hello(self._connection_time),
            handshake.old_refusal(f"Unsupported version: {reason}"),
            reason,
        )

    def _end(self, reason: str) -> Fault:
        self._happen(Happening.FAULT)
        return Fault(reason)

    def _happen(self, happening: Happening) -> None:
        following = TRANSITIONS[self.state].get(happening)
        if following is None:
            raise StateError("paper session", self.state.name, happening.name)
        self.state = following
