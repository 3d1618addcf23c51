"""IB's spellings of times, amounts and execution ids."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ibapi.const import UNSET_DECIMAL, UNSET_DOUBLE
from ibapi.order import Order

from twsloop.orders.reading import (
    correction_of,
    execution_base,
    execution_time,
    money,
    prices_of,
    size,
)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("20260928 09:32:25 US/Eastern", datetime(2026, 9, 28, 13, 32, 25, tzinfo=UTC)),
        ("20260928  09:32:25 America/New_York", datetime(2026, 9, 28, 13, 32, 25, tzinfo=UTC)),
        ("20260611-13:30:30", datetime(2026, 6, 11, 13, 30, 30, tzinfo=UTC)),
        ("20260611-13:30:30 UTC", datetime(2026, 6, 11, 13, 30, 30, tzinfo=UTC)),
        ("20260611 13:30:30", None),  # no zone: it cannot be placed
        ("20260611 13:30:30 Central European Standard Time", None),
        ("20260611 13:30:30 ../../etc/passwd", None),
        ("20261311-13:30:30", None),
        ("", None),
    ],
)
def test_execution_time(text: str, time: datetime | None) -> None:
    assert execution_time(text) == time


@given(st.text(max_size=40))
def test_no_text_breaks_execution_time(text: str) -> None:
    execution_time(text)
    execution_time(f"20260611 13:30:30 {text}")


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


def test_money_is_exact_and_unset_is_none() -> None:
    assert money(189.51) == Decimal("189.51")
    assert money(1.000003) == Decimal("1.000003")
    assert money("12.50") == Decimal("12.50")
    for unset in (None, UNSET_DOUBLE, "", "n/a", float("nan"), float("inf")):
        assert money(unset) is None


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
