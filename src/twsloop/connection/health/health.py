"""`Health`: gathers what is counted and timed of one connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from twsloop.clock import SystemClock
from twsloop.events import (
    CommissionReported,
    Fact,
    Fill,
    GapEnded,
    GapStarted,
    OrderEvent,
    SessionChanged,
)
from twsloop.session.state import State
from twsloop.transport import Lane

from .loop import LoopWatch
from .orders import OrderTimes
from .requests import RequestTimes
from .stats import GapStats, SessionStats, Stats

if TYPE_CHECKING:
    from twsloop.connection.core import Core

__all__ = ["Health"]

#: The states in which a session stands.
_STANDS = frozenset({State.READY.name, State.DEGRADED.name})
#: What the names of counters end with that count what was dropped.
_DROPPED = "_dropped"


class Health:
    """What is counted and timed of one connection; loop thread, but for `stats`.

    Args:
        core: The connection.
        watched: Whether the loop thread is looked at; not where time stands still.

    Attributes:
        orders: Times orders.
        requests: Times requests.
        loop: Watches the loop thread.
    """

    def __init__(self, core: Core, *, watched: bool = True) -> None:
        self._core = core
        clock, metrics, params = core.clock, core.metrics, core.config
        self.orders = OrderTimes(clock, metrics)
        self.requests = RequestTimes(clock, metrics, params.connection.slow_request)
        self.loop = LoopWatch(
            # Real time: it is about a thread, whatever clock the session lives by.
            SystemClock(),
            metrics,
            interval=params.loop.lag_interval if watched else 0.0,
            limit=params.loop.lag_limit,
            tell=core.tell,
        )
        self._gap = metrics.histogram("gap")
        self._gaps_started = self._gaps_ended = 0
        self._sessions = 0
        self._started: float | None = None
        self._ready: float | None = None
        core.on_session(self._session)
        core.on_fact(self._fact)

    def _session(self, state: State, _reason: str) -> None:
        """The loop thread is watched while it has something to do."""
        if state is State.DISCONNECTED:
            self.loop.stop()
            return
        if self._started is None:
            self._started = self._core.clock.monotonic()
        self.loop.start()

    def _fact(self, fact: Fact) -> None:
        if isinstance(fact, SessionChanged):
            self._moved(fact.old, fact.new)
        elif isinstance(fact, GapStarted):
            self._gaps_started += 1
        elif isinstance(fact, GapEnded):
            self._gaps_ended += 1
            self._gap.record(fact.duration.total_seconds())
        elif isinstance(fact, (OrderEvent, Fill)):
            if fact.client_id == self._core.client_id:
                self.orders.happened(fact)
        elif isinstance(fact, CommissionReported):
            self.orders.happened(fact)

    def _moved(self, old: str, new: str) -> None:
        if new in _STANDS and old not in _STANDS:
            self._sessions += 1
            self._ready = self._core.clock.monotonic()
        elif old in _STANDS and new not in _STANDS:
            self._ready = None

    def stats(self) -> Stats:
        """All of it, as it stands now; any thread."""
        core = self._core
        now, counters = core.clock.monotonic(), core.metrics.snapshot()
        counters |= core.pacing.counts()
        lanes = {lane.name.lower(): core.outbox.waiting(lane) for lane in Lane}
        queue = core.registry.queue
        if queue is not None:
            lanes["callbacks"] = len(queue)
        drops = {
            name.removesuffix(_DROPPED): int(counters.pop(name))
            for name in tuple(counters)
            if name.endswith(_DROPPED)
        }
        drops |= {"requests": core.outbox.refused, "turns": core.asks.refused_full}
        return Stats(
            at=core.clock.now(),
            session=SessionStats(
                state=core.state.name,
                uptime=None if self._started is None else now - self._started,
                ready_for=None if self._ready is None else now - self._ready,
                sessions=self._sessions,
                losses=int(counters.get("sessions_lost", 0)),
                attempts=int(counters.get("reconnect_attempts", 0)),
                round_trip=self.requests.round_trip,
            ),
            traffic=attrs.evolve(core.outbox.traffic),
            orders=self.orders.stats(),
            requests=self.requests.stats(len(core.asks)),
            gaps=GapStats(
                started=self._gaps_started, ended=self._gaps_ended, lasted=self._gap.read()
            ),
            loop=self.loop.stats(),
            queues=lanes,
            drops=drops,
            notices=core.errors.summary()["by_severity"],
            counters=counters,
        )
