"""The book against a gateway whose reports go wrong: late, twice, never, out of order, or false."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import attrs
import pytest

from tests.orders.test_sessions import until
from tests.support.desk import PATIENCE, Heard, config_for, settle
from tests.support.sessions import SESSIONS
from twsloop import IBGateway, PaperGateway
from twsloop.clock import ManualClock
from twsloop.events import CommissionReported, Fill, GapReport, OrderFilled, OrderIdsRolledBack
from twsloop.orders.builders import limit_order
from twsloop.orders.state import OrderStatus
from twsloop.orders.trade import Trade
from twsloop.paper.faults.reports import KINDS

SIZE, DIP = 100, 90.0


@attrs.frozen
class Floor:
    """A gateway whose time and market the test moves, a client, and what that is told."""

    paper: PaperGateway
    client: IBGateway
    fills: Heard = attrs.Factory(Heard)
    costs: Heard = attrs.Factory(Heard)
    ends: Heard = attrs.Factory(Heard)
    reports: Heard = attrs.Factory(Heard)

    def listen(self) -> None:
        """Hear the facts."""
        for kind, heard in (
            (Fill, self.fills),
            (CommissionReported, self.costs),
            (OrderFilled, self.ends),
            (GapReport, self.reports),
        ):
            self.client.observe(kind, heard)

    def works(self) -> Trade:
        """An order that works."""
        trade = self.client.orders.place("AAPL", limit_order("BUY", SIZE, DIP))
        until(trade, OrderStatus.SUBMITTED)
        return trade

    def dip(self) -> None:
        """The market comes to it."""
        self.paper.market.quote("AAPL", DIP - 1, DIP - 0.5, ask_size=1000)

    def pass_time(self, seconds: float) -> None:
        """The gateway's time goes on."""
        self.paper.market.advance(seconds)

    def settle(self) -> None:
        """Return when all that the gateway has said was heard."""
        settle(self.client)

    def is_right(self, trade: Trade) -> None:
        """The order is filled, and everything about it was told just once."""
        assert trade.done.result(PATIENCE) is OrderStatus.FILLED
        assert trade.settled.result(PATIENCE) is OrderStatus.FILLED
        self.settle()
        assert [fill.shares for fill in trade.fills] == [SIZE]
        assert trade.filled == SIZE
        assert len(trade.commissions) == 1
        assert len([self.fills.next(), *self.fills.rest()]) == 1
        assert len([self.costs.next(), *self.costs.rest()]) == 1
        assert len([self.ends.next(), *self.ends.rest()]) == 1
        (row,) = self.client.positions().result(PATIENCE)
        assert row.quantity == SIZE


@contextmanager
def open_floor(name: str, patience: float = 0.05) -> Iterator[Floor]:
    version, loop_factory = SESSIONS[name]
    with PaperGateway(max_version=version, feed="manual", clock=ManualClock()) as paper:
        paper.market.set_price("AAPL", bid=100.0, ask=100.1)
        settings = config_for(
            paper,
            reconnect__first_delay=0.01,
            reconnect__cap=0.02,
            orders__look_again=0.05,
            orders__commission_timeout=patience,
        )
        with IBGateway(settings, loop_factory=loop_factory) as client:
            client.positions().result(PATIENCE)
            made = Floor(paper, client)
            made.listen()
            yield made


@pytest.fixture(params=SESSIONS)
def floor(request: pytest.FixtureRequest) -> Iterator[Floor]:
    with open_floor(request.param) as made:
        yield made


# ---- on their way ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS[:4])
def test_late_reports(floor: Floor, kind: str) -> None:
    trade = floor.works()
    floor.paper.faults.late_reports(kind=kind, seconds=3.0)
    floor.dip()
    floor.settle()
    floor.pass_time(3.0)
    floor.is_right(trade)


@pytest.mark.parametrize("kind", KINDS[:4])
def test_reports_that_come_three_times(floor: Floor, kind: str) -> None:
    trade = floor.works()
    floor.paper.faults.duplicate_reports(kind=kind, times=2)
    floor.dip()
    floor.is_right(trade)


@pytest.mark.parametrize("kind", KINDS[:4])
def test_reports_that_never_come(floor: Floor, kind: str) -> None:
    trade = floor.works()
    floor.paper.faults.missing_reports(kind=kind)
    floor.dip()
    # What it cost, and what it traded, is asked for after [orders] commission_timeout.
    floor.is_right(trade)


@pytest.mark.parametrize("name", SESSIONS)
def test_an_execution_that_was_never_told_is_found_by_comparing(name: str) -> None:
    with open_floor(name, patience=600) as floor:
        trade = floor.works()
        floor.paper.faults.missing_reports(kind="execDetails")
        floor.dip()
        assert trade.done.result(PATIENCE) is OrderStatus.FILLED
        floor.settle()
        assert trade.fills == ()
        report = floor.client.orders.reconcile().result(PATIENCE)
        assert [fill.shares for fill in report.executions] == [SIZE]
        assert report.positions == ()  # the position was told before
        assert report.complete
        assert "changed by no" not in str(report)
        floor.is_right(trade)


