"""Every further type says what IB reads of it, and refuses what would be no such order."""

from __future__ import annotations

import math
from typing import Any

import pytest
from ibapi.order import COMPETE_AGAINST_BEST_OFFSET_UP_TO_MID

from tests.support.order_examples import resolved
from twsloop.contracts import stock
from twsloop.errors import InvalidOrder
from twsloop.orders import order_types, pegged
from twsloop.orders.words import OrderType, ReferencePriceType


@pytest.mark.parametrize(
    ("order", "word", "tif"),
    [
        (order_types.market_on_close("BUY", 1), "MOC", "DAY"),
        (order_types.limit_on_close("BUY", 1, 1), "LOC", "DAY"),
        (order_types.market_on_open("BUY", 1), "MKT", "OPG"),
        (order_types.limit_on_open("BUY", 1, 1), "LMT", "OPG"),
        (order_types.at_auction("BUY", 1, 1), "MTL", "AUC"),
        (order_types.market_to_limit("BUY", 1, tif="IOC"), "MTL", "IOC"),
        (pegged.midprice("BUY", 1), "MIDPRICE", "DAY"),
    ],
)
def test_type_and_time(order: Any, word: str, tif: str) -> None:
    assert (order.orderType, order.tif) == (word, tif)
    assert OrderType(word).known


def test_touches() -> None:
    touched = order_types.limit_if_touched("SELL", 1, "200", "199.5")
    assert (touched.auxPrice, touched.lmtPrice) == (200.0, 199.5)
    trailing = order_types.trailing_if_touched("SELL", 1, trigger_price=200, percent=2)
    assert (trailing.orderType, trailing.trailStopPrice, trailing.trailingPercent) == (
        "TRAIL MIT",
        200.0,
        2.0,
    )
    limited = order_types.trailing_if_touched("SELL", 1, amount=1, limit_offset="0.1")
    assert (limited.orderType, limited.auxPrice, limited.lmtPriceOffset) == ("TRAIL LIT", 1.0, 0.1)
    with pytest.raises(InvalidOrder, match="not both"):
        order_types.trailing_if_touched("SELL", 1)


@pytest.mark.parametrize("offsets", [{}, {"offset": 1, "percent_offset": 1}])
def test_a_relative_order_has_one_offset(offsets: dict[str, Any]) -> None:
    with pytest.raises(InvalidOrder, match="offset or percent_offset"):
        pegged.relative("BUY", 1, **offsets)


def test_competing_up_to_the_middle() -> None:
    middle = pegged.pegged_to_best("BUY", 1, mid_offsets=(0, "0.005"))
    assert middle.competeAgainstBestOffset == COMPETE_AGAINST_BEST_OFFSET_UP_TO_MID == math.inf
    assert (middle.midOffsetAtWhole, middle.midOffsetAtHalf, middle.notHeld) == (0.0, 0.005, True)
    assert pegged.pegged_to_best("BUY", 1, offset="0.01").competeAgainstBestOffset == 0.01
    both: dict[str, Any] = {"offset": "0.01", "mid_offsets": (0, 0)}
    for wrong in ({}, both):
        with pytest.raises(InvalidOrder, match="PEG BEST"):
            pegged.pegged_to_best("BUY", 1, **wrong)


def benchmark(**more: Any) -> Any:
    usual: dict[str, Any] = {
        "reference": resolved("MSFT", 272093),
        "starting_price": 10,
        "change": 1,
        "reference_change": 2,
    }
    return pegged.pegged_to_benchmark("BUY", 1, **usual | more)


def test_the_benchmark() -> None:
    same, other = benchmark(), benchmark(change=-1)
    assert (same.peggedChangeAmount, same.isPeggedChangeAmountDecrease) == (1.0, False)
    assert (other.peggedChangeAmount, other.isPeggedChangeAmountDecrease) == (1.0, True)
    assert (same.referenceContractId, same.referenceExchangeId) == (272093, "SMART")
    for wrong in ({"change": 0}, {"reference_change": -1}, {"reference": stock("MSFT")}):
        with pytest.raises(InvalidOrder, match=r"change|reference"):
            benchmark(**wrong)


def test_volatility() -> None:
    order = pegged.volatility_order("BUY", 1, "40", follow=ReferencePriceType.AVERAGE)
    assert (order.volatility, order.volatilityType) == (40.0, 2)
    assert (order.continuousUpdate, order.referencePriceType) == (True, 1)
    for wrong in ({"volatility": 0}, {"volatility_type": 3}, {"follow": 9}):
        with pytest.raises(InvalidOrder):
            pegged.volatility_order("BUY", 1, **{"volatility": 40} | wrong)


def test_an_unknown_field_is_named_with_a_close_one() -> None:
    with pytest.raises(InvalidOrder, match="'outsideRth'"):
        pegged.midprice("BUY", 1, outsideRTH=True)
