"""Facts in the order in which they were written are the orders that they tell of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.facts import facts
from twsloop.events import (
    CommissionReported,
    Fact,
    Fill,
    IdentityBroken,
    OrderCancelled,
    OrderCreated,
    OrderIntent,
    OrderStep,
    RiskCheck,
    RiskVerdict,
)
from twsloop.orders import state as orders
from twsloop.storage.order_state import FINAL, OrderState
from twsloop.storage.replay import Replay, replay

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def intent(order_id: int = 7, when: float = 0, **more: Any) -> OrderIntent:
    told = {
        "kind": "place",
        "token": f"t.{order_id}",
        "contract": {"symbol": "AAPL", "conId": 265598},
        "order": {"action": "BUY", "totalQuantity": "100", "lmtPrice": 189.5},
        "symbol": "AAPL",
        "origin": "place_order",
        "purpose": "momentum",
        "epoch": 1,
    }
    return OrderIntent(time=at(when), order_id=order_id, client_id=1, **{**told, **more})


def step(
    order_id: int = 7, when: float = 1, *, source: str = "", perm: int | None = None, **changes: Any
) -> OrderStep:
    return OrderStep(
        time=at(when), order_id=order_id, client_id=1, perm_id=perm, source=source, changes=changes
    )


def fill(exec_id: str, shares: str = "40", when: float = 3, **more: Any) -> Fill:
    told = {"order_id": 7, "client_id": 1, "perm_id": 900, "side": "BOT", "price": Decimal("189.5")}
    return Fill(time=at(when), exec_id=exec_id, shares=Decimal(shares), **{**told, **more})


def paid(exec_id: str, cost: str = "1.00", pnl: str | None = None) -> CommissionReported:
    realized = None if pnl is None else Decimal(pnl)
    return CommissionReported(
        time=at(4), exec_id=exec_id, commission=Decimal(cost), realized_pnl=realized
    )


def only(*told: Fact) -> OrderState:
    (state,) = replay(told).orders
    return state


def test_the_ends_are_those_of_the_orders_slice() -> None:
    assert {str(status) for status in orders.FINAL} == FINAL


def test_an_order_from_its_intent_to_its_commission() -> None:
    state = only(
        intent(),
        step(when=1, source="sent", status="PendingSubmit", filled="0", quantity="100"),
        step(when=2, source="orderStatus", perm=900, status="Submitted", acknowledged=True),
        fill("a.01"),
        paid("a.01", "1.25", "10"),
        step(when=5, source="execDetails", perm=900, status="Filled", filled="100", remaining="0"),
    )
    assert (state.order_id, state.client_id, state.perm_id, state.perm_ids) == (7, 1, 900, (900,))
    assert (state.epoch, state.token, state.origin, state.purpose) == (
        *(1, "t.7"),
        *("place_order", "momentum"),
    )
    assert (state.symbol, state.con_id, state.order["lmtPrice"]) == ("AAPL", 265598, 189.5)
    assert (state.status, state.quantity, state.filled, state.remaining) == (
        *("Filled", Decimal(100)),
        *(Decimal(100), Decimal(0)),
    )
    assert (state.executed, state.commission, state.realized_pnl) == (
        *(Decimal(40), Decimal("1.25")),
        Decimal(10),
    )
    assert (state.created_at, state.sent_at, state.answered_at, state.ended_at) == (
        *(at(0), at(1)),
        *(at(2), at(5)),
    )
    assert state.final
    assert not state.may_be_working


@pytest.mark.parametrize("after", [[], [step(status="CREATED")]])
def test_after_an_intent_alone_nobody_knows_whether_it_left(after: list[Fact]) -> None:
    state = only(intent(), *after)
    assert state.uncertain
    assert state.may_be_working
    assert not state.final
    assert (state.quantity, state.sent_at) == (Decimal(100), None)


def test_what_was_taken_back_did_not_leave() -> None:
    state = only(intent(), step(status="NOT_SENT"))
    assert not state.uncertain
    assert not state.may_be_working


def test_uncertain_for_good_is_over_and_may_be_working() -> None:
    state = only(intent(), step(status="UNCERTAIN"))
    assert (state.final, state.may_be_working) == (False, True)
    state = only(intent(), step(status="UNCERTAIN", abandoned=True))
    assert (state.final, state.may_be_working) == (True, True)


def test_an_end_that_was_not_true_is_taken_back() -> None:
    made = replay([step(when=1, status="Cancelled")])
    assert made.orders[0].ended_at == at(1)
    made.apply(step(when=2, status="Submitted"))
    assert made.orders[0].ended_at is None
    made.apply(step(when=3, status="Filled"))
    assert made.orders[0].ended_at == at(3)


def test_after_a_restart_who_made_it_and_why_stays() -> None:
    state = only(
        intent(tag="trend"),
        step(perm=900, status="Submitted", token="t.7", purpose="momentum", origin="place_order"),
        step(
            *(7, 60),
            perm=900,
            status="PreSubmitted",
            token="t.7",
            tag="trend",
            purpose="",
            origin="an earlier session",
        ),
    )
    assert (state.status, state.purpose, state.origin) == (
        "PreSubmitted",
        "momentum",
        "place_order",
    )


def test_a_modification_says_what_is_meant_and_the_steps_what_stands() -> None:
    new = {"action": "BUY", "totalQuantity": "50"}
    state = only(
        intent(),
        step(status="Submitted", order={"action": "BUY", "totalQuantity": "100"}, quantity="100"),
        intent(when=2, kind="modify", revision=1, order=new),
    )
    assert (state.revision, state.meant, state.quantity) == (1, new, Decimal(100))
    assert state.order["totalQuantity"] == "100"
    assert not state.uncertain


def test_ids_that_were_used_twice_are_two_orders() -> None:
    first, second = replay(
        [
            intent(),
            step(status="Filled", perm=900, token="t.7"),
            intent(when=60, token="t.other"),
            step(when=61, status="CREATED", token="t.other"),
            step(when=62, status="Submitted", perm=901),
        ]
    ).orders
    assert (first.status, first.perm_id) == ("Filled", 900)
    assert (second.status, second.perm_id) == ("Submitted", 901)


def test_a_new_order_with_an_old_id_and_no_token_is_another_one() -> None:
    first, second = replay(
        [step(status="Cancelled", perm=900), step(when=60, status="CREATED"), fill("b.01")]
    ).orders
    assert (first.status, second.status) == ("Cancelled", "CREATED")
    assert list(first.fills) == ["b"]


def test_an_order_by_hand_keeps_its_story_when_it_gets_an_id() -> None:
    made = replay(
        [
            step(0, status="Submitted", perm=55),
            fill("h.01", order_id=0, perm_id=55),
            step(12, 2, perm=55, status="Filled"),
        ]
    )
    (state,) = made.orders
    assert (state.order_id, state.status, list(state.fills)) == (12, "Filled", ["h"])
    assert made.find(1, 12) is state


def test_two_orders_by_hand_are_two() -> None:
    made = replay([step(0, status="Submitted", perm=55), step(0, status="Filled", perm=56)])
    assert [(one.perm_id, one.status) for one in made.orders] == [(55, "Submitted"), (56, "Filled")]


def test_one_intent_under_two_permanent_ids() -> None:
    broken = IdentityBroken(time=at(9), order_id=7, client_id=1, token="t.7", perm_ids=(900, 901))
    state = only(intent(), step(perm=900, status="Submitted"), broken)
    assert state.perm_ids == (900, 901)


def test_a_correction_takes_the_place_and_the_commission_of_what_it_corrects() -> None:
    made = replay([intent(), fill("a.01"), paid("a.01"), fill("a.02", "30"), paid("a.02", "0.75")])
    (state,) = made.orders
    assert [one.exec_id for one in state.fills.values()] == ["a.02"]
    assert (state.executed, state.commission) == (Decimal(30), Decimal("0.75"))
    assert made.fills == tuple(state.fills.values())


def test_an_execution_waits_for_its_order_and_a_commission_for_its_execution() -> None:
    made = replay([paid("a.01"), fill("a.01")])
    assert [one.exec_id for one in made.strays] == ["a.01"]
    made.apply(step(status="CREATED"))
    assert made.orders[0].fills == {}
    made.apply(step(perm=900, status="Filled", acknowledged=True))
    assert made.strays == ()
    assert made.orders[0].commission == Decimal(1)
    assert made.commission_of("a.01") == paid("a.01")


def test_a_paper_gateway_that_counts_its_executions_anew() -> None:
    today = fill("a.01", executed_at=at(3))
    tomorrow = fill("a.01", "5", order_id=8, perm_id=901, executed_at=at(90_000))
    first, second = replay(
        [
            *(step(perm=900), today, paid("a.01"), today),
            *(step(8, perm=901), tomorrow, paid("a.01", "3")),
        ]
    ).orders
    assert (first.executed, first.commission) == (Decimal(40), Decimal(1))
    assert (second.executed, second.commission) == (Decimal(5), Decimal(3))
    made = replay([today, tomorrow])
    assert made.strays == made.fills == (today, tomorrow)


def test_a_paper_gateway_that_counts_its_permanent_ids_anew() -> None:
    first, second, foreign = replay(
        [
            *(intent(7), step(perm=900, status="Filled"), fill("a.01")),
            *(intent(8), step(8, status="PendingSubmit"), step(8, perm=900, status="Submitted")),
            step(8, perm=900, status="Filled"),
            fill("b.01", "5", order_id=8),
            OrderStep(time=at(9), order_id=3, client_id=2, perm_id=900, changes={"status": "X"}),
        ]
    ).orders
    assert (first.status, second.status, foreign.status) == ("Filled", "Filled", "X")
    assert (first.executed, second.executed) == (Decimal(40), Decimal(5))


def test_the_legs_of_a_combo_are_not_the_combo() -> None:
    state = only(
        step(status="Filled", contract={"secType": "BAG"}),
        fill("c.1.2.01", "1"),
        fill("c.1.2.3.01", "2"),
    )
    assert (len(state.fills), state.executed) == (2, Decimal(1))


def test_events_tell_of_an_order_that_has_no_steps_and_of_no_other() -> None:
    order: dict[str, Any] = {"time": at(1), "order_id": 7, "client_id": 1, "quantity": Decimal(100)}
    cancelled = OrderCancelled(**order, perm_id=900, status="Cancelled", reason="asked")
    created = OrderCreated(**order, status="CREATED", tag="trend", origin="raw", reason="momentum")
    state = only(created)
    assert (state.status, state.reason, state.purpose) == ("CREATED", "", "momentum")
    state = only(created, cancelled)
    assert (state.status, state.reason, state.tag, state.origin) == (
        *("Cancelled", "asked"),
        *("trend", "raw"),
    )
    assert (state.perm_id, state.ended_at, state.quantity) == (900, at(1), Decimal(100))
    state = only(step(status="Submitted"), cancelled)
    assert (state.status, state.ended_at) == ("Submitted", None)


def test_a_refused_verdict_is_kept_with_its_order() -> None:
    verdict = RiskVerdict(
        time=at(1),
        order_id=7,
        client_id=1,
        allowed=False,
        checks=(RiskCheck(name="max_quantity", passed=False, text="too large"),),
    )
    state = only(step(status="CREATED"), verdict, step(status="REFUSED"))
    assert state.allowed is verdict
    assert replay([verdict]).orders == ()


# ---- whatever is told ----------------------------------------------------------------------


_EXEC_IDS = st.sampled_from(["a.01", "a.02", "a.03", "b.01", "b.02", "c.01"])
_PERMS = st.sampled_from([None, 900, 901])
_STEPS = st.builds(
    lambda order_id, perm, source, changes: step(order_id, perm=perm, source=source, **changes),
    st.integers(0, 3),
    _PERMS,
    st.sampled_from(["sent", "orderStatus", "openOrder"]),
    st.fixed_dictionaries(
        {},
        optional={
            "status": st.sampled_from(["CREATED", "Submitted", "Filled", "UNCERTAIN", "Cancelled"]),
            "token": st.sampled_from(["", "t.1", "t.2"]),
            "filled": st.sampled_from(["0", "40", "100"]),
            "abandoned": st.booleans(),
        },
    ),
)
_FILLS = st.builds(
    lambda exec_id, order_id, perm: fill(exec_id, order_id=order_id, perm_id=perm),
    *(_EXEC_IDS, st.integers(0, 3), _PERMS),
)
_ABOUT_FEW = st.one_of(
    _STEPS,
    _FILLS,
    st.builds(intent, st.integers(1, 3)),
    st.builds(paid, _EXEC_IDS, st.sampled_from(["1", "2"])),
)


@given(st.lists(_ABOUT_FEW, max_size=25), st.lists(st.integers(0, 24)))
def test_what_is_read_again_changes_nothing(told: list[Fact], again: list[int]) -> None:
    once, often = Replay(), Replay()
    for number, fact in enumerate(told, 1):
        once.apply(fact, number)
        often.apply(fact, number)
        for earlier in again:
            if earlier < number:
                often.apply(told[earlier], earlier + 1)
    assert often.orders == once.orders
    assert (often.fills, often.strays) == (once.fills, once.strays)


@given(st.lists(facts(), max_size=15))
def test_no_fact_is_too_much_for_it(told: list[Fact]) -> None:
    made = replay(told)
    assert set(made.strays) <= set(made.fills)


@given(st.lists(_ABOUT_FEW, max_size=25))
def test_every_execution_is_in_one_place(told: list[Fact]) -> None:
    made = replay(told)
    placed = [one for state in made.orders for one in state.fills.values()]
    assert sorted((*placed, *made.strays), key=lambda one: one.exec_id) == sorted(
        made.fills, key=lambda one: one.exec_id
    )
    for state in made.orders:
        assert set(state.commissions) <= {one.exec_id for one in state.fills.values()}
    newest: dict[str, str] = {}
    for fact in told:
        if isinstance(fact, Fill):
            base = fact.exec_id[0]
            newest[base] = max(newest.get(base, ""), fact.exec_id)
    assert {one.exec_id for one in made.fills} == set(newest.values())


@given(
    st.permutations(
        [
            fill("a.01"),
            fill("a.02"),
            fill("b.01", "5"),
            paid("a.01"),
            paid("a.02", "2"),
            paid("b.01"),
        ]
    )
)
def test_executions_and_commissions_come_in_any_order(told: list[Fact]) -> None:
    state = only(intent(), *told)
    assert {one.exec_id for one in state.fills.values()} == {"a.02", "b.01"}
    assert (state.executed, state.commission) == (Decimal(45), Decimal(3))


@given(st.lists(st.sampled_from(["Submitted", "Filled", "PendingCancel"]), min_size=1), st.data())
def test_the_latest_word_of_each_field_counts(words: list[str], data: st.DataObject) -> None:
    told = [step(status=word, ib_status=data.draw(st.sampled_from("xyz"))) for word in words]
    state = only(*told)
    assert state.told == told[-1].changes
