"""The connection's inside: what slices are given, under names no user's subclass can take away.

A program that moves from ibapi brings its own attributes, and ``self.accounts = {}`` or
``self.errors = []`` is as common as rain. So nothing of ours ever looks at an attribute of the
user's object: the slices are handed this one.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from ibapi.client import EClient

from twsloop.clock import Clock, SystemClock
from twsloop.config import Config
from twsloop.error_handler import ErrorHandler, ScopeHint
from twsloop.event_loop import Future, IBKREventLoop, LoopFactory
from twsloop.events import Fact, Notice
from twsloop.ids import OrderIds, RequestIds
from twsloop.metrics import Metrics
from twsloop.processors import CallbackQueue, Registry
from twsloop.session.pending import Key
from twsloop.session.state import Event, SessionMachine, State
from twsloop.transport import Fate, Outbox, Outgoing

from .asks import Asks
from .dispatch import Dispatcher

__all__ = ["Core", "Shown"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: IB's codes that say the gateway has lost, or has again, its own link to IB's servers.
SERVER_LOST = frozenset({1100, 2110})
SERVER_BACK = frozenset({1101, 1102})
#: The client id is in use; the gateway closes the link right after.
CLIENT_ID_IN_USE = 326

SessionObserver = Callable[[State, str], object]
Hook = Callable[[], Any]


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
        self.clock = clock or SystemClock()
        self.metrics = Metrics()
        self.errors = ErrorHandler(self.clock)
        self.request_ids = RequestIds()
        self.order_ids = OrderIds()
        self.registry = Registry(
            self.errors.report_exception, request_ids=self.request_ids, slow=self._slow
        )
        self.event_loop = IBKREventLoop(
            name=f"twsloop-{config.connection.client_id}",
            clock=self.clock,
            loop_factory=loop_factory,
            registry=self.registry,
            on_exception=self.errors.report_exception,
        )
        self.asks = Asks(
            self.event_loop,
            self.request_ids,
            self.registry.private,
            lambda: self.config.connection.request_timeout,
        )
        pacing = config.pacing
        self.outbox = Outbox(
            self.clock,
            rate=pacing.rate if pacing.enabled else 0,
            limit=pacing.queue_limit,
            wake=self._wake_outbox,
        )
        self.dispatcher = Dispatcher(self.registry, self.metrics, self.millis)
        self.machine = SessionMachine()
        self.accounts: tuple[str, ...] = ()
        self.client_id = config.connection.client_id
        self.supervised = False
        self.server_version = 0
        self.epoch = 0
        #: Set by the orders slice: (is this id an order of ours?, is it known to be working?)
        self.order_known: Callable[[int], tuple[bool, bool]] = lambda _id: (False, False)
        #: Whether run() has to know of messages whose callbacks nobody hears (msgLoopRec).
        self.hears_messages = False
        self._sending = threading.local()
        self._session_observers: list[SessionObserver] = []
        self._notice_hooks: list[Callable[[Notice], object]] = []
        self._fact_hooks: list[Callable[[Fact], object]] = []
        self._ready_hooks: list[Hook] = []
        self._down_hooks: list[Hook] = []
        self.registry.intercept("error", self._error)

    # ---- what is true now ----------------------------------------------------------------

    @property
    def state(self) -> State:
        """Where the session is in its life."""
        return self.machine.state

    @property
    def connected(self) -> bool:
        """Whether requests can be sent."""
        return self.machine.connected and self.outbox.is_open

    def millis(self) -> int:
        """The time now, in milliseconds since 1970, as IB's error callback carries it."""
        return round(self.clock.now().timestamp() * 1000)

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

    def on_ready(self, hook: Hook) -> None:
        """Run ``hook`` (sync or async) in SYNCING, before each READY: fetch, renew."""
        self._ready_hooks.append(hook)

    def on_down(self, hook: Hook) -> None:
        """Run ``hook`` (sync) when a session has ended."""
        self._down_hooks.append(hook)

    def on_notice(self, hook: Callable[[Notice], object]) -> None:
        """Call ``hook(notice)`` for each call of IB's error, after it was sorted."""
        self._notice_hooks.append(hook)

    def on_fact(self, hook: Callable[[Fact], object]) -> None:
        """Call ``hook(fact)`` for each fact that `tell` is given."""
        self._fact_hooks.append(hook)

    def tell(self, fact: Fact) -> None:
        """A fact happened: hand it to the observers."""
        for hook in self._fact_hooks:
            self._guarded(hook, fact)

    @property
    def ready_hooks(self) -> tuple[Hook, ...]:
        """What runs before each READY."""
        return tuple(self._ready_hooks)

    def session_changed(self, event: Event, reason: str) -> bool:
        """Move the session by the table, and tell the observers."""
        changed = self.machine.handle(event)
        if changed:
            logger.info("session %s: %s", self.state.name, reason or event.name)
            for observer in list(self._session_observers):
                self._guarded(observer, self.state, reason)
        return changed

    def session_ended(self, reason: str) -> None:
        """Everything that belonged to the session ends with it."""
        self.outbox.close()
        self.asks.link_lost(reason)
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
    ) -> Future[list[Any]]:
        """Send a request and gather its answer (any thread); see `Asks.ask`."""
        return self.asks.ask(send, request=request, key=key, timeout=timeout, cancel=cancel)

    def answer_part(self, key: Key, item: Any) -> bool:
        """A part of an answer came; False if nobody waits for it."""
        return self.asks.part(key, item)

    def answer_end(self, key: Key) -> bool:
        """An answer is complete; False if nobody waited for it."""
        return self.asks.end(key)

    def __getattr__(self, name: str) -> Any:
        """EClient's own request of that name, past any override of the user's class."""
        if name.startswith("_"):
            raise AttributeError(name)
        function = getattr(EClient, name)
        return functools.partial(function, self.owner)

    # ---- sending -------------------------------------------------------------------------

    @contextlib.contextmanager
    def sending(
        self, order_id: int | None, on_fate: Callable[[Fate], object] | None = None
    ) -> Iterator[None]:
        """What this thread's EClient sends inside carries an order: its id, and who is told."""
        before = getattr(self._sending, "order", None)
        self._sending.order = (order_id, on_fate)
        try:
            yield
        finally:
            self._sending.order = before

    def put(self, data: bytes, lane: Any) -> None:
        """Queue one frame (any thread).

        Raises:
            NotConnected: There is no session.
            SendQueueFull: Its lane is full.
        """
        order_id, on_fate = getattr(self._sending, "order", None) or (None, None)
        self.outbox.put(Outgoing(data, lane, order_id=order_id, on_fate=on_fate))

    def _wake_outbox(self) -> None:
        if self.event_loop.in_loop():
            self.outbox.drain()
        else:
            self.event_loop.post(self.outbox.drain)

    # ---- errors --------------------------------------------------------------------------

    def _error(self, *args: Any) -> None:
        """IB's error callback, from the wire or from IB's client in the caller's own thread."""
        loop = self.event_loop
        if loop.running and not loop.in_loop():
            loop.post(self._route_error, args, True)
        else:
            self._route_error(args, not self.dispatcher.decoding)

    def _route_error(self, args: tuple[Any, ...], local: bool) -> None:
        req_id, millis, code, text, *rest = args
        is_order, working = self.order_known(req_id) if req_id >= 0 else (False, False)
        hint: ScopeHint | None = "order" if is_order else None
        if req_id in self.asks:
            hint = "request"
        notice = self.errors.handle(
            req_id,
            code,
            text,
            time=datetime.fromtimestamp(millis / 1000, UTC) if millis else None,
            advanced_reject=rest[0] if rest else "",
            local=local,
            scope_hint=hint,
            order_known=working,
        )
        self.asks.notice(notice)
        for hook in list(self._notice_hooks):
            self._guarded(hook, notice)
        self.tell(notice)
        self.registry.dispatch("error", (req_id, millis, code, text, rest[0] if rest else ""))

    def _guarded(self, function: Callable[..., object], *args: Any) -> None:
        self.registry.call(getattr(function, "__name__", ""), (function,), args)

    def _slow(self, name: str, seconds: float) -> None:
        self.metrics.counter("callbacks_slow").add()
        logger.warning("callback %s took %.0f ms on the loop thread", name, seconds * 1000)

    # ---- the queue for run() -------------------------------------------------------------

    def queue_callbacks(self, *, queued: bool) -> None:
        """Let the user tiers' callbacks wait for ``run()``, or call them on the loop thread."""
        if queued and self.registry.queue is None:
            bound = self.config.loop.callback_queue
            self.registry.queue = CallbackQueue(bound, self._dropped)
        elif not queued:
            self.registry.queue = None
        self.registry.rebuild()

    def _dropped(self, name: str) -> None:
        self.metrics.counter("callbacks_dropped").add()
        if self.registry.queue is not None and self.registry.queue.dropped == 1:
            logger.warning("callbacks are dropped: run() does not take %s fast enough", name)
