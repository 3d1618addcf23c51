"""Conditions: IB's own objects, and combinations that mean the same once written in a row."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ibapi.order_condition import OrderCondition

from tests.support.order_examples import resolved
from twsloop.contracts import stock
from twsloop.errors import InvalidOrder
from twsloop.orders.builders import limit_order
from twsloop.orders.conditions import (
    LONGEST_ROW,
    Combination,
    all_of,
    any_of,
    execution_condition,
    margin_condition,
    percent_change_condition,
    price_condition,
    time_condition,
    volume_condition,
    when,
)
from twsloop.orders.words import TriggerMethod


def test_each_kind() -> None:
    price = price_condition(resolved(), below="190.5", trigger_method=TriggerMethod.LAST)
    assert (price.condType, price.isMore, price.price) == (OrderCondition.Price, False, 190.5)
    assert (price.conId, price.exchange, price.triggerMethod) == (265598, "SMART", 2)
    change = percent_change_condition(resolved(), above=5)
    assert (change.condType, change.isMore, change.changePercent) == (7, True, 5.0)
    volume = volume_condition(resolved(), above=1000)
    assert (volume.condType, volume.volume) == (6, 1000)
    margin = margin_condition(below=30)
    assert (margin.condType, margin.isMore, margin.percent) == (4, False, 30)
    moment = time_condition(before=datetime(2026, 11, 23, 15, 30, tzinfo=UTC))
    assert (moment.condType, moment.isMore, moment.time) == (3, False, "20261123-15:30:00")
    trade = execution_condition(stock("MSFT"))
    assert (trade.secType, trade.exchange, trade.symbol) == ("STK", "SMART", "MSFT")


@pytest.mark.parametrize(
    ("make", "arguments"),
    [
        (price_condition, {"above": 1, "below": 2}),
        (price_condition, {}),
        (price_condition, {"above": "x"}),
        (price_condition, {"above": 1, "trigger_method": 5}),
        (volume_condition, {"above": "1.5"}),
    ],
)
def test_marks_that_are_none(make: Any, arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidOrder):
        make(resolved(), **arguments)


def test_a_contract_has_to_be_resolved() -> None:
    with pytest.raises(InvalidOrder, match="resolve") as raised:
        price_condition(stock("AAPL"), above=1)
    assert raised.value.code == 147
    bare = stock("AAPL")
    bare.exchange = ""
    with pytest.raises(InvalidOrder):
        execution_condition(bare)


def test_times_need_one_side_and_a_zone() -> None:
    for wrong in ({}, {"after": "x", "before": "y"}, {"after": datetime(2026, 1, 1)}):  # noqa: DTZ001
        with pytest.raises(InvalidOrder):
            time_condition(**wrong)


def test_an_order_gets_copies() -> None:
    mine, price = limit_order("BUY", 1, 1), margin_condition(above=1)
    price.isConjunctionConnection = False
    made = when(mine, price, cancel=True)
    assert mine.conditions == []
    assert (made.conditionsCancelOrder, made.conditionsIgnoreRth) == (True, False)
    assert made.conditions[0] is not price
    assert made.conditions[0].isConjunctionConnection
    assert not price.isConjunctionConnection


def test_what_is_no_condition() -> None:
    with pytest.raises(InvalidOrder, match="no condition"):
        when(limit_order("BUY", 1, 1), "late")
    for combine in (all_of, any_of):
        with pytest.raises(InvalidOrder, match="no condition"):
            combine()


def test_a_combination_does_not_explode() -> None:
    pair = any_of(margin_condition(above=1), margin_condition(above=2))
    with pytest.raises(InvalidOrder, match=str(LONGEST_ROW)):
        all_of(*[pair] * 20)


# ---- what a row means, judged by a plain reading of brackets -----------------------------------

FACTS = 4
Tree = Any


def trees() -> st.SearchStrategy[Tree]:
    leaf = st.integers(0, FACTS - 1)
    return st.recursive(
        leaf,
        lambda inner: st.tuples(
            st.sampled_from(["all", "any"]), st.lists(inner, min_size=1, max_size=3)
        ),
        max_leaves=6,
    )


def combined(tree: Tree) -> OrderCondition | Combination:
    if isinstance(tree, int):
        return margin_condition(above=tree)
    return (all_of if tree[0] == "all" else any_of)(*map(combined, tree[1]))


def truth(tree: Tree, facts: list[bool]) -> bool:
    if isinstance(tree, int):
        return facts[tree]
    return (all if tree[0] == "all" else any)(truth(one, facts) for one in tree[1])


def row_truth(row: list[Any], facts: list[bool]) -> bool:
    """A row read with "and" binding closer: split at each "or", all of one part hold."""
    parts: list[list[bool]] = [[]]
    for condition in row:
        parts[-1].append(facts[condition.percent])
        if not condition.isConjunctionConnection:
            parts.append([])
    return any(all(part) for part in parts if part)


@given(trees(), st.lists(st.booleans(), min_size=FACTS, max_size=FACTS))
def test_a_row_means_what_the_brackets_meant(tree: Tree, facts: list[bool]) -> None:
    order = when(limit_order("BUY", 1, 1), combined(tree))
    assert row_truth(order.conditions, facts) == truth(tree, facts)
    assert order.conditions[-1].isConjunctionConnection
