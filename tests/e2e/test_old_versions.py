"""Our client and our gateway at versions before IB's clients of today: an order still fills."""

from __future__ import annotations

import pytest

from twsloop import Config, IBGateway, market_order, stock
from twsloop.orders.state import OrderStatus
from twsloop.paper import PaperGateway


@pytest.mark.parametrize("version", [111, 131, 149, 150, 200, 213])
def test_an_order_fills_at_every_age_of_the_protocol(version: int) -> None:
    with PaperGateway(max_version=version) as tws:
        config = Config.load(environ={}, overrides={"connection.port": tws.port})
        with IBGateway(config) as gateway:
            assert gateway.serverVersion() == version
            assert gateway.orders_known
            trade = gateway.place_order(stock("AAPL"), market_order("BUY", 10))
            assert trade.done.result(timeout=10) is OrderStatus.FILLED
