"""What a recorder overhears: two directions of bytes, as entries of a tape.

A `Listener` reads one direction off a copy of its bytes; a `RecordedSession` gives what it reads a
number and a name, masks it, and hands it to the recorder.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Protocol

import attrs

from twsloop.errors import FramingError, HandshakeError
from twsloop.wire import handshake
from twsloop.wire.framing import LENGTH_SIZE, FrameReader
from twsloop.wire.masking import Masker
from twsloop.wire.messages import INBOUND, OUTBOUND, PROTOBUF_OFFSET, RAW_ID_SINCE, Direction
from twsloop.wire.tape import ClientHello, End, Entry, Frame, Note, Party, ServerHello

__all__ = ["Counts", "Desk", "Listener", "RecordedSession", "message_name"]

logger = logging.getLogger(__name__)


class Desk(Protocol):
    """What a session needs of the recorder."""

    @property
    def masker(self) -> Masker:
        """Masks the recording."""

    @property
    def counts(self) -> Counts:
        """What was recorded so far."""

    def write(self, make: Callable[[int], Entry]) -> None:
        """Put an entry, made of the time now, on the tape."""

    def tell(self, event: str, **fields: Any) -> None:
        """Tell the observer."""


@attrs.define
class Counts:
    """What was recorded so far."""

    sessions: int = 0
    open: int = 0
    messages: int = 0
    bytes: int = 0


def message_name(sender: Party, body: bytes, server_version: int) -> str:
    """IB's name of a message, "" where its number is none of IB's."""
    if server_version >= RAW_ID_SINCE:
        number = int.from_bytes(body[:4], "big")
        number -= PROTOBUF_OFFSET if number > PROTOBUF_OFFSET else 0
    else:
        head = body.partition(b"\0")[0]
        number = int(head) if head.isdigit() and len(head) < 10 else -1
    kind = (OUTBOUND if sender == "client" else INBOUND).get(number)
    return kind.name if kind is not None else ""


class Listener:
    """Reads one direction of one session off a copy of its bytes."""

    def __init__(self, session: RecordedSession, sender: Party) -> None:
        self._session = session
        self._sender = sender
        self._frames = FrameReader()
        self._prefix = bytearray()
        self._greeted = False
        self._lost = False

    def hear(self, data: bytes) -> None:
        """Take a copy of what passed."""
        if self._lost:
            return
        if self._sender == "client" and len(self._prefix) < LENGTH_SIZE:
            wanted = LENGTH_SIZE - len(self._prefix)
            self._prefix += data[:wanted]
            data = data[wanted:]
            if not handshake.PREFIX.startswith(bytes(self._prefix)):
                self._give_up(f"the client's first bytes are no hello: {bytes(self._prefix)!r}")
                return
        self._frames.feed(data)
        try:
            for body in self._frames.frames():
                self._take(body)
        except (FramingError, HandshakeError) as error:
            self._give_up(f"{error}")

    def _take(self, body: bytes) -> None:
        if self._greeted:
            self._session.message(self._sender, body)
            return
        self._greeted = True
        if self._sender == "client":
            self._session.client_hello(body)
        else:
            self._session.server_hello(handshake.parse_server_hello(body))

    def _give_up(self, why: str) -> None:
        self._lost = True
        self._session.note(f"from the {self._sender} nothing more can be read: {why}")


class RecordedSession:
    """One client and its link to the gateway."""

    def __init__(self, recorder: Desk, number: int) -> None:
        self.number = number
        self.version = 0
        self.ended = False
        self._recorder = recorder
        self.listeners: dict[Party, Listener] = {
            "client": Listener(self, "client"),
            "server": Listener(self, "server"),
        }

    def client_hello(self, body: bytes) -> None:
        """The client said hello."""
        text = body.decode("ascii", "backslashreplace")
        self._write(lambda t: ClientHello(t, self.number, self._recorder.masker.mask_text(text)))

    def server_hello(self, hello: handshake.ServerHello) -> None:
        """The gateway answered it: from here on the version is known."""
        self.version = hello.server_version
        time = hello.connection_time.decode("ascii", "replace")
        self._write(lambda t: ServerHello(t, self.number, self.version, time))
        self._recorder.tell("session", session=self.number, server_version=self.version)

    def message(self, sender: Party, body: bytes) -> None:
        """One of the two sent a message."""
        way = Direction.OUTBOUND if sender == "client" else Direction.INBOUND
        masked = self._recorder.masker.mask(way, body, self.version)
        name = message_name(sender, body, self.version)
        self._recorder.counts.messages += 1
        self._write(lambda t: Frame(t, self.number, sender, masked, name))

    def note(self, text: str) -> None:
        """The recorder has something to say of it."""
        text = self._recorder.masker.mask_text(text)
        logger.warning("session %d: %s", self.number, text)
        self._write(lambda t: Note(t, self.number, text))

    def end(self, by: Party, error: str = "") -> None:
        """The connection ended; the first reason counts."""
        if not self.ended:
            self.ended = True
            self._write(lambda t: End(t, self.number, by, error))

    def _write(self, make: Callable[[int], Entry]) -> None:
        self._recorder.write(make)
