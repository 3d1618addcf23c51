"""The end-of-day routine: nothing unasked, every step told, and none stops those behind it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import attrs
from hypothesis import given
from hypothesis import strategies as st
from ibapi.contract import Contract

from twsloop.config import EndOfDayParams
from twsloop.events import DayCount, DayOrder, DayResult, EndOfDayReport, GapReport, to_record
from twsloop.events.records import from_record
from twsloop.orders.builders import limit_order, stop_order
from twsloop.risk.end_of_day import DayParts, EndOfDay

D = Decimal
ZERO, HUNDRED = D(0), D(100)
NOW = datetime(2026, 1, 5, 20, 55, tzinfo=UTC)


def stock(con_id: int = 265598, kind: str = "STK") -> Contract:
    made = Contract()
    made.conId, made.secType = con_id, kind
    return made


@attrs.define(slots=False)
class AnOrder:
    """An order at the gateway of this test."""

    order_id: int
    order: Any
    remaining: Decimal = HUNDRED
    filled: Decimal = ZERO
    status: str = "Submitted"
    own: bool = True
    obeys: bool = True
    client_id: int = 1
    perm_id: int | None = None
    symbol: str = "AAPL"
    contract: Any = attrs.field(factory=stock)
    why_held: str = ""
    tag: str = ""
    reason: str = ""

    @property
    def active(self) -> bool:
        return self.status not in {"Cancelled", "Filled"}

    def cancel(self) -> None:
        if self.obeys:
            self.status, self.remaining = "Cancelled", ZERO


class Gateway:
    """Positions and orders, and what was asked of them."""

    def __init__(self, orders: list[AnOrder], held: list[Any]) -> None:
        self.open = orders
        self.held = held
        self.asked: list[str] = []
        self.broken: set[str] = set()
        self.told: list[EndOfDayReport] = []

    def _may(self, name: str) -> None:
        self.asked.append(name)
        if name in self.broken:
            msg = f"{name} is broken"
            raise OSError(msg)

    async def orders(self) -> Sequence[Any]:
        self._may("orders")
        return [order for order in self.open if order.active]

    async def positions(self) -> Sequence[Any]:
        self._may("positions")
        return [row for row in self.held if row.quantity]

    async def until_over(self, orders: Sequence[Any], seconds: float) -> None:
        self._may(f"wait {seconds:g} for {len(orders)}")

    async def close(self, row: Any) -> Any:
        self._may("close")
        self.held = [one for one in self.held if one is not row]
        size = abs(row.quantity)
        return AnOrder(99, None, remaining=ZERO, filled=size, status="Filled")

    async def reconcile(self) -> GapReport:
        self._may("reconcile")
        return GapReport(time=NOW, cause="asked", began=NOW, ended=NOW)

    async def count(self, since: datetime) -> DayCount:
        self._may("count")
        row = DayResult(account="DU1", symbol="AAPL", currency="USD", realized=D("-5.570000"))
        return DayCount(fills=3, results=(row,))

    async def backup(self) -> str:
        self._may("backup")
        return "journal-1.db"

    def hold(self, reason: str) -> None:
        self._may(f"hold: {reason}")

    def run(self, **params: Any) -> EndOfDayReport:
        parts = DayParts(
            now=lambda: NOW,
            spent=lambda: 0.0,
            orders=self.orders,
            positions=self.positions,
            until_over=self.until_over,
            close=self.close,
            reconcile=self.reconcile,
            count=self.count,
            hold=self.hold,
            backup=self.backup,
            tell=self.told.append,
        )
        routine = EndOfDay(parts, EndOfDayParams(**params), NOW, "end of day")
        return asyncio.run(routine.run())


def position(quantity: int, kind: str = "STK") -> Any:
    contract = stock(kind=kind)
    return SimpleNamespace(account="DU1", contract=contract, symbol="AAPL", quantity=D(quantity))


def outcomes(report: EndOfDayReport) -> dict[str, str]:
    return {step.name: step.outcome for step in report.steps}


def bracket() -> list[AnOrder]:
    """An entry that is not filled, a stop of a position, and somebody else's order."""
    return [
        AnOrder(1, limit_order("BUY", 100, 90)),
        AnOrder(2, stop_order("SELL", 100, 80)),
        AnOrder(7, limit_order("BUY", 100, 90), own=False, client_id=2),
    ]


def test_unless_told_otherwise_it_only_looks() -> None:
    gateway = Gateway(bracket(), [position(100)])
    report = gateway.run()
    assert outcomes(report) == {
        "hold new orders": "done",
        "wait for working orders": "skipped",
        "cancel orders": "skipped",
        "close positions": "skipped",
        "reconcile": "done",
        "look what is left": "done",
        "count the day": "done",
        "copy the journal": "done",
    }
    assert gateway.asked[0] == "hold: end of day"
    assert report.complete
    assert [order.order_id for order in report.left] == [1, 2, 7]
    assert report.protection is not None
    assert report.protection.ok
    assert (report.backup, report.cancelled, report.closed) == ("journal-1.db", (), ())
    assert gateway.told == [report]


