"""The paper gateway on the network: sockets, and nothing that decides anything.

`Connection` carries bytes between a socket and the pure parts: `session` says what they mean,
`requests` answers them, `hub` knows who is told what. `PaperGateway` listens, owns the parts, and
gives them a loop: its own thread (`PaperGateway.start`) or the running one (`PaperGateway.serve`,
``async with``).

Discipline on the wire, learnt from IB's own clients:

- the hello leaves in one write, alone: a client drops what else comes with it;
- one write per batch and client;
- a connection that breaks the protocol is closed with a log line, and nobody else notices.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Sequence
from decimal import Decimal
from types import TracebackType
from typing import Any, Self, cast

from twsloop.clock import Clock, SystemClock, Timer
from twsloop.errors import ListenError, PaperError
from twsloop.event_loop import IBKREventLoop

from . import requests
from .accounts import START_CASH, Account
from .client import Client, Limits
from .commissions import Rates
from .engine import Engine
from .hub import Hub
from .instruments import Catalogue
from .market import Feed
from .replay import ReplayFeed
from .session import Fault, Greeting, Incoming, PaperSession, Request, Start, Unreadable
from .synthetic import SyntheticFeed

__all__ = ["MAX_CLIENTS", "PaperGateway"]

logger = logging.getLogger(__name__)

#: IB's own limit of API clients.
MAX_CLIENTS = 32
#: A connection that has not finished its handshake by then is closed, seconds.
HANDSHAKE_PATIENCE = 30.0
#: How long a connection that is being closed may take to send what waits, seconds.
CLOSE_PATIENCE = 2.0

#: So many turns of the loop without a connection, and all that were accepted have been told.
QUIET_TURNS = 5

FeedSource = Feed | Callable[[], Feed]


async def _accept_no_more(server: asyncio.Server) -> None:
    """Take the listening sockets out of the loop, and let what was accepted get its transport.

    asyncio up to 3.11 loses (and leaks) a connection whose transport is made after Server.close.
    """
    loop = asyncio.get_running_loop()
    for sock in server.sockets:
        with contextlib.suppress(NotImplementedError):  # Windows' proactor has no readers
            loop.remove_reader(sock.fileno())
    for _ in range(QUIET_TURNS):
        await asyncio.sleep(0)


class Connection(asyncio.Protocol):
    """One accepted connection; the `Outlet` of its client."""

    def __init__(self, gateway: PaperGateway, hub: Hub) -> None:
        self._gateway = gateway
        self._hub = hub
        self._transport: asyncio.Transport | None = None
        self._session: PaperSession | None = None
        self._client: Client | None = None
        self._timer: Timer | None = None
        self._peer = "?"
        self._waiting_before = 0
        self._silent_for = 0.0

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
            return
        now = self._hub.now()
        self._session = PaperSession(
            f"{now:%Y%m%d %H:%M:%S} UTC", max_version=self._gateway.max_version
        )
        self._timer = self._hub.clock.call_later(
            HANDSHAKE_PATIENCE, self.abort, "no startApi within its deadline"
        )

    def data_received(self, data: bytes) -> None:
        """Bytes came: answer all that they hold, then let every client be written to once."""
        session = self._session
        if session is None:
            return
        session.feed(data)
        for item in session.incoming():
            self._take(item)
        self._hub.settle()

    def eof_received(self) -> bool:
        """The client sends no more; what waits for it is sent, then the connection closes."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection ended."""
        self._stop_timer()
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
            self._hub.stall(self._client)
            self._watch_silence()

    def resume_writing(self) -> None:
        """The transport has room again."""
        if self._client is not None and not self._client.closed:
            self._stop_timer()
            self._hub.resume(self._client)

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
            self._timer = self._hub.clock.call_later(CLOSE_PATIENCE, self._transport.abort)

    def abort(self, reason: str) -> None:
        """End the connection at once."""
        self._log_end(reason)
        self._end_session()
        if self._transport is not None:
            self._transport.abort()

    # ---- inner -----------------------------------------------------------------------------

    def _log_end(self, reason: str) -> None:
        who = str(self._client) if self._client is not None else f"connection from {self._peer}"
        logger.warning("%s closed: %s", who, reason)

    def _end_session(self) -> None:
        if self._session is not None:
            self._session.close()

    def _take(self, item: Incoming) -> None:
        if isinstance(item, Request):
            if self._client is not None:
                requests.answer(self._hub, self._client, item)
                self._hub.deliver()
        elif isinstance(item, Unreadable):
            if self._client is not None:
                requests.answer_unreadable(self._hub, self._client, item)
        elif isinstance(item, Greeting):
            self.write(item.data)
        elif isinstance(item, Start):
            self._start(item)
        else:
            assert isinstance(item, Fault)
            self._fail(item)

    def _start(self, start: Start) -> None:
        assert self._session is not None
        self._stop_timer()
        client = Client(start.client_id, self._session.server_version, self, self._gateway.limits)
        if self._hub.join(client):
            self._client = client
            logger.info("%s joined from %s", client, self._peer)

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
        self._timer = self._hub.clock.call_later(patience, self._judge_silence, patience)

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
            self._hub.give_up(client)
        self._waiting_before = waiting
        self._watch_silence()


