"""What every question of every slice keeps to: its deadline, its cancel, its error, its thread.

The gateway here says nothing but what a test lets it say. `QUESTIONS` is all there is: a method
that returns a Future and is not in it fails a test. A question that needs several answers has a row
for each of them.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import attrs
import pytest

from tests.support.fake_tws import FakeTws, error, message
from twsloop import combo, limit_order
from twsloop.clock import ManualClock
from twsloop.config import Config
from twsloop.connection.core import Shown
from twsloop.errors import (
    ConnectionLost,
    NotConnected,
    RequestCancelled,
    RequestError,
    RequestTimeout,
    SessionError,
    WrongThread,
)
from twsloop.event_loop import Future
from twsloop.gateway import IBGateway

#: How long a test waits for what has to come, seconds.
PATIENCE = 10.0
#: Longer than any question waits for its answer, seconds.
LONG = 600.0
DAY = {"duration": timedelta(days=1)}
LIMIT = limit_order("BUY", 1, 100)


@attrs.frozen
class Question:
    """One question: how it is asked, what leaves, and how IB cancels that."""

    name: str
    request: str
    cancel: str | None = None
    args: tuple[Any, ...] = ()
    more: dict[str, Any] = attrs.Factory(dict)
    code: int = 321
    """An error of IB's that such a request gets."""
    shared: bool = True
    """Whether two equal ones are one request; what changes something at the gateway is not."""
    answered: tuple[str, ...] = ()
    """What the gateway answers before."""

    def __str__(self) -> str:
        after = f", after {', '.join(self.answered)}" if self.answered else ""
        return f"{self.name}: {self.request}{after}"

    def ask(self, gateway: IBGateway) -> Future[Any]:
        """Ask it."""
        slice_name, method = self.name.split(".")
        future: Future[Any] = getattr(getattr(gateway, slice_name), method)(*self.args, **self.more)
        return future


def _details(name: str, *args: Any, **more: Any) -> Question:
    return Question(f"contracts.{name}", "reqContractDetails", "cancelContractData", args, more)


