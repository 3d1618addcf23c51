"""Facts as rows: every fact can be written and read again, and money stays what it is."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.facts import facts
from twsloop.events import (
    ConfigTaken,
    Fact,
    Fill,
    HeartbeatMissed,
    KillSwitchChanged,
    LoopLagged,
    Notice,
    OrderFact,
    OrderIntent,
    OrderStep,
    OrderSubmitted,
    RiskCheck,
    RiskVerdict,
    SessionChanged,
    to_record,
)
from twsloop.events.records import from_record
from twsloop.storage.chain import canonical
from twsloop.storage.rows import body_of, details_of, drafts_of, is_kept, key_of, story_of, time_of
from twsloop.storage.schema import columns_of

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
FILL = Fill(
    time=NOON,
    exec_id="0000e0d5.65a1b2c3.01.01",
    order_id=7,
    client_id=1,
    account="DU1",
    side="BOT",
    shares=Decimal(100),
    price=Decimal("1E+2"),
    executed_at=NOON,
)


def row_of(fact: Fact, table: str) -> dict[str, Any]:
    """The fact's row of a table, by column."""
    (values,) = (values for name, values in details_of(fact, 3) if name == table)
    return dict(zip(columns_of(table)[1:], values, strict=True))


@given(fact=facts())
def test_every_fact_has_a_body_that_reads_the_same(fact: Fact) -> None:
    body = body_of(fact)
    assert body.isascii()
    assert "\n" not in body
    assert body == canonical(to_record(fact))
    assert json.loads(body) == json.loads(json.dumps(to_record(fact)))
    assert from_record(json.loads(body)) == fact
    assert body_of(from_record(json.loads(body))) == body


@given(fact=facts(), epoch=st.integers(0, 9))
def test_every_row_fits_its_table(fact: Fact, epoch: int) -> None:
    for table, values in details_of(fact, epoch):
        assert len(values) == len(columns_of(table)) - 1
        assert all(value is None or type(value) in {int, str} for value in values)


@given(fact=facts())
def test_a_row_says_nothing_that_the_body_does_not(fact: Fact) -> None:
    again = from_record(json.loads(body_of(fact)))
    assert details_of(again, 5) == details_of(fact, 5)
    assert key_of(again) == key_of(fact)
    assert time_of(again) == time_of(fact)


@given(fact=facts())
def test_a_writer_in_haste_makes_the_same_rows(fact: Fact) -> None:
    """But for what SQLite refuses."""
    for (table, hasty), (name, right) in zip(drafts_of(fact, 5), details_of(fact, 5), strict=True):
        assert table == name
        for value, stored in zip(hasty, right, strict=True):
            if isinstance(value, int) and not -(2**63) <= value < 2**63:
                assert stored is None
            elif isinstance(value, str) and value != stored:
                with pytest.raises(UnicodeEncodeError):
                    value.encode()
            else:
                assert (value, type(value)) == (stored, type(stored))


@given(one=facts(), two=facts())
def test_times_sort_as_text(one: Fact, two: Fact) -> None:
    assert (time_of(one) < time_of(two)) is (one.time < two.time)


def test_what_json_has_no_form_for_is_kept_as_text() -> None:
    step = OrderStep(
        time=NOON,
        order_id=1,
        client_id=0,
        changes={"a": float("inf"), "b": {"c": [float("nan"), object]}, 3: 4.5},  # type: ignore[dict-item]
    )
    changes = json.loads(body_of(step))["changes"]
    assert changes == {"a": "inf", "b": {"c": ["nan", "<class 'object'>"]}, "3": 4.5}
    half = OrderSubmitted(time=NOON, order_id=1, symbol="a\ud800b", perm_id=2**70)
    row = row_of(half, "order_event")
    assert (row["symbol"], row["perm_id"]) == ("a\\ud800b", None)
    assert json.loads(body_of(half))["symbol"] == "a\ud800b"


def test_an_intent_in_columns() -> None:
    verdict = RiskVerdict(
        time=NOON,
        order_id=7,
        client_id=1,
        allowed=False,
        checks=(RiskCheck(name="quantity", passed=False, text="too many"),),
    )
    intent = OrderIntent(
        time=NOON,
        order_id=7,
        client_id=1,
        epoch=1,
        kind="place",
        contract={"secType": "STK", "currency": "USD"},
        order={"action": "BUY", "totalQuantity": "100", "lmtPrice": 1e-7, "parentId": 6},
        verdict=verdict,
    )
    row = row_of(intent, "intent")
    named = ("sec_type", "currency", "action", "quantity", "limit_price", "parent_id", "allowed")
    assert [row[name] for name in named] == ["STK", "USD", "BUY", "100", "0.0000001", 6, 0]
    assert row["stop_price"] is None
    assert row_of(intent, "verdict")["reason"] == "quantity: too many"
    assert row_of(verdict, "verdict")["failed"] == "quantity"


def test_money_has_no_exponent_and_no_rounding() -> None:
    row = row_of(attrs.evolve(FILL, shares=Decimal("0.10")), "execution")
    assert (row["shares"], row["price"]) == ("0.10", "100")
    digits = "12345678901234567890.123456789"
    assert row_of(attrs.evolve(FILL, price=Decimal(digits)), "execution")["price"] == digits


def test_the_same_execution_told_again_is_the_same() -> None:
    again = attrs.evolve(FILL, time=NOON.replace(hour=13), tag="mine", shares=Decimal("100.0"))
    assert key_of(again) == key_of(FILL)
    for other in (
        attrs.evolve(FILL, exec_id="0000e0d5.65a1b2c3.01.02"),
        attrs.evolve(FILL, account="DU2"),
        attrs.evolve(FILL, client_id=2),
        # A paper gateway that was started again counts from its first id.
        attrs.evolve(FILL, executed_at=NOON.replace(hour=13)),
    ):
        assert key_of(other) != key_of(FILL)


def test_every_fact_belongs_to_a_story() -> None:
    assert story_of(FILL, "s") == "order-1-7"
    assert story_of(attrs.evolve(FILL, correlation_id="mine"), "s") == "mine"
    assert story_of(HeartbeatMissed(time=NOON, silence=1.0), "s") == "s"


@pytest.mark.parametrize(
    ("fact", "kept"),
    [
        (FILL, True),
        (SessionChanged(time=NOON, old="A", new="B"), True),
        (ConfigTaken(time=NOON, digest="d", settings={}), True),
        (KillSwitchChanged(time=NOON, engaged=True, by="api"), True),
        (LoopLagged(time=NOON, lag=1.0), False),
        (Notice(time=NOON, code=2104, text="OK", severity="info"), False),
        (Notice(time=NOON, code=2104, text="OK", severity="warning"), True),
        (Notice(time=NOON, code=399, text="later", severity="info", scope="order"), True),
        (Notice(time=NOON, code=399, text="x", severity="info", context="order_live"), True),
    ],
)
def test_what_is_kept(fact: Fact, kept: bool) -> None:
    assert is_kept(fact) is kept


@given(fact=facts())
def test_everything_about_orders_is_kept(fact: Fact) -> None:
    assert is_kept(fact) or not isinstance(fact, OrderFact)
