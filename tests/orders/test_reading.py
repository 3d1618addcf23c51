"""IB's spellings of times, amounts and execution ids."""

from __future__ import annotations

from decimal import Decimal

import pytest
from ibapi.const import UNSET_DECIMAL
from ibapi.order import Order

from twsloop.orders.reading import (
    correction_of,
    execution_base,
    prices_of,
    size,
)


@pytest.mark.parametrize(
    ("exec_id", "base", "version"),
    [
        ("0000e0d5.6ab9ea82.01.01", "0000e0d5.6ab9ea82.01", 1),
        ("0000e0d5.6ab9ea82.01.02", "0000e0d5.6ab9ea82.01", 2),
        ("0000e0d5.6ab9ea82.01.01.10", "0000e0d5.6ab9ea82.01.01", 10),
        ("F-12345", "F-12345", 0),
        ("", "", 0),
    ],
)
def test_execution_ids(exec_id: str, base: str, version: int) -> None:
    assert execution_base(exec_id) == base
    assert correction_of(exec_id) == version


def test_size() -> None:
    assert size(Decimal("0.5")) == Decimal("0.5")
    assert size(UNSET_DECIMAL) == 0
    assert size(None) == 0


@pytest.mark.parametrize(
    ("order_type", "limit", "stop"),
    [
        ("MKT", None, None),
        ("LMT", Decimal("101.5"), None),
        ("STP", None, Decimal(99)),
        ("STP LMT", Decimal("101.5"), Decimal(99)),
    ],
)
def test_a_price_that_a_type_has_not_is_none_though_the_echo_says_zero(
    order_type: str, limit: Decimal | None, stop: Decimal | None
) -> None:
    order = Order()
    order.orderType = order_type
    order.lmtPrice = 0.0 if limit is None else float(limit)
    order.auxPrice = 0.0 if stop is None else float(stop)
    assert prices_of(order) == (limit, stop)
