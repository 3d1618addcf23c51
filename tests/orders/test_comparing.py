"""What is compared after a gap, without a gateway: positions by executions, orders by snapshots."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.orders import with_fields
from twsloop.contracts import stock
from twsloop.events import CommissionReported, Fill, GapReport, GapVerdict
from twsloop.orders.builders import limit_order
from twsloop.orders.gaps import Gap, compare_orders, compare_positions, standing_of
from twsloop.orders.holdings import Holding
from twsloop.orders.state import OrderRecord, OrderStatus

BEGAN = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
Key = tuple[str, int]


def fill(key: Key, signed: int, at: datetime, exec_id: str = "a.1.01.01") -> Fill:
    return Fill(
        time=at,
        exec_id=exec_id,
        order_id=1,
        account=key[0],
        con_id=key[1],
        side="BOT" if signed > 0 else "SLD",
        shares=Decimal(abs(signed)),
        price=Decimal(1),
        executed_at=at,
    )


keys = st.tuples(st.sampled_from(["DU1", "DU2"]), st.integers(1, 3))
sizes = st.integers(-5, 5).filter(bool)
seconds = st.integers(-3600, 3600)


@given(
    st.dictionaries(keys, sizes),
    st.lists(st.tuples(keys, sizes, seconds.filter(lambda at: not -6 <= at < 0))),
    st.dictionaries(keys, sizes),
)
def test_what_executions_do_not_explain_is_found_and_nothing_else(
    start: dict[Key, int], traded: list[tuple[Key, int, int]], moved: dict[Key, int]
) -> None:
    before: defaultdict[Key, int] = defaultdict(int, start)
    after: defaultdict[Key, int] = defaultdict(int, start)
    missed: defaultdict[Key, int] = defaultdict(int)
    fills = []
    for key, size, at in traded:
        fills.append(fill(key, size, BEGAN + timedelta(seconds=at)))
        after[key] += size
        if at < 0:
            before[key] += size
        else:
            missed[key] += size
    for key, size in moved.items():
        after[key] += size
    rows = compare_positions(
        {key: Holding("", Decimal(size)) for key, size in before.items()},
        {key: Holding("", Decimal(size)) for key, size in after.items() if size},
        fills,
        BEGAN,
    )
    assert {(row.account, row.con_id) for row in rows if not row.explained} == set(moved)
    for row in rows:
        key = row.account, row.con_id
        assert (row.before, row.after) == (Decimal(before[key]), Decimal(after[key]))
        assert row.by_fills == missed[key]
    quiet = {key for key in after if after[key] == before[key] and not missed[key]}
    assert quiet.isdisjoint((row.account, row.con_id) for row in rows)


@pytest.mark.parametrize(("change", "explained"), [(0, True), (5, True), (3, False)])
def test_a_correction_changes_a_position_by_what_is_not_known(change: int, explained: bool) -> None:
    """The execution itself may have been there before: as a rule its price alone is corrected."""
    corrected = attrs.evolve(fill(("DU1", 1), 5, BEGAN), corrects="a.1.01.01", exec_id="a.1.01.02")
    before = {("DU1", 1): Holding("", Decimal(7))}
    after = {("DU1", 1): Holding("", Decimal(7 + change))}
    rows = compare_positions(before, after, [corrected], BEGAN)
    assert [row.explained for row in rows] == ([explained] if change else [])


def test_a_position_may_be_told_after_its_execution() -> None:
    early = fill(("DU1", 1), 5, BEGAN - timedelta(seconds=1))
    after = {("DU1", 1): Holding("X", Decimal(5))}
    (row,) = compare_positions({}, after, [early], BEGAN)
    assert row.explained
    assert row.by_fills == 0
    assert repr(row) == "<PositionInGap X: 0 -> 5, explained>"


@given(st.lists(st.tuples(sizes, st.integers(0, 50)), min_size=1), st.integers(0, 20))
def test_executions_that_are_told_late_may_be_in_the_position_already(
    traded: list[tuple[int, int]], known: int
) -> None:
    traded.sort(key=lambda trade: trade[1])
    fills = [
        attrs.evolve(
            fill(("DU1", 1), size, BEGAN + timedelta(seconds=1), f"a.{n}.01.01"),
            executed_at=BEGAN - timedelta(seconds=60 - at),
        )
        for n, (size, at) in enumerate(traded)
    ]
    before = sum(size for size, _ in traded[:known])
    after = sum(size for size, _ in traded)
    rows = compare_positions(
        {("DU1", 1): Holding("X", Decimal(before))},
        {("DU1", 1): Holding("X", Decimal(after))},
        fills,
        BEGAN,
    )
    assert all(row.explained for row in rows)
    assert bool(rows) is (before != after)


def test_another_client_may_have_traded() -> None:
    held = {("DU1", 1): Holding("X", Decimal(5))}
    (row,) = compare_positions({}, held, [], BEGAN, sees_all=False)
    assert row.explained is None
    assert repr(row) == (
        "<PositionInGap X: 0 -> 5, executions say +0, another client may have traded>"
    )
    report = GapReport(time=BEGAN, cause="asked", began=BEGAN, ended=BEGAN, positions=(row,))
    assert "1 position changed by no execution that this client is told of" in str(report)
    assert not report.complete
    (row,) = compare_positions({}, held, [], BEGAN)
    assert row.explained is False
    report = attrs.evolve(report, positions=(row,))
    assert str(report).endswith("1 position changed by no execution")


def record(status: OrderStatus = OrderStatus.SUBMITTED, order_id: int = 1) -> OrderRecord:
    made = OrderRecord(order_id, 1, stock("AAPL"), limit_order("BUY", 10, 100))
    made.status, made.acknowledged = status, True
    return made


def gap_of(*records: OrderRecord) -> Gap:
    return Gap("link", "lost", BEGAN, 1, orders={one: standing_of(one) for one in records})


def test_the_earlier_of_two_gaps_knows_how_orders_stood() -> None:
    one, two = record(), record(order_id=2)
    first = gap_of(one)
    one.status = OrderStatus.UNCERTAIN
    later = Gap("server", "1100", BEGAN + timedelta(seconds=9), 2, held={})
    later.orders = {each: standing_of(each) for each in (one, two)}
    both = first.merged(later)
    assert (both.cause, both.reason, both.began, both.epoch) == (
        "link",
        "lost; then 1100",
        BEGAN,
        1,
    )
    assert both.orders[one].status is OrderStatus.SUBMITTED
    assert both.orders[two].status is OrderStatus.SUBMITTED
    assert both.held == {}


def test_the_verdicts() -> None:
    kinds = {
        OrderStatus.FILLED: "filled",
        OrderStatus.CANCELLED: "cancelled",
        OrderStatus.API_CANCELLED: "cancelled",
        OrderStatus.EXPIRED: "cancelled",
        OrderStatus.REJECTED: "rejected",
        OrderStatus.UNCERTAIN: "vanished",
        OrderStatus.INACTIVE: "moved",
        OrderStatus.SUBMITTED: "unchanged",
    }
    for status, verdict in kinds.items():
        one = record()
        gap = gap_of(one)
        one.status = status
        (row,) = compare_orders(gap, [], whole=True, revived={})
        assert (row.verdict, row.before, row.after) == (verdict, "Submitted", str(status))
    changed = record()
    gap = gap_of(changed)
    changed.order = with_fields(limit_order("BUY", 10, 100), lmtPrice=99.0)
    assert compare_orders(gap, [changed], whole=False, revived={})[0].verdict is GapVerdict.MOVED
    assert compare_orders(gap, [], whole=False, revived={})[0].verdict is GapVerdict.UNCERTAIN


def test_rows_share_their_words_and_the_nothing_that_was_filled() -> None:
    """A client keeps thousands of rows, of orders most of which did not trade."""
    made = [record(order_id=order_id) for order_id in (1, 2)]
    one, two = compare_orders(gap_of(*made), made, whole=True, revived={})
    assert one.before is two.before is one.after
    assert type(one.before) is str
    assert one.filled_before is two.filled_before is one.filled_after
    assert one.filled_before == 0


def test_what_we_sent_ourselves_meanwhile_did_not_appear() -> None:
    ours, foreign = record(), record(order_id=2)
    ours.sent = ours.order
    (row,) = compare_orders(gap_of(), [ours, foreign], whole=True, revived={})
    assert (row.order_id, row.verdict, row.before) == (2, "appeared", None)


def test_what_came_live_meanwhile_was_not_missed() -> None:
    gap = gap_of()
    gap.ended = BEGAN + timedelta(seconds=10)
    key = ("DU1", 1)
    listed = fill(key, 1, BEGAN + timedelta(seconds=60), "a.1.01.01")
    pushed = fill(key, 1, BEGAN + timedelta(seconds=5), "b.1.01.01")
    live = fill(key, 1, gap.ended, "c.1.01.01")
    gap.heard(listed, late=True)
    gap.heard(pushed, late=False)
    gap.heard(live, late=False)
    for one in (listed, pushed, live):
        cost = CommissionReported(time=gap.ended, exec_id=one.exec_id, commission=Decimal(1))
        gap.heard(cost, late=False)
    assert gap.executions == [listed, pushed]
    assert [paid.exec_id for paid in gap.missed_commissions()] == ["a.1.01.01", "b.1.01.01"]


def test_a_report_says_in_one_line_what_is_wrong() -> None:
    one = record()
    gap = gap_of(one)
    one.status = OrderStatus.UNCERTAIN
    report = GapReport(
        time=BEGAN,
        cause="link",
        began=BEGAN,
        ended=BEGAN + timedelta(seconds=12.4),
        orders=compare_orders(gap, [], whole=True, revived={}),
        ids_rolled_back=True,
        unknown=("positions: no answer",),
    )
    assert str(report) == (
        "gap of 12.4 s (link): orders: 1 vanished; 0 executions missed; order ids rolled back; "
        "unknown: positions: no answer"
    )
    assert repr(report) == f"<GapReport {report}>"
    assert repr(report.orders[0]) == "<OrderInGap 1 : vanished, Submitted -> UNCERTAIN>"
    assert not report.complete
