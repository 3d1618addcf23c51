"""The connection's inside: what slices are given, under names no user's subclass can take away.

A program that moves from ibapi brings its own attributes, and ``self.accounts = {}`` or
``self.errors = []`` is as common as rain. So nothing of ours ever looks at an attribute of the
user's object: the slices are handed this one.
"""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from ibapi.client import EClient

from twsloop.clock import Arrival, Clock
from twsloop.config import Config
from twsloop.error_handler import ErrorHandler
from twsloop.event_loop import Future, LoopFactory
from twsloop.events import Fact, Notice
from twsloop.ids import OrderIds, RequestIds
from twsloop.metrics import Metrics
from twsloop.processors import CallbackQueue, Registry
from twsloop.session.pending import Gathering, Key
from twsloop.session.retries import Try
from twsloop.session.roles import Role
from twsloop.session.state import Event, SessionMachine, State
from twsloop.session.status import SessionStatus
from twsloop.transport import Fate, Lane

from .asks import Asks
from .channel import channel_of
from .dispatch import Dispatcher, UnknownMessage
from .health import Health
from .hooks import Hook, Hooks, SessionObserver
from .moves import Moves
from .pacing import Pacing
from .routing import ErrorRoute
from .sending import OwnCallHook, Sender, Sending
from .shown import Shown
from .stand_ins import STAND_INS, StandIns, clock_and_loop
from .standing import as_of_now
from .streams import Streams
from .windows import calendar_of

__all__ = ["STAND_INS", "Core", "Sending", "Shown", "StandIns"]

logger = logging.getLogger(__name__)

#: IB's codes that say the gateway has lost, or has again, its own link to IB's servers.
SERVER_LOST = frozenset({1100, 2110})
SERVER_BACK = frozenset({1101, 1102})
#: The client id is in use; the gateway closes the link right after.
CLIENT_ID_IN_USE = 326


