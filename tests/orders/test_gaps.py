"""After a gap: what was missed is told once, what became of each order is said, nothing is sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from ibapi.order import Order

from tests.orders.test_forgetting import objects
from tests.orders.test_hard_cases import commission, execution
from tests.orders.test_sessions import buy, config, until, working
from tests.support.desk import PATIENCE, Heard
from tests.support.fake_tws import FakeTws, error, message, open_order, order_status
from tests.support.sessions import SESSIONS, open_session
from twsloop.clock import ManualClock
from twsloop.errors import NotConnected, RequestError
from twsloop.events import (
    CommissionReported,
    Fact,
    Fill,
    GapReport,
    OrderIdsRolledBack,
    SessionChanged,
    to_record,
)
from twsloop.gateway import IBGateway
from twsloop.orders.asking_again import FACTOR, LOOKS
from twsloop.orders.builders import limit_order
from twsloop.orders.state import OrderStatus
from twsloop.session.state import State

EXEC = "0000e0d5.6ab9ea82.01.01"
LOST = error(-1, 1100, "Connectivity between IBKR and Trader Workstation has been lost.")
BACK = error(-1, 1102, "Connectivity has been restored - data maintained.")
#: [orders] look_again of these tests, seconds.
AGAIN = 5.0


class Gateway(FakeTws):
    """Lists what a test says, and counts how often it was asked."""

    def __init__(self, **options: Any) -> None:
        super().__init__(refuse=self._count, **options)
        self.asked: list[str] = []
        self.readonly = False

    def _count(self, _fake: FakeTws, name: str, _request: Any) -> bool:
        self.asked.append(name)
        if name == "reqPositions":
            self._told_positions = False  # it tells them each time
        if self.readonly and name in {"reqAllOpenOrders", "reqCompletedOrders"}:
            self._write(error(-1, 321, "cause - The API interface is currently in Read-Only mode."))
            return True
        return False

    def _write(self, body: bytes) -> None:
        assert self._peer is not None
        self._peer.writer.write(len(body).to_bytes(4, "big") + body)

    def looks(self) -> int:
        """How often the open orders were asked for."""
        return self.asked.count("reqAllOpenOrders")


class Gaps:
    """A client, its gateway, and what it reports."""

    def __init__(self, tws: Gateway, gateway: IBGateway, clock: ManualClock | None) -> None:
        self.tws, self.gateway, self.clock = tws, gateway, clock
        self.reports, self.fills = Heard(), Heard()
        self.told: list[Any] = []
        gateway.observe(GapReport, self.reports)
        gateway.observe(Fill, self.fills)
        gateway.observe(Fact, self.told.append)

    def settle(self) -> None:
        """Return when all that was said before has been heard."""
        self.gateway.executions().result(PATIENCE)

    def lose(self) -> None:
        """The link is lost, and made again."""
        self.tws.hang_up()


@contextmanager
def gaps(clock: ManualClock | None = None, **more: Any) -> Iterator[Gaps]:
    tws = Gateway(**{key: more.pop(key) for key in ("silent", "next_id") if key in more})
    more.setdefault("orders__look_again", 0)
    with tws, IBGateway(config(tws, **more), clock=clock) as gateway:
        yield Gaps(tws, gateway, clock)


def position(quantity: float) -> bytes:
    contract = {"conId": 265598, "symbol": "AAPL", "secType": "STK", "exchange": "SMART"}
    return message(
        "position", account="DU1234567", contract=contract, position=str(quantity), avgCost=100.0
    )


# ---- a lost link -------------------------------------------------------------------------


@pytest.mark.parametrize("name", SESSIONS)
def test_what_filled_while_nobody_was_connected_is_told_once_and_reported(name: str) -> None:
    with open_session(name, feed="manual") as (paper, client):
        reports, fills, costs = Heard(), Heard(), Heard()
        client.observe(GapReport, reports)
        client.observe(Fill, fills)
        client.observe(CommissionReported, costs)
        for symbol in ("AAPL", "MSFT"):
            paper.market.set_price(symbol, bid=100.0, ask=100.1)
        client.positions().result(PATIENCE)
        own = Heard()
        bought = client.orders.place("AAPL", limit_order("BUY", 100, 90), tag="dip", on_fill=own)
        kept = client.place_order("MSFT", limit_order("BUY", 10, 90))
        for trade in (bought, kept):
            until(trade, OrderStatus.SUBMITTED)
        refusing = paper.faults.refuse()
        paper.faults.reset()
        paper.market.quote("AAPL", 80.0, 80.1, ask_size=1000)
        refusing.end()
        report = reports.next()
        assert (report.cause, report.epoch_before, report.epoch) == ("link", 1, 2)
        assert report.began <= report.ended <= report.time
        assert report.unknown == ()
        assert report.complete
        assert [row.order_id for row in report.of("filled")] == [bought.order_id]
        assert [row.order_id for row in report.of("unchanged")] == [kept.order_id]
        assert {row.reason for row in report.orders} == {""}
        (row,) = report.of("filled")
        assert (row.before, row.after, row.tag) == ("Submitted", "Filled", "dip")
        assert (row.filled_before, row.filled_after) == (0, 100)
        (missed,) = report.executions
        assert missed.shares == 100
        assert [paid.exec_id for paid in report.commissions] == [missed.exec_id]
        (held,) = report.positions
        assert (held.symbol, held.before, held.after, held.by_fills) == ("AAPL", 0, 100, 100)
        assert held.explained
        assert bought.done.result(PATIENCE) is OrderStatus.FILLED
        client.executions().result(PATIENCE)  # they are listed once more, and told to nobody
        assert [fill.exec_id for fill in (fills.next(), *fills.rest())] == [missed.exec_id]
        assert [fill.exec_id for fill in (own.next(), *own.rest())] == [missed.exec_id]
        assert len([costs.next(), *costs.rest()]) == 1
        assert client.orders.gap_reports == (report,)
        record = json.loads(json.dumps(to_record(report)))
        assert record["orders"][0]["verdict"] == "filled"
        assert record["executions"][0]["shares"] == "100"
        assert record["positions"][0]["explained"] is True


def test_orders_and_executions_are_told_before_ready_and_the_report_behind_it() -> None:
    with gaps() as case:
        trade = working(case.tws, case.gateway)
        case.tws.executions = [execution(trade.order_id, EXEC, 10), commission(EXEC)]
        case.told.clear()
        case.lose()
        case.reports.next()
        kinds = [
            fact.new if isinstance(fact, SessionChanged) else type(fact).__name__
            for fact in tuple(case.told)
        ]
        assert kinds.index("Fill") < kinds.index("READY") < kinds.index("GapReport")


def test_an_order_that_the_gateway_has_lost_is_uncertain_and_not_cancelled() -> None:
    with gaps() as case:
        shown = working(case.tws, case.gateway)
        unanswered = buy(case.gateway)
        case.tws.next("placeOrder")
        until(unanswered, OrderStatus.PENDING_SUBMIT)
        case.lose()
        report = case.reports.next()
        assert shown.done.result(PATIENCE) is OrderStatus.UNCERTAIN
        assert [row.order_id for row in report.of("vanished")] == [shown.order_id]
        assert [row.order_id for row in report.of("uncertain")] == [unanswered.order_id]
        assert "neither open nor completed" in report.of("vanished")[0].reason
        assert not report.complete
        assert "placeOrder" not in case.tws.asked[case.tws.asked.index("startApi", 1) :]
        # The next report says what is still unknown, and the one after that it is no more.
        again = case.gateway.orders.reconcile().result(PATIENCE)
        lost = {shown.order_id, unanswered.order_id}
        assert {row.order_id for row in again.of("uncertain")} == lost
        case.tws.open_orders = [open_order(order_id, "Submitted") for order_id in lost]
        found = case.gateway.orders.reconcile().result(PATIENCE)
        assert {(row.order_id, row.reason) for row in found.of("moved")} == {
            (order_id, "") for order_id in lost
        }
        assert found.complete


def test_an_order_that_nobody_knew_appeared_and_one_that_changed_moved() -> None:
    with gaps() as case:
        trade = working(case.tws, case.gateway)
        foreign = open_order(77, "Submitted", clientId=5, permId=4711)
        case.tws.open_orders = [open_order(trade.order_id, "Submitted", lmtPrice=99.0), foreign]
        case.lose()
        report = case.reports.next()
        assert [row.order_id for row in report.of("moved")] == [trade.order_id]
        (row,) = report.of("appeared")
        assert (row.perm_id, row.client_id, row.own, row.before) == (4711, 5, False, None)


def test_a_position_that_no_execution_explains_is_said() -> None:
    with gaps() as case:
        case.settle()
        case.tws.positions = [position(25)]
        case.lose()
        report = case.reports.next()
        (row,) = report.positions
        # Another client may have traded: its executions are not told to this one.
        assert (row.before, row.after, row.by_fills, row.explained) == (0, 25, 0, None)
        assert not report.complete
        assert "1 position changed by no execution that this client is told of" in str(report)


def test_positions_that_are_not_wanted_are_not_missed() -> None:
    with gaps(orders__compare_positions=False) as case:
        case.settle()
        case.lose()
        report = case.reports.next()
        assert (report.positions, report.unknown, report.complete) == ((), (), True)
        assert "reqPositions" not in case.tws.asked


def test_two_gaps_between_which_nothing_was_told_are_one() -> None:
    with gaps() as case:
        trade = working(case.tws, case.gateway)
        case.tws.silent = ("reqAllOpenOrders",)
        case.lose()
        case.tws.next("reqAllOpenOrders")  # ... and no answer
        case.tws.silent = ()
        case.tws.open_orders = [open_order(trade.order_id, "Submitted")]
        case.lose()
        report = case.reports.next()
        assert (report.epoch_before, report.epoch) == (1, 3)
        assert [row.before for row in report.orders] == ["Submitted"]
        assert case.reports.rest() == []


def test_executions_that_are_not_listed_any_more_are_kept() -> None:
    """At midnight the gateway forgets those of the day before (domain.md c)."""
    with gaps() as case:
        trade = working(case.tws, case.gateway)
        case.tws.say(execution(trade.order_id, EXEC, 4), commission(EXEC))
        case.fills.next()
        case.tws.open_orders = [open_order(trade.order_id, "Submitted", filledQuantity="4")]
        case.lose()
        report = case.reports.next()
        assert report.executions == ()
        assert [row.verdict for row in report.orders] == ["unchanged"]
        assert [fill.exec_id for fill in trade.fills] == [EXEC]
        assert trade.filled == 4
        assert case.fills.rest() == []


def test_the_lists_of_the_day_are_read_and_not_gathered() -> None:
    """A day has thousands of orders, each of several kilobytes as IB's client makes it."""
    many = 200
    completed = message(
        "completedOrder",
        contract={"conId": 265598, "symbol": "AAPL", "secType": "STK", "exchange": "SMART"},
        order={"permId": 4711, "action": "BUY", "totalQuantity": "10", "orderType": "MKT"},
        orderState={"status": "Filled", "completedStatus": "Filled Size: 10"},
    )
    with gaps() as case:
        case.tws.silent = ("reqCompletedOrders",)
        reconciled = case.gateway.orders.reconcile()
        case.tws.next("reqCompletedOrders")
        before = objects(Order)
        case.tws.say(*[completed] * many)
        case.settle()
        assert objects(Order) < before + many // 2
        case.tws.say(message("completedOrdersEnd"))
        assert reconciled.result(PATIENCE).complete
        # Who asks for the list has all of it.
        listed = case.gateway.orders.completed()
        case.tws.next("reqCompletedOrders")
        case.tws.say(*[completed] * many, message("completedOrdersEnd"))
        assert len(listed.result(PATIENCE)) == many


