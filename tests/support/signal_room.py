"""A room for signals: a gateway on a clock of the test's, and the flow service beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import attrs
from aiohttp import web

from api_client import ApiClient, AsyncApiClient, RateLimits, RetryPolicy
from api_client.testing import ReferenceServer, ServerOptions
from tests.support.desk import Heard, config_for, open_paper
from twsloop.app.signals import Proposal, SignalReport, SignalRules, SignalSource
from twsloop.clock import ManualClock, Timer
from twsloop.gateway import IBGateway

__all__ = [
    "EVERY",
    "LOOSE",
    "PATIENCE",
    "LoopFactory",
    "Oracle",
    "Room",
    "WatchedClock",
    "open_room",
]

LoopFactory = Callable[[], asyncio.AbstractEventLoop]
EVERY = 61.5  # seconds; nothing else of the gateway's waits that long
PATIENCE = 10.0
LOOSE = RateLimits(standard=10_000, heavy=10_000)


class WatchedClock(ManualClock):
    """A clock that tells which timers are set, so that a test knows when to move it."""

    def __init__(self) -> None:
        super().__init__()
        self.set = Heard()

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Timer:
        timer = super().call_later(delay, callback, *args)
        self.set(delay)
        return timer

    def rested(self, delay: float = EVERY) -> None:
        """Return when somebody has begun to wait that long."""
        self.set.until(lambda one: one == delay)

    def next_round(self, delay: float = EVERY) -> None:
        """Let the next question be asked, and all of its answer be dealt with."""
        self.rested(delay)
        self.advance(delay)


class Oracle:
    """What the flow service predicts: the same until a test says otherwise."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.word: dict[str, Any] = {}
        self.asked = Heard()

    def says(self, signal: str | None, ticker: str = "AAPL", age: float = 1.0, **more: Any) -> None:
        made = self._clock.now() - timedelta(seconds=age)
        self.word[ticker] = {
            "ticker": ticker,
            "signal": signal,
            "confidence": 0.8,
            "timestamp": int(made.timestamp() * 1000),
            "stock_price": 189.5,
            **more,
        }

    async def __call__(self, request: web.Request, _: Any) -> web.StreamResponse:
        ticker = request.query["ticker"]
        self.asked(ticker)
        data = {"ticker": ticker, "prediction": self.word.get(ticker)}
        return web.json_response({"status": "success", "data": data})


@attrs.define
class Room:
    """A gateway on a clock of the test's, and the service beside it."""

    clock: WatchedClock
    gateway: IBGateway
    oracle: Oracle
    server: ReferenceServer
    client: ApiClient | AsyncApiClient
    proposals: Heard = attrs.field(factory=Heard)
    reports: Heard = attrs.field(factory=Heard)
    answer: Any = True

    def decide(self, proposal: Proposal) -> Any:
        self.proposals(proposal)
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer(proposal) if callable(self.answer) else self.answer

    def source(self, *tickers: str, decide: Any = None, where: Any = None, **rules: Any) -> Any:
        return SignalSource(
            self.gateway,
            self.client,
            tickers or ("AAPL",),
            decide or self.decide,
            rules=SignalRules(interval=EVERY, chance=lambda: 0.0, **rules),
            on_report=self.reports,
            where=where,
        )

    def report(self) -> SignalReport:
        found: SignalReport = self.reports.next()
        return found


@contextmanager
def open_room(kind: str = "sync", loop_factory: LoopFactory | None = None) -> Iterator[Room]:
    clock = WatchedClock()
    oracle = Oracle(clock)
    options = ServerOptions(now=clock.now, limits={"standard": 0, "heavy": 0})
    making: dict[str, Any] = {"limits": LOOSE, "retries": RetryPolicy(attempts=1), "environ": {}}
    with open_paper() as (_, paper), ReferenceServer(options=options) as server:
        server.faults.add("/prediction/latest", oracle, 1000)
        gateway = IBGateway(
            config_for(paper, heartbeat__enabled=False), clock=clock, loop_factory=loop_factory
        )
        client: ApiClient | AsyncApiClient
        if kind == "async":
            client = AsyncApiClient(server.base_url, server.key, **making)
            with gateway:
                yield Room(clock, gateway, oracle, server, client)
        else:
            with gateway, ApiClient(server.base_url, server.key, **making) as client:
                yield Room(clock, gateway, oracle, server, client)
