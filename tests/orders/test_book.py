"""The book takes IB's reports in any order and any number, and ends at the truth."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ibapi.const import UNSET_DOUBLE
from ibapi.order import Order

from tests.support.orders import (
    commission,
    echo,
    execution,
    filled_contract,
    order_state,
    with_fields,
)
from twsloop.contracts import combo, stock, symbol_of
from twsloop.events import (
    CommissionReported,
    Ends,
    Fill,
    Notice,
    OrderCancelled,
    OrderCreated,
    OrderFilled,
    OrderPartiallyFilled,
    OrderRejected,
    OrderSubmitted,
)
from twsloop.orders.book import Change, OrderBook
from twsloop.orders.builders import limit_order, market_order
from twsloop.orders.state import OrderInput, OrderRecord, OrderStatus
from twsloop.wire.values import decimal_or_none

NOW = datetime(2026, 9, 28, 13, 32, 25, tzinfo=UTC)
A1, A2 = "0000e0d5.6ab9ea82.01.01", "0000e0d5.6ab9ea82.01.02"
B1 = "0000e0d5.6ab9ea83.01.01"


class Desk:
    """A book with one order of 100 shares, and IB's callbacks in short."""

    def __init__(self, order: Order | None = None, contract: Any = None) -> None:
        self.book = OrderBook(symbol_of)
        self.order = order or limit_order("BUY", 100, "189.50")
        self.contract = contract or stock("AAPL")
        self.facts: list[object] = []
        record = OrderRecord(1, 0, self.contract, self.order)
        self.book.create(record, NOW)
        self.created = self.book.created(record, NOW)
        self.keep(self.created)

    @property
    def record(self) -> OrderRecord:
        found = self.book.find(0, 1)
        assert found is not None
        return found

    def keep(self, change: Change) -> Change:
        self.facts.extend(change.facts)
        return change

    def kinds(self) -> list[type]:
        return [type(fact) for fact in self.facts]

    def sent(self) -> Change:
        return self.keep(self.book.apply_input(self.record, OrderInput.SENT, NOW))

    def status(self, word: str, filled: Any = 0, average: float = 0.0, **more: Any) -> Change:
        done = Decimal(str(filled))
        change = self.book.apply_status(
            0,
            1,
            word,
            filled=done,
            remaining=Decimal(100) - done,
            average=average,
            perm_id=900,
            now=NOW,
            **more,
        )
        return self.keep(change)

    def open_order(self, word: str, **fields: Any) -> Change:
        shown = with_fields(echo(self.order), **fields)
        change = self.book.apply_open_order(
            0, 1, filled_contract(), shown, order_state(word), own=True, now=NOW
        )
        return self.keep(change)

    def fill(self, exec_id: str, shares: Any, price: float, **fields: Any) -> Change:
        contract = fields.pop("contract", filled_contract())
        report = execution(exec_id, shares, price, **fields)
        return self.keep(self.book.apply_execution(contract, report, NOW))

    def cost(self, exec_id: str, amount: float, **fields: Any) -> Change:
        report = commission(exec_id, amount, **fields)
        return self.keep(
            self.book.apply_commission(report, decimal_or_none(report.realizedPNL), NOW)
        )

    def error(self, code: int, text: str, *, kills: bool, reject: str = "") -> Change:
        ends = Ends.ORDER if kills else Ends.NOTHING
        notice = Notice(time=NOW, req_id=1, code=code, text=text, ends=ends, advanced_reject=reject)
        return self.keep(self.book.apply_error(self.record, notice, NOW))


