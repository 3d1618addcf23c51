"""Who sees which order: its owner, the master client, and client 0 for what was placed by hand.

Rules (reference ``domain.md`` a, "Client ids"):

- an order's reports (openOrder, orderStatus, execDetails, the commission report) go to the client
  id that placed it, connected or not, and a copy to the **master client** if there is one.
  Errors go to the owner alone; a what-if is nobody else's business.
- an order **placed by hand** in the gateway's own window belongs to no API client. Client 0 sees it
  with order id 0, which cannot be changed. Client 0 **binds** it with ``reqOpenOrders`` (those that
  are there) or ``reqAutoOpenOrders`` (those to come): ``orderBound`` gives it a negative order id,
  and from then on it is an order of client 0 like any other.
- a client that comes back is told its open orders before anything else (`welcome`), as gateways
  since July 2026 do unless their setting says otherwise.

Theory of operation. In the book, an order placed by hand belongs to client id `BY_HAND`, which no
connection can have, with ids of its own. What the engine tells that client is rewritten on its way
out. Binding moves the order to client 0 in the book, so the engine needs to know nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import attrs
from google.protobuf.message import Message
from ibapi.protobuf.OpenOrdersEnd_pb2 import OpenOrdersEnd
from ibapi.protobuf.OrderBound_pb2 import OrderBound
from ibapi.protobuf.PlaceOrderRequest_pb2 import PlaceOrderRequest

from twsloop.errors import PaperError
from twsloop.paper.orders import echo
from twsloop.paper.orders.order import PaperOrder

from .client import Client
from .gates import Push

if TYPE_CHECKING:
    from .hub import Hub

__all__ = [
    "BINDER",
    "BY_HAND",
    "Access",
    "auto_bind",
    "bind",
    "bind_all",
    "is_by_hand",
    "place_by_hand",
    "post",
    "push_of",
    "tell_orders",
    "welcome",
]

#: The client id of orders that were placed by hand: the lowest number that a field can hold, which
#: `Hub.join` refuses.
BY_HAND = -(2**31)
#: The client that sees and binds them.
BINDER = 0
#: What others than the owner may see.
REPORTS = frozenset({"openOrder", "orderStatus", "execDetails", "commissionReport"})
#: The kind of subscription that reqAutoOpenOrders makes.
AUTO_BIND = "auto bind"


@attrs.frozen
class Access:
    """The gateway's settings of who may see what.

    Attributes:
        master_client_id: This client sees the orders of all; None for no such client.
        download_open_orders: A client that connects is told its open orders first.
        take_over_account: A client that subscribes to another account than the others takes
            the account data over from them (2100); otherwise it is refused (2101).
    """

    master_client_id: int | None = None
    download_open_orders: bool = True
    take_over_account: bool = True


def post(hub: Hub, client_id: int, name: str, message: Message) -> None:
    """Tell a message of the engine to its client and to whoever else may see it."""
    if client_id == BY_HAND:
        if name not in REPORTS:
            return  # the gateway's window shows it
        client_id = BINDER
        _show(name, message)
    seers = [client_id]
    master = hub.access.master_client_id
    if master is not None and master != client_id and name in REPORTS and not _asks(name, message):
        seers.append(master)
    for seer in seers:
        client = hub.clients.get(seer)
        if client is not None:
            client.send(name, message)


def _asks(name: str, message: Any) -> bool:
    """Whether it answers a what-if."""
    return name == "openOrder" and bool(message.order.whatIf)


def _show(name: str, message: Any, order_id: int = 0) -> None:
    """Make a message about an order that was placed by hand one of client 0's."""
    if name == "execDetails":
        message = message.execution
    elif name == "openOrder":
        message.orderId = order_id
        message = message.order
    elif name != "orderStatus":
        return
    message.orderId = order_id
    message.clientId = BINDER


def is_by_hand(order: PaperOrder) -> bool:
    """Whether an order was placed by hand, bound or not."""
    return order.client_id == BY_HAND or order.order_id < 0


def tell_orders(client: Client, orders: Iterable[PaperOrder]) -> None:
    """An openOrder and an orderStatus for each order, and the end."""
    for order in sorted(orders, key=lambda one: one.perm_id):
        for name, message in (
            ("openOrder", echo.open_order(order)),
            ("orderStatus", echo.order_status(order)),
        ):
            if order.client_id == BY_HAND:
                _show(name, message)
            client.send(name, message)
    client.send("openOrderEnd", OpenOrdersEnd())


def push_of(hub: Hub) -> Push:
    """When a client that comes back is told its open orders."""
    if hub.memory.push is not None:
        return hub.memory.push
    return Push.BEFORE if hub.access.download_open_orders else Push.NEVER


def welcome(hub: Hub, client: Client) -> None:
    """A client that left open orders behind is told them without asking."""
    orders = hub.open_orders(client.client_id)
    if orders:
        tell_orders(client, orders)


# ---- by hand -----------------------------------------------------------------------------------


def place_by_hand(hub: Hub, contract: Any, order: Any) -> int:
    """Place an order as a person at the gateway's window does.

    Args:
        hub: The running gateway; on its loop.
        contract: A protobuf ``Contract``.
        order: A protobuf ``Order``.

    Returns:
        Its permId.

    Raises:
        PaperError: It is refused; the text is the gateway's.
    """
    engine = hub.engine
    hub.deliver()
    order_id = engine.book.highest_id(BY_HAND) + 1
    request = PlaceOrderRequest(orderId=order_id, contract=contract, order=order)
    request.order.transmit = True
    engine.place(BY_HAND, request, hub.now())
    taken: list[tuple[int, str, Any]] = list(engine.take())
    placed = engine.book.find(BY_HAND, order_id)
    if placed is None:
        errors: list[str] = [one.errorMsg for _, name, one in taken if name == "errMsg"]
        raise PaperError(errors[0] if errors else "the order was refused")
    binder = hub.clients.get(BINDER)
    if binder is not None and (AUTO_BIND, 0) in binder.subscriptions:
        bind(hub, binder, placed)
    for client_id, name, message in taken:
        if client_id == BY_HAND and placed.client_id == BINDER:
            _show(name, message, placed.order_id)
            post(hub, BINDER, name, message)
        else:
            post(hub, client_id, name, message)
    hub.settle()
    return placed.perm_id


def bind(hub: Hub, client: Client, order: PaperOrder) -> None:
    """Give an order that was placed by hand to client 0, under a negative order id."""
    book = hub.engine.book
    lowest = min((one.order_id for one in book if one.client_id == BINDER), default=0)
    book.rebind(order, BINDER, min(lowest, 0) - 1)
    order.request.clientId = BINDER
    order.request.orderId = order.order_id
    client.send(
        "orderBound",
        OrderBound(permId=order.perm_id, clientId=BINDER, orderId=order.order_id),
    )


def bind_all(hub: Hub, client: Client) -> None:
    """Bind the live orders that were placed by hand."""
    for order in hub.engine.book.open_orders(BY_HAND):
        bind(hub, client, order)


def auto_bind(client: Client, on: bool) -> None:
    """Bind what will be placed by hand from now on, as long as the client stays; or no more."""
    if on:
        client.subscriptions[AUTO_BIND, 0] = _nothing
    else:
        client.end_subscription(AUTO_BIND, 0)


def _nothing() -> None:
    """A setting that ends by being forgotten."""
