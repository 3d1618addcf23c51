"""Orders that are over are forgotten by a client that goes on trading, over real sockets."""

from __future__ import annotations

import asyncio
import gc
import itertools
from collections.abc import Iterator
from decimal import Decimal

import pytest
import uvloop

from tests.support.desk import PATIENCE, Desk, Heard, open_desk
from twsloop.events import CommissionReported, Fill, OrderEvent
from twsloop.orders.builders import limit_order, market_order
from twsloop.orders.state import OrderRecord, OrderStatus
from twsloop.orders.trade import Trade
from twsloop.session.state import State

KEEP = 3


@pytest.fixture(
    params=list(itertools.product((225, 200), (uvloop.new_event_loop, asyncio.new_event_loop))),
    ids=["protobuf-uvloop", "protobuf-asyncio", "text-uvloop", "text-asyncio"],
)
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    version, loop_factory = request.param
    with open_desk(
        version=version,
        loop_factory=loop_factory,
        orders__keep_settled=KEEP,
        reconnect__first_delay=0.02,
        reconnect__cap=0.05,
    ) as made:
        yield made


def objects(*kinds: type) -> int:
    """How many objects of these kinds there are in the process."""
    gc.collect()
    return sum(type(each) in kinds for each in gc.get_objects())


def bought(desk: Desk, count: int) -> list[Trade]:
    """So many orders, each filled and paid before the next one."""
    trades = []
    for _ in range(count):
        trade = desk.gateway.place_order("AAPL", market_order("BUY", 1))
        assert trade.settled.result(PATIENCE) is OrderStatus.FILLED
        trades.append(trade)
    desk.settle()
    return trades


def test_the_newest_orders_that_are_over_are_kept_and_all_that_live(desk: Desk) -> None:
    alive = desk.gateway.place_order("AAPL", limit_order("BUY", 1, 100))
    trades = bought(desk, 7)
    assert desk.gateway.trades() == (alive, *trades[-KEEP:])
    assert desk.gateway.orders.find(order_id=trades[0].order_id) is None
    # What the program holds says what it said.
    first = trades[0]
    assert (first.status, first.average_price) == (OrderStatus.FILLED, Decimal("189.51"))
    assert first.order.totalQuantity == 1
    assert first.commission is not None
    assert first.log[0].source == "created"


def test_nothing_else_holds_what_is_forgotten() -> None:
    # What is late is looked for by timers, which hold an order until they are due.
    with open_desk(
        orders__keep_settled=KEEP, orders__ack_timeout=0, orders__commission_timeout=0
    ) as desk:
        before = objects(OrderRecord, Trade, Fill, CommissionReported)
        bought(desk, 20)
        assert objects(OrderRecord, Trade, Fill, CommissionReported) <= before + 4 * (KEEP + 1)


def test_the_next_session_brings_none_back_and_tells_nothing_twice(desk: Desk) -> None:
    alive = desk.gateway.place_order("AAPL", limit_order("BUY", 1, 100))
    trades = bought(desk, 6)
    facts, states = Heard(), Heard()
    for kind in (OrderEvent, Fill, CommissionReported):
        desk.gateway.observe(kind, facts)
    desk.gateway.on_session(lambda state, _reason: states(state))
    desk.paper.drop_clients()
    states.until(lambda state: state is State.READY)
    desk.settle()
    assert facts.rest() == []
    assert desk.gateway.trades() == (alive, *trades[-KEEP:])
    assert [one.order_id for one in desk.gateway.open_orders().result(PATIENCE)] == [alive.order_id]


def test_the_executions_of_today_are_all_of_them(desk: Desk) -> None:
    trades = bought(desk, 6)
    rows = desk.gateway.orders.executions().result(PATIENCE)
    assert [row.fill.order_id for row in rows] == [trade.order_id for trade in trades]
    assert all(row.commission is not None for row in rows)


def test_our_own_profit_knows_what_forgotten_orders_hold(desk: Desk) -> None:
    bought(desk, 6)
    desk.quote("AAPL", 199.0, 199.5)
    trade = desk.gateway.place_order("AAPL", market_order("SELL", 6))
    assert trade.settled.result(PATIENCE) is OrderStatus.FILLED
    [row] = desk.gateway.account.own_profit().result(PATIENCE)
    assert row.gross == 6 * (Decimal(199) - Decimal("189.51"))
    assert row.sold == 6
    assert row.bought < 6, "what was bought by forgotten orders is only held"
    counted = desk.gateway.account.compare_profit().result(PATIENCE)
    assert counted.ours is None
    assert any("keep_settled" in reason for reason in counted.reasons)
