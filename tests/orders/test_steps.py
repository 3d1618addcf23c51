"""What a single report means: errors while changes are under way, ends of time, late echoes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from ibapi.order import Order

from tests.support.orders import echo, execution, filled_contract, order_state, with_fields
from twsloop.contracts import stock, symbol_of
from twsloop.errors import ContractError
from twsloop.events import Ends, Fact, Notice, OrderCancelled, OrderExpired, OrderRejected
from twsloop.orders.book import Change, OrderBook
from twsloop.orders.builders import limit_order
from twsloop.orders.state import OrderInput, OrderRecord, OrderStatus
from twsloop.orders.steps import ending

NOW = datetime(2026, 9, 28, 20, 0, 0, tzinfo=UTC)
CLOSE = NOW


class Working:
    """An order of 100 shares that the gateway has reported as working."""

    def __init__(self, word: str = "Submitted", closed: bool | None = None, **fields: Any) -> None:
        self.book = OrderBook(symbol_of, lambda _contract, _time, _outside: closed)
        self.order = with_fields(limit_order("BUY", 100, "189.50"), **fields)
        self.record = OrderRecord(1, 0, stock("AAPL"), self.order)
        self.facts: list[Fact] = []
        self.book.create(self.record, NOW)
        self.keep(self.book.created(self.record, NOW))
        self.record.sent = self.order
        self.keep(self.book.apply_input(self.record, OrderInput.SENT, NOW))
        if word:
            self.shows(self.order, word)

    def keep(self, change: Change) -> None:
        self.facts += change.facts

    def shows(self, order: Order, word: str = "Submitted") -> None:
        state = order_state(word)
        self.keep(
            self.book.apply_open_order(
                0, 1, filled_contract(), echo(order), state, own=True, now=NOW
            )
        )

    def says(self, word: str, now: datetime = NOW) -> None:
        self.keep(
            self.book.apply_status(
                0, 1, word, filled=0, remaining=100, average=0, perm_id=900, now=now
            )
        )

    def sized(self, size: int) -> Order:
        order = with_fields(echo(self.order), totalQuantity=Decimal(size))
        self.keep(self.book.replace(self.record, order, NOW))
        self.record.sent = order
        return order

    def error(self, code: int, text: str = "no", reject: str = "") -> Ends:
        notice = Notice(
            time=NOW, req_id=1, code=code, text=text, ends=Ends.ORDER, advanced_reject=reject
        )
        ends = ending(self.record, notice)
        self.keep(self.book.apply_error(self.record, notice, NOW))
        if ends is Ends.CHANGE:
            self.keep(self.book.apply_refused_change(self.record, NOW))
        return ends

    def fills(self, exec_id: str, shares: int) -> None:
        report = execution(exec_id, shares, 189.5)
        self.keep(self.book.apply_execution(filled_contract(), report, NOW))


# ---- errors ------------------------------------------------------------------------------


def test_an_error_while_a_change_is_under_way_is_about_the_change() -> None:
    order = Working()
    order.sized(50)
    assert order.error(201) is Ends.CHANGE
    assert order.record.status is OrderStatus.SUBMITTED
    assert order.record.total == 100


def test_the_refusal_of_a_change_ends_nothing_when_it_is_told_again() -> None:
    order = Working()
    order.sized(50)
    order.error(201, "Order rejected - reason: this change")
    assert order.error(201, "Order rejected - reason: this change") is Ends.NOTHING
    assert not order.record.final
    assert order.error(201, "Order rejected - reason: margin") is Ends.ORDER
    assert order.record.status is OrderStatus.REJECTED


def test_of_two_changes_the_first_refusal_is_the_older_ones() -> None:
    order = Working()
    order.sized(50)
    order.sized(60)
    assert order.error(201, "A") is Ends.CHANGE
    assert order.record.total == 60
    assert order.error(201, "B") is Ends.CHANGE
    assert order.record.total == 100
    assert order.record.before_change is None
    assert not order.record.final


def test_the_echo_of_the_first_of_two_changes_is_what_a_refusal_goes_back_to() -> None:
    order = Working()
    fifty = order.sized(50)
    order.sized(60)
    order.shows(fifty)
    assert order.record.total == 60
    order.error(110)
    assert order.record.total == 50


@pytest.mark.parametrize("word", ["Submitted", "Inactive"])
def test_the_refusals_of_changes_that_were_overtaken_end_nothing(word: str) -> None:
    order = Working(word)
    order.sized(50)
    order.sized(60)
    seventy = order.sized(70)
    order.shows(seventy, word)  # nothing was said of the two before
    assert order.record.before_change is None
    assert [order.error(110, "A"), order.error(201, "B")] == [Ends.CHANGE, Ends.CHANGE]
    assert order.record.total == 70
    assert not order.record.final
    assert order.error(201, "C") is Ends.ORDER
    assert order.record.status is OrderStatus.REJECTED


def test_a_refusal_that_is_told_again_does_not_stand_for_the_next_one() -> None:
    """Two changes are refused; the first refusal comes three times: the order lives on."""
    order = Working()
    order.sized(50)
    order.sized(60)
    for _ in range(3):
        order.error(110, "A")
    order.error(201, "B")
    assert order.record.total == 100
    assert not order.record.final


def test_there_and_back_is_confirmed_by_the_last_echo_only() -> None:
    order = Working()
    fifty = order.sized(50)
    order.sized(100)
    order.shows(order.order)  # how it stood before both
    assert order.record.before_change is not None
    order.shows(fifty)
    order.shows(order.order)
    assert order.record.before_change is None
    assert order.record.total == 100


def test_a_change_of_what_no_echo_shows_is_confirmed_by_the_next_one() -> None:
    order = Working()
    order.sized(100)
    order.shows(order.order)
    assert order.record.before_change is None


def test_what_the_gateways_own_user_writes_has_the_last_word() -> None:
    order = Working()
    order.sized(50)
    order.shows(with_fields(echo(order.order), totalQuantity=Decimal(77)))
    assert order.record.total == 77
    assert order.record.before_change is None


def test_the_json_of_a_rejection_is_kept() -> None:
    order = Working("")
    order.error(201, "Order rejected", reject='{"rejects": [{"code": "8229=8110"}]}')
    assert order.record.advanced_reject.startswith('{"rejects"')
    assert [entry.source for entry in order.record.log][-2:] == ["advanced reject", "error"]


# ---- sizes -------------------------------------------------------------------------------


def test_a_smaller_size_that_is_not_confirmed_does_not_fill_the_order() -> None:
    order = Working()
    order.sized(50)
    order.fills("0000e0d5.6ab9ea82.01.01", 50)
    assert not order.record.final
    order.error(201)
    assert order.record.remaining == 50


def test_a_bigger_size_that_came_too_late_invents_no_shares() -> None:
    order = Working()
    order.sized(200)
    order.fills("0000e0d5.6ab9ea82.01.01", 100)
    order.says("Filled")
    assert order.record.status is OrderStatus.FILLED
    assert order.record.filled == 100


def test_a_late_echo_does_not_change_a_filled_order() -> None:
    order = Working()
    order.fills("0000e0d5.6ab9ea82.01.01", 100)
    assert order.record.status is OrderStatus.FILLED
    order.shows(with_fields(echo(order.order), totalQuantity=Decimal(300)))
    assert order.record.total == order.record.filled == 100


def test_a_filled_order_has_traded_what_the_gateway_counted() -> None:
    order = Working()
    order.keep(
        order.book.apply_status(
            0, 1, "Filled", filled=3, remaining=0, average=189.5, perm_id=900, now=NOW
        )
    )
    assert order.record.filled == 3  # it was made smaller at the gateway, and nobody told us
    assert order.record.remaining == 0


def test_how_an_order_stood_in_the_end_is_told_by_its_completion() -> None:
    order = Working()
    order.sized(84)
    last = with_fields(echo(order.order), totalQuantity=Decimal(3), filledQuantity=Decimal(3))
    order.book.apply_completed(filled_contract(), last, order_state("Filled"), NOW)
    assert order.record.total == order.record.filled == 3
    assert order.record.before_change is None
    assert not order.record.pending


# ---- ends --------------------------------------------------------------------------------


def test_a_completed_order_that_is_inactive_was_rejected() -> None:
    order = Working("Inactive")
    state = with_fields(order_state("Inactive"), completedStatus="Rejected: no margin")
    change = order.book.apply_completed(filled_contract(), echo(order.order), state, NOW)
    assert order.record.status is OrderStatus.REJECTED
    assert order.record.reason == "Rejected: no margin"
    assert [type(fact) for fact in change.facts] == [OrderRejected]


@pytest.mark.parametrize("word", ["Expired", "EXPIRED"])
def test_a_gateway_that_says_expired(word: str) -> None:
    order = Working()
    order.says(word)
    assert order.record.status is OrderStatus.EXPIRED
    assert order.record.final
    assert isinstance(order.facts[-1], OrderExpired)


@pytest.mark.parametrize(
    ("tif", "until", "closed", "asked", "expired"),
    [
        ("DAY", "", True, False, True),
        ("DAY", "", False, False, False),
        ("DAY", "", None, False, False),  # nobody knows the hours
        ("DAY", "", True, True, False),  # we had asked for it
        ("GTC", "", True, False, False),
        ("GTD", "20260928-20:00:00", False, False, True),
        ("GTD", "20260928 16:00:00 US/Eastern", False, False, True),
        ("GTD", "20260928-20:00:04", False, False, True),  # clocks differ a little
        ("GTD", "20260928-20:00:10", False, False, False),
        ("GTD", "20260928-20:00:00", False, True, False),
        ("GTD", "soon", False, False, False),
    ],
)
def test_a_cancellation_that_nobody_asked_for_at_the_end_of_its_time(
    tif: str, until: str, closed: bool | None, asked: bool, expired: bool
) -> None:
    order = Working(closed=closed, tif=tif, goodTillDate=until)
    order.record.cancel_asked = asked
    order.says("Cancelled", CLOSE)
    order.says("Cancelled", CLOSE + timedelta(hours=1))
    assert order.record.status is OrderStatus.CANCELLED
    assert order.record.expired is expired
    kinds = [type(fact) for fact in order.facts]
    assert kinds.count(OrderExpired) == expired
    assert kinds.count(OrderCancelled) == (not expired)


def test_hours_that_cannot_be_read_hide_no_report() -> None:
    order = Working()

    def broken(*_args: object) -> bool:
        msg = "its time zone is unknown"
        raise ContractError(msg)

    order.book._closed = broken
    order.says("Cancelled")
    assert order.record.status is OrderStatus.CANCELLED
    assert isinstance(order.facts[-1], OrderCancelled)


def test_a_report_stands_in_the_log_once() -> None:
    order = Working()
    before = len(order.record.log)
    for word in ("Submitted", "Submitted", "PendingCancel", "Submitted", "Submitted"):
        order.says(word)
    reports = [entry.text for entry in order.record.log[before:] if not entry.text.count(" -> ")]
    assert reports == [
        "Submitted, 0 filled, 100 open",
        "PendingCancel, 0 filled, 100 open",
        "Submitted, 0 filled, 100 open",
    ]
