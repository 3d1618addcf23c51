"""Clients with a timetable: the market's clock waits for them, and so every run is the same run.

Theory of operation
-------------------
A market that is as fast as the machine does not wait for a client to make up its mind: by the time
an order arrives, hours of market time may have passed, and how many depends on the machine. So a
test names the clients that matter and the market times at which each of them acts. The clock

- does not begin before all named clients are READY;
- stands still at each of their times until that client's frame has been processed;
- keeps what a named client sends between its times until its next time has come.

The n-th frame of a client is thus processed at the n-th of its times, whenever the network brought
it, and two clients with the same time act in the order of their client ids. All the rest follows
from the seed: the session has the same events, orders and balances each time.

**Several frames in a step.** With ``done`` a step has as many frames as the client likes, and the
request of that name ends it: with ``done="reqCurrentTime"`` a program works like this, in any
client library::

    connect, subscribe, ...    at the market's start
    reqCurrentTime             I am done; the answer comes when the next time has come
    placeOrder, ...            at the first time
    reqCurrentTime             and so on; after the last step the client is free

(What begins at the start is a step too, then. A client that sends reqCurrentTime on its own, as
twsloop's heartbeat does after silence, takes ``reqCurrentTimeInMillis`` for this; its questions for
the time are answered at once.)

**As a file** (``twsloop paper --timetable FILE``), for clients in other languages: a line a time,
the client id and then the market time, which is New York's unless it names its offset, or the
request that ends a step::

    # what client 7 does
    7  done reqCurrentTime
    7  2026-09-28 09:31
    7  2026-09-28 15:59:30

A client that leaves before its last time ends its timetable, with a line in the log; one that keeps
the clock waiting for long is named there. A restart of the gateway ends none: the clients come
back, and their timetables go on.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path

import attrs

from twsloop.clock import Timer
from twsloop.errors import PaperError
from twsloop.wire.messages import OUTBOUND_BY_NAME

from .market_clock import MarketClock, market_time

__all__ = ["Timetable", "Timetables", "read_timetables", "timetable"]

logger = logging.getLogger(__name__)

#: How long a client may keep the clock waiting before the log names it, real seconds.
PATIENCE = 10.0

#: What a client may ask at any time, to see whether the gateway is still there.
HEARTBEAT = "reqCurrentTime"

Handle = Callable[[], object]


@attrs.frozen
class Timetable:
    """When one client acts.

    Attributes:
        times: The market times, in order; a time may stand there more than once.
        done: The request that ends a step (``reqCurrentTime``); None: each step is one frame.
    """

    times: tuple[datetime, ...]
    done: str | None = None

    def __attrs_post_init__(self) -> None:
        if any(time.tzinfo is None for time in self.times):
            msg = "the times of a timetable need a time zone"
            raise ValueError(msg)
        if list(self.times) != sorted(self.times):
            msg = "the times of a timetable stand in their order"
            raise ValueError(msg)


def timetable(given: Timetable | Iterable[datetime]) -> Timetable:
    """A timetable from what users may give: a timetable, or times alone.

    Raises:
        ValueError: A time without a zone, or times out of order.
    """
    return given if isinstance(given, Timetable) else Timetable(tuple(given))


def read_timetables(path: Path) -> dict[int, Timetable]:
    """The timetables that a file holds, by client id (see the module).

    Raises:
        PaperError: It cannot be read, or a line of it means nothing.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        msg = f"cannot read the timetable {path}: {error.strerror or error}"
        raise PaperError(msg) from error
    times: dict[int, list[datetime]] = {}
    done: dict[int, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split(maxsplit=1)
        if not words:
            continue
        try:
            client_id, what = int(words[0]), words[1]
            acts = times.setdefault(client_id, [])
            if what.startswith("done "):
                done[client_id] = OUTBOUND_BY_NAME[what[5:].strip()].name
            else:
                acts.append(market_time(what.strip()))
        except (ValueError, IndexError, KeyError) as error:
            msg = (
                f"{path}, line {number}: {line.strip()!r} is neither a client id and a time like "
                "'7  2026-09-28 09:31', nor '7  done reqCurrentTime'"
            )
            raise PaperError(msg) from error
    try:
        return {
            client_id: Timetable(tuple(at), done.get(client_id)) for client_id, at in times.items()
        }
    except ValueError as error:
        msg = f"{path}: {error}"
        raise PaperError(msg) from error


class Timetables:
    """The timetables of one gateway.

    Args:
        tables: By client id.
        clock: The market's clock.

    Raises:
        ValueError: A time before the market's start.
    """

    def __init__(self, tables: Mapping[int, Timetable], clock: MarketClock) -> None:
        self._tables = dict(tables)
        self._clock = clock
        steps = [
            (clock.elapsed_at(time), client_id, place)
            for client_id, one in self._tables.items()
            for place, time in enumerate(one.times)
        ]
        if any(when < 0 for when, _, _ in steps):
            msg = f"a timetable has a time before the market's start, {clock.start}"
            raise ValueError(msg)
        steps += [(0.0, client_id, -1) for client_id, one in self._tables.items() if one.done]
        self._steps = deque(sorted(steps))
        self._parked: dict[int, deque[tuple[str, Handle]]] = {
            client_id: deque() for _, client_id, _ in self._steps
        }
        self._owed: dict[int, Handle] = {}
        self._absent: set[int] = set()
        self._turn: int | None = None
        self._draining = False
        self._running = False
        self._settle: Callable[[], None] = lambda: None
        self._timer: Timer | None = None

    # ---- life ------------------------------------------------------------------------------

    def start(self, settle: Callable[[], None]) -> None:
        """Hold the clock until all who are named are there; ``settle`` writes to everyone."""
        self._settle = settle
        self._running = True
        self._absent = set(self._parked)
        if self._absent:
            self._clock.hold(self)
            self._watch(f"clients {sorted(self._absent)} to connect")

    def stop(self) -> None:
        """The gateway stops; what is left of them goes on with the next `start`."""
        self._running = False
        self._turn = None
        self._unwatch()
        self._owed.clear()
        for parked in self._parked.values():
            parked.clear()

    # ---- clients ---------------------------------------------------------------------------

    def joined(self, client_id: int) -> None:
        """A client is READY."""
        if client_id in self._absent:
            self._absent.discard(client_id)
            if not self._absent:
                self._to_next_step()

    def left(self, client_id: int) -> None:
        """A client is gone: what is left of its timetable will not happen."""
        if not self._running or client_id not in self._parked:
            return
        logger.warning("client %d left before its timetable was over", client_id)
        del self._parked[client_id]
        self._owed.pop(client_id, None)
        self._steps = deque(step for step in self._steps if step[1] != client_id)
        self._absent.discard(client_id)
        if not self._absent and self._turn in {None, client_id}:
            self._to_next_step()
            self._drain()

    def take(self, client_id: int, name: str, handle: Handle) -> bool:
        """Take a frame of a client.

        Args:
            client_id: Whose.
            name: The request.
            handle: Processes it.

        Returns:
            False: The client has no timetable, or it is over, or this need not wait; nothing was
                done.
        """
        parked = self._parked.get(client_id)
        if parked is None:
            return False
        if name == HEARTBEAT and self._tables[client_id].done not in {None, HEARTBEAT}:
            return False
        parked.append((name, handle))
        self._drain()
        return True

    # ---- steps -----------------------------------------------------------------------------

    def _drain(self) -> None:
        """Process what waits of the client whose turn it is; its step may end thereby."""
        if self._draining:
            return
        self._draining = True
        try:
            while self._turn is not None:
                client_id = self._turn
                parked = self._parked[client_id]
                if not parked:
                    return
                name, handle = parked.popleft()
                done = self._tables[client_id].done
                if done is None:
                    handle()
                    self._step_is_over(client_id)
                elif name == done:
                    self._owed[client_id] = handle
                    self._step_is_over(client_id)
                else:
                    handle()
        finally:
            self._draining = False

    def _step_is_over(self, client_id: int) -> None:
        if not self._steps or self._steps[0][1] != client_id or self._turn != client_id:
            return  # the client left while its frame was processed
        self._steps.popleft()
        if all(step[1] != client_id for step in self._steps):
            waiting = self._parked.pop(client_id)
            self._pay(client_id)
            for _, handle in waiting:
                handle()
        self._to_next_step()

    def _to_next_step(self) -> None:
        """Stand at the next time if it is now; else let the clock run there."""
        self._turn = None
        self._unwatch()
        if not self._steps:
            self._clock.release(self)
            return
        when = self._steps[0][0]
        if when <= self._clock.monotonic():
            self._clock.hold(self)
            self._begin_step()
        else:
            self._clock.hold_at(when, self, self._arrived)
            self._clock.release(self)

    def _begin_step(self) -> None:
        self._turn = client_id = self._steps[0][1]
        self._watch(f"client {client_id} to act")
        self._pay(client_id)

    def _arrived(self) -> None:
        if not self._running or not self._steps or self._absent or self._turn is not None:
            return
        if self._steps[0][0] > self._clock.monotonic():
            self._to_next_step()  # whoever had this time left meanwhile
            return
        self._begin_step()
        self._drain()
        self._settle()

    def _pay(self, client_id: int) -> None:
        owed = self._owed.pop(client_id, None)
        if owed is not None:
            owed()

    # ---- patience --------------------------------------------------------------------------

    def _watch(self, whom: str) -> None:
        self._unwatch()
        self._timer = self._clock.base.call_later(PATIENCE, self._warn, whom)

    def _unwatch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _warn(self, whom: str) -> None:
        self._timer = None
        logger.warning("the market stands at %s and waits for %s", self._clock.now(), whom)
