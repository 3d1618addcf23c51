"""What every stream of every slice keeps to: its sessions, its end, its callbacks, its place.

The gateway here says nothing but what a test lets it say. `STREAMS` is all there is: a method that
returns a Stream and is not in it fails a test.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import pytest

from tests.conftest import LoopFactory
from tests.support.desk import PATIENCE, Heard
from tests.support.fake_tws import FakeTws, error, message
from twsloop.config import Config
from twsloop.connection.core import Shown
from twsloop.connection.streams import Stream
from twsloop.errors import NotConnected, RequestError, SlotsExhausted
from twsloop.event_loop import Future
from twsloop.gateway import IBGateway

ACCOUNT = "DU1234567"
CONTRACT = {"conId": 265598, "symbol": "AAPL", "secType": "STK", "exchange": "SMART"}
#: 2026-01-05 14:30 UTC, seconds.
START = 1_767_623_400

#: What brings at least one item: of the request of that id, the n-th of them.
Told = Callable[[int, int], list[bytes]]


@attrs.frozen
class Following:
    """One way to follow something: how it is asked for, what leaves, how IB cancels that."""

    name: str
    request: str
    told: Told
    cancel: str | None = None
    args: tuple[Any, ...] = ()
    more: dict[str, Any] = attrs.Factory(dict)
    callback: str = "on_update"
    code: int | None = 321
    """An error of IB's that such a request gets; None if nothing refuses it."""
    places: int = 0
    """How many of IB's places for market data it holds."""

    def __str__(self) -> str:
        return self.name

    def open(self, gateway: IBGateway, heard: Callable[[Any], object] | None = None) -> Stream[Any]:
        """Follow it."""
        slice_name, method = self.name.split(".")
        given = {self.callback: heard} if heard is not None else {}
        stream: Stream[Any] = getattr(getattr(gateway, slice_name), method)(
            *self.args, **self.more, **given
        )
        return stream


# ---- what the gateway says ------------------------------------------------------------------


def _depth(req_id: int, number: int) -> list[bytes]:
    row = {"position": 0, "operation": 0, "side": 1, "price": 10.0 + number, "size": "100"}
    return [message("updateMktDepthL2", reqId=req_id, marketDepthData={**row, "marketMaker": "A"})]


def _tick(req_id: int, number: int) -> list[bytes]:
    tick = {"time": START + number, "price": 10.0, "size": "100", "exchange": "Q"}
    return [message("tickByTick", reqId=req_id, tickType=1, historicalTickLast=tick)]


def _bar(req_id: int, number: int) -> list[bytes]:
    prices = {"open": 1.0, "high": 2.0, "low": 1.0, "close": 1.5, "volume": "7", "WAP": "1.5"}
    return [message("realtimeBar", reqId=req_id, time=START + 5 * number, count=1, **prices)]


def _bars(req_id: int, number: int) -> list[bytes]:
    prices = {"open": 1.0, "high": 2.0, "low": 1.0, "close": 1.5, "volume": "7", "WAP": "1.5"}
    dates = [str(START + 60 * minute) for minute in range(1, number + 1)]
    bars = [{"date": date, "barCount": 1, **prices} for date in dates]
    return [
        message("historicalData", reqId=req_id, historicalDataBars=bars),
        message("historicalDataEnd", reqId=req_id, startDateStr="", endDateStr=""),
    ]


def _positions(_req_id: int, number: int) -> list[bytes]:
    held = {"account": ACCOUNT, "contract": CONTRACT, "position": str(number), "avgCost": 1.0}
    return [message("position", **held), message("positionEnd")]


def _summary(req_id: int, number: int) -> list[bytes]:
    row = {"account": ACCOUNT, "tag": "NetLiquidation", "value": str(number), "currency": "USD"}
    return [
        message("accountSummary", reqId=req_id, **row),
        message("accountSummaryEnd", reqId=req_id),
    ]


