"""The tariff, against the numbers captured from real paper accounts."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.paper.accounts.commissions import OrderCharges, Rates

D = Decimal


def stock(is_sale: bool = False, **rates: Decimal) -> OrderCharges:
    return OrderCharges(Rates(**rates), "STK", is_sale)


@pytest.mark.parametrize(
    ("is_sale", "shares", "price", "total"),
    [
        (False, "1", "309", "1.000003"),  # captured: a buy of one share
        (False, "100", "200", "1.000300"),  # at the minimum
        (False, "1000", "20", "5.003000"),  # by the share
        (True, "1", "309", "1.006563"),  # minimum + CAT + 0.0000206 * 309 + TAF
        (True, "400", "50", "2.491200"),  # 2.00 + .0012 + .412 + .078
        (False, "1", "12", "0.120003"),  # never more than 1 % of the value
    ],
)
def test_one_execution(is_sale: bool, shares: str, price: str, total: str) -> None:
    charge = stock(is_sale).add(D(shares), D(shares) * D(price))
    assert charge.total == D(total)


def test_the_minimum_falls_on_the_first_execution() -> None:
    charges = stock()
    first = charges.add(D(40), D(40) * 100)
    second = charges.add(D(40), D(40) * 100)
    third = charges.add(D(220), D(220) * 100)
    assert [c.commission for c in (first, second, third)] == [D("1.00"), D(0), D("0.50")]


def test_currencies_pay_by_value_with_a_minimum() -> None:
    assert OrderCharges(Rates(), "CASH", False).add(D(20_000), D(22_000)).total == D("2.00")
    big = OrderCharges(Rates(), "CASH", True).add(D(1_000_000), D(1_100_000))
    assert big.total == D("22.00")


def test_rates_are_settings() -> None:
    assert stock(stock_minimum=D("0.35")).add(D(1), D(500)).commission == D("0.35")


@given(
    st.booleans(),
    st.lists(
        st.tuples(st.integers(1, 5000), st.decimals("0.01", "900", places=2)),
        min_size=1,
        max_size=12,
    ),
)
def test_parts_cost_what_the_whole_costs(is_sale: bool, fills: list[tuple[int, Decimal]]) -> None:
    parts = stock(is_sale)
    paid = sum((parts.add(D(n), n * price).commission for n, price in fills), D(0))
    shares = D(sum(n for n, _ in fills))
    value = sum((n * price for n, price in fills), D(0))
    assert paid == stock(is_sale).add(shares, value).commission
    assert parts.charged == paid


def test_futures_pay_by_the_contract_and_the_exchange() -> None:
    big = OrderCharges(Rates(), "FUT", False, "ES").add(D(2), D(660_000))
    assert (big.commission, big.fees) == (D("1.70"), D("2.80"))
    # Observed on a paper account: 0.62 for a contract and side.
    assert OrderCharges(Rates(), "FUT", True, "MES").add(D(1), D(33_000)).total == D("0.62")


def test_options_pay_by_the_contract_with_a_minimum() -> None:
    charges = OrderCharges(Rates(), "OPT", False, "AAPL")
    assert [charges.add(D(1), D(500)).total for _ in range(3)] == [D("1.00"), D("0.30"), D("0.65")]


def test_cryptocurrency_pays_by_value_with_a_minimum() -> None:
    charges = OrderCharges(Rates(), "CRYPTO", False, "BTC")
    assert [charges.add(D(1), D(value)).total for value in (500, 99_500)] == [
        D("1.75"),
        D("178.25"),
    ]
