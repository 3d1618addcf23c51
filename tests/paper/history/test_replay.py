"""The bars of a replay against minute bars that somebody else made of the same day."""

from __future__ import annotations

import asyncio
import csv
import gzip
from datetime import datetime
from typing import Any

import pytest

from tests.support.shared_data import shared
from tests.support.wireclient import WireClient
from twsloop.paper import PaperGateway
from twsloop.paper.feeds.replay import ReplayFeed

STOCK = {"symbol": "IBM", "secType": "STK", "exchange": "SMART", "currency": "USD"}


def known() -> dict[int, dict[str, str]]:
    """The vendor's minutes by their second."""
    path = shared("market/minute/IBM_20131007-20131011_minute.csv.gz")
    with gzip.open(path, "rt") as lines:
        return {
            int(datetime.fromisoformat(row["ts_utc"]).timestamp()): row
            for row in csv.DictReader(lines)
            if row["volume"]
        }


async def bars(client: WireClient, **fields: Any) -> list[dict[str, Any]]:
    usual = {
        "reqId": 1,
        "contract": STOCK,
        "duration": "1 D",
        "barSizeSetting": "1 min",
        "whatToShow": "TRADES",
        "formatDate": 2,
        "useRTH": True,
    }
    client.send("reqHistoricalData", **{**usual, **fields})
    calls = await client.until("historicalDataEnd")
    return [call.args[1] for call in calls if call.name == "historicalData"]


@pytest.mark.timeout(120)
async def test_minutes_of_a_real_day() -> None:
    minutes = known()
    feed = ReplayFeed(shared("market/us_equity_tick/IBM_20131007_tick.csv.gz"), speed="max")
    async with PaperGateway(feed=feed) as gateway:
        await asyncio.wrap_future(feed.finished)
        async with WireClient(gateway.host, gateway.port) as client:
            await client.ready()
            found = await bars(client)
            assert len(found) == 390
            pairs = [(bar, minutes[int(bar["date"])]) for bar in found]
            # The vendor leaves odd lots out of its prices, but not out of its volumes.
            assert sum(float(bar["volume"]) == float(row["volume"]) for bar, row in pairs) >= 385
            for bar, row in pairs:
                assert float(bar["low"]) <= float(row["low"]) + 0.005
                assert float(bar["high"]) >= float(row["high"]) - 0.005
            (day,) = await bars(client, barSizeSetting="1 day")
            assert day["volume"] == sum(bar["volume"] for bar in found)
            assert day["barCount"] == sum(bar["barCount"] for bar in found)
            assert day["date"] == "20131007"
