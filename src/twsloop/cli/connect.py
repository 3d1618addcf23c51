"""How commands get a session, and what they share once they have one."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from twsloop.app import logged, session
from twsloop.clock import Clock, SystemClock
from twsloop.errors import ConnectionLost

from .root import Run
from .waiting import waiting_for

if TYPE_CHECKING:
    from twsloop.gateway import IBGateway

__all__ = ["Inbox", "Patience", "connected", "watch_session"]

T = TypeVar("T")

#: How long the main thread sleeps at most before it looks up, seconds. Windows lets Ctrl-C through
#: only then.
LOOK_UP = 0.25


@contextmanager
def connected(run: Run, **more: Any) -> Iterator[IBGateway]:
    """A READY session as the global options say; ``more`` are the command's own settings."""
    config = run.config(**more)
    where = f"{config.connection.host}:{config.connection.port}"
    words = "starting a paper gateway" if run.paper else f"connecting to {where}"
    with logged(config), ExitStack() as stack:
        with waiting_for(f"{words} ..."):
            gateway = stack.enter_context(session(config, paper=run.paper))
        yield gateway


class Patience:
    """A span that runs out, or never does.

    Args:
        seconds: How long; None for ever.
        clock: Measures it.
    """

    def __init__(self, seconds: float | None, clock: Clock | None = None) -> None:
        self._clock: Clock = clock or SystemClock()
        self._start = self._clock.monotonic()
        self._seconds = seconds

    @property
    def spent(self) -> float:
        """How much has passed."""
        return self._clock.monotonic() - self._start

    @property
    def left(self) -> float:
        """How much is left; infinite for ever, 0 when it is over."""
        return float("inf") if self._seconds is None else max(self._seconds - self.spent, 0.0)


class Inbox(Generic[T]):
    """What callbacks on the loop thread hand to the main thread, which alone prints.

    Nothing is dropped. When too much waits, `put` waits as well: the loop stops reading, and the
    gateway is slowed down by TCP, as by any program that cannot keep up. So a replay at full speed
    reaches a slow reader whole.

    Args:
        limit: How many items may wait.
    """

    def __init__(self, limit: int = 50_000) -> None:
        self._items: queue.SimpleQueue[T | BaseException] = queue.SimpleQueue()
        self._limit = limit
        self._low = limit // 2
        self._room = threading.Event()
        self._room.set()
        self._closed = False

    def put(self, item: T) -> None:
        """Hand over one item; waits while too many wait, and does nothing once it is closed."""
        if self._items.qsize() >= self._limit:
            self._room.clear()
            while self._items.qsize() > self._low and not self._closed:
                self._room.wait(LOOK_UP)
        if not self._closed:
            self._items.put(item)

    def close(self) -> None:
        """Nobody takes anything out any more: nobody shall wait to put something in."""
        self._closed = True
        self._room.set()

    def fail(self, error: BaseException) -> None:
        """Let the main thread raise this."""
        self._items.put(error)

    def get(self, patience: Patience) -> T | None:
        """The next item; None if none came for a moment. Raises what `fail` was given."""
        try:
            item = self._items.get(timeout=min(patience.left, LOOK_UP))
        except queue.Empty:
            return None
        self._make_room()
        if isinstance(item, BaseException):
            raise item
        return item

    def _make_room(self) -> None:
        if self._items.qsize() <= self._low and not self._room.is_set():
            self._room.set()

    def drain(self) -> Iterator[T]:
        """What is there now."""
        while True:
            try:
                item = self._items.get_nowait()
            except queue.Empty:
                return
            self._make_room()
            if isinstance(item, BaseException):
                raise item
            yield item


def watch_session(
    gateway: IBGateway, inbox: Inbox[Any], item: Callable[[str, str], object]
) -> None:
    """Put ``item(state, reason)`` in at each change; fail the inbox when it is over for good."""

    def changed(state: Any, reason: str) -> None:
        inbox.put(item(state.name, reason))
        if state.name == "DISCONNECTED":
            # What follows at once, if it is to be made again, is WAITING.
            gateway.schedule_task(over, delay=0.05, name="cli: is the session over?")

    def over() -> None:
        if gateway.session_state.name == "DISCONNECTED":
            inbox.fail(ConnectionLost("the session is over, and is not made again"))

    gateway.on_session(changed)
