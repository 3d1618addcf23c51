"""Every request, at every server version that clients of today speak, is answered by the table.

The requests are made by IB's own client where it has a method for them.
"""

from __future__ import annotations

import functools
import importlib
import itertools
import logging
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from ibapi.common import WshEventData
from ibapi.contract import Contract
from ibapi.execution import ExecutionFilter
from ibapi.order import Order
from ibapi.order_cancel import OrderCancel
from ibapi.protobuf import (
    CancelContractData_pb2,
    CancelHistoricalTicks_pb2,
    ConfigRequest_pb2,
    UpdateConfigRequest_pb2,
)
from ibapi.scanner import ScannerSubscription

from tests.support import official
from tests.support.manual_feed import ManualFeed
from tests.support.wireclient import WireClient
from twsloop.clock import ManualClock
from twsloop.paper import PaperGateway
from twsloop.paper.market.vocabulary import QuoteChange
from twsloop.paper.requests import table
from twsloop.paper.requests.answers import ANSWERS, ANY_REQUEST
from twsloop.wire import codec
from twsloop.wire.framing import frame
from twsloop.wire.messages import (
    INBOUND,
    INBOUND_BY_NAME,
    OUTBOUND,
    OUTBOUND_BY_NAME,
    PROTOBUF_OFFSET,
    RAW_ID_SINCE,
    Direction,
    message_class,
)

#: What living clients speak: 9.81, ib_async and ib_insync, older and newer official clients.
VERSIONS = (151, 157, 173, 176, 177, 178, 187, 193, 200, 213, 225)
#: The id of a line that never is: the error about it marks the end of an answer.
BARRIER = 987_654_321
Make = Callable[[Any], object]


def share() -> Contract:
    contract = Contract()
    contract.symbol, contract.secType = "AAPL", "STK"
    contract.exchange, contract.currency = "SMART", "USD"
    contract.strike = 0.0
    return contract


def pair() -> Contract:
    contract = share()
    contract.symbol, contract.secType, contract.exchange = "EUR", "CASH", "IDEALPRO"
    return contract


def limit() -> Order:
    order = Order()
    order.action, order.orderType, order.tif = "BUY", "LMT", "DAY"
    order.totalQuantity, order.lmtPrice, order.transmit = Decimal(1), 1.0, True
    return order


def scan() -> ScannerSubscription:
    wanted = ScannerSubscription()
    wanted.instrument, wanted.locationCode = "STK", "STK.US.MAJOR"
    wanted.scanCode, wanted.numberOfRows = "MOST_ACTIVE", 3
    return wanted


