"""IBGateway as a whole: both styles at once, and names of a user's own."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from ibapi.client import EClient
from ibapi.wrapper import EWrapper

from tests.support.desk import PATIENCE, Heard, config_for, open_desk, open_paper
from twsloop import Deliver, IBGateway, limit_order, market_order, stock
from twsloop.config import Config
from twsloop.events import (
    CommissionReported,
    Fact,
    Fill,
    Notice,
    OrderFilled,
    OrderRejected,
    SessionChanged,
    order_story,
)
from twsloop.orders.state import OrderStatus


class Crowded(IBGateway):
    """A program with attributes of every name one can think of."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.accounts: dict[str, Any] = {}  # type: ignore[assignment]
        self.errors: list[Any] = []  # type: ignore[assignment]
        self.orders_known = "no idea"  # type: ignore[assignment]
        self._orders: dict[int, Any] = {}
        self._market_data = None
        self._account = "mine"
        self.statuses = Heard()
        self.ticks = Heard()

    def tickPrice(self, reqId: int, tickType: int, price: float, attrib: Any) -> None:
        self.ticks(reqId, tickType, price)

    def orderStatus(self, orderId: int, status: str, *rest: Any) -> None:
        self.statuses(orderId, status)


@pytest.mark.parametrize("version", [225, 200])
def test_both_styles_at_once(version: int) -> None:
    with open_desk(version=version, kind=Crowded) as desk:
        client = desk.gateway
        assert isinstance(client, Crowded)
        heard = Heard()
        watch = client.subscribe("AAPL", on_tick=heard)
        heard.until(lambda ticker: ticker.bid == 189.49)
        client.reqMktData(5, stock("MSFT"), "", False, False, [])
        # The user's own request comes to the user's override, and only that one.
        assert client.ticks.until(lambda tick: tick[1] == 1) == (5, 1, 419.99)
        assert {tick[0] for tick in [*client.ticks.all, *client.ticks.rest()]} == {5}
        trade = client.place_order("AAPL", market_order("BUY", 1))
        assert trade.done.result(PATIENCE) is OrderStatus.FILLED
        client.statuses.until(lambda item: item == (trade.order_id, "Filled"))
        watch.cancel()
        client.cancelMktData(5)
        assert client.positions().result(PATIENCE)[0].quantity == 1


def test_a_separate_wrapper_object() -> None:
    class Wrapper(EWrapper):
        def __init__(self) -> None:
            super().__init__()
            self.statuses = Heard()

        def orderStatus(self, orderId: int, status: str, *rest: Any) -> None:
            self.statuses(orderId, status)

    wrapper = Wrapper()
    with (
        open_paper() as (_, paper),
        IBGateway(config_for(paper), wrapper=wrapper) as gateway,
    ):
        trade = gateway.place_order("AAPL", limit_order("BUY", 1, 100))
        wrapper.statuses.until(lambda item: item == (trade.order_id, "Submitted"))


def test_observers() -> None:
    with open_desk() as desk:
        fills, everything, broken = Heard(), Heard(), Heard()
        stop = desk.gateway.observe(Fill, fills)
        desk.gateway.observe(Fact, everything)

        def raises(fact: OrderFilled) -> None:
            broken(fact)
            raise ValueError(fact.symbol)

        desk.gateway.observe(OrderFilled, raises)
        desk.gateway.place_order("AAPL", market_order("BUY", 1)).settled.result(PATIENCE)
        assert fills.next().shares == 1
        assert broken.next().symbol == "AAPL"
        assert everything.until(lambda fact: isinstance(fact, OrderFilled))
        stop()
        stop()
        desk.gateway.place_order("AAPL", market_order("BUY", 1)).settled.result(PATIENCE)
        assert fills.rest() == []
        failed = desk.gateway.errors.summary()["failed_callbacks"]
        assert [name for name in failed if "raises" in name]


def test_it_says_what_it_is_connected_with() -> None:
    config = Config.load(overrides={"connection.port": 4711}, environ={})
    assert repr(Crowded(config)) == "<Crowded 127.0.0.1:4711, client 1, DISCONNECTED>"
    with open_desk() as desk:
        port = desk.gateway.port
        assert repr(desk.gateway) == f"<IBGateway 127.0.0.1:{port}, client 1, READY>"


def test_an_observer_that_left_leaves_nothing_behind() -> None:
    gateway = IBGateway(Config.load(environ={}))
    before = len(gateway._tws.hooks._fact)
    for _ in range(100):
        gateway.observe(Fact, print)()
    assert len(gateway._tws.hooks._fact) == before


@pytest.mark.parametrize("kind", ["Notice", int, None])
def test_what_is_observed_is_a_class_of_facts(kind: Any) -> None:
    gateway = IBGateway(Config.load(environ={}))
    with pytest.raises(TypeError, match=r"is no class of twsloop\.events: give Fill"):
        gateway.observe(kind, print)