# ---- what stays unknown ------------------------------------------------------------------


def test_an_uncertain_order_is_asked_for_again_until_the_lists_tell() -> None:
    clock = ManualClock()
    with gaps(clock, orders__look_again=AGAIN) as case:
        trade = working(case.tws, case.gateway)
        lose_at(case, clock)
        case.reports.next()
        assert trade.status is OrderStatus.UNCERTAIN
        looks = case.tws.looks()
        clock.advance(AGAIN)
        case.settle()
        assert case.tws.looks() == looks + 1
        assert "asked again (1 of 5 times)" in trade.log[-1].text
        case.tws.open_orders = [open_order(trade.order_id, "Submitted")]
        clock.advance(AGAIN * FACTOR)
        until(trade, OrderStatus.SUBMITTED)
        case.settle()
        for wait in range(2, LOOKS):
            clock.advance(AGAIN * FACTOR**wait)
            case.settle()
        assert case.tws.looks() == looks + 2  # there is nothing more to ask


def test_the_asking_has_an_end_and_can_be_done_by_hand() -> None:
    clock = ManualClock()
    with gaps(clock, orders__look_again=AGAIN) as case:
        trade = working(case.tws, case.gateway)
        lose_at(case, clock)
        case.reports.next()
        looks = case.tws.looks()
        for wait in range(LOOKS + 2):
            clock.advance(AGAIN * FACTOR**wait)
            case.settle()
        assert case.tws.looks() == looks + LOOKS
        assert [entry.source for entry in trade.log].count("uncertain") == 1
        assert trade.status is OrderStatus.UNCERTAIN
        case.tws.open_orders = [open_order(trade.order_id, "Submitted")]
        assert trade.look_again().result(PATIENCE) is OrderStatus.SUBMITTED
        assert "placeOrder" not in case.tws.asked[case.tws.asked.index("startApi", 1) :]