class PaperGateway:
    """A TWS gateway without a broker: real protocol, made-up money.

    Args:
        host: The address to listen on.
        port: The port; 0 picks a free one, and keeps it over a restart.
        feed: The market: a feed, or a function that makes one (needed to start more than once);
            a synthetic market of `seed` unless given.
        seed: Of the synthetic market.
        accounts: Account numbers; the first is the default of a client that names none.
        cash: What each account starts with, in USD.
        clock: Where time comes from.
        loop_factory: Makes the loop of `start`; uvloop where it exists unless told otherwise.
        max_version: The newest server version to speak.
        max_clients: More connections than this are refused.
        rates: Commissions and fees.
        keeps_hours: Orders outside trading hours wait, with 399.
        wait_for_readers: The feed waits while a client's buffer is full, so that readers miss
            nothing; None: a replay waits, other feeds do not.
        limits: Patience with slow clients.
        user: Shown as the submitter of orders.

    It serves from `start` (on a thread of its own) or `open` (on the running loop) on. Orders,
    positions and order ids live as long as the object, also over a restart.
    """

    def __init__(  # noqa: PLR0913 - one keyword for each thing that can differ
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        feed: FeedSource | None = None,
        seed: int = 1,
        accounts: Sequence[str] = ("DU1234567",),
        cash: Decimal = START_CASH,
        clock: Clock | None = None,
        loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
        max_version: int = 225,
        max_clients: int = MAX_CLIENTS,
        rates: Rates | None = None,
        keeps_hours: bool = False,
        wait_for_readers: bool | None = None,
        limits: Limits | None = None,
        user: str = "paper",
    ) -> None:
        if not accounts:
            msg = "a paper gateway needs an account"
            raise PaperError(msg)
        self.host = host
        self.port = port
        self.accounts = tuple(accounts)
        self.seed = seed
        self.max_version = max_version
        self.max_clients = max_clients
        self.limits = limits or Limits()
        self.clock: Clock = clock or SystemClock()
        self._source = feed
        self._used_feed = False
        self._loop_factory = loop_factory
        self._wait_for_readers = wait_for_readers
        self._settings: dict[str, Any] = {
            "rates": rates or Rates(),
            "keeps_hours": keeps_hours,
            "user": user,
        }
        self._cash = cash
        self._engine: Engine | None = None
        self._hub: Hub | None = None
        self._feed: Feed | None = None
        self._server: asyncio.Server | None = None
        self._thread: IBKREventLoop | None = None
        self._connections: set[Connection] = set()
        self._closed: asyncio.Event | None = None

    # ---- facts -----------------------------------------------------------------------------

    @property
    def account(self) -> str:
        """The first account's number."""
        return self.accounts[0]

    @property
    def running(self) -> bool:
        """Whether it listens."""
        return self._server is not None

    @property
    def clients(self) -> tuple[int, ...]:
        """The ids of the clients that are READY now."""
        return tuple(self._hub.clients) if self._hub is not None else ()

    @property
    def hub(self) -> Hub:
        """The parts behind the sockets; to be used on the gateway's loop only.

        Raises:
            PaperError: It is not running.
        """
        if self._hub is None:
            msg = "the paper gateway is not running"
            raise PaperError(msg)
        return self._hub

    @property
    def engine(self) -> Engine:
        """Orders and accounts; to be used on the gateway's loop only.

        Raises:
            PaperError: It has never run.
        """
        if self._engine is None:
            msg = "the paper gateway has not been started"
            raise PaperError(msg)
        return self._engine

    @property
    def feed(self) -> Feed:
        """The feed that runs.

        Raises:
            PaperError: It has never run.
        """
        if self._feed is None:
            msg = "the paper gateway has not been started"
            raise PaperError(msg)
        return self._feed

    @property
    def stats(self) -> dict[str, Any]:
        """Counts: feed events, and per client id its requests, messages, ticks, writes, bytes."""
        if self._hub is None:
            return {"events": 0, "clients": {}}
        return {
            "events": self._hub.events,
            "clients": {
                client_id: {
                    name: getattr(c.stats, name) for name in c.stats.__slots__ if name[0] != "_"
                }
                for client_id, c in tuple(self._hub.clients.items())
            },
        }

    # ---- on a thread of its own ------------------------------------------------------------

    def start(self) -> None:
        """Serve on an own thread; returns when the port is open.

        Raises:
            ListenError: The port cannot be opened.
            PaperError: It cannot be started again because its feed was used up.
        """
        if self._thread is not None:
            return
        thread = IBKREventLoop(
            name="twsloop-paper", clock=self.clock, loop_factory=self._loop_factory
        )
        thread.start()
        try:
            thread.call(self.open)
        except BaseException:
            thread.stop()
            raise
        self._thread = thread

    def stop(self) -> None:
        """End all connections and the thread. Idempotent."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        if thread.running:
            thread.call(self.close)
        thread.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def call(self, work: Callable[..., Any], *args: Any) -> Any:
        """Run ``work(*args)`` on the gateway's own loop, and wait for it.

        Raises:
            PaperError: It does not run on a thread of its own.
        """
        if self._thread is None:
            msg = "the paper gateway does not run on a thread of its own"
            raise PaperError(msg)
        return self._thread.call(work, *args)

    def drop_clients(self) -> None:
        """Cut all connections, as a gateway that dies; it goes on listening."""
        if self._thread is not None and not self._thread.in_loop():
            self._thread.call(self._drop_clients)
        else:
            self._drop_clients()

    def _drop_clients(self) -> None:
        for connection in tuple(self._connections):
            connection.abort("dropped on demand")

    # ---- on the running loop ---------------------------------------------------------------

    async def open(self) -> None:
        """Begin to listen, on the running loop.

        Raises:
            ListenError: The port cannot be opened.
            PaperError: It cannot be opened again because its feed was used up.
        """
        if self._server is not None:
            return
        feed = self._make_feed()
        self._feed = feed
        self._hub = hub = Hub(
            engine=self._make_engine(feed),
            feed=feed,
            clock=self.clock,
            wait_for_readers=(
                isinstance(feed, ReplayFeed)
                if self._wait_for_readers is None
                else self._wait_for_readers
            ),
        )
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                lambda: Connection(self, hub), self.host, self.port, backlog=128
            )
        except OSError as error:
            self._hub = None
            feed.stop()
            msg = f"cannot listen on {self.host}:{self.port}: {error.strerror or error}"
            raise ListenError(msg) from error
        self.port = self._server.sockets[0].getsockname()[1]
        self._closed = asyncio.Event()
        hub.start()
        logger.info("paper gateway listens on %s:%d", self.host, self.port)

    async def close(self) -> None:
        """End all connections and the feed. Idempotent."""
        server, self._server = self._server, None
        if server is None:
            return
        if self._hub is not None:
            self._hub.stop()
        await _accept_no_more(server)
        server.close()
        for connection in tuple(self._connections):
            connection.close("the gateway stops")
        # A connection that was accepted just now, and a transport's end, are told in later turns
        # of the loop.
        quiet = 0
        while self._connections or quiet < QUIET_TURNS:
            await asyncio.sleep(0)
            quiet = 0 if self._connections else quiet + 1
            for connection in tuple(self._connections):
                if connection.buffered():
                    connection.abort("the gateway stops and it does not read")
        await server.wait_closed()
        self._hub = None
        if self._closed is not None:
            self._closed.set()

    async def serve(self) -> None:
        """Serve on the running loop until it is cancelled, or `close` is called.

        Raises:
            ListenError: The port cannot be opened.
        """
        await self.open()
        assert self._closed is not None
        try:
            await self._closed.wait()
        finally:
            await self.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    # ---- parts -----------------------------------------------------------------------------

    def _make_feed(self) -> Feed:
        source = self._source
        if source is None:
            catalogue = Catalogue.standard(self.clock.now().date())
            return SyntheticFeed(catalogue, seed=self.seed)
        if callable(source):
            return source()
        if self._used_feed:
            msg = "a feed is used once: give PaperGateway a function that makes feeds"
            raise PaperError(msg)
        self._used_feed = True
        return source

    def _make_engine(self, feed: Feed) -> Engine:
        if self._engine is None:
            self._engine = Engine(
                feed.instruments,
                {name: Account(name, start=self._cash) for name in self.accounts},
                feed.book,
                **self._settings,
            )
        else:
            self._engine.use_market(feed.instruments, feed.book)
        return self._engine

    def admit(self, connection: Connection) -> str | None:
        """Take note of a new connection; the reason why it cannot stay, or None."""
        self._connections.add(connection)
        if self._server is None:
            return "the gateway stops"
        if len(self._connections) > self.max_clients:
            return f"more than {self.max_clients} clients"
        return None

    def dismiss(self, connection: Connection) -> None:
        """Forget a connection that ended."""
        self._connections.discard(connection)
