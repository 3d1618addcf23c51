"""Long work is done in slices: others are answered between, and it can end before it is done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest

from tests.support.official import Call
from tests.support.wireclient import WireClient, error_of
from twsloop.clock import ManualClock
from twsloop.paper import PaperGateway
from twsloop.paper.clients.hub import Hub
from twsloop.paper.clock.market_clock import MarketClock
from twsloop.paper.requests.history_work import A_TURN, AT_ONCE, Bench, bench_of

START = datetime(2026, 1, 5, 16, 3, 7, tzinfo=UTC)
STOCK = {"symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD"}
KEY = ("history", 7)
#: Turns of the loop after which what does not happen has failed.
TURNS = 20_000


@pytest.fixture
async def gateway() -> AsyncIterator[PaperGateway]:
    async with PaperGateway(clock=ManualClock(START), seed=3) as it:
        yield it


def hub_of(gateway: PaperGateway) -> Hub:
    assert gateway._hub is not None
    return gateway._hub


def bench(gateway: PaperGateway) -> Bench:
    return bench_of(hub_of(gateway))


def ask(client: WireClient, duration: str = "20 Y", req_id: int = KEY[1]) -> None:
    client.send(
        "reqHistoricalData",
        reqId=req_id,
        contract=STOCK,
        duration=duration,
        barSizeSetting="1 hour",
        whatToShow="TRADES",
        useRTH=False,
        formatDate=2,
    )


async def under_way(gateway: PaperGateway, count: int = 1) -> None:
    """Give the loop turns until so many jobs wait."""
    for _ in range(TURNS):
        if len(bench(gateway)._jobs) == count:
            return
        await asyncio.sleep(0)
    pytest.fail(f"{len(bench(gateway)._jobs)} jobs wait")


def is_end(call: Call) -> bool:
    return call.name == "historicalDataEnd"


async def test_another_client_is_answered_between_the_slices(gateway: PaperGateway) -> None:
    one = WireClient(gateway.host, gateway.port, client_id=1)
    two = WireClient(gateway.host, gateway.port, client_id=2)
    async with one, two:
        await one.ready()
        await two.ready()
        ask(one, "5 Y")
        await under_way(gateway)
        for _ in range(3):
            two.send("reqCurrentTime")
            await two.until(lambda call: call.name == "currentTime")
            assert KEY in hub_of(gateway).clients[1].subscriptions
        one.patience = None  # the gateway computes for seconds
        calls = await one.until(is_end)
        assert len(calls) > 19_000
        dates = [int(call.args[1]["date"]) for call in calls if call.name == "historicalData"]
        assert dates == sorted(set(dates))
        assert KEY not in hub_of(gateway).clients[1].subscriptions
        ask(one, "2 D")
        assert is_end((await one.until(is_end))[-1])


async def test_what_is_cancelled_ends(gateway: PaperGateway) -> None:
    async with WireClient(gateway.host, gateway.port) as client:
        await client.ready()
        ask(client)
        await under_way(gateway)
        ask(client)
        calls = await client.until(lambda call: call.name == "error")
        assert error_of(calls[-1])[:2] == (7, 322)
        client.send("cancelHistoricalData", reqId=7)
        calls = await client.until(lambda call: call.name == "error")
        assert error_of(calls[-1])[:2] == (7, 162)
        assert "cancelled: 7" in error_of(calls[-1])[2]
        assert not bench(gateway)._jobs
        client.send("reqCurrentTime")
        calls = await client.until(lambda call: call.name == "currentTime")
        assert len(calls) == 1


async def test_who_leaves_is_worked_for_no_more(gateway: PaperGateway) -> None:
    async with WireClient(gateway.host, gateway.port) as client:
        await client.ready()
        ask(client)
        await under_way(gateway)
    await under_way(gateway, 0)


async def test_a_clock_without_waiting_stands_still_meanwhile() -> None:
    async with PaperGateway(start=START, speed="max", rate=0.1, seed=3) as gateway:
        clock = hub_of(gateway).clock
        assert isinstance(clock, MarketClock)
        async with WireClient(gateway.host, gateway.port) as client:
            await client.ready()
            ask(client, "2 Y")
            await under_way(gateway)
            told = clock.monotonic()
            while bench(gateway)._jobs:
                assert clock.held
                assert clock.monotonic() == told
                await asyncio.sleep(0)
            client.patience = None  # so many are read for seconds
            assert len(await client.until(is_end)) > 7500
            assert not clock.held


async def test_work_is_counted_not_timed(gateway: PaperGateway) -> None:
    async with WireClient(gateway.host, gateway.port) as client:
        await client.ready()
        whose = hub_of(gateway).clients[1]
        told: list[int] = []

        def work(number: int, cost: int) -> Iterator[int]:
            for _ in range(cost // 100):
                told.append(number)
                yield 100

        bench(gateway).take(whose, ("history", 1), work(1, AT_ONCE - 100))
        assert not bench(gateway)._jobs  # a small one is done at once
        told.clear()
        bench(gateway).take(whose, ("history", 2), work(2, AT_ONCE + 2 * A_TURN))
        assert len(told) == AT_ONCE // 100
        turns = 0
        while ("history", 2) in whose.subscriptions and turns < TURNS:
            before = len(told)
            await asyncio.sleep(0)
            assert len(told) - before <= A_TURN // 100
            turns += 1
        assert len(told) == (AT_ONCE + 2 * A_TURN) // 100
        assert turns >= 2


async def test_work_that_fails_is_told(gateway: PaperGateway) -> None:
    async with WireClient(gateway.host, gateway.port) as client:
        await client.ready()

        def work() -> Iterator[int]:
            yield AT_ONCE
            raise ValueError("it broke")

        bench(gateway).take(hub_of(gateway).clients[1], KEY, work())
        calls = await client.until(lambda call: call.name == "error")
        assert error_of(calls[-1])[:2] == (7, 320)
        assert KEY not in hub_of(gateway).clients[1].subscriptions
        await under_way(gateway, 0)
