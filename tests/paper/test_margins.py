"""The house's margin rules, number by number."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.paper.margins import Requirement, requirement

D = Decimal


def thing(con_id: int, kind: str, **fields: Any) -> Any:
    known = {"multiplier": "", "currency": "USD", "strike": 0.0, "right": "", "under_con_id": 0}
    known |= {"reference_price": 1.0}
    return SimpleNamespace(con_id=con_id, sec_type=kind, **{**known, **fields})


STOCK = thing(1, "STK")
FUTURE = thing(2, "FUT", multiplier="50")
PAIR = thing(3, "CASH", currency="JPY")
CALL = thing(4, "OPT", multiplier="100", strike=110.0, right="C", under_con_id=1)
PUT = thing(5, "OPT", multiplier="100", strike=80.0, right="P", under_con_id=1)
COIN = thing(6, "CRYPTO")
PRICES = {6: D(30_000), 1: D(100), 2: D(6000), 3: D(150), 4: D(2), 5: D("0.5")}
RATES = {"USD": D(1), "JPY": D("0.01")}


def need(*held: tuple[Any, int], prices: dict[int, D] | None = None) -> tuple[D, D, D]:
    holdings = {one.con_id: (one, D(quantity)) for one, quantity in held}
    found = requirement(holdings, (PRICES if prices is None else prices).get, RATES.__getitem__)
    return found.initial, found.maintenance, found.reg_t


@pytest.mark.parametrize(
    ("held", "initial", "maintenance", "reg_t"),
    [
        ((STOCK, 10), "250", "225", "500"),
        ((STOCK, -10), "300", "270", "500"),
        ((FUTURE, 2), "52800", "48000", "0"),
        ((FUTURE, -2), "52800", "48000", "0"),
        ((PAIR, 1000), "49.5", "45", "0"),  # 150,000 yen are 1500 dollars
        ((COIN, 3), "90000", "90000", "90000"),
        ((CALL, 5), "0", "0", "0"),
        # Premium 200, and 20 % of 100 less the 10 that it is out of the money.
        ((CALL, -1), "1200", "1200", "1200"),
        # Premium 50, and 10 % of the strike: 20 less 20 would be nothing.
        ((PUT, -1), "850", "850", "850"),
    ],
)
def test_one_position(held: tuple[Any, int], initial: str, maintenance: str, reg_t: str) -> None:
    assert need(held) == (D(initial), D(maintenance), D(reg_t))


def test_calls_covered_by_stock_need_their_premium_only() -> None:
    stock = need((STOCK, 150))[0]
    assert need((STOCK, 150), (CALL, -1))[0] == stock + 200
    assert need((STOCK, 150), (CALL, -2))[0] == stock + 200 + 1200  # 50 shares cover none
    assert need((STOCK, -150), (CALL, -1))[0] == need((STOCK, -150))[0] + 1200


def test_without_a_price_the_reference_counts() -> None:
    assert need((STOCK, 100), prices={}) == (D(25), D("22.5"), D(50))
    # An option whose underlying has no price is taken to be at the money.
    assert need((CALL, -1), prices={4: D(2)})[0] == 200 + D("0.20") * 110 * 100
    assert not any(need((STOCK, 0)))
    assert Requirement(D(1), D(2), D(3)).times(D(2)) == Requirement(D(2), D(4), D(6))


@given(st.dictionaries(st.sampled_from([STOCK.con_id, 2, 3, 4, 5]), st.integers(-50, 50)))
def test_maintenance_is_never_more_than_initial(held: dict[int, int]) -> None:
    named = {one.con_id: one for one in (STOCK, FUTURE, PAIR, CALL, PUT)}
    initial, maintenance, reg_t = need(*((named[con_id], n) for con_id, n in held.items()))
    assert 0 <= maintenance <= initial
    assert reg_t >= 0
