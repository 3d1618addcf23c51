"""Orders that hang on others: families, adjusted stops, hedges, presets."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from twsloop.contracts import stock
from twsloop.errors import InvalidOrder
from twsloop.orders import attached
from twsloop.orders.builders import limit_order, stop_order
from twsloop.orders.checks import check_order


def stop() -> Any:
    return stop_order("SELL", 100, 180)


def test_a_family_works_only_when_it_is_whole() -> None:
    parent, child, last = limit_order("BUY", 100, 190), stop(), stop()
    family = attached.attach(parent, child, last)
    assert [one.transmit for one in family] == [False, False, True]
    assert (family.parent.orderType, len(family.children)) == ("LMT", 2)
    assert parent.transmit
    with pytest.raises(InvalidOrder, match="child"):
        attached.attach(parent)


@pytest.mark.parametrize(
    ("more", "word", "unit"),
    [
        ({}, "STP", 0),
        ({"limit_price": 189}, "STP LMT", 0),
        ({"trail_amount": 2}, "TRAIL", 0),
        ({"trail_percent": 2}, "TRAIL", 100),
    ],
)
def test_what_a_stop_becomes(more: dict[str, Any], word: str, unit: int) -> None:
    made = attached.adjust_stop(stop(), trigger_price=195, stop_price=190, **more)
    assert (made.adjustedOrderType, made.adjustableTrailingUnit) == (word, unit)
    assert (made.triggerPrice, made.adjustedStopPrice) == (195.0, 190.0)
    check_order(stock("AAPL"), made)


def test_a_stop_becomes_one_thing() -> None:
    with pytest.raises(InvalidOrder, match="one kind"):
        attached.adjust_stop(stop(), trigger_price=1, stop_price=1, limit_price=1, trail_amount=1)


def test_presets() -> None:
    made = attached.with_presets(stop(), stop_loss_id=7)
    assert (made.slOrderId, made.slOrderType, made.ptOrderType) == (7, "PRESET", "")
    for wrong in ({}, {"profit_taker_id": 0}):
        with pytest.raises(InvalidOrder, match="order id"):
            attached.with_presets(stop(), **wrong)


def test_hedges_have_no_size() -> None:
    hedges = [
        attached.delta_hedge("SELL"),
        attached.beta_hedge("SELL", "1.250"),
        attached.fx_hedge("SELL"),
        attached.pair_hedge("SELL", 2, account="DU1"),
    ]
    assert [hedge.totalQuantity for hedge in hedges] == [Decimal(0)] * 4
    assert [hedge.hedgeType for hedge in hedges] == ["D", "B", "F", "P"]
    assert [hedge.hedgeParam for hedge in hedges] == ["", "1.25", "", "2"]
    assert hedges[3].account == "DU1"
    for hedge in hedges:
        check_order(stock("AAPL"), hedge)
    with pytest.raises(InvalidOrder, match="ratio"):
        attached.pair_hedge("SELL", -1)
