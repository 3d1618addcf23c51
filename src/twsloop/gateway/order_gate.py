"""EClient's order-bearing requests, each led through the gate (`twsloop.orders.requests`).

Nothing else may send an order: a message that bears one and does not come from the gate is refused,
however it got here.
"""

from __future__ import annotations

from typing import Any

from ibapi.order_cancel import OrderCancel

from twsloop.connection import IBKRConnection
from twsloop.errors import OrdersRefused
from twsloop.orders.requests import Orders
from twsloop.transport import Lane, lane_of

__all__ = ["OrderGate", "guard"]

#: A protobuf message's id on the wire is its number plus this (protocol.md A.1).
_PROTOBUF_OFFSET = 200
_ORDER_LANES = frozenset({Lane.CANCEL, Lane.ORDER})


class OrderGate(IBKRConnection):
    """IB's client, whose orders pass the gate. `lead_through` is called while it is assembled."""

    # Two underscores: a user's subclass may well have an attribute ``_orders`` of its own.
    __orders: Orders

    @staticmethod
    def lead_through(gateway: OrderGate, orders: Orders) -> None:
        """Lead a gateway object's orders through this gate."""
        gateway.__orders = orders

    def placeOrder(self, orderId: int, contract: Any, order: Any) -> None:
        """EClient's, through the gate."""
        self.__orders.raw("placeOrder", (orderId, contract, order))

    def placeOrderProtoBuf(self, placeOrderRequestProto: Any) -> None:
        """EClient's, through the gate."""
        self.__orders.raw("placeOrderProtoBuf", (placeOrderRequestProto,))

    def cancelOrder(self, orderId: int, orderCancel: Any = None) -> None:
        """EClient's, through the gate; without an OrderCancel, as programs for 9.81 call it."""
        self.__orders.raw("cancelOrder", (orderId, orderCancel or OrderCancel()))

    def cancelOrderProtoBuf(self, cancelOrderRequestProto: Any) -> None:
        """EClient's, through the gate."""
        self.__orders.raw("cancelOrderProtoBuf", (cancelOrderRequestProto,))

    def reqGlobalCancel(self, orderCancel: Any = None) -> None:
        """EClient's, through the gate; without an OrderCancel, as programs for 9.81 call it."""
        self.__orders.raw("reqGlobalCancel", (orderCancel or OrderCancel(),))

    def reqGlobalCancelProtoBuf(self, globalCancelRequestProto: Any) -> None:
        """EClient's, through the gate."""
        self.__orders.raw("reqGlobalCancelProtoBuf", (globalCancelRequestProto,))

    def exerciseOptions(  # noqa: PLR0913, PLR0917  (IB's signature)
        self,
        reqId: int,
        contract: Any,
        exerciseAction: int,
        exerciseQuantity: int,
        account: str,
        override: int,
        manualOrderTime: str,
        customerAccount: str,
        professionalCustomer: bool,
    ) -> None:
        """EClient's, through the gate."""
        self.__orders.raw(
            "exerciseOptions",
            (
                reqId,
                contract,
                exerciseAction,
                exerciseQuantity,
                account,
                override,
                manualOrderTime,
                customerAccount,
                professionalCustomer,
            ),
        )

    def exerciseOptionsProtoBuf(self, exerciseOptionsRequestProto: Any) -> None:
        """EClient's, through the gate."""
        self.__orders.raw("exerciseOptionsProtoBuf", (exerciseOptionsRequestProto,))

    def sendMsg(self, msgId: int, msg: str) -> None:
        """Queue a text message; one that bears an order has to come from the gate."""
        guard(self.__orders, msgId)
        super().sendMsg(msgId, msg)

    def sendMsgProtoBuf(self, msgId: int, msg: bytes) -> None:
        """Queue a protobuf message; one that bears an order has to come from the gate."""
        guard(self.__orders, msgId - _PROTOBUF_OFFSET)
        super().sendMsgProtoBuf(msgId, msg)


def guard(orders: Orders, number: int) -> None:
    """Refuse a message that bears an order and does not come from the gate.

    Raises:
        OrdersRefused: EClient turns it into its error "failed to send".
    """
    if lane_of(number) in _ORDER_LANES and not orders.may_leave():
        msg = "order messages leave through placeOrder, cancelOrder and place_order only"
        raise OrdersRefused(msg)
