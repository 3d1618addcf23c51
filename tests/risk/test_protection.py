"""The audit of protection: what it finds, what it leaves alone, and what may be cancelled."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ibapi.contract import Contract

from twsloop.events import ProtectionKind, ProtectionReport, to_record
from twsloop.orders.builders import limit_order, stop_order, trailing_stop
from twsloop.risk.open_orders import (
    HeldPosition,
    OpenOrder,
    group_of,
    read_order,
    read_position,
    sort_orders,
)
from twsloop.risk.protection import audit_protection

NOW = datetime(2026, 1, 5, 20, tzinfo=UTC)
AAPL = 265598


def position(quantity: int, **more: Any) -> HeldPosition:
    values: dict[str, Any] = {"account": "DU1", "con_id": AAPL, "symbol": "AAPL"}
    return HeldPosition(**(values | more), quantity=Decimal(quantity))


def an_order(number: int, side: str, size: int, kind: str = "STP", **more: Any) -> OpenOrder:
    values: dict[str, Any] = {
        "order_id": number,
        "client_id": 1,
        "account": "DU1",
        "con_id": AAPL,
        "symbol": "AAPL",
        "order_type": kind,
        "status": "PreSubmitted" if kind.startswith("STP") else "Submitted",
        "why_held": "trigger" if kind.startswith("STP") else "",
        "trigger": Decimal(180) if kind.startswith("STP") else None,
        "buys": side == "BUY",
        "remaining": Decimal(size),
    }
    return OpenOrder(**(values | more))


def kinds(report: ProtectionReport) -> list[tuple[str, bool]]:
    return [(finding.kind.value, finding.danger) for finding in report.findings]


def audit(held: list[HeldPosition], orders: list[OpenOrder], **more: Any) -> ProtectionReport:
    return audit_protection(held, orders, NOW, **more)


def test_a_bracket_whose_entry_filled_is_in_order() -> None:
    children = [
        an_order(2, "SELL", 100, "LMT", parent_id=1, oca_group="77"),
        an_order(3, "SELL", 100, parent_id=1, oca_group="77"),
    ]
    report = audit([position(100)], children)
    assert (report.ok, report.findings) == (True, ())
    (cover,) = report.positions
    assert (cover.stopped, cover.targeted, cover.naked) == (Decimal(100), Decimal(100), Decimal(0))
    assert str(report) == "positions: 1, open orders: 2, in danger: 0, to look at: 0"


def test_a_bracket_that_waits_for_its_entry_is_in_order() -> None:
    orders = [
        an_order(1, "BUY", 100, "LMT"),
        an_order(2, "SELL", 100, "LMT", parent_id=1, why_held="child"),
        an_order(3, "SELL", 100, parent_id=1, why_held="child,trigger"),
    ]
    assert audit([], orders).findings == ()
    # And says nothing about a position that was there before: its stop is another one.
    report = audit([position(50)], orders)
    assert kinds(report) == [("no stop", True)]
    assert report.findings[0].text == "no stop works that would close 50"


@pytest.mark.parametrize("quantity", [100, -100])
def test_no_stop_at_all(quantity: int) -> None:
    side = "SELL" if quantity > 0 else "BUY"
    report = audit([position(quantity)], [an_order(2, side, 100, "LMT")])
    assert kinds(report) == [("no stop", True)]
    assert not report.ok
    (finding,) = report.of(ProtectionKind.NO_STOP)
    assert finding.quantity == Decimal(100)
    assert report.positions[0].targeted == Decimal(100)


@pytest.mark.parametrize(
    ("status", "why_held", "words"),
    [
        ("PendingSubmit", "", "order 3 is PendingSubmit"),
        ("PendingCancel", "trigger", "order 3 is PendingCancel (held: trigger)"),
        ("Inactive", "", "order 3 is Inactive"),
        ("UNCERTAIN", "", "order 3 is UNCERTAIN"),
        ("PreSubmitted", "child,trigger", "order 3 is PreSubmitted (held: child,trigger)"),
        ("PreSubmitted", "locate", "order 3 is PreSubmitted (held: locate)"),
    ],
)
def test_a_stop_that_is_not_known_to_work(status: str, why_held: str, words: str) -> None:
    report = audit([position(100)], [an_order(3, "SELL", 100, status=status, why_held=why_held)])
    assert kinds(report) == [("no stop", True)]
    assert report.findings[0].text.endswith(words)
    assert report.positions[0].doubtful == Decimal(100)


def test_an_order_that_is_over_says_nothing() -> None:
    report = audit([position(100)], [an_order(3, "SELL", 100, status="Cancelled")])
    assert (kinds(report), report.orders) == ([("no stop", True)], 0)
    assert report.findings[0].orders == ()


def test_a_stop_that_is_too_small() -> None:
    report = audit([position(-100)], [an_order(3, "BUY", 60), an_order(4, "BUY", 30, "TRAIL")])
    assert kinds(report) == [("stop too small", True)]
    assert report.findings[0].quantity == Decimal(10)
    assert "90 of 100" in report.findings[0].text


def test_a_stop_that_is_larger_than_what_filled() -> None:
    stop = an_order(3, "SELL", 100, parent_id=1)
    report = audit([position(60)], [stop])
    assert kinds(report) == [("stop too large", True)]
    assert report.findings[0].quantity == Decimal(40)
    # While its entry goes on filling, it is as large as it has to be.
    entry = an_order(1, "BUY", 40, "LMT", filled=Decimal(60))
    assert audit([position(60)], [entry, stop]).findings == ()


def test_the_same_stop_twice() -> None:
    twice = [an_order(3, "SELL", 100), an_order(4, "SELL", 100)]
    report = audit([position(100)], twice)
    assert kinds(report) == [("duplicate stop", True)]
    assert {named.order_id for named in report.findings[0].orders} == {3, 4}
    # Two halves are no duplicates; neither are two of a group.
    halves = [an_order(3, "SELL", 50), an_order(4, "SELL", 50)]
    assert audit([position(100)], halves).findings == ()
    tied = [an_order(n, "SELL", 100, oca_group="mine") for n in (3, 4)]
    assert audit([position(100)], tied).findings == ()


def test_a_profit_taker_that_is_not_tied_to_the_stop() -> None:
    orders = [an_order(2, "SELL", 100, "LMT"), an_order(3, "SELL", 100)]
    report = audit([position(100)], orders)
    assert kinds(report) == [("not tied", False)]
    assert report.ok
    assert report.findings[0].quantity == Decimal(100)


def test_a_stop_on_the_wrong_side() -> None:
    stop = an_order(3, "BUY", 100, parent_id=1)
    report = audit([position(100)], [stop, an_order(4, "SELL", 100)])
    assert kinds(report) == [("wrong side", True)]
    # Without a parent it may be an entry.
    report = audit([position(100)], [an_order(3, "BUY", 100), an_order(4, "SELL", 100)])
    assert kinds(report) == [("wrong side", False)]
    assert "unless it is meant as an entry" in report.findings[0].text
    report = audit([], [an_order(3, "SELL", 100)])
    assert kinds(report) == [("wrong side", False)]
    assert "open a position" in report.findings[0].text


def test_a_stop_that_has_children_is_an_entry() -> None:
    orders = [
        an_order(1, "BUY", 100),
        an_order(2, "SELL", 100, parent_id=1, why_held="child,trigger"),
    ]
    assert audit([], orders).findings == ()


def test_a_child_without_its_parent() -> None:
    report = audit([], [an_order(3, "SELL", 100, "LMT", parent_id=1)])
    assert kinds(report) == [("orphan child", True)]
    assert "order 1, is not open" in report.findings[0].text
    assert "a fill would open a position" in report.findings[0].text
    # One that waits for a parent that is gone never works, and protects nothing.
    waiting = an_order(3, "SELL", 100, parent_id=1, why_held="child,trigger")
    report = audit([position(100)], [waiting])
    assert kinds(report) == [("no stop", True), ("orphan child", True)]


def test_parents_are_looked_for_within_their_own_client() -> None:
    stop = an_order(3, "SELL", 100, parent_id=1, why_held="child,trigger")
    report = audit([], [an_order(1, "BUY", 100, "LMT", client_id=2), stop])
    assert kinds(report) == [("orphan child", True)]


def test_the_last_of_a_group() -> None:
    orders = [an_order(3, "SELL", 100, oca_group="exit"), an_order(4, "SELL", 1, "LMT")]
    report = audit([position(101)], orders)
    assert ("orphan of a group", False) in kinds(report)
    # The gateway makes a group of the children of one parent, even of a single one.
    child = an_order(3, "SELL", 100, parent_id=1, oca_group="77")
    assert audit([position(100)], [child]).findings == ()


def test_a_trigger_that_is_passed() -> None:
    stop = an_order(3, "SELL", 100)
    assert audit([position(100)], [stop], price=lambda _: Decimal(181)).findings == ()
    report = audit([position(100)], [stop], price=lambda _: Decimal(179))
    assert kinds(report) == [("beyond the market", True)]
    report = audit([position(-100)], [an_order(3, "BUY", 100)], price=lambda _: Decimal(181))
    assert kinds(report) == [("beyond the market", True)]


def test_kinds_that_need_no_stop() -> None:
    euros = position(20000, con_id=12087792, symbol="EUR.USD", sec_type="CASH")
    assert kinds(audit([euros], [])) == [("no stop", True)]
    report = audit([euros], [], exempt=["cash"])
    assert report.findings == ()
    assert report.positions[0].needs_stop is False


def test_accounts_and_contracts_are_kept_apart() -> None:
    held = [position(100), position(100, account="DU2"), position(100, con_id=8314)]
    report = audit(held, [an_order(3, "SELL", 100)])
    assert [cover.stopped for cover in report.positions] == [Decimal(100), Decimal(0), Decimal(0)]


def test_an_order_that_only_we_know_is_told_by_its_name() -> None:
    stop = an_order(3, "SELL", 100, con_id=0, status="PendingSubmit")
    report = audit([position(100)], [stop])
    assert report.positions[0].doubtful == Decimal(100)


def test_an_order_for_a_combo_is_not_counted() -> None:
    report = audit([position(100)], [an_order(3, "SELL", 100, sec_type="BAG")])
    assert kinds(report) == [("no stop", True), ("combo", False)]


def test_a_report_is_written_and_read_as_json() -> None:
    record = json.loads(json.dumps(to_record(audit([position(100)], []))))
    assert record["event"] == "ProtectionReport"
    assert record["findings"][0]["kind"] == "no stop"
    assert record["positions"][0]["quantity"] == "100"


def test_ibs_objects_are_read() -> None:
    contract = Contract()
    contract.conId, contract.secType = AAPL, "STK"

    def shown(order: Any, **more: Any) -> OpenOrder:
        values = {"order_id": 5, "client_id": 1, "perm_id": 0, "symbol": "AAPL"}
        values |= {"contract": contract, "order": order, "status": "Submitted", "why_held": ""}
        values |= {"filled": Decimal(0), "remaining": Decimal(10)}
        return read_order(SimpleNamespace(**(values | more)))

    stop = shown(stop_order("SELL", 10, "180.5", account="DU1"), perm_id=99)
    assert (stop.is_stop, stop.buys, stop.trigger) == (True, False, Decimal("180.5"))
    assert (stop.account, stop.con_id, stop.perm_id) == ("DU1", AAPL, 99)
    trail = shown(trailing_stop("BUY", 10, amount=2, stop_price=190))
    assert (trail.is_stop, trail.buys, trail.trigger) == (True, True, None)
    limit = shown(limit_order("SELL", 10, 200, ocaGroup="g", parentId=4))
    assert (limit.is_stop, limit.oca_group, limit.parent) == (False, "g", (1, 4))
    row = SimpleNamespace(account="DU1", contract=contract, symbol="AAPL", quantity=Decimal(-3))
    assert read_position(row) == position(-3)


# ---- what may be cancelled ----------------------------------------------------------------


def ids(orders: tuple[OpenOrder, ...]) -> list[int]:
    return sorted(order.order_id for order in orders)


def test_entries_go_and_what_protects_stays() -> None:
    orders = [
        an_order(1, "BUY", 10, "LMT"),
        an_order(2, "SELL", 100, "LMT", oca_group="exit"),
        an_order(3, "SELL", 100, oca_group="exit"),
        an_order(4, "SELL", 500, "LMT"),
        an_order(5, "BUY", 100, "LMT"),
        an_order(6, "SELL", 100, parent_id=5, why_held="child,trigger"),
    ]
    found = sort_orders(orders, [position(100)])
    assert ids(found.entries) == [1, 4, 5]
    assert ids(found.protective) == [2, 3]
    assert found.entangled == ()


def test_the_rest_of_an_entry_would_take_its_stop_along() -> None:
    orders = [
        an_order(1, "BUY", 40, "LMT", filled=Decimal(60)),
        an_order(2, "SELL", 100, "LMT", parent_id=1),
        an_order(3, "SELL", 100, parent_id=1),
    ]
    found = sort_orders(orders, [position(60)])
    assert (ids(found.entries), ids(found.protective), ids(found.entangled)) == ([], [2, 3], [1])


# ---- properties ---------------------------------------------------------------------------

SIDES = st.sampled_from(["BUY", "SELL"])
TYPES = st.sampled_from(["STP", "LMT", "TRAIL", "MKT", "STP LMT"])
STATES = st.sampled_from(["Submitted", "PreSubmitted", "PendingSubmit", "Inactive", "UNCERTAIN"])


@st.composite
def books(draw: st.DrawFn) -> tuple[list[HeldPosition], list[OpenOrder]]:
    """Positions and orders: families, groups, single ones, in two accounts."""
    held = [
        position(quantity, account=account)
        for account in ("DU1", "DU2")
        if (quantity := draw(st.integers(-3, 3)))
    ]
    orders: list[OpenOrder] = []
    for number in range(1, draw(st.integers(0, 7)) + 1):
        earlier = [one.order_id for one in orders if not one.parent_id]
        parent = draw(st.sampled_from([0, 0, 90, *earlier]))
        account = draw(st.sampled_from(["DU1", "DU2"]))
        held_back = draw(st.sampled_from(["", "trigger"] + (["child"] if parent else [])))
        orders.append(
            an_order(
                number,
                draw(SIDES),
                draw(st.integers(1, 4)),
                draw(TYPES),
                account=account,
                parent_id=parent,
                filled=Decimal(draw(st.sampled_from([0, 0, 1]))),
                oca_group=draw(st.sampled_from(["", "", "a", "b"])),
                status=draw(STATES),
                why_held=held_back,
            )
        )
    return held, orders


def after_cancelling(orders: list[OpenOrder], gone: tuple[OpenOrder, ...]) -> list[OpenOrder]:
    """What is left at the gateway: children go with their parents, groups together."""
    lost: set[int] = set()
    waiting = list(gone)
    while waiting:
        order = waiting.pop()
        if order.order_id in lost:
            continue
        lost.add(order.order_id)
        waiting += [one for one in orders if one.parent == order.key]
        if order.oca_group:
            waiting += [one for one in orders if group_of(one) == group_of(order)]
    return [one for one in orders if one.order_id not in lost]


@pytest.mark.timeout(600)
@given(books())
def test_cancelling_entries_takes_no_protection(
    book: tuple[list[HeldPosition], list[OpenOrder]],
) -> None:
    held, orders = book
    found = sort_orders(orders, held)
    left = after_cancelling(orders, found.entries)
    before, after = audit(held, orders), audit(held, left)
    assert [c.stopped for c in after.positions] == [c.stopped for c in before.positions]
    assert [c.doubtful for c in after.positions] == [c.doubtful for c in before.positions]
    named = [*found.entries, *found.protective, *found.entangled]
    assert len({one.order_id for one in named}) == len(named)


@pytest.mark.timeout(600)
@given(books(), st.randoms(use_true_random=False))
def test_the_order_of_what_is_listed_does_not_matter(
    book: tuple[list[HeldPosition], list[OpenOrder]], random: Any
) -> None:
    held, orders = book
    first = audit(held, orders)
    random.shuffle(orders)
    again = audit(held, orders)
    assert again.positions == first.positions

    def summary(report: ProtectionReport) -> list[Any]:
        return sorted((f.kind, f.danger, f.account, f.quantity or 0) for f in report.findings)

    assert summary(again) == summary(first)


@pytest.mark.timeout(600)
@given(books())
def test_a_position_is_covered_or_in_danger(
    book: tuple[list[HeldPosition], list[OpenOrder]],
) -> None:
    held, orders = book
    report = audit(held, orders)
    naked = {
        finding.account
        for finding in report.findings
        if finding.kind in {ProtectionKind.NO_STOP, ProtectionKind.STOP_TOO_SMALL}
    }
    assert naked == {cover.account for cover in report.positions if cover.naked}
    for cover in report.positions:
        working = [
            one
            for one in orders
            if one.account == cover.account
            and one.is_stop
            and one.works
            and one.buys == (cover.quantity < 0)
        ]
        assert cover.stopped <= sum(one.remaining for one in working)
        if not working:
            assert cover.account in naked
