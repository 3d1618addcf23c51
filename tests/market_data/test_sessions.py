"""Lines when the gateway loses its servers, refuses, warns, or is used IB's own way."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.desk import PATIENCE, Desk, Heard, open_paper
from tests.support.fake_tws import FakeTws, error, message
from twsloop.config import Config
from twsloop.errors import RequestError, RequestTimeout
from twsloop.events import GapEnded, GapStarted
from twsloop.gateway import IBGateway
from twsloop.market_data.subscriptions import Subscription
from twsloop.market_data.ticks import MarketDataType
from twsloop.orders.builders import market_order
from twsloop.orders.state import OrderStatus


@contextmanager
def connected(tws: FakeTws, **more: Any) -> Iterator[IBGateway]:
    values = {
        "pacing.enabled": False,
        "heartbeat.enabled": False,
        **{name.replace("__", "."): value for name, value in more.items()},
    }
    with tws:
        values["connection.port"] = tws.port
        config = Config.load(environ={}, overrides=values)
        with IBGateway(config) as gateway:
            yield gateway


@contextmanager
def watching(**more: Any) -> Iterator[tuple[FakeTws, Subscription, Heard, int]]:
    """A subscription to AAPL with its first tick in, and its request id."""
    tws, heard = FakeTws(), Heard()
    with connected(tws, **more) as gateway:
        gateway.observe(GapStarted, heard)
        gateway.observe(GapEnded, heard)
        watch = gateway.subscribe("AAPL", on_tick=heard)
        req_id = tws.next("reqMktData").reqId
        tws.say(bid(req_id, 189.5))
        assert heard.next().bid == 189.5
        yield tws, watch, heard, req_id


def bid(req_id: int, price: float) -> bytes:
    return message("tickPrice", reqId=req_id, tickType=1, price=price, size="100", attrMask=0)


def asked_for(tws: FakeTws, name: str) -> bool:
    """Whether such a request waits in the inbox."""
    return any(waiting == name for waiting, _ in tuple(tws.inbox.queue))


def test_servers_lost_and_back_with_the_data() -> None:
    with watching() as (tws, watch, heard, req_id):
        tws.say(error(-1, 1100, "Connectivity between IB and TWS has been lost."))
        assert isinstance(heard.next(), GapStarted)
        assert watch["AAPL"].stale
        tws.say(error(-1, 1102, "Connectivity has been restored - data maintained."))
        tws.say(bid(req_id, 190.0))
        assert isinstance(heard.next(), GapEnded)  # a tick is the proof, not IB's word
        assert heard.next().bid == 190.0
        assert not watch["AAPL"].stale
        assert not asked_for(tws, "reqMktData")


def test_servers_back_without_the_data() -> None:
    with watching() as (tws, watch, heard, req_id):
        tws.say(error(-1, 1100, "Connectivity between IB and TWS has been lost."))
        heard.next()
        tws.say(error(-1, 1101, "Connectivity has been restored - data lost."))
        again = tws.next("reqMktData")
        assert again.reqId != req_id
        assert again.contract.symbol == "AAPL"
        assert watch["AAPL"].stale  # until a tick comes
        tws.say(bid(req_id, 1.0), bid(again.reqId, 190.0))  # the old id is nobody's
        assert isinstance(heard.next(), GapEnded)
        ticker = heard.next()
        assert ticker is watch["AAPL"]
        assert (ticker.bid, ticker.stale) == (190.0, False)


def test_delayed_data_says_so_and_goes_on() -> None:
    with watching() as (tws, watch, heard, req_id):
        tws.say(
            error(req_id, 10167, "Requested market data is not subscribed. Displaying delayed."),
            message("marketDataType", reqId=req_id, marketDataType=3),
            message("tickPrice", reqId=req_id, tickType=66, price=188.0, size="5", attrMask=0),
        )
        ticker = heard.until(lambda shown: shown.bid == 188.0)
        assert ticker.delayed
        assert ticker.market_data_type is MarketDataType.DELAYED
        assert ticker.notice.code == 10167
        assert watch.errors == {}


def test_an_error_in_the_middle_of_a_stream_ends_the_line() -> None:
    with watching() as (tws, watch, _, req_id):
        tws.say(error(req_id, 354, "Requested market data is not subscribed."))
        assert watch.done.result(PATIENCE) == watch.tickers
        failed = watch.errors["AAPL"]
        assert isinstance(failed, RequestError)
        assert failed.code == 354
        assert watch["AAPL"].stale
        assert watch["AAPL"].bid == 189.5


def test_the_kind_of_data_is_asked_for_once_a_session() -> None:
    tws = FakeTws()
    with connected(tws, market_data__data_type="delayed", market_data__generic_ticks="233") as gw:
        gw.subscribe(["AAPL", "MSFT"])
        assert tws.next("reqMarketDataType").marketDataType == 3
        lines = [tws.next("reqMktData"), tws.next("reqMktData")]
        assert {line.genericTickList for line in lines} == {"233"}
        assert tws.inbox.empty()


def test_with_delayed_data_10089_is_an_advice() -> None:
    with watching(market_data__data_type="delayed") as (tws, watch, heard, req_id):
        tws.say(error(req_id, 10089, "requires additional subscription. Delayed is available."))
        tws.say(bid(req_id, 190.0))
        assert heard.next().bid == 190.0
        assert watch.active


def test_a_snapshot_without_an_end_times_out() -> None:
    tws, failed = FakeTws(), Heard()
    with connected(tws, market_data__snapshot_timeout=1.0) as gateway:
        watch = gateway.subscribe("AAPL", snapshot=True, on_error=failed)
        asked = tws.next("reqMktData")
        assert asked.snapshot
        assert watch.done.result(PATIENCE) == watch.tickers
        assert isinstance(failed.next()[1], RequestTimeout)
        assert tws.next("cancelMktData").reqId == asked.reqId


def test_greeks_params_and_texts_arrive() -> None:
    with watching() as (tws, watch, heard, req_id):
        tws.say(
            message(
                "tickReqParams",
                reqId=req_id,
                minTick="0.01",
                bboExchange="a6",
                snapshotPermissions=3,
            ),
            message("tickString", reqId=req_id, tickType=45, value="1767623400"),
            message("tickGeneric", reqId=req_id, tickType=49, value=0.0),
            message(
                "tickOptionComputation",
                reqId=req_id,
                tickType=13,
                tickAttrib=1,
                impliedVol=0.3,
                delta=-0.5,
                optPrice=4.2,
                pvDividend=0.0,
                gamma=0.01,
                vega=0.2,
                theta=-0.05,
                undPrice=189.5,
            ),
        )
        ticker = heard.until(lambda shown: shown.model_greeks is not None)
        assert (ticker.min_tick, ticker.bbo_exchange) == (0.01, "a6")
        assert ticker.last_time is not None
        assert ticker.halted == 0
        assert ticker.model_greeks.delta == -0.5
        assert not ticker.model_greeks.return_based
        assert watch.errors == {}


# ---- IB's own start ------------------------------------------------------------------------


class Sample(IBGateway):
    """As in IB's samples: one object, connect, run."""

    def __init__(self) -> None:
        IBGateway.__init__(self)
        self.ids = Heard()
        self.heard = Heard()
        self.threads: set[str] = set()

    def nextValidId(self, orderId: int) -> None:
        self.ids(orderId)

    def show(self, item: Any) -> None:
        self.threads.add(threading.current_thread().name)
        self.heard(item)


