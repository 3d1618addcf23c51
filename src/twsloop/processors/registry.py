"""The fan-out and those who listen; the package's docstring has the theory of operation."""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import attrs
from ibapi.wrapper import EWrapper

from twsloop.ids import RequestIds
from twsloop.wire.hot import CALLED, HOT
from twsloop.wire.messages import INBOUND

from .backlog import Backlog
from .policy import Deliver, check_where
from .queue import CallbackQueue, Courier
from .straight import Straight

__all__ = ["CALLBACKS", "SINGLETONS", "Fanout", "Registry", "Where", "describe", "overrides"]

logger = logging.getLogger(__name__)

Callback = Callable[..., object]
#: Where callbacks run: None is the loop thread; a `Deliver` says more than the place.
Where = concurrent.futures.Executor | asyncio.AbstractEventLoop | Deliver | None

#: Every callback of the installed EWrapper, with its parameters.
CALLBACKS: dict[str, inspect.Signature] = {
    name: inspect.signature(method)
    for name, method in inspect.getmembers(EWrapper, inspect.isfunction)
    if not name.startswith("_")
}


def _first_parameter(signature: inspect.Signature) -> str:
    names = [name for name in signature.parameters if name != "self"]
    return names[0] if names else ""


#: Callbacks whose first argument is the id of a request. Not ``error``: everybody hears errors.
_BY_REQUEST = frozenset(
    name
    for name, signature in CALLBACKS.items()
    if _first_parameter(signature).lower() in {"reqid", "tickerid", "requestid"} and name != "error"
)

#: Callbacks that answer requests without an id -> the key their request is known by.
SINGLETONS: dict[str, str] = {
    "position": "positions",
    "positionEnd": "positions",
    "openOrderEnd": "open_orders",
    "completedOrder": "completed_orders",
    "completedOrdersEnd": "completed_orders",
    "currentTime": "current_time",
    "currentTimeInMillis": "current_time_in_millis",
    "updateAccountValue": "account_updates",
    "updatePortfolio": "account_updates",
    "updateAccountTime": "account_updates",
    "accountDownloadEnd": "account_updates",
    "newsProviders": "news_providers",
    "mktDepthExchanges": "depth_exchanges",
    "familyCodes": "family_codes",
    "marketRule": "market_rule",
    "scannerParameters": "scanner_parameters",
    "receiveFA": "fa",
    "updateNewsBulletin": "news_bulletins",
    "managedAccounts": "managed_accounts",
    "nextValidId": "valid_id",
}

#: Of these keys the gateway goes on to send after the end marker (bulletins have none), until it is
#: told to stop.
SUBSCRIBED = frozenset({"positions", "account_updates", "news_bulletins"})

#: The protobuf twin of a callback, which comes before it, is as private as the callback itself.
_TWIN_SINGLETONS: dict[str, str] = {
    twin: SINGLETONS[name]
    for kind in INBOUND.values()
    for twin in kind.callbacks
    if twin.endswith("ProtoBuf")
    for name in kind.callbacks
    if name in SINGLETONS
}

#: Callbacks that open a session; later sessions of one supervised connection are told otherwise.
ONCE = frozenset({"connectAck", "managedAccounts", "nextValidId"})

#: Modules whose methods are our own plumbing and no override, where a user's class inherits them.
_PLUMBING = ("twsloop.connection.", "twsloop.gateway")

#: A single call that took longer than this is reported by name, seconds, unless told otherwise. A
#: read batch whose callbacks together took longer is looked at call by call next time.
SLOW_CALL = 0.05
#: How many batches are timed call by call after one overran.
TIMED_BATCHES = 100


#: Of the callbacks that a stream may call, or that come with them: their routes depend on them.
_ROUTED = frozenset(name for number in HOT for name in INBOUND[number].callbacks)

_Listeners = tuple[
    tuple[Callback, ...], tuple[Callback, ...], list[tuple[Callable[..., None], Callback]]
]


def describe(function: Callback) -> str:
    """What a report calls a callback: the name its author knows."""
    owner = getattr(function, "__self__", None)
    name = getattr(function, "__name__", repr(function))
    if owner is not None and not inspect.ismodule(owner):
        return f"{type(owner).__name__}.{name}"
    return str(getattr(function, "__qualname__", name))