def test_the_usual_life() -> None:
    desk = Desk()
    assert desk.record.status is OrderStatus.CREATED
    desk.sent()
    desk.open_order("PreSubmitted")
    desk.status("Submitted")
    desk.fill(A1, 40, 189.48)
    assert (desk.record.filled, desk.record.remaining) == (Decimal(40), Decimal(60))
    desk.status("Submitted", 40, 189.48)
    desk.cost(A1, 1.0)
    desk.fill(B1, 60, 189.5)
    desk.status("Filled", 100, 189.492)
    assert desk.record.final
    assert not desk.record.settled
    desk.cost(B1, 0.3)
    assert desk.record.settled
    assert desk.record.average_price == Decimal("189.492")
    assert desk.record.commission == Decimal("1.3")
    assert desk.kinds() == [
        OrderCreated,
        OrderSubmitted,
        Fill,
        OrderPartiallyFilled,
        CommissionReported,
        Fill,
        OrderFilled,
        CommissionReported,
    ]
    filled = desk.facts[6]
    assert isinstance(filled, OrderFilled)
    assert (filled.symbol, filled.action, filled.quantity) == ("AAPL", "BUY", Decimal(100))
    assert (filled.limit_price, filled.stop_price) == (Decimal("189.5"), None)
    assert (filled.perm_id, filled.con_id, filled.status) == (900, 265598, "Filled")
    assert filled.correlation_id == "order-0-1"


def test_equal_pairs_change_nothing() -> None:
    desk = Desk()
    assert desk.open_order("Submitted").changed
    assert desk.status("Submitted").changed  # the first status tells how much remains
    for _ in range(3):
        assert not desk.open_order("Submitted").changed
        assert not desk.status("Submitted").changed
    assert desk.kinds() == [OrderCreated, OrderSubmitted]


def test_a_market_order_without_a_filled_status() -> None:
    desk = Desk(market_order("BUY", 100))
    desk.status("PreSubmitted")
    desk.fill(A1, 100, 189.5)
    assert desk.record.status is OrderStatus.FILLED


def test_filled_status_before_its_executions() -> None:
    desk = Desk()
    desk.status("Filled", 100, 189.49)
    assert desk.record.final
    assert not desk.record.settled
    assert desk.record.average_price == Decimal("189.49")
    desk.fill(A1, 100, 189.49)
    desk.cost(A1, 1.0)
    assert desk.record.settled


def test_commission_before_its_execution() -> None:
    desk = Desk()
    change = desk.cost(A1, 1.0, realizedPNL=UNSET_DOUBLE)
    assert change.record is None
    desk.fill(A1, 100, 189.5)
    assert desk.record.settled
    assert desk.record.commission == Decimal("1.0")
    assert desk.book.executions.fills()[0].commission is not None


def test_repeated_executions_and_reports_count_once() -> None:
    desk = Desk()
    desk.fill(A1, 40, 189.5)
    desk.cost(A1, 1.0)
    assert not desk.fill(A1, 40, 189.5).changed
    assert not desk.cost(A1, 1.0).changed
    assert desk.record.filled == 40
    assert desk.record.commission == 1


def test_a_correction_replaces_and_brings_its_own_commission() -> None:
    desk = Desk()
    desk.fill(A1, 40, 189.5)
    desk.cost(A1, 1.0)
    change = desk.fill(A2, 30, 189.4)
    assert change.fills[0].corrects == A1
    assert desk.record.filled == 30
    assert desk.record.average_price == Decimal("189.4")
    assert desk.record.commission is None
    assert not desk.fill(A1, 40, 189.5).changed  # the old one again
    desk.cost(A2, 0.9)
    assert desk.record.commission == Decimal("0.9")
    assert [kept.fill.exec_id for kept in desk.book.executions.fills()] == [A2]


def test_partial_fill_then_cancel_settles_with_the_last_report() -> None:
    desk = Desk()
    desk.status("Submitted")
    desk.fill(A1, 40, 189.5)
    desk.status("Cancelled", 40, 189.5)
    desk.error(202, "Order Canceled - reason:", kills=True)
    assert desk.record.final
    assert not desk.record.settled
    desk.cost(A1, 1.0)
    assert desk.record.settled
    cancelled = next(fact for fact in desk.facts if isinstance(fact, OrderCancelled))
    assert (cancelled.filled, cancelled.remaining) == (Decimal(40), Decimal(60))


def test_a_cancelled_order_without_fills_is_settled() -> None:
    desk = Desk()
    desk.status("Submitted")
    desk.error(202, "Order Canceled - reason:", kills=True)
    assert desk.record.status is OrderStatus.CANCELLED
    assert desk.record.settled


