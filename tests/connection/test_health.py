"""gw.stats(): what a session over real sockets says of itself, in both protocols."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.clients import PATIENCE, await_condition
from tests.support.desk import config_for
from tests.support.sessions import SESSIONS, open_session
from twsloop import IBGateway, PaperGateway, limit_order, market_order, stock
from twsloop.errors import RequestError
from twsloop.events import CallbackSlow

Session = tuple[PaperGateway, IBGateway]


@pytest.fixture(params=[*SESSIONS])
def session(request: pytest.FixtureRequest) -> Iterator[Session]:
    with open_session(request.param) as opened:
        yield opened


def test_orders_and_requests_are_timed_and_counted(session: Session) -> None:
    _, gw = session
    bought = gw.place_order(stock("AAPL"), market_order("BUY", 100))
    bought.settled.result(timeout=PATIENCE)
    resting = gw.place_order(stock("AAPL"), limit_order("BUY", 100, "1.00"))
    await_condition(lambda: resting.status.value == "Submitted")
    resting.cancel()
    resting.done.result(timeout=PATIENCE)
    gw.positions().result(timeout=PATIENCE)
    with pytest.raises(RequestError):
        gw.resolve("NOSUCH").result(timeout=PATIENCE)
    stats = gw.stats()
    orders = stats.orders
    assert (orders.created, orders.submitted, orders.filled, orders.cancelled) == (2, 2, 1, 1)
    assert (orders.rejected, orders.expired, orders.executions) == (0, 0, 1)
    assert orders.fill_rate == 0.5
    assert {hop: found.count for hop, found in orders.hops.items()} == {
        "queue": 2, "bytes": 2, "ack": 2, "fill": 1, "commission": 1, "whole": 1
    }  # fmt: skip
    whole, parts = orders.hops["whole"].high, ("queue", "bytes", "ack", "fill")
    assert whole is not None
    assert whole <= sum(orders.hops[hop].high or 0.0 for hop in parts) + 1e-9
    assert stats.requests.failed == 1
    assert stats.requests.asked == stats.requests.answered + 1
    assert stats.requests.hops["whole"].count == stats.requests.answered
    assert stats.traffic.bytes_in > stats.traffic.messages_in > 0
    assert stats.traffic.bytes_out > stats.traffic.messages_out > 0
    assert stats.session.state == "READY"
    assert stats.session.sessions == 1
    assert stats.session.uptime is not None
    assert stats.session.ready_for is not None
    assert stats.session.uptime >= stats.session.ready_for > 0
    assert sum(stats.queues.values()) == 0


def test_it_is_a_tree_of_plain_values_too(session: Session) -> None:
    _, gw = session
    told = gw.stats().as_dict()
    assert json.loads(json.dumps(told)) == told
    assert set(told["orders"]["hops"]["whole"]) == {
        "count", "mean", "min", "p50", "p90", "p99", "max"
    }  # fmt: skip
    assert told["notices"]["info"] >= 1
    assert told["queues"] == {"session": 0, "cancel": 0, "order": 0, "request": 0, "history": 0}


def test_losses_and_gaps_are_counted(session: Session) -> None:
    gateway, gw = session
    ticked = threading.Event()
    with gw.subscribe("AAPL", lambda _ticker: ticked.set()):
        assert ticked.wait(PATIENCE)
        gateway.market.drop_clients()
        await_condition(lambda: gw.stats().session.sessions == 2)
        await_condition(lambda: gw.stats().gaps.ended == 1)
        stats = gw.stats()
    assert stats.session.losses == 1
    assert stats.session.attempts >= 1
    assert stats.gaps.started == stats.gaps.lasted.count == 1


def test_a_slow_callback_is_named_and_told() -> None:
    facts: list[CallbackSlow] = []

    def plodding(_ticker: Any) -> None:
        until = time.perf_counter() + 0.06
        while time.perf_counter() < until:
            pass

    def told() -> list[CallbackSlow]:  # where the machine is busy, others are slow, too
        return [fact for fact in facts if "plodding" in fact.name]

    with PaperGateway() as gateway:
        config = config_for(gateway, loop__slow_callback=0.03)
        with IBGateway(config) as gw:
            gw.observe(CallbackSlow, facts.append)
            with gw.subscribe("AAPL", plodding):
                await_condition(lambda: bool(told()))
            slow = gw.stats().loop.slow_callbacks
    (found,) = [one for one in slow if "plodding" in one.name]
    assert told()[0].took >= 0.06
    assert found.worst >= 0.06
    assert found.total >= found.worst