def _values(_req_id: int, number: int) -> list[bytes]:
    row = {"key": "NetLiquidation", "value": str(number), "currency": "USD"}
    return [
        message("updateAccountValue", accountName=ACCOUNT, **row),
        message("accountDownloadEnd", accountName=ACCOUNT),
    ]


def _model_positions(req_id: int, number: int) -> list[bytes]:
    held = {"account": ACCOUNT, "contract": CONTRACT, "position": str(number), "avgCost": 1.0}
    return [
        message("positionMulti", reqId=req_id, **held),
        message("positionMultiEnd", reqId=req_id),
    ]


def _model_values(req_id: int, number: int) -> list[bytes]:
    row = {"account": ACCOUNT, "key": "NetLiquidation", "value": str(number), "currency": "USD"}
    return [
        message("accountUpdateMulti", reqId=req_id, **row),
        message("accountUpdateMultiEnd", reqId=req_id),
    ]


def _pnl(req_id: int, number: int) -> list[bytes]:
    return [message("pnl", reqId=req_id, dailyPnL=float(number))]


def _pnl_single(req_id: int, number: int) -> list[bytes]:
    return [message("pnlSingle", reqId=req_id, position="1", dailyPnL=float(number))]


def _headline(req_id: int, number: int) -> list[bytes]:
    fields = {"providerCode": "BRFG", "articleId": f"BRFG${number}", "headline": "news"}
    return [message("tickNews", reqId=req_id, timestamp=1000 * (START + number), **fields)]


def _bulletin(_req_id: int, number: int) -> list[bytes]:
    fields = {"newsMsgType": 1, "newsMessage": "closed", "originatingExch": "NYSE"}
    return [message("updateNewsBulletin", newsMsgId=number, **fields)]


def _rows(req_id: int, number: int) -> list[bytes]:
    rows = [{"rank": rank, "contract": CONTRACT} for rank in range(number)]
    return [message("scannerData", reqId=req_id, scannerDataElement=rows)]


def _group(req_id: int, number: int) -> list[bytes]:
    return [message("displayGroupUpdated", reqId=req_id, contractInfo=f"{number}@SMART")]


STREAMS = [
    Following(
        "market_data.depth", "reqMktDepth", _depth, "cancelMktDepth", ("AAPL",), code=200,
        places=1,
    ),
    Following(
        "market_data.ticks", "reqTickByTickData", _tick, "cancelTickByTickData", ("AAPL",),
        code=10189, places=1,
    ),
    Following(
        "market_data.realtime_bars", "reqRealTimeBars", _bar, "cancelRealTimeBars", ("AAPL",),
        code=420, places=1,
    ),
    Following(
        "market_data.local_bars", "reqTickByTickData", _tick, "cancelTickByTickData", ("AAPL",),
        {"ticks": 1}, code=10189, places=1,
    ),
    Following(
        "history.live_bars", "reqHistoricalData", _bars, "cancelHistoricalData", ("AAPL",),
        code=200,
    ),
    # Raw users of the same session may need these two: they stay open.
    Following("account.watch_positions", "reqPositions", _positions),
    Following("account.watch_values", "reqAccountUpdates", _values, None, (ACCOUNT,)),
    Following("account.watch_summary", "reqAccountSummary", _summary, "cancelAccountSummary"),
    Following(
        "account.watch_model_positions", "reqPositionsMulti", _model_positions,
        "cancelPositionsMulti", (ACCOUNT,),
    ),
    Following(
        "account.watch_model_values", "reqAccountUpdatesMulti", _model_values,
        "cancelAccountUpdatesMulti", (ACCOUNT,),
    ),
    Following("account.watch_pnl", "reqPnL", _pnl, "cancelPnL", (ACCOUNT,)),
    Following(
        "account.watch_position_pnl", "reqPnLSingle", _pnl_single, "cancelPnLSingle",
        (7, ACCOUNT),
    ),
    Following(
        "news.follow", "reqMktData", _headline, "cancelMktData", ("AAPL",),
        callback="on_headline", code=200, places=1,
    ),
    Following(
        "news.broad_tape", "reqMktData", _headline, "cancelMktData", ("BRFG",),
        callback="on_headline", code=200, places=1,
    ),
    Following(
        "news.bulletins", "reqNewsBulletins", _bulletin, "cancelNewsBulletins",
        callback="on_bulletin", code=None,
    ),
    Following(
        "scanner.follow", "reqScannerSubscription", _rows, "cancelScannerSubscription",
        ("TOP_PERC_GAIN",), callback="on_rows", code=162,
    ),
    Following(
        "system.display_group", "subscribeToGroupEvents", _group, "unsubscribeFromGroupEvents",
        (1,), callback="on_shown",
    ),
]  # fmt: skip