@pytest.mark.parametrize(
    ("kind", "after"),
    [
        ("execDetails", "commissionAndFeesReport"),
        ("execDetails", "orderStatus"),
        ("openOrder", "orderStatus"),
        ("orderStatus", "commissionAndFeesReport"),
    ],
)
def test_reports_out_of_their_order(floor: Floor, kind: str, after: str) -> None:
    trade = floor.works()
    floor.paper.faults.reordered_reports(kind=kind, after=after)
    floor.dip()
    floor.is_right(trade)


def test_reports_in_any_order(floor: Floor) -> None:
    floor.paper.faults.shuffled_reports()
    trade = floor.works()
    floor.dip()
    floor.is_right(trade)


# ---- of one order ------------------------------------------------------------------------


def test_a_warning_ends_no_order(floor: Floor) -> None:
    trade = floor.works()
    for code in (399, 404, 2109, 2161, 10349):
        floor.paper.faults.order_warning(code=code)
    floor.settle()
    assert sum(entry.source == "error" for entry in trade.log) == 5
    assert trade.status is OrderStatus.SUBMITTED
    floor.dip()
    floor.is_right(trade)


@pytest.mark.parametrize("story", ["rejected_then_alive", "inactive_then_alive"])
def test_an_order_that_lives_after_all(floor: Floor, story: str) -> None:
    trade = floor.works()
    getattr(floor.paper.faults, story)(seconds=1.0)
    floor.settle()
    assert trade.status in {OrderStatus.REJECTED, OrderStatus.INACTIVE}
    floor.pass_time(1.0)
    until(trade, OrderStatus.SUBMITTED)
    floor.dip()
    until(trade, OrderStatus.FILLED)
    assert floor.fills.next().shares == SIZE
    assert trade.filled == SIZE


def test_an_order_that_fills_after_it_was_cancelled(floor: Floor) -> None:
    trade = floor.works()
    floor.paper.faults.cancelled_but_alive()
    assert trade.done.result(PATIENCE) is OrderStatus.CANCELLED
    floor.dip()
    until(trade, OrderStatus.FILLED)
    assert floor.fills.next().shares == SIZE


def dead(floor: Floor) -> Trade:
    """An order that is told to be cancelled, and is alive."""
    trade = floor.works()
    floor.paper.faults.cancelled_but_alive()
    assert trade.done.result(PATIENCE) is OrderStatus.CANCELLED
    floor.settle()
    return trade


def lives(floor: Floor, trade: Trade, report: GapReport) -> None:
    """It is shown alive, it is said so, and it can be cancelled, or fill."""
    assert trade.status is OrderStatus.SUBMITTED
    assert trade.active
    (row,) = report.of("revived")
    assert (row.order_id, row.after) == (trade.order_id, "Submitted")
    floor.dip()
    until(trade, OrderStatus.FILLED)
    floor.settle()
    assert [fill.shares for fill in trade.fills] == [SIZE]
    assert [fill.shares for fill in (floor.fills.next(), *floor.fills.rest())] == [SIZE]


def test_an_order_that_was_told_cancelled_and_is_listed_lives(floor: Floor) -> None:
    trade = dead(floor)
    lives(floor, trade, floor.client.orders.reconcile().result(PATIENCE))


def test_an_order_that_was_told_cancelled_lives_in_the_next_session(floor: Floor) -> None:
    trade = dead(floor)
    floor.paper.faults.reset()
    lives(floor, trade, floor.reports.next())


def test_an_order_that_was_told_cancelled_lives_after_an_outage(floor: Floor) -> None:
    trade = dead(floor)
    floor.paper.faults.server_lost().end()
    lives(floor, trade, floor.reports.next())


def test_whoever_asks_for_open_orders_finds_the_one_that_was_told_cancelled(floor: Floor) -> None:
    trade = dead(floor)
    (row,) = floor.client.open_orders().result(PATIENCE)
    assert (row.order_id, row.status) == (trade.order_id, OrderStatus.SUBMITTED)
    trade.cancel()
    until(trade, OrderStatus.CANCELLED)
    report = floor.client.orders.reconcile().result(PATIENCE)
    assert report.of("revived") == ()
    assert trade.status is OrderStatus.CANCELLED


def test_a_word_of_an_order_that_was_on_its_way_revives_nothing(floor: Floor) -> None:
    trade = floor.works()
    floor.paper.faults.late_reports(kind="orderStatus", seconds=5.0)
    floor.paper.faults.bare_status()
    trade.cancel()
    assert trade.done.result(PATIENCE) is OrderStatus.CANCELLED
    floor.pass_time(5.0)
    floor.settle()
    assert trade.status is OrderStatus.CANCELLED
    report = floor.client.orders.reconcile().result(PATIENCE)
    assert report.of("revived") == ()
    assert trade.status is OrderStatus.CANCELLED


