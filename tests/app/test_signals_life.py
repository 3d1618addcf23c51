"""Signals when callbacks are slow, questions fail, and sources start and stop."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from api_client import ApiClient, AsyncApiClient, AuthenticationError
from api_client.testing import ReferenceServer, faults
from tests.support.desk import Heard, config_for, open_paper
from tests.support.signal_room import (
    EVERY,
    PATIENCE,
    Oracle,
    Room,
    open_room,
)
from twsloop.app.signals import Outcome, Proposal, SignalReport, SignalRules, SignalSource
from twsloop.clock import ManualClock
from twsloop.errors import LoopNotRunning
from twsloop.gateway import IBGateway
from twsloop.processors import Deliver


# --------------------------------------------------------------------- slow and distant callbacks
def test_an_answer_that_comes_too_late_trades_nothing(room: Room) -> None:
    room.oracle.says("BUY", age=0)
    asked, cancelled = threading.Event(), threading.Event()

    async def thinks(_: Proposal) -> bool:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return True

    with room.source(decide=thinks, max_age=20.0) as source:
        assert asked.wait(PATIENCE)
        room.clock.rested(20.0)
        room.clock.advance(20.0)
        assert room.report().outcome is Outcome.LATE
        assert cancelled.wait(PATIENCE)
        assert source.trades == ()


def test_an_acceptance_in_the_last_moment_but_one(one_room: Room) -> None:
    room = one_room
    room.oracle.says("BUY", age=0)

    def slow(_: Proposal) -> bool:
        room.clock._elapsed += 21.0  # the callback itself takes its time
        return True

    room.answer = slow
    with room.source(max_age=20.0):
        report = room.report()
        assert report.outcome is Outcome.LATE
        assert "after it expired" in report.reason


def test_one_decision_at_a_time(one_room: Room) -> None:
    room = one_room
    room.oracle.says("BUY", age=0)
    room.oracle.says("SELL", ticker="MSFT", age=0)
    go: list[asyncio.Event] = []
    under_way: list[int] = []
    seen = Heard()

    async def decide(_: Proposal) -> bool:
        under_way.append(1)
        go.append(asyncio.Event())
        seen(len(under_way))
        await go[-1].wait()
        under_way.pop()
        return True

    with room.source("AAPL", "MSFT", decide=decide) as source:
        for _ in range(2):
            assert seen.next() == 1
            room.gateway.event_loop.call(go[-1].set)
            assert room.report().outcome is Outcome.ACCEPTED
        assert len(source.trades) == 2


def test_in_an_executor_it_may_block(one_room: Room) -> None:
    room = one_room
    room.oracle.says("BUY")
    threads: list[str] = []

    def decide(_: Proposal) -> int:
        threads.append(threading.current_thread().name)
        return len(room.gateway.positions().result(PATIENCE)) + 2

    with (
        concurrent.futures.ThreadPoolExecutor(1, "mine") as pool,
        room.source(decide=decide, where=pool) as source,
    ):
        assert room.report().outcome is Outcome.ACCEPTED
        assert threads == ["mine_0"]
        assert source.trades[0].order.totalQuantity == 2
        with pytest.raises(TypeError, match="coroutine"):
            room.source(decide=AsyncDecider(), where=pool)
        with pytest.raises(TypeError, match="the executor or loop itself"):
            room.source(decide=decide, where=Deliver(pool))


class AsyncDecider:
    """A callable object with a coroutine inside."""

    async def __call__(self, _: Proposal) -> bool:
        return True


async def test_on_an_asyncio_loop_of_the_users() -> None:
    here = asyncio.get_running_loop()
    with open_room("async") as room:
        room.oracle.says("BUY")
        loops: list[Any] = []
        told: asyncio.Queue[SignalReport] = asyncio.Queue()

        async def decide(_: Proposal) -> bool:
            loops.append(asyncio.get_running_loop())
            return True

        async def report(what: SignalReport) -> None:
            loops.append(asyncio.get_running_loop())
            await told.put(what)

        source = SignalSource(
            room.gateway, room.client, "aapl", decide, on_report=report, where=here
        )
        async with source:
            found = await told.get()
            assert found.trade is not None
            assert await found.trade.done == "Filled"
        assert loops == [here, here]
        assert room.client.closed, "it was the gateway's loop's, and went with the source"


def test_the_loop_is_never_blocked(room: Room) -> None:
    """A service that says nothing keeps a question waiting, and nothing else."""
    silent = threading.Event()

    async def never(request: web.Request, _: Any) -> web.StreamResponse:
        silent.set()
        await asyncio.sleep(60)
        return web.Response()

    room.server.faults.clear()
    room.server.faults.add("/prediction/latest", never)
    with room.source():
        assert silent.wait(PATIENCE)
        room.gateway.positions().result(PATIENCE)
        began = threading.Event()
        room.gateway.event_loop.post(began.set)
        assert began.wait(PATIENCE)


# ------------------------------------------------------------------------------------- failing
def test_errors_are_reported_and_asked_about_less_and_less(room: Room) -> None:
    room.server.faults.clear()
    room.server.faults.add("/prediction/latest", faults.envelope(500, "down"), 5)
    with room.source(max_backoff=300.0) as source:
        waits = []
        for failures in range(1, 6):
            report = room.report()
            assert (report.outcome, report.failures) == (Outcome.NO_ANSWER, failures)
            assert "down" in report.reason
            assert report.next_in is not None
            waits.append(report.next_in)
            room.clock.rested(report.next_in)
            if failures == 5:
                room.server.faults.add("/prediction/latest", room.oracle, 100)
                room.clock.advance(report.next_in - 1)
                room.oracle.says("BUY", age=0)
                room.clock.advance(1)
            else:
                room.clock.advance(report.next_in)
        assert waits == [2 * EVERY, 4 * EVERY, 300.0, 300.0, 300.0]
        assert room.report().outcome is Outcome.ACCEPTED
        room.clock.rested(EVERY)
        assert source.counts == {Outcome.NO_ANSWER: 5, Outcome.ACCEPTED: 1}


def test_a_rate_limit_is_never_undercut(one_room: Room) -> None:
    room = one_room
    room.server.faults.clear()
    room.server.faults.add("/prediction/latest", faults.rate_limited(777))
    with room.source():
        report = room.report()
        assert report.next_in == 777.0


def test_a_wrong_key_shows_no_key(one_room: Room) -> None:
    room = one_room
    with ApiClient(room.server.base_url, "my-secret-key", environ={}) as room.client, room.source():
        report = room.report()
        assert isinstance(report.error, AuthenticationError)
        assert "my-secret-key" not in repr(report)


def test_one_ticker_that_fails_keeps_no_other_waiting(one_room: Room) -> None:
    room = one_room
    room.oracle.says("BUY", ticker="MSFT")
    whole = room.oracle.__call__

    async def picky(request: web.Request, right: Any) -> web.StreamResponse:
        if request.query["ticker"] == "NOPE":
            return web.json_response(
                {"status": "error", "error": "Unknown ticker", "code": 404}, status=404
            )
        return await whole(request, right)

    room.server.faults.clear()
    room.server.faults.add("/prediction/latest", picky, 100)
    with room.source("NOPE", "MSFT") as source:
        outcomes = {room.report().outcome, room.report().outcome}
        assert outcomes == {Outcome.NO_ANSWER, Outcome.ACCEPTED}
        assert source.trades[0].contract.symbol == "MSFT"


def test_a_closed_client_ends_it(one_room: Room) -> None:
    room = one_room
    assert isinstance(room.client, ApiClient)
    with room.source() as source:
        room.clock.rested()
        room.client.close()
        room.clock.advance(EVERY)
        assert room.report().outcome is Outcome.ENDED
        source.stop()
        assert not source.running


def test_a_ticker_that_cannot_be_asked_for(one_room: Room) -> None:
    with one_room.source("NO SUCH THING!"):
        report = one_room.report()
        assert report.outcome is Outcome.ENDED
        assert "not a ticker" in report.reason


def test_a_report_callback_that_raises_ends_nothing(one_room: Room) -> None:
    room = one_room
    calls = Heard()

    def report(what: SignalReport) -> None:
        calls(what)
        raise RuntimeError("on purpose")

    room.oracle.says("BUY")
    source = SignalSource(room.gateway, room.client, ["AAPL"], room.decide, on_report=report)
    with source:
        assert calls.next().outcome is Outcome.ACCEPTED
        room.gateway.event_loop.call(lambda: None)
        texts = [notice.text for notice in room.gateway.errors.recent]
        assert "on_report raised RuntimeError: on purpose" in texts


# ---------------------------------------------------------------------------------------- life
def test_a_subclass_with_names_of_its_own(one_room: Room) -> None:
    class App(IBGateway):
        event_loop: Any = None
        schedule_task: Any = None
        observe: Any = None

    with (
        open_paper() as (_, paper),
        App(config_for(paper), clock=one_room.clock) as app,
    ):
        one_room.oracle.says("BUY")
        source = SignalSource(
            app, one_room.client, ["AAPL"], one_room.decide, on_report=one_room.reports
        )
        with source:
            assert one_room.report().outcome is Outcome.ACCEPTED


def test_it_needs_a_gateway_that_runs(one_room: Room) -> None:
    room = one_room
    idle = IBGateway()
    source = SignalSource(idle, room.client, ["AAPL"], room.decide)
    with pytest.raises(LoopNotRunning):
        source.start()
    source.stop()
    with pytest.raises(RuntimeError, match="make another"):
        source.start()
    for tickers in ((), ("",), ("AAPL", " ")):
        with pytest.raises(ValueError, match="tickers"):
            SignalSource(idle, room.client, tickers, room.decide)


def test_starting_and_stopping_twice(room: Room) -> None:
    source = room.source("aapl", "AAPL", "MSFT")
    assert source.tickers == ("AAPL", "MSFT")
    source.start()
    source.start()
    assert {room.oracle.asked.next(), room.oracle.asked.next()} == {"AAPL", "MSFT"}
    source.stop()
    source.stop()
    assert room.oracle.asked.rest() == []
    assert "not running" in repr(source)


def test_stopping_from_its_own_callback(room: Room) -> None:
    room.oracle.says("BUY")
    source = room.source()
    room.answer = lambda _: source.stop()
    source.start()
    room.proposals.next()
    source.stop()
    assert source.trades == ()
    assert not source.running


def test_a_gateway_that_stops_takes_it_along(room: Room) -> None:
    room.oracle.says("HOLD")
    source = room.source()
    source.start()
    room.report()
    room.gateway.stop()
    assert not source.running
    source.stop()
    if isinstance(room.client, AsyncApiClient):
        assert room.client.closed


def test_orders_that_are_not_enabled_are_simulated() -> None:
    """Whether an order leaves is the gateway's own gate's to say."""
    with (
        open_paper() as (_, paper),
        ReferenceServer() as server,
        IBGateway(config_for(paper, orders__enabled=False)) as gateway,
        ApiClient(server.base_url, server.key) as client,
    ):
        oracle = Oracle(ManualClock(datetime.now(UTC)))
        oracle.says("BUY")
        server.faults.add("/prediction/latest", oracle)
        reports = Heard()
        with SignalSource(gateway, client, ["AAPL"], lambda _: True, on_report=reports):
            trade = reports.next().trade
            assert trade.done.result(PATIENCE) == "SIMULATED"


# --------------------------------------------------------------------------------------- rules
@pytest.mark.parametrize(
    "wrong",
    [
        {"interval": 0},
        {"interval": float("nan")},
        {"max_age": -1},
        {"max_age": float("inf")},
        {"min_confidence": 60},
        {"max_ahead": -1},
        {"quantity": -1},
        {"quantity": "many"},
        {"quantity": True},
        {"since": datetime(2026, 1, 5)},  # noqa: DTZ001 - on purpose
    ],
)
def test_rules_that_make_no_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)):
        SignalRules(**wrong)
