"""The gateway loses its own servers, while its clients' links to it stay.

Sequence (a gateway's log of August 2026, reference ``domain.md`` a)::

    2103  2157  2105    the farms break
    1100                and the server is lost; again and again in a long outage
    2158  2106  2104    the farms are back
    1102                data maintained, with the farms in its text; or 1101: data lost

A client that connects meanwhile is told 2110 and 1100. Orders go on working at their exchanges;
what becomes of them is told when the server is back. Until then the gateway answers what clients
ask about orders, executions and positions from memory: as it was when the server was lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, cast

import attrs
from google.protobuf.message import Message

from twsloop.errors import FaultError
from twsloop.paper.clients import account_feed, visibility
from twsloop.paper.clients.client import Client
from twsloop.paper.clients.farms import FARMS, FarmState
from twsloop.paper.clients.gates import Push
from twsloop.paper.clients.hub import Hub
from twsloop.paper.clients.session import Request
from twsloop.paper.orders.outbox import Outgoing
from twsloop.paper.orders.refusals import Refusal
from twsloop.paper.requests import queries, table

from .farms import hold_farm, release_farm
from .fault import End, Fault, Stage
from .params import choice, many, number
from .silence import silence_of

__all__ = ["LOST", "NO_SERVER", "OUTAGE_FAULTS", "Outage", "ServerLost", "forget_subscriptions"]

LOST = (1100, "Connectivity between IBKR and Trader Workstation has been lost.")
_BROKEN = (
    "Connectivity between Trader Workstation and server is broken. "
    "It will be restored automatically."
)
NO_SERVER = (2110, _BROKEN)
DATA_LOST = (1101, "Connectivity between IB and Trader Workstation has been restored - data lost.")
MAINTAINED = (
    "Connectivity between IB and Trader Workstation has been restored - data maintained. {farms}"
)
#: The texts of these are not published; the words are the paper gateway's own.
RECREATED = (1104, "Orders that were held while the connection was lost are being recreated.")
SUBMITTED = (1105, "Orders that were held while the connection was lost are being submitted.")
REFUSED = Refusal(201, "Order rejected - reason:No connection to the server")
#: What stands among the subscriptions, and is none to IB's servers.
SETTINGS = frozenset({visibility.AUTO_BIND, "group"})
#: What a client does with orders.
ORDERS = frozenset({"placeOrder", "cancelOrder", "reqGlobalCancel"})


def forget_subscriptions(hub: Hub, client: Client) -> None:
    """Let a client have no subscription any more, as after 1101; its settings stay."""
    for line in tuple(client.lines.values()):
        hub.watchers.unwatch(line)
    for key in tuple(client.subscriptions):
        if key[0] not in SETTINGS:
            client.end_subscription(*key)
    client.watches_positions = False
    client.account_updates = None
    for kept in (
        client.told,
        client.summaries,
        client.account_multi,
        client.position_multi,
        client.pnl,
        client.pnl_single,
    ):
        kept.clear()


@attrs.define(eq=False)
class _Recorder:
    """In a client's place: keeps what it would be sent."""

    told: list[tuple[str, Message]] = attrs.Factory(list)

    def send(self, name: str, message: Message) -> None:
        """Keep it."""
        self.told.append((name, message))


