"""A slow consumer of quotes, orders and events: what waits is bounded, and handles count it."""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import LoopFactory
from tests.support.desk import PATIENCE, Desk, Heard, open_desk
from twsloop import Deliver, limit_order, stock

BOUND = 5


@pytest.fixture(params=[225, 200])
def desk(request: pytest.FixtureRequest, loop_factory: LoopFactory) -> Iterator[Desk]:
    with open_desk(version=request.param, loop_factory=loop_factory) as opened:
        yield opened


class Held:
    """A callback in a thread of its own that holds its first call until it is let go."""

    def __init__(self, read: Callable[[Any], Any]) -> None:
        self.heard = Heard()
        self.began, self.gate = threading.Event(), threading.Event()
        self._read = read

    def __call__(self, item: Any) -> None:
        self.began.set()
        assert self.gate.wait(PATIENCE)
        self.heard(self._read(item))


@pytest.fixture
def pool() -> Iterator[concurrent.futures.Executor]:
    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        yield executor


def test_quotes_that_come_too_fast(desk: Desk, pool: concurrent.futures.Executor) -> None:
    show = Held(lambda ticker: ticker.bid)
    where = Deliver(pool, bound=BOUND, policy="drop_oldest")
    watch = desk.gateway.subscribe("AAPL", on_tick=show, where=where)
    assert show.began.wait(PATIENCE)
    for step in range(20):
        desk.quote("AAPL", 190.0 + step, 191.0 + step)
        desk.settle()
    (counts,) = watch.callbacks
    assert counts.waiting == BOUND
    assert counts.dropped >= 20 - BOUND
    assert counts.delivered == 1
    show.gate.set()
    show.heard.until(lambda bid: bid == 209.0)
    watch.cancel()
    assert len(show.heard.all) <= BOUND + 1
    assert desk.gateway._tws.metrics.counter("callbacks_dropped").value == counts.dropped


def test_an_orders_reports_wait_for_a_writer(desk: Desk, pool: concurrent.futures.Executor) -> None:
    desk.quote("AAPL", 190.0, 191.0)
    write = Held(lambda trade: trade.status)
    trade = desk.gateway.place_order(
        stock("AAPL"),
        limit_order("BUY", 10, 100),
        on_update=write,
        where=Deliver(pool, bound=100, policy="block"),
    )
    assert write.began.wait(PATIENCE)
    trade.cancel()
    trade.done.result(PATIENCE)
    write.gate.set()
    write.heard.until(lambda status: status == trade.status)
    (counts,) = trade.callbacks
    assert (counts.dropped, counts.replaced) == (0, 0)


def test_events_of_a_stream(desk: Desk, pool: concurrent.futures.Executor) -> None:
    show = Held(lambda bulletin: bulletin.text)
    with desk.gateway.news.bulletins(show, where=Deliver(pool, 1, "drop_oldest")) as stream:
        for number in range(10):
            desk.paper.market.bulletin(f"number {number}")
        assert show.began.wait(PATIENCE)
        desk.settle()
        assert stream.callbacks[0].waiting == 1
        show.gate.set()
        show.heard.until(lambda text: text == "number 9")
        assert len(show.heard.all) == 2
        assert stream.callbacks[0].dropped == 8