def test_an_error_after_the_fill_is_only_noted() -> None:
    desk = Desk()
    desk.status("Filled", 100, 189.5)
    desk.error(201, "Order rejected - reason: too late", kills=True)
    assert desk.record.status is OrderStatus.FILLED
    assert (desk.record.reason, desk.record.error_code) == ("", None)
    assert "too late" in desk.record.log[-1].text


def test_fill_after_cancel() -> None:
    desk = Desk()
    desk.status("Cancelled")
    desk.fill(A1, 100, 189.5)
    desk.status("Filled", 100, 189.5)
    assert desk.record.status is OrderStatus.FILLED


def test_broker_reject() -> None:
    desk = Desk()
    desk.sent()
    desk.open_order("Inactive")
    desk.status("Inactive")
    assert not desk.record.final  # Inactive alone may be a hold
    desk.error(201, "Order rejected - reason:margin", kills=True)
    assert desk.record.status is OrderStatus.REJECTED
    assert desk.record.settled
    desk.open_order("Inactive")
    desk.status("Inactive")
    assert desk.record.status is OrderStatus.REJECTED
    assert (desk.record.error_code, desk.record.reason) == (201, "Order rejected - reason:margin")
    assert desk.record.ib_status == "Inactive"
    assert desk.kinds().count(OrderRejected) == 1


def test_refused_with_an_error_alone() -> None:
    desk = Desk()
    desk.sent()
    desk.error(110, "The price does not conform", kills=True)
    assert desk.record.status is OrderStatus.REJECTED


def test_a_warning_is_visible_and_ends_nothing() -> None:
    desk = Desk()
    assert desk.error(399, "Order Message: will be placed at 09:30", kills=False).changed
    assert desk.record.status is OrderStatus.CREATED
    assert "399" in desk.record.log[-1].text


def test_modify_and_its_refusal() -> None:
    desk = Desk()
    desk.open_order("Submitted")
    desk.status("Submitted")
    changed = echo(desk.record.order)
    changed.totalQuantity = Decimal(50)
    desk.book.replace(desk.record, changed, NOW)
    assert desk.record.total == 50
    desk.book.apply_refused_change(desk.record, NOW)
    assert desk.record.total == 100
    desk.book.replace(desk.record, changed, NOW)
    desk.order = changed
    assert desk.open_order("Submitted").changed
    assert desk.record.total == 50
    assert not desk.book.apply_refused_change(desk.record, NOW).changed


def test_the_echo_of_before_does_not_confirm_a_modification() -> None:
    # The gateway fills fields in (a limit order's trailStopPrice), so that its echo is never equal
    # to what was sent; only what was changed tells which of the two it shows.
    desk = Desk()
    desk.record.sent = desk.order
    changed = echo(desk.order)
    changed.lmtPrice = 190.0
    desk.book.replace(desk.record, changed, NOW)
    desk.open_order("Submitted", lmtPrice=189.5, trailStopPrice=190.5)
    assert desk.record.before_change is not None
    assert desk.record.order.lmtPrice == 190.0
    desk.open_order("Submitted", lmtPrice=190.05, trailStopPrice=191.05)  # rounded by the gateway
    assert desk.record.before_change is None
    assert desk.record.order.lmtPrice == 190.05


def test_an_execution_whose_order_turns_up_later() -> None:
    book = OrderBook(symbol_of)
    early = book.apply_execution(filled_contract(), execution(A1, 40, 189.5, order_id=7), NOW)
    assert early.record is None
    assert [type(fact) for fact in early.facts] == [Fill]
    shown = echo(limit_order("BUY", 100, 190), order_id=7)
    change = book.apply_open_order(
        0, 7, filled_contract(), shown, order_state("Submitted"), own=True, now=NOW
    )
    assert change.record is not None
    assert change.record.filled == 40


