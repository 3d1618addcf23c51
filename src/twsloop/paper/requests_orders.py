"""Requests about orders and executions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ibapi.protobuf.CompletedOrdersEnd_pb2 import CompletedOrdersEnd
from ibapi.protobuf.ExecutionDetailsEnd_pb2 import ExecutionDetailsEnd
from ibapi.protobuf.OpenOrdersEnd_pb2 import OpenOrdersEnd

from . import echo
from .client import Client
from .handling import Handler, validating
from .hub import Hub
from .orders import Execution, PaperOrder

__all__ = ["HANDLERS"]

ONLY_CLIENT_0 = (
    "Only API connections with clientId set to 0 can set the auto bind TWS orders property."
)
TIME_FORMS = ("%Y%m%d %H:%M:%S", "%Y%m%d-%H:%M:%S", "%Y%m%d")
SIDES = {"BUY": "BUY", "BOT": "BUY", "SELL": "SELL", "SLD": "SELL", "SSHORT": "SELL"}


def place_order(hub: Hub, client: Client, request: Any) -> None:
    """A new order, a change of one, or a what-if."""
    hub.engine.place(client.client_id, request, hub.now())


def cancel_order(hub: Hub, client: Client, request: Any) -> None:
    """Cancel one order."""
    hub.engine.cancel(client.client_id, request.orderId, hub.now())


def req_global_cancel(hub: Hub, client: Client, _request: Any) -> None:
    """Cancel all orders of all clients."""
    hub.engine.cancel_all(client.client_id, hub.now())


def _tell_orders(client: Client, orders: Iterable[PaperOrder]) -> None:
    for order in orders:
        client.send("openOrder", echo.open_order(order))
        client.send("orderStatus", echo.order_status(order))
    client.send("openOrderEnd", OpenOrdersEnd())


def req_open_orders(hub: Hub, client: Client, _request: Any) -> None:
    """The live orders of this client id."""
    _tell_orders(client, hub.engine.book.open_orders(client.client_id))


def req_all_open_orders(hub: Hub, client: Client, _request: Any) -> None:
    """The live orders of all client ids."""
    _tell_orders(client, hub.engine.book.open_orders())


def req_auto_open_orders(hub: Hub, client: Client, request: Any) -> None:
    """Bind orders that are placed by hand: there are none, and there is no answer."""
    if client.client_id != 0 and request.autoBind:
        hub.error(client, -1, 327, ONLY_CLIENT_0)


def req_completed_orders(hub: Hub, client: Client, _request: Any) -> None:
    """The orders that came to their end."""
    for order in hub.engine.book.completed():
        client.send("completedOrder", echo.completed_order(order))
    client.send("completedOrdersEnd", CompletedOrdersEnd())


def req_ids(hub: Hub, client: Client, _request: Any) -> None:
    """The next valid order id again."""
    hub.send_next_id(client)


def _since(text: str) -> datetime | None:
    """The time of an execution filter; None where there is none.

    Raises:
        ValueError: It cannot be read.
    """
    text = text.strip()
    if not text:
        return None
    zone: Any = UTC
    parts = text.rsplit(" ", 1)
    # A zone is a word: US/Eastern, but also UTC, which ib_async and ib_insync write.
    if len(parts) == 2 and parts[1][0].isalpha():
        try:
            zone = ZoneInfo(parts[1])
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(parts[1]) from error
        text = parts[0]
    for form in TIME_FORMS:
        try:
            return datetime.strptime(" ".join(text.split()), form).replace(tzinfo=zone)
        except ValueError:
            continue
    raise ValueError(text)


def _fits(fill: Execution, wanted: Any, since: datetime | None) -> bool:
    order = fill.order
    side = SIDES.get(wanted.side.upper()) if wanted.side else None
    return (
        (not wanted.clientId or wanted.clientId == order.client_id)
        and (not wanted.acctCode or wanted.acctCode == order.account)
        and (since is None or fill.time >= since)
        and (not wanted.symbol or wanted.symbol.upper() == order.instrument.symbol.upper())
        and (not wanted.secType or wanted.secType == order.instrument.sec_type)
        and (not wanted.exchange or wanted.exchange in {fill.exchange, order.contract.exchange})
        and (side is None or (side == "BUY") == order.is_buy)
    )


def req_executions(hub: Hub, client: Client, request: Any) -> None:
    """The executions that fit a filter, each with its commission report."""
    wanted = request.executionFilter
    try:
        since = _since(wanted.time)
    except ValueError:
        validating(hub, client, request.reqId, "bK", f"Invalid execution time: {wanted.time}")
        return
    for fill in hub.engine.executions:
        if _fits(fill, wanted, since):
            client.send("execDetails", echo.execution_details(fill, request.reqId))
            client.send("commissionReport", echo.commission_report(fill))
    client.send("execDetailsEnd", ExecutionDetailsEnd(reqId=request.reqId))


HANDLERS: Mapping[int, Handler] = MappingProxyType(
    {
        3: place_order,
        4: cancel_order,
        5: req_open_orders,
        7: req_executions,
        8: req_ids,
        15: req_auto_open_orders,
        16: req_all_open_orders,
        58: req_global_cancel,
        99: req_completed_orders,
    }
)
