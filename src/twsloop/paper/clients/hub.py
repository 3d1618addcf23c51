"""The middle of the paper gateway: who is connected, what each watches, what each is told.

Everything here runs on the gateway's loop, and nothing waits. Whatever comes in (a request, the
feed's events, a timer) is handled to its end, and then every client that has something to be told
gets one write.

The feed only makes events. The hub applies each to its book once, publishes the changes to the
lines that watch it, and lets the engine look at the orders.
"""

from __future__ import annotations

import concurrent.futures
import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import attrs
from ibapi.protobuf.ManagedAccounts_pb2 import ManagedAccounts
from ibapi.protobuf.NextValidId_pb2 import NextValidId

from twsloop.clock import Clock, Timer
from twsloop.paper.accounts.account import Account
from twsloop.paper.clock.alarm import Alarm
from twsloop.paper.clock.market_clock import MarketClock
from twsloop.paper.clock.sessions import Sessions
from twsloop.paper.clock.timetable import Timetables
from twsloop.paper.exchange.engine import Engine
from twsloop.paper.history.archive import History
from twsloop.paper.market.vocabulary import Event, Feed
from twsloop.paper.orders import echo
from twsloop.paper.orders.order import PaperOrder

from . import account_feed, exercise, fanout, visibility
from .client import Client
from .farms import Farms
from .gates import Gates, Memory, Push
from .pacing import PacingJudge
from .readers import Readers
from .watchers import Listener, Watchers

__all__ = ["Hub"]

logger = logging.getLogger(__name__)

CLIENT_ID_IN_USE = (
    "Unable connect as the client id is already in use. Retry with a unique client id."
)
#: How often profit and loss is told, seconds.
PNL_EVERY = 1.0
#: How often account values that changed are told, seconds.
ACCOUNT_EVERY = 180.0
#: How often expired options are looked for, seconds of the market's time.
EXPIRY_EVERY = 60.0
#: Data that is further away from the clock than this, in seconds, is a replay of other days.
FAR_AWAY = 7 * 86_400.0