def test_what_cannot_be_called_is_told_where_it_is_given() -> None:
    gateway = IBGateway(Config.load(environ={}))
    with pytest.raises(TypeError, match="'print' cannot be called back: give a function"):
        gateway.observe(Fact, "print")  # type: ignore[arg-type]


def test_all_facts_of_an_order_tell_one_story() -> None:
    with open_desk() as desk:
        facts = Heard()
        desk.gateway.observe(Fact, facts)
        trade = desk.gateway.place_order("AAPL", market_order("BUY", 1))
        trade.settled.result(PATIENCE)
        refused = desk.gateway.place_order("AAPL", limit_order("BUY", 1, "100.001"))
        assert refused.done.result(PATIENCE) is OrderStatus.REJECTED
        desk.settle()
        stories = {
            type(fact): fact.correlation_id
            for fact in facts.rest()
            if getattr(fact, "order_id", getattr(fact, "req_id", None))
            in {trade.order_id, refused.order_id}
        }
        assert {OrderFilled, Fill, CommissionReported, OrderRejected, Notice} <= set(stories)
        one = order_story(trade.client_id, trade.order_id)
        other = order_story(trade.client_id, refused.order_id)
        assert stories[Fill] == stories[CommissionReported] == stories[OrderFilled] == one
        assert stories[OrderRejected] == stories[Notice] == other


def test_the_session_is_a_fact() -> None:
    changes = Heard()
    with open_paper() as (_, paper):
        gateway = IBGateway(config_for(paper))
        gateway.observe(SessionChanged, lambda fact: changes((fact.old, fact.new)))
        with gateway:
            assert changes.until(lambda change: change[1] == "READY")


def test_it_is_ibs_client_and_wrapper() -> None:
    assert issubclass(IBGateway, EClient)
    assert issubclass(IBGateway, EWrapper)


def test_one_object_connects_again() -> None:
    with open_paper() as (_, paper):
        gateway = IBGateway(config_for(paper))
        ids = []
        for _ in range(2):
            with gateway:
                trade = gateway.place_order("AAPL", market_order("BUY", 1))
                assert trade.done.result(PATIENCE) is OrderStatus.FILLED
                ids.append(trade.order_id)
        assert ids[1] > ids[0]


def test_several_gateways_in_one_process() -> None:
    with (
        open_paper() as (_, paper),
        IBGateway(config_for(paper, connection__client_id=1)) as one,
        IBGateway(config_for(paper, connection__client_id=2)) as two,
    ):
        trades = [
            gateway.place_order("AAPL", market_order("BUY", 1))
            for gateway in (one, two)
            for _ in range(5)
        ]
        assert {trade.done.result(PATIENCE) for trade in trades} == {OrderStatus.FILLED}
        assert one.positions().result(PATIENCE)[0].quantity == 10


def test_an_order_of_an_earlier_process_can_be_modified() -> None:
    with open_paper() as (_, paper):
        with IBGateway(config_for(paper)) as first:
            heard = Heard()
            first.place_order("AAPL", limit_order("BUY", 1, 100), on_update=heard)
            heard.until(lambda shown: shown.status is OrderStatus.SUBMITTED)
        with IBGateway(config_for(paper)) as second:
            (trade,) = second.trades()
            trade.modify(limit_price="189.60").result(PATIENCE)
            assert trade.done.result(PATIENCE) is OrderStatus.FILLED


@pytest.mark.parametrize("version", [225, 200])
def test_ids_for_raw_orders_are_never_given_twice(version: int) -> None:
    with open_desk(version=version, kind=Crowded) as desk:
        client = desk.gateway
        assert isinstance(client, Crowded)
        first = client.next_order_id()
        second = client.next_order_id()
        client.placeOrder(second, stock("AAPL"), market_order("BUY", 1))
        client.statuses.until(lambda item: item == (second, "Filled"))
        assert first < second < client.place_order("AAPL", market_order("BUY", 1)).order_id


def test_the_newest_fact_of_each_story_waits_for_a_slow_observer() -> None:
    """One order's end does not take the place of another's."""
    with ThreadPoolExecutor(1) as pool, open_desk() as desk:
        free, filled = threading.Event(), Heard()
        pool.submit(free.wait, PATIENCE)
        desk.gateway.observe(OrderFilled, filled, Deliver(pool, policy="latest"))
        trades = [desk.gateway.place_order("AAPL", market_order("BUY", 1)) for _ in range(3)]
        for trade in trades:
            trade.done.result(PATIENCE)
        desk.settle()
        free.set()
        told = {filled.next().order_id for _ in trades}
        assert told == {trade.order_id for trade in trades}
