"""One market on every channel: lines, ticks, deep books and the history tell the same."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.support.wireclient import WireClient
from twsloop.clock import ManualClock
from twsloop.paper import PaperGateway
from twsloop.paper.market.depth import DELETE, INSERT

SHARE = {"symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD"}
LINE, LAST, QUOTE, MIDDLE, DEPTH, ASKED = range(1, 7)
SECONDS = 90


async def heard(client: WireClient) -> list[Any]:
    """All that came before the answer to a question asked now."""
    client.send("reqCurrentTime")
    return (await client.until("currentTime"))[:-1]


class Channels:
    """What a client knows from each channel."""

    def __init__(self) -> None:
        self.line: dict[int, Any] = {}
        self.real_time_volume: list[tuple[Any, ...]] = []
        self.trades: list[tuple[Any, ...]] = []
        self.quotes: list[tuple[Any, ...]] = []
        self.middles: list[Any] = []
        self.rows: tuple[list[Any], list[Any]] = ([], [])

    def take(self, call: Any) -> None:
        getattr(self, call.name, lambda *_args: None)(*call.args)

    def tickPrice(self, _req_id: Any, kind: Any, price: Any, _attributes: Any) -> None:
        self.line[int(kind)] = price

    def tickSize(self, _req_id: Any, kind: Any, size: Any) -> None:
        self.line[int(kind)] = size

    def tickString(self, _req_id: Any, kind: Any, text: str) -> None:
        if kind == 48:
            price, size, millis, *_ = text.split(";")
            if price:
                self.real_time_volume.append((Decimal(price), Decimal(size), int(millis) // 1000))

    def tickByTickAllLast(self, *args: Any) -> None:
        _, _, time, price, size, attributes, exchange, conditions = args
        self.trades.append((int(time), price, size, attributes["unreported"], exchange, conditions))

    def tickByTickBidAsk(self, *args: Any) -> None:
        _, time, bid, ask, bid_size, ask_size, _attributes = args
        self.quotes.append((int(time), bid, ask, bid_size, ask_size))

    def tickByTickMidPoint(self, _req_id: Any, _time: Any, middle: Any) -> None:
        self.middles.append(middle)

    def updateMktDepthL2(self, *args: Any) -> None:
        _, position, _maker, operation, side, price, size, _smart = args
        rows = self.rows[int(side)]
        if operation == INSERT:
            rows.insert(int(position), (price, size))
        elif operation == DELETE:
            del rows[int(position)]
        else:
            rows[int(position)] = (price, size)

    def agree(self) -> None:
        """Line, ticks and deep book show one quote."""
        quote = (self.line[1], self.line[0]), (self.line[2], self.line[3])
        asks, bids = self.rows
        assert (bids[0], asks[0]) == quote
        assert len(asks) == len(bids) == 10
        if self.quotes:
            _, bid, ask, bid_size, ask_size = self.quotes[-1]
            assert ((bid, bid_size), (ask, ask_size)) == quote
        if self.middles:
            assert self.middles[-1] == (quote[0][0] + quote[1][0]) / 2


@pytest.mark.parametrize("version", [200, 225])
async def test_all_channels_tell_one_market(version: int) -> None:
    clock = ManualClock()
    async with (
        PaperGateway(seed=11, clock=clock) as gateway,
        WireClient(gateway.host, gateway.port, version=version) as client,
    ):
        await client.ready()
        told = Channels()
        client.send("reqMktData", reqId=LINE, contract=SHARE, genericTickList="233")
        for req_id, kind in ((LAST, "Last"), (QUOTE, "BidAsk"), (MIDDLE, "MidPoint")):
            client.send("reqTickByTickData", reqId=req_id, contract=SHARE, tickType=kind)
        client.send("reqMktDepth", reqId=DEPTH, contract=SHARE, numRows=10, isSmartDepth=True)
        for call in await heard(client):
            told.take(call)
        told.agree()
        begun, volume = gateway.hub.now(), told.line[8]
        told.real_time_volume.clear()
        for _ in range(SECONDS):
            clock.advance(1)
            for call in await heard(client):
                told.take(call)
            told.agree()
        assert len(told.trades) > 20
        assert len(told.quotes) > 100
        assert told.real_time_volume == [
            (price, size, time) for time, price, size, *_ in told.trades
        ]
        unit = 1 if version >= 220 else 100
        traded = sum(size for _, _, size, *_ in told.trades)
        assert abs((told.line[8] - volume) * unit - traded) < unit
        # The history has what came before the streams in their first second as well.
        for what, streamed in (("TRADES", told.trades), ("BID_ASK", told.quotes)):
            kept = await _asked(client, begun, what)
            assert kept[-len(streamed) :] == streamed
            assert all(tick[0] <= begun.timestamp() for tick in kept[: -len(streamed)])


async def _asked(client: WireClient, begun: datetime, what: str) -> list[tuple[Any, ...]]:
    """The ticks since the streams began, from the history."""
    client.send(
        "reqHistoricalTicks",
        reqId=ASKED,
        contract=SHARE,
        startDateTime=f"{begun.astimezone(UTC):%Y%m%d-%H:%M:%S}",
        numberOfTicks=1000,
        whatToShow=what,
    )
    rows = [row for call in await heard(client) for row in call.args[1]]
    assert len(rows) < 1000
    return [_tick(row, what) for row in rows]


def _tick(row: Any, what: str) -> tuple[Any, ...]:
    if what == "TRADES":
        return (
            int(row["time"]),
            row["price"],
            row["size"],
            row["tickAttribLast"]["unreported"],
            row["exchange"],
            row["specialConditions"],
        )
    return (int(row["time"]), row["priceBid"], row["priceAsk"], row["sizeBid"], row["sizeAsk"])