class Core:
    """Everything a slice may use; loop thread only, but for what says otherwise.

    Args:
        owner: The IBKRConnection (IB's EClient and EWrapper).
        config: The settings.
        clock: Where time comes from.
        loop_factory: Makes the event loop.

    Attributes:
        config: The settings.
        clock: Where time and timers come from.
        event_loop: The loop thread.
        registry: Who hears which callback.
        errors: Sorts and keeps notices.
        metrics: Counts.
        request_ids: Hands out request ids (any thread).
        order_ids: Hands out order ids (any thread).
        outbox: The one owner of what goes out.
        health: What is counted and timed.
        pacing: The gateway's limits, and what waits because of them.
        streams: The requests that go on until they are cancelled.
        hooks: Who is called when something happens to the session.
        moves: Moves the session, and tells where it is.
        role: What the session is for.
        calendar: The resets and restarts that are planned.
        accounts: The accounts of the session, as managedAccounts named them.
        client_id: The session's client id.
        supervised: Whether the session was started by ``start()`` (not IB's own ``connect``).
    """

    def __init__(
        self,
        owner: Any,
        config: Config,
        *,
        clock: Clock | None = None,
        loop_factory: LoopFactory | None = None,
    ) -> None:
        self.owner = owner
        self.config = config
        own = clock_and_loop()
        self.clock = clock or own.clock
        self.metrics = Metrics()
        self.errors = ErrorHandler(self.clock, rules=config.errors.rules)
        self.request_ids = RequestIds()
        self.order_ids = OrderIds()
        self.registry = Registry(
            self.errors.report_exception,
            request_ids=self.request_ids,
            slow=self.slow_callback,
            patience=config.loop.slow_callback,
        )
        self.event_loop = own.event_loop(
            name=f"twsloop-{config.connection.client_id}",
            clock=self.clock,
            loop_factory=loop_factory,
            registry=self.registry,
            on_exception=self.errors.report_exception,
            switch_interval=config.loop.switch_interval,
        )
        self._sender = Sender(self)
        self.pacing = Pacing(self, self._sender.wake, unlimited=own.still)
        self.outbox = self.pacing.outbox
        self.asks = Asks(
            self.event_loop,
            self.request_ids,
            self.registry.private,
            channel_of(self),
        )
        self.dispatcher = Dispatcher(self.registry, self.metrics, self.millis, self.asks.parts)
        if own.still:  # slices go by the machine's time, and a run of the double by no machine's
            self.dispatcher.long.slice_s = math.inf
        self.machine = SessionMachine()
        self.calendar = calendar_of(config)
        self.accounts: tuple[str, ...] = ()
        self.client_id = config.connection.client_id
        self.supervised = False
        self.server_version = 0
        self.epoch = 0
        #: Where the gateway is; error 1300 moves it.
        self.address = (config.connection.host, config.connection.port)
        self.role = Role(config.session.role)
        #: The attempt that is under way, or waits for its time; None while a session stands.
        self.retrying: Try | None = None
        #: When that time is, UTC.
        self.next_attempt_at: datetime | None = None
        #: Set by the orders slice: (are the open orders known?, why not?)
        self.orders_known: Callable[[], tuple[bool, str]] | None = None
        self.hooks = Hooks(self.registry)
        self.moves = Moves(self, self.machine, logger)
        #: When the last byte came, in the clock's monotonic seconds; None before the first of a
        #: session.
        self.heard_at: float | None = None
        #: When what is being handed over came.
        self.arrival = Arrival()
        #: Set by the orders slice: (is this id an order of ours?, is it known to be working?)
        self.order_known: Callable[[int], tuple[bool, bool]] = lambda _id: (False, False)
        #: Set by the orders slice: refuses a message, by its number, that bears an order and does
        #: not come through the gate.
        self.guard: Callable[[int], None] = _let_pass
        #: Whether run() has to know of messages whose callbacks nobody hears (msgLoopRec).
        self.hears_messages = False
        self._session_open = False
        self.streams = Streams(self)
        #: Each says what the subscription with an id is, in words (None if it knows none); slices
        #: with lines of their own add to it.
        self.subscriptions: list[Callable[[int], str | None]] = [self.streams.words_of]
        self.registry.intercept("error", ErrorRoute(self).error)
        self.on_notice(self.pacing.heard)
        self.health = Health(self, watched=not own.still)
        self.asks.watch = self.health.requests.over

    # ---- what is true now ----------------------------------------------------------------

    @property
    def state(self) -> State:
        """Where the session is in its life."""
        return self.machine.state

    @property
    def connected(self) -> bool:
        """Whether requests can be sent."""
        return self.machine.connected and self.outbox.is_open

    @property
    def unknown_messages(self) -> tuple[UnknownMessage, ...]:
        """The newest messages that nobody knows, oldest first; from any thread.

        All of them are counted (``messages_unknown`` of the metrics), and reported with code 505.
        """
        return tuple(self.dispatcher.unknown)

    def status(self) -> SessionStatus:
        """How it stands with the session; from any thread."""
        return as_of_now(self, self.moves.status)

    def millis(self) -> int:
        """The time now, in milliseconds since 1970, as IB's error callback carries it."""
        return round(self.clock.now().timestamp() * 1000)

    def subscription(self, req_id: int) -> str | None:
        """What goes on under that id until it is cancelled, in words; loop thread.

        Returns:
            ``quotes of AAPL``; None if no subscription has that id.
        """
        told = (words_of(req_id) for words_of in self.subscriptions)
        return next((words for words in told if words is not None), None)

    def tells_itself(self, code: int) -> bool:
        """Whether the attempt under way says in its own words what this code means for it."""
        ours = self.supervised or self.retrying is not None
        return ours and code == CLIENT_ID_IN_USE and self.state is State.STARTING

    # ---- listening -----------------------------------------------------------------------

    def add_slice(self, listener: object, names: tuple[str, ...] | None = None) -> None:
        """Let one of twsloop's own hear callbacks, before everyone else."""
        self.registry.add_slice(listener, names)

    def remove_slice(self, listener: object, names: tuple[str, ...] | None = None) -> None:
        """Let it stop hearing some, or all."""
        self.registry.remove_slice(listener, names)

    def on_session(self, observer: SessionObserver) -> None:
        """Call ``observer(state, reason)`` at each change of state."""
        self.hooks.on_session(observer)

    def on_end(self, hook: Hook) -> None:
        """Run ``hook`` (sync or async) before a session is ended on demand; it must be brief."""
        self.hooks.end.append(hook)

    def on_connect(self, hook: Hook) -> None:
        """Run ``hook`` (sync or async) before each attempt to connect; it must not raise."""
        self.hooks.connect.append(hook)

    def on_ready(self, hook: Hook) -> None:
        """Run ``hook`` (sync or async) in SYNCING, before each READY: fetch, renew."""
        self.hooks.ready.append(hook)

    def on_down(self, hook: Hook) -> None:
        """Run ``hook`` (sync) when a session has ended."""
        self.hooks.on_down(hook)

    def on_notice(self, hook: Callable[[Notice], object]) -> None:
        """Call ``hook(notice)`` for each call of IB's error, after it was sorted."""
        self.hooks.on_notice(hook)

    def on_own_call(self, hook: OwnCallHook) -> None:
        """Call ``hook(body, queued)`` for each message that a program's own call of EClient sends.

        In the thread of the call, before the message can leave: an answer comes later.
        """
        self._sender.own_call_hooks.append(hook)

    def on_fact(self, hook: Callable[[Fact], object]) -> Callable[[], None]:
        """Call ``hook(fact)`` for each fact that `tell` is given; returns what ends that."""
        return self.hooks.on_fact(hook)

    def noticed(self, notice: Notice) -> None:
        """The gateway, or IB's client, said something: tell those who hear notices."""
        self.hooks.notice(notice)
        self.tell(notice)

    def tell(self, fact: Fact) -> None:
        """A fact happened: hand it to the observers."""
        self.hooks.fact(fact)

    def session_changed(self, event: Event, reason: str) -> bool:
        """Move the session by the table, and tell the observers."""
        return self.moves.move(event, reason)

    def session_began(
        self, write: Callable[[bytes], object], at_once: Callable[[bytes], int] | None = None
    ) -> None:
        """The hello was exchanged: messages may leave (see `Outbox.open`)."""
        self.epoch = self.outbox.open(write, at_once)
        self._session_open = True

    def session_ended(self, reason: str) -> None:
        """Everything that belonged to the session ends with it; twice does nothing more."""
        self.heard_at = None
        self.outbox.close()
        self.asks.link_lost(reason)
        if not self._session_open:
            return
        self._session_open = False
        self.hooks.down()

    # ---- asking --------------------------------------------------------------------------

    def ask(
        self,
        send: Callable[[int], object],
        *,
        request: str,
        key: str | None = None,
        timeout: float | None = None,
        cancel: Callable[[int], object] | None = None,
        share: Hashable = None,
        gather: bool = True,
        parts: Gathering | None = None,
    ) -> Future[Any]:
        """Send a request and gather its answer (any thread); see `Asks.ask`."""
        return self.asks.ask(
            send,
            request=request,
            key=key,
            timeout=timeout,
            cancel=cancel,
            share=share,
            gather=gather,
            parts=parts,
        )

    def answer_part(self, key: Key, item: Any) -> bool:
        """A part of an answer came; False if nobody waits for it."""
        return self.asks.part(key, item)

    def answer_end(self, key: Key) -> bool:
        """An answer is complete; False if nobody waited for it."""
        return self.asks.end(key)

    def release(self, key: str) -> bool:
        """The slices do not hold a subscription any more (see `Asks.release`; loop thread).

        Returns:
            Whether it may be cancelled at the gateway: False if the user holds it, too.
        """
        return self.asks.release(key, Asks.SLICES)

    def __getattr__(self, name: str) -> Any:
        """EClient's own request of that name, past any override of the user's class."""
        if name.startswith("_"):
            raise AttributeError(name)
        return functools.partial(self._sender.own_request, getattr(EClient, name))

    # ---- sending -------------------------------------------------------------------------

    @property
    def inside(self) -> bool:
        """Whether this thread is within a request that a slice makes."""
        return self._sender.inside

    def sending(
        self,
        order_id: int | None,
        on_fate: Callable[[Fate], object] | None = None,
        request: str = "",
    ) -> AbstractContextManager[Sending]:
        """What this thread's EClient sends inside belongs together; see `Sender.sending`."""
        return self._sender.sending(order_id, on_fate, request)

    def put_frames(self, data: bytes) -> None:
        """Queue what a program hands to ``conn.sendMsg`` itself; see `Sender.put_frames`."""
        self._sender.put_frames(data)

    def put(self, data: bytes, lane: Lane, *, cancels: bool = False) -> None:
        """Queue one frame (any thread); see `Sender.put`."""
        self._sender.put(data, lane, cancels=cancels)

    # ---- callbacks -----------------------------------------------------------------------

    def slow_callback(self, name: str, seconds: float) -> None:
        """A callback held the loop thread for longer than it may."""
        self.metrics.counter("callbacks_slow").add()
        self.health.loop.slow(name, seconds)

    # ---- the queue for run() -------------------------------------------------------------

    def queue_callbacks(self, *, queued: bool) -> None:
        """Let the user tiers' callbacks wait for ``run()``, or call them on the loop thread."""
        if queued and self.registry.queue is None:
            bound = self.config.loop.callback_queue
            self.registry.queue = CallbackQueue(bound, self._dropped, backlog=self.registry.backlog)
        elif not queued:
            self.registry.queue = None
        self.registry.rebuild()

    def _dropped(self, name: str) -> None:
        self.metrics.counter("callbacks_dropped").add()
        if self.registry.queue is not None and self.registry.queue.dropped == 1:
            logger.warning("callbacks are dropped: run() does not take %s fast enough", name)


def _let_pass(_number: int) -> None:
    """Refuse nothing: a bare connection has no gate."""
