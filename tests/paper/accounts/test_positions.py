"""One position: shares of a cost, turning round, days."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.paper.accounts.positions import GRID, Booking, Position

D = Decimal
STOCK = SimpleNamespace(con_id=1, sec_type="STK", currency="USD", multiplier="")
FUTURE = SimpleNamespace(con_id=2, sec_type="FUT", currency="USD", multiplier="5")


def trade(position: Position, quantity: str, price: str, fee: str = "0") -> tuple[D | None, D]:
    number = f"{position.quantity}{quantity}{price}"
    return position.book(Booking(number, position.instrument, D(quantity), D(price), D(fee)))


def test_a_third_of_a_cost_leaves_two_thirds_exactly() -> None:
    position = Position(STOCK)
    trade(position, "3", "10.01", "1.000001")
    realized, cash = trade(position, "-1", "10")
    # A third of 30.03 and of the commission, cut to the grid; the rest stays, to the last digit.
    assert (position.paid, position.gained) == (D("20.02"), D("-0.01"))
    assert position.spent == D("0.3333336667")
    assert position.fees == D("1.000001") - position.spent
    assert realized == position.realized == D("-0.01") - position.spent
    assert cash == 10
    trade(position, "-2", "10")
    assert not any((position.quantity, position.paid, position.fees, position.fees_here))
    assert position.spent == D("1.000001")
    assert position.realized == D("-0.03") - D("1.000001")


@pytest.mark.parametrize(
    ("trades", "quantity", "average", "realized"),
    [
        ([("10", "5")], "10", "5", "0"),
        ([("10", "5"), ("10", "6")], "20", "5.5", "0"),
        ([("10", "5"), ("-4", "6")], "6", "5", "4"),
        ([("10", "5"), ("-10", "6")], "0", "0", "10"),
        ([("10", "5"), ("-15", "6")], "-5", "6", "10"),
        ([("-10", "5"), ("4", "6")], "-6", "5", "-4"),
        ([("-10", "5"), ("15", "4")], "5", "4", "10"),
        ([("0.5", "100"), ("-0.25", "104")], "0.25", "100", "1"),
    ],
)
def test_average_cost_and_profit(
    trades: list[tuple[str, str]], quantity: str, average: str, realized: str
) -> None:
    position = Position(STOCK)
    for size, price in trades:
        trade(position, size, price)
    assert position.quantity == D(quantity)
    assert position.average_cost == D(average)
    assert position.realized == D(realized)


def test_a_share_does_not_settle() -> None:
    position = Position(STOCK)
    trade(position, "2", "10")
    assert position.roll(1, D(12)) == 0
    assert (position.settled, position.day_begin) == (D(0), D(4))


def test_a_future_settles_once_a_session() -> None:
    position = Position(FUTURE)
    trade(position, "2", "10")
    assert position.roll(1, D(12)) == 20
    assert position.roll(1, D(99)) == 0
    # What was settled is not paid again when it is closed.
    assert trade(position, "-1", "13") == (D(15), D(5))
    assert position.settled == 10
    assert trade(position, "-1", "13") == (D(15), D(5))
    assert position.settled == 0


def test_a_roll_without_a_price_changes_no_money() -> None:
    position = Position(FUTURE)
    trade(position, "2", "10", "1")
    assert position.roll(1, None) == 0
    assert position.settled == 0
    assert position.day_begin == 0


@given(
    st.lists(
        st.tuples(
            st.decimals("-50", "50", places=1).filter(bool),
            st.decimals("0.01", "900", places=2),
            st.decimals("0", "9", places=6),
            st.booleans(),
        ),
        min_size=1,
        max_size=30,
    ),
    st.sampled_from([STOCK, FUTURE]),
)
def test_every_digit_is_somewhere(
    trades: list[tuple[D, D, D, bool]], instrument: SimpleNamespace
) -> None:
    position = Position(instrument)
    turned = fees = cash = D(0)
    for number, (quantity, price, fee, rolls) in enumerate(trades):
        booking = Booking(str(number), instrument, quantity, price, fee)
        _, moved = position.book(booking)
        cash += moved
        turned += booking.value
        fees += fee
        if rolls:
            cash += position.roll(number + 1, price)
    assert position.paid - position.gained == turned
    assert position.fees + position.spent == fees
    assert position.realized == position.gained - position.spent
    if instrument is FUTURE:
        assert cash == position.gained + position.settled
    else:
        assert cash == -turned
    assert not position.paid % GRID  # nothing finer than the grid
