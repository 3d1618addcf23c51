"""Predictions become proposals, and accepted ones orders on the paper gateway."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import attrs
import pytest
from aiohttp import web

from api_client import ApiClient, AsyncApiClient, AuthenticationError, RateLimits, RetryPolicy
from api_client.testing import ReferenceServer, ServerOptions, faults
from tests.support.desk import Heard, config_for, open_paper
from twsloop.app.signals import Outcome, Proposal, SignalReport, SignalRules, SignalSource
from twsloop.clock import ManualClock, Timer
from twsloop.errors import InvalidOrder, LoopNotRunning
from twsloop.gateway import IBGateway
from twsloop.orders.builders import limit_order
from twsloop.orders.trade import Trade
from twsloop.processors import Deliver

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


@pytest.fixture(params=["sync", "async"])
def room(request: pytest.FixtureRequest, loop_factory: LoopFactory) -> Iterator[Room]:
    with open_room(request.param, loop_factory) as opened:
        yield opened


@pytest.fixture
def one_room() -> Iterator[Room]:
    with open_room() as opened:
        yield opened


# ------------------------------------------------------------------------------ the whole way
def test_a_prediction_becomes_an_order(room: Room) -> None:
    room.oracle.says("BUY", confidence=0.7)
    with room.source(quantity=3) as source:
        proposal = room.proposals.next()
        report = room.report()
        assert (proposal.ticker, proposal.side, proposal.quantity) == ("AAPL", "BUY", Decimal(3))
        assert (proposal.confidence, proposal.reference_price) == (0.7, Decimal("189.5"))
        assert proposal.age == 1.0
        assert (proposal.expires - proposal.made).total_seconds() == 300
        assert report.outcome is Outcome.ACCEPTED
        assert report.proposal == proposal
        assert report.reason == "order 1: BUY 3 MKT AAPL"
        trade = report.trade
        assert isinstance(trade, Trade)
        assert source.trades == (trade,)
        assert trade.done.result(PATIENCE) == "Filled"
        assert (trade.symbol, trade.filled, trade.order.orderType) == ("AAPL", Decimal(3), "MKT")
        assert trade.tag == "flow AAPL 20260105T142959Z"
        assert source.counts == {Outcome.ACCEPTED: 1}
        assert source.running
    assert not source.running


def test_the_same_prediction_is_proposed_once(room: Room) -> None:
    room.oracle.says("BUY", age=10)
    with room.source() as source:
        room.report()
        for _ in range(3):
            room.clock.next_round()
        room.oracle.says("SELL", age=200)  # older than the one before: a server that lags
        room.clock.next_round()
        room.clock.next_round()
        assert len(room.proposals.rest()) == 1
        room.oracle.says("SELL")
        room.clock.next_round()
        assert room.report().outcome is Outcome.ACCEPTED
        assert [trade.order.action for trade in source.trades] == ["BUY", "SELL"]


def test_computed_again_for_the_same_moment_is_the_same(one_room: Room) -> None:
    room = one_room
    room.oracle.says("BUY", confidence=0.7)
    with room.source():
        room.report()
        room.oracle.word["AAPL"].update(signal="SELL", confidence=0.9)
        room.clock.next_round()
        room.clock.next_round()
        room.clock.rested()
        assert room.reports.rest() == []


# --------------------------------------------------------------------------- what is not traded
@pytest.mark.parametrize(
    ("said", "outcome", "reason"),
    [
        ({"signal": "HOLD"}, Outcome.HOLD, "it says HOLD"),
        ({"signal": "STRONG_BUY"}, Outcome.UNKNOWN, "'STRONG_BUY'"),
        ({"signal": None}, Outcome.UNKNOWN, "None"),
        ({"signal": "BUY\n" * 1000}, Outcome.UNKNOWN, "BUY\\nBUY"),
        ({"signal": "BUY", "age": 301}, Outcome.STALE, "301 s old"),
        ({"signal": "BUY", "age": -600}, Outcome.FUTURE, "600 s in the future"),
        ({"signal": "BUY", "confidence": 0.59}, Outcome.UNSURE, "0.59"),
        ({"signal": "BUY", "confidence": None}, Outcome.INCOMPLETE, "confidence"),
        ({"signal": "BUY", "confidence": 87}, Outcome.INCOMPLETE, "confidence"),
        ({"signal": "BUY", "timestamp": None}, Outcome.INCOMPLETE, "when it was made"),
        ({"signal": "BUY", "ticker_said": "MSFT"}, Outcome.INCOMPLETE, "about 'MSFT'"),
        ({"signal": "BUY", "stock_price": -1}, Outcome.INCOMPLETE, "price"),
    ],
)
def test_reported_and_never_proposed(
    said: dict[str, Any], outcome: Outcome, reason: str, one_room: Room
) -> None:
    room = one_room
    other = said.pop("ticker_said", None)
    room.oracle.says(**said)
    if other:
        room.oracle.word["AAPL"]["ticker"] = other
    with room.source(min_confidence=0.6) as source:
        report = room.report()
        room.clock.next_round()
        room.clock.next_round()
        room.clock.rested()
        assert (report.outcome, report.trade, report.proposal) == (outcome, None, None)
        assert reason in report.reason
        assert report.prediction.signal == said["signal"]
        assert room.proposals.rest() == []
        assert room.reports.rest() == [], "told once"
        assert source.trades == ()
    assert room.gateway.trades() == ()


def test_one_from_the_future_is_proposed_once_it_is_there(one_room: Room) -> None:
    room = one_room
    room.oracle.says("BUY", age=-60)
    with room.source():
        assert room.report().outcome is Outcome.FUTURE
        room.clock.next_round()
        assert room.report().outcome is Outcome.ACCEPTED


def test_nothing_predicted_yet(one_room: Room) -> None:
    room = one_room
    with room.source():
        room.clock.next_round()
        room.oracle.says("SELL", age=0)
        room.clock.next_round()
        assert room.report().outcome is Outcome.ACCEPTED


def test_since_keeps_a_second_run_from_trading_again(one_room: Room) -> None:
    room = one_room
    room.oracle.says("BUY")
    with room.source():
        made = room.proposals.next().made
        room.report()
    with room.source(since=made) as source:
        report = room.report()
        assert (report.outcome, source.trades) == (Outcome.STALE, ())
        assert "since" in report.reason


# ------------------------------------------------------------------------------- the callback
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (True, ("MKT", "BUY", 2, 0)),
        (5, ("MKT", "BUY", 5, 0)),
        (Decimal(7), ("MKT", "BUY", 7, 0)),
        (lambda p: attrs.evolve(p, limit_price="150.5"), ("LMT", "BUY", 2, 150.5)),
        (lambda p: attrs.evolve(p, side="SELL", quantity=1), ("MKT", "SELL", 1, 0)),
        (limit_order("BUY", 4, "151"), ("LMT", "BUY", 4, 151.0)),
    ],
)
def test_ways_to_accept(answer: Any, expected: tuple[Any, ...], one_room: Room) -> None:
    room = one_room
    room.oracle.says("BUY")
    room.answer = answer
    with room.source(quantity=2):
        trade = room.report().trade
        assert trade is not None
        order = trade.order
        limit = order.lmtPrice if order.orderType == "LMT" else 0
        assert (order.orderType, order.action, order.totalQuantity, limit) == expected
        assert order.orderRef.startswith("flow AAPL")


def test_another_contract(one_room: Room) -> None:
    room = one_room
    room.oracle.says("BUY", ticker="SPX")
    with room.source("SPX", contracts={"SPX": "MSFT"}):
        report = room.report()
        assert report.proposal is not None
        assert report.trade is not None
        assert (report.proposal.contract, report.trade.contract.symbol) == ("MSFT", "MSFT")


@pytest.mark.parametrize("answer", [None, False, 0, Decimal(0)])
def test_ways_to_decline(answer: Any, one_room: Room) -> None:
    room = one_room
    room.oracle.says("BUY")
    room.answer = answer
    with room.source() as source:
        report = room.report()
        assert (report.outcome, report.trade, source.trades) == (Outcome.DECLINED, None, ())
        assert report.proposal is not None


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (KeyError("oops"), KeyError),
        ("yes", TypeError),
        (-5, ValueError),
        (float("nan"), ValueError),
        ([1], TypeError),
    ],
)
def test_a_callback_that_fails_ends_nothing(
    answer: Any, kind: type[Exception], one_room: Room
) -> None:
    room = one_room
    room.oracle.says("BUY")
    room.answer = answer
    with room.source() as source:
        report = room.report()
        assert report.outcome is Outcome.FAILED
        assert isinstance(report.error, kind)
        assert "callback" in {notice.category for notice in room.gateway.errors.recent}
        room.answer = True
        room.oracle.says("SELL", age=0)
        room.clock.next_round()
        assert room.report().outcome in {Outcome.STALE, Outcome.ACCEPTED}
        assert len(source.trades) == 1


def test_a_proposal_kept_from_before_is_no_answer(one_room: Room) -> None:
    room = one_room
    kept: list[Proposal] = []

    def keeps(proposal: Proposal) -> Proposal:
        kept.append(proposal)
        return kept[0]

    room.answer = keeps
    room.oracle.says("BUY")
    with room.source() as source:
        room.report()
        room.oracle.says("SELL", age=0)
        room.clock.next_round()
        report = room.report()
        assert report.outcome is Outcome.FAILED
        assert "another proposal" in report.reason
        assert len(source.trades) == 1


def test_an_order_that_cannot_be_placed(one_room: Room) -> None:
    room = one_room
    order = limit_order("BUY", 1, 100)
    order.orderType = "STP"
    room.answer = order
    room.oracle.says("BUY")
    with room.source() as source:
        report = room.report()
        assert report.outcome is Outcome.REFUSED
        assert isinstance(report.error, InvalidOrder)
        assert source.trades == ()


def test_a_quantity_rule(one_room: Room) -> None:
    room = one_room
    asked: list[Any] = []

    def rule(prediction: Any) -> Any:
        asked.append(prediction)
        if len(asked) == 1:
            raise RuntimeError("no idea")
        return 0 if len(asked) == 2 else 9

    room.oracle.says("BUY", age=0)
    with room.source(quantity=rule):
        assert room.report().outcome is Outcome.FAILED
        for outcome in (Outcome.DECLINED, Outcome.ACCEPTED):
            room.oracle.says("BUY", age=-1)
            room.clock.next_round()
            assert room.report().outcome is outcome
        assert room.proposals.next().quantity == Decimal(9)


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
        assert began.wait(1.0)


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
