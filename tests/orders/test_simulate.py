"""A disabled order is answered from the quote."""

from __future__ import annotations

from decimal import Decimal

import attrs
import pytest
from ibapi.order import Order

from twsloop.orders.builders import limit_order, market_order, stop_order
from twsloop.orders.simulate import simulate


@attrs.frozen
class Quote:
    bid: float | None = 189.49
    ask: float | None = 189.51
    age: float | None = 0.2


@pytest.mark.parametrize(
    ("order", "price", "says"),
    [
        (market_order("BUY", 10), "189.51", "would fill at 189.51 (ask 189.51, 0.2 s old)"),
        (market_order("SELL", 10), "189.49", "would fill at 189.49 (bid 189.49, 0.2 s old)"),
        (limit_order("BUY", 10, "189.51"), "189.51", "would fill at 189.51"),
        (limit_order("BUY", 10, "200"), "189.51", "would fill at 189.51"),
        (limit_order("BUY", 10, "189.50"), None, "would rest"),
        (limit_order("SELL", 10, "189.49"), "189.49", "would fill at 189.49"),
        (limit_order("SELL", 10, "189.50"), None, "would rest"),
        (stop_order("SELL", 10, "180"), None, "would wait for its condition"),
    ],
)
def test_against_a_quote(order: Order, price: str | None, says: str) -> None:
    filled, text = simulate(order, Quote())
    assert filled == (None if price is None else Decimal(price))
    assert text.startswith(f"simulated: {order.action} 10 ")
    assert says in text


def test_without_a_quote() -> None:
    assert simulate(market_order("BUY", 1), None)[0] is None
    price, text = simulate(market_order("BUY", 1), Quote(ask=None))
    assert price is None
    assert "there is no ask" in text
    assert "old" not in simulate(market_order("BUY", 1), Quote(age=None))[1]