#: One right request of each name, by IB's own client; streams before what ends them.
RIGHT: dict[str, Make] = {
    "setServerLogLevel": lambda c: c.setServerLogLevel(5),
    "reqCurrentTime": lambda c: c.reqCurrentTime(),
    "reqCurrentTimeInMillis": lambda c: c.reqCurrentTimeInMillis(),
    "reqIds": lambda c: c.reqIds(1),
    "reqManagedAccts": lambda c: c.reqManagedAccts(),
    "reqUserInfo": lambda c: c.reqUserInfo(1),
    "reqConfig": lambda c: c.reqConfigProtoBuf(ConfigRequest_pb2.ConfigRequest(reqId=1)),
    "updateConfig": lambda c: c.updateConfigProtoBuf(
        UpdateConfigRequest_pb2.UpdateConfigRequest(reqId=1)
    ),
    "queryDisplayGroups": lambda c: c.queryDisplayGroups(1),
    "subscribeToGroupEvents": lambda c: c.subscribeToGroupEvents(2, 3),
    "updateDisplayGroup": lambda c: c.updateDisplayGroup(2, "265598@SMART"),
    "unsubscribeFromGroupEvents": lambda c: c.unsubscribeFromGroupEvents(2),
    "reqMarketDataType": lambda c: c.reqMarketDataType(1),
    "reqMktData": lambda c: c.reqMktData(10, share(), "", False, False, []),
    "cancelMktData": lambda c: c.cancelMktData(10),
    "reqMktDepth": lambda c: c.reqMktDepth(11, share(), 5, True, []),
    "cancelMktDepth": lambda c: c.cancelMktDepth(11, True),
    "reqMktDepthExchanges": lambda c: c.reqMktDepthExchanges(),
    "reqTickByTickData": lambda c: c.reqTickByTickData(12, share(), "AllLast", 0, False),
    "cancelTickByTickData": lambda c: c.cancelTickByTickData(12),
    "reqRealTimeBars": lambda c: c.reqRealTimeBars(13, share(), 5, "TRADES", False, []),
    "cancelRealTimeBars": lambda c: c.cancelRealTimeBars(13),
    "reqSmartComponents": lambda c: c.reqSmartComponents(14, "9c0001"),
    "reqMarketRule": lambda c: c.reqMarketRule(26),
    "calculateImpliedVolatility": lambda c: c.calculateImpliedVolatility(15, share(), 1.0, 2.0, []),
    "cancelCalculateImpliedVolatility": lambda c: c.cancelCalculateImpliedVolatility(15),
    "calculateOptionPrice": lambda c: c.calculateOptionPrice(16, share(), 1.0, 2.0, []),
    "cancelCalculateOptionPrice": lambda c: c.cancelCalculateOptionPrice(16),
    "reqHistoricalData": lambda c: c.reqHistoricalData(
        17, share(), "", "1 D", "5 mins", "TRADES", 1, 1, False, []
    ),
    "cancelHistoricalData": lambda c: c.cancelHistoricalData(17),
    "reqHeadTimeStamp": lambda c: c.reqHeadTimeStamp(18, share(), "TRADES", 0, 1),
    "cancelHeadTimeStamp": lambda c: c.cancelHeadTimeStamp(18),
    "reqHistoricalTicks": lambda c: c.reqHistoricalTicks(
        19, share(), "20260102 15:00:00 UTC", "", 10, "TRADES", 0, True, []
    ),
    "cancelHistoricalTicks": lambda c: c.cancelHistoricalTicksProtoBuf(
        CancelHistoricalTicks_pb2.CancelHistoricalTicks(reqId=19)
    ),
    "reqHistogramData": lambda c: c.reqHistogramData(20, share(), False, "3 days"),
    "cancelHistogramData": lambda c: c.cancelHistogramData(20),
    "reqContractDetails": lambda c: c.reqContractDetails(21, share()),
    "cancelContractData": lambda c: c.cancelContractDataProtoBuf(
        CancelContractData_pb2.CancelContractData(reqId=21)
    ),
    "reqMatchingSymbols": lambda c: c.reqMatchingSymbols(22, "AAP"),
    "reqSecDefOptParams": lambda c: c.reqSecDefOptParams(23, "AAPL", "", "STK", 265598),
    "reqFundamentalData": lambda c: c.reqFundamentalData(24, share(), "ReportSnapshot", []),
    "cancelFundamentalData": lambda c: c.cancelFundamentalData(24),
    "reqScannerParameters": lambda c: c.reqScannerParameters(),
    "reqScannerSubscription": lambda c: c.reqScannerSubscription(25, scan(), [], []),
    "cancelScannerSubscription": lambda c: c.cancelScannerSubscription(25),
    "reqNewsProviders": lambda c: c.reqNewsProviders(),
    "reqHistoricalNews": lambda c: c.reqHistoricalNews(26, 265598, "BRFG+DJNL", "", "", 3, []),
    "reqNewsArticle": lambda c: c.reqNewsArticle(27, "BRFG", "BRFG$1", []),
    "reqNewsBulletins": lambda c: c.reqNewsBulletins(True),
    "cancelNewsBulletins": lambda c: c.cancelNewsBulletins(),
    "reqWshMetaData": lambda c: c.reqWshMetaData(28),
    "cancelWshMetaData": lambda c: c.cancelWshMetaData(28),
    "reqWshEventData": lambda c: c.reqWshEventData(29, WshEventData()),
    "cancelWshEventData": lambda c: c.cancelWshEventData(29),
    "placeOrder": lambda c: c.placeOrder(1, share(), limit()),
    "cancelOrder": lambda c: c.cancelOrder(1, OrderCancel()),
    "reqGlobalCancel": lambda c: c.reqGlobalCancel(OrderCancel()),
    "exerciseOptions": lambda c: c.exerciseOptions(2, share(), 1, 1, "", 0, "", "", False),
    "reqOpenOrders": lambda c: c.reqOpenOrders(),
    "reqAllOpenOrders": lambda c: c.reqAllOpenOrders(),
    "reqAutoOpenOrders": lambda c: c.reqAutoOpenOrders(True),
    "reqCompletedOrders": lambda c: c.reqCompletedOrders(False),
    "reqExecutions": lambda c: c.reqExecutions(30, ExecutionFilter()),
    "reqAccountUpdates": lambda c: c.reqAccountUpdates(True, ""),
    "reqAccountSummary": lambda c: c.reqAccountSummary(31, "All", "NetLiquidation"),
    "cancelAccountSummary": lambda c: c.cancelAccountSummary(31),
    "reqPositions": lambda c: c.reqPositions(),
    "cancelPositions": lambda c: c.cancelPositions(),
    "reqPositionsMulti": lambda c: c.reqPositionsMulti(32, "", ""),
    "cancelPositionsMulti": lambda c: c.cancelPositionsMulti(32),
    "reqAccountUpdatesMulti": lambda c: c.reqAccountUpdatesMulti(33, "", "", False),
    "cancelAccountUpdatesMulti": lambda c: c.cancelAccountUpdatesMulti(33),
    "reqPnL": lambda c: c.reqPnL(34, "", ""),
    "cancelPnL": lambda c: c.cancelPnL(34),
    "reqPnLSingle": lambda c: c.reqPnLSingle(35, "", "", 265598),
    "cancelPnLSingle": lambda c: c.cancelPnLSingle(35),
    "reqFamilyCodes": lambda c: c.reqFamilyCodes(),
    "reqSoftDollarTiers": lambda c: c.reqSoftDollarTiers(36),
    "requestFA": lambda c: c.requestFA(1),
    "replaceFA": lambda c: c.replaceFA(37, 1, "<x/>"),
}
#: Those that IB's client refuses to send without its extra authentication: their text form.
BY_HAND = {
    "verifyRequest": ("1", "name", "9"),
    "verifyMessage": ("1", "data"),
    "verifyAndAuthRequest": ("1", "name", "9", "key"),
    "verifyAndAuthMessage": ("1", "data", "response"),
    "startApi": ("2", "1", ""),
}