every = pytest.mark.parametrize("following", STREAMS, ids=str)


class Case:
    """A gateway that says what it is told, a client, and one stream of it."""

    def __init__(
        self, tws: FakeTws, following: Following, loop_factory: LoopFactory | None = None
    ) -> None:
        self.tws = tws
        self.following = following
        self.heard = Heard()
        self.told = 0
        overrides = {
            "orders.compare_positions": False,  # nothing is asked that no test has asked for
            "connection.port": tws.port,
            "heartbeat.enabled": False,
            "pacing.enabled": False,
            "reconnect.first_delay": 0.01,
            "reconnect.cap": 0.02,
            "history.store": False,
        }
        config = Config.load(environ={}, overrides=overrides)
        self.gateway = IBGateway(config, loop_factory=loop_factory)

    def open(self) -> Stream[Any]:
        """Follow it, with a callback."""
        return self.following.open(self.gateway, self.heard)

    def asked(self) -> int:
        """The id of its request, when that has come; -1 for a request without one."""
        return id_of(self.tws.next(self.following.request))

    def say_next(self, req_id: int) -> None:
        """Let the gateway tell something new."""
        self.told += 1
        self.tws.say(*self.following.told(req_id, self.told))

    def tell(self, req_id: int) -> Any:
        """Let the gateway tell something new; what the callback heard of it."""
        self.heard.rest()
        self.say_next(req_id)
        return self.heard.next()

    def rest(self) -> list[tuple[str, int]]:
        """The requests that have left and were not taken from the inbox yet, with their ids."""
        for _ in range(5):
            self.gateway.event_loop.call(lambda: None)
        self.gateway.setServerLogLevel(2)  # leaves after all the others
        found: list[tuple[str, int]] = []
        while True:
            name, request = self.tws.inbox.get(timeout=PATIENCE)
            if name == "setServerLogLevel":
                return found
            found.append((name, id_of(request)))

    def places(self) -> int:
        """How many of IB's places are taken."""
        return len(self.gateway.market_data.slots)

    def cancels(self, req_id: int) -> list[tuple[str, int]]:
        """What leaves when it is cancelled."""
        cancel = self.following.cancel
        return [] if cancel is None else [(cancel, req_id)]


def id_of(request: Any) -> int:
    req_id: int = getattr(request, "reqId", -1)
    return req_id


@pytest.fixture
def case(following: Following, loop_factory: LoopFactory) -> Iterator[Case]:
    with FakeTws(silent=("reqPositions",)) as tws:
        made = Case(tws, following, loop_factory)
        with made.gateway:
            yield made


def test_every_method_that_returns_a_stream_is_here() -> None:
    gateway = IBGateway()
    shown = [name for name, _ in inspect.getmembers(IBGateway, lambda one: isinstance(one, Shown))]
    slices = {name: type(getattr(gateway, name)) for name in shown}
    found = {
        f"{name}.{method}"
        for name, kind in slices.items()
        for method, function in inspect.getmembers(kind, inspect.isfunction)
        if not method.startswith("_")
        and str(inspect.signature(function).return_annotation).startswith("Stream[")
    }
    assert found == {following.name for following in STREAMS}


# ---- its sessions ---------------------------------------------------------------------------


