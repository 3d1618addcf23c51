"""Hears what happens in a gateway, for the plans of a script that wait for it.

Only while a plan waits is anybody heard: a gateway without one asks nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twsloop.paper.clients.client import Client
from twsloop.paper.clients.hub import Hub
from twsloop.paper.clients.session import Request
from twsloop.paper.orders.outbox import Outgoing

__all__ = ["Watch"]

#: Requests that are events by another name, too.
ORDERS = frozenset({"placeOrder", "exerciseOptions"})
CANCELS = frozenset({"cancelOrder", "reqGlobalCancel"})

#: How the id of an execution ends that is told for the first time, of the order as a whole: its
#: corrections, and the legs of a combination, are no fills of their own.
FIRST = ".01.01"


class Watch:
    """Watches one hub.

    Args:
        happened: Told of the event's name, and whose it was.
    """

    def __init__(self, happened: Callable[[str, int | None], None]) -> None:
        self._happened = happened

    def install(self, hub: Hub) -> None:
        """Hear what happens there from now on, as long as that hub lives.

        It stands before all other gates: what a fault takes has come to the gateway, all the same.
        """
        hub.gates.requests.insert(0, self._asked)
        hub.gates.reports.insert(0, self._told)

    def _asked(self, client: Client, request: Request) -> bool:
        name, client_id = request.type.name, client.client_id
        self._happened("message", client_id)
        if name in ORDERS:
            self._happened("order", client_id)
        elif name in CANCELS:
            self._happened("cancel", client_id)
        self._happened(name, client_id)
        return False

    def _told(self, news: Sequence[Outgoing]) -> Sequence[Outgoing]:
        for client_id, name, message in news:
            if name == "execDetails" and _is_first(message):
                self._happened("fill", client_id)
        return news


def _is_first(message: Any) -> bool:
    """Whether an execution is told that was not told before."""
    return str(message.execution.execId).endswith(FIRST)
