"""One TCP link: what comes in is cut into frames, what goes out is written as it is."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from typing import Protocol, cast

from twsloop.errors import FramingError
from twsloop.transport.direct import DirectSocket
from twsloop.transport.outbox import Outbox
from twsloop.transport.sockets import SocketSettings, tune
from twsloop.wire.framing import FrameReader, frame
from twsloop.wire.hot import MessageStream

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
        """One frame came in, while no stream takes what comes."""
        ...

    def messages_came(self) -> None:
        """A stream has handed over messages that one read made whole; called once a read."""
        ...

    def batch_done(self) -> None:
        """All frames of one read were handed over."""
        ...

    def link_down(self, transport: Transport, error: BaseException | None) -> None:
        """The link has ended; with an error if it did not end by itself."""
        ...


class Transport(asyncio.Protocol):
    """One TCP link: bytes to frames, and back-pressure to the Outbox.

    The hello comes as a frame; with what it says, `listen_with` gives a stream that takes all else.

    Args:
        listener: Who hears what comes in.
        outbox: Told when the socket takes no more, and when it does again.
    """

    def __init__(self, listener: Listener, outbox: Outbox) -> None:
        self._listener = listener
        self._outbox = outbox
        self._reader = FrameReader()
        self._stream: MessageStream | None = None
        #: The link ended while it was held: what came before has to be handed over first.
        self._ended_by: tuple[BaseException | None] | None = None
        self._transport: asyncio.Transport | None = None
        self._direct: DirectSocket | None = None
        #: The loop's own buffer may hold bytes that came before those that are to be written.
        self._buffered = False
        self._fault: BaseException | None = None
        self._down = False
        #: Set when the link has ended and nothing of it is left; None before it stood.
        self.ended: asyncio.Event | None = None

    # ---- asyncio.Protocol ----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The link stands."""
        self._transport = cast("asyncio.Transport", transport)
        self.ended = asyncio.Event()
        self._direct = DirectSocket.of(transport)
        self._listener.link_up(self)

    def data_received(self, data: bytes) -> None:
        """Cut into messages, and hand them over."""
        if self._down:
            return
        self._outbox.traffic.bytes_in += len(data)
        self._listener.bytes_came()
        self._batch(lambda: self._take(data))

    def _batch(self, take: Callable[[], None]) -> None:
        try:
            take()
        except FramingError as error:
            self._fault = error
            self.abort()
        else:
            if not self._down:
                self._listener.batch_done()

    def _take(self, data: bytes) -> None:
        stream = self._stream
        if stream is not None:
            self._handed_over(stream.feed(data))
            return
        reader, traffic = self._reader, self._outbox.traffic
        reader.feed(data)
        for body in reader.frames():
            if self._down:
                return  # a callback closed the link: what follows belongs to nobody
            traffic.messages_in += 1
            self._listener.frame_came(body)
            stream = self._stream
            if stream is not None:
                if not self._down:
                    self._handed_over(stream.feed(reader.take_rest()))
                return

    def _handed_over(self, count: int) -> None:
        if count:
            self._outbox.traffic.messages_in += count
            self._listener.messages_came()

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
        if self._direct is not None and self._direct.error is not None:
            exc = cast("Exception", self._direct.error)  # what the loop met afterwards says less
        if exc is not None and self._fault is None:
            self._read_rest()
        if self.held and not self._down:
            self._ended_by = (exc,)
        else:
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

    # ---- a message that takes its time ---------------------------------------------------

    @property
    def held(self) -> bool:
        """Whether what comes waits until `release`."""
        return self._stream is not None and self._stream.held

    def hold(self) -> None:
        """Called while a message is handed over: it is not over yet, and nothing may pass it."""
        if self._stream is not None:
            self._stream.hold()
        self._read_on(wanted=False)

    def release(self) -> None:
        """The message that held the others up is over: go on with what waits."""
        stream = self._stream
        if self._down or stream is None or not stream.held:
            return
        self._listener.bytes_came()  # it was left unread because of us: its time is now
        self._batch(lambda: self._handed_over(stream.release()))
        if stream.held:
            return
        self._read_on(wanted=True)
        if self._ended_by is not None and not self._down:
            self._end(self._fault or self._ended_by[0])

    def _read_on(self, *, wanted: bool) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        with contextlib.suppress(RuntimeError):  # it does so already
            if wanted:
                transport.resume_reading()
            else:
                transport.pause_reading()

    # ---- ours ----------------------------------------------------------------------------

    def listen_with(self, stream: MessageStream) -> None:
        """Let a stream take everything that comes after the frame that is being handed over."""
        self._stream = stream

    def tune(self, settings: SocketSettings) -> None:
        """Set the socket's options, where there is a socket and the system has them."""
        if self._transport is not None:
            tune(self._transport.get_extra_info("socket"), settings)

    def write(self, data: bytes) -> None:
        """Hand bytes to the socket, all of them; loop thread only."""
        transport, direct = self._transport, self._direct
        if transport is None or self._down:
            return
        if self._buffered and not transport.get_write_buffer_size():
            self._buffered = False
        if direct is not None and not self._buffered:
            data = data[direct.send(data) :]
        if data:
            self._buffered = True
            transport.write(data)

    def write_at_once(self, data: bytes) -> int:
        """Hand bytes to the socket, as many as it takes now: how many; from any thread.

        Not while `write` is under way: the Outbox's lock is around both.
        """
        if self._direct is None or self._buffered or self._down:
            return 0
        return self._direct.send(data)

    def write_framed(self, body: bytes) -> None:
        """Hand one frame to the socket; loop thread only."""
        self.write(frame(body))

    @property
    def pending(self) -> int:
        """How many bytes have come of a message that is not whole."""
        return self._reader.pending if self._stream is None else self._stream.pending

    @property
    def closing(self) -> bool:
        """Whether the link is over, or about to be."""
        return self._down or self._transport is None or self._transport.is_closing()

    def close(self) -> None:
        """End the link after what was written has left; nothing more comes in.

        A gateway that does not read would keep it open for ever: then it ends after a while.
        """
        self._go_down()
        transport, ended_by = self._transport, self._ended_by
        if ended_by is not None:  # it has ended already, while it was held: that is told now
            self._ended_by = None
            asyncio.get_running_loop().call_soon(self._end, self._fault or ended_by[0])
        elif transport is not None and not transport.is_closing():
            transport.close()
            # Real time, not the clock's: it is about a socket, not about the session.
            asyncio.get_running_loop().call_later(CLOSE_GRACE, self._end_at_last)

    def _end_at_last(self) -> None:
        if self.ended is not None and not self.ended.is_set():
            self.abort()

    def abort(self) -> None:
        """End the link at once; its listener hears of it."""
        self._let_go()
        if self._transport is not None:
            self._transport.abort()

    def abandon(self) -> None:
        """End the link at once, and expect no word of its end."""
        self._go_down()
        self.abort()
        if self.ended is not None:
            self.ended.set()

    def abort_with(self, error: BaseException) -> None:
        """End the link at once, for a reason of ours that its listener is told."""
        self._fault = error
        self.abort()

    def _let_go(self) -> None:
        if self._direct is not None:
            self._direct.close()

    def _go_down(self) -> None:
        self._down = True
        self._let_go()
        if self._stream is not None:
            self._stream.stop()

    def _end(self, error: BaseException | None) -> None:
        self._go_down()
        if self.ended is not None:
            self.ended.set()
        self._listener.link_down(self, error)