class Outage:
    """The time without a server.

    Args:
        hub: The gateway's.
        orders: What becomes of orders meanwhile (`ServerLost.orders`).

    Attributes:
        tokens: Whose it is: it ends with the last one.
    """

    def __init__(self, hub: Hub, orders: str) -> None:
        self.tokens: set[object] = set()
        self._hub = hub
        self._orders = orders
        self._asked: list[tuple[Client, Request]] = []
        self._news: list[Outgoing] = []
        self._touched: list[tuple[str, int]] = []
        self._push: Push | None = None
        self._memory = {
            "reqAllOpenOrders": self._recorded(self._tell_orders),
            "reqCompletedOrders": self._recorded(self._tell_completed),
            "reqPositions": self._recorded(self._tell_positions),
        }

    # ---- its beginning and its end ---------------------------------------------------------

    def begin(self) -> None:
        """The server is lost."""
        hub = self._hub
        hub.deliver()
        gates = hub.gates
        gates.requests.insert(0, self._hear)
        gates.reports.append(self._keep_news)
        gates.positions.append(self._keep_touched)
        gates.greeters.append(self._greet)
        hub.memory.known = len(hub.engine.executions)
        self._push, hub.memory.push = hub.memory.push, Push.NEVER
        silence_of(hub).begin(self, lambda *_: True)

    def end(self) -> None:
        """It is back: data goes on."""
        gates = self._hub.gates
        gates.requests.remove(self._hear)
        gates.reports.remove(self._keep_news)
        gates.positions.remove(self._keep_touched)
        gates.greeters.remove(self._greet)
        self._hub.memory.known = None
        self._hub.memory.push = self._push
        silence_of(self._hub).end(self)

    def forget_orders(self) -> None:
        """The gateway restarts: orders that it held are lost."""
        self._asked.clear()

    def catch_up(self) -> None:
        """What happened meanwhile is told, and orders that were held are sent."""
        hub = self._hub
        for client_id, name, message in self._news:
            visibility.post(hub, client_id, name, message)
        for account, con_id in dict.fromkeys(self._touched):
            account_feed.tell_position(hub, account, con_id)
        owners = {client.client_id for client, _ in self._asked}
        for owner in sorted(owners & set(hub.clients)):
            hub.error(hub.clients[owner], -1, *RECREATED)
            hub.error(hub.clients[owner], -1, *SUBMITTED)
        for client, request in self._asked:  # also of a client that has left: its orders stay
            table.serve(hub, client, request)
            hub.deliver()

    # ---- meanwhile -------------------------------------------------------------------------

    def _hear(self, client: Client, request: Request) -> bool:
        name = request.type.name
        if name in ORDERS:
            if self._orders == "held":
                self._asked.append((client, request))
            elif self._orders == "refused":
                ident = request.message.orderId if name != "reqGlobalCancel" else -1
                self._hub.error(client, ident, REFUSED.code, REFUSED.text)
            return True
        if name == "reqOpenOrders":
            self._tell_own(client)
            return True
        if name in self._memory:
            for told, message in self._memory[name]:
                client.send(told, message)
            client.watches_positions |= name == "reqPositions"
            return True
        return False

    def _keep_news(self, news: Sequence[Outgoing]) -> Sequence[Outgoing]:
        self._news += news
        return ()

    def _keep_touched(self, touched: Sequence[tuple[str, int]]) -> Sequence[tuple[str, int]]:
        self._touched += touched
        return ()

    def _greet(self, client: Client) -> bool:
        for notice in (NO_SERVER, LOST):
            self._hub.error(client, -1, *notice)
        if self._hub.access.download_open_orders:
            self._tell_own(client)
        return True

    # ---- what the gateway remembers --------------------------------------------------------

    def _recorded(self, tell: Any) -> list[tuple[str, Message]]:
        recorder = _Recorder()
        tell(cast("Client", recorder))
        return recorder.told

    def _tell_orders(self, client: Client) -> None:
        visibility.tell_orders(client, self._hub.open_orders())

    def _tell_completed(self, client: Client) -> None:
        queries.tell_completed(self._hub, client)

    def _tell_positions(self, client: Client) -> None:
        account_feed.position_image(self._hub, client)

    def _tell_own(self, client: Client) -> None:
        """The client's own orders of those that are remembered."""
        for name, message in self._memory["reqAllOpenOrders"]:
            told: Any = message
            owner = told.order if name == "openOrder" else told
            if name == "openOrderEnd" or owner.clientId == client.client_id:
                client.send(name, message)


@attrs.frozen(kw_only=True)
class ServerLost(Fault):
    """The gateway loses IB's servers; its clients' links stay. It concerns all clients.

    All subscriptions are silent until it ends: then the server is back.
    """

    name: ClassVar[str] = "server_lost"

    data: str = choice(
        "kept",
        "When the server is back: 1102 and subscriptions go on, or 1101 and there are none.",
        ("kept", "lost"),
    )
    orders: str = choice(
        "held",
        "Orders and cancels that clients send meanwhile: sent when the server is back, with 1104 "
        "and 1105; or refused with 201; or lost without a word.",
        ("held", "refused", "lost"),
    )
    farms: tuple[str, ...] = many(
        ("usfarm", "secdefil", "ushmds"), "The farms that break with it, in the order told."
    )
    repeat: float | None = number(None, "1100 is told again each time so many seconds passed.")

    def __attrs_post_init__(self) -> None:
        """Refuse farms that there are not."""
        for farm in self.farms:
            if farm not in FARMS:
                raise FaultError(
                    "there is no such farm",
                    fault=self.name,
                    key="farms",
                    value=farm,
                    allowed=", ".join(FARMS),
                )

    def begin(self, stage: Stage) -> End:
        """Let it happen."""
        return stage.each_hub(lambda hub: self.lose(hub, stage))

    def lose(self, hub: Hub, stage: Stage) -> End:
        """Let a gateway lose its server; returns what brings it back.

        Args:
            hub: The gateway's.
            stage: Whose outage it is.
        """
        for farm in self.farms:
            hold_farm(hub, farm, stage, FarmState.BROKEN)
        hub.notify(*LOST)
        outage: Outage | None = hub.desks.get(Outage)
        if outage is None:
            outage = hub.desks[Outage] = Outage(hub, self.orders)
            outage.begin()
        outage.tokens.add(stage)
        if self.repeat:
            self._remind(hub, stage, self.repeat)
        return lambda: self._end(stage, hub, outage)

    def _end(self, stage: Stage, hub: Hub, outage: Outage) -> None:
        """The server is back, unless another fault keeps it away."""
        outage.tokens.discard(stage)
        for farm in reversed(self.farms):
            release_farm(hub, farm, stage)
        if not outage.tokens:
            if self.data == "lost":
                for client in tuple(hub.clients.values()):
                    forget_subscriptions(hub, client)
                hub.notify(*DATA_LOST)
            else:
                hub.notify(1102, MAINTAINED.format(farms=hub.farms.summary()))
            del hub.desks[Outage]
            outage.end()
            outage.catch_up()

    def _remind(self, hub: Hub, stage: Stage, seconds: float) -> None:
        def again() -> None:
            hub.notify(*LOST)
            hub.settle()
            stage.later(seconds, again)

        stage.later(seconds, again)


OUTAGE_FAULTS: Mapping[str, type[Fault]] = MappingProxyType(
    {
        "server_lost": ServerLost,
    }
)
