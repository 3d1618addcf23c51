"""One accepted connection: bytes between a socket and the pure parts.

`session` says what the bytes mean, `requests` answers them, `hub` knows who is told what. Learnt
from IB's own clients, and kept here:

- the hello leaves in one write, alone: a client drops what else comes with it;
- one write per batch and client;
- a connection that breaks the protocol is closed with a log line, and nobody else notices.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections import deque
from typing import Any, Protocol, cast

from twsloop.clock import Timer

from .clients.client import Client, Limits
from .clients.hub import Hub
from .clients.pacing import TOO_FAST
from .clients.pacing_judge import StepPacer, Strikes
from .clients.session import (
    Fault,
    Greeting,
    Incoming,
    PaperSession,
    Request,
    Start,
    TooOld,
    Unreadable,
)
from .requests import table

__all__ = ["STOPPING", "Connection", "Listener", "linger_not"]

logger = logging.getLogger(__name__)

#: A connection that has not finished its handshake by then is closed, seconds.
HANDSHAKE_PATIENCE = 30.0
#: How long a connection that is being closed may take to send what waits, seconds.
CLOSE_PATIENCE = 2.0
#: With this connect option a client is slowed where it would be refused.
PACE_OPTION = "+PACEAPI"
#: How long a client that is too old gets to read its hello before it is told so, seconds.
OLD_CLIENT_PATIENCE = 1.0
#: So many messages of one connection are answered before the others have their turn.
MESSAGES_A_TURN = 64
#: Why connections are closed at the gateway's end; the one reason that is no trouble.
STOPPING = "the gateway stops"


def linger_not(sock: Any) -> None:
    """Let a socket end with a reset (RST) in place of an end (FIN); None: there is no socket."""
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Listener(Protocol):
    """What a connection needs of the gateway that accepted it."""

    @property
    def limits(self) -> Limits:
        """Patience with slow clients."""

    @property
    def max_version(self) -> int:
        """The newest server version to speak."""

    def admit(self, connection: Connection) -> str | None:
        """Take note of a new connection; the reason why it cannot stay, or None."""

    def joined(self, connection: Connection) -> None:
        """Take note that a connection's client is READY."""

    def dismiss(self, connection: Connection) -> None:
        """Forget a connection that ended."""


