"""What the session's role makes of orders: fetched before READY, read, or not followed at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.desk import PATIENCE, config_for
from tests.support.sessions import SESSIONS
from twsloop import IBGateway, PaperGateway
from twsloop.errors import RequestError
from twsloop.orders.builders import limit_order
from twsloop.orders.state import OrderStatus


@contextmanager
def session(name: str, role: str) -> Iterator[tuple[IBGateway, IBGateway]]:
    """A client of the role, and one that trades."""
    version, loop_factory = SESSIONS[name]
    with PaperGateway(max_version=version, feed="manual") as paper:
        paper.market.set_price("AAPL", bid=100.0, ask=100.1)
        trading = config_for(paper, connection__client_id=7)
        reading = config_for(paper, connection__client_id=8, session__role=role)
        with (
            IBGateway(trading, loop_factory=loop_factory) as trader,
            IBGateway(reading, loop_factory=loop_factory) as reader,
        ):
            yield trader, reader


@pytest.mark.parametrize("name", SESSIONS)
def test_an_observer_reads_orders_and_places_none(name: str) -> None:
    with session(name, "observer") as (trader, reader):
        assert not reader.orders_known
        assert "observer" in reader.orders_unknown_because
        trade = trader.place_order("AAPL", limit_order("BUY", 1, 90))
        trader.open_orders().result(PATIENCE)
        (row,) = reader.open_orders().result(PATIENCE)
        assert (row.order_id, row.client_id, row.own) == (trade.order_id, 7, False)
        refused = reader.place_order("AAPL", limit_order("BUY", 1, 90))
        assert refused.done.result(PATIENCE) is OrderStatus.REFUSED
        assert "observer" in refused.reason
        assert reader.orders.reconcile().result(PATIENCE).complete


@pytest.mark.parametrize("name", SESSIONS)
def test_a_reader_of_data_follows_no_orders(name: str) -> None:
    with session(name, "data") as (_, reader):
        for question in (
            *(reader.open_orders, reader.executions, reader.orders.completed),
            reader.orders.reconcile,
        ):
            with pytest.raises(RequestError, match="role = observer"):
                question().result(PATIENCE)
        refused = reader.place_order("AAPL", limit_order("BUY", 1, 90))
        assert refused.done.result(PATIENCE) is OrderStatus.REFUSED
        assert reader.positions().result(PATIENCE) == []
