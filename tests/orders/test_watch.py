"""What does not come is missed: told, looked for, and never sent again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.orders.test_hard_cases import commission, execution
from tests.orders.test_sessions import buy, config, until
from tests.support.desk import PATIENCE, Heard
from tests.support.fake_tws import FakeTws, message, open_order, order_status
from twsloop.clock import ManualClock
from twsloop.events import AcknowledgementLate, CommissionLate
from twsloop.gateway import IBGateway
from twsloop.orders.builders import bracket, limit_order
from twsloop.orders.state import OrderStatus
from twsloop.orders.trade import Trade
from twsloop.orders.watch import FACTOR, TRIES

ACK, PAY = 4.0, 9.0
EXEC = "0000e0d5.6ab9ea82.01.01"


class Watched:
    """A client whose time the test moves, and a gateway that says what the test tells it to."""

    def __init__(self, tws: FakeTws, gateway: IBGateway, clock: ManualClock) -> None:
        self.tws, self.gateway, self.clock = tws, gateway, clock
        self.late, self.unpaid = Heard(), Heard()
        gateway.observe(AcknowledgementLate, self.late)
        gateway.observe(CommissionLate, self.unpaid)
        self.asked: list[str] = []

    def sent(self) -> Trade:
        """An order that has left."""
        trade = buy(self.gateway)
        self.tws.next("placeOrder")
        until(trade, OrderStatus.PENDING_SUBMIT)
        return trade

    def settle(self) -> None:
        """Return when everything that was said before has been handled."""
        trade = self.gateway.executions()
        trade.result(PATIENCE)


@contextmanager
def watched(**more: Any) -> Iterator[Watched]:
    tws, clock = FakeTws(), ManualClock()
    values = {"orders__ack_timeout": ACK, "orders__commission_timeout": PAY, **more}
    with tws, IBGateway(config(tws, **values), clock=clock) as gateway:
        yield Watched(tws, gateway, clock)


def test_an_order_that_nothing_answers_is_told_and_looked_for() -> None:
    with watched() as case:
        trade = case.sent()
        case.clock.advance(ACK)
        fact = case.late.next()
        assert (fact.order_id, fact.waited, fact.status) == (trade.order_id, ACK, "PendingSubmit")
        assert trade.done.result(PATIENCE) is OrderStatus.UNCERTAIN
        assert "neither open nor completed" in trade.reason
        assert [entry.source for entry in trade.log].count("late") == 1
        case.settle()
        assert case.tws.inbox.empty()  # it was not sent again
        # Whatever the gateway says later is true.
        case.tws.say(open_order(trade.order_id, "Submitted"))
        until(trade, OrderStatus.SUBMITTED)
        assert trade.active


def test_an_order_that_the_list_shows_is_not_lost() -> None:
    with watched() as case:
        trade = case.sent()
        case.tws.open_orders = [open_order(trade.order_id, "Submitted")]
        case.clock.advance(ACK)
        until(trade, OrderStatus.SUBMITTED)
        case.clock.advance(10 * ACK)
        assert len(case.late.rest()) == 1


def test_an_answer_in_time_is_not_late() -> None:
    with watched() as case:
        trade = case.sent()
        case.tws.say(order_status(trade.order_id, "PreSubmitted"))
        until(trade, OrderStatus.PRE_SUBMITTED)
        case.clock.advance(10 * ACK)
        case.settle()
        assert case.late.rest() == []


def test_a_late_answer_while_it_is_looked_for_counts() -> None:
    with watched() as case:
        trade = case.sent()
        case.tws.silent = ("reqAllOpenOrders",)
        case.clock.advance(ACK)
        case.tws.next("reqAllOpenOrders")
        case.tws.say(order_status(trade.order_id, "Submitted"), message("openOrderEnd"))
        until(trade, OrderStatus.SUBMITTED)
        case.settle()
        assert trade.status is OrderStatus.SUBMITTED


def test_an_order_that_is_not_transmitted_is_answered_by_nothing() -> None:
    with watched() as case:
        trade = case.gateway.place_order("AAPL", limit_order("BUY", 1, 1, transmit=False))
        until(trade, OrderStatus.PENDING_SUBMIT)
        case.clock.advance(10 * ACK)
        case.settle()
        assert case.late.rest() == []
        assert trade.active


def test_a_bracket_that_nothing_answers_is_three_orders() -> None:
    with watched() as case:
        orders = bracket("BUY", 10, entry=100, take_profit=110, stop_loss=90)
        trades = case.gateway.place_orders("AAPL", orders)
        until(trades[2], OrderStatus.PENDING_SUBMIT)
        case.clock.advance(ACK)
        assert {case.late.next().order_id for _ in trades} == {t.order_id for t in trades}
        assert {t.done.result(PATIENCE) for t in trades} == {OrderStatus.UNCERTAIN}


def test_with_no_limit_nothing_is_looked_for() -> None:
    with watched(orders__ack_timeout=0, orders__commission_timeout=0) as case:
        trade = case.sent()
        case.tws.say(execution(trade.order_id, EXEC, 10))
        until(trade, OrderStatus.FILLED)
        case.clock.advance(10_000)
        case.settle()
        assert case.late.rest() == case.unpaid.rest() == []


def test_a_commission_that_does_not_come_is_asked_for() -> None:
    with watched() as case:
        trade = case.sent()
        case.tws.say(execution(trade.order_id, EXEC, 10))
        until(trade, OrderStatus.FILLED)
        case.tws.executions = [execution(trade.order_id, EXEC, 10), commission(EXEC)]
        case.clock.advance(PAY)
        fact = case.unpaid.next()
        assert (fact.exec_id, fact.order_id, fact.waited) == (EXEC, trade.order_id, PAY)
        assert trade.settled.result(PATIENCE) is OrderStatus.FILLED
        assert trade.commission == 1
        case.clock.advance(10 * PAY)
        assert case.unpaid.rest() == []


def test_an_execution_that_a_status_tells_of_is_asked_for() -> None:
    with watched() as case:
        trade = case.sent()
        fills = Heard()
        trade.on_fill(fills)
        case.tws.say(order_status(trade.order_id, "Submitted", filled=4, remaining=6))
        until(trade, OrderStatus.SUBMITTED)
        case.tws.executions = [execution(trade.order_id, EXEC, 4), commission(EXEC)]
        case.clock.advance(PAY)
        assert fills.next().shares == 4
        case.clock.advance(100 * PAY)
        case.settle()
        assert [entry.source for entry in trade.log].count("late") == 1
        assert fills.rest() == []


def test_an_execution_that_nobody_lists_is_asked_for_so_often_at_most() -> None:
    with watched() as case:
        trade = case.sent()
        case.tws.say(order_status(trade.order_id, "Filled", filled=10, remaining=0))
        until(trade, OrderStatus.FILLED)
        case.settle()
        for tried in range(2 * TRIES):
            case.clock.advance(PAY * FACTOR**tried)
            case.settle()
        late = [entry.text for entry in trade.log if entry.source == "late"]
        assert len(late) == TRIES
        assert late[-1] == (
            f"no execution tells of 10 that are filled; asked for ({TRIES} of {TRIES})"
        )
        # What the gateway tells later is taken all the same.
        case.tws.say(execution(trade.order_id, EXEC, 10), commission(EXEC))
        assert trade.settled.result(PATIENCE) is OrderStatus.FILLED


def test_a_list_that_was_on_its_way_revives_nothing() -> None:
    with watched(orders__compare_positions=False) as case:
        trade = case.sent()
        case.tws.say(order_status(trade.order_id, "Submitted"))
        until(trade, OrderStatus.SUBMITTED)
        case.tws.silent = ("reqAllOpenOrders",)
        asked = case.gateway.orders.reconcile()
        case.tws.next("reqAllOpenOrders")
        case.tws.say(
            order_status(trade.order_id, "Cancelled"),
            open_order(trade.order_id, "Submitted"),
            message("openOrderEnd"),
        )
        assert asked.result(PATIENCE).of("revived") == ()
        assert trade.status is OrderStatus.CANCELLED
        # One that is asked for now is another thing.
        asked = case.gateway.orders.reconcile()
        case.tws.next("reqAllOpenOrders")
        case.tws.say(open_order(trade.order_id, "Submitted"), message("openOrderEnd"))
        (row,) = asked.result(PATIENCE).of("revived")
        assert (row.before, row.after) == ("Cancelled", "Submitted")
        assert trade.active


def test_a_commission_in_time_is_not_asked_for() -> None:
    with watched() as case:
        trade = case.sent()
        case.tws.say(execution(trade.order_id, EXEC, 10), commission(EXEC))
        assert trade.settled.result(PATIENCE) is OrderStatus.FILLED
        case.clock.advance(10 * PAY)
        case.settle()
        assert case.unpaid.rest() == []


def test_a_commission_that_nobody_knows_leaves_the_order_unsettled() -> None:
    with watched() as case:
        trade = case.sent()
        case.tws.say(execution(trade.order_id, EXEC, 10))
        until(trade, OrderStatus.FILLED)
        case.clock.advance(PAY)
        case.unpaid.next()
        case.settle()
        assert trade.done.result(PATIENCE) is OrderStatus.FILLED
        assert not trade.record.settled