def test_entries_go_and_stops_stay() -> None:
    gateway = Gateway(bracket(), [position(100)])
    report = gateway.run(cancel="entries")
    assert [order.order_id for order in report.cancelled] == [1]
    assert [order.order_id for order in report.left] == [2, 7]
    step = next(step for step in report.steps if step.name == "cancel orders")
    assert step.text == "1 of 1 ended; 1 of other clients are left"


def test_the_rest_of_an_entry_goes_only_if_its_position_is_closed() -> None:
    """A gateway cancels children with their parent; what is not closed would lose its stop."""

    def book() -> list[AnOrder]:
        entry = AnOrder(1, limit_order("BUY", 100, 90), filled=D(40), remaining=D(60))
        return [entry, AnOrder(2, stop_order("SELL", 100, 80, parentId=1))]

    report = Gateway(book(), [position(40)]).run(cancel="entries")
    assert report.cancelled == ()
    assert "1 left, because protection would end with it" in str(report)
    report = Gateway(book(), [position(40)]).run(cancel="entries", flatten=True)
    assert [order.order_id for order in report.cancelled] == [1]
    kept = {"cancel": "entries", "flatten": True, "exempt": ("STK",)}
    assert Gateway(book(), [position(40)]).run(**kept).cancelled == ()


def test_all_of_our_own_go() -> None:
    report = Gateway(bracket(), [position(100)]).run(cancel="all", flatten=True)
    assert [order.order_id for order in report.cancelled] == [1, 2]
    (closed,) = report.closed
    assert (closed.closed, closed.order_id, str(closed)) == (
        True,
        99,
        "100 AAPL: 100 filled [Filled]",
    )
    assert report.complete


def test_an_order_whose_end_is_not_told_is_a_failure() -> None:
    orders = [AnOrder(1, limit_order("BUY", 100, 90), obeys=False)]
    report = Gateway(orders, []).run(cancel="all", timeout=7)
    assert outcomes(report)["cancel orders"] == "failed"
    assert not report.complete
    assert [order.order_id for order in report.left] == [1]
    assert "the gateway has not said the end" in str(report)


def test_orders_may_go_on_for_a_while() -> None:
    gateway = Gateway(bracket(), [])
    report = gateway.run(wait=60)
    assert "wait 60 for 2" in gateway.asked
    assert outcomes(report)["wait for working orders"] == "done"
    assert outcomes(Gateway([], []).run(wait=60))["wait for working orders"] == "skipped"


def test_one_position_that_cannot_be_closed_does_not_keep_the_others() -> None:
    gateway = Gateway([], [position(5), position(7)])
    refuses = iter([True, False])
    close = gateway.close

    async def some(row: Any) -> Any:
        if next(refuses):
            msg = "the market is closed"
            raise RuntimeError(msg)
        return await close(row)

    gateway.close = some  # type: ignore[method-assign]
    report = gateway.run(flatten=True)
    assert [(one.closed, one.reason) for one in report.closed] == [
        (False, "the market is closed"),
        (True, ""),
    ]
    assert outcomes(report)["close positions"] == "failed"
    assert report.protection is not None
    assert not report.protection.ok


def test_exempt_kinds_are_left_alone() -> None:
    gateway = Gateway([], [position(20000, kind="CASH")])
    report = gateway.run(flatten=True, exempt=("cash",))
    assert "close" not in gateway.asked
    assert report.protection is not None
    assert report.protection.ok


def test_it_is_written_and_read_and_told_in_words() -> None:
    report = Gateway(bracket(), [position(100)]).run(cancel="entries", flatten=True)
    record = json.loads(json.dumps(to_record(report)))
    assert from_record(record) == report
    text = str(report)
    assert "cancel orders: done: 1 of 1 ended" in text
    assert "cancelled: order 1 AAPL [Cancelled]" in text
    whole = DayOrder(order_id=0, perm_id=7, symbol="AAPL", status="Cancelled", remaining=D(5))
    assert str(whole) == "order with permId 7 AAPL [Cancelled, 5 not traded]"
    assert "executions: 3\n  realized -5.57 USD after commissions of 0\n" in text
    assert "orders open: 2" in text


PARTS = ["orders", "positions", "close", "reconcile", "count", "backup", "hold: end of day"]


@given(
    st.sets(st.sampled_from(PARTS)),
    st.sampled_from(["none", "entries", "all"]),
    st.booleans(),
    st.booleans(),
)
def test_whatever_breaks_every_step_is_told(
    broken: set[str], cancel: str, flatten: bool, hold: bool
) -> None:
    gateway = Gateway(bracket(), [position(100)])
    gateway.broken = broken
    report = gateway.run(cancel=cancel, flatten=flatten, hold=hold)
    assert len(report.steps) == 8
    assert gateway.told == [report]
    # Nothing is asked for that was not asked for, and nothing that was is left out.
    assert ("close" in gateway.asked) == (flatten and "positions" not in broken)
    assert ("hold: end of day" in gateway.asked) == hold
    for name in ("reconcile", "count", "backup"):
        assert name in gateway.asked
    if cancel == "none":
        assert all(order.active for order in gateway.open)
    assert all(order.active for order in gateway.open if not order.own)
    failed = {step.name for step in report.steps if step.outcome == "failed"}
    assert ("reconcile" in failed) == ("reconcile" in broken)
    assert report.complete == (not failed)
