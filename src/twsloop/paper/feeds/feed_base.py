"""What the feeds share: books, subscribers, the pause, and how a feed ends."""

from __future__ import annotations

import abc
import asyncio
import concurrent.futures
from collections import Counter

from twsloop.clock import Clock, Timer
from twsloop.errors import FeedError
from twsloop.paper.catalogue.instruments import Catalogue
from twsloop.paper.market.vocabulary import Sink, TopOfBook

__all__ = ["FeedBase"]


class FeedBase(abc.ABC):
    """Keeps books and subscribers; a subclass pumps events (see `market.vocabulary.Feed`).

    Args:
        instruments: What can be traded and watched.

    A feed is started once. While it runs, `_pump` is called by `_pump_later`, never twice at a
    time; it hands events to ``self._sink`` and asks for its next call.
    """

    always_open = False

    def __init__(self, instruments: Catalogue) -> None:
        self.instruments = instruments
        self.finished: concurrent.futures.Future[None] = concurrent.futures.Future()
        # From here on no waiter's timeout can cancel it: a feed ends by its data or by `stop`.
        self.finished.set_running_or_notify_cancel()
        self.subscribers: Counter[int] = Counter()
        self.paused = False
        self._books: dict[int, TopOfBook] = {}
        self._started = False
        self._timer: Timer | asyncio.Handle | None = None

    def start(self, sink: Sink, clock: Clock) -> None:
        """Begin to call ``sink`` with events; on the running loop, timers from ``clock``.

        Raises:
            FeedError: It was started before.
        """
        if self._started:
            raise FeedError("a feed is started once; make a new one")
        self._started = True
        self._sink = sink
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._begin()

    def stop(self) -> None:
        """Call the sink no more. Idempotent; ``finished`` is done then."""
        self._finish()

    def book(self, con_id: int) -> TopOfBook:
        """The one live book of an instrument, which the sink advances.

        Raises:
            KeyError: The catalogue has no such instrument.
        """
        book = self._books.get(con_id)
        if book is None:
            instrument = self.instruments.by_con_id(con_id)
            if instrument is None:
                raise KeyError(con_id)
            book = TopOfBook(con_id, instrument.hours.session_end, instrument.quote_driven)
            self._books[con_id] = book
        return book

    def subscribe(self, con_id: int) -> None:
        """Somebody watches this instrument from now on (counted)."""
        self.subscribers[con_id] += 1

    def unsubscribe(self, con_id: int) -> None:
        """Somebody watches it no more."""
        if self.subscribers[con_id] > 1:
            self.subscribers[con_id] -= 1
        else:
            del self.subscribers[con_id]

    def pause(self) -> None:
        """Make no events until `resume`. Calls do not nest."""
        self.paused = True
        self._cancel()

    def resume(self) -> None:
        """Go on after `pause`."""
        if self.paused:
            self.paused = False
            if self._running():
                self._resumed()

    # -- for subclasses ----------------------------------------------------------------------

    @abc.abstractmethod
    def _begin(self) -> None:
        """Started: ask for the first pump, or wait for what shall start it."""

    @abc.abstractmethod
    def _resumed(self) -> None:
        """Resumed: ask for the next pump."""

    @abc.abstractmethod
    def _pump(self) -> None:
        """Hand over what is due, and ask for the next call."""

    @abc.abstractmethod
    def _end(self) -> None:
        """Stopped or finished: let go of files."""

    def _running(self) -> bool:
        return self._started and not self.finished.done()

    def _pump_soon(self) -> None:
        """Pump after the loop has looked after its sockets."""
        self._cancel()
        self._timer = self._loop.call_soon(self._pump)

    def _pump_later(self, delay: float) -> None:
        self._cancel()
        self._timer = self._clock.call_later(delay, self._pump)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _finish(self, error: BaseException | None = None) -> None:
        self._cancel()
        self._end()
        if not self.finished.done():
            if error is None:
                self.finished.set_result(None)
            else:
                self.finished.set_exception(error)
