"""The loop thread under watch: how late it is, and which callbacks hold it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import attrs

from twsloop.clock import Clock, Timer
from twsloop.events import CallbackSlow, Fact, LoopLagged
from twsloop.metrics import Metrics

from .stats import LoopStats, SlowCallback

__all__ = ["LoopWatch"]

logger = logging.getLogger(__name__)

#: How many callbacks are kept by name; what comes beyond them is counted as one.
NAMES = 200
OTHERS = "(others)"
#: How many of them `LoopStats` tells.
TOLD = 10
#: A callback that goes on being slow is told again after this, seconds; counted always.
TOLD_AGAIN = 60.0


@attrs.define(eq=False)
class _Slow:
    """One slow callback."""

    count: int = 0
    total: float = 0.0
    worst: float = 0.0
    told_at: float | None = None


class LoopWatch:
    """Looks at regular intervals whether the loop thread is on time.

    Args:
        clock: Makes the timer, and says how late it is.
        metrics: Where the histogram is kept, as ``loop.lag``.
        interval: Seconds between two looks; 0 for none.
        limit: From how many seconds on a lag is told.
        tell: Told of what happened.
    """

    def __init__(
        self,
        clock: Clock,
        metrics: Metrics,
        *,
        interval: float,
        limit: float,
        tell: Callable[[Fact], object],
    ) -> None:
        self._clock = clock
        self._lag = metrics.histogram("loop.lag")
        self._interval = interval
        self._limit = limit
        self._tell = tell
        self._timer: Timer | None = None
        self._due = 0.0
        self._lagged = 0
        #: The last slow callback since the last look.
        self._last = ""
        self._slow: dict[str, _Slow] = {}
        self._lock = threading.Lock()

    def start(self) -> None:
        """Look from now on; loop thread. Twice does nothing more."""
        if self._interval and self._timer is None:
            self._arm()

    def stop(self) -> None:
        """Do not look any more; loop thread."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        self._due = self._clock.monotonic() + self._interval
        self._timer = self._clock.call_later(self._interval, self._look)

    def _look(self) -> None:
        lag = max(self._clock.monotonic() - self._due, 0.0)
        self._lag.record(lag)
        self._arm()
        if lag <= self._limit:
            self._last = ""
            return
        self._lagged += 1
        name, self._last = self._last, ""
        what = f"{name} held it" if name else "something held it"
        logger.warning("the loop thread was %.0f ms late: %s", lag * 1000, what)
        self._tell(LoopLagged(time=self._clock.now(), lag=lag, callback=name))

    def slow(self, name: str, took: float) -> None:
        """A callback held the loop thread for so many seconds; loop thread."""
        now, self._last = self._clock.monotonic(), name
        with self._lock:
            known = name in self._slow or len(self._slow) < NAMES
            slow = self._slow.setdefault(name if known else OTHERS, _Slow())
            slow.count += 1
            slow.total += took
            slow.worst = max(slow.worst, took)
            due = slow.told_at is None or now - slow.told_at >= TOLD_AGAIN
            if due:
                slow.told_at = now
        if due:
            logger.warning("callback %s took %.0f ms on the loop thread", name, took * 1000)
            self._tell(CallbackSlow(time=self._clock.now(), name=name, took=took))

    def stats(self) -> LoopStats:
        """What was seen so far; any thread."""
        with self._lock:
            found = [
                SlowCallback(name=name, count=slow.count, total=slow.total, worst=slow.worst)
                for name, slow in self._slow.items()
            ]
        found.sort(key=lambda slow: (-slow.worst, slow.name))
        return LoopStats(
            lag=self._lag.read(), lagged=self._lagged, slow_callbacks=tuple(found[:TOLD])
        )
