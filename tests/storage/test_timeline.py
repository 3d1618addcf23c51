"""The story of one order: hop by hop, with the time between, and nothing of other orders."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.facts import facts
from twsloop.events import (
    AcknowledgementLate,
    CommissionLate,
    CommissionReported,
    Fact,
    Fill,
    GapReport,
    GapVerdict,
    IdentityBroken,
    Notice,
    OrderCreated,
    OrderFilled,
    OrderInGap,
    OrderIntent,
    OrderStep,
    QuoteSeen,
    RiskCheck,
    RiskVerdict,
    SessionChanged,
)
from twsloop.storage.timeline import Moment, Story, stories

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
ORDER: dict[str, Any] = {"order_id": 7, "client_id": 1, "correlation_id": "order-1-7"}
TERMS = {"action": "BUY", "totalQuantity": "100", "orderType": "LMT", "lmtPrice": 189.5}


def at(millis: float) -> datetime:
    return NOON + timedelta(milliseconds=millis)


def step(millis: float, source: str = "", **changes: Any) -> OrderStep:
    perm = 900 if changes.get("acknowledged") else None
    return OrderStep(time=at(millis), source=source, perm_id=perm, changes=changes, **ORDER)


def created(millis: float = 0, **more: Any) -> OrderCreated:
    told = {"action": "BUY", "quantity": Decimal(100), "symbol": "AAPL", "order_type": "LMT"}
    told |= {"origin": "place_order", "reason": "momentum", "status": "CREATED"}
    return OrderCreated(time=at(millis), **ORDER, **{**told, **more})


def intent(millis: float, **more: Any) -> OrderIntent:
    told: dict[str, Any] = {"kind": "place", "contract": {}, "order": TERMS, "symbol": "AAPL"}
    return OrderIntent(time=at(millis), epoch=1, **ORDER, **{**told, **more})


def fill(millis: float, exec_id: str, shares: str, corrects: str | None = None) -> Fill:
    return Fill(
        time=at(millis), exec_id=exec_id, side="BOT", shares=Decimal(shares), perm_id=900,
        price=Decimal("189.50"), exchange="ISLAND", corrects=corrects, **ORDER,
    )  # fmt: skip


def paid(millis: float, exec_id: str) -> CommissionReported:
    return CommissionReported(
        time=at(millis), exec_id=exec_id, commission=Decimal("1.00"), currency="USD",
        realized_pnl=Decimal("12.5"),
    )  # fmt: skip


def story(*told: Fact) -> Story:
    (one,) = stories(enumerate(told, 1), lambda order: order.order_id == 7)
    return one


def hops(one: Story) -> list[tuple[str, str]]:
    return [(moment.hop, moment.text) for moment in one.moments]


def verdict(*, allowed: bool = True) -> RiskVerdict:
    check = RiskCheck(name="max_quantity", passed=allowed, text="100 is more than 50")
    return RiskVerdict(time=at(0.5), allowed=allowed, checks=(check,), **ORDER)


WHOLE = (
    created(),
    step(0.1, "created", status="CREATED", filled="0", remaining="100", order=TERMS),
    intent(
        1,
        verdict=verdict(),
        quote=QuoteSeen(bid=Decimal("189.40"), at=at(-200), age=0.2),
    ),
    step(2, "sent", status="PendingSubmit"),
    step(42, "orderStatus", status="Submitted", acknowledged=True),
    step(1000, "execDetails", filled="40", remaining="60"),
    fill(1000, "a.01", "40"),
    fill(2000, "b.01", "60"),
    step(2000, "execDetails", status="Filled", filled="100", remaining="0"),
    OrderFilled(time=at(2000), status="Filled", **ORDER),
    paid(2100, "a.01"),
    paid(2500, "b.01"),
)


def test_an_order_from_its_call_to_its_commission() -> None:
    one = story(*WHOLE)
    assert hops(one) == [
        ("call", "place_order, BUY 100 AAPL LMT: momentum"),
        ("verdict", "allowed, 1 check"),
        ("intent", "BUY 100 LMT 189.5 AAPL, quote 189.4 / -, 0.200 s old"),
        ("sent", "handed to the socket"),
        ("answer", "orderStatus: Submitted"),
        ("status", "execDetails: 40 filled, 60 open"),
        ("fill", "BOT 40 at 189.5 on ISLAND (a.01)"),
        ("fill", "BOT 60 at 189.5 on ISLAND (b.01)"),
        ("end", "execDetails: Filled, 100 filled, 0 open"),
        ("commission", "1 USD, realized 12.5 (a.01)"),
        ("commission", "1 USD, realized 12.5 (b.01)"),
    ]
    assert one.order.status == "Filled"
    assert [moment.seq for moment in one.moments] == [1, 3, 3, 4, 5, 6, 7, 8, 9, 11, 12]


def test_the_time_of_each_hop() -> None:
    one = story(*WHOLE)
    assert one.moments[0] == Moment(
        time=at(0), hop="call", text=one.moments[0].text, took=None, since=0.0, seq=1
    )
    answer = one.moments[4]
    assert (answer.took, answer.since) == (0.04, 0.042)
    assert one.latencies == {
        "decided": 0.001,
        "left": 0.001,
        "answered": 0.04,
        "filled": 0.998,
        "paid": 0.5,
        "whole": 2.0,
    }


def test_the_first_word_of_the_gateway_may_be_the_last() -> None:
    one = story(*WHOLE[:4], step(30, "orderStatus", status="Filled", acknowledged=True))
    assert hops(one)[-1] == ("end", "orderStatus: Filled")
    assert one.latencies["answered"] == 0.028


def test_of_an_order_that_did_not_leave_there_is_nothing_to_measure() -> None:
    refused = step(1, "refused", status="REFUSED", reason="max_quantity: 100 is more than 50")
    one = story(created(), verdict(allowed=False), refused)
    assert hops(one)[1:] == [
        ("verdict", "refused, max_quantity: 100 is more than 50"),
        ("end", "refused: REFUSED, max_quantity: 100 is more than 50"),
    ]
    assert one.latencies == {"whole": 0.001}


@pytest.mark.parametrize("again", [{}, {"trailStopPrice": 251.0}])
def test_what_the_gateway_filled_in_is_no_change(again: dict[str, Any]) -> None:
    terms = {"action": "SELL", "totalQuantity": "100", "orderType": "TRAIL", "auxPrice": 2.0}
    one = story(
        created(),
        step(0.1, "created", status="CREATED", order=terms),
        intent(1, order=terms),
        step(42, "openOrder", status="Submitted", acknowledged=True,
             order={**terms, "trailStopPrice": 251.0}),
        intent(100, kind="modify", revision=1, order={**terms, "totalQuantity": "50", **again}),
    )  # fmt: skip
    assert hops(one)[-1] == ("change", "totalQuantity 100 -> 50")


def test_changes_and_cancels() -> None:
    one = story(
        *WHOLE[:5],
        intent(100, kind="modify", revision=1, order={**TERMS, "lmtPrice": 190.0, "tif": "GTC"}),
        step(120, "openOrder", order={**TERMS, "lmtPrice": 190.0, "tif": "GTC", "auxPrice": 0.0}),
        step(200, "cancel", cancel_asked=True),
        step(230, "orderStatus", status="Cancelled", reason="by the user"),
    )
    assert hops(one)[5:] == [
        ("change", "lmtPrice 189.5 -> 190, tif none -> GTC"),
        ("status", "openOrder: lmtPrice 189.5 -> 190, tif none -> GTC"),
        ("cancel", "asked for"),
        ("end", "orderStatus: Cancelled, by the user"),
    ]


def test_a_notice_that_the_gateway_dates_before_it_took_no_time() -> None:
    notice = Notice(
        time=at(-2), req_id=7, code=202, text="cancelled", severity="info",
        correlation_id="order-1-7",
    )  # fmt: skip
    (*_, before, last) = story(*WHOLE[:5], notice).moments
    assert last.time < before.time
    assert (last.hop, last.took) == ("notice", None)


def test_what_the_gateway_says_besides() -> None:
    notice = Notice(
        time=at(50), req_id=7, code=399, text="held until 09:30", severity="warning",
        correlation_id="order-1-7",
    )  # fmt: skip
    late = AcknowledgementLate(time=at(60), waited=5.0, **ORDER)
    unpaid = CommissionLate(
        time=at(70), exec_id="a.01", order_id=7, waited=3.0, correlation_id="order-1-7"
    )
    broken = IdentityBroken(time=at(80), token="t", perm_ids=(900, 901), **ORDER)
    one = story(*WHOLE[:5], notice, late, unpaid, broken)
    assert hops(one)[5:] == [
        ("notice", "warning 399 (id 7): held until 09:30"),
        ("late", "no word of it for 5.0 s"),
        ("late", "no commission of a.01 for 3.0 s"),
        ("alarm", "seen live under several permanent ids: 900, 901"),
    ]


def session(millis: float, old: str, new: str, client: int = 1) -> SessionChanged:
    return SessionChanged(
        time=at(millis), old=old, new=new, correlation_id=f"session-{client}-1", reason="reset"
    )


def test_a_gap_while_it_lives() -> None:
    gap = GapReport(
        time=at(900), cause="link", began=at(500), ended=at(800),
        orders=(
            OrderInGap(
                order_id=7, client_id=1, before="Submitted", after="Filled",
                verdict=GapVerdict.FILLED, reason="at the exchange",
            ),
            OrderInGap(order_id=9, client_id=1, after="Submitted", verdict=GapVerdict.APPEARED),
        ),
    )  # fmt: skip
    one = story(
        session(-1, "SYNCING", "READY"),
        *WHOLE[:5],
        session(500, "READY", "LOST"),
        session(600, "LOST", "CONNECTING"),
        session(650, "READY", "LOST", client=11),
        session(800, "SYNCING", "READY"),
        gap,
    )
    assert hops(one)[5:] == [
        ("session", "READY -> LOST: reset"),
        ("session", "SYNCING -> READY: reset"),
        ("gap", "after 0.3 s (link): filled, Submitted -> Filled: at the exchange"),
    ]


def test_a_correction_is_told_beside_what_it_corrects() -> None:
    one = story(*WHOLE[:7], fill(1500, "a.02", "30", corrects="a.01"))
    assert hops(one)[-1] == ("fill", "BOT 30 at 189.5 on ISLAND (a.02, corrects a.01)")
    assert hops(one)[-2] == ("fill", "BOT 40 at 189.5 on ISLAND (a.01)")


def test_an_execution_that_came_before_its_order() -> None:
    one = story(fill(0, "a.01", "40"), step(1, "openOrder", status="Filled", acknowledged=True))
    assert hops(one) == [
        ("fill", "BOT 40 at 189.5 on ISLAND (a.01)"),
        ("end", "openOrder: Filled"),
    ]


def test_an_order_that_has_events_and_no_steps() -> None:
    one = story(created(), OrderFilled(time=at(9), status="Filled", reason="x", **ORDER))
    assert hops(one)[1:] == [("end", "Filled: x")]


def test_nothing_of_other_orders() -> None:
    other: dict[str, Any] = {**ORDER, "order_id": 8, "correlation_id": "order-1-8"}
    one = story(
        *WHOLE,
        OrderStep(time=at(5), changes={"status": "Submitted"}, **other),
        Notice(time=at(5), req_id=8, code=399, text="x", correlation_id="order-1-8"),
    )
    assert len(one.moments) == len(story(*WHOLE).moments)


@given(st.lists(facts(), max_size=20))
def test_no_fact_is_too_much_for_it(told: list[Fact]) -> None:
    seqs = set(range(1, len(told) + 1))
    for one in stories(enumerate(told, 1), lambda _order: True):
        assert {moment.seq for moment in one.moments} <= seqs
        assert [moment.seq for moment in one.moments] == sorted(m.seq for m in one.moments)
