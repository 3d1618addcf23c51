"""Requests about accounts, positions, and profit and loss."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ibapi.protobuf.ManagedAccounts_pb2 import ManagedAccounts

from twsloop.paper.clients import account_feed
from twsloop.paper.clients.client import Client
from twsloop.paper.clients.hub import Hub

from . import advisor
from .handling import Handler, processing, validating

__all__ = ["HANDLERS"]

#: More active summaries than this are refused with 322.
MAX_SUMMARIES = 2
TOO_MANY_SUMMARIES = (
    "Maximum number of account summary requests exceeded; desubscribe to previous request first"
)
DERIVED_VALUE = "Invalid position trade derived value"
TAKEN_OVER = (
    "New account data requested from TWS. API client has been unsubscribed from account data."
)
OTHER_ACCOUNT = (
    "Unable to subscribe to account as the following clients are subscribed to a different account."
)


def _account(hub: Hub, client: Client, ident: int, name: str) -> str | None:
    """The account that a request names, or the first; None after an error was told."""
    if not name:
        return next(iter(hub.accounts))
    if name in hub.accounts:
        return name
    validating(hub, client, ident, "b0", "Invalid account code")
    return None


def req_managed_accts(hub: Hub, client: Client, _request: Any) -> None:
    """The list of accounts."""
    client.send("managedAccounts", ManagedAccounts(accountsList=",".join(hub.accounts)))


def req_account_updates(hub: Hub, client: Client, request: Any) -> None:
    """Subscribe to one account's values, or end it.

    The gateway tells one account at a time: a client that wants another one gets it, and those
    that had the other are told so (2100); or, by setting, it is refused (2101). A client's own
    subscription moves without a word.
    """
    if not request.subscribe:
        client.account_updates = None
        client.told.pop(account_feed.UPDATES, None)
        return
    name = _account(hub, client, -1, request.acctCode)
    if name is None:
        return
    others = [
        other
        for other in hub.clients.values()
        if other is not client and other.account_updates not in {None, name}
    ]
    if others and not hub.access.take_over_account:
        hub.error(client, -1, 2101, OTHER_ACCOUNT)
        return
    for other in others:
        other.account_updates = None
        hub.error(other, -1, 2100, TAKEN_OVER)
    client.account_updates = name
    account_feed.account_image(hub, client)


def req_account_summary(hub: Hub, client: Client, request: Any) -> None:
    """Subscribe to tags of all accounts, one, or an advisor's group; two at a time."""
    req_id = request.reqId
    if req_id in client.summaries:
        processing(hub, client, req_id, "b1", "Duplicate ticker id")
        return
    if len(client.summaries) >= MAX_SUMMARIES:
        processing(hub, client, req_id, "b1", TOO_MANY_SUMMARIES)
        return
    group = request.group
    if not group:
        validating(hub, client, req_id, "b1", "Group name cannot be null")
        return
    if group == "All":
        names = tuple(hub.accounts)
    elif group in hub.accounts:
        names = (group,)
    elif found := advisor.members(hub, group):
        names = found
    else:
        validating(hub, client, req_id, "b1", f"Group name is invalid: {group}")
        return
    client.summaries[req_id] = (names, tuple(request.tags.split(",")))
    account_feed.summary_image(hub, client, req_id)


def cancel_account_summary(_hub: Hub, client: Client, request: Any) -> None:
    """End a summary; an unknown one is ended already."""
    client.summaries.pop(request.reqId, None)
    client.told.pop(("summary", request.reqId), None)


def req_positions(hub: Hub, client: Client, _request: Any) -> None:
    """All positions now, and every change of them."""
    client.watches_positions = True
    account_feed.position_image(hub, client)


def cancel_positions(_hub: Hub, client: Client, _request: Any) -> None:
    """No more changes of positions."""
    client.watches_positions = False


def req_positions_multi(hub: Hub, client: Client, request: Any) -> None:
    """One account's positions under a request id."""
    name = _account(hub, client, request.reqId, request.account)
    if name is not None:
        client.position_multi[request.reqId] = (name, request.modelCode)
        account_feed.position_multi_image(hub, client, request.reqId)


def cancel_positions_multi(_hub: Hub, client: Client, request: Any) -> None:
    """End one account's positions."""
    client.position_multi.pop(request.reqId, None)


def req_account_updates_multi(hub: Hub, client: Client, request: Any) -> None:
    """One account's values under a request id."""
    name = _account(hub, client, request.reqId, request.account)
    if name is not None:
        client.account_multi[request.reqId] = (name, request.modelCode, request.ledgerAndNLV)
        account_feed.account_multi_image(hub, client, request.reqId)


def cancel_account_updates_multi(_hub: Hub, client: Client, request: Any) -> None:
    """End one account's values."""
    client.account_multi.pop(request.reqId, None)
    client.told.pop(("multi", request.reqId), None)


def req_pnl(hub: Hub, client: Client, request: Any) -> None:
    """An account's profit and loss, now and every second."""
    name = _account(hub, client, request.reqId, request.account)
    if name is not None:
        client.pnl[request.reqId] = name
        account_feed.tell_pnl_of_account(hub, client, request.reqId)


def cancel_pnl(hub: Hub, client: Client, request: Any) -> None:
    """End an account's profit and loss."""
    if client.pnl.pop(request.reqId, None) is None:
        hub.error(client, request.reqId, 10185, "Failed to cancel PNL (not subscribed)")


def req_pnl_single(hub: Hub, client: Client, request: Any) -> None:
    """A position's profit and loss, now and every second; nothing for an unknown conId."""
    name = _account(hub, client, request.reqId, request.account)
    if name is None:
        return
    client.pnl_single[request.reqId] = (name, request.conId)
    if not account_feed.is_known(hub, name, request.conId):
        return
    if not hub.accounts[name].quantity(request.conId):
        hub.error(client, request.reqId, 2150, DERIVED_VALUE)
    account_feed.tell_pnl_single(hub, client, request.reqId)


def cancel_pnl_single(hub: Hub, client: Client, request: Any) -> None:
    """End a position's profit and loss."""
    if client.pnl_single.pop(request.reqId, None) is None:
        hub.error(client, request.reqId, 10186, "Failed to cancel PNL single (not subscribed)")


HANDLERS: Mapping[int, Handler] = MappingProxyType(
    {
        6: req_account_updates,
        17: req_managed_accts,
        61: req_positions,
        62: req_account_summary,
        63: cancel_account_summary,
        64: cancel_positions,
        74: req_positions_multi,
        75: cancel_positions_multi,
        76: req_account_updates_multi,
        77: cancel_account_updates_multi,
        92: req_pnl,
        93: cancel_pnl,
        94: req_pnl_single,
        95: cancel_pnl_single,
    }
)
