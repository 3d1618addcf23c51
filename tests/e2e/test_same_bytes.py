"""What a program sends through IBGateway is, byte for byte, what IB's own client would send."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ibapi.client import EClient
from ibapi.contract import Contract
from ibapi.order import Order
from ibapi.order_cancel import OrderCancel
from ibapi.wrapper import EWrapper

from tests.support.clients import settings
from tests.support.scripted import Peer, ScriptedServer
from twsloop import IBGateway
from twsloop.wire import codec
from twsloop.wire.framing import FrameReader
from twsloop.wire.messages import INBOUND_BY_NAME, Direction, message_class

VERSIONS = [120, 151, 176, 178, 200, 201, 203, 206, 209, 212, 213, 225]
#: What the gateway has to answer at the start: the request, and the message that ends it.
ENDS = {
    "reqAllOpenOrders": "openOrderEnd",
    "reqCompletedOrders": "completedOrdersEnd",
    "reqExecutions": "execDetailsEnd",
}


class Capture:
    """A connection as EClient knows it, that only keeps what is sent."""

    def __init__(self) -> None:
        self.data = b""

    def isConnected(self) -> bool:
        return True

    def sendMsg(self, data: bytes) -> int:
        self.data += data
        return len(data)


def ibs_client(version: int) -> tuple[Any, Capture]:
    api, capture = EClient(EWrapper()), Capture()
    api.conn, api.serverVersion_ = capture, version
    api.setConnState(EClient.CONNECTED)
    return api, capture


def share() -> Contract:
    made = Contract()
    made.symbol, made.secType, made.exchange, made.currency = "AAPL", "STK", "SMART", "USD"
    return made


def order() -> Order:
    made = Order()
    made.action, made.orderType, made.tif = "BUY", "LMT", "DAY"
    made.totalQuantity, made.lmtPrice, made.orderRef = 10, 99.5, "story"
    return made


def asks(api: Any) -> Iterator[Callable[[], object]]:
    """One call after the other; the same objects are never given to two clients."""
    yield lambda: api.reqMktData(11, share(), "233", False, False, [])
    yield lambda: api.cancelMktData(11)
    yield lambda: api.reqContractDetails(12, share())
    yield lambda: api.reqHistoricalData(13, share(), "", "1 D", "1 min", "TRADES", 1, 1, False, [])
    yield lambda: api.reqAccountUpdates(True, "DU1234567")
    yield lambda: api.reqAccountSummary(14, "All", "NetLiquidation")
    yield lambda: api.reqMarketDataType(3)
    yield lambda: api.reqMktDepth(15, share(), 5, False, [])
    yield lambda: api.reqRealTimeBars(16, share(), 5, "TRADES", True, [])
    yield lambda: api.reqSecDefOptParams(17, "AAPL", "", "STK", 265598)
    yield lambda: api.placeOrder(100, share(), order())
    yield lambda: api.cancelOrder(100, OrderCancel())
    yield lambda: api.reqGlobalCancel(OrderCancel())
    yield lambda: api.setServerLogLevel(2)
    yield lambda: api.reqIds(1)


@pytest.mark.parametrize("version", VERSIONS)
def test_requests_leave_as_ibs_client_would_send_them(version: int) -> None:
    sent: list[bytes] = []
    whole = threading.Event()

    def told(name: str, **fields: Any) -> bytes:
        kind = INBOUND_BY_NAME[name]
        return codec.encode(kind, message_class(kind.proto or "")(**fields), version)

    async def script(peer: Peer) -> None:
        await peer.greet(version)
        await peer.read_frame()
        accounts = told("managedAccounts", accountsList="DU1234567")
        await peer.send(accounts, told("nextValidId", orderId=100))
        while not whole.is_set():
            body = await peer.read_frame()
            asked = codec.decode(Direction.OUTBOUND, body, version)
            name = asked.type.name
            if name in ENDS:
                fields = {"reqId": asked.message.reqId} if name == "reqExecutions" else {}
                await peer.send(told(ENDS[name], **fields))
                continue
            sent.append(body)
            if len(sent) == len(due):
                whole.set()

    api, capture = ibs_client(version)
    for ask in asks(api):
        ask()
    frames = FrameReader()
    frames.feed(capture.data)
    due = list(frames.frames())
    assert len(due) == 15
    with (
        ScriptedServer(script) as server,
        IBGateway(
            settings(server.port, heartbeat__enabled=False, orders__compare_positions=False)
        ) as gateway,
    ):
        for ask in asks(gateway):
            ask()
        assert whole.wait(10)
    # Requests of different urgency may overtake each other; their bytes are the same.
    assert sorted(sent) == sorted(due)
