"""The connection's inside: what slices are given, under names no user's subclass can take away.

A program that moves from ibapi brings its own attributes, and ``self.accounts = {}`` or
``self.errors = []`` is as common as rain. So nothing of ours ever looks at an attribute of the
user's object: the slices are handed this one.
"""

from __future__ import annotations

import contextlib
import functools
import logging
from collections import deque
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from contextvars import ContextVar
from datetime import datetime
from typing import Any, Generic, TypeVar

import attrs
from ibapi.client import EClient

from twsloop.clock import Clock, SystemClock
from twsloop.config import Config
from twsloop.error_handler import ErrorHandler
from twsloop.event_loop import Future, IBKREventLoop, LoopFactory
from twsloop.events import Fact, Notice, SessionChanged, session_story
from twsloop.ids import OrderIds, RequestIds
from twsloop.metrics import Metrics
from twsloop.processors import CallbackQueue, Registry
from twsloop.session.pending import Key
from twsloop.session.retries import Try
from twsloop.session.roles import Role
from twsloop.session.state import Event, SessionMachine, State
from twsloop.session.status import SessionStatus
from twsloop.transport import Fate, Lane

from .asks import Asks, Channel
from .dispatch import Dispatcher, UnknownMessage
from .health import Health
from .pacing import Pacing
from .routing import ErrorRoute
from .sending import OwnCallHook, Sender, Sending
from .standing import as_of_now, standing
from .streams import Streams
from .telling import SessionLog
from .windows import calendar_of

