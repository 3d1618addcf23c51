"""IB's tick callbacks reach the ticker of their line, and its subscribers once for each tick."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from ibapi.common import TickAttrib
from ibapi.const import UNSET_DOUBLE
from ibapi.wrapper import EWrapper

from twsloop.clock import Arrival, ManualClock
from twsloop.contracts import stock
from twsloop.market_data.lines import Line, LineLedger
from twsloop.market_data.processor import TICK_CALLBACKS, MarketDataProcessor
from twsloop.market_data.state import Ticker


class Bench:
    """Two lines (ids 1 and 2), and what their subscribers are told."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.arrival = Arrival()
        self.ledger = LineLedger()
        self.told: list[tuple[str, tuple[str, ...]]] = []
        self.ended: list[Line] = []
        self.rerouted: list[tuple[str, int, str]] = []
        self.tickers: dict[int, Ticker] = {}
        for req_id, symbol in ((1, "AAPL"), (2, "MSFT")):
            line = Line(symbol, Ticker(stock(symbol), symbol, self.clock))
            self.ledger.hold(line, "me")
            self.ledger.assign(line, req_id)
            line.tell = lambda ticker: self.told.append((ticker.symbol, ticker.changed))
            self.tickers[req_id] = line.ticker
        self.processor = MarketDataProcessor(
            self.ledger,
            self.arrival,
            self.clock,
            heard=lambda _life: None,
            snapshot_end=self.ended.append,
            reroute=lambda line, *other: self.rerouted.append((line.ticker.symbol, *other)),
        )

    def price(self, req_id: int, tick_type: int, price: float) -> None:
        self.processor.tickPrice(req_id, tick_type, price, TickAttrib())


def test_it_has_ibs_callbacks() -> None:
    for name in TICK_CALLBACKS:
        assert callable(getattr(EWrapper, name))
        assert callable(getattr(MarketDataProcessor, name))


def test_a_price_waits_for_its_size() -> None:
    bench = Bench()
    bench.price(1, 1, 189.5)
    assert bench.told == []
    bench.processor.tickSize(1, 0, Decimal(100))
    assert bench.told == [("AAPL", ("bid", "bid_size"))]
    bench.price(1, 6, 190.0)  # the day's high comes without a size
    assert bench.told[1:] == [("AAPL", ("high",))]


def test_a_size_by_itself_is_told_by_itself() -> None:
    bench = Bench()
    bench.price(1, 1, 189.5)
    bench.processor.tickSize(2, 0, Decimal(5))  # another line's
    bench.processor.tickSize(1, 0, Decimal(100))
    assert bench.told == [("MSFT", ("bid_size",)), ("AAPL", ("bid_size",))]
    assert bench.tickers[1].bid == 189.5


def test_time_is_stamped() -> None:
    bench = Bench()
    bench.clock.advance(5)
    bench.processor.tickGeneric(1, 49, 0.0)
    assert bench.tickers[1].received == 5.0
    assert bench.tickers[2].received is None
    bench.arrival.at = 4.5  # what is handed over came before
    bench.price(2, 6, 190.0)
    assert bench.tickers[2].received == 4.5


def test_greeks_that_could_not_be_computed_are_none() -> None:
    bench = Bench()
    bench.processor.tickOptionComputation(
        1, 13, 0, -1.0, -2.0, 4.2, 0.0, 0.01, UNSET_DOUBLE, -0.05, 189.5
    )
    greeks = bench.tickers[1].model_greeks
    assert greeks is not None
    assert (greeks.implied_volatility, greeks.delta, greeks.vega) == (None, None, None)
    assert (greeks.price, greeks.theta, greeks.return_based) == (4.2, -0.05, True)


def test_efp_news_params_and_type() -> None:
    bench = Bench()
    bench.processor.tickEFP(1, 38, 1.5, "1.5%", 101.0, 30, "20261218", 0.1, 0.2)
    bench.processor.tickNews(1, 0, "BRFG", "id", "A headline", "")
    bench.processor.tickReqParams(1, 0.01, "a6", 3)
    bench.processor.marketDataType(1, 3)
    ticker = bench.tickers[1]
    assert ticker.bid_efp is not None
    assert (ticker.bid_efp.implied_future, ticker.bid_efp.hold_days) == (101.0, 30)
    assert (ticker.news, ticker.min_tick, ticker.delayed) == ("A headline", 0.01, True)
    assert [changed for _, changed in bench.told] == [("bid_efp",), ("news",)]


def test_the_end_of_a_snapshot() -> None:
    bench = Bench()
    bench.processor.tickSnapshotEnd(2)
    assert [line.ticker.symbol for line in bench.ended] == ["MSFT"]


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("tickPrice", (9, 1, 1.0, TickAttrib())),
        ("tickSize", (9, 0, Decimal(1))),
        ("tickGeneric", (9, 49, 0.0)),
        ("tickString", (9, 45, "1")),
        ("tickOptionComputation", (9, 13, 0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)),
        ("tickEFP", (9, 38, 1.5, "", 1.0, 1, "", 0.1, 0.2)),
        ("tickNews", (9, 0, "", "", "", "")),
        ("tickReqParams", (9, 0.01, "", 0)),
        ("marketDataType", (9, 1)),
        ("tickSnapshotEnd", (9,)),
    ],
)
def test_the_ticks_of_others_are_nobodys(name: str, args: tuple[Any, ...]) -> None:
    bench = Bench()
    getattr(bench.processor, name)(*args)
    assert bench.told == []
    assert bench.ended == []
