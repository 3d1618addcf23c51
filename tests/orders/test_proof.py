"""An order leaves only over a link that is known to live."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from ibapi.order_cancel import OrderCancel

from tests.orders.test_sessions import Raw, buy, config, until, working
from tests.support.desk import PATIENCE, Heard, config_for
from tests.support.fake_tws import FakeTws, message, order_status
from tests.support.sessions import SESSIONS
from twsloop import PaperGateway
from twsloop.clock import ManualClock
from twsloop.config import Config
from twsloop.contracts import option, stock
from twsloop.gateway import IBGateway
from twsloop.orders.builders import bracket, limit_order
from twsloop.orders.state import OrderStatus
from twsloop.testing import GatewayDouble

#: As long as the gateway may have been silent, and as long as it may take to answer.
AGE, DEADLINE = 2.0, 2.0
TIME = message("currentTime", currentTime=1_767_623_400)


class Quiet(IBGateway):
    def __init__(self, settings: Config, clock: ManualClock) -> None:
        super().__init__(settings, clock=clock)


class Complaining(Raw):
    def __init__(self, settings: Config, clock: ManualClock) -> None:
        self.complaints = Heard()
        IBGateway.__init__(self, settings, clock=clock)


@contextmanager
def silent(
    kind: Any = Quiet, clock: ManualClock | None = None, **more: Any
) -> Iterator[tuple[FakeTws, Any, ManualClock]]:
    """A session with a gateway that answers no question about the time by itself."""
    tws, clock = FakeTws(), clock or ManualClock()
    with tws, kind(config(tws, **more), clock) as gateway:
        settle(tws, gateway)  # nothing more is said by itself
        yield tws, gateway, clock


def sent(tws: FakeTws) -> list[str]:
    """What was sent and not looked at, in words."""
    names = []
    while not tws.inbox.empty():
        names.append(tws.inbox.get()[0])
    return names


def settle(tws: FakeTws, gateway: IBGateway) -> None:
    """Return when the gateway has read all that left before, and we what it says by itself."""
    gateway.executions().result(PATIENCE)


# ---- the link is known to live -----------------------------------------------------------


@pytest.mark.parametrize("version", [225, 200])
def test_over_a_link_that_was_heard_lately_it_leaves_at_once(version: int) -> None:
    with GatewayDouble(IBGateway, version=version) as double:
        double.advance(AGE)
        double.app.place_order("AAPL", limit_order("BUY", 1, 100))
        assert [one.name for one in double.sent] == ["placeOrder"]


@pytest.mark.parametrize("version", [225, 200])
def test_after_a_silence_the_gateway_is_asked_once_and_all_leave_in_their_order(
    version: int,
) -> None:
    with GatewayDouble(IBGateway, version=version) as double:
        double.advance(AGE + 0.1)
        orders = bracket("BUY", 10, entry=100, take_profit=120, stop_loss=90)
        trades = double.app.orders.bracket("AAPL", orders)
        names = [one.name for one in double.sent]
        assert names == ["reqCurrentTime", "placeOrder", "placeOrder", "placeOrder"]
        left = [request.orderId for request in double.sent_of("placeOrder")]
        assert left == [trade.order_id for trade in trades]


def test_it_waits_for_the_answer_and_others_wait_behind_it() -> None:
    with silent() as (tws, gateway, clock):
        clock.advance(AGE + 1)
        first = buy(gateway)
        tws.next("reqCurrentTime")
        second = buy(gateway)
        gateway.event_loop.call(lambda: None)
        assert first.status is second.status is OrderStatus.CREATED
        assert sent(tws) == []
        tws.say(TIME)
        until(first, OrderStatus.PENDING_SUBMIT)
        until(second, OrderStatus.PENDING_SUBMIT)
        assert tws.next("placeOrder").orderId == first.order_id
        assert tws.next("placeOrder").orderId == second.order_id


def test_what_others_say_does_not_let_a_later_order_overtake_an_earlier_one() -> None:
    with silent() as (tws, gateway, clock):
        clock.advance(AGE + 1)
        first = buy(gateway)
        tws.next("reqCurrentTime")
        settle(tws, gateway)  # the gateway is heard: the link is as good as proven
        second = buy(gateway)
        gateway.event_loop.call(lambda: None)
        assert second.status is OrderStatus.CREATED
        tws.say(TIME)
        assert [tws.next("placeOrder").orderId for _ in "ab"] == [first.order_id, second.order_id]


def test_no_proof_is_wanted_where_it_is_switched_off() -> None:
    with silent(orders__link_age=0) as (tws, gateway, clock):
        clock.advance(3600)
        assert buy(gateway).order_id == tws.next("placeOrder").orderId


def test_a_question_that_is_under_way_is_not_asked_again() -> None:
    with silent() as (tws, gateway, clock):
        clock.advance(AGE + 1)
        gateway.reqCurrentTime()  # the program's own
        tws.next("reqCurrentTime")
        trade = buy(gateway)
        gateway.event_loop.call(lambda: None)
        assert sent(tws) == []
        tws.say(TIME)
        assert tws.next("placeOrder").orderId == trade.order_id


# ---- nobody answers ----------------------------------------------------------------------


def test_without_an_answer_it_is_refused_with_the_reason_and_nothing_leaves() -> None:
    with silent() as (tws, gateway, clock):
        clock.advance(60)
        trades = [buy(gateway), buy(gateway)]
        tws.next("reqCurrentTime")
        gateway.event_loop.call(lambda: None)
        clock.advance(DEADLINE)
        for trade in trades:
            assert trade.done.result(PATIENCE) is OrderStatus.REFUSED
            assert "nothing for 62.0 s" in trade.reason
            assert "within 2 s" in trade.reason
        assert sent(tws) == []
        # The next one asks anew.
        later = buy(gateway)
        tws.next("reqCurrentTime")
        tws.say(TIME)
        assert tws.next("placeOrder").orderId == later.order_id


def test_a_raw_order_is_refused_the_way_ib_does() -> None:
    with silent(Complaining) as (tws, gateway, clock):
        clock.advance(60)
        gateway.placeOrder(5, stock("AAPL"), limit_order("BUY", 1, 100))
        tws.next("reqCurrentTime")
        clock.advance(DEADLINE)
        order_id, code, text = gateway.complaints.next()
        assert (order_id, code) == (5, 201)
        assert "the link may be dead" in text


def test_a_raw_exercise_waits_and_is_refused_too() -> None:
    call = option("SPY", "20260105", 650, "C")
    with silent(Complaining) as (tws, gateway, clock):
        clock.advance(60)
        gateway.exerciseOptions(7, call, 1, 1, "DU1234567", 0, "", "", False)
        tws.next("reqCurrentTime")
        clock.advance(DEADLINE)
        req_id, code, text = gateway.complaints.next()
        assert (req_id, code) == (7, 322)
        assert "the link may be dead" in text
        gateway.exerciseOptions(8, call, 1, 1, "DU1234567", 0, "", "", False)
        tws.next("reqCurrentTime")
        tws.say(TIME)
        assert tws.next("exerciseOptions").orderId == 8


def test_a_change_that_may_not_leave_fails_and_the_order_is_what_it_was() -> None:
    with silent() as (tws, gateway, clock):
        trade = working(tws, gateway)
        clock.advance(60)
        change = trade.modify(limit_price=101)
        tws.next("reqCurrentTime")
        clock.advance(DEADLINE)
        with pytest.raises(Exception, match="the link may be dead"):
            change.result(PATIENCE)
        assert trade.order.lmtPrice == 100
        assert trade.status is OrderStatus.SUBMITTED


@pytest.mark.parametrize("direction", ["read", "write"])
@pytest.mark.parametrize("name", SESSIONS)
def test_over_a_link_that_is_half_open_nothing_is_lost(name: str, direction: str) -> None:
    version, loop_factory = SESSIONS[name]
    clock = ManualClock()
    with PaperGateway(max_version=version, feed="manual") as paper:
        paper.market.set_price("AAPL", bid=100.0, ask=100.1)
        settings = config_for(paper, heartbeat__enabled=False)
        with IBGateway(settings, clock=clock, loop_factory=loop_factory) as gateway:
            gateway.positions().result(PATIENCE)
            dead = paper.faults.half_open(direction=direction)
            clock.advance(60)
            trade = buy(gateway)
            gateway.event_loop.call(lambda: None)
            clock.advance(DEADLINE)
            assert trade.done.result(PATIENCE) is OrderStatus.REFUSED
            assert "the link may be dead" in trade.reason
            dead.end()
            assert gateway.open_orders().result(PATIENCE) == []
            assert gateway.orders.completed().result(PATIENCE) == []
            later = buy(gateway)
            until(later, OrderStatus.SUBMITTED)


def test_only_so_many_may_wait() -> None:
    with silent(pacing__queue_limit=10) as (tws, gateway, clock):
        clock.advance(60)
        waiting = [buy(gateway) for _ in range(10)]
        tws.next("reqCurrentTime")
        refused = buy(gateway)
        assert refused.done.result(PATIENCE) is OrderStatus.REFUSED
        assert "10 orders wait already" in refused.reason
        tws.say(TIME)
        for one in waiting:
            assert tws.next("placeOrder").orderId == one.order_id


# ---- while it waits ----------------------------------------------------------------------


def test_an_order_that_waits_can_be_cancelled_and_the_others_go_on() -> None:
    with silent() as (tws, gateway, clock):
        clock.advance(60)
        given_up, wanted = buy(gateway), buy(gateway)
        tws.next("reqCurrentTime")
        assert given_up.cancel().result(PATIENCE) is OrderStatus.NOT_SENT
        tws.say(TIME)
        assert tws.next("placeOrder", "cancelOrder").orderId == wanted.order_id


def test_an_order_that_waits_can_be_changed_and_leaves_once() -> None:
    with silent() as (tws, gateway, clock):
        clock.advance(60)
        trade = buy(gateway)
        tws.next("reqCurrentTime")
        change = trade.modify(limit_price=99)
        gateway.event_loop.call(lambda: None)
        tws.say(TIME)
        assert change.result(PATIENCE)
        assert tws.next("placeOrder").order.lmtPrice == 99
        settle(tws, gateway)
        assert sent(tws) == []


def test_a_cancel_asks_for_no_proof() -> None:
    with silent(Complaining) as (tws, gateway, clock):
        first, second = working(tws, gateway), working(tws, gateway)
        clock.advance(60)
        first.cancel()
        gateway.cancelOrder(second.order_id, OrderCancel())
        gateway.reqGlobalCancel(OrderCancel())
        names = [tws.inbox.get(timeout=PATIENCE)[0] for _ in "abc"]
        assert names == ["cancelOrder", "cancelOrder", "reqGlobalCancel"]


def test_an_order_that_waits_when_the_link_is_lost_never_leaves() -> None:
    with silent(reconnect__enabled=False) as (tws, gateway, clock):
        clock.advance(60)
        trade = buy(gateway)
        tws.next("reqCurrentTime")
        tws.hang_up()
        assert trade.done.result(PATIENCE) is OrderStatus.NOT_SENT
        clock.advance(DEADLINE)
        assert trade.status is OrderStatus.NOT_SENT


# ---- windows -----------------------------------------------------------------------------


def test_in_a_restart_window_orders_and_changes_are_refused_and_cancels_leave() -> None:
    clock = ManualClock(datetime(2026, 1, 6, 4, 40, tzinfo=UTC))  # 23:40 in New York
    settings = {"calendar__restart": "23:45 America/New_York"}
    with silent(clock=clock, orders__link_age=0, **settings) as (tws, gateway, clock):
        trade = working(tws, gateway)
        clock.advance(5 * 60)
        refused = buy(gateway)
        assert refused.done.result(PATIENCE) is OrderStatus.REFUSED
        assert "daily restart" in refused.reason
        assert "04:50 UTC" in refused.reason
        with pytest.raises(Exception, match="daily restart"):
            trade.modify(limit_price=101).result(PATIENCE)
        done = trade.cancel()
        tws.next("cancelOrder")
        tws.say(order_status(trade.order_id, "Cancelled"))
        assert done.result(PATIENCE) is OrderStatus.CANCELLED
        clock.advance(6 * 60)
        after = buy(gateway)
        assert tws.next("placeOrder").orderId == after.order_id
