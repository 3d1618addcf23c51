"""A recorder: between any client and any gateway, writing down what they say to each other.

Theory of operation. Each client that connects gets a link of its own to the gateway. Whatever one
side sends is written to the other **as it came, byte by byte and piece by piece**; what is recorded
is read off a copy. So the recorder decides nothing: neither versions, nor ids, nor what happens to
bytes that it cannot read (they pass, and a note says so). A side that does not read slows down the
other one, as if they were connected directly; an end of one direction (``write_eof``, which is how
ib_async leaves) is passed on as that.

Account numbers and names are masked on the tape (`twsloop.wire.masking`), never on the wire.

When the tape cannot be written any more, nobody is cut off: the sessions that are under way go on,
unrecorded, no new one is accepted, and `Recorder.failed` says why.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twsloop.clock import Clock
from twsloop.errors import TapeError, TcpFailed, TcpTimeout
from twsloop.paper.serving import Serving, close_door
from twsloop.wire.masking import Masker
from twsloop.wire.tape import Entry, Header, Open, Party

from .overheard import Counts, RecordedSession
from .tape_file import TapeWriter

__all__ = ["Recorder"]

logger = logging.getLogger(__name__)

#: How long the gateway may take to accept a link, seconds.
CONNECT_PATIENCE = 10.0
#: Bytes read at a time.
CHUNK = 1 << 16
#: How long a link that is being closed may take to hand on what waits, seconds.
CLOSE_PATIENCE = 2.0

#: Told of what happens: a name, and fields.
Observer = Callable[[str, dict[str, Any]], None]


class Recorder(Serving):
    """Records what clients and a gateway say to each other.

    Args:
        path: The tape; gzipped when its name ends with ``.gz``.
        upstream_host: The gateway's host.
        upstream_port: The gateway's port.
        host: The address to listen on.
        port: The port to listen on; 0 picks a free one.
        replace: Whether a tape that is there already is written over.
        probe: Whether `open` looks first if the gateway answers at all.
        clock: Where time comes from.
        observer: Told of sessions that begin and end, on the recorder's loop.

    Attributes:
        counts: What was recorded so far.
        failed: Done when the tape cannot be written any more, with why. Any thread may wait.
        ended: Done when it failed and the last session has ended.
    """

    def __init__(  # noqa: PLR0913 - one keyword for each thing that can differ
        self,
        path: Path,
        upstream_host: str,
        upstream_port: int,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        replace: bool = False,
        probe: bool = True,
        clock: Clock | None = None,
        observer: Observer | None = None,
    ) -> None:
        super().__init__("twsloop-record", host=host, port=port, clock=clock)
        self.path = path
        self.upstream = (upstream_host, upstream_port)
        self.counts = Counts()
        self.failed: concurrent.futures.Future[TapeError] = concurrent.futures.Future()
        self.ended: concurrent.futures.Future[TapeError] = concurrent.futures.Future()
        self.masker = Masker()
        self._replace = replace
        self._probe = probe
        self._observer = observer
        self._began = 0.0
        self._writer: TapeWriter | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    # ---- on the running loop ---------------------------------------------------------------

    async def open(self) -> None:
        """Begin to listen, on the running loop.

        Raises:
            TcpFailed: The gateway does not answer.
            TcpTimeout: It does not answer in time.
            ListenError: The port cannot be opened.
            TapeError: The tape cannot be written.
        """
        if self._server is not None:
            return
        if self._probe:
            _, writer = await self._reach()
            writer.close()
        server = await self._listen(
            asyncio.start_server(
                self._accepted, self.host, self.port, limit=CHUNK, start_serving=False
            )
        )
        try:
            upstream = f"{self.upstream[0]}:{self.upstream[1]}"
            header = Header(self.clock.now(), upstream)
            self._writer = TapeWriter(self.path, header, replace=self._replace)
        except TapeError:
            server.close()
            raise
        self._began = self.clock.monotonic()
        self._listens(server)
        await server.start_serving()

    async def close(self) -> None:
        """End all sessions; what passed is on the tape. Idempotent.

        Raises:
            TapeError: The rest of the tape cannot be written.
        """
        server, self._server = self._server, None
        if server is None:
            return
        await close_door(server)
        for task in tuple(self._tasks):
            task.cancel()
        while self._tasks:
            await asyncio.wait(tuple(self._tasks))
        if self._writer is not None and not self.failed.done():
            try:
                self._writer.close()
            except TapeError as error:
                self._fail(error)

    # ---- the tape --------------------------------------------------------------------------

    def write(self, make: Callable[[int], Entry]) -> None:
        """Put an entry, made of the time now, on the tape."""
        if self._writer is None or self.failed.done():
            return
        t = round((self.clock.monotonic() - self._began) * 1e9)
        self._writer.write(make(t))

    def flush(self) -> None:
        """What was written is in the file now; a failure is told by `failed`."""
        if self._writer is None or self.failed.done():
            return
        try:
            self._writer.flush()
        except TapeError as error:
            self._fail(error)

    def _fail(self, error: TapeError) -> None:
        logger.error("%s; what is connected goes on, unrecorded", error)
        if self._writer is not None:
            self._writer.abandon()
        if self._server is not None:
            self._server.close()
        self.failed.set_result(error)
        self.tell("tape_failed", error=str(error))
        self._look_whether_ended()

    def _look_whether_ended(self) -> None:
        if self.failed.done() and not self.counts.open and not self.ended.done():
            self.ended.set_result(self.failed.result())

    def tell(self, event: str, **fields: Any) -> None:
        """Tell the observer."""
        if self._observer is not None:
            self._observer(event, fields)

    # ---- sessions --------------------------------------------------------------------------

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._record(reader, writer))
        self._tasks.add(task)

        def left(_task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            writer.close()  # one that was cancelled before it began has closed nothing

        task.add_done_callback(left)

    async def _record(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.counts.sessions += 1
        self.counts.open += 1
        session = RecordedSession(self, self.counts.sessions)
        self.write(lambda t: Open(t, session.number))
        try:
            await self._serve(session, reader, writer)
        finally:
            session.end("recorder")  # unless one of the two did
            self.flush()
            self.counts.open -= 1
            self.tell("session_end", session=session.number, messages=self.counts.messages)
            self._look_whether_ended()
            await _close(writer)

    async def _serve(
        self, session: RecordedSession, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            gateway_reader, gateway_writer = await self._reach()
        except (TcpFailed, TcpTimeout) as error:
            logger.warning("session %d: %s", session.number, error)
            self.tell("upstream_failed", session=session.number, error=str(error))
            session.end("server", self.masker.mask_text(str(error)))
            return
        _no_delay(writer)
        _no_delay(gateway_writer)
        self.tell("connected", session=session.number)
        pumps = {
            asyncio.ensure_future(self._pump(session, "client", reader, gateway_writer)),
            asyncio.ensure_future(self._pump(session, "server", gateway_reader, writer)),
        }
        try:
            # An end of one direction was passed on; the session is over when both have ended, or
            # when one broke.
            await asyncio.wait(pumps, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for pump in pumps:
                pump.cancel()
            gateway_writer.close()  # now: a recorder that stops interrupts the waits below
            await asyncio.gather(*pumps, return_exceptions=True)
            await _close(gateway_writer)

    async def _pump(
        self,
        session: RecordedSession,
        sender: Party,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Pass on one direction until it ends.

        Raises:
            ConnectionError: One of the links broke.
        """
        listener = session.listeners[sender]
        try:
            while data := await reader.read(CHUNK):
                writer.write(data)
                self.counts.bytes += len(data)
                listener.hear(data)
                self.flush()
                await writer.drain()
        except OSError as error:
            session.end(sender, (error.strerror or str(error)).lower())
            raise
        session.end(sender)
        if writer.can_write_eof() and not writer.is_closing():
            with contextlib.suppress(OSError):  # it has gone already
                writer.write_eof()

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A link to the gateway.

        Raises:
            TcpFailed: Refused, unreachable, or unknown.
            TcpTimeout: No answer.
        """
        host, port = self.upstream
        try:
            async with asyncio.timeout(CONNECT_PATIENCE):
                return await asyncio.open_connection(host, port, limit=CHUNK)
        except TimeoutError as error:
            msg = f"no TCP connection within {CONNECT_PATIENCE:g} s"
            raise TcpTimeout(msg, host=host, port=port) from error
        except ConnectionRefusedError as error:
            raise TcpFailed(
                "connection refused: no gateway listens there", host=host, port=port
            ) from error
        except socket.gaierror as error:
            raise TcpFailed("unknown host", host=host, port=port) from error
        except OSError as error:
            msg = f"cannot connect: {error.strerror or error}"
            raise TcpFailed(msg, host=host, port=port) from error


def _no_delay(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


async def _close(writer: asyncio.StreamWriter) -> None:
    """Hand on what waits, and close; a side that does not read is not waited for long."""
    writer.close()
    try:
        async with asyncio.timeout(CLOSE_PATIENCE):
            await writer.wait_closed()
    except (OSError, TimeoutError):
        writer.transport.abort()
