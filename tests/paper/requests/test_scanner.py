"""Scanners over a socket, judged by IB's decoder and by the books themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.support.manual_feed import ManualFeed
from tests.support.wireclient import WireClient, error_of
from twsloop.clock import ManualClock
from twsloop.paper import PaperGateway
from twsloop.paper.market.scanner import FILTERS, PLACES, SCANS
from twsloop.paper.market.scanner_parameters import scanner_parameters
from twsloop.paper.market.vocabulary import Halt

VERSIONS = [151, 157, 173, 176, 177, 178, 187, 193, 200, 213, 225]
#: Close, open, last, volume.
MARKET = {
    "AAPL": (100.0, 101.0, 110.0, 5000),  # +10 %, gap +1 %
    "F": (10.0, 10.5, 9.0, 90000),  # -10 %, gap +5 %
    "IBM": (200.0, 196.0, 204.0, 300),  # +2 %, gap -2 %
    "SPY": (600.0, 600.0, 606.0, 7000),  # +1 %, an ETF
    "C": (50.0, 50.0, 50.0, 100),
}
GAINERS = ["AAPL", "IBM", "SPY", "C", "F"]
SCAN = {"instrument": "STK", "locationCode": "STK.US.MAJOR", "scanCode": "TOP_PERC_GAIN"}


@pytest.fixture
def feed() -> ManualFeed:
    it = ManualFeed()
    for symbol, (close, opened, last, volume) in MARKET.items():
        book = it.book(it.instrument(symbol).con_id)
        book.close, book.open, book.last, book.volume = close, opened, last, Decimal(volume)
        book.high, book.low = max(opened, last), min(opened, last)
    return it


@pytest.fixture
async def gateway(feed: ManualFeed) -> AsyncIterator[PaperGateway]:
    async with PaperGateway(feed=feed, clock=ManualClock()) as it:
        yield it


def connect(gateway: PaperGateway, version: int = 225) -> WireClient:
    return WireClient(gateway.host, gateway.port, version=version)


async def heard(client: WireClient) -> list[Any]:
    """All that came before the answer to a question asked now."""
    client.send("reqCurrentTime")
    return (await client.until("currentTime"))[:-1]


async def scan(client: WireClient, req_id: int = 5, **fields: Any) -> list[Any]:
    client.send("reqScannerSubscription", reqId=req_id, scannerSubscription={**SCAN, **fields})
    return await heard(client)


def symbols(calls: list[Any]) -> list[str]:
    """The symbols of one answer, ranked."""
    *rows, end = calls
    assert end.name == "scannerDataEnd"
    assert [int(row.args[1]) for row in rows] == list(range(len(rows)))
    return [row.args[2]["contract"]["symbol"] for row in rows]


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_scan_is_told_now_and_every_30_seconds(
    gateway: PaperGateway, feed: ManualFeed, version: int
) -> None:
    clock = gateway.clock
    assert isinstance(clock, ManualClock)
    async with connect(gateway, version) as client:
        await client.ready()
        calls = await scan(client)
        assert symbols(calls) == GAINERS
        contract = calls[0].args[2]["contract"]
        assert (contract["conId"], contract["exchange"], contract["tradingClass"]) == (
            265598,
            "SMART",
            "NMS",
        )
        feed.send([feed.trade("F", 20.0, 100)])
        clock.advance(29)
        assert await heard(client) == []
        clock.advance(1)
        assert symbols(await heard(client))[0] == "F"
        client.send("cancelScannerSubscription", reqId=5)
        (call,) = await heard(client)
        assert error_of(call) == (
            5,
            162,
            "Historical Market Data Service error message:API scanner subscription cancelled: 5",
        )
        clock.advance(60)
        assert await heard(client) == []


@pytest.mark.parametrize(
    ("code", "first", "last"),
    [
        ("TOP_PERC_LOSE", "F", "AAPL"),
        ("MOST_ACTIVE", "F", "C"),
        ("MOST_ACTIVE_USD", "SPY", "C"),
        ("HIGH_OPEN_GAP", "F", "IBM"),
        ("LOW_OPEN_GAP", "IBM", "F"),
        ("TOP_OPEN_PERC_GAIN", "AAPL", "F"),
        ("TOP_PRICE_RANGE", "F", "C"),
    ],
)
async def test_each_code_orders_by_its_number(
    gateway: PaperGateway, code: str, first: str, last: str
) -> None:
    async with connect(gateway) as client:
        await client.ready()
        ranked = [one for one in symbols(await scan(client, scanCode=code)) if one in MARKET]
        assert (ranked[0], ranked[-1]) == (first, last)


async def test_every_code_and_place_works(gateway: PaperGateway) -> None:
    async with connect(gateway) as client:
        await client.ready()
        for code in SCANS:
            assert (await scan(client, scanCode=code))[-1].name == "scannerDataEnd"
            client.send("cancelScannerSubscription", reqId=5)
            await heard(client)
        for code, place in PLACES.items():
            calls = await scan(
                client, locationCode=code, instrument=place.kind, scanCode="MOST_ACTIVE"
            )
            assert calls[-1].name == "scannerDataEnd"
            client.send("cancelScannerSubscription", reqId=5)
            await heard(client)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"abovePrice": 100.0}, ["AAPL", "IBM", "SPY"]),
        ({"belowPrice": 50.0}, ["C", "F"]),
        ({"abovePrice": 40.0, "belowPrice": 300.0}, ["AAPL", "IBM", "C"]),
        ({"aboveVolume": 5000}, ["AAPL", "SPY", "F"]),
        ({"aboveVolume": 0, "abovePrice": 0.0}, GAINERS),
        ({"numberOfRows": 2}, GAINERS[:2]),
        ({"numberOfRows": -1}, GAINERS),
        ({"numberOfRows": 5000}, GAINERS),
        ({"marketCapAbove": 5e11}, ["AAPL", "SPY"]),
        ({"stockTypeFilter": "ETF"}, ["SPY"]),
        ({"stockTypeFilter": "ALL"}, GAINERS),
        ({"stockTypeFilter": "exc:ETF"}, ["AAPL", "IBM", "C", "F"]),
        ({"stockTypeFilter": "inc:CORP"}, ["AAPL", "IBM", "C", "F"]),
        ({"locationCode": "STK.NASDAQ"}, ["AAPL"]),
        ({"locationCode": "STK.NYSE,STK.ARCA"}, ["IBM", "SPY", "C", "F"]),
        ({"instrument": "ETF.EQ.US", "locationCode": "ETF.EQ.US"}, ["SPY"]),
        ({"scannerSubscriptionFilterOptions": {"priceAbove": "205"}}, ["SPY"]),
        ({"scannerSubscriptionFilterOptions": {"changePercAbove": "2"}}, ["AAPL", "IBM"]),
        ({"scannerSubscriptionFilterOptions": {"changePercBelow": "-1"}}, ["F"]),
        ({"scannerSubscriptionFilterOptions": {"volumeBelow": "1e3"}}, ["IBM", "C"]),
        ({"scannerSubscriptionFilterOptions": {"marketCapAbove1e6": "500000"}}, ["AAPL", "SPY"]),
        ({"scannerSubscriptionFilterOptions": {"stkTypes": "exc:ETF"}}, ["AAPL", "IBM", "C", "F"]),
    ],
)
@pytest.mark.parametrize("version", [157, 200, 225])
async def test_filters(
    gateway: PaperGateway, version: int, fields: dict[str, Any], expected: list[str]
) -> None:
    async with connect(gateway, version) as client:
        await client.ready()
        assert symbols(await scan(client, **fields)) == expected


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"scanCode": "TOP_SECRET"}, "Scanner type with code TOP_SECRET is disabled."),
        ({"scanCode": ""}, "Scanner type with code  is disabled."),
        ({"locationCode": "STK.MARS"}, "not configured for one of the chosen locations"),
        ({"instrument": "BOND"}, "instrument BOND"),
        ({"scannerSubscriptionFilterOptions": {"moonPhase": "1"}}, "code moonPhase is disabled"),
        ({"scannerSubscriptionFilterOptions": {"priceAbove": "x"}}, "wrong value: x"),
        ({"stockTypeFilter": "FISH"}, "wrong value: FISH"),
    ],
)
async def test_refusals(gateway: PaperGateway, fields: dict[str, Any], words: str) -> None:
    async with connect(gateway, 200) as client:
        await client.ready()
        (call,) = await scan(client, **fields)
        ident, code, text = error_of(call)
        assert (ident, code) == (5, 162)
        assert text.startswith("Historical Market Data Service error message:")
        assert words in text
        client.send("cancelScannerSubscription", reqId=5)
        (call,) = await heard(client)
        assert error_of(call) == (5, 365, "No scanner subscription found for ticker id:5")


async def test_no_rows_are_a_notice_and_an_empty_answer(
    gateway: PaperGateway, feed: ManualFeed
) -> None:
    async with connect(gateway) as client:
        await client.ready()
        notice, end = await scan(client, scanCode="HALTED")
        assert error_of(notice)[:2] == (5, 165)
        assert (end.name, end.args) == ("scannerDataEnd", (5,))
        feed.send([Halt(feed.instrument("IBM").con_id, feed.time_ns, 1)])
        assert symbols(await scan(client, 6, scanCode="HALTED")) == ["IBM"]


async def test_trades_are_counted(gateway: PaperGateway, feed: ManualFeed) -> None:
    async with connect(gateway) as client:
        await client.ready()
        ranked = symbols(await scan(client, 1, scanCode="TOP_TRADE_COUNT"))
        assert ranked[:4] == ["F", "SPY", "AAPL", "IBM"]  # of their volumes
        feed.send([feed.trade("C", 50.0)] * 3)
        ranked = symbols(await scan(client, 2, scanCode="TOP_TRADE_COUNT"))
        assert ranked[:5] == ["F", "SPY", "AAPL", "C", "IBM"]
        more = {"scannerSubscriptionFilterOptions": {"tradeCountBelow": "3", "priceAbove": "1"}}
        assert symbols(await scan(client, 3, **more)) == ["IBM", "C"]


async def test_ten_scans_at_a_time_and_no_id_twice(gateway: PaperGateway) -> None:
    async with connect(gateway) as client:
        await client.ready()
        for req_id in range(10):
            await scan(client, req_id)
        (call,) = await scan(client, 10)
        assert error_of(call)[:2] == (10, 162)
        (call,) = await scan(client, 3)
        ident, code, text = error_of(call)
        assert (ident, code) == (3, 322)
        assert text.endswith("Duplicate ticker ID for API scanner subscription.")


def test_the_parameters_list_what_works() -> None:
    root = ET.fromstring(scanner_parameters())
    assert root.tag == "ScanParameterResponse"
    assert {one.text for one in root.iterfind(".//scanCode")} == set(SCANS)
    assert {one.text for one in root.iterfind(".//locationCode")} == set(PLACES)
    tags = {bound.tag for one in FILTERS.values() for bound in one.bounds}
    assert {one.text for one in root.iterfind(".//AbstractField/code")} == {*tags, "stkTypes"}
    assert {one.text for one in root.iterfind(".//Instrument/type")} == {
        "STK",
        "ETF.EQ.US",
        "FUT.US",
    }
    major = root.find("./LocationTree/Location/LocationTree/Location/locationCode")
    assert major is not None
    assert major.text == "STK.US.MAJOR"
    ids = {one.text for one in root.iterfind("./FilterList/*/id")}
    for listed in root.iterfind(".//Instrument/filters"):
        assert set((listed.text or "").split(",")) <= ids


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_parameters_arrive_whole(gateway: PaperGateway, version: int) -> None:
    async with connect(gateway, version) as client:
        await client.ready()
        client.send("reqScannerParameters")
        (call,) = await heard(client)
        assert (call.name, call.args) == ("scannerParameters", (scanner_parameters(),))