QUESTIONS = [
    _details("details", "AAPL"),
    _details("resolve", "AAPL"),
    _details("trading_hours", "AAPL"),
    _details("liquid_hours", "AAPL"),
    _details("price_rule", "AAPL"),
    _details("price_increment", "AAPL", 1),
    _details("round_price", "AAPL", "1.234"),
    _details("round_quantity", "AAPL", 3),
    _details("future_chain", "ES", "CME"),
    _details("front_month", "ES", "CME"),
    _details("continuous_future", "ES", "CME"),
    _details("option_chain", "AAPL"),
    _details("combo", [("AAPL", 1, "BUY"), ("AAPL", 1, "SELL")]),
    Question("contracts.search", "reqMatchingSymbols", None, ("AAP",)),
    Question("contracts.smart_components", "reqSmartComponents", None, ("a6",)),
    Question("contracts.market_rule", "reqMarketRule", None, (26,)),
    Question("contracts.depth_exchanges", "reqMktDepthExchanges"),
    Question("market_data.quote", "reqMktData", "cancelMktData", ("AAPL",), code=354),
    Question(
        "market_data.regulatory_snapshot", "reqMktData", "cancelMktData", ("AAPL",),
        {"accept_cost": True}, code=354,
    ),
    Question(
        "market_data.calculate_implied_volatility", "calculateImpliedVolatility",
        "cancelCalculateImpliedVolatility", ("#7",), {"option_price": 1.0, "underlying_price": 2.0},
    ),
    Question(
        "market_data.calculate_option_price", "calculateOptionPrice",
        "cancelCalculateOptionPrice", ("#7",), {"volatility": 0.2, "underlying_price": 2.0},
    ),
    Question(
        "history.bars", "reqContractDetails", "cancelContractData", ("AAPL",), DAY, code=200,
    ),
    # The second one waits for what the first one keeps: tests/history.
    Question(
        "history.bars", "reqHistoricalData", "cancelHistoricalData", ("AAPL",), DAY,
        shared=False, answered=("reqContractDetails", "reqCurrentTime"),
    ),
    Question(
        "history.ticks", "reqContractDetails", "cancelContractData", ("AAPL",), DAY, code=200,
    ),
    Question(
        "history.ticks", "reqHistoricalTicks", "cancelHistoricalTicks", ("AAPL",), DAY,
        shared=False, answered=("reqContractDetails", "reqCurrentTime"),
    ),
    Question("history.head_timestamp", "reqHeadTimeStamp", "cancelHeadTimeStamp", ("AAPL",)),
    Question("history.histogram", "reqHistogramData", "cancelHistogramData", ("AAPL",)),
    Question("history.schedule", "reqHistoricalData", "cancelHistoricalData", ("AAPL",)),
    Question("account.positions", "reqPositions"),
    Question("account.summary", "reqAccountSummary", "cancelAccountSummary"),
    Question("account.ledger", "reqAccountSummary", "cancelAccountSummary"),
    Question("account.base_currency", "reqAccountSummary", "cancelAccountSummary"),
    Question("account.values", "reqAccountUpdates"),
    Question("account.portfolio", "reqAccountUpdates"),
    Question("account.model_positions", "reqPositionsMulti", "cancelPositionsMulti"),
    Question("account.model_values", "reqAccountUpdatesMulti", "cancelAccountUpdatesMulti"),
    Question("account.pnl", "reqPnL", "cancelPnL"),
    Question("account.position_pnl", "reqPnLSingle", "cancelPnLSingle", (7,)),
    Question("account.compare_profit", "reqPnL", "cancelPnL"),
    Question("account.managed_accounts", "reqManagedAccts"),
    Question("account.family_codes", "reqFamilyCodes"),
    Question("news.providers", "reqNewsProviders"),
    Question("news.article", "reqNewsArticle", None, ("BRFG", "BRFG$1"), code=10172),
    Question("news.headlines", "reqContractDetails", "cancelContractData", ("AAPL",)),
    Question("news.headlines", "reqNewsProviders", None, ("#7",)),
    Question("news.headlines", "reqHistoricalNews", None, ("#7",), {"providers": ["BRFG"]}),
    Question(
        "news.fundamentals", "reqFundamentalData", "cancelFundamentalData", ("AAPL",), code=430,
    ),
    Question("news.wsh_meta", "reqWshMetaData", "cancelWshMetaData", code=10276),
    Question("news.wsh_events", "reqContractDetails", "cancelContractData", ("AAPL",)),
    Question("news.wsh_events", "reqWshMetaData", "cancelWshMetaData", ("#7",), code=10276),
    Question(
        "news.wsh_events", "reqWshEventData", "cancelWshEventData", ("#7",), code=10279,
        answered=("reqWshMetaData",),
    ),
    Question("scanner.parameters", "reqScannerParameters"),
    Question(
        "scanner.scan", "reqScannerSubscription", "cancelScannerSubscription", ("TOP_PERC_GAIN",),
        code=162,
    ),
    Question("system.time", "reqCurrentTime"),
    Question("system.clock", "reqCurrentTimeInMillis"),
    Question("system.next_valid_id", "reqIds"),
    Question("system.user_info", "reqUserInfo"),
    Question("system.soft_dollar_tiers", "reqSoftDollarTiers"),
    Question("system.display_groups", "queryDisplayGroups"),
    Question("system.fa_groups", "requestFA"),
    Question("system.fa_aliases", "requestFA"),
    Question("system.replace_fa_groups", "replaceFA", None, ([],), shared=False),
    Question("system.configuration", "reqConfig"),
    Question(
        "system.update_configuration", "updateConfig", None,
        ({"lockAndExit.autoLogoffTime": "1"},), shared=False,
    ),
    Question("orders.all_open", "reqAllOpenOrders"),
    Question("orders.bind_manual", "reqOpenOrders"),
    Question("orders.completed", "reqCompletedOrders"),
    Question("orders.executions", "reqExecutions"),
    Question("orders.what_if", "placeOrder", None, ("#7", LIMIT), code=201, shared=False),
    Question("orders.close_position", "reqAllOpenOrders", None, ("AAPL",), shared=False),
    Question(
        "orders.close_position", "reqPositions", None, ("AAPL",), shared=False,
        answered=("reqAllOpenOrders",),
    ),
]  # fmt: skip
#: Not questions to the gateway, or questions that need what another one answered; tested elsewhere.
OTHERS = {
    "contracts.forget",
    "contracts.options",
    "contracts.resolve_many",  # tells each contract's error in its row
    "market_data.exchanges",
    "market_data.quotes",  # tells each contract's error in its row
    "account.own_profit",
    "orders.cancel",  # these follow an order, whose end is never an exception
    "orders.cancel_all",
    "orders.cancel_replace",
    "orders.modify",
    "orders.accept",  # asks nobody
    "orders.reconcile",  # a list that could not be had is in its report
    "system.set_log_level",
    "system.show",
}
#: What is asked at the start of a session by itself.
AT_START = ("reqAllOpenOrders", "reqCompletedOrders", "reqExecutions")

