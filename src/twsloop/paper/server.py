"""The paper gateway: it listens, owns the parts, and gives them a loop.

The loop is its own thread's (`PaperGateway.start`, ``with``) or the running one's
(`PaperGateway.serve`, ``async with``). Nothing is decided here.
"""

from __future__ import annotations

import asyncio
import logging
import random
import socket
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import attrs

from twsloop.clock import Clock
from twsloop.embedded import serves_here
from twsloop.errors import ListenError, PaperError

from .accounts.account import START_CASH
from .accounts.commissions import Rates
from .clients.client import Limits
from .clients.delayed import DELAY_S
from .clients.hub import Hub
from .clients.pacing_judge import PacingRules
from .clients.permissions import Permissions
from .clients.visibility import Access, place_by_hand
from .clock.timetable import Timetable
from .connection import STOPPING, Connection
from .control import MarketControl
from .door import Door
from .exchange.engine import Engine
from .faults.control import FaultControl
from .faults.engine import FaultEngine
from .faults.script import Script, read_script
from .feeds.steering import SteeredFeed
from .feeds.synthetic import DEFAULT_RATE
from .market.vocabulary import Feed
from .orders.rules import OrderRules
from .parts import Behind, FeedSource, Market
from .serving import Serving, all_ended, close_door

__all__ = ["MAX_CLIENTS", "PaperGateway"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: IB's own limit of API clients.
MAX_CLIENTS = 32


class PaperGateway(Serving):
    """A TWS gateway without a broker: real protocol, made-up money.

    Args:
        host: The address to listen on.
        port: The port; 0 picks a free one, and keeps it over a restart.
        feed: The market: a feed, which goes on after `go_away` and `open`, and ends with `stop`; or
            a function that makes one for each start;
            a synthetic market of `seed` unless given; ``"manual"``: one that stands still until
            `market` moves it.
        seed: Of the synthetic market.
        accounts: Account numbers; the first is the default of a client that names none.
        cash: What each account starts with, in its base currency.
        clock: Where real time comes from.
        start: The market's date and time when it begins (with its time zone); now unless given.
        until: Then the market ends: the feed is finished, and time stands still.
        speed: How many market seconds pass in a real one, or ``max``: as fast as possible. (A
            `ReplayFeed` has a speed of its own.)
        wait_for_lines: The market begins when so many market data lines are open.
        timetables: The market times at which named clients act, by client id: the clock waits for
            them (see `twsloop.paper.clock.timetable`).
        rate: Actions a second of each instrument of the synthetic market.
        loop_factory: Makes the loop of `start`; uvloop where it exists unless told otherwise.
        max_version: The newest server version to speak.
        max_clients: More connections than this are refused.
        rates: Commissions and fees.
        keeps_hours: The exchange's hours count: orders outside of them wait, with 399, and the
            synthetic market is closed then.
        wait_for_readers: The market waits while a client's buffer is full, so that readers miss
            nothing; None: a replay waits, and a market of ``max`` speed; others do not.
        limits: Patience with slow clients.
        pacing: How much and how fast clients may ask, as of a login with so many market data
            lines; None: as they like (but three instruments with depth, and five tick-by-tick
            streams).
        user: Shown as the submitter of orders.
        currency: The accounts' base currency; or each account's own, by its number.
        access: Who may see which order: the master client, what is told at a reconnect.
        order_rules: IB's precautions, presets and permissions about orders.
        faults: What goes wrong by itself: a fault script, its file, or the tables in it (see
            `twsloop.paper.faults.script`); `faults` lets anything go wrong by hand.
        market_data: What the login may see: ``live``, ``delayed`` or ``none``; or each by symbol,
            exchange or security type, with "" for all others (see
            `twsloop.paper.clients.permissions`).
        market_delay: How late delayed data is, seconds.

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
        start: datetime | None = None,
        until: datetime | None = None,
        speed: float | str = 1.0,
        wait_for_lines: int = 0,
        timetables: Mapping[int, Timetable | Iterable[datetime]] | None = None,
        rate: float = DEFAULT_RATE,
        loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
        max_version: int = 225,
        max_clients: int = MAX_CLIENTS,
        rates: Rates | None = None,
        keeps_hours: bool = False,
        wait_for_readers: bool | None = None,
        limits: Limits | None = None,
        pacing: PacingRules | None = None,
        user: str = "paper",
        currency: str | Mapping[str, str] = "USD",
        market_data: str | Mapping[str, str] = "live",
        market_delay: float = DELAY_S,
        access: Access | None = None,
        order_rules: OrderRules | None = None,
        faults: Script | str | Path | Mapping[str, Any] | None = None,
    ) -> None:
        if not accounts:
            msg = "a paper gateway needs an account"
            raise PaperError(msg)
        super().__init__(
            "twsloop-paper", host=host, port=port, clock=clock, loop_factory=loop_factory
        )
        self.accounts = tuple(accounts)
        self.seed = seed
        self.max_version = max_version
        self.max_clients = max_clients
        self.rooms: dict[object, int] = {}
        self.limits = limits or Limits()
        self._behind = Behind(
            market=Market(
                self.clock,
                start=start,
                until=until,
                speed=speed,
                held=bool(wait_for_lines),
                timetables=timetables or {},
                source=feed,
                made_up={"seed": seed, "rate": rate, "keeps_hours": keeps_hours},
            ),
            wall=self.clock,
            currencies={
                name: currency if isinstance(currency, str) else currency.get(name, "USD")
                for name in self.accounts
            },
            cash=cash,
            access=access or Access(),
            rates=rates or Rates(),
            rules=order_rules or OrderRules(),
            keeps_hours=keeps_hours,
            user=user,
            pacing=pacing,
            permissions=Permissions(market_data),
            market_delay=market_delay,
            wait_for_readers=wait_for_readers,
            lines_wanted=wait_for_lines,
        )
        self._hub: Hub | None = None
        self._connections: set[Connection] = set()
        self._closed: asyncio.Event | None = None
        self._door: Door | None = None
        script = None if faults is None else read_script(faults)
        luck = random.Random(seed if script is None or script.seed is None else script.seed)  # noqa: S311
        self._faults = FaultEngine(self, luck, script)

    # ---- facts -----------------------------------------------------------------------------

    @property
    def account(self) -> str:
        """The first account's number."""
        return self.accounts[0]

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
    def market_time(self) -> datetime:
        """The market's date and time; may be read from any thread."""
        return self._behind.market.clock.now()

    @property
    def engine(self) -> Engine:
        """Orders and accounts; to be used on the gateway's loop only.

        Raises:
            PaperError: It has never run.
        """
        return _made(self._behind.engine)

    @property
    def feed(self) -> Feed:
        """The feed that runs.

        Raises:
            PaperError: It has never run.
        """
        return _made(self._behind.market.feed)

    @property
    def market(self) -> MarketControl:
        """A hand on the market: set prices, print trades, halt, reject orders; from any thread."""
        return MarketControl(self)

    @property
    def faults(self) -> FaultControl:
        """A hand on what goes wrong: half-open links, resets, restarts...; from any thread."""
        return FaultControl(self, self._faults)

    @property
    def connections(self) -> Collection[Connection]:
        """All that were accepted and have not ended; to be used on the gateway's loop only."""
        return self._connections

    @property
    def steered(self) -> SteeredFeed:
        """What `market` moves; to be used on the gateway's loop only.

        Raises:
            PaperError: It has never run.
        """
        return _made(self._behind.market.steered)

    @property
    def stats(self) -> dict[str, Any]:
        """Counts: feed events, and per client id its requests, messages, ticks, writes, bytes."""
        if self._hub is None:
            return {"events": 0, "clients": {}}
        return {
            "events": self._hub.events,
            "clients": {
                # A copy of what its loop counts on, made in one step.
                client_id: attrs.asdict(client.stats, recurse=False)
                | {"kinds": dict(client.stats.kinds)}
                for client_id, client in tuple(self._hub.clients.items())
            },
        }

    # ---- on its loop ------------------------------------------------------------------------

    def place_by_hand(self, contract: Any, order: Any) -> int:
        """Place an order as a person at the gateway's own window would.

        Args:
            contract: A protobuf ``Contract``.
            order: A protobuf ``Order``.

        Returns:
            Its permId; it belongs to no API client until client 0 binds it.

        Raises:
            PaperError: It is refused, or the gateway does not run on a thread of its own.
        """
        return int(self.call(place_by_hand, self.hub, contract, order))

    def drop_clients(self) -> None:
        """Cut all connections, as a gateway that dies; it goes on listening."""
        if self._thread is not None and not self._thread.in_loop():
            self._thread.call(self._drop_clients)
        else:
            self._drop_clients()

    def shut_door(self) -> None:
        """Refuse new connections from soon on, until `open_door`; on the gateway's loop."""
        if self._door is not None and self.running:
            self._door.shut()

    def open_door(self, port: int | None = None) -> None:
        """Listen again soon, on another port if one is given; on the gateway's loop."""
        if self._door is not None and self.running:
            self._door.open(port)

    def settle_door(self) -> None:
        """Wait until the door is shut or open as was asked; on the gateway's loop: do not wait."""
        if self._door is not None and self._thread is not None and not self._thread.in_loop():
            self._thread.call(self._door.settled)

    def free_port(self) -> int:
        """The number of a port that nobody listens on."""
        with socket.create_server((self.host, 0)) as found:
            port: int = found.getsockname()[1]
        return port

    def jump(self, seconds: float) -> None:
        """Set the market's calendar forward, or back; on the gateway's loop."""
        self._behind.market.clock.jump(seconds)
        if self._hub is not None:
            self._hub.calendar_was_set()
            self._faults.look_at_calendar()

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
        async with self._turn():
            if self._server is None:
                await self._begin_serving()

    async def _begin_serving(self) -> None:
        serves_here(self)
        self._hub = hub = self._behind.open()
        loop = asyncio.get_running_loop()

        async def make(port: int) -> asyncio.Server:
            made = loop.create_server(
                lambda: Connection(self, hub), self.host, port, backlog=128, start_serving=False
            )
            return await self._listen(made)

        try:
            server = await make(self.port)
        except ListenError:
            self._hub = None
            hub.feed.stop()
            raise
        self._listens(server)
        self._door = Door(server, make, self._listens)
        self._closed = asyncio.Event()
        hub.start()
        self._behind.market.begun()
        await server.start_serving()
        self._faults.start(hub)
        logger.info("paper gateway listens on %s:%d", self.host, self.port)

    async def close(self) -> None:
        """End all connections, the feed and all faults. Idempotent."""
        self._faults.stop()
        await self.go_away()
        self._behind.market.close()
        if self._closed is not None:
            self._closed.set()

    async def go_away(self) -> None:
        """End all connections, as a restart does; `open` comes back. Idempotent.

        A feed that was given stands still meanwhile, and goes on; others end, and are made anew.
        """
        async with self._turn():
            server, self._server = self._server, None
            if server is not None:
                await self._end_serving(server)

    async def _end_serving(self, server: asyncio.Server) -> None:
        if self._hub is not None:
            self._hub.stop()
        if self._door is not None:
            await self._door.end()
            server = self._door.server
        await close_door(server)
        for connection in tuple(self._connections):
            connection.close(STOPPING)
        await all_ended(self._connections)
        await server.wait_closed()
        self._hub = None

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

    # ---- of connections --------------------------------------------------------------------

    def admit(self, connection: Connection) -> str | None:
        """Take note of a new connection; the reason why it cannot stay, or None."""
        self._connections.add(connection)
        if self._server is None:
            return STOPPING
        most = min([self.max_clients, *self.rooms.values()])
        if len(self._connections) > most:
            return f"more than {most} clients"
        self._faults.arrived(connection)
        return None

    def joined(self, connection: Connection) -> None:
        """Take note that a connection's client is READY."""
        self._faults.joined(connection)

    def dismiss(self, connection: Connection) -> None:
        """Forget a connection that ended."""
        self._connections.discard(connection)
        self._faults.left(connection)


def _made(part: T | None) -> T:
    """A part that there is from the first start on.

    Raises:
        PaperError: There is none yet.
    """
    if part is None:
        msg = "the paper gateway has not been started"
        raise PaperError(msg)
    return part