def lose_at(case: Gaps, clock: ManualClock) -> None:
    """The link is lost; the time of the next attempt comes."""
    waiting = Heard()
    end = case.gateway.observe(SessionChanged, lambda fact: waiting(fact.new))
    case.lose()
    waiting.until(lambda state: state == State.WAITING.name)
    end()
    clock.advance(1)


def test_a_list_that_did_not_end_is_said_and_asked_for_again() -> None:
    clock = ManualClock()
    with gaps(clock, orders__look_again=AGAIN, connection__request_timeout=1.0) as case:
        trade = working(case.tws, case.gateway)
        case.tws.silent = ("reqCompletedOrders",)
        lose_at(case, clock)
        case.tws.next("reqCompletedOrders")
        case.gateway.event_loop.call(lambda: None)
        clock.advance(1.0)
        report = case.reports.next()
        assert any("completed orders" in what for what in report.unknown)
        assert [row.verdict for row in report.orders] == ["uncertain"]
        assert trade.status is OrderStatus.SUBMITTED  # nobody said anything else
        assert not case.gateway.orders_known
        case.tws.silent = ()
        clock.advance(AGAIN)
        case.settle()
        assert case.gateway.orders_known
        assert trade.done.result(PATIENCE) is OrderStatus.UNCERTAIN