every = pytest.mark.parametrize("question", QUESTIONS, ids=str)


class Laconic(FakeTws):
    """A gateway that answers what it is told to, and says nothing to the rest."""

    answered: tuple[str, ...] = AT_START

    def _answer(self, name: str, request: Any) -> list[bytes] | None:
        if name in AT_START and name not in self.answered:
            return None
        if name == "reqPositions":
            return None  # the one of each session, which FakeTws answers, is not asked here
        if name not in self.answered or name not in ANSWERS:
            return super()._answer(name, request)
        return ANSWERS[name](request)


def _told_details(request: Any) -> list[bytes]:
    contract = {"conId": 265598, "symbol": "AAPL", "secType": "STK", "exchange": "SMART"}
    details = {"timeZoneId": "US/Eastern"}
    return [
        message("contractData", reqId=request.reqId, contract=contract, contractDetails=details),
        message("contractDetailsEnd", reqId=request.reqId),
    ]


#: What the gateway answers, where it answers.
ANSWERS: dict[str, Callable[[Any], list[bytes]]] = {
    "reqCurrentTime": lambda _: [message("currentTime", currentTime=1_767_623_400)],
    "reqContractDetails": _told_details,
    "reqWshMetaData": lambda asked: [message("wshMetaData", reqId=asked.reqId, dataJson="{}")],
}


def id_of(request: Any) -> int:
    """The id that IB's answer names; -1 for a request without one."""
    req_id: int = getattr(request, "reqId", getattr(request, "orderId", -1))
    return req_id


class Case:
    """A gateway that says what it is told, and a client on a clock that stands still."""

    def __init__(self, tws: Laconic) -> None:
        self.tws = tws
        self.clock = ManualClock()
        overrides = {
            "orders.compare_positions": False,  # nothing is asked that no test has asked for
            "connection.port": tws.port,
            "connection.client_id": 0,  # which may bind orders
            "contracts.cache": False,
            "history.store": False,
            "heartbeat.enabled": False,
            "pacing.enabled": False,
            "reconnect.enabled": False,
        }
        self.gateway = IBGateway(Config.load(environ={}, overrides=overrides), clock=self.clock)

    def rest(self) -> list[str]:
        """The names of the requests that have left, and were not taken from the inbox yet."""
        self.settle()
        self.gateway.setServerLogLevel(2)  # leaves after all the others
        names: list[str] = []
        while "setServerLogLevel" not in names:
            names.append(self.tws.inbox.get(timeout=PATIENCE)[0])
        return names[:-1]

    def settle(self) -> None:
        """Let everything that was posted run."""
        for _ in range(5):
            self.gateway.event_loop.call(lambda: None)


@pytest.fixture
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    question: Question | None = None
    if "question" in request.fixturenames:
        question = request.getfixturevalue("question")
    with Laconic() as tws:
        made = Case(tws)
        with made.gateway:
            tws.answered = question.answered if question is not None else ()
            yield made


def test_every_method_that_returns_a_future_is_here() -> None:
    gateway = IBGateway()
    slices = {
        name
        for name, shown in inspect.getmembers(IBGateway, lambda one: isinstance(one, Shown))
        # The journal is asked, but no gateway.
        if type(getattr(gateway, name)).__module__.endswith((".requests", ".desk"))
        and name != "journal"
    }
    assert {question.name.split(".")[0] for question in QUESTIONS} == slices
    found = {
        f"{name}.{method}"
        for name in slices
        for method, function in inspect.getmembers(getattr(gateway, name), inspect.ismethod)
        if not method.startswith("_")
        and str(inspect.signature(function).return_annotation).startswith("Future")
    }
    named = {question.name for question in QUESTIONS}
    assert found == named | OTHERS
    assert len({str(question) for question in QUESTIONS}) == len(QUESTIONS)


@every
def test_silence_is_a_timeout(case: Case, question: Question) -> None:
    future = question.ask(case.gateway)
    case.tws.next(question.request)
    case.settle()
    case.clock.advance(LONG)
    with pytest.raises(RequestTimeout):
        future.result(PATIENCE)
    if question.cancel is not None:
        case.tws.next(question.cancel)


