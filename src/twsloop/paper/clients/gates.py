"""Where faults stand between the parts of a gateway: empty lists, unless a fault is active.

Each list is asked in turn where its messages pass. A gateway without faults asks nobody.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from twsloop.paper.orders.outbox import Outgoing

if TYPE_CHECKING:
    from .client import Client
    from .session import Request

__all__ = ["Gates", "Memory", "Push"]

#: Hears of a request before it is answered; True: it took it, and nobody answers it.
RequestGate = Callable[["Client", "Request"], bool]
#: Gets what the engine tells, in order, and gives what shall be told now.
ReportGate = Callable[[Sequence[Outgoing]], Sequence[Outgoing]]
#: Gets the positions that changed (account, contract id), and gives those to tell now.
PositionGate = Callable[[Sequence[tuple[str, int]]], Sequence[tuple[str, int]]]
#: Hears of a message before it is sent to a client; True: it took it, and nobody sends it.
MessageGate = Callable[["Client", str, Any], bool]
#: Greets a client that has joined; True: it did, and the farms' notices are not told.
Greeter = Callable[["Client"], bool]
#: Whether a client id counts as taken, though no session has it.
IdGate = Callable[[int], bool]


class Push(enum.Enum):
    """When a client that comes back is told its open orders without asking."""

    BEFORE = "before"  # managedAccounts and nextValidId: gateways since July 2026
    AFTER = "after"
    NEVER = "never"


@attrs.define(eq=False)
class Memory:
    """What the gateway itself remembers of the day, where that is less than the broker knows.

    Attributes:
        first: So many executions are forgotten, the first ones.
        known: Of all executions only the first so many are known yet; None: all.
        ended: The permIds of completed orders that are forgotten.
        unseen: The permIds of working orders that it does not know of.
        push: When open orders are pushed, where that is not the setting of `Access`.
    """

    first: int = 0
    known: int | None = None
    ended: set[int] = attrs.Factory(set)
    unseen: set[int] = attrs.Factory(set)
    push: Push | None = None


@attrs.define(eq=False)
class Gates:
    """The lists.

    Attributes:
        requests: What READY clients ask.
        reports: What the engine tells of orders.
        positions: What it tells of positions.
        messages: Everything but plain ticks, on its way to a client.
        greeters: Who greets in place of the farms.
        ids: Who takes client ids away.
    """

    requests: list[RequestGate] = attrs.Factory(list)
    reports: list[ReportGate] = attrs.Factory(list)
    positions: list[PositionGate] = attrs.Factory(list)
    messages: list[MessageGate] = attrs.Factory(list)
    greeters: list[Greeter] = attrs.Factory(list)
    ids: list[IdGate] = attrs.Factory(list)