@attrs.define(eq=False)
class Hub:
    """State of one running gateway.

    Attributes:
        engine: Orders and accounts.
        feed: The market.
        clock: The market's time, for all that belongs to the market.
        wait_for_readers: Whether the market waits while a client's transport is full.
        wall: Real time, for sockets and the patience with clients.
        lines_wanted: Until so many market data lines are open a `MarketClock` stands.
        timetables: The clients that the clock waits for.
        pacing: Judges how much and how fast clients ask; None: nobody does.
        access: Who may see what.
        farms: Where the data comes from.
        gates: Where faults stand.
        memory: What the gateway itself remembers of the day.
        clients: The READY clients by client id.
        watchers: Who watches which instrument.
        readers: The clients that do not read.
        witnesses: Who hears the events of all instruments (the history).
        desks: What the request modules keep as long as the gateway runs (see `handling.desk`).
        sessions: The exchange's day: the phases of the markets, and who hears of their changes.
        events: How many events the feed has made.
    """

    engine: Engine
    feed: Feed
    clock: Clock
    wait_for_readers: bool = False
    wall: Clock = attrs.field(default=attrs.Factory(lambda self: self.clock, takes_self=True))
    lines_wanted: int = 0
    timetables: Timetables | None = None
    pacing: PacingJudge | None = None
    access: visibility.Access = attrs.Factory(visibility.Access)
    farms: Farms = attrs.Factory(Farms)
    gates: Gates = attrs.Factory(Gates)
    memory: Memory = attrs.Factory(Memory)
    clients: dict[int, Client] = attrs.Factory(dict)
    witnesses: list[Listener] = attrs.Factory(list)
    desks: dict[type[Any], Any] = attrs.Factory(dict)
    events: int = 0
    sessions: Sessions = attrs.field(init=False)
    watchers: Watchers = attrs.field(init=False)
    readers: Readers = attrs.field(init=False)
    _market: MarketClock | None = attrs.field(init=False)
    _alarm: Alarm = attrs.field(init=False)
    _timers: list[Timer] = attrs.Factory(list)
    _failed: set[PaperOrder] = attrs.Factory(set)

    def __attrs_post_init__(self) -> None:
        self.engine.floor.on_failure = self._order_failed
        self.sessions = Sessions(self.clock, self.settle)
        self._market = self.clock if isinstance(self.clock, MarketClock) else None
        self._alarm = Alarm(self.clock, self._orders_are_due)
        self.watchers = Watchers(self.feed, self.clock, self._line_opened)
        self.readers = Readers(self.feed, self._market, waits=self.wait_for_readers)

    # ---- life ------------------------------------------------------------------------------

    @property
    def accounts(self) -> dict[str, Account]:
        """The accounts by name."""
        return self.engine.accounts

    def now(self) -> datetime:
        """The market's calendar time."""
        return self.clock.now()

    def market_now(self) -> datetime:
        """The calendar time of the market's data: in a replay of old data, that of its days."""
        now = self.now()
        history: History | None = self.desks.get(History)
        last = history.last_ns / 1e9 if history is not None else 0.0
        if last and abs(now.timestamp() - last) > FAR_AWAY:
            return datetime.fromtimestamp(last, UTC)
        return now

    def start(self) -> None:
        """Begin: the feed runs, profit and account values are told in their cadence."""
        if self._market is not None:
            if self.lines_wanted:
                self._market.hold("lines")
            if self.timetables is not None:
                self.timetables.start(self.settle)
        self.sessions.start(one.hours for one in self.feed.instruments.all())
        history = self.desks[History] = History(self.feed, self.now)
        self.witnesses.append(history.hear)
        self.feed.finished.add_done_callback(self._feed_ended)
        self.feed.start(self.on_events, self.clock)
        self._orders_are_due()  # what fell due while the gateway was down
        self._every(PNL_EVERY, self._tell_pnl)
        self._every(ACCOUNT_EVERY, self._tell_accounts)
        if self._market is not None:
            self._market.begin()
        self._every(EXPIRY_EVERY, self._settle_expired)

    def stop(self) -> None:
        """End the feed and the timers."""
        if self.timetables is not None:
            self.timetables.stop()
        self.sessions.stop()
        self._alarm.stop()
        self.feed.stop()
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        if self._market is not None:
            self._market.halt()

    def calendar_was_set(self) -> None:
        """The clock's date and time jumped: look at what is due by them."""
        self.sessions.look_again()
        self._alarm.set(None)
        self._orders_are_due()

    @staticmethod
    def _feed_ended(finished: concurrent.futures.Future[None]) -> None:
        failure = None if finished.cancelled() else finished.exception()
        if failure is not None:
            logger.error("the feed ended: %s", failure)
        else:
            logger.info("the feed ended")

    def _every(self, seconds: float, work: Callable[[], None]) -> None:
        place = len(self._timers)

        def again() -> None:
            work()
            self._timers[place] = self.clock.call_later(seconds, again)

        self._timers.append(self.clock.call_later(seconds, again))

    # ---- clients ---------------------------------------------------------------------------

    def join(self, client: Client) -> bool:
        """A client finished its handshake; False if its id is taken, and then it is closed."""
        client_id = client.client_id
        taken = client_id in self.clients or client_id == visibility.BY_HAND
        if taken or any(gate(client_id) for gate in self.gates.ids):
            self.error(client, -1, 326, CLIENT_ID_IN_USE)
            client.close(f"client id {client.client_id} is in use")
            return False
        self.clients[client.client_id] = client
        client.gates = self.gates.messages
        push = visibility.push_of(self)
        if push is Push.BEFORE:
            visibility.welcome(self, client)
        client.send("managedAccounts", ManagedAccounts(accountsList=",".join(self.accounts)))
        self.send_next_id(client)
        if not any(greet(client) for greet in self.gates.greeters):
            self.tell_farms(client)
        if push is Push.AFTER:
            visibility.welcome(self, client)
        client.flush()
        if self.timetables is not None:
            self.timetables.joined(client.client_id)
        return True

    def leave(self, client: Client) -> None:
        """A client's connection ended: its subscriptions go, its orders stay."""
        if self.clients.get(client.client_id) is not client:
            return
        del self.clients[client.client_id]
        for line in list(client.lines.values()):
            self.watchers.unwatch(line)
        client.end_subscriptions()
        self.readers.resume(client)
        if self.timetables is not None:
            self.timetables.left(client.client_id)

    def tell_farms(self, client: Client) -> None:
        """Tell how each farm is."""
        for code, text in self.farms.notices():
            self.error(client, -1, code, text)

    def notify(self, code: int, text: str) -> None:
        """Tell every client a notice."""
        for client in tuple(self.clients.values()):
            self.error(client, -1, code, text)

    def open_orders(self, client_id: int | None = None) -> list[PaperOrder]:
        """The live orders of one client id, or of all, that the gateway knows of."""
        orders = self.engine.book.open_orders(client_id)
        return [one for one in orders if one.perm_id not in self.memory.unseen]

    def send_next_id(self, client: Client) -> None:
        """Tell the next valid order id."""
        order_id = self.engine.next_order_id(client.client_id)
        client.send("nextValidId", NextValidId(orderId=order_id))

    def error(self, client: Client, ident: int, code: int, text: str) -> None:
        """Tell an error or a notice."""
        client.send("errMsg", echo.error(ident, code, text, self.now()))

    def settle(self) -> None:
        """After anything happened: deliver what the engine has to tell, and flush everyone."""
        self.deliver()
        for client in tuple(self.clients.values()):
            client.flush()

    def deliver(self) -> None:
        """Hand the engine's messages to their clients; those of absent clients are not kept."""
        try:
            while self.engine.has_news:
                news, touched = self.engine.take(), self.engine.take_touched()
                for gate in tuple(self.gates.reports):
                    news = gate(news)
                for move in tuple(self.gates.positions):
                    touched = move(touched)
                for client_id, name, message in news:
                    visibility.post(self, client_id, name, message)
                for account, con_id in touched:
                    account_feed.tell_position(self, account, con_id)
        finally:
            self._alarm.set(self.engine.next_due)

    def _orders_are_due(self) -> None:
        """The time that an order waited for has come."""
        try:
            self.engine.on_time(self.now())
            self.deliver()
        except Exception:
            # Whatever it is, what is due later has to come.
            logger.exception("handling what was due failed")
        self.settle()

    def _work_orders(self, con_id: int, now: datetime) -> None:
        """Let the orders see an event, and tell what came of it."""
        try:
            self.engine.on_market(con_id, now)
            self.deliver()
        except Exception:
            # Whatever it is, the market goes on for everyone.
            logger.exception("the orders could not be worked on an event of contract %d", con_id)

    def _order_failed(self, order: PaperOrder, error: Exception) -> None:
        """The handling of one order raised: a defect of ours; told once, not with each event."""
        if order not in self._failed:
            self._failed.add(order)
            logger.error(
                "handling order %s of client %s failed",
                order.order_id,
                order.client_id,
                exc_info=error,
            )

    # ---- the market ------------------------------------------------------------------------

    def _line_opened(self) -> None:
        """The market begins when enough lines are open that it waited for."""
        if not self.lines_wanted or self._market is None:
            return
        if sum(len(client.lines) for client in self.clients.values()) >= self.lines_wanted:
            self._market.release("lines")

    def on_events(self, events: Iterable[Event]) -> None:
        """Take a batch of the feed: the sink that the feed was started with.

        On a market clock the batch is made while it is taken, and moves the clock.
        """
        now, moves = self.now(), self._market is not None
        book, orders, watchers = self.feed.book, self.engine.book, self.watchers
        for event in events:
            self.events += 1
            if moves:
                now = self.clock.now()
            con_id = event.con_id
            changed = book(con_id).apply(event)
            if not changed:
                continue
            watching = watchers.lines.get(con_id)
            if watching:
                encoder = fanout.Encoder(changed)
                for line in tuple(watching):
                    if line.snapshot:
                        line.client.send_ticks(line, line.once(encoder.frames(line)))
                        watchers.end_if_complete(line)
                    elif line.client.conflating:
                        line.client.send_ticks(line, encoder.frames(line))
                    else:
                        line.client.add_ticks(*encoder.data(line))
            for witness in self.witnesses:
                witness(event, changed, now)
            listening = watchers.listeners.get(con_id)
            if listening:
                for listener in tuple(listening):
                    listener(event, changed, now)
            if orders.has_live(con_id):
                self._work_orders(con_id, now)
        self.settle()

    # ---- cadence ---------------------------------------------------------------------------

    def _tell_pnl(self) -> None:
        for client in tuple(self.clients.values()):
            account_feed.tell_pnl(self, client)
            client.flush()

    def _settle_expired(self) -> None:
        if exercise.settle_expired(self.engine, self.market_now()):
            self.settle()

    def _tell_accounts(self) -> None:
        for client in tuple(self.clients.values()):
            account_feed.tell_account_changes(self, client)
            client.flush()
