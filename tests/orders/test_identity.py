"""Who placed an order, why, and under which name it is found again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import uvloop
from ibapi.contract import ContractDetails

from tests.orders.test_sessions import config, until
from tests.support.desk import PATIENCE, Desk, Heard, config_for, open_desk, open_paper
from tests.support.fake_tws import FakeTws
from tests.support.orders import with_fields
from twsloop.clock import ManualClock
from twsloop.contracts import stock
from twsloop.errors import InvalidOrder, OrderError
from twsloop.events import Fill, OrderCreated
from twsloop.gateway import IBGateway
from twsloop.orders.attributes import allocate
from twsloop.orders.builders import limit_order, market_order
from twsloop.orders.conditions import price_condition, when
from twsloop.orders.intent import Intent
from twsloop.orders.reading import read_reject
from twsloop.orders.reference import split_reference
from twsloop.orders.requests import Orders
from twsloop.orders.state import OrderStatus
from twsloop.orders.validation import Knowledge


@pytest.fixture(
    params=[(225, uvloop.new_event_loop), (200, asyncio.new_event_loop)], ids=["protobuf", "text"]
)
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    version, loop_factory = request.param
    with open_desk(version=version, loop_factory=loop_factory) as made:
        yield made


def slice_of(gateway: IBGateway) -> Orders:
    found: Orders = gateway._IBGateway__slices.orders
    return found


def test_tag_reason_and_origin_go_with_the_order(desk: Desk) -> None:
    created, fills = Heard(), Heard()
    desk.gateway.observe(OrderCreated, created)
    desk.gateway.observe(Fill, fills)
    intent = Intent(tag="meanrev", reason="crossed the mean", origin="signals")
    trade = slice_of(desk.gateway).place_order(stock("AAPL"), market_order("BUY", 1), intent)
    assert trade.done.result(PATIENCE) is OrderStatus.FILLED
    assert (trade.tag, trade.placed_because, trade.origin) == (
        "meanrev",
        "crossed the mean",
        "signals",
    )
    fact = created.next()
    assert (fact.tag, fact.reason, fact.origin) == ("meanrev", "crossed the mean", "signals")
    assert fills.next().tag == "meanrev"
    # The gateway shows both parts; the user's is in front.
    assert split_reference(trade.order.orderRef) == ("meanrev", trade.record.token)
    assert trade.record.token


def test_the_short_ways_take_a_tag_too(desk: Desk) -> None:
    gateway, order = desk.gateway, limit_order("BUY", 1, 100)
    one = gateway.place_order("AAPL", order, tag="swing", reason="crossed")
    (other,) = gateway.place_orders("AAPL", [order], tag="mean")
    assert (one.tag, one.placed_because, one.origin) == ("swing", "crossed", "place_order")
    assert (other.tag, other.origin) == ("mean", "place_orders")


def test_an_order_ref_is_a_tag_and_two_are_an_error(desk: Desk) -> None:
    order = limit_order("BUY", 1, 1, orderRef="mine")
    trade = desk.gateway.place_order("AAPL", order)
    assert trade.tag == order.orderRef == "mine"
    assert trade.origin == "place_order"
    with pytest.raises(InvalidOrder, match="give one"):
        slice_of(desk.gateway).place_order(stock("AAPL"), order, Intent(tag="other"))
    assert len(desk.gateway.trades()) == 1


def test_a_raw_order_leaves_as_its_program_wrote_it(desk: Desk) -> None:
    order = limit_order("BUY", 1, 1, orderRef="mine")
    desk.gateway.placeOrder(7, stock("AAPL"), order)
    desk.settle()
    (trade,) = desk.gateway.trades()
    assert (trade.tag, trade.record.token, trade.origin) == ("mine", "", "placeOrder")
    assert trade.order.orderRef == "mine"


def test_after_a_restart_the_tag_is_known_and_the_token_is_the_same(desk: Desk) -> None:
    intent = Intent(tag="meanrev", reason="crossed the mean")
    first = slice_of(desk.gateway).place_order(stock("AAPL"), limit_order("BUY", 1, 1), intent)
    until(first, OrderStatus.SUBMITTED)
    desk.gateway.disconnect()
    with IBGateway(config_for(desk.paper)) as again:
        (trade,) = again.trades()
        assert (trade.tag, trade.record.token) == ("meanrev", first.record.token)
        assert (trade.origin, trade.placed_because) == ("an earlier session", "")
        assert trade.own


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("", None),
        ('{"rejects": [{"code": 8229}]}', {"rejects": [{"code": 8229}]}),
        ("not JSON {", "not JSON {"),
    ],
)
def test_the_json_of_a_rejection(text: str, read: Any) -> None:
    assert read_reject(text) == read


# ---- what an order is checked against ----------------------------------------------------


def whole_dollars() -> ContractDetails:
    return with_fields(ContractDetails(), minTick=1.0, orderTypes="LMT,MKT", validExchanges="SMART")


class Checked(IBGateway):
    """A gateway whose orders know, or learn, that AAPL moves in whole dollars."""

    def _assemble(self, core: Any) -> None:
        super()._assemble(core)
        self.release: asyncio.Event | None = None
        self.asked = 0
        validator = slice_of(self)._validator
        validator._known = self._known
        validator._learn = self._learn

    def _known(self, contract: Any) -> Knowledge:
        return Knowledge(whole_dollars() if contract.symbol == "AAPL" else None)

    async def _learn(self, contract: Any) -> Knowledge:
        self.asked += 1
        if contract.symbol == "MSFT":
            msg = "no such contract"
            raise OrderError(msg)
        await asyncio.sleep(0)
        return Knowledge(whole_dollars())


@pytest.fixture
def checked() -> Iterator[Desk]:
    with open_desk(kind=Checked) as made:
        yield made


def test_what_is_in_memory_refuses_where_the_order_is_placed(checked: Desk) -> None:
    with pytest.raises(InvalidOrder, match="IB's error 110"):
        checked.gateway.place_order("AAPL", limit_order("BUY", 1, "100.50"))
    assert checked.gateway.trades() == ()
    assert checked.gateway.place_order("AAPL", limit_order("BUY", 1, 100)).active


def test_off_leaves_it_to_the_gateway(checked: Desk) -> None:
    trade = slice_of(checked.gateway).place_order(
        stock("AAPL"), limit_order("BUY", 1, "100.50"), Intent(validate="off")
    )
    checked.settle()
    assert trade.active


def test_strict_asks_first_and_later_orders_wait_behind(checked: Desk) -> None:
    orders = slice_of(checked.gateway)
    strict = Intent(validate="strict")
    first = orders.place_order(stock("MSFT"), limit_order("BUY", 1, 100), strict)
    second = orders.place_order(stock("AAPL"), limit_order("BUY", 1, 100), strict)
    third = orders.place_order(stock("AAPL"), limit_order("BUY", 1, 99), Intent())
    assert first.done.result(PATIENCE) is OrderStatus.REFUSED
    assert "no such contract" in first.reason
    for trade in (second, third):
        until(trade, OrderStatus.SUBMITTED)
    assert checked.gateway.asked == 2


def test_strict_without_anybody_to_ask_is_refused(desk: Desk) -> None:
    orders = slice_of(desk.gateway)
    orders._validator._learn = None
    trade = orders.place_order(stock("AAPL"), limit_order("BUY", 1, 100), Intent(validate="strict"))
    assert trade.done.result(PATIENCE) is OrderStatus.REFUSED
    assert "details" in trade.reason


def test_an_order_that_waits_for_its_check_can_be_cancelled(checked: Desk) -> None:
    def both() -> Any:
        orders = slice_of(checked.gateway)
        trade = orders.place_order(
            stock("AAPL"), limit_order("BUY", 1, 100), Intent(validate="strict")
        )
        orders.cancel(trade)
        return trade

    trade = checked.on_loop(both)
    assert trade.done.result(PATIENCE) is OrderStatus.NOT_SENT


def test_two_clients_made_in_the_same_moment_name_nothing_alike() -> None:
    """One's group would cancel the other's orders, and a token would find two of them."""
    with open_paper() as (_, paper):
        clock = ManualClock()
        one, two = (
            IBGateway(config_for(paper, connection__client_id=client), clock=clock)
            for client in (1, 2)
        )
        with one, two:
            groups, tokens = set(), set()
            for gateway in (one, two):
                pair = [("AAPL", limit_order("BUY", 1, 100)), ("AAPL", limit_order("BUY", 1, 99))]
                trades = gateway.orders.oca(pair)
                groups |= {trade.order.ocaGroup for trade in trades}
                tokens |= {trade.record.token for trade in trades}
            assert (len(groups), len(tokens)) == (2, 4)


def test_an_order_that_is_placed_again_gets_a_token_of_its_own(desk: Desk) -> None:
    reference = "a reference of many letters, so that two tokens have no room"
    first = desk.gateway.orders.place("AAPL", limit_order("BUY", 1, 100), tag=reference[:40])
    until(first, OrderStatus.SUBMITTED)
    again = desk.gateway.orders.place("AAPL", first.order)
    assert again.tag == first.tag == reference[:40]
    assert again.record.token not in {"", first.record.token}
    assert desk.gateway.orders.find(token=first.record.token) is first


def test_the_order_of_a_group_of_accounts_gets_no_account() -> None:
    with FakeTws() as tws, IBGateway(config(tws, orders__account="DU1234567")) as gateway:
        gateway.orders.place("AAPL", allocate(limit_order("BUY", 1, 100), "all"))
        gateway.orders.place("AAPL", limit_order("BUY", 1, 100))
        sent = [tws.next("placeOrder").order for _ in range(2)]
        assert [order.account for order in sent] == ["", "DU1234567"]


def test_what_leaves_is_what_was_asked_for_though_its_parts_are_changed(desk: Desk) -> None:
    """Programs make one order and change a leg or a condition of it for the next."""
    near = price_condition(with_fields(stock("MSFT"), conId=272093), above=3000)
    order = when(limit_order("BUY", 1, 100), near)
    trades = []
    for price in (4000.0, 5000.0):
        order.conditions[0].price = price
        trades.append(desk.gateway.orders.place("AAPL", order))
    for trade in trades:
        until(trade, OrderStatus.PRE_SUBMITTED)
    assert [trade.order.conditions[0].price for trade in trades] == [4000.0, 5000.0]
