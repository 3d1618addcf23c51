"""Depth, single ticks and bars, from any gateway; on a real one whose market may be closed."""

from __future__ import annotations

import pytest

from tests.capabilities.conftest import PATIENCE
from tests.support.desk import Heard
from twsloop import IBGateway
from twsloop.market_data.depth import Depth
from twsloop.market_data.tick_rows import BidAskTick, MidpointTick, RealTimeBar, Tick, TradeTick

#: Trades around the clock, on every gateway.
SYMBOL = "EUR.USD"

#: Bars of five seconds come twice a second, where the gateway is ours.
PAPER = {"speed": 10}


def test_a_book_of_a_stock(gw: IBGateway, is_live: bool) -> None:
    heard = Heard()
    with gw.market_data.depth("AAPL", 5, on_update=heard) as stream:
        if is_live and stream.image.exception(PATIENCE) is not None:
            pytest.skip(f"no depth for this login: {stream.error}")
        view = heard.until(lambda depth: depth.bids and depth.asks)
        assert isinstance(view, Depth)
        assert len(view.bids) <= 5
        assert view.time.tzinfo is not None
        assert all(row.market_maker for row in view.bids)
        assert gw.market_data.slots.usage("depth").used == 1
    assert gw.market_data.slots.usage("depth").used == 0


@pytest.mark.parametrize(
    ("kind", "row"), [("BidAsk", BidAskTick), ("MidPoint", MidpointTick), ("Last", TradeTick)]
)
def test_ticks_one_by_one(gw: IBGateway, is_live: bool, kind: str, row: type[Tick]) -> None:
    symbol = "AAPL" if kind == "Last" else SYMBOL
    if is_live and kind == "Last":
        pytest.skip("a stock's trades come while its market is open")
    heard = Heard()
    with gw.market_data.ticks(symbol, kind, history=2, on_update=heard):
        first = heard.next(PATIENCE)
        assert isinstance(first, row)
        assert first.historical
        live = heard.until(lambda tick: not tick.historical)
        assert live.time.tzinfo is not None


def test_real_time_bars(gw: IBGateway) -> None:
    with gw.market_data.realtime_bars(SYMBOL, "MIDPOINT") as stream:
        bar = next(stream.items(PATIENCE))
        assert isinstance(bar, RealTimeBar)
        assert bar.low <= bar.open <= bar.high
        assert bar.time.second % 5 == 0
        assert bar.volume is None or bar.volume >= 0


async def test_awaiting(gw: IBGateway) -> None:
    with gw.market_data.ticks(SYMBOL, "BidAsk") as stream:
        async for tick in stream:
            assert tick.bid <= tick.ask
            break
