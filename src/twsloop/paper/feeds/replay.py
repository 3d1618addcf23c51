"""The replay feed: recorded ticks, with their own time stamps, at any speed.

What the files may look like, and what their rows become, stands in `tick_files`. This module
decides *when*:

- ``start="immediate"`` begins when the gateway starts; ``start="on-subscribe=N"`` waits until N
  market data lines on instruments that the files have are open at once (one client watching IBM
  and BAC is two lines; two clients watching IBM are two lines too), so that nobody misses the
  first event. The first event never comes before `subscribe` has returned.
- At speed S an event of data time t is due (t - t0) / S seconds after the first event, whose time
  is t0; a sampled set of events is due when its interval ends. ``speed="max"`` knows no time: the
  files are read as fast as the sink takes them.
- Whatever the speed, after `ROWS_A_TURN` rows the loop gets its turn, so sockets are served.
- `pause` stops the reading: nothing is read ahead, nothing is lost. Time goes on while paused, so
  at a finite speed what became due meanwhile follows at once after `resume`.

Events keep the data's time stamps at every speed; IB's tick 45 shows them.

On a `MarketClock` that begins when the data does (`ReplayFeed.begins`) the speed is the clock's,
and an event is due when the clock shows its time: then orders, executions and everything else have
the data's time, and clients with a timetable can hold a replay as they hold a made-up market. The
clock stands before the start and after the end of the data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from twsloop.errors import FeedError
from twsloop.paper.catalogue.instruments import Catalogue
from twsloop.paper.clock.market_clock import MarketClock
from twsloop.paper.market.vocabulary import Event

from .feed_base import FeedBase
from .tick_files import ReplayStats, Step, TickFiles

__all__ = ["ReplayFeed", "replay_speed", "replay_start"]

#: Rows after which a pump gives the loop its turn: about 2 ms of work.
ROWS_A_TURN = 512
#: An event is due when at most this much of real time is missing: timers are no finer.
TOLERANCE_S = 1e-6
START_ON_SUBSCRIBE = "on-subscribe"


def replay_speed(text: str | float) -> float | None:
    """A speed as users write it: a number above 0, or ``max`` (None).

    Raises:
        FeedError: It is neither.
    """
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise FeedError(f"speed {text!r} is neither a number above 0 nor max")
    return speed


def replay_start(text: str) -> int:
    """How many lines a start waits for: 0 for ``immediate``, N for ``on-subscribe=N``.

    Raises:
        FeedError: It is neither.
    """
    word, _, number = text.partition("=")
    if text == "immediate":
        return 0
    if word == START_ON_SUBSCRIBE:
        if not number and text == word:
            return 1
        if number.isdecimal() and int(number) > 0:
            return int(number)
    raise FeedError(f"start {text!r} is neither immediate nor on-subscribe=N with N above 0")


class ReplayFeed(FeedBase):
    """Replays tick files (see the module).

    Args:
        paths: A file, a folder, or several of them.
        instruments: What the symbols mean; the standard catalogue of the data's first day unless
            given, plus the files' own symbols.
        speed: How many seconds of data pass in a second, or ``max``; on a `MarketClock` its own.
        start: ``immediate``, or ``on-subscribe=N``.
        since: Begin with the first row at or after this time, as if nothing had been before.
        until: End before the first row at or after this time.
        sample: ``ib`` for IB's 250 ms sampling, None for every event.

    Attributes:
        stats: What became of the rows read so far.
        finished: Done when all events were handed over, or with the FeedError that a row raised.

    Raises:
        FeedError: A setting makes no sense, or the files cannot be opened.
    """

    def __init__(
        self,
        paths: str | Path | Iterable[str | Path],
        *,
        instruments: Catalogue | None = None,
        speed: float | str = 1.0,
        start: str = "immediate",
        since: datetime | None = None,
        until: datetime | None = None,
        sample: str | None = None,
    ) -> None:
        if sample not in {None, "", "ib"}:
            raise FeedError(f"sample {sample!r} is not ib")
        self._speed = replay_speed(speed)
        self._lines_wanted = replay_start(start)
        self._files = TickFiles(
            paths, instruments=instruments, since=since, until=until, sample=bool(sample)
        )
        super().__init__(self._files.instruments)
        self._steps: Iterator[Step] | None = None
        self._opened: Iterator[Step] | None = None
        self._next: Step | None = None
        self._market: MarketClock | None = None
        self._failure: FeedError | None = None
        self._over = False
        self._origin_ns = 0
        self._origin = 0.0

    @property
    def stats(self) -> ReplayStats:
        """What became of the rows read so far."""
        return self._files.stats

    @property
    def traded(self) -> frozenset[int]:
        """The contract ids that have data."""
        return self._files.traded

    @property
    def begins(self) -> datetime | None:
        """When the first event is due, in the data's time; None without any.

        Raises:
            FeedError: A row before it cannot be read.
        """
        if self._opened is None and not self._started:
            self._opened = self._files.steps()
            self._next = next((step for step in self._opened if step.events), None)
        if self._next is None:
            return None
        seconds, rest = divmod(self._next.due_ns, 1_000_000_000)
        return datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=rest // 1000)

    def subscribe(self, con_id: int) -> None:
        """Somebody watches this instrument from now on; may be what the start waits for."""
        super().subscribe(con_id)
        if self._running() and self._steps is None:
            self._start_if_wanted()

    # -- the pump --------------------------------------------------------------------------------

    def _begin(self) -> None:
        if isinstance(self._clock, MarketClock):
            self._market = self._clock
            self._market.hold(self)
        self._start_if_wanted()

    def _start_if_wanted(self) -> None:
        lines = sum(count for con_id, count in self.subscribers.items() if con_id in self.traded)
        if lines >= self._lines_wanted:
            self._steps = self._files.steps() if self._opened is None else self._opened
            if self._market is not None:
                self._pump_later(0.0)
                self._market.release(self)
            elif not self.paused:
                self._pump_soon()

    def _resumed(self) -> None:
        if self._steps is not None:
            self._pump_soon()

    def _end(self) -> None:
        # Closing the generator closes the files.
        for steps in (self._steps, self._opened):
            close = getattr(steps, "close", None)
            if close is not None:
                close()
        self._steps = self._opened = None
        if self._market is not None:
            self._market.hold(self)

    def _pump(self) -> None:
        self._timer = None
        if not self._running() or self.paused or self._steps is None:
            return
        if self._market is not None:
            events: Iterable[Event] = self._reached(self._steps, self._market)
            wait: float | None = 0.0
        else:
            events, wait = self._take(self._steps)
        try:
            if events:
                self._sink(events)
        except Exception as error:
            # The sink is the gateway: its fault ends the replay, and the loop reports it.
            self._finish(error)
            raise
        if not self._running() or self.paused:
            return
        if self._market is not None:
            wait = self._wait_on(self._market)
        if wait is None:
            self._finish(self._failure)
        elif wait > 0 or self._market is not None:
            self._pump_later(wait)
        else:
            self._pump_soon()

    def _reached(self, steps: Iterator[Step], clock: MarketClock) -> Iterator[Event]:
        """Move the clock from row to row, as far as it goes; the row it stops before is kept."""
        for _ in range(ROWS_A_TURN):
            step = self._next_step(steps)
            if step is None:
                self._over = True
                return
            if step.events:
                if not clock.reach(self._elapsed_at(step.due_ns, clock)):
                    self._next = step
                    return
                yield from step.events

    def _wait_on(self, clock: MarketClock) -> float | None:
        if self._over:
            return None
        if self._next is None:
            return 0.0
        return max(self._elapsed_at(self._next.due_ns, clock) - clock.monotonic(), 0.0)

    @staticmethod
    def _elapsed_at(due_ns: int, clock: MarketClock) -> float:
        return due_ns / 1e9 - clock.start.timestamp()

    def _next_step(self, steps: Iterator[Step]) -> Step | None:
        try:
            step = self._next if self._next is not None else next(steps, None)
        except FeedError as error:
            # What was read before the bad row is handed over first.
            self._failure = error
            step = None
        self._next = None
        return step

    def _take(self, steps: Iterator[Step]) -> tuple[list[Event], float | None]:
        """What is due now, at most a turn's rows; and seconds to wait, None: the data is over."""
        events: list[Event] = []
        for _ in range(ROWS_A_TURN):
            step = self._next_step(steps)
            if step is None:
                return events, None
            if not step.events:
                continue
            missing = self._missing(step.due_ns)
            if missing > TOLERANCE_S:
                self._next = step
                return events, missing
            events += step.events
        return events, 0.0

    def _missing(self, due_ns: int) -> float:
        """Seconds until an event is due."""
        if self._speed is None:
            return 0.0
        if not self._origin_ns:
            self._origin_ns, self._origin = due_ns, self._clock.monotonic()
        due = self._origin + (due_ns - self._origin_ns) / 1e9 / self._speed
        return due - self._clock.monotonic()
