"""The double: a program's own class, judged by what it hears and sends; nothing waits."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
from ibapi.common import TickAttrib
from ibapi.wrapper import EWrapper

from twsloop.config import Config, ConnectionParams, ReconnectParams
from twsloop.connection import IBKRConnection
from twsloop.contracts.builders import stock
from twsloop.errors import LoopError, NotConnected, RequestError, TapeError, TcpFailed
from twsloop.gateway import IBGateway
from twsloop.orders.builders import limit_order, market_order
from twsloop.paper.server import PaperGateway
from twsloop.paper.tape.recorder import Recorder
from twsloop.session.state import State
from twsloop.testing.double import GatewayDouble

VERSIONS = [151, 178, 200, 213, 225]


class App(IBGateway):
    """Buys what is cheap, once."""

    def __init__(self) -> None:
        super().__init__()
        self.ticks: list[tuple[int, int, float]] = []
        self.heard: list[tuple[str, tuple[Any, ...]]] = []

    def tickPrice(self, reqId: int, tickType: int, price: float, attrib: Any) -> None:
        self.ticks.append((reqId, tickType, price))
        if price < 100:
            self.place_order("AAPL", market_order("BUY", 5))

    def orderStatus(self, *args: Any) -> None:
        self.heard.append(("orderStatus", args))

    def error(self, *args: Any) -> None:
        self.heard.append(("error", args))

    def connectionClosed(self) -> None:
        self.heard.append(("connectionClosed", ()))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_strategy_is_told_and_acts(version: int) -> None:
    threads = set(threading.enumerate())
    with GatewayDouble(App, version=version) as double:
        app = double.app
        assert app.session_state is State.READY
        assert app.serverVersion() == version
        assert app.accounts == ("DU1234567",)
        assert double.started_with[0].name == "startApi"
        assert double.sent == []
        subscription = app.subscribe("AAPL")
        req_id = double.last("reqMktData").reqId
        double.say("tickPrice", reqId=req_id, tickType=4, price=101.5, size=100)
        assert app.ticks == []  # the subscription's own, not the program's
        assert subscription.tickers["AAPL"].last == 101.5
        app.reqMktData(7, stock("MSFT"), "", False, False, [])
        double.say("tickPrice", reqId=7, tickType=4, price=99.5, size=100)
        assert app.ticks == [(7, 4, 99.5)]
        order = double.last("placeOrder")
        assert (order.order.action, order.orderId) == ("BUY", 1)
        assert set(threading.enumerate()) <= threads, "it runs in this thread alone"


def test_ticks_of_the_program_s_own_requests() -> None:
    double = GatewayDouble(App)
    double.say("tickPrice reqId=7 tickType=1 price=150 size=1 attrMask=0")
    assert double.app.ticks == [(7, 1, 150.0)]
    assert double.sent == []


def test_a_trade_from_order_to_commission() -> None:
    with GatewayDouble(App, next_order_id=40) as double:
        trade = double.app.place_order("AAPL", limit_order("BUY", 100, "189.50"))
        assert trade.order_id == 40
        request = double.last("placeOrder")
        assert (request.contract.symbol, request.order.lmtPrice) == ("AAPL", 189.5)
        double.say("orderStatus", orderId=40, status="Submitted", filled=0, remaining=100)
        assert trade.status == "Submitted"
        execution = {"orderId": 40, "execId": "1.1", "shares": "100", "price": 189.5, "side": "BOT"}
        double.say("execDetails", reqId=-1, contract={"symbol": "AAPL"}, execution=execution)
        double.say(
            "orderStatus", orderId=40, status="Filled", filled=100, remaining=0, avgFillPrice=189.5
        )
        assert trade.done.result(timeout=1) == "Filled"
        double.say("commissionReport", execId="1.1", commissionAndFees=1.0, currency="USD")
        assert trade.settled.result(timeout=1) is not None


def test_an_order_that_is_rejected() -> None:
    double = GatewayDouble(App)
    trade = double.app.place_order("AAPL", market_order("BUY", 5))
    double.error(201, "Order rejected - reason:no", id=trade.order_id)
    double.say("orderStatus", orderId=trade.order_id, status="Inactive", filled=0, remaining=5)
    assert trade.done.result(timeout=1) in {"Inactive", "REJECTED", "Rejected"}
    assert ("error", 201) in [(name, args[2]) for name, args in double.app.heard if name == "error"]


# ---- time --------------------------------------------------------------------------------------


def test_waiting_costs_no_time() -> None:
    double = GatewayDouble(App)
    request = double.app.account_summary()
    del double._peer.playback._inbox[:]  # type: ignore[union-attr]
    with pytest.raises(RequestError, match="nothing was told"):
        request.result(timeout=1)
    future = double.app._tws.ask(
        lambda req_id: double.app._tws.reqMatchingSymbols(req_id, "AAPL"), request="symbols"
    )
    with pytest.raises(TimeoutError):
        future.result(timeout=5)
    assert double.clock.monotonic() >= 5
    with pytest.raises((TimeoutError, RequestError)):
        future.result(timeout=3600)  # longer than any test may take


def test_a_link_that_is_lost_is_made_again() -> None:
    seen: list[State] = []
    with GatewayDouble(App) as double:
        double.app.on_session(lambda state, _reason: seen.append(state))
        double.drop()
        assert double.app.session_state is State.WAITING
        with pytest.raises(NotConnected):
            double.say("nextValidId", orderId=5)
        double.refusing = True
        double.advance(5)
        assert double.app.session_state is State.WAITING
        double.refusing = False
        double.advance(60)
        assert seen[-1] is State.READY


def test_a_gateway_that_refuses() -> None:
    double = GatewayDouble(App, start=False)
    double.refusing = True
    with pytest.raises(TcpFailed, match="connection refused"):
        double.start()
    double.refusing = False
    double.start()
    assert double.app.session_state is State.READY


def test_the_heartbeat_is_answered() -> None:
    double = GatewayDouble(App)
    double.advance(60)
    assert double.app.session_state is State.READY
    assert "reqCurrentTime" in [sent.name for sent in double.sent]


def test_many_requests_at_once_are_not_paced() -> None:
    double = GatewayDouble(App)
    for number in range(200):
        double.app.reqMarketDataType(number % 4 + 1)
    assert len(double.sent_of("reqMarketDataType")) == 200


# ---- scripts -----------------------------------------------------------------------------------

SCRIPT = """
client: placeOrder orderId=1 order.action=BUY order.totalQuantity=5
server: orderStatus orderId=1 status=Submitted filled=0 remaining=5
sleep 30
server: orderStatus orderId=1 status=Filled filled=5 remaining=0 avgFillPrice=10
client: reqGlobalCancel
server: errMsg id=-1 errorCode=2100 errorMsg=done
"""


@pytest.mark.parametrize("version", VERSIONS)
def test_a_script_is_played_as_the_program_acts(version: int) -> None:
    with GatewayDouble(App, script=SCRIPT, version=version) as double:
        trade = double.app.place_order("AAPL", market_order("BUY", 5))
        assert trade.status == "Submitted"
        double.advance(30)
        assert trade.status == "Filled"
        double.app.reqGlobalCancel()
        assert [args[2] for name, args in double.app.heard if name == "error"] == [2100]


def test_a_script_may_come_later_and_its_times_pass_at_once() -> None:
    with GatewayDouble(App, next_order_id=77) as double:
        trade = double.app.place_order("AAPL", market_order("BUY", 5))
        before = double.clock.monotonic()
        double.play(SCRIPT)
        assert trade.order_id == 77
        assert trade.status == "Filled"
        assert double.clock.monotonic() - before == pytest.approx(30)
        double.app.reqGlobalCancel()


def test_what_does_not_come_is_named() -> None:
    double = GatewayDouble(App)
    double.play(SCRIPT)
    words = r"transcript:2 waits for placeOrder orderId=1 order.action=BUY order.totalQuantity=5"
    with pytest.raises(AssertionError, match=words):
        double.check()
    with pytest.raises(AssertionError, match=words), GatewayDouble(App, script=SCRIPT):
        pass
    with pytest.raises(TapeError, match=r"line 1|transcript:1"):
        GatewayDouble(App, script="nonsense\n\n")


def test_a_tape_is_played_at_any_version(tmp_path: Path) -> None:
    path = tmp_path / "session.tape"
    with PaperGateway() as paper, Recorder(path, paper.host, paper.port) as recorder:
        connection = ConnectionParams(host=recorder.host, port=recorder.port, max_version=225)
        with IBGateway(Config(connection=connection)) as live:
            trade = live.place_order("AAPL", market_order("BUY", 5))
            assert trade.done.result(timeout=10) == "Filled"
            price = trade.fills[0].price
    with GatewayDouble(App, script=path, version=178) as double:
        again = double.app.place_order("AAPL", market_order("BUY", 5))
        double.advance(60)
        assert again.done.result(timeout=1) == "Filled"
        assert again.fills[0].price == price
        assert double.app.accounts == ("DU0000001",)


def test_a_script_that_hangs_up() -> None:
    double = GatewayDouble(
        lambda: IBGateway(Config(reconnect=ReconnectParams(enabled=False))),
        script="client: reqIds\ndisconnect\n",
    )
    double.app.reqIds(1)
    assert double.app.session_state is State.DISCONNECTED
    double.check()


# ---- faults ------------------------------------------------------------------------------------


def test_a_callback_that_raises_fails_the_test(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(IBGateway):
        def tickPrice(self, *_args: Any) -> None:
            raise ZeroDivisionError("by a tick")

        def tickSize(self, *_args: Any) -> None:
            self.size_came = True

    double = GatewayDouble(Broken)
    double.say("tickPrice", reqId=1, tickType=1, price=1, size=1)
    assert double.app.size_came
    with pytest.raises(AssertionError, match=r"tickPrice.*by a tick"):
        double.check()
    with pytest.raises(AssertionError, match="by a tick"), double:
        pass
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(
    ("what", "fields", "words"),
    [
        ("tickPrize", {}, "did you mean tickPrice"),
        ("tickPrice", {"reqID": 1}, "tickPrice has no field 'reqID'; did you mean reqId"),
        ("openOrder", {"order": {"akshun": "BUY"}}, "openOrder.order has no field 'akshun'"),
        ("tickEFP", {}, "no protobuf form"),
        ("tickPrice reqId", {}, "it has to be name=value"),
    ],
)
def test_slips_are_explained(what: str, fields: dict[str, Any], words: str) -> None:
    double = GatewayDouble(App)
    with pytest.raises(ValueError, match=words):
        double.say(what, **fields)


def test_callbacks_may_be_called_by_their_names() -> None:
    with GatewayDouble(App) as double:
        double.callback("tickPrice", 7, 1, 150.0, TickAttrib())
        assert double.app.ticks == [(7, 1, 150.0)]
        with pytest.raises(ValueError, match="did you mean tickPrice"):
            double.callback("tickPrize", 7)
        with pytest.raises(ValueError, match=r"tickPrice takes \(reqId, tickType, price, attrib\)"):
            double.callback("tickPrice", 7)


def test_sent_can_be_taken_apart() -> None:
    double = GatewayDouble(App)
    double.app.reqIds(1)
    ((name, message),) = double.sent
    assert (name, message.numIds) == ("reqIds", 1)


def test_what_was_not_sent_is_said() -> None:
    double = GatewayDouble(App)
    double.app.reqIds(1)
    assert repr(double.sent) == "[<Sent reqIds numIds=1>]"
    with pytest.raises(AssertionError, match="no placeOrder was sent; sent was: reqIds numIds=1"):
        double.last("placeOrder")
    with pytest.raises(ValueError, match="did you mean placeOrder"):
        double.last("placeorder")


def test_what_is_no_gateway() -> None:
    with pytest.raises(TypeError, match="is no IBGateway"):
        GatewayDouble(object)  # type: ignore[type-var]


def test_lists_and_maps() -> None:
    double = GatewayDouble(App)
    details: list[Any] = []
    double.app.contractDetails = lambda _id, one: details.append(one)
    double.stop()
    double.start()
    double.say(
        "contractData",
        reqId=1,
        contract={"symbol": "X", "comboLegs": [{"conId": 1}, {"conId": 2}]},
        contractDetails={"secIdList": {"ISIN": "US0"}},
    )
    assert details[0].contract.symbol == "X"


# ---- other ways to use it ----------------------------------------------------------------------


def test_ib_s_own_start() -> None:
    class Old(EWrapper):
        def __init__(self) -> None:
            self.ids: list[int] = []

        def nextValidId(self, orderId: int) -> None:
            self.ids.append(orderId)

    old = Old()
    double = GatewayDouble(lambda: IBGateway(wrapper=old), start=False)
    double.app.connect("127.0.0.1", 4002, 3)
    assert double.last("startApi").clientId == 3
    assert old.ids == []  # they wait for run()
    double.deliver()
    assert old.ids == [1]
    with pytest.raises(LoopError, match=r"call the double's deliver\(\) instead"):
        double.app.run()
    double = GatewayDouble(lambda: IBGateway(wrapper=old), start=False)
    double.app.connect("127.0.0.1", 4002, 3)
    double.app.disconnect()
    double.app.run()  # returns: the session is over


def test_a_bare_connection() -> None:
    double = GatewayDouble(IBKRConnection)
    assert double.app.session_state is State.READY
    double.stop()
    double.stop()
    assert not double.app.isConnected()


def test_two_doubles_do_not_meet() -> None:
    one, two = GatewayDouble(App), GatewayDouble(App, accounts=("DU7", "DU8"))
    one.say("tickPrice", reqId=1, tickType=1, price=111, size=1)
    assert (one.app.ticks, two.app.ticks) == ([(1, 1, 111.0)], [])
    assert two.app.accounts == ("DU7", "DU8")


async def test_in_an_async_test() -> None:
    double = GatewayDouble(App)
    done = double.app.place_order("AAPL", market_order("BUY", 5)).done
    double.say("orderStatus", orderId=1, status="Filled", filled=5, remaining=0)
    async with asyncio.timeout(5):
        assert await done == "Filled"
    assert asyncio.get_running_loop() is not None


async def test_async_with() -> None:
    double = GatewayDouble(App, start=False)
    async with double.app as app:
        assert app.session_state is State.READY
        heard: list[float] = []

        async def on_tick(ticker: Any) -> None:
            heard.append(ticker.last)

        app.subscribe("AAPL", on_tick, where=asyncio.get_running_loop())
        req_id = double.last("reqMktData").reqId
        double.say("tickPrice", reqId=req_id, tickType=4, price=5.5, size=1)
        async with asyncio.timeout(5):
            while not heard:
                await asyncio.sleep(0)
        assert heard[0] == 5.5


def test_scheduled_work_runs_with_the_clock() -> None:
    double = GatewayDouble(App)
    runs: list[float] = []
    double.app.schedule_task(lambda: runs.append(double.clock.monotonic()), every=10)
    double.advance(35)
    assert runs == [10, 20, 30]


def test_a_long_answer_is_told_in_one_piece_however_slow_the_machine_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("twsloop.connection.long_messages.SLICE", 0.0)
    order: list[Any] = []

    class Bars(IBGateway):
        def historicalData(self, reqId: int, bar: Any) -> None:
            if not order:
                asyncio.get_running_loop().call_soon(order.append, "the loop's turn")
            order.append(bar.barCount)

    with GatewayDouble(Bars) as double:
        told = [{"date": "20260928", "barCount": n} for n in range(100)]
        double.say("historicalData", reqId=7, historicalDataBars=told)
    assert order == [*range(100), "the loop's turn"]
