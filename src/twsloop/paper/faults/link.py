"""A link: what stands between a connection and its transport while a fault of the wire lasts.

A connection without a fault has no link at all: it talks to its transport, and costs nothing. The
first fault puts a `Link` between them. To the connection it is the transport, to the transport it
is the protocol, and both directions are a `Lane` (see `shaping`).

**A link that is dead stays open.** While nothing may leave, the gateway cannot tell the client
anything, not even that it ended the connection: when it ends one meanwhile, the gateway's half is
over, and the client's half stays open, silent, until the fault ends; then it is reset.

**A link may be mourned.** With `Link.linger` it is the other way round: the socket has ended, and
the gateway's half goes on for a while, as if nothing had happened.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twsloop.clock import Clock, Timer
from twsloop.paper.connection import Connection, linger_not

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

    def set_write_buffer_limits(self, high: int | None = None) -> None:
        """When it is full."""

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
        self._reading = True
        self._closing = False
        self._delivering = False
        self._over = False
        self._parted = False
        self._linger: dict[object, float] = {}
        self._mourning: Timer | None = None
        self._at_hello: list[Callable[[], None]] = []
        self._said_hello = connection.server_version > 0
        self._raw.set_protocol(self)
        connection.transport = self  # type: ignore[assignment]

    # ---- faults ----------------------------------------------------------------------------

    @property
    def over(self) -> bool:
        """Whether the socket has ended, and the gateway knows."""
        return self._over and self._parted

    def stop_writing(self, token: object) -> None:
        """Let nothing leave until `write_again` with this token."""
        self.out.hold(token)

    def write_again(self, token: object) -> None:
        """Undo `stop_writing`: what waited leaves, or the end that was not told."""
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
        lane.add(shaper)

    def unshape(self, lane: Lane, shaper: Shaper) -> None:
        """Undo `shape`: what it slowed goes on now."""
        lane.remove(shaper, self._clock.monotonic())
        self._pump()

    def linger(self, token: object, seconds: float) -> None:
        """When the socket ends, tell the gateway so many seconds later; until `forget`."""
        self._linger[token] = seconds

    def forget(self, token: object) -> None:
        """Undo `linger`: an end that was not told is told now."""
        self._linger.pop(token, None)
        if self._mourning is not None and not self._linger:
            self._tell_end(None)

    def after_hello(self, then: Callable[[], None]) -> None:
        """Call ``then()`` when the gateway's hello has left; now, if it has."""
        if self._said_hello:
            then()
        else:
            self._at_hello.append(then)

    def inject(self, data: bytes) -> None:
        """Let bytes leave that the gateway never said."""
        self.write(data)

    def nudge(self) -> None:
        """Ask the shapers of what leaves whether something is due."""
        self.out.put(b"", self._clock.monotonic())
        self._pump()

    def break_off(self, *, reset: bool) -> None:
        """Let the network end the socket: with a reset, or in good order."""
        if self._over:
            return
        if reset:
            linger_not(self._raw.get_extra_info("socket"))
            self._raw.abort()
        else:
            self._raw.close()

    def cut(self) -> None:
        """End the socket, and whatever the gateway still believes."""
        if not self._over:
            self._raw.abort()
        elif self._mourning is not None:
            self._tell_end(None)

    # ---- the connection's transport --------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Send, or buffer."""
        if self._closing or self._over:
            return
        if self.out.plain:
            self._raw.write(data)
        else:
            self.out.put(data, self._clock.monotonic())
            self._send()
            self._set_timer()
        if not self._said_hello:
            # The hello is the first that a gateway says, in one write.
            self._said_hello = True
            for then in self._at_hello:
                then()
            self._at_hello.clear()

    def close(self) -> None:
        """Send what waits, then end it; on a dead link nothing can be sent."""
        if self._over or self.out.held:
            self.abort()
        else:
            self._closing = True
            self._send()

    def abort(self) -> None:
        """End it at once: on a dead link the client does not hear of it."""
        self._closing = True
        self.out.clear()
        if self._over or self.out.held:
            if self._leave():
                self.connection.end_soon()
        else:
            self._raw.abort()

    def is_closing(self) -> bool:
        """Whether it ends."""
        return self._closing or (self._raw.is_closing() and self._mourning is None)

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
        return 0 if self._over else self.out.waiting + self._raw.get_write_buffer_size()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """About the socket."""
        return self._raw.get_extra_info(name, default)

    def set_write_buffer_limits(self, high: int | None = None) -> None:
        """When it is full."""
        self._raw.set_write_buffer_limits(high=high)

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
        return not self._parted and self.connection.eof_received()

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
        self._over = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        wait = max(self._linger.values(), default=0.0)
        if wait > 0 and not self._parted and not self._closing:
            self.out.clear()
            self._mourning = self._clock.call_later(wait, self._tell_end, exc)
        else:
            self._tell_end(exc)

    # ---- inside ----------------------------------------------------------------------------

    def _tell_end(self, exc: Exception | None) -> None:
        """The gateway's half is over."""
        if self._leave():
            self.connection.connection_lost(exc)

    def _leave(self) -> bool:
        """Part from the connection; False if it was done before."""
        if self._mourning is not None:
            self._mourning.cancel()
            self._mourning = None
        parted, self._parted = self._parted, True
        return not parted

    def _set_reading(self) -> None:
        wanted = not (self._deaf or self._paused)
        if wanted is self._reading or self._raw.is_closing():
            return
        self._reading = wanted
        if wanted:
            self._raw.resume_reading()
        else:
            self._raw.pause_reading()

    def _pump(self) -> None:
        """Let go on what is due, and look again when more is."""
        self._send()
        if not self._delivering:
            self._delivering = True
            for data in self.into.due(self._clock.monotonic()):
                if not self._parted:
                    self.connection.data_received(data)
            self._delivering = False
        self._set_timer()

    def _send(self) -> None:
        if self._over or self._parted:
            return
        for data in self.out.due(self._clock.monotonic()):
            self._raw.write(data)
        if self._closing and not self.out.waiting:
            self._raw.close()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        dues = [due for due in (self.out.next_due(), self.into.next_due()) if due is not None]
        if dues and not (self._over or self._parted):
            wait = max(min(dues) - self._clock.monotonic(), 0.0)
            self._timer = self._clock.call_later(wait, self._pump)