def test_a_read_only_gateway_is_not_asked_again() -> None:
    clock = ManualClock()
    with gaps(clock, orders__look_again=AGAIN) as case:
        case.tws.readonly = True
        lose_at(case, clock)
        report = case.reports.next()
        assert any("Read-Only" in what for what in report.unknown)
        looks = case.tws.looks()
        clock.advance(AGAIN)
        case.settle()
        assert case.tws.looks() == looks


# ---- within a session --------------------------------------------------------------------


def test_after_1102_the_orders_are_compared_too() -> None:
    with gaps() as case:
        filled, gone = working(case.tws, case.gateway), working(case.tws, case.gateway)
        case.tws.say(LOST)
        case.tws.executions = [execution(filled.order_id, EXEC, 10), commission(EXEC)]
        case.tws.say(BACK)
        report = case.reports.next()
        assert (report.cause, report.epoch_before, report.epoch) == ("server", 1, 1)
        assert "1100" in report.reason
        assert [row.order_id for row in report.of("filled")] == [filled.order_id]
        assert [row.order_id for row in report.of("vanished")] == [gone.order_id]
        assert [fill.exec_id for fill in report.executions] == [EXEC]


def test_an_order_that_is_placed_while_they_are_compared_is_not_judged() -> None:
    with gaps() as case:
        case.tws.silent = ("reqAllOpenOrders",)
        case.tws.say(LOST, BACK)
        case.tws.next("reqAllOpenOrders")
        trade = working(case.tws, case.gateway)
        case.tws.say(message("openOrderEnd"))
        report = case.reports.next()
        assert report.orders == ()
        assert trade.status is OrderStatus.SUBMITTED


