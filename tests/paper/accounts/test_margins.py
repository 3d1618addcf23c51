"""The house's margin rules, number by number."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.exchange import ACCOUNT, Exchange, codes
from twsloop.paper.accounts.margins import Requirement, requirement

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


def resting(market: Exchange, order_id: int, **fields: Any) -> list[int]:
    """An order that does not fill; which errors it gets. A million carries 4 times as much."""
    order = {"orderType": "LMT", "lmtPrice": 200.0, "totalQuantity": "8000", **fields}
    return codes(market.place(order_id, **order))


@pytest.fixture
def market() -> Exchange:
    it = Exchange()
    it.quote("AAPL", 270.0, 270.02, 20_000)
    it.quote("MSFT", 420.0, 420.02, 20_000)
    return it


def test_working_orders_bind_margin(market: Exchange) -> None:
    assert resting(market, 1) == []
    assert resting(market, 2) == [201]
    assert resting(market, 3, symbol="MSFT") == [201]
    assert codes(market.place(4, totalQuantity="8000")) == [201]
    assert resting(market, 5, action="SELL", lmtPrice=300.0) == []
    assert resting(market, 1, totalQuantity="9000") == []
    assert resting(market, 1, totalQuantity="16000") == [201]
    market.cancel(1)
    assert resting(market, 6, action="SELL", lmtPrice=300.0, totalQuantity="6000") == [201]
    market.cancel(5)
    assert resting(market, 7) == []


def test_orders_that_close_bind_nothing(market: Exchange) -> None:
    assert codes(market.place(1, totalQuantity="8000")) == []
    assert resting(market, 2, action="SELL", lmtPrice=300.0) == []
    assert resting(market, 3, totalQuantity="5000") == []
    assert resting(market, 4, action="SELL", lmtPrice=300.0, totalQuantity="20000") == [201]


def test_what_has_filled_binds_as_a_position_only(market: Exchange) -> None:
    market.quote("AAPL", 270.0, 270.02, 7000)
    assert resting(market, 1, lmtPrice=270.02) == []
    assert market.order(1).filled == 7000
    assert resting(market, 2, totalQuantity="5000") == []
    market.cancel(1)
    assert resting(market, 3, totalQuantity="1000") == []


def test_members_of_a_group_bind_nothing(market: Exchange) -> None:
    for order_id in (1, 2, 3):
        assert resting(market, order_id, ocaGroup="g", ocaType=1) == []


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["place", "place", "change", "cancel", "quote"]),
            st.integers(1, 6),
            st.integers(1, 400),
            st.booleans(),
        ),
        max_size=30,
    )
)
def test_the_sums_are_those_of_the_working_orders(steps: list[tuple[str, int, int, bool]]) -> None:
    market = Exchange()
    market.quote("AAPL", 270.0, 270.02)
    used: dict[int, bool] = {}
    for what, number, size, is_buy in steps:
        if what == "quote":
            market.quote("AAPL", 269.0 + number, 269.02 + number, size)
        elif what == "cancel":
            market.cancel(number)
        else:
            order_id = number if what == "change" else len(used) + 1
            buys = used.setdefault(order_id, is_buy)
            action = "BUY" if buys else "SELL"
            limit = 268.0 + number
            market.place(
                order_id, action=action, orderType="LMT", lmtPrice=limit, totalQuantity=str(size)
            )
    live = [one for one in market.engine.book if one.is_live]
    apple = market.feed.instrument("AAPL")
    for sign in (1, -1):
        probe: Any = SimpleNamespace(perm_id=0, account=ACCOUNT, signed=((apple, D(sign)),))
        found = market.engine.book.working(probe, market.account.positions)
        left = sum((one.remaining for one in live if one.is_buy == (sign > 0)), D(0))
        assert sum((size for _, size in found), D(0)) == sign * left
