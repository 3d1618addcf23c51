"""The gateway goes away and comes back: every night, on Sundays, on another port, read-only.

Rules (reference ``domain.md`` a): a gateway restarts daily; executions are told since midnight;
nextValidId persists, and yet comes back lower, or from 1 after a reset of the settings; gateways
since July 2026 push open orders before nextValidId, older ones after it or not at all. What was
never transmitted is gone. Orders work at their exchanges while nobody is there to hear of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import attrs

from twsloop.paper.clients.client import Client
from twsloop.paper.clients.gates import Push
from twsloop.paper.clients.hub import Hub
from twsloop.paper.clients.session import Request
from twsloop.paper.connection import STOPPING
from twsloop.paper.orders.order import PaperOrder
from twsloop.paper.orders.validation import VALIDATING
from twsloop.paper.requests.handling import ident_of

from .fault import End, Fault, Stage
from .outages import Outage, ServerLost
from .params import choice, count, number

__all__ = ["RESTART_FAULTS", "NightlyRestart", "PortChanged", "ReadOnly", "SundayRestart"]

MOVED = (
    "TWS socket port has been reset and this connection is being dropped. "
    "Please reconnect on the new port - {port}"
)
READ_ONLY = VALIDATING.format(mark="bN", cause="The API interface is currently in Read-Only mode.")
#: What changes orders or binds them: refused by a gateway that is read-only.
CHANGES = frozenset(
    {
        *("placeOrder", "cancelOrder", "reqGlobalCancel", "exerciseOptions"),
        *("reqIds", "reqOpenOrders", "reqAutoOpenOrders"),
    }
)


def _hit(stage: Stage, hub: Hub) -> Iterator[int]:
    """The client ids with orders that a fault is about."""
    owners = {order.client_id for order in hub.engine.book}
    return (one for one in sorted(owners) if stage.hits(one))


def _live(stage: Stage, hub: Hub) -> list[PaperOrder]:
    return [one for one in hub.engine.book.open_orders() if stage.hits(one.client_id)]


def _begin_anew(hub: Hub, *, executions: str) -> None:
    """What no restart keeps, and what this one forgets."""
    engine, memory = hub.engine, hub.memory
    engine.book.forget_unsent()
    outage: Outage | None = hub.desks.get(Outage)
    if outage is not None:
        outage.forget_orders()
    if executions == "cut":
        memory.first = len(engine.executions)
        memory.ended.update(one.perm_id for one in engine.book.completed())


def _drop_orders(stage: Stage, hub: Hub, orders: str) -> None:
    for order in _live(stage, hub):
        if orders == "lost":
            hub.engine.book.lose(order)
        elif orders == "unseen":
            hub.memory.unseen.add(order.perm_id)


def _move_ids(stage: Stage, hub: Hub, next_id: str, by: int) -> None:
    book = hub.engine.book
    for client_id in _hit(stage, hub):
        if next_id == "reset":
            book.reset_ids(client_id)
        elif next_id != "kept":
            book.shift_ids(client_id, by if next_id == "advanced" else -by)


@attrs.frozen(kw_only=True)
class NightlyRestart(Fault):
    """The gateway ends all connections, is away, and comes back; the exchanges go on meanwhile.

    It is back when it has been away so long, or when the fault is ended. What happens to ids and
    orders can be of some clients only; the connections that end are all.
    """

    name: ClassVar[str] = "nightly_restart"

    away: float = number(5.0, "How long connections are refused.")
    login: float = number(0.0, "How long it has no server after that: clients are told 1100.")
    next_id: str = choice(
        "kept",
        "nextValidId: as it was; lower, though higher ones are used (103); 1; or higher.",
        ("kept", "rolled_back", "reset", "advanced"),
    )
    shift: int = count(10, "By how much it is lower or higher.", low=1)
    orders: str = choice(
        "kept",
        "Working orders: kept; lost without a trace; or at work, and the gateway lists them no "
        "more until it hears of them.",
        ("kept", "lost", "unseen"),
    )
    executions: str = choice(
        "kept", "Executions and completed orders of before: told, or cut.", ("kept", "cut")
    )
    push: str = choice(
        "usual",
        "Open orders: pushed as the gateway usually does; before managedAccounts; after "
        "nextValidId; or not at all.",
        ("usual", "before", "after", "never"),
    )

    def begin(self, stage: Stage) -> End:
        """Let it happen."""
        host, hub = stage.host, stage.host.hub
        hub.settle()
        host.shut_door()
        for connection in tuple(host.connections):
            connection.close(STOPPING)
        _begin_anew(hub, executions=self.executions)
        _drop_orders(stage, hub, self.orders)
        _move_ids(stage, hub, self.next_id, self.shift)
        if self.push != "usual":
            hub.memory.push = Push(self.push)
        stage.later(self.away, stage.finished)
        return lambda: self._come_back(stage)

    def _come_back(self, stage: Stage) -> None:
        host = stage.host
        if not host.running:
            return
        host.open_door()
        if self.login:
            # The login takes its time after the fault: what it waits for is that clients come.
            hub = host.hub
            connected = ServerLost(farms=(), orders="refused").lose(hub, stage)

            def logged_in() -> None:
                connected()
                hub.settle()

            host.clock.call_later(self.login, logged_in)


@attrs.frozen(kw_only=True)
class SundayRestart(NightlyRestart):
    """The weekly restart: away for longer, a login that takes its time, and a new day's books."""

    name: ClassVar[str] = "sunday_restart"

    away: float = number(60.0, "How long connections are refused.")
    login: float = number(30.0, "How long it has no server after that: clients are told 1100.")
    executions: str = choice(
        "cut", "Executions and completed orders of before: told, or cut.", ("kept", "cut")
    )


