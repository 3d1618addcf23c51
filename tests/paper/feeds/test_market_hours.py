"""The made-up market on the market's clock: hours, holidays, another date, a restart."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.support.wireclient import WireClient
from twsloop.clock import ManualClock
from twsloop.paper import PaperGateway
from twsloop.paper.catalogue.instruments import Catalogue
from twsloop.paper.clock.market_clock import MarketClock
from twsloop.paper.feeds.synthetic import SyntheticFeed
from twsloop.paper.market.vocabulary import Event

NEW_YORK = ZoneInfo("US/Eastern")
FRIDAY = datetime(2026, 11, 27, tzinfo=NEW_YORK)  # after Thanksgiving: closes at 13:00
AAPL: dict[str, Any] = {"symbol": "AAPL", "secType": "STK", "currency": "USD", "exchange": "SMART"}


async def played(start: datetime, until: datetime, **settings: Any) -> list[Event]:
    """What happens between two times, each event as it is handed over."""
    every = Catalogue.standard(start.date())
    names = settings.pop("names")
    feed = SyntheticFeed(Catalogue([one for one in every if one.local_symbol in names]), **settings)
    clock = MarketClock(ManualClock(), start=start, speed=None)
    events: list[Event] = []

    def take(batch: Iterable[Event]) -> None:
        for event in batch:
            assert (
                event.time_ns / 1e9 == clock.now().timestamp()
                or abs(event.time_ns / 1e9 - clock.now().timestamp()) < 1e-5
            )
            events.append(event)

    feed.start(take, clock)
    clock.hold_at(clock.elapsed_at(until), "the end", feed.stop)
    clock.begin()
    await asyncio.wrap_future(feed.finished)
    assert clock.now() == until.astimezone(clock.now().tzinfo)
    return events


def hours_of(events: Iterable[Event]) -> Counter[str]:
    told: Counter[str] = Counter()
    for event in events:
        at = datetime.fromtimestamp(event.time_ns / 1e9, NEW_YORK)
        told[f"{at:%a %H}"] += 1
    return told


async def test_shares_keep_their_hours_and_are_quiet_around_them() -> None:
    events = await played(
        FRIDAY, FRIDAY + timedelta(days=4), names=("AAPL",), rate=0.05, keeps_hours=True
    )
    # The opening quote and trade come with the feed, whatever the hour.
    told = hours_of(events[3:])
    assert set(told) <= {f"Fri {hour:02}" for hour in range(4, 17)} | {
        f"Mon {hour:02}" for hour in range(4, 20)
    }
    assert told["Fri 12"] > 3 * max(told["Fri 14"], 1)
    assert told["Mon 10"] > 3 * max(told["Mon 08"], 1)
    assert told["Mon 15"] > 100
    first = next(one for one in events[3:])
    assert datetime.fromtimestamp(first.time_ns / 1e9, NEW_YORK).hour == 4


async def test_currencies_open_on_sunday_evening() -> None:
    events = await played(
        FRIDAY, FRIDAY + timedelta(days=4), names=("EUR.USD",), rate=0.05, keeps_hours=True
    )
    told = hours_of(events[1:])
    assert told["Fri 16"] > 50
    assert told["Fri 18"] == told["Sat 12"] == told["Sun 16"] == 0
    assert told["Sun 18"] > 50


async def test_each_instrument_has_its_own_hours() -> None:
    both = await played(
        FRIDAY, FRIDAY + timedelta(days=3), names=("AAPL", "EUR.USD"), rate=0.01, keeps_hours=True
    )
    alone = await played(
        FRIDAY, FRIDAY + timedelta(days=3), names=("AAPL",), rate=0.01, keeps_hours=True
    )
    con_id = alone[0].con_id
    assert [one for one in both if one.con_id == con_id] == alone


async def test_it_never_closes_unless_it_keeps_hours() -> None:
    events = await played(FRIDAY, FRIDAY + timedelta(days=2), names=("AAPL",), rate=0.05)
    assert min(hours_of(events).values()) > 80
    assert len(hours_of(events)) == 48


async def test_the_market_of_another_date() -> None:
    base = ManualClock()
    start = datetime(2026, 9, 28, 13, 30, tzinfo=UTC)
    async with (
        PaperGateway(start=start, speed=60, clock=base, rate=0.1) as paper,
        WireClient(paper.host, paper.port) as client,
    ):
        await client.ready()
        assert client.hello[1] == b"20260928 13:30:00 UTC"
        client.send("reqCurrentTime")
        (call,) = await client.until("currentTime")
        assert call.args == (int(start.timestamp()),)
        base.advance(30)
        async with asyncio.timeout(10):
            while paper.market_time < start + timedelta(minutes=30):
                await asyncio.sleep(0)
        client.send("reqContractDetails", reqId=1, contract=AAPL)
        calls = await client.until("contractDetails")
        details: Any = calls[-1].args[1]
        assert details["liquidHours"].startswith("20260928:0930-20260928:1600;")
        assert paper.stats["events"] > 1000


async def test_a_restart_keeps_positions_and_the_time() -> None:
    """The nightly restart, of a made-up market on a scaled clock."""
    base = ManualClock()
    start = datetime(2026, 9, 28, 13, 30, tzinfo=UTC)
    paper = PaperGateway(start=start, speed=60, clock=base, rate=0.1)
    buy = {
        "action": "BUY",
        "totalQuantity": "5",
        "orderType": "MKT",
        "tif": "DAY",
        "transmit": True,
    }
    async with paper, WireClient(paper.host, paper.port) as client:
        await client.ready()
        client.send("placeOrder", orderId=1, contract=AAPL, order=buy)
        await client.until("commissionAndFeesReport")
        base.advance(10)
    stopped = paper.market_time
    assert stopped > start
    base.advance(1000)
    assert paper.market_time == stopped  # it stands while the gateway is down
    async with paper, WireClient(paper.host, paper.port) as client:
        calls = await client.ready()
        assert next(call.args for call in calls if call.name == "nextValidId") == (2,)
        client.send("reqPositions")
        calls = await client.until("positionEnd")
        assert [call.args[2] for call in calls if call.name == "position"] == [5]
        base.advance(1)
        async with asyncio.timeout(10):
            while paper.market_time < stopped + timedelta(minutes=1):
                await asyncio.sleep(0)