def test_an_order_made_by_hand_is_known_by_its_perm_id() -> None:
    book = OrderBook(symbol_of)
    shown = echo(limit_order("BUY", 100, 190), order_id=0, perm_id=77)
    made = book.apply_open_order(
        0, 0, filled_contract(), shown, order_state("Submitted"), own=False, now=NOW
    )
    again = book.apply_status(
        0, 0, "Filled", filled=100, remaining=0, average=190.0, perm_id=77, now=NOW
    )
    assert again.record is made.record
    assert again.record is not None
    assert not again.record.own
    assert again.record.status is OrderStatus.FILLED


def test_a_status_of_an_order_that_nobody_described_is_not_kept() -> None:
    book = OrderBook(symbol_of)
    change = book.apply_status(
        3, 9, "Submitted", filled=0, remaining=1, average=0.0, perm_id=5, now=NOW
    )
    assert change.record is None
    assert list(book) == []


def completed(desk: Desk, word: str, filled: int, perm_id: int = 900) -> Change:
    shown = echo(desk.order, order_id=0, perm_id=perm_id)
    shown.filledQuantity = Decimal(filled)
    return desk.keep(desk.book.apply_completed(filled_contract(), shown, order_state(word), NOW))


def test_a_completed_order_ends_an_uncertain_one() -> None:
    desk = Desk()
    desk.sent()
    desk.status("Submitted")
    completed(desk, "Cancelled", 0)
    assert desk.record.status is OrderStatus.CANCELLED


def test_an_order_that_ended_before_it_was_answered_is_known_by_its_token() -> None:
    """Sent, then the link is lost; a completed order has no order id."""
    desk = Desk(limit_order("BUY", 100, 1, orderRef="mine|tw:a.1.1"))
    desk.record.token = "a.1.1"
    desk.sent()
    desk.book.apply_input(desk.record, OrderInput.LINK_LOST, NOW)
    completed(desk, "Cancelled", 0)
    assert (desk.record.status, desk.record.perm_id) == (OrderStatus.CANCELLED, 900)
    desk.order.orderRef = "mine"
    assert completed(desk, "Filled", 100, perm_id=901).record is None


def test_ids_that_begin_anew_name_another_order() -> None:
    """Another client's ids were reset: what works now is not the order that ended."""
    book = OrderBook(symbol_of)

    def report(perm_id: int, word: str) -> OrderRecord:
        shown = echo(limit_order("BUY", 100, 1), order_id=5, client_id=7, perm_id=perm_id)
        state = order_state(word)
        change = book.apply_open_order(7, 5, filled_contract(), shown, state, own=False, now=NOW)
        assert change.record is not None
        return change.record

    old, new = report(900, "Filled"), report(901, "Submitted")
    assert (old.status, new.status) == (OrderStatus.FILLED, OrderStatus.SUBMITTED)
    assert book.live() == [new]
    late = execution(A1, 100, 1, order_id=5, client_id=7, perm_id=900)
    assert book.apply_execution(filled_contract(), late, NOW).record is old
    ended = book.apply_status(
        7, 5, "Cancelled", filled=0, remaining=100, average=0.0, perm_id=901, now=NOW
    )
    assert ended.record is new
    assert book.live() == []


def test_a_completed_order_of_somebody_else_concerns_nobody() -> None:
    desk = Desk()
    assert completed(desk, "Cancelled", 0, perm_id=55).record is None
    assert completed(desk, "Cancelled", 0, perm_id=0).record is None


def test_link_lost_before_an_answer() -> None:
    desk = Desk()
    desk.sent()
    change = desk.book.apply_input(desk.record, OrderInput.LINK_LOST, NOW, "link lost")
    assert change.changed
    assert desk.record.status is OrderStatus.UNCERTAIN
    assert not desk.record.final  # the next session can tell
    assert [change.record for change in desk.book.reconcile(desk.book.live(), [], NOW, "gone")] == [
        desk.record
    ]
    assert desk.record.final
    assert desk.record.settled


def test_reconcile_leaves_what_is_open_and_what_ended() -> None:
    desk = Desk()
    desk.status("Submitted")
    assert desk.book.reconcile(desk.book.live(), [desk.record], NOW, "gone") == []
    desk.fill(A1, 100, 189.5)
    assert desk.book.reconcile(desk.book.live(), [], NOW, "gone") == []
    assert desk.record.status is OrderStatus.FILLED


