"""The history's workbench: what takes long is done in slices, and others are answered between.

Theory of operation. The gateway has one loop, and twenty years of hours take it seconds. So the
answer to a request is written as a generator that yields what each step has cost (one is about
what making one bar costs, some 25 microseconds). The first `AT_ONCE` are spent at once: nearly all
requests end there, and are answered in the order in which they came. What is left goes to the end
of the bench, and each turn of the loop spends `A_TURN` on the first job there.

While jobs wait a market clock that goes as fast as possible stands still. So an answer comes at the
market time at which it was asked for, on a slow machine as on a fast one.

A job is one of its client's subscriptions as long as it lasts: a cancel ends it, and so does the
client's leaving.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterator

import attrs

from twsloop.paper.clients.client import Client
from twsloop.paper.clients.hub import Hub
from twsloop.paper.clock.market_clock import MarketClock

__all__ = ["AT_ONCE", "A_TURN", "READY", "Bench", "bench_of"]

logger = logging.getLogger(__name__)

#: What is spent on a request when it comes, and on the first job in a turn of the loop.
AT_ONCE, A_TURN = 3000, 1000
#: What a work yields before its last step.
READY = -1


@attrs.define(eq=False)
class _Job:
    """The rest of a request."""

    client: Client
    key: tuple[str, int]
    steps: Iterator[int]


def bench_of(hub: Hub) -> Bench:
    """The bench of a running gateway."""
    found = hub.desks.get(Bench)
    if found is None:
        found = hub.desks[Bench] = Bench(hub)
    bench: Bench = found
    return bench


class Bench:
    """Does what takes long, one job after the other.

    Args:
        hub: Of the gateway whose loop it shares.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._jobs: deque[_Job] = deque()
        self._awake = False

    def take(self, client: Client, key: tuple[str, int], steps: Iterator[int]) -> None:
        """Do a piece of work, the first part of it at once.

        Args:
            client: For whom.
            key: The kind and the id of the request: its subscription while it is under way.
            steps: The work; yields what each step has cost, and `READY` before the last one, which
                answers: then the subscription has ended.
        """
        left = AT_ONCE
        for cost in steps:
            left -= cost
            if left <= 0:
                break
        else:
            return
        job = _Job(client, key, steps)
        client.subscriptions[key] = lambda: self._jobs.remove(job)
        self._jobs.append(job)
        clock = self._hub.clock
        if isinstance(clock, MarketClock) and clock.jumps:
            clock.hold(self)
        self._go_on()

    def _go_on(self) -> None:
        if self._jobs and not self._awake:
            self._awake = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        """Work on the first job; then the others have their turn."""
        self._awake = False
        try:
            if self._jobs:
                self._work(self._jobs[0])
        finally:
            if self._jobs:
                self._go_on()
            elif isinstance(self._hub.clock, MarketClock):
                self._hub.clock.release(self)

    def _work(self, job: _Job) -> None:
        """Spend a turn's part on a job; its last step answers, and may subscribe anew."""
        left = A_TURN
        try:
            for cost in job.steps:
                if cost == READY:
                    job.client.end_subscription(*job.key)
                left -= cost
                if left <= 0:
                    return
        except Exception as error:
            # As of any request that fails: told, and the session goes on.
            logger.exception("%s: %s failed", job.client, job.key[0])
            text = f"Error reading request. {job.key[0]}: {error}"
            self._hub.error(job.client, job.key[1], 320, text)
        if job in self._jobs:
            job.client.end_subscription(*job.key)
        self._hub.settle()