def text_body(name: str, fields: tuple[str, ...], version: int) -> bytes:
    """A request's text form, as a client would frame it."""
    number = OUTBOUND_BY_NAME[name].number
    head = struct.pack(">I", number) if version >= RAW_ID_SINCE else b"%d\0" % number
    return head + b"".join(field.encode() + b"\0" for field in fields)


@functools.cache
def right(name: str, version: int) -> list[bytes]:
    """A right request of that name, as bodies."""
    if name in BY_HAND:
        return [text_body(name, BY_HAND[name], version)]
    return official.requests(RIGHT[name], version)


@pytest.fixture
def feed() -> ManualFeed:
    it = ManualFeed()
    it.send([it.quote("AAPL", 270.00, 270.05, 100), it.trade("AAPL", 270.02, 300)])
    one = it.instrument("EUR.USD")
    size = Decimal(1_000_000)
    it.send([QuoteChange(one.con_id, it.time_ns, 1.1, size, 1.1001, size)])
    return it


@pytest.fixture
async def gateway(feed: ManualFeed) -> AsyncIterator[PaperGateway]:
    async with PaperGateway(feed=feed, clock=ManualClock()) as it:
        yield it


class Asker(WireClient):
    """Asks, and tells what came back before the answer to a question asked after."""

    async def ask(self, bodies: list[bytes]) -> list[tuple[str, int]]:
        """The names of the messages that came, each with its error code or 0."""
        for body in bodies:
            self.write(frame(body))
        self.send("cancelMktData", reqId=BARRIER)
        before = len(self.bodies)
        await self.until(lambda call: call.name == "error" and call.args[0] == BARRIER)
        return [self._named(body) for body in self.bodies[before:-1]]

    def _named(self, body: bytes) -> tuple[str, int]:
        if self.version >= RAW_ID_SINCE:
            number = int.from_bytes(body[:4], "big")
        else:
            number = int(body.partition(b"\0")[0])
        number -= PROTOBUF_OFFSET if number > PROTOBUF_OFFSET else 0
        kind = INBOUND[number]
        if kind is not INBOUND_BY_NAME["errMsg"]:
            return kind.name, 0
        message = codec.decode(Direction.INBOUND, body, self.version).message
        return kind.name, message.errorCode