def overrides(app: object) -> dict[str, Callback]:
    """The EWrapper callbacks that an object makes its own.

    A method counts if it is not EWrapper's own and not defined in twsloop: as an attribute of the
    class, of the instance, or of a class that is no EWrapper at all.
    """
    found: dict[str, Callback] = {}
    for name in CALLBACKS:
        method = getattr(app, name, None)
        if method is None or not callable(method):
            continue
        function = getattr(method, "__func__", method)
        if function is getattr(EWrapper, name):
            continue
        module = getattr(function, "__module__", "") or ""
        if isinstance(app, EWrapper) and module.startswith(_PLUMBING):
            continue  # our own plumbing in a base class is not the user's override
        found[name] = method
    return found


class Fanout:
    """The object that IB's decoder and client call; its attributes are made by a `Registry`.

    To a program it stands for its own wrapper object: any attribute but the callbacks is read from
    there, and written there, as many programs keep helpers of theirs in ``self.wrapper``.
    """

    _app: object | None = None

    def __getattr__(self, name: str) -> Any:
        """Read an attribute of the program's own."""
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._app, name)

    def __setattr__(self, name: str, value: Any) -> None:
        """Write an attribute of the program's own; the callbacks are ours to write."""
        if name in CALLBACKS or name == "_app" or self._app is None:
            object.__setattr__(self, name, value)
        else:
            setattr(self._app, name, value)


def _nobody(*_args: Any) -> None:
    """Hear nothing."""


@attrs.define(eq=False)
class _Listener:
    """One listener: what it hears, and where its callbacks run."""

    owner: object
    functions: dict[str, Callback]
    courier: Courier | None = None


