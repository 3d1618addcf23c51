"""Faults at the door: who gets in, under which id, what is lost there, and what time it is."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import attrs

from twsloop.errors import FaultError
from twsloop.paper.clients.client import Client
from twsloop.paper.clients.hub import Hub
from twsloop.paper.clients.pacing import TOO_FAST
from twsloop.paper.clients.session import Request
from twsloop.wire.messages import INBOUND_BY_NAME, OUTBOUND_BY_NAME

from .fault import End, Fault, Stage
from .params import count, number, text

__all__ = ["DOOR_FAULTS", "ClockJump", "IdInUse", "Lose", "MaxClients", "Refuse", "Strike"]

#: With so many strikes a session is over.
OUT = 3


@attrs.frozen(kw_only=True)
class Refuse(Fault):
    """Nobody listens on the port: new connections are refused; sessions go on."""

    name: ClassVar[str] = "refuse"
    of_clients: ClassVar[bool] = False

    def begin(self, stage: Stage) -> End:
        """Let it happen."""
        host, shut = stage.host, stage.links.shut

        def install(_: Hub) -> End:
            host.shut_door()
            return _nothing

        shut.add(stage)
        stop = stage.each_hub(install)

        def end() -> None:
            stop()
            shut.discard(stage)
            if not shut:
                host.open_door()

        return end


def _nothing() -> None:
    """The door opens when nobody keeps it shut any more."""


@attrs.frozen(kw_only=True)
class IdInUse(Fault):
    """The client ids are taken: whoever wants one gets 326, and the end of the connection."""

    name: ClassVar[str] = "id_in_use"

    def begin(self, stage: Stage) -> End:
        """Let it happen."""

        def install(hub: Hub) -> End:
            hub.gates.ids.append(stage.hits)
            return lambda: hub.gates.ids.remove(stage.hits)

        return stage.each_hub(install)


@attrs.frozen(kw_only=True)
class MaxClients(Fault):
    """There is room for fewer connections: those beyond are ended; those there are stay."""

    name: ClassVar[str] = "max_clients"
    of_clients: ClassVar[bool] = False

    most: int = count(0, "For how many.", high=10_000)

    def begin(self, stage: Stage) -> End:
        """Let it happen."""
        rooms = stage.host.rooms
        rooms[stage] = self.most
        return lambda: rooms.pop(stage, None)


@attrs.frozen(kw_only=True)
class Strike(Fault):
    """Clients are told that they send too fast (100), whether they do or not: three end a session.

    Three is what a gateway allows; a client that behaves is told so by a gateway whose clock jumps.
    """

    name: ClassVar[str] = "strike"
    instant: ClassVar[bool] = True

    first: int = count(1, "The number of the first strike that is told.", low=1, high=OUT)
    last: int = count(OUT, "And of the last: with the third, the session ends.", low=1, high=OUT)
    limit: int = count(50, "How many messages a second its text allows.", low=1)

    def begin(self, stage: Stage) -> None:
        """Let it happen."""
        if not stage.host.running:
            return
        hub = stage.host.hub
        for client in tuple(hub.clients.values()):
            if not stage.hits(client.client_id):
                continue
            for strike in range(self.first, self.last + 1):
                words = TOO_FAST.format(limit=self.limit, count=self.limit + 1, strike=strike)
                hub.error(client, -1, 100, words)
            if self.last == OUT:
                client.close(f"more than {self.limit} messages a second for the third time")


@attrs.frozen(kw_only=True)
class Lose(Fault):
    """Messages of one name are lost.

    A request never reaches the gateway, though the client sent it; or the gateway never says what
    it should. Ticks of market data lines are no messages of this kind.
    """

    name: ClassVar[str] = "lose"

    message: str = text("placeOrder", "IB's name of a request, or of a message of the gateway.")
    most: int = count(0, "How many are lost; 0: all, as long as it lasts.")

    def __attrs_post_init__(self) -> None:
        """Refuse what is no message."""
        if self.message not in OUTBOUND_BY_NAME and self.message not in INBOUND_BY_NAME:
            raise FaultError(
                "there is no such message",
                fault=self.name,
                key="message",
                value=self.message,
                allowed="a name like placeOrder, reqMktData, openOrderEnd, execDetails",
            )

    def begin(self, stage: Stage) -> End:
        """Let it happen."""
        left = self.most

        def loses(client: Client, name: str) -> bool:
            nonlocal left
            if name != self.message or not stage.hits(client.client_id) or stage.over:
                return False
            if self.most:
                left -= 1
                if not left:
                    stage.finished()
            return True

        def asked(client: Client, request: Request) -> bool:
            return loses(client, request.type.name)

        def told(client: Client, name: str, message: object) -> bool:
            del message
            return loses(client, name)

        def install(hub: Hub) -> End:
            if self.message in OUTBOUND_BY_NAME:
                hub.gates.requests.append(asked)
                return lambda: hub.gates.requests.remove(asked)
            hub.gates.messages.append(told)
            return lambda: hub.gates.messages.remove(told)

        return stage.each_hub(install)


@attrs.frozen(kw_only=True)
class ClockJump(Fault):
    """The gateway's clock jumps: what it says of the time, and when orders and sessions end.

    Spans go on as they were: patience with slow clients, the market's pace.
    """

    name: ClassVar[str] = "clock_jump"
    of_clients: ClassVar[bool] = False
    instant: ClassVar[bool] = True

    seconds: float = number(3600.0, "How far; back if below 0.", low=-1e9)

    def begin(self, stage: Stage) -> None:
        """Let it happen."""
        stage.host.jump(self.seconds)


DOOR_FAULTS: Mapping[str, type[Fault]] = MappingProxyType(
    {
        "refuse": Refuse,
        "id_in_use": IdInUse,
        "max_clients": MaxClients,
        "strike": Strike,
        "lose": Lose,
        "clock_jump": ClockJump,
    }
)