def test_an_order_whose_outcome_the_gateway_does_not_know_is_looked_for() -> None:
    with gaps() as case:
        trade = working(case.tws, case.gateway)
        text = "Connection lost, order data could not be resolved"
        case.tws.say(error(trade.order_id, 10328, text))
        report = case.reports.next()
        assert report.cause == "order"
        assert text in report.reason
        assert trade.done.result(PATIENCE) is OrderStatus.UNCERTAIN


@pytest.mark.parametrize("name", SESSIONS)
def test_it_can_be_asked_for_at_any_time(name: str) -> None:
    with open_session(name, feed="manual") as (paper, client):
        paper.market.set_price("AAPL", bid=100.0, ask=100.1)
        trade = client.place_order("AAPL", limit_order("BUY", 1, 90))
        until(trade, OrderStatus.SUBMITTED)
        report = client.orders.reconcile().result(PATIENCE)
        assert report.cause == "asked"
        assert report.complete
        assert [(row.order_id, row.verdict) for row in report.orders] == [
            (trade.order_id, "unchanged")
        ]


def test_without_a_session_nothing_can_be_asked() -> None:
    with gaps(reconnect__enabled=False) as case:
        trade = working(case.tws, case.gateway)
        case.lose()
        assert trade.done.result(PATIENCE) is OrderStatus.UNCERTAIN
        report = case.gateway.orders.reconcile()
        with pytest.raises((NotConnected, RequestError)):
            report.result(PATIENCE)
        with pytest.raises((NotConnected, RequestError)):
            trade.look_again().result(PATIENCE)


# ---- ids ---------------------------------------------------------------------------------


def test_after_ids_were_rolled_back_none_is_used_twice() -> None:
    with gaps(next_id=40) as case:
        trade = working(case.tws, case.gateway)
        rolled = Heard()
        case.gateway.observe(OrderIdsRolledBack, rolled)
        case.tws.next_id = 1
        case.tws.open_orders = [open_order(trade.order_id, "Submitted")]
        case.lose()
        fact = rolled.next()
        assert (fact.told, fact.known) == (1, trade.order_id + 1)
        assert case.reports.next().ids_rolled_back
        assert buy(case.gateway).order_id == trade.order_id + 1


def test_ids_that_go_on_are_no_news() -> None:
    with gaps() as case:
        trade = working(case.tws, case.gateway)
        case.tws.next_id = trade.order_id + 1
        case.tws.open_orders = [open_order(trade.order_id, "Submitted")]
        case.lose()
        assert not case.reports.next().ids_rolled_back
        case.tws.say(order_status(trade.order_id, "Cancelled"))
        assert trade.done.result(PATIENCE) is OrderStatus.CANCELLED
