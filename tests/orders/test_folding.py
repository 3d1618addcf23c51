"""Orders and contracts kept small come back as they were."""

from __future__ import annotations

import gc
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from ibapi.contract import ComboLeg, Contract
from ibapi.order import Order
from ibapi.order_condition import PriceCondition
from ibapi.softdollartier import SoftDollarTier
from ibapi.tag_value import TagValue

from twsloop.contracts import stock
from twsloop.orders.builders import limit_order
from twsloop.orders.folding import Folded, Pool, folded, unfolded

NAMES = sorted(vars(Order()))
VALUES: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=5),
    st.decimals(allow_nan=False),
    st.just([]),
    st.just([TagValue("a", "b")]),
)


def told(order: Order) -> dict[str, Any]:
    """All fields, with their types: 0, 0.0 and False are not the same."""
    fields = dict(vars(order))
    fields["softDollarTier"] = vars(order.softDollarTier) if order.softDollarTier else None
    return {name: (type(value), value) for name, value in fields.items()}


@given(st.dictionaries(st.sampled_from(NAMES).filter("softDollarTier".__ne__), VALUES))
def test_an_order_comes_back_as_it_was(fields: dict[str, Any]) -> None:
    order = Order()
    vars(order).update(fields)
    kept = folded(order)
    assert isinstance(kept, Folded)
    assert told(unfolded(kept)) == told(order)


def test_each_order_that_comes_back_is_its_own() -> None:
    kept = folded(limit_order("BUY", 1, 5))
    one, other = unfolded(kept), unfolded(kept)
    one.lmtPrice = 7.0
    one.conditions.append(PriceCondition())
    assert (other.lmtPrice, other.conditions) == (5.0, [])
    assert unfolded(kept).lmtPrice == 5.0


def test_parts_and_fields_of_a_users_own_are_kept() -> None:
    order: Any = limit_order("BUY", 1, 5)
    order.softDollarTier = SoftDollarTier("a", "b", "c")
    order.note = "mine"
    back = unfolded(folded(order))
    assert back.softDollarTier.name == "a"
    assert back.note == "mine"


def test_what_is_no_plain_order_is_kept_as_it_is() -> None:
    class Mine(Order):
        pass

    mine = Mine()
    assert folded(mine) is mine
    assert folded(None) is None
    assert unfolded(mine) is mine


def test_a_folded_order_is_small() -> None:
    order = limit_order("BUY", 100, "189.50")
    kept = folded(order)
    assert len(kept.names) < 12
    assert kept.names is folded(limit_order("SELL", 7, 1)).names


def contracts() -> tuple[Contract, Contract]:
    return stock("AAPL"), stock("AAPL")


def test_equal_contracts_are_one() -> None:
    pool = Pool()
    first, second = contracts()
    assert pool.one_of(first) is first
    assert pool.one_of(second) is first
    assert pool.one_of(stock("MSFT")) is not first


def test_one_that_was_changed_stands_for_no_other() -> None:
    pool = Pool()
    first, second = contracts()
    pool.one_of(first)
    first.exchange = "NYSE"
    assert pool.one_of(second) is second
    assert pool.one_of(stock("AAPL")) is second


def test_a_number_is_not_its_text_and_combos_stand_for_themselves() -> None:
    pool = Pool()
    first, second = contracts()
    first.strike, second.strike = 0.0, Decimal(1)
    assert pool.one_of(first) is not pool.one_of(second)
    for combo in contracts():
        combo.comboLegs = [ComboLeg()]
        assert pool.one_of(combo) is combo


def test_nothing_is_held_for_the_pools_sake() -> None:
    pool = Pool()
    first, second = contracts()
    pool.one_of(first)
    del first
    gc.collect()
    assert pool.one_of(second) is second