@pytest.mark.parametrize("version", [225, 200])
def test_subscribe_and_place_with_connect_and_run(version: int) -> None:
    with open_paper(max_version=version) as (feed, paper):
        app = Sample()
        app.connect("127.0.0.1", paper.port, 3)
        runner = threading.Thread(target=app.run, name="my-run")
        runner.start()
        try:
            app.ids.next()
            app.subscribe("AAPL", on_tick=app.show)
            app.heard.until(lambda ticker: ticker.bid == 189.49)
            Desk(feed, paper, app).quote("AAPL", 189.7, 189.8)
            app.heard.until(lambda ticker: ticker.bid == 189.7)
            trade = app.place_order("AAPL", market_order("BUY", 1), on_fill=app.show)
            assert trade.settled.result(PATIENCE) is OrderStatus.FILLED
            app.heard.until(lambda item: getattr(item, "shares", None) == 1)
            assert app.threads == {"my-run"}
        finally:
            app.disconnect()
            runner.join(PATIENCE)
        assert not runner.is_alive()


def test_the_log_names_what_an_error_is_about(
    ib_gateway: IBGateway, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody knows the request ids that we hand out: the log has the symbol, too."""
    told = threading.Event()
    with caplog.at_level(logging.WARNING, "twsloop.error_handler"):
        ib_gateway.subscribe("NOPE", on_error=lambda *_told: told.set())
        assert told.wait(10)
    (line,) = [one.getMessage() for one in caplog.records if "200" in one.getMessage()]
    assert line.startswith("quotes of NOPE: error 200 (id ")
