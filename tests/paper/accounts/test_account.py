"""Money: nothing appears, nothing vanishes, nothing is booked twice."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.paper.accounts.account import Account, Booking, Marks

D = Decimal
AAPL = SimpleNamespace(con_id=265598, sec_type="STK", symbol="AAPL", currency="USD", multiplier="")
IBM = SimpleNamespace(con_id=8314, sec_type="STK", symbol="IBM", currency="USD", multiplier="")
EURUSD = SimpleNamespace(
    con_id=12087792, sec_type="CASH", symbol="EUR", currency="USD", multiplier=""
)
USDJPY = SimpleNamespace(
    con_id=15016059, sec_type="CASH", symbol="USD", currency="JPY", multiplier=""
)
ES = SimpleNamespace(con_id=1, sec_type="FUT", symbol="ES", currency="USD", multiplier="50")
CALL = SimpleNamespace(con_id=2, sec_type="OPT", symbol="AAPL", currency="USD", multiplier="100")


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
        st.sampled_from([AAPL, IBM, EURUSD, USDJPY, ES, CALL]),
        st.integers(-500, 500).filter(bool),
        st.decimals("0.01", "999", places=2),
        st.decimals("0", "9", places=6),
        st.sampled_from(["USD", "EUR"]),
    ),
    max_size=40,
)


@given(trades)
def test_conservation(rows: list[tuple[Any, int, Decimal, Decimal, str]]) -> None:
    """Nothing appears or vanishes, in any currency, to the last digit."""
    account = Account("DU1234567", "EUR")
    signed: dict[int, int] = {}
    reported: dict[int, Decimal] = {}
    charged: dict[str, Decimal] = {}
    for n, (instrument, quantity, price, commission, drawn) in enumerate(rows):
        fees_in = drawn if instrument.sec_type == "CASH" else "USD"
        rate = D("0.9090909") if fees_in == "EUR" else D(1)
        booking = Booking(f"e{n}", instrument, D(quantity), price, commission, rate, fees_in)
        position = account.positions.get(instrument.con_id)
        if position is not None and position.fee_currency != fees_in:
            continue  # an instrument has one
        realized = account.book(booking)
        con_id = instrument.con_id
        reported[con_id] = reported.get(con_id, D(0)) + (realized or 0)
        charged[fees_in] = charged.get(fees_in, D(0)) + commission
        signed[con_id] = signed.get(con_id, 0) + quantity
    balance = account.balance()
    assert balance.pop("EUR") == account.start
    assert not any(balance.values())
    assert {name: paid for name, paid in account.commissions.items() if paid} == {
        name: paid for name, paid in charged.items() if paid
    }
    for con_id, quantity in signed.items():
        assert account.quantity(con_id) == quantity
    for position in account.positions.values():
        if not position.quantity:
            left = (position.paid, position.fees, position.fees_here, position.settled)
            assert not any(left)
        if position.fee_currency == position.instrument.currency:
            assert position.realized == reported[position.instrument.con_id]


def test_a_future_costs_its_commission_only() -> None:
    account = Account("DU1234567")
    account.book(booking(1, ES, "2", "6000.25", "4.5"))
    assert account.cash == {"USD": D(1_000_000) - D("4.5")}
    position = account.positions[ES.con_id]
    assert position.average_cost == D("300012.5") + D("2.25")
    marks = Marks(lambda _: D("6001.25"), lambda _: D(1))
    assert account.futures_profit(marks) == D(100)
    assert account.net_liquidation(marks) == D(1_000_000) - D("4.5") + 100
    assert account.gross_value(marks) == account.stock_value(marks) == 0
    # At the session's end the variation is paid, and is no profit of the next day.
    account.roll(position, 10, D("6001.25"))
    assert account.cash["USD"] == D(1_000_000) - D("4.5") + 100
    assert account.futures_profit(marks) == 0
    assert account.net_liquidation(marks) == D(1_000_000) - D("4.5") + 100
    assert account.daily(position, marks) == 0
    assert account.unrealized(position, marks) == D("95.5")
    realized = account.book(booking(2, ES, "-2", "6002.25", "4.5"))
    assert realized == D(200) - 9
    assert account.cash == {"USD": D(1_000_000) + 200 - 9}
    assert account.balance() == {"USD": D(1_000_000)}


def test_the_profit_of_a_day_counts_from_the_close_before() -> None:
    account = Account("DU1234567")
    account.book(booking(1, AAPL, "100", "10", "1"))
    position = account.positions[AAPL.con_id]
    position.session = 5
    at = Marks(lambda _: D(12), lambda _: D(1))
    assert account.daily(position, at) == D(199)
    account.roll(position, 5, D(99))  # still the same session
    assert account.daily(position, at) == D(199)
    account.roll(position, 10, D(11))
    assert account.daily(position, at) == D(100)
    account.book(booking(2, AAPL, "-100", "12.5", "1"))
    assert account.total_realized(at) == D(250) - 2
    assert account.daily(position, at) == D(150) - 1  # the opening commission was yesterday's
    account.roll(position, 15, D(12))
    assert account.total_realized(at) == account.total_daily(at) == 0


def test_the_equity_of_the_day_before() -> None:
    account = Account("DU1234567")
    account.book(booking(1, AAPL, "100", "10", "1"))
    closes = Marks(lambda _: D(12), lambda _: D(1))
    account.begin_day(5, closes)  # the first day begins with what the account started with
    assert account.previous_equity == D(1_000_000)
    account.begin_day(10, closes)
    assert account.previous_equity == D(1_000_199)


def test_commission_in_another_currency_than_the_trade() -> None:
    account = Account("DU1234567")
    account.book(Booking("1", USDJPY, D(1000), D(150), D(2), D("0.0066667"), "USD"))
    assert account.cash == {"USD": D(1_000_998), "JPY": D(-150_000)}
    realized = account.book(Booking("2", USDJPY, D(-1000), D(151), D(2), D("0.0066225"), "USD"))
    assert realized == D(1000) * D("0.0066225") - 4
    assert account.cash == {"USD": D(999_996), "JPY": D(1000)}
    assert account.balance() == {"USD": D(1_000_000), "JPY": D(0)}
    assert account.commissions == {"USD": D(4)}