@every
def test_opened_before_the_session_it_is_asked_for_in_it(
    following: Following, loop_factory: LoopFactory
) -> None:
    with FakeTws(silent=("startApi", "reqPositions")) as tws:
        case = Case(tws, following, loop_factory)
        starting = threading.Thread(target=case.gateway.start)
        starting.start()
        try:
            tws.next("startApi")
            stream = case.open()
            assert (stream.status, stream.active) == ("opening", True)
            case.gateway.event_loop.call(lambda: None)
            assert tws.inbox.empty()
            tws.say(message("managedAccounts", accountsList=ACCOUNT))
            tws.say(message("nextValidId", orderId=1))
            case.tell(case.asked())
            assert (stream.status, stream.error) == ("live", None)
        finally:
            starting.join(PATIENCE)
            case.gateway.stop()


def test_whose_profit_is_meant_is_not_known_before_the_session() -> None:
    with FakeTws(silent=("startApi", "reqPositions")) as tws:
        case = Case(tws, STREAMS[0])
        starting = threading.Thread(target=case.gateway.start)
        starting.start()
        try:
            tws.next("startApi")
            account = case.gateway.account
            for follow in (account.watch_pnl, account.watch_values):
                with pytest.raises(NotConnected, match="name it"):
                    follow()
            with pytest.raises(NotConnected, match="name it"):
                account.watch_position_pnl(7)
            tws.say(message("managedAccounts", accountsList=ACCOUNT))
            tws.say(message("nextValidId", orderId=1))
            starting.join(PATIENCE)
            account.watch_pnl()
            assert tws.next("reqPnL").account == ACCOUNT
        finally:
            case.gateway.stop()


@every
def test_a_lost_link_interrupts_it_and_the_next_session_asks_for_it_again(case: Case) -> None:
    stream, states = case.open(), Heard()
    stream.on_status(lambda status, _reason: states(str(status)))
    first = case.asked()
    case.tell(first)
    case.tws.hang_up()
    second = case.asked()
    assert second != first or second == -1
    case.tell(second)
    assert stream.status == "live"
    assert [states.next() for _ in range(3)] == ["live", "interrupted", "live"]
    assert case.rest() == []


@every
def test_it_is_asked_for_again_when_the_gateway_has_lost_its_data(case: Case) -> None:
    stream = case.open()
    first = case.asked()
    case.tell(first)
    case.tws.say(error(-1, 1100, "Connectivity between IBKR and TWS has been lost"))
    case.tws.say(error(-1, 1101, "Connectivity restored, data lost"))
    second = case.asked()
    assert second != first or second == -1
    assert stream.stale
    case.tell(second)
    assert not stream.stale
    assert case.rest() == []


# ---- its end --------------------------------------------------------------------------------


@pytest.mark.parametrize("following", [one for one in STREAMS if one.code is not None], ids=str)
def test_an_error_ends_it_with_its_code(case: Case) -> None:
    stream = case.open()
    assert case.places() == case.following.places
    code = case.following.code
    assert code is not None
    case.tws.say(error(case.asked(), code, "the gateway's own words"))
    assert stream.done.result(PATIENCE) is None
    assert isinstance(stream.error, RequestError)
    assert (stream.error.code, stream.error.text) == (code, "the gateway's own words")
    assert stream.error.request
    assert (stream.status, stream.active) == ("over", False)
    assert case.rest() == [], "IB has ended it: there is nothing to cancel"
    assert case.places() == 0


@every
def test_a_cancel_leaves_once_and_nothing_is_heard_after_it(case: Case) -> None:
    stream = case.open()
    req_id = case.asked()
    case.tell(req_id)
    assert case.places() == case.following.places
    stream.cancel()
    stream.cancel()
    assert case.rest() == case.cancels(req_id)
    assert case.places() == 0
    case.say_next(req_id)
    case.gateway.system.time()
    case.tws.next("reqCurrentTime")
    assert case.heard.rest() == []
    assert (stream.status, stream.error, stream.done.done()) == ("over", None, True)


