"""The raw wire at 225, as a reader sees it that takes nothing it does not know.

rust-ibapi 3 (which announces 213 to 225) refuses what IB's own decoder lets pass; it cannot run
here, so its rules do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from ibapi.contract import Contract
from ibapi.execution import ExecutionFilter
from ibapi.order import Order
from ibapi.order_cancel import OrderCancel
from ibapi.protobuf.ErrorMessage_pb2 import ErrorMessage
from ibapi.protobuf.OrderStatus_pb2 import OrderStatus
from ibapi.protobuf.TickPrice_pb2 import TickPrice

from tests.support.raw_client import RawClient
from tests.support.strict import NAMES, StrictReader
from twsloop.paper.catalogue.instruments import Catalogue
from twsloop.paper.feeds.synthetic import SyntheticFeed
from twsloop.paper.server import PaperGateway

ACCOUNT = "DU1234567"


class Session:
    """A client that asks for many things and judges every answer."""

    def __init__(self, client: RawClient) -> None:
        self.client = client
        self.api = client.api
        self.reader = StrictReader(datetime.now(UTC).timestamp())
        self.next_id = 0

    def until(self, name: str, meets: Callable[[Any], bool] = lambda _: True) -> Any:
        """Read and judge until a message of this name meets the condition."""

        def wanted(body: bytes) -> bool:
            return self.reader.body(body) == name and meets(self.reader.read[-1][1])

        self.client.read_until(wanted)
        return self.reader.read[-1][1]

    def error(self, ident: int, code: int) -> None:
        """Read and judge until this error."""
        self.until("ErrorMessage", lambda error: (error.id, error.errorCode) == (ident, code))

    def answer(self, name: str, req_id: int) -> Any:
        """Read and judge until a message of this name answers the request."""
        return self.until(name, lambda message: message.reqId == req_id)

    def fill(self, order_id: int) -> None:
        """Read and judge until the order is filled and charged."""
        self.until("OrderStatus", lambda one: (one.orderId, one.status) == (order_id, "Filled"))
        self.until("CommissionAndFeesReport")

    def settle(self) -> None:
        """Read and judge all that was asked for so far."""
        self.api.reqCurrentTime()
        self.until("CurrentTime")

    def order(self, action: str, kind: str, quantity: str, **fields: Any) -> int:
        """Place an order on AAPL."""
        order_id = self.next_id
        self.next_id += 1
        self.api.placeOrder(order_id, stock("AAPL"), made(action, kind, quantity, **fields))
        return order_id


def stock(symbol: str) -> Contract:
    contract = Contract()
    contract.symbol, contract.secType = symbol, "STK"
    contract.exchange, contract.currency = "SMART", "USD"
    return contract


def currency(symbol: str) -> Contract:
    contract = Contract()
    contract.symbol, contract.secType = symbol, "CASH"
    contract.exchange, contract.currency = "IDEALPRO", "USD"
    return contract


def made(action: str, kind: str, quantity: str, **fields: Any) -> Order:
    order = Order()
    order.action, order.orderType, order.totalQuantity = action, kind, Decimal(quantity)
    order.tif = "DAY"
    for name, value in fields.items():
        setattr(order, name, value)
    return order


@pytest.fixture
def session() -> Iterator[Session]:
    def feed() -> SyntheticFeed:
        market = Catalogue.standard(datetime.now(UTC).date())
        return SyntheticFeed(market, seed=3, rates={"AAPL": 40.0, "EUR.USD": 40.0})

    with (
        PaperGateway(feed=feed, accounts=(ACCOUNT,)) as gateway,
        RawClient(gateway.host, gateway.port, versions="v213..225") as client,
    ):
        session = Session(client)
        session.next_id = session.until("NextValidId").orderId
        for code in (2104, 2106, 2158):
            session.error(-1, code)
        yield session
        session.settle()
        session.reader.finish()


def test_hello_is_what_a_strict_client_can_read(session: Session) -> None:
    version, stamp = session.client.hello
    assert version == "225"
    assert re.fullmatch(r"\d{8} \d\d:\d\d:\d\d UTC", stamp)
    then = datetime.strptime(stamp[:17], "%Y%m%d %H:%M:%S").replace(tzinfo=UTC)
    assert abs((datetime.now(UTC) - then).total_seconds()) < 600
    names = [name for name, _ in session.reader.read]
    assert names[:2] == ["ManagedAccounts", "NextValidId"]


def test_market_data(session: Session) -> None:
    api = session.api
    for number, contract in enumerate((stock("AAPL"), stock("SPY"), currency("EUR")), 1):
        api.reqMktData(number, contract, "", False, False, [])
    for number in (1, 2, 3):
        session.answer("TickPrice", number)
    api.reqMktData(4, stock("MSFT"), "", True, False, [])
    session.answer("TickSnapshotEnd", 4)
    session.until("TickPrice", lambda tick: tick.reqId == 3 and tick.tickType == 1)
    for number in (1, 2, 3):
        api.cancelMktData(number)
    api.cancelMktData(99)
    session.error(99, 300)
    session.settle()
    assert {tick.reqId for tick in session.reader.of("TickSize")} >= {1, 2, 4}
    assert session.reader.of("TickReqParams")


def test_contracts(session: Session) -> None:
    api = session.api
    any_exchange = stock("AAPL")
    any_exchange.exchange = ""
    future = Contract()
    future.symbol, future.secType, future.exchange, future.currency = "ES", "FUT", "CME", "USD"
    for number, contract in enumerate((any_exchange, currency("EUR"), future), 11):
        api.reqContractDetails(number, contract)
        session.answer("ContractDataEnd", number)
    api.reqContractDetails(14, stock("NOSUCHTHING"))
    session.error(14, 200)
    api.reqMatchingSymbols(15, "A")
    session.until("SymbolSamples")
    api.reqMarketRule(26)
    session.until("MarketRule")
    api.reqSmartComponents(16, "9c0001")
    session.until("SmartComponents")
    found = {one.contract.secType for one in session.reader.of("ContractData")}
    assert found >= {"STK", "CASH"}


def test_orders(session: Session) -> None:
    api = session.api
    # More than is displayed at a price: several executions.
    session.fill(session.order("BUY", "MKT", "1500"))
    session.settle()
    limit = session.order("BUY", "LMT", "10", lmtPrice=100.0, tif="GTC")
    session.until("OrderStatus", lambda status: status.orderId == limit)
    api.placeOrder(limit, stock("AAPL"), made("BUY", "LMT", "10", lmtPrice=101.0, tif="GTC"))
    session.settle()
    stop = session.order("SELL", "STP", "10", auxPrice=100.0)
    session.until("OrderStatus", lambda status: status.orderId == stop)
    # A bracket: nothing is said until its last member is sent.
    parent = session.order("BUY", "LMT", "5", lmtPrice=102.0, transmit=False)
    session.order("SELL", "LMT", "5", lmtPrice=900.0, parentId=parent, transmit=False)
    child = session.order("SELL", "STP", "5", auxPrice=90.0, parentId=parent)
    session.until("OrderStatus", lambda status: status.orderId == child)
    session.order("BUY", "LMT", "10", lmtPrice=100.0, whatIf=True)
    session.until("OpenOrder", lambda order: order.order.whatIf)
    for request in (api.reqOpenOrders, api.reqAllOpenOrders):
        request()
        session.until("OpenOrdersEnd")
    # Refusals: one error each, with the order's id.
    refused = [
        session.order("BUY", "NONSENSE", "1"),
        session.order("BUY", "LMT", "1", lmtPrice=100.001),
        session.order("BUY", "MKT", "0"),
    ]
    session.settle()
    assert {error.id for error in session.reader.of("ErrorMessage")} >= set(refused)
    api.cancelOrder(limit, OrderCancel())
    session.error(limit, 202)
    api.cancelOrder(limit, OrderCancel())
    session.error(limit, 10148)
    api.cancelOrder(9999, OrderCancel())
    session.error(9999, 10147)
    session.fill(session.order("SELL", "MKT", "1500"))
    api.reqGlobalCancel(OrderCancel())
    session.settle()
    api.reqCompletedOrders(False)
    session.until("CompletedOrdersEnd")
    api.reqExecutions(21, ExecutionFilter())
    session.until("ExecutionDetailsEnd")
    statuses = {status.status for status in session.reader.of("OrderStatus")}
    assert statuses >= {"Submitted", "PreSubmitted", "Filled", "Cancelled"}
    live = [one for one in session.reader.of("ExecutionDetails") if one.reqId == -1]
    assert sum(Decimal(one.execution.shares) for one in live) == 3000
    assert len(live) > 2
    assert len(session.reader.of("CompletedOrder")) >= 5


def test_currency_order(session: Session) -> None:
    session.api.placeOrder(session.next_id, currency("EUR"), made("BUY", "MKT", "20000"))
    session.fill(session.next_id)
    session.api.reqPositions()
    session.until("PositionEnd")


def test_account(session: Session) -> None:
    api = session.api
    session.fill(session.order("BUY", "MKT", "10"))
    api.reqPositions()
    session.until("PositionEnd")
    api.reqPositionsMulti(31, ACCOUNT, "")
    session.until("PositionMultiEnd")
    api.reqAccountSummary(32, "All", "NetLiquidation,BuyingPower,$LEDGER:ALL")
    session.until("AccountSummaryEnd")
    api.reqAccountUpdates(True, ACCOUNT)
    session.until("AccountDataEnd")
    api.reqAccountUpdatesMulti(33, ACCOUNT, "", False)
    session.until("AccountUpdateMultiEnd")
    api.reqPnL(34, ACCOUNT, "")
    session.until("PnL")
    api.reqPnLSingle(35, ACCOUNT, "", 265598)
    session.until("PnLSingle")
    api.cancelPnL(34)
    api.cancelPnLSingle(35)
    session.settle()
    assert len(session.reader.of("AccountValue")) > 60


def test_everything_else_that_is_answered(session: Session) -> None:
    api = session.api
    api.reqIds(1)
    session.until("NextValidId")
    api.reqManagedAccts()
    session.until("ManagedAccounts")
    api.reqCurrentTimeInMillis()
    session.until("CurrentTimeInMillis")
    api.reqFamilyCodes()
    session.until("FamilyCodes")
    api.reqSoftDollarTiers(41)
    session.until("SoftDollarTiers")
    api.reqMktDepthExchanges()
    session.until("MarketDepthExchanges")
    api.reqNewsProviders()
    session.until("NewsProviders")
    api.reqUserInfo(42)
    session.until("UserInfo")
    api.queryDisplayGroups(43)
    session.until("DisplayGroupList")
    api.reqSecDefOptParams(44, "AAPL", "", "STK", 265598)
    session.until("SecDefOptParameterEnd")
    api.reqMarketDataType(3)
    session.settle()


# ---- the reader itself can say no ----------------------------------------------------------


def body(name: str, message: Any) -> bytes:
    (number,) = (number for number, one in NAMES.items() if one == name)
    return (number + 200).to_bytes(4, "big") + bytes(message.SerializeToString())


GOOD_STATUS: dict[str, Any] = {
    "orderId": 1,
    "status": "Submitted",
    "filled": "0",
    "remaining": "10",
    "avgFillPrice": 0.0,
    "permId": 5,
    "parentId": 0,
    "lastFillPrice": 0.0,
    "clientId": 1,
}


def test_a_good_message_passes() -> None:
    reader = StrictReader(0)
    assert reader.body(body("OrderStatus", OrderStatus(**GOOD_STATUS))) == "OrderStatus"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"status": "Working"}, "unknown word"),
        ({"filled": ""}, "no decimal"),
        ({"remaining": "1.7976931348623157E308"}, "no decimal"),
        ({"status": None}, "missing"),
        ({"avgFillPrice": 1.7976931348623157e308}, "leave it out"),
    ],
)
def test_a_bad_status_does_not_pass(change: dict[str, Any], words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        StrictReader(0).body(body("OrderStatus", OrderStatus(**GOOD_STATUS | change)))


def test_text_frames_unknown_numbers_and_old_errors_do_not_pass() -> None:
    reader = StrictReader(1e9)
    with pytest.raises(AssertionError, match="text frame"):
        reader.body(b"\0\0\0\x0915\x001\0DU1\0")
    with pytest.raises(AssertionError, match="unknown message"):
        reader.body((150 + 200).to_bytes(4, "big"))
    old = ErrorMessage(id=-1, errorTime=5, errorCode=2104, errorMsg="x")
    with pytest.raises(AssertionError, match="not now"):
        reader.body(body("ErrorMessage", old))
    deadly = ErrorMessage(id=-1, errorTime=10**12, errorCode=200, errorMsg="x")
    with pytest.raises(AssertionError, match="ends everything"):
        reader.body(body("ErrorMessage", deadly))
    with pytest.raises(AssertionError, match="attrMask is missing"):
        reader.body(body("TickPrice", TickPrice(reqId=1, tickType=1, price=1.0, size="1")))
