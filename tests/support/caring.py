"""A gateway that says what happens to its farms and servers, and a program that follows quotes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from twsloop import Config, IBGateway
from twsloop.connection.stream import Stream
from twsloop.events import Fact, GapEnded, GapStarted, StreamClosed, StreamStarted
from twsloop.testing import GatewayDouble

__all__ = ["BROKEN", "CONNECTING", "KEPT", "LOST", "OK", "SILENT", "Market", "market"]

LOST, DATA_LOST, KEPT = 1100, 1101, 1102
BROKEN, OK, CONNECTING = 2103, 2104, 2119
#: ``[market_data] silent_after``.
SILENT = 30.0
_FARM_TEXTS = {
    2103: "Market data farm connection is broken:",
    2104: "Market data farm connection is OK:",
    2105: "HMDS data farm connection is broken:",
    2106: "HMDS data farm connection is OK:",
    2108: "Market data farm connection is inactive but should be available upon demand.",
    2119: "Market data farm is connecting:",
}
_LIFE = (StreamStarted, GapStarted, GapEnded, StreamClosed)


class Market:
    """The gateway, the program, and what observers were told.

    Attributes:
        double: The gateway.
        app: The program's object.
        facts: What happened in the lives of streams, in order.
    """

    def __init__(self, double: GatewayDouble[IBGateway]) -> None:
        self.double = double
        self.app = double.app
        self.facts: list[Any] = []
        self.app.observe(Fact, self._note)

    def _note(self, fact: Fact) -> None:
        if isinstance(fact, _LIFE):
            self.facts.append(fact)

    # ---- what the gateway says -----------------------------------------------------------

    def farm(self, code: int, name: str) -> None:
        """A notice about a farm."""
        self.double.error(code, _FARM_TEXTS[code] + name)

    def lost(self) -> None:
        """The gateway has lost IB's servers."""
        self.double.error(LOST, "Connectivity between IB and Trader Workstation has been lost.")

    def kept(self, lists: str = "") -> None:
        """It has them again, and the subscriptions."""
        self.double.error(KEPT, f"Connectivity has been restored - data maintained.{lists}")

    def gone(self) -> None:
        """It has them again, without the subscriptions."""
        self.double.error(DATA_LOST, "Connectivity has been restored - data lost.")

    # ---- what is asked, and answered -----------------------------------------------------

    def asked(self, symbol: str, name: str = "reqMktData") -> list[Any]:
        """The requests of a kind for a symbol, the oldest first."""
        return [one for one in self.double.sent_of(name) if one.contract.symbol == symbol]

    def tick(self, symbol: str, price: float = 100.0) -> None:
        """A bid for the newest line of a symbol."""
        req_id = self.asked(symbol)[-1].reqId
        self.double.say("tickPrice", reqId=req_id, tickType=1, price=price, size=100)

    def trade(self, symbol: str, price: float = 100.0) -> None:
        """A trade for the newest tick-by-tick stream of a symbol."""
        req_id = self.asked(symbol, "reqTickByTickData")[-1].reqId
        tick = {"time": 1_767_623_400, "price": price, "size": "1"}
        self.double.say("tickByTick", reqId=req_id, tickType=1, historicalTickLast=tick)

    def depth(self, symbol: str) -> None:
        """A row for the newest book of a symbol."""
        req_id = self.asked(symbol, "reqMktDepth")[-1].reqId
        row = {"position": 0, "operation": 0, "side": 1, "price": 10.0, "size": "5"}
        self.double.say("updateMktDepth", reqId=req_id, marketDepthData=row)

    def status(self, watch: Any) -> str:
        """Where a subscription to one symbol, or a stream, is in its life."""
        if isinstance(watch, Stream):
            return str(watch.status)
        (life,) = watch.lives.values()
        return str(life.status)

    def told(self, stream: str | None = None) -> list[str]:
        """What was told of streams (of one), by the names of the facts."""
        wanted = [fact for fact in self.facts if stream in {None, fact.stream}]
        return [type(fact).__name__ for fact in wanted]


@contextmanager
def market(version: int = 225, **settings: Any) -> Iterator[Market]:
    """A program that is connected to the gateway; keys of settings with ``section__key``."""
    overrides = {name.replace("__", "."): value for name, value in settings.items()}
    usual = {"heartbeat.enabled": False, "history.store": False, "reconnect.jitter": 0}
    config = Config.load(environ={}, overrides={**usual, **overrides})
    with GatewayDouble(lambda: IBGateway(config), version=version) as double:
        yield Market(double)