@every
def test_its_own_limit_is_kept(case: Case, question: Question) -> None:
    asked = attrs.evolve(question, more={**question.more, "timeout": 3.0})
    future = asked.ask(case.gateway)
    case.tws.next(question.request)
    case.settle()
    case.clock.advance(2.9)
    case.settle()
    assert not future.done()
    case.clock.advance(0.2)
    with pytest.raises(RequestTimeout, match="3 s"):
        future.result(PATIENCE)


@every
def test_whoever_leaves_cancels_it(case: Case, question: Question) -> None:
    future = question.ask(case.gateway)
    req_id = id_of(case.tws.next(question.request))
    assert future.cancel()
    if question.cancel is not None:
        assert id_of(case.tws.next(question.cancel)) == req_id
    case.settle()
    with pytest.raises((concurrent.futures.CancelledError, RequestCancelled)):
        future.result(PATIENCE)


@every
def test_whoever_leaves_at_once_leaves_nothing_open(case: Case, question: Question) -> None:
    case.gateway.event_loop.call(lambda: question.ask(case.gateway).cancel())
    left = case.rest()
    assert question.cancel is None or left in ([], [question.request, question.cancel])


@every
def test_an_error_of_ib_s_is_raised_with_its_code(case: Case, question: Question) -> None:
    future = question.ask(case.gateway)
    request = case.tws.next(question.request)
    case.tws.say(error(id_of(request), question.code, "the gateway's own words"))
    with pytest.raises(RequestError, match="the gateway's own words") as caught:
        future.result(PATIENCE)
    assert caught.value.code == question.code
    assert caught.value.request
    assert case.rest() == [], "IB has ended it: there is nothing to cancel"


@every
def test_a_lost_link_ends_the_waiting(case: Case, question: Question) -> None:
    future = question.ask(case.gateway)
    case.tws.next(question.request)
    case.tws.hang_up()
    with pytest.raises((ConnectionLost, NotConnected)):
        future.result(PATIENCE)
    with pytest.raises(SessionError):
        question.ask(case.gateway).result(PATIENCE)


@pytest.mark.parametrize("question", [one for one in QUESTIONS if one.shared], ids=str)
def test_equal_questions_are_one_request(case: Case, question: Question) -> None:
    first, second = question.ask(case.gateway), question.ask(case.gateway)
    case.tws.next(question.request)
    case.settle()
    first.cancel()
    assert case.rest() == []
    assert not second.done()
    second.cancel()
    if question.cancel is not None:
        case.tws.next(question.cancel)


@every
def test_a_blocking_result_on_the_loop_thread_raises_at_once(
    case: Case, question: Question
) -> None:
    def ask_and_wait() -> None:
        with pytest.raises(WrongThread):
            question.ask(case.gateway).result(PATIENCE)

    case.gateway.event_loop.call(ask_and_wait)


@every
def test_it_can_be_awaited_in_a_loop_of_its_own(case: Case, question: Question) -> None:
    raised: list[BaseException] = []

    async def wait() -> None:
        try:
            await question.ask(case.gateway)
        except RequestError as caught:
            raised.append(caught)

    waiting = threading.Thread(target=lambda: asyncio.run(wait()))
    waiting.start()
    request = case.tws.next(question.request)
    case.tws.say(error(id_of(request), question.code, "no"))
    waiting.join(PATIENCE)
    assert not waiting.is_alive()
    assert len(raised) == 1


def test_what_waits_for_its_turn_ends_with_the_link(case: Case) -> None:
    buy = case.gateway.market_data.regulatory_snapshot
    first, second = (buy(symbol, accept_cost=True) for symbol in ("AAPL", "MSFT"))
    case.tws.next("reqMktData")
    assert case.rest() == []
    case.tws.hang_up()
    for future in (first, second):
        with pytest.raises(ConnectionLost):
            future.result(PATIENCE)


def test_details_that_are_refused_leave_history_to_the_history_service(case: Case) -> None:
    future = case.gateway.history.bars("AAPL", duration="1 D")
    case.tws.answered = ("reqCurrentTime",)
    request = case.tws.next("reqContractDetails")
    case.tws.say(error(request.reqId, 321, "not now"))
    case.tws.next("reqHistoricalData")
    future.cancel()


def test_a_combo_has_no_details_but_a_history(case: Case) -> None:
    case.tws.answered = ("reqCurrentTime",)
    legs = [(1, 1, "BUY"), (2, 1, "SELL")]
    future = case.gateway.history.bars(combo("AAPL", legs), duration="1 D")
    assert case.tws.inbox.get(timeout=PATIENCE)[0] == "reqHistoricalData"
    future.cancel()
