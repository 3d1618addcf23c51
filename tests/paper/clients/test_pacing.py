"""A login with limits, as its clients meet them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.support.manual_feed import ManualFeed
from tests.support.wireclient import Closed, WireClient, error_of
from twsloop.clock import ManualClock
from twsloop.paper import PaperGateway
from twsloop.paper.clients.pacing_judge import PacingRules


def contract(symbol: str) -> dict[str, Any]:
    return {"symbol": symbol, "secType": "STK", "currency": "USD", "exchange": "SMART"}


class Login:
    """A gateway with rules, on a clock that a test moves."""

    def __init__(self, rules: PacingRules | None) -> None:
        self.clock = ManualClock()
        self.paper = PaperGateway(feed=ManualFeed(), clock=self.clock, pacing=rules)

    @asynccontextmanager
    async def client(self, client_id: int = 1) -> AsyncIterator[WireClient]:
        async with WireClient(self.paper.host, self.paper.port, client_id=client_id) as client:
            await client.ready()
            yield client


async def errors(client: WireClient) -> list[tuple[int, int, str]]:
    """The errors up to the answer to a question that is asked now."""
    client.send("reqCurrentTime")
    calls = await client.until("currentTime")
    return [error_of(call) for call in calls if call.name == "error"]


IGNORE = PacingRules(lines=2, excess="ignore", depth=3, tick_by_tick=5, messages=50)


async def test_a_line_is_an_instrument_whoever_watches_it() -> None:
    login = Login(IGNORE)
    async with login.paper, login.client(1) as one, login.client(2) as other:
        one.send("reqMktData", reqId=1, contract=contract("AAPL"))
        other.send("reqMktData", reqId=1, contract=contract("AAPL"))
        other.send("reqMktData", reqId=2, contract=contract("MSFT"))
        assert await errors(one) == []
        assert await errors(other) == []
        one.send("reqMktData", reqId=3, contract=contract("IBM"))
        text = "Max number of tickers has been reached"
        assert await errors(one) == [(3, 101, text)]
        one.send("reqMktData", reqId=4, contract=contract("MSFT"))
        one.send(
            "reqRealTimeBars",
            reqId=5,
            contract=contract("IBM"),
            barSize=5,
            whatToShow="TRADES",
            useRTH=False,
        )
        assert await errors(one) == [(5, 101, text)]
        other.send("cancelMktData", reqId=2)
        one.send("cancelMktData", reqId=4)
        assert await errors(other) == []
        assert await errors(one) == []
        one.send("reqMktData", reqId=3, contract=contract("IBM"))
        assert await errors(one) == []


async def test_depth_and_tick_by_tick_streams() -> None:
    login = Login(PacingRules(excess="ignore", depth=1, tick_by_tick=1))
    async with login.paper, login.client() as client:
        for req_id, symbol in enumerate(("AAPL", "MSFT"), 1):
            client.send(
                "reqMktDepth", reqId=req_id, contract=contract(symbol), numRows=5, isSmartDepth=True
            )
        assert (2, 309, "Max number (1) of market depth requests has been reached") in (
            await errors(client)
        )
        ask = {"tickType": "Last", "numberOfTicks": 0, "ignoreSize": False}
        client.send("reqTickByTickData", reqId=11, contract=contract("AAPL"), **ask)
        assert await errors(client) == []
        client.send("reqTickByTickData", reqId=12, contract=contract("MSFT"), **ask)
        told = (12, 10190, "Max number of tick-by-tick requests has been reached.")
        assert await errors(client) == [told]
        client.send("cancelTickByTickData", reqId=11)
        client.send("reqTickByTickData", reqId=12, contract=contract("AAPL"), **ask)
        assert await errors(client) == [told]  # one request an instrument in 15 seconds
        login.clock.advance(15)
        client.send("reqTickByTickData", reqId=12, contract=contract("AAPL"), **ask)
        assert await errors(client) == []


def bars(req_id: int, symbol: str, size: str = "30 secs", **more: Any) -> dict[str, Any]:
    return {
        "reqId": req_id,
        "contract": contract(symbol),
        "duration": "1800 S",
        "barSizeSetting": size,
        "whatToShow": "TRADES",
        "useRTH": False,
        "formatDate": 1,
        **more,
    }


async def test_the_history_of_small_bars_is_paced() -> None:
    login = Login(PacingRules(excess="ignore"))
    violation = (
        "Historical Market Data Service error message:Historical data request pacing violation"
    )
    async with login.paper, login.client() as client:

        async def refused(**query: Any) -> bool:
            client.send("reqHistoricalData", **query)
            told = await errors(client)
            return any((code, text) == (162, violation) for _, code, text in told)

        assert not await refused(**bars(1, "AAPL"))
        assert await refused(**bars(2, "AAPL"))
        assert not await refused(**bars(3, "AAPL", "1 min"))
        assert not await refused(**bars(4, "AAPL", "1 min"))
        login.clock.advance(15)
        assert not await refused(**bars(5, "AAPL"))
        login.clock.advance(15)
        for n in range(29):
            login.clock.advance(3)
            query = bars(10 + n, "AAPL", whatToShow="BID_ASK", duration=f"{1800 + n} S")
            assert not await refused(**query)
        assert await refused(**bars(99, "MSFT"))
        login.clock.advance(600)
        assert not await refused(**bars(100, "MSFT"))
        client.send(
            "reqHeadTimeStamp",
            reqId=101,
            contract=contract("MSFT"),
            whatToShow="TRADES",
            useRTH=False,
            formatDate=1,
        )
        client.send(
            "reqHeadTimeStamp",
            reqId=102,
            contract=contract("MSFT"),
            whatToShow="TRADES",
            useRTH=False,
            formatDate=1,
        )
        assert (102, 162, violation) in await errors(client)


async def test_the_third_message_over_the_rate_ends_the_session() -> None:
    login = Login(PacingRules(lines=20, excess="reject"))  # ten messages a second
    async with login.paper, login.client(1) as other, login.client(2) as client:
        for _ in range(12):
            client.send("reqCurrentTime")
        calls = []
        for _ in range(12):
            calls += await client.next()
        assert [call.name for call in calls] == ["currentTime"] * 10 + ["error"] * 2
        assert [error_of(call) for call in calls[10:]] == [
            (-1, 100, f"Max rate of messages per second has been exceeded:max=10 rec=11 ({n})")
            for n in (1, 2)
        ]
        login.clock.advance(1)
        assert await errors(client) == []
        for _ in range(12):
            client.send("reqCurrentTime")
        calls = []
        with contextlib.suppress(Closed):
            while True:
                calls += await client.next()
        assert calls[-1].name == "error"
        assert error_of(calls[-1])[2].endswith("(3)")
        assert await errors(other) == []


async def test_messages_over_the_rate_are_served_in_steps(
    caplog: pytest.LogCaptureFixture,
) -> None:
    login = Login(PacingRules())
    async with login.paper, login.client() as client:
        for req_id in range(6):
            client.send("reqMatchingSymbols", reqId=req_id, pattern="AAP")
        await client.next()
        for n in range(1, 6):
            await until_waiting(login, 6 - n)
            login.clock.advance(0.1)
            assert [call.args[0] for call in await client.next()] == [n]
        login.clock.advance(0.1)
        assert await errors(client) == []  # nothing waits: at once
    assert caplog.text.count("sends faster than its pacing allows") == 1


async def until_waiting(login: Login, count: int) -> None:
    async with asyncio.timeout(10):
        while True:
            (connection,) = login.paper._connections
            if len(connection._paced) == count:
                return
            await asyncio.sleep(0)


async def test_without_rules_nobody_counts() -> None:
    login = Login(None)
    async with login.paper, login.client() as client:
        for n in range(200):
            client.send("reqHistoricalData", **bars(1000 + n, "AAPL"))
        told = await errors(client)
        assert not any("pacing" in text for _, _, text in told)