def exists(name: str, version: int) -> bool:
    kind = OUTBOUND_BY_NAME[name]
    return version >= kind.since and (kind.text or kind.is_protobuf(version))


def judge(name: str, came: list[tuple[str, int]]) -> Iterator[str]:
    """What of an answer the table does not allow."""
    row = ANSWERS[name]
    if not came and not row.silent:
        yield "no answer"
    for message, code in came:
        if message == "errMsg":
            if not row.any_error and code not in (*row.errors, *ANY_REQUEST):
                yield f"error {code}"
        elif message not in row.tells:
            yield message


def test_the_table_has_every_request_and_knows_every_message() -> None:
    assert set(ANSWERS) == set(OUTBOUND_BY_NAME)
    assert set(table.HANDLERS) == set(OUTBOUND)
    assert set(RIGHT) | set(BY_HAND) == set(OUTBOUND_BY_NAME)
    for name, row in ANSWERS.items():
        assert set(row.tells) <= set(INBOUND_BY_NAME), name


def test_the_docs_page_has_one_row_for_each_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[3] / "docs" / "_ext"))
    page = importlib.import_module("requests_page")
    _head, _rule, *rows = page.requests_table().splitlines()
    names = [row.split(" | ")[1].strip("`") for row in rows]
    assert names == [kind.name for _, kind in sorted(OUTBOUND.items())]
    assert all(row.split(" | ")[5].strip() for row in rows)


@pytest.mark.parametrize("version", VERSIONS)
async def test_every_right_request_is_answered_as_the_table_says(
    gateway: PaperGateway, version: int
) -> None:
    wrong = []
    async with Asker(gateway.host, gateway.port, version=version) as client:
        await client.ready()
        assert client.version == version
        for name in (*RIGHT, *BY_HAND):
            if exists(name, version):
                came = await client.ask(right(name, version))
                wrong += [f"{name}: {what}" for what in judge(name, came)]
    assert wrong == []


@pytest.mark.parametrize("version", [157, 200, 213, 225])
async def test_a_message_that_nobody_knows_is_answered_with_320(
    gateway: PaperGateway, version: int
) -> None:
    if version >= RAW_ID_SINCE:
        bodies = [struct.pack(">i", number) for number in (0, -1, 60, 199, 399, 2**31 - 1)]
    else:
        bodies = [b"%b\0" % word for word in (b"0", b"-1", b"60", b"9999999999", b"x", b"")]
    async with Asker(gateway.host, gateway.port, version=version) as client:
        await client.ready()
        for body in bodies:
            assert await client.ask([body]) == [("errMsg", 320)], body


# ---- junk ------------------------------------------------------------------------------------

#: The versions at which every field gets its junk.
THOROUGH = (157, 200, 225)
#: What a field of a text request is replaced by.
JUNK = (
    *("", "x", "-1", "0", "NaN", "Infinity", "-Infinity", "1e400", "2147483647", "2147483648"),
    *("9" * 40, "1.7976931348623157E308", "é", "A" * 5000, "\x01", "-0.5", "1e-320", "=;=", "²"),
)
#: ... and of a protobuf request, by the field's C++ type.
NUMBERS = (-1, 0, 2**31 - 1, -(2**31))
DOUBLES = (float("nan"), float("inf"), -1.0, 1e308, 0.0, 5e-324)
TEXTS = ("", "x", "-1", "é", "A" * 5000, "\x00", "1e400", "²")
VALUES: dict[int, tuple[Any, ...]] = {
    FieldDescriptor.CPPTYPE_INT32: NUMBERS,
    FieldDescriptor.CPPTYPE_INT64: (*NUMBERS, 2**63 - 1),
    FieldDescriptor.CPPTYPE_DOUBLE: DOUBLES,
    FieldDescriptor.CPPTYPE_STRING: TEXTS,
    FieldDescriptor.CPPTYPE_BOOL: (True, False),
}
HEAD = 4
Turn = Iterator[int]