class Connection(asyncio.Protocol):
    """One accepted connection; the `Outlet` of its client."""

    def __init__(self, gateway: Listener, hub: Hub) -> None:
        self._gateway = gateway
        self._hub = hub
        self._transport: asyncio.Transport | None = None
        self._session: PaperSession | None = None
        self._client: Client | None = None
        self._timer: Timer | None = None
        self._peer = "?"
        self._waiting_before = 0
        self._silent_for = 0.0
        self._busy = False
        self._refused: TooOld | None = None
        self._strikes: Strikes | None = None
        self._pacer: StepPacer | None = None
        self._paced: deque[Request | Unreadable] = deque()
        self._step_timer: Timer | None = None
        self._was_slowed = False

    # ---- facts -----------------------------------------------------------------------------

    @property
    def client_id(self) -> int | None:
        """The id of its client; None before it is READY."""
        return self._client.client_id if self._client is not None else None

    @property
    def server_version(self) -> int:
        """The negotiated version, 0 before the hello."""
        return self._session.server_version if self._session is not None else 0

    @property
    def transport(self) -> asyncio.Transport | None:
        """What it writes to; who stands between them may put itself there (`faults.link`)."""
        return self._transport

    @transport.setter
    def transport(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    # ---- asyncio.Protocol ------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connected."""
        # uvloop's transport does what asyncio.Transport says, but is not a subclass of it.
        transport = cast("asyncio.Transport", transport)
        self._transport = transport
        peer = transport.get_extra_info("peername")
        self._peer = f"{peer[0]}:{peer[1]}" if isinstance(peer, tuple) else str(peer)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport.set_write_buffer_limits(high=self._gateway.limits.high_water)
        refusal = self._gateway.admit(self)
        if refusal is not None:
            self.abort(refusal)
        if self._transport.is_closing():
            return
        now = self._hub.now()
        self._session = PaperSession(
            f"{now:%Y%m%d %H:%M:%S} UTC", max_version=self._gateway.max_version
        )
        self._timer = self._hub.wall.call_later(
            HANDSHAKE_PATIENCE, self.abort, "no startApi within its deadline"
        )

    def data_received(self, data: bytes) -> None:
        """Bytes came: answer all that they hold, then let every client be written to once."""
        session = self._session
        if session is None:
            return
        if self._refused is not None:
            # It has read its hello: this is its client id, or its startApi.
            self._refuse(self._refused)
            return
        session.feed(data)
        if not self._busy:
            self._answer(session)

    def _answer(self, session: PaperSession) -> None:
        """Answer what waits; after `MESSAGES_A_TURN` the others come first, and nothing is read."""
        transport = self._transport
        assert transport is not None
        self._busy = False
        for count, item in enumerate(session.incoming(), 1):
            self._take(item)
            if count == MESSAGES_A_TURN and not transport.is_closing():
                self._busy = True
                transport.pause_reading()
                asyncio.get_running_loop().call_soon(self._go_on, session)
                break
        self._hub.settle()

    def _go_on(self, session: PaperSession) -> None:
        assert self._transport is not None
        if self._transport.is_closing():
            return
        self._answer(session)
        if not self._busy and not self._transport.is_closing():
            self._transport.resume_reading()

    def eof_received(self) -> bool:
        """The client sends no more; what waits for it is sent, then the connection closes."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection ended."""
        self._stop_timer()
        if self._step_timer is not None:
            self._step_timer.cancel()
        self._paced.clear()
        if self._session is not None:
            self._session.close()
        client, self._client = self._client, None
        if client is not None:
            client.closed = True
            self._hub.leave(client)
            logger.info("%s left%s", client, f": {exc}" if exc else "")
        self._gateway.dismiss(self)

    def pause_writing(self) -> None:
        """The transport is full."""
        if self._client is not None and not self._client.closed:
            self._waiting_before = self.buffered()
            self._silent_for = 0.0
            self._hub.readers.stall(self._client)
            self._watch_silence()

    def resume_writing(self) -> None:
        """The transport has room again."""
        if self._client is not None and not self._client.closed:
            self._stop_timer()
            self._hub.readers.resume(self._client)

    # ---- Outlet ----------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Send, or buffer."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def buffered(self) -> int:
        """How many bytes wait to be sent."""
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    def close(self, reason: str) -> None:
        """Send what waits, then end the connection."""
        self._log_end(reason)
        self._end_session()
        if self._transport is not None:
            self._transport.close()
            self._stop_timer()
            self._timer = self._hub.wall.call_later(CLOSE_PATIENCE, self._transport.abort)

    def abort(self, reason: str) -> None:
        """End the connection at once."""
        self._log_end(reason)
        self._end_session()
        if self._transport is not None:
            self._transport.abort()

    def end_soon(self) -> None:
        """Be told the end in the loop's next turn, as transports do it (`faults.link`)."""
        asyncio.get_running_loop().call_soon(self.connection_lost, None)

    def reset(self, reason: str) -> None:
        """End the connection at once, with a reset (RST) in place of an end (FIN)."""
        if self._transport is not None:
            linger_not(self._transport.get_extra_info("socket"))
        self.abort(reason)

    # ---- inner -----------------------------------------------------------------------------

    def _log_end(self, reason: str) -> None:
        who = str(self._client) if self._client is not None else f"connection from {self._peer}"
        level = logging.INFO if reason == STOPPING else logging.WARNING
        logger.log(level, "%s closed: %s", who, reason)

    def _end_session(self) -> None:
        if self._session is not None:
            self._session.close()

    def _take(self, item: Incoming) -> None:
        if isinstance(item, Request | Unreadable):
            client = self._client
            if client is not None and not client.closed and self._passes(client, item):
                self._handle(client, item)
        elif isinstance(item, Greeting):
            self.write(item.data)
        elif isinstance(item, Start):
            self._start(item)
        elif isinstance(item, TooOld):
            self.write(item.hello)
            self._refused = item
            self._stop_timer()
            self._timer = self._hub.wall.call_later(OLD_CLIENT_PATIENCE, self._refuse, item)
        else:
            assert isinstance(item, Fault)
            self._fail(item)

    def _passes(self, client: Client, item: Request | Unreadable) -> bool:
        """Whether a message may be handled now, by the rate that the login may send."""
        now = self._hub.wall.monotonic()
        if self._strikes is not None and not self._strikes.offer(now):
            limit, strike = self._strikes.limit, self._strikes.count
            text = TOO_FAST.format(limit=limit, count=limit + 1, strike=strike)
            self._hub.error(client, -1, 100, text)
            if self._strikes.out:
                client.close(f"more than {limit} messages a second for the third time")
            return False
        if self._pacer is not None and not self._pacer.offer(now):
            if not self._paced:
                self._wait_for_step(self._pacer)
                if not self._was_slowed:
                    self._was_slowed = True
                    logger.warning("%s sends faster than its pacing allows: it is slowed", client)
            self._paced.append(item)
            return False
        return True

    def _wait_for_step(self, pacer: StepPacer) -> None:
        wait = max(pacer.next_step() - self._hub.wall.monotonic(), 0.0)
        self._step_timer = self._hub.wall.call_later(wait, self._step, pacer)

    def _step(self, pacer: StepPacer) -> None:
        """Handle what a step of the pacing serves."""
        client = self._client
        if client is None or client.closed:
            return
        for _ in range(pacer.serve(self._hub.wall.monotonic())):
            self._handle(client, self._paced.popleft())
        self._hub.settle()
        if self._paced:
            self._wait_for_step(pacer)

    def _handle(self, client: Client, item: Request | Unreadable) -> None:
        if not self._later(client, item):
            self._process(client, item)

    def _later(self, client: Client, item: Request | Unreadable) -> bool:
        """Whether the client's timetable takes the frame, to process it when its time has come."""
        tables = self._hub.timetables
        if tables is None:
            return False
        name = item.type.name if isinstance(item, Request) else ""
        return tables.take(client.client_id, name, lambda: self._process(client, item))

    def _process(self, client: Client, item: Request | Unreadable) -> None:
        if isinstance(item, Request):
            table.answer(self._hub, client, item)
            self._hub.deliver()
        else:
            table.answer_unreadable(self._hub, client, item)

    def _start(self, start: Start) -> None:
        assert self._session is not None
        self._stop_timer()
        client = Client(start.client_id, self._session.server_version, self, self._gateway.limits)
        if self._hub.join(client):
            self._client = client
            self._judge_rate()
            self._gateway.joined(self)
            logger.info("%s joined from %s", client, self._peer)

    def _judge_rate(self) -> None:
        rules = self._hub.pacing.rules if self._hub.pacing is not None else None
        if rules is None or rules.excess == "ignore":
            return
        asked_for = self._session is not None and PACE_OPTION in self._session.options
        if rules.excess == "pace" or asked_for:
            self._pacer = StepPacer(rules.messages)
        else:
            self._strikes = Strikes(rules.messages)

    def _refuse(self, item: TooOld) -> None:
        """Tell a client that is too old, once."""
        self._stop_timer()
        if self._transport is not None and not self._transport.is_closing():
            self.write(item.refusal)
            self.close(item.reason)

    def _fail(self, fault: Fault) -> None:
        if self._client is not None:
            self._client.close(fault.reason)
        else:
            self.close(fault.reason)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _watch_silence(self) -> None:
        """Look again, while it is stalled, whether the client has read anything."""
        self._stop_timer()
        patience = self._gateway.limits.patience
        self._timer = self._hub.wall.call_later(patience, self._judge_silence, patience)

    def _judge_silence(self, waited: float) -> None:
        client = self._client
        if client is None or not client.stalled:
            return
        waiting = self.buffered()
        if waiting < self._waiting_before:
            self._silent_for = 0.0
        else:
            self._silent_for += waited
            if self._silent_for >= self._gateway.limits.silence:
                client.drop(f"it has read nothing for {self._silent_for:g} s")
                return
            self._hub.readers.give_up(client)
        self._waiting_before = waiting
        self._watch_silence()