class Registry:
    """Keeps the listeners, and builds the fan-out from them.

    Args:
        report: Told of a callback's exception: the callback's name, and what it raised.
        request_ids: Says which request ids are the framework's own.
        slow: Told of a slow callback: its name, and the seconds it took.
        patience: From how many seconds on a callback, or a whole read batch, is slow.

    Attributes:
        fanout: What to give IB's decoder and client as their wrapper.
        straight: What to give a stream of messages as its sink.
        private: Keys of `SINGLETONS` whose answers are the framework's own now.
        private_executions: Executions that were reported last in answer to the framework's own
            request: so are the commissions that come with them, without any request's id.
        muted: Callbacks that only the slices hear now (a session was made again: the users heard
            its connectAck, managedAccounts and nextValidId once).
        queue: Where the user tiers go instead of being called at once; None for at once.
        backlog: Who is behind with reports about orders.
    """

    def __init__(
        self,
        report: Callable[[str, BaseException], object],
        *,
        request_ids: RequestIds | None = None,
        slow: Callable[[str, float], object] | None = None,
        patience: float = SLOW_CALL,
    ) -> None:
        self._ours = (request_ids or RequestIds()).issued
        self.fanout = Fanout()
        self.straight = Straight(self.raised)
        self.private: set[str] = set()
        self.muted: set[str] = set()
        self.private_executions: set[str] = set()
        self.queue: CallbackQueue | None = None
        #: Whether callbacks are called at once, and nobody wants to know how long each takes.
        self.at_once = True
        self.backlog = Backlog()
        self._report = report
        self._slow = slow
        self._patience = patience
        self._slices: list[_Listener] = []
        self._app: _Listener | None = None
        self._processors: list[_Listener] = []
        self._entries: dict[str, Callback] = {}
        #: Who hears a callback that something stands before.
        self._behind: dict[str, Callback] = {}
        self._heard: frozenset[str] = frozenset()
        self._timed = 0
        self._lock = threading.RLock()
        self.rebuild()

    # ---- who listens ---------------------------------------------------------------------

    def add_slice(self, owner: object, names: Iterable[str] | None = None) -> None:
        """Let one of twsloop's own listen, on the loop thread, before everyone else.

        Args:
            owner: An object with methods named after EWrapper callbacks.
            names: Which of them; all it has unless told otherwise. Given again, they are added.
        """
        with self._lock:
            functions = _methods(owner, names)
            for listener in self._slices:
                if listener.owner is owner:
                    listener.functions.update(functions)
                    break
            else:
                self._slices.append(_Listener(owner, functions))
            self.rebuild(functions)

    def remove_slice(self, owner: object, names: Iterable[str] | None = None) -> None:
        """Let a slice stop listening, to some callbacks or to all."""
        with self._lock:
            for listener in self._slices:
                if listener.owner is owner:
                    gone = tuple(listener.functions if names is None else names)
                    for name in gone:
                        listener.functions.pop(name, None)
                    self.rebuild(gone)

    def set_app(self, app: object | None) -> None:
        """The object whose overrides are the second tier."""
        with self._lock:
            was, functions = self._app, {} if app is None else overrides(app)
            self._app = None if app is None else _Listener(app, functions)
            self.fanout._app = app  # noqa: SLF001  (it is made here)
            self.rebuild([*functions, *(was.functions if was else ())])

    def add(self, processor: object, where: Where = None, bound: int = 10_000) -> None:
        """Let a user's processor listen.

        Args:
            processor: An object with methods named after EWrapper callbacks.
            where: None for the loop thread (or ``run()``'s, if the callbacks go there); an executor
                or a running asyncio loop to be called there, in order; a `Deliver` with one of
                these.
            bound: How many callbacks may wait there before ticks conflate; of a `Deliver`, its own.

        Raises:
            TypeError: The object has no such method; ``where`` is no place.
        """
        functions = _methods(processor, None)
        check_where(where)
        if not functions:
            msg = (
                f"{type(processor).__name__} has no method named after an EWrapper callback "
                "(tickPrice, orderStatus, error, ...): it would hear nothing"
            )
            raise TypeError(msg)
        place = where.where if isinstance(where, Deliver) else where
        courier = None
        if place is not None:
            deliver = where if isinstance(where, Deliver) else None
            courier = Courier(
                *(place, bound, self.call, deliver),
                backlog=self.backlog,
                name=type(processor).__name__,
            )
        with self._lock:
            was = [p for p in self._processors if p.owner is processor]
            self._processors = [p for p in self._processors if p.owner is not processor]
            self._processors.append(_Listener(processor, functions, courier))
            self.rebuild([*functions, *(name for old in was for name in old.functions)])

    def remove(self, processor: object) -> None:
        """Let a user's processor stop listening; nothing happens if it did not listen."""
        with self._lock:
            gone = [p for p in self._processors if p.owner is processor]
            self._processors = [p for p in self._processors if p.owner is not processor]
            self.rebuild([name for listener in gone for name in listener.functions])
        # What waits for it elsewhere would come after it asked for no more.
        for listener in gone:
            functions = frozenset(listener.functions.values())
            waiting = self.queue if listener.courier is None else listener.courier.queue
            if waiting is not None:
                waiting.forget(functions)

    def intercept(self, name: str, entry: Callback) -> None:
        """Let ``entry`` stand before everyone for one callback; it may `dispatch` to them."""
        with self._lock:
            self._entries[name] = entry
            self.rebuild([name])

    def hears(self, names: Iterable[str]) -> bool:
        """Whether anybody listens to one of these callbacks."""
        return not self._heard.isdisjoint(names)

    # ---- building ------------------------------------------------------------------------

    def rebuild(self, names: Iterable[str] | None = None) -> None:
        """Make the attributes of the fan-out anew.

        Args:
            names: Of the callbacks whose listeners changed; all unless told otherwise. (A gateway
                hangs twenty listeners on its fan-out before it starts.)
        """
        with self._lock:
            self.at_once = self.queue is None and not self._timed
            changed = CALLBACKS.keys() if names is None else CALLBACKS.keys() & names
            heard = set(self._heard - changed)
            for name in changed:
                built = self._build(name)
                if built is not _nobody or name in self._entries:
                    heard.add(name)
                if name in self._entries:
                    self._behind[name] = built
                setattr(self.fanout, name, self._entries.get(name, built))
                if name in CALLED:
                    self.straight.put(name, *self._shortest(name))
            self._heard = frozenset(heard)
            if not changed.isdisjoint(_ROUTED):
                self.straight.reroute(self.hears)

    def dispatch(self, name: str, args: tuple[Any, ...]) -> None:
        """Call everyone who hears ``name``, past what `intercept` put before them."""
        self._behind[name](*args)

    def _listeners(self, name: str) -> _Listeners:
        """Who hears a callback: our own; the users' on this thread; the users' elsewhere."""
        own = tuple(s.functions[name] for s in self._slices if name in s.functions)
        here: list[Callback] = []
        away: list[tuple[Callable[..., None], Callback]] = []
        for listener in (*([self._app] if self._app else []), *self._processors):
            function = listener.functions.get(name)
            if function is None:
                continue
            if listener.courier is None:
                here.append(function)
            else:
                away.append((listener.courier.put, function))
        return own, tuple(here), away

    def _shortest(self, name: str) -> tuple[Callback, Callback]:
        """What a stream calls for ids of the program's, and for those that may be our own."""
        own, here, away = self._listeners(name)
        guarded: Callback = getattr(self.fanout, name)
        if self._timed or away or name in self._entries or len(own) + len(here) != 1:
            return guarded, guarded
        if own:
            return own[0], own[0]
        return (here[0] if self.queue is None else _queued(self.queue, name, here)), guarded

    def _build(self, name: str) -> Callback:
        own, here, away = self._listeners(name)
        users = self._users(name, here, away)
        if users is None and not own:
            return _nobody
        call = self._timed_call if self._timed else self.call
        if users is None:
            return lambda *args: call(name, own, args)
        public = self._publicity(name)
        if public is None:

            def everyone(*args: Any) -> None:
                call(name, own, args)
                users(args)

            return everyone

        def by_owner(*args: Any) -> None:
            # Asked before the slices hear it: with an end marker they end what it belongs to.
            theirs = public(args)
            call(name, own, args)
            if theirs:
                users(args)

        return by_owner

    def _users(
        self,
        name: str,
        here: tuple[Callback, ...],
        away: list[tuple[Callable[..., None], Callback]],
    ) -> Callable[[tuple[Any, ...]], None] | None:
        """How the two user tiers are reached; None if nobody is there."""
        if not here and not away:
            return None
        queue = self.queue
        call = self._timed_call if self._timed else self.call

        def users(args: tuple[Any, ...]) -> None:
            if here:
                if queue is None:
                    call(name, here, args)
                else:
                    queue.put(name, here, args)
            for courier, function in away:
                courier(name, (function,), args)

        return users

    def _publicity(self, name: str) -> Callable[[tuple[Any, ...]], bool] | None:
        """How to know whether a call is the users' business; None where it always is."""
        if name in _BY_REQUEST:
            ours = self._ours
            return lambda args: not ours(args[0])
        key = SINGLETONS.get(name) or _TWIN_SINGLETONS.get(name)
        private, muted, plain = self.private, self.muted, name.removesuffix("ProtoBuf")
        if plain in ONCE:
            return lambda _args: plain not in muted and key not in private
        if key is not None:
            return lambda _args: key not in private
        if name.removesuffix("ProtoBuf") == "commissionAndFeesReport":
            executions = self.private_executions
            return lambda args: args[0].execId not in executions
        if name.endswith("ProtoBuf"):
            # The twin carries the same id inside its one argument.
            ours = self._ours
            return lambda args: not ours(getattr(args[0], "reqId", 0))
        return None

    # ---- calling -------------------------------------------------------------------------

    def call(self, name: str, functions: tuple[Callback, ...], args: tuple[Any, ...]) -> None:
        """Call each, each guarded."""
        for function in functions:
            try:
                function(*args)
            except BaseException as error:  # noqa: BLE001  (a user's code: see `raised`)
                self.raised(function, error)

    def raised(self, function: Callback, error: BaseException) -> None:
        """A listener raised: it is reported, and never fatal to the session.

        What would end the program (SystemExit, KeyboardInterrupt) is let through in the main
        thread, and reported anywhere else: there it could only end the loop thread.
        """
        ends = not isinstance(error, Exception)
        if ends and threading.current_thread() is threading.main_thread():
            raise error
        try:
            self._report(describe(function), error)
        except Exception:  # an exception that cannot say what it is must not end the session
            logger.exception("a callback raised %s, which cannot be reported", type(error).__name__)

    def _timed_call(
        self, name: str, functions: tuple[Callback, ...], args: tuple[Any, ...]
    ) -> None:
        for function in functions:
            start = time.perf_counter()
            self.call(name, (function,), args)
            took = time.perf_counter() - start
            if took > self._patience and self._slow is not None:
                self._slow(describe(function), took)

    def batch_took(self, seconds: float) -> None:
        """Told how long a whole read batch took: after a slow one, single calls are timed."""
        if seconds > self._patience:
            was, self._timed = self._timed, TIMED_BATCHES
            if not was:
                self.rebuild()
        elif self._timed:
            self._timed -= 1
            if not self._timed:
                self.rebuild()


def _queued(queue: CallbackQueue, name: str, functions: tuple[Callback, ...]) -> Callback:
    """What puts a callback into a queue."""
    put = queue.put
    return lambda *args: put(name, functions, args)


def _methods(owner: object, names: Iterable[str] | None) -> dict[str, Callback]:
    """The methods of an object that are named after EWrapper callbacks."""
    if names is None:
        if isinstance(owner, EWrapper):
            return overrides(owner)
        names = CALLBACKS
    return {name: method for name in names if callable(method := getattr(owner, name, None))}
