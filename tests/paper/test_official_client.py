"""IB's own client, unmodified, with its own threads, against the gateway on its own thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ibapi.client import EClient
from ibapi.contract import Contract
from ibapi.execution import ExecutionFilter
from ibapi.order import Order
from ibapi.order_cancel import OrderCancel
from ibapi.wrapper import EWrapper

from tests.support.manual_feed import ManualFeed
from twsloop.paper import PaperGateway

PATIENCE = 20


class Official(EWrapper, EClient):
    """Puts every callback that a test looks at into a queue."""

    def __init__(self) -> None:
        EWrapper.__init__(self)
        EClient.__init__(self, self)
        self.heard: queue.Queue[tuple[str, tuple[Any, ...]]] = queue.Queue()
        self.worker: threading.Thread | None = None

    def until(self, name: str, fits: Callable[..., bool] = lambda *_args: True) -> list[str]:
        """The names of what was heard up to a callback of that name that fits."""
        names = []
        while True:
            heard, args = self.heard.get(timeout=PATIENCE)
            names.append(heard)
            if heard == name and fits(*args):
                self.last = args
                return names

    def begin(self, gateway: PaperGateway, client_id: int) -> None:
        self.connect(gateway.host, gateway.port, client_id)
        self.worker = threading.Thread(target=self.run, name="official run()")
        self.worker.start()

    def end(self) -> None:
        self.disconnect()
        if self.worker is not None:
            self.worker.join(PATIENCE)
            assert not self.worker.is_alive()

    def error(self, *args: Any) -> None:
        self.heard.put(("error", args))

    def __getattribute__(self, name: str) -> Any:
        if name in HEARD:
            return lambda *args: self.heard.put((name, args))
        return super().__getattribute__(name)


HEARD = {
    *("nextValidId", "managedAccounts", "tickPrice", "tickSize", "marketDataType"),
    *("tickReqParams", "openOrder", "orderStatus", "execDetails", "commissionAndFeesReport"),
    *("openOrderEnd", "execDetailsEnd", "position", "positionEnd", "connectionClosed"),
    *("accountDownloadEnd", "accountSummary", "accountSummaryEnd", "contractDetails"),
    *("contractDetailsEnd", "tickSnapshotEnd", "currentTime", "pnl", "updatePortfolio"),
}


def stock(symbol: str) -> Contract:
    contract = Contract()
    contract.symbol = symbol
    contract.secType = "STK"
    contract.exchange = "SMART"
    contract.currency = "USD"
    return contract


def order(action: str, quantity: int, limit: float | None = None) -> Order:
    it = Order()
    it.action = action
    it.totalQuantity = quantity
    it.orderType = "MKT" if limit is None else "LMT"
    if limit is not None:
        it.lmtPrice = limit
    it.tif = "DAY"
    return it


@pytest.fixture(params=[200, 225])
def gateway(request: pytest.FixtureRequest) -> Iterator[PaperGateway]:
    feed = ManualFeed()
    feed.send([feed.quote("AAPL", 270.00, 270.05), feed.trade("AAPL", 270.02)])
    with PaperGateway(feed=feed, max_version=request.param) as it:
        yield it


@pytest.fixture
def app(gateway: PaperGateway) -> Iterator[Official]:
    it = Official()
    it.begin(gateway, 1)
    it.until("nextValidId")
    yield it
    it.end()


def quote(gateway: PaperGateway, bid: float, ask: float) -> None:
    feed = gateway.feed
    assert isinstance(feed, ManualFeed)
    gateway.call(lambda: feed.send([feed.quote("AAPL", bid, ask)]))


def test_connect_stream_place_fill_cancel(gateway: PaperGateway, app: Official) -> None:
    assert app.serverVersion() == gateway.max_version
    app.reqMktData(7, stock("AAPL"), "", False, False, [])
    app.until("tickPrice", lambda req, kind, price, _attrib: (req, kind, price) == (7, 2, 270.05))
    quote(gateway, 270.01, 270.06)
    app.until("tickPrice", lambda _req, kind, price, _attrib: (kind, price) == (2, 270.06))

    app.placeOrder(1, stock("AAPL"), order("BUY", 100))
    names = app.until("commissionAndFeesReport")
    assert [name for name in names if not name.startswith("tick")] == [
        *("openOrder", "orderStatus", "execDetails"),
        *("openOrder", "orderStatus") * 2,
        "commissionAndFeesReport",
    ]
    report = app.last[0]
    assert (report.commissionAndFees, report.currency) == (1.0003, "USD")

    app.placeOrder(2, stock("AAPL"), order("SELL", 100, limit=300.0))
    app.until("orderStatus", lambda ident, status, *_: (ident, status) == (2, "Submitted"))
    app.reqOpenOrders()
    app.until("openOrderEnd")
    app.cancelOrder(2, OrderCancel())
    app.until("orderStatus", lambda ident, status, *_: (ident, status) == (2, "Cancelled"))
    app.until("error", lambda ident, _time, code, *_: (ident, code) == (2, 202))


def test_questions(app: Official) -> None:
    app.reqCurrentTime()
    app.until("currentTime")
    app.reqContractDetails(3, stock("AAPL"))
    app.until("contractDetailsEnd")
    app.placeOrder(1, stock("AAPL"), order("BUY", 40))
    app.until("commissionAndFeesReport")
    app.reqPositions()
    assert app.until("positionEnd") == ["position", "positionEnd"]
    app.reqAccountUpdates(True, "")
    app.until("accountDownloadEnd")
    app.reqAccountSummary(4, "All", "NetLiquidation,$LEDGER:ALL")
    app.until("accountSummaryEnd")
    app.reqExecutions(5, ExecutionFilter())
    names = app.until("execDetailsEnd")
    assert names[-3:] == ["execDetails", "commissionAndFeesReport", "execDetailsEnd"]
    app.reqPnL(6, "DU1234567", "")
    app.until("pnl")
    app.reqMktData(8, stock("AAPL"), "", True, False, [])
    app.until("tickPrice")


def test_gateway_that_stops(gateway: PaperGateway) -> None:
    app = Official()
    app.begin(gateway, 2)
    app.until("nextValidId")
    gateway.stop()
    app.until("connectionClosed")
    app.end()
