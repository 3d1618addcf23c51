"""An order of before the gateway has told which ids are free must not take the id of another one.

An earlier process of this client has orders 1 and 2 working at the gateway. Whatever is placed too
soon, order 1 stays what it is: sent under its id, a new order would be a change of it.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.desk import PATIENCE, Heard, settle
from tests.support.journal_room import Room, resting
from twsloop.contracts import stock
from twsloop.gateway import IBGateway
from twsloop.orders.builders import limit_order
from twsloop.orders.state import OrderStatus
from twsloop.session.state import State


class Hasty(IBGateway):
    """Places an order as soon as it knows for whom."""

    how = "place"

    def managedAccounts(self, accountsList: str) -> None:
        order = limit_order("BUY", 5, "90")
        if self.how == "raw":
            self.placeOrder(1, stock("AAPL"), order)
        else:
            self.early = self.place_order("AAPL", order)

    def error(self, reqId: int, errorTime: int, errorCode: int, errorString: str, *_: Any) -> None:
        if reqId == 1:
            self.__dict__.setdefault("refused", []).append(errorCode)


@pytest.mark.parametrize(
    ("how", "journal"), [("place", True), ("place", False), ("raw", True)], ids=str
)
def test_in_managed_accounts(room: Room, how: str, journal: bool) -> None:
    with room.process() as gateway:
        resting(gateway, "100")
        resting(gateway, "101")
    gateway = room.process(type("App", (Hasty,), {"how": how}), journal__enabled=journal)
    with gateway:
        settle(gateway)
        if how == "raw":
            assert gateway.refused
        else:
            assert gateway.early.status is OrderStatus.REFUSED
            assert "order id" in gateway.early.reason
        working = {t.order_id: t for t in gateway.trades() if not t.done.done()}
        assert [(one, t.order.lmtPrice) for one, t in working.items()] == [(1, 100.0), (2, 101.0)]
        assert working[1].cancel().result(PATIENCE) is OrderStatus.CANCELLED
        assert resting(gateway, "99").order_id > 2


def test_while_it_connects(room: Room) -> None:
    with room.process() as gateway:
        resting(gateway, "100")
    gateway, early = room.process(), Heard()

    def placed(state: State, _reason: str) -> None:
        if state is State.CONNECTING:
            early(gateway.place_order("AAPL", limit_order("BUY", 5, "90")))

    gateway.on_session(placed)
    with gateway:
        assert early.next().status is OrderStatus.REFUSED
        (working,) = (trade for trade in gateway.trades() if not trade.done.done())
        assert (working.order_id, working.status) == (1, OrderStatus.SUBMITTED)
