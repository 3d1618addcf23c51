"""Forgetting orders that are over: it changes nothing for those that stay, and brings none back."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.orders import (
    commission,
    echo,
    execution,
    filled_contract,
    order_state,
    with_fields,
)
from twsloop.contracts import stock, symbol_of
from twsloop.events import CommissionReported, Fill, OrderFilled
from twsloop.orders.book import Change, OrderBook
from twsloop.orders.builders import limit_order
from twsloop.orders.checks import describe
from twsloop.orders.folding import Folded
from twsloop.orders.keeping import Keeping, Memory, Numbers, groups_of, is_over
from twsloop.orders.reading import versions_of
from twsloop.orders.state import OrderInput, OrderRecord, OrderStatus
from twsloop.orders.story import SETTLED_LENGTH

NOW = datetime(2026, 9, 28, 13, 32, 25, tzinfo=UTC)
WITHOUT_END = 10**6


@attrs.frozen
class Plan:
    """One order of a random life: whose, with whom, and how far it gets."""

    end: str
    own: bool = True
    parent: int = 0
    group: str = ""


class Life:
    """A book that hears of orders; each change is followed by what the board does."""

    def __init__(self, keep: int, plans: list[Plan]) -> None:
        self.book = OrderBook(symbol_of, keep=keep)
        self.plans = plans
        self.facts: list[object] = []

    def heard(self, change: Change) -> Change:
        self.facts.extend(change.facts)
        if change.record is not None:
            self.book.settle(change.record)
        return change

    def order(self, order_id: int) -> Any:
        plan = self.plans[order_id - 1]
        order = limit_order("BUY", 10, 5)
        order.parentId, order.ocaGroup = plan.parent, plan.group
        return order

    def client(self, order_id: int) -> int:
        return 0 if self.plans[order_id - 1].own else 8

    def create(self, order_id: int) -> None:
        if self.plans[order_id - 1].own:
            record = OrderRecord(order_id, 0, stock("AAPL"), self.order(order_id))
            self.book.create(record, NOW)
            self.heard(self.book.created(record, NOW))
            self.heard(self.book.apply_input(record, OrderInput.SENT, NOW))
        else:
            self.report(order_id, "Submitted")

    def report(self, order_id: int, word: str, filled: int = 0) -> Change:
        client = self.client(order_id)
        shown = echo(
            self.order(order_id), order_id=order_id, client_id=client, perm_id=900 + order_id
        )
        shown.filledQuantity = Decimal(filled)
        return self.heard(
            self.book.apply_open_order(
                client,
                order_id,
                filled_contract(),
                shown,
                order_state(word),
                own=client == 0,
                now=NOW,
            )
        )

    def execute(self, order_id: int, version: int = 1) -> Change:
        client = self.client(order_id)
        made = execution(
            f"0001.0001.{order_id:02}.{version:02}",
            10,
            5.0,
            order_id=order_id,
            client_id=client,
            perm_id=900 + order_id,
        )
        return self.heard(self.book.apply_execution(filled_contract(), made, NOW))

    def pay(self, order_id: int, version: int = 1) -> Change:
        paid = commission(f"0001.0001.{order_id:02}.{version:02}", 1.0)
        return self.heard(self.book.apply_commission(paid, None, NOW))

    def lose(self, order_id: int) -> None:
        record = self.book.find(self.client(order_id), order_id)
        if record is not None:
            for event in (OrderInput.LINK_LOST, OrderInput.MISSING):
                self.heard(self.book.apply_input(record, event, NOW))

    def finish(self, order_id: int) -> None:
        """What the gateway says at the end of an order; it may be said again."""
        end = self.plans[order_id - 1].end
        if end in {"filled", "unpaid"}:
            self.execute(order_id)
            self.report(order_id, "Filled", 10)
        if end == "filled":
            self.pay(order_id)
        if end in {"cancelled", "live"}:
            self.report(order_id, {"cancelled": "Cancelled", "live": "Submitted"}[end])

    def told(self) -> list[object]:
        """The facts; what a forgotten execution cost is told without the order that it was of."""
        return [
            attrs.evolve(fact, order_id=None, correlation_id="")
            if isinstance(fact, CommissionReported)
            else fact
            for fact in self.facts
        ]

    def shown(self) -> dict[int, tuple[object, ...]]:
        return {record.perm_id or -record.order_id: told(record) for record in self.book}


def told(record: OrderRecord) -> tuple[object, ...]:
    """All that can be read of an order."""
    return (
        *(record.order_id, record.client_id, record.status, record.ib_status, record.symbol),
        *(record.filled, record.remaining, record.average_price, record.commission),
        *(record.settled, record.final, record.reason, tuple(record.log)),
        tuple(record.fills.items()),
        tuple(record.commissions.items()),
        (record.order.action, record.order.totalQuantity, record.order.orderRef),
        vars(record.contract),
    )


ENDS = st.sampled_from(["filled", "unpaid", "cancelled", "live", "lost"])
PLANS = st.lists(
    st.builds(
        Plan,
        ENDS,
        st.booleans() | st.just(True),
        st.integers(0, 3),
        st.sampled_from(["", "", "g", "h"]),
    ),
    min_size=1,
    max_size=12,
)


@given(PLANS, st.integers(0, 4), st.randoms(use_true_random=False))
def test_forgetting_changes_nothing_for_the_orders_that_stay(
    plans: list[Plan], keep: int, chance: Any
) -> None:
    bounded, whole = Life(keep, plans), Life(WITHOUT_END, plans)
    ids = range(1, len(plans) + 1)
    for order_id in ids:
        for life in (bounded, whole):
            life.create(order_id)
    steps = [*ids, *ids, *ids]  # everything is said several times
    chance.shuffle(steps)
    for order_id in steps:
        for life in (bounded, whole):
            if plans[order_id - 1].end == "lost":
                life.lose(order_id)
            life.finish(order_id)
        assert bounded.told() == whole.told()
        shown, everything = bounded.shown(), whole.shown()
        assert shown == {key: everything[key] for key in shown}
        over = [record for record in whole.book if is_over(record)]
        surplus = [max(sum(r.own is own for r in over) - keep, 0) for own in (True, False)]
        assert len(everything) - len(shown) <= sum(surplus)
    for record in whole.book:
        if not is_over(record):
            found = bounded.book.find(record.client_id, record.order_id)
            assert found is not None, "only what is over may be forgotten"
    ours = [record for record in bounded.book if is_over(record) and record.own]
    needed = {g for record in bounded.book if not is_over(record) for g in groups_of(record)}
    alone = [record for record in ours if needed.isdisjoint(groups_of(record))]
    assert len(ours) <= keep or len(alone) == 0


@pytest.fixture
def forgotten() -> Life:
    """Order 1 is filled and paid, and forgotten; order 2 lives."""
    life = Life(0, [Plan("filled"), Plan("live")])
    for order_id in (1, 2):
        life.create(order_id)
        life.finish(order_id)
    assert [record.order_id for record in life.book] == [2]
    life.facts.clear()
    return life


def test_late_reports_of_a_forgotten_order_bring_nothing_back(forgotten: Life) -> None:
    forgotten.finish(1)
    forgotten.report(1, "Submitted")  # a late one
    forgotten.report(1, "")
    assert forgotten.facts == []
    assert [record.order_id for record in forgotten.book] == [2]
    assert forgotten.book.executions.fills() == []


def test_an_execution_of_a_forgotten_order_is_still_answered_with_its_commission(
    forgotten: Life,
) -> None:
    made = execution("0001.0001.01.01", 10, 5.0, order_id=1, perm_id=901)
    forgotten.heard(forgotten.book.apply_execution(filled_contract(), made, NOW))
    row = forgotten.book.executions.listed(filled_contract(), made, NOW)
    forgotten.pay(1)
    (booked,) = forgotten.book.executions.listed_fills([row, row])
    assert booked.fill.shares == 10
    assert booked.commission is not None
    assert booked.commission.commission == 1
    assert forgotten.facts == []


def test_a_correction_of_a_forgotten_execution_is_told(forgotten: Life) -> None:
    forgotten.execute(1, version=2)
    (fact,) = forgotten.facts
    assert isinstance(fact, Fill)
    assert fact.corrects == "0001.0001.01.01"
    forgotten.pay(1, version=2)
    assert isinstance(forgotten.facts[-1], CommissionReported)


def test_an_order_that_was_rejected_and_lives_after_all_comes_back() -> None:
    life = Life(0, [Plan("live")])
    life.create(1)
    life.report(1, "Submitted")
    record = life.book.find(0, 1)
    assert record is not None
    life.heard(life.book.apply_input(record, OrderInput.KILLED, NOW, "no"))
    assert list(life.book) == []
    life.report(1, "Inactive")
    assert list(life.book) == []
    life.report(1, "Submitted")
    (back,) = life.book
    assert (back.status, back.own) == (OrderStatus.SUBMITTED, True)


def test_a_cancelled_order_that_was_filled_after_all_is_told() -> None:
    life = Life(0, [Plan("cancelled")])
    life.create(1)
    life.finish(1)
    life.facts.clear()
    life.execute(1)
    life.report(1, "Filled", 10)
    assert [type(fact) for fact in life.facts] == [Fill, OrderFilled]


def test_executions_whose_order_nobody_tells_of_are_bounded() -> None:
    life = Life(2, [Plan("filled")] * 5)
    for order_id in range(1, 6):
        life.execute(order_id)
        life.pay(order_id)
    assert [one.fill.order_id for one in life.book.executions.fills()] == [4, 5]
    told = len(life.facts)
    life.execute(1)
    life.pay(1)
    assert len(life.facts) == told


@given(st.lists(st.integers(-(2**63), 2**63 - 1)), st.integers(1, 10))
def test_the_last_generation_of_numbers_is_remembered(numbers: list[int], generation: int) -> None:
    kept = Numbers(generation)
    for number in numbers:
        kept.add(number)
    assert all(number in kept for number in numbers[-1:])
    assert all(number in kept for number in dict.fromkeys(numbers)) or len(kept) >= generation
    assert len(kept) <= 2 * generation
    assert not any(number in kept for number in {0, 1, 2} - set(numbers))


def test_an_uncertain_order_is_never_over() -> None:
    keeping = Keeping(0)
    record = OrderRecord(1, 0, stock("AAPL"), limit_order("BUY", 1, 5))
    record.status, record.abandoned = OrderStatus.UNCERTAIN, True
    assert record.settled
    assert keeping.saw(record) == []
    record.status = OrderStatus.CANCELLED
    assert keeping.saw(record) == [record]


def test_an_order_that_nobody_can_tell_of_is_small_and_says_all_it_said() -> None:
    life = Life(0, [Plan("live")])
    life.create(1)
    record = life.book.find(0, 1)
    assert record is not None
    for number in range(SETTLED_LENGTH + 50):
        record.note(NOW, "error", f"399: {number}")
    words, log = describe(record.order), [*record.log]
    life.lose(1)
    assert record.status is OrderStatus.UNCERTAIN
    kept = attrs.asdict(record, recurse=False)
    assert {type(kept[name]) for name in ("_order", "_sent")} <= {Folded, type(None)}
    assert describe(record.order) == words
    assert record.log[: len(log)] == log, "it may live: what happened is all there"
    life.finish(1)
    assert life.book.find(0, 1) is record
    assert (record.status, record.perm_id) == (OrderStatus.SUBMITTED, 901)
    assert record.order.lmtPrice == 5
    assert life.book.live() == [record]


def test_what_can_be_said_for_ever_takes_one_line() -> None:
    record = OrderRecord(1, 0, stock("AAPL"), limit_order("BUY", 1, 5))
    record.note(NOW, "created", "BUY 1")
    for number in range(1, 6):
        record.note(NOW, "uncertain", f"asked again ({number} of 5 times)", once=True)
    record.note(NOW, "openOrder", "Submitted")
    record.note(NOW, "uncertain", "asked again (1 of 5 times)", once=True)
    assert [entry.text for entry in record.log] == [
        "BUY 1",
        "asked again (5 of 5 times)",
        "Submitted",
        "asked again (1 of 5 times)",
    ]


def test_what_is_remembered_takes_eight_bytes() -> None:
    memory = Memory()
    record = with_fields(OrderRecord(1, 0, stock("AAPL"), limit_order("BUY", 1, 5)), perm_id=77)
    record.status = OrderStatus.FILLED
    memory.add(record)
    assert memory.tells_nothing_new(77, "Submitted")
    assert not memory.tells_nothing_new(78, "Submitted")


@pytest.mark.parametrize(
    ("exec_id", "versions"),
    [
        ("00.01.03", ["00.01.01", "00.01.02", "00.01.03"]),
        ("00.01.01", ["00.01.01"]),
        ("by hand", ["by hand"]),
        ("00.12345678", ["00.12345678"]),
    ],
)
def test_the_versions_of_an_execution(exec_id: str, versions: list[str]) -> None:
    assert versions_of(exec_id) == versions
