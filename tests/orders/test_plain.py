"""IB's objects as plain JSON: what is set, and nothing else."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ibapi.contract import ComboLeg, Contract
from ibapi.order import Order
from ibapi.tag_value import TagValue

from tests.support.order_examples import EXAMPLES
from twsloop.contracts import stock
from twsloop.orders.builders import limit_order, trailing_stop
from twsloop.orders.conditions import price_condition, when
from twsloop.orders.plain import contract_of, order_of, plain_fields


def test_only_what_is_set_is_there() -> None:
    assert plain_fields(Order()) == {}
    assert plain_fields(Contract()) == {}
    order = limit_order("BUY", 100, "189.50")
    assert plain_fields(order) == {
        "action": "BUY",
        "totalQuantity": "100",
        "orderType": "LMT",
        "lmtPrice": 189.5,
        "tif": "DAY",
    }


def test_what_is_inside_says_what_it_is() -> None:
    combo = Contract()
    leg = ComboLeg()
    leg.conId, leg.ratio, leg.action = 265598, 1, "BUY"
    combo.comboLegs = [leg]
    assert plain_fields(combo) == {
        "comboLegs": [{"class": "ComboLeg", "conId": 265598, "ratio": 1, "action": "BUY"}]
    }
    order = Order()
    order.algoParams = [TagValue("adaptivePriority", "Normal")]
    assert plain_fields(order) == {
        "algoParams": [{"class": "TagValue", "tag": "adaptivePriority", "value": "Normal"}]
    }


def test_conditions_are_told_apart() -> None:
    contract = stock("AAPL")
    contract.conId = 265598
    order = when(limit_order("BUY", 1, 10), price_condition(contract, above=200))
    (condition,) = plain_fields(order)["conditions"]
    assert condition["class"] == "PriceCondition"
    assert condition["conId"] == 265598
    assert condition["price"] == 200


@given(st.floats(), st.decimals(allow_nan=False), st.text(), st.booleans())
def test_it_is_always_json(price: float, size: Decimal, text: str, flag: bool) -> None:
    order = trailing_stop("SELL", 5, amount=1)
    order.lmtPrice, order.totalQuantity, order.orderRef, order.hidden = price, size, text, flag
    told: dict[str, Any] = plain_fields(order)
    again = json.loads(json.dumps(told, allow_nan=False))
    assert again == told
    assert again.get("orderRef", "") == text
    assert again.get("hidden", False) is flag
    assert Decimal(again.get("totalQuantity", size)) == size


def test_what_is_copied_does_not_change_with_the_order() -> None:
    order = limit_order("BUY", 100, "189.50")
    order.algoParams = [TagValue("a", "1")]
    told = plain_fields(order)
    order.algoParams[0].value = "2"
    assert told["algoParams"][0]["value"] == "1"


def deep(thing: Any) -> Any:
    """Everything that is in an object, to be compared."""
    if isinstance(thing, list):
        return [deep(one) for one in thing]
    if hasattr(thing, "__dict__") and not isinstance(thing, type):
        return type(thing), {name: deep(value) for name, value in vars(thing).items()}
    return type(thing), thing


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_is_made_again_from_its_record(name: str) -> None:
    contract, order = EXAMPLES[name]
    told = json.loads(json.dumps([plain_fields(contract), plain_fields(order)]))
    assert deep(contract_of(told[0])) == deep(contract)
    assert deep(order_of(told[1])) == deep(order)


def test_what_a_newer_program_wrote_is_kept() -> None:
    assert order_of({"action": "BUY", "notYetKnown": 3}).notYetKnown == 3
