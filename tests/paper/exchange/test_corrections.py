"""Corrected executions: the books are as if the true price had been told at once."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tests.support.exchange import ACCOUNT, Exchange
from twsloop.paper.orders.order import Execution

CENT = Decimal("0.01")
#: A trade: buys or sells, how much, the price in cents; or a correction: which, by how many cents.
TRADES = st.tuples(st.sampled_from(["BUY", "SELL"]), st.integers(1, 300), st.integers(5000, 15000))
CORRECTIONS = st.tuples(st.just("CORRECT"), st.integers(0, 50), st.integers(-400, 400))


def cash_of(fills: list[Execution], start: Decimal) -> Decimal:
    """What the cash should be: what was started with, less what was paid, less commissions."""
    paid = sum(
        (one.quantity * one.price * (1 if one.is_buy else -1) + one.commission for one in fills),
        Decimal(0),
    )
    return start - paid


@given(st.lists(st.one_of(TRADES, CORRECTIONS), max_size=20))
def test_corrections_keep_the_law_of_the_books(steps: list[tuple[str, int, int]]) -> None:
    exchange = Exchange()
    orders = 0
    for action, size, cents in steps:
        if action == "CORRECT":
            fills = exchange.engine.executions
            if fills:
                wrong = fills[size % len(fills)]
                ledger = exchange.engine.floor.ledger
                true = ledger.correct(wrong, wrong.price + cents * CENT)
                assert true.exec_id[:-2] == wrong.exec_id[:-2]
                assert int(true.exec_id[-2:]) == int(wrong.exec_id[-2:]) + 1
                assert true.order.executions.count(true) == 1
                assert wrong not in exchange.engine.executions
            continue
        price = cents / 100
        exchange.quote("AAPL", price, price, size=1000)
        orders += 1
        exchange.place(orders, action=action, totalQuantity=str(size))
    account, fills = exchange.account, list(exchange.engine.executions)
    assert account.cash["USD"] == cash_of(fills, account.start)
    assert set(account.balance().values()) <= {account.start, Decimal(0)}
    con_id = exchange.feed.instrument("AAPL").con_id
    held = sum((one.quantity if one.is_buy else -one.quantity for one in fills), Decimal(0))
    assert account.quantity(con_id) == held
    assert len({one.exec_id for one in fills}) == len(fills)
    for order in exchange.engine.book:
        assert order.average == order.turnover / order.filled


@given(st.lists(TRADES, min_size=1, max_size=6), st.integers(0, 20), st.integers(-400, 400))
def test_a_correction_by_nothing_changes_nothing(
    trades: list[tuple[str, int, int]], which: int, cents: int
) -> None:
    """Wrong and right again: all figures are as before."""
    exchange = Exchange()
    for number, (action, size, price) in enumerate(trades, 1):
        exchange.quote("AAPL", price / 100, price / 100, size=1000)
        exchange.place(number, action=action, totalQuantity=str(size))
    fills, ledger = exchange.engine.executions, exchange.engine.floor.ledger
    position = exchange.account.positions[exchange.feed.instrument("AAPL").con_id]
    before = (position.paid, position.gained, position.realized, exchange.account.cash["USD"])
    place = which % len(fills)
    wrong = fills[place]
    once = ledger.correct(wrong, wrong.price + cents * CENT)
    again = ledger.correct(once, wrong.price)
    after = (position.paid, position.gained, position.realized, exchange.account.cash["USD"])
    assert after == before
    assert (again.price, again.realized) == (wrong.price, wrong.realized)
    assert exchange.engine.accounts[ACCOUNT] is exchange.account
