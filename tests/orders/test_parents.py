"""A parent that never leaves takes what is attached to it along."""

from __future__ import annotations

from tests.support.desk import PATIENCE, Heard, settle
from tests.support.journal_room import Room
from twsloop.gateway import IBGateway
from twsloop.orders.builders import bracket
from twsloop.orders.state import OrderStatus


class Wavering(IBGateway):
    """Places a bracket before the session is READY, and takes its entry back at once."""

    def nextValidId(self, orderId: int) -> None:
        del orderId
        orders = bracket("BUY", 10, entry=100, take_profit=200, stop_loss=90)
        self.placed = self.orders.bracket("AAPL", orders)
        self.placed[0].cancel()


def test_cancelled_while_it_is_held(room: Room) -> None:
    with room.process(Wavering) as gateway:
        ends = [trade.done.result(PATIENCE) for trade in gateway.placed]
        assert ends == [OrderStatus.NOT_SENT, OrderStatus.REFUSED, OrderStatus.REFUSED]
        assert "its parent, order 1, did not leave" in gateway.placed[2].reason
        settle(gateway)
        assert gateway.trades() == gateway.placed


def test_an_entry_that_leaves_takes_both(room: Room) -> None:
    with room.process() as gateway:
        heard = Heard()
        orders = bracket("BUY", 10, entry=100, take_profit=200, stop_loss=90)
        trades = gateway.orders.bracket("AAPL", orders, on_update=heard)
        live = {OrderStatus.SUBMITTED, OrderStatus.PRE_SUBMITTED}
        while not {trade.status for trade in trades} <= live:
            heard.next()
