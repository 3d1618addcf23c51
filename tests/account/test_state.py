"""Rows and tables of accounts: exact amounts, and what each report changes."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from ibapi.const import UNSET_DOUBLE
from ibapi.contract import Contract

from twsloop.account.state import AccountTable, PositionTable
from twsloop.contracts import stock, symbol_of
from twsloop.events import PositionChanged, PositionClosed, PositionEvent, PositionOpened

NOW = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)


def contract(con_id: int = 265598) -> Contract:
    made = stock("AAPL")
    made.conId = con_id
    return made


def apply(table: PositionTable, quantity: Any, con_id: int = 265598) -> PositionEvent | None:
    _, fact = table.apply("DU1", contract(con_id), quantity, 189.5, NOW)
    return fact


def test_a_position_opens_changes_and_closes() -> None:
    table = PositionTable(symbol_of)
    opened = apply(table, Decimal(100))
    assert isinstance(opened, PositionOpened)
    assert (opened.symbol, opened.quantity, opened.average_cost) == (
        "AAPL",
        Decimal(100),
        Decimal("189.5"),
    )
    assert apply(table, Decimal(100)) is None
    changed = apply(table, Decimal(-20))
    assert isinstance(changed, PositionChanged)
    assert changed.previous == 100
    closed = apply(table, Decimal(0))
    assert isinstance(closed, PositionClosed)
    assert closed.average_cost is None
    assert apply(table, Decimal(0)) is None
    assert table.rows() == []


def test_a_flat_position_that_nobody_knew_is_no_fact() -> None:
    assert apply(PositionTable(symbol_of), Decimal(0)) is None


def test_what_an_image_leaves_out_is_flat() -> None:
    table = PositionTable(symbol_of)
    apply(table, Decimal(100), con_id=1)
    apply(table, Decimal(50), con_id=2)
    facts = table.keep_only({("DU1", 2)}, NOW)
    assert [type(fact) for fact in facts] == [PositionClosed]
    assert facts[0].con_id == 1
    assert [row.contract.conId for row in table.rows()] == [2]


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(-3, 3)), max_size=30))
def test_the_facts_add_up_to_the_table(reports: list[tuple[int, int]]) -> None:
    table = PositionTable(symbol_of)
    by_facts: dict[int, Decimal] = {}
    for con_id, quantity in reports:
        fact = apply(table, quantity, con_id)
        if fact is not None:
            assert fact.previous == by_facts.get(con_id, 0)
            by_facts[con_id] = fact.quantity
    held = {row.contract.conId: row.quantity for row in table.rows()}
    assert held == {con_id: size for con_id, size in by_facts.items() if size}


def test_account_values_and_portfolio() -> None:
    table = AccountTable(symbol_of)
    table.apply_value("NetLiquidation", "1000000.00", "USD", "DU1")
    table.apply_value("NetLiquidation", "1000001.00", "USD", "DU1")
    table.apply_value("AccountType", "INDIVIDUAL", "", "DU1")
    table.apply_value("NetLiquidation", "5", "USD", "DU2")
    assert [(row.key, row.amount) for row in table.values("DU1")] == [
        ("NetLiquidation", Decimal("1000001.00")),
        ("AccountType", None),
    ]
    assert len(table.values()) == 3
    item = table.apply_item(
        contract(),
        account="DU1",
        quantity=Decimal(100),
        market_price=189.5,
        market_value=18950.0,
        average_cost=189.0,
        unrealized_pnl=50.0,
        realized_pnl=UNSET_DOUBLE,
    )
    assert (item.market_value, item.realized_pnl) == (Decimal("18950.0"), None)
    assert table.portfolio("DU1") == [item]
    assert table.portfolio("DU2") == []
    table.forget()
    assert table.values() == []
