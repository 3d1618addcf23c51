"""The kept reports of gaps: the newest ones, bounded by their rows, and what repeats is shared."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from twsloop.events import Fill, GapReport, GapVerdict, OrderInGap
from twsloop.orders.reports import Reports

NOW = datetime(2026, 9, 28, 13, 30, tzinfo=UTC)


def row(order_id: int, filled: int = 0) -> OrderInGap:
    return OrderInGap(
        order_id=order_id,
        client_id=1,
        before="UNCERTAIN",
        after="UNCERTAIN",
        filled_after=Decimal(filled),
        verdict=GapVerdict.UNCERTAIN,
    )


def fill(number: int) -> Fill:
    return Fill(
        time=NOW,
        exec_id=f"a.{number}.01.01",
        order_id=1,
        side="BOT",
        shares=Decimal(1),
        price=Decimal(1),
    )


def report(*orders: OrderInGap, fills: int = 0) -> GapReport:
    executions = tuple(fill(number) for number in range(fills))
    return GapReport(
        time=NOW, cause="link", began=NOW, ended=NOW, orders=orders, executions=executions
    )


def add(kept: Reports, *orders: OrderInGap, fills: int = 0) -> GapReport:
    made = report(*kept.shared(orders), fills=fills)
    kept.add(made)
    return made


def test_what_stays_unknown_is_said_each_time_and_kept_once() -> None:
    kept = Reports()
    for _ in range(50):
        add(kept, *(row(order_id) for order_id in range(100)))
    assert [len(each.orders) for each in kept] == [100] * 50
    assert len({id(each) for one in kept for each in one.orders}) == 100


def test_a_row_that_says_something_else_is_its_own() -> None:
    kept = Reports()
    first = add(kept, row(1), row(2))
    second = add(kept, row(1), row(2, filled=5))
    assert second.orders == (row(1), row(2, filled=5))
    assert second.orders[0] is first.orders[0]


ids = st.lists(st.integers(0, 9), max_size=8, unique=True)


@given(
    st.lists(st.tuples(ids, st.integers(0, 5)), max_size=12),
    st.integers(1, 5),
    st.integers(0, 12),
)
def test_the_newest_reports_are_kept_whole(
    told: list[tuple[list[int], int]], most: int, rows: int
) -> None:
    kept = Reports(most, rows)
    made = [add(kept, *map(row, orders), fills=fills) for orders, fills in told]
    assert [(*map(row, orders),) for orders, _ in told] == [each.orders for each in made]
    now = list(kept)
    assert now == made[len(made) - len(now) :]
    assert len(now) <= most
    assert now or not made, "the newest one is always kept"
    # Beyond the oldest one, each of which all rows may have been there before: no more than told.
    own = {id(each) for one in now for each in one.orders}
    own |= {id(each) for one in now for each in one.executions}
    carried = len(now[0].orders) if now else 0
    newest = len(now[-1].orders) + len(now[-1].executions) if now else 0
    assert len(own) <= max(rows + carried, newest)