def test_a_status_alone(floor: Floor) -> None:
    trade = floor.works()
    floor.paper.faults.bare_status(times=3)
    floor.settle()
    assert trade.status is OrderStatus.SUBMITTED
    floor.dip()
    floor.is_right(trade)


def test_an_outcome_that_is_not_known_is_looked_up(floor: Floor) -> None:
    trade = floor.works()
    floor.paper.faults.order_unresolved()
    report = floor.reports.next()
    assert report.cause == "order"
    assert [row.verdict for row in report.orders] == ["unchanged"]
    floor.dip()
    floor.is_right(trade)


def test_a_corrected_execution_replaces_the_first(floor: Floor) -> None:
    trade = floor.works()
    floor.dip()
    floor.is_right(trade)
    (first,) = trade.fills
    floor.paper.faults.execution_corrected(change=0.25)
    corrected = floor.fills.next()
    assert corrected.corrects == first.exec_id
    assert abs(corrected.price - first.price) == Decimal("0.25")
    assert trade.fills == (corrected,)
    assert trade.filled == SIZE


# ---- restarts ----------------------------------------------------------------------------


@pytest.mark.parametrize("push", ["usual", "before", "after", "never"])
def test_a_restart_that_keeps_orders_and_loses_ids(floor: Floor, push: str) -> None:
    rolled = Heard()
    floor.client.observe(OrderIdsRolledBack, rolled)
    trade = floor.works()
    floor.paper.faults.nightly_restart(next_id="reset", push=push).end()
    report = floor.reports.next()
    assert report.cause == "link"
    assert [row.verdict for row in report.orders] == ["unchanged"]
    assert report.ids_rolled_back
    assert rolled.next().known == trade.order_id + 1
    later = floor.works()
    assert later.order_id > trade.order_id
    floor.dip()
    for each in (trade, later):
        assert each.settled.result(PATIENCE) is OrderStatus.FILLED


def test_what_fills_while_the_gateway_restarts(floor: Floor) -> None:
    trade = floor.works()
    restart = floor.paper.faults.nightly_restart()
    floor.dip()
    restart.end()
    report = floor.reports.next()
    assert [row.verdict for row in report.orders] == ["filled"]
    assert [fill.shares for fill in report.executions] == [SIZE]
    assert [row.explained for row in report.positions] == [True]
    assert report.complete
    floor.is_right(trade)


def test_a_restart_that_loses_orders_leaves_them_uncertain(floor: Floor) -> None:
    trade = floor.works()
    floor.paper.faults.nightly_restart(orders="lost").end()
    report = floor.reports.next()
    assert [row.verdict for row in report.orders] == ["vanished"]
    assert trade.done.result(PATIENCE) is OrderStatus.UNCERTAIN
    assert trade.look_again().result(PATIENCE) is OrderStatus.UNCERTAIN
    # It is never sent again by itself.
    assert floor.client.open_orders().result(PATIENCE) == []


def test_an_order_that_the_gateway_does_not_see_may_fill_yet(floor: Floor) -> None:
    trade = floor.works()
    floor.paper.faults.nightly_restart(orders="unseen").end()
    assert [row.verdict for row in floor.reports.next().orders] == ["vanished"]
    floor.dip()
    until(trade, OrderStatus.FILLED)
    assert floor.fills.next().shares == SIZE


def test_executions_of_yesterday_are_kept_here(floor: Floor) -> None:
    trade = floor.works()
    floor.dip()
    floor.is_right(trade)
    floor.paper.faults.nightly_restart(executions="cut").end()
    report = floor.reports.next()
    assert report.executions == ()
    assert floor.client.executions().result(PATIENCE) == []
    assert [fill.shares for fill in trade.fills] == [SIZE]
    assert trade.status is OrderStatus.FILLED


# ---- the server --------------------------------------------------------------------------


@pytest.mark.parametrize("data", ["kept", "lost"])
def test_what_fills_while_the_gateway_has_no_server(floor: Floor, data: str) -> None:
    trade = floor.works()
    lost = floor.paper.faults.server_lost(data=data)
    floor.dip()
    floor.settle()
    assert trade.status is OrderStatus.SUBMITTED
    lost.end()
    report = floor.reports.next()
    assert report.cause == "server"
    assert [row.order_id for row in report.orders] == [trade.order_id]
    floor.is_right(trade)


def test_an_order_that_was_placed_while_the_gateway_had_no_server(floor: Floor) -> None:
    lost = floor.paper.faults.server_lost()
    trade = floor.client.orders.place("AAPL", limit_order("BUY", SIZE, DIP))
    floor.settle()
    lost.end()
    floor.reports.next()
    until(trade, OrderStatus.SUBMITTED)
    floor.dip()
    floor.is_right(trade)
