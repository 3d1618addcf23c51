"""A client that asks, a slice that gathers the answers, and the gateway's end of their link."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.support.clients import Recorder, await_condition, settings
from tests.support.scripted import Peer, ScriptedServer, text_body
from twsloop.clock import ManualClock
from twsloop.connection import IBKRConnection
from twsloop.event_loop import Future

__all__ = ["OPEN_ORDER_END", "POSITION_END", "Wire", "opened", "position", "session", "value"]


class Slice:
    """Answers account summaries and positions, as twsloop's slices do."""

    def __init__(self, core: Any) -> None:
        self.core = core
        self.positions: list[str] = []
        self.summaries: list[str] = []
        core.add_slice(self)

    def accountSummary(self, reqId: int, account: str, tag: str, value: str, ccy: str) -> None:
        self.core.answer_part(reqId, (tag, value))
        self.summaries.append(value)

    def accountSummaryEnd(self, reqId: int) -> None:
        self.core.answer_end(reqId)

    def position(self, account: str, contract: Any, position: Any, avgCost: float) -> None:
        self.positions.append(contract.symbol)
        self.core.answer_part("positions", contract.symbol)

    def positionEnd(self) -> None:
        self.core.answer_end("positions")

    def openOrderEnd(self) -> None:
        self.core.answer_end("open_orders")


class Wire:
    """A client on a ManualClock, its slice, and the other end of its link."""

    def __init__(self, server: ScriptedServer, **overrides: object) -> None:
        self.clock = ManualClock()
        self.heard = Recorder()
        self.requests: list[list[str]] = []
        self.client = IBKRConnection(
            settings(server.port, heartbeat__enabled=False, **overrides),
            clock=self.clock, wrapper=self.heard,
        )  # fmt: skip
        self.core = self.client._tws
        self.slice = Slice(self.core)
        self.server = server

    def reply(self, *bodies: bytes) -> None:
        self.server._loop.call(self.server._peers[-1].send, *bodies)

    def slice_heard(self, parts: int) -> None:
        await_condition(lambda: len(self.slice.summaries) == parts)

    def settle(self) -> None:
        """Let everything that was posted run."""
        for _ in range(3):
            self.core.event_loop.call(lambda: None)

    def summary(self, **more: Any) -> Future[list[Any]]:
        core = self.core
        return core.ask(
            lambda i: core.reqAccountSummary(i, "All", "NetLiquidation"), request="summary", **more
        )

    def positions(self, **more: Any) -> Future[list[Any]]:
        core = self.core
        return core.ask(
            lambda _i: core.reqPositions(), request="positions", key="positions", **more
        )

    def await_request(self, count: int = 1) -> list[list[str]]:
        await_condition(lambda: len(self.requests) >= count, f"requests: {self.requests}")
        return self.requests


async def session(peer: Peer) -> None:
    """Text 178; every request is noted by `Wire` (the newest one)."""
    await peer.open_session(178)
    while True:
        body = await peer.read_frame()
        CURRENT[0].requests.append(body.decode().split("\0")[:-1])


CURRENT: list[Wire] = []


def opened(wire: Wire) -> Iterator[Wire]:
    CURRENT[:] = [wire]
    with wire.client:
        yield wire


def value(req_id: int | str, text: str) -> bytes:
    return text_body(63, 1, req_id, "DU1", "NetLiquidation", text, "USD")


def position(symbol: str) -> bytes:
    return text_body(61, 3, "DU1", 1, symbol, "STK", "", "0", "", "", "", "USD", "", "", 5, 1.5)


POSITION_END = text_body(62, 1)
OPEN_ORDER_END = text_body(53, 1)