def test_an_abandoned_order_that_is_heard_of_again_is_alive() -> None:
    desk = Desk()
    desk.sent()
    desk.book.apply_input(desk.record, OrderInput.LINK_LOST, NOW)
    desk.book.reconcile(desk.book.live(), [], NOW, "gone")
    desk.open_order("Submitted")
    assert desk.record.status is OrderStatus.SUBMITTED
    assert not desk.record.final


def test_a_combo_counts_its_own_executions_and_pays_by_its_legs() -> None:
    bag = combo("AAPL", [(1, 1, "BUY"), (2, 1, "SELL")])
    desk = Desk(limit_order("BUY", 10, "1.5"), bag)
    desk.fill("a.b.01.01", 10, 1.5, contract=bag)
    desk.fill("a.b.01.01.01", 10, 4.0)
    desk.fill("a.b.01.02.01", 10, 2.5)
    assert desk.record.filled == 10
    assert desk.record.status is OrderStatus.FILLED
    assert not desk.record.settled
    desk.cost("a.b.01.01.01", 0.5)
    desk.cost("a.b.01.02.01", 0.5)
    assert desk.record.settled
    assert desk.record.average_price == Decimal("1.5")


def test_an_unknown_word_is_kept_and_ends_nothing() -> None:
    desk = Desk()
    desk.status("Submitted")
    desk.status("Pondering")
    assert desk.record.status is OrderStatus.OTHER
    assert desk.record.ib_status == "Pondering"
    assert not desk.record.final


#: One order's whole story, as single reports; 40 and 60 shares, each with its commission.
STORY: list[Callable[[Desk], object]] = [
    lambda desk: desk.open_order("PreSubmitted"),
    lambda desk: desk.status("Submitted"),
    lambda desk: desk.fill(A1, 40, 189.48),
    lambda desk: desk.status("Submitted", 40, 189.48),
    lambda desk: desk.cost(A1, 1.0),
    lambda desk: desk.fill(B1, 60, 189.5),
    lambda desk: desk.open_order("Filled"),
    lambda desk: desk.status("Filled", 100, 189.492),
    lambda desk: desk.cost(B1, 0.3),
]


@given(st.data())
def test_any_order_and_any_repetition_of_a_story_ends_the_same(data: st.DataObject) -> None:
    told = data.draw(st.permutations(range(len(STORY))))
    repeats = data.draw(st.lists(st.integers(0, len(STORY) - 1), max_size=10))
    desk = Desk()
    desk.sent()
    for step in (*told, *repeats):
        STORY[step](desk)
        assert desk.record.filled <= 100
        assert desk.record.filled + desk.record.remaining == 100
    assert desk.record.status is OrderStatus.FILLED
    assert desk.record.settled
    assert desk.record.average_price == Decimal("189.492")
    assert desk.record.commission == Decimal("1.3")
    kinds = desk.kinds()
    assert kinds.count(Fill) == 2
    assert kinds.count(CommissionReported) == 2
    assert kinds.count(OrderFilled) == 1
    assert kinds.count(OrderSubmitted) <= 1


@given(st.data())
def test_whatever_is_lost_the_count_is_never_too_high(data: st.DataObject) -> None:
    desk = Desk()
    desk.sent()
    for step in data.draw(st.lists(st.integers(0, len(STORY) - 1), max_size=12)):
        STORY[step](desk)
    record = desk.record
    assert 0 <= record.filled <= 100
    assert record.executed in {Decimal(0), Decimal(40), Decimal(60), Decimal(100)}
    if record.settled:
        assert record.status is OrderStatus.FILLED
        assert record.commission == Decimal("1.3")


@pytest.mark.parametrize("event", list(OrderInput))
def test_our_own_events_never_lose_a_fill(event: OrderInput) -> None:
    desk = Desk()
    desk.fill(A1, 40, 189.5)
    desk.book.apply_input(desk.record, event, NOW)
    assert desk.record.filled >= 40