__all__ = ["STAND_INS", "Core", "Sending", "Shown", "StandIns"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: IB's codes that say the gateway has lost, or has again, its own link to IB's servers.
SERVER_LOST = frozenset({1100, 2110})
SERVER_BACK = frozenset({1101, 1102})
#: The client id is in use; the gateway closes the link right after.
CLIENT_ID_IN_USE = 326

SessionObserver = Callable[[State, str], object]
Hook = Callable[[], Any]


@attrs.frozen
class StandIns:
    """What takes the place of a connection's clock and loop thread in a test.

    Attributes:
        clock: Used where the program names no other.
        event_loop: Makes the loop; called as `IBKREventLoop` is.
    """

    clock: Clock
    event_loop: Callable[..., IBKREventLoop]


#: Of the connections that are made in this context; set by `twsloop.testing.GatewayDouble`, because
#: a program's own class may pass on no argument of ours.
STAND_INS: ContextVar[StandIns | None] = ContextVar("twsloop_stand_ins", default=None)


class Shown(Generic[T]):
    """A read-only attribute that a user's own attribute of the same name may hide.

    A property would make ``self.event_loop = ...`` in a user's program an error.
    """

    def __init__(self, read: Callable[[Any], T]) -> None:
        self._read = read
        self.__doc__ = read.__doc__

    def __get__(self, owner: Any, kind: type | None = None) -> T:
        """Read it; of the class, the descriptor itself."""
        return self if owner is None else self._read(owner)  # type: ignore[return-value]


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
        stand_ins = STAND_INS.get()
        self.clock = clock or (stand_ins.clock if stand_ins is not None else SystemClock())
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
        make_loop = stand_ins.event_loop if stand_ins is not None else IBKREventLoop
        self.event_loop = make_loop(
            name=f"twsloop-{config.connection.client_id}",
            clock=self.clock,
            loop_factory=loop_factory,
            registry=self.registry,
            on_exception=self.errors.report_exception,
        )
        self._sender = Sender(self)
        self.pacing = Pacing(self, self._sender.wake, unlimited=stand_ins is not None)
        self.outbox = self.pacing.outbox
        self.asks = Asks(
            self.event_loop,
            self.request_ids,
            self.registry.private,
            Channel(
                sending=lambda request, on_fate: self.sending(None, on_fate, request),
                withdraw=self.outbox.drop,
                answer_limit=config.connection.request_timeout,
                queue_limit=config.pacing.queue_timeout,
                most=config.pacing.queue_limit,
            ),
        )
        self.dispatcher = Dispatcher(self.registry, self.metrics, self.millis)
        self.machine = SessionMachine()
        #: What moved the session last, and why.
        self.moved: tuple[Event, str] = (Event.DISCONNECT, "not started")
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
        self._standing = standing(self, "not started", self.clock.now())
        self._log = SessionLog(logger, self.clock)
        #: Changes of the session, the first of them being told just now.
        self._untold: deque[tuple[State, SessionStatus, int]] = deque()
        #: Whether READY is missed: a session that stood was lost, or is DEGRADED.
        self._missed = False
        #: When the last byte came, in the clock's monotonic seconds; None before the first of a
        #: session.
        self.heard_at: float | None = None
        #: Set by the orders slice: (is this id an order of ours?, is it known to be working?)
        self.order_known: Callable[[int], tuple[bool, bool]] = lambda _id: (False, False)
        #: Set by the orders slice: refuses a message, by its number, that bears an order and does
        #: not come through the gate.
        self.guard: Callable[[int], None] = _let_pass
        #: Whether run() has to know of messages whose callbacks nobody hears (msgLoopRec).
        self.hears_messages = False
        self._session_open = False
        self._session_observers: list[SessionObserver] = []
        self._notice_hooks: list[Callable[[Notice], object]] = []
        self._fact_hooks: list[Callable[[Fact], object]] = []
        self._connect_hooks: list[Hook] = []
        self._ready_hooks: list[Hook] = []
        self._down_hooks: list[Hook] = []
        self.streams = Streams(self)
        #: Each says whether an id is that of a subscription; slices with lines of their own add to
        #: it (see `is_subscription`).
        self.subscriptions: list[Callable[[int], object]] = [self.streams.feed]
        self.registry.intercept("error", ErrorRoute(self).error)
        self.on_notice(self.pacing.heard)
        self.health = Health(self, watched=stand_ins is None)
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
        return as_of_now(self, self._standing)

    def millis(self) -> int:
        """The time now, in milliseconds since 1970, as IB's error callback carries it."""
        return round(self.clock.now().timestamp() * 1000)

    def is_subscription(self, req_id: int) -> bool:
        """Whether a request of that id goes on until it is cancelled; loop thread."""
        return any(known(req_id) is not None for known in self.subscriptions)

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
        self._session_observers.append(observer)

    def on_connect(self, hook: Hook) -> None:
        """Run ``hook`` (sync or async) before each attempt to connect; it must not raise."""
        self._connect_hooks.append(hook)

    def on_ready(self, hook: Hook) -> None:
        """Run ``hook`` (sync or async) in SYNCING, before each READY: fetch, renew."""
        self._ready_hooks.append(hook)

    def on_down(self, hook: Hook) -> None:
        """Run ``hook`` (sync) when a session has ended."""
        self._down_hooks.append(hook)

    def on_notice(self, hook: Callable[[Notice], object]) -> None:
        """Call ``hook(notice)`` for each call of IB's error, after it was sorted."""
        self._notice_hooks.append(hook)

    def on_own_call(self, hook: OwnCallHook) -> None:
        """Call ``hook(body, queued)`` for each message that a program's own call of EClient sends.

        In the thread of the call, before the message can leave: an answer comes later.
        """
        self._sender.own_call_hooks.append(hook)

    def on_fact(self, hook: Callable[[Fact], object]) -> Callable[[], None]:
        """Call ``hook(fact)`` for each fact that `tell` is given; returns what ends that."""
        self._fact_hooks.append(hook)

        def end() -> None:
            with contextlib.suppress(ValueError):  # twice does nothing more
                self._fact_hooks.remove(hook)

        return end

    def noticed(self, notice: Notice) -> None:
        """The gateway, or IB's client, said something: tell those who hear notices."""
        for hook in list(self._notice_hooks):
            self._guarded(hook, notice)
        self.tell(notice)

    def tell(self, fact: Fact) -> None:
        """A fact happened: hand it to the observers."""
        for hook in list(self._fact_hooks):
            self._guarded(hook, fact)

    @property
    def connect_hooks(self) -> tuple[Hook, ...]:
        """What runs before each attempt to connect."""
        return tuple(self._connect_hooks)

    @property
    def ready_hooks(self) -> tuple[Hook, ...]:
        """What runs before each READY."""
        return tuple(self._ready_hooks)

    def session_changed(self, event: Event, reason: str) -> bool:
        """Move the session by the table, and tell the observers."""
        before = self.machine.state
        changed = self.machine.handle(event)
        if changed:
            self.moved = event, reason or event.name
            lost = event is Event.LINK_LOST and before in {State.READY, State.DEGRADED}
            if lost:
                self.metrics.counter("sessions_lost").add()
            # Whoever reads only warnings was told of the loss, or of 1100, and is told of its end.
            back = self.state is State.READY and self._missed
            self._missed = not back and (self._missed or lost or self.state is State.DEGRADED)
            level = logging.WARNING if lost or back else logging.INFO
            self.session_told(before, reason or event.name, level)
        return changed

    def session_told(self, before: State, reason: str, level: int = logging.INFO) -> None:
        """Tell the observers where the session is, and why.

        What one of them changes is told after all of them know what it was told.
        """
        self._untold.append((before, standing(self, reason, self.clock.now()), level))
        if len(self._untold) > 1:
            return
        while self._untold:
            self._tell_session(*self._untold[0])
            self._untold.popleft()

    def _tell_session(self, before: State, status: SessionStatus, level: int) -> None:
        self._log.tell(status, level)
        self._standing = status
        for observer in list(self._session_observers):
            self._guarded(observer, status.state, status.reason)
        self.tell(
            SessionChanged(
                time=status.since,
                correlation_id=session_story(self.client_id, status.epoch),
                old=before.name,
                new=status.state.name,
                reason=status.reason,
                epoch=status.epoch,
            )
        )

    def session_began(self, write: Callable[[bytes], object]) -> None:
        """The hello was exchanged: messages may leave."""
        self.epoch = self.outbox.open(write)
        self._session_open = True

    def session_ended(self, reason: str) -> None:
        """Everything that belonged to the session ends with it; twice does nothing more."""
        self.heard_at = None
        self.outbox.close()
        self.asks.link_lost(reason)
        if not self._session_open:
            return
        self._session_open = False
        for hook in list(self._down_hooks):
            self._guarded(hook)

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
    ) -> Future[list[Any]]:
        """Send a request and gather its answer (any thread); see `Asks.ask`."""
        return self.asks.ask(
            send, request=request, key=key, timeout=timeout, cancel=cancel, share=share
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

    def _guarded(self, function: Callable[..., object], *args: Any) -> None:
        self.registry.call(getattr(function, "__name__", ""), (function,), args)

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
