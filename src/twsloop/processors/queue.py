"""Callbacks on their way to another thread or loop: bounded, and conflating where that is safe."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import attrs

from .backlog import ORDER_FACTS, Backlog
from .policy import Deliver, Policy

__all__ = ["CallbackQueue", "Courier", "Entry"]

logger = logging.getLogger(__name__)

Callback = Callable[..., object]

#: Callbacks whose newest value replaces an older one of the same key, and how many leading
#: arguments make that key. When a queue is full these conflate.
_CONFLATE: dict[str, int] = {
    "tickPrice": 2,
    "tickSize": 2,
    "tickString": 2,
    "tickGeneric": 2,
    "tickOptionComputation": 2,
    "tickEFP": 2,
    "tickReqParams": 1,
    "pnl": 1,
    "pnlSingle": 1,
    "updateAccountValue": 4,
    "updateAccountTime": 0,
}

#: Streams of single events: when a queue is full, further ones are dropped, counted and reported.
_DROP = frozenset(
    {
        "tickByTickAllLast",
        "tickByTickBidAsk",
        "tickByTickMidPoint",
        "updateMktDepth",
        "updateMktDepthL2",
        "realtimeBar",
        "historicalDataUpdate",
        "tickNews",
    }
)

#: How many callbacks a `Courier` delivers before it lets others run.
_RUN_LENGTH = 100


@attrs.define(eq=False)
class Entry:
    """One queued callback: its name, who hears it, its arguments.

    Attributes:
        ends_message: Whether it is the last one of its wire message.
    """

    name: str
    functions: tuple[Callback, ...]
    args: tuple[Any, ...]
    ends_message: bool = False


def _key(name: str, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """What a callback replaces an older one by; None if it never does."""
    width = _CONFLATE.get(name)
    return None if width is None else (name, *args[:width])


class CallbackQueue:
    """Callbacks on their way to another thread; bounded where losing something is harmless.

    Below ``bound`` everything is kept. At the bound, callbacks that carry a newest value replace
    the queued one of the same key, and single events of streams are dropped and counted. Order
    facts, answers and end markers are always kept.

    A `Deliver` changes that, but for order facts, answers and end markers: with ``"block"`` whoever
    puts something waits for room first; with ``"drop_oldest"`` it is the oldest event of a stream
    that goes; with ``"latest"`` newest values replace queued ones from the start.

    Args:
        bound: How many entries may wait before ticks conflate.
        on_drop: Told the name of a callback that was dropped.
        deliver: What its user wants at the bound, which is its own then.
        backlog: Told when more than ``bound`` reports about orders wait.
        name: Who takes them, in words.
    """

    def __init__(
        self,
        bound: int,
        on_drop: Callable[[str], object] | None = None,
        deliver: Deliver | None = None,
        *,
        backlog: Backlog | None = None,
        name: str = "run()",
    ) -> None:
        self._bound = bound if deliver is None else deliver.bound
        self._on_drop = on_drop
        self._backlog = backlog
        self._name = name
        self._order_facts = 0
        self._policy = None if deliver is None else deliver.policy
        self._patience = 0.0 if deliver is None else deliver.patience
        self._stuck = False
        self._entries: deque[Entry] = deque()
        #: The newest entry of each key; None while nothing conflates, which is nearly always.
        self._latest: dict[tuple[Any, ...], Entry] | None = None
        # It may be entered twice: a signal is handled in the midst of whatever a thread does.
        self._lock = threading.RLock()
        self._ready = threading.Condition(self._lock)
        self._takers = 0
        self.conflated = 0
        self.dropped = 0
        self.cleared = 0

    def __len__(self) -> int:
        """How many entries wait."""
        return len(self._entries)

    def put(self, name: str, functions: tuple[Callback, ...], args: tuple[Any, ...]) -> None:
        """Queue a callback, from any thread."""
        with self._lock:
            if self._policy is None and self._latest is None and len(self._entries) < self._bound:
                # The usual case: there is room, and everything is kept.
                self._entries.append(Entry(name, functions, args))
                if name in ORDER_FACTS:
                    self._order_fact()
                if self._takers:
                    self._ready.notify()
                return
            dropped = self._put_where_little_room_is(name, functions, args)
        if dropped is not None and self._on_drop is not None:
            self._on_drop(dropped)

    def _put_where_little_room_is(
        self, name: str, functions: tuple[Callback, ...], args: tuple[Any, ...]
    ) -> str | None:
        """The same, where something may have to go; the name of what was dropped."""
        self._wait_for_room()
        full = len(self._entries) >= self._bound
        latest = self._latest
        if latest is None and (full or self._policy is Policy.LATEST):
            latest = self._latest = self._newest()
        key = None if latest is None else _key(name, args)
        if latest is not None and key is not None and (full or self._policy is Policy.LATEST):
            waiting = latest.get(key)
            if waiting is not None:
                waiting.args, waiting.functions = args, functions
                self.conflated += 1
                return None
        dropped = self._drop(name) if full and name in _DROP else None
        if dropped is None or self._policy is Policy.DROP_OLDEST:
            entry = Entry(name, functions, args)
            self._entries.append(entry)
            if name in ORDER_FACTS:
                self._order_fact()
            if latest is not None and key is not None:
                latest[key] = entry
            if self._takers:
                self._ready.notify()
        return dropped

    def _newest(self) -> dict[tuple[Any, ...], Entry]:
        """The newest entry of each key, of those that wait."""
        found = {}
        for entry in self._entries:
            key = _key(entry.name, entry.args)
            if key is not None:
                found[key] = entry
        return found

    def _order_fact(self) -> None:
        self._order_facts += 1
        if self._order_facts > self._bound and self._backlog is not None:
            self._backlog.note(self, self._name, self._order_facts)

    def _taken(self, name: str) -> None:
        if name not in ORDER_FACTS:
            return
        self._order_facts -= 1
        if self._order_facts == self._bound and self._backlog is not None:
            self._backlog.clear(self)

    def _wait_for_room(self) -> None:
        """With "block": wait while it is full, unless that was in vain the last time."""
        if self._policy is not Policy.BLOCK or self._stuck or len(self._entries) < self._bound:
            return
        self._stuck = not self._ready.wait_for(
            lambda: len(self._entries) < self._bound, self._patience
        )
        if self._stuck:
            logger.warning(
                "%d callbacks wait and none is taken: waited %g s for room, and go on",
                *(len(self._entries), self._patience),
            )

    def _drop(self, name: str) -> str | None:
        """Choose what goes for another event of a stream: the name of that; None if none has to.

        It is the new one itself, unless the oldest shall go.
        """
        if self._policy is Policy.DROP_OLDEST:
            oldest = next((entry for entry in self._entries if entry.name in _DROP), None)
            if oldest is None:
                return None
            self._entries.remove(oldest)
            name = oldest.name
        self.dropped += 1
        return name

    def end_message(self, *, always: bool) -> None:
        """Mark the end of a wire message; ``always`` also where nothing of it was queued."""
        with self._lock:
            if self._entries and not self._entries[-1].ends_message:
                self._entries[-1].ends_message = True
            elif always and len(self._entries) < self._bound:
                self._entries.append(Entry("", (), (), ends_message=True))
                if self._takers:
                    self._ready.notify()

    def get(self, timeout: float | None = 0.0) -> Entry | None:
        """The next entry, waiting for it up to ``timeout`` seconds; None if none came."""
        with self._lock:
            if not self._entries:
                if timeout == 0.0:
                    return None
                self._takers += 1
                try:
                    self._ready.wait(timeout)
                finally:
                    self._takers -= 1
                if not self._entries:
                    return None
            entry = self._entries.popleft()
            if entry.name in ORDER_FACTS:
                self._taken(entry.name)
            if self._policy is Policy.BLOCK:
                self._stuck = False
                self._ready.notify_all()
            if self._latest is not None:
                self._gone(entry, self._latest)
            return entry

    def _gone(self, entry: Entry, latest: dict[tuple[Any, ...], Entry]) -> None:
        """An entry left while some conflate: a later one of its key is another one."""
        key = _key(entry.name, entry.args)
        if key is not None and latest.get(key) is entry:
            del latest[key]
        # Half empty: there is room for a while, and nobody has to look for what is newest.
        if self._policy is not Policy.LATEST and len(self._entries) <= self._bound // 2:
            self._latest = None

    def take(self, name: str) -> Entry | None:
        """The oldest entry of a name, out of its turn; None if there is none."""
        with self._ready:
            for entry in self._entries:
                if entry.name == name:
                    self._entries.remove(entry)
                    self._taken(name)
                    return entry
        return None

    def forget(self, functions: frozenset[Callback]) -> None:
        """Let these functions hear nothing of what waits."""
        with self._ready:
            for entry in self._entries:
                if not functions.isdisjoint(entry.functions):
                    entry.functions = tuple(f for f in entry.functions if f not in functions)

    def wake(self) -> None:
        """Let a waiting `get` look again."""
        with self._ready:
            self._ready.notify_all()

    def clear(self) -> None:
        """Forget everything that waits."""
        with self._ready:
            self._entries.clear()
            self._latest = None
            self._order_facts = 0
            if self._backlog is not None:
                self._backlog.clear(self)
            self.cleared += 1
            self._ready.notify_all()


class Courier:
    """Takes callbacks to an executor or another asyncio loop, in order, one run at a time.

    Args:
        where: The executor, or the running loop.
        bound: How many may wait there before ticks conflate.
        call: Calls functions, guarded.
        deliver: What its user wants at the bound, which is its own then.
        backlog: Told when more than ``bound`` reports about orders wait.
        name: Who takes them, in words.
    """

    def __init__(
        self,
        where: concurrent.futures.Executor | asyncio.AbstractEventLoop,
        bound: int,
        call: Callable[[str, tuple[Callback, ...], tuple[Any, ...]], None],
        deliver: Deliver | None = None,
        *,
        backlog: Backlog | None = None,
        name: str = "a processor",
    ) -> None:
        self._where = where
        self._call = call
        self._lock = threading.Lock()
        self._under_way = False
        self._closed = False
        self.queue = CallbackQueue(bound, _warn_of_drop, deliver, backlog=backlog, name=name)

    def put(self, name: str, functions: tuple[Callback, ...], args: tuple[Any, ...]) -> None:
        """Queue a callback, and see that somebody comes for it."""
        if self._closed:
            return
        self.queue.put(name, functions, args)
        with self._lock:
            if self._under_way:
                return
            self._under_way = True
        self._send()

    def _send(self) -> None:
        try:
            if isinstance(self._where, asyncio.AbstractEventLoop):
                self._where.call_soon_threadsafe(self._deliver)
            else:
                self._where.submit(self._deliver)
        except RuntimeError as error:  # that loop or executor is closed
            logger.warning("callbacks are not delivered any more: %s", error)
            self._closed = True
            self.queue.clear()

    def _deliver(self) -> None:
        for _ in range(_RUN_LENGTH):
            entry = self.queue.get()
            if entry is not None:
                self._call(entry.name, entry.functions, entry.args)
                continue
            with self._lock:
                if not len(self.queue):
                    self._under_way = False
                    return
        self._send()  # the others who use that loop or executor have their turn, too


def _warn_of_drop(name: str) -> None:
    logger.warning("%s dropped: its callbacks are not taken as fast as they come", name)
