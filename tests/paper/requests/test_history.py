"""Requests for bars over the wire, judged by IB's own decoder, at all versions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.support.manual_feed import ManualFeed
from tests.support.official import Call
from tests.support.wireclient import WireClient, error_of
from twsloop.clock import ManualClock
from twsloop.paper import PaperGateway

#: 11:03:07 in New York, a Monday.
START = datetime(2026, 1, 5, 16, 3, 7, tzinfo=UTC)
STOCK = {"symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD"}
PAIR = {"symbol": "EUR", "secType": "CASH", "exchange": "IDEALPRO", "currency": "USD"}
VERSIONS = [151, 157, 173, 176, 177, 178, 187, 193, 200, 213, 214, 225]
VALIDATING = "Error validating request.-'bM' : cause - "
PROCESSING = "Error processing request.-'bM' : cause - "
SERVICE = "Historical Market Data Service error message:"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
async def gateway(clock: ManualClock) -> AsyncIterator[PaperGateway]:
    async with PaperGateway(clock=clock, seed=3) as it:
        yield it


class Asker:
    """Asks for bars, and gathers what comes up to their end or their error."""

    def __init__(self, client: WireClient) -> None:
        self.client = client
        self.req_id = 0

    def send(self, **fields: Any) -> None:
        usual = {
            "contract": STOCK,
            "duration": "1 D",
            "barSizeSetting": "1 hour",
            "whatToShow": "TRADES",
            "useRTH": True,
            "formatDate": 1,
        }
        self.req_id += 1
        self.client.send("reqHistoricalData", reqId=self.req_id, **{**usual, **fields})

    async def ask(self, **fields: Any) -> list[Call]:
        self.send(**fields)
        return await self.client.until(self._is_last)

    def _is_last(self, call: Call) -> bool:
        if call.name == "error":
            return error_of(call)[0] == self.req_id and error_of(call)[1] != 2174
        return call.name in {"historicalDataEnd", "historicalSchedule"}

    async def bars(self, **fields: Any) -> list[dict[str, Any]]:
        calls = await self.ask(**fields)
        assert calls[-1].name == "historicalDataEnd", calls[-1]
        return [call.args[1] for call in calls if call.name == "historicalData"]

    async def error(self, **fields: Any) -> tuple[int, str]:
        calls = await self.ask(**fields)
        assert calls[-1].name == "error", calls[-1]
        return error_of(calls[-1])[1:]


@pytest.fixture
async def asker(gateway: PaperGateway) -> AsyncIterator[Asker]:
    async with WireClient(gateway.host, gateway.port) as client:
        await client.ready()
        yield Asker(client)


@pytest.mark.parametrize("version", VERSIONS)
async def test_bars_at_every_version(gateway: PaperGateway, version: int) -> None:
    async with WireClient(gateway.host, gateway.port, version=version) as client:
        await client.ready()
        asker = Asker(client)
        calls = await asker.ask(duration="2 D")
        assert [call.name for call in calls] == ["historicalData"] * 10 + ["historicalDataEnd"]
        assert calls[-1].args == (1, "20260103 11:03:07 US/Eastern", "20260105 11:03:07 US/Eastern")
        first, last = calls[0].args[1], calls[-2].args[1]
        assert first["date"] == "20260102 09:30:00 US/Eastern"
        assert last["date"] == "20260105 11:00:00 US/Eastern"
        assert first["volume"] > 0
        assert first["barCount"] > 0
        assert first["low"] <= first["wap"] <= first["high"]
        if version >= 196:
            assert len(client.bodies[-2:]) == 2
        quiet = await asker.bars(contract=PAIR, whatToShow="MIDPOINT")
        assert {(bar["volume"], bar["wap"], bar["barCount"]) for bar in quiet} == {(-1, -1, -1)}
        schedule = (await asker.ask(whatToShow="SCHEDULE", barSizeSetting="1 day", duration="3 D"))[
            -1
        ]
        if version < 165:
            assert "client version is too low for:Historical Schedule" in error_of(schedule)[2]
            return
        assert schedule.args[1:4] == ("20251231-09:30:00", "20260105-16:00:00", "US/Eastern")
        days = [one["refDate"] for one in schedule.args[4]]
        assert days == ["20251231", "20260102", "20260105"]


async def test_the_date_is_written_as_asked(asker: Asker) -> None:
    formats = {number: (await asker.bars(formatDate=number))[0]["date"] for number in (1, 2, 3)}
    assert formats == {
        1: "20260105 09:30:00 US/Eastern",
        2: "1767623400",
        3: "20260105 09:30:00 US/Eastern",
    }
    for number in (1, 2, 3):
        days = await asker.bars(formatDate=number, barSizeSetting="1 day", duration="2 D")
        assert [bar["date"] for bar in days] == ["20260102", "20260105"]
    (future,) = await asker.bars(
        contract={"symbol": "ES", "secType": "CONTFUT", "exchange": "CME"},
        duration="60 S",
        barSizeSetting="1 hour",
    )
    assert future["date"].endswith(" 10:00:00 US/Central")


async def test_weeks_and_months_carry_their_last_trading_day(asker: Asker) -> None:
    weeks = await asker.bars(barSizeSetting="1 week", duration="2 W")
    assert [bar["date"] for bar in weeks] == ["20251226", "20260102", "20260105"]
    months = await asker.bars(barSizeSetting="1M", duration="2 M")
    assert [bar["date"] for bar in months] == ["20251128", "20251231", "20260105"]
    days = await asker.bars(barSizeSetting="1 day", duration="2 W")
    assert sum(bar["volume"] for bar in days[-2:]) == days[-1]["volume"] + days[-2]["volume"]
    assert weeks[-1]["volume"] == days[-1]["volume"]


async def test_today_is_what_the_market_data_line_tells(
    gateway: PaperGateway, asker: Asker
) -> None:
    book = gateway.feed.book(265598)
    days = await asker.bars(barSizeSetting="1 day", duration="2 D", useRTH=False)
    assert (days[1]["open"], days[1]["high"], days[1]["low"], days[1]["close"]) == tuple(
        Decimal(repr(price)) for price in (book.open, book.high, book.low, book.last)
    )
    assert days[1]["volume"] == book.volume
    regular = await asker.bars(barSizeSetting="1 day", duration="2 D")
    assert regular[0]["close"] == Decimal(repr(book.close))
    assert regular[1]["high"] == days[1]["high"]
    assert regular[1]["close"] == days[1]["close"]
    pair = gateway.feed.book(12087792)
    (today,) = await asker.bars(contract=PAIR, whatToShow="BID", barSizeSetting="1 day")
    assert (today["open"], today["high"], today["low"], today["close"]) == tuple(
        Decimal(repr(price)) for price in (pair.open, pair.high, pair.low, pair.bid)
    )


async def test_two_gateways_of_one_seed_have_one_history(gateway: PaperGateway) -> None:
    question = {"barSizeSetting": "5 mins", "duration": "2 D", "useRTH": False}
    answers = []
    async with PaperGateway(clock=ManualClock(START + timedelta(hours=1)), seed=3) as later:
        for each in (gateway, later):
            async with WireClient(each.host, each.port) as client:
                await client.ready()
                end = "20251230 16:00:00 US/Eastern"
                answers.append(await Asker(client).bars(endDateTime=end, **question))
    assert answers[0] == answers[1]
    assert len(answers[0]) == 192 + 144


@pytest.mark.parametrize(
    ("end", "first", "last"),
    [
        ("20251231 12:00:00 US/Eastern", "20251231 09:30:00", "20251231 11:00:00"),
        ("20251231-17:00:00", "20251231 09:30:00", "20251231 11:00:00"),
        ("20260103 12:00:00 US/Eastern", "20260102 09:30:00", "20260102 15:00:00"),
        ("20260101 12:00:00 US/Eastern", "20251231 09:30:00", "20251231 15:00:00"),
        ("20270101 12:00:00 US/Eastern", "20260105 09:30:00", "20260105 11:00:00"),
        ("", "20260105 09:30:00", "20260105 11:00:00"),
    ],
)
async def test_the_end_may_be_any_time(asker: Asker, end: str, first: str, last: str) -> None:
    bars = await asker.bars(endDateTime=end)
    assert bars[0]["date"] == f"{first} US/Eastern"
    assert bars[-1]["date"] == f"{last} US/Eastern"


async def test_an_end_without_a_zone_earns_a_warning(asker: Asker) -> None:
    calls = await asker.ask(endDateTime="20260102 12:00:00")
    assert error_of(calls[0])[:2] == (1, 2174)
    assert "without explicit time zone" in error_of(calls[0])[2]
    assert calls[1].args[1]["date"] == "20260102 09:30:00 US/Eastern"
    assert calls[-1].name == "historicalDataEnd"


async def test_seconds_count_back_from_the_end_of_trading(asker: Asker) -> None:
    bars = await asker.bars(
        endDateTime="20260104 12:00:00 US/Eastern", duration="120 S", barSizeSetting="1 min"
    )
    assert [bar["date"][:17] for bar in bars] == ["20260102 15:58:00", "20260102 15:59:00"]
    bars = await asker.bars(
        endDateTime="20260105 09:31:00 US/Eastern", duration="180 S", barSizeSetting="1 min"
    )
    assert [bar["date"][:17] for bar in bars] == [
        "20260102 15:58:00",
        "20260102 15:59:00",
        "20260105 09:30:00",
    ]


async def test_a_bar_may_be_larger_than_the_duration(asker: Asker) -> None:
    (bar,) = await asker.bars(duration="60 S", barSizeSetting="1 hour")
    assert bar["date"] == "20260105 11:00:00 US/Eastern"
    (day,) = await asker.bars(duration="60 S", barSizeSetting="1 day")
    assert day["date"] == "20260105"


async def test_a_hundred_thousand_bars_come_in_one_message(asker: Asker) -> None:
    asker.send(duration="1 Y", barSizeSetting="1 min")
    asker.client.patience = None  # the gateway computes for seconds
    body = await asker.client.body()
    end = await asker.client.body()
    assert len(body) > 5_000_000
    assert len(end) < 200


async def test_more_than_a_message_holds_is_refused(asker: Asker) -> None:
    code, text = await asker.error(duration="3 Y", barSizeSetting="1 min", useRTH=False)
    assert (code, text) == (162, SERVICE + "Time length exceed max.")
    code, text = await asker.error(duration="2001 S", barSizeSetting="1 secs")
    assert (code, text) == (162, SERVICE + "Time length exceed max.")
    assert len(await asker.bars(duration="2000 S", barSizeSetting="1 secs")) == 2000


async def test_twenty_years_of_days(asker: Asker) -> None:
    days = await asker.bars(duration="20 Y", barSizeSetting="1 day")
    assert 4900 < len(days) < 5100
    assert days[0]["date"] == "20060106"
    dates = [bar["date"] for bar in days]
    assert dates == sorted(set(dates))
    assert "20251225" not in dates


@pytest.mark.parametrize(
    ("fields", "code", "text"),
    [
        (
            {"endDateTime": "19900101-12:00:00"},
            162,
            "HMDS query returned no data: AAPL@SMART Trades",
        ),
        (
            {"contract": PAIR},
            162,
            "No historical market data for EUR/CASH@FXSUBPIP Last 3600",
        ),
        (
            {"contract": PAIR, "barSizeSetting": "1 day"},
            162,
            "No historical market data for EUR/CASH@FXSUBPIP Last 1d",
        ),
        (
            {"contract": PAIR, "whatToShow": "HISTORICAL_VOLATILITY", "barSizeSetting": "1 day"},
            162,
            "HMDS query returned no data: EUR@IDEALPRO Historical_volatility",
        ),
        (
            {"whatToShow": "YIELD_BID"},
            162,
            "No historical market data for AAPL/STK@BEST BidYield 3600",
        ),
        (
            {"contract": {**STOCK, "secType": "BAG"}},
            162,
            "HMDS query returned no data: AAPL@SMART Trades",
        ),
        (
            {"duration": "60 S", "barSizeSetting": "30 secs", "endDateTime": "20250101-12:00:00"},
            162,
            "HMDS query returned no data: AAPL@SMART Trades",
        ),
    ],
)
async def test_what_there_is_not(
    asker: Asker, fields: dict[str, Any], code: int, text: str
) -> None:
    assert await asker.error(**fields) == (code, SERVICE + text)


@pytest.mark.parametrize(
    ("fields", "code", "text"),
    [
        (
            {"whatToShow": "AGGTRADES"},
            10299,
            "Expected what to show is TRADES, please use that instead of AGGTRADES.",
        ),
        (
            {"contract": {**STOCK, "symbol": "NOSUCH"}},
            200,
            "No security definition has been found for the request",
        ),
        (
            {
                "contract": {"symbol": "ES", "secType": "CONTFUT", "exchange": "CME"},
                "endDateTime": "20260101-12:00:00",
            },
            10339,
            "Setting end date/time for continuous future security type is not allowed",
        ),
        (
            {"duration": "400 D"},
            321,
            VALIDATING
            + "Historical data requests for durations longer than 365 days must be made in years.",
        ),
        (
            {"formatDate": 7},
            321,
            "Error validating request.-'bM' : cause - Date formatting selection of 7 rejected.",
        ),
    ],
)
async def test_requests_that_are_refused(
    asker: Asker, fields: dict[str, Any], code: int, text: str
) -> None:
    assert await asker.error(**fields) == (code, text)


async def test_sources_besides_prices(asker: Asker) -> None:
    for show in ("HISTORICAL_VOLATILITY", "OPTION_IMPLIED_VOLATILITY", "FEE_RATE"):
        days = await asker.bars(whatToShow=show, barSizeSetting="1 day", duration="1 W")
        assert len(days) == 4
        assert all(Decimal("0.01") < bar["close"] < 3 for bar in days)
        hours = await asker.bars(whatToShow=show, duration="1 D")
        assert hours[0]["open"] == days[-1]["open"]
        assert hours[-1]["close"] == days[-1]["close"]
        assert {bar["volume"] for bar in days} == {-1}
    adjusted = await asker.bars(whatToShow="ADJUSTED_LAST", barSizeSetting="1 day")
    assert adjusted == await asker.bars(barSizeSetting="1 day")
    quotes = await asker.bars(whatToShow="BID_ASK", barSizeSetting="1 min", duration="120 S")
    bids = await asker.bars(whatToShow="BID", barSizeSetting="1 min", duration="120 S")
    asks = await asker.bars(whatToShow="ASK", barSizeSetting="1 min", duration="120 S")
    for quote, bid, ask in zip(quotes, bids, asks, strict=True):
        assert quote["low"] == bid["low"]
        assert quote["high"] == ask["high"]
        assert bid["low"] <= quote["open"] <= bid["high"]
        assert ask["low"] <= quote["close"] <= ask["high"]


async def test_bars_are_kept_up_to_date_until_they_are_cancelled(
    asker: Asker, clock: ManualClock
) -> None:
    client = asker.client
    bars = await asker.bars(barSizeSetting="1 min", duration="120 S", keepUpToDate=True)
    assert bars[-1]["date"] == "20260105 11:03:00 US/Eastern"
    asker.req_id -= 1
    refused = await asker.error()
    assert refused == (
        322,
        PROCESSING + "Duplicate ticker ID for API historical data query",
    )
    updates = []
    for _ in range(14):
        clock.advance(5)
        updates += [
            call.args[1]["date"][9:17]
            for call in await client.until(lambda call: call.name == "historicalDataUpdate")
        ]
    assert updates[:11] == ["11:03:00"] * 11
    assert set(updates[11:]) == {"11:04:00"}
    client.send("cancelHistoricalData", reqId=1)
    client.send("cancelHistoricalData", reqId=1)
    first, second = (await client.next())[0], (await client.next())[0]
    assert error_of(first) == (1, 162, SERVICE + "API historical data query cancelled: 1")
    assert error_of(second) == (1, 366, "No historical data query found for ticker id:1")
    clock.advance(10)
    client.send("reqCurrentTime")
    assert [call.name for call in await client.next()] == ["currentTime"]


async def test_day_bars_are_kept_up_to_date_over_the_end_of_the_day() -> None:
    clock = ManualClock(datetime(2026, 1, 6, 4, 59, 40, tzinfo=UTC))  # 23:59:40 in New York
    async with (
        PaperGateway(clock=clock) as gateway,
        WireClient(gateway.host, gateway.port) as client,
    ):
        await client.ready()
        bars = await Asker(client).bars(
            barSizeSetting="1 day", duration="2 D", keepUpToDate=True, useRTH=False
        )
        assert [bar["date"] for bar in bars] == ["20260102", "20260105"]
        clock.advance(40)
        updates = []
        for _ in range(7):
            calls = await client.until("historicalDataUpdate")
            updates.append(calls[-1].args[1])
        assert [bar["date"] for bar in updates] == ["20260105"] * 4 + ["20260106"] * 3
        volumes = [bar["volume"] for bar in updates]
        assert volumes[:4] == sorted(volumes[:4])
        assert volumes[4:] == sorted(volumes[4:])
        assert volumes[4] < 100_000 < volumes[3]


async def test_a_replay_has_only_what_it_has_played(clock: ManualClock) -> None:
    feed = ManualFeed()
    async with (
        PaperGateway(feed=feed, clock=clock) as gateway,
        WireClient(gateway.host, gateway.port) as client,
    ):
        await client.ready()
        asker = Asker(client)
        assert await asker.error() == (
            162,
            SERVICE + "HMDS query returned no data: AAPL@SMART Trades",
        )
        feed.send([feed.quote("AAPL", 99.0, 99.5), feed.trade("AAPL", 100.0, 300)])
        feed.time_ns += 61 * 10**9
        feed.send([feed.trade("AAPL", 101.5, 50), feed.trade("AAPL", 101.0, 100)])
        bars = await asker.bars(barSizeSetting="1 min")
        assert [
            (bar["date"][9:17], bar["open"], bar["high"], bar["low"], bar["close"], bar["volume"])
            for bar in bars
        ] == [
            ("09:30:00", 100, 100, 100, 100, 300),
            ("09:31:00", Decimal("101.5"), Decimal("101.5"), 101, 101, 150),
        ]
        assert bars[1]["wap"] == Decimal("101.166667")
        assert bars[1]["barCount"] == 2
        (bid,) = await asker.bars(whatToShow="BID", barSizeSetting="1 day")
        assert (bid["open"], bid["close"]) == (99, 99)
