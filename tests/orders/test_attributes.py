"""Attributes change a copy, read their values exactly, and refuse what cannot be one."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from twsloop.errors import InvalidOrder
from twsloop.orders import attributes
from twsloop.orders.builders import limit_order, market_order
from twsloop.orders.words import FaMethod

EASTERN = timezone(timedelta(hours=-5))
WHEN = datetime(2026, 11, 23, 9, 30, tzinfo=EASTERN)


def order() -> Any:
    return limit_order("BUY", 100, "189.50")


def test_the_order_itself_stays_as_it_is() -> None:
    mine = order()
    made = attributes.iceberg(attributes.good_till(mine, WHEN), 10)
    assert (made.tif, made.goodTillDate, made.displaySize) == ("GTD", "20261123-14:30:00", 10)
    assert (mine.tif, mine.goodTillDate, mine.displaySize) == ("DAY", "", 0)


def test_times_are_sent_as_utc() -> None:
    assert attributes.good_after(order(), WHEN).goodAfterTime == "20261123-14:30:00"
    between = attributes.active_between(order(), WHEN, "20261124 10:00:00 US/Eastern")
    assert between.activeStartTime == "20261123-14:30:00"
    assert between.activeStopTime == "20261124 10:00:00 US/Eastern"
    with pytest.raises(InvalidOrder, match="good till"):
        attributes.good_till(order(), datetime(2026, 11, 23, 9, 30))  # noqa: DTZ001  (the mistake)


def test_by_cash_there_is_no_quantity() -> None:
    made = attributes.by_cash(order(), "1000.50")
    assert (made.cashQty, made.totalQuantity) == (1000.5, Decimal(0))


def test_a_scale() -> None:
    made = attributes.scale(order(), initial_size=10, increment="0.1", adjust=("-0.05", 60))
    assert (made.scaleInitLevelSize, made.scalePriceIncrement) == (10, 0.1)
    assert (made.scalePriceAdjustValue, made.scalePriceAdjustInterval) == (-0.05, 60)
    for wrong in ({"initial_size": 0}, {"initial_size": "1.5"}, {"increment": 0}):
        with pytest.raises(InvalidOrder):
            attributes.scale(order(), **{"initial_size": 1, "increment": 1} | wrong)


def test_an_allocation() -> None:
    made = attributes.allocate(order(), "All", FaMethod.NET_LIQUIDATION)
    assert (made.faGroup, made.faMethod, made.faPercentage) == ("All", "NetLiq", "")
    changed = attributes.allocate(order(), "All", "PctChange", percentage="-12.5")
    assert changed.faPercentage == "-12.5"
    for arguments, code in (
        (("", "NetLiq", None), 436),
        (("All", "PctChange", None), 10012),
        (("All", "NetLiq", 5), 10012),
    ):
        with pytest.raises(InvalidOrder) as raised:
            attributes.allocate(order(), *arguments[:2], percentage=arguments[2])
        assert raised.value.code == code


def test_a_short_sale() -> None:
    here, elsewhere = (attributes.short_sale(order(), location) for location in ("", "X"))
    assert (here.action, here.shortSaleSlot, here.designatedLocation) == ("SSHORT", 1, "")
    assert (elsewhere.shortSaleSlot, elsewhere.designatedLocation) == (2, "X")


def test_legs() -> None:
    made = attributes.non_guaranteed(attributes.leg_prices(order(), ["1.5", None]))
    assert made.orderComboLegs[0].price == 1.5
    assert str(made.orderComboLegs[1]) == ""
    again = attributes.non_guaranteed(made)
    assert [str(tag) for tag in again.smartComboRoutingParams] == ["NonGuaranteed=1;"]


@pytest.mark.parametrize("size", [0, -5, "1.5", "x"])
def test_a_shown_size_is_a_whole_number(size: Any) -> None:
    with pytest.raises(InvalidOrder, match="display size"):
        attributes.iceberg(order(), size)


def test_unknown_fields() -> None:
    with pytest.raises(InvalidOrder, match=r"'hiden'.*'hidden'"):
        attributes.changed(market_order("BUY", 1), hiden=True)
