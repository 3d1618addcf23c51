"""What a program asks for by itself takes places, too, and is never refused by us."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import uvloop
from ibapi.client_utils import createMarketDataRequestProto

from tests.support.desk import PATIENCE, Desk, Heard, config_for, open_desk, open_paper
from twsloop.contracts import forex, stock
from twsloop.errors import SlotsExhausted
from twsloop.gateway import IBGateway
from twsloop.market_data.slots import Pool
from twsloop.market_data.ticks import MarketDataType


class App(IBGateway):
    """A program in IB's own style."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.ticks, self.problems, self.ends = Heard(), Heard(), Heard()

    def tickPrice(self, reqId: int, tickType: int, price: float, attrib: Any) -> None:
        self.ticks(reqId, tickType, price)

    def tickSize(self, reqId: int, tickType: int, size: Decimal) -> None:
        self.ticks(reqId, tickType, size)

    def tickSnapshotEnd(self, reqId: int) -> None:
        self.ends(reqId)

    def error(self, reqId: int, *rest: Any) -> None:
        self.problems(reqId, rest[1])


@pytest.fixture(
    params=[(225, uvloop.new_event_loop), (200, asyncio.new_event_loop)], ids=["protobuf", "text"]
)
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    version, loop_factory = request.param
    with open_desk(version=version, loop_factory=loop_factory, kind=App) as made:
        yield made


def holders(desk: Desk, pool: Pool = Pool.LINES) -> list[str]:
    desk.settle()
    return [slot.holder for slot in desk.gateway.market_data.slots.usage(pool).slots]


def test_a_line_of_its_own_is_counted_until_it_is_cancelled(desk: Desk) -> None:
    app: Any = desk.gateway
    app.reqMktData(7, stock("AAPL"), "", False, False, [])
    assert holders(desk) == ["your reqMktData 7"]
    row = next(iter(app.market_data.slots))
    assert (row.symbol, row.own_call) == ("AAPL", True)
    app.ticks.until(lambda tick: tick == (7, 1, 189.49))
    app.cancelMktData(7)
    assert holders(desk) == []


def test_the_same_instrument_is_one_line_for_both(desk: Desk) -> None:
    app: Any = desk.gateway
    heard = Heard()
    app.reqMktData(7, stock("AAPL"), "", False, False, [])
    with app.subscribe("AAPL", on_tick=heard) as watch:
        heard.until(lambda ticker: ticker.bid == 189.49)
        app.ticks.until(lambda tick: tick == (7, 1, 189.49))  # each hears its own
        assert sorted(holders(desk)) == ["quotes of AAPL", "your reqMktData 7"]
        assert app.market_data.slots.usage(Pool.LINES).used == 1
        assert watch.active
    assert holders(desk) == ["your reqMktData 7"]


def test_a_refused_one_gives_its_place_back(desk: Desk) -> None:
    app: Any = desk.gateway
    app.reqMktData(7, stock("NOPE"), "", False, False, [])
    app.problems.until(lambda problem: problem == (7, 200))
    assert holders(desk) == []


def test_a_duplicate_id_keeps_the_place_of_the_first(desk: Desk) -> None:
    app: Any = desk.gateway
    app.reqMktData(7, stock("AAPL"), "", False, False, [])
    app.reqMktData(7, stock("AAPL"), "", False, False, [])
    app.problems.until(lambda problem: problem == (7, 322))
    assert holders(desk) == ["your reqMktData 7"]


def test_a_snapshot_of_its_own_ends_by_itself(desk: Desk) -> None:
    app: Any = desk.gateway
    app.reqMktData(7, stock("AAPL"), "", True, False, [])
    assert app.ends.next() == 7
    assert holders(desk) == []


def test_depth_and_ticks_and_bars_are_counted_in_their_pools(desk: Desk) -> None:
    app: Any = desk.gateway
    app.reqMktDepth(1, stock("AAPL"), 5, True, [])
    app.reqTickByTickData(1, stock("AAPL"), "Last", 0, False)
    app.reqRealTimeBars(1, stock("AAPL"), 5, "TRADES", True, [])
    assert holders(desk, Pool.DEPTH) == ["your reqMktDepth 1"]
    assert holders(desk, Pool.TICK_BY_TICK) == ["your reqTickByTickData 1"]
    assert holders(desk) == ["your reqRealTimeBars 1"]
    app.cancelMktDepth(1, True)
    app.cancelTickByTickData(1)
    app.cancelRealTimeBars(1)
    assert [holders(desk, pool) for pool in Pool] == [[], [], []]


def test_a_protobuf_message_of_its_own_is_seen() -> None:
    with open_desk(kind=App) as desk:
        app: Any = desk.gateway
        request = createMarketDataRequestProto(9, stock("MSFT"), "", False, False, [])
        app.reqMarketDataProtoBuf(request)
        assert holders(desk) == ["your reqMktData 9"]


def test_what_a_program_holds_counts_against_ours() -> None:
    with open_desk(kind=App, market_data__lines=2) as desk:
        app: Any = desk.gateway
        for req_id, contract in enumerate((stock("AAPL"), stock("MSFT"), forex("EUR.USD"))):
            app.reqMktData(req_id, contract, "", False, False, [])
        assert app.market_data.slots.usage(Pool.LINES).used == 3  # IB decides on those
        with pytest.raises(SlotsExhausted, match="held by your reqMktData 0, your reqMktData 1"):
            app.market_data.quote("GBP.USD").result(PATIENCE)


def test_the_end_of_the_session_ends_them() -> None:
    with open_desk(kind=App, reconnect__first_delay=0.02, reconnect__cap=0.05) as desk:
        app: Any = desk.gateway
        states = Heard()
        app.on_session(lambda state, _: states(state.name))
        app.reqMktData(7, stock("AAPL"), "", False, False, [])
        assert holders(desk) == ["your reqMktData 7"]
        desk.paper.drop_clients()
        states.until(lambda name: name == "READY")
        assert holders(desk) == []


def test_what_ib_refuses_teaches_the_limit() -> None:
    with open_desk(kind=App, market_data__depth=9) as desk:
        app: Any = desk.gateway
        for req_id, symbol in enumerate(("AAPL", "MSFT", "NVDA", "TSLA")):
            app.reqMktDepth(req_id, stock(symbol), 5, True, [])
        app.problems.until(lambda problem: problem == (3, 309))
        usage = app.market_data.slots.usage(Pool.DEPTH)
        assert (usage.used, usage.limit, usage.learnt) == (3, 3, True)


def test_the_kind_of_data_that_a_program_asks_for_holds_for_all() -> None:
    with open_paper(market_data="delayed") as (_, paper), App(config_for(paper)) as app:
        app.reqMarketDataType(3)
        assert app.market_data.data_type is MarketDataType.DELAYED
        assert app.market_data.quote("AAPL").result(PATIENCE).delayed
        app.reqMarketDataType(7)  # IB's business
        assert app.market_data.data_type is MarketDataType.DELAYED
