"""Display groups: seven of them, as TWS has, without a screen.

A group shows one contract (``265598@SMART``) or ``none``. Clients that subscribed to a group hear
what it shows at once, and each time that one of them changes it. A real Gateway has no windows and
so no groups; TWS has, and programs that link themselves to it can be tried here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import attrs
from ibapi.protobuf.DisplayGroupList_pb2 import DisplayGroupList
from ibapi.protobuf.DisplayGroupUpdated_pb2 import DisplayGroupUpdated

from twsloop.paper.clients.client import Client
from twsloop.paper.clients.hub import Hub

from .handling import Handler, desk, processing, validating

__all__ = ["GROUPS", "HANDLERS", "GroupDesk"]

GROUPS = range(1, 8)
#: What a group shows that shows nothing.
NONE = "none"


@attrs.define
class GroupDesk:
    """The display groups of a running gateway.

    Attributes:
        shown: What each group shows.
        members: Who is subscribed: client and request id -> group.
    """

    shown: dict[int, str] = attrs.Factory(lambda: dict.fromkeys(GROUPS, NONE))
    members: dict[tuple[Client, int], int] = attrs.Factory(dict)

    def tell(self, group: int) -> None:
        """Tell all members of a group what it shows."""
        for (client, req_id), own in tuple(self.members.items()):
            if own == group:
                message = DisplayGroupUpdated(reqId=req_id, contractInfo=self.shown[group])
                client.send("displayGroupUpdated", message)


def query_display_groups(_hub: Hub, client: Client, request: Any) -> None:
    """The groups' numbers."""
    groups = "|".join(map(str, GROUPS))
    client.send("displayGroupList", DisplayGroupList(reqId=request.reqId, groups=groups))


def subscribe_to_group_events(hub: Hub, client: Client, request: Any) -> None:
    """What the group shows, now and whenever it changes."""
    req_id, group = request.reqId, request.groupId
    if group not in GROUPS:
        validating(hub, client, req_id, "bN", f"Invalid display group id: {group}")
        return
    groups = desk(hub, GroupDesk)
    key = (client, req_id)
    groups.members[key] = group
    client.subscriptions["group", req_id] = lambda: groups.members.__delitem__(key)
    message = DisplayGroupUpdated(reqId=req_id, contractInfo=groups.shown[group])
    client.send("displayGroupUpdated", message)


def update_display_group(hub: Hub, client: Client, request: Any) -> None:
    """Change what the group shows that the request's id is subscribed to; all its members hear."""
    groups = desk(hub, GroupDesk)
    group = groups.members.get((client, request.reqId))
    if group is None:
        cause = f"Not subscribed to a display group: {request.reqId}"
        processing(hub, client, request.reqId, "bN", cause)
        return
    info = request.contractInfo
    if info != NONE and not _is_contract(hub, info):
        validating(hub, client, request.reqId, "bN", f"Invalid contract info: '{info}'")
        return
    groups.shown[group] = info
    groups.tell(group)


def _is_contract(hub: Hub, info: str) -> bool:
    con_id, _, exchange = info.partition("@")
    if not (con_id.isascii() and con_id.isdecimal() and len(con_id) <= 10):
        return False
    instrument = hub.engine.catalogue.by_con_id(int(con_id))
    return instrument is not None and exchange in {"", *instrument.valid_exchanges}


def unsubscribe_from_group_events(hub: Hub, client: Client, request: Any) -> None:
    """Hear no more of a group; nothing is told."""
    if not client.end_subscription("group", request.reqId):
        cause = f"Not subscribed to a display group: {request.reqId}"
        processing(hub, client, request.reqId, "bN", cause)


HANDLERS: Mapping[int, Handler] = MappingProxyType(
    {
        67: query_display_groups,
        68: subscribe_to_group_events,
        69: update_display_group,
        70: unsubscribe_from_group_events,
    }
)
