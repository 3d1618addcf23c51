"""Historical ticks, the first time with data, and volume by price, over the wire."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.support.official import Call
from tests.support.wireclient import WireClient, error_of
from twsloop.clock import ManualClock
from twsloop.paper import PaperGateway

START = datetime(2026, 1, 5, 16, 3, 7, tzinfo=UTC)
STOCK = {"symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD"}
PAIR = {"symbol": "EUR", "secType": "CASH", "exchange": "IDEALPRO", "currency": "USD"}
VERSIONS = [151, 157, 173, 176, 177, 178, 187, 193, 200, 213, 214, 225]
VALIDATING = "Error validating request.-'bP' : cause - "
OPEN = "20260102 09:30:00 US/Eastern"
OPEN_SECOND = int(datetime(2026, 1, 2, 14, 30, tzinfo=UTC).timestamp())


@pytest.fixture
async def gateway() -> AsyncIterator[PaperGateway]:
    async with PaperGateway(clock=ManualClock(START), seed=3) as it:
        yield it


@pytest.fixture
async def client(gateway: PaperGateway) -> AsyncIterator[WireClient]:
    async with WireClient(gateway.host, gateway.port) as it:
        await it.ready()
        yield it


async def ask(client: WireClient, **fields: Any) -> list[Call]:
    """What comes up to the ticks or the error."""
    usual = {
        "reqId": 5,
        "contract": STOCK,
        "startDateTime": OPEN,
        "numberOfTicks": 100,
        "whatToShow": "TRADES",
        "useRTH": True,
    }
    client.send("reqHistoricalTicks", **{**usual, **fields})
    return await client.until(
        lambda call: (
            call.name.startswith("historicalTicks")
            or (call.name == "error" and error_of(call)[1] not in {2174, 10299})
        )
    )


async def ticks(client: WireClient, **fields: Any) -> list[dict[str, Any]]:
    calls = await ask(client, **fields)
    req_id, found, done = calls[-1].args
    assert (req_id, done) == (5, True)
    return list(found)


@pytest.mark.parametrize("version", VERSIONS)
async def test_ticks_at_every_version(gateway: PaperGateway, version: int) -> None:
    async with WireClient(gateway.host, gateway.port, version=version) as client:
        await client.ready()
        trades = await ticks(client)
        assert len(trades) >= 100
        first = trades[0]
        assert OPEN_SECOND <= first["time"] < OPEN_SECOND + 60
        assert first["size"] > 0
        assert first["exchange"]
        assert first["tickAttribLast"] == {"pastLimit": False, "unreported": False}
        (quotes,) = await ask(client, whatToShow="BID_ASK")
        assert quotes.name == "historicalTicksBidAsk"
        assert all(one["priceBid"] < one["priceAsk"] for one in quotes.args[1])
        (middles,) = await ask(client, whatToShow="MIDPOINT")
        assert middles.name == "historicalTicks"
        assert {one["size"] for one in middles.args[1]} == {0}
        client.send("reqHeadTimeStamp", reqId=6, contract=STOCK, whatToShow="TRADES", formatDate=1)
        (head,) = await client.next()
        assert head.args[0] == 6
        suffix = "Z" if version >= 214 else ""
        assert head.args[1][8:] in {f"-13:30:00{suffix}", f"-14:30:00{suffix}"}
        client.send("reqHistogramData", reqId=7, contract=STOCK, timePeriod="2 days", useRTH=True)
        (histogram,) = await client.next()
        prices = [one["price"] for one in histogram.args[1]]
        assert prices == sorted(prices)
        assert all(one["size"] > 0 for one in histogram.args[1])


async def test_the_last_second_is_finished(client: WireClient) -> None:
    everything = await ticks(client, numberOfTicks=1000)
    for count in (1, 7, 50):
        found = await ticks(client, numberOfTicks=count)
        assert len(found) >= count
        assert found == everything[: len(found)]
        assert everything[len(found)]["time"] > found[-1]["time"]
        assert len([one for one in found if one["time"] < found[-1]["time"]]) < count


async def test_ticks_before_an_end_meet_those_after_a_start(client: WireClient) -> None:
    after = await ticks(client, numberOfTicks=400)
    end = datetime.fromtimestamp(int(after[-1]["time"]) + 1, UTC)
    before = await ticks(
        client, startDateTime="", endDateTime=f"{end:%Y%m%d-%H:%M:%S}", numberOfTicks=100
    )
    assert before == after[-len(before) :]
    assert 100 <= len(before) < 140
    assert after[-len(before) - 1]["time"] < before[0]["time"]


async def test_a_start_counts_where_both_are_given(client: WireClient) -> None:
    both = await ticks(client, endDateTime="20260105 10:00:00 US/Eastern")
    assert both == await ticks(client)


async def test_ticks_stay_in_their_session(client: WireClient) -> None:
    late = await ticks(client, startDateTime="20260102 15:59:50 US/Eastern", numberOfTicks=1000)
    assert late
    assert late[-1]["time"] < OPEN_SECOND + int(6.5 * 3600)
    weekend = await ticks(client, startDateTime="20260103 12:00:00 US/Eastern", numberOfTicks=1)
    assert f"{datetime.fromtimestamp(int(weekend[0]['time']), UTC):%Y%m%d %H}" == "20260105 14"
    early = await ticks(
        client, startDateTime="20260103 12:00:00 US/Eastern", numberOfTicks=1, useRTH=False
    )
    assert f"{datetime.fromtimestamp(int(early[0]['time']), UTC):%Y%m%d %H}" == "20260105 09"
    assert not await ticks(client, startDateTime="20270101 12:00:00 US/Eastern")


async def test_ticks_add_up_to_the_bars(client: WireClient) -> None:
    trades = await ticks(client, numberOfTicks=1000)
    client.send(
        "reqHistoricalData",
        reqId=9,
        contract=STOCK,
        endDateTime=f"{datetime.fromtimestamp(OPEN_SECOND + 300, UTC):%Y%m%d-%H:%M:%S}",
        duration="300 S",
        barSizeSetting="1 min",
        whatToShow="TRADES",
        formatDate=2,
        useRTH=True,
    )
    calls = await client.until("historicalDataEnd")
    bars = [call.args[1] for call in calls if call.name == "historicalData"]
    assert len(bars) == 5
    for bar in bars:
        begin = int(bar["date"])
        inside = [one for one in trades if begin <= one["time"] < begin + 60]
        prices = [one["price"] for one in inside]
        assert (bar["open"], bar["close"]) == (prices[0], prices[-1])
        assert (bar["high"], bar["low"]) == (max(prices), min(prices))
        assert bar["volume"] == sum(one["size"] for one in inside)
        assert bar["barCount"] == len(inside)
        turnover = sum(one["size"] * one["price"] for one in inside)
        assert bar["wap"] == pytest.approx(turnover / bar["volume"], abs=Decimal("0.000001"))


async def test_sizes_alone_can_be_ignored(client: WireClient) -> None:
    everything = await ticks(client, whatToShow="BID_ASK", numberOfTicks=500)
    fewer = await ticks(client, whatToShow="BID_ASK", numberOfTicks=500, ignoreSize=True)
    pairs = [(one["priceBid"], one["priceAsk"]) for one in fewer]
    assert all(one != other for one, other in itertools.pairwise(pairs))
    assert len({one["time"] for one in everything}) <= len({one["time"] for one in fewer})


async def test_currencies_have_midpoints_instead_of_trades(client: WireClient) -> None:
    (call,) = await ask(client, contract=PAIR)
    assert call.name == "historicalTicks"
    assert call.args[1]


@pytest.mark.parametrize(
    ("fields", "code", "text"),
    [
        ({"contract": {**STOCK, "exchange": ""}}, 321, VALIDATING + "Exchange must not be empty"),
        (
            {"contract": {**STOCK, "secType": "BAG"}},
            321,
            VALIDATING + "Combo types are not supported",
        ),
        ({"numberOfTicks": 0}, 321, VALIDATING + "Number of ticks must be > 0"),
        ({"numberOfTicks": -5}, 321, VALIDATING + "Number of ticks must be > 0"),
        ({"whatToShow": ""}, 321, VALIDATING + "Source price must not be empty"),
        ({"whatToShow": "BID"}, 321, VALIDATING + "Invalid source price"),
        (
            {"contract": {**STOCK, "symbol": "NOSUCH"}},
            200,
            "No security definition has been found for the request",
        ),
    ],
)
async def test_ticks_that_are_refused(
    client: WireClient, fields: dict[str, Any], code: int, text: str
) -> None:
    (call,) = await ask(client, **fields)
    assert error_of(call) == (5, code, text)


async def test_unreadable_times_name_their_field(client: WireClient) -> None:
    (call,) = await ask(client, startDateTime="yesterday")
    assert error_of(call)[1] == 10314
    assert error_of(call)[2].startswith("Start Date/Time: ")
    (call,) = await ask(client, endDateTime="tomorrow")
    assert error_of(call)[2].startswith("End Date/Time: ")


async def test_warnings_come_before_the_ticks(client: WireClient) -> None:
    warning, answer = await ask(client, startDateTime="20260102 09:30:00")
    assert error_of(warning)[1] == 2174
    assert answer.name == "historicalTicksLast"
    other, answer = await ask(client, whatToShow="AGGTRADES")
    assert error_of(other)[1] == 10299
    assert answer.name == "historicalTicksLast"


async def test_huge_numbers_are_cut(client: WireClient) -> None:
    found = await ticks(client, numberOfTicks=2_000_000_000)
    assert 1000 <= len(found) < 1100


async def test_the_head_time_is_the_first_with_data(client: WireClient) -> None:
    texts = {}
    for number in (1, 2, 3):
        client.send(
            "reqHeadTimeStamp", reqId=1, contract=STOCK, whatToShow="TRADES", formatDate=number
        )
        texts[number] = (await client.next())[0].args[1]
    first = datetime.fromtimestamp(int(texts[2]), UTC)
    assert texts[1] == f"{first:%Y%m%d-%H:%M:%S}Z"
    assert texts[3] == texts[1]
    assert first.year < 2006
    client.send(
        "reqHistoricalData",
        reqId=2,
        contract=STOCK,
        endDateTime=f"{first.replace(hour=23):%Y%m%d-%H:%M:%S}",
        duration="1 Y",
        barSizeSetting="1 day",
        whatToShow="TRADES",
        formatDate=1,
        useRTH=True,
    )
    calls = await client.until("historicalDataEnd")
    bars = [call.args[1] for call in calls if call.name == "historicalData"]
    assert [bar["date"] for bar in bars] == [f"{first:%Y%m%d}"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"whatToShow": "NONSENSE"}, 321),
        ({"formatDate": 0}, 321),
        ({"contract": {**STOCK, "symbol": "NOSUCH"}}, 200),
        ({"contract": PAIR}, 162),
    ],
)
async def test_head_times_that_are_refused(
    client: WireClient, fields: dict[str, Any], code: int
) -> None:
    usual = {"reqId": 1, "contract": STOCK, "whatToShow": "TRADES", "formatDate": 1}
    client.send("reqHeadTimeStamp", **{**usual, **fields})
    assert error_of((await client.next())[0])[:2] == (1, code)


async def test_the_histogram_is_the_volume_of_the_bars(client: WireClient) -> None:
    client.send("reqHistogramData", reqId=1, contract=STOCK, timePeriod="2 days", useRTH=True)
    (histogram,) = await client.next()
    client.send(
        "reqHistoricalData",
        reqId=2,
        contract=STOCK,
        duration="2 D",
        barSizeSetting="1 day",
        whatToShow="TRADES",
        formatDate=1,
        useRTH=True,
    )
    calls = await client.until("historicalDataEnd")
    bars = [call.args[1] for call in calls if call.name == "historicalData"]
    assert sum(one["size"] for one in histogram.args[1]) == sum(bar["volume"] for bar in bars)
    assert histogram.args[1][0]["price"] == min(bar["low"] for bar in bars)
    assert histogram.args[1][-1]["price"] == max(bar["high"] for bar in bars)


@pytest.mark.parametrize("period", ["", "soon", "0 days"])
async def test_histograms_that_are_refused(client: WireClient, period: str) -> None:
    client.send("reqHistogramData", reqId=1, contract=STOCK, timePeriod=period)
    assert error_of((await client.next())[0])[:2] == (1, 321)
    client.send("reqHistogramData", reqId=1, contract=PAIR, timePeriod="1 day")
    assert error_of((await client.next())[0])[:2] == (1, 162)
