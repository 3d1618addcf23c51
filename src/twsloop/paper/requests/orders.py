"""Requests about orders and executions."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from twsloop.paper.clients.client import Client
from twsloop.paper.clients.hub import Hub

from .handling import Handler

__all__ = ["HANDLERS"]


def place_order(hub: Hub, client: Client, request: Any) -> None:
    """A new order, a change of one, or a what-if."""
    hub.engine.place(client.client_id, request, hub.now())


def cancel_order(hub: Hub, client: Client, request: Any) -> None:
    """Cancel one order."""
    hub.engine.cancel(client.client_id, request.orderId, hub.now())


def req_global_cancel(hub: Hub, client: Client, _request: Any) -> None:
    """Cancel all orders of all clients."""
    hub.engine.cancel_all(client.client_id, hub.now())


def req_ids(hub: Hub, client: Client, _request: Any) -> None:
    """The next valid order id again."""
    hub.send_next_id(client)


HANDLERS: Mapping[int, Handler] = MappingProxyType(
    {
        3: place_order,
        4: cancel_order,
        8: req_ids,
        58: req_global_cancel,
    }
)
