"""A link: what stands between a connection and its transport while a fault of the wire lasts.

A connection without a fault has no link at all: it talks to its transport, and costs nothing. The
first fault puts a `Link` between them. To the connection it is the transport, to the transport it
is the protocol, and both directions are a `Lane` (see `shaping`).

**A link that is dead stays open.** While nothing may leave, the gateway cannot tell the client
anything, not even that it ended the connection: when it ends one meanwhile, the gateway's half is
over, and the client's half stays open, silent, until the fault ends; then it is reset.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twsloop.clock import Clock, Timer
from twsloop.paper.connection import Connection

from .shaping import Lane, Shaper

__all__ = ["Link"]


class Transport(Protocol):
    """What a link needs of a transport."""

    def write(self, data: bytes) -> None:
        """Send, or buffer."""

    def close(self) -> None:
        """Send what waits, then end it."""

    def abort(self) -> None:
        """End it at once."""

    def is_closing(self) -> bool:
        """Whether it ends."""

    def pause_reading(self) -> None:
        """Read nothing."""

    def resume_reading(self) -> None:
        """Read again."""

    def get_write_buffer_size(self) -> int:
        """How many bytes wait."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """About the socket."""

    def set_protocol(self, protocol: Any) -> None:
        """Whom it tells what it reads."""


class Link:
    """Stands between ``connection`` and its transport from now on.

    Args:
        connection: Whose link it is.
        clock: Where time and timers come from.

    Attributes:
        out: What the gateway says.
        into: What the client says.
    """

    def __init__(self, connection: Connection, clock: Clock) -> None:
        raw: Any = connection.transport
        self.connection = connection
        self.out = Lane()
        self.into = Lane()
        self._raw: Transport = raw
        self._clock = clock
        self._timer: Timer | None = None
        self._deaf: set[object] = set()
        self._paused = False
        self._closing = False
        self._parted = False
        self._lost = False
        self._at_hello: list[Callable[[], None]] = []
        self._raw.set_protocol(self)
        connection.transport = self  # type: ignore[assignment]

    # ---- faults ----------------------------------------------------------------------------

    @property
    def over(self) -> bool:
        """Whether the socket has ended."""
        return self._lost

    def stop_writing(self, token: object) -> None:
        """Let nothing leave until `write_again` with this token."""
        self.out.hold(token)

    def write_again(self, token: object) -> None:
        """Undo `stop_writing`: what waited leaves, or the dead end is told."""
        self.out.release(token)
        if self._parted and not self.out.held:
            self._raw.abort()
        self._pump()

    def stop_reading(self, token: object) -> None:
        """Read nothing, not even an end, until `read_again` with this token."""
        self._deaf.add(token)
        self._set_reading()

    def read_again(self, token: object) -> None:
        """Undo `stop_reading`."""
        self._deaf.discard(token)
        self._set_reading()

    def shape(self, lane: Lane, shaper: Shaper) -> None:
        """Let a shaper work on one of the lanes."""
        lane.shapers.append(shaper)

    def unshape(self, lane: Lane, shaper: Shaper) -> None:
        """Undo `shape`: what it slowed goes on now."""
        lane.shapers.remove(shaper)
        lane.hurry(self._clock.monotonic())
        self._pump()

    def after_hello(self, then: Callable[[], None]) -> None:
        """Call ``then()`` when the gateway's hello has left; of a link without one yet."""
        self._at_hello.append(then)

    def cut(self) -> None:
        """End the socket, whatever else holds."""
        if not self._lost:
            self._raw.abort()

    # ---- the connection's transport --------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Send, or buffer."""
        if self._parted or self._closing:
            return
        if self.out.plain:
            self._raw.write(data)
        else:
            self.out.put(data, self._clock.monotonic())
            self._pump()
        # The hello is the first that a gateway says, in one write.
        while self._at_hello:
            self._at_hello.pop(0)()

    def close(self) -> None:
        """Send what waits, then end it."""
        self._closing = True
        self._pump()

    def abort(self) -> None:
        """End it at once: on a dead link the client does not hear of it."""
        self._closing = True
        self.out.clear()
        if self.out.held and not self._lost:
            self._part()
        else:
            self._raw.abort()

    def is_closing(self) -> bool:
        """Whether it ends."""
        return self._closing or self._raw.is_closing()

    def pause_reading(self) -> None:
        """Read nothing."""
        self._paused = True
        self._set_reading()

    def resume_reading(self) -> None:
        """Read again."""
        self._paused = False
        self._set_reading()

    def get_write_buffer_size(self) -> int:
        """How many bytes wait."""
        return self.out.waiting + self._raw.get_write_buffer_size()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """About the socket."""
        return self._raw.get_extra_info(name, default)

    def set_protocol(self, protocol: Any) -> None:
        """Whom it tells what it reads."""
        self.connection = protocol

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """When it is full."""
        self._raw.set_write_buffer_limits(high=high, low=low)  # type: ignore[attr-defined]

    # ---- the transport's protocol ----------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self._parted:
            return
        if self.into.plain:
            self.connection.data_received(data)
        else:
            self.into.put(data, self._clock.monotonic())
            self._pump()

    def eof_received(self) -> bool:
        """The client sends no more."""
        return self._parted or self.connection.eof_received()

    def pause_writing(self) -> None:
        """The transport is full."""
        if not self._parted:
            self.connection.pause_writing()

    def resume_writing(self) -> None:
        """The transport has room again."""
        if not self._parted:
            self.connection.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket ended."""
        self._lost = True
        if self._timer is not None:
            self._timer.cancel()
        self._tell_end(exc)

    # ---- inside ----------------------------------------------------------------------------

    def _part(self) -> None:
        """The gateway's half is over; the client's half stays as it is."""
        self._tell_end(None)

    def _tell_end(self, exc: Exception | None) -> None:
        if not self._parted:
            self._parted = True
            self.connection.connection_lost(exc)

    def _set_reading(self) -> None:
        if self._raw.is_closing():
            return
        if self._deaf or self._paused:
            self._raw.pause_reading()
        else:
            self._raw.resume_reading()

    def _pump(self) -> None:
        """Let go on what is due, and look again when more is."""
        now = self._clock.monotonic()
        for data in self.out.due(now):
            self._raw.write(data)
        for data in self.into.due(now):
            if not self._parted:
                self.connection.data_received(data)
        if self._closing and not self._parted and not self.out.waiting:
            self._raw.close()
            return
        dues = [due for due in (self.out.next_due(), self.into.next_due()) if due is not None]
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if dues and not self._lost:
            self._timer = self._clock.call_later(max(min(dues) - now, 0.0), self._pump)
