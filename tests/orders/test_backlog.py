"""A program that is behind with its fills places no new order; it may cancel, and catch up."""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import Iterator

import attrs
import pytest

from tests.support.clients import PATIENCE, await_condition
from tests.support.desk import config_for
from twsloop import Deliver, IBGateway, events, limit_order
from twsloop.orders.state import OrderStatus
from twsloop.orders.trade import Trade
from twsloop.paper import PaperGateway
from twsloop.processors.policy import Policy


@pytest.fixture(params=[225, 200], ids=["protobuf", "text"])
def gateway(request: pytest.FixtureRequest) -> Iterator[IBGateway]:
    with (
        PaperGateway(feed="manual", max_version=request.param) as paper,
        IBGateway(config_for(paper)) as made,
    ):
        yield made


def test_a_stuck_listener_stops_new_orders_and_no_cancel(gateway: IBGateway) -> None:
    go, heard = threading.Event(), list[OrderStatus]()

    def on_update(trade: Trade) -> None:
        assert go.wait(PATIENCE)
        heard.append(trade.status)

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        order = limit_order("BUY", 1, "1")
        where = Deliver(pool, bound=1, policy="drop_oldest")
        trade = gateway.place_order("AAPL", order, on_update=on_update, where=where)
        await_condition(lambda: trade.status is OrderStatus.SUBMITTED)
        trade.cancel()
        assert trade.done.result(PATIENCE) is OrderStatus.CANCELLED
        await_condition(lambda: gateway._tws.registry.backlog.reason != "")
        refused = gateway.place_order("MSFT", order)
        assert refused.done.result(PATIENCE) is OrderStatus.REFUSED
        assert "on_update is behind" in refused.reason
        go.set()
        await_condition(lambda: gateway._tws.registry.backlog.reason == "")
        placed = gateway.place_order("MSFT", order)
        await_condition(lambda: placed.status is OrderStatus.SUBMITTED)
        assert len(heard) >= 2


ABOUT_ORDERS = [
    kind
    for kind in vars(events).values()
    if isinstance(kind, type)
    and issubclass(kind, events.Fact)
    and (
        kind.__module__ in {events.Fill.__module__, events.GapReport.__module__}
        or "order_id" in attrs.fields_dict(kind)
    )
]


def test_every_fact_about_orders_is_known_as_one() -> None:
    assert {events.GapReport, events.OrderIdsRolledBack, events.CommissionLate} <= {*ABOUT_ORDERS}
    assert [k for k in ABOUT_ORDERS if not issubclass(k, events.OrderFact)] == []


@pytest.mark.parametrize("policy", ["drop_oldest", "latest"])
def test_a_slow_observer_misses_no_report_of_a_gap(gateway: IBGateway, policy: str) -> None:
    go, heard = threading.Event(), list[events.GapReport]()

    def observe(report: events.GapReport) -> None:
        assert go.wait(PATIENCE)
        heard.append(report)

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        gateway.observe(events.GapReport, observe, Deliver(pool, bound=1, policy=Policy(policy)))
        told = [gateway.orders.reconcile().result(PATIENCE) for _ in range(4)]
        go.set()
        await_condition(lambda: len(heard) == len(told))
    assert heard == told