def one_of(values: tuple[Any, ...], turn: Turn) -> Any:
    """Another one each time; which one depends on the server version alone."""
    return values[next(turn) % len(values)]


def text_junk(body: bytes, version: int, turn: Turn) -> Iterator[bytes]:
    """One field after the other is junk; then fields are missing, and too many."""
    head, fields = (body[:HEAD], body[HEAD:]) if version >= RAW_ID_SINCE else (b"", body)
    parts = fields.split(b"\0")[:-1]
    for at in range(0 if head else 1, len(parts)):
        value = one_of(JUNK, turn).encode()
        yield head + b"\0".join((*parts[:at], value, *parts[at + 1 :], b""))
    for count in (1, len(parts) // 2 or 1):
        yield head + b"".join(part + b"\0" for part in parts[:count])
    yield body + b"1\0" * 50


def protobuf_junk(body: bytes, turn: Turn) -> Iterator[bytes]:
    """One field after the other is junk or missing; then bytes are."""
    number = int.from_bytes(body[:HEAD], "big") - PROTOBUF_OFFSET
    kind = message_class(OUTBOUND[number].proto or "")
    yield from (
        body[:HEAD] + message.SerializeToString()
        for message in _spoilt(kind.FromString(body[HEAD:]), kind.DESCRIPTOR, turn)
    )
    yield body[:HEAD]
    yield body[:HEAD] + b"\xff" * 9
    yield body[: len(body) // 2 + HEAD // 2 + 1]
    yield body + b"\xfa\x07\x03abc"  # a field that nobody knows


def _spoilt(message: Any, descriptor: Any, turn: Turn) -> Iterator[Any]:
    for field in descriptor.fields:
        values = VALUES.get(field.cpp_type)
        if field.is_repeated:
            continue
        if values is not None:
            copy = type(message)()
            copy.CopyFrom(message)
            setattr(copy, field.name, one_of(values, turn))
            yield copy
        elif field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE and message.HasField(field.name):
            for inner in _spoilt(getattr(message, field.name), field.message_type, turn):
                copy = type(message)()
                copy.CopyFrom(message)
                getattr(copy, field.name).CopyFrom(inner)
                yield copy


def junk(name: str, version: int, turn: Turn) -> Iterator[bytes]:
    for body in right(name, version):
        if version >= RAW_ID_SINCE and int.from_bytes(body[:HEAD], "big") > PROTOBUF_OFFSET:
            yield from protobuf_junk(body, turn)
        else:
            yield from text_junk(body, version, turn)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("version", VERSIONS)
async def test_junk_is_answered_too_and_disturbs_nobody(
    gateway: PaperGateway, version: int, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = []
    turn = itertools.count(version)
    async with (
        Asker(gateway.host, gateway.port, version=version, client_id=7) as client,
        Asker(gateway.host, gateway.port, version=version, client_id=8) as other,
    ):
        await client.ready()
        await other.ready()
        for name in (*RIGHT, *BY_HAND):
            if not exists(name, version):
                continue
            # At most versions a third of it, another third at each.
            step = 1 if version in THOROUGH else 3
            for body in itertools.islice(junk(name, version, turn), version % step, None, step):
                came = await client.ask([body])
                wrong += [f"{name} {body[:200]!r}: {what}" for what in judge(name, came)]
                session = gateway.hub.clients[7]
                session.end_subscriptions()
                for line in tuple(session.lines.values()):
                    gateway.hub.watchers.unwatch(line)
        assert await other.ask(right("reqIds", version)) == [("nextValidId", 0)]
    assert wrong == []
    faults = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert faults == []