@attrs.frozen(kw_only=True)
class PortChanged(Fault):
    """The port was changed in the settings: 1300 with the new one, and every connection ends."""

    name: ClassVar[str] = "port_changed"
    instant: ClassVar[bool] = True

    port: int | None = count(None, "The new port; a free one unless given.", low=1, high=65535)

    def begin(self, stage: Stage) -> None:
        """Let it happen."""
        host, hub = stage.host, stage.host.hub
        port = self.port or host.free_port()
        hub.notify(1300, MOVED.format(port=port))
        hub.settle()
        host.open_door(port)
        for connection in tuple(host.connections):
            connection.close(STOPPING)


@attrs.frozen(kw_only=True)
class ReadOnly(Fault):
    """The gateway is read-only: orders, reqIds and binding are refused with 321; nextValidId is 1.

    Data, and what asks for all orders, executions and positions, is answered.
    """

    name: ClassVar[str] = "read_only"

    def begin(self, stage: Stage) -> End:
        """Let it happen."""

        def hear(hub: Hub, client: Client, request: Request) -> bool:
            if request.type.name not in CHANGES or not stage.hits(client.client_id):
                return False
            hub.error(client, ident_of(request.message), 321, READ_ONLY)
            return True

        def tell(client: Client, name: str, message: Any) -> bool:
            if name == "nextValidId" and stage.hits(client.client_id):
                message.orderId = 1
            return False

        def install(hub: Hub) -> End:
            def asked(client: Client, request: Request) -> bool:
                return hear(hub, client, request)

            hub.gates.requests.insert(0, asked)
            hub.gates.messages.append(tell)

            def end() -> None:
                hub.gates.requests.remove(asked)
                hub.gates.messages.remove(tell)

            return end

        return stage.each_hub(install)


RESTART_FAULTS: Mapping[str, type[Fault]] = MappingProxyType(
    {
        "nightly_restart": NightlyRestart,
        "sunday_restart": SundayRestart,
        "port_changed": PortChanged,
        "read_only": ReadOnly,
    }
)
