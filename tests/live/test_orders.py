"""Orders on a paper account of a running gateway: what rests far away, and is cancelled again."""

from __future__ import annotations

import pytest

from twsloop import IBGateway, limit_order, stock

pytestmark = pytest.mark.live

#: A real gateway may be far away, seconds.
PATIENCE = 30.0


def test_an_order_rests_is_changed_and_is_cancelled(trading: IBGateway) -> None:
    trade = trading.place_order(stock("AAPL"), limit_order("BUY", 1, "1.00"))
    try:
        trade.modify(limit_price="1.01").result(PATIENCE)
        resting = {one.order_id for one in trading.open_orders().result(PATIENCE)}
        assert trade.order_id in resting or not trade.active
    finally:
        trade.cancel()
    assert trade.done.result(PATIENCE) in {"Cancelled", "ApiCancelled", "REJECTED"}
    assert trade.filled == 0
    left = {one.order_id for one in trading.open_orders().result(PATIENCE)}
    assert trade.order_id not in left
