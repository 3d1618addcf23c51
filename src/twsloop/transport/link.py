"""One TCP link: what comes in is cut into frames, what goes out is written as it is."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import Protocol, cast

from twsloop.errors import FramingError
from twsloop.transport.outbox import Outbox
from twsloop.transport.sockets import SocketSettings, tune
from twsloop.wire.framing import FrameReader, frame

__all__ = ["CLOSE_GRACE", "Listener", "Transport"]

#: How long a link that was closed may take to hand on what was written before, seconds.
CLOSE_GRACE = 1.0

#: So many reads are made at most of a link that broke.
REST = 64


class Listener(Protocol):
    """Who hears what comes in."""

    def link_up(self, transport: Transport) -> None:
        """The TCP connection stands."""
        ...

    def bytes_came(self) -> None:
        """Bytes were read; called once a read, before their frames."""
        ...

    def frame_came(self, body: bytes) -> None:
        """One frame came in."""
        ...

    def batch_done(self) -> None:
        """All frames of one read were handed over."""
        ...

    def link_down(self, transport: Transport, error: BaseException | None) -> None:
        """The link has ended; with an error if it did not end by itself."""
        ...


class Transport(asyncio.Protocol):
    """One TCP link: bytes to frames, and back-pressure to the Outbox.

    Args:
        listener: Who hears what comes in.
        outbox: Told when the socket takes no more, and when it does again.
    """

    def __init__(self, listener: Listener, outbox: Outbox) -> None:
        self._listener = listener
        self._outbox = outbox
        self._reader = FrameReader()
        self._transport: asyncio.Transport | None = None
        self._fault: BaseException | None = None
        self._down = False
        #: Set when the link has ended and nothing of it is left; None before it stood.
        self.ended: asyncio.Event | None = None

    # ---- asyncio.Protocol ----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The link stands."""
        self._transport = cast("asyncio.Transport", transport)
        self.ended = asyncio.Event()
        self._listener.link_up(self)

    def data_received(self, data: bytes) -> None:
        """Cut into frames, and hand them over."""
        if self._down:
            return
        listener, traffic = self._listener, self._outbox.traffic
        traffic.bytes_in += len(data)
        listener.bytes_came()
        self._reader.feed(data)
        try:
            for body in self._reader.frames():
                if self._down:
                    return  # a callback closed the link: what follows belongs to nobody
                traffic.messages_in += 1
                listener.frame_came(body)
        except FramingError as error:
            self._fault = error
            self.abort()
        else:
            if not self._down:
                listener.batch_done()

    def pause_writing(self) -> None:
        """The socket's buffer is full."""
        if not self._down:  # a link that was given up must not stop its successor
            self._outbox.pause()

    def resume_writing(self) -> None:
        """The socket's buffer has room again."""
        if not self._down:
            self._outbox.resume()

    def connection_lost(self, exc: Exception | None) -> None:
        """The link has ended."""
        if exc is not None and self._fault is None:
            self._read_rest()
        self._end(self._fault or exc)

    def _read_rest(self) -> None:
        """Hear what the gateway said last: our write found the link broken before we had read it.

        The socket is open until this is over; where the system does not let us, nothing is lost.
        """
        sock = None if self._transport is None else self._transport.get_extra_info("socket")
        with contextlib.suppress(OSError):
            for _ in range(REST):
                data = b"" if sock is None else os.read(sock.fileno(), 65536)
                if not data or self._down:
                    return
                self.data_received(data)

    # ---- ours ----------------------------------------------------------------------------

    def tune(self, settings: SocketSettings) -> None:
        """Set the socket's options, where there is a socket and the system has them."""
        if self._transport is not None:
            tune(self._transport.get_extra_info("socket"), settings)

    def write(self, data: bytes) -> None:
        """Hand bytes to the socket; loop thread only."""
        if self._transport is not None and not self._down:
            self._transport.write(data)

    def write_framed(self, body: bytes) -> None:
        """Hand one frame to the socket; loop thread only."""
        self.write(frame(body))

    @property
    def pending(self) -> int:
        """How many bytes have come of a message that is not whole."""
        return self._reader.pending

    @property
    def closing(self) -> bool:
        """Whether the link is over, or about to be."""
        return self._down or self._transport is None or self._transport.is_closing()

    def close(self) -> None:
        """End the link after what was written has left; nothing more comes in.

        A gateway that does not read would keep it open for ever: then it ends after a while.
        """
        self._down = True
        transport = self._transport
        if transport is not None and not transport.is_closing():
            transport.close()
            # Real time, not the clock's: it is about a socket, not about the session.
            asyncio.get_running_loop().call_later(CLOSE_GRACE, self._end_at_last)

    def _end_at_last(self) -> None:
        if self.ended is not None and not self.ended.is_set():
            self.abort()

    def abort(self) -> None:
        """End the link at once; its listener hears of it."""
        if self._transport is not None:
            self._transport.abort()

    def abandon(self) -> None:
        """End the link at once, and expect no word of its end."""
        self._down = True
        self.abort()
        if self.ended is not None:
            self.ended.set()

    def abort_with(self, error: BaseException) -> None:
        """End the link at once, for a reason of ours that its listener is told."""
        self._fault = error
        self.abort()

    def _end(self, error: BaseException | None) -> None:
        self._down = True
        if self.ended is not None:
            self.ended.set()
        self._listener.link_down(self, error)