@every
def test_it_can_be_cancelled_in_its_own_callback(case: Case) -> None:
    opened: Future[Stream[Any]] = Future(case.gateway.event_loop)

    def once(item: Any) -> None:
        case.heard(item)
        opened.result(0).cancel()

    stream = case.following.open(case.gateway, once)
    opened.set_result(stream)
    req_id = case.asked()
    case.tell(req_id)
    stream.done.result(PATIENCE)
    assert case.rest() == case.cancels(req_id)
    case.heard.rest()
    case.say_next(req_id)
    case.gateway.system.time()
    case.tws.next("reqCurrentTime")
    assert case.heard.rest() == []


@every
def test_equal_ones_are_one_request_until_the_last_one_leaves(case: Case) -> None:
    first = case.open()
    req_id = case.asked()
    other = Heard()
    second = case.following.open(case.gateway, other)
    case.tell(req_id)
    other.next()
    assert case.places() == case.following.places
    first.cancel()
    assert case.rest() == []
    case.say_next(req_id)
    other.next()
    second.cancel()
    assert case.rest() == case.cancels(req_id)
    assert case.places() == 0


def test_summaries_give_their_places_back() -> None:
    with FakeTws(silent=("reqPositions",)) as tws:
        case = Case(tws, STREAMS[0])
        with case.gateway:
            follow = case.gateway.account.watch_summary
            for tags in ("NetLiquidation", "BuyingPower", "Cushion"):
                with follow(tags):
                    refused = tws.next("reqAccountSummary")
            second, third = follow("NetLiquidation"), follow("BuyingPower")
            with pytest.raises(SlotsExhausted):
                follow("Cushion")
            refused = tws.next("reqAccountSummary")
            tws.say(error(refused.reqId, 322, "Maximum number of account summaries exceeded"))
            second.done.result(PATIENCE)
            with follow("Cushion") as fourth:
                assert (second.active, third.active, fourth.active) == (False, True, True)


def test_a_portfolio_is_asked_for_again_in_the_next_session() -> None:
    with FakeTws(silent=("reqPositions",)) as tws:
        case = Case(tws, STREAMS[0])
        with case.gateway:
            portfolio = case.gateway.account.watch_portfolio(on_update=case.heard)

            def answer(price: float) -> int:
                tws.next("reqPositions")
                tws.say(*_positions(-1, 1))
                req_id = id_of(tws.next("reqPnLSingle"))
                tws.say(message("pnlSingle", reqId=req_id, position="1", value=price))
                case.heard.until(lambda row: row.market_price == price)
                return req_id

            answer(1.0)
            tws.hang_up()
            req_id = answer(2.0)
            portfolio.cancel()
            portfolio.cancel()
            assert case.rest() == [("cancelPnLSingle", req_id)]


# ---- who follows it -------------------------------------------------------------------------


@every
def test_a_callback_that_raises_is_reported_and_called_again(case: Case) -> None:
    def fail(item: Any) -> None:
        case.heard(item)
        msg = "a mistake in the callback"
        raise RuntimeError(msg)

    stream = case.following.open(case.gateway, fail)
    req_id = case.asked()
    case.tell(req_id)
    case.tell(req_id)
    case.rest()
    assert stream.active
    told = [one.text for one in case.gateway.errors.recent if one.category == "callback"]
    assert len(told) >= 2
    assert all("a mistake in the callback" in text for text in told)


@every
def test_iterations_end_with_the_program(case: Case) -> None:
    stream = case.following.open(case.gateway)
    found: dict[str, list[Any]] = {}
    begun = threading.Barrier(3)

    def in_a_thread() -> None:
        items = stream.items(PATIENCE)
        begun.wait(PATIENCE)
        found["thread"] = list(items)

    async def in_a_loop() -> None:
        items = aiter(stream)
        begun.wait(PATIENCE)
        found["loop"] = [item async for item in items]

    works = (in_a_thread, lambda: asyncio.run(in_a_loop()))
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    begun.wait(PATIENCE)
    stream.on_update(case.heard)
    case.gateway.event_loop.call(lambda: None)  # it is registered now
    case.tell(case.asked())
    case.gateway.stop()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert found["thread"]
    assert found["thread"] == found["loop"]
