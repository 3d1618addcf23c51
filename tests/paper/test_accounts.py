"""Money: nothing appears, nothing vanishes, nothing is booked twice."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.paper.accounts import Account, Booking, Marks

D = Decimal
AAPL = SimpleNamespace(con_id=265598, sec_type="STK", symbol="AAPL", currency="USD", multiplier="")
IBM = SimpleNamespace(con_id=8314, sec_type="STK", symbol="IBM", currency="USD", multiplier="")
EURUSD = SimpleNamespace(
    con_id=12087792, sec_type="CASH", symbol="EUR", currency="USD", multiplier=""
)
USDJPY = SimpleNamespace(
    con_id=15016059, sec_type="CASH", symbol="USD", currency="JPY", multiplier=""
)


def booking(n: int, instrument: object, quantity: str, price: str, cost: str = "0") -> Booking:
    return Booking(f"0000e0d5.{n:08x}.01.01", instrument, D(quantity), D(price), D(cost))


def test_captured_round_trip() -> None:
    """-2.016569 = -0.01 - 1.000003 - 1.006566 (reference matching_engine.md 4)."""
    account = Account("DU1234567")
    assert account.book(booking(1, AAPL, "1", "309.13", "1.000003")) is None
    assert account.positions[AAPL.con_id].average_cost == D("310.130003")
    assert account.book(booking(2, AAPL, "-1", "309.12", "1.006566")) == D("-2.016569")
    assert account.held() == ()
    assert account.cash["USD"] == D(1_000_000) - D("2.016569")


def test_a_position_that_turns_round() -> None:
    account = Account("DU1234567")
    account.book(booking(1, AAPL, "100", "10", "1"))
    realized = account.book(booking(2, AAPL, "-300", "11", "3"))
    assert realized == D(100) - 1 - 1  # price profit, opening and a third of the closing commission
    position = account.positions[AAPL.con_id]
    assert position.quantity == D(-200)
    assert position.cost == D(-200) * 11 + 2


def test_short_sale_and_cover() -> None:
    account = Account("DU1234567")
    assert account.book(booking(1, IBM, "-10", "200", "1")) is None
    assert account.positions[IBM.con_id].average_cost == D("199.9")
    assert account.book(booking(2, IBM, "10", "190", "1")) == D(98)


def test_an_execution_is_booked_once() -> None:
    account = Account("DU1234567")
    account.book(booking(1, AAPL, "1", "10"))
    with pytest.raises(ValueError, match="booked before"):
        account.book(booking(1, AAPL, "1", "10"))
    with pytest.raises(ValueError, match="no quantity"):
        account.book(booking(2, AAPL, "0", "10"))
    assert account.quantity(AAPL.con_id) == 1


def test_a_currency_pair_moves_both_cashes_and_no_value() -> None:
    account = Account("DU1234567")
    account.book(booking(1, EURUSD, "20000", "1.10", "2"))
    assert account.cash == {"USD": D(1_000_000) - 22_000 - 2, "EUR": D(20_000)}
    rates = {"USD": D(1), "EUR": D("1.10")}
    marks = Marks(lambda _: D("1.10"), rates.__getitem__)
    assert account.net_liquidation(marks) == D(999_998)
    assert account.total_unrealized(marks) == D(-2)


def test_values_at_the_market() -> None:
    account = Account("DU1234567")
    account.book(booking(1, AAPL, "100", "10", "1"))
    account.book(booking(2, IBM, "-10", "200", "1"))
    prices = {AAPL.con_id: D(12), IBM.con_id: D(210)}
    marks = Marks(prices.get, lambda _: D(1))
    assert account.stock_value(marks) == D(1200) - D(2100)
    assert account.gross_value(marks) == D(3300)
    assert account.net_liquidation(marks) == D(1_000_000) + 200 - 100 - 2
    assert account.total_unrealized(marks) == D(200) - 1 - 100 - 1


trades = st.lists(
    st.tuples(
        st.sampled_from([AAPL, IBM, EURUSD]),
        st.integers(-500, 500).filter(bool),
        st.decimals("0.01", "999", places=2),
        st.decimals("0", "9", places=6),
    ),
    max_size=40,
)


@given(trades)
def test_conservation(rows: list[tuple[SimpleNamespace, int, Decimal, Decimal]]) -> None:
    account = Account("DU1234567")
    signed: dict[int, int] = {}
    reported = D(0)
    for n, (instrument, quantity, price, commission) in enumerate(rows):
        realized = account.book(Booking(f"e{n}", instrument, D(quantity), price, commission))
        reported += realized or 0
        signed[instrument.con_id] = signed.get(instrument.con_id, 0) + quantity
    for con_id, quantity in signed.items():
        assert account.quantity(con_id) == quantity
    cost = sum((item.cost for item in account.positions.values()), D(0))
    realized_total = sum((item.realized for item in account.positions.values()), D(0))
    left = account.cash["USD"] + cost - realized_total - account.start
    assert abs(left) < D("1e-15")  # the last digits of divisions by 28-digit decimals
    assert abs(reported - realized_total) < D("1e-15")
    for position in account.positions.values():
        if not position.quantity:
            assert position.cost == 0
